//! Every table of a server as information_schema tells it, in the form that rowtap follows definitions in.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use mysql::Conn;
use mysql::prelude::Queryable;
use rowtap::change::definition::{Belief, Schemas};
use rowtap::change::{ColumnDefinition, Generated, TableDefinition, charset_of_collation};
use rowtap::row::TableName;

const OURS: &str = "NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')";

/// What information_schema says, by `database.table`; databases' default character sets by their names.
pub struct Catalogue {
    pub tables: BTreeMap<TableName, TableDefinition>,
    pub databases: BTreeMap<String, String>,
}

type Text = Option<String>;

impl Catalogue {
    /// Reads it all.
    pub fn read(connection: &mut Conn) -> Self {
        let mut tables = tables(connection);
        let mut explicit: HashMap<TableName, bool> = HashMap::new();
        for (table, column) in columns(connection) {
            let of_row = matches!(
                column.generated,
                Some(Generated::RowStart | Generated::RowEnd)
            );
            *explicit.entry(table.clone()).or_default() |= of_row;
            // Views have columns too.
            if let Some((definition, _)) = tables.get_mut(&table) {
                definition.columns.push(column);
            }
        }
        let keys = rows(
            connection,
            "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME",
            "STATISTICS",
            "AND INDEX_NAME = 'PRIMARY' ORDER BY 1, 2, SEQ_IN_INDEX",
        );
        for [database, table, column] in keys {
            let table = TableName::new(database.unwrap(), table.unwrap());
            let (definition, _) = tables.get_mut(&table).unwrap();
            let place = place_of(definition, &column.unwrap());
            definition.key.push(place);
        }
        let finish =
            |(table, (mut definition, versioned)): (TableName, (TableDefinition, bool))| {
                if versioned {
                    end_with_row_columns(&mut definition, explicit[&table]);
                }
                (table, definition)
            };
        let databases: Vec<(String, String)> = connection
            .query(format!(
                "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME {OURS}"
            ))
            .unwrap();
        Self {
            tables: tables.into_iter().map(finish).collect(),
            databases: databases
                .into_iter()
                .map(|(name, charset)| (name, newer(&charset)))
                .collect(),
        }
    }

    /// Every difference to what was followed, and how many tables are stale. Stale tables differ from nothing.
    pub fn differences(&self, schemas: &Schemas) -> Vec<String> {
        let mut differences = Vec::new();
        for (table, found) in &self.tables {
            match schemas.get(table) {
                None => differences.push(format!("{table} is not known")),
                Some(Belief::Stale(_)) => {}
                Some(Belief::Known(believed)) if same(believed, found) => {}
                Some(Belief::Known(believed)) => differences.push(format!(
                    "{table}\n    believed {}\n    found    {}",
                    serde_json::to_string(&**believed).unwrap(),
                    serde_json::to_string(found).unwrap()
                )),
            }
        }
        for (table, state) in schemas.tables() {
            let known = matches!(state, Belief::Known(_));
            if known && !self.tables.contains_key(table) {
                differences.push(format!("{table} is believed in and not there"));
            }
        }
        for (database, found) in &self.databases {
            let believed = schemas.database(database);
            if believed.is_some_and(|believed| believed != found) {
                differences.push(format!(
                    "database {database}: believed {believed:?}, found {found}"
                ));
            }
        }
        differences
    }

    /// The tables and databases that are not as they are believed to be are put as they are.
    pub fn correct(&self, schemas: &mut Schemas) {
        let believed: Vec<TableName> = schemas.tables().map(|(table, _)| table.clone()).collect();
        for table in believed {
            if !self.tables.contains_key(&table) {
                schemas.record(&gone(table));
            }
        }
        for (table, definition) in &self.tables {
            match schemas.get(table) {
                Some(Belief::Known(believed)) if same(believed, definition) => {}
                _ => schemas.put(table, Arc::new(definition.clone())),
            }
        }
        for (database, charset) in &self.databases {
            schemas.put_database(database, Some(charset));
        }
    }

    /// Puts what is stale as it is, so that the statements after it are followed again.
    pub fn heal(&self, schemas: &mut Schemas) {
        let stale: Vec<TableName> = schemas
            .tables()
            .filter(|(_, state)| matches!(state, Belief::Stale(_)))
            .map(|(table, _)| table.clone())
            .collect();
        for table in stale {
            match self.tables.get(&table) {
                Some(definition) => schemas.put(&table, Arc::new(definition.clone())),
                None => schemas.record(&gone(table)),
            }
        }
        for (database, charset) in &self.databases {
            if schemas.database(database).is_none() {
                schemas.put_database(database, Some(charset));
            }
        }
    }
}

/// Whether a belief fits; an engine that it leaves open fits.
fn same(believed: &TableDefinition, found: &TableDefinition) -> bool {
    let mut found = found.clone();
    if believed.engine.is_none() {
        found.engine = None;
        found.transactional = found
            .transactional
            .filter(|_| believed.transactional.is_some());
    }
    let mut believed = believed.clone();
    leave_unsettled(&mut believed.charset, &mut found.charset);
    let columns = believed.columns.iter_mut().zip(&mut found.columns);
    for (believed, found) in columns {
        if let Some(shown) = as_shown(&believed.column_type, &found.column_type) {
            believed.column_type = shown.into();
        }
        if believed.is_unsettled() {
            leave_unsettled(&mut believed.charset, &mut found.charset);
            // Labels in doubt are there as the statements have them.
            let marked = [("(?'", "('"), (",?'", ",'")];
            for (marked, plain) in marked {
                believed.column_type = believed.column_type.replace(marked, plain).into();
            }
        }
    }
    believed == found
}

/// A type with labels that are no text, these as the server shows them, which has no way to show their bytes.
fn as_shown(believed: &str, found: &str) -> Option<String> {
    let is_raw = |label: &str| label.starts_with("x'");
    let (kind, believed) = labels(believed)?;
    let (_, found) = labels(found)?;
    if !believed.iter().any(|label| is_raw(label)) || believed.len() != found.len() {
        return None;
    }
    let shown = believed.into_iter().zip(found);
    let shown = shown.map(|(label, shown)| if is_raw(label) { shown } else { label });
    Some(format!(
        "{kind}({})",
        shown.collect::<Vec<&str>>().join(",")
    ))
}

/// The labels of an ENUM or SET as they are written in its type, and which of the two it is.
fn labels(text: &str) -> Option<(&str, Vec<&str>)> {
    let (kind, list) = text.strip_suffix(')')?.split_once('(')?;
    let mut labels = Vec::new();
    let mut quotes = 0;
    let mut begin = 0;
    for (index, letter) in list.char_indices() {
        quotes += usize::from(letter == '\'');
        if letter == ',' && quotes % 2 == 0 {
            labels.push(&list[begin..index]);
            begin = index + 1;
        }
    }
    labels.push(&list[begin..]);
    matches!(kind, "enum" | "set").then_some((kind, labels))
}

/// A character set that is not known is any but one of those that databases rarely have, where these are not ruled out any.
fn leave_unsettled(believed: &mut Option<Box<str>>, found: &mut Option<Box<str>>) {
    const RARE: [&str; 5] = ["swe7", "ucs2", "utf16", "utf16le", "utf32"];
    let is_usual = found.as_deref().is_some_and(|name| !RARE.contains(&name));
    let is_any = believed.as_deref() == Some("??");
    if is_any || believed.as_deref() == Some("?") && is_usual {
        believed.clone_from(found);
    }
}

/// By table: its definition without columns and key, and whether it has system versioning.
fn tables(connection: &mut Conn) -> BTreeMap<TableName, (TableDefinition, bool)> {
    let engines: Vec<(String, Text)> = connection
        .query("SELECT ENGINE, TRANSACTIONS FROM information_schema.ENGINES")
        .unwrap();
    let transactional: HashMap<String, bool> = engines
        .into_iter()
        .filter_map(|(engine, answer)| Some((engine.to_lowercase(), answer? == "YES")))
        .collect();
    let found = rows(
        connection,
        "TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_TYPE",
        "TABLES",
        "AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')",
    );
    found
        .into_iter()
        .map(|[database, table, engine, collation, kind]| {
            let engine = engine.unwrap_or_default();
            let spelled = match engine.as_str() {
                "MRG_MyISAM" => "MRG_MYISAM",
                other => other,
            };
            let definition = TableDefinition {
                // However a transaction ends, what it did to a sequence stays.
                transactional: match kind.as_deref() {
                    Some("SEQUENCE") => Some(false),
                    _table => transactional.get(&engine.to_lowercase()).copied(),
                },
                engine: Some(spelled.into()),
                charset: collation.map(|name| newer(charset_of_collation(&name)).into()),
                ..TableDefinition::default()
            };
            let name = TableName::new(database.unwrap(), table.unwrap());
            (name, (definition, kind.unwrap() == "SYSTEM VERSIONED"))
        })
        .collect()
}

fn columns(connection: &mut Conn) -> Vec<(TableName, ColumnDefinition)> {
    let found = rows(
        connection,
        "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, IS_NULLABLE, EXTRA, GENERATION_EXPRESSION",
        "COLUMNS",
        "ORDER BY 1, 2, ORDINAL_POSITION",
    );
    found
        .into_iter()
        .map(|row| {
            let [
                database,
                table,
                name,
                kind,
                charset,
                nullable,
                extra,
                expression,
            ] = row;
            let extra = extra.unwrap_or_default();
            let generated = match expression.as_deref() {
                Some("ROW START") => Some(Generated::RowStart),
                Some("ROW END") => Some(Generated::RowEnd),
                _ if extra.contains("VIRTUAL GENERATED") => Some(Generated::Virtual),
                _ if extra.contains("STORED GENERATED") => Some(Generated::Stored),
                _ => None,
            };
            let column = ColumnDefinition {
                name: name.unwrap().into(),
                column_type: kind.unwrap().into(),
                charset: charset.map(|name| newer(&name).into()),
                nullable: nullable.unwrap() == "YES",
                generated,
                invisible: extra.contains("INVISIBLE"),
                ..ColumnDefinition::default()
            };
            (TableName::new(database.unwrap(), table.unwrap()), column)
        })
        .collect()
}

fn rows<const N: usize>(
    connection: &mut Conn,
    columns: &str,
    table: &str,
    more: &str,
) -> Vec<[Text; N]> {
    let found: Vec<mysql::Row> = connection
        .query(format!(
            "SELECT {columns} FROM information_schema.{table} WHERE TABLE_SCHEMA {OURS} {more}"
        ))
        .unwrap();
    found
        .into_iter()
        .map(|mut row| std::array::from_fn(|index| row.take::<Text, usize>(index).unwrap()))
        .collect()
}

fn place_of(definition: &TableDefinition, column: &str) -> usize {
    let mut columns = definition.columns.iter();
    columns
        .position(|found| &*found.name == column)
        .expect("a key has columns of its table")
}

/// The older name of a character set that was renamed.
fn newer(charset: &str) -> String {
    match charset {
        "utf8" => "utf8mb3".to_owned(),
        other => other.to_owned(),
    }
}

/// What MariaDB hides of a versioned table and writes into every row event: columns that no statement names, and the
/// end of the primary key.
fn end_with_row_columns(definition: &mut TableDefinition, explicit: bool) {
    if !explicit {
        for (name, generated) in [
            ("row_start", Generated::RowStart),
            ("row_end", Generated::RowEnd),
        ] {
            definition.columns.push(ColumnDefinition {
                name: name.into(),
                column_type: "timestamp(6)".into(),
                generated: Some(generated),
                invisible: true,
                ..ColumnDefinition::default()
            });
        }
    }
    let end = definition
        .columns
        .iter()
        .position(|column| column.generated == Some(Generated::RowEnd))
        .unwrap();
    if !definition.key.is_empty() && !definition.key.contains(&end) {
        definition.key.push(end);
    }
}

fn gone(table: TableName) -> rowtap::change::definition::Change {
    rowtap::change::definition::Change::Gone { table, left: None }
}
