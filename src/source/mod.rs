//! Where events come from.
//!
//! A live source is opened in steps: [`check`] makes sure that it can be read, [`Checked::resolve`] finds where to begin,
//! and once that is saved [`Resolved::stream`] starts the dump. Binlog files are an [`Archive`] that does the same in two
//! steps. Nothing here tries again: a failure says whether that may help, and the pipeline does it.

mod budget;
mod chunk;
mod definitions;
mod error;
mod file_error;
mod files;
mod identity;
mod server;
mod start;
mod walk;

pub use budget::{Budget, Charge};
pub use chunk::{Chunk, EventSource};
pub use definitions::{
    Answers, DefinitionReader, Followed, Reading, Retained, WantedBefore, files_of, writer_of,
};
pub use error::{HostFailure, SourceError};
pub use file_error::BinlogFileError;
pub use files::{
    Archive, BinlogExtent, BinlogSeries, DefinedBy, EVENT_BYTES_MAX, FileStream, FilesOptions,
    InputPath, SeriesPart, SourceOptions, warn_of_empty,
};
pub use server::{
    Checked, HostAddress, Live, OptionProblem, Resolved, ServerOptions, SourceFacts, check, choose,
};
pub use start::Start;
