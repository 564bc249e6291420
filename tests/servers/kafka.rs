//! The broker that the tests run against: records go in and come out, also after a kill.

use std::time::Duration;

use rdkafka::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::Kafka;

fn produce(kafka: &Kafka, topic: &str, keys: std::ops::Range<u32>) {
    let producer: BaseProducer = kafka
        .client()
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for key in keys {
        let (key, value) = (key.to_string(), format!("value {key}"));
        producer
            .send(BaseRecord::to(topic).key(&key).payload(&value))
            .unwrap();
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

fn keys(kafka: &Kafka, topic: &str) -> Vec<u32> {
    let mut keys: Vec<u32> = kafka
        .records(topic)
        .iter()
        .map(|record| {
            std::str::from_utf8(record.key().unwrap())
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    keys.sort_unstable();
    keys
}

#[test]
fn records_come_back_from_every_partition() {
    let kafka = Kafka::shared();
    kafka.create_topic("support.round-trip", 3);
    assert!(
        kafka
            .topics()
            .contains(&("support.round-trip".to_owned(), 3))
    );
    assert!(kafka.records("support.round-trip").is_empty());
    produce(kafka, "support.round-trip", 0..1000);
    assert_eq!(
        keys(kafka, "support.round-trip"),
        (0..1000).collect::<Vec<u32>>()
    );
    let first = &kafka.records("support.round-trip")[0];
    let key = std::str::from_utf8(first.key().unwrap()).unwrap();
    assert_eq!(first.payload().unwrap(), format!("value {key}").as_bytes());
}

#[test]
fn a_topic_exists_only_once_somebody_creates_it() {
    let kafka = Kafka::shared();
    let producer: BaseProducer = kafka
        .client()
        .set("message.timeout.ms", "1000")
        .create()
        .unwrap();
    producer
        .send(BaseRecord::<(), [u8]>::to("support.nobody-created-me").payload(b"x"))
        .unwrap();
    producer.flush(Duration::from_secs(60)).unwrap();
    assert!(
        kafka
            .topics()
            .iter()
            .all(|(name, _)| name != "support.nobody-created-me")
    );
}

#[test]
fn a_broker_comes_back_with_its_records_after_a_stop_and_after_sigkill() {
    let kafka = Kafka::start();
    let bootstrap = kafka.bootstrap();
    kafka.create_topic("t", 1);
    produce(&kafka, "t", 0..10);
    kafka.stop();
    kafka.start_again();
    produce(&kafka, "t", 10..20);
    kafka.kill();
    kafka.start_again();
    produce(&kafka, "t", 20..30);
    assert_eq!(keys(&kafka, "t"), (0..30).collect::<Vec<u32>>());
    assert_eq!(kafka.bootstrap(), bootstrap);
}
