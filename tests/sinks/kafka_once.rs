//! Exactly-once delivery to a real broker: what is committed and what is not, who may go on, and topics of checkpoints that
//! will not do.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, Headers, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rowtap::encode::{GroupCount, Records};
use rowtap::row::TableName;
use rowtap::sink::{self, KafkaOptions, Sink, SinkError};
use rowtap::state::Notes;

use super::contract::{self, Subject, begin, write};
use super::kafka::{Block, table};
use super::{checkpoint, run};
use crate::support::{Kafka, wait_until};

/// How long Kafka may take to end a transaction, which it looks for every ten seconds.
const END_MAX: Duration = Duration::from_secs(60);

/// A connector's topics.
struct Topics {
    prefix: String,
    options: KafkaOptions,
}

impl Topics {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let prefix = format!("once{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let options = options(&prefix, more);
        Self { prefix, options }
    }

    fn topic(&self) -> String {
        format!("{}.shop.orders", self.prefix)
    }

    fn checkpoints(&self) -> String {
        format!("{}.rowtap.checkpoints", self.prefix)
    }

    /// The same connector in another process.
    fn elsewhere(&self) -> Self {
        Self {
            prefix: self.prefix.clone(),
            options: options(&self.prefix, ""),
        }
    }

    /// A sink with the table's topic made, at the beginning of its stream.
    async fn begun(&self) -> sink::Kafka {
        let mut sink = begin(self).await;
        sink.prepare(&table("orders", true)).await.unwrap();
        sink
    }

    async fn refused(&self) -> SinkError {
        self.open().resume_point().await.unwrap_err()
    }

    /// What each record in the topic of checkpoints says who wrote it.
    fn writers(&self) -> Vec<String> {
        let records = Kafka::shared().records(&self.checkpoints());
        records.iter().map(|it| header(it, "instance")).collect()
    }
}

impl Subject for Topics {
    type Sink = sink::Kafka;
    const ONCE: bool = true;

    fn open(&self) -> sink::Kafka {
        sink::Kafka::new(self.options.clone(), &self.prefix).unwrap()
    }

    fn block(&self, numbers: Range<u64>) -> Records {
        Block::of(&self.topic(), numbers)
    }

    fn read(&self) -> Vec<u64> {
        let number = |record: &OwnedMessage| {
            let text = std::str::from_utf8(record.payload().unwrap()).unwrap();
            text.parse().unwrap()
        };
        let records = Kafka::shared().records(&self.topic());
        records.iter().map(number).collect()
    }
}

fn options(prefix: &str, more: &str) -> KafkaOptions {
    let bootstrap = Kafka::shared().bootstrap();
    let options = format!(
        "{{\"bootstrap_servers\": {bootstrap:?}, \"prefix\": {prefix:?}, \"delivery\": \"exactly_once\"{more}}}"
    );
    serde_json::from_str(&options).unwrap()
}

fn header(record: &OwnedMessage, name: &str) -> String {
    let headers = record.headers().unwrap();
    let found = headers.iter().find(|header| header.key == name).unwrap();
    String::from_utf8(found.value.unwrap().to_vec()).unwrap()
}

/// How many records a topic holds, committed or not.
fn in_log(topic: &str) -> i64 {
    Kafka::shared().logged(topic).unwrap()
}

/// Creates the topic of checkpoints with this policy.
fn create(topics: &Topics, partitions: u16, policy: &str) {
    let settings = [("cleanup.policy", policy)];
    Kafka::shared().create_topic_with(&topics.checkpoints(), partitions, &settings);
}

/// Writes a record into a topic.
fn produce(topic: &str, key: &str, value: Option<&str>, headers: &[(&str, &str)]) {
    let producer: BaseProducer = Kafka::shared().client().create().unwrap();
    let headers = headers
        .iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| {
            all.insert(Header {
                key,
                value: Some(*value),
            })
        });
    let mut record = BaseRecord::to(topic).key(key).partition(0).headers(headers);
    if let Some(value) = value {
        record = record.payload(value);
    }
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(60)).unwrap();
}

#[test]
fn the_contract_holds() {
    contract::holds(|_| {
        let topics = Topics::new();
        Kafka::shared().create_topic(&topics.topic(), 1);
        topics
    });
}

#[test]
fn what_was_not_committed_is_never_seen() {
    let topics = Topics::new();
    run(async {
        let mut sink = topics.begun().await;
        write(&topics, &mut sink, 0..10).await;
        wait_until("they are in the log", END_MAX, || {
            in_log(&topics.topic()) == 10
        });
        drop(sink);
        // It waits for no timeout: the end of the sink has ended its transaction.
        let mut sink = topics.open();
        assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(0)));
        write(&topics, &mut sink, 0..5).await;
        sink.commit(&checkpoint(5)).await.unwrap();
    });
    assert_eq!(topics.read(), (0..5).collect::<Vec<_>>());
    // Both, and the end of each transaction.
    assert_eq!(in_log(&topics.topic()), 17);
}

#[test]
fn the_checkpoint_is_the_text_of_relay_log_info() {
    let topics = Topics::new();
    run(async {
        let mut sink = topics.begun().await;
        sink.commit(&checkpoint(10)).await.unwrap();
    });
    let records = Kafka::shared().records(&topics.checkpoints());
    let last = records.last().unwrap();
    assert_eq!(last.key(), Some(topics.prefix.as_bytes()));
    let stored = rowtap::state::relay_log_info::decode(last.payload().unwrap());
    assert_eq!(stored.unwrap(), checkpoint(10));
    assert_eq!(header(last, "instance"), header(last, "folder"));
}

#[test]
fn an_idle_connector_opens_no_transaction() {
    let topics = Topics::new();
    run(async {
        let mut sink = topics.begun().await;
        sink.commit(&checkpoint(10)).await.unwrap();
        let before = Kafka::shared().written(&topics.checkpoints()).unwrap();
        for _ in 0..10 {
            sink.commit(&checkpoint(10)).await.unwrap();
        }
        assert_eq!(sink.commit_wanted(true), None);
        let after = Kafka::shared().written(&topics.checkpoints()).unwrap();
        assert_eq!(before, after);
    });
}

#[test]
fn a_commit_is_wanted_at_once_when_the_source_rests_and_soon_while_little_flows() {
    let topics = Topics::new();
    run(async {
        let mut sink = topics.begun().await;
        assert_eq!(sink.commit_wanted(true), None);
        write(&topics, &mut sink, 0..1).await;
        let (rests, flows) = (sink.commit_wanted(true), sink.commit_wanted(false));
        assert!(rests.unwrap() <= Instant::now());
        let between = flows.unwrap() - rests.unwrap();
        assert!(between <= Duration::from_millis(50), "{between:?}");
        // Much is not committed in little parts.
        write(&topics, &mut sink, 1..60_000).await;
        let between = sink.commit_wanted(false).unwrap() - sink.commit_wanted(true).unwrap();
        assert_eq!(between, Duration::from_millis(500));
    });
}

#[test]
fn notes_are_stored_with_the_checkpoint_that_relies_on_them() {
    let topics = Topics::new();
    let mut notes = Notes::default();
    notes.set("told/000001".to_owned(), Some(b"{}\n".to_vec()));
    notes.set("skip-orders".to_owned(), Some(b"1".to_vec()));
    run(async {
        let mut sink = topics.begun().await;
        assert_eq!(sink.kept_notes(), Notes::default());
        sink.keep_notes(notes.clone());
        // Not before they are committed.
        assert_eq!(sink.kept_notes(), Notes::default());
        sink.commit(&checkpoint(0)).await.unwrap();
        assert_eq!(sink.kept_notes(), notes);
        drop(sink);
        let mut sink = topics.open();
        assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(0)));
        assert_eq!(sink.kept_notes(), notes);
        notes.set("skip-orders".to_owned(), None);
        sink.keep_notes(notes.clone());
        drop(sink);
        // What was not committed is forgotten.
        let mut sink = topics.open();
        sink.resume_point().await.unwrap();
        assert_ne!(sink.kept_notes(), notes);
        sink.keep_notes(notes.clone());
        sink.commit(&checkpoint(1)).await.unwrap();
        drop(sink);
        let mut sink = topics.open();
        assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(1)));
        assert_eq!(sink.kept_notes(), notes);
    });
}

#[test]
fn whoever_comes_last_goes_on_and_the_other_is_fenced() {
    let elder = Topics::new();
    let younger = elder.elsewhere();
    run(async {
        let mut first = elder.begun().await;
        write(&elder, &mut first, 0..10).await;
        first.commit(&checkpoint(10)).await.unwrap();
        write(&elder, &mut first, 10..20).await;

        let mut second = younger.open();
        assert_eq!(second.resume_point().await.unwrap(), Some(checkpoint(10)));
        // The elder learns it at its next commit, and why at its next start. It shuts nobody out.
        let lost = first.commit(&checkpoint(20)).await.unwrap_err();
        assert!(lost.class().is_transient(), "{lost}");
        drop(first);
        let fenced = elder.refused().await;
        assert_eq!(fenced.class().exit_code(), 76, "{fenced}");
        assert!(matches!(fenced, SinkError::KafkaFenced { .. }), "{fenced}");

        second.commit(&checkpoint(10)).await.unwrap();
        write(&younger, &mut second, 10..30).await;
        second.commit(&checkpoint(30)).await.unwrap();
    });
    assert_eq!(elder.read(), (0..30).collect::<Vec<_>>());
    let writers = BTreeSet::from_iter(elder.writers());
    assert_eq!(writers.len(), 2);
}

#[test]
fn one_whose_transaction_timed_out_goes_on() {
    let topics = Topics::with(", \"transaction_timeout\": \"2s\"");
    run(async {
        let mut sink = topics.begun().await;
        write(&topics, &mut sink, 0..10).await;
        // The end of a transaction is a record too.
        wait_until("Kafka ends the transaction", END_MAX, || {
            Kafka::shared().written(&topics.topic()).unwrap() > 10
        });
        let error = sink.commit(&checkpoint(10)).await.unwrap_err();
        assert!(error.class().is_transient(), "{error}");
        drop(sink);
        let mut sink = topics.open();
        assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(0)));
        write(&topics, &mut sink, 0..10).await;
        sink.commit(&checkpoint(10)).await.unwrap();
    });
    assert_eq!(topics.read(), (0..10).collect::<Vec<_>>());
}

/// A part of a group that begins at this position, with or without its end, all in the table that is counted.
fn part(topics: &Topics, position: &str, numbers: Range<u64>, ends_group: bool) -> Records {
    let mut block = Block::of(&topics.topic(), numbers.clone());
    let (start, first) = (block.arena.len(), numbers.start);
    block.arena.extend(position.bytes());
    block.groups[0].position =
        u32::try_from(start).unwrap()..u32::try_from(block.arena.len()).unwrap();
    for (place, record) in block.records.iter_mut().enumerate() {
        // A filter left out the first changes of the group.
        record.sequence = 50 + first % 100 + place as u64;
    }
    block.tables = vec![TableName::new("shop", "orders")];
    if numbers.is_empty() {
        block.groups.clear();
    } else {
        let count = numbers.end - numbers.start;
        block.counts = vec![GroupCount {
            group: 0,
            table: 0,
            count,
        }];
    }
    block.ends_group = ends_group;
    block
}

/// A group of which all is committed in a part when the process dies ends at the next start, and the next one follows.
#[test]
fn a_group_of_which_only_the_end_is_missing_is_ended_by_the_next_start() {
    for end_of_rows in [10, 7] {
        let topics = Topics::new();
        let more = format!(
            ", \"large_groups\": \"split\", \"transaction_topic\": \"{}.t\"",
            topics.prefix
        );
        let topics = Topics {
            options: options(&topics.prefix, &more),
            ..topics
        };
        run(async {
            let mut sink = topics.begun().await;
            sink.write(&mut part(&topics, "4", 0..end_of_rows, false))
                .await
                .unwrap();
            sink.commit_part(&checkpoint(0)).await.unwrap();
            drop(sink);

            let mut sink = topics.open();
            assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(0)));
            // In other pieces than before, the last of which may be the end alone.
            for mut block in [
                part(&topics, "4", 0..0, true),
                part(&topics, "4", 0..5, false),
                part(&topics, "4", 5..10, false),
                part(&topics, "4", 0..0, true),
            ] {
                sink.write(&mut block).await.unwrap();
            }
            sink.commit(&checkpoint(10)).await.unwrap();
            sink.write(&mut part(&topics, "5", 100..110, true))
                .await
                .unwrap();
            sink.commit(&checkpoint(20)).await.unwrap();
        });
        let expected: Vec<u64> = (0..10).chain(100..110).collect();
        assert_eq!(topics.read(), expected);
        let told = Kafka::shared().records(&format!("{}.t", topics.prefix));
        let told: Vec<(String, u64)> = told
            .iter()
            .map(|record| {
                let value: serde_json::Value =
                    serde_json::from_slice(record.payload().unwrap()).unwrap();
                let status = value["status"].as_str().unwrap().to_owned();
                (status, value["event_count"].as_u64().unwrap_or_default())
            })
            .collect();
        let group = [("BEGIN".to_owned(), 0), ("END".to_owned(), 10)];
        assert_eq!(told, [group.clone(), group].concat());
    }
}

#[test]
fn another_program_with_the_same_transactional_id_costs_a_start_and_nothing_else() {
    let topics = Topics::new();
    run(async {
        let mut sink = topics.begun().await;
        write(&topics, &mut sink, 0..10).await;
        sink.commit(&checkpoint(10)).await.unwrap();
        write(&topics, &mut sink, 10..20).await;
        let foreign: BaseProducer = Kafka::shared()
            .client()
            .set("transactional.id", format!("rowtap.{0}.{0}", topics.prefix))
            .create()
            .unwrap();
        foreign.init_transactions(END_MAX).unwrap();
        let error = sink.commit(&checkpoint(20)).await.unwrap_err();
        assert!(error.class().is_transient(), "{error}");
        drop(sink);
        let mut sink = topics.open();
        assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(10)));
        write(&topics, &mut sink, 10..20).await;
        sink.commit(&checkpoint(20)).await.unwrap();
    });
    assert_eq!(topics.read(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_topic_that_forgets_is_refused_with_the_fix() {
    for policy in ["delete", "compact,delete"] {
        let topics = Topics::new();
        create(&topics, 1, policy);
        let error = run(topics.refused());
        let text = error.to_string();
        assert_eq!(error.class().exit_code(), 69, "{text}");
        assert!(
            text.contains(policy) && text.contains("set it to compact"),
            "{text}"
        );
        let admin: AdminClient<DefaultClientContext> = Kafka::shared().client().create().unwrap();
        let name = topics.checkpoints();
        let mended =
            AlterConfig::new(ResourceSpecifier::Topic(&name)).set("cleanup.policy", "compact");
        run(async { admin.alter_configs([&mended], &AdminOptions::new()).await }).unwrap();
        run(topics.begun());
    }
}

#[test]
fn a_topic_of_several_partitions_is_refused() {
    let topics = Topics::new();
    create(&topics, 3, "compact");
    let error = run(topics.refused());
    assert_eq!(error.class().exit_code(), 69, "{error}");
    assert!(error.to_string().contains("it has 3 partitions"), "{error}");
}

#[test]
fn a_record_that_is_no_checkpoint_is_refused() {
    let is_ours = [("instance", "x"), ("folder", "x")];
    for (key, headers, expected) in [
        ("garbage", &[][..], "its key is 'garbage'"),
        ("{own}", &[][..], "no headers instance and folder"),
        ("{own}", &is_ours[..], "the last line is not 'end'"),
    ] {
        let topics = Topics::new();
        create(&topics, 1, "compact");
        let key = key.replace("{own}", &topics.prefix);
        produce(&topics.checkpoints(), &key, Some("garbage"), headers);
        let error = run(topics.refused());
        assert_eq!(error.class().exit_code(), 65, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn connectors_share_a_topic_of_checkpoints() {
    let shared = format!("shared-{}", std::process::id());
    let more = format!(", \"checkpoint_topic\": {shared:?}");
    let (one, other) = (Topics::with(&more), Topics::with(&more));
    run(async {
        let mut first = one.begun().await;
        let mut second = other.begun().await;
        first.commit(&checkpoint(10)).await.unwrap();
        second.commit(&checkpoint(20)).await.unwrap();
        write(&other, &mut second, 0..1).await;
        drop((first, second));
        let resumed = one.open().resume_point().await.unwrap();
        assert_eq!(resumed, Some(checkpoint(10)));
        let resumed = other.open().resume_point().await.unwrap();
        assert_eq!(resumed, Some(checkpoint(20)));
    });
}

#[test]
fn a_record_without_a_value_takes_the_checkpoint_back() {
    let topics = Topics::new();
    run(topics.begun());
    produce(&topics.checkpoints(), &topics.prefix, None, &[]);
    let resumed = run(async { topics.open().resume_point().await.unwrap() });
    assert_eq!(resumed, None);
}

#[test]
fn options_of_transactions_are_refused_without_them() {
    for option in [
        "\"checkpoint_topic\": \"c\"",
        "\"transaction_timeout\": \"1m\"",
    ] {
        let text = format!("{{\"bootstrap_servers\": \"kafka:9092\", {option}}}");
        let options: KafkaOptions = serde_json::from_str(&text).unwrap();
        let error = sink::Kafka::new(options, "shop").err().unwrap();
        assert_eq!(error.class().exit_code(), 78);
        assert!(error.to_string().contains("exactly_once"), "{error}");
    }
}
