//! What a connector file may hold, and its translation into a connector.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::document::{Node, Value};
use super::{ConfigError, Named, Origin, deserializer, read_all, sink, source};
use crate::change::OnStatement;
use crate::config::Variables;
use crate::encode::InvalidText;
use crate::filter::{self, Rules};
use crate::metrics::one_line;
use crate::mysql::Flavour;
use crate::pipeline::Connector;
use crate::source::{ServerOptions, SourceOptions};

/// The keys at the top of a connector file.
const KEYS: [&str; 9] = [
    "state_dir",
    "memory_max",
    "event_memory_max",
    "checkpoint_interval",
    "on_statement",
    "invalid_text",
    "source",
    "filter",
    "sink",
];
/// Below this the largest packets and librdkafka's own queue leave no room to work in.
const MEMORY_MIN: ByteSize = ByteSize::mib(16);
/// The least `event_memory_max`: smaller events are not worth a file.
pub const EVENT_MEMORY_MIN: ByteSize = ByteSize::mib(1);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "state_dir")]
    state_dir: PathBuf,
    #[serde(default = "memory_max")]
    memory_max: ByteSize,
    #[serde(default = "event_memory_max")]
    event_memory_max: ByteSize,
    #[serde(
        default = "checkpoint_interval",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    checkpoint_interval: Duration,
    #[serde(default)]
    on_statement: OnStatement,
    #[serde(default)]
    invalid_text: InvalidText,
    /// Read by [`source::read`], which tells servers from files.
    #[serde(rename = "source")]
    _source: IgnoredAny,
    #[serde(default)]
    filter: filter::FilterOptions,
    /// Read by [`sink::read`], which knows what each type takes.
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

/// Reads connector files with the environment over them.
///
/// # Errors
/// The first mistake, with its place and its fix.
pub fn load(paths: &[PathBuf], variables: &Variables) -> Result<Vec<Connector>, ConfigError> {
    read_all(paths, variables, &KEYS)?
        .into_iter()
        .map(connector)
        .collect()
}

fn connector(named: Named) -> Result<Connector, ConfigError> {
    let Named { name, document } = named;
    let file: File = deserializer::read(&document, "")?;
    let fault = |section: &str, message: String| ConfigError::Key {
        place: origin(&document, section),
        key: section.to_owned(),
        message,
    };
    let source = source::read(&document)?;
    let problems = source.problems();
    if !problems.is_empty() {
        return Err(fault("source", problems.join("; ")));
    }
    // Names fold differently on other servers, but a rule that cannot be read cannot be read for any.
    Rules::compile(&file.filter, Flavour::MySql, 0).map_err(|error| ConfigError::Key {
        place: origin(member(&document, "filter"), error.key()),
        key: "filter".to_owned(),
        message: one_line(&error),
    })?;
    if file.memory_max < MEMORY_MIN {
        let message = format!("expected at least {MEMORY_MIN}");
        return Err(fault("memory_max", message));
    }
    if file.event_memory_max < EVENT_MEMORY_MIN {
        let message = format!("expected at least {EVENT_MEMORY_MIN}");
        return Err(fault("event_memory_max", message));
    }
    Ok(Connector {
        name,
        source: source.with_event_bytes_max(file.event_memory_max.as_u64()),
        filter: file.filter,
        sink: sink::read(&document)?,
        state_dir: file.state_dir,
        memory_max: file.memory_max.as_u64(),
        event_memory_max: file.event_memory_max.as_u64(),
        checkpoint_interval: file.checkpoint_interval,
        on_statement: file.on_statement,
        invalid_text: file.invalid_text,
    })
}

/// Where a key of the file stands, or the file if it has no such key.
pub fn origin(document: &Node, key: &str) -> Origin {
    member(document, key).origin.clone()
}

/// A key's value, or the document if it has no such key.
pub fn member<'a>(document: &'a Node, key: &str) -> &'a Node {
    let found = match &document.value {
        Value::Table(table) => table.get(key),
        Value::Text(_)
        | Value::Free(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Date
        | Value::List(_) => None,
    };
    found.unwrap_or(document)
}

/// What a connector's configuration says, under the field names of SHOW REPLICA STATUS.
pub fn facts(connector: &Connector) -> Vec<(&'static str, String)> {
    let mut facts = match &connector.source {
        SourceOptions::Server(server) => server_facts(server),
        SourceOptions::Files(files) => {
            let named = files.index.iter().chain(&files.files);
            let named: Vec<String> = named.map(|path| path.display().to_string()).collect();
            vec![("Source_Files", named.join(","))]
        }
    };
    let filter = &connector.filter;
    for (name, rules) in [
        ("Replicate_Do_DB", &filter.replicate_do_db),
        ("Replicate_Ignore_DB", &filter.replicate_ignore_db),
        ("Replicate_Do_Table", &filter.replicate_do_table),
        ("Replicate_Ignore_Table", &filter.replicate_ignore_table),
        ("Replicate_Wild_Do_Table", &filter.replicate_wild_do_table),
        (
            "Replicate_Wild_Ignore_Table",
            &filter.replicate_wild_ignore_table,
        ),
        ("Replicate_Rewrite_DB", &filter.replicate_rewrite_db),
    ] {
        facts.push((name, rules.join(",")));
    }
    facts
}

fn server_facts(server: &ServerOptions) -> Vec<(&'static str, String)> {
    let retry = server.source_connect_retry.as_secs();
    vec![
        ("Source_Host", server.host.clone()),
        ("Source_User", server.user.clone()),
        ("Source_Port", server.port.to_string()),
        ("Connect_Retry", retry.to_string()),
        ("Source_Retry_Count", server.source_retry_count.to_string()),
    ]
}
