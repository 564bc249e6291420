//! One file of the journal: what was known at one place, and what became known since.
//!
//! | line | content |
//! |---|---|
//! | 1 | the header: `at`, the server, the incarnation of its binlogs, how many lines of state follow |
//! | the next so many | the state at that place, a change a line |
//! | the rest | a revision a line, in stream order, with its server and the incarnation of its binlogs |
//!
//! The header and the state are written under another name and renamed, so that only revisions after them can be torn.
//! In version 1 no line told an incarnation, and revisions no server: they were of the first, and of the header's.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::StateError;
use super::super::durable::{DurableFile, FileError};
use super::line::{self, ReadRevision};
use crate::binlog::Coordinates;
use crate::change::definition::Schemas;
use crate::change::{Checkpoint, Lineage, Point, Revision};
use crate::fault::{FileRole, FileStep};

/// The version of this layout.
pub(super) const VERSION: u32 = 2;
/// The longest line that is read.
const LINE_BYTES_MAX: usize = 256 << 20;

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentHeader {
    /// Where the state that follows was that of the stream.
    pub(super) at: Coordinates,
    /// The version of the layout.
    pub(super) journal: u32,
    /// The source's `server_uuid`; MariaDB has none.
    pub(super) server_uuid: Option<Uuid>,
    /// The source's `server_id`.
    pub(super) server_id: u32,
    /// The incarnation of its binlogs; absent in version 1.
    #[serde(default)]
    pub(super) incarnation: u64,
    /// The source's `lower_case_table_names`.
    pub(super) lower_case_table_names: u8,
    /// How many lines of state follow.
    pub(super) tables: usize,
    /// Whether there may have been tables of which nothing told when the journal was begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) partial: bool,
}

impl SegmentHeader {
    /// Begins a segment of this version at a point.
    pub(super) fn new(at: &Point, lower_case_table_names: u8, tables: usize) -> Self {
        let Lineage {
            server_uuid,
            server_id,
            incarnation,
        } = *at.lineage;
        Self {
            at: at.coordinates.clone(),
            journal: VERSION,
            server_uuid,
            server_id,
            incarnation,
            lower_case_table_names,
            tables,
            partial: false,
        }
    }

    /// Whose binlogs it speaks of.
    pub(super) fn lineage(&self) -> Lineage {
        Lineage {
            server_uuid: self.server_uuid,
            server_id: self.server_id,
            incarnation: self.incarnation,
        }
    }

    /// Whether it speaks of the checkpoint's source.
    pub(super) fn is_of(&self, checkpoint: &Checkpoint) -> bool {
        self.lineage() == checkpoint.lineage()
    }
}

/// What a segment says of the definitions at one place.
#[derive(Debug)]
pub(super) struct SegmentContents {
    pub(super) header: SegmentHeader,
    /// The state there.
    pub(super) schemas: Schemas,
    /// The last revision that is part of it.
    pub(super) last: Option<Revision>,
    /// Revisions after the place.
    pub(super) ahead: Vec<Revision>,
    /// Bytes of the header and the state it came with.
    pub(super) snapshot_bytes: u64,
    /// Bytes of all that is part of the state.
    pub(super) bytes: u64,
}

/// Reads the header alone.
pub(super) fn header(path: &Path) -> Result<SegmentHeader, StateError> {
    SegmentLines::open(path)?.header()
}

/// Reads a segment up to a place in its header's binlogs; to its end if none is given. `None` if a line belongs to other
/// binlogs than the header: what it says then is not believed.
///
/// A torn last line is passed over, unless it stands before `upto`: what did was durable before that place was saved.
pub(super) fn read(
    path: &Path,
    upto: Option<&Coordinates>,
) -> Result<Option<SegmentContents>, StateError> {
    let mut lines = SegmentLines::open(path)?;
    let header = lines.header()?;
    let lineage = Arc::new(header.lineage());
    let mut contents = SegmentContents {
        schemas: beginning(&header),
        last: None,
        ahead: Vec::new(),
        snapshot_bytes: 0,
        bytes: 0,
        header,
    };
    for _ in 0..contents.header.tables {
        let revision = lines
            .revision(None, &lineage)?
            .ok_or_else(|| lines.damaged("a line of the state is missing".to_owned()))?;
        if !revision.at.is_of_lineage(&lineage) {
            return Ok(None);
        }
        contents.take(&revision);
    }
    contents.snapshot_bytes = lines.offset;
    contents.bytes = lines.offset;
    let mut reached = contents.header.at.clone();
    while let Some(revision) = lines.revision(Some(upto), &lineage)? {
        if !revision.at.is_of_lineage(&lineage) {
            return Ok(None);
        }
        let at = &revision.at.coordinates;
        if *at < reached {
            let reason = format!("it stands at {at}, after one at {reached}");
            return Err(lines.damaged(reason));
        }
        reached.clone_from(at);
        if upto.is_some_and(|upto| *at > *upto) {
            contents.ahead.push(revision);
            continue;
        }
        contents.take(&revision);
        contents.last = Some(revision);
        contents.bytes = lines.offset;
    }
    Ok(Some(contents))
}

impl SegmentContents {
    fn take(&mut self, revision: &Revision) {
        for change in &revision.changes {
            self.schemas.record(change);
        }
    }
}

struct SegmentLines<'a> {
    path: &'a Path,
    reader: BufReader<DurableFile>,
    line: Vec<u8>,
    number: usize,
    /// The end of the line read last.
    offset: u64,
}

impl<'a> SegmentLines<'a> {
    fn open(path: &'a Path) -> Result<Self, StateError> {
        let file = DurableFile::open_to_read(path, FileRole::Journal)?;
        Ok(Self {
            path,
            reader: BufReader::with_capacity(256 * 1024, file),
            line: Vec::new(),
            number: 0,
            offset: 0,
        })
    }

    fn header(&mut self) -> Result<SegmentHeader, StateError> {
        let header: SegmentHeader = self
            .next(None)?
            .ok_or_else(|| self.damaged("it is empty".to_owned()))?;
        if !(1..=VERSION).contains(&header.journal) {
            let found = header.journal;
            return Err(self.damaged(format!(
                "it has version {found}, expected 1 or {VERSION}, run the rowtap that wrote it or a newer one"
            )));
        }
        Ok(header)
    }

    /// The next line as a revision, see [`SegmentLines::next`]. One that does not say whose coordinates it has, has those
    /// of `own`.
    fn revision(
        &mut self,
        may_be_torn: Option<Option<&Coordinates>>,
        own: &Arc<Lineage>,
    ) -> Result<Option<Revision>, StateError> {
        let line: Option<ReadRevision> = self.next(may_be_torn)?;
        let revision = line.map(|line| line.revision(own)).transpose();
        revision.map_err(|reason| self.damaged(reason))
    }

    /// The next line; `None` at the end, or for a last line that was torn where `may_be_torn` allows it: the place up to
    /// which nothing can be.
    fn next<T: serde::de::DeserializeOwned>(
        &mut self,
        may_be_torn: Option<Option<&Coordinates>>,
    ) -> Result<Option<T>, StateError> {
        self.line.clear();
        let mut limited = std::io::Read::take(&mut self.reader, LINE_BYTES_MAX as u64);
        let length = limited
            .read_until(b'\n', &mut self.line)
            .map_err(|source| FileError {
                step: FileStep::Read,
                path: self.path.to_owned(),
                source,
            })?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ended = self.line.strip_suffix(b"\n");
        let text = ended.unwrap_or(&self.line);
        match (line::read(text), ended, may_be_torn) {
            // Whole but for its line feed, which is written with the next one.
            (Ok(value), _, _) => {
                self.offset += text.len() as u64 + 1;
                Ok(Some(value))
            }
            (Err(_), None, Some(upto)) if !is_needed(text, upto) => Ok(None),
            (Err(reason), _, _) => Err(self.damaged(reason)),
        }
    }

    fn damaged(&self, reason: String) -> StateError {
        StateError::Journal {
            path: self.path.to_owned(),
            line: self.number.max(1),
            reason,
        }
    }
}

/// Whether a torn line stands at or before a place that was saved after it.
fn is_needed(torn: &[u8], upto: Option<&Coordinates>) -> bool {
    match (line::place_of_torn(torn), upto) {
        (Some(at), Some(upto)) => at <= *upto,
        (None, _) | (_, None) => false,
    }
}

/// What is known before the first line of state.
fn beginning(header: &SegmentHeader) -> Schemas {
    let mut schemas = Schemas::new(header.lower_case_table_names);
    if header.partial {
        schemas.assume_partial();
    }
    schemas
}
