//! The file of the history: what is kept of the source's binlogs, so that no start has to read them again.
//!
//! | line | content |
//! |---|---|
//! | 1 | the header: the version, the server, the incarnation of its binlogs |
//! | the rest | a [`Stretch`] a line, in the order in which they were read |
//!
//! It is a copy of what the source has. A file that is damaged, or speaks of other binlogs, is emptied; nothing is synced, for
//! what a crash takes is read again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::checked_line;
use super::durable::{self, DurableFile, FileError};
use super::folder::StateFolder;
use crate::change::Lineage;
use crate::change::history::Stretch;
use crate::fault::FileRole;

/// The file's name.
const NAME: &str = "history.jsonl";
const VERSION: u32 = 1;
/// The longest file that is read.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Bytes by which the file may grow before it is rewritten, besides what it began with.
const GROWTH_BYTES_MIN: u64 = 1 << 20;

/// The open file.
#[derive(Debug)]
pub struct HistoryFile {
    folder: PathBuf,
    header: HistoryHeader,
    /// `None` once it could not be written.
    file: Option<DurableFile>,
    /// Bytes with which it began.
    begun_bytes: u64,
    bytes: u64,
    scratch: Vec<u8>,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HistoryHeader {
    history: u32,
    server_uuid: Option<Uuid>,
    server_id: u32,
    incarnation: u64,
}

impl HistoryFile {
    /// Opens a connector's file, or begins it, and hands out what it keeps of these binlogs. A file that cannot be read is
    /// begun anew; one that cannot be written is done without.
    pub fn open(folder: &StateFolder, lineage: &Lineage) -> (Self, Vec<Stretch>) {
        let mut opened = Self {
            folder: folder.path().to_owned(),
            header: HistoryHeader {
                history: VERSION,
                server_uuid: lineage.server_uuid,
                server_id: lineage.server_id,
                incarnation: lineage.incarnation,
            },
            file: None,
            begun_bytes: 0,
            bytes: 0,
            scratch: Vec::new(),
        };
        let kept = match opened.read() {
            Ok(Some(kept)) => kept,
            Ok(None) => {
                opened.rewrite([].into_iter());
                Vec::new()
            }
            Err(error) => {
                opened.give_up(&error);
                Vec::new()
            }
        };
        (opened, kept)
    }

    /// Adds stretches at the end.
    pub fn append<'a>(&mut self, stretches: impl Iterator<Item = &'a Stretch>) {
        let Some(file) = &mut self.file else {
            return;
        };
        self.scratch.clear();
        for stretch in stretches {
            checked_line::write(stretch, &mut self.scratch);
        }
        self.bytes += self.scratch.len() as u64;
        if let Err(error) = file.write(&self.scratch) {
            self.give_up(&error);
        }
    }

    /// Puts these stretches in the place of all that it has.
    pub fn rewrite<'a>(&mut self, stretches: impl Iterator<Item = &'a Stretch>) {
        self.scratch.clear();
        checked_line::write(&self.header, &mut self.scratch);
        for stretch in stretches {
            checked_line::write(stretch, &mut self.scratch);
        }
        let folder = (&*self.folder, FileRole::StateFolder);
        match durable::replace(folder, NAME, FileRole::History, &self.scratch) {
            Ok(file) => {
                self.file = Some(file);
                self.bytes = self.scratch.len() as u64;
                self.begun_bytes = self.bytes;
            }
            Err(error) => self.give_up(&error),
        }
        self.scratch = Vec::new();
    }

    /// Whether it has grown so far that it is worth rewriting.
    pub fn is_overgrown(&self) -> bool {
        let growth = self.bytes.saturating_sub(self.begun_bytes);
        growth > GROWTH_BYTES_MIN && growth > self.begun_bytes
    }

    /// Reads it, and cuts off a last line that was torn; `None` if there is none of these binlogs.
    fn read(&mut self) -> Result<Option<Vec<Stretch>>, FileError> {
        let path = self.folder.join(NAME);
        let Some(bytes) = durable::read(&path, FileRole::History, FILE_BYTES_MAX)? else {
            return Ok(None);
        };
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let header = lines.next().and_then(read_line::<HistoryHeader>);
        if header.as_ref() != Some(&self.header) {
            let reason = match header {
                Some(_) => "it is of other binlogs, or of another version",
                None => "its header is damaged",
            };
            warn!(file = %path.display(), reason, "what was kept of the source's binlogs is dropped, to be read again");
            return Ok(None);
        }
        let mut kept = Vec::new();
        let mut whole = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        for line in lines {
            let Some(stretch) = read_line::<Stretch>(line) else {
                break;
            };
            whole += line.len();
            kept.push(stretch);
        }
        let mut file = DurableFile::open(&path, FileRole::History)?;
        if whole != bytes.len() {
            let lost_bytes = bytes.len() - whole;
            warn!(file = %path.display(), lost_bytes, "the end of what was kept of the source's binlogs is damaged, it is cut off");
            file.cut(whole as u64)?;
        }
        self.bytes = whole as u64;
        self.begun_bytes = self.bytes;
        self.file = Some(file);
        Ok(Some(kept))
    }

    fn give_up(&mut self, error: &FileError) {
        warn!(
            error = error as &dyn std::error::Error,
            "what is kept of the source's binlogs cannot be written, the next start may have to read them again"
        );
        self.file = None;
    }
}

fn read_line<T: serde::de::DeserializeOwned>(line: &[u8]) -> Option<T> {
    let text = line.strip_suffix(b"\n")?;
    checked_line::verify(text).ok()?;
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;
    use crate::change::history::{EventMark, KeptEvent, KeptWhat, Sighting};
    use crate::row::TableName;

    fn stretch(from: u64, to: u64) -> Stretch {
        Stretch {
            file: "b.000001".into(),
            begun: 7,
            from,
            to,
            is_last: to == 900,
            format: std::sync::Arc::default(),
            mark: EventMark {
                at: to - 1,
                timestamp: 8,
                size: 1,
                crc32: 9,
            },
            events: vec![
                KeptEvent {
                    at: from,
                    what: KeptWhat::Statement(Box::from(&b"\0\xff'\n"[..])),
                },
                KeptEvent {
                    at: from + 1,
                    what: KeptWhat::Started(true),
                },
                KeptEvent {
                    at: from + 2,
                    what: KeptWhat::Doubt("why".into()),
                },
            ],
            tables: vec![Sighting {
                table: TableName::new("d", "t\u{e9}"),
                end: to,
                draft: "CREATE TABLE …".into(),
            }],
        }
    }

    fn open(dir: &Path, lineage: &Lineage) -> (HistoryFile, Vec<Stretch>) {
        let folder = StateFolder::open(dir, "shop").unwrap();
        HistoryFile::open(&folder, lineage)
    }

    #[test]
    fn what_was_appended_is_read_back_from_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let lineage = Lineage::default();
        let (mut file, kept) = open(dir.path(), &lineage);
        assert_eq!(kept, []);
        let all = [stretch(4, 100), stretch(100, 900)];
        file.append(all[..1].iter());
        file.append(all[1..].iter());
        assert_eq!(open(dir.path(), &lineage).1, all);
        let path = dir.path().join("shop").join(NAME);
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        file.rewrite(all[1..].iter());
        assert_eq!(open(dir.path(), &lineage).1, all[1..]);
    }

    #[test]
    fn every_cut_and_every_changed_byte_loses_only_what_stands_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let lineage = Lineage::default();
        let all = [stretch(4, 100), stretch(100, 900)];
        open(dir.path(), &lineage).0.append(all.iter());
        let path = dir.path().join("shop").join(NAME);
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[index] ^= 4;
            for damaged in [&whole[..index], &flipped] {
                fs::write(&path, damaged).unwrap();
                let (mut file, kept) = open(dir.path(), &lineage);
                assert!(all.starts_with(&kept) && kept.len() < 2, "{index}");
                // It goes on where it was cut.
                file.append(all[kept.len()..].iter());
                assert_eq!(open(dir.path(), &lineage).1, all, "{index}");
            }
        }
    }

    #[test]
    fn other_binlogs_begin_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lineage::default();
        open(dir.path(), &first).0.append([stretch(4, 100)].iter());
        let again = Lineage {
            incarnation: 1,
            ..first
        };
        assert_eq!(open(dir.path(), &again).1, []);
        assert_eq!(open(dir.path(), &first).1, []);
    }

    #[test]
    fn a_folder_that_takes_nothing_is_done_without() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = open(dir.path(), &Lineage::default());
        fs::remove_dir_all(dir.path().join("shop")).unwrap();
        file.rewrite([stretch(4, 100)].iter());
        file.append([stretch(100, 900)].iter());
        assert!(!file.is_overgrown());
        assert_eq!(open(dir.path(), &Lineage::default()).1, []);
    }
}
