//! The settings of the format `debezium`, under Debezium's names with underscores for the dots, and with its defaults.

use std::sync::Arc;

use serde::Deserialize;

use crate::change::RowsKind;

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
    /// Whether schema changes tell the comments of tables and columns.
    pub include_schema_comments: bool,
    /// Whether a change tells its transaction and its place there.
    pub provide_transaction_metadata: bool,
    /// Which changes are left out: `c`, `u`, `d` and `t` with commas between them, or `none`.
    pub skipped_operations: String,
    /// Of which columns schemas tell the type on the source: regular expressions for `database.table.column`, with commas between
    /// them.
    pub column_propagate_source_type: Option<String>,
    /// The same for `database.table.TYPE`.
    pub datatype_propagate_source_type: Option<String>,
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
            include_schema_comments: false,
            provide_transaction_metadata: false,
            skipped_operations: "t".to_owned(),
            column_propagate_source_type: None,
            datatype_propagate_source_type: None,
            zero_dates: ZeroDates::default(),
        }
    }
}

/// Which changes are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkippedOperations {
    /// Rows that are inserted.
    pub creates: bool,
    /// Rows that are updated.
    pub updates: bool,
    /// Rows that are deleted.
    pub deletes: bool,
    /// Tables that are emptied by TRUNCATE; a schema change tells it then.
    pub truncates: bool,
}

impl SkippedOperations {
    /// Whether rows events of a kind are among them.
    #[inline]
    pub fn has(self, kind: RowsKind) -> bool {
        match kind {
            RowsKind::Write | RowsKind::Entering { .. } => self.creates,
            RowsKind::Update | RowsKind::PartialUpdate => self.updates,
            RowsKind::Delete => self.deletes,
            RowsKind::Read => false,
        }
    }
}

impl DebeziumOptions {
    /// Which changes are left out; `None` where that cannot be read.
    pub fn skipped(&self) -> Option<SkippedOperations> {
        let mut skipped = SkippedOperations::default();
        let words = self.skipped_operations.split(',').map(str::trim);
        for word in words.filter(|word| !word.is_empty() && *word != "none") {
            match word {
                "c" => skipped.creates = true,
                "u" => skipped.updates = true,
                "d" => skipped.deletes = true,
                "t" => skipped.truncates = true,
                _unknown => return None,
            }
        }
        Some(skipped)
    }

    /// What is wrong with them: each key, and what is wrong and the fix.
    pub fn problems(&self) -> impl Iterator<Item = (&'static str, String)> {
        let skipped = self.skipped().is_none().then(|| {
            let reason = "holds what is no operation, expected c, u, d and t with commas between them, or none";
            ("skipped_operations", reason.to_owned())
        });
        let lists = [
            (
                "column_propagate_source_type",
                &self.column_propagate_source_type,
            ),
            (
                "datatype_propagate_source_type",
                &self.datatype_propagate_source_type,
            ),
        ];
        let lists = lists.into_iter().filter_map(|(key, list)| {
            let mut expressions = list.as_deref()?.split(',');
            expressions
                .any(|text| regex::Regex::new(text.trim()).is_err())
                .then(|| {
                    let reason =
                        "holds what is no regular expression, write some with commas between them";
                    (key, reason.to_owned())
                })
        });
        skipped.into_iter().chain(lists)
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
