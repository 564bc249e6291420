//! The Kafka sink against a real broker: order, identity, partitions, outages, and what is refused.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};
use rowtap::encode::{OtherKey, Record, RecordIdentity, RecordOp, Records};
use rowtap::row::{Table, TableName};
use rowtap::sink::{self, KafkaOptions, Sink, SinkError};

use super::contract::{self, Subject, begin, write};
use super::{checkpoint, run};
use crate::support::{Kafka, Random};

const TABLE_TOPIC: &str = "{prefix}.shop.orders";

/// A connector's topics on a broker.
struct Topics<'a> {
    kafka: &'a Kafka,
    prefix: String,
    options: String,
}

impl<'a> Topics<'a> {
    fn new(kafka: &'a Kafka) -> Self {
        Self::with(kafka, "")
    }

    /// With further options, as in a connector file: `, "partitions": 3`.
    fn with(kafka: &'a Kafka, options: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            kafka,
            prefix: format!("sink{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            options: options.to_owned(),
        }
    }

    fn topic(&self) -> String {
        TABLE_TOPIC.replace("{prefix}", &self.prefix)
    }

    fn records(&self) -> Vec<OwnedMessage> {
        self.kafka.records(&self.topic())
    }

    /// A sink with the table's topic made, at the beginning of its stream.
    async fn begun(&self) -> sink::Kafka {
        let mut sink = begin(self).await;
        let plan = sink.prepare(&table("orders", true)).await.unwrap();
        assert_eq!(*plan.destination.topic, *self.topic());
        sink
    }
}

impl Subject for Topics<'_> {
    type Sink = sink::Kafka;
    const ONCE: bool = false;

    fn open(&self) -> sink::Kafka {
        kafka_sink(&self.kafka.bootstrap(), &self.prefix, &self.options)
    }

    fn block(&self, numbers: Range<u64>) -> Records {
        Block::of(&self.topic(), numbers)
    }

    fn read(&self) -> Vec<u64> {
        values(&self.records())
    }
}

pub fn kafka_sink(bootstrap: &str, connector: &str, options: &str) -> sink::Kafka {
    let options = format!("{{\"bootstrap_servers\": {bootstrap:?}{options}}}");
    let options: KafkaOptions = serde_json::from_str(&options).unwrap();
    sink::Kafka::new(options, connector).unwrap()
}

fn values(records: &[OwnedMessage]) -> Vec<u64> {
    let number = |record: &OwnedMessage| text(record.payload()).unwrap().parse().unwrap();
    records.iter().map(number).collect()
}

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

pub fn table(name: &str, keyed: bool) -> Arc<Table> {
    let key = if keyed { vec![0] } else { Vec::new() };
    Arc::new(Table::new(TableName::new("shop", name), Vec::new(), key))
}

/// Records of one group, made without an encoder so that each test says what is in them.
pub struct Block {
    /// What is in it so far.
    pub records: Records,
}

impl Block {
    pub fn new(topic: &str) -> Self {
        let mut records = Records {
            topics: vec![topic.into()],
            ..Records::default()
        };
        let mut add = |text: &str| arena(&mut records.arena, text);
        let group = RecordIdentity {
            source: add("3e11fa47-71ca-11e1-9e33-c80aa9429562"),
            file: add("binlog.000007"),
            position: add("1234"),
            gtid: add("3e11fa47-71ca-11e1-9e33-c80aa9429562:23"),
            ..RecordIdentity::default()
        };
        records.groups.push(group);
        Self { records }
    }

    /// The records of changes with these numbers, all under one key.
    pub fn of(topic: &str, numbers: Range<u64>) -> Records {
        let mut block = Self::new(topic);
        for number in numbers {
            block.push(Some("same"), Some(&number.to_string()));
        }
        block.records
    }

    pub fn push(&mut self, key: Option<&str>, value: Option<&str>) -> &mut Record {
        let arena_of = &mut self.records.arena;
        let record = Record {
            topic: Some(0),
            key: key.map(|key| arena(arena_of, key)),
            partition: None,
            op: RecordOp::Create,
            value: value.map(|value| arena(arena_of, value)),
            group: 0,
            sequence: self.records.records.len() as u64,
            other_key: None,
            partial: false,
            routed: None,
        };
        self.records.records.push(record);
        self.records.records.last_mut().unwrap()
    }
}

fn arena(arena: &mut Vec<u8>, text: &str) -> Range<u32> {
    let start = u32::try_from(arena.len()).unwrap();
    arena.extend(text.bytes());
    start..u32::try_from(arena.len()).unwrap()
}

#[test]
fn the_contract_holds() {
    contract::holds(|_| {
        let topics = Topics::new(Kafka::shared());
        // The contract's blocks go where `prepare` would have made a topic.
        Kafka::shared().create_topic(&topics.topic(), 1);
        topics
    });
}

#[test]
fn every_record_carries_its_identity_in_headers() {
    let topics = Topics::new(Kafka::shared());
    run(async {
        let mut sink = topics.begun().await;
        let mut block = Block::new(&topics.topic());
        block.push(Some("1"), Some("created"));
        let old = arena(&mut block.records.arena, "1");
        let new = arena(&mut block.records.arena, "2");
        block.push(Some("1"), Some("deleted")).other_key = Some(OtherKey::New(new));
        block.push(Some("1"), None);
        let record = block.push(Some("2"), Some("created"));
        record.other_key = Some(OtherKey::Old(old));
        record.partial = true;
        block.push(None, Some("ddl")).topic = None;
        sink.write(&mut block.records).await.unwrap();
        sink.commit(&checkpoint(4)).await.unwrap();
    });
    let identity = |sequence: u32| {
        format!(
            "source=3e11fa47-71ca-11e1-9e33-c80aa9429562 file=binlog.000007 pos=1234 \
             gtid=3e11fa47-71ca-11e1-9e33-c80aa9429562:23 sequence={sequence}"
        )
    };
    let found: Vec<_> = topics.records().iter().map(summary).collect();
    let expected = [
        ("1", Some("created"), identity(0)),
        ("1", Some("deleted"), identity(1) + " new_key=2"),
        ("1", None, identity(2)),
        (
            "2",
            Some("created"),
            identity(3) + " partial=true old_key=1",
        ),
    ]
    .map(|(key, value, headers)| (Some(key.to_owned()), value.map(str::to_owned), headers));
    assert_eq!(found, expected);
    let ddl: Vec<_> = topics
        .kafka
        .records(&topics.prefix)
        .iter()
        .map(summary)
        .collect();
    assert_eq!(ddl, [(None, Some("ddl".to_owned()), identity(4))]);
}

fn summary(record: &OwnedMessage) -> (Option<String>, Option<String>, String) {
    let headers: Vec<String> = record
        .headers()
        .unwrap()
        .iter()
        .map(|header| format!("{}={}", header.key, text(header.value).unwrap()))
        .collect();
    (
        text(record.key()),
        text(record.payload()),
        headers.join(" "),
    )
}

/// Kafka's own test of its default partitioner gives these hashes.
#[test]
fn keys_lie_in_the_partitions_where_java_clients_put_them() {
    const PARTITIONS: i32 = 7;
    let hashes = [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        (
            "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
            -58_897_971,
        ),
        ("abc", 479_470_107),
    ];
    let topics = Topics::with(Kafka::shared(), ", \"partitions\": 7");
    run(async {
        let mut sink = topics.begun().await;
        let mut block = Block::new(&topics.topic());
        for (key, _) in hashes {
            block.push(Some(key), Some("row"));
        }
        for _ in 0..20 {
            block.push(None, Some("keyless"));
        }
        sink.write(&mut block.records).await.unwrap();
        sink.commit(&checkpoint(1)).await.unwrap();
    });
    let records = topics.records();
    assert_eq!(records.len(), hashes.len() + 20);
    for record in records {
        let key = text(record.key());
        let partition = hashes
            .iter()
            .find(|(hashed, _)| key.as_deref() == Some(hashed))
            .map_or(0, |(_, hash)| (hash & i32::MAX) % PARTITIONS);
        assert_eq!(record.partition(), partition, "{key:?}");
    }
}

#[test]
fn topics_are_made_as_configured_and_taken_as_they_are() {
    let kafka = Kafka::shared();
    let topics = Topics::with(
        kafka,
        ", \"partitions\": 3, \"replication_factor\": 1, \"topic_config\": {\"cleanup.policy\": \"compact\"}",
    );
    kafka.create_topic(&format!("{}.shop.older", topics.prefix), 5);
    run(async {
        let mut sink = begin(&topics).await;
        for (name, keyed) in [("orders", true), ("log$s", false), ("older", true)] {
            sink.prepare(&table(name, keyed)).await.unwrap();
            sink.prepare(&table(name, keyed)).await.unwrap();
        }
        // A compacted topic would refuse this one.
        let mut block = Block::new(&format!("{}.shop.log_s", topics.prefix));
        block.push(None, Some("row"));
        sink.write(&mut block.records).await.unwrap();
        sink.commit(&checkpoint(1)).await.unwrap();
    });
    let own: Vec<(String, usize)> = kafka
        .topics()
        .into_iter()
        .filter(|(name, _)| name.split('.').next() == Some(&topics.prefix))
        .map(|(name, partitions)| (name.replace(&topics.prefix, "p"), partitions))
        .collect();
    let expected = [
        ("p", 1),
        ("p.shop.log_s", 3),
        ("p.shop.older", 5),
        ("p.shop.orders", 3),
    ];
    assert_eq!(own, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn two_tables_with_one_topic_stop_the_second() {
    let topics = Topics::new(Kafka::shared());
    run(async {
        let mut sink = begin(&topics).await;
        sink.prepare(&table("a$b", true)).await.unwrap();
        let error = sink.prepare(&table("a b", true)).await.err().unwrap();
        assert!(
            error
                .to_string()
                .starts_with("shop.a$b and shop.a b both go to topic"),
            "{error}"
        );
        assert_eq!(error.class().exit_code(), 78);
    });
}

#[test]
fn a_queue_far_smaller_than_the_block_keeps_order_and_lets_a_large_record_pass() {
    let topics = Topics::with(Kafka::shared(), ", \"queue_bytes\": \"64KiB\"");
    run(async {
        let mut sink = topics.begun().await;
        write(&topics, &mut sink, 0..20_000).await;
        let mut block = Block::new(&topics.topic());
        let large = format!("{}20000", "0".repeat(700_000));
        block.push(Some("same"), Some(&large));
        sink.write(&mut block.records).await.unwrap();
        write(&topics, &mut sink, 20_001..20_100).await;
        sink.commit(&checkpoint(20_100)).await.unwrap();
    });
    assert_eq!(topics.read(), (0..20_100).collect::<Vec<_>>());
}

#[test]
fn a_record_that_is_too_large_stops_the_sink_and_is_not_overtaken() {
    // The limit is that of what is sent, which LZ4 makes no smaller here.
    let topics = Topics::new(Kafka::shared());
    let mut random = Random::new(7, 0);
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    let large: String = (0..2_000_000).map(|_| *random.pick(&letters)).collect();
    let error = run(async {
        let mut sink = topics.begun().await;
        write(&topics, &mut sink, 0..10).await;
        sink.commit(&checkpoint(10)).await.unwrap();
        let mut block = topics.block(10..20);
        let value = arena(&mut block.arena, &large);
        block.records[3].value = Some(value);
        sink.write(&mut block).await.unwrap();
        // The failure is told by whichever call is next once it is known.
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Err(error) = sink.write(&mut topics.block(20..21)).await {
                break error;
            }
            assert!(Instant::now() < deadline);
        }
    });
    let SinkError::KafkaTooLarge {
        topic,
        bytes,
        key_bytes,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((topic, *bytes, *key_bytes), (&topics.topic(), 2_000_004, 4));
    assert!(!error.class().is_transient());
    assert_eq!(error.class().exit_code(), 69);
    let found = topics.read();
    assert!(found.len() <= 13, "{found:?}");
    assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_is_killed_and_comes_back_costs_nothing() {
    let kafka = Kafka::start();
    let topics = Topics::with(&kafka, ", \"partitions\": 2");
    run(async {
        let mut sink = topics.begun().await;
        let mut written = 0;
        for round in 0..2 {
            write(&topics, &mut sink, written..written + 3000).await;
            written += 3000;
            if round == 0 {
                sink.commit(&checkpoint(written)).await.unwrap();
            }
            kafka.kill();
            write(&topics, &mut sink, written..written + 3000).await;
            written += 3000;
            tokio::task::block_in_place(|| kafka.start_again());
            sink.commit(&checkpoint(written)).await.unwrap();
        }
    });
    assert_eq!(topics.read(), (0..12_000).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_stays_away_ends_the_run_for_a_later_one() {
    let kafka = Kafka::start();
    let topics = Topics::with(&kafka, ", \"delivery_timeout\": \"2s\"");
    let error = run(async {
        let mut sink = topics.begun().await;
        write(&topics, &mut sink, 0..10).await;
        sink.commit(&checkpoint(10)).await.unwrap();
        kafka.kill();
        write(&topics, &mut sink, 10..20).await;
        sink.commit(&checkpoint(20)).await.unwrap_err()
    });
    assert!(
        matches!(error, SinkError::KafkaStalled { in_flight: 10, .. }),
        "{error}"
    );
    assert!(error.class().is_transient());
    kafka.start_again();
    run(async {
        let mut sink = topics.open();
        sink.resume_point().await.unwrap();
        sink.prepare(&table("orders", true)).await.unwrap();
        write(&topics, &mut sink, 10..20).await;
        sink.commit(&checkpoint(20)).await.unwrap();
    });
    assert_eq!(topics.read(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_broker_that_is_not_there_at_start_is_a_transient_error() {
    let mut sink = kafka_sink("127.0.0.1:1", "nowhere", "");
    let start = Instant::now();
    let error = run(async { sink.resume_point().await }).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert!(error.class().is_transient());
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1:1 within 10s (") && text.contains("refused"),
        "{text}"
    );
}

#[test]
fn options_that_would_break_a_promise_are_refused_by_name() {
    for (property, hint) in [
        ("acks", "remove it"),
        ("enable.idempotence", "remove it"),
        ("partitioner", "remove it"),
        ("transactional.id", "remove it"),
        ("message.timeout.ms", "delivery_timeout"),
        ("sasl.password", "sasl_password"),
        ("no.such.property", "No such configuration property"),
    ] {
        let options = format!(
            "{{\"bootstrap_servers\": \"kafka:9092\", \"properties\": {{{property:?}: \"hidden\"}}}}"
        );
        let options: KafkaOptions = serde_json::from_str(&options).unwrap();
        assert!(!format!("{options:?}").contains("hidden"));
        let error = sink::Kafka::new(options, "shop").err().unwrap();
        let text = error.to_string();
        assert!(text.contains(property) && text.contains(hint), "{text}");
        assert!(!text.contains("hidden"), "{text}");
        assert_eq!(error.class().exit_code(), 78);
    }
}

#[test]
fn passwords_do_not_show() {
    let options: KafkaOptions = serde_json::from_str(
        r#"{"bootstrap_servers": "kafka:9092", "sasl_password": "hunter2", "ssl_key_password": "hunter3"}"#,
    )
    .unwrap();
    assert!(!format!("{options:?}").contains("hunter"));
}
