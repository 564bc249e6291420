//! The settings of the format `debezium`, under Debezium's names with underscores for the dots, and with its defaults.

use std::sync::Arc;

use serde::Deserialize;

/// The format as a sink writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebeziumSettings {
    /// What its options say.
    pub options: DebeziumOptions,
    /// `topic.prefix`: the source's name in messages, and what names of schemas begin with.
    pub prefix: Arc<str>,
}

/// The section `debezium` of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DebeziumOptions {
    /// Whether messages hold the schema of their payload: `schemas.enable` of Connect's converter, for keys too.
    pub schemas_enable: bool,
    /// What a DECIMAL becomes.
    pub decimal_handling_mode: DecimalMode,
    /// What a BIGINT UNSIGNED becomes.
    pub bigint_unsigned_handling_mode: BigintUnsignedMode,
    /// What DATE, TIME and DATETIME become.
    pub time_precision_mode: TimePrecision,
    /// What bytes become.
    pub binary_handling_mode: BinaryMode,
    /// Whether messages hold the statement that changed the row, where the source logs it.
    pub include_query: bool,
    /// What becomes of a date that does not exist, such as `0000-00-00`.
    pub zero_dates: ZeroDates,
}

impl Default for DebeziumOptions {
    fn default() -> Self {
        Self {
            schemas_enable: true,
            decimal_handling_mode: DecimalMode::default(),
            bigint_unsigned_handling_mode: BigintUnsignedMode::default(),
            time_precision_mode: TimePrecision::default(),
            binary_handling_mode: BinaryMode::default(),
            include_query: false,
            zero_dates: ZeroDates::default(),
        }
    }
}

/// What a DECIMAL becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMode {
    /// The bytes of its digits as an integer, in base64; the schema holds the scale.
    #[default]
    Precise,
    /// The nearest double.
    Double,
    /// Its digits.
    String,
}

/// What a BIGINT UNSIGNED becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BigintUnsignedMode {
    /// An integer. One beyond 63 bits is written in messages without schemas only: schemas call it `int64`.
    #[default]
    Long,
    /// As a DECIMAL in the mode `precise`.
    Precise,
}

/// What DATE, TIME and DATETIME become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimePrecision {
    /// Days; microseconds of a TIME; milliseconds of a DATETIME with up to three digits of fraction, else microseconds.
    #[default]
    AdaptiveTimeMicroseconds,
    /// Days, and milliseconds, as Connect's own types.
    Connect,
    /// ISO 8601 with `Z`.
    Isostring,
    /// Days, and microseconds.
    Microseconds,
    /// Days, and nanoseconds.
    Nanoseconds,
}

/// What bytes become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryMode {
    /// Bytes, which JSON holds in base64.
    #[default]
    Bytes,
    /// A string in base64.
    Base64,
    /// A string in base64 with the letters for URLs.
    Base64UrlSafe,
    /// A string of hexadecimal digits.
    Hex,
}

/// What becomes of a date that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDates {
    /// What it becomes in Debezium: null, and 1970-01-01 in a column that is NOT NULL. In a key encoding fails.
    #[default]
    Debezium,
    /// Encoding fails.
    Fail,
}
