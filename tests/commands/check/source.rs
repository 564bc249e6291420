//! What is wrong at a server: settings, rights, ids, sessions, tables and rules.

use std::time::Duration;

use mysql::prelude::Queryable as _;

use super::super::process::{Folder, PASSWORD, account, source};
use super::{Problem, checked, fatal, names_in, warning};
use crate::support::{Flavour, Server, wait_until};

const SETTLED_MAX: Duration = Duration::from_secs(60);

/// Tables without a key, each of which gets one in another way, and a foreign key whose changes nobody sees.
const TABLES: &str = "CREATE DATABASE shop; CREATE TABLE shop.parent (id INT PRIMARY KEY);
     CREATE TABLE shop.child (id INT PRIMARY KEY, p INT, CONSTRAINT `the``key` FOREIGN KEY (p) REFERENCES shop.parent (id)
     ON DELETE CASCADE ON UPDATE SET NULL);
     CREATE TABLE shop.`odd ``name` (a INT);
     CREATE TABLE shop.counted (n INT AUTO_INCREMENT, b INT, KEY (n));
     CREATE TABLE shop.uniquely (a INT NOT NULL, b VARCHAR(20) NOT NULL, UNIQUE (a, b))";

/// What is staged at both families.
const AT_BOTH: [Problem; 12] = [
    fatal("binlog_format", "binlog_format is STATEMENT"),
    fatal("grants", "lacks REPLICATION SLAVE, REPLICATION CLIENT"),
    warning("grants", "may SELECT the tables of no database only"),
    warning("binlog_row_image", "binlog_row_image is MINIMAL"),
    warning("binlog_row_metadata", "binlog_row_metadata is MINIMAL"),
    warning("binlog_checksum", "binlog_checksum is NONE"),
    warning("sync_binlog", "sync_binlog is 0"),
    warning("retention", "for 60 minutes"),
    warning("primary_key", "shop.counted"),
    warning("primary_key", "shop.odd `name"),
    warning("primary_key", "shop.uniquely"),
    warning(
        "foreign_keys",
        "the`key of shop.child (ON DELETE CASCADE ON UPDATE SET NULL)",
    ),
];

/// What is staged at MySQL besides.
const AT_MYSQL: [Problem; 8] = [
    fatal(
        "gtid_mode",
        "a start by gtid_set needs gtid_mode ON, found OFF",
    ),
    warning("gtid_mode", "gtid_mode is OFF"),
    warning("binlog_row_value_options", "is PARTIAL_JSON"),
    warning("binlog_error_action", "is IGNORE_ERROR"),
    warning("grants", "does not see which XA transactions are prepared"),
    warning("sessions", "has binlog_format = STATEMENT"),
    warning("sessions", "has binlog_row_image = NOBLOB"),
    warning("sessions", "has sql_log_bin = OFF"),
];

/// What no statement mends: the server's options, and what is in the connector's file.
const BY_HAND: [Problem; 5] = [
    warning("binlog_do_db", "only changes in shop"),
    warning("binlog_ignore_db", "no changes in tmp"),
    fatal("server_id", "server_id 1 is the source's own"),
    warning(
        "rules",
        "replicate-wild-ignore-table = \"shop.gone%\" matches nothing that is there",
    ),
    warning(
        "rules",
        "replicate-do-db = \"shop,stock\" is one name with a comma",
    ),
];

/// What is staged at MariaDB besides.
const AT_MARIADB: [Problem; 3] = [
    fatal(
        "grants",
        "cannot see whether another replica has server_id 4711",
    ),
    warning("gtid_strict_mode", "gtid_strict_mode is OFF"),
    Problem {
        severity: "not_checked",
        check: "log_replica_updates",
        says: "it does not show that to the account",
    },
];

/// Three connectors: one with rights, one without, and one with several hosts.
fn connectors(server: &Server, keys: &str) -> Folder {
    account(server, "tap");
    server.execute(&format!("CREATE USER poor IDENTIFIED BY '{PASSWORD}'"));
    let port = server.port();
    let shop = source(port, "tap").replace("start = 'latest'", keys);
    let folder = Folder::new(&format!(
        "{shop}[filter]\nreplicate-wild-ignore-table = [\"shop.gone%\"]\nreplicate-do-db = [\"shop\", \"shop,stock\"]\n"
    ));
    let dir = folder.path("").display().to_string();
    let of = |name: &str, text: String| {
        let text = text
            .replace("{dir}/changes", &format!("{dir}/{name}"))
            .replace("{dir}", &dir);
        std::fs::write(folder.path(&format!("{name}.toml")), text).unwrap();
    };
    of("poor", source(port, "poor"));
    let hosts = format!("hosts = ['127.0.0.1:{port}', 'localhost:{port}']");
    let several =
        source(port, "tap").replace(&format!("host = '127.0.0.1'\nport = {port}"), &hosts);
    of("several", several);
    folder
}

const ALL: &[&str] = &["shop.toml", "poor.toml", "several.toml"];

fn stage(server: &Server, settings: &[&str]) {
    server.execute(TABLES);
    let of_both = [
        "binlog_format = STATEMENT",
        "binlog_row_image = MINIMAL",
        "binlog_row_metadata = MINIMAL",
        "binlog_checksum = NONE",
        "binlog_expire_logs_seconds = 3600",
    ];
    for setting in of_both.iter().chain(settings) {
        server.execute(&format!("SET GLOBAL {setting}"));
    }
}

#[test]
fn every_problem_at_mysql_is_told_at_once_and_its_fix_helps() {
    let stays = ["--performance-schema=ON", "--innodb-native-foreign-keys=ON"];
    let goes = [
        "--gtid-mode=OFF",
        "--enforce-gtid-consistency=OFF",
        "--binlog-do-db=shop",
        "--binlog-ignore-db=tmp",
    ];
    let server = Server::start(Flavour::MySql97, &[stays.as_slice(), &goes].concat());
    stage(
        &server,
        &[
            "binlog_row_value_options = PARTIAL_JSON",
            "binlog_error_action = IGNORE_ERROR",
        ],
    );
    let mut session = server.connect();
    session
        .query_drop("SET SESSION binlog_row_image = NOBLOB, SESSION sql_log_bin = OFF")
        .unwrap();
    let folder = connectors(&server, "start = { gtid_set = '' }\nserver_id = 1");

    let report = checked(&folder, ALL);
    assert_eq!(report.code, Some(69));
    for problem in AT_BOTH.iter().chain(&AT_MYSQL).chain(&BY_HAND) {
        report.of(problem);
    }
    let before = names_in(&folder);
    report.execute(&server, &AT_BOTH);
    report.execute(&server, &AT_MYSQL);
    let report = checked(&folder, ALL);
    for problem in AT_BOTH.iter().chain(&AT_MYSQL) {
        report.lacks(problem);
    }
    // The options of the command line, as which tests start servers, would beat those that were persisted.
    let safe = ["--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"];
    server.restart_with(&[stays.as_slice(), &safe].concat());
    let folder = folder
        .replacing("server_id = 1\n", "")
        .replacing("replicate-wild-ignore-table = [\"shop.gone%\"]\n", "")
        .replacing(", \"shop,stock\"", "");

    let report = checked(&folder, ALL);
    report.is_ready();
    for problem in AT_BOTH.iter().chain(&AT_MYSQL).chain(&BY_HAND) {
        report.lacks(problem);
    }
    assert_eq!(names_in(&folder), before);
}

#[test]
fn every_problem_at_mariadb_is_told_at_once_and_its_fix_helps() {
    let server = Server::start(
        Flavour::MariaDb1011,
        &["--binlog-do-db=shop", "--binlog-ignore-db=tmp"],
    );
    stage(&server, &["gtid_strict_mode = OFF"]);
    let folder = connectors(&server, "start = 'latest'\nserver_id = 4711");
    let by_hand = || {
        BY_HAND
            .iter()
            .filter(|problem| problem.check != "server_id")
    };

    let report = checked(&folder, ALL);
    assert_eq!(report.code, Some(69));
    for problem in AT_BOTH.iter().chain(&AT_MARIADB).chain(by_hand()) {
        report.of(problem);
    }
    report.execute(&server, &AT_BOTH);
    report.execute(&server, &AT_MARIADB);
    // What was set for now is set for good in the option file.
    let lines = [
        report.option_lines(&AT_BOTH),
        report.option_lines(&AT_MARIADB),
    ]
    .concat();
    assert!(lines.len() > 5, "{lines:?}");
    let options: Vec<String> = lines
        .iter()
        .map(|line| format!("--{}", line.replace(" = ", "=")))
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    server.restart_with(&options);
    let folder = folder
        .replacing("replicate-wild-ignore-table = [\"shop.gone%\"]\n", "")
        .replacing(", \"shop,stock\"", "");

    let report = checked(&folder, ALL);
    report.is_ready();
    for problem in AT_BOTH.iter().chain(&AT_MARIADB).chain(by_hand()) {
        report.lacks(problem);
    }
}

#[test]
fn a_binlog_that_is_off_and_the_sources_own_id_are_mended_as_told() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &["--skip-log-bin"]);
        account(&server, "tap");
        let folder = Folder::streaming(&server, "tap")
            .replacing("start = 'latest'", "start = 'latest'\nserver_id = 1");
        let problems = [fatal("log_bin", "the binary log is off")];
        let own_id = fatal("server_id", "server_id 1 is the source's own");
        let report = checked(&folder, &["shop.toml"]);
        report.of(&own_id);
        let lines = report.option_lines(&problems);
        assert_eq!(lines, ["log_bin = binlog"]);
        server.restart_with(&[&format!("--{}", lines[0].replace(" = ", "="))]);
        let folder = folder.replacing("server_id = 1\n", "");
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        report.lacks(&problems[0]);
        report.lacks(&own_id);
    }
}

#[test]
fn an_id_that_another_replica_has_is_told() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        account(&server, "tap");
        if flavour == Flavour::MariaDb1011 {
            server.execute("GRANT REPLICATION MASTER ADMIN ON *.* TO tap@'%'");
        }
        let keys = "start = 'latest'\nserver_id = 4711";
        let other = Folder::streaming(&server, "tap").replacing("start = 'latest'", keys);
        let mut running = other.start(&["run", "--http", "off", "shop.toml"]);
        running.until("it streams", |it| {
            it.stderr().contains("replication started")
        });
        let folder = Folder::streaming(&server, "tap").replacing("start = 'latest'", keys);
        let report = checked(&folder, &["shop.toml"]);
        assert_eq!(report.code, Some(69));
        let taken = fatal("server_id", "server_id 4711 belongs to another replica");
        report.of(&taken);
        let folder = folder.replacing("server_id = 4711\n", "");
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        // Nor does the other one's own folder let a second process in.
        let report = checked(&other, &["shop.toml"]);
        assert_eq!(report.code, Some(76));
        report.of(&fatal("lock", "is in use by process"));
        report.of(&fatal("sink_lock", "is held by another process"));
    }
}

/// What a server counts of rows that it writes. MySQL 5.7 counts those of the temporary tables of its own answers too.
fn written(server: &Server) -> Vec<Vec<Option<String>>> {
    let rows = match server.flavour() {
        Flavour::MySql57 => "",
        _later => "'Innodb_rows_inserted', 'Innodb_system_rows_inserted', ",
    };
    server.query_text(&format!(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ({rows}'Innodb_rows_updated', 'Innodb_rows_deleted', \
         'Innodb_system_rows_updated', 'Innodb_system_rows_deleted', 'Com_insert', 'Com_update', 'Com_delete', \
         'Com_create_table', 'Binlog_cache_use')",
    ))
}

/// Waits until MySQL has written down which groups it has executed, which it does when it has nothing else to do.
fn settled(server: &Server) {
    if server.flavour() != Flavour::MySql97 {
        return;
    }
    let written = "SELECT MAX(interval_end) FROM mysql.gtid_executed";
    wait_until("the executed groups are written down", SETTLED_MAX, || {
        let last = server.query_one(written);
        last.is_some_and(|last| server.gtid_set().ends_with(&format!("-{last}")))
    });
}

#[test]
fn a_healthy_connector_would_start_and_nothing_is_written_anywhere() {
    for flavour in Flavour::EVERY {
        let server = Server::start(flavour, &[]);
        account(&server, "tap");
        server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY) STATS_AUTO_RECALC = 0; INSERT INTO shop.t VALUES (1)");
        let mut folder = Folder::streaming(&server, "tap");
        if matches!(flavour, Flavour::MySql80 | Flavour::MySql57) {
            // Their TLS is one that nobody speaks any more.
            let keys =
                "start = 'latest'\ntls = { mode = 'disabled' }\nget_source_public_key = true";
            folder = folder.replacing("start = 'latest'", keys);
        }
        settled(&server);
        let (names, rows, end) = (names_in(&folder), written(&server), server.coordinates());
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        let text = folder.succeeds(&["check", "shop.toml"]);
        assert!(
            text.stdout.contains("shop: would start\n"),
            "{}",
            text.stdout
        );
        assert!(
            text.stdout.contains("  ok           binlog_format is ROW")
                && text.stdout.contains("0 problems"),
            "{}",
            text.stdout
        );
        assert_eq!(names_in(&folder), names, "{flavour:?}");
        assert_eq!(written(&server), rows, "{flavour:?}");
        assert_eq!(server.coordinates(), end, "{flavour:?}");
    }
}

#[test]
fn clocks_that_differ_are_told() {
    for flavour in Flavour::ALL {
        let early = "--init-connect=SET timestamp = UNIX_TIMESTAMP() + 90";
        let server = Server::start(flavour, &["--sysdate-is-now", early]);
        account(&server, "tap");
        let folder = Folder::streaming(&server, "tap");
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        let apart = warning("clock", "s behind the source's");
        let told = report.of(&apart);
        let what = told[0].text("what");
        let apart_s: u32 = what.split(' ').find_map(|word| word.parse().ok()).unwrap();
        assert!((60..=90).contains(&apart_s), "{what}");
        server.execute("SET GLOBAL init_connect = ''");
        checked(&folder, &["shop.toml"]).lacks(&apart);
    }
}

#[test]
fn a_source_that_keeps_too_little_is_held_against_the_lag_and_against_a_copy() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        account(&server, "tap");
        let folder = Folder::streaming(&server, "tap");
        folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        server.execute(
            "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, b LONGBLOB) ENGINE = MyISAM;
             INSERT INTO shop.t VALUES (1, REPEAT('x', 12000000)), (2, REPEAT('x', 12000000)); FLUSH BINARY LOGS;
             SET GLOBAL binlog_expire_logs_seconds = 1",
        );
        let copy = warning("retention", "a first copy of its tables takes about 1 s");
        let behind = warning("retention", "behind and may lose its place");
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        report.of(&copy);
        // What it is behind grows by itself.
        wait_until("it is behind", SETTLED_MAX, || {
            let report = checked(&folder, &["shop.toml"]);
            report.all().iter().any(|told| {
                told.text("check") == behind.check && told.text("what").contains(behind.says)
            })
        });
        let report = checked(&folder, &["shop.toml"]);
        report.execute(&server, &[behind]);
        let report = checked(&folder, &["shop.toml"]);
        report.lacks(&copy);
        report.lacks(&warning("retention", "behind and may lose its place"));
    }
}
