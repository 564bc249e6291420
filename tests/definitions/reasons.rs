//! Every reason for which a definition is not known for certain: the statements that lead to it on a server, what the stream
//! says of it, and that a told definition cures it.
//!
//! The last test holds this list against the sources, so that no reason goes without.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mysql::prelude::Queryable as _;
use rowtap::change::definition::{Belief, Connection, Facts, Schemas, apply_statement};
use rowtap::change::statement::{StatementContext, scan};
use rowtap::mysql::Flavour as Family;
use rowtap::row::TableName;

use super::stopped::{
    connector_with, default_metadata, define, from_here_on, once, rows, succeeds, wanted_all,
};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

const ALL: &[Flavour] = &Flavour::EVERY;
const MARIADB: &[Flavour] = &[Flavour::MariaDb1011, Flavour::MariaDb118];
const MYSQL97: &[Flavour] = &[Flavour::MySql97];
const MYSQL57: &[Flavour] = &[Flavour::MySql57];

/// A part of the reason, the servers on which it is met, and a session that makes `t` in the default database and writes one row
/// whose `a` is 1. `#` is a number of its own.
type Case = (&'static str, &'static [Flavour], &'static str);

/// Of a connector that has known all tables.
const KNOWN: &[Case] = &[
    (
        "a temporary table",
        ALL,
        "SET binlog_format = STATEMENT; CREATE TEMPORARY TABLE x# (a INT, b VARCHAR(5)); CREATE TABLE t# LIKE x#; \
         DROP TEMPORARY TABLE x#; SET binlog_format = ROW; INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "which is stale: ",
        ALL,
        "SET binlog_format = STATEMENT; CREATE TEMPORARY TABLE x# (a INT); CREATE TABLE y# LIKE x#; DROP TEMPORARY TABLE x#; \
         SET binlog_format = ROW; CREATE TABLE t# LIKE y#; INSERT INTO t# VALUES (1)",
    ),
    (
        "filled by a query",
        ALL,
        "SET binlog_format = STATEMENT; CREATE TABLE t# AS SELECT 5 AS a, 'x' AS b; SET binlog_format = ROW; \
         INSERT INTO t# VALUES (1, 'y')",
    ),
    (
        "text columns are changed and converted at once",
        MYSQL97,
        "CREATE TABLE t# (a INT, b TINYTEXT CHARACTER SET latin1); \
         ALTER TABLE t# CONVERT TO CHARACTER SET utf8mb4, MODIFY b TINYTEXT; INSERT INTO t# VALUES (1, 'é')",
    ),
    (
        "it sets the sql_mode, and means something else in others",
        MARIADB,
        "SET STATEMENT sql_mode = 'NO_BACKSLASH_ESCAPES' FOR CREATE TABLE t# (a INT, e ENUM('x','a\\\\b')); \
         INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "a sequence was given another type",
        &[Flavour::MariaDb118],
        "CREATE SEQUENCE t# MAXVALUE 1000; ALTER SEQUENCE t# AS INT; DO SETVAL(t#, 7)",
    ),
    (
        "period p is not known",
        MARIADB,
        "CREATE TABLE t# (a INT, s DATE, e DATE, PERIOD FOR p (s, e)); \
         ALTER TABLE t# ADD PRIMARY KEY (a, p WITHOUT OVERLAPS); INSERT INTO t# VALUES (1, '2020-01-01', '2020-02-01')",
    ),
    (
        "by a session whose character set the statement may not be in",
        ALL,
        "SET character_set_client = latin1; CREATE TABLE `t#` (\n  `a` int DEFAULT NULL,\n  `e` varchar(9) DEFAULT 'é'\n) DEFAULT CHARSET=utf8mb4; \
         INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "the binlog has 1 columns",
        ALL,
        "CREATE TABLE t# (a INT, b INT); SET sql_log_bin = 0; ALTER TABLE t# DROP b; SET sql_log_bin = 1; INSERT INTO t# VALUES (1)",
    ),
    // From here on nothing is known of any table after the statement.
    (
        "a statement holds bytes that are not text in its session's character set",
        ALL,
        "CREATE TABLE t# (a INT); SET character_set_client = sjis; ALTER TABLE t# /* \u{80} */ ADD b INT; INSERT INTO t# VALUES (1, 2)",
    ),
    (
        "a statement is in a character set that rowtap does not know",
        ALL,
        "CREATE TABLE t# (a INT); SET NAMES binary; ALTER TABLE t# /* é */ ADD b INT; INSERT INTO t# VALUES (1, 2)",
    ),
];

/// Of a connector whose files begin after the database `gone`, with no known default character set, and its tables `old#`.
const BEFORE: &[Case] = &[
    (
        "it was not known before ALTER TABLE",
        ALL,
        "ALTER TABLE old# ADD c INT; RENAME TABLE old# TO t#; INSERT INTO t# VALUES (1, 2, 3)",
    ),
    (
        "which is not known",
        ALL,
        "RENAME TABLE old# TO t#; INSERT INTO t# VALUES (1, 2)",
    ),
    (
        "which is not known",
        ALL,
        "CREATE TABLE t# LIKE old#; INSERT INTO t# VALUES (1, 2)",
    ),
    (
        "no statement of the binlog defined it",
        ALL,
        "INSERT INTO old# VALUES (1, 2)",
    ),
    (
        "it may have existed before CREATE … IF NOT EXISTS",
        MYSQL57,
        "CREATE TABLE IF NOT EXISTS t# (a INT); INSERT INTO t# VALUES (1)",
    ),
    (
        "the size of column b depends on a character set that is not known",
        ALL,
        "CREATE TABLE t# (a INT, b TEXT(200)); INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "column b is longer than it may be",
        ALL,
        "SET sql_mode = ''; CREATE TABLE t# (a INT, b VARCHAR(5000000)); INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "a label is bytes in a character set that is not known",
        ALL,
        "CREATE TABLE t# (a INT, e ENUM('x',x'e9')); INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "from a character set that is not known",
        ALL,
        "CREATE TABLE t# (a INT, b TEXT); ALTER TABLE t# CONVERT TO CHARACTER SET utf8mb4; INSERT INTO t# VALUES (1, 'é')",
    ),
    (
        "converted to the database's character set, which is not known",
        ALL,
        "CREATE TABLE t# (a INT, b VARCHAR(5)); ALTER TABLE t# CONVERT TO CHARACTER SET DEFAULT; INSERT INTO t# VALUES (1, 'é')",
    ),
    (
        "its rows come in an event of many bytes",
        MYSQL57,
        "CREATE TABLE t# (a INT, b VARCHAR(9), c LONGBLOB) ENGINE=MyISAM; INSERT INTO t# VALUES (1, 'x', REPEAT('y', 18000000))",
    ),
    (
        "is not the same text in each of them",
        MYSQL57,
        "CREATE TABLE t# (a INT, b VARCHAR(9)); INSERT INTO t# VALUES (1, 'é')",
    ),
    (
        "has a value whose label may be another one",
        MYSQL57,
        "CREATE TABLE t# (a INT, e ENUM('x','é')); INSERT INTO t# VALUES (1, 'é')",
    ),
    (
        "a label holds a zero byte",
        MYSQL57,
        "CREATE TABLE t# (a INT, e ENUM('a\\0b','c')); INSERT INTO t# VALUES (1, 'c')",
    ),
    (
        "a label beyond ASCII comes from a session of bytes",
        ALL,
        "SET collation_connection = binary; CREATE TABLE t# (a INT, e ENUM('x','é')); INSERT INTO t# VALUES (1, 'x')",
    ),
    (
        "a label holds what may be no text",
        ALL,
        "SET collation_connection = latin1_swedish_ci; CREATE TABLE t# (a INT, e ENUM('x','\u{fffd}')); \
         INSERT INTO t# VALUES (1, 'x')",
    ),
];

/// Reasons that other tests lead to on a server, by their names.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "was there already",
        "a_belief_that_was_wrong_is_noticed_by_the_next_statement",
    ),
    (
        "column {} is not known",
        "a_belief_that_was_wrong_is_noticed_by_the_next_statement",
    ),
    (
        "groups before it were left out of the stream",
        "statements_in_groups_that_a_source_leaves_out_are_found_in_its_files",
    ),
    (
        "a statement is larger than event_memory_max",
        "a_follower_knows_what_small_statements_made_and_doubts_all_behind_a_large_one",
    ),
    (
        "no more of the source's binlogs may be read",
        "a_limit_below_the_size_of_an_event_lets_a_scan_come_on",
    ),
    (
        "the source reports lost events",
        "what_a_scan_cannot_read_is_a_doubt_about_every_table",
    ),
    (
        "an event is of a kind that rowtap does not know",
        "what_a_scan_cannot_read_is_a_doubt_about_every_table",
    ),
    (
        "its definition has yet to be told",
        "a_copy_waits_for_what_its_table_waits_for_and_text_alone_waits_for_nothing",
    ),
    (
        "a statement on it failed with error",
        "a_statement_that_failed_in_its_middle_is_not_followed",
    ),
];

/// Reasons that no server known leads to, with a statement that would.
const MADE_UP: &[(&str, Family, &str)] = &[
    (
        "a statement was not understood",
        Family::MySql,
        "FROBNICATE t",
    ),
    (
        "not understood up to",
        Family::MySql,
        "CREATE TABLE t (a INT FROBNICATE)",
    ),
    (
        "the character set klingon is not known",
        Family::MySql,
        "CREATE TABLE t (a CHAR(3) CHARACTER SET klingon)",
    ),
    (
        "system versioning was dropped from columns that stay",
        Family::MariaDb,
        "ALTER TABLE v DROP SYSTEM VERSIONING",
    ),
];

/// All servers, or without ROWTAP_TEST_FULL those that lead to all reasons.
fn flavours() -> Vec<Flavour> {
    match super::is_full() {
        true => Flavour::EVERY.to_vec(),
        false => vec![Flavour::MySql57, Flavour::MariaDb118, Flavour::MySql97],
    }
}

/// A server, with what a case may want of it.
fn server(flavour: Flavour) -> Server {
    let mut options = default_metadata(flavour).to_vec();
    options.push("--max-allowed-packet=64M");
    if flavour.family() == Family::MySql {
        options.extend(["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
    }
    Server::start(flavour, &options)
}

/// What was made of a case on the server.
struct Made {
    reason: &'static str,
    table: String,
    /// What SHOW CREATE TABLE printed.
    definition: String,
}

/// Runs the cases that a server is for, each in a session of its own.
fn run(server: &Server, database: &str, cases: &[Case]) -> Vec<Made> {
    let mut made = Vec::new();
    for (number, (reason, flavours, session)) in cases.iter().enumerate() {
        if !flavours.contains(&server.flavour()) {
            continue;
        }
        let mut connection = server.connect();
        connection
            .query_drop(format!("USE {database}"))
            .expect("the database");
        let session = session.replace('#', &number.to_string());
        for statement in session.split("; ") {
            connection.query_drop(statement).unwrap_or_else(|error| {
                panic!("{:?} {reason}: {statement}: {error}", server.flavour())
            });
        }
        let table = ["t", "old"]
            .map(|name| format!("{name}{number}"))
            .into_iter()
            .find(|name| session.contains(&format!("INTO {name} ")))
            .unwrap_or(format!("t{number}"));
        let shown = server.query_text(&format!("SHOW CREATE TABLE {database}.{table}"));
        let definition = shown[0][1].clone().expect("a statement");
        let definition = match definition.strip_prefix("CREATE SEQUENCE") {
            None => definition,
            Some(_) => sequence_as_table(&table),
        };
        made.push(Made {
            reason,
            table,
            definition,
        });
    }
    made
}

/// A sequence as the table that it is.
fn sequence_as_table(name: &str) -> String {
    format!(
        "CREATE TABLE {name} (next_not_cached_value INT NOT NULL, minimum_value INT NOT NULL, maximum_value INT NOT NULL, \
         start_value INT NOT NULL, increment BIGINT NOT NULL, cache_size BIGINT UNSIGNED NOT NULL, \
         cycle_option TINYINT UNSIGNED NOT NULL, cycle_count BIGINT NOT NULL) ENGINE=InnoDB"
    )
}

/// The rows of all tables that have some, with the columns in the order of their names.
fn shown(server: &Server, database: &str, made: &[Made]) -> BTreeMap<String, usize> {
    let count = |made: &Made| {
        let rows = server.query_one(&format!("SELECT COUNT(*) FROM {database}.{}", made.table));
        let rows = rows.expect("a number").parse().expect("a number");
        (made.table.clone(), rows)
    };
    made.iter().map(count).collect()
}

/// One connector tells the reasons and leaves the rows out; the other one stops until all is told, and reads them.
fn check(
    server: &Server,
    database: &str,
    made: &[Made],
    stopping: &Connector,
    skipping: &Connector,
) {
    let flavour = server.flavour();
    let rows_of = shown(server, database, made);
    server.execute(&format!("DROP DATABASE {database}"));
    let ended = once(skipping);
    assert!(ended.status.success(), "{flavour:?} {}", ended.log);
    for Made { reason, table, .. } in made {
        let told = ended.log.lines().any(|line| {
            line.contains(&format!("table={database}.{table} ")) && line.contains(reason)
        });
        assert!(
            told,
            "{flavour:?}: {reason} of {table} is not in {}",
            ended.log
        );
        assert_eq!(
            rows(skipping, table),
            Vec::<String>::new(),
            "{flavour:?} {reason}"
        );
    }
    for _ in 0..=made.len() {
        let ended = once(stopping);
        if ended.status.success() {
            break;
        }
        assert_eq!(ended.status.code(), Some(65), "{flavour:?} {}", ended.log);
        let wanted = wanted_all(&ended.log);
        assert!(!wanted.is_empty(), "{flavour:?} {}", ended.log);
        for (table, at) in wanted {
            let name = table
                .strip_prefix(&format!("{database}."))
                .expect("a table");
            let known = made.iter().find(|made| made.table == name);
            let known = known.unwrap_or_else(|| panic!("{flavour:?} {table}: {}", ended.log));
            define(stopping, &table, &at, &known.definition);
        }
    }
    succeeds(stopping);
    for Made { reason, table, .. } in made {
        let found = rows(stopping, table);
        let last = found
            .last()
            .unwrap_or_else(|| panic!("{flavour:?} {reason}: no row"));
        assert!(
            last.contains("\"a\":1") || last.contains("next_not_cached"),
            "{flavour:?} {reason}: {last}"
        );
        let expected = rows_of[table];
        assert!(
            found.len() <= expected.max(2),
            "{flavour:?} {reason}: {found:?}"
        );
    }
}

const STOPPING: &str = "on_statement = 'warn'\nevent_memory_max = '1MiB'";
const SKIPPING: &str =
    "on_statement = 'warn'\nevent_memory_max = '1MiB'\ndefinitions_unknown = 'skip'";

#[test]
fn each_reason_in_a_stream_is_told_and_cured() {
    for flavour in flavours() {
        let server = server(flavour);
        server.execute("CREATE DATABASE d CHARACTER SET utf8mb4");
        let start = from_here_on(&server);
        let stopping = connector_with(&server, "root", &start, STOPPING);
        let skipping = connector_with(&server, "root", &start, SKIPPING);
        succeeds(&stopping);
        succeeds(&skipping);
        let made = run(&server, "d", KNOWN);
        check(&server, "d", &made, &stopping, &skipping);
    }
}

#[test]
fn each_reason_from_before_the_files_is_told_and_cured() {
    for flavour in flavours() {
        let server = server(flavour);
        server.execute("CREATE DATABASE gone CHARACTER SET latin2");
        for number in 0..BEFORE.len() {
            server.execute(&format!("CREATE TABLE gone.old{number} (a INT, b INT)"));
        }
        server.execute("FLUSH BINARY LOGS");
        server.purge_to(&server.coordinates().0);
        let made = run(&server, "gone", BEFORE);
        let stopping = connector_with(&server, "root", "'earliest'", STOPPING);
        let skipping = connector_with(&server, "root", "'earliest'", SKIPPING);
        check(&server, "gone", &made, &stopping, &skipping);
    }
}

#[test]
fn each_reason_that_no_server_leads_to_leaves_the_table_unknown() {
    for (reason, family, text) in MADE_UP {
        let context = StatementContext::newest(*family);
        let facts = Facts {
            context,
            connection: Connection {
                server_id: 0,
                thread_id: 1,
            },
            default_database: Some("d"),
            connection_charset: None,
            server_charset: None,
            default_engine: None,
            explicit_defaults_for_timestamp: None,
            utf8_is_utf8mb4: false,
            in_engine_transaction: false,
        };
        let mut schemas = Schemas::new(0);
        schemas.put_database("d", Some("utf8mb4"));
        for statement in [
            "CREATE TABLE t (a INT)",
            "CREATE TABLE v (a INT, s TIMESTAMP(6) AS ROW START, e TIMESTAMP(6) AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING",
            text,
        ] {
            apply_statement(&mut schemas, &scan(statement, "d", context), &facts);
        }
        let mut beliefs = schemas.tables().map(|(_, belief)| belief);
        let is_told = beliefs.any(|belief| match belief {
            Belief::Stale(found) => found.as_str().contains(reason),
            Belief::Known(_) => false,
        });
        assert!(
            is_told,
            "{reason}: {:?}",
            schemas.get(&TableName::new("d", "t"))
        );
    }
}

#[test]
fn a_belief_that_was_wrong_is_noticed_by_the_next_statement() {
    for flavour in [Flavour::MySql57, Flavour::MySql97, Flavour::MariaDb1011] {
        for (wrong, statement, reason) in [
            ("(a INT, b INT)", "ADD b INT", "column b was there already"),
            ("(a INT)", "DROP c, ADD d INT", "column c is not known"),
        ] {
            let server = server(flavour);
            server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT, c INT)");
            let connector = connector_with(&server, "root", &from_here_on(&server), "");
            succeeds(&connector);
            let told = std::process::Command::new(env!("CARGO_BIN_EXE_rowtap"))
                .args(["definitions", "checked.toml", "--table", "d.t", "--define"])
                .arg(format!("CREATE TABLE t {wrong}"))
                .current_dir(connector.folder())
                .output()
                .expect("the binary starts");
            assert!(told.status.success(), "{told:?}");
            server.execute(&format!(
                "ALTER TABLE d.t {statement}; INSERT INTO d.t (a) VALUES (1)"
            ));
            let definition = server.query_text("SHOW CREATE TABLE d.t")[0][1]
                .clone()
                .expect("a statement");
            server.execute("DROP TABLE d.t");
            let ended = super::stopped::fails(&connector, &["d.t", reason]);
            let (table, at) = super::stopped::wanted(&ended.log).expect("a command");
            define(&connector, &table, &at, &definition);
            succeeds(&connector);
            assert!(rows(&connector, "t")[0].contains("\"a\":1"));
        }
    }
}

#[test]
fn statements_in_groups_that_a_source_leaves_out_are_found_in_its_files() {
    let flavour = Flavour::MySql97;
    let server = Server::start(flavour, default_metadata(flavour));
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT, b INT)");
    let executed = server.gtid_set();
    let uuid = executed.split(':').next().expect("a UUID").to_owned();
    let last: u64 = executed
        .rsplit(['-', ':'])
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    // The statement in the middle is among what the connector has, says its start.
    server.execute("INSERT INTO d.t VALUES (1, 2)");
    server.execute("ALTER TABLE d.t CHANGE a b INT, CHANGE b a INT");
    server.execute("INSERT INTO d.t VALUES (3, 4); DROP TABLE d.t");
    let start = format!("{{ gtid_set = '{uuid}:1-{last}:{}' }}", last + 2);
    let connector = connector_with(&server, "root", &start, "");
    succeeds(&connector);
    assert_eq!(
        rows(&connector, "t"),
        [r#"{"a":1,"b":2}"#, r#"{"a":4,"b":3}"#]
    );
}

#[test]
fn a_statement_larger_than_event_memory_max_is_read_by_a_scan() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let server = server(flavour);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT, b INT)");
        let mut connection = server.connect();
        let long = "x".repeat(18 << 20);
        connection
            .query_drop(format!(
                "ALTER TABLE d.t /* {long} */ CHANGE a b INT, CHANGE b a INT"
            ))
            .expect("a long statement");
        let start = super::stopped::from_here(&server);
        server.execute("INSERT INTO d.t VALUES (1, 2)");
        let definition = server.query_text("SHOW CREATE TABLE d.t")[0][1]
            .clone()
            .expect("a statement");
        server.execute("DROP TABLE d.t");
        let connector = connector_with(&server, "root", &start, "event_memory_max = '1MiB'");
        let ended = once(&connector);
        if !ended.status.success() {
            let reason = "a statement is larger than event_memory_max";
            assert!(ended.log.contains(reason), "{flavour:?} {}", ended.log);
            let (table, at) = super::stopped::wanted(&ended.log).expect("a command");
            define(&connector, &table, &at, &definition);
            succeeds(&connector);
        }
        assert_eq!(rows(&connector, "t"), [r#"{"a":2,"b":1}"#], "{flavour:?}");
    }
}

#[test]
fn the_default_of_new_databases_may_change_from_file_to_file() {
    for flavour in flavours() {
        let server = server(flavour);
        let mut expected = BTreeMap::new();
        for (number, charset) in ["latin1", "utf8mb4", "cp1251", "latin2"].iter().enumerate() {
            server.execute(&format!("SET GLOBAL character_set_server = {charset}"));
            server.execute("FLUSH BINARY LOGS");
            let mut connection = server.connect();
            for statement in [
                format!("CREATE DATABASE d{number}"),
                format!(
                    "CREATE TABLE d{number}.t{number} (a INT, b VARCHAR(20), e ENUM('x','\u{a7}'), c TINYTEXT)"
                ),
                format!(
                    "INSERT INTO d{number}.t{number} VALUES (1, '\u{a7} \u{b0}', '\u{a7}', '\u{ad}')"
                ),
            ] {
                connection.query_drop(&statement).expect(&statement);
            }
            let row = server.query_text(&format!("SELECT b, e, c FROM d{number}.t{number}"));
            expected.insert(format!("t{number}"), row[0].clone());
        }
        for number in 0..expected.len() {
            server.execute(&format!("DROP DATABASE d{number}"));
        }
        let connector = connector_with(&server, "root", "'earliest'", "");
        succeeds(&connector);
        for (table, row) in expected {
            let found = rows(&connector, &table).pop().expect("a row");
            let found: serde_json::Value = serde_json::from_str(&found).expect("a row");
            let found: Vec<Option<String>> = ["b", "e", "c"]
                .map(|name| found[name].as_str().map(str::to_owned))
                .to_vec();
            assert_eq!(found, row, "{flavour:?} {table}");
        }
    }
}

#[test]
fn a_databases_default_that_changed_while_nobody_read_counts_from_there_on() {
    for flavour in flavours() {
        let server = server(flavour);
        server.execute(
            "CREATE DATABASE d CHARACTER SET latin1; CREATE TABLE d.old (a VARCHAR(9), b TEXT)",
        );
        let connector = connector_with(&server, "root", &from_here_on(&server), "");
        succeeds(&connector);
        server
            .execute("INSERT INTO d.old VALUES ('é', 'ß'); ALTER DATABASE d CHARACTER SET latin2");
        server.execute(
            "CREATE TABLE d.new (a VARCHAR(9), b TEXT); INSERT INTO d.new VALUES ('ł', 'ß')",
        );
        server.execute(
            "ALTER TABLE d.old ADD c VARCHAR(3); INSERT INTO d.old VALUES ('é', 'ß', 'ü')",
        );
        server.execute("DROP DATABASE d");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "new"),
            [r#"{"a":"ł","b":"ß"}"#],
            "{flavour:?}"
        );
        assert_eq!(
            rows(&connector, "old"),
            [r#"{"a":"é","b":"ß"}"#, r#"{"a":"é","b":"ß","c":"ü"}"#],
            "{flavour:?}"
        );
    }
}

#[test]
fn a_journal_that_contradicts_a_table_map_is_healed_by_the_source() {
    for flavour in flavours() {
        let server = server(flavour);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT, b VARCHAR(5))");
        let connector = connector_with(&server, "root", &from_here_on(&server), "");
        succeeds(&connector);
        server.execute(
            "SET sql_log_bin = 0; ALTER TABLE d.t MODIFY b INT UNSIGNED FIRST, ADD c DATE",
        );
        server.execute("INSERT INTO d.t VALUES (4000000000, 1, '2020-01-02')");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [r#"{"a":1,"b":4000000000,"c":"2020-01-02"}"#],
            "{flavour:?}"
        );
    }
}

// ---- the sources ---------------------------------------------------------------------------------------------------

/// The files that give reasons.
const GIVERS: [&str; 13] = [
    "definition/beliefs/mod.rs",
    "definition/schemas/alter.rs",
    "definition/schemas/create.rs",
    "definition/schemas/follow.rs",
    "definition/schemas/labels.rs",
    "definition/schemas/reason.rs",
    "definition/schemas/unsettled.rs",
    "definition/settling.rs",
    "history/sieve.rs",
    "questions.rs",
    "settled.rs",
    "statement/query.rs",
    "statement/text.rs",
];

/// Texts there that are no reasons, and reasons that cannot come about: what they guard against the server or the lexer refuses
/// before.
const NO_REASONS: &[&str] = &[
    "an engine is asked for where one is not known",
    "a copy of a table that is not named",
    "it has more columns than a table can have",
    "more is changed at once than a table can have",
    "column {} of type {} was converted to {}",
    "the character set {name} of its session is not known",
    "the character set {} cannot be read",
    "a label is not text",
    "how {name} writes a letter of {text:?} is not known",
    "a statement holds a backslash of two bytes",
    "{} bytes there",
    "the character set {from} is not known",
    // As journals of before have them.
    "the bytes of label ",
    "labels were converted from ",
    "labels are defined in one character set",
    // The stream itself stops at such an event.
    "a statement could not be unpacked",
    "a statement could not be read",
];

/// The texts of several words in a source, tests and comments left out.
fn texts(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n").replace("\\\"", "'");
    let quoted = code.split('"').skip(1).step_by(2);
    let joined = quoted.map(|text| {
        let lines: Vec<&str> = text.split("\\\n").collect();
        lines
            .iter()
            .map(|line| line.trim_start())
            .collect::<String>()
    });
    joined
        .filter(|text| text.trim().split(' ').count() > 3)
        .collect()
}

#[test]
fn every_reason_in_the_sources_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = KNOWN.iter().chain(BEFORE).map(|(reason, ..)| *reason);
    let made_up = MADE_UP.iter().map(|(reason, ..)| *reason);
    let elsewhere = ELSEWHERE.iter().map(|(reason, _)| *reason);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in cases.chain(made_up).chain(elsewhere) {
        *counts.entry(reason).or_default() += 1;
    }
    // A text with gaps against a reason as it is told.
    let is_of = |text: &str, reason: &str| {
        let parts = text.split(['{', '}']).step_by(2).map(str::trim);
        let longest = parts.max_by_key(|part| part.len()).unwrap_or_default();
        reason.contains(longest) || text.contains(reason.trim())
    };
    let mut missing = Vec::new();
    for giver in GIVERS {
        let source = fs::read_to_string(root.join("src/change").join(giver)).expect(giver);
        for text in texts(&source) {
            let is_known = counts
                .keys()
                .chain(NO_REASONS)
                .any(|reason| is_of(&text, reason));
            if !is_known {
                missing.push(format!("{giver}: {text}"));
            }
        }
    }
    for (reason, count) in &counts {
        println!("{count} {reason}");
    }
    assert!(missing.is_empty(), "reasons without a test: {missing:#?}");
    let sources: String = rust_files(&root.join("tests"))
        .chain(rust_files(&root.join("src")))
        .map(|path| fs::read_to_string(path).expect("a source"))
        .collect();
    for (reason, test) in ELSEWHERE {
        assert!(
            sources.contains(&format!("fn {test}(")),
            "{reason}: there is no test {test}"
        );
    }
}

/// All Rust files below a folder.
fn rust_files(folder: &Path) -> Box<dyn Iterator<Item = PathBuf>> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    Box::new(paths.flat_map(|path| match path.is_dir() {
        true => rust_files(&path),
        false => Box::new(
            std::iter::once(path).filter(|path| path.extension().is_some_and(|it| it == "rs")),
        ),
    }))
}
