//! Reads as much of a file as tells a position, plain or compressed, and what it is.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::dump::{self, Scanned};
use super::error::{BackupError, BackupTrouble};
use super::kind::BackupKind;
use super::position::{BackupPosition, shortened};
use super::{info, status};
use crate::source::input::{Input, InputPath, OpenError};

/// The longest beginning of a dump, and the longest other file: GTID sets of long-lived clusters reach megabytes.
const BYTES_MAX: usize = 16 << 20;
/// Bytes that are read first; then as many as there are, again and again.
const FIRST_BYTES: usize = 64 << 10;

/// Bytes at the end of a dump in which its last comment is.
const END_BYTES: u64 = 4 << 10;
/// How the first comment of a dump with comments begins, and its last one.
const DUMP_COMMENTS: [&str; 2] = ["-- MySQL dump ", "-- MariaDB dump "];
/// Lines within which the first comment stands.
const FIRST_LINES: usize = 4;
const DUMP_COMPLETED: &[u8] = b"-- Dump completed";

/// Reads the position from a file. It blocks.
///
/// # Errors
/// What is wrong with the file.
pub(in crate::source) fn read(path: &Path) -> Result<BackupPosition, BackupError> {
    read_up_to(path, BYTES_MAX)
}

/// The same with another limit.
pub(super) fn read_up_to(path: &Path, bytes_max: usize) -> Result<BackupPosition, BackupError> {
    position(path, bytes_max).map_err(|trouble| BackupError {
        place: None,
        path: path.to_owned(),
        trouble,
    })
}

fn position(path: &Path, bytes_max: usize) -> Result<BackupPosition, BackupTrouble> {
    if fs::metadata(path)?.is_dir() {
        return Err(BackupTrouble::Folder);
    }
    let opened = Input::open(&InputPath::File(path.to_owned()));
    let (mut input, mut bytes) = opened.map_err(|error| match error {
        OpenError::Io(error) | OpenError::Compressed(error) => BackupTrouble::Io(error),
    })?;
    let mut room = FIRST_BYTES;
    loop {
        let (is_all, broken) = fill(&mut input, &mut bytes, room);
        if bytes.contains(&0) {
            return Err(BackupTrouble::NotText);
        }
        match (position_in(path, &bytes, is_all), broken) {
            // What cannot be decompressed further is a cut file; of a dump its beginning is enough.
            (Ok(Some(position)), Some(_)) if position.kind == BackupKind::Dump => {
                return Ok(position);
            }
            (Ok(_) | Err(BackupTrouble::Cut { .. }), Some(error)) => {
                return Err(BackupTrouble::Io(error));
            }
            (Ok(Some(position)), None) => {
                if position.kind == BackupKind::Dump && lacks_end(path, &mut input, &bytes)? {
                    return Err(BackupTrouble::Unfinished {
                        position: position.to_string(),
                    });
                }
                return Ok(position);
            }
            (Err(trouble), _) => return Err(trouble),
            (Ok(None), None) if bytes.len() >= bytes_max => {
                return Err(BackupTrouble::TooLong { max: bytes_max });
            }
            (Ok(None), None) => room = (2 * bytes.len()).clamp(FIRST_BYTES, bytes_max),
        }
    }
}

/// Whether the last comment of a dump with comments is missing. Of a compressed dump only as much is looked at as was read.
fn lacks_end(path: &Path, input: &mut Input, read: &[u8]) -> Result<bool, BackupTrouble> {
    let mut lines = read.split(|byte| *byte == b'\n').take(FIRST_LINES);
    let has_comments = lines.any(|line| {
        let begins = |comment: &&str| line.starts_with(comment.as_bytes());
        DUMP_COMMENTS.iter().any(begins)
    });
    if !has_comments || input.left(0).is_none() {
        return Ok(false);
    }
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(END_BYTES)))?;
    file.take(END_BYTES).read_to_end(&mut end)?;
    let is_completed = |window: &[u8]| window == DUMP_COMPLETED;
    Ok(!end.windows(DUMP_COMPLETED.len()).any(is_completed))
}

/// Reads up to `room` bytes in all. Returns whether these are all, and why there are no more if they cannot be read.
fn fill(input: &mut Input, bytes: &mut Vec<u8>, room: usize) -> (bool, Option<io::Error>) {
    loop {
        let missing = room.saturating_sub(bytes.len());
        if missing == 0 {
            return (false, None);
        }
        match input.append(missing as u64, bytes) {
            Ok(0) => return (true, None),
            Ok(_) => {}
            Err(error) => return (true, Some(error)),
        }
    }
}

/// Finds the position in a file's beginning; `None` if more of it must be read.
pub(super) fn position_in(
    path: &Path,
    bytes: &[u8],
    is_all: bool,
) -> Result<Option<BackupPosition>, BackupTrouble> {
    // A character may be cut where the bytes end, and names may be in any character set.
    let text = String::from_utf8_lossy(bytes);
    let Some(first) = text.lines().find(|line| !line.trim().is_empty()) else {
        return match is_all {
            true => Err(BackupTrouble::Cut {
                found: "nothing".to_owned(),
            }),
            false => Ok(None),
        };
    };
    if dump::is_statement(first) {
        return match dump::scan(&text, is_all)? {
            Scanned::Position(position) => Ok(Some(position)),
            Scanned::NeedsMore => Ok(None),
        };
    }
    if !is_all {
        return Ok(None);
    }
    if status::is_status(first) {
        return status::position(&text).map(Some);
    }
    if let Some(position) = info::position(path, &text)? {
        return Ok(Some(position));
    }
    Err(BackupTrouble::Unknown {
        found: shortened(first.trim()),
    })
}
