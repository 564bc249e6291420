//! Follows the statements of a stream ahead of its reading: what they make of definitions, and which tables' rows then come
//! without a definition that could be proven.
//!
//! Rows are not read. What cannot be read of the statements is a doubt about every table, as it is for the assembler.

use super::definition::beliefs::Definitions;
use super::definition::following::{StatementPlace, follow};
use super::definition::schemas::{Belief, Schemas};
use super::group::placer::Placer;
use super::group::tracker::Place;
use super::trouble::{AssembleError, Trouble};
use crate::binlog::{Coordinates, EventKind, Frame, Framer, Query, TableMap, compressed};
use crate::filter::Rules;
use crate::mysql::Flavour;
use crate::row::TableName;

/// Tables that are named at most.
const LACKING_MAX: usize = 1000;

/// Definitions at the place to which a stream was followed.
#[derive(Debug)]
pub struct Follower {
    flavour: Flavour,
    definitions: Definitions,
    placer: Placer,
    watch: LackWatch,
}

/// Looks for tables whose definition will be missing.
#[derive(Debug)]
struct LackWatch {
    rules: Rules,
    /// Of the group that is open.
    open: Vec<TableName>,
    /// Of the group that was closed last.
    last: Vec<TableName>,
    is_active: bool,
    lacking: Vec<(TableName, Coordinates)>,
}

impl Follower {
    /// Begins between groups, with what is known there and the filters of the stream.
    pub fn new(flavour: Flavour, believed: Schemas, rules: Rules) -> Self {
        Self {
            flavour,
            definitions: Definitions::default().believing(believed, Vec::new()),
            placer: Placer::default(),
            watch: LackWatch {
                rules,
                open: Vec::new(),
                last: Vec::new(),
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
        watch.open.push(table.clone());
        let others = std::mem::take(&mut watch.last);
        watch
            .open
            .extend(others.into_iter().filter(|other| other != table));
        watch.close(end, &mut self.definitions);
    }

    /// The tables whose definition was missing, each with the end of the first group that has rows of it.
    pub fn lacking(self) -> Vec<(TableName, Coordinates)> {
        self.watch.lacking
    }

    /// Takes the next event of the stream; `body` is `None` for one that is too large to be whole in memory.
    ///
    /// # Errors
    /// An event that cannot be read or cannot stand where it does.
    pub fn take(
        &mut self,
        framer: &Framer,
        frame: &Frame,
        body: Option<&[u8]>,
    ) -> Result<(), AssembleError> {
        let kind = frame.header.kind;
        let at = Coordinates::new(framer.next().file.clone(), frame.start);
        self.read(framer, frame, body, &at)
            .map_err(|trouble| AssembleError::new(at, kind, trouble))
    }

    fn read(
        &mut self,
        framer: &Framer,
        frame: &Frame,
        body: Option<&[u8]>,
        at: &Coordinates,
    ) -> Result<(), Trouble> {
        let mut scratch = Vec::new();
        let placed = self
            .placer
            .place(frame, body, framer.format(), &mut scratch)?;
        let Some(place) = placed.map(|placed| placed.place) else {
            return Ok(());
        };
        let kind = frame.header.kind;
        match (kind, body) {
            (EventKind::FormatDescription, _) if framer.format().created() != 0 => {
                self.definitions.source_started();
            }
            (EventKind::Query, Some(body)) => self.query(framer, body, at)?,
            (EventKind::QueryCompressed, Some(body)) => {
                let plain = compressed::plain_body(kind, body, framer.format())?;
                self.query(framer, &plain, at)?;
            }
            (EventKind::Query | EventKind::QueryCompressed, None) => {
                self.doubt("a statement is larger than event_memory_max", at);
            }
            (EventKind::Incident, _) => self.doubt("the source reports lost events", at),
            (EventKind::Unknown(_), _) if !frame.header.is_ignorable() => {
                self.doubt("an event is of a kind that rowtap does not know", at);
            }
            (EventKind::TableMap, Some(body)) => self.table_map(framer, body)?,
            _rows_and_context => {}
        }
        if matches!(place, Place::Ends(_) | Place::Alone) {
            self.watch.close(framer.next(), &mut self.definitions);
        }
        // Nobody asks what changed where.
        self.definitions.take_revisions();
        Ok(())
    }

    fn query(&mut self, framer: &Framer, body: &[u8], at: &Coordinates) -> Result<(), Trouble> {
        let query = Query::parse(body, framer.format())?;
        if query.control().is_some() || query.is_phase_without_effect() {
            return Ok(());
        }
        let place = StatementPlace {
            at: at.clone(),
            end: framer.next(),
            gtid: None,
        };
        let source = (self.flavour, framer.format());
        if follow(&mut self.definitions, &query, source, &place).is_err() {
            self.doubt("a statement could not be read", at);
        }
        Ok(())
    }

    fn doubt(&mut self, reason: &str, at: &Coordinates) {
        self.definitions.distrust_all(reason, at);
    }

    fn table_map(&mut self, framer: &Framer, body: &[u8]) -> Result<(), Trouble> {
        let watch = &mut self.watch;
        let map = TableMap::parse(body, framer.format(), self.flavour)?;
        let names = (
            std::str::from_utf8(map.database),
            std::str::from_utf8(map.table),
        );
        let (Ok(database), Ok(table)) = names else {
            return Ok(());
        };
        if !watch.rules.table(database, table).keep {
            return Ok(());
        }
        let table = TableName::new(database, table);
        let is_lacking = match self.definitions.believed().get(&table) {
            Some(Belief::Known(_)) => false,
            Some(Belief::Stale(reason)) => !reason.is_awaited(),
            None => true,
        };
        let tells_names = || -> Result<bool, Trouble> {
            Ok(map.columns()?.iter().all(|column| column.name.is_some()))
        };
        if is_lacking && !watch.open.contains(&table) && !tells_names()? {
            watch.open.push(table);
        }
        Ok(())
    }
}

impl LackWatch {
    /// The group ends.
    fn close(&mut self, end: &Coordinates, definitions: &mut Definitions) {
        if !self.is_active {
            self.last = std::mem::take(&mut self.open);
            return;
        }
        for table in self.open.drain(..) {
            definitions.await_told(&table);
            if self.lacking.len() < LACKING_MAX {
                self.lacking.push((table, end.clone()));
            }
        }
    }
}
