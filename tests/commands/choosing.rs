//! Groups that are left out by server or domain, and runs that end before a GTID set: as real replicas with the same options.

use std::collections::BTreeSet;

use rowtap::mysql::Flavour as Family;

use super::events::{ONCE, prepare};
use super::process::Folder;
use crate::support::{Flavour, Server, wait_until};

const WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(60);

/// The ids of `a.t` that came out, in order.
fn ids(folder: &Folder) -> Vec<i64> {
    let changes = folder.changes();
    let rows = changes.iter().filter(|it| it["source"]["table"] == "t");
    rows.map(|change| change["after"]["id"].as_i64().unwrap())
        .collect()
}

fn ids_on(server: &Server) -> Vec<i64> {
    let rows = server.query_text("SELECT id FROM a.t ORDER BY id");
    let texts = rows.into_iter().flatten().flatten();
    texts.map(|text| text.parse().unwrap()).collect()
}

/// A replica that follows nobody yet and has the table.
fn replica(flavour: Flavour, options: &[&str]) -> Server {
    let replica = Server::start(flavour, &[&["--server-id=2"], options].concat());
    replica.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v INT)");
    replica.execute(match flavour.family() {
        Family::MySql => "RESET BINARY LOGS AND GTIDS",
        Family::MariaDb => "RESET MASTER",
    });
    replica
}

fn adding(folder: Folder, keys: &str) -> Folder {
    folder.replacing("[sink]", &format!("{keys}\n[sink]"))
}

/// Inserts ids, each by another server or in another domain.
fn traffic(server: &Server, settings: &[&str]) {
    let mut connection = server.connect();
    let mut run = |sql: &str| mysql::prelude::Queryable::query_drop(&mut connection, sql).unwrap();
    for id in 0..20 {
        run(settings[id % settings.len()]);
        run(&format!("INSERT INTO a.t VALUES ({id}, 0)"));
    }
}

#[test]
fn a_mysql_replica_that_ignores_a_server_has_the_same_rows() {
    let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    let (server, folder) = prepare(Flavour::MySql97, &options);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v INT)");
    let (file, position) = server.coordinates();
    traffic(
        &server,
        &[
            "SET GLOBAL server_id = 7",
            "SET GLOBAL server_id = 1",
            "SET GLOBAL server_id = 8",
        ],
    );
    server.execute("SET GLOBAL server_id = 1");
    let end = server.coordinates();
    let replica = replica(Flavour::MySql97, &options);
    replica.execute(&format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={}, SOURCE_USER='root', SOURCE_LOG_FILE='{file}', \
         SOURCE_LOG_POS={position}, GET_SOURCE_PUBLIC_KEY=1, IGNORE_SERVER_IDS=(7, 9); START REPLICA",
        server.port()
    ));
    wait_until("the replica has read all", WAIT_MAX, || {
        ids_on(&replica).last() == Some(&19)
    });
    let folder = adding(folder, "ignore_server_ids = [7, 9]");
    let ended = folder.succeeds(&ONCE);
    assert_eq!(ids(&folder), ids_on(&replica));
    assert_eq!(ids(&folder).len(), 13);
    let told = "filtered in groups that were left out 7";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    // What was left out is passed: nothing comes again, and nothing of it later.
    let again = folder.replacing("ignore_server_ids = [7, 9]\n", "");
    again.succeeds(&ONCE);
    assert_eq!(ids(&again).len(), 13);
    let status = again.run(&["status", "shop.toml"]).stdout;
    assert!(
        status.contains(&format!("Exec_Source_Log_Pos: {}", end.1)),
        "{status}"
    );
}

#[test]
fn a_mariadb_replica_with_the_same_domains_and_servers_has_the_same_rows() {
    for flavour in [Flavour::MariaDb1011, Flavour::MariaDb118] {
        let (server, folder) = prepare(flavour, &[]);
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v INT)");
        let begin = server.gtid_set();
        traffic(
            &server,
            &[
                "SET SESSION gtid_domain_id = 0, server_id = 1",
                "SET SESSION gtid_domain_id = 5, server_id = 1",
                "SET SESSION gtid_domain_id = 6, server_id = 7",
            ],
        );
        let replica = replica(flavour, &[]);
        let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
        for (change, keys, expected) in [
            ("IGNORE_DOMAIN_IDS=(5)", "ignore_domain_ids = [5]", 13),
            ("DO_DOMAIN_IDS=(0, 5)", "do_domain_ids = [0, 5]", 14),
            ("IGNORE_SERVER_IDS=(7)", "ignore_server_ids = [7]", 14),
            (
                "DO_DOMAIN_IDS=(5, 6), IGNORE_SERVER_IDS=(7)",
                "do_domain_ids = [5, 6]\nignore_server_ids = [7]",
                7,
            ),
        ] {
            replica.execute(&format!(
                "STOP SLAVE; RESET SLAVE ALL; TRUNCATE a.t; RESET MASTER; SET GLOBAL gtid_slave_pos = '{begin}'; \
                 CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='root', MASTER_USE_GTID=slave_pos, \
                 {change}; START SLAVE",
                server.port()
            ));
            wait_until("the replica has applied all", WAIT_MAX, || {
                ids_on(&replica).len() >= expected
            });
            let folder = adding(
                Folder::new(&text.replace(&folder.path("").display().to_string(), "{dir}/")),
                keys,
            );
            folder.succeeds(&ONCE);
            assert_eq!(ids(&folder), ids_on(&replica), "{flavour:?} {change}");
            assert_eq!(ids(&folder).len(), expected, "{flavour:?} {change}");
            folder.succeeds(&ONCE);
            assert_eq!(ids(&folder).len(), expected, "{flavour:?} {change}");
        }
    }
}

#[test]
fn statements_of_groups_that_are_left_out_are_followed() {
    let (server, folder) = prepare(Flavour::MariaDb1011, &["--binlog-row-metadata=NO_LOG"]);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v INT)");
    server.execute("INSERT INTO a.t VALUES (1, 1)");
    server.execute(
        "SET SESSION gtid_domain_id = 5; ALTER TABLE a.t CHANGE v w INT; INSERT INTO a.t VALUES (2, 2)",
    );
    server.execute("INSERT INTO a.t VALUES (3, 3); ALTER TABLE a.t CHANGE w x INT");
    let folder = adding(folder, "ignore_domain_ids = [5]");
    folder.succeeds(&ONCE);
    assert_eq!(ids(&folder), [1, 3]);
    let last = folder.changes().last().unwrap()["after"].clone();
    assert_eq!(last, serde_json::json!({ "id": 3, "w": 3 }));
    let ddl: BTreeSet<String> = folder
        .ddl()
        .iter()
        .map(|it| it["ddl"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(
        ddl.iter().any(|text| text.contains("CHANGE w x")),
        "{ddl:?}"
    );
    assert!(
        !ddl.iter().any(|text| text.contains("CHANGE v w")),
        "{ddl:?}"
    );
}

#[test]
fn choices_that_cannot_be_meant_are_refused() {
    let (_server, folder) = prepare(Flavour::MySql97, &[]);
    let folder = adding(folder, "do_domain_ids = [1]\nignore_domain_ids = [2]");
    folder.fails(78, &["keep one of the two"]);
    let folder = folder.replacing("ignore_domain_ids = [2]\n", "");
    folder.fails(78, &["replication domains", "MySQL", "remove them"]);
}

fn stops_before(flavour: Flavour, goal: impl Fn(&Server) -> (String, String), change: &str) {
    let (server, folder) = prepare(flavour, &[]);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v INT)");
    let begin = server.gtid_set();
    for id in 0..10 {
        server.execute(&format!("INSERT INTO a.t VALUES ({id}, 0)"));
    }
    let (goal, before) = goal(&server);
    let replica = replica(flavour, &[]);
    let (port, start) = (server.port(), before.replace("{goal}", &goal));
    let change = change
        .replace("{begin}", &begin)
        .replace("{port}", &port.to_string());
    replica.execute(&format!("{change}; {start}"));
    wait_until("the replica's applier has stopped", WAIT_MAX, || {
        let status = match flavour.family() {
            Family::MySql => "SHOW REPLICA STATUS",
            Family::MariaDb => "SHOW SLAVE STATUS",
        };
        let row = &replica.query_text(status)[0];
        row[11].as_deref() == Some("No")
    });
    let until = ["run", "--until-before", &goal, "--http", "off", "shop.toml"];
    folder.succeeds(&until);
    assert_eq!(ids(&folder), ids_on(&replica));
    assert_eq!(ids(&folder), (0..6).collect::<Vec<i64>>());
    // Its goal stands before it still, and then behind it.
    folder.succeeds(&until);
    assert_eq!(ids(&folder).len(), 6);
    folder.succeeds(&ONCE);
    assert_eq!(ids(&folder), (0..10).collect::<Vec<i64>>());
    server.execute("INSERT INTO a.t VALUES (10, 0)");
    folder.succeeds(&until);
    assert_eq!(ids(&folder).len(), 10);
    let other = match flavour.family() {
        Family::MySql => "0-1-5",
        Family::MariaDb => "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5",
    };
    let ended = folder.run(&["run", "--until-before", other, "--http", "off", "shop.toml"]);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("never writes such"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_mysql_run_ends_before_a_set_where_a_replica_does() {
    stops_before(
        Flavour::MySql97,
        |server| {
            let set = server.gtid_set();
            let (uuid, numbers) = set.rsplit_once(':').unwrap();
            let last: u64 = numbers.rsplit('-').next().unwrap().parse().unwrap();
            // The seventh of ten, and those after the tenth.
            let goal = format!("{uuid}:{}:{}-{}", last - 3, last, last + 5);
            let start = "START REPLICA UNTIL SQL_BEFORE_GTIDS = '{goal}'";
            (goal, start.to_owned())
        },
        "SET GLOBAL gtid_purged = '{begin}'; CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, \
         SOURCE_USER='root', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1",
    );
}

#[test]
fn a_mariadb_run_ends_before_a_set_where_a_replica_does() {
    stops_before(
        Flavour::MariaDb118,
        |server| {
            let set = server.gtid_set();
            let (domain, last) = set.rsplit_once('-').unwrap();
            let last: u64 = last.parse().unwrap();
            let start = "START SLAVE UNTIL SQL_BEFORE_GTIDS = '{goal}'";
            (format!("{domain}-{}", last - 3), start.to_owned())
        },
        "SET GLOBAL gtid_slave_pos = '{begin}'; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, \
         MASTER_USER='root', MASTER_SSL=0, MASTER_USE_GTID=slave_pos",
    );
}
