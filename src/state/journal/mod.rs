//! The journal of definitions: how each table was defined at each place of the source's binlogs.
//!
//! Append-only text in the connector's folder, in segments `definitions-<number>.jsonl`. A segment begins with everything
//! known at one point and goes on with what became known after it. Once it has outgrown its beginning, the next segment
//! starts and the oldest are removed. So the journal also serves a checkpoint that is older than its newest line.
//!
//! Contract: revisions are durable before a checkpoint after them is saved. A stream that resumes at a checkpoint finds
//! the definitions as they were there; later revisions are cut off, since the stream meets their statements again.
//!
//! Every file says of which server and of which incarnation of its binlogs it speaks, and so does every revision. What
//! speaks of others than the checkpoint is not believed.

mod line;
mod segment;
#[cfg(test)]
mod tests;
mod told;

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checked_line;
use super::durable::{self, DurableFile};
use super::{StateError, StateFolder};
use crate::binlog::Coordinates;
use crate::change::definition::Schemas;
use crate::change::{Checkpoint, Point, Revision};
use crate::fault::FileRole;
use line::WrittenState;
use segment::{SegmentContents, SegmentHeader, VERSION};

const PREFIX: &str = "definitions-";
const SUFFIX: &str = ".jsonl";
/// How many segments are kept, including the one being written.
const SEGMENTS_MAX: usize = 4;
/// A segment takes at least this many bytes on top of those it began with.
const GROWTH_BYTES_MIN: u64 = 1 << 20;

/// The journal of a running connector.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    file: DurableFile,
    /// The numbers of the segments; the last is being written.
    segments: VecDeque<u64>,
    /// Those of before, which do not lead up to these.
    earlier: Vec<u64>,
    header: SegmentHeader,
    /// What is known after the last revision.
    schemas: Schemas,
    snapshot_bytes: u64,
    bytes: u64,
    growth_bytes_min: u64,
    scratch: Vec<u8>,
}

/// A journal that reaches back to the checkpoint at which a stream resumes.
#[derive(Debug)]
pub struct ResumedJournal {
    /// The journal, ready to be written from there on.
    pub journal: Journal,
    /// What was known there.
    pub schemas: Schemas,
    /// What was read from the source, or told by a person, for later places; the stream may need it when it gets
    /// there.
    pub ahead: Vec<Revision>,
}

/// The definitions at one place, according to the journal.
#[derive(Debug)]
pub struct PastDefinitions {
    /// From where on they hold: the place of the revision that came last.
    pub since: Point,
    /// The definitions.
    pub schemas: Schemas,
}

impl Journal {
    /// Opens the journal for a stream that resumes at a checkpoint; `None` if it does not reach back that far, belongs to
    /// another source, or does not exist. What was carried over to a server at which no checkpoint was saved is removed.
    ///
    /// # Errors
    /// `StateError::Journal` for a damaged line, unless it is the last one and merely torn; `StateError::Io`.
    pub fn open(
        folder: &StateFolder,
        from: &Checkpoint,
    ) -> Result<Option<ResumedJournal>, StateError> {
        let folder = folder.path();
        let mut numbers: VecDeque<u64> = numbers(folder)?.into();
        let mut later = Vec::new();
        while let Some(number) = numbers.pop_back() {
            let header = segment::header(&path_of(folder, number))?;
            if !header.is_of(from) || header.at > from.coordinates {
                later.push(number);
                continue;
            }
            numbers.push_back(number);
            let path = path_of(folder, number);
            let Some(contents) = segment::read(&path, Some(&from.coordinates))? else {
                return Ok(None);
            };
            for number in later {
                remove(&path_of(folder, number))?;
            }
            return Self::resume(folder, numbers, contents, &from.coordinates).map(Some);
        }
        Ok(None)
    }

    /// Starts afresh at a checkpoint with what is known there. Earlier segments serve a checkpoint before it until
    /// [`Self::forget_earlier`] removes them.
    ///
    /// # Errors
    /// `StateError::Io` where the folder cannot be written.
    pub fn begin(
        folder: &StateFolder,
        at: &Checkpoint,
        lower_case_table_names: u8,
        schemas: &Schemas,
    ) -> Result<Self, StateError> {
        let folder = folder.path();
        let earlier = numbers(folder)?;
        let number = earlier.last().map_or(1, |last| last + 1);
        let header = SegmentHeader::new(&at.point(), lower_case_table_names, 0);
        let begun = Self::write_segment(folder, number, VecDeque::new(), header, schemas.clone());
        Ok(Self { earlier, ..begun? })
    }

    /// Removes what was there before it was started afresh, now that the checkpoint is saved at which that was.
    ///
    /// # Errors
    /// `StateError::Io` where a file cannot be removed.
    pub fn forget_earlier(&mut self) -> Result<(), StateError> {
        for number in self.earlier.drain(..) {
            remove(&path_of(&self.folder, number))?;
        }
        Ok(())
    }

    /// Removes a connector's journal, which says nothing of what came after its end. What a person told stays.
    ///
    /// # Errors
    /// `StateError::Io` where a file cannot be removed.
    pub fn discard(folder: &StateFolder) -> Result<(), StateError> {
        let folder = folder.path();
        for number in numbers(folder)? {
            remove(&path_of(folder, number))?;
        }
        Ok(())
    }

    /// Whether it is of the binlogs that a checkpoint is of.
    pub fn is_of(&self, checkpoint: &Checkpoint) -> bool {
        self.header.is_of(checkpoint)
    }

    /// Goes on at a checkpoint of another server, or of another incarnation, with what is known there. Until a checkpoint
    /// there is saved, the journal still serves one before it.
    ///
    /// # Errors
    /// `StateError::Io` where the folder cannot be written.
    pub fn carry_over(
        self,
        at: &Checkpoint,
        lower_case_table_names: u8,
        schemas: &Schemas,
    ) -> Result<Self, StateError> {
        let number = self.segments.back().map_or(1, |last| last + 1);
        let header = SegmentHeader::new(&at.point(), lower_case_table_names, 0);
        Self::write_segment(&self.folder, number, self.segments, header, schemas.clone())
    }

    /// Adds revisions, in stream order; they are durable on return.
    ///
    /// # Errors
    /// `StateError::Io` if the file cannot be written; the next start cuts off a torn line.
    pub fn append(&mut self, revisions: &[Revision]) -> Result<(), StateError> {
        let Some(last) = revisions.last() else {
            return Ok(());
        };
        self.scratch.clear();
        for revision in revisions {
            line::write_revision(revision, &mut self.scratch);
            for change in &revision.changes {
                self.schemas.record(change);
            }
        }
        self.file.write(&self.scratch)?;
        self.file.sync_data()?;
        self.bytes += self.scratch.len() as u64;
        let grown = self.bytes.saturating_sub(self.snapshot_bytes);
        let is_old = self.header.journal != VERSION;
        if is_old || grown > self.growth_bytes_min.max(self.snapshot_bytes) {
            self.rotate(&last.at)?;
        }
        self.scratch.shrink_to(64 * 1024);
        Ok(())
    }

    /// Reads what a connector knew at a place in the binlogs of its journal, or at the journal's end, without locking its
    /// folder. `None` if there is no journal that is believed, or it does not reach back that far.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn peek(
        state_dir: &Path,
        connector: &str,
        at: Option<&Coordinates>,
    ) -> Result<Option<PastDefinitions>, StateError> {
        let folder = state_dir.join(connector);
        let mut lineage = None;
        for number in numbers(&folder)?.into_iter().rev() {
            let path = path_of(&folder, number);
            let header = match segment::header(&path) {
                Ok(header) => header,
                // The running connector has just removed it.
                Err(StateError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {
                    continue;
                }
                Err(error) => return Err(error),
            };
            if *lineage.get_or_insert_with(|| header.lineage()) != header.lineage() {
                return Ok(None);
            }
            if at.is_some_and(|at| header.at > *at) {
                continue;
            }
            let Some(contents) = segment::read(&path, at)? else {
                return Ok(None);
            };
            let begin = || Point::new(&Arc::new(header.lineage()), header.at.clone());
            return Ok(Some(PastDefinitions {
                since: contents.last.map_or_else(begin, |last| last.at),
                schemas: contents.schemas,
            }));
        }
        Ok(None)
    }

    /// Where the journal begins; `None` if there is none.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn oldest(state_dir: &Path, connector: &str) -> Result<Option<Coordinates>, StateError> {
        let folder = state_dir.join(connector);
        let mut oldest: Option<SegmentHeader> = None;
        for number in numbers(&folder)?.into_iter().rev() {
            let header = segment::header(&path_of(&folder, number))?;
            if oldest
                .as_ref()
                .is_some_and(|newer| newer.lineage() != header.lineage())
            {
                break;
            }
            oldest = Some(header);
        }
        Ok(oldest.map(|header| header.at))
    }

    /// Keeps a definition that a person told, for a group that the stream has yet to reach.
    ///
    /// # Errors
    /// `StateError::Journal` where those told before are damaged, `StateError::Io`.
    pub fn tell(folder: &StateFolder, revision: &Revision) -> Result<(), StateError> {
        told::add(folder.path(), revision)
    }

    /// What a person told for places at a checkpoint or after it, for a stream that resumes there without a journal.
    ///
    /// # Errors
    /// `StateError::Journal` where it is damaged, `StateError::Io`.
    pub fn told_ahead(
        folder: &StateFolder,
        from: &Checkpoint,
    ) -> Result<Vec<Revision>, StateError> {
        told::read_ahead(folder.path(), &Arc::new(from.lineage()), &from.coordinates)
    }

    /// All that a person told a connector, without locking its folder.
    ///
    /// # Errors
    /// As [`Journal::told_ahead`].
    pub fn told(state_dir: &Path, connector: &str) -> Result<Vec<Revision>, StateError> {
        told::read(&state_dir.join(connector), &Arc::default())
    }

    /// All that a person told, as the text of its file.
    ///
    /// # Errors
    /// `StateError::Io` where it cannot be read.
    pub fn told_text(folder: &StateFolder) -> Result<Vec<u8>, StateError> {
        told::text(folder.path())
    }

    /// Adds what is in such a text and was not told here; durable on return.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be read or written.
    pub fn tell_again(folder: &StateFolder, text: &[u8]) -> Result<(), StateError> {
        told::add_lines(folder.path(), text)
    }

    /// Forgets everything told: the stream begins elsewhere.
    ///
    /// # Errors
    /// `StateError::Io` where it cannot be removed.
    pub fn forget_told(folder: &StateFolder) -> Result<(), StateError> {
        told::remove(folder.path())
    }

    fn resume(
        folder: &Path,
        segments: VecDeque<u64>,
        contents: SegmentContents,
        from: &Coordinates,
    ) -> Result<ResumedJournal, StateError> {
        let number = segments.back().copied().unwrap_or_default();
        let path = path_of(folder, number);
        let mut file = DurableFile::open(&path, FileRole::Journal)?;
        if file.length()? != contents.bytes {
            // A last line may be whole but for its line feed, which is then added.
            file.cut(contents.bytes.saturating_sub(1))?;
            file.write(b"\n")?;
            file.sync_all()?;
        }
        let SegmentContents {
            header,
            schemas,
            ahead,
            snapshot_bytes,
            bytes,
            ..
        } = contents;
        let journal = Self {
            folder: folder.to_owned(),
            file,
            segments,
            earlier: Vec::new(),
            header,
            schemas: schemas.clone(),
            snapshot_bytes,
            bytes,
            growth_bytes_min: GROWTH_BYTES_MIN,
            scratch: Vec::new(),
        };
        let mut ahead: Vec<Revision> = ahead
            .into_iter()
            .filter(|revision| revision.statement.is_none())
            .collect();
        let own = Arc::new(journal.header.lineage());
        ahead.extend(told::read_ahead(folder, &own, from)?);
        Ok(ResumedJournal {
            journal,
            schemas,
            ahead,
        })
    }

    fn rotate(&mut self, at: &Point) -> Result<(), StateError> {
        let number = self.segments.back().map_or(1, |last| last + 1);
        let header = SegmentHeader::new(at, self.header.lower_case_table_names, 0);
        let schemas = std::mem::take(&mut self.schemas);
        let segments = std::mem::take(&mut self.segments);
        let growth_bytes_min = self.growth_bytes_min;
        *self = Self::write_segment(&self.folder, number, segments, header, schemas)?;
        self.growth_bytes_min = growth_bytes_min;
        while self.segments.len() > SEGMENTS_MAX {
            if let Some(oldest) = self.segments.pop_front() {
                remove(&path_of(&self.folder, oldest))?;
            }
        }
        Ok(())
    }

    fn write_segment(
        folder: &Path,
        number: u64,
        mut segments: VecDeque<u64>,
        mut header: SegmentHeader,
        schemas: Schemas,
    ) -> Result<Self, StateError> {
        let changes = schemas.changes();
        header.tables = changes.len();
        header.partial = schemas.is_partial();
        let mut text = Vec::new();
        checked_line::write(&header, &mut text);
        for change in &changes {
            let at = &header.at;
            let changes = [change];
            checked_line::write(&WrittenState { at, changes }, &mut text);
        }
        let in_folder = (folder, FileRole::StateFolder);
        let file = durable::replace(in_folder, &name_of(number), FileRole::Journal, &text)?;
        segments.push_back(number);
        Ok(Self {
            folder: folder.to_owned(),
            file,
            segments,
            earlier: Vec::new(),
            header,
            schemas,
            snapshot_bytes: text.len() as u64,
            bytes: text.len() as u64,
            growth_bytes_min: GROWTH_BYTES_MIN,
            scratch: Vec::new(),
        })
    }
}

fn name_of(number: u64) -> String {
    format!("{PREFIX}{number:08}{SUFFIX}")
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(name_of(number))
}

fn remove(path: &Path) -> Result<(), StateError> {
    Ok(durable::remove(path, FileRole::Journal)?)
}

/// The numbers of a folder's segments, in order; none if there is no such folder.
fn numbers(folder: &Path) -> Result<Vec<u64>, StateError> {
    let mut numbers = Vec::new();
    for name in durable::names(folder, FileRole::StateFolder)? {
        let digits = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
