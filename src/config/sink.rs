//! The `[sink]` section: its `type` decides which keys it may hold.
//!
//! Read here and not by serde's tagged enums, which lose the place of a mistake and read a variable's value as text.

use super::document::{Content, Node};
use super::mistake::Mistakes;
use super::spelling::{hint, nearest};
use super::{SINKS, SinkOptions, sink_of};

/// Reads the section of a connector and adds its mistakes; `None` if there are too many for it to mean anything.
pub fn read(section: &mut Node, connector: &str, mistakes: &mut Mistakes) -> Option<SinkOptions> {
    let expected = format!("expected one of {}", SINKS.join(", "));
    let origin = section.origin.clone();
    if section.content == Content::Unusable {
        return None;
    }
    let Some(keys) = section.keys_mut() else {
        mistakes.add_key(&origin, "sink", "expected a table");
        return None;
    };
    let Some(kind) = keys.remove("type") else {
        let message = format!("key type is missing, {expected}");
        mistakes.add_key(&origin, "sink", message);
        return None;
    };
    let name = match &kind.content {
        Content::Text(name) | Content::Free(name) => name,
        Content::Unusable => return None,
        _other => {
            let message = format!("{expected}, as a string");
            mistakes.add_key(&kind.origin, "sink.type", message);
            return None;
        }
    };
    let read = sink_of(name, section, mistakes).unwrap_or_else(|()| {
        let meant = nearest(name, &SINKS);
        let message = format!("{expected}, found '{name}'{}", hint(meant));
        mistakes.add_key(&kind.origin, "sink.type", message);
        // Its keys are judged as those of the type that was probably meant.
        sink_of(meant?, section, mistakes).ok().flatten()
    })?;
    for (key, reason) in read.options.problems(connector) {
        let path: Vec<&str> = key.iter().map(String::as_str).collect();
        if read.is_usable(&path) {
            let place = section.origin_of(&path);
            mistakes.add_key(place, &format!("sink.{}", key.join(".")), reason);
        }
    }
    Some(read.options)
}
