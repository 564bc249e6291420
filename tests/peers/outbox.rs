//! What Debezium's `EventRouter` made of tables of outboxes under several settings, recorded and live, against what rowtap publishes
//! of them: topics, partitions, keys, values and headers byte for byte.

use std::fs;
use std::path::PathBuf;

use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde::{Deserialize, Serialize};

use super::connect::{BINLOG, Connect, Connector, DEBEZIUM_MAX, carry_out, server};
use super::{differences, is_full};
use crate::commands::process::Folder;
use crate::support::{Kafka, wait_until};

/// The difference that a snapshot makes, which streams do not have.
pub const OF_SNAPSHOT: &str = "router:value of a snapshot";
/// The topics that Connect makes have so many partitions.
const PARTITIONS: u16 = 3;

fn folder() -> PathBuf {
    super::folder("outbox")
}

/// Settings under which both publish the workload; the name is the prefix.
pub struct Variant {
    pub name: &'static str,
    /// The table of the outbox.
    pub table: &'static str,
    /// Whether the records' times are those of a column.
    has_times: bool,
    /// The converters of keys, values and headers.
    converters: [&'static str; 3],
    /// Properties of the connector and, after `transforms.outbox.`, of the transformation.
    debezium: &'static [&'static str],
    router: &'static [&'static str],
    /// rowtap's `[sink.debezium]` and `[sink.outbox]`.
    own: [&'static str; 2],
}

const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const SIMPLE: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";
const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

pub const VARIANTS: [Variant; 6] = [
    Variant {
        name: "router",
        table: "outbox",
        has_times: false,
        converters: [TEXT, TEXT, SIMPLE],
        debezium: &[],
        router: &["route.topic.replacement=router.event.${routedByValue}"],
        own: [
            "",
            "route_topic_replacement = 'router.event.$${routedByValue}'\n",
        ],
    },
    Variant {
        name: "enveloped",
        table: "outbox",
        has_times: false,
        converters: [JSON, JSON, JSON],
        debezium: &[],
        router: &[
            "route.topic.replacement=enveloped.event.${routedByValue}",
            "table.fields.additional.placement=type:envelope:eventType,aggregatetype:header:kind,aggregateid:envelope",
        ],
        own: [
            "",
            "key_converter = 'json'\nvalue_converter = 'json'\nheader_converter = 'json'\n\
             route_topic_replacement = 'enveloped.event.$${routedByValue}'\n\
             table_fields_additional_placement = 'type:envelope:eventType,aggregatetype:header:kind,aggregateid:envelope'\n",
        ],
    },
    Variant {
        name: "expanded",
        table: "outbox",
        has_times: false,
        converters: [JSON, JSON, SIMPLE],
        debezium: &[
            "key.converter.schemas.enable=false",
            "value.converter.schemas.enable=false",
        ],
        router: &[
            "route.topic.replacement=expanded.event.${routedByValue}",
            "table.expand.json.payload=true",
            "route.tombstone.on.empty.payload=true",
            "table.fields.additional.placement=type:header",
        ],
        own: [
            "schemas_enable = false\n",
            "key_converter = 'json'\nvalue_converter = 'json'\n\
             route_topic_replacement = 'expanded.event.$${routedByValue}'\ntable_expand_json_payload = true\n\
             route_tombstone_on_empty_payload = true\ntable_fields_additional_placement = 'type:header'\n",
        ],
    },
    Variant {
        name: "custom",
        table: "events",
        has_times: true,
        converters: [TEXT, TEXT, SIMPLE],
        debezium: &[],
        router: &[
            "table.field.event.id=event_id",
            "table.field.event.key=shard",
            "table.field.event.payload=body",
            "table.field.event.timestamp=made",
            "route.by.field=kind",
            "route.topic.regex=shop[.](.+)",
            "route.topic.replacement=custom.event.$1",
            "route.tombstone.on.empty.payload=true",
            "table.fields.additional.placement=tenant:header,part:partition,version:header:v,active:header,ratio:header,day:header,raw:header,amount:header",
        ],
        own: [
            "",
            "table_field_event_id = 'event_id'\ntable_field_event_key = 'shard'\ntable_field_event_payload = 'body'\n\
             table_field_event_timestamp = 'made'\nroute_by_field = 'kind'\nroute_topic_regex = 'shop[.](.+)'\n\
             route_topic_replacement = 'custom.event.$1'\nroute_tombstone_on_empty_payload = true\n\
             table_fields_additional_placement = 'tenant:header,part:partition,version:header:v,active:header,ratio:header,day:header,raw:header,amount:header'\n",
        ],
    },
    Variant {
        name: "versioned",
        table: "events",
        has_times: false,
        converters: [JSON, JSON, JSON],
        debezium: &["decimal.handling.mode=string"],
        router: &[
            "table.field.event.id=event_id",
            "table.field.event.key=tenant",
            "table.field.event.payload=body",
            "table.field.event.schema.version=version",
            "route.by.field=kind",
            "route.topic.replacement=versioned.event.all",
            "table.fields.additional.placement=amount:envelope,made:envelope,day:header,raw:envelope:bytes",
        ],
        own: [
            "decimal_handling_mode = 'string'\n",
            "key_converter = 'json'\nvalue_converter = 'json'\nheader_converter = 'json'\n\
             table_field_event_id = 'event_id'\ntable_field_event_key = 'tenant'\ntable_field_event_payload = 'body'\n\
             table_field_event_schema_version = 'version'\nroute_by_field = 'kind'\n\
             route_topic_replacement = 'versioned.event.all'\n\
             table_fields_additional_placement = 'amount:envelope,made:envelope,day:header,raw:envelope:bytes'\n",
        ],
    },
    Variant {
        name: "bytes",
        table: "blobs",
        has_times: false,
        converters: [TEXT, BYTES, SIMPLE],
        debezium: &[],
        router: &["route.topic.replacement=bytes.event.${routedByValue}"],
        own: [
            "",
            "route_topic_replacement = 'bytes.event.$${routedByValue}'\n",
        ],
    },
];

/// A record as it is compared. Bytes that are no text are told by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Event {
    topic: String,
    partition: i32,
    key: Option<String>,
    headers: Vec<(String, Option<String>)>,
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<i64>,
}

impl Event {
    /// The same with its value, a document, as compact text.
    pub fn compact(mut self) -> Self {
        let compact = |text: String| serde_json::from_str::<serde_json::Value>(&text);
        self.value = self
            .value
            .map(|text| compact(text).expect("a document").to_string());
        self
    }

    fn of(variant: &Variant, record: &OwnedMessage) -> Self {
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("{bytes:?}"),
        };
        let headers = record.headers().into_iter();
        let headers = headers.flat_map(|headers| headers.iter());
        let time = record.timestamp().to_millis();
        Self {
            topic: record.topic().to_owned(),
            partition: record.partition(),
            key: record.key().map(text),
            headers: headers
                // Which worker sent it.
                .filter(|header| !header.key.starts_with("__debezium.context."))
                .map(|header| (header.key.to_owned(), header.value.map(text)))
                .collect(),
            value: record.payload().map(text),
            time: time.filter(|_| variant.has_times),
        }
    }
}

/// rowtap's `[sink.debezium]` and `[sink.outbox]`.
pub fn own_settings(variant: &Variant) -> [&'static str; 2] {
    variant.own
}

/// The events of a variant, topic by topic and partition by partition, each in its order.
pub fn events(kafka: &Kafka, variant: &Variant) -> Vec<Event> {
    let below = format!("{}.event.", variant.name);
    let mut found = Vec::new();
    for (topic, _) in kafka.topics() {
        if topic.starts_with(&below) {
            let mut records = kafka.records(&topic);
            records.sort_by_key(|record| (record.partition(), record.offset()));
            found.extend(records.iter().map(|record| Event::of(variant, record)));
        }
    }
    found
}

fn recorded(variant: &Variant) -> Vec<Event> {
    let path = folder().join(format!("{}.jsonl", variant.name));
    let text = fs::read_to_string(path).expect("a recording");
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// What rowtap publishes of the workload under a variant's settings.
fn written(kafka: &Kafka, variant: &Variant, binlog: &str) -> Vec<Event> {
    let Variant { name, table, .. } = variant;
    let [debezium, outbox] = variant.own;
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{binlog}']\nstart = 'earliest'\n\
         [filter]\nreplicate-do-table = ['peers.{table}']\n\
         [sink]\ntype = 'kafka'\nformat = 'debezium'\nbootstrap_servers = '{}'\nprefix = '{name}'\nheaders = 'none'\n\
         partitions = {PARTITIONS}\n[sink.debezium]\n{debezium}[sink.outbox]\ntables = 'peers\\.{table}'\n{outbox}",
        kafka.bootstrap(),
    );
    Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    events(kafka, variant)
}

/// Compares with what Debezium wrote, and prints how much was compared.
fn check(all: Vec<(&Variant, Vec<Event>, Vec<Event>)>) {
    let mut known = differences("Outbox");
    known.retain(|known| known.place != OF_SNAPSHOT);
    let mut met = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (variant, mut theirs, ours) in all {
        // A row that gets another primary key is sent once more.
        let is_again = |event: &Event| {
            event
                .headers
                .iter()
                .any(|(name, _)| name == "__debezium.oldkey")
        };
        let again = theirs.iter().filter(|event| is_again(event)).count();
        assert_eq!(
            again,
            usize::from(variant.table == "outbox"),
            "{}",
            variant.name
        );
        theirs.retain(|event| !is_again(event));
        assert!(theirs.len() > 2, "{}", variant.name);
        let topics = |events: &[Event]| -> Vec<(String, i32)> {
            let places = events.iter();
            places
                .map(|event| (event.topic.clone(), event.partition))
                .collect()
        };
        assert_eq!(topics(&theirs), topics(&ours), "{}", variant.name);
        for (their, our) in theirs.into_iter().zip(ours) {
            count += 1;
            let (theirs, ours) = (parts(&their), parts(&our));
            let names: Vec<&String> = theirs.iter().map(|(name, _)| name).collect();
            let our_names: Vec<&String> = ours.iter().map(|(name, _)| name).collect();
            assert_eq!(names, our_names, "{their:?} {our:?}");
            for ((part, their_value), (_, our_value)) in theirs.iter().zip(&ours) {
                let place = format!("{}:{part}", variant.name);
                let listed = known.iter().find(|known| known.place == place);
                match (their_value == our_value, listed) {
                    (true, _) => {}
                    (false, Some(listed)) => {
                        met.insert(listed.place.clone());
                    }
                    (false, None) => {
                        wrong.push(format!("{place} {their_value:?} {our_value:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let gone = known.iter().filter(|known| !met.contains(&known.place));
    let gone: Vec<&str> = gone.map(|known| &*known.place).collect();
    assert_eq!(gone, [""; 0], "differences that are gone");
    println!("{count} events are EventRouter's");
}

/// What stands before the name of an envelope's schema.
const NAME: &str = r#"],"optional":false,"name":""#;

/// The parts of an event by their names.
fn parts(event: &Event) -> Vec<(String, Option<String>)> {
    let headers = event.headers.iter();
    let headers = headers.map(|(name, value)| (format!("header {name}"), value.clone()));
    let mut parts: Vec<_> = headers.collect();
    parts.push(("key".to_owned(), event.key.clone()));
    let (mut value, mut name) = (event.value.clone(), None);
    // The name of an envelope's schema is apart from the other bytes.
    if let Some((start, rest)) = event.value.as_deref().and_then(|it| it.split_once(NAME))
        && let Some((found, end)) = rest.split_once('"')
    {
        name = Some(found.to_owned());
        value = Some(format!("{start}{NAME}{end}"));
    }
    parts.push(("schema name".to_owned(), name));
    parts.push(("value".to_owned(), value));
    parts.push(("time".to_owned(), event.time.map(|time| time.to_string())));
    parts
}

#[test]
fn events_are_those_that_the_event_router_made() {
    // Some have times of long ago. A broker looks for what is too old when it has run for half a minute: here at once, and often.
    let kafka = Kafka::start_with(&[
        "log.initial.task.delay.ms=0",
        "log.retention.check.interval.ms=100",
    ]);
    let binlog = folder().join(BINLOG).display().to_string();
    let all = VARIANTS.iter();
    let all = all.map(|variant| {
        (
            variant,
            recorded(variant),
            written(&kafka, variant, &binlog),
        )
    });
    check(all.collect());
}

#[test]
fn the_event_router_itself_makes_the_same() {
    if !is_full() {
        return;
    }
    let server = server();
    let kafka = Kafka::start();
    let connect = Connect::start(
        &server,
        &kafka,
        &VARIANTS.map(|variant| connector(&variant)),
    );
    carry_out(&server, &folder().join("workload.sql"));
    wait_until("Debezium has read the workload", DEBEZIUM_MAX, || {
        let log = connect.log();
        assert!(!log.contains("unrecoverable exception"), "{log}");
        let is_last = |event: &Event| {
            let all = [&event.key, &event.value];
            all.into_iter().flatten().any(|text| text.contains("done"))
                || event.topic.ends_with(".done")
        };
        let has_last = |variant: &Variant| events(&kafka, variant).iter().any(is_last);
        VARIANTS.iter().all(has_last)
    });
    let binlog = server.binlog_path(BINLOG);
    let theirs = VARIANTS.iter().map(|variant| events(&kafka, variant));
    let theirs: Vec<_> = theirs.collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::copy(&binlog, folder().join(BINLOG)).unwrap();
        for (variant, events) in VARIANTS.iter().zip(&theirs) {
            let lines = events.iter();
            let lines = lines.map(|event| serde_json::to_string(event).unwrap() + "\n");
            let path = folder().join(format!("{}.jsonl", variant.name));
            fs::write(path, lines.collect::<String>()).unwrap();
        }
    }
    let own = Kafka::start();
    let binlog = binlog.display().to_string();
    let all = VARIANTS.iter().zip(theirs);
    let all = all.map(|(variant, theirs)| (variant, theirs, written(&own, variant, &binlog)));
    check(all.collect());
}

pub fn connector(variant: &Variant) -> Connector {
    let mut settings = vec![
        format!("table.include.list=peers.{}", variant.table),
        format!("topic.creation.default.partitions={PARTITIONS}"),
        // Which would have to pass the same converters.
        "include.schema.changes=false".to_owned(),
        "transforms=outbox".to_owned(),
        "transforms.outbox.type=io.debezium.transforms.outbox.EventRouter".to_owned(),
    ];
    for (part, class) in ["key", "value", "header"].iter().zip(variant.converters) {
        settings.push(format!("{part}.converter={class}"));
    }
    settings.extend(variant.debezium.iter().map(|line| (*line).to_owned()));
    let router = variant.router.iter();
    settings.extend(router.map(|line| format!("transforms.outbox.{line}")));
    Connector {
        name: variant.name.to_owned(),
        settings,
    }
}

/// Runs a connector that ends with an error; returns its exit code and what it says.
fn refused(kafka: &Kafka, prefix: &str, outbox: &str) -> (Option<i32>, String) {
    let binlog = folder().join(BINLOG).display().to_string();
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{binlog}']\nstart = 'earliest'\n\
         [sink]\ntype = 'kafka'\nformat = 'debezium'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n\
         [sink.outbox]\ntables = 'peers\\.outbox'\n{outbox}",
        kafka.bootstrap(),
    );
    let ended = Folder::new(&connector).run(&["run", "--once", "--http", "off", "shop.toml"]);
    (ended.code, ended.stderr)
}

#[test]
fn what_cannot_be_sent_on_stops_the_connector_with_its_fix() {
    let kafka = Kafka::shared();
    for (number, (outbox, code, expected)) in [
        (
            "table_op_invalid_behavior = 'fatal'\n",
            65,
            "row of peers.outbox in the UPDATE_ROWS event at binlog.000003:",
        ),
        (
            "table_field_event_key = 'nope'\n",
            78,
            "outbox.table_field_event_key names column nope, which the table does not have",
        ),
        (
            "route_topic_replacement = 'a b'\n",
            78,
            "a row chose topic \"a b\", which Kafka does not allow, correct the row or change outbox.route_topic_replacement",
        ),
        (
            "route_topic_replacement = 'refused-3'\n",
            78,
            "topic refused-3",
        ),
        (
            "table_fields_additional_placement = 'type:header,gone:header'\n",
            78,
            "outbox.table_fields_additional_placement names column gone",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (found, told) = refused(kafka, &format!("refused-{number}"), outbox);
        assert_eq!(found, Some(code), "{outbox}{told}");
        assert!(told.contains(expected), "{told}\n{expected}");
    }
}

#[test]
fn a_column_that_is_missing_may_be_left_out_and_updates_are_told() {
    let kafka = Kafka::shared();
    let binlog = folder().join(BINLOG).display().to_string();
    let connector = format!(
        "state_dir = '{{dir}}/state'\n[source]\nfiles = ['{binlog}']\nstart = 'earliest'\n\
         [filter]\nreplicate-do-table = ['peers.outbox']\n\
         [sink]\ntype = 'kafka'\nformat = 'flat'\nbootstrap_servers = '{}'\nprefix = 'lenient'\n\
         [sink.outbox]\ntables = 'peers\\.outbox'\nroute_topic_replacement = 'lenient.event'\n\
         table_field_additional_missing = 'ignore'\n\
         table_fields_additional_placement = 'type:header,gone:header'\n",
        kafka.bootstrap(),
    );
    let ran = Folder::new(&connector).succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    assert!(
        ran.stderr.contains("updates of outboxes are left out"),
        "{}",
        ran.stderr
    );
    let records = kafka.records("lenient.event");
    let names = |record: &OwnedMessage| -> Vec<String> {
        let headers = record.headers().expect("headers").iter();
        headers.map(|header| header.key.to_owned()).collect()
    };
    // Those of the outbox come before the identity.
    assert_eq!(names(&records[0])[..3], ["id", "type", "source"]);
    let tables: Vec<String> = kafka.topics().into_iter().map(|(name, _)| name).collect();
    assert!(!tables.iter().any(|name| name == "lenient.peers.outbox"));
}
