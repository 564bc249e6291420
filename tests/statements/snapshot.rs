//! What a server holds: definitions and checksums of tables, and its other objects, of databases made by the test.

use std::collections::BTreeMap;

use rowtap::change::statement::ObjectClass;

use crate::support::Server;

const OURS: &str = "NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')";

/// The state of a server at one moment.
pub struct Snapshot {
    /// By `database.table`: everything that information_schema says of its definition.
    definitions: BTreeMap<String, String>,
    /// By `database.table`: the checksum of its rows.
    checksums: BTreeMap<String, String>,
    /// By class and name: the definition of everything else.
    others: BTreeMap<(u8, String), String>,
}

const CLASSES: [ObjectClass; 5] = [
    ObjectClass::View,
    ObjectClass::Trigger,
    ObjectClass::Routine,
    ObjectClass::Event,
    ObjectClass::Database,
];

impl Snapshot {
    /// Reads the state.
    pub fn take(server: &Server) -> Self {
        let definitions = definitions(server);
        let tables: Vec<String> = definitions.keys().map(|name| quoted(name)).collect();
        let checksums = match tables.is_empty() {
            true => Vec::new(),
            false => server.query_text(&format!("CHECKSUM TABLE {}", tables.join(", "))),
        };
        let checksums = definitions
            .keys()
            .cloned()
            .zip(checksums.into_iter().map(|row| format!("{row:?}")));
        Self {
            checksums: checksums.collect(),
            definitions,
            others: others(server),
        }
    }

    /// Whether there was such a table or view.
    pub fn has_table(&self, name: &str) -> bool {
        self.definitions.contains_key(name) || self.others.contains_key(&(0, name.to_owned()))
    }

    /// Tables that came, went, or have another definition.
    pub fn definitions_changed(&self, after: &Self) -> Vec<String> {
        different(&self.definitions, &after.definitions)
    }

    /// Tables that are there before and after with other rows, or came with rows.
    pub fn rows_changed(&self, after: &Self) -> Vec<String> {
        let empty = |table: &String| after.checksums[table].contains("Some(\"0\")");
        different(&self.checksums, &after.checksums)
            .into_iter()
            .filter(|table| after.checksums.contains_key(table))
            .filter(|table| self.checksums.contains_key(table) || !empty(table))
            .filter(|table| {
                self.definitions.get(table) == after.definitions.get(table)
                    || !self.definitions.contains_key(table)
            })
            .collect()
    }

    /// Other objects that came, went, or have another definition.
    pub fn others_changed(&self, after: &Self) -> Vec<(ObjectClass, String)> {
        let changed = different(&self.others, &after.others);
        changed
            .into_iter()
            .map(|(class, name)| (CLASSES[usize::from(class)], name))
            .collect()
    }
}

fn definitions(server: &Server) -> BTreeMap<String, String> {
    let mut definitions: BTreeMap<String, String> = BTreeMap::new();
    for (columns, table) in [
        (
            "engine, row_format, table_collation, create_options, table_comment",
            "tables",
        ),
        (
            "ordinal_position, column_name, column_type, is_nullable, column_default, extra, column_comment",
            "columns",
        ),
        (
            "index_name, non_unique, seq_in_index, column_name",
            "statistics",
        ),
        (
            "partition_name, partition_method, partition_description",
            "partitions",
        ),
        (
            "constraint_name, unique_constraint_schema, referenced_table_name",
            "referential_constraints",
        ),
    ] {
        let (schema, only_tables) = match table {
            "tables" => ("table_schema", "AND table_type <> 'VIEW'"),
            "referential_constraints" => ("constraint_schema", ""),
            _ => ("table_schema", ""),
        };
        let rows = server.query_text(&format!(
            "SELECT CONCAT({schema}, '.', table_name), {columns} FROM information_schema.{table} \
             WHERE {schema} {OURS} {only_tables} ORDER BY {schema}, table_name, {columns}"
        ));
        for mut row in rows {
            let name = row.remove(0).unwrap();
            let line = format!("{table} {row:?}\n");
            if table == "tables" {
                definitions.insert(name, line);
            } else if let Some(definition) = definitions.get_mut(&name) {
                *definition += &line;
            }
        }
    }
    definitions
}

fn others(server: &Server) -> BTreeMap<(u8, String), String> {
    let queries = [
        "SELECT CONCAT(table_schema, '.', table_name), view_definition, definer FROM information_schema.views \
         WHERE table_schema",
        "SELECT CONCAT(trigger_schema, '.', trigger_name), action_statement, event_object_table \
         FROM information_schema.triggers WHERE trigger_schema",
        "SELECT CONCAT(routine_schema, '.', routine_name), routine_definition, routine_comment \
         FROM information_schema.routines WHERE routine_schema",
        "SELECT CONCAT(event_schema, '.', event_name), event_definition, status FROM information_schema.events \
         WHERE event_schema",
        "SELECT schema_name, default_collation_name, '' FROM information_schema.schemata WHERE schema_name",
    ];
    let mut others = BTreeMap::new();
    for (class, query) in (0_u8..).zip(queries) {
        for mut row in server.query_text(&format!("{query} {OURS}")) {
            let name = row.remove(0).unwrap();
            others.insert((class, name), format!("{row:?}"));
        }
    }
    others
}

fn different<K: Ord + Clone>(before: &BTreeMap<K, String>, after: &BTreeMap<K, String>) -> Vec<K> {
    let gone = before
        .iter()
        .filter(|(key, value)| after.get(key) != Some(value));
    let came = after.iter().filter(|(key, _)| !before.contains_key(key));
    gone.chain(came).map(|(key, _)| key.clone()).collect()
}

/// `database.table` quoted; no database here has a dot in its name.
fn quoted(name: &str) -> String {
    let (database, table) = name.split_once('.').unwrap();
    format!(
        "`{}`.`{}`",
        database.replace('`', "``"),
        table.replace('`', "``")
    )
}
