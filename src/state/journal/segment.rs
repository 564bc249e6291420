//! One file of the journal: what was known at one place, and what became known since.
//!
//! | line | content |
//! |---|---|
//! | 1 | the header: `at`, the source, how many lines of state follow |
//! | the next so many | the state at that place, a revision a line |
//! | the rest | a revision a line, in stream order |
//!
//! The header and the state are written under another name and renamed, so that only revisions behind them can be torn.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::StateError;
use super::super::durable::{DurableFile, FileError};
use super::line;
use crate::binlog::Coordinates;
use crate::change::definition::Schemas;
use crate::change::{Checkpoint, Revision};
use crate::fault::{FileRole, FileStep};

/// The version of this layout.
pub(super) const VERSION: u32 = 1;
/// The longest line that is read.
const LINE_BYTES_MAX: usize = 256 << 20;

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Where the state that follows was that of the stream.
    pub(super) at: Coordinates,
    /// The version of the layout.
    pub(super) journal: u32,
    /// The source's `server_uuid`; MariaDB has none.
    pub(super) server_uuid: Option<Uuid>,
    /// The source's `server_id`.
    pub(super) server_id: u32,
    /// The source's `lower_case_table_names`.
    pub(super) lower_case_table_names: u8,
    /// How many lines of state follow.
    pub(super) tables: usize,
}

impl Header {
    /// Whether it speaks of the checkpoint's source.
    pub(super) fn is_of(&self, checkpoint: &Checkpoint) -> bool {
        self.server_uuid == checkpoint.server_uuid && self.server_id == checkpoint.server_id
    }
}

/// What a segment says of the definitions at one place.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) header: Header,
    /// The state there.
    pub(super) schemas: Schemas,
    /// The last revision that is part of it.
    pub(super) last: Option<Revision>,
    /// Revisions behind the place.
    pub(super) ahead: Vec<Revision>,
    /// Bytes of the header and the state it came with.
    pub(super) snapshot_bytes: u64,
    /// Bytes of all that is part of the state.
    pub(super) bytes: u64,
}

/// Reads the header alone.
pub(super) fn header(path: &Path) -> Result<Header, StateError> {
    Lines::open(path)?.header()
}

/// Reads a segment up to a place; to its end if none is given.
///
/// A torn last line is passed over, unless it stands before `upto`: what did was durable before that place was saved.
pub(super) fn read(path: &Path, upto: Option<&Coordinates>) -> Result<Contents, StateError> {
    let mut lines = Lines::open(path)?;
    let header = lines.header()?;
    let mut contents = Contents {
        schemas: Schemas::new(header.lower_case_table_names),
        last: None,
        ahead: Vec::new(),
        snapshot_bytes: 0,
        bytes: 0,
        header,
    };
    for _ in 0..contents.header.tables {
        let revision: Revision = lines
            .next(None)?
            .ok_or_else(|| lines.damaged("a line of the state is missing".to_owned()))?;
        contents.take(&revision);
    }
    contents.snapshot_bytes = lines.offset;
    contents.bytes = lines.offset;
    let mut reached = contents.header.at.clone();
    while let Some(revision) = lines.next::<Revision>(Some(upto))? {
        if revision.at < reached {
            let reason = format!("it stands at {}, behind one at {reached}", revision.at);
            return Err(lines.damaged(reason));
        }
        reached = revision.at.clone();
        if upto.is_some_and(|upto| revision.at > *upto) {
            contents.ahead.push(revision);
            continue;
        }
        contents.take(&revision);
        contents.last = Some(revision);
        contents.bytes = lines.offset;
    }
    Ok(contents)
}

impl Contents {
    fn take(&mut self, revision: &Revision) {
        for change in &revision.changes {
            self.schemas.record(change);
        }
    }
}

struct Lines<'a> {
    path: &'a Path,
    reader: BufReader<DurableFile>,
    line: Vec<u8>,
    number: usize,
    /// Behind the line read last.
    offset: u64,
}

impl<'a> Lines<'a> {
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

    fn header(&mut self) -> Result<Header, StateError> {
        let header: Header = self
            .next(None)?
            .ok_or_else(|| self.damaged("it is empty".to_owned()))?;
        if header.journal != VERSION {
            let found = header.journal;
            return Err(self.damaged(format!(
                "it has version {found}, expected {VERSION}, run the rowtap that wrote it or a newer one"
            )));
        }
        Ok(header)
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

/// Whether a torn line stands at or before a place that was saved behind it.
fn is_needed(torn: &[u8], upto: Option<&Coordinates>) -> bool {
    match (line::place_of_torn(torn), upto) {
        (Some(at), Some(upto)) => at <= *upto,
        (None, _) | (_, None) => false,
    }
}
