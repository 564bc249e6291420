//! Topics: which table has which, and creating those that are missing.
//!
//! A topic that exists is taken as it is. Topics are created before the first record, since a broker that creates them by
//! itself gives them its own number of partitions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer;
use tracing::{info, warn};

use super::admin::{Admin, Asking, KeptAdmin};
use super::choices::KafkaDelivery;
use super::delivery::Client;
use super::options::KafkaOptions;
use super::rejection;
use super::requests::Wanted;
use super::routes::{Routed, Routes, Rules, SharedTopic};
use super::template::{TOPIC_CHARS_MAX, is_internal, is_topic};
use crate::encode::Destination;
use crate::row::{Table, TableName};
use crate::sink::SinkError;
use crate::state::off_the_runtime;

pub(super) use super::routes::{CLEANUP_POLICY, COMPACT};

const CREATE_MAX: Duration = Duration::from_secs(30);
const READY_MAX: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(50);
/// What the topic of records takes that are too large for theirs; brokers take no larger request by default.
const DEAD_LETTER_BYTES_MAX: u32 = 100 << 20;
const REQUEST_MAX: Duration = Duration::from_secs(5);

/// What the topic of DDL holds.
const DDL: &str = "DDL statements";

/// The topics of one connector.
pub(super) struct Topics {
    /// What their names begin with, unless a template says otherwise.
    pub(super) prefix: String,
    /// What says where tables go.
    pub(super) routes: Routes,
    replication: Option<NonZeroU16>,
    config: BTreeMap<String, String>,
    /// Where DDL statements go.
    pub(super) ddl: Arc<str>,
    /// Where records go that are too large for their own topic, if they do.
    pub(super) dead_letters: Option<Arc<str>>,
    /// Where checkpoints go, if they do.
    pub(super) checkpoints: Option<Arc<str>>,
    /// Where heartbeats go, if there are any.
    pub(super) heartbeats: Option<Arc<str>>,
    /// Where it is said that groups begin and end, if it is.
    pub(super) groups: Option<Arc<str>>,
    /// The first table of each topic, and whether it lets others in.
    by_name: HashMap<Arc<str>, (TableName, SharedTopic)>,
    /// The topics that rows of outboxes chose, each with the table of the first.
    chosen: HashMap<Arc<str>, TableName>,
    /// Partitions of topics, unless a route says otherwise.
    partitions: NonZeroU16,
    /// The topics of the cluster, each with its number of partitions.
    existing: HashMap<String, NonZeroU32>,
    /// Those whose partitions are other than is configured, which was told.
    warned: HashSet<Arc<str>>,
    /// What creates them, and tells what they are set to.
    pub(super) admin: KeptAdmin,
}

/// What a topic holds that is no table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnTopic {
    /// DDL statements.
    Ddl,
    /// Heartbeats.
    Heartbeats,
    /// Where groups begin and end.
    Groups,
}

impl Topics {
    /// Makes the topics of a connector, none of which is known to exist yet.
    pub(super) fn new(options: &KafkaOptions, connector: &str) -> Result<Self, SinkError> {
        let prefix = options.prefix(connector);
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
        let topic = |name: &Option<String>| name.as_deref().map(Arc::from);
        Ok(Self {
            routes: Routes::new(&options.section(), &options.routes, &prefix)?,
            prefix,
            checkpoints,
            replication: options.replication_factor,
            dead_letters: options.dead_letter_topic.as_deref().map(Into::into),
            config: options.topic_config.clone(),
            ddl,
            heartbeats: topic(&options.heartbeat_topic),
            groups: topic(&options.transaction_topic),
            by_name: HashMap::new(),
            chosen: HashMap::new(),
            partitions: options.partitions,
            existing: HashMap::new(),
            warned: HashSet::new(),
            admin: KeptAdmin::of(options),
        })
    }

    /// The topics that are no table's, with what each holds.
    fn own(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let own = [
            (DDL, Some(&self.ddl)),
            ("the checkpoints", self.checkpoints.as_ref()),
            ("the records that are too large", self.dead_letters.as_ref()),
            ("the heartbeats", self.heartbeats.as_ref()),
            ("the transactions", self.groups.as_ref()),
        ];
        own.into_iter()
            .filter_map(|(holds, topic)| Some((holds, &**topic?)))
    }

    /// Notes which topics the cluster has, each with its number of partitions.
    pub(super) fn exist(&mut self, topics: impl Iterator<Item = (String, usize)>) {
        let counted = |(name, count)| Some((name, u32::try_from(count).ok()?.try_into().ok()?));
        self.existing = topics.filter_map(counted).collect();
    }

    /// The topic of a table, and what holds for it. Only tables that share it have the same one.
    ///
    /// # Errors
    /// A name that Kafka does not take, or a topic that is another's.
    pub(super) fn of_table(
        &mut self,
        table: &TableName,
    ) -> Result<(Arc<str>, Arc<Rules>), SinkError> {
        let Routed { topic, rules } = self.routes.of(table);
        let topic: Arc<str> = topic.into();
        if topic.len() > TOPIC_CHARS_MAX {
            return Err(SinkError::TopicTooLong {
                topic: topic.to_string(),
                table: table.clone(),
                length: topic.len(),
            });
        }
        if !is_topic(&topic) {
            return Err(SinkError::TableUnfit {
                table: table.clone(),
                reason: format!(
                    "their topic would be {topic:?}, which Kafka does not allow, change topic"
                ),
            });
        }
        if is_internal(&topic) {
            return Err(SinkError::TableUnfit {
                table: table.clone(),
                reason: format!(
                    "their topic would be {topic}, which Kafka keeps for itself, change topic"
                ),
            });
        }
        let shared = rules.shared;
        let of_own = self.own().find(|(_, other)| *other == &*topic);
        let of_own = of_own.map(|(holds, _)| holds);
        let first = match of_own.filter(|holds| *holds != DDL || shared == SharedTopic::No) {
            Some(DDL) => Some("DDL".to_owned()),
            Some(holds) => Some(holds.to_owned()),
            None => {
                let lets_in = |other: &SharedTopic| *other == shared && shared != SharedTopic::No;
                let taken = self.by_name.get(&topic);
                let taken = taken.filter(|(first, other)| first != table && !lets_in(other));
                let taken = taken.map(|(first, _)| first);
                let taken = taken.or_else(|| self.chosen.get(&topic));
                taken.map(ToString::to_string)
            }
        };
        if let Some(first) = first {
            return Err(SinkError::TopicCollision {
                topic: topic.to_string(),
                first,
                second: table.clone(),
            });
        }
        let name = || (table.clone(), shared);
        self.by_name.entry(Arc::clone(&topic)).or_insert_with(name);
        Ok((topic, rules))
    }

    /// Makes sure that tables which are known have topics of their own, as far as their names tell.
    ///
    /// # Errors
    /// As for [`Self::of_table`].
    pub(super) fn foresee(&mut self, tables: &[TableName]) -> Result<(), SinkError> {
        for table in tables {
            self.of_table(table)?;
        }
        Ok(())
    }

    /// Creates a table's topic if the cluster does not have it, and says where the table's records go.
    ///
    /// # Errors
    /// As for [`Self::of_table`]; a table without the columns that its key or partition takes; a topic that cannot be created.
    pub(super) async fn prepare(
        &mut self,
        table: &Table,
        client: &Arc<Client>,
    ) -> Result<Destination, SinkError> {
        let (topic, rules) = self.of_table(&table.name)?;
        // What is wrong with the table is told before its topic is there.
        let destination = rules.destination(Arc::clone(&topic), table, NonZeroU32::MIN)?;
        let wanted = wanted_for_table(&topic, &rules, !destination.key.columns.is_empty());
        let partitions = wanted.partitions;
        let is_there = self.existing.get(&*topic).copied();
        if let Some(found) = is_there
            && i32::try_from(found.get()) != Ok(partitions)
            && self.warned.insert(Arc::clone(&topic))
        {
            warn!(%topic, %found, configured = partitions, "the topic has another number of partitions than is configured, and keeps it");
        }
        let count = self.create(wanted, client).await?;
        rules.destination(topic, table, count)
    }

    /// Creates a topic that a row of an outbox chose, if the cluster does not have it. It is no other table's.
    ///
    /// # Errors
    /// As for [`Self::of_table`]; a topic that cannot be created.
    pub(super) async fn prepare_chosen(
        &mut self,
        topic: &Arc<str>,
        table: &TableName,
        client: &Arc<Client>,
    ) -> Result<(), SinkError> {
        if self.chosen.contains_key(topic) {
            return Ok(());
        }
        if !is_topic(topic) || is_internal(topic) {
            return Err(SinkError::TableUnfit {
                table: table.clone(),
                reason: format!(
                    "a row chose topic {topic:?}, which Kafka does not allow, correct the row or change outbox.route_topic_replacement"
                ),
            });
        }
        let own = self.own().find(|(_, other)| *other == &**topic);
        let own = own.map(|(holds, _)| holds.to_owned());
        let first = own.or_else(|| self.by_name.get(topic).map(|(first, _)| first.to_string()));
        if let Some(first) = first {
            return Err(SinkError::TopicCollision {
                topic: topic.to_string(),
                first,
                second: table.clone(),
            });
        }
        let wanted = Wanted {
            name: Arc::clone(topic),
            partitions: i32::from(self.partitions.get()),
            replication: replicas(self.replication),
            // A key's messages are no states of it: none replaces another.
            config: keyless(&self.config),
        };
        self.create(wanted, client).await?;
        self.chosen.insert(Arc::clone(topic), table.clone());
        Ok(())
    }

    /// Says once that a table which was renamed has another topic from now on.
    pub(super) fn renamed(&mut self, former: &TableName, now: &TableName) {
        let of = |table| self.routes.of(table).topic;
        let (before, after) = (of(former), of(now));
        if before != after && self.existing.contains_key(&before) {
            info!(table = %now, %former, topic = after, former_topic = before, "the table was renamed: its records go to another topic from here on");
        }
    }

    /// What the topics are to be that are no table's, but for that of checkpoints, with what each holds: each has one
    /// partition, so that it stays in order. DDL may have that of the tables.
    pub(super) fn wanted_for_own(&self) -> impl Iterator<Item = (OwnTopic, Wanted)> {
        let topics = [
            (OwnTopic::Ddl, Some(&self.ddl)),
            (OwnTopic::Heartbeats, self.heartbeats.as_ref()),
            (OwnTopic::Groups, self.groups.as_ref()),
        ];
        topics.into_iter().filter_map(|(holds, topic)| {
            let topic = topic?;
            let shared = self.routes.of_shared(topic);
            let shared = shared.filter(|_| holds == OwnTopic::Ddl);
            let wanted = Wanted {
                name: Arc::clone(topic),
                partitions: shared.map_or(1, |rules| i32::from(rules.partitions.get())),
                replication: replicas(self.replication),
                config: keyless(&self.config),
            };
            Some((holds, wanted))
        })
    }

    /// What the topic of the records that are too large for their own is to be; `None` where there is none.
    fn wanted_for_dead_letters(&self) -> Option<Wanted> {
        let mut config = keyless(&self.config);
        // More than those that its records were too large for.
        config.insert(
            "max.message.bytes".to_owned(),
            DEAD_LETTER_BYTES_MAX.to_string(),
        );
        Some(Wanted {
            name: self.dead_letters.clone()?,
            partitions: 1,
            replication: replicas(self.replication),
            config,
        })
    }

    /// What the topic of checkpoints is to be, compacted, and soon, since each start reads all of it; `None` where there are
    /// none.
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
            replication: replicas(self.replication),
            config: own
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        })
    }

    /// Creates the topics that are no table's, as far as they are missing.
    pub(super) async fn create_own(&mut self, client: &Arc<Client>) -> Result<(), SinkError> {
        let own: Vec<Wanted> = self.wanted_for_own().map(|(_, wanted)| wanted).collect();
        let own = own.into_iter().chain(self.wanted_for_dead_letters());
        let own: Vec<Wanted> = own.chain(self.wanted_for_checkpoints()).collect();
        for wanted in own {
            self.create(wanted, client).await?;
        }
        Ok(())
    }

    /// Creates a topic if it is missing; returns its number of partitions.
    async fn create(
        &mut self,
        wanted: Wanted,
        client: &Arc<Client>,
    ) -> Result<NonZeroU32, SinkError> {
        let name = wanted.name.to_string();
        if let Some(count) = self.existing.get(&name) {
            return Ok(*count);
        }
        let are_alike = |other: &&String| in_metrics(other).eq(in_metrics(&name));
        if let Some(other) = self.existing.keys().find(are_alike) {
            return Err(SinkError::TopicTooAlike {
                topic: name,
                other: other.clone(),
            });
        }
        create(self.admin.get().await?, &wanted).await?;
        let client = Arc::clone(client);
        let count = off_the_runtime(move || await_leaders(&client, &wanted.name)).await?;
        self.existing.insert(name, count);
        Ok(count)
    }
}

/// What a table's topic is to be.
pub(super) fn wanted_for_table(topic: &Arc<str>, rules: &Rules, has_key: bool) -> Wanted {
    Wanted {
        name: Arc::clone(topic),
        partitions: i32::from(rules.partitions.get()),
        replication: replicas(rules.replication),
        config: match has_key {
            true => rules.config.clone(),
            false => keyless(&rules.config),
        },
    }
}

/// Minus one is the protocol's way to ask for the broker's default.
fn replicas(factor: Option<NonZeroU16>) -> i32 {
    factor.map_or(-1, |factor| i32::from(factor.get()))
}

/// A topic as the names of Kafka's metrics have it. Kafka would not have two that are the same there.
pub(super) fn in_metrics(topic: &str) -> impl Iterator<Item = char> {
    topic.chars().map(|c| if c == '.' { '_' } else { c })
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

async fn create(admin: &Admin, wanted: &Wanted) -> Result<(), SinkError> {
    let asking = Asking::to_do(CREATE_MAX);
    match admin.create(&[wanted], asking).await.into_iter().next() {
        None | Some((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Some((topic, code)) => Err(rejection::of_topic(&topic, code)),
    }
}

/// Whether the leaders of all partitions of a topic, of which there are so many, know that they are.
fn lead(client: &Client, topic: &str, count: NonZeroU32) -> bool {
    let leads = |partition: u32| {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let asked = client
            .client()
            .fetch_watermarks(topic, partition, REQUEST_MAX);
        asked.is_ok()
    };
    (0..count.get()).all(leads)
}

/// Waits until each partition has a leader that takes records, blocking; returns how many there are.
///
/// A broker that is named as the leader may yet have to become it. It would refuse a producer's first records then and take the
/// next, and librdkafka would take what a broker refused and what came before something acknowledged for the same: the first
/// records of the partition would be lost. So each leader is asked for the partition's end, which it tells once it leads.
fn await_leaders(client: &Client, topic: &str) -> Result<NonZeroU32, SinkError> {
    let deadline = Instant::now() + READY_MAX;
    while Instant::now() < deadline {
        let metadata = client.client().fetch_metadata(Some(topic), REQUEST_MAX);
        let ready = metadata.ok().and_then(|metadata| {
            let found = metadata.topics().first()?;
            let partitions = found.partitions();
            let have_leaders = partitions.iter().all(|one| one.leader() >= 0);
            let count = u32::try_from(partitions.len()).ok()?;
            NonZeroU32::new(count).filter(|_| have_leaders)
        });
        if let Some(count) = ready
            && lead(client, topic, count)
        {
            return Ok(count);
        }
        std::thread::sleep(READY_POLL);
    }
    Err(SinkError::TopicNotReady {
        topic: topic.to_owned(),
        wait_max: READY_MAX,
    })
}
