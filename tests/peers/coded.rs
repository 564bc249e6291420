//! Debezium's messages in each of its converters' formats, as a test compares them.

use std::collections::{BTreeMap, HashMap};

use apache_avro::Schema;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde_json::Value;

use super::avro::{as_read, comparable};
use super::messages::{Message, Messages};
use crate::support::Apicurio;

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Plain,
    /// JSON with schemas.
    Schemas,
    /// Avro with a registry.
    Avro,
}

impl Format {
    /// Connect's settings for it.
    pub fn converters(self, registry: &Apicurio) -> Vec<String> {
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let schemas = self != Self::Plain;
        let mut settings = vec![
            format!("header.converter={json}"),
            format!("header.converter.schemas.enable={schemas}"),
        ];
        for part in ["key", "value"] {
            let own = match self {
                Self::Plain | Self::Schemas => vec![
                    format!("converter={json}"),
                    format!("converter.schemas.enable={schemas}"),
                ],
                Self::Avro => vec![
                    "converter=io.apicurio.registry.utils.converter.AvroConverter".to_owned(),
                    format!("converter.apicurio.registry.url={}", registry.own_url()),
                    "converter.apicurio.registry.auto-register=true".to_owned(),
                    // Else the number is in a header.
                    "converter.apicurio.registry.headers.enabled=false".to_owned(),
                    "converter.apicurio.registry.as-confluent=true".to_owned(),
                    "converter.apicurio.registry.use-id=contentId".to_owned(),
                ],
            };
            settings.extend(own.into_iter().map(|line| format!("{part}.{line}")));
        }
        if self == Self::Avro {
            settings.push("schema.name.adjustment.mode=avro".to_owned());
            settings.push("field.name.adjustment.mode=avro".to_owned());
        }
        settings
    }
}

/// Of each topic's keys, the schema's number and the partition.
pub type Places = BTreeMap<(String, String), (u32, i32)>;

/// Makes messages of records as a test compares them.
pub struct Reader<'a> {
    format: Format,
    registry: Option<&'a Apicurio>,
    schemas: HashMap<u32, (Schema, Value)>,
    /// Where keys in Avro are.
    pub places: Places,
}

impl<'a> Reader<'a> {
    /// One of messages in a format, whose schemas a registry has.
    pub fn new(format: Format, registry: Option<&'a Apicurio>) -> Self {
        Self {
            format,
            registry,
            schemas: HashMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// The messages of records, by topic and partition; those without a key are in the order of what they tell of. In Avro the schema's
    /// number is in the key, by which Kafka chooses partitions, and it is another one in another registry: there they are by topic and key.
    pub fn messages(&mut self, prefix: &str, records: &[OwnedMessage]) -> Messages {
        let mut found = Messages::default();
        let mut keyless: BTreeMap<String, Vec<(u64, u64, Message)>> = BTreeMap::new();
        for record in records {
            let topic = record.topic().strip_prefix(prefix).expect("a topic of it");
            let message = self.message(topic, record, &mut found);
            if record.key().is_some() {
                found.messages.push(message);
                continue;
            }
            let of = |name: &str| message.value["source"][name].as_u64().unwrap_or(0);
            let place = (of("pos"), of("row"));
            let kept = keyless.entry(message.topic.clone()).or_default();
            kept.push((place.0, place.1, message));
        }
        for (_, mut messages) in keyless {
            messages.sort_by_key(|(pos, row, _)| (*pos, *row));
            found
                .messages
                .extend(messages.into_iter().map(|(_, _, message)| message));
        }
        if self.format == Format::Avro {
            let place = |message: &Message| (message.topic.clone(), message.key.clone());
            found.messages.sort_by_key(place);
        }
        found
    }

    fn message(&mut self, topic: &str, record: &OwnedMessage, found: &mut Messages) -> Message {
        let headers = record
            .headers()
            .into_iter()
            .flat_map(|headers| headers.iter());
        let headers: BTreeMap<String, String> = headers
            .map(|header| {
                let bytes = header.value.unwrap_or_default();
                let is_own_avro = self.format == Format::Avro && bytes.first() == Some(&0);
                let value = match is_own_avro {
                    true => self.avro(bytes).0.to_string(),
                    false => String::from_utf8(bytes.to_vec()).expect("text"),
                };
                (header.key.to_owned(), value)
            })
            .collect();
        let partition = match record.key() {
            Some(_) if self.format != Format::Avro => format!("@{}", record.partition()),
            Some(_) | None => String::new(),
        };
        let mut message = Message {
            topic: format!("{topic}{partition}"),
            key: None,
            headers,
            schema: None,
            value: Value::Null,
        };
        match self.format {
            Format::Plain | Format::Schemas => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
                let value = record.payload().map_or(Value::Null, |bytes| {
                    serde_json::from_slice(bytes).expect("JSON")
                });
                message.key = record.key().map(text);
                let mut one = Messages {
                    schemas: std::mem::take(&mut found.schemas),
                    ..Messages::default()
                };
                one.push("", None, BTreeMap::new(), value);
                let read = one.messages.pop().expect("a message");
                (message.schema, message.value) = (read.schema, read.value);
                found.schemas = one.schemas;
            }
            Format::Avro => {
                // The bytes after the schema's number.
                message.key = record.key().map(|key| {
                    let (_, schema) = self.avro(key);
                    let digits: String =
                        key[5..].iter().map(|byte| format!("{byte:02x}")).collect();
                    let told = format!("{digits} of {schema}");
                    let number = u32::from_be_bytes(key[1..5].try_into().expect("four bytes"));
                    let place = (number, record.partition());
                    let known = self.places.insert((topic.to_owned(), told.clone()), place);
                    assert!(known.is_none_or(|known| known == place), "{told}");
                    told
                });
                if let Some(payload) = record.payload() {
                    let (value, schema) = self.avro(payload);
                    let number = found.schemas.iter().position(|known| *known == schema);
                    message.schema = Some(number.unwrap_or_else(|| {
                        found.schemas.push(schema);
                        found.schemas.len() - 1
                    }));
                    message.value = value;
                }
            }
        }
        message
    }

    /// What a message says, and the schema that it says it by.
    fn avro(&mut self, message: &[u8]) -> (Value, Value) {
        let number = u32::from_be_bytes(message[1..5].try_into().expect("four bytes"));
        let registry = self.registry;
        let (schema, shown) = self.schemas.entry(number).or_insert_with(|| {
            let text = registry.expect("a registry").schema(number);
            let shown = comparable(serde_json::from_str(&text).expect("JSON"));
            (Schema::parse_str(&text).expect("a schema"), shown)
        });
        (as_read(schema, message), shown.clone())
    }

    /// Debezium's messages with headers as a registry would have them: Connect's converter for headers knows none.
    pub fn as_registered(&self, mut messages: Messages) -> Messages {
        if self.format == Format::Avro {
            for message in &mut messages.messages {
                for (name, value) in &mut message.headers {
                    if name.ends_with("key") {
                        let read: Value = serde_json::from_str(value).expect("JSON");
                        *value = read["payload"].to_string();
                    }
                }
            }
        }
        messages
    }
}
