//! Thousands of XA transactions that are undecided at once. The long run prints what they cost.

use std::fs;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::events::{ONCE, prepare};
use super::process::Folder;
use super::xa::{created, kept, values};
use crate::support::Flavour;

/// Memory that a run may take at its peak, which many undecided transactions must not raise much.
const MEMORY_KIB_MAX: u64 = 300 << 10;

fn count() -> i64 {
    match std::env::var("ROWTAP_TEST_FULL") {
        Ok(value) if value == "1" => 10_000,
        Ok(_) | Err(_) => 400,
    }
}

/// Runs to the source's end; how long that took.
fn timed(folder: &Folder) -> Duration {
    let begun = Instant::now();
    folder.succeeds(&ONCE);
    begun.elapsed()
}

/// The most memory that the process had.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}

#[test]
fn thousands_of_undecided_transactions_are_kept_in_little_memory() {
    let (server, folder) = prepare(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, name VARCHAR(900))");
    let count = count();
    let mut connection = server.connect();
    connection.query_drop("USE a").unwrap();
    for id in 0..count {
        for statement in [
            format!("XA START 'transaction {id}'"),
            format!("INSERT INTO t VALUES ({id}, REPEAT('x', 900))"),
            format!("XA END 'transaction {id}'"),
            format!("XA PREPARE 'transaction {id}'"),
        ] {
            connection.query_drop(&statement).unwrap();
        }
    }
    let first = timed(&folder);
    assert_eq!(kept(&folder).len(), usize::try_from(count).unwrap());
    let again = timed(&folder);

    let mut running = folder.start(&["run", "--http", "off", "shop.toml"]);
    let begun = Instant::now();
    for id in 0..1000 {
        let sql = format!("INSERT INTO a.t VALUES ({}, 'plain')", -1 - id);
        connection.query_drop(sql).unwrap();
    }
    running.until("the plain ones came", |_| values(&folder).len() == 1000);
    let plain = begun.elapsed();
    let peak = peak_kib(running.pid());
    assert!(peak < MEMORY_KIB_MAX, "{peak} KiB");
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));

    let checkpoint = fs::metadata(folder.path("state/shop/relay-log.info")).unwrap();
    fs::remove_dir_all(folder.path("state/shop/prepared")).unwrap();
    let lost = timed(&folder);
    assert_eq!(kept(&folder).len(), usize::try_from(count).unwrap());

    let mut expected = created(&(0..1000).map(|id| -1 - id).collect::<Vec<i64>>());
    for id in (0..count).rev() {
        connection
            .query_drop(format!("XA COMMIT 'transaction {id}'"))
            .unwrap();
    }
    expected.extend(created(&(0..count).rev().collect::<Vec<i64>>()));
    let decided = timed(&folder);
    assert_eq!(values(&folder), expected);
    assert!(kept(&folder).is_empty());
    println!(
        "{count} undecided: taken in {first:.1?}, a start with all of them {again:.1?}, 1000 plain transactions beside them \
         {plain:.1?}, peak {} MiB, checkpoint {} KiB; read again in {lost:.1?}; decided in {decided:.1?}",
        peak >> 10,
        checkpoint.len() >> 10,
    );
}
