//! Topics: their names, which table has which, and creating those that are missing.
//!
//! A topic that exists is taken as it is. Topics are created before the first record, since a broker that creates them by
//! itself gives them its own number of partitions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer;
use tokio::runtime::Handle;

use super::delivery::{Client, DeliveryContext};
use super::options::{KafkaDelivery, KafkaOptions, TOPIC_CHARS_MAX, is_topic};
use super::rejection;
use crate::row::{Table, TableName};
use crate::sink::SinkError;
use crate::state::off_the_runtime;

const CREATE_MAX: Duration = Duration::from_secs(30);
const READY_MAX: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(50);
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// The policy of a topic that keeps only the last record of each key, and refuses records without a key.
pub(super) const COMPACT: &str = "compact";
pub(super) const CLEANUP_POLICY: &str = "cleanup.policy";

/// The topics of one connector.
#[derive(Debug)]
pub(super) struct Topics {
    /// What their names begin with.
    pub(super) prefix: String,
    partitions: i32,
    replication: i32,
    config: BTreeMap<String, String>,
    /// Where DDL statements go.
    pub(super) ddl: Arc<str>,
    /// Where checkpoints go, if they do.
    pub(super) checkpoints: Option<Arc<str>>,
    by_name: HashMap<Arc<str>, TableName>,
    existing: HashSet<String>,
}

/// A topic to create.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: Arc<str>,
    pub(super) partitions: i32,
    /// Minus one for the broker's default.
    pub(super) replication: i32,
    pub(super) config: BTreeMap<String, String>,
}

impl Topics {
    /// Makes the topics of a connector, none of which is known to exist yet.
    pub(super) fn new(options: &KafkaOptions, connector: &str) -> Result<Self, SinkError> {
        let prefix = options
            .prefix
            .clone()
            .unwrap_or_else(|| sanitised(connector));
        if !is_topic(&prefix) {
            return Err(SinkError::Option {
                option: "prefix".to_owned(),
                reason: format!("is {prefix:?} from the connector's name, set one"),
            });
        }
        let ddl: Arc<str> = options.ddl_topic.as_deref().unwrap_or(&prefix).into();
        let checkpoints = match options.delivery {
            KafkaDelivery::AtLeastOnce => None,
            KafkaDelivery::ExactlyOnce => Some(options.checkpoint_topic(&prefix)),
        };
        if checkpoints.as_ref() == Some(&ddl) {
            return Err(SinkError::Option {
                option: "checkpoint_topic".to_owned(),
                reason: format!("is the topic of DDL statements too ({ddl}), name another"),
            });
        }
        Ok(Self {
            prefix,
            checkpoints,
            partitions: i32::from(options.partitions.get()),
            // Minus one is the protocol's way to ask for the broker's default.
            replication: options
                .replication_factor
                .map_or(-1, |factor| i32::from(factor.get())),
            config: options.topic_config.clone(),
            ddl,
            by_name: HashMap::new(),
            existing: HashSet::new(),
        })
    }

    /// Notes which topics the cluster has.
    pub(super) fn exist(&mut self, names: impl Iterator<Item = String>) {
        self.existing = names
            .filter(|name| {
                let checkpoints = self.checkpoints.as_deref();
                name.starts_with(&self.prefix)
                    || **name == *self.ddl
                    || Some(&**name) == checkpoints
            })
            .collect();
    }

    /// The topic of a table, which no other table has.
    pub(super) fn of_table(&mut self, table: &TableName) -> Result<Arc<str>, SinkError> {
        let topic: Arc<str> = name(&self.prefix, table).into();
        if topic.len() > TOPIC_CHARS_MAX {
            return Err(SinkError::TopicTooLong {
                topic: topic.to_string(),
                table: table.clone(),
                length: topic.len(),
            });
        }
        let first = if topic == self.ddl {
            Some("DDL".to_owned())
        } else if Some(&topic) == self.checkpoints.as_ref() {
            Some("the checkpoints".to_owned())
        } else {
            let taken = self.by_name.get(&topic);
            taken
                .filter(|other| *other != table)
                .map(ToString::to_string)
        };
        if let Some(first) = first {
            return Err(SinkError::TopicCollision {
                topic: topic.to_string(),
                first,
                second: table.clone(),
            });
        }
        self.by_name.insert(Arc::clone(&topic), table.clone());
        Ok(topic)
    }

    /// Creates a table's topic if the cluster does not have it.
    pub(super) async fn create_for_table(
        &mut self,
        topic: &Arc<str>,
        table: &Table,
        client: &Arc<Client>,
        config: &ClientConfig,
    ) -> Result<(), SinkError> {
        let wanted = self.wanted_for_table(topic, !table.key.is_empty());
        self.create(wanted, client, config).await
    }

    /// Creates the topic of DDL statements, with one partition so that they stay in order.
    pub(super) async fn create_for_ddl(
        &mut self,
        client: &Arc<Client>,
        config: &ClientConfig,
    ) -> Result<(), SinkError> {
        self.create(self.wanted_for_ddl(), client, config).await
    }

    /// What a table's topic is to be.
    pub(super) fn wanted_for_table(&self, topic: &Arc<str>, has_key: bool) -> Wanted {
        Wanted {
            name: Arc::clone(topic),
            partitions: self.partitions,
            replication: self.replication,
            config: match has_key {
                true => self.config.clone(),
                false => keyless(&self.config),
            },
        }
    }

    /// What the topic of DDL statements is to be.
    pub(super) fn wanted_for_ddl(&self) -> Wanted {
        Wanted {
            name: Arc::clone(&self.ddl),
            partitions: 1,
            replication: self.replication,
            config: keyless(&self.config),
        }
    }

    /// Creates the topic of checkpoints: compacted, and soon, since each start reads all of it.
    pub(super) async fn create_for_checkpoints(
        &mut self,
        client: &Arc<Client>,
        config: &ClientConfig,
    ) -> Result<(), SinkError> {
        match self.wanted_for_checkpoints() {
            Some(wanted) => self.create(wanted, client, config).await,
            None => Ok(()),
        }
    }

    /// What the topic of checkpoints is to be; `None` where there are none.
    pub(super) fn wanted_for_checkpoints(&self) -> Option<Wanted> {
        let own = [
            (CLEANUP_POLICY, COMPACT),
            ("segment.bytes", "16777216"),
            ("min.cleanable.dirty.ratio", "0.1"),
            // Kafka keeps the marks of transactions as long.
            ("delete.retention.ms", "600000"),
        ];
        Some(Wanted {
            name: self.checkpoints.clone()?,
            partitions: 1,
            replication: self.replication,
            config: own
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        })
    }

    async fn create(
        &mut self,
        wanted: Wanted,
        client: &Arc<Client>,
        config: &ClientConfig,
    ) -> Result<(), SinkError> {
        let name = wanted.name.to_string();
        if self.existing.contains(&name) {
            return Ok(());
        }
        create(&wanted, config).await?;
        let client = Arc::clone(client);
        off_the_runtime(move || await_leaders(&client, &wanted.name)).await?;
        self.existing.insert(name);
        Ok(())
    }
}

/// Records without a key cannot go to a compacted topic.
fn keyless(config: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut config = config.clone();
    if config
        .get(CLEANUP_POLICY)
        .is_some_and(|policy| policy.contains(COMPACT))
    {
        config.remove(CLEANUP_POLICY);
    }
    config
}

fn name(prefix: &str, table: &TableName) -> String {
    let (database, table) = (sanitised(&table.database), sanitised(&table.table));
    format!("{prefix}.{database}.{table}")
}

fn sanitised(text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.chars()
        .map(|c| if legal(c) { c } else { '_' })
        .collect()
}

async fn create(wanted: &Wanted, config: &ClientConfig) -> Result<(), SinkError> {
    // A client of its own for the moment: nobody empties the event queue of an idle one.
    let admin = Admin::new(config.clone()).await?;
    let options = AdminOptions::new()
        .request_timeout(Some(CREATE_MAX))
        .operation_timeout(Some(CREATE_MAX));
    match admin.create(&[wanted], &options).await.into_iter().next() {
        None | Some((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Some((topic, code)) => Err(rejection::of_topic(&topic, code)),
    }
}

/// A client for requests about topics. It leaves in the background, since its end waits for brokers that may not answer.
pub(super) struct Admin(Option<AdminClient<DeliveryContext>>);

impl Admin {
    /// Makes one.
    pub(super) async fn new(config: ClientConfig) -> Result<Self, SinkError> {
        off_the_runtime(move || {
            AdminClient::from_config_and_context(&config, DeliveryContext::default())
                .map(|client| Self(Some(client)))
                .map_err(rejection::of_configuration)
        })
        .await
    }

    /// Creates topics, or asks whether they could be created, as the options say. Returns those that are refused, each with the
    /// code.
    pub(super) async fn create(
        &self,
        wanted: &[&Wanted],
        options: &AdminOptions,
    ) -> Vec<(String, RDKafkaErrorCode)> {
        let topics = wanted.iter().map(|wanted| {
            let replication = TopicReplication::Fixed(wanted.replication);
            let topic = NewTopic::new(&wanted.name, wanted.partitions, replication);
            let config = wanted.config.iter();
            config.fold(topic, |topic, (key, value)| topic.set(key, value))
        });
        let topics: Vec<NewTopic<'_>> = topics.collect();
        match self.client().create_topics(&topics, options).await {
            Err(error) => {
                let code = error.rdkafka_error_code();
                let refused = code.map(|code| {
                    let all = wanted.iter();
                    all.map(move |wanted| (wanted.name.to_string(), code))
                });
                refused.into_iter().flatten().collect()
            }
            Ok(results) => results.into_iter().filter_map(Result::err).collect(),
        }
    }

    /// The settings of topics and brokers; of those that are refused the code.
    pub(super) async fn describe(
        &self,
        of: &[ResourceSpecifier<'_>],
        options: &AdminOptions,
    ) -> Result<Vec<ConfigResourceResult>, RDKafkaErrorCode> {
        let described = self.client().describe_configs(of, options).await;
        described.map_err(|error| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))
    }

    /// The client itself.
    pub(super) fn client(&self) -> &AdminClient<DeliveryContext> {
        let client = self.0.as_ref();
        client.expect("a client is there until it is dropped")
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let client = self.0.take();
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(client))),
            Err(_elsewhere) => drop(client),
        }
    }
}

/// Waits until each partition has a leader, blocking.
fn await_leaders(client: &Client, topic: &str) -> Result<(), SinkError> {
    let deadline = Instant::now() + READY_MAX;
    while Instant::now() < deadline {
        let metadata = client.client().fetch_metadata(Some(topic), REQUEST_MAX);
        let is_ready = metadata.is_ok_and(|metadata| {
            metadata.topics().iter().any(|found| {
                let partitions = found.partitions();
                !partitions.is_empty() && partitions.iter().all(|one| one.leader() >= 0)
            })
        });
        if is_ready {
            return Ok(());
        }
        std::thread::sleep(READY_POLL);
    }
    Err(SinkError::TopicNotReady {
        topic: topic.to_owned(),
        wait_max: READY_MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(ddl_topic: Option<&str>) -> Topics {
        let mut options: KafkaOptions =
            serde_json::from_str(r#"{"bootstrap_servers":"kafka:9092"}"#).unwrap();
        options.ddl_topic = ddl_topic.map(str::to_owned);
        Topics::new(&options, "my shop").unwrap()
    }

    #[test]
    fn a_topic_is_named_for_its_table_with_legal_characters_only() {
        let topic = topics(None).of_table(&TableName::new("bücher", "a b$c-d.e"));
        assert_eq!(&*topic.unwrap(), "my_shop.b_cher.a_b_c-d.e");
    }

    #[test]
    fn two_tables_with_one_topic_are_refused_by_name() {
        let mut topics = topics(None);
        topics.of_table(&TableName::new("shop", "a$b")).unwrap();
        topics.of_table(&TableName::new("shop", "a$b")).unwrap();
        let error = topics.of_table(&TableName::new("shop", "a b")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("shop.a$b and shop.a b both go to topic my_shop.shop.a_b"));
    }

    #[test]
    fn a_table_cannot_take_the_topic_of_ddl() {
        let mut topics = topics(Some("my_shop.shop.ddl"));
        let error = topics.of_table(&TableName::new("shop", "ddl"));
        assert!(matches!(error, Err(SinkError::TopicCollision { .. })));
    }

    #[test]
    fn a_name_that_kafka_would_not_take_is_refused() {
        let table = TableName::new("d".repeat(64), "t".repeat(200));
        let error = topics(None).of_table(&table);
        assert!(matches!(
            error,
            Err(SinkError::TopicTooLong { length: 273, .. })
        ));
    }

    #[test]
    fn compaction_is_left_out_where_there_are_no_keys() {
        let config = BTreeMap::from([
            (CLEANUP_POLICY.to_owned(), "compact,delete".to_owned()),
            ("retention.ms".to_owned(), "1".to_owned()),
        ]);
        assert_eq!(keyless(&config).len(), 1);
    }
}
