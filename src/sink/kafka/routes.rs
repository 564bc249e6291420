//! Routes: which tables go to which topic, under which key and to which partition.
//!
//! The first route whose expression matches `database.table` decides, and what it leaves open the section says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::template::TopicTemplate;
use crate::encode::{Destination, MaxwellPartitionHash, PartitionRule, RecordKey, partition_of};
use crate::row::{ColumnTreatment, Table, TableName};
use crate::sink::SinkError;

/// Memory of one compiled expression, in bytes.
const COMPILED_BYTES_MAX: usize = 4 << 20;
const DEFAULT_TOPIC: &str = "{prefix}.{database}.{table}";

/// An entry of `routes`: what holds for the tables that it matches. What is left out is as the section has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaRoute {
    /// A regular expression for the whole of `database.table`, as published.
    pub tables: String,
    /// The template of the topic's name, in which `{1}` and `{name}` are what the expression captured.
    pub topic: Option<String>,
    /// Partitions of the topics that the sink creates.
    pub partitions: Option<NonZeroU16>,
    /// Replicas of the topics that the sink creates.
    pub replication_factor: Option<NonZeroU16>,
    /// Settings of the topics that the sink creates, over those of the section.
    #[serde(default)]
    pub topic_config: BTreeMap<String, String>,
    /// Whether several tables may go to one topic, and how their keys then differ.
    pub shared_topic: Option<SharedTopic>,
    /// What the key is made of.
    pub key: Option<KafkaKey>,
    /// The columns that the key is made of.
    pub key_columns: Option<Vec<String>>,
    /// What decides about the partition.
    pub partition_by: Option<PartitionBy>,
    /// The columns that do.
    pub partition_columns: Option<Vec<String>>,
    /// Maxwell's hash for them, of the section alone.
    #[serde(skip)]
    pub partition_hash: Option<MaxwellPartitionHash>,
}

/// Whether several tables may go to one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SharedTopic {
    /// No: a second table stops the connector.
    #[default]
    No,
    /// Yes, and keys name their table, so that rows of two tables never have the same one.
    Qualified,
    /// Yes, as parts of one table: keys are as they would be otherwise.
    Merged,
}

/// What the key of a record is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaKey {
    /// The columns of the primary key; records of a table without one have no key.
    #[default]
    PrimaryKey,
    /// All columns that are published.
    Row,
    /// Nothing: records have no keys.
    None,
}

/// What decides about the partition of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionBy {
    /// Its key; those without one go to the first partition.
    #[default]
    Key,
    /// Its table: all records of a table go to one partition.
    Table,
    /// Its database.
    Database,
    /// Its group (transaction).
    Group,
    /// The columns of `partition_columns`.
    Columns,
}

/// The policy of a topic that keeps only the last record of each key, and refuses records without a key.
pub(super) const COMPACT: &str = "compact";
pub(super) const CLEANUP_POLICY: &str = "cleanup.policy";

/// A mistake in options: the path of the key, and what is wrong and the fix.
pub(in crate::sink) type OptionProblem = (Vec<String>, Cow<'static, str>);

/// The routes of a connector, ready to be asked.
#[derive(Debug)]
pub(super) struct Routes {
    prefix: String,
    routes: Vec<(Regex, Arc<Rules>)>,
    /// What holds for a table that no route matches.
    others: Arc<Rules>,
}

/// What holds for a table.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    topic: TopicTemplate,
    pub(super) partitions: NonZeroU16,
    pub(super) replication: Option<NonZeroU16>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) shared: SharedTopic,
    key: Key,
    partition: Partition,
    hash: Option<MaxwellPartitionHash>,
    /// The expression of the route; `None` for the section.
    pub(super) route: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Choice(KafkaKey),
    Columns(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Partition {
    By(PartitionBy),
    Columns(Vec<String>),
}

/// Where a table's records go, as far as its name says.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) topic: String,
    pub(super) rules: Arc<Rules>,
}

impl Routes {
    /// Compiles the routes of a connector; `section` has what holds where none matches, and `prefix` is what templates call so.
    ///
    /// # Errors
    /// An expression or a template that cannot be used.
    pub(super) fn new(
        section: &KafkaRoute,
        routes: &[KafkaRoute],
        prefix: &str,
    ) -> Result<Self, SinkError> {
        let refuse = |path: Vec<String>, reason: String| SinkError::Option {
            option: path.join("."),
            reason,
        };
        let template = section.topic.as_deref().unwrap_or(DEFAULT_TOPIC);
        let others = Rules {
            topic: TopicTemplate::read(template, None)
                .map_err(|reason| refuse(vec!["topic".to_owned()], reason))?,
            partitions: section.partitions.unwrap_or(NonZeroU16::MIN),
            replication: section.replication_factor,
            config: section.topic_config.clone(),
            shared: section.shared_topic.unwrap_or_default(),
            key: Key::of(section.key, section.key_columns.as_ref())
                .unwrap_or(Key::Choice(KafkaKey::PrimaryKey)),
            partition: Partition::of(section.partition_by, section.partition_columns.as_ref())
                .unwrap_or(Partition::By(PartitionBy::Key)),
            hash: section.partition_hash,
            route: None,
        };
        let mut compiled_routes = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            let path = |key: &str| route_path(index, key);
            let expression =
                compiled(&route.tables).map_err(|reason| refuse(path("tables"), reason))?;
            let template = route.topic.as_deref().unwrap_or(template);
            let topic = TopicTemplate::read(template, Some(&expression))
                .map_err(|reason| refuse(path("topic"), reason))?;
            let mut config = others.config.clone();
            config.extend(route.topic_config.clone());
            let rules = Rules {
                topic,
                partitions: route.partitions.unwrap_or(others.partitions),
                replication: route.replication_factor.or(others.replication),
                config,
                shared: route.shared_topic.unwrap_or(others.shared),
                key: Key::of(route.key, route.key_columns.as_ref())
                    .unwrap_or_else(|| others.key.clone()),
                partition: Partition::of(route.partition_by, route.partition_columns.as_ref())
                    .unwrap_or_else(|| others.partition.clone()),
                hash: others.hash,
                route: Some(route.tables.as_str().into()),
            };
            compiled_routes.push((expression, Arc::new(rules)));
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            routes: compiled_routes,
            others: Arc::new(others),
        })
    }

    /// The routes that decide for none of these tables: their numbers from 1, and their expressions.
    pub(super) fn idle<'a>(
        &self,
        tables: impl Iterator<Item = &'a TableName>,
    ) -> impl Iterator<Item = (usize, &str)> {
        let mut idle: Vec<usize> = (0..self.routes.len()).collect();
        for table in tables {
            let name = table.to_string();
            let decides = |(expression, _): &(Regex, Arc<Rules>)| expression.is_match(&name);
            let decides = self.routes.iter().position(decides);
            idle.retain(|index| Some(*index) != decides);
        }
        idle.into_iter().filter_map(|index| {
            let (_, rules) = self.routes.get(index)?;
            Some((index + 1, rules.route.as_deref()?))
        })
    }

    /// What holds for a topic that all tables share which no route matches; `None` for every other topic.
    pub(super) fn of_shared(&self, topic: &str) -> Option<&Rules> {
        let is_shared = self.others.shared != SharedTopic::No;
        let all = self.others.topic.of_all(&self.prefix).filter(|_| is_shared);
        (all.as_deref() == Some(topic)).then_some(&*self.others)
    }

    /// Where the records of a table go.
    pub(super) fn of(&self, table: &TableName) -> Routed {
        let name = table.to_string();
        let found = self.routes.iter().find_map(|(expression, rules)| {
            let captures = expression.captures(&name)?;
            Some((captures, rules))
        });
        let (captures, rules) = match &found {
            Some((captures, rules)) => (Some(captures), *rules),
            None => (None, &self.others),
        };
        Routed {
            topic: rules.topic.render(&self.prefix, table, captures),
            rules: Arc::clone(rules),
        }
    }
}

/// Compiles an expression that matches whole names only.
pub(super) fn compiled(text: &str) -> Result<Regex, String> {
    let builder = |text: &str| {
        RegexBuilder::new(text)
            .dot_matches_new_line(true)
            .size_limit(COMPILED_BYTES_MAX)
            .build()
    };
    // By itself first, so that no bracket of it reaches across the anchors.
    builder(text)
        .and_then(|_| builder(&format!(r"\A(?:{text})\z")))
        .map_err(|error| {
            let told = error.to_string();
            let told = told.lines().last().unwrap_or_default().trim();
            let told = told.strip_prefix("error: ").unwrap_or(told);
            format!(
                "is no regular expression ({told}), write one for database.table, with \\ before what stands for itself"
            )
        })
}

fn route_path(index: usize, key: &str) -> Vec<String> {
    vec!["routes".to_owned(), (index + 1).to_string(), key.to_owned()]
}

/// What is wrong with routes, keys and partitions, as far as the options alone tell.
pub(super) fn problems(section: &KafkaRoute, routes: &[KafkaRoute]) -> Vec<OptionProblem> {
    let mut problems = Vec::new();
    if let Some(topic) = &section.topic
        && let Err(reason) = TopicTemplate::read(topic, None)
    {
        problems.push((vec!["topic".to_owned()], reason.into()));
    }
    judge(section, section, |key| vec![key.to_owned()], &mut problems);
    let is_hashed = matches!(
        (section.partition_by, &section.partition_columns),
        (Some(PartitionBy::Database | PartitionBy::Table), None)
    );
    if section.partition_hash.is_some() && !is_hashed {
        let reason = "is of a database or of a table, set partition_by to 'database' or 'table'";
        let key = ["maxwell", "kafka_partition_hash"].map(str::to_owned);
        problems.push((key.into(), reason.into()));
    }
    for (index, route) in routes.iter().enumerate() {
        let path = |key: &str| route_path(index, key);
        match compiled(&route.tables) {
            Err(reason) => problems.push((path("tables"), reason.into())),
            Ok(expression) => {
                let read = route
                    .topic
                    .as_ref()
                    .map(|topic| TopicTemplate::read(topic, Some(&expression)));
                if let Some(Err(reason)) = read {
                    problems.push((path("topic"), reason.into()));
                }
            }
        }
        judge(route, section, path, &mut problems);
    }
    problems
}

/// What is wrong with the keys and partitions of an entry of `routes`, or of the section itself.
fn judge(
    route: &KafkaRoute,
    section: &KafkaRoute,
    path: impl Fn(&str) -> Vec<String>,
    problems: &mut Vec<OptionProblem>,
) {
    for (key, columns) in [
        (KEY_COLUMNS, &route.key_columns),
        (PARTITION_COLUMNS, &route.partition_columns),
    ] {
        let columns = columns.as_deref().unwrap_or_default();
        let mut each = columns.iter().enumerate();
        let twice = each.find(|(index, column)| {
            let mut before = columns.iter().take(*index);
            before.any(|other| is_named(other, column))
        });
        if let Some((_, column)) = twice {
            let reason = format!("names column {column} twice, remove one");
            problems.push((path(key), reason.into()));
        }
    }
    let mut add = |key: &str, reason: &'static str| problems.push((path(key), reason.into()));
    if route.key_columns.as_ref().is_some_and(Vec::is_empty) {
        add(KEY_COLUMNS, "is empty, name columns or set key = 'none'");
    } else if route.key_columns.is_some() && route.key.is_some() {
        add("key", "says the same as key_columns, keep one of the two");
    }
    match (route.partition_by, &route.partition_columns) {
        (_, Some(columns)) if columns.is_empty() => {
            add(PARTITION_COLUMNS, "is empty, name columns");
        }
        (Some(PartitionBy::Columns) | None, Some(_)) => {}
        (Some(_), Some(_)) => add(
            PARTITION_COLUMNS,
            "has a meaning only with partition_by = 'columns', set that or remove it",
        ),
        (Some(PartitionBy::Columns), None) => add(
            "partition_by",
            "lacks its columns, name them in partition_columns",
        ),
        (Some(PartitionBy::Group), None) => {
            let policy = route.topic_config.get(CLEANUP_POLICY);
            let policy = policy.or_else(|| section.topic_config.get(CLEANUP_POLICY));
            if policy.is_some_and(|policy| policy.contains(COMPACT)) {
                let reason = "is 'group', which spreads the records of a key over partitions, so that compaction keeps stale ones, \
                              set cleanup.policy to delete";
                add("partition_by", reason);
            }
        }
        (Some(PartitionBy::Key | PartitionBy::Table | PartitionBy::Database) | None, None) => {}
    }
}

impl Key {
    fn of(choice: Option<KafkaKey>, columns: Option<&Vec<String>>) -> Option<Self> {
        match columns {
            Some(columns) => Some(Self::Columns(columns.clone())),
            None => choice.map(Self::Choice),
        }
    }
}

impl Partition {
    fn of(by: Option<PartitionBy>, columns: Option<&Vec<String>>) -> Option<Self> {
        match columns {
            Some(columns) => Some(Self::Columns(columns.clone())),
            None => by.map(Self::By),
        }
    }
}

impl Rules {
    /// Whether records have keys, of a table with or without a primary key.
    pub(super) fn has_key(&self, has_primary_key: bool) -> bool {
        match &self.key {
            Key::Choice(KafkaKey::PrimaryKey) => has_primary_key,
            Key::Choice(KafkaKey::Row) | Key::Columns(_) => true,
            Key::Choice(KafkaKey::None) => false,
        }
    }

    /// Whether a key's records stay in one partition.
    pub(super) fn keeps_keys_together(&self) -> bool {
        self.partition != Partition::By(PartitionBy::Group)
    }

    /// The columns that a table must have, each with the key that names it.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let key: &[String] = match &self.key {
            Key::Columns(columns) => columns,
            Key::Choice(_) => &[],
        };
        let partition: &[String] = match &self.partition {
            Partition::Columns(columns) => columns,
            Partition::By(_) => &[],
        };
        let of = |name: &'static str| move |column| (name, column);
        let key = key.iter().map(String::as_str).map(of(KEY_COLUMNS));
        let partition = partition.iter().map(String::as_str);
        key.chain(partition.map(of(PARTITION_COLUMNS)))
    }

    /// Where a table's records go, in a topic with so many partitions.
    ///
    /// # Errors
    /// A column that the table does not have, or that is not published as it is.
    pub(super) fn destination(
        &self,
        topic: Arc<str>,
        table: &Table,
        partitions: NonZeroU32,
    ) -> Result<Destination, SinkError> {
        let columns = match &self.key {
            // Of a table whose definition is not known, columns have no names.
            _any if table.is_undefined => Box::default(),
            Key::Choice(KafkaKey::PrimaryKey) => table.key.as_slice().into(),
            Key::Choice(KafkaKey::Row) => (0..table.columns.len())
                .filter(|index| table.publishes(*index))
                .collect(),
            Key::Choice(KafkaKey::None) => Box::default(),
            Key::Columns(names) => indexes(table, names, KEY_COLUMNS)?,
        };
        // By Maxwell's hash of a name, or by Kafka's of what names it for certain.
        let fixed = |name: &str, text: &str| {
            PartitionRule::Fixed(match self.hash {
                Some(hash) => hash.partition_of(name, partitions),
                None => partition_of(text.as_bytes(), partitions),
            })
        };
        let (database, name) = (&table.name.database, &table.name.table);
        let partition = match &self.partition {
            Partition::By(PartitionBy::Key) => PartitionRule::Key,
            Partition::By(PartitionBy::Database) => fixed(database, database),
            Partition::By(PartitionBy::Group) => PartitionRule::Group(partitions),
            Partition::Columns(names) if !table.is_undefined => {
                let columns = indexes(table, names, PARTITION_COLUMNS)?;
                PartitionRule::Columns(RecordKey::of(&columns), partitions)
            }
            Partition::By(PartitionBy::Table | PartitionBy::Columns) | Partition::Columns(_) => {
                fixed(name, &table.name.to_string())
            }
        };
        Ok(Destination {
            topic,
            key: RecordKey {
                names_table: self.shared == SharedTopic::Qualified,
                columns,
            },
            partition,
        })
    }

    /// The key in words.
    pub(super) fn key_told(&self) -> String {
        let of = match &self.key {
            Key::Choice(KafkaKey::PrimaryKey) => "the primary key".to_owned(),
            Key::Choice(KafkaKey::Row) => "all columns of the row".to_owned(),
            Key::Choice(KafkaKey::None) => return "none".to_owned(),
            Key::Columns(columns) => columns.join(", "),
        };
        match self.shared {
            SharedTopic::Qualified => format!("database and table, {of}"),
            SharedTopic::No | SharedTopic::Merged => of,
        }
    }

    /// What decides about the partition, in words.
    pub(super) fn partition_told(&self) -> String {
        let by = match &self.partition {
            Partition::By(PartitionBy::Key) => "key",
            Partition::By(PartitionBy::Table) => "table",
            Partition::By(PartitionBy::Database) => "database",
            Partition::By(PartitionBy::Group) => "group",
            Partition::By(PartitionBy::Columns) => "columns",
            Partition::Columns(columns) => return columns.join(", "),
        };
        by.to_owned()
    }
}

const KEY_COLUMNS: &str = "key_columns";
const PARTITION_COLUMNS: &str = "partition_columns";

/// Whether a column has that name; servers do not tell case apart in the names of columns.
pub(super) fn is_named(column: &str, name: &str) -> bool {
    column == name || column.to_lowercase() == name.to_lowercase()
}

fn indexes(
    table: &Table,
    names: &[String],
    option: &'static str,
) -> Result<Box<[usize]>, SinkError> {
    let index = |name: &String| {
        let mut columns = table.columns.iter();
        let index = columns.position(|column| is_named(&column.name, name));
        let Some(index) = index.filter(|index| !table.hidden.contains(index)) else {
            return Err(lacks(&table.name, name, option));
        };
        let treatment = table.treatment().and_then(|all| all.columns().get(index));
        let reason = match treatment {
            None | Some(ColumnTreatment::Kept) => return Ok(index),
            Some(ColumnTreatment::Replaced { by, .. }) if by.is_one_to_one() => return Ok(index),
            Some(ColumnTreatment::LeftOut) => LEFT_OUT,
            Some(ColumnTreatment::Replaced { .. }) => MERGED,
        };
        Err(unfit(&table.name, name, option, reason))
    };
    names.iter().map(index).collect()
}

/// What rules do to a column that are no good for a key.
pub(super) const LEFT_OUT: &str = "leave out";
pub(super) const MERGED: &str = "replace, so that two keys could become one";

/// The refusal of a table of which rules have a column be published otherwise than it is.
pub(super) fn unfit(table: &TableName, column: &str, option: &str, reason: &str) -> SinkError {
    SinkError::TableUnfit {
        table: table.clone(),
        reason: format!(
            "{option} names column {column}, which the rules on columns {reason}, name another or change the rules"
        ),
    }
}

/// The refusal of a table that lacks a column.
pub(super) fn lacks(table: &TableName, column: &str, option: &str) -> SinkError {
    SinkError::TableUnfit {
        table: table.clone(),
        reason: format!(
            "{option} names column {column}, which the table does not have, give the table a route of its own"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> Vec<KafkaRoute> {
        serde_json::from_str(json).unwrap()
    }

    fn told(section: &KafkaRoute, routes: &str) -> Vec<String> {
        let problems = problems(section, &options(routes));
        let told = |(path, reason): OptionProblem| format!("{}: {reason}", path.join("."));
        problems.into_iter().map(told).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_its_fix() {
        let section = KafkaRoute {
            topic: Some("{1}".to_owned()),
            ..KafkaRoute::default()
        };
        for (routes, expected) in [
            (
                r#"[{"tables": "("}]"#,
                "routes.1.tables: is no regular expression",
            ),
            (
                r#"[{"tables": "a"}, {"tables": "b", "topic": "{2}"}]"#,
                "routes.2.topic: names {2}, expected {prefix}",
            ),
            (
                r#"[{"tables": "a", "key_columns": []}]"#,
                "routes.1.key_columns: is empty",
            ),
            (
                r#"[{"tables": "a", "key_columns": ["b"], "key": "row"}]"#,
                "routes.1.key: says the same as key_columns, keep one of the two",
            ),
            (
                r#"[{"tables": "a", "key_columns": ["b", "c", "B"]}]"#,
                "routes.1.key_columns: names column B twice, remove one",
            ),
            (
                r#"[{"tables": "a", "partition_columns": ["b", "b"]}]"#,
                "routes.1.partition_columns: names column b twice, remove one",
            ),
            (
                r#"[{"tables": "a", "partition_by": "columns"}]"#,
                "routes.1.partition_by: lacks its columns, name them in partition_columns",
            ),
            (
                r#"[{"tables": "a", "partition_by": "key", "partition_columns": ["b"]}]"#,
                "routes.1.partition_columns: has a meaning only with partition_by = 'columns'",
            ),
            (
                r#"[{"tables": "a", "partition_by": "group", "topic_config": {"cleanup.policy": "compact,delete"}}]"#,
                "routes.1.partition_by: is 'group', which spreads the records of a key",
            ),
        ] {
            let found = told(&section, routes);
            let [of_section, of_route] = &found[..] else {
                panic!("{found:?}");
            };
            assert!(of_section.starts_with("topic: names {1}"), "{found:?}");
            assert!(of_route.starts_with(expected), "{found:?}");
        }
    }

    #[test]
    fn the_first_route_that_matches_the_whole_name_decides() {
        let section = KafkaRoute {
            partitions: NonZeroU16::new(3),
            ..KafkaRoute::default()
        };
        let routes = options(
            r#"[{"tables": "shop\\.a.*", "topic": "first", "partitions": 7}, {"tables": ".*\\.(ab|c)", "topic": "{prefix}-{1}"}]"#,
        );
        let routes = Routes::new(&section, &routes, "p").unwrap();
        for (database, table, topic, partitions) in [
            ("shop", "ab", "first", 7),
            ("other", "ab", "p-ab", 3),
            ("shop", "c", "p-c", 3),
            ("myshop", "a1", "p.myshop.a1", 3),
            ("shop", "cd", "p.shop.cd", 3),
        ] {
            let routed = routes.of(&TableName::new(database, table));
            assert_eq!(routed.topic, topic);
            assert_eq!(routed.rules.partitions.get(), partitions);
        }
        let idle = |table: &str| -> Vec<usize> {
            let table = TableName::new("shop", table);
            let idle = routes.idle([&table].into_iter());
            idle.map(|(number, _)| number).collect()
        };
        assert_eq!(idle("ab"), [2]);
        assert_eq!(idle("c"), [1]);
        assert_eq!(idle("cd"), [1, 2]);
    }
}
