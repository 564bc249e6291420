//! Which part of a file is taken, beside `mysqlbinlog` with the same options on the same file.

use crate::support::{Flavour, Server};

use super::{WHOLE, boundaries, decoded, fails, listed_rows, listing, recording, summary_rows};

#[track_caller]
fn compare(flavour: Flavour, options: &[&str], path: &str) -> usize {
    let arguments = [options, &[path]].concat();
    let listing = listing(flavour, &arguments);
    let mut expected = listed_rows(&listing);
    let text = decoded(&[&["--summary"], options, &[path]].concat());
    let mut found = summary_rows(&text);
    if listing.contains("Don't know how to handle column type=255") {
        // MySQL's own lists one row of each event with a geometry, and no more.
        expected.retain(|key, _| !key.ends_with(" shop.visits"));
        found.retain(|key, _| !key.ends_with(" shop.visits"));
    }
    assert_eq!(found, expected, "{options:?} of {path}");
    expected.len()
}

#[test]
fn positions_take_what_mysqlbinlog_takes() {
    for (name, flavour) in WHOLE {
        let path = recording(name).display().to_string();
        let boundaries = boundaries(&listing(flavour, &[&path]));
        assert!(boundaries.len() > 8, "{name}: {boundaries:?}");
        for position in &boundaries {
            compare(flavour, &[&format!("--start-position={position}")], &path);
            compare(flavour, &[&format!("--stop-position={position}")], &path);
        }
        let (start, stop) = (boundaries[2], boundaries[boundaries.len() - 3]);
        let range = [
            format!("--start-position={start}"),
            format!("--stop-position={stop}"),
        ];
        compare(flavour, &[&range[0], &range[1]], &path);
    }
}

#[test]
fn a_transaction_that_the_stop_cuts_is_left_out_and_a_start_inside_one_is_refused() {
    let (name, flavour) = WHOLE[0];
    let path = recording(name).display().to_string();
    let boundaries = boundaries(&listing(flavour, &[&path]));
    let before = decoded(&[&format!("--stop-position={}", boundaries[8]), &path]);
    let cut = decoded(&[&format!("--stop-position={}", boundaries[8] + 100), &path]);
    assert_eq!(before.lines().count(), cut.lines().count());
    let inside = format!("--start-position={}", boundaries[2] + 1);
    let words = [
        "no event begins at",
        "the place is inside an event",
        "such as 4",
    ];
    fails(&[&inside, &path], 65, &words);
    fails(
        &["--start-position=99999999", &path],
        65,
        &["after the end of the file"],
    );
    fails(&["--start-position=3", &path], 2, &[]);
}

#[test]
fn gtid_sets_and_databases_take_what_mysqlbinlog_takes() {
    let (name, flavour) = WHOLE[0];
    let path = recording(name).display().to_string();
    let first = decoded(&[&path]);
    let (_, rest) = first.split_once("\"gtid\":\"").unwrap();
    let uuid = rest.split(':').next().unwrap();
    for numbers in ["1-9", "7", "9-100", "1:5:8-10"] {
        compare(
            flavour,
            &[&format!("--include-gtids={uuid}:{numbers}")],
            &path,
        );
        compare(
            flavour,
            &[&format!("--exclude-gtids={uuid}:{numbers}")],
            &path,
        );
    }
    assert!(compare(flavour, &["--database=shop"], &path) > 3);
    assert_eq!(compare(flavour, &["--database=other"], &path), 0);
    assert!(decoded(&["--replicate-do-table=shop.orders", &path]).contains("\"table\":\"orders\""));
    let renamed = decoded(&["--rewrite-db=shop->store", "--database=store", &path]);
    assert!(renamed.contains("\"db\":\"store\"") && !renamed.contains("\"db\":\"shop\""));
}

#[test]
fn mariadb_sets_are_everything_up_to_their_numbers() {
    let (name, _) = WHOLE[1];
    let path = recording(name).display().to_string();
    let all = decoded(&[&path]).lines().count();
    let some = decoded(&["--include-gtids=0-1-9", &path]).lines().count();
    let others = decoded(&["--exclude-gtids=0-1-9", &path]).lines().count();
    assert!(some > 0 && others > 0, "{some} and {others}");
    assert_eq!(some + others, all);
}

/// A MariaDB server whose sessions write as other servers and in other domains.
fn of_many_writers() -> (Server, String) {
    let server = Server::start(Flavour::MariaDb118, &[]);
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)");
    let (mut id, mut sql) = (0, String::new());
    for domain in [0, 3, 7] {
        for writer in [1, 20, 300] {
            for _ in 0..domain + 1 {
                id += 1;
                sql.push_str(&format!(
                    "SET gtid_domain_id = {domain}, server_id = {writer}; INSERT INTO shop.t VALUES ({id}); "
                ));
            }
        }
    }
    server.execute(&sql);
    let (file, _) = server.coordinates();
    let path = server.binlog_path(&file).display().to_string();
    (server, path)
}

#[test]
fn servers_and_domains_take_what_mariadb_binlog_takes() {
    let (server, path) = of_many_writers();
    let flavour = server.flavour();
    let all = compare(flavour, &[], &path);
    assert_eq!(all, 1);
    for options in [
        &["--server-id=20"][..],
        &["--server-id=9"],
        &["--do-server-ids=1,300"],
        &["--ignore-server-ids=1,300"],
        &["--do-domain-ids=3"],
        &["--do-domain-ids=3,7"],
        &["--ignore-domain-ids=7"],
        &["--ignore-domain-ids=7", "--do-server-ids=20"],
    ] {
        compare(flavour, options, &path);
    }
    let rows = |option: &str| decoded(&[option, &path]).matches("\"op\":\"c\"").count();
    assert_eq!(rows("--server-id=20"), 13);
    assert_eq!(rows("--do-domain-ids=3"), 12);
    fails(
        &["--do-domain-ids=3", "--ignore-domain-ids=7", &path],
        2,
        &[],
    );
}

#[test]
fn a_server_id_takes_what_mysqlbinlog_takes() {
    let (name, flavour) = WHOLE[0];
    let path = recording(name).display().to_string();
    assert!(compare(flavour, &["--server-id=1"], &path) > 3);
    assert_eq!(compare(flavour, &["--server-id=2"], &path), 0);
}

#[test]
fn an_offset_passes_over_as_many_events_as_mysqlbinlog_does() {
    for (name, flavour) in WHOLE {
        let path = recording(name).display().to_string();
        let listing = listing(flavour, &[&path]);
        let boundaries = boundaries(&listing);
        let starts: Vec<u64> = listing
            .lines()
            .filter_map(|line| line.strip_prefix("# at ")?.parse().ok())
            .collect();
        let mut starts = starts;
        starts.sort_unstable();
        for boundary in boundaries.iter().step_by(3) {
            let count = starts.iter().position(|start| start == boundary).unwrap();
            compare(flavour, &[&format!("--offset={count}")], &path);
        }
    }
}

#[test]
fn times_take_what_mysqlbinlog_takes() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let server = Server::start(flavour, &[]);
        server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)");
        let begin = 1_790_000_000;
        for number in 0..12 {
            let at = begin + number * 100;
            server.execute(&format!(
                "SET timestamp = {at}; INSERT INTO shop.t VALUES ({number}); UPDATE shop.t SET id = id + 100 WHERE id = {number}"
            ));
        }
        let (file, _) = server.coordinates();
        let path = server.binlog_path(&file).display().to_string();
        for second in [
            begin - 1,
            begin,
            begin + 1,
            begin + 500,
            begin + 1_100,
            begin + 1_101,
        ] {
            let at = jiff::Timestamp::from_second(second).unwrap();
            let text = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            compare(flavour, &[&format!("--start-datetime={text}")], &path);
            compare(flavour, &[&format!("--stop-datetime={text}")], &path);
        }
    }
}
