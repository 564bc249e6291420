//! The state that the output tells of: its changes and statements, applied in order to an empty server.
//!
//! Every change must find just the row that it speaks of. Triggers are left out, as a replica in row format leaves them.

mod compare;
mod literal;
mod schema;
mod statement;

pub use compare::compare;

use std::collections::HashMap;
use std::rc::Rc;

use mysql::Conn;
use mysql::prelude::Queryable;

use self::schema::Schema;
use self::statement::{Run, RunKind};
use super::findings::{Check, Findings};
use super::output::{Change, TableName};
use super::stream::{Group, Item};
use crate::support::{Flavour, Server};

/// Bytes and statements that go to the server at a time.
const BATCH_BYTES_MAX: usize = 1 << 20;
const BATCH_STATEMENTS_MAX: usize = 400;
/// Row changes in one transaction of the rebuilding connection.
const COMMIT_EVERY: usize = 20_000;

/// Starts an empty server that is quick and keeps no binlog.
#[track_caller]
pub fn empty_server(flavour: Flavour) -> Server {
    Server::start(
        flavour,
        &[
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-innodb-doublewrite",
        ],
    )
}

/// Applies groups to a server; what does not fit goes to the findings.
#[track_caller]
pub fn apply(groups: &[Group], server: &Server, findings: &mut Findings) {
    let mut rebuild = Rebuild::new(server);
    for group in groups {
        for (sequence, item) in &group.items {
            let applied = match item {
                Item::Ddl {
                    database,
                    statement,
                    ..
                } => rebuild.define(database, statement),
                Item::Row { table, change } => {
                    rebuild.place = format!("{}#{sequence}", group.name);
                    rebuild.change(table, change)
                }
            };
            if let Err(error) = applied {
                findings.complain(Check::State, format!("{}#{sequence}: {error}", group.name));
            }
        }
    }
    if let Err(error) = rebuild.commit() {
        findings.complain(Check::State, error);
    }
}

/// A statement on its way, and what it should do.
struct Expected {
    rows: usize,
    place: String,
    sql: String,
}

struct Rebuild {
    conn: Conn,
    tables: HashMap<TableName, Rc<Schema>>,
    /// The statement that the next change may still join.
    run: Option<Run>,
    /// Where its first change is from.
    run_place: String,
    place: String,
    batch: Vec<Expected>,
    batch_bytes: usize,
    uncommitted: usize,
}

impl Rebuild {
    #[track_caller]
    fn new(server: &Server) -> Self {
        let mut conn = server.connect();
        let settings = "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = '', foreign_key_checks = 0, \
                        unique_checks = 0, autocommit = 0";
        conn.query_drop(settings)
            .expect("the server takes the session's settings");
        Self {
            conn,
            tables: HashMap::new(),
            run: None,
            run_place: String::new(),
            place: String::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            uncommitted: 0,
        }
    }

    /// Applies a statement in its default database.
    fn define(&mut self, database: &str, statement: &str) -> Result<(), String> {
        self.commit()?;
        self.tables.clear();
        if is_trigger(statement) {
            return Ok(());
        }
        let known = self.conn.query_first::<String, _>(format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name = '{database}'"
        ));
        if known.map_err(|error| error.to_string())?.is_some() {
            self.query(&format!("USE `{database}`"))?;
        }
        // CREATE … SELECT comes as the definition that its rows belong to; here each is committed for itself.
        let alone = statement.trim_end().strip_suffix("START TRANSACTION");
        self.query(alone.unwrap_or(statement))
    }

    fn query(&mut self, sql: &str) -> Result<(), String> {
        let done = self.conn.query_drop(sql);
        done.map_err(|error| format!("{error} at {}", beginning(sql)))
    }

    fn change(&mut self, table: &TableName, change: &Change) -> Result<(), String> {
        let schema = self.schema(table)?;
        let kind = match change {
            Change::Create { after } | Change::Read { after } => RunKind::Insert {
                columns: after.0.iter().map(|(name, _)| name.clone()).collect(),
            },
            Change::Delete { .. } if schema.has_key() => RunKind::DeleteByKey,
            Change::Update { .. } | Change::Delete { .. } => RunKind::Single,
        };
        let joins = self.run.as_ref().is_some_and(|run| run.takes(table, &kind));
        if !joins {
            self.end_run()?;
            self.run = Some(Run::new(table.clone(), kind));
            self.run_place.clone_from(&self.place);
        }
        let run = self.run.as_mut().expect("one was just begun");
        run.add(&schema, change)
    }

    fn schema(&mut self, table: &TableName) -> Result<Rc<Schema>, String> {
        if let Some(schema) = self.tables.get(table) {
            return Ok(Rc::clone(schema));
        }
        let schema = Rc::new(Schema::read(&mut self.conn, table)?);
        self.tables.insert(table.clone(), Rc::clone(&schema));
        Ok(schema)
    }

    fn end_run(&mut self) -> Result<(), String> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        let rows = run.rows();
        let sql = run.finish();
        self.batch_bytes += sql.len();
        self.uncommitted += rows;
        self.batch.push(Expected {
            rows,
            place: self.run_place.clone(),
            sql,
        });
        if self.batch_bytes > BATCH_BYTES_MAX || self.batch.len() >= BATCH_STATEMENTS_MAX {
            self.send()?;
        }
        if self.uncommitted >= COMMIT_EVERY {
            self.commit()?;
        }
        Ok(())
    }

    /// Sends what is on its way, and sees how many rows each statement found.
    fn send(&mut self) -> Result<(), String> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let mut from = 0;
        while from < batch.len() {
            let found = affected(&mut self.conn, &batch[from..]);
            for (expected, found) in batch[from..].iter().zip(&found) {
                let trouble = match found {
                    Ok(rows) if *rows == u64::try_from(expected.rows).expect("a count") => continue,
                    Ok(rows) => format!("changed {rows} rows, expected {}", expected.rows),
                    Err(error) => error.clone(),
                };
                return Err(format!(
                    "{} from {}: {trouble}",
                    beginning(&expected.sql),
                    expected.place
                ));
            }
            if found.is_empty() {
                return Err("the server answered nothing".to_owned());
            }
            from += found.len();
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), String> {
        self.end_run()?;
        self.send()?;
        self.uncommitted = 0;
        self.query("COMMIT")
    }
}

/// Rows affected, statement by statement, up to the first that fails.
fn affected(conn: &mut Conn, batch: &[Expected]) -> Vec<Result<u64, String>> {
    let sql: Vec<&str> = batch.iter().map(|expected| expected.sql.as_str()).collect();
    let mut result = match conn.query_iter(sql.join(";")) {
        Ok(result) => result,
        Err(error) => return vec![Err(error.to_string())],
    };
    let mut found = Vec::new();
    while let Some(mut set) = result.iter() {
        let rows = set.affected_rows();
        match set.find_map(Result::err) {
            Some(error) => {
                found.push(Err(error.to_string()));
                break;
            }
            None => found.push(Ok(rows)),
        }
    }
    found
}

fn is_trigger(statement: &str) -> bool {
    let head: String = statement.chars().take(200).collect();
    let mut words = head.split_whitespace().map(str::to_ascii_uppercase);
    words.next().as_deref() == Some("CREATE") && words.any(|word| word == "TRIGGER")
}

fn beginning(sql: &str) -> String {
    sql.chars().take(300).collect()
}
