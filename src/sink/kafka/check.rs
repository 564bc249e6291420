//! A Kafka cluster looked at before anything is written to it: whether it answers, whether the topics are there or could be
//! made, and whether their settings take what will come.
//!
//! Creating topics is asked for as a dry run. Kafka tells nobody but an administrator whether an account may write, and only a
//! record would show it, so that this is told as not checked. The client here is no idempotent producer, for which the cluster
//! would set a number aside.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::metadata::Metadata;

use super::admin::{Admin, Asking};
use super::delivery::{Client, DeliveryContext};
use super::options::{KafkaOptions, RECORD_BYTES_MAX};
use super::outbox::Outboxes;
use super::requests::Wanted;
use super::routes::{LEFT_OUT, MERGED, is_named, lacks, unfit};
use super::topics::{OwnTopic, Topics, in_metrics, wanted_for_table};
use super::{connect, rejection};
use crate::failure::Class;
use crate::finding::{Finding, listed};
use crate::metrics::one_line;
use crate::sink::{SinkError, TargetTable, registry};
use crate::state::off_the_runtime;

const REQUEST_MAX: Duration = Duration::from_secs(15);
/// Topics that do not begin with the prefix, for which commands are told.
const OUTSIDE_MAX: usize = 20;
/// What a record has beside the images of its row.
const RECORD_EXTRA_BYTES: u64 = 4096;

/// What is to be said of a connector's cluster.
pub async fn findings(
    options: &KafkaOptions,
    connector: &str,
    tables: Option<&[TargetTable]>,
) -> Vec<Finding> {
    let mut check = Check {
        options,
        connector,
        found: Vec::new(),
    };
    if let Err(error) = check.look(tables).await {
        let name = match &error {
            SinkError::Option { .. } => "configuration",
            _of_cluster => "kafka",
        };
        check.add(Finding::fatal(name, error.class(), one_line(&error)));
    }
    let servers = &options.bootstrap_servers;
    let placed = check.found.into_iter().map(|finding| match finding.place {
        Some(_) => finding,
        None => finding.at(servers.clone()),
    });
    placed.collect()
}

struct Check<'a> {
    options: &'a KafkaOptions,
    connector: &'a str,
    found: Vec<Finding>,
}

/// A topic that the connector will write to.
struct PlannedTopic {
    wanted: Wanted,
    /// Whether each of its records has a key.
    has_key: bool,
    /// Whether all records of a key are in one partition.
    keeps_keys_together: bool,
    holds: Holds,
    record_bytes_max: u64,
}

/// What the records of a topic are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Rows,
    Own(OwnTopic),
    Checkpoints,
}

/// A topic that is there.
struct ThereTopic {
    partitions: usize,
    /// Of the partition that has the fewest.
    replicas: usize,
    without_leader: usize,
}

/// Settings of topics, and those of a broker, which new topics get; absent where the cluster does not show them.
#[derive(Default)]
struct ShownSettings {
    of_topics: HashMap<String, HashMap<String, String>>,
    of_broker: HashMap<String, String>,
}

impl Check<'_> {
    fn add(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    async fn look(&mut self, tables: Option<&[TargetTable]>) -> Result<(), SinkError> {
        self.options.validate(self.connector)?;
        self.registry().await;
        let mut topics = Topics::new(self.options, self.connector)?;
        let config = self.client();
        let servers = self.options.bootstrap_servers.clone();
        let (of_client, context) = (config.clone(), DeliveryContext::with(self.options.tokens()));
        let metadata = off_the_runtime(move || {
            let client = Client::from_config_and_context(&of_client, context)
                .map_err(rejection::of_configuration)?;
            connect(&client, &servers)
        })
        .await?;
        let brokers = metadata.brokers().len();
        let what = format!("the cluster answers; brokers: {brokers}");
        self.add(Finding::ok("kafka", what));
        let there = there(&metadata);
        let planned = self.planned(&mut topics, tables);
        self.alike(&planned, &there);
        let admin = Admin::new(config, self.options.requests()).await?;
        self.creation(&admin, &planned, &there, brokers).await;
        let broker = metadata.brokers().first().map(|broker| broker.id());
        let settings = self.settings(&admin, &planned, &there, broker).await;
        for topic in &planned {
            self.topic(topic, there.get(&*topic.wanted.name), &settings);
        }
        self.sizes(&planned, &there, &settings);
        self.batches(&planned, &there, &settings);
        self.rights(&topics, &planned);
        Ok(())
    }

    /// Looks whether the schema registry answers, where there is to be one.
    async fn registry(&mut self) {
        let Some(options) = &self.options.registry else {
            return;
        };
        self.add(match registry::probe(options).await {
            Ok(url) => Finding::ok("registry", format!("the schema registry answers at {url}")),
            Err(error) => Finding::fatal("registry", error.class(), one_line(&error)),
        });
    }

    /// The producer's configuration without what makes the cluster keep something for it.
    fn client(&self) -> ClientConfig {
        let mut config = self.options.producer();
        config.remove("enable.gapless.guarantee");
        config.set("enable.idempotence", "false");
        config
    }

    /// The topics that the connector needs.
    fn planned(
        &mut self,
        topics: &mut Topics,
        tables: Option<&[TargetTable]>,
    ) -> Vec<PlannedTopic> {
        let is_rows = |wanted: &Wanted| topics.routes.of_shared(&wanted.name).is_some();
        let own = topics.wanted_for_own().map(|(holds, wanted)| PlannedTopic {
            has_key: holds == OwnTopic::Heartbeats,
            keeps_keys_together: true,
            holds: match holds == OwnTopic::Ddl && is_rows(&wanted) {
                true => Holds::Rows,
                false => Holds::Own(holds),
            },
            record_bytes_max: 0,
            wanted,
        });
        let mut planned: Vec<PlannedTopic> = own.collect();
        planned.extend(topics.wanted_for_checkpoints().map(|wanted| PlannedTopic {
            wanted,
            has_key: true,
            keeps_keys_together: true,
            holds: Holds::Checkpoints,
            record_bytes_max: 0,
        }));
        let Some(tables) = tables else {
            let what = "the topics of tables: the source did not tell which tables there are";
            self.add(Finding::not_checked("topics", what));
            return planned;
        };
        let names = tables.iter().map(|table| &table.name);
        for (number, expression) in topics.routes.idle(names) {
            let what = format!(
                "route {number} ([[sink.routes]] with tables = \"{expression}\") decides for no table that is there: none has such \
                 a name, or a route before it matches too"
            );
            let finding = Finding::warning("routes", what);
            self.add(finding.advice(
                "correct its expression, put it before the route that matches too, or remove it",
            ));
        }
        // Statements may share the topic of rows.
        let named = planned.iter().enumerate();
        let mut by_name: HashMap<Arc<str>, usize> = named
            .map(|(at, topic)| (Arc::clone(&topic.wanted.name), at))
            .collect();
        let outboxes = Outboxes::of(
            self.options.outbox.as_ref(),
            self.options.sections(),
            &topics.prefix,
        )
        .ok()
        .flatten();
        for table in tables {
            if let Some(outboxes) = outboxes.as_ref().filter(|all| all.has(&table.name)) {
                self.outbox(outboxes, table);
                continue;
            }
            let topic = match planned_for(topics, table) {
                Ok(topic) => topic,
                Err(error) => {
                    self.add(Finding::fatal("topics", error.class(), one_line(&error)));
                    continue;
                }
            };
            let at = by_name.entry(Arc::clone(&topic.wanted.name));
            let at = *at.or_insert(planned.len());
            match planned.get_mut(at) {
                Some(shared) => shared.share(&topic),
                None => planned.push(topic),
            }
        }
        planned
    }

    /// Whether an outbox has the columns that its messages are made of.
    fn outbox(&mut self, outboxes: &Outboxes, table: &TargetTable) {
        for (key, column) in outboxes.settings.columns() {
            let has = table.columns.iter().any(|it| is_named(it, column));
            if has && !table.left_out.iter().any(|it| is_named(it, column)) {
                continue;
            }
            let option = format!("outbox.{key}");
            let error = lacks(&table.name, column, &option);
            self.add(Finding::fatal("topics", error.class(), one_line(&error)));
        }
    }

    /// Topics that Kafka would not have beside each other.
    fn alike(&mut self, planned: &[PlannedTopic], there: &BTreeMap<String, ThereTopic>) {
        let mut by_metric: HashMap<String, &str> = HashMap::new();
        let folded = |name: &str| in_metrics(name).collect::<String>();
        for name in there.keys() {
            by_metric.insert(folded(name), name);
        }
        for topic in planned {
            let name = &*topic.wanted.name;
            if there.contains_key(name) {
                continue;
            }
            match by_metric.entry(folded(name)) {
                Entry::Occupied(other) if *other.get() != name => {
                    let error = SinkError::TopicTooAlike {
                        topic: name.to_owned(),
                        other: (*other.get()).to_owned(),
                    };
                    self.add(Finding::fatal("topics", error.class(), one_line(&error)));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(entry) => {
                    entry.insert(name);
                }
            }
        }
    }

    /// Whether the topics that are not there could be made.
    async fn creation(
        &mut self,
        admin: &Admin,
        planned: &[PlannedTopic],
        there: &BTreeMap<String, ThereTopic>,
        brokers: usize,
    ) {
        let missing: Vec<&Wanted> = planned
            .iter()
            .map(|topic| &topic.wanted)
            .filter(|wanted| !there.contains_key(&*wanted.name))
            .collect();
        if missing.is_empty() {
            return self.add(Finding::ok("topics", "every topic is there"));
        }
        let asking = Asking::whether(REQUEST_MAX);
        let refused = admin.create(&missing, asking).await;
        if refused.is_empty() {
            let names: Vec<String> = missing
                .iter()
                .map(|wanted| wanted.name.to_string())
                .collect();
            let what = format!("not there yet, and can be made: {}", listed(&names));
            return self.add(Finding::ok("topics", what));
        }
        let mut by_code: Vec<(Code, Vec<String>)> = Vec::new();
        for (topic, code) in refused {
            match by_code.iter_mut().find(|(known, _)| *known == code) {
                Some((_, topics)) => topics.push(topic),
                None => by_code.push((code, vec![topic])),
            }
        }
        for (code, names) in by_code {
            let error = match code {
                // It is there, and the cluster does not show it.
                Code::TopicAlreadyExists => {
                    rejection::of_topic(&listed(&names), Code::TopicAuthorizationFailed)
                }
                code => rejection::of_topic(&listed(&names), code),
            };
            let finding = Finding::fatal("topics", error.class(), one_line(&error));
            let finding = match code {
                Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TopicAlreadyExists => finding.command(self.grant()),
                Code::InvalidReplicationFactor => {
                    finding.connector(format!("replication_factor = {brokers}"))
                }
                _as_the_text_says => finding,
            };
            self.add(finding);
        }
    }

    /// Asks for the settings of the topics that are there, and of a broker.
    async fn settings(
        &mut self,
        admin: &Admin,
        planned: &[PlannedTopic],
        there: &BTreeMap<String, ThereTopic>,
        broker: Option<i32>,
    ) -> ShownSettings {
        let names = planned.iter().map(|topic| &*topic.wanted.name);
        let names = names.filter(|name| there.contains_key(*name));
        let topics = names.map(ResourceSpecifier::Topic);
        let asked: Vec<ResourceSpecifier<'_>> = topics
            .chain(broker.map(ResourceSpecifier::Broker))
            .collect();
        let mut shown = ShownSettings::default();
        let described = match admin.describe(&asked, REQUEST_MAX).await {
            Ok(described) => described,
            Err(code) => {
                self.unseen(&code.to_string());
                return shown;
            }
        };
        let mut refusal = None;
        for resource in described {
            match resource {
                // What is not shown has no settings.
                Ok(resource) if resource.entries.is_empty() => {
                    refusal = Some("the cluster does not show them to the account".to_owned());
                }
                Ok(resource) => {
                    let entries = resource.entries.into_iter();
                    let values = entries
                        .filter_map(|entry| Some((entry.name, entry.value?)))
                        .collect();
                    match resource.specifier {
                        OwnedResourceSpecifier::Topic(name) => {
                            shown.of_topics.insert(name, values);
                        }
                        OwnedResourceSpecifier::Broker(_) => shown.of_broker = values,
                        OwnedResourceSpecifier::Group(_) => continue,
                    }
                }
                Err(code) => refusal = Some(code.to_string()),
            }
        }
        if let Some(reason) = refusal {
            self.unseen(&reason);
        }
        shown
    }

    fn unseen(&mut self, reason: &str) {
        let what = format!(
            "settings of topics and brokers (cleanup.policy, max.message.bytes, min.insync.replicas): {reason}"
        );
        let finding = Finding::not_checked("topic_settings", what);
        let (principal, admin) = (self.principal(), self.admin_config());
        let servers = &self.options.bootstrap_servers;
        let finding = finding.command(format!(
            "kafka-acls.sh --bootstrap-server {servers}{admin} --add --allow-principal {principal} --operation DescribeConfigs \
             --topic {} --resource-pattern-type prefixed",
            self.prefix()
        ));
        self.add(finding.command(format!(
            "kafka-acls.sh --bootstrap-server {servers}{admin} --add --allow-principal {principal} --operation DescribeConfigs \
             --cluster"
        )));
    }

    /// What is to be said of one topic, there or to be made.
    fn topic(
        &mut self,
        topic: &PlannedTopic,
        there: Option<&ThereTopic>,
        settings: &ShownSettings,
    ) {
        let name = topic.wanted.name.to_string();
        let value = |key: &str| settings.of(topic, there.is_some(), key);
        let policy = value("cleanup.policy").unwrap_or_default();
        let is_compacted = policy.contains("compact");
        if is_compacted && !topic.has_key {
            let what = match topic.holds {
                Holds::Own(OwnTopic::Groups) => format!(
                    "cleanup.policy is {policy}: the topic of transactions would lose their beginnings, which have the keys of their ends"
                ),
                Holds::Own(OwnTopic::Ddl | OwnTopic::Heartbeats) => format!(
                    "cleanup.policy is {policy}: the topic of DDL statements takes records with keys only, and these have none"
                ),
                Holds::Rows | Holds::Checkpoints => format!(
                    "cleanup.policy is {policy}: the topic of a table without a primary key, or of DDL, takes records with keys only, and these \
                     have none"
                ),
            };
            let finding = Finding::fatal("cleanup_policy", Class::Refused, what).at(name.clone());
            self.add(finding.command(self.alter(&name, "cleanup.policy=delete")));
        } else if is_compacted && !topic.keeps_keys_together {
            let what = format!(
                "cleanup.policy is {policy}: with partition_by = \"group\" a key's records are in several partitions, and compaction \
                 keeps stale ones"
            );
            let finding = Finding::fatal("cleanup_policy", Class::Refused, what).at(name.clone());
            self.add(finding.command(self.alter(&name, "cleanup.policy=delete")));
        } else if is_compacted && topic.holds == Holds::Rows && !self.options.has_tombstones() {
            let what = format!(
                "cleanup.policy is {policy}, and without tombstones compaction never forgets a row that was deleted"
            );
            let finding = Finding::warning("cleanup_policy", what).at(name.clone());
            self.add(finding.connector("tombstones = true"));
        }
        let replicas = match there {
            Some(there) => Some(there.replicas),
            None => usize::try_from(topic.wanted.replication).ok().or_else(|| {
                settings
                    .of_broker
                    .get("default.replication.factor")?
                    .parse()
                    .ok()
            }),
        };
        let insync = value("min.insync.replicas").and_then(|text| text.parse::<usize>().ok());
        if let (Some(replicas), Some(insync)) = (replicas, insync)
            && replicas < insync
        {
            let what = format!(
                "min.insync.replicas is {insync} and the topic has {replicas} replicas: no record is ever acknowledged"
            );
            let finding = Finding::fatal("replicas", Class::Refused, what).at(name.clone());
            self.add(match there {
                Some(_) => {
                    finding.command(self.alter(&name, &format!("min.insync.replicas={replicas}")))
                }
                None => finding.connector(format!("replication_factor = {insync}")),
            });
        }
        if let Some(there) = there {
            self.partitions(topic, there);
        }
    }

    fn partitions(&mut self, topic: &PlannedTopic, there: &ThereTopic) {
        const CHECK: &str = "partitions";
        let name = topic.wanted.name.to_string();
        let ThereTopic { partitions, .. } = there;
        if topic.holds == Holds::Own(OwnTopic::Ddl) && *partitions > 1 {
            let what = format!(
                "the topic of DDL statements has {partitions} partitions, so that a reader gets statements out of order"
            );
            let finding = Finding::warning(CHECK, what).at(name.clone());
            self.add(finding.connector(format!("ddl_topic = \"{name}.ddl\"")));
        } else if topic.holds == Holds::Rows
            && i32::try_from(*partitions) != Ok(topic.wanted.partitions)
        {
            let what = format!(
                "the topic has {partitions} partitions and the connector's partitions are {}: it is taken as it is",
                topic.wanted.partitions
            );
            let finding = Finding::warning(CHECK, what).at(name.clone());
            self.add(finding.connector(format!("partitions = {partitions}")));
        }
        if there.without_leader > 0 {
            let what = format!(
                "{} of {partitions} partitions have no leader, and take no records until they have",
                there.without_leader
            );
            let finding = Finding::warning(CHECK, what).at(name);
            self.add(finding.advice("start the brokers that hold them"));
        }
    }

    /// Rows that their topics may not take.
    fn sizes(
        &mut self,
        planned: &[PlannedTopic],
        there: &BTreeMap<String, ThereTopic>,
        settings: &ShownSettings,
    ) {
        const CHECK: &str = "max_message_bytes";
        let mut names = Vec::new();
        let mut commands = Vec::new();
        let mut to_create = 0;
        for topic in planned {
            let name = topic.wanted.name.to_string();
            let is_there = there.contains_key(&name);
            let Some(limit) = settings.message_bytes_max(topic, is_there) else {
                continue;
            };
            let needed = topic.record_bytes_max;
            if needed <= limit {
                continue;
            }
            names.push(format!("{name} takes {limit} bytes of up to {needed}"));
            match is_there {
                true => commands.push(self.alter(&name, &format!("max.message.bytes={needed}"))),
                false => to_create = to_create.max(needed),
            }
        }
        if names.is_empty() {
            return;
        }
        let what = format!(
            "records can be larger than their topics take, going by the types of the columns, and the connector would stop at one: {}",
            listed(&names)
        );
        let mut finding = Finding::warning(CHECK, what);
        for command in commands {
            finding = finding.command(command);
        }
        if to_create > 0 {
            finding = finding.connector(format!(
                "topic_config = {{ \"max.message.bytes\" = \"{to_create}\" }}"
            ));
        }
        self.add(finding);
    }

    /// Topics that may take no full batch, which brokers judge as they judge a record.
    fn batches(
        &mut self,
        planned: &[PlannedTopic],
        there: &BTreeMap<String, ThereTopic>,
        settings: &ShownSettings,
    ) {
        let producer = self.options.producer();
        let size = producer.get("batch.size");
        let Some(size) = size.and_then(|text| text.parse::<u64>().ok()) else {
            return;
        };
        let mut names = Vec::new();
        let mut fits = size;
        for topic in planned {
            let name = &*topic.wanted.name;
            let limit = settings.message_bytes_max(topic, there.contains_key(name));
            let Some(limit) = limit else {
                continue;
            };
            if limit < size {
                names.push(format!("{name} takes {limit} bytes"));
                fits = fits.min(limit);
            }
        }
        if names.is_empty() {
            return;
        }
        let what = format!(
            "batches of up to {size} bytes can be larger than topics take, and the connector would stop at one: {}",
            listed(&names)
        );
        let finding = Finding::warning("batch_size", what);
        self.add(finding.advice(format!(
            "set \"batch.size\" = \"{fits}\" in [sink.properties]"
        )));
    }

    fn rights(&mut self, topics: &Topics, planned: &[PlannedTopic]) {
        let what = "whether the account may WRITE to the topics: Kafka tells that to administrators only, and the first record shows \
                    it";
        let finding = Finding::not_checked("write_rights", what).command(self.grant());
        let outside = planned
            .iter()
            .filter(|topic| topic.holds != Holds::Checkpoints)
            .map(|topic| &topic.wanted.name)
            .filter(|name| !name.starts_with(&topics.prefix));
        let mut finding = outside.take(OUTSIDE_MAX).fold(finding, |finding, name| {
            finding.command(self.acl(&format!("--topic {name}")))
        });
        if let Some(checkpoints) = &topics.checkpoints {
            let (prefix, connector) = (&topics.prefix, self.connector);
            let read =
                format!("--operation Read --operation DescribeConfigs --topic {checkpoints}");
            let id = format!("--transactional-id rowtap.{prefix}.{connector}");
            finding = finding.command(self.acl(&read)).command(format!(
                "kafka-acls.sh --bootstrap-server {}{} --add --allow-principal {} --operation Describe --operation Write {id}",
                self.options.bootstrap_servers,
                self.admin_config(),
                self.principal()
            ));
        }
        self.add(finding);
    }

    fn prefix(&self) -> String {
        let prefix = self.options.prefix.as_deref();
        prefix.unwrap_or(self.connector).to_owned()
    }

    /// The command that lets the connector's account do all that it does.
    fn grant(&self) -> String {
        self.acl(&format!(
            "--topic {} --resource-pattern-type prefixed",
            self.prefix()
        ))
    }

    fn acl(&self, on: &str) -> String {
        format!(
            "kafka-acls.sh --bootstrap-server {}{} --add --allow-principal {} --operation Create --operation Describe --operation \
             Write {on}",
            self.options.bootstrap_servers,
            self.admin_config(),
            self.principal()
        )
    }

    fn alter(&self, topic: &str, setting: &str) -> String {
        format!(
            "kafka-configs.sh --bootstrap-server {}{} --alter --entity-type topics --entity-name {topic} --add-config {setting}",
            self.options.bootstrap_servers,
            self.admin_config()
        )
    }

    /// How an administrator logs in where that takes something.
    fn admin_config(&self) -> &'static str {
        match self.options.properties.contains_key("security.protocol") {
            true => " --command-config admin.properties",
            false => "",
        }
    }

    fn principal(&self) -> String {
        let name = self.options.properties.get("sasl.username");
        format!("User:{}", name.map_or("NAME", String::as_str))
    }
}

impl PlannedTopic {
    /// Takes the records of another table, too.
    fn share(&mut self, other: &Self) {
        self.has_key &= other.has_key;
        self.keeps_keys_together &= other.keeps_keys_together;
        self.record_bytes_max = self.record_bytes_max.max(other.record_bytes_max);
    }
}

/// The topic of a table.
fn planned_for(topics: &mut Topics, table: &TargetTable) -> Result<PlannedTopic, SinkError> {
    let (topic, rules) = topics.of_table(&table.name)?;
    for (option, column) in rules.columns() {
        if !table.columns.iter().any(|it| is_named(it, column)) {
            return Err(lacks(&table.name, column, option));
        }
        for (columns, reason) in [(&table.left_out, LEFT_OUT), (&table.merged, MERGED)] {
            if columns.iter().any(|it| is_named(it, column)) {
                return Err(unfit(&table.name, column, option, reason));
            }
        }
    }
    let has_key = rules.has_key(table.has_key);
    Ok(PlannedTopic {
        wanted: wanted_for_table(&topic, &rules, has_key),
        has_key,
        keeps_keys_together: rules.keeps_keys_together(),
        holds: Holds::Rows,
        // Before and after, as for an update.
        record_bytes_max: table
            .row_bytes_max
            .saturating_mul(2)
            .saturating_add(RECORD_EXTRA_BYTES)
            .min(u64::from(RECORD_BYTES_MAX)),
    })
}

impl ShownSettings {
    /// How large a batch a topic takes, or will take, as far as the cluster shows it.
    fn message_bytes_max(&self, topic: &PlannedTopic, is_there: bool) -> Option<u64> {
        self.of(topic, is_there, "max.message.bytes")?.parse().ok()
    }

    /// A setting that a topic has, or will get.
    fn of<'a>(&'a self, topic: &'a PlannedTopic, is_there: bool, key: &str) -> Option<&'a str> {
        if is_there {
            let of_topic = self.of_topics.get(&*topic.wanted.name)?;
            return of_topic.get(key).map(String::as_str);
        }
        let of_broker = match key {
            "max.message.bytes" => "message.max.bytes",
            "cleanup.policy" => "log.cleanup.policy",
            other => other,
        };
        let own = topic.wanted.config.get(key);
        own.or_else(|| self.of_broker.get(of_broker))
            .map(String::as_str)
    }
}

fn there(metadata: &Metadata) -> BTreeMap<String, ThereTopic> {
    let topics = metadata.topics().iter();
    topics
        .filter(|topic| topic.error().is_none())
        .map(|topic| {
            let partitions = topic.partitions();
            let replicas = partitions.iter().map(|one| one.replicas().len()).min();
            let there = ThereTopic {
                partitions: partitions.len(),
                replicas: replicas.unwrap_or(0),
                without_leader: partitions.iter().filter(|one| one.leader() < 0).count(),
            };
            (topic.name().to_owned(), there)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_to_be_made_gets_the_brokers_settings_or_its_own() {
        let options: KafkaOptions = serde_json::from_str(
            r#"{"bootstrap_servers":"k:1","topic_config":{"cleanup.policy":"compact"}}"#,
        )
        .unwrap();
        let table = crate::row::TableName::new("a", "b");
        let mut topics = Topics::new(&options, "shop").unwrap();
        let (topic, rules) = topics.of_table(&table).unwrap();
        let planned = |has_key| PlannedTopic {
            wanted: wanted_for_table(&topic, &rules, has_key),
            has_key,
            keeps_keys_together: true,
            holds: Holds::Rows,
            record_bytes_max: 1,
        };
        let mut settings = ShownSettings::default();
        for (key, value) in [("message.max.bytes", "7"), ("log.cleanup.policy", "delete")] {
            settings.of_broker.insert(key.to_owned(), value.to_owned());
        }
        let of = |has_key, key| {
            let topic = planned(has_key);
            settings.of(&topic, false, key).map(str::to_owned)
        };
        assert_eq!(of(true, "max.message.bytes").as_deref(), Some("7"));
        assert_eq!(of(true, "cleanup.policy").as_deref(), Some("compact"));
        assert_eq!(of(false, "cleanup.policy").as_deref(), Some("delete"));
        assert_eq!(settings.of(&planned(true), true, "cleanup.policy"), None);
    }
}
