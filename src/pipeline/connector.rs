//! What makes up a connector, and how far it runs.

use std::path::PathBuf;
use std::time::Duration;

use crate::binlog::{Coordinates, GtidSet};
use crate::change::{OnStatement, XaMissing};
use crate::encode::InvalidText;
use crate::{filter, sink, source};

/// One configured stream.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Its file, as it was named.
    pub path: PathBuf,
    /// Its name: the stem of its file.
    pub name: String,
    /// Where changes come from.
    pub source: source::SourceOptions,
    /// Which changes go on.
    pub filter: filter::FilterOptions,
    /// Where the rules of the filter are written.
    pub rule_places: filter::RulePlaces,
    /// Where they go.
    pub sink: sink::SinkOptions,
    /// The folder that holds the connector's own state folder.
    pub state_dir: PathBuf,
    /// Bytes that input, encoded blocks and the sink's queue may take together.
    pub memory_max: u64,
    /// What to do about changes that were logged as statements.
    pub on_statement: OnStatement,
    /// What becomes of rows of tables whose definition is not known for certain.
    pub definitions_unknown: filter::UnknownOptions,
    /// What to do about an XA COMMIT whose XA PREPARE was not seen.
    pub xa_missing: XaMissing,
    /// What becomes of bytes that are not valid text in their column's character set.
    pub invalid_text: InvalidText,
    /// Size of an event above which it goes to the state folder and is read from there piece by piece.
    pub event_memory_max: u64,
    /// How often the checkpoint is made durable while changes flow.
    pub checkpoint_interval: Duration,
    /// How long it may take to end after it was told to stop.
    pub shutdown_grace: Duration,
}

/// How far a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Until it is stopped.
    Forever,
    /// To the source's end as it was when the run began.
    Once,
    /// To the first group boundary at or after these coordinates.
    UntilCoordinates(Coordinates),
    /// Until every GTID of the set was seen.
    UntilGtids(GtidSet),
    /// To the first group of the set.
    BeforeGtids(GtidSet),
    /// To the first group that began at or after this time, in seconds since 1970.
    UntilTime(u32),
}
