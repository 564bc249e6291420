//! What a run knows of the tables where it begins: from the journal where one reaches back to its checkpoint, else from the
//! source.

use std::sync::Arc;

use super::PipelineError;
use crate::binlog::Coordinates;
use crate::change::schema::Schemas;
use crate::change::{self, Checkpoint};
use crate::source::{Definitions, Known};
use crate::state::journal::Opened;
use crate::state::{Folder, Journal};

/// What is known before it is settled where the run begins.
pub(super) struct Found {
    journal: Option<Opened>,
    read: Option<Known>,
    /// Where the source's binlog ended then.
    pub(super) end: Coordinates,
}

/// Opens the journal for a run that resumes, else reads every definition.
///
/// To be called before the start is resolved, so that for `latest` what is read is older than every event.
pub(super) async fn find(
    folder: &Arc<Folder>,
    from: Option<&Checkpoint>,
    definitions: &mut Definitions,
) -> Result<Found, PipelineError> {
    let journal = match from {
        Some(checkpoint) => {
            let (folder, checkpoint) = (Arc::clone(folder), checkpoint.clone());
            let opening = move || Journal::open(&folder, &checkpoint);
            match tokio::task::spawn_blocking(opening).await {
                Ok(opened) => opened?,
                Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
            }
        }
        None => {
            Journal::forget_told(folder)?;
            None
        }
    };
    let read = match journal {
        Some(_) => None,
        None => Some(definitions.read_all().await?),
    };
    let end = match &read {
        Some(known) => known.end.clone(),
        None => definitions.end().await?,
    };
    Ok(Found { journal, read, end })
}

/// Makes it what is believed where the run begins, and has the journal begin there if there is none.
pub(super) async fn settle(
    found: Found,
    folder: &Arc<Folder>,
    start: &Checkpoint,
    lower_case_table_names: u8,
    definitions: &mut Definitions,
) -> Result<(Journal, change::Definitions), PipelineError> {
    if let Some(opened) = found.journal {
        let beliefs = change::Definitions::default().believing(opened.schemas, opened.ahead);
        return Ok((opened.journal, beliefs));
    }
    let mut schemas = Schemas::new(lower_case_table_names);
    let mut read = Vec::new();
    if let Some(known) = found.read {
        let known = definitions.carry_over(known, &start.coordinates).await?;
        if known.end == start.coordinates {
            for (table, definition) in known.tables {
                schemas.put(&table, definition.table);
            }
            for (database, charset) in &known.databases {
                schemas.put_database(database, Some(charset));
            }
        } else {
            read.extend(known.tables);
        }
    }
    let (folder, start) = (Arc::clone(folder), start.clone());
    let begin = move || {
        let journal = Journal::begin(&folder, &start, lower_case_table_names, &schemas);
        (journal, schemas)
    };
    match tokio::task::spawn_blocking(begin).await {
        Ok((journal, schemas)) => {
            let beliefs = change::Definitions::new(read).believing(schemas, Vec::new());
            Ok((journal?, beliefs))
        }
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}
