//! What a person chooses of the output: the keys `format` and `invalid_text`, and the options of the same names.

mod avro;
mod debezium;
mod flat;
mod maxwell;
mod outbox;

use std::fmt;
use std::sync::Arc;

use crate::mysql::Flavour;

pub use avro::{AvroCodec, AvroFraming, AvroLayout, AvroOptions, AvroSettings, AvroTimes};
pub use debezium::{
    BigintUnsignedMode, BinaryMode, DebeziumOptions, DebeziumSettings, DecimalMode,
    SkippedOperations, TimePrecision, ZeroDates,
};
pub use flat::{FlatContent, FlatDeletes, FlatField, FlatOptions, FlatSettings};
pub use maxwell::{MaxwellKeyFormat, MaxwellOptions, MaxwellPartitionHash};
pub use outbox::{
    OutboxConverter, OutboxMissing, OutboxNulls, OutboxOptions, OutboxPart, OutboxPlacement,
    OutboxProblem, OutboxSettings, OutboxUpdates,
};

/// What changes look like in a record's value or on a line: the key `format` of every sink.
///
/// The statements that `rowtap decode --format sql` prints are not one of these: a log's reader could not tell them apart
/// by key or place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Debezium's envelope with lossless, readable values.
    #[default]
    Json,
    /// What Debezium writes.
    Debezium,
    /// Avro, with schemas in a registry or in the headers of files.
    Avro,
    /// What Maxwell writes.
    Maxwell,
    /// A row alone, as Debezium's `ExtractNewRecordState` makes it.
    Flat,
    /// What Canal writes.
    Canal,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [
        Self::Json,
        Self::Debezium,
        Self::Maxwell,
        Self::Flat,
        Self::Canal,
        Self::Avro,
    ];

    /// Its name in configurations and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Debezium => "debezium",
            Self::Avro => "avro",
            Self::Maxwell => "maxwell",
            Self::Flat => "flat",
            Self::Canal => "canal",
        }
    }
}

/// What a sink's section says of its format: the key `format`, and a section a format that has settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormatSections<'a> {
    /// What is written.
    pub format: Format,
    /// The settings of [`Format::Debezium`].
    pub debezium: Option<&'a DebeziumOptions>,
    /// The settings of [`Format::Avro`].
    pub avro: Option<&'a AvroOptions>,
    /// The settings of [`Format::Maxwell`].
    pub maxwell: Option<&'a MaxwellOptions>,
    /// The settings of [`Format::Flat`].
    pub flat: Option<&'a FlatOptions>,
    /// Whether messages are the data of CloudEvents, and how.
    pub cloudevents: Option<CloudEventsMode>,
    /// Whether messages have keys, as in a log.
    pub has_keys: bool,
}

impl FormatSections<'_> {
    /// The sections that have no meaning beside `format`: the key of each, and the fix.
    pub fn unused(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let reason = "has a meaning only with format = 'debezium', set that or remove it";
        let layout = self.avro.map(|options| options.layout).unwrap_or_default();
        let has_modes = match self.format {
            Format::Json | Format::Maxwell | Format::Canal => false,
            Format::Debezium | Format::Flat => true,
            Format::Avro => layout == AvroLayout::Debezium,
        };
        let debezium = self.debezium.is_some() && !has_modes;
        let of_avro = "has a meaning only with format = 'avro', set that or remove it";
        let avro = self.avro.is_some() && self.format != Format::Avro;
        let maxwell = self.maxwell.is_some() && self.format != Format::Maxwell;
        let of_maxwell = "has a meaning only with format = 'maxwell', set that or remove it";
        let flat = self.flat.is_some() && self.format != Format::Flat;
        let of_flat = "has a meaning only with format = 'flat', set that or remove it";
        let found = [
            debezium.then_some(("debezium", reason)),
            maxwell.then_some(("maxwell", of_maxwell)),
            flat.then_some(("flat", of_flat)),
            avro.then_some(("avro", of_avro)),
        ];
        found.into_iter().flatten()
    }

    /// What is wrong with the sections beside that: the path of each key below the sink's, and what is wrong and the fix.
    pub fn problems(self) -> impl Iterator<Item = (Vec<&'static str>, String)> {
        let flat = self.flat.filter(|_| self.format == Format::Flat);
        let unknown = flat.and_then(|options| options.fields().err()).map(|name| {
            let message = format!(
                "knows no {name}, expected names such as op, ts_ms, source.ts_ms, gtid, table, transaction.id"
            );
            (vec!["flat", "add_fields"], message)
        });
        let mode = flat.and_then(|options| options.delete_tombstone_handling_mode);
        let is_lost = !self.has_keys && mode.is_some_and(FlatDeletes::has_tombstones);
        let lost = is_lost.then(|| {
            let message = "has tombstones, and lines have none, set it to rewrite or leave it out";
            (
                vec!["flat", "delete_tombstone_handling_mode"],
                message.to_owned(),
            )
        });
        let has_text = self.format != Format::Avro;
        let wrong = self.cloudevents.and_then(|mode| match mode {
            CloudEventsMode::Binary if !self.has_keys => {
                Some("puts attributes into headers, and lines have none, set it to structured")
            }
            CloudEventsMode::Binary | CloudEventsMode::Structured if !has_text => {
                Some("is for messages of JSON, and those of format = 'avro' are none, set another format")
            }
            CloudEventsMode::Binary | CloudEventsMode::Structured => None,
        });
        let wrong = wrong.map(|reason| (vec!["cloudevents"], reason.to_owned()));
        let of_debezium = self
            .debezium
            .into_iter()
            .flat_map(DebeziumOptions::problems);
        let of_debezium = of_debezium.map(|(key, reason)| (vec!["debezium", key], reason));
        [unknown, lost, wrong]
            .into_iter()
            .flatten()
            .chain(of_debezium)
    }

    /// Whether a delete is followed by a tombstone, unless a person says otherwise: as of the peer that has the format.
    pub fn has_tombstones(self) -> bool {
        match self.format {
            Format::Json | Format::Debezium | Format::Avro => true,
            Format::Maxwell | Format::Canal => false,
            Format::Flat => self.flat_deletes().has_tombstones(),
        }
    }

    /// Whether deletes are told by tombstones only, so that there is no choice.
    pub fn needs_tombstones(self) -> bool {
        self.format == Format::Flat && self.has_keys && !self.flat_deletes().has_rows()
    }

    fn flat_deletes(self) -> FlatDeletes {
        let mode = self
            .flat
            .and_then(|options| options.delete_tombstone_handling_mode);
        mode.unwrap_or(match self.has_keys {
            true => FlatDeletes::Tombstone,
            false => FlatDeletes::Rewrite,
        })
    }

    fn flat_settings(self, name: &str) -> FlatSettings {
        let options = self.flat.cloned().unwrap_or_default();
        FlatSettings {
            debezium: DebeziumSettings {
                options: DebeziumOptions {
                    schemas_enable: options.schemas_enable,
                    ..self.debezium.cloned().unwrap_or_default()
                },
                prefix: name.into(),
            },
            deletes: self.flat_deletes(),
            // A name that stands for nothing is told before.
            fields: options.fields().unwrap_or_default(),
        }
    }

    /// Whether messages tell that a table was emptied by more than the statement.
    pub fn tells_emptied(&self) -> bool {
        let skipped = self.debezium.map_or_else(
            || DebeziumOptions::default().skipped(),
            DebeziumOptions::skipped,
        );
        let layout = self.avro.map(|options| options.layout).unwrap_or_default();
        let is_debezium = match self.format {
            Format::Debezium => true,
            Format::Avro => layout == AvroLayout::Debezium,
            Format::Json | Format::Maxwell | Format::Flat | Format::Canal => false,
        };
        is_debezium && skipped.is_some_and(|skipped| !skipped.truncates)
    }

    /// Whether messages tell where the rows of a table begin and end in a snapshot.
    pub fn tells_edges(&self) -> bool {
        self.format == Format::Maxwell
    }

    /// The key, below the sink's, by which messages hold the statements that changed rows; `None` where they do not.
    pub fn queries(&self) -> Option<[&'static str; 2]> {
        match self.format {
            Format::Json => None,
            Format::Debezium | Format::Avro => {
                let is_set = self.debezium.is_some_and(|options| options.include_query);
                is_set.then_some(["debezium", "include_query"])
            }
            Format::Maxwell => {
                let is_set = self.maxwell.is_some_and(|options| options.output_row_query);
                is_set.then_some(["maxwell", "output_row_query"])
            }
            Format::Flat => {
                let is_set = self.flat.is_some_and(FlatOptions::has_query);
                is_set.then_some(["flat", "add_fields"])
            }
            Format::Canal => None,
        }
    }
}

/// A format with what its options say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatSettings {
    /// [`Format::Json`].
    Json,
    /// [`Format::Debezium`].
    Debezium(DebeziumSettings),
    /// [`Format::Avro`].
    Avro(AvroSettings),
    /// [`Format::Maxwell`].
    Maxwell(MaxwellOptions),
    /// [`Format::Flat`].
    Flat(FlatSettings),
    /// [`Format::Canal`].
    Canal,
    /// One of them around whose messages CloudEvents are, for a source of this name.
    CloudEvents(Box<FormatSettings>, CloudEventsMode, Arc<str>),
}

/// How messages are the data of CloudEvents: the key `cloudevents` of every sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudEventsMode {
    /// In one JSON object with the attributes.
    Structured,
    /// As they are, the attributes in headers.
    Binary,
}

impl FormatSettings {
    /// The format as its section says, for a source that messages call `name`.
    pub fn new(sections: FormatSections<'_>, name: &str) -> Self {
        if let Some(mode) = sections.cloudevents {
            let inner = FormatSections {
                cloudevents: None,
                ..sections
            };
            return Self::CloudEvents(Box::new(Self::new(inner, name)), mode, name.into());
        }
        match sections.format {
            Format::Json => Self::Json,
            Format::Debezium => Self::Debezium(DebeziumSettings {
                options: sections.debezium.cloned().unwrap_or_default(),
                prefix: name.into(),
            }),
            Format::Avro => Self::Avro(AvroSettings {
                options: sections.avro.cloned().unwrap_or_default(),
                debezium: DebeziumSettings {
                    options: DebeziumOptions {
                        schemas_enable: true,
                        ..sections.debezium.cloned().unwrap_or_default()
                    },
                    prefix: name.into(),
                },
                framing: AvroFraming::Bare,
                flavour: Flavour::MySql,
            }),
            Format::Maxwell => Self::Maxwell(sections.maxwell.cloned().unwrap_or_default()),
            Format::Flat => Self::Flat(sections.flat_settings(name)),
            Format::Canal => Self::Canal,
        }
    }
}

/// The format with its defaults.
impl From<Format> for FormatSettings {
    fn from(format: Format) -> Self {
        let sections = FormatSections {
            format,
            ..FormatSections::default()
        };
        Self::new(sections, env!("CARGO_PKG_NAME"))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What becomes of bytes that are not valid text in their column's character set.
///
/// Servers refuse such bytes today; older ones let them in, and conversions of a column's character set kept them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidText {
    /// Encoding fails.
    #[default]
    Fail,
    /// U+FFFD takes their place, and they are counted. In a key column encoding fails, since two keys could become one.
    Replace,
    /// The value becomes an object that holds its bytes in base64, which no text column gives otherwise, and it is counted.
    Base64,
}

impl InvalidText {
    /// What cures a failure, in a key column or in another.
    pub(super) fn cure(is_key: bool) -> &'static str {
        if is_key {
            "set invalid_text = \"base64\" (--invalid-text=base64 in rowtap decode), since replaced bytes could make two \
             keys the same, or correct the row on the source"
        } else {
            "set invalid_text = \"replace\" or \"base64\" (--invalid-text in rowtap decode), or correct the row on the source"
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_str, json};

    use super::*;

    #[test]
    fn formats_are_read_by_their_names_and_the_schema_names_them_all() {
        let names = Format::ALL.map(Format::name);
        for (format, name) in Format::ALL.into_iter().zip(names) {
            assert_eq!(
                serde_json::from_value::<Format>(json!(name)).unwrap(),
                format
            );
        }
        let schema = include_str!("../../../schemas/connector.schema.json");
        let schema: Value = from_str(schema).expect("JSON");
        assert_eq!(schema["$defs"]["format"]["enum"], json!(names));
    }
}
