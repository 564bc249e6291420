//! Tables as information_schema describes them, read between two coordinates of the source.
//!
//! Rows are used as they arrive, so many tables take little more memory than their definitions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::answering::AnsweringServer;
use super::described::described;
use crate::change::statement::StatementContext;
use crate::change::{
    Aside, ColumnDefinition, Definition, Generated, Point, TableDefinition, charset_of_collation,
};
use crate::mysql::Flavour;
use crate::row::TableName;
use crate::source::error::SourceError;
use crate::source::server::computed_from;
use crate::source::server::session::Session;

/// Before this version MySQL may show labels as others than they are.
const MYSQL_8: u32 = 80_000;

/// Tables as they were read between two points of a server's binlogs.
#[derive(Debug)]
pub struct Reading {
    /// Every table that the account sees, except those of the server itself.
    pub tables: HashMap<TableName, Definition>,
    /// The default character set of every database that the account sees.
    pub databases: HashMap<Box<str>, Box<str>>,
    /// Where the server's binlog ended before anything was read.
    pub begin: Point,
    /// Where the server's binlog ended when all was read.
    pub end: Point,
}

/// Reads the tables that a condition on TABLE_SCHEMA and TABLE_NAME names.
pub(in crate::source) async fn read_where(
    asked: &mut AnsweringServer,
    condition: &str,
) -> Result<Reading, SourceError> {
    let read_from = asked.end_of_binlog().await?;
    let session = &mut asked.session;
    let engines = engines(session).await?;
    let mut columns = columns(session, condition).await?;
    let mut keys = keys(session, condition).await?;
    let base = base_tables(session, condition).await?;
    let mut ends = match base.iter().any(|table| table.is_versioned) {
        true => row_columns(session, condition).await?,
        false => HashMap::new(),
    };
    let mut tables = HashMap::new();
    for Base {
        table,
        engine,
        charset,
        comment,
        is_versioned,
        is_sequence,
    } in base
    {
        let Some(columns) = columns.remove(&table) else {
            continue;
        };
        let (mut ordinals, mut columns): (Vec<usize>, Vec<_>) = columns.into_iter().unzip();
        let mut row_end = Vec::new();
        if is_versioned {
            row_end = tell_row_columns(&mut columns, ends.remove(&table));
            ordinals.extend(ordinals.len() + 1..=columns.len());
        }
        let parts = keys.remove(&table).unwrap_or_default();
        let Some((key, hidden)) = key(parts, row_end, &ordinals, &columns) else {
            // A DDL came between the statements, so what was read was never true at any one moment.
            continue;
        };
        let transactional = match is_sequence {
            true => Some(false),
            false => engines.get(&engine.to_ascii_uppercase()).copied(),
        };
        let (read_from, read_to) = (read_from.clone(), read_from.clone());
        tables.insert(
            table,
            Definition {
                table: Arc::new(TableDefinition {
                    columns,
                    key,
                    hidden,
                    engine: Some(engine.into()),
                    transactional,
                    charset,
                    comment: Aside(comment),
                }),
                read_from,
                read_to,
                is_sequence,
            },
        );
    }
    let end = asked.end_of_binlog().await?;
    let server = asked.session.server();
    let context = StatementContext::new(server.flavour, &server.version, 0);
    complete(&mut tables, &end, context);
    Ok(Reading {
        tables,
        databases: HashMap::new(),
        begin: read_from,
        end,
    })
}

/// Says up to where definitions were read, and puts the labels in doubt that the server may show as others.
fn complete(tables: &mut HashMap<TableName, Definition>, end: &Point, context: StatementContext) {
    for definition in tables.values_mut() {
        definition.read_to = end.clone();
        if context.flavour == Flavour::MySql && context.version < MYSQL_8 {
            Arc::make_mut(&mut definition.table).doubt_shared_labels(|_place| false);
        }
    }
}

/// Where a table's key columns are, and its hidden ones; `None` if a key column is not there. A key that there is ends with the
/// columns that end the rows of a versioned table.
fn key(
    parts: Vec<Option<Box<str>>>,
    row_end: Vec<Box<str>>,
    ordinals: &[usize],
    columns: &[ColumnDefinition],
) -> Option<(Vec<usize>, Vec<usize>)> {
    let count = parts.len();
    let mut named: Vec<Box<str>> = parts.into_iter().flatten().collect();
    let hidden = hidden(ordinals, count - named.len());
    if !named.is_empty() {
        named.extend(row_end);
    }
    Some((places(&named, columns)?, hidden))
}

/// Where columns of these names are; `None` if one is not there.
fn places(names: &[Box<str>], columns: &[ColumnDefinition]) -> Option<Vec<usize>> {
    let places: HashMap<&str, usize> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| (&*column.name, place))
        .collect();
    names
        .iter()
        .map(|name| places.get(&**name).copied())
        .collect()
}

/// Where table maps have so many hidden columns, if they have them: in the gaps that the ordinal positions of the others
/// leave, and after them.
fn hidden(ordinals: &[usize], count: usize) -> Vec<usize> {
    let end = ordinals.last().copied().unwrap_or(0);
    let Some(after) = (count + ordinals.len()).checked_sub(end) else {
        // Others are missing too: the account may not see every column.
        return Vec::new();
    };
    let others: HashSet<usize> = ordinals.iter().copied().collect();
    let gaps = (1..=end).filter(|ordinal| !others.contains(ordinal));
    gaps.chain(end + 1..=end + after)
        .map(|ordinal| ordinal - 1)
        .collect()
}

/// The databases' default character sets.
pub(in crate::source) async fn databases(
    session: &mut Session,
) -> Result<HashMap<Box<str>, Box<str>>, SourceError> {
    let answer = session
        .ask(
            "SELECT SCHEMA_NAME AS db, DEFAULT_CHARACTER_SET_NAME AS charset FROM information_schema.SCHEMATA",
        )
        .await?;
    answer
        .rows()
        .map(|row| Ok((row.expect("db")?.into(), row.expect("charset")?.into())))
        .collect()
}

/// A table that has rows of its own.
struct Base {
    table: TableName,
    engine: String,
    charset: Option<Box<str>>,
    comment: Option<Box<str>>,
    /// Whether it keeps what its rows were, as tables of MariaDB may.
    is_versioned: bool,
    /// Whether it is a sequence, whose changes stay however a transaction ends.
    is_sequence: bool,
}

async fn base_tables(session: &mut Session, condition: &str) -> Result<Vec<Base>, SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, TABLE_TYPE AS type, ENGINE AS engine, TABLE_COLLATION AS \
         collation, TABLE_COMMENT AS comment FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') AND {condition}"
    );
    let mut tables = Vec::new();
    session
        .ask_in_parts(&statement, |row| {
            let table = TableName::new(row.expect("db")?, row.expect("tab")?);
            let charset = row.text("collation").map(charset_of_collation);
            let comment = row.text("comment").filter(|text| !text.is_empty());
            tables.push(Base {
                table,
                engine: row.text("engine").unwrap_or_default().to_owned(),
                charset: charset.map(Into::into),
                comment: comment.map(Into::into),
                is_versioned: row.text("type") == Some("SYSTEM VERSIONED"),
                is_sequence: row.text("type") == Some("SEQUENCE"),
            });
            Ok(())
        })
        .await?;
    Ok(tables)
}

/// The columns of versioned tables that say since when and until when a row holds, where they are not hidden.
async fn row_columns(
    session: &mut Session,
    condition: &str,
) -> Result<HashMap<TableName, Vec<(Box<str>, Generated)>>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, COLUMN_NAME AS name, GENERATION_EXPRESSION AS expression FROM \
             information_schema.COLUMNS WHERE {condition} AND GENERATION_EXPRESSION IN ('ROW START', 'ROW END')"
        ))
        .await?;
    let mut found: HashMap<TableName, Vec<_>> = HashMap::new();
    for row in answer.rows() {
        let generated = match row.expect("expression")? {
            "ROW START" => Generated::RowStart,
            _ => Generated::RowEnd,
        };
        found
            .entry(TableName::new(row.expect("db")?, row.expect("tab")?))
            .or_default()
            .push((row.expect("name")?.into(), generated));
    }
    Ok(found)
}

/// Says of a versioned table's columns which tell since when and until when rows hold. A table that names none has two
/// that information_schema hides and row images hold; the last ends its primary key too, and is returned.
fn tell_row_columns(
    columns: &mut Vec<ColumnDefinition>,
    named: Option<Vec<(Box<str>, Generated)>>,
) -> Vec<Box<str>> {
    if let Some(named) = named {
        for (name, generated) in named {
            let mut columns = columns.iter_mut();
            if let Some(column) = columns.find(|column| column.name == name) {
                column.generated = Some(generated);
            }
        }
        return Vec::new();
    }
    for (name, generated) in [
        ("row_start", Generated::RowStart),
        ("row_end", Generated::RowEnd),
    ] {
        columns.push(ColumnDefinition {
            name: name.into(),
            column_type: "timestamp(6)".into(),
            generated: Some(generated),
            invisible: true,
            ..ColumnDefinition::default()
        });
    }
    vec!["row_end".into()]
}

/// The columns in the table's order, each with its ordinal position.
async fn columns(
    session: &mut Session,
    condition: &str,
) -> Result<HashMap<TableName, Vec<(usize, ColumnDefinition)>>, SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, COLUMN_NAME AS name, ORDINAL_POSITION AS ordinal, COLUMN_TYPE AS \
         column_type, CHARACTER_SET_NAME AS charset, IS_NULLABLE AS nullable, EXTRA AS extra, GENERATION_EXPRESSION AS \
         expression, COLUMN_DEFAULT AS default_value, COLUMN_COMMENT AS comment FROM information_schema.COLUMNS WHERE {condition} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
    );
    let server = session.server();
    let context = StatementContext::new(server.flavour, &server.version, 0);
    let mut tables = Grouped::default();
    session
        .ask_in_parts(&statement, |row| {
            let extra = row.text("extra").unwrap_or_default().to_ascii_uppercase();
            let mut column = ColumnDefinition {
                name: row.expect("name")?.into(),
                column_type: row.expect("column_type")?.into(),
                charset: row.text("charset").map(Into::into),
                nullable: row.expect("nullable")?.eq_ignore_ascii_case("YES"),
                generated: generated(&extra),
                invisible: extra.contains("INVISIBLE"),
                computed_from: computed_from(row),
                described: Aside::default(),
            };
            column.described = Aside(Some(described(row, &column, context)));
            let ordinal = row.expect("ordinal")?.parse().unwrap_or(0);
            tables.push(row.expect("db")?, row.expect("tab")?, (ordinal, column));
            Ok(())
        })
        .await?;
    Ok(tables.end())
}

/// The names of the primary keys' columns, in key order, and an absent name for each hidden column that a key has: for each
/// functional part, and on MariaDB for a unique key that is a hash. A hash of the engine's own, as MEMORY has, is one too
/// many, but then table maps have none at all.
async fn keys(
    session: &mut Session,
    condition: &str,
) -> Result<HashMap<TableName, Vec<Option<Box<str>>>>, SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, IF(INDEX_NAME = 'PRIMARY', COLUMN_NAME, NULL) AS name FROM \
         information_schema.STATISTICS WHERE {condition} AND (INDEX_NAME = 'PRIMARY' OR COLUMN_NAME IS NULL OR \
         INDEX_TYPE = 'HASH' AND NON_UNIQUE = 0 AND SEQ_IN_INDEX = 1) ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"
    );
    let mut keys = Grouped::default();
    session
        .ask_in_parts(&statement, |row| {
            keys.push(
                row.expect("db")?,
                row.expect("tab")?,
                row.text("name").map(Box::from),
            );
            Ok(())
        })
        .await?;
    Ok(keys.end())
}

/// What belongs to each table, from rows that come table by table.
struct Grouped<T> {
    tables: HashMap<TableName, Vec<T>>,
    open: Option<(TableName, Vec<T>)>,
}

impl<T> Default for Grouped<T> {
    fn default() -> Self {
        Self {
            tables: HashMap::new(),
            open: None,
        }
    }
}

impl<T> Grouped<T> {
    fn push(&mut self, database: &str, table: &str, item: T) {
        if let Some((open, items)) = &mut self.open
            && *open.database == *database
            && *open.table == *table
        {
            items.push(item);
            return;
        }
        self.close();
        self.open = Some((TableName::new(database, table), vec![item]));
    }

    /// A server may sort names that differ in case only as if they were one, and mix their rows.
    fn close(&mut self) {
        if let Some((table, mut items)) = self.open.take() {
            items.shrink_to_fit();
            self.tables.entry(table).or_default().append(&mut items);
        }
    }

    fn end(mut self) -> HashMap<TableName, Vec<T>> {
        self.close();
        self.tables
    }
}

/// The engines, in upper case, and whether they take part in transactions.
async fn engines(session: &mut Session) -> Result<HashMap<String, bool>, SourceError> {
    let answer = session
        .ask(
            "SELECT ENGINE AS engine, TRANSACTIONS AS transactions FROM information_schema.ENGINES",
        )
        .await?;
    let engines = answer.rows().filter_map(|row| {
        let transactional = row.text("transactions")?.eq_ignore_ascii_case("YES");
        Some((row.text("engine")?.to_ascii_uppercase(), transactional))
    });
    Ok(engines.collect())
}

/// What EXTRA says of a column's values.
fn generated(extra: &str) -> Option<Generated> {
    if extra.contains("STORED GENERATED") {
        Some(Generated::Stored)
    } else {
        extra
            .contains("VIRTUAL GENERATED")
            .then_some(Generated::Virtual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_columns_are_in_the_gaps_and_behind_the_others() {
        for (ordinals, count, expected) in [
            (&[1, 2, 3][..], 0, &[][..]),
            (&[1, 2, 3], 2, &[3, 4]),
            (&[1, 2, 4], 1, &[2]),
            (&[2, 5], 4, &[0, 2, 3, 5]),
            (&[1, 4], 1, &[]),
            (&[1, usize::MAX], 1, &[]),
            (&[], 1, &[0]),
        ] {
            assert_eq!(hidden(ordinals, count), expected, "{ordinals:?} {count}");
        }
    }
}
