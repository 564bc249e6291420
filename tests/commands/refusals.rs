//! What rowtap refuses to begin with: one line with the fix, and an exit code that says whose affair it is.

use std::fs;
use std::time::Duration;

use super::KAFKA;
use super::process::{Folder, PASSWORD, account, source};
use crate::support::{Certificates, Flavour, Server, wait_until};

const BOTH: [Flavour; 2] = [Flavour::MySql97, Flavour::MariaDb1011];

#[test]
fn a_wrong_password_is_the_sources_refusal() {
    for flavour in BOTH {
        let server = Server::shared(flavour);
        server.execute("CREATE USER wrong_password@'%' IDENTIFIED BY 'another'");
        let folder = Folder::streaming(server, "wrong_password");
        folder.fails(69, &["Access denied", "wrong_password", "password"]);
    }
}

#[test]
fn a_source_that_nobody_answers_for_is_given_up() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = Folder::new(&source(port, "u"));
    folder.fails(
        75,
        &["gave up after 3 failures", &port.to_string(), "refused"],
    );
}

#[test]
fn a_host_that_has_no_address_is_given_up() {
    let folder = Folder::new(&source(3306, "u")).replacing("'127.0.0.1'", "'no-such-host.invalid'");
    folder.fails(75, &["gave up after 3 failures", "no-such-host.invalid"]);
}

#[test]
fn an_authority_that_did_not_sign_is_refused() {
    let strangers = Certificates::new();
    let server = Server::shared(Flavour::MySql97);
    account(server, "unknown_ca");
    for mode in ["verify_ca", "verify_identity"] {
        let tls = format!(
            "tls = {{ mode = '{mode}', ca = '{}' }}\n[sink]",
            strangers.ca().display()
        );
        let folder = Folder::streaming(server, "unknown_ca").replacing("[sink]", &tls);
        folder.fails(69, &["certificate"]);
    }
}

#[test]
fn a_missing_grant_is_named_with_the_statement_that_gives_it() {
    for flavour in BOTH {
        let server = Server::shared(flavour);
        server.execute(&format!(
            "CREATE USER no_grants@'%' IDENTIFIED BY '{PASSWORD}'"
        ));
        let folder = Folder::streaming(server, "no_grants");
        folder.fails(69, &["GRANT", "REPLICATION SLAVE", "no_grants"]);
    }
}

#[test]
fn a_server_id_that_another_has_is_refused() {
    for flavour in BOTH {
        let server = Server::shared(flavour);
        let user = "same_server_id";
        account(server, user);
        let folder = Folder::streaming(server, user).replacing("[sink]", "server_id = 1\n[sink]");
        folder.fails(69, &["server_id 1 is the source's own", "choose another"]);
    }
}

#[test]
fn a_source_without_what_a_replica_needs_is_refused() {
    for flavour in BOTH {
        let server = Server::start(flavour, &["--skip-log-bin"]);
        account(&server, "u");
        Folder::streaming(&server, "u").fails(
            69,
            &["the binary log is off", "start the source with log_bin"],
        );
    }
    for flavour in BOTH {
        let server = Server::start(flavour, &["--binlog-format=STATEMENT"]);
        account(&server, "u");
        Folder::streaming(&server, "u").fails(69, &["binlog_format is STATEMENT", "set it to ROW"]);
    }
}

#[test]
fn three_faults_of_a_source_are_one_message() {
    for flavour in BOTH {
        let server = Server::start(flavour, &["--skip-log-bin", "--binlog-format=STATEMENT"]);
        server.execute(&format!(
            "CREATE USER no_grants@'%' IDENTIFIED BY '{PASSWORD}'"
        ));
        Folder::streaming(&server, "no_grants").fails(
            69,
            &[
                "(1) the binary log is off, start the source with log_bin; ",
                "(2) binlog_format is STATEMENT, set it to ROW on the source: SET GLOBAL binlog_format = ROW",
                "; (3) ",
                "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'no_grants'@'%'",
            ],
        );
    }
}

#[test]
fn a_position_that_no_group_begins_at_is_refused() {
    for flavour in BOTH {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        let (file, before) = server.coordinates();
        server.execute("INSERT INTO a.t VALUES (1), (2)");
        let start = |position: u64| format!("start = {{ file = '{file}', position = {position} }}");
        let at = |position: u64| {
            Folder::streaming(&server, "u").replacing("start = 'latest'", &start(position))
        };
        at(before + 7).fails(65, &["inside an event", &format!("start at {before} or")]);
        let inside = positions_after(&server, &file, before)[1];
        at(inside).fails(65, &["inside a group", &before.to_string()]);
        at(before + 100_000).fails(78, &["after the file's end"]);
        let sound = at(before).run(&["run", "--once", "--http", "off", "shop.toml"]);
        assert_eq!(sound.code, Some(0), "{}", sound.stderr);
    }
}

/// Where the events behind a position begin.
fn positions_after(server: &Server, file: &str, position: u64) -> Vec<u64> {
    let rows = server.query_text(&format!("SHOW BINLOG EVENTS IN '{file}' FROM {position}"));
    let position = |row: &Vec<Option<String>>| row[1].as_ref().unwrap().parse().unwrap();
    rows.iter().map(position).collect()
}

#[test]
fn a_purged_file_is_a_loss_that_is_told() {
    for flavour in BOTH {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        let (first, _) = server.coordinates();
        let folder = Folder::streaming(&server, "u");
        folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        server.execute("CREATE DATABASE a; FLUSH BINARY LOGS; FLUSH BINARY LOGS");
        let (last, _) = server.coordinates();
        // A file that is still being sent stays, and one that MariaDB might need for a recovery.
        wait_until("the old files are gone", Duration::from_secs(30), || {
            server.execute(&format!("PURGE BINARY LOGS TO '{last}'"));
            server.query_text("SHOW BINARY LOGS").len() == 1
        });
        folder.fails(69, &["purged", "take a new start"]);
        let fresh = Folder::streaming(&server, "u").replacing(
            "start = 'latest'",
            &format!("start = {{ file = '{first}', position = 4 }}"),
        );
        fresh.fails(69, &["has been purged", &last]);
    }
}

#[test]
fn a_configuration_that_cannot_be_meant_is_refused() {
    let folder = || Folder::new(&source(3306, "u"));
    folder().replacing("host =", "hots =").fails(
        78,
        &[
            "shop.toml:3",
            "source",
            "no such key 'hots'",
            "expected one of host",
        ],
    );
    folder().replacing("port = 3306", "port = '3306'").fails(
        78,
        &[
            "shop.toml:4",
            "source.port",
            "expected a number",
            "found a string",
        ],
    );
    folder()
        .replacing("[sink]", "[sink")
        .fails(78, &["shop.toml:10"]);
    folder()
        .replacing("'file'", "'ftp'")
        .fails(78, &["sink.type", "expected one of kafka, file", "'ftp'"]);
    folder()
        .replacing("start = 'latest'", "start = 'newest'")
        .fails(78, &["source.start", "newest", "earliest"]);
    folder().replacing(PASSWORD, "${NOT_SET_ANYWHERE}").fails(
        78,
        &["source.password", "variable NOT_SET_ANYWHERE is not set"],
    );
    folder()
        .variable("ROWTAP__SORCE__HOST", "x")
        .fails(78, &["variable ROWTAP__SORCE__HOST names no key"]);
    folder()
        .replacing("[sink]", "[filter]\nreplicate-do-table = 't'\n[sink]")
        .fails(78, &["replicate-do-table", "has no dot"]);
}

#[test]
fn every_sink_refuses_a_format_that_it_does_not_write() {
    let text = source(3306, "u");
    let (head, _) = text.split_once("[sink]").unwrap();
    let sinks = [
        "type = 'file'\nfolder = '{dir}/out'",
        "type = 'stdout'",
        "type = 'blackhole'",
    ];
    let kafka = KAFKA.map(|_| "type = 'kafka'\nbootstrap_servers = '127.0.0.1:1'");
    for sink in sinks.into_iter().chain(kafka) {
        // Statements are no messages, so only rowtap decode prints them.
        for format in ["xml", "sql", "JSON"] {
            let folder = Folder::new(&format!("{head}[sink]\nformat = '{format}'\n{sink}\n"));
            let found = format!("found '{format}'");
            folder.fails(
                78,
                &["shop.toml:", "sink.format", "expected one of json", &found],
            );
        }
    }
}

#[test]
fn every_mistake_of_a_configuration_has_a_line_of_its_own() {
    let folder = Folder::new(&source(3306, "u"))
        .replacing("host =", "hots =")
        .replacing("port = 3306", "port = '3306'")
        .replacing(PASSWORD, "${NOT_SET_ANYWHERE}")
        .replacing("start = 'latest'", "start = 'newest'")
        .replacing("[sink]", "[filter]\nreplicate-do-table = 't'\n[sink]")
        .replacing("'file'", "'fiel'")
        .variable("ROWTAP__SORCE__HOST", "x");
    let ended = folder.run(&["run", "--once", "--http", "off", "shop.toml"]);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    let told: Vec<&str> = ended.stderr.lines().collect();
    let expected = [
        "variable ROWTAP__SORCE__HOST names no key",
        "shop.toml:3:1: source: no such key 'hots'",
        "shop.toml:4:1: source.port: expected a number",
        "source.password: variable NOT_SET_ANYWHERE is not set",
        "source.start: start \"newest\" is unknown",
        "filter: replicate-do-table = \"t\" has no dot",
        "sink.type: expected one of kafka, file, stdout, blackhole, found 'fiel'; did you mean file?",
    ];
    assert_eq!(told.len(), expected.len(), "{}", ended.stderr);
    for (told, expected) in told.iter().zip(expected) {
        assert!(
            told.starts_with("rowtap: ") && told.contains(expected),
            "{told}\n{expected}"
        );
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_is_never_a_fresh_start() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "bad_checkpoint");
    let folder = Folder::streaming(server, "bad_checkpoint");
    let once = ["run", "--once", "--http", "off", "shop.toml"];
    folder.succeeds(&once);
    let path = folder.path("state/shop/relay-log.info");
    let good = fs::read(&path).unwrap();
    let cut = good[..good.len() - 1].to_vec();
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    // The manifest's checkpoint would do, but a damaged folder is a matter for a person.
    for bad in [cut, flipped, Vec::new()] {
        fs::write(&path, &bad).unwrap();
        folder.fails(
            65,
            &["relay-log.info cannot be trusted", "restore it from a copy"],
        );
        assert_eq!(fs::read(&path).unwrap(), bad);
    }
    fs::write(&path, &good).unwrap();
    folder.succeeds(&once);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "no_folder");
    let folder =
        Folder::streaming(server, "no_folder").replacing("{dir}/state", "{dir}/shop.toml/state");
    folder.fails(73, &["shop.toml/state", "set state_dir to a folder"]);
    let folder = Folder::streaming(server, "no_folder")
        .replacing("{dir}/changes", "{dir}/shop.toml/changes");
    folder.fails(73, &["shop.toml/changes"]);
}
