//! The `[source]` section: a server, or binlog files where it names some.

use super::document::Node;
use super::mistake::Mistakes;
use super::section::{self, Section};
use crate::source::SourceOptions;

/// The keys that make it files.
const OF_FILES: [&str; 2] = ["files", "index"];
/// The keys that make it a server.
const OF_SERVERS: [&str; 3] = ["host", "hosts", "socket"];

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
            let files = files.map(SourceOptions::Files);
            Some(checked(files, section, mistakes))
        }
        (None, _) => {
            let mut found = Mistakes::default();
            if let (Some(_), Some(port)) = (section.below("socket"), section.below("port")) {
                let message =
                    "a source is reached by host and port or by socket, remove one of them";
                found.add_key(&port.origin, "source.port", message);
            }
            if let (Some(hosts), Some(_)) = (section.below("hosts"), section.below("port")) {
                let message = "hosts names the ports too, as \"db1:3306\", remove port";
                found.add_key(&hosts.origin, "source.hosts", message);
            }
            let is_given =
                |section: &Node| OF_SERVERS.iter().any(|key| section.below(key).is_some());
            let was_given = is_given(section);
            let read = section::read(section, "source", &[], &mut found);
            // A wrong value was told and is gone by now; a misspelt key was told and has its name.
            let is_named = was_given || is_given(section);
            if !is_named && read.is_some() {
                let message =
                    "key host is missing for a server, or files or index for binlog files";
                found.add_key(&section.origin, "source", message);
            }
            mistakes.append(found);
            let server = read?.map(|server| SourceOptions::Server(Box::new(server)));
            if !is_named {
                return Some(server.options);
            }
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
            && keys.iter().all(|key| read.is_whole(key))
        {
            let place = section.origin_of(first);
            mistakes.add_key(
                place,
                &format!("source.{}", first.join(".")),
                &*problem.message,
            );
        }
    }
    let mut options = read.options;
    if let Some(from) = section.below("start").and_then(|start| start.below("from")) {
        options.start_is_at(from.origin.to_string());
    }
    options
}
