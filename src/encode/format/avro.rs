//! The settings of the format `avro`.

use serde::Deserialize;

use super::DebeziumSettings;
use crate::mysql::Flavour;

/// The section `avro` of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AvroOptions {
    /// What the records hold.
    pub layout: AvroLayout,
    /// How the plain layout has dates and times.
    pub times: AvroTimes,
    /// How blocks of files are compressed.
    pub codec: AvroCodec,
}

/// How blocks of Avro files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AvroCodec {
    /// Not at all.
    #[default]
    Null,
    /// As RFC 1951 has it, which every reader of Avro knows.
    Deflate,
    /// As Zstandard does, smaller and faster.
    Zstandard,
}

impl AvroCodec {
    /// Its name in the header of a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate => "deflate",
            Self::Zstandard => "zstandard",
        }
    }
}

/// What Avro records hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AvroLayout {
    /// What Debezium's do, under the settings of the section `debezium`.
    #[default]
    Debezium,
    /// A row, and what is known of its change.
    Plain,
}

/// How the plain layout has dates and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AvroTimes {
    /// As numbers with Avro's logical types, which know no `0000-00-00`.
    #[default]
    Logical,
    /// As MySQL prints them.
    Text,
}

/// The format as a sink writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvroSettings {
    /// What its section says.
    pub options: AvroOptions,
    /// What Debezium's section says, with schemas; the prefix is what names of schemas begin with.
    pub debezium: DebeziumSettings,
    /// What messages begin with.
    pub framing: AvroFraming,
    /// The source's family, which names some schemas.
    pub flavour: Flavour,
}

/// What messages begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvroFraming {
    /// The number that a registry gave to the schema, as Confluent's serializers write it.
    Registry,
    /// Nothing: the file's header has the schema.
    Bare,
}
