//! The `[source]` section of a connector that reads binlog files.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::change::Choice;
use crate::source::server::{
    OptionProblem, ServerOptions, SnapshotOptions, choice, domains_problem,
};
use crate::source::start::Start;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// Where a connector's changes come from.
#[derive(Clone, Debug)]
pub enum SourceOptions {
    /// A server that sends them.
    Server(Box<ServerOptions>),
    /// Files that a server wrote.
    Files(FilesOptions),
}

/// Which files are read, from where on, and who knows the columns' names that they lack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesOptions {
    /// The files, in the order in which the server wrote them, none left out.
    #[serde(default)]
    pub files: Vec<PathBuf>,
    /// The server's list of its files, instead of naming them.
    #[serde(default)]
    pub index: Option<PathBuf>,
    /// Where the first run begins; later ones begin at the checkpoint.
    #[serde(default = "start")]
    pub start: Start,
    /// Where the file of a start is named, for messages about it.
    #[serde(skip)]
    pub start_place: Option<String>,
    /// Groups that were first executed on these servers are left out.
    #[serde(default)]
    pub ignore_server_ids: Vec<u32>,
    /// Groups of these of MariaDB's replication domains are the only ones that are not left out; of all if there are none.
    #[serde(default)]
    pub do_domain_ids: Vec<u32>,
    /// Groups of these domains are left out.
    #[serde(default)]
    pub ignore_domain_ids: Vec<u32>,
    /// Where the definitions of tables come from where the files do not hold them.
    #[serde(default)]
    pub definitions: Option<DefinedBy>,
}

/// Who knows how tables are defined.
#[derive(Clone, Debug)]
pub enum DefinedBy {
    /// The server that wrote the files; it is asked for definitions only.
    Server(Box<ServerOptions>),
    /// The state folder of a connector that has read the server's binlog up to where this one begins.
    Journal(PathBuf),
}

impl SourceOptions {
    /// Where the options contradict each other, each with its fix; empty if they do not.
    pub fn problems(&self) -> Vec<OptionProblem> {
        match self {
            Self::Server(options) => options.problems(),
            Self::Files(options) => options.problems(),
        }
    }

    /// Notes where the file of a start is named.
    pub fn start_is_at(&mut self, place: String) {
        match self {
            Self::Server(server) => server.start_place = Some(place),
            Self::Files(files) => files.start_place = Some(place),
        }
    }

    /// Keeps no event of more bytes whole in memory where a server is read.
    #[must_use]
    pub fn with_event_bytes_max(mut self, bytes: u64) -> Self {
        let server = match &mut self {
            Self::Server(server) => Some(&mut **server),
            Self::Files(FilesOptions {
                definitions: Some(DefinedBy::Server(server)),
                ..
            }) => Some(&mut **server),
            Self::Files(_) => None,
        };
        if let Some(server) = server {
            server.event_bytes_max = bytes;
        }
        self
    }

    /// Takes a snapshot so, where a server is read.
    #[must_use]
    pub fn with_snapshot(mut self, snapshot: SnapshotOptions) -> Self {
        if let Self::Server(server) = &mut self {
            server.snapshot = snapshot;
        }
        self
    }

    /// How old a group's commit must be before it is delivered.
    pub fn delay(&self) -> Duration {
        match self {
            Self::Server(server) => server.source_delay,
            Self::Files(_) => Duration::ZERO,
        }
    }

    /// Consecutive failures after which the connector gives up, and the longest wait between two attempts.
    pub fn retries(&self) -> (u32, Duration) {
        let of = |server: &ServerOptions| (server.source_retry_count, server.source_connect_retry);
        match self {
            Self::Server(server) => of(server),
            Self::Files(FilesOptions {
                definitions: Some(DefinedBy::Server(server)),
                ..
            }) => of(server),
            // Nothing about a file gets better by itself.
            Self::Files(_) => (1, Duration::ZERO),
        }
    }
}

impl SourceOptions {
    /// Which groups are delivered.
    pub fn choice(&self) -> Choice {
        match self {
            Self::Server(server) => server.choice(),
            Self::Files(files) => files.choice(),
        }
    }
}

impl FilesOptions {
    /// Which groups are delivered.
    pub(in crate::source) fn choice(&self) -> Choice {
        choice(
            &self.ignore_server_ids,
            &self.do_domain_ids,
            &self.ignore_domain_ids,
        )
    }

    fn problems(&self) -> Vec<OptionProblem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, message| problems.push(OptionProblem::new(key, message));
        match (&self.index, self.files.is_empty()) {
            (Some(_), true) | (None, false) => {}
            (Some(_), false) => {
                let message = "both files and index are given, keep one of the two".to_owned();
                add("index", message);
            }
            (None, true) => add("files", "files is empty, name the binlog files".to_owned()),
        }
        if let Some(message) = self.start.problem(false) {
            add("start", message);
        }
        // A checkpoint holds the name on one line.
        let names = self.files.iter().filter_map(|path| path.file_name());
        for name in names.map(|name| name.to_string_lossy()) {
            if name.chars().any(char::is_control) {
                let message =
                    format!("the file name {name:?} holds a control character, rename the file");
                add("files", message);
            }
        }
        problems.extend(domains_problem(
            &self.do_domain_ids,
            &self.ignore_domain_ids,
        ));
        if let Some(DefinedBy::Server(server)) = &self.definitions {
            if let [first, ..] = &*server.hosts {
                let message = format!(
                    "hosts is for a source, name the server that wrote the files: host = \"{first}\""
                );
                let problem = OptionProblem::new("hosts", message);
                problems.push(problem.within("definitions"));
            }
            let of_server = server.problems().into_iter();
            problems.extend(of_server.map(|problem| problem.within("definitions")));
        }
        problems
    }
}

fn start() -> Start {
    Start::Earliest
}

impl<'de> Deserialize<'de> for DefinedBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DefinedByVisitor)
    }
}

struct DefinedByVisitor;

impl<'de> Visitor<'de> for DefinedByVisitor {
    type Value = DefinedBy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state folder of a connector, or a table with a server's host and user")
    }

    fn visit_str<E: Error>(self, folder: &str) -> Result<DefinedBy, E> {
        Ok(DefinedBy::Journal(folder.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DefinedBy, A::Error> {
        let server = ServerOptions::deserialize(MapAccessDeserializer::new(map))?;
        Ok(DefinedBy::Server(Box::new(server)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<FilesOptions, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn files_or_an_index_are_enough() {
        let options = read(r#"{"files":["a.000001","a.000002"]}"#).unwrap();
        assert_eq!(options.start, Start::Earliest);
        assert_eq!(options.problems(), []);
        let options = read(r#"{"index":"a.index","start":"latest"}"#).unwrap();
        assert_eq!(options.start, Start::Latest);
        assert_eq!(options.problems(), []);
    }

    #[test]
    fn contradictions_are_named_with_their_fix() {
        for (json, expected) in [
            ("{}", "name the binlog files"),
            (r#"{"files":["a"],"index":"b"}"#, "keep one of the two"),
            (
                r#"{"files":["a"],"definitions":{"host":"","user":"u"}}"#,
                "definitions: host is empty",
            ),
        ] {
            let problems = read(json).unwrap().problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            let message = problems[0].to_string();
            assert!(message.contains(expected), "{json}: {message}");
        }
        let error = read(r#"{"files":["a"],"host":"db"}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `host`"),
            "{error}"
        );
    }

    #[test]
    fn definitions_come_from_a_folder_or_a_server() {
        let of = |json: &str| read(json).unwrap().definitions;
        let folder = of(r#"{"files":["a"],"definitions":"state/shop"}"#);
        assert!(matches!(folder, Some(DefinedBy::Journal(folder)) if folder.ends_with("shop")));
        let server = of(r#"{"files":["a"],"definitions":{"host":"db","user":"u"}}"#);
        assert!(matches!(server, Some(DefinedBy::Server(server)) if server.host == "db"));
    }
}
