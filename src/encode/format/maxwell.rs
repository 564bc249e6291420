//! The settings of the format `maxwell`, under Maxwell's names and with its defaults.

use serde::Deserialize;

/// The section `maxwell` of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaxwellOptions {
    /// What keys of records look like.
    pub kafka_key_format: MaxwellKeyFormat,
    /// Whether messages have `position`: where the rows event begins.
    pub output_binlog_position: bool,
    /// Whether messages have `gtid`: that of the transaction.
    pub output_gtid_position: bool,
    /// Whether messages have `xid`, and the last one of a transaction `commit`.
    pub output_commit_info: bool,
    /// Whether messages have `xoffset`, the place of the change in its transaction, but for the last one.
    pub output_xoffset: bool,
    /// Whether `data` has columns that are NULL.
    pub output_nulls: bool,
    /// Whether messages have `server_id`.
    pub output_server_id: bool,
    /// Whether messages have `thread_id`, where the binlog tells it.
    pub output_thread_id: bool,
    /// Whether messages have `schema_id`: a number that is another one after the table's columns changed.
    pub output_schema_id: bool,
    /// Whether messages have `query`, the statement that changed the row, where the source logs it.
    pub output_row_query: bool,
    /// Whether messages have `primary_key`, its values.
    pub output_primary_keys: bool,
    /// Whether messages have `primary_key_columns`, its columns.
    pub output_primary_key_columns: bool,
    /// Whether dates that are all zeros become null.
    pub output_null_zerodates: bool,
    /// The hash by which Maxwell chooses a partition for the records of a database or of a table; Kafka's own if left out.
    pub kafka_partition_hash: Option<MaxwellPartitionHash>,
}

impl Default for MaxwellOptions {
    fn default() -> Self {
        Self {
            kafka_key_format: MaxwellKeyFormat::default(),
            output_binlog_position: false,
            output_gtid_position: false,
            output_commit_info: true,
            output_xoffset: true,
            output_nulls: true,
            output_server_id: false,
            output_thread_id: false,
            output_schema_id: false,
            output_row_query: false,
            output_primary_keys: false,
            output_primary_key_columns: false,
            output_null_zerodates: false,
            kafka_partition_hash: None,
        }
    }
}

/// A hash of Maxwell's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaxwellPartitionHash {
    /// Java's `String.hashCode`.
    Default,
    /// MurmurHash3.
    Murmur3,
}

/// What keys of records look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxwellKeyFormat {
    /// `{"database":"d","table":"t","pk.id":4}`
    #[default]
    Hash,
    /// `["d","t",[{"id":4}]]`
    Array,
}
