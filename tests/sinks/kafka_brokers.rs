//! Brokers as they are found: with the metadata of an older release, without transactions or the right to them, with leaders
//! that move.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::Message as _;
use rowtap::sink::Sink;
use serde_json::json;
use tempfile::NamedTempFile;

use super::kafka::{Block, kafka_sink};
use super::kafka_security::{login, publish, refusal};
use super::{checkpoint, run};
use crate::support::Kafka;

const ONCE: &str = ", \"delivery\": \"exactly_once\"";

/// The numbers in a topic, in order.
fn numbers(kafka: &Kafka, topic: &str) -> Vec<u64> {
    let records = kafka.records(topic);
    let number = |payload: Option<&[u8]>| {
        let text = std::str::from_utf8(payload.unwrap()).unwrap();
        text.parse().unwrap()
    };
    records
        .iter()
        .map(|record| number(record.payload()))
        .collect()
}

#[test]
fn a_cluster_that_has_the_metadata_of_kafka_3_3_will_do() {
    let kafka = Kafka::start_with(&["release=3.3"]);
    publish(&kafka, "older", "").unwrap();
    let open = || kafka_sink(&kafka.bootstrap(), "older-once", ONCE);
    let topic = "older-once.shop.orders";
    kafka.create_topic(topic, 1);
    run(async {
        let mut elder = open();
        assert_eq!(elder.resume_point().await.unwrap(), None);
        elder.write(&mut Block::of(topic, 0..10)).await.unwrap();
        elder.commit(&checkpoint(10)).await.unwrap();
        elder.write(&mut Block::of(topic, 10..20)).await.unwrap();
        // What is open is ended, and its producer is shut out.
        let mut younger = open();
        let resumed = younger.resume_point().await.unwrap();
        assert_eq!(resumed, Some(checkpoint(10)));
        elder.commit(&checkpoint(20)).await.unwrap_err();
        younger.write(&mut Block::of(topic, 10..30)).await.unwrap();
        younger.commit(&checkpoint(30)).await.unwrap();
    });
    assert_eq!(numbers(&kafka, topic), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_cluster_that_cannot_make_its_topic_of_transactions_is_told() {
    let kafka = Kafka::start_with(&["transaction.state.log.replication.factor=3"]);
    publish(&kafka, "repeated", "").unwrap();
    let text = refusal(&kafka, "once", ONCE);
    assert!(
        text.contains("rowtap.once.once")
            && text.contains("transaction.state.log.replication.factor"),
        "{text}"
    );
}

#[test]
fn a_transactional_id_that_is_not_granted_is_told_with_what_to_grant() {
    let kafka = Kafka::start_with_accounts();
    let admin = NamedTempFile::new().unwrap();
    let login_of_admin = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"admin-secret\";\n";
    fs::write(admin.path(), login_of_admin).unwrap();
    let grant = |on: &[&str]| {
        let mut arguments = vec!["--command-config", admin.path().to_str().unwrap(), "--add"];
        arguments.extend(["--allow-principal", "User:alice", "--operation", "All"]);
        arguments.extend(on);
        kafka.tool("org.apache.kafka.tools.AclCommand", &arguments);
    };
    grant(&["--topic", "*"]);
    grant(&["--cluster"]);
    let options = login("PLAIN", "alice", "alice-secret") + ONCE;
    let text = refusal(&kafka, "own", &options);
    assert!(
        text.contains("rowtap.own.own")
            && text.contains("WRITE and DESCRIBE on the transactional id"),
        "{text}"
    );
    grant(&["--transactional-id", "rowtap.own.own"]);
    publish(&kafka, "own", &options).unwrap();
}

/// Has each partition led by the next broker, in turn, while `until` is not set.
fn move_leaders(kafka: &Kafka, topics: &[(&str, usize)], is_over: &AtomicBool) {
    let mut leaders = BTreeSet::new();
    for turn in 0..6 {
        let replicas: Vec<usize> = (0..3).map(|number| (turn + number) % 3 + 1).collect();
        let partitions = topics.iter().flat_map(|(topic, count)| {
            let replicas = &replicas;
            (0..*count).map(move |partition| json!({"topic": topic, "partition": partition, "replicas": replicas}))
        });
        let plan = json!({"version": 1, "partitions": partitions.collect::<Vec<_>>()});
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), plan.to_string()).unwrap();
        let file = file.path().to_str().unwrap();
        let reassign = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
        kafka.tool(reassign, &["--execute", "--reassignment-json-file", file]);
        let elect = "org.apache.kafka.tools.LeaderElectionCommand";
        let preferred = ["--election-type", "preferred", "--all-topic-partitions"];
        kafka.tool(elect, &preferred);
        leaders.insert(kafka.leader(topics[0].0));
    }
    assert!(leaders.len() > 1, "no leader moved: {leaders:?}");
    is_over.store(true, Ordering::Relaxed);
}

#[test]
fn leaders_that_move_cost_nothing() {
    if std::env::var_os("ROWTAP_TEST_FULL").is_none() {
        return;
    }
    let kafka = Kafka::start_three(|_, _| Vec::new());
    for (name, delivery) in [("moved", ""), ("moved-once", ONCE)] {
        let topic = format!("{name}.shop.orders");
        kafka.create_topic(&topic, 1);
        let checkpoints = format!("{name}.rowtap.checkpoints");
        let is_over = AtomicBool::new(false);
        let mut sink = kafka_sink(&kafka.bootstrap(), name, delivery);
        run(async { sink.resume_point().await }).unwrap();
        let mut moving = vec![(&*topic, 1)];
        if !delivery.is_empty() {
            moving.extend([(&*checkpoints, 1), ("__transaction_state", 1)]);
        }
        let written = std::thread::scope(|scope| {
            scope.spawn(|| move_leaders(&kafka, &moving, &is_over));
            run(async {
                let mut written = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let mut block = Block::of(&topic, written..written + 50);
                    sink.write(&mut block).await.unwrap();
                    written += 50;
                    sink.commit(&checkpoint(written)).await.unwrap();
                }
                written
            })
        });
        let found = numbers(&kafka, &topic);
        assert!(
            found == (0..written).collect::<Vec<_>>(),
            "{name}: {} of {written}",
            found.len()
        );
    }
}
