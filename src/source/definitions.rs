//! Tables' definitions out of the source's information_schema.
//!
//! A definition is only as good as the coordinates around it: they are read from the source before and after, and it is
//! for the assembler to judge whether anything happened to the table in between or since.

use std::collections::HashMap;
use std::sync::Arc;

use super::history::History;
use super::session::Session;
use super::{Options, SourceError, statements};
use crate::binlog::Coordinates;
use crate::change::{
    ColumnDefinition, Definition, Generated, TableDefinition, charset_of_collation,
};
use crate::row::TableName;

/// Reads definitions over a connection of its own, opened when first needed.
#[derive(Debug)]
pub struct Definitions {
    pub(super) options: Options,
    session: Option<Session>,
    pub(super) history: History,
}

impl Definitions {
    /// Makes a reader; nothing is connected yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            session: None,
            history: History::default(),
        }
    }

    /// Finds how a table was defined for a group that ends at `at`: as `believed` or else as it is defined now, if no DDL
    /// on it stands between `at` and the reading. Where one does, the definition says so by its coordinates.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn serve(
        &mut self,
        table: &TableName,
        at: &Coordinates,
        believed: Option<Definition>,
    ) -> Result<Option<Definition>, SourceError> {
        if let Some(mut definition) = believed
            && self.proves(table, at, &mut definition).await?
        {
            return Ok(Some(definition));
        }
        let Some(mut definition) = self.read(table).await? else {
            return Ok(None);
        };
        self.proves(table, at, &mut definition).await?;
        Ok(Some(definition))
    }

    /// Finds whether a table's engine was transactional in a group that ends at `at`: as it is now, if no statement that
    /// could give the table another engine stands between; `None` where one does, or where there is no such table.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn engine(
        &mut self,
        table: &TableName,
        at: &Coordinates,
    ) -> Result<Option<bool>, SourceError> {
        let Some(definition) = self.read(table).await? else {
            return Ok(None);
        };
        if definition.read_to > *at {
            let stretch = at.clone()..definition.read_to.clone();
            self.history.cover(&self.options, stretch).await?;
        }
        let proven = self.history.keeps_engine_since(table, at);
        Ok(definition.table.transactional.filter(|_| proven))
    }

    /// Whether a definition holds for a group that ends at `at`; if so, its coordinates then tell.
    async fn proves(
        &mut self,
        table: &TableName,
        at: &Coordinates,
        definition: &mut Definition,
    ) -> Result<bool, SourceError> {
        if definition.read_to <= *at {
            // It is for the stream to say what came since.
            return Ok(true);
        }
        let stretch = at.clone()..definition.read_to.clone();
        self.history.cover(&self.options, stretch).await?;
        let proven = self.history.is_unchanged_since(table, at);
        if proven {
            definition.read_from = at.clone();
            definition.read_to = at.clone();
        }
        Ok(proven)
    }

    /// Reads how a table is defined now, with the source's coordinates before and after; `None` if there is no such table
    /// or the account sees none. Views and sequences are no tables.
    ///
    /// An old connection that turns out broken is replaced once.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read(&mut self, table: &TableName) -> Result<Option<Definition>, SourceError> {
        if let Some(mut session) = self.session.take() {
            match read(&mut session, table).await {
                Ok(definition) => {
                    self.session = Some(session);
                    return Ok(definition);
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        let mut session = self.open().await?;
        let definition = read(&mut session, table).await?;
        self.session = Some(session);
        Ok(definition)
    }

    /// Reads how every table is defined now that the account sees, those of the server itself left out.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read_all(&mut self) -> Result<Known, SourceError> {
        let mut session = self.open().await?;
        let known = read_all(&mut session).await?;
        self.session = Some(session);
        Ok(known)
    }

    /// Where the source's binlog ends now.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn end(&mut self) -> Result<Coordinates, SourceError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        let end = end_of_binlog(&mut session).await?;
        self.session = Some(session);
        Ok(end)
    }

    /// Carries what was read over to `at`, where the stream begins, if that is not before the reading: what a DDL may have
    /// changed since the reading began is dropped, the rest holds there.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn carry_over(
        &mut self,
        mut known: Known,
        at: &Coordinates,
    ) -> Result<Known, SourceError> {
        let until = known.end.clone().max(at.clone());
        if known.begin > *at || at.file.is_empty() {
            return Ok(known);
        }
        if known.begin < until {
            let stretch = known.begin.clone()..until;
            self.history.cover(&self.options, stretch).await?;
            let history = &self.history;
            known
                .tables
                .retain(|table, _| history.is_unchanged_since(table, &known.begin));
            known
                .databases
                .retain(|database, _| history.keeps_default_since(database, &known.begin));
        }
        for definition in known.tables.values_mut() {
            definition.read_from = at.clone();
            definition.read_to = at.clone();
        }
        known.begin = at.clone();
        known.end = at.clone();
        Ok(known)
    }

    pub(super) async fn open(&self) -> Result<Session, SourceError> {
        let mut session = Session::open(&self.options).await?;
        session.ask("SET NAMES utf8mb4").await?;
        show_generated_keys(&mut session).await?;
        Ok(session)
    }
}

/// What [`Definitions::read_all`] found.
#[derive(Debug)]
pub struct Known {
    /// Every table that the account sees, those of the server itself left out.
    pub tables: HashMap<TableName, Definition>,
    /// The default character set of every database that the account sees.
    pub databases: HashMap<Box<str>, Box<str>>,
    /// Where the source's binlog ended before anything was read.
    pub begin: Coordinates,
    /// Where the source's binlog ended when all was read.
    pub end: Coordinates,
}

/// Generated invisible primary keys are in every row image, yet a server may be set to leave them out of
/// information_schema.
async fn show_generated_keys(session: &mut Session) -> Result<(), SourceError> {
    const VARIABLE: &str = "show_gipk_in_create_table_and_information_schema";
    if statements::variables(session, &[VARIABLE])
        .await?
        .is_empty()
    {
        return Ok(());
    }
    session
        .ask(&format!("SET SESSION {VARIABLE} = ON"))
        .await
        .map(drop)
}

async fn read(session: &mut Session, table: &TableName) -> Result<Option<Definition>, SourceError> {
    let known = read_where(session, &is_table(table)).await?;
    Ok(known.tables.into_values().next())
}

async fn read_all(session: &mut Session) -> Result<Known, SourceError> {
    let begin = end_of_binlog(session).await?;
    let databases = databases(session).await?;
    let known = read_where(
        session,
        "TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')",
    )
    .await?;
    Ok(Known {
        databases,
        begin,
        ..known
    })
}

async fn read_where(session: &mut Session, condition: &str) -> Result<Known, SourceError> {
    let read_from = end_of_binlog(session).await?;
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
        is_versioned,
    } in base
    {
        let Some(mut columns) = columns.remove(&table) else {
            continue;
        };
        let mut hidden = Vec::new();
        if is_versioned {
            hidden = tell_row_columns(&mut columns, ends.remove(&table));
        }
        let places: HashMap<&str, usize> = columns
            .iter()
            .enumerate()
            .map(|(place, column)| (&*column.name, place))
            .collect();
        let mut named = keys.remove(&table).unwrap_or_default();
        if !named.is_empty() {
            named.extend(hidden);
        }
        let key = named
            .iter()
            .filter_map(|name| places.get(&**name).copied())
            .collect::<Vec<usize>>();
        if key.len() != named.len() {
            // A DDL came between the statements; what was read belongs to no moment.
            continue;
        }
        let transactional = engines.get(&engine.to_ascii_uppercase()).copied();
        let (read_from, read_to) = (read_from.clone(), read_from.clone());
        tables.insert(
            table,
            Definition {
                table: Arc::new(TableDefinition {
                    columns,
                    key,
                    engine: Some(engine.into()),
                    transactional,
                    charset,
                }),
                read_from,
                read_to,
            },
        );
    }
    let end = end_of_binlog(session).await?;
    for definition in tables.values_mut() {
        definition.read_to = end.clone();
    }
    Ok(Known {
        tables,
        databases: HashMap::new(),
        begin: read_from,
        end,
    })
}

/// The databases' default character sets.
async fn databases(session: &mut Session) -> Result<HashMap<Box<str>, Box<str>>, SourceError> {
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

async fn end_of_binlog(session: &mut Session) -> Result<Coordinates, SourceError> {
    statements::status(session)
        .await?
        .map(|status| status.coordinates)
        .ok_or(SourceError::BinlogOff)
}

/// A table that has rows of its own.
struct Base {
    table: TableName,
    engine: String,
    charset: Option<Box<str>>,
    /// Whether it keeps what its rows were, as tables of MariaDB may.
    is_versioned: bool,
}

async fn base_tables(session: &mut Session, condition: &str) -> Result<Vec<Base>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, TABLE_TYPE AS type, ENGINE AS engine, TABLE_COLLATION AS \
             collation FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND {condition}"
        ))
        .await?;
    answer
        .rows()
        .map(|row| {
            let table = TableName::new(row.expect("db")?, row.expect("tab")?);
            let charset = row.text("collation").map(charset_of_collation);
            Ok(Base {
                table,
                engine: row.text("engine").unwrap_or_default().to_owned(),
                charset: charset.map(Into::into),
                is_versioned: row.text("type") == Some("SYSTEM VERSIONED"),
            })
        })
        .collect()
}

/// The columns that say since when and until when rows of versioned tables hold, where they are not hidden.
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

async fn columns(
    session: &mut Session,
    condition: &str,
) -> Result<HashMap<TableName, Vec<ColumnDefinition>>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, COLUMN_NAME AS name, COLUMN_TYPE AS column_type, \
             CHARACTER_SET_NAME AS charset, IS_NULLABLE AS nullable, EXTRA AS extra FROM \
             information_schema.COLUMNS WHERE {condition} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
        ))
        .await?;
    let mut tables: HashMap<TableName, Vec<ColumnDefinition>> = HashMap::new();
    for row in answer.rows() {
        let extra = row.text("extra").unwrap_or_default().to_ascii_uppercase();
        let column = ColumnDefinition {
            name: row.expect("name")?.into(),
            column_type: row.expect("column_type")?.into(),
            charset: row.text("charset").map(Into::into),
            nullable: row.expect("nullable")?.eq_ignore_ascii_case("YES"),
            generated: generated(&extra),
            invisible: extra.contains("INVISIBLE"),
        };
        tables
            .entry(TableName::new(row.expect("db")?, row.expect("tab")?))
            .or_default()
            .push(column);
    }
    Ok(tables)
}

/// The names of the primary keys' columns, in key order.
async fn keys(
    session: &mut Session,
    condition: &str,
) -> Result<HashMap<TableName, Vec<Box<str>>>, SourceError> {
    let answer = session
        .ask(&format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, COLUMN_NAME AS name FROM information_schema.STATISTICS WHERE \
             {condition} AND INDEX_NAME = 'PRIMARY' ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"
        ))
        .await?;
    let mut keys: HashMap<TableName, Vec<Box<str>>> = HashMap::new();
    for row in answer.rows() {
        let table = TableName::new(row.expect("db")?, row.expect("tab")?);
        keys.entry(table)
            .or_default()
            .push(row.expect("name")?.into());
    }
    Ok(keys)
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

fn is_table(table: &TableName) -> String {
    format!(
        "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        statements::literal(&table.database),
        statements::literal(&table.table)
    )
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
