//! Where events come from.
//!
//! A live source is opened in steps: [`check`] makes sure that it can be read, [`Checked::resolve`] finds where to begin,
//! and once that is saved [`Resolved::stream`] starts the dump. Binlog files are an [`Archive`] that does the same in two
//! steps. Nothing here tries again: a failure says whether that may help, and the pipeline does it.

pub mod backup;
mod budget;
mod chunk;
mod definitions;
mod error;
mod file_error;
mod files;
mod identity;
mod input;
mod server;
mod snapshot;
mod start;
mod walk;

use crate::binlog::Coordinates;
use crate::change::Lineage;
use crate::state::off_the_runtime;

pub use budget::{Budget, Charge};
pub use chunk::{Chunk, EventSource};
pub use definitions::{
    Answers, DefinitionReader, Followed, Reading, Retained, WantedBefore, files_of, writer_of,
};
pub use error::{HostFailure, SourceError};
pub use file_error::BinlogFileError;
pub use files::{
    Archive, BinlogExtent, BinlogSeries, DefinedBy, EVENT_BYTES_MAX, FileStream, FilesOptions,
    SeriesPart, SourceOptions, survey_files, warn_of_empty,
};
pub use input::InputPath;
pub use server::{
    Checked, HostAddress, Live, Locking, OptionProblem, Resolved, ServerOptions, SnapshotOptions,
    SnapshotWhen, SourceFacts, Survey, SurveyedTable, TableViews, Wanted, check, choose,
    refuse_computed, refuse_hidden, survey,
};
pub use snapshot::{Lot, SourceTable, TableKey, TableList, TableReader};
pub use start::Start;

/// Makes sure that a group begins at a place in a source's binlogs, or will begin there: it may be their end.
///
/// # Errors
/// A place inside a group, or one that cannot be looked at.
pub async fn begins_group(
    source: &SourceOptions,
    lineage: &Lineage,
    at: &Coordinates,
) -> Result<(), SourceError> {
    match source {
        SourceOptions::Server(server) => server::walk::begins_group(server, lineage, at).await,
        SourceOptions::Files(files) => {
            let (files, at) = (files.clone(), at.clone());
            off_the_runtime(move || files::begins_group(&files, &at)).await
        }
    }
}
