//! What a connector file may hold, and its translation into a connector.

use std::fs;
use std::path::{self, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::document::{Content, Draft, Node};
use super::environment::Variables;
use super::mistake::{ConfigError, Mistake, Mistakes};
use super::section::{self, Section};
use super::{files, sink, source};
use crate::change::{OnStatement, XaMissing};
use crate::encode::InvalidText;
use crate::filter::{
    FilterError, FilterOptions, OnUnknown, RowRules, RuleKey, RulePlaces, Rules, UnknownOptions,
    one_or_many,
};
use crate::metrics::one_line;
use crate::pipeline::Connector;
use crate::sink::SinkOptions;
use crate::source::SnapshotOptions;

/// The keys at the top of a connector file.
const KEYS: [&str; 16] = [
    "state_dir",
    "memory_max",
    "event_memory_max",
    "checkpoint_interval",
    "shutdown_grace",
    "on_statement",
    "xa_missing",
    "invalid_text",
    "definitions_unknown",
    "definitions_unknown_stop",
    "definitions_unknown_names",
    "definitions_unknown_skip",
    "source",
    "snapshot",
    "filter",
    "sink",
];
/// Below this the largest packets and librdkafka's own queue leave no room to work in.
const MEMORY_MIN: ByteSize = ByteSize::mib(16);
/// The least `event_memory_max`: smaller events are not worth a file.
pub const EVENT_MEMORY_MIN: ByteSize = ByteSize::mib(1);

/// The keys at the top; the sections are read one by one, so that a mistake in one hides none in another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Top {
    #[serde(default = "state_dir")]
    state_dir: PathBuf,
    #[serde(default = "memory_max", deserialize_with = "memory")]
    memory_max: ByteSize,
    #[serde(default = "event_memory_max", deserialize_with = "event_memory")]
    event_memory_max: ByteSize,
    #[serde(
        default = "checkpoint_interval",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    checkpoint_interval: Duration,
    #[serde(
        default = "shutdown_grace",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    shutdown_grace: Duration,
    #[serde(default)]
    on_statement: OnStatement,
    #[serde(default)]
    xa_missing: XaMissing,
    #[serde(default)]
    invalid_text: InvalidText,
    #[serde(default)]
    definitions_unknown: OnUnknown,
    #[serde(default, deserialize_with = "one_or_many")]
    definitions_unknown_stop: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    definitions_unknown_names: Vec<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    definitions_unknown_skip: Vec<String>,
    #[serde(rename = "source")]
    _source: IgnoredAny,
    #[serde(default, rename = "snapshot")]
    _snapshot: IgnoredAny,
    #[serde(default, rename = "filter")]
    _filter: IgnoredAny,
    #[serde(rename = "sink")]
    _sink: IgnoredAny,
}

fn state_dir() -> PathBuf {
    PathBuf::from("state")
}

fn memory_max() -> ByteSize {
    ByteSize::mib(48)
}

fn event_memory_max() -> ByteSize {
    ByteSize::mib(32)
}

fn checkpoint_interval() -> Duration {
    Duration::from_secs(1)
}

fn shutdown_grace() -> Duration {
    Duration::from_secs(10)
}

fn memory<'de, D: Deserializer<'de>>(input: D) -> Result<ByteSize, D::Error> {
    at_least(MEMORY_MIN, input)
}

fn event_memory<'de, D: Deserializer<'de>>(input: D) -> Result<ByteSize, D::Error> {
    at_least(EVENT_MEMORY_MIN, input)
}

fn at_least<'de, D: Deserializer<'de>>(least: ByteSize, input: D) -> Result<ByteSize, D::Error> {
    let size = ByteSize::deserialize(input)?;
    if size < least {
        return Err(D::Error::custom(format_args!("expected at least {least}")));
    }
    Ok(size)
}

/// Reads connector files with the environment over them.
///
/// # Errors
/// Every mistake in every file, each with its place and its fix.
pub fn load(paths: &[PathBuf], variables: &Variables) -> Result<Vec<Connector>, ConfigError> {
    match load_each(paths, variables) {
        (connectors, mistakes) if mistakes.is_empty() => Ok(connectors),
        (_, mistakes) => Err(ConfigError { mistakes }),
    }
}

/// The same, but a mistake in one file keeps no other from being read.
pub fn load_each(paths: &[PathBuf], variables: &Variables) -> (Vec<Connector>, Vec<Mistake>) {
    let mut mistakes = Mistakes::default();
    let mut connectors = Vec::new();
    for draft in files::read_all(paths, variables, &KEYS, &mut mistakes) {
        let mut found = Mistakes::default();
        let read = connector(draft, &mut found);
        connectors.extend(read.map(|connector| (connector, found.is_empty())));
        mistakes.append(found);
    }
    tell_of_shared_folders(&connectors, &mut mistakes);
    let whole = connectors.into_iter().filter(|(_, is_whole)| *is_whole);
    let connectors = whole.map(|(connector, _)| connector).collect();
    (connectors, mistakes.into_list())
}

/// Adds the mistake of two connectors with one folder, by whatever names.
fn tell_of_shared_folders(connectors: &[(Connector, bool)], mistakes: &mut Mistakes) {
    let mut known: Vec<(&str, PathBuf)> = Vec::new();
    for (connector, _) in connectors {
        let Some(folder) = connector.sink.folder() else {
            continue;
        };
        let found = fs::canonicalize(folder).or_else(|_| path::absolute(folder));
        let found = found.unwrap_or_else(|_| folder.to_owned());
        match known.iter().find(|(_, other)| *other == found) {
            Some((first, _)) => mistakes.add(Mistake::SharedFolder {
                first: (*first).to_owned(),
                second: connector.name.clone(),
                folder: folder.to_owned(),
            }),
            None => known.push((&connector.name, found)),
        }
    }
}

/// The connector of a file, whose mistakes are added; `None` if they leave none.
fn connector(mut draft: Draft, mistakes: &mut Mistakes) -> Option<Connector> {
    let mut found = draft.mistakes;
    if !draft.is_toml {
        mistakes.append(found);
        return None;
    }
    let document = &mut draft.document;
    one_bracket(document, &mut found);
    let top = section::read::<Top>(document, "", &[], &mut found);
    if let Some(top) = &top {
        patterns(top, document, &mut found);
    }
    let source = document.below_mut("source");
    let source = source.and_then(|section| source::read(section, &mut found));
    let snapshot = match document.below_mut("snapshot") {
        Some(section) => snapshot(section, &mut found),
        None => Some(SnapshotOptions::default()),
    };
    let rule_places = document
        .below("filter")
        .map_or_else(RulePlaces::default, rule_places);
    let filter = match document.below_mut("filter") {
        Some(section) => filter(section, &mut found).map(|filter| FilterOptions {
            places: rule_places.clone(),
            ..filter
        }),
        None => Some(FilterOptions::default()),
    };
    let sink = document.below_mut("sink");
    let sink = sink.and_then(|section| sink::read(section, &draft.name, &mut found));
    if let (Some(filter), Some(sink)) = (&filter, &sink) {
        queries(filter, sink, document, &mut found);
    }
    mistakes.append(found);
    let top = top?.options;
    let definitions_unknown = top.unknown();
    Some(Connector {
        path: draft.path,
        name: draft.name,
        source: source?
            .with_event_bytes_max(top.event_memory_max.as_u64())
            .with_snapshot(snapshot?),
        filter: filter?,
        rule_places,
        sink: sink?,
        state_dir: top.state_dir,
        memory_max: top.memory_max.as_u64(),
        event_memory_max: top.event_memory_max.as_u64(),
        checkpoint_interval: top.checkpoint_interval,
        shutdown_grace: top.shutdown_grace,
        on_statement: top.on_statement,
        xa_missing: top.xa_missing,
        invalid_text: top.invalid_text,
        definitions_unknown,
    })
}

impl Top {
    fn unknown(&self) -> UnknownOptions {
        UnknownOptions {
            policy: self.definitions_unknown,
            stop: self.definitions_unknown_stop.clone(),
            names: self.definitions_unknown_names.clone(),
            skip: self.definitions_unknown_skip.clone(),
        }
    }
}

/// Adds what is wrong with the patterns for tables whose definition is not known.
fn patterns(top: &Section<Top>, document: &Node, mistakes: &mut Mistakes) {
    for error in top.options.unknown().mistakes() {
        if top.is_usable(&[error.key]) {
            let place = rule(document, error.key, Some(&error.rule));
            let place = place.unwrap_or(document).origin.clone();
            mistakes.add_key(&place, error.key, one_line(&error));
        }
    }
}

/// Reads the `[snapshot]` section and adds its mistakes.
fn snapshot(section: &mut Node, mistakes: &mut Mistakes) -> Option<SnapshotOptions> {
    let read = section::read::<SnapshotOptions>(section, "snapshot", &[], mistakes)?;
    if read.options.lock_wait_max.is_zero() && read.is_usable(&["lock_wait_max"]) {
        let place = section.below("lock_wait_max").unwrap_or(section);
        let message =
            "lock_wait_max is 0, give it a length such as \"2s\", or set locking = \"none\"";
        mistakes.add_key(&place.origin, "snapshot.lock_wait_max", message);
    }
    let (threads, max) = (read.options.threads.get(), SnapshotOptions::THREADS_MAX);
    if threads > max {
        let place = section.below("threads").unwrap_or(section);
        let message = format!("threads is {threads}, use {max} or fewer");
        mistakes.add_key(&place.origin, "snapshot.threads", message);
    }
    Some(read.options)
}

/// Adds the mistakes of sections that are written as lists of tables, and takes the first table of each.
fn one_bracket(document: &mut Node, mistakes: &mut Mistakes) {
    for name in ["source", "snapshot", "filter", "sink"] {
        let Some(section) = document.below_mut(name) else {
            continue;
        };
        let Content::List(tables) = &mut section.content else {
            continue;
        };
        let is_table = |node: &Node| matches!(node.content, Content::Table(_));
        if !tables.is_empty() && tables.iter().all(is_table) {
            let first = tables.swap_remove(0);
            let message = format!(
                "is a list of tables, expected one table: write [{name}], with one bracket"
            );
            mistakes.add_key(&first.origin, name, message);
            *section = first;
        }
    }
}

/// Reads the `[filter]` section and adds the mistakes in its keys and rules.
fn filter(section: &mut Node, mistakes: &mut Mistakes) -> Option<FilterOptions> {
    shape(section, mistakes);
    let mut read = section::read::<FilterOptions>(section, "filter", &[], mistakes)?;
    // Names fold differently on other servers, but a rule that cannot be read cannot be read for any.
    for error in Rules::mistakes(&read.options) {
        let found = rule_of_number(section, error.key(), error.rule());
        if is_told_of(&read, &error, found.as_ref()) {
            let rule = found.map(|(_, rule)| rule).or(section.below(error.key()));
            let place = rule.unwrap_or(section).origin.clone();
            mistakes.add_key(&place, "filter", one_line(&error));
        }
    }
    row_rules(section, &mut read, mistakes);
    Some(read.options)
}

/// Adds the mistakes of keys that would mean something else than they seem to, and takes those out.
fn shape(section: &mut Node, mistakes: &mut Mistakes) {
    const ROWS: &str = "rows";
    const PUBLISHING: [RuleKey; 5] = [
        RuleKey::DoDb,
        RuleKey::DoTable,
        RuleKey::WildDoTable,
        RuleKey::TablesInclude,
        RuleKey::ColumnsInclude,
    ];
    if let Some(rows) = section.below(ROWS)
        && matches!(rows.content, Content::Table(_))
    {
        let message =
            "is one table, expected a list of them: write [[filter.rows]], with two brackets";
        mistakes.add_key(&rows.origin, "filter.rows", message);
        if let Content::Table(keys) = &mut section.content {
            keys.remove(ROWS);
        }
    }
    for key in PUBLISHING {
        let spellings = [key.as_str().to_owned(), key.as_str().replace('-', "_")];
        for name in spellings {
            let Some(list) = section.below(&name) else {
                continue;
            };
            if matches!(&list.content, Content::List(rules) if rules.is_empty()) {
                let message =
                    "is an empty list, which leaves nothing out: write a rule, or take the key out"
                        .to_owned();
                mistakes.add_key(&list.origin, &format!("filter.{name}"), message);
            }
        }
    }
}

/// Adds the mistake of statements that show what rules hide.
fn queries(filter: &FilterOptions, sink: &SinkOptions, document: &Node, mistakes: &mut Mistakes) {
    let (Some(key), Some([section, told_by])) = (filter.hides(), sink.queries()) else {
        return;
    };
    let place = document.origin_of(&["sink", section, told_by]);
    let message = format!(
        "would publish statements, which show the rows and values that {key} of [filter] hides, remove it or those rules"
    );
    mistakes.add_key(place, &format!("sink.{section}.{told_by}"), message);
}

/// Whether a mistake in a rule is one of what the file says, and not of a value that stands for one that was wrong already.
fn is_told_of(
    read: &Section<FilterOptions>,
    error: &FilterError,
    found: Option<&(String, &Node)>,
) -> bool {
    let key = error.key();
    let Some((number, rule)) = found else {
        return read.is_whole(&[key]);
    };
    match error {
        FilterError::Lacks { .. } => read.is_whole(&[key, number]) && !rule.lacks_a_value(),
        FilterError::Part { part, .. } => read.is_usable(&[key, number, part]),
        FilterError::NoDot { .. }
        | FilterError::EmptyName { .. }
        | FilterError::NoArrow { .. }
        | FilterError::Condition { .. }
        | FilterError::Expression { .. } => read.is_usable(&[key, number, "columns"]),
    }
}

/// Adds the mistakes in the rules on rows, and tells each rule where it stands.
fn row_rules(section: &Node, read: &mut Section<FilterOptions>, mistakes: &mut Mistakes) {
    const KEY: &str = "rows";
    let Some(rows) = section.below(KEY) else {
        return;
    };
    // Those that are no tables at all were told and are gone.
    let usable = |(_, entry): &(usize, &Node)| entry.content != Content::Unusable;
    let entries: Vec<(usize, &Node)> = rows.elements().enumerate().filter(usable).collect();
    for (number, mistake) in RowRules::mistakes(&read.options) {
        let Some((index, entry)) = entries.get(number) else {
            continue;
        };
        let index = (index + 1).to_string();
        let (is_usable, place) = match mistake.key {
            None => (
                read.is_whole(&[KEY, &index]) && !entry.lacks_a_value(),
                *entry,
            ),
            Some(key) => {
                let list = entry.below(key).unwrap_or(entry);
                let number = mistake.number.map(|number| (number + 1).to_string());
                let element = number.and_then(|number| list.below(&number));
                (read.is_whole(&[KEY, &index, key]), element.unwrap_or(list))
            }
        };
        if is_usable {
            mistakes.add_key(&place.origin, "filter", one_line(&mistake.error));
        }
    }
    for (rule, (_, entry)) in read.options.rows.iter_mut().zip(entries) {
        let place = entry.below("where").unwrap_or(entry);
        rule.place = Some(place.origin.to_string());
    }
}

/// Where each rule of a `[filter]` section stands.
fn rule_places(section: &Node) -> RulePlaces {
    let mut places = RulePlaces::default();
    for key in RuleKey::ALL {
        let spellings = [key.as_str().to_owned(), key.as_str().replace('-', "_")];
        let Some(node) = spellings.iter().find_map(|name| section.below(name)) else {
            continue;
        };
        for rule in node.elements().chain([node]) {
            if let Some(text) = rule_text(rule) {
                places.note(key, text, rule.origin.to_string());
            }
        }
    }
    places
}

/// Where a rule stands that is wrong.
fn rule<'a>(section: &'a Node, key: &str, rule: Option<&str>) -> Option<&'a Node> {
    let found = rule_of_number(section, key, rule).map(|(_, rule)| rule);
    found.or(section.below(key))
}

/// A rule, and its number in its list, as paths have it.
fn rule_of_number<'a>(
    section: &'a Node,
    key: &str,
    rule: Option<&str>,
) -> Option<(String, &'a Node)> {
    let mut elements = section.below(key)?.elements().enumerate();
    // Of a long rule the message has the beginning.
    let start = rule.and_then(|rule| rule.strip_suffix('…'));
    let (index, node) = elements.find(|(_, node)| {
        let text = rule_text(node);
        text == rule
            || text
                .zip(start)
                .is_some_and(|(text, start)| text.starts_with(start))
    })?;
    Some(((index + 1).to_string(), node))
}

/// A rule as written; of one on columns with more keys, its expression.
fn rule_text(node: &Node) -> Option<&str> {
    node.text().or_else(|| node.below("columns")?.text())
}
