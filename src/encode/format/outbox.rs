//! The settings of outboxes, under the names that Debezium's `EventRouter` has for them, with underscores for the dots.

use regex::Regex;
use serde::Deserialize;

use super::debezium::DebeziumSettings;

/// The section `outbox` of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboxOptions {
    /// A regular expression for the whole of `database.table`, as published: the tables that are outboxes.
    pub tables: String,
    /// The column that the header `id` is made of.
    #[serde(default = "id")]
    pub table_field_event_id: String,
    /// The column that the key is made of.
    #[serde(default = "aggregateid")]
    pub table_field_event_key: String,
    /// The column that the value is made of.
    #[serde(default = "payload")]
    pub table_field_event_payload: String,
    /// The DATETIME or TIMESTAMP column that the record's time is made of; when it is sent if left out.
    pub table_field_event_timestamp: Option<String>,
    /// The column of the version that the schema of an envelope gets.
    pub table_field_event_schema_version: Option<String>,
    /// The column whose value chooses the topic.
    #[serde(default = "aggregatetype")]
    pub route_by_field: String,
    /// What that value is to match, for `route_topic_replacement` to make the topic of it; one that does not match is the topic.
    #[serde(default = "route_topic_regex")]
    pub route_topic_regex: String,
    /// The topic, in which `$1` and `${name}` are what the expression captured.
    #[serde(default = "route_topic_replacement")]
    pub route_topic_replacement: String,
    /// Whether an empty payload makes a tombstone.
    #[serde(default)]
    pub route_tombstone_on_empty_payload: bool,
    /// Other columns, with commas between them, and where they go: `column:header`, `column:envelope` or `column:partition`,
    /// each perhaps with a colon and the name that it gets.
    #[serde(default)]
    pub table_fields_additional_placement: String,
    /// What a table means that lacks such a column.
    #[serde(default)]
    pub table_field_additional_missing: OutboxMissing,
    /// Whether a payload that is text of a JSON object or array becomes that.
    #[serde(default)]
    pub table_expand_json_payload: bool,
    /// What becomes of its members that are null.
    #[serde(default)]
    pub table_json_payload_null_behavior: OutboxNulls,
    /// What an update of an outbox means.
    #[serde(default)]
    pub table_op_invalid_behavior: OutboxUpdates,
    /// How keys are written.
    #[serde(default)]
    pub key_converter: OutboxConverter,
    /// How values are written.
    #[serde(default)]
    pub value_converter: OutboxConverter,
    /// How headers are written.
    #[serde(default)]
    pub header_converter: OutboxConverter,
}

fn id() -> String {
    "id".to_owned()
}

fn aggregateid() -> String {
    "aggregateid".to_owned()
}

fn aggregatetype() -> String {
    "aggregatetype".to_owned()
}

fn payload() -> String {
    "payload".to_owned()
}

fn route_topic_regex() -> String {
    "(?<routedByValue>.*)".to_owned()
}

fn route_topic_replacement() -> String {
    "outbox.event.${routedByValue}".to_owned()
}

/// What a table means that lacks a column of `table_fields_additional_placement`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxMissing {
    /// The connector stops.
    #[default]
    Error,
    /// There is no such header or member.
    Ignore,
}

/// What becomes of members of an expanded payload that are null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxNulls {
    /// They are left out.
    #[default]
    Ignore,
    /// They stay.
    OptionalBytes,
}

/// What an update of an outbox means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxUpdates {
    /// It is left out with a warning.
    #[default]
    Warn,
    /// It is left out with an error in the log.
    Error,
    /// The connector stops.
    Fatal,
}

/// How keys, values or headers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutboxConverter {
    /// As they are: text as Connect's `StringConverter` and `SimpleHeaderConverter` write it, bytes as its `ByteArrayConverter` does,
    /// in headers their base64.
    #[default]
    Raw,
    /// As Connect's `JsonConverter` writes them, with schemas if the section `debezium` says so.
    Json,
}

/// The outboxes of a sink, ready for their tables.
#[derive(Debug)]
pub struct OutboxSettings {
    /// What the section says.
    pub options: OutboxOptions,
    /// How values are written, and the source's name.
    pub debezium: DebeziumSettings,
    /// Where other columns go.
    pub placements: Vec<OutboxPlacement>,
    expression: Regex,
    topic: Vec<TopicPart>,
}

/// A column of `table_fields_additional_placement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxPlacement {
    /// The column.
    pub column: String,
    /// Where its value goes.
    pub to: OutboxPart,
    /// What it is called there.
    pub name: String,
}

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxPart {
    /// A header.
    Header,
    /// A member beside `payload`.
    Envelope,
    /// The partition.
    Partition,
}

/// A part of `route_topic_replacement`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TopicPart {
    Text(String),
    /// What a group captured, by its number.
    Group(usize),
}

/// A mistake: the key below the section's, and what is wrong and the fix.
pub type OutboxProblem = (&'static str, String);

impl OutboxSettings {
    /// Reads what the section says; `debezium` has the format's settings.
    ///
    /// # Errors
    /// The first mistake.
    pub fn new(options: &OutboxOptions, debezium: DebeziumSettings) -> Result<Self, OutboxProblem> {
        const REGEX: &str = "route_topic_regex";
        let text = &options.route_topic_regex;
        // By itself first, so that no bracket of it reaches across the anchors.
        let expression = Regex::new(text)
            .and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")))
            .map_err(|error| {
                let told = error.to_string();
                let told = told.lines().last().unwrap_or_default();
                let told = told.trim().trim_start_matches("error: ");
                (REGEX, format!("is no regular expression ({told}), write one for the values of route_by_field"))
            })?;
        let topic = read_replacement(&options.route_topic_replacement, &expression)
            .map_err(|reason| ("route_topic_replacement", reason))?;
        let placements = read_placements(&options.table_fields_additional_placement)
            .map_err(|reason| ("table_fields_additional_placement", reason))?;
        let has_envelope = placements.iter().any(|it| it.to == OutboxPart::Envelope);
        if has_envelope && options.value_converter == OutboxConverter::Raw {
            let reason = "has members beside the payload, which raw values cannot have, set value_converter = 'json'";
            return Err(("table_fields_additional_placement", reason.to_owned()));
        }
        if options.table_field_event_schema_version.is_some() && !has_envelope {
            let reason = "is that of an envelope, and table_fields_additional_placement places no column there, remove it";
            return Err(("table_field_event_schema_version", reason.to_owned()));
        }
        if options.table_expand_json_payload {
            let reason = match options.value_converter {
                OutboxConverter::Raw => {
                    "makes JSON of text, which raw values are anyway, set value_converter = 'json' or remove it"
                }
                OutboxConverter::Json if debezium.options.schemas_enable => {
                    "makes JSON whose schema is not known, set debezium.schemas_enable = false"
                }
                OutboxConverter::Json => "",
            };
            if !reason.is_empty() {
                return Err(("table_expand_json_payload", reason.to_owned()));
            }
        }
        Ok(Self {
            options: options.clone(),
            debezium,
            placements,
            expression,
            topic,
        })
    }

    /// The columns that an outbox must have, each with the key that names it.
    pub fn columns(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let options = &self.options;
        let own = [
            ("table_field_event_id", Some(&options.table_field_event_id)),
            (
                "table_field_event_key",
                Some(&options.table_field_event_key),
            ),
            (
                "table_field_event_payload",
                Some(&options.table_field_event_payload),
            ),
            (
                "table_field_event_timestamp",
                options.table_field_event_timestamp.as_ref(),
            ),
            (
                "table_field_event_schema_version",
                options.table_field_event_schema_version.as_ref(),
            ),
            ("route_by_field", Some(&options.route_by_field)),
        ];
        let own = own
            .into_iter()
            .filter_map(|(key, column)| Some((key, column?.as_str())));
        let placements = self.placements.iter();
        let placed = placements.map(|it| ("table_fields_additional_placement", &*it.column));
        let needs_placed = options.table_field_additional_missing == OutboxMissing::Error;
        own.chain(placed.filter(move |_| needs_placed))
    }

    /// The topic of rows whose column `route_by_field` has this value.
    pub fn topic_of(&self, value: &str) -> String {
        let Some(captures) = self.expression.captures(value) else {
            return value.to_owned();
        };
        let part = |part: &TopicPart| match part {
            TopicPart::Text(text) => text.clone(),
            TopicPart::Group(number) => {
                let found = captures.get(*number);
                found.map_or_else(String::new, |found| found.as_str().to_owned())
            }
        };
        self.topic.iter().map(part).collect()
    }
}

/// Reads a replacement as Java's `Matcher` does: `$1`, `${name}`, and a backslash before what stands for itself.
fn read_replacement(text: &str, expression: &Regex) -> Result<Vec<TopicPart>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => literal.push(
                letters
                    .next()
                    .ok_or("ends in a backslash, write a letter after it")?,
            ),
            '$' => {
                let group = match letters.next() {
                    Some('{') => {
                        let name: String = letters.by_ref().take_while(|it| *it != '}').collect();
                        let mut names = expression.capture_names();
                        names.position(|it| it == Some(&*name)).ok_or_else(|| {
                            format!("names ${{{name}}}, which is no group of route_topic_regex, name one of its groups")
                        })?
                    }
                    Some(first @ '0'..='9') => {
                        let mut number = digit(first);
                        while let Some(next) = letters.peek().copied().filter(char::is_ascii_digit)
                        {
                            let longer = number * 10 + digit(next);
                            if longer >= expression.captures_len() {
                                break;
                            }
                            number = longer;
                            letters.next();
                        }
                        if number >= expression.captures_len() {
                            return Err(format!(
                                "names ${number}, which is no group of route_topic_regex, name one of its groups"
                            ));
                        }
                        number
                    }
                    _other => {
                        return Err(
                            "has a $ that names no group, write $1, ${name} or \\$".to_owned()
                        );
                    }
                };
                if !literal.is_empty() {
                    parts.push(TopicPart::Text(std::mem::take(&mut literal)));
                }
                parts.push(TopicPart::Group(group));
            }
            letter => literal.push(letter),
        }
    }
    if !literal.is_empty() {
        parts.push(TopicPart::Text(literal));
    }
    Ok(parts)
}

fn digit(letter: char) -> usize {
    letter.to_digit(10).map_or(0, |digit| digit as usize)
}

fn read_placements(text: &str) -> Result<Vec<OutboxPlacement>, String> {
    let mut placements: Vec<OutboxPlacement> = Vec::new();
    let entries = text.split(',').map(str::trim);
    for entry in entries.filter(|entry| !entry.is_empty()) {
        let mut words = entry.split(':').map(str::trim);
        let column = words.next().unwrap_or_default();
        let to = match words.next() {
            Some("header") => OutboxPart::Header,
            Some("envelope") => OutboxPart::Envelope,
            Some("partition") => OutboxPart::Partition,
            _other => {
                return Err(format!(
                    "has {entry}, expected entries such as type:header, type:envelope:name or part:partition"
                ));
            }
        };
        let name = words.next().unwrap_or(column);
        if column.is_empty() || name.is_empty() || words.next().is_some() {
            return Err(format!(
                "has {entry}, expected entries such as type:header or type:envelope:name"
            ));
        }
        let is_taken = placements
            .iter()
            .any(|other| other.to == to && (other.name == name || to == OutboxPart::Partition));
        if is_taken || (to == OutboxPart::Envelope && name == "payload") {
            return Err(format!(
                "has {entry}, whose place is taken, give it another name or remove it"
            ));
        }
        placements.push(OutboxPlacement {
            column: column.to_owned(),
            to,
            name: name.to_owned(),
        });
    }
    Ok(placements)
}
