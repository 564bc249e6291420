//! The settings of the format `flat`, under the names that Debezium's `ExtractNewRecordState` has for them.

use serde::Deserialize;

use super::debezium::DebeziumSettings;

/// The format as a sink writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatSettings {
    /// How values are written, the source's name, and whether messages have schemas.
    pub debezium: DebeziumSettings,
    /// What becomes of a delete.
    pub deletes: FlatDeletes,
    /// The members that are added to a row.
    pub fields: Vec<FlatField>,
}

/// The section `flat` of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlatOptions {
    /// Whether messages hold the schema of their payload.
    pub schemas_enable: bool,
    /// What becomes of a delete: if left out, a tombstone in a log, and a row with `__deleted` on a line.
    pub delete_tombstone_handling_mode: Option<FlatDeletes>,
    /// The members that are added to a row, with commas between them: `op`, `ts_ms`, `source.ts_ms`, `gtid`, `transaction.id`
    /// and so on, each perhaps with a colon and the name that it gets.
    pub add_fields: String,
    /// What begins the names of those members.
    pub add_fields_prefix: String,
}

impl Default for FlatOptions {
    fn default() -> Self {
        Self {
            schemas_enable: false,
            delete_tombstone_handling_mode: None,
            add_fields: String::new(),
            add_fields_prefix: "__".to_owned(),
        }
    }
}

/// What becomes of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlatDeletes {
    /// A record with the key and no value.
    Tombstone,
    /// The row as it was, with `__deleted`, which other rows have too.
    Rewrite,
    /// Both.
    RewriteWithTombstone,
}

impl FlatDeletes {
    /// Whether a deleted row is told by a row.
    pub fn has_rows(self) -> bool {
        self != Self::Tombstone
    }

    /// Whether a deleted row is told by a tombstone.
    pub fn has_tombstones(self) -> bool {
        self != Self::Rewrite
    }
}

/// A member that is added to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatField {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: FlatContent,
}

/// What an added member holds: a member of Debezium's envelope, of its `source` or of its `transaction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlatContent {
    /// `op`
    Op,
    /// `ts_ms`
    ReceivedMs,
    /// `ts_us`
    ReceivedUs,
    /// `ts_ns`
    ReceivedNs,
    /// `source.version`
    Version,
    /// `source.connector`
    Connector,
    /// `source.name`
    Name,
    /// `source.ts_ms`
    Ms,
    /// `source.ts_us`
    Us,
    /// `source.ts_ns`
    Ns,
    /// `source.snapshot`
    Snapshot,
    /// `source.db`
    Database,
    /// `source.table`
    Table,
    /// `source.sequence`, which Debezium leaves null for MySQL: the place of the change in its transaction.
    Sequence,
    /// `source.server_id`
    ServerId,
    /// `source.gtid`
    Gtid,
    /// `source.file`
    File,
    /// `source.pos`
    Position,
    /// `source.row`
    Row,
    /// `source.thread`
    Thread,
    /// `source.query`
    Query,
    /// `transaction.id`
    TransactionId,
    /// `transaction.total_order`
    TotalOrder,
}

impl FlatContent {
    /// By the part of the envelope and the name there. Names that come in no other part need none.
    fn of(part: Option<&str>, name: &str) -> Option<Self> {
        Some(match (part, name) {
            (None, "op") => Self::Op,
            (None, "ts_ms") => Self::ReceivedMs,
            (None, "ts_us") => Self::ReceivedUs,
            (None, "ts_ns") => Self::ReceivedNs,
            (Some("source"), "ts_ms") => Self::Ms,
            (Some("source"), "ts_us") => Self::Us,
            (Some("source"), "ts_ns") => Self::Ns,
            (None | Some("source"), "version") => Self::Version,
            (None | Some("source"), "connector") => Self::Connector,
            (None | Some("source"), "name") => Self::Name,
            (None | Some("source"), "snapshot") => Self::Snapshot,
            (None | Some("source"), "db") => Self::Database,
            (None | Some("source"), "table") => Self::Table,
            (None | Some("source"), "sequence") => Self::Sequence,
            (None | Some("source"), "server_id") => Self::ServerId,
            (None | Some("source"), "gtid") => Self::Gtid,
            (None | Some("source"), "file") => Self::File,
            (None | Some("source"), "pos") => Self::Position,
            (None | Some("source"), "row") => Self::Row,
            (None | Some("source"), "thread") => Self::Thread,
            (None | Some("source"), "query") => Self::Query,
            (None | Some("transaction"), "id") => Self::TransactionId,
            (None | Some("transaction"), "total_order") => Self::TotalOrder,
            _unknown => return None,
        })
    }

    /// The type that Connect's schemas have for it.
    pub fn connect_type(self) -> &'static str {
        match self {
            Self::ReceivedMs
            | Self::ReceivedUs
            | Self::ReceivedNs
            | Self::Ms
            | Self::Us
            | Self::Ns
            | Self::ServerId
            | Self::Position
            | Self::Thread
            | Self::TotalOrder => "int64",
            Self::Row => "int32",
            Self::Op
            | Self::Version
            | Self::Connector
            | Self::Name
            | Self::Snapshot
            | Self::Database
            | Self::Table
            | Self::Sequence
            | Self::Gtid
            | Self::File
            | Self::Query
            | Self::TransactionId => "string",
        }
    }
}

impl FlatOptions {
    /// The members that are added to a row; a name that stands for nothing is an error.
    ///
    /// # Errors
    /// The name.
    pub fn fields(&self) -> Result<Vec<FlatField>, String> {
        let fields = self.add_fields.split(',').map(str::trim);
        let fields = fields.filter(|field| !field.is_empty()).map(|field| {
            let (path, alias) = match field.split_once(':') {
                Some((path, alias)) => (path, Some(alias)),
                None => (field, None),
            };
            let (part, name) = match path.split_once('.') {
                Some((part, name)) => (Some(part), name),
                None => (None, path),
            };
            let content = FlatContent::of(part, name).ok_or_else(|| path.to_owned())?;
            let name = alias.map_or_else(|| path.replace('.', "_"), str::to_owned);
            Ok(FlatField {
                name: format!("{}{name}", self.add_fields_prefix),
                content,
            })
        });
        fields.collect()
    }

    /// Whether rows have the statement that changed them.
    pub fn has_query(&self) -> bool {
        let fields = self.fields().unwrap_or_default();
        fields
            .iter()
            .any(|field| field.content == FlatContent::Query)
    }
}
