//! Records that are larger than their topic takes: what stops the sink, and what goes elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};

use rdkafka::Message;
use rdkafka::message::Headers;
use rowtap::sink::{self, Sink, SinkError};

use super::kafka::{Block, kafka_sink, table};
use super::{checkpoint, run};
use crate::support::Kafka;

/// The limit of the topics here.
const LIMIT: usize = 20_000;

fn prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("large{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Publishes records of these many bytes under the keys 0, 1, …, each in a batch of its own.
fn publish(prefix: &str, more: &str, sizes: &[usize]) -> Result<sink::Kafka, SinkError> {
    let options = format!(
        ", \"topic_config\": {{\"max.message.bytes\": \"{LIMIT}\"}}, \"properties\": {{\"batch.size\": \"1\"}}{more}"
    );
    run(async {
        let mut sink = kafka_sink(&Kafka::shared().bootstrap(), prefix, &options);
        sink.resume_point().await?;
        let plan = sink.prepare(&table("orders", true)).await?;
        for (key, size) in sizes.iter().enumerate() {
            let mut block = Block::new(topic_of(&plan));
            block.push(Some(&key.to_string()), Some(&"x".repeat(*size)));
            sink.write(&mut block.records).await?;
        }
        sink.commit(&checkpoint(1)).await?;
        Ok(sink)
    })
}

/// Keys and sizes of the values in a topic.
fn found(topic: &str) -> Vec<(String, usize)> {
    let key = |key: Option<&[u8]>| String::from_utf8(key.unwrap().to_vec()).unwrap();
    let records = Kafka::shared().records(topic);
    let of = records
        .iter()
        .map(|it| (key(it.key()), it.payload().map_or(0, <[u8]>::len)));
    of.collect()
}

#[test]
fn a_record_that_is_too_large_is_told_with_topic_key_and_size_before_it_is_sent() {
    let prefix = prefix();
    let error = publish(&prefix, ", \"compression\": \"none\"", &[10, 50_000, 10])
        .err()
        .unwrap();
    assert_eq!(error.class().exit_code(), 69, "{error}");
    let text = error.to_string();
    for part in [
        "a record of 50001 bytes with the key 1 (1 bytes)",
        &format!("topic {prefix}.shop.orders (its max.message.bytes is {LIMIT})"),
        "dead_letter_topic",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(
        found(&format!("{prefix}.shop.orders")),
        [("0".to_owned(), 10)]
    );
}

#[test]
fn one_that_compression_makes_small_enough_passes() {
    let prefix = prefix();
    publish(&prefix, "", &[50_000]).unwrap();
    assert_eq!(found(&format!("{prefix}.shop.orders")).len(), 1);
}

#[test]
fn one_that_is_too_large_goes_whole_to_the_dead_letter_topic_and_is_counted() {
    let prefix = prefix();
    let more = format!(", \"dead_letter_topic\": \"{prefix}-dead\", \"compression\": \"none\"");
    let mut sink = publish(&prefix, &more, &[10, 50_000, 20, 3_000_000]).unwrap();
    assert_eq!(sink.take_dead_letters(), 2);
    assert_eq!(sink.take_dead_letters(), 0);
    let own = format!("{prefix}.shop.orders");
    assert_eq!(found(&own), [("0".to_owned(), 10), ("2".to_owned(), 20)]);
    let dead = format!("{prefix}-dead");
    assert_eq!(
        found(&dead),
        [("1".to_owned(), 50_000), ("3".to_owned(), 3_000_000)]
    );
    for record in Kafka::shared().records(&dead) {
        let headers = record.headers().unwrap();
        let named = headers.iter().find(|header| header.key == "topic").unwrap();
        assert_eq!(named.value, Some(own.as_bytes()));
        assert!(headers.iter().any(|header| header.key == "sequence"));
    }
}

/// The broker is the oracle: it takes a batch of its limit, and no byte more.
#[test]
fn the_size_is_that_which_the_broker_counts() {
    let prefix = prefix();
    let more = format!(", \"dead_letter_topic\": \"{prefix}-dead\", \"compression\": \"none\"");
    let sizes: Vec<usize> = (LIMIT - 260..LIMIT - 150).collect();
    let count = sizes.len();
    publish(&prefix, &more, &sizes).unwrap();
    let own = found(&format!("{prefix}.shop.orders"));
    let dead = found(&format!("{prefix}-dead"));
    assert_eq!(own.len() + dead.len(), count);
    assert!(
        !own.is_empty() && !dead.is_empty(),
        "{} {}",
        own.len(),
        dead.len()
    );
    // One byte more than the largest that the broker took is what it refuses.
    let (key, largest) = own.last().unwrap().clone();
    let prefix = super::kafka_large::prefix();
    publish(&prefix, "", &[10]).unwrap();
    let topic = format!("{prefix}.shop.orders");
    for (size, is_taken) in [(largest, true), (largest + 1, false)] {
        assert_eq!(takes(&topic, &key, size), is_taken, "{size}");
    }
}

/// Whether the broker takes such a record, sent by the library alone.
fn takes(topic: &str, key: &str, size: usize) -> bool {
    use rdkafka::message::{Header, OwnedHeaders};
    use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
    let (results, taken) = std::sync::mpsc::channel();
    let context = Told(results);
    let producer: ThreadedProducer<Told> =
        rdkafka::config::FromClientConfigAndContext::from_config_and_context(
            Kafka::shared().client().set("batch.size", "1"),
            context,
        )
        .unwrap();
    let mut headers = OwnedHeaders::new();
    let records = Kafka::shared().records(topic);
    for header in records[0].headers().unwrap().iter() {
        headers = headers.insert(Header {
            key: header.key,
            value: header.value,
        });
    }
    let value = "x".repeat(size);
    let record = BaseRecord::to(topic)
        .key(key)
        .payload(&value)
        .headers(headers);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(std::time::Duration::from_secs(60)).unwrap();
    taken.recv().unwrap()
}

struct Told(std::sync::mpsc::Sender<bool>);

impl rdkafka::ClientContext for Told {}

impl rdkafka::producer::ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::message::DeliveryResult<'_>, _opaque: ()) {
        let _ = self.0.send(result.is_ok());
    }
}

/// The topic of a plan.
fn topic_of(plan: &rowtap::encode::Plan) -> &str {
    &plan.destination.topic
}
