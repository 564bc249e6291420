//! A snapshot into Kafka, killed in its middle: what the topics come to is what the source holds.

use std::collections::BTreeMap;

use rdkafka::Message as _;
use serde_json::Value;

use super::load::{Contents, Load, held};
use super::{ONCE, STREAM, begin_filled};
use crate::support::{Flavour, Kafka};

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
    assert_eq!(copy, 2, "{topic}");
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
    let mut held = held(&server);
    held.retain(|table, _| matches!(&**table, "t" | "pair"));
    let rebuilt: Contents = ["t", "pair"]
        .map(|table| {
            (
                table.to_owned(),
                rows(kafka, &format!("{prefix}.a.{table}")),
            )
        })
        .into();
    if let Some(difference) = super::load::difference(&held, &rebuilt) {
        panic!("{flavour:?}, {delivery}: {difference}");
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
