//! Two servers' tables, value by value; the order of rows means nothing.

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use super::super::findings::{Check, Findings};
use crate::support::Server;

type Cell = Option<Vec<u8>>;

/// Compares every table of a database but `except`, definitions and rows, and returns how many rows there are.
#[track_caller]
pub fn compare(
    source: &Server,
    rebuilt: &Server,
    database: &str,
    except: &[&str],
    findings: &mut Findings,
) -> usize {
    let mut sides = [source.connect(), rebuilt.connect()];
    for side in &mut sides {
        // Sums of a float and zero would round otherwise, and a TIMESTAMP is shown in the session's zone.
        let settings = "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = ''";
        side.query_drop(settings)
            .expect("the server takes the session's settings");
    }
    let [source, rebuilt] = &mut sides;
    let mut expected = tables(source, database);
    expected.retain(|name| !except.contains(&name.as_str()));
    let found = tables(rebuilt, database);
    if expected != found {
        findings.complain(
            Check::State,
            format!("the tables are {found:?}, on the source {expected:?}"),
        );
    }
    let mut rows = 0;
    for table in expected.iter().filter(|table| found.contains(table)) {
        let definitions = [
            definition(source, database, table),
            definition(rebuilt, database, table),
        ];
        if definitions[0] != definitions[1] {
            let text = format!(
                "{table} is defined as {}, on the source as {}",
                definitions[1], definitions[0]
            );
            findings.complain(Check::State, text);
            continue;
        }
        rows += compare_rows(
            source,
            rebuilt,
            &format!("`{database}`.`{table}`"),
            findings,
        );
    }
    rows
}

fn compare_rows(
    source: &mut Conn,
    rebuilt: &mut Conn,
    table: &str,
    findings: &mut Findings,
) -> usize {
    let columns: Vec<(String, String)> = source
        .query_map(format!("SHOW COLUMNS FROM {table}"), |row: mysql::Row| {
            let text = |index: usize| mysql::from_value(row[index].clone());
            (text(0), text(1))
        })
        .expect("the source shows its columns");
    let expected = rows(source, table, &columns);
    let found = rows(rebuilt, table, &columns);
    findings.cells += expected.len() * columns.len();
    if expected == found {
        return expected.len();
    }
    let place = expected
        .iter()
        .zip(&found)
        .position(|(expected, found)| expected != found);
    let place = place.unwrap_or(expected.len().min(found.len()));
    let text = format!(
        "{table} has {} rows, on the source {}; the first that differs is {}, on the source {}",
        found.len(),
        expected.len(),
        shown(&columns, found.get(place)),
        shown(&columns, expected.get(place)),
    );
    findings.complain(Check::State, text);
    expected.len()
}

fn tables(conn: &mut Conn, database: &str) -> Vec<String> {
    conn.query(format!(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema = '{database}' AND table_type = 'BASE TABLE' ORDER BY table_name"
    ))
    .expect("the server lists its tables")
}

/// The definition without the counter of AUTO_INCREMENT, which rolled-back inserts move too.
fn definition(conn: &mut Conn, database: &str, table: &str) -> String {
    let (_, text): (String, String) = conn
        .query_first(format!("SHOW CREATE TABLE `{database}`.`{table}`"))
        .expect("the server shows a table")
        .expect("a table has a definition");
    // A column that was made by SELECT is shown with the collation that its character set has anyway.
    let text = text.replace(
        "CHARACTER SET latin1 COLLATE latin1_swedish_ci",
        "CHARACTER SET latin1",
    );
    match text.split_once(" AUTO_INCREMENT=") {
        Some((before, after)) => {
            format!(
                "{before}{}",
                after.trim_start_matches(|c: char| c.is_ascii_digit())
            )
        }
        None => text,
    }
}

/// The rows, sorted.
fn rows(conn: &mut Conn, table: &str, columns: &[(String, String)]) -> Vec<Vec<Cell>> {
    let list: Vec<String> = columns
        .iter()
        .map(|(name, kind)| {
            // A FLOAT is shown with six digits only.
            let is_float = kind.starts_with("float");
            if is_float {
                format!("`{name}` + 0e0")
            } else {
                format!("`{name}`")
            }
        })
        .collect();
    let mut rows: Vec<Vec<Cell>> = conn
        .query_map(
            format!("SELECT {} FROM {table}", list.join(", ")),
            |row: mysql::Row| row.unwrap().into_iter().map(cell).collect(),
        )
        .expect("the server reads its table");
    rows.sort_unstable();
    rows
}

fn cell(value: Value) -> Cell {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes),
        other => panic!("{other:?} is no value of the text protocol"),
    }
}

fn shown(columns: &[(String, String)], row: Option<&Vec<Cell>>) -> String {
    let Some(row) = row else {
        return "none".to_owned();
    };
    let cells: Vec<String> = columns
        .iter()
        .zip(row)
        .map(|((name, _), cell)| match cell {
            None => format!("{name} NULL"),
            Some(bytes) => format!(
                "{name} {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(120)])
            ),
        })
        .collect();
    cells.join(", ")
}
