//! Where events come from.
//!
//! A live source is opened in steps: [`check`] makes sure that it can be read, [`Checked::resolve`] finds where to begin,
//! and once that is saved [`Resolved::stream`] starts the dump. Binlog files are an [`Archive`] that does the same in two
//! steps. Nothing here tries again: a failure says whether that may help, and the pipeline does it.

mod answers;
mod archive;
mod budget;
mod catalogue;
mod defined_by;
mod definitions;
mod dump;
mod error;
mod file_options;
mod files;
mod history;
mod look;
mod options;
mod passed;
mod preflight;
mod receiver;
mod refusal;
mod replay;
mod scan;
mod session;
mod start;
mod start_option;
mod statements;

use std::future::Future;
use std::ops::Range;

use bytes::Bytes;

use crate::mysql::Portion;

pub use answers::Answers;
pub use archive::Archive;
pub use budget::{Budget, Charge};
pub use defined_by::writer_of;
pub use definitions::{Definitions, Known};
pub use error::{Class, SourceError};
pub use file_options::{Configured, DefinedBy, FileOptions};
pub use files::{BinlogFile, EVENT_BYTES_MAX, Extent, FileError, FileStream, Part, Place, Series};
pub use options::Options;
pub use preflight::Facts;
pub use receiver::Live;
pub use replay::Replayed;
pub use start::{Checked, Resolved, check};
pub use start_option::Start;

/// Binlog events as they arrived.
#[derive(Debug)]
pub struct Chunk {
    /// The shared bytes; charged to the connector's byte budget until the last handle is dropped.
    pub buffer: Bytes,
    /// Each whole event in the buffer, header and checksum included, in stream order.
    pub events: Vec<Range<u32>>,
    /// Whether the events are whole, or the only one is a piece of a large one.
    pub part: Portion,
    /// When the chunk was complete, in microseconds since 1970.
    pub received_us: i64,
    /// Whether the source had nothing more at that moment, so that what is assembled should leave.
    pub drained: bool,
}

/// A stream of binlog events.
pub trait EventSource: Send {
    /// Returns the next chunk, or `None` at the end of a source that ends. Cancel-safe: a dropped future loses no event.
    ///
    /// # Errors
    /// Whatever ends the stream; `SourceError::is_transient` tells whether starting again may help.
    fn next(&mut self) -> impl Future<Output = Result<Option<Chunk>, SourceError>> + Send;
}
