//! Connector files: TOML, then the environment, then files that hold secrets.
//!
//! One file is one connector; its name is the file's. The order of precedence is that of most tools: a variable beats the
//! file, the file beats the default. An unknown key is an error, since a misspelt rule would otherwise be ignored.
//! Every mistake in every file is reported at once.

mod connector;
mod deserializer;
mod document;
mod environment;
mod facts;
mod files;
mod home;
mod mistake;
mod origin;
mod secret_file;
mod section;
mod sink;
mod source;
mod spelling;

pub use connector::{EVENT_MEMORY_MIN, load, load_each};
pub use environment::Variables;
pub use facts::facts;
pub use mistake::{ConfigError, Mistake};
pub use origin::ValueOrigin;
pub use secret_file::read as read_secret_file;

use serde::de::DeserializeOwned;

use crate::sink::SinkOptions;
use document::Node;
use mistake::Mistakes;
use section::Section;

/// What a sink's type can be.
const SINKS: [&str; 4] = ["kafka", "file", "stdout", "blackhole"];

/// Reads the keys of a sink of that type; `Err` if there is no such type, or if it was left out of the build.
fn sink_of(
    kind: &str,
    keys: &mut Node,
    mistakes: &mut Mistakes,
) -> Result<Option<Section<SinkOptions>>, ()> {
    Ok(match kind {
        #[cfg(feature = "kafka")]
        "kafka" => sink_as(keys, mistakes, |options| {
            SinkOptions::Kafka(Box::new(options))
        }),
        "file" => sink_as(keys, mistakes, SinkOptions::File),
        "stdout" => sink_as(keys, mistakes, SinkOptions::Stdout),
        "blackhole" => sink_as(keys, mistakes, SinkOptions::Blackhole),
        _unknown => return Err(()),
    })
}

fn sink_as<T: DeserializeOwned>(
    keys: &mut Node,
    mistakes: &mut Mistakes,
    make: fn(T) -> SinkOptions,
) -> Option<Section<SinkOptions>> {
    // The type is a key too, though it was read before the others.
    section::read(keys, "sink", &["type"], mistakes).map(|section| section.map(make))
}

#[cfg(test)]
mod tests;
