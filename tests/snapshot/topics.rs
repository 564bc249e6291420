//! A snapshot into Kafka, killed in its middle: what the topics come to is what the source holds.

use std::collections::BTreeMap;

use rdkafka::Message as _;
use serde_json::Value;

use super::load::{Contents, Load, held};
use super::ordered::{snapshot, streaming, until_done};
use super::{ONCE, STREAM, begin_filled};
use crate::support::{Flavour, Kafka, Server, is_full};

/// The last values by their keys; the copy was interrupted once.
fn rows(kafka: &Kafka, topic: &str) -> BTreeMap<String, i64> {
    let mut copy = 0;
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for record in kafka.records(topic) {
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        let Some(payload) = record.payload() else {
            rows.remove(&key);
            continue;
        };
        let value: Value = serde_json::from_slice(payload).unwrap();
        if value["op"] == "r" {
            let number = value["source"]["sequence"].as_u64().unwrap() >> 40;
            copy = copy.max(number);
        }
        match &value["after"] {
            Value::Null => drop(rows.remove(&key)),
            after => drop(rows.insert(key, after.to_string())),
        }
    }
    assert!(copy >= 2, "{topic}");
    rows.into_values().map(|row| (row, 1)).collect()
}

fn check(flavour: Flavour, delivery: &str) {
    let kafka = Kafka::shared();
    let (server, folder) = begin_filled(flavour);
    let prefix = format!("snapshot_{delivery}");
    let bootstrap = kafka.bootstrap();
    let folder = folder.replacing(
        "[sink]\ntype = 'file'\nfolder = '{dir}/changes'",
        &format!(
            "[snapshot]\nthreads = 2\nrows_per_second_max = 4000\n[sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\n\
             prefix = '{prefix}'\npartitions = 1\ndelivery = '{delivery}'"
        ),
    );
    let load = Load::start(&server, 2);
    let topic = format!("{prefix}.a.pair");
    let mut running = folder.start(&STREAM);
    running.until("rows come out", |_| {
        let is_there = kafka.topics().iter().any(|(name, _)| *name == topic);
        is_there && !kafka.records(&topic).is_empty()
    });
    running.signal("KILL");
    running.end();
    folder.succeeds(&ONCE);
    load.stop();
    folder.succeeds(&ONCE);
    is_same(&server, flavour, &prefix);
}

/// An ordered snapshot that is killed in its middle, of tables that the first one has copied.
fn check_ordered(flavour: Flavour, delivery: &str) {
    let kafka = Kafka::shared();
    let (server, folder) = begin_filled(flavour);
    let prefix = format!("ordered_{delivery}");
    let bootstrap = kafka.bootstrap();
    let sink = format!(
        "[sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\npartitions = 1\ndelivery = '{delivery}'"
    );
    let folder = folder.replacing("[sink]\ntype = 'file'\nfolder = '{dir}/changes'", &sink);
    folder.succeeds(&ONCE);
    let slow = "[snapshot]\nrows_per_second_max = 2000\n[sink]";
    let folder = folder.replacing("[sink]", slow);
    let load = Load::start(&server, 2);
    let topic = format!("{prefix}.a.t");
    let mut running = streaming(&folder);
    snapshot(&folder, &["--table", "a.t", "--table", "a.pair"]);
    running.until("rows come out", |_| {
        let is_ordered = |record: &rdkafka::message::OwnedMessage| {
            let payload = record.payload().unwrap_or_default();
            String::from_utf8_lossy(payload).contains(r#""snapshot":"incremental""#)
        };
        kafka.records(&topic).iter().any(is_ordered)
    });
    running.signal("KILL");
    running.end();
    let folder = folder.replacing("rows_per_second_max = 2000\n", "");
    let mut running = folder.start(&STREAM);
    until_done(&mut running, &folder);
    load.stop();
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    folder.succeeds(&ONCE);
    is_same(&server, flavour, &prefix);
}

/// Makes sure that the topics of tables with keys come to what the source holds.
fn is_same(server: &Server, flavour: Flavour, prefix: &str) {
    let kafka = Kafka::shared();
    let mut held = held(server);
    held.retain(|table, _| matches!(&**table, "t" | "pair"));
    let rebuilt = ["t", "pair"].map(|table| {
        let topic = format!("{prefix}.a.{table}");
        (table.to_owned(), rows(kafka, &topic))
    });
    let rebuilt: Contents = rebuilt.into();
    if let Some(difference) = super::load::difference(&held, &rebuilt) {
        panic!("{flavour:?}, {prefix}: {difference}");
    }
}

#[test]
fn an_ordered_snapshot_into_topics_comes_to_what_the_source_holds() {
    check_ordered(Flavour::MariaDb118, "at_least_once");
}

#[test]
fn an_ordered_snapshot_into_topics_exactly_once_comes_to_what_the_source_holds() {
    // It takes most of a minute; copies that are killed are written exactly once in the short run too.
    if is_full() {
        check_ordered(Flavour::MySql97, "exactly_once");
    }
}

#[test]
fn a_copy_into_topics_comes_to_what_the_source_holds() {
    check(Flavour::MySql97, "at_least_once");
}

#[test]
fn a_copy_into_topics_exactly_once_comes_to_what_the_source_holds() {
    check(Flavour::MariaDb1011, "exactly_once");
}
