//! Which rows of a rows event are published, by the rules on rows: runs of them, and what each was left out for.
//!
//! Rows are judged by their images as the source wrote them, before columns are treated. A row that is left out keeps its
//! sequence in the group, so that the names of the others do not change with the rules.

use std::ops::Range;

use super::batch::items::Batch;
use super::batch::rows::{Rows, RowsKind};
use super::checking::RowsCheck;
use super::definition::kept_table::KeptTable;
use super::trouble::Trouble;
use crate::filter::{Judging, JudgingError, RowFilter, RowMoves, RowOp};
use crate::row::{Cell, RowError, Shape, Table, TableName, TreatedImages};

/// What rows are worked on with, besides counting them.
#[derive(Debug, Default)]
pub(in crate::change) struct RowWork {
    /// What checks every body, if anything does.
    pub(in crate::change) check: Option<RowsCheck>,
    pub(in crate::change) choice: RowChoice,
}

impl RowWork {
    /// Checks every body.
    pub(in crate::change) fn check_all(&mut self) {
        self.check = Some(RowsCheck::default());
    }
}

/// What judging rows uses again for each row.
#[derive(Debug, Default)]
pub(in crate::change) struct RowChoice {
    before: Vec<Cell>,
    after: Vec<Cell>,
    scratch: Scratch,
    /// The runs of rows that are published.
    pub(in crate::change) runs: Vec<RowRun>,
}

/// Buffers for one row after the other.
#[derive(Debug, Default)]
struct Scratch {
    text: String,
    treated: TreatedImages,
}

/// Rows of an event after each other that are published alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::change) struct RowRun {
    /// What is published of them.
    pub(in crate::change) kind: RowsKind,
    /// Their images in the event's body.
    pub(in crate::change) body: Range<usize>,
    /// The number of the first in the event.
    pub(in crate::change) first: u32,
    pub(in crate::change) count: u32,
}

/// A table whose rows are chosen.
#[derive(Clone, Copy, Debug)]
pub struct ChosenTable<'a> {
    /// The table as it is published.
    pub table: &'a Table,
    /// Its name on the source.
    pub source: &'a TableName,
}

impl<'a> From<&'a KeptTable> for ChosenTable<'a> {
    fn from(kept: &'a KeptTable) -> Self {
        Self {
            table: &kept.table,
            source: &kept.source,
        }
    }
}

/// How many rows an event has, and how many of them are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// All of them.
    pub all: u32,
    /// Left out by a condition or by what was done to them.
    pub filtered: u32,
    /// Left out because nothing that is published of them changed.
    pub unchanged: u32,
}

/// Counts which rows of a batch rules on rows publish; used again for each rows event.
#[derive(Debug, Default)]
pub struct RowCounter(RowChoice);

impl RowCounter {
    /// Counts those of a rows event, as a connector would judge them.
    ///
    /// # Errors
    /// Rows at which a connector would stop.
    pub fn count(
        &mut self,
        table: ChosenTable<'_>,
        filter: &RowFilter,
        (batch, rows): (&Batch, &Rows),
    ) -> Result<RowCounts, Trouble> {
        let buffer = batch.buffers.get(rows.buffer as usize);
        let buffer = buffer.map(|buffer| &**buffer).unwrap_or_default();
        let parts = rows.images.parts(buffer);
        self.0.choose(table, filter, rows.kind, parts)
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// An update becomes an insert.
    Enters,
    /// An update becomes a delete.
    Leaves,
    Filtered,
    Unchanged,
}

/// A row's images, and where each ends.
struct JudgedRow<'a> {
    table: ChosenTable<'a>,
    filter: &'a RowFilter,
    kind: RowsKind,
    body: &'a [u8],
    before: &'a [Cell],
    after: &'a [Cell],
}

impl RowChoice {
    /// Judges the rows of an event whose images are whole, given its two bitmaps and its body.
    ///
    /// # Errors
    /// Rows that contradict their table map, or that cannot be judged.
    pub(in crate::change) fn choose(
        &mut self,
        table: ChosenTable<'_>,
        filter: &RowFilter,
        kind: RowsKind,
        [columns, columns_after, body]: [&[u8]; 3],
    ) -> Result<RowCounts, Trouble> {
        let rows = |error| Trouble::Rows {
            table: table.source.clone(),
            error,
        };
        let first = Shape::new(table.table, columns).map_err(rows)?;
        let second = match kind {
            RowsKind::Write | RowsKind::Delete | RowsKind::Read => None,
            RowsKind::Update | RowsKind::Entering { is_partial: false } => {
                Some(Shape::new(table.table, columns_after).map_err(rows)?)
            }
            RowsKind::PartialUpdate | RowsKind::Entering { is_partial: true } => {
                Some(Shape::partial(table.table, columns_after).map_err(rows)?)
            }
        };
        if first.is_empty() && second.as_ref().is_none_or(Shape::is_empty) {
            return Err(rows(RowError::NoColumns));
        }
        self.runs.clear();
        // Whether an update changes anything is asked of all columns.
        let judged = match filter.skip_unchanged {
            true => table.table.columns.len(),
            false => filter.columns_judged,
        };
        let mut counts = RowCounts::default();
        let mut at = 0;
        while at < body.len() {
            let start = at;
            let cells = match kind {
                RowsKind::Write | RowsKind::Read => &mut self.after,
                _else => &mut self.before,
            };
            first
                .walk_first(judged, body, &mut at, cells)
                .map_err(rows)?;
            let middle = at;
            if let Some(second) = &second {
                let cells = &mut self.after;
                second
                    .walk_first(judged, body, &mut at, cells)
                    .map_err(rows)?;
            }
            let row = JudgedRow {
                table,
                filter,
                kind,
                body,
                before: &self.before,
                after: &self.after,
            };
            let number = counts.all;
            counts.all = number
                .checked_add(1)
                .ok_or_else(|| rows(RowError::TooManyRows))?;
            match row.fate(&mut self.scratch)? {
                Fate::Stays => self.add(kind, start..at, number),
                Fate::Leaves => self.add(RowsKind::Delete, start..middle, number),
                Fate::Enters => {
                    let shapes = (&first, second.as_ref());
                    self.walk_whole(shapes, body, start).map_err(rows)?;
                    match self.entering(table, kind)? {
                        RowsKind::Write => self.add(RowsKind::Write, middle..at, number),
                        entering => self.add(entering, start..at, number),
                    }
                }
                Fate::Filtered => counts.filtered += 1,
                Fate::Unchanged => counts.unchanged += 1,
            }
        }
        Ok(counts)
    }

    /// Adds a row to the last run, if it goes on with it.
    fn add(&mut self, kind: RowsKind, body: Range<usize>, number: u32) {
        match self.runs.last_mut() {
            Some(run)
                if run.kind == kind
                    && run.body.end == body.start
                    && run.first.checked_add(run.count) == Some(number) =>
            {
                run.body.end = body.end;
                run.count += 1;
            }
            Some(_) | None => self.runs.push(RowRun {
                kind,
                body,
                first: number,
                count: 1,
            }),
        }
    }

    /// Reads all columns of a row that begins at `at`.
    fn walk_whole(
        &mut self,
        (first, second): (&Shape<'_>, Option<&Shape<'_>>),
        body: &[u8],
        mut at: usize,
    ) -> Result<(), RowError> {
        first.walk(body, &mut at, &mut self.before)?;
        match second {
            Some(second) => second.walk(body, &mut at, &mut self.after),
            None => Ok(()),
        }
    }

    /// What is published of an update whose row was read as a whole and comes to meet the condition.
    fn entering(&self, table: ChosenTable<'_>, kind: RowsKind) -> Result<RowsKind, Trouble> {
        if self.is_whole_after(table.table, kind) {
            return Ok(RowsKind::Write);
        }
        self.refuse_part(table)?;
        let is_partial = kind == RowsKind::PartialUpdate;
        Ok(RowsKind::Entering { is_partial })
    }

    /// Whether the image after an update is one that an insert could have.
    fn is_whole_after(&self, table: &Table, kind: RowsKind) -> bool {
        let mut cells = self.after.iter().enumerate();
        kind == RowsKind::Update
            && cells.all(|(place, cell)| *cell != Cell::Absent || !is_needed(table, place))
    }

    /// Refuses an update that does not hold the row that it would create.
    fn refuse_part(&self, table: ChosenTable<'_>) -> Result<(), Trouble> {
        let mut cells = self.after.iter().zip(&self.before).enumerate();
        let lacking = cells.find(|(place, cells)| {
            let is_known = match cells {
                (Cell::Null | Cell::Value { .. }, _) => true,
                (Cell::Absent, before) => **before != Cell::Absent,
                (Cell::Changes { .. }, before) => matches!(before, Cell::Value { .. }),
            };
            !is_known && is_needed(table.table, *place)
        });
        match lacking {
            None => Ok(()),
            Some((place, _)) => Err(Trouble::RowPart {
                table: table.source.clone(),
                column: column(table.table, place),
            }),
        }
    }
}

impl JudgedRow<'_> {
    fn fate(&self, scratch: &mut Scratch) -> Result<Fate, Trouble> {
        let filter = self.filter;
        let kept = |keeps: bool, op| match keeps && filter.takes(op) {
            true => Fate::Stays,
            false => Fate::Filtered,
        };
        Ok(match self.kind {
            RowsKind::Write => kept(self.keeps(self.after, &[], scratch)?, RowOp::C),
            RowsKind::Delete => kept(self.keeps(self.before, &[], scratch)?, RowOp::D),
            RowsKind::Read => match self.keeps(self.after, &[], scratch)? {
                true => Fate::Stays,
                false => Fate::Filtered,
            },
            RowsKind::Update | RowsKind::PartialUpdate | RowsKind::Entering { .. } => {
                let is_in = self.keeps(self.after, self.before, scratch)?;
                let stays = filter.moves == RowMoves::Keep && is_in;
                let was_in = stays || self.keeps(self.before, &[], scratch)?;
                match (was_in, is_in, filter.moves) {
                    (false, false, _) => Fate::Filtered,
                    (true, true, _) | (_, _, RowMoves::Keep) => match filter.takes(RowOp::U) {
                        false => Fate::Filtered,
                        true if filter.skip_unchanged
                            && self.is_unchanged(&mut scratch.treated) =>
                        {
                            Fate::Unchanged
                        }
                        true => Fate::Stays,
                    },
                    (false, true, RowMoves::Convert) => match filter.takes(RowOp::C) {
                        true => Fate::Enters,
                        false => Fate::Filtered,
                    },
                    (true, false, RowMoves::Convert) => match filter.takes(RowOp::D) {
                        true => Fate::Leaves,
                        false => Fate::Filtered,
                    },
                }
            }
        })
    }

    /// Whether an image meets the condition.
    #[inline]
    fn keeps(&self, cells: &[Cell], base: &[Cell], scratch: &mut Scratch) -> Result<bool, Trouble> {
        let image = Judging {
            body: self.body,
            cells,
            base,
        };
        match self.filter.judge(&image, &mut scratch.text) {
            Ok(truth) => match truth.keeps() {
                Some(keeps) => Ok(keeps),
                None => Err(self.open(&image)),
            },
            Err(JudgingError { column, error }) => Err(Trouble::RowValue {
                table: self.table.source.clone(),
                column: self::column(self.table.table, column),
                error,
            }),
        }
    }

    #[cold]
    fn open(&self, image: &Judging<'_>) -> Trouble {
        let absent = self.filter.absent(image);
        Trouble::RowOpen {
            table: self.table.source.clone(),
            column: absent.map_or_else(Box::default, |place| column(self.table.table, place)),
        }
    }

    /// Whether an update changes nothing that is published. What is not in the image after it was not changed.
    fn is_unchanged(&self, treated: &mut TreatedImages) -> bool {
        let bytes = |start: usize, end: usize| self.body.get(start..end);
        let mut is_published_alike = |place: usize, cells: [Cell; 2]| {
            let table = self.table.table;
            !table.publishes(place)
                || table
                    .replacement(place)
                    .is_some_and(|replacement| treated.are_alike(replacement, self.body, cells))
        };
        let mut cells = self.before.iter().zip(self.after).enumerate();
        cells.all(|(place, (before, after))| match (before, after) {
            (_, Cell::Absent) | (Cell::Null, Cell::Null) => true,
            (Cell::Value { start, end }, Cell::Value { start: a, end: z }) => {
                bytes(*start, *end) == bytes(*a, *z) || is_published_alike(place, [*before, *after])
            }
            _changed => is_published_alike(place, [*before, *after]),
        })
    }
}

/// Whether an insert has a value of the column: the server computes the others.
fn is_needed(table: &Table, place: usize) -> bool {
    let column = table.columns.get(place);
    table.publishes(place) && column.is_some_and(|column| column.computed.is_none())
}

fn column(table: &Table, place: usize) -> Box<str> {
    let column = table.columns.get(place);
    column.map_or_else(Box::default, |column| column.name.clone())
}
