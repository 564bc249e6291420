//! What a run believes of the tables where it begins: from its journal if that reaches back to the checkpoint, else from the
//! source.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tracing::warn;

use crate::binlog::Coordinates;
use crate::change::definition::{Belief, Schemas};
use crate::change::{self, Checkpoint, Definition, Revision, TableDefinition};
use crate::filter::{Rules, SeenTables, Unmatched};
use crate::pipeline::error::PipelineError;
use crate::row::TableName;
use crate::source::{Answers, DefinedBy, DefinitionReader, Reading, SourceError};
use crate::state::journal::ResumedJournal;
use crate::state::{Journal, StateFolder, off_the_runtime};

/// What is known before it is settled where the run begins.
pub(super) struct FoundDefinitions {
    journal: Option<ResumedJournal>,
    /// What a person told for places from where the run begins on, where there is no journal.
    told: Vec<Revision>,
    read: Option<Reading>,
    /// What another connector's journal has for where the run begins.
    past: Option<Schemas>,
    /// Where the source's binlog ended then; `None` if it was not asked.
    pub(super) end: Option<Coordinates>,
}

impl FoundDefinitions {
    /// The tables that were read now, and how they are defined.
    pub(super) fn read(&self) -> impl Iterator<Item = (&TableName, &Definition)> {
        self.read.iter().flat_map(|read| &read.tables)
    }

    /// Every table that is known with the names of its columns; `None` where there may be others.
    fn columns(&self) -> Option<Vec<(TableName, Vec<Box<str>>)>> {
        let names = |definition: &TableDefinition| {
            let columns = definition.columns.iter();
            columns.map(|column| column.name.clone()).collect()
        };
        if let Some(read) = &self.read {
            let tables = read.tables.iter();
            let tables = tables.map(|(table, known)| (table.clone(), names(&known.table)));
            return Some(tables.collect());
        }
        let journal = self.journal.as_ref()?;
        let tables = journal
            .schemas
            .tables()
            .map(|(table, belief)| match belief {
                Belief::Known(known) => Some((table.clone(), names(known))),
                Belief::Stale(_) => None,
            });
        let tables = tables.collect::<Option<Vec<_>>>()?;
        (!journal.schemas.is_partial()).then_some(tables)
    }
}

/// Warns of rules on columns that match nothing of what is known of the source: a rule that is misspelt hides nothing.
pub(super) fn warn_of_unmatched(rules: &Rules, found: &FoundDefinitions) {
    let Some(tables) = found.columns().filter(|_| !rules.columns().is_empty()) else {
        return;
    };
    let seen = SeenTables {
        tables,
        databases: Vec::new(),
    };
    for Unmatched { rule, table, .. } in rules.unmatched(&seen) {
        // Where it names a table, the stream stops at it, or warns.
        if rule.key.is_on_columns() && table.is_none() {
            warn!(
                %rule,
                "a rule on columns matches no column of the source's tables that are published, and hides nothing of them: check \
                 how it is spelled, or take it out"
            );
        }
    }
}

/// The tables that the connector's journal knows at a checkpoint, if there is one, and those that the checkpoint knows to be gone.
/// Behind it there may be a gap before what was found.
///
/// # Errors
/// Values that rules hid there may be under other names behind the gap.
pub(super) async fn known_at(
    folder: &Arc<StateFolder>,
    checkpoint: Option<&Checkpoint>,
    gap: Option<(&Rules, &FoundDefinitions)>,
) -> Result<Vec<TableName>, PipelineError> {
    let Some(checkpoint) = checkpoint else {
        return Ok(Vec::new());
    };
    let (folder, at) = (Arc::clone(folder), checkpoint.clone());
    let journal = off_the_runtime(move || Journal::open(&folder, &at)).await?;
    let gone = checkpoint.snapshot.gone().cloned();
    let Some(journal) = journal else {
        return Ok(gone.collect());
    };
    if let Some((rules, found)) = gap {
        let now: HashMap<&TableName, &Definition> = found.read().collect();
        let now = |table: &TableName| now.get(table).map(|definition| &*definition.table);
        let refused = change::refuse_moved(rules, (&journal.schemas, &checkpoint.watched), now);
        refused.map_err(|error| SourceError::Columns(Box::new(error)))?;
    }
    let tables = journal.schemas.tables();
    let tables = tables.map(|(table, _)| table.clone());
    Ok(tables.chain(gone).collect())
}

/// Opens the journal for a run that resumes, else reads every definition.
///
/// To be called before the start is resolved, so that for `latest` what is read is older than every event. What a journal
/// says is believed where `may_go_on` allows it.
pub(super) async fn find(
    folder: &Arc<StateFolder>,
    from: Option<&Checkpoint>,
    may_go_on: impl Fn(&Schemas) -> bool,
    definitions: &mut DefinitionReader,
) -> Result<FoundDefinitions, PipelineError> {
    let (journal, told) = open(folder, from).await?;
    let journal = journal.filter(|opened| may_go_on(&opened.schemas));
    let read = match journal {
        Some(_) => None,
        None => Some(definitions.read_all().await?),
    };
    let end = match &read {
        Some(known) => known.end.coordinates.clone(),
        None => definitions.end().await?.coordinates,
    };
    Ok(FoundDefinitions {
        journal,
        told,
        read,
        past: None,
        end: Some(end),
    })
}

/// As [`find`], for binlog files, for which there may be nobody to ask.
pub(super) async fn find_beside_files(
    folder: &Arc<StateFolder>,
    from: Option<&Checkpoint>,
    start: &Checkpoint,
    defined_by: Option<&DefinedBy>,
    answers: &mut Answers,
) -> Result<FoundDefinitions, PipelineError> {
    let (journal, told) = open(folder, from).await?;
    let (mut read, mut past) = (None, None);
    match (answers, defined_by) {
        (Answers::Server(definitions), _) if journal.is_none() => {
            read = Some(definitions.read_all().await?);
        }
        (Answers::Nobody, Some(DefinedBy::Journal(path))) if journal.is_none() => {
            let (path, start) = (path.clone(), start.clone());
            past = Some(off_the_runtime(move || recall(&path, &start)).await?);
        }
        (Answers::Server(_) | Answers::Nobody, _) => {}
    }
    Ok(FoundDefinitions {
        journal,
        told,
        read,
        past,
        end: None,
    })
}

/// Opens the connector's journal, if it resumes and there is one that reaches back; else finds what a person told it.
async fn open(
    folder: &Arc<StateFolder>,
    from: Option<&Checkpoint>,
) -> Result<(Option<ResumedJournal>, Vec<Revision>), PipelineError> {
    let (folder, from) = (Arc::clone(folder), from.cloned());
    let opening = move || match from {
        Some(checkpoint) => match Journal::open(&folder, &checkpoint)? {
            Some(journal) => Ok((Some(journal), Vec::new())),
            None => Ok((None, Journal::told_ahead(&folder, &checkpoint)?)),
        },
        None => Journal::forget_told(&folder).map(|()| (None, Vec::new())),
    };
    Ok(off_the_runtime(opening).await?)
}

/// What another connector's journal says of the tables where a run begins. It must reach at least that far, since it knows
/// nothing of changes after its end.
fn recall(path: &Path, start: &Checkpoint) -> Result<Schemas, PipelineError> {
    let at = &start.coordinates;
    let not = |why: String| {
        let message = format!(
            "definitions: the journal in {} {why}, start where it reaches, or name a connector that has read this part of \
             the binlog",
            path.display()
        );
        PipelineError::from(SourceError::Options(message))
    };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let named = absolute.parent().zip(absolute.file_name());
    let Some((state_dir, name)) = named.and_then(|(dir, name)| Some((dir, name.to_str()?))) else {
        return Err(not("is not one".to_owned()));
    };
    let Some(reached) = StateFolder::peek(state_dir, name)? else {
        return Err(not("has no checkpoint beside it".to_owned()));
    };
    let is_same = reached.server_id == start.server_id
        && reached.gtid_set.flavour() == start.gtid_set.flavour()
        && reached.coordinates.is_of_series(at);
    if !is_same {
        return Err(not(format!(
            "is of another server, server_id {}",
            reached.server_id
        )));
    }
    if reached.coordinates < *at {
        return Err(not(format!("ends at {}, before {at}", reached.coordinates)));
    }
    // What was just compared makes the journal's binlogs these.
    match Journal::peek(state_dir, name, Some(at))? {
        Some(past) => Ok(past.schemas),
        None => Err(not(format!("does not reach back to {at}"))),
    }
}

/// Turns what was found into the beliefs of a run that begins at `start`, and begins a journal there if there is none.
pub(super) async fn settle(
    found: FoundDefinitions,
    folder: &Arc<StateFolder>,
    start: &Checkpoint,
    lower_case_table_names: u8,
    answers: &mut Answers,
) -> Result<(Journal, change::Definitions), PipelineError> {
    if let Some(opened) = found.journal {
        if !opened.journal.is_of(start) {
            return carry_over(opened, start, lower_case_table_names).await;
        }
        let beliefs = change::Definitions::default().believing(opened.schemas, opened.ahead);
        return Ok((opened.journal, beliefs));
    }
    let mut is_known = found.past.is_some();
    let mut schemas = found
        .past
        .unwrap_or_else(|| Schemas::new(lower_case_table_names));
    let mut read = Vec::new();
    if let (Some(known), Answers::Server(definitions)) = (found.read, answers) {
        let begin = start.point();
        let known = definitions.carry_over(known, &begin).await?;
        if known.end == begin {
            is_known = true;
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
    if !is_known {
        schemas.assume_partial();
    }
    let (folder, start) = (Arc::clone(folder), start.clone());
    let begin = move || {
        let journal = Journal::begin(&folder, &start, lower_case_table_names, &schemas);
        (journal, schemas)
    };
    let (journal, schemas) = off_the_runtime(begin).await;
    let beliefs = change::Definitions::new(read).believing(schemas, found.told);
    Ok((journal?, beliefs))
}

/// Goes on at another server with what is known. Temporary tables are not there, and places ahead were the former server's.
async fn carry_over(
    opened: ResumedJournal,
    start: &Checkpoint,
    lower_case_table_names: u8,
) -> Result<(Journal, change::Definitions), PipelineError> {
    let ResumedJournal {
        journal,
        mut schemas,
        ahead: _,
    } = opened;
    schemas.forget_temporary();
    let start = start.clone();
    let carry = move || {
        let journal = journal.carry_over(&start, lower_case_table_names, &schemas);
        (journal, schemas)
    };
    let (journal, schemas) = off_the_runtime(carry).await;
    let beliefs = change::Definitions::default().believing(schemas, Vec::new());
    Ok((journal?, beliefs))
}
