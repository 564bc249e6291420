//! The `[source]` section: a server, or binlog files where it names some.

use super::connector::member;
use super::document::{Node, Value};
use super::{ConfigError, deserializer};
use crate::source::SourceOptions;

/// The keys that make it files.
const OF_FILES: [&str; 2] = ["files", "index"];

/// Reads the section of a connector file.
///
/// # Errors
/// A mistake in its keys, or keys of both kinds.
pub fn read(document: &Node) -> Result<SourceOptions, ConfigError> {
    let section = member(document, "source");
    let Value::Table(keys) = &section.value else {
        return server(section);
    };
    let Some(files) = OF_FILES.iter().find(|key| keys.contains_key(**key)) else {
        return server(section);
    };
    if let Some(host) = keys.get("host") {
        return Err(ConfigError::Key {
            place: host.origin.clone(),
            key: "source.host".to_owned(),
            message: format!(
                "a source is a server or files, remove host or {files}; a server that only tells definitions goes into \
                 [source.definitions]"
            ),
        });
    }
    deserializer::read(section, "source").map(SourceOptions::Files)
}

fn server(section: &Node) -> Result<SourceOptions, ConfigError> {
    let server = deserializer::read(section, "source").map_err(or_files)?;
    Ok(SourceOptions::Server(Box::new(server)))
}

/// A section that names neither a server nor files may be meant as either.
fn or_files(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::Key {
            place,
            key,
            message,
        } if key == "source" && message == "key host is missing" => ConfigError::Key {
            place,
            key,
            message: "key host is missing for a server, or files or index for binlog files"
                .to_owned(),
        },
        other => other,
    }
}
