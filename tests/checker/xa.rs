//! The workload with XA transactions, which are prepared before and decided after kills of rowtap, restarts of the source and
//! losses of the state folder.

use super::{is_full, runs_clean};
use crate::support::checker::{Scenario, Sink, Workload};
use crate::support::{Flavour, Kafka};

#[track_caller]
fn check(flavour: Flavour, sink: Sink<'_>, seed: u64) {
    let (changes, kills, restarts, forgets) = if is_full() {
        (40_000, 20, 5, 3)
    } else {
        (3_000, 4, 1, 1)
    };
    let scenario = Scenario {
        kills,
        restarts,
        forgets,
        ..Scenario::undisturbed(flavour, sink, Workload::with_xa(seed, changes))
    };
    runs_clean(&scenario);
}

#[test]
fn xa_transactions_of_mysql_come_out_once_and_whole() {
    check(Flavour::MySql97, Sink::Files, 601);
}

#[test]
fn xa_transactions_of_mariadb_come_out_once_and_whole() {
    let (kafka, prefix) = (Kafka::shared(), "xa-mariadb");
    check(Flavour::MariaDb1011, Sink::Topics { kafka, prefix }, 602);
}

/// To files and to Kafka.
fn check_both(flavour: Flavour, prefix: &str, seed: u64) {
    if is_full() {
        let kafka = Kafka::shared();
        check(flavour, Sink::Topics { kafka, prefix }, seed);
        check(flavour, Sink::Files, seed + 10);
    }
}

#[test]
fn xa_transactions_of_mysql_5_7_come_out_once_and_whole() {
    check_both(Flavour::MySql57, "xa-mysql-5.7", 603);
}

#[test]
fn xa_transactions_of_mysql_8_0_come_out_once_and_whole() {
    check_both(Flavour::MySql80, "xa-mysql-8.0", 604);
}

#[test]
fn xa_transactions_of_mariadb_11_8_come_out_once_and_whole() {
    check_both(Flavour::MariaDb118, "xa-mariadb-11.8", 606);
}

#[test]
fn xa_transactions_of_mysql_come_out_of_kafka_once_and_whole() {
    if is_full() {
        let (kafka, prefix) = (Kafka::shared(), "xa-mysql-9.7");
        check(Flavour::MySql97, Sink::Topics { kafka, prefix }, 605);
    }
}

#[test]
fn xa_transactions_of_mariadb_come_out_of_files_once_and_whole() {
    if is_full() {
        check(Flavour::MariaDb1011, Sink::Files, 620);
    }
}
