//! The options of a Kafka sink, and the client configuration that they make.
//!
//! What the promises rest on (acknowledgements, idempotence, partitioner, time limits) is set here and cannot be changed by
//! `properties`. Follows librdkafka's CONFIGURATION.md.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytesize::ByteSize;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::choices::{KafkaDelivery, KafkaHeader, KafkaHeaders, LargeGroups};
use super::claim::Claim;
use super::compression::KafkaCompression;
use super::outbox;
use super::properties::{not_accepted, refusal};
use super::requests::Requests;
use super::routes::{self, KafkaKey, KafkaRoute, OptionProblem, PartitionBy, SharedTopic};
use super::template::{name_problem, sanitised};
use super::token::{AwsMskIamOptions, Oidc, Signer, TokenSource, Tokens};
use crate::encode::{
    AvroOptions, CloudEventsMode, DebeziumOptions, FlatOptions, Format, FormatSections,
    MaxwellOptions, OutboxOptions, PartialKeyChange,
};
use crate::sink::{RegistryOptions, SinkError, registry};

/// librdkafka's own limit of a record; the broker's limit is lower, and the broker enforces it.
pub(super) const RECORD_BYTES_MAX: u32 = 1_000_000_000;
/// As much as librdkafka allows: the sink counts its queue itself, so that one large record can pass alone.
const LIBRARY_QUEUE_KBYTES: u32 = 2_147_483_647;
/// As large as a topic takes that nothing else is said of: brokers spend most of their time on each batch, not on its bytes. The
/// copies in flight, five a broker, are this large each before compression.
const BATCH_BYTES: u32 = 1_000_000;
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Nothing: a record that finds the line free leaves at once. Those that come while requests are on their way wait for these
/// and fill a batch.
const LINGER: Duration = Duration::ZERO;
/// Rows that are copied: requests that are full cost less, and nobody waits for a row of a copy by itself.
const LINGER_OF_COPY: Duration = Duration::from_millis(20);
/// The mechanism by which tokens are shown.
const OAUTHBEARER: &str = "OAUTHBEARER";
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// The `[sink]` section with `type = "kafka"`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaOptions {
    /// What the records look like.
    #[serde(default)]
    pub format: Format,
    /// How the format `debezium` is written.
    pub debezium: Option<DebeziumOptions>,
    /// How the format `avro` is written.
    pub avro: Option<AvroOptions>,
    /// How the format `maxwell` is written.
    pub maxwell: Option<MaxwellOptions>,
    /// How the format `flat` is written.
    pub flat: Option<FlatOptions>,
    /// Whether messages are the data of CloudEvents, and how.
    pub cloudevents: Option<CloudEventsMode>,
    /// The tables that are outboxes, and how their rows become records.
    pub outbox: Option<OutboxOptions>,
    /// Where the schemas of the format `avro` are made known.
    pub registry: Option<RegistryOptions>,
    /// Where the cluster is found: `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// What topics begin with; the connector's name if left out.
    pub prefix: Option<String>,
    /// The template of a table's topic; `{prefix}.{database}.{table}` if left out.
    pub topic: Option<String>,
    /// Whether several tables may go to one topic.
    pub shared_topic: Option<SharedTopic>,
    /// What the key of a record is made of.
    pub key: Option<KafkaKey>,
    /// The columns that the key is made of.
    pub key_columns: Option<Vec<String>>,
    /// What decides about the partition of a record.
    pub partition_by: Option<PartitionBy>,
    /// The columns that do.
    pub partition_columns: Option<Vec<String>>,
    /// What is otherwise for some tables; the first entry that matches one decides.
    #[serde(default)]
    pub routes: Vec<KafkaRoute>,
    /// Which headers records have.
    #[serde(default)]
    pub headers: KafkaHeaders,
    /// Headers that records have besides.
    #[serde(default)]
    pub more_headers: Vec<KafkaHeader>,
    /// The topic of heartbeats; none if left out.
    pub heartbeat_topic: Option<String>,
    /// How often there is a heartbeat; ten seconds if left out.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
    )]
    pub heartbeat_interval: Option<Duration>,
    /// The topic that says where groups begin and end; none if left out.
    pub transaction_topic: Option<String>,
    /// Partitions of the topics that the sink creates. Never change those of a topic in use: keys would move.
    #[serde(default = "partitions")]
    pub partitions: NonZeroU16,
    /// Replicas of the topics that the sink creates; the broker's default if left out.
    pub replication_factor: Option<NonZeroU16>,
    /// Whether a delete is followed by a record with the key and no value, so that compaction forgets the key.
    pub tombstones: Option<bool>,
    /// How often a record arrives.
    #[serde(default)]
    pub delivery: KafkaDelivery,
    /// The topic of the checkpoints of exactly-once delivery; `{prefix}.rowtap.checkpoints` if left out.
    pub checkpoint_topic: Option<String>,
    /// How long Kafka lets a transaction of exactly-once delivery stay open; a minute if left out.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
    )]
    pub transaction_timeout: Option<Duration>,
    /// What becomes of a group that outlives a transaction of exactly-once delivery.
    #[serde(default)]
    pub large_groups: LargeGroups,
    /// What this process writes into checkpoints. It is the same for all runs of a connector.
    #[serde(skip)]
    pub(in crate::sink) claim: Claim,
    /// What to do when a key changes and the image does not hold the whole row.
    #[serde(default)]
    pub partial_key_change: PartialKeyChange,
    /// The topic of DDL statements; the prefix if left out.
    pub ddl_topic: Option<String>,
    /// Where records go that are larger than their own topic takes; if left out, such a record stops the connector.
    pub dead_letter_topic: Option<String>,
    /// Settings of the topics that the sink creates, such as `retention.ms`.
    #[serde(default)]
    pub topic_config: BTreeMap<String, String>,
    /// How batches are compressed.
    #[serde(default)]
    pub compression: KafkaCompression,
    /// Records wait this long for others to share a request. If left out, one leaves as soon as it may, and shares a request
    /// with those that came while it could not.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
    )]
    pub linger: Option<Duration>,
    /// Bytes of records that may wait for their acknowledgement; a larger record waits alone.
    #[serde(default = "queue_bytes")]
    pub queue_bytes: ByteSize,
    /// The run ends when nothing was acknowledged for this long.
    #[serde(
        default = "delivery_timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub delivery_timeout: Duration,
    /// The password for SASL.
    pub sasl_password: Option<SecretString>,
    /// The client's secret at an OIDC provider, for SASL/OAUTHBEARER.
    pub sasl_client_secret: Option<SecretString>,
    /// How AWS MSK lets the connector in, if it is to.
    pub aws_msk_iam: Option<AwsMskIamOptions>,
    /// Where tokens come from; the same for all clients.
    #[serde(skip)]
    pub(super) tokens: Arc<OnceLock<Option<Tokens>>>,
    /// The password of the client certificate's key or keystore.
    pub ssl_key_password: Option<SecretString>,
    /// Properties of librdkafka: `security.protocol`, `sasl.*`, `ssl.*` and others.
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
}

fn partitions() -> NonZeroU16 {
    NonZeroU16::MIN
}

fn queue_bytes() -> ByteSize {
    ByteSize::mib(8)
}

fn delivery_timeout() -> Duration {
    Duration::from_secs(120)
}

/// Secrets may stand in `properties` too, so that only their names are shown.
impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("format", &self.format)
            .field("debezium", &self.debezium)
            .field("avro", &self.avro)
            .field("registry", &self.registry)
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("prefix", &self.prefix)
            .field("section", &self.section())
            .field("routes", &self.routes)
            .field("outbox", &self.outbox)
            .field("headers", &self.headers)
            .field("more_headers", &self.more_headers)
            .field("heartbeat_topic", &self.heartbeat_topic)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("transaction_topic", &self.transaction_topic)
            .field("delivery", &self.delivery)
            .field("checkpoint_topic", &self.checkpoint_topic)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("large_groups", &self.large_groups)
            .field("tombstones", &self.tombstones)
            .field("partial_key_change", &self.partial_key_change)
            .field("ddl_topic", &self.ddl_topic)
            .field("dead_letter_topic", &self.dead_letter_topic)
            .field("compression", &self.compression)
            .field("linger", &self.linger)
            .field("queue_bytes", &self.queue_bytes)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

impl KafkaOptions {
    /// Whether a delete is followed by a tombstone.
    pub(in crate::sink) fn has_tombstones(&self) -> bool {
        let sections = self.sections();
        self.tombstones.unwrap_or(sections.has_tombstones())
    }

    /// What they say of the format.
    pub(in crate::sink) fn sections(&self) -> FormatSections<'_> {
        FormatSections {
            format: self.format,
            debezium: self.debezium.as_ref(),
            avro: self.avro.as_ref(),
            maxwell: self.maxwell.as_ref(),
            flat: self.flat.as_ref(),
            cloudevents: self.cloudevents,
            has_keys: true,
        }
    }

    /// What is wrong with values of a connector that can be judged without Kafka: the path of each key, and what is wrong and
    /// the fix.
    pub(in crate::sink) fn problems(&self, connector: &str) -> Vec<OptionProblem> {
        let owned = |(path, reason): (Vec<&str>, &'static str)| {
            let path = path.into_iter().map(str::to_owned).collect();
            (path, reason.into())
        };
        let mut all: Vec<OptionProblem> = self.own_problems().into_iter().map(owned).collect();
        all.extend(self.problem_of_topics(connector));
        let passed = self.properties.iter();
        let passed = passed.filter(|(property, _)| !Oidc::takes(property));
        all.extend(passed.filter_map(|(property, value)| {
            let reason = not_accepted(property, value)?;
            Some((
                vec!["properties".to_owned(), property.clone()],
                reason.into(),
            ))
        }));
        all.extend(registry::problems(self.registry.as_ref(), self.sections()));
        all.extend(routes::problems(&self.section(), &self.routes));
        let section = self.outbox.as_ref();
        all.extend(outbox::problem(section, self.sections(), connector));
        all
    }

    /// What the topics of a connector begin with.
    pub(super) fn prefix(&self, connector: &str) -> String {
        let named = self.prefix.clone();
        named.unwrap_or_else(|| sanitised(connector))
    }

    /// A key that names the topic of another, as far as the options alone tell.
    fn problem_of_topics(&self, connector: &str) -> Option<OptionProblem> {
        let prefix = self.prefix(connector);
        let checkpoints = match self.delivery {
            KafkaDelivery::AtLeastOnce => None,
            KafkaDelivery::ExactlyOnce => Some(self.checkpoint_topic(&prefix)),
        };
        let topics = [
            (
                "ddl_topic",
                Some(self.ddl_topic.as_ref().unwrap_or(&prefix).as_str()),
            ),
            ("checkpoint_topic", checkpoints.as_deref()),
            ("dead_letter_topic", self.dead_letter_topic.as_deref()),
            ("heartbeat_topic", self.heartbeat_topic.as_deref()),
            ("transaction_topic", self.transaction_topic.as_deref()),
        ];
        let topics = topics.into_iter();
        let named = topics.filter_map(|(key, topic)| Some((key, topic?)));
        named.clone().enumerate().find_map(|(index, (key, topic))| {
            let mut before = named.clone().take(index);
            let (first, _) = before.find(|(_, other)| *other == topic)?;
            let reason = format!("is the topic of {first} too ({topic}), name another");
            Some((vec![key.to_owned()], reason.into()))
        })
    }

    fn own_problems(&self) -> Vec<(Vec<&str>, &'static str)> {
        let mut problems = Vec::new();
        if self.bootstrap_servers.trim().is_empty() {
            problems.push((vec!["bootstrap_servers"], "is empty, expected host:port"));
        }
        let topics = [
            ("prefix", &self.prefix),
            ("ddl_topic", &self.ddl_topic),
            ("checkpoint_topic", &self.checkpoint_topic),
            ("heartbeat_topic", &self.heartbeat_topic),
            ("transaction_topic", &self.transaction_topic),
            ("dead_letter_topic", &self.dead_letter_topic),
        ];
        for (key, topic) in topics {
            let reason = topic.as_deref().and_then(name_problem);
            problems.extend(reason.map(|reason| (vec![key], reason)));
        }
        for property in self.properties.keys() {
            if let Some(reason) = refusal(property) {
                problems.push((vec!["properties", property], reason));
            }
        }
        if self.delivery == KafkaDelivery::AtLeastOnce {
            let reason = "has a meaning only with delivery = 'exactly_once', set that or remove it";
            let set = [
                ("checkpoint_topic", self.checkpoint_topic.is_some()),
                ("transaction_timeout", self.transaction_timeout.is_some()),
                ("large_groups", self.large_groups != LargeGroups::Stop),
            ];
            problems.extend(
                set.iter()
                    .filter(|(_, is_set)| *is_set)
                    .map(|(key, _)| (vec![*key], reason)),
            );
        }
        problems.extend(self.problem_of_tokens());
        if self.transaction_timeout().as_secs() == 0 {
            let reason = "is under a second, expected a time such as 1m";
            problems.push((vec!["transaction_timeout"], reason));
        }
        match (&self.heartbeat_topic, self.heartbeat_interval) {
            (None, Some(_)) => {
                let reason = "has a meaning only with heartbeat_topic, set that or remove it";
                problems.push((vec!["heartbeat_interval"], reason));
            }
            (Some(_), Some(interval)) if interval.is_zero() => {
                let reason = "is zero, expected a time such as 10s";
                problems.push((vec!["heartbeat_interval"], reason));
            }
            (_, _) => {}
        }
        if self.headers != KafkaHeaders::Identity
            && self.partial_key_change == PartialKeyChange::Mark
        {
            let reason = "is not 'identity', but partial_key_change = 'mark' marks records by a header, change one of the two";
            problems.push((vec!["headers"], reason));
        }
        if self.tombstones == Some(false) && self.sections().needs_tombstones() {
            let reason = "is false, and nothing else would tell deletes, remove it or set delete_tombstone_handling_mode = 'rewrite' in [sink.flat]";
            problems.push((vec!["tombstones"], reason));
        }
        if self.delivery_timeout.is_zero() {
            let reason = "is zero, expected a time such as 2m";
            problems.push((vec!["delivery_timeout"], reason));
        }
        problems
    }

    /// What is wrong with how tokens are had.
    fn problem_of_tokens(&self) -> Option<(Vec<&str>, &'static str)> {
        let mechanism = ["sasl.mechanism", "sasl.mechanisms"]
            .into_iter()
            .find_map(|name| self.properties.get(name).map(|value| (name, value)));
        let wants_tokens = mechanism.is_some_and(|(_, value)| value == OAUTHBEARER);
        let oidc = match Oidc::of(&self.properties, self.sasl_client_secret.as_ref()) {
            Ok(oidc) => oidc,
            Err((property, reason)) => return Some((vec!["properties", property], reason)),
        };
        match (oidc, &self.aws_msk_iam, mechanism) {
            (Some(_), Some(_), _) => {
                let reason = "is set beside sasl.oauthbearer.method = 'oidc', remove one of them";
                Some((vec!["aws_msk_iam"], reason))
            }
            (None, Some(_), Some((name, _))) if !wants_tokens => {
                let reason = "is another mechanism than aws_msk_iam has, remove it";
                Some((vec!["properties", name], reason))
            }
            (None, None, Some((name, _))) if wants_tokens => {
                let reason = "is OAUTHBEARER, whose tokens come from nowhere, set sasl.oauthbearer.method to oidc, or aws_msk_iam";
                Some((vec!["properties", name], reason))
            }
            (_, _, _) => None,
        }
    }

    /// Where tokens come from, if connections want them. What is wrong with that is told by `problems`.
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let tokens = self.tokens.get_or_init(|| {
            let source = match &self.aws_msk_iam {
                Some(aws) => TokenSource::AwsMskIam(Signer::new(aws.clone())),
                None => {
                    let secret = self.sasl_client_secret.as_ref();
                    TokenSource::Oidc(Oidc::of(&self.properties, secret).ok().flatten()?)
                }
            };
            Some(Tokens::of(source))
        });
        tokens.clone()
    }

    /// What asks about topics in place of the library, where connections want tokens.
    pub(super) fn requests(&self) -> Option<Requests> {
        let tokens = self.tokens()?;
        let config = self.client();
        let security = config.get("security.protocol").map(str::to_owned);
        let authorities = self.properties.get("ssl.ca.location").map(String::as_str);
        Some(Requests::new(
            &self.bootstrap_servers,
            tokens,
            security.as_deref(),
            authorities,
        ))
    }

    /// Checks the values that can be judged without Kafka.
    pub(super) fn validate(&self, connector: &str) -> Result<(), SinkError> {
        let Some((key, reason)) = self.problems(connector).into_iter().next() else {
            return Ok(());
        };
        let option = match &*key {
            [table, property] => format!("{table}.\"{property}\""),
            _ => key.join("."),
        };
        let reason = reason.into_owned();
        Err(SinkError::Option { option, reason })
    }

    /// What holds for tables that no route matches, as an entry of `routes` would have it.
    pub(super) fn section(&self) -> KafkaRoute {
        KafkaRoute {
            tables: String::new(),
            topic: self.topic.clone(),
            partitions: Some(self.partitions),
            replication_factor: self.replication_factor,
            topic_config: self.topic_config.clone(),
            shared_topic: self.shared_topic,
            key: self.key,
            key_columns: self.key_columns.clone(),
            partition_by: self.partition_by,
            partition_columns: self.partition_columns.clone(),
            partition_hash: self
                .maxwell
                .as_ref()
                .and_then(|options| options.kafka_partition_hash),
        }
    }

    /// How often there is a heartbeat; `None` for never.
    pub(super) fn heartbeat(&self) -> Option<Duration> {
        let interval = self.heartbeat_interval.unwrap_or(HEARTBEAT_INTERVAL);
        self.heartbeat_topic.as_ref().map(|_topic| interval)
    }

    /// The topic of checkpoints, where topics begin with `prefix`.
    pub(super) fn checkpoint_topic(&self, prefix: &str) -> Arc<str> {
        match &self.checkpoint_topic {
            Some(topic) => topic.as_str().into(),
            None => format!("{prefix}.rowtap.checkpoints").into(),
        }
    }

    /// How long Kafka lets a transaction stay open.
    pub(super) fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout.unwrap_or(TRANSACTION_TIMEOUT)
    }

    /// The configuration of a producer without transactions, secrets included.
    pub(super) fn producer(&self) -> ClientConfig {
        self.producer_with(LINGER)
    }

    /// As [`Self::producer`], for what is there when the connector begins.
    pub(super) fn copying_producer(&self) -> ClientConfig {
        self.producer_with(LINGER_OF_COPY)
    }

    fn producer_with(&self, linger: Duration) -> ClientConfig {
        let mut config = self.client();
        let linger_ms = self.linger.unwrap_or(linger).as_secs_f64() * 1000.0;
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Later records must not overtake one that fails for good.
            .set("enable.gapless.guarantee", "true")
            // Java's partitioner, so that keys lie where other producers put them.
            .set("partitioner", "murmur2_random")
            // Never: a timed-out record would leave a gap. The sink itself watches for progress.
            .set("message.timeout.ms", "0")
            .set("compression.type", self.compression.name())
            .set("linger.ms", linger_ms.to_string())
            .set(
                "queue.buffering.max.kbytes",
                LIBRARY_QUEUE_KBYTES.to_string(),
            )
            .set("queue.buffering.max.messages", "0");
        let defaults = [
            ("message.max.bytes", RECORD_BYTES_MAX.to_string()),
            ("batch.size", BATCH_BYTES.to_string()),
        ];
        self.set_defaults(&mut config, defaults);
        config
    }

    /// The configuration of a producer with transactions, secrets included.
    pub(super) fn transactional_producer(&self, transactional_id: &str) -> ClientConfig {
        let mut config = self.producer();
        let timeout_ms = self.transaction_timeout().as_millis().to_string();
        // A record that fails fails its transaction, which is then never committed.
        config.remove("enable.gapless.guarantee");
        config
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", &timeout_ms)
            .set("message.timeout.ms", &timeout_ms);
        config
    }

    /// The configuration of a consumer that is told which partitions to read, secrets included.
    pub(super) fn consumer(&self, isolation_level: &str) -> ClientConfig {
        let mut config = self.client();
        config
            // It joins no group, but librdkafka wants a name.
            .set("group.id", "rowtap")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "10")
            .set("isolation.level", isolation_level);
        config
    }

    /// What all clients have in common.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // The properties come first, so that one that `refusal` forgot is overridden.
        let has_tokens = self.tokens().is_some();
        for (property, value) in &self.properties {
            if !(has_tokens && Oidc::takes(property)) {
                config.set(property, value);
            }
        }
        if self.aws_msk_iam.is_some() {
            config.set("sasl.mechanism", OAUTHBEARER);
            self.set_defaults(&mut config, [("security.protocol", "SASL_SSL".to_owned())]);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        let defaults = [
            ("client.id", "rowtap".to_owned()),
            ("socket.keepalive.enable", "true".to_owned()),
            (
                "reconnect.backoff.max.ms",
                RECONNECT_BACKOFF_MAX.as_millis().to_string(),
            ),
        ];
        self.set_defaults(&mut config, defaults);
        if let Some(password) = &self.sasl_password {
            config.set("sasl.password", password.expose_secret());
        }
        if let Some(password) = &self.ssl_key_password {
            let property = if self.properties.contains_key("ssl.keystore.location") {
                "ssl.keystore.password"
            } else {
                "ssl.key.password"
            };
            config.set(property, password.expose_secret());
        }
        config.set_log_level(
            if tracing::enabled!(target: "librdkafka", tracing::Level::DEBUG) {
                RDKafkaLogLevel::Debug
            } else {
                RDKafkaLogLevel::Info
            },
        );
        config
    }

    fn set_defaults<const N: usize>(
        &self,
        config: &mut ClientConfig,
        defaults: [(&'static str, String); N],
    ) {
        for (property, value) in defaults {
            if !self.properties.contains_key(property) {
                config.set(property, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTOR: &str = "shop";

    fn options(properties: &[(&str, &str)]) -> KafkaOptions {
        let text = r#"{"bootstrap_servers":"kafka:9092"}"#;
        let mut options: KafkaOptions = serde_json::from_str(text).unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        options.properties = properties.iter().map(owned).collect();
        options
    }

    /// A value other than the default of librdkafka's CONFIGURATION.md each.
    #[test]
    fn every_other_property_passes_under_its_own_name() {
        for (name, value) in [
            ("client.id", "shop"),
            ("message.max.bytes", "2000000"),
            ("message.copy.max.bytes", "1000"),
            ("receive.message.max.bytes", "200000000"),
            ("metadata.recovery.strategy", "none"),
            ("topic.metadata.refresh.interval.ms", "60000"),
            ("metadata.max.age.ms", "180000"),
            ("topic.metadata.refresh.sparse", "false"),
            ("topic.metadata.propagation.max.ms", "10000"),
            ("socket.timeout.ms", "30000"),
            ("socket.send.buffer.bytes", "100000"),
            ("socket.receive.buffer.bytes", "100000"),
            ("socket.keepalive.enable", "false"),
            ("socket.nagle.disable", "false"),
            ("socket.max.fails", "3"),
            ("broker.address.ttl", "5000"),
            ("broker.address.family", "v4"),
            ("socket.connection.setup.timeout.ms", "10000"),
            ("connections.max.idle.ms", "60000"),
            ("reconnect.backoff.ms", "200"),
            ("reconnect.backoff.max.ms", "5000"),
            ("statistics.interval.ms", "1000"),
            ("log.connection.close", "false"),
            ("api.version.request.timeout.ms", "5000"),
            ("security.protocol", "SASL_SSL"),
            ("ssl.cipher.suites", "ECDHE-RSA-AES256-GCM-SHA384"),
            ("ssl.ca.location", "/etc/ca.pem"),
            ("ssl.certificate.location", "/etc/client.pem"),
            ("ssl.key.location", "/etc/client-key.pem"),
            ("ssl.crl.location", "/etc/crl.pem"),
            ("enable.ssl.certificate.verification", "false"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.mechanisms", "PLAIN"),
            ("sasl.username", "alice"),
            ("client.rack", "a"),
            ("retry.backoff.ms", "50"),
            ("retry.backoff.max.ms", "500"),
            ("queue.buffering.backpressure.threshold", "10"),
            ("batch.num.messages", "100"),
            ("batch.size", "65536"),
            ("compression.level", "3"),
            (
                "client.dns.lookup",
                "resolve_canonical_bootstrap_servers_only",
            ),
            ("enable.metrics.push", "false"),
            ("request.timeout.ms", "20000"),
        ] {
            let options = options(&[(name, value)]);
            assert_eq!(options.problems(CONNECTOR), [], "{name}");
            let config = options.producer();
            assert_eq!(config.get(name), Some(value), "{name}");
            config
                .create_native_config()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn names_of_topics_and_properties_are_judged_without_kafka() {
        for (json, expected) in [
            (
                r#""ddl_topic": "a", "heartbeat_topic": "a""#,
                "heartbeat_topic: is the topic of ddl_topic too (a), name another",
            ),
            (
                r#""prefix": "a", "transaction_topic": "a""#,
                "transaction_topic: is the topic of ddl_topic too (a), name another",
            ),
            (
                r#""heartbeat_topic": "shop""#,
                "heartbeat_topic: is the topic of ddl_topic too (shop), name another",
            ),
            (
                r#""transaction_topic": "shop.rowtap.checkpoints", "delivery": "exactly_once""#,
                "transaction_topic: is the topic of checkpoint_topic too (shop.rowtap.checkpoints), name another",
            ),
            (
                r#""heartbeat_topic": "a", "checkpoint_topic": "a", "delivery": "exactly_once""#,
                "heartbeat_topic: is the topic of checkpoint_topic too (a), name another",
            ),
            (
                r#""prefix": "__consumer_offsets""#,
                "prefix: is a topic that Kafka keeps for itself, name another",
            ),
            (
                r#""properties": {"socket.keepalive": "true"}"#,
                "properties.socket.keepalive: is not accepted by librdkafka (No such configuration property",
            ),
        ] {
            let json = format!(r#"{{"bootstrap_servers": "k:1", {json}}}"#);
            let options: KafkaOptions = serde_json::from_str(&json).unwrap();
            let [(key, reason)] = &options.problems(CONNECTOR)[..] else {
                panic!("{json}: {:?}", options.problems(CONNECTOR));
            };
            let told = format!("{}: {reason}", key.join("."));
            assert!(told.starts_with(expected), "{told}");
        }
    }

    #[test]
    fn tokens_that_come_from_nowhere_are_told() {
        let wrong = |options: &KafkaOptions| {
            let problems = options.problems(CONNECTOR);
            let (key, reason) = problems.first().expect("it is wrong");
            format!("{}: {reason}", key.join("|"))
        };
        let bare = options(&[("sasl.mechanism", "OAUTHBEARER")]);
        assert!(
            wrong(&bare).starts_with("properties|sasl.mechanism: is OAUTHBEARER, whose tokens")
        );
        let oidc = [
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.client.id", "rowtap"),
            ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
        ];
        let mut client = options(&oidc);
        assert!(wrong(&client).contains("use sasl_client_secret"));
        client.sasl_client_secret = Some("hunter2".into());
        assert_eq!(client.problems(CONNECTOR), []);
        client.aws_msk_iam = Some(AwsMskIamOptions::default());
        assert!(wrong(&client).starts_with("aws_msk_iam: "));
        let mut plain = options(&[("sasl.mechanism", "PLAIN")]);
        plain.aws_msk_iam = Some(AwsMskIamOptions::default());
        assert!(wrong(&plain).starts_with("properties|sasl.mechanism: is another mechanism"));
    }

    #[test]
    fn tokens_and_their_source_are_kept_from_the_library() {
        let mut options = options(&[
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.client.id", "rowtap"),
            ("sasl.oauthbearer.token.endpoint.url", "https://idp/token"),
            ("https.ca.location", "/etc/ca.pem"),
        ]);
        options.sasl_client_secret = Some("hunter2".into());
        let config = options.producer();
        assert_eq!(config.get("sasl.oauthbearer.method"), None);
        assert_eq!(config.get("https.ca.location"), None);
        assert!(!format!("{config:?}{options:?}").contains("hunter2"));
        assert!(options.requests().is_some());
    }

    #[test]
    fn aws_msk_wants_tokens_over_tls() {
        let mut options = options(&[]);
        options.aws_msk_iam = Some(AwsMskIamOptions::default());
        let config = options.producer();
        assert_eq!(config.get("sasl.mechanism"), Some("OAUTHBEARER"));
        assert_eq!(config.get("security.protocol"), Some("SASL_SSL"));
    }
}
