//! One line of the journal, with its checksum: see [`checked_line`].

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::binlog::Coordinates;
use crate::change::definition::Change;
use crate::change::{Lineage, Point, Revision};
use crate::state::checked_line;

const AT_FIELD: &[u8] = b"{\"at\":";

/// A revision as it is written, with whose binlogs its coordinates are of.
#[derive(Serialize)]
struct WrittenRevision<'a> {
    at: &'a Coordinates,
    server_uuid: Option<Uuid>,
    server_id: u32,
    incarnation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gtid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<&'a str>,
    changes: &'a [Change],
}

/// A change that was known where a file of the journal begins; the file's header says in whose binlogs.
#[derive(Serialize)]
pub(super) struct WrittenState<'a> {
    pub(super) at: &'a Coordinates,
    pub(super) changes: [&'a Change; 1],
}

/// A revision as it is read.
#[derive(Deserialize)]
pub(super) struct ReadRevision {
    at: Coordinates,
    #[serde(default)]
    server_uuid: Option<Uuid>,
    #[serde(default)]
    server_id: Option<u32>,
    #[serde(default)]
    incarnation: Option<u64>,
    #[serde(default)]
    gtid: Option<Box<str>>,
    #[serde(default)]
    statement: Option<Box<str>>,
    changes: Vec<Change>,
}

impl ReadRevision {
    /// The revision. One that does not say whose coordinates it has, as none did in version 1, has those of `own`.
    ///
    /// # Errors
    /// When it says it in part.
    pub(super) fn revision(self, own: &Arc<Lineage>) -> Result<Revision, String> {
        let lineage = match (self.server_id, self.incarnation, self.server_uuid) {
            (None, None, None) => Arc::clone(own),
            (Some(server_id), Some(incarnation), server_uuid) => {
                let said = Lineage {
                    server_uuid,
                    server_id,
                    incarnation,
                };
                match said == **own {
                    true => Arc::clone(own),
                    false => Arc::new(said),
                }
            }
            (_, _, _) => {
                return Err("it names its server without server_id or incarnation".to_owned());
            }
        };
        Ok(Revision {
            at: Point::new(&lineage, self.at),
            gtid: self.gtid,
            statement: self.statement,
            changes: self.changes,
        })
    }
}

/// Appends a revision as a line.
pub(super) fn write_revision(revision: &Revision, out: &mut Vec<u8>) {
    let Point {
        lineage,
        coordinates,
    } = &revision.at;
    let written = WrittenRevision {
        at: coordinates,
        server_uuid: lineage.server_uuid,
        server_id: lineage.server_id,
        incarnation: lineage.incarnation,
        gtid: revision.gtid.as_deref(),
        statement: revision.statement.as_deref(),
        changes: &revision.changes,
    };
    checked_line::write(&written, out);
}

/// Reads a line, its line feed left out.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub(super) fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    checked_line::verify(line)?;
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// The coordinates that a cut line begins with, if it reaches that far.
pub(super) fn place_of_torn(line: &[u8]) -> Option<Coordinates> {
    let rest = line.strip_prefix(AT_FIELD)?;
    let end = rest.iter().position(|byte| *byte == b'}')?;
    serde_json::from_slice(rest.get(..=end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Sample {
        at: Coordinates,
        text: String,
    }

    fn sample() -> Sample {
        Sample {
            at: Coordinates::new("b.000007", 99),
            text: "é, \"crc32\":1}".to_owned(),
        }
    }

    #[test]
    fn a_line_is_read_back_and_no_other_bit_pattern_passes_for_it() {
        let mut line = Vec::new();
        checked_line::write(&sample(), &mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        assert_eq!(read::<Sample>(&line), Ok(sample()));
        for index in 0..line.len() {
            for bit in 0..8 {
                let mut damaged = line.clone();
                damaged[index] ^= 1 << bit;
                assert!(read::<Sample>(&damaged).is_err(), "byte {index}, bit {bit}");
            }
            assert!(read::<Sample>(&line[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn a_cut_line_tells_its_place_as_soon_as_it_holds_it() {
        let mut line = Vec::new();
        checked_line::write(&sample(), &mut line);
        let told: Vec<usize> = (0..line.len())
            .filter(|length| place_of_torn(&line[..*length]).is_some())
            .collect();
        assert_eq!(
            told.first(),
            Some(&r#"{"at":{"file":"b.000007","position":99}"#.len())
        );
        assert_eq!(place_of_torn(&line), Some(sample().at));
    }
}
