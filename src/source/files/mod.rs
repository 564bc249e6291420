//! Binlog files as a source of events.
//!
//! [`BinlogSeries`] reads one file behind the other on the thread that asks, [`BinlogFile`] reads one as an
//! [`EventSource`](super::EventSource). Both look into events no further than their headers; what they say is the framer's to
//! check. An [`Archive`] is a connector's source.

mod archive;
mod binlog_file;
mod extent;
mod file_bytes;
mod input;
mod joined;
mod listing;
mod options;
mod series;
mod splitter;
mod stream;
mod walk;

pub use archive::Archive;
pub use binlog_file::BinlogFile;
pub use extent::{BinlogExtent, EVENT_BYTES_MAX};
pub use input::InputPath;
pub use options::{DefinedBy, FilesOptions, SourceOptions};
pub use series::{BinlogSeries, SeriesPart};
pub use stream::FileStream;

#[cfg(test)]
mod tests;
