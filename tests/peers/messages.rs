//! Messages of a log as a test compares them: keys and headers byte for byte, values member by member.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::Schema;
use crate::support::Kafka;

/// A message. Schemas are long and mostly the same: a message has the number of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The topic without the prefix.
    pub topic: String,
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<usize>,
    pub value: Value,
}

/// All messages under a prefix, topic by topic, each in its order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Messages {
    pub schemas: Vec<Value>,
    pub messages: Vec<Message>,
}

impl Messages {
    /// Reads the topics of a prefix.
    pub fn read(kafka: &Kafka, prefix: &str) -> Self {
        let mut found = Self::default();
        let below = format!("{prefix}.");
        for (topic, _) in kafka.topics() {
            if topic == prefix || topic.starts_with(&below) {
                for record in kafka.records(&topic) {
                    found.add(topic.strip_prefix(prefix).unwrap(), &record);
                }
            }
        }
        found
    }

    fn add(&mut self, topic: &str, record: &OwnedMessage) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let value = record.payload().map_or(Value::Null, |bytes| {
            serde_json::from_slice(bytes).expect("JSON")
        });
        let headers = record
            .headers()
            .into_iter()
            .flat_map(|headers| headers.iter());
        let headers = headers.filter(|header| header.key.ends_with("key"));
        let headers = headers.map(|header| {
            let value = text(header.value.unwrap_or_default());
            (header.key.to_owned(), value)
        });
        let headers = headers.collect();
        self.push(topic, record.key().map(text), headers, value);
    }

    /// Adds a message, whose schema, if its value has one, is kept apart.
    pub fn push(
        &mut self,
        topic: &str,
        key: Option<String>,
        headers: BTreeMap<String, String>,
        mut value: Value,
    ) {
        let mut schema = None;
        if let Some(members) = value.as_object_mut()
            && members.len() == 2
            && let (Some(found), Some(payload)) =
                (members.remove("schema"), members.remove("payload"))
        {
            let number = self.schemas.iter().position(|known| *known == found);
            schema = Some(number.unwrap_or_else(|| {
                self.schemas.push(found);
                self.schemas.len() - 1
            }));
            value = payload;
        }
        self.messages.push(Message {
            topic: topic.to_owned(),
            key,
            headers,
            schema,
            value,
        });
    }

    /// As text: a schema a line, then a message a line.
    pub fn to_lines(&self) -> String {
        let schemas = self.schemas.iter().map(|schema| schema.to_string() + "\n");
        let messages = self.messages.iter();
        let messages = messages.map(|message| serde_json::to_string(message).unwrap() + "\n");
        format!(
            "{}\n{}",
            schemas.collect::<String>(),
            messages.collect::<String>()
        )
    }

    pub fn from_lines(text: &str) -> Self {
        let (schemas, messages) = text.split_once("\n\n").unwrap_or(("", text));
        Self {
            schemas: schemas
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            messages: messages
                .lines()
                .filter(|line| !line.is_empty())
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        }
    }

    /// With another prefix of the same length, which is in names, in values and in the bytes of keys.
    pub fn renamed(&self, from: &str, to: &str) -> Self {
        let hex =
            |text: &str| -> String { text.bytes().map(|byte| format!("{byte:02x}")).collect() };
        let (from_hex, to_hex) = (hex(from), hex(to));
        let mut found = Self::from_lines(&self.to_lines().replace(from, to));
        for key in found
            .messages
            .iter_mut()
            .filter_map(|message| message.key.as_mut())
        {
            *key = key.replace(&from_hex, &to_hex);
        }
        found
    }

    /// Fails unless every message but tombstones is as a schema document says.
    pub fn check(&self, schema: &Schema) {
        for message in &self.messages {
            let value = match message.schema {
                Some(_) => json!({ "schema": self.schema(message), "payload": message.value }),
                None => message.value.clone(),
            };
            if !value.is_null() {
                schema.check(&value);
            }
        }
    }

    /// Takes the messages out that are so.
    pub fn take(&mut self, is_so: impl Fn(&Message) -> bool) -> Vec<Message> {
        let all = std::mem::take(&mut self.messages);
        let (taken, left) = all.into_iter().partition(is_so);
        self.messages = left;
        taken
    }

    /// Those that the peer wrote of its snapshot are left out.
    pub fn without_snapshot(mut self) -> Self {
        self.take(|message| {
            let mark = &message.value["source"]["snapshot"];
            !mark.is_null() && mark != "false"
        });
        self
    }

    fn schema(&self, message: &Message) -> Value {
        let schema = message.schema.and_then(|number| self.schemas.get(number));
        schema.cloned().unwrap_or(Value::Null)
    }
}

/// A difference that stays: a pattern of places, with the peer's value and rowtap's, and why.
#[derive(Debug)]
pub struct Difference {
    pub place: String,
    pub reason: String,
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Comparison {
    pub messages: usize,
    pub members: usize,
    /// Differences that were met, by their places.
    pub met: BTreeSet<String>,
    pub wrong: Vec<String>,
}

impl Comparison {
    /// Compares what the peer wrote with what rowtap wrote.
    pub fn add(&mut self, what: &str, peer: &Messages, own: &Messages, known: &[Difference]) {
        let (mut theirs, mut ours) = (by_topic(peer), by_topic(own));
        let topics: BTreeSet<String> = theirs.keys().chain(ours.keys()).cloned().collect();
        for topic in topics {
            let theirs = theirs.remove(&topic).unwrap_or_default();
            let ours = ours.remove(&topic).unwrap_or_default();
            if theirs.len() != ours.len() {
                let counts = (theirs.len(), ours.len());
                self.wrong
                    .push(format!("{what}{topic}: {counts:?} messages"));
            }
            for (number, (their, our)) in theirs.iter().zip(&ours).enumerate() {
                self.messages += 1;
                let place = format!("{what}{topic}#{number}");
                if their.key != our.key {
                    let both = (&their.key, &our.key);
                    self.wrong.push(format!("{place}: key {both:?}"));
                }
                // A partition is no part of the table's name.
                let table = topic.trim_start_matches('.').split('@').next();
                let table = table.unwrap_or_default();
                let name = format!("{table}:headers");
                let headers = |message: &Message| serde_json::to_value(&message.headers).unwrap();
                self.compare(&place, &name, (&headers(their), &headers(our)), known);
                let name = format!("{table}:value");
                self.compare(&place, &name, (&their.value, &our.value), known);
                let name = format!("{table}:schema");
                let schemas = (&peer.schema(their), &own.schema(our));
                self.compare(&place, &name, schemas, known);
            }
        }
    }

    /// Prints how much was compared, and fails unless the known differences, and no others, were met.
    pub fn finish(&self, known: &[Difference], peer: &str) {
        let Self {
            messages, members, ..
        } = self;
        let met = self.met.len();
        println!(
            "{messages} messages and {members} members are {peer}'s, {met} listed differences are met"
        );
        let gone = known
            .iter()
            .filter(|known| !self.met.contains(&known.place));
        let gone: Vec<&str> = gone.map(|known| &*known.place).collect();
        let wrong = self.wrong.iter().take(60);
        let report: String = wrong.map(|line| format!("{line}\n")).collect();
        assert!(
            self.wrong.is_empty(),
            "{} differences that schemas/types.md does not list:\n{report}",
            self.wrong.len()
        );
        assert_eq!(gone, [""; 0], "differences that are gone");
        let unexplained = known.iter().find(|known| known.reason.is_empty());
        assert!(unexplained.is_none(), "{unexplained:?}");
    }

    fn compare(
        &mut self,
        at: &str,
        place: &str,
        (their, our): (&Value, &Value),
        known: &[Difference],
    ) {
        let met = known
            .iter()
            .find(|difference| matches(&difference.place, place));
        if let Some(difference) = met {
            if their != our {
                self.met.insert(difference.place.clone());
            }
            return;
        }
        match (their, our) {
            (Value::Object(theirs), Value::Object(ours)) => {
                let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
                for name in names {
                    let place = format!("{place}.{name}");
                    match (theirs.get(name), ours.get(name)) {
                        (Some(their), Some(our)) => self.compare(at, &place, (their, our), known),
                        (their, our) => {
                            let both = (their.unwrap_or(&Value::Null), our.unwrap_or(&Value::Null));
                            let met = known.iter().find(|known| matches(&known.place, &place));
                            match met {
                                Some(difference) => {
                                    self.met.insert(difference.place.clone());
                                }
                                None => self
                                    .wrong
                                    .push(format!("{at} {place}: only one has it: {both:?}")),
                            }
                        }
                    }
                }
            }
            (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
                for (number, both) in theirs.iter().zip(ours).enumerate() {
                    let name = both.0["field"].as_str().or(both.0["name"].as_str());
                    let name = name.map_or_else(|| number.to_string(), str::to_owned);
                    self.compare(at, &format!("{place}.{name}"), both, known);
                }
            }
            (their, our) => {
                self.members += 1;
                let numbers = their.as_f64().zip(our.as_f64());
                let is_same = match numbers {
                    Some((their_number, our_number)) if their.is_f64() || our.is_f64() => {
                        their_number == our_number
                    }
                    _exact => their == our,
                };
                if !is_same {
                    self.wrong.push(format!("{at} {place}: {their} {our}"));
                }
            }
        }
    }
}

fn by_topic(messages: &Messages) -> BTreeMap<String, Vec<Message>> {
    let mut topics: BTreeMap<String, Vec<Message>> = BTreeMap::new();
    for message in &messages.messages {
        let topic = topics.entry(message.topic.clone()).or_default();
        topic.push(message.clone());
    }
    topics
}

/// Whether a place is one of those of a pattern: a star stands for any letters.
fn matches(pattern: &str, place: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = place.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for (number, part) in parts.iter().enumerate() {
        if number + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}
