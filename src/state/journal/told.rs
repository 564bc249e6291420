//! Told definitions: those that a person supplied, for groups where rowtap could not find them out.
//!
//! A file of its own next to the segments, one revision a line, replaced as a whole.

use std::path::Path;
use std::sync::Arc;

use super::super::{StateError, durable};
use super::line::{self, ReadRevision};
use crate::binlog::Coordinates;
use crate::change::{Lineage, Revision};
use crate::fault::FileRole;

const NAME: &str = "told-definitions.jsonl";
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What was told, in the order in which it was. Lines that do not say whose coordinates they have, have those of `own`.
pub(super) fn read(folder: &Path, own: &Arc<Lineage>) -> Result<Vec<Revision>, StateError> {
    let path = folder.join(NAME);
    let bytes = text(folder)?;
    let lines = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").ok_or("it has no end"));
    let mut told = Vec::new();
    for (index, text) in lines.enumerate() {
        let damaged = |reason: String| StateError::Journal {
            path: path.clone(),
            line: index + 1,
            reason,
        };
        let text = text.map_err(|reason| damaged(reason.to_owned()))?;
        let revision = line::read::<ReadRevision>(text).and_then(|line| line.revision(own));
        told.push(revision.map_err(damaged)?);
    }
    Ok(told)
}

/// As [`read`], for places from one on.
pub(super) fn read_ahead(
    folder: &Path,
    own: &Arc<Lineage>,
    from: &Coordinates,
) -> Result<Vec<Revision>, StateError> {
    let mut told = read(folder, own)?;
    told.retain(|told| told.at.coordinates >= *from);
    Ok(told)
}

/// What was told, as text.
pub(super) fn text(folder: &Path) -> Result<Vec<u8>, StateError> {
    let path = folder.join(NAME);
    let bytes = durable::read(&path, FileRole::ToldDefinitions, FILE_BYTES_MAX)?;
    Ok(bytes.unwrap_or_default())
}

/// Adds the lines of such a text that are not there; durable on return.
pub(super) fn add_lines(folder: &Path, lines: &[u8]) -> Result<(), StateError> {
    let mut all = text(folder)?;
    let mut is_same = true;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let mut own = all.split_inclusive(|byte| *byte == b'\n');
        if !own.any(|own| own == line) {
            all.extend_from_slice(line);
            is_same = false;
        }
    }
    if !is_same {
        let folder = (folder, FileRole::StateFolder);
        durable::replace(folder, NAME, FileRole::ToldDefinitions, &all)?;
    }
    Ok(())
}

/// Adds one; it is durable on return.
pub(super) fn add(folder: &Path, revision: &Revision) -> Result<(), StateError> {
    let mut text = Vec::new();
    for told in read(folder, &revision.at.lineage)?.iter().chain([revision]) {
        line::write_revision(told, &mut text);
    }
    let folder = (folder, FileRole::StateFolder);
    durable::replace(folder, NAME, FileRole::ToldDefinitions, &text)?;
    Ok(())
}

/// Forgets everything.
pub(super) fn remove(folder: &Path) -> Result<(), StateError> {
    let path = folder.join(NAME);
    Ok(durable::remove_if_there(&path, FileRole::ToldDefinitions)?)
}
