//! Follows the statements of a stream ahead of its reading: what they make of definitions, and which tables' rows then come
//! without a definition that could be proven.
//!
//! Rows are not read: what is followed is what the [history](super::history) keeps of the stream. What cannot be read of the
//! statements is a doubt about every table, as it is for the assembler.

use std::sync::Arc;

use super::definition::beliefs::Definitions;
use super::definition::draft::draft_of;
use super::definition::following::{StatementPlace, follow};
use super::definition::lack::{Lacking, Untold};
use super::definition::schemas::{Belief, Schemas};
use super::history::{KeptEvent, KeptWhat, Stretch};
use crate::binlog::{Coordinates, FormatDescription, Query};
use crate::filter::Rules;
use crate::row::TableName;

/// Tables that are named at most.
const LACKING_MAX: usize = 1000;
/// Why nothing is known after a statement that is no statement.
const UNREAD: &str = "a statement could not be read";

/// Definitions at the place to which a stream was followed.
#[derive(Debug)]
pub struct Follower {
    definitions: Definitions,
    watch: LackWatch,
}

/// Looks for tables whose definition will be missing.
#[derive(Debug)]
struct LackWatch {
    rules: Rules,
    /// Of the group that had some last, before it began to look.
    last: Vec<(TableName, Untold)>,
    /// Where that group ended.
    last_end: Option<Coordinates>,
    is_active: bool,
    lacking: Vec<Lacking>,
}

impl Follower {
    /// Begins between groups, with what is known there and the filters of the stream.
    pub fn new(believed: Schemas, rules: Rules) -> Self {
        Self {
            definitions: Definitions::default().believing(believed, Vec::new()),
            watch: LackWatch {
                rules,
                last: Vec::new(),
                last_end: None,
                is_active: false,
                lacking: Vec::new(),
            },
        }
    }

    /// What is known at the place that was reached.
    pub fn believed(&self) -> &Schemas {
        self.definitions.believed()
    }

    /// Notes which tables have rows without a definition, from the group on that ended at `end`. Of one of its tables it is
    /// known.
    pub fn watch(&mut self, table: &TableName, end: &Coordinates) {
        let watch = &mut self.watch;
        watch.is_active = true;
        let draft = Box::default();
        let mut found = vec![(table.clone(), Untold::Definition { draft })];
        if watch.last_end.as_ref() == Some(end) {
            let others = std::mem::take(&mut watch.last);
            found.extend(others.into_iter().filter(|(other, _)| other != table));
        }
        for found in found {
            watch.lacks(found, end, &mut self.definitions);
        }
    }

    /// The tables whose definition was missing, each with the end of the first group that has rows of it.
    pub fn lacking(self) -> Vec<Lacking> {
        self.watch.lacking
    }

    /// Takes what is kept of the next stretch, from one position to another.
    pub fn take(&mut self, stretch: &Stretch, from: u64, to: u64) {
        let is_within = |at: u64| from <= at && at < to;
        let mut events = stretch
            .events
            .iter()
            .filter(|event| is_within(event.at))
            .peekable();
        // A group that ends where the part begins is before it.
        for seen in stretch
            .tables
            .iter()
            .filter(|seen| from < seen.end && seen.end <= to)
        {
            while let Some(event) = events.next_if(|event| event.at < seen.end) {
                self.event(&stretch.file, &stretch.format, event);
            }
            let end = Coordinates::new(Arc::clone(&stretch.file), seen.end);
            self.sighted(&seen.table, &seen.draft, &end);
        }
        for event in events {
            self.event(&stretch.file, &stretch.format, event);
        }
    }

    fn event(&mut self, file: &Arc<str>, format: &FormatDescription, event: &KeptEvent) {
        let at = Coordinates::new(Arc::clone(file), event.at);
        match &event.what {
            KeptWhat::Started(_) => self.definitions.source_started(),
            KeptWhat::Doubt(reason) => self.definitions.distrust_all(reason, &at),
            KeptWhat::Statement(body) => self.statement(body, format, &at),
        }
        // Nobody asks what changed where.
        self.definitions.take_revisions();
    }

    fn statement(&mut self, body: &[u8], format: &FormatDescription, at: &Coordinates) {
        let Ok(query) = Query::parse(body, format) else {
            return self.definitions.distrust_all(UNREAD, at);
        };
        if query.control().is_some() || query.is_phase_without_effect() {
            return;
        }
        let place = StatementPlace {
            at: at.clone(),
            end: at,
            gtid: None,
            // It makes no difference to tables that are not temporary.
            server_id: 0,
        };
        let source = (format.flavour(), format);
        if follow(&mut self.definitions, &query, source, &place).is_err() {
            self.definitions.distrust_all(UNREAD, at);
        }
    }

    /// A group that ends there has rows of the table, and its table map tells no names.
    fn sighted(&mut self, table: &TableName, draft: &str, end: &Coordinates) {
        let watch = &mut self.watch;
        if !watch.rules.table(&table.database, &table.table).keep {
            return;
        }
        self.definitions.find_left_behind(table, end);
        let untold = match self.definitions.believed().get(table) {
            Some(Belief::Known(known)) if known.unsettled().is_none() => return,
            Some(Belief::Known(known)) => Untold::Charset {
                draft: draft_of(table, known).into(),
            },
            Some(Belief::Stale(reason)) if reason.is_awaited() => return,
            Some(Belief::Stale(_)) | None => Untold::Definition {
                draft: draft.into(),
            },
        };
        watch.lacks((table.clone(), untold), end, &mut self.definitions);
    }
}

impl LackWatch {
    /// A table has no definition in the group that ends there.
    fn lacks(
        &mut self,
        (table, untold): (TableName, Untold),
        end: &Coordinates,
        definitions: &mut Definitions,
    ) {
        if self.is_active {
            definitions.await_told(&table);
            if self.lacking.len() < LACKING_MAX {
                let end = end.clone();
                self.lacking.push(Lacking { table, end, untold });
            }
            return;
        }
        if self.last_end.as_ref() != Some(end) {
            self.last_end = Some(end.clone());
            self.last.clear();
        }
        self.last.push((table, untold));
    }
}
