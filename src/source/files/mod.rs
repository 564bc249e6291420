//! Binlog files as a source of events.
//!
//! [`BinlogSeries`] reads one file after the other on the thread that asks, [`FileStream`] makes an
//! [`EventSource`](super::EventSource) of it. Both look into events no further than their headers; what they say is the
//! framer's to check. An [`Archive`] is a connector's source.

mod archive;
mod check;
mod file_bytes;
mod joined;
mod listing;
mod options;
mod series;
mod splitter;
mod stream;
mod walk;

pub use archive::Archive;
pub(super) use archive::begins_group;
pub use check::survey_files;
pub use joined::warn_of_empty;
pub use options::{DefinedBy, FilesOptions, SourceOptions};
pub use series::{BinlogSeries, SeriesPart};
pub use splitter::{BinlogExtent, EVENT_BYTES_MAX};
pub use stream::FileStream;

#[cfg(test)]
mod tests;
