//! Reads every record of every topic of a connector: keys, headers and values.

use rdkafka::Message;
use rdkafka::message::{Headers, OwnedMessage};

use super::json::Json;
use super::output::{Body, Identity, Output, Place, Record, Target, read_envelope};
use crate::support::Kafka;

/// How the name of the topic goes on in which a connector keeps its own checkpoints.
const CHECKPOINTS: &str = ".rowtap.checkpoints";

/// Reads the topics `prefix` and `prefix.…`. The error is the first record that a consumer could not make sense of.
pub fn read(kafka: &Kafka, prefix: &str) -> Result<Output, String> {
    let mut records = Vec::new();
    for (topic, _) in kafka.topics() {
        let rest = topic.strip_prefix(prefix);
        let is_output = |rest: &str| rest.is_empty() || rest.starts_with('.');
        if !rest.is_some_and(|rest| is_output(rest) && rest != CHECKPOINTS) {
            continue;
        }
        for message in kafka.records(&topic) {
            let place = place(&topic, &message)?;
            let record = record(place.clone(), &message);
            records.push(record.map_err(|error| format!("{place}: {error}"))?);
        }
    }
    Ok(Output {
        records,
        target: Target::Kafka,
    })
}

/// As [`read`], of a connector that delivers exactly once: the topic of its checkpoints is left out, and the ends of all its
/// transactions are waited for, which consumers see a moment after the connector is told of them.
pub fn read_once(kafka: &Kafka, prefix: &str) -> Result<Output, String> {
    kafka.await_ends(prefix);
    let mut output = read(kafka, prefix)?;
    output.target = Target::KafkaOnce;
    Ok(output)
}

fn place(topic: &str, message: &OwnedMessage) -> Result<Place, String> {
    Ok(Place {
        log: topic.into(),
        partition: message.partition(),
        offset: u64::try_from(message.offset()).map_err(|_| "an offset below 0")?,
    })
}

fn record(place: Place, message: &OwnedMessage) -> Result<Record, String> {
    let identity = identity(message)?;
    let body = match message.payload() {
        None => Body::Tombstone,
        Some(value) => {
            let (named, body) = read_envelope(text(value)?)?;
            if named != identity {
                return Err(format!("the headers say {identity:?}, the value {named:?}"));
            }
            body
        }
    };
    let json = |bytes: &[u8]| Json::parse(text(bytes)?);
    let other_key = match (header(message, "new_key")?, header(message, "old_key")?) {
        (Some(key), None) => Some((true, Json::parse(key)?)),
        (None, Some(key)) => Some((false, Json::parse(key)?)),
        (None, None) => None,
        (Some(_), Some(_)) => return Err("a new key and an old one".to_owned()),
    };
    Ok(Record {
        place,
        identity,
        key: message.key().map(json).transpose()?,
        other_key,
        body,
    })
}

fn identity(message: &OwnedMessage) -> Result<Identity, String> {
    let needed = |name: &str| header(message, name)?.ok_or(format!("no header {name}"));
    let number = |name: &str| {
        let text = needed(name)?;
        text.parse::<u64>()
            .map_err(|_| format!("header {name} is {text}"))
    };
    Ok(Identity {
        source: needed("source")?.into(),
        file: needed("file")?.into(),
        position: number("pos")?,
        gtid: header(message, "gtid")?.map(Into::into),
        sequence: number("sequence")?,
    })
}

fn header<'a>(message: &'a OwnedMessage, name: &str) -> Result<Option<&'a str>, String> {
    let found = message
        .headers()
        .into_iter()
        .flat_map(Headers::iter)
        .find(|header| header.key == name);
    found.and_then(|header| header.value).map(text).transpose()
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}
