//! Definitions that are followed by statements alone, against the server that executed them: after each statement, what
//! is believed of every table is held against information_schema.

use std::path::PathBuf;

use mysql::Conn;
use mysql::prelude::Queryable;
use rowtap::binlog::{Coordinates, EventKind, Framer, Query, TableMap};
use rowtap::change::definition::{Belief, Change, Facts, Schemas, apply_statement};
use rowtap::change::statement::{self, StatementContext};
use rowtap::mysql::Flavour as Family;
use rowtap::row::{Charset, TableName, name_of_collation};

use super::catalogue::Catalogue;
use crate::support::{Definer, Flavour, Server};

/// `server  statement`, parted by a tab.
const CASES: &str = include_str!("followed.tsv");

/// Without ROWTAP_TEST_FULL every table is compared after each of so many statements, and after those not followed.
const COMPARED_EACH: usize = 8;

/// At least so many of a hundred statements have to be followed.
const FOLLOWED_MIN: usize = 95;

#[test]
fn mysql_definitions_are_followed_by_statements_alone() {
    let counts = run(Flavour::MySql97, &[]);
    assert!(
        counts.statements >= 390 && counts.refused.is_empty(),
        "{counts:#?}"
    );
}

#[test]
fn mariadb_definitions_are_followed_by_statements_alone() {
    let counts = run(Flavour::MariaDb1011, &[]);
    assert!(
        counts.statements >= 400 && counts.refused.is_empty(),
        "{counts:#?}"
    );
}

#[test]
fn older_and_newer_servers_are_followed_too() {
    if !full() {
        return;
    }
    for (flavour, statements_min) in [
        (Flavour::MySql80, 350),
        (Flavour::MySql57, 320),
        (Flavour::MariaDb118, 400),
    ] {
        let counts = run(flavour, &[]);
        assert!(counts.statements >= statements_min, "{counts:#?}");
    }
}

#[test]
fn names_are_followed_in_whatever_case_where_servers_fold_it() {
    if full() {
        let counts = run(Flavour::MariaDb1011, &["--lower-case-table-names=1"]);
        assert!(counts.statements >= 400, "{counts:#?}");
    }
}

/// Whether the long run is asked for.
pub fn full() -> bool {
    std::env::var_os("ROWTAP_TEST_FULL").is_some()
}

#[test]
fn random_definitions_of_tables_with_rows_are_followed() {
    let flavours: &[Flavour] = match full() {
        true => &[
            Flavour::MySql97,
            Flavour::MariaDb1011,
            Flavour::MySql80,
            Flavour::MySql57,
            Flavour::MariaDb118,
        ],
        false => &[Flavour::MySql97, Flavour::MariaDb1011],
    };
    for flavour in flavours {
        let (executed_min, seeds) = match full() {
            true => (200, 1..=3),
            false => (50, 1..=1),
        };
        let server = Server::start(*flavour, &[]);
        let mut followed = Followed::new(&server);
        for seed in seeds {
            run_random(&mut followed, &server, seed, executed_min);
        }
    }
}

fn run_random(followed: &mut Followed, server: &Server, seed: u64, executed_min: usize) {
    let database = format!("random_{seed}");
    let query = |connection: &mut Conn, sql: &str| match connection.query_drop(sql) {
        Ok(()) => true,
        Err(mysql::Error::MySqlError(_)) => false,
        Err(error) => panic!("{sql}: {error}"),
    };
    assert!(query(
        &mut followed.connection,
        &format!("CREATE DATABASE {database}")
    ));
    assert!(query(&mut followed.connection, &format!("USE {database}")));
    let mut definer = Definer::new(seed, &database);
    let mut observer = server.connect();
    let (mut executed, mut refused, mut stale) = (0, 0, 0);
    while executed < executed_min {
        let sql = definer.define();
        let done = query(&mut followed.connection, &sql);
        definer.executed(done);
        if !done {
            refused += 1;
            assert!(refused < executed_min * 2, "the last was {sql}");
            continue;
        }
        executed += 1;
        if let Some(write) = definer.write() {
            query(&mut followed.connection, &write);
        }
        stale += followed
            .follow()
            .iter()
            .filter(|change| matches!(change, Change::Stale { .. }))
            .count();
        let catalogue = Catalogue::read(&mut observer);
        let differences = catalogue.differences(&followed.schemas);
        assert!(
            differences.is_empty(),
            "{:?}, seed {seed}: after {sql}\n  {}",
            server.flavour(),
            differences.join("\n  ")
        );
        catalogue.heal(&mut followed.schemas);
    }
    println!(
        "{:?}, seed {seed}: {executed} random statements, {stale} stale, 0 wrong, {refused} refused, {} table maps",
        server.flavour(),
        followed.table_maps
    );
    assert!(stale * 50 <= executed, "{stale} of {executed} were stale");
    assert!(
        followed.table_maps > executed / 8,
        "too few rows were written"
    );
}

/// What became of the statements.
#[derive(Debug, Default)]
struct Counts {
    statements: usize,
    /// Statements that left a table stale, and why.
    stale: Vec<String>,
    /// Statements that the server did not execute.
    refused: Vec<String>,
}

fn run(flavour: Flavour, options: &[&str]) -> Counts {
    let server = Server::start(flavour, options);
    let mut followed = Followed::new(&server);
    // Apart from the session whose variables the statements set.
    let mut observer = server.connect();
    let mut counts = Counts::default();
    let full = full();
    let last = lines().next_back().unwrap_or_default();
    for line in lines() {
        let Case {
            whose,
            charset,
            fails,
            text,
        } = Case::read(line);
        if !followed.is_for(whose) {
            continue;
        }
        match followed.execute(&text, charset) {
            Ok(()) => assert!(!fails, "{flavour:?}: {text} was to fail"),
            Err(mysql::Error::MySqlError(_)) if fails => {}
            Err(mysql::Error::MySqlError(error)) => {
                counts.refused.push(format!("{}: {text}", error.code));
                continue;
            }
            Err(error) => panic!("{flavour:?}: {text}: {error}"),
        }
        let changes = followed.follow();
        let sets = text.starts_with("SET ") && !text.starts_with("SET STATEMENT");
        if !sets && !text.starts_with("USE ") {
            counts.statements += 1;
        }
        let stale = changes
            .iter()
            .any(|change| matches!(change, Change::Stale { .. }));
        let last = line == last;
        if !(full || stale || last || counts.statements.is_multiple_of(COMPARED_EACH)) {
            continue;
        }
        let catalogue = Catalogue::read(&mut observer);
        let differences = catalogue.differences(&followed.schemas);
        assert!(
            differences.is_empty(),
            "{flavour:?}: after {text}\n  {}",
            differences.join("\n  ")
        );
        for change in &changes {
            if let Change::Stale { table, reason } = change {
                counts.stale.push(format!("{text}: {table}: {reason}"));
            }
        }
        catalogue.heal(&mut followed.schemas);
    }
    println!(
        "{flavour:?} {options:?}: {} statements, {} stale, 0 wrong, {} refused by the server\n  {}",
        counts.statements,
        counts.stale.len(),
        counts.refused.len(),
        counts.stale.join("\n  ")
    );
    let followed = counts.statements - counts.stale.len();
    assert!(
        followed * 100 >= counts.statements * FOLLOWED_MIN,
        "{counts:#?}"
    );
    counts
}

/// The lines of the cases.
pub fn lines() -> impl DoubleEndedIterator<Item = &'static str> {
    CASES.lines().filter(|line| !line.starts_with("//"))
}

/// A statement, and the servers that it is for.
pub struct Case {
    pub whose: &'static str,
    /// The session's character set.
    pub charset: &'static str,
    /// Whether the server refuses it in its middle.
    fails: bool,
    pub text: String,
}

impl Case {
    /// Reads a line.
    pub fn read(line: &'static str) -> Self {
        let (whose, text) = line.split_once('\t').expect("a server and a statement");
        let (whose, charset) = whose.split_once('@').unwrap_or((whose, "utf8mb4"));
        let (whose, fails) = match whose.strip_suffix('!') {
            Some(whose) => (whose, true),
            None => (whose, false),
        };
        Self {
            whose,
            charset,
            fails,
            text: text.replace("{line}", "\n").replace("{tab}", "\t"),
        }
    }
}

/// A server, its binlog as far as it was read, and what is believed of its tables.
pub struct Followed {
    pub connection: Conn,
    pub schemas: Schemas,
    default_engine: String,
    family: Family,
    version: String,
    binlog: PathBuf,
    offset: usize,
    framer: Framer,
    /// Table maps that were held against what is believed.
    table_maps: usize,
    /// Phases of ALTERs in two that have no effect yet, or never.
    phases: usize,
}

impl Followed {
    /// Begins on a server that has no tables of anyone's yet.
    pub fn new(server: &Server) -> Self {
        let mut connection = server.connect();
        let mut variable = |name: &str| -> String {
            let found = connection.query_first(format!("SELECT @@{name}"));
            found.unwrap().unwrap()
        };
        let version = variable("version");
        let folding = variable("lower_case_table_names");
        let default_engine = variable("default_storage_engine");
        let (file, _) = server.coordinates();
        let mut schemas = Schemas::new(folding.parse().unwrap());
        schemas.assume_complete();
        let mut followed = Self {
            schemas,
            default_engine,
            family: match version.contains("MariaDB") {
                true => Family::MariaDb,
                false => Family::MySql,
            },
            version,
            binlog: server.binlog_path(&file),
            offset: 4,
            framer: Framer::new(Coordinates::new(file, 4)),
            table_maps: 0,
            phases: 0,
            connection,
        };
        followed.follow();
        followed
    }

    /// Whether a case is for this server.
    pub fn is_for(&self, whose: &str) -> bool {
        let major: u32 = self.version.split('.').next().unwrap().parse().unwrap();
        let (family, since) = whose.split_once('-').unwrap_or((whose, "0"));
        let since: u32 = since.parse().unwrap();
        let family = match family {
            "both" => true,
            "mysql<8" => self.family == Family::MySql && major < 8,
            "mysql" => self.family == Family::MySql,
            "mariadb" => self.family == Family::MariaDb,
            other => panic!("{other} is no server"),
        };
        family && major >= since
    }

    /// Sends a statement in a character set.
    pub fn execute(&mut self, text: &str, charset: &str) -> Result<(), mysql::Error> {
        if charset == "utf8mb4" {
            return self.connection.query_drop(text);
        }
        // The server turns what it prepares into the session's character set.
        self.connection.exec_drop("SET @statement = ?", (text,))?;
        self.connection.query_drop(format!("SET NAMES {charset}"))?;
        let prepared = self.connection.query_drop("PREPARE one FROM @statement");
        let done = prepared.and_then(|()| self.connection.query_drop("EXECUTE one"));
        self.connection.query_drop("SET NAMES utf8mb4")?;
        done
    }

    /// Applies the statements that the binlog has got since; returns what they changed.
    pub fn follow(&mut self) -> Vec<Change> {
        let bytes = std::fs::read(&self.binlog).unwrap();
        let mut changes = Vec::new();
        while let Some(length) = bytes.get(self.offset + 9..self.offset + 13) {
            let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
            let Some(event) = bytes.get(self.offset..self.offset + length) else {
                break;
            };
            self.offset += length;
            let frame = self.framer.frame(event).unwrap();
            if frame.header.kind == EventKind::TableMap {
                self.hold_against(&event[frame.body.clone()]);
            }
            if frame.header.kind == EventKind::Query {
                let query = Query::parse(&event[frame.body.clone()], self.framer.format()).unwrap();
                self.phases += usize::from(query.is_phase_without_effect());
                if query.is_phase_without_effect() {
                    continue;
                }
                changes.extend(self.schemas.apply_query(
                    &query,
                    self.family,
                    &self.version,
                    &self.default_engine,
                ));
            }
        }
        changes
    }
}

impl Followed {
    /// Holds a table map with full metadata against what is believed: it has the columns that information_schema hides.
    fn hold_against(&mut self, body: &[u8]) {
        let map = TableMap::parse(body, self.framer.format(), self.family).unwrap();
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let table = TableName::new(text(map.database), text(map.table));
        let Some(Belief::Known(believed)) = self.schemas.get(&table) else {
            return;
        };
        let columns = map.columns().unwrap();
        assert_eq!(columns.len(), believed.columns.len(), "{table}");
        self.table_maps += 1;
        for (found, believed) in columns.iter().zip(&believed.columns) {
            if let Some(name) = found.name.as_deref() {
                assert_eq!(name, &*believed.name, "{table}");
                // A YEAR is unsigned to row events and to nobody else.
                if believed.data_type() != "year" {
                    let unsigned = found.unsigned.unwrap_or(false);
                    assert_eq!(unsigned, believed.unsigned(), "{table}.{name}");
                }
            }
        }
        if let Some(key) = map
            .key()
            .unwrap()
            .filter(|key| !key.is_empty() && !believed.key.is_empty())
        {
            assert_eq!(key, believed.key, "{table}");
        }
    }
}

/// Applies a query event as a stream does.
trait ApplyQuery {
    fn apply_query(
        &mut self,
        query: &Query<'_>,
        family: Family,
        version: &str,
        default_engine: &str,
    ) -> Vec<Change>;
}

impl ApplyQuery for Schemas {
    fn apply_query(
        &mut self,
        query: &Query<'_>,
        family: Family,
        version: &str,
        default_engine: &str,
    ) -> Vec<Change> {
        let context = StatementContext::new(family, version, query.sql_mode.unwrap_or(0));
        let database = std::str::from_utf8(query.database).unwrap();
        let charset = query
            .client_collation
            .and_then(|collation| Charset::from_name(name_of_collation(u32::from(collation))?));
        let mut scratch = String::new();
        let text = match charset {
            Some(charset) => charset.decode(query.statement, &mut scratch).unwrap(),
            None => std::str::from_utf8(query.statement).unwrap(),
        };
        let statement = statement::scan(text, database, context);
        let facts = Facts::of(query, context).with_default_engine(Some(default_engine));
        apply_statement(self, &statement, &facts)
    }
}
