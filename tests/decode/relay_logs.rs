//! A replica's relay logs hold the changes of its source's binlogs, at the same places, however often the replica connected
//! again or went on in another file.
//!
//! Threatens whoever has lost the source and restores from what a replica received.

use std::fs;

use rowtap::mysql::Flavour as Family;

use super::decoded;
use crate::support::{Flavour, Server};

const RECEIVE_SECONDS_MAX: u32 = 120;

/// Starts a replica that keeps small relay logs, and receives from the source's beginning.
fn replica_of(source: &Server, server_id: u32, follows_gtids: bool) -> Server {
    let server_id = format!("--server-id={server_id}");
    let family = source.flavour().family();
    let stands_still = match family {
        Family::MySql => "--skip-replica-start",
        Family::MariaDb => "--skip-slave-start",
    };
    let replica = Server::start(
        source.flavour(),
        &[
            &server_id,
            stands_still,
            "--relay-log=relay",
            "--relay-log-purge=0",
            "--max-relay-log-size=4096",
        ],
    );
    let port = source.port();
    replica.execute(&match family {
        Family::MySql => format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root', \
             SOURCE_CONNECT_RETRY=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_AUTO_POSITION={}",
            u8::from(follows_gtids)
        ),
        Family::MariaDb => format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', MASTER_CONNECT_RETRY=1, \
             MASTER_USE_GTID={}",
            if follows_gtids { "slave_pos" } else { "no" }
        ),
    });
    replica.execute(match family {
        Family::MySql => "START REPLICA",
        Family::MariaDb => "START SLAVE",
    });
    replica
}

/// Waits until a replica has executed, and so received, all that its source has written.
#[track_caller]
fn catch_up(replica: &Server, source: &Server) {
    let (file, position) = source.coordinates();
    let (wait, status) = match source.flavour().family() {
        Family::MySql => ("SOURCE_POS_WAIT", "SHOW REPLICA STATUS"),
        Family::MariaDb => ("MASTER_POS_WAIT", "SHOW SLAVE STATUS"),
    };
    let reached = replica.query_one(&format!(
        "SELECT {wait}('{file}', {position}, {RECEIVE_SECONDS_MAX})"
    ));
    let number = reached.and_then(|text| text.parse::<i64>().ok());
    assert!(
        number.is_some_and(|number| number >= 0),
        "{file}:{position}: {:?}",
        replica.query_text(status)
    );
}

/// Changes of several sizes, some larger than a relay log, and the source's next binlog among them.
fn change(source: &Server, round: u32) {
    let large: String = (0..6)
        .map(|row| format!("INSERT INTO relayed.t (v) VALUES (REPEAT('{row}', 1500));"))
        .collect();
    source.execute(&format!(
        "INSERT INTO relayed.t (v) VALUES ('round {round}'); BEGIN; {large} COMMIT; \
         UPDATE relayed.t SET v = CONCAT(v, '!') WHERE v LIKE 'round%'; FLUSH BINARY LOGS; \
         ALTER TABLE relayed.t ADD COLUMN c{round} INT; DELETE FROM relayed.t LIMIT 2"
    ));
}

/// Changes without what depends on the server whose file it is, on when it was read, and on what earlier files tell of tables.
fn changes(files: &[String], server_id: u32) -> Vec<String> {
    let mut arguments = vec!["--database=relayed"];
    arguments.extend(files.iter().map(String::as_str));
    let of_server = format!("\"server_id\":{server_id},");
    let cut = |line: &str| {
        let (line, _) = line.rsplit_once(",\"ts_ms\":").unwrap();
        assert!(line.contains(&of_server), "{line}");
        let (line, _) = line.split_once(",\"tableChanges\":").unwrap_or((line, ""));
        line.replacen(&of_server, "", 1)
    };
    decoded(&arguments).lines().map(cut).collect()
}

#[track_caller]
fn same(found: &[String], expected: &[String], how: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{how}");
    }
    assert_eq!(found.len(), expected.len(), "{how}");
}

fn relay_logs_hold_what_the_source_wrote(flavour: Flavour, ways: &[bool]) {
    let source = Server::start(flavour, &[]);
    // A source sends to one replica of an id at a time.
    let replicas: Vec<(u32, bool, Server)> = (2..)
        .zip(ways)
        .map(|(id, &follows_gtids)| (id, follows_gtids, replica_of(&source, id, follows_gtids)))
        .collect();
    source.execute(
        "CREATE DATABASE relayed; CREATE TABLE relayed.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(2000))",
    );
    let threads: [&str; 2] = match flavour.family() {
        Family::MySql => ["STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD"],
        Family::MariaDb => ["STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD"],
    };
    let between: [&[&str]; 3] = [&["FLUSH RELAY LOGS"], &threads, &[]];
    for (round, statements) in (1..).zip(between) {
        change(&source, round);
        for (_, _, replica) in &replicas {
            catch_up(replica, &source);
            for statement in statements {
                replica.execute(statement);
            }
        }
    }
    let index = |server: &Server, name: &str| server.datadir().join(name).display().to_string();
    let expected = changes(&[index(&source, "binlog.index")], 1);
    assert!(expected.len() > 3 * 10, "{expected:?}");
    for (id, follows_gtids, replica) in &replicas {
        // Its stop is in the last relay log.
        replica.stop();
        let list = index(replica, "relay.index");
        let files: Vec<String> = fs::read_to_string(&list)
            .unwrap()
            .lines()
            .map(|name| index(replica, name))
            .collect();
        assert!(files.len() > 4, "{files:?}");
        let how = format!("{flavour:?}, by GTIDs: {follows_gtids}");
        same(&changes(&[list], *id), &expected, &how);
        same(&changes(&files, *id), &expected, &how);
        if flavour.family() == Family::MariaDb {
            continue;
        }
        // Only MariaDB goes on in the next file inside a group. A file that does not name the source's has its own name there.
        let rows = |lines: &[String]| -> Vec<String> {
            let cut = |line: &String| match line.split_once("\"file\":\"") {
                Some((before, after)) => {
                    format!("{before}{}", after.split_once('"').unwrap().1)
                }
                None => line.clone(),
            };
            lines.iter().map(cut).collect()
        };
        let each = files
            .iter()
            .flat_map(|file| changes(std::slice::from_ref(file), *id));
        let each: Vec<String> = each.collect();
        same(&rows(&each), &rows(&expected), &how);
    }
}

#[test]
fn relay_logs_of_mysql_hold_what_the_source_wrote() {
    relay_logs_hold_what_the_source_wrote(Flavour::MySql97, &[true, false]);
}

#[test]
fn relay_logs_of_mariadb_hold_what_the_source_wrote() {
    relay_logs_hold_what_the_source_wrote(Flavour::MariaDb118, &[true, false]);
}
