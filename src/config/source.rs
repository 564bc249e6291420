//! The `[source]` section: a server, or binlog files where it names some.

use super::document::Node;
use super::mistake::Mistakes;
use super::section::{self, Section};
use crate::source::SourceOptions;

/// The keys that make it files.
const OF_FILES: [&str; 2] = ["files", "index"];
/// The keys that make it a server.
const OF_SERVERS: [&str; 2] = ["host", "hosts"];

/// Reads the section and adds its mistakes; `None` if there are too many for it to mean anything.
pub fn read(section: &mut Node, mistakes: &mut Mistakes) -> Option<SourceOptions> {
    let files = OF_FILES.iter().find(|key| section.below(key).is_some());
    let mut servers = OF_SERVERS.iter();
    let host = servers.find_map(|key| section.below(key).map(|host| (*key, host)));
    match (files, host) {
        (Some(files), Some((key, host))) => {
            let message = format!(
                "a source is a server or files, remove {key} or {files}; a server that only tells definitions goes into \
                 [source.definitions]"
            );
            mistakes.add_key(&host.origin, &format!("source.{key}"), message);
            None
        }
        (Some(_), None) => {
            let files = section::read(section, "source", &[], mistakes)?;
            Some(checked(files.map(SourceOptions::Files), section, mistakes))
        }
        (None, None) => {
            // A misspelt key gets its name by the reading.
            let server = section::read(section, "source", &[], mistakes)?;
            if OF_SERVERS.iter().all(|key| section.below(key).is_none()) {
                let message =
                    "key host is missing for a server, or files or index for binlog files";
                mistakes.add_key(&section.origin, "source", message);
                return None;
            }
            let server = server.map(|server| SourceOptions::Server(Box::new(server)));
            Some(checked(server, section, mistakes))
        }
        (None, Some(_)) => {
            if let (Some(hosts), Some(_)) = (section.below("hosts"), section.below("port")) {
                let message = "hosts names the ports too, as \"db1:3306\", remove port";
                mistakes.add_key(&hosts.origin.clone(), "source.hosts", message);
            }
            let server = section::read(section, "source", &[], mistakes)?;
            let server = server.map(|server| SourceOptions::Server(Box::new(server)));
            Some(checked(server, section, mistakes))
        }
    }
}

/// Adds what the options contradict each other in, where nothing else is wrong with them.
fn checked(read: Section<SourceOptions>, section: &Node, mistakes: &mut Mistakes) -> SourceOptions {
    for problem in read.options.problems() {
        let keys = problem.keys.iter().map(|key| key.split('.').collect());
        let keys: Vec<Vec<&str>> = keys.collect();
        if let [first, ..] = &*keys
            && keys.iter().all(|key| read.is_usable(key))
        {
            let place = section.origin_of(first);
            mistakes.add_key(
                place,
                &format!("source.{}", first.join(".")),
                &*problem.message,
            );
        }
    }
    read.options
}
