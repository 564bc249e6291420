//! The `[source]` section: a server, or binlog files where it names some.

use super::document::Node;
use super::mistake::{Mistake, Mistakes};
use super::section::{self, Section};
use crate::source::SourceOptions;

/// The keys that make it files.
const OF_FILES: [&str; 2] = ["files", "index"];

/// Reads the section and adds its mistakes; `None` if there are too many for it to mean anything.
pub fn read(section: &mut Node, mistakes: &mut Mistakes) -> Option<SourceOptions> {
    let files = OF_FILES.iter().find(|key| section.below(key).is_some());
    match (files, section.below("host")) {
        (Some(files), Some(host)) => {
            let message = format!(
                "a source is a server or files, remove host or {files}; a server that only tells definitions goes into \
                 [source.definitions]"
            );
            mistakes.add_key(&host.origin, "source.host", message);
            None
        }
        (Some(_), None) => {
            let files = section::read(section, "source", &[], mistakes)?;
            Some(checked(files.map(SourceOptions::Files), section, mistakes))
        }
        (None, _) => {
            let mut found = Mistakes::default();
            let server = section::read(section, "source", &[], &mut found);
            mistakes.append(found.map(or_files));
            let server = server?.map(|server| SourceOptions::Server(Box::new(server)));
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

/// A section that names neither a server nor files may be meant as either.
fn or_files(mistake: Mistake) -> Mistake {
    match mistake {
        Mistake::Key {
            place,
            key,
            message,
        } if key == "source" && message == "key host is missing" => Mistake::Key {
            place,
            key,
            message: "key host is missing for a server, or files or index for binlog files"
                .to_owned(),
        },
        other => other,
    }
}
