//! The manifest of a folder of data files: what of them counts, and the checkpoint that goes with it.
//!
//! One line a commit, each `{"files":[…],"checkpoint":{…},"crc32":N}`, where N is the CRC-32 (IEEE) of the line's bytes
//! before `,"crc32":`. A line names the files that changed since the line before it; the first line names all. The last
//! valid line is the checkpoint. Not for the data files themselves: see `folder`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::change::Checkpoint;
use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::durable::{self, DurableFile};

/// The manifest's name in its folder.
pub const NAME: &str = "manifest.jsonl";
const CRC_FIELD: &[u8] = b",\"crc32\":";
/// A manifest that has grown by this much since it was last rewritten is written anew, one line long.
const GROWTH_BYTES_MAX: u64 = 4 << 20;

/// A data file as the manifest records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the folder.
    pub file: String,
    /// How many of its bytes count.
    pub bytes: u64,
    /// How many lines those are.
    pub rows: u64,
    /// Whether nothing will be added any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    files: &'a [&'a FileEntry],
    checkpoint: &'a Checkpoint,
}

#[derive(Deserialize)]
struct ReadLine {
    files: Vec<FileEntry>,
    checkpoint: Checkpoint,
    #[expect(dead_code, reason = "checked as bytes before the line is parsed")]
    crc32: u32,
}

/// What a manifest says: the files by name, and the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestContents {
    /// Every file that counts.
    pub files: BTreeMap<String, FileEntry>,
    /// The checkpoint of the last valid line.
    pub checkpoint: Checkpoint,
}

/// An open manifest, to which commits are appended.
#[derive(Debug)]
pub struct Manifest {
    folder: PathBuf,
    file: DurableFile,
    contents: ManifestContents,
    growth_bytes: u64,
    line: Vec<u8>,
}

/// Reads a folder's manifest; `None` if there is none. A torn last line is passed over.
///
/// # Errors
/// A line that is damaged and not the last, a manifest without any valid line, or one that cannot be read.
pub fn read(folder: &Path) -> Result<Option<ManifestContents>, SinkError> {
    let path = folder.join(NAME);
    let Some(bytes) = durable::read(&path, FileRole::Manifest, u64::MAX)? else {
        return Ok(None);
    };
    match parse(&bytes) {
        Ok(contents) => Ok(Some(contents)),
        Err((line, reason)) => Err(SinkError::ManifestLine { path, line, reason }),
    }
}

/// The error is the number of the damaged line and what is wrong with it.
fn parse(bytes: &[u8]) -> Result<ManifestContents, (usize, String)> {
    let mut contents: Option<ManifestContents> = None;
    let mut damaged: Option<(usize, String)> = None;
    let mut torn: &[u8] = &[];
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        // Only the last append can be torn: what came before it was synced first.
        if let Some(damaged) = damaged {
            return Err(damaged);
        }
        match parse_line(line) {
            Ok(line) => {
                let contents = contents.get_or_insert_with(|| ManifestContents {
                    files: BTreeMap::new(),
                    checkpoint: line.checkpoint.clone(),
                });
                contents.checkpoint = line.checkpoint;
                let files = line.files.into_iter();
                contents
                    .files
                    .extend(files.map(|entry| (entry.file.clone(), entry)));
            }
            Err(reason) => {
                damaged = Some((index + 1, reason));
                torn = line;
            }
        }
    }
    // Two lines that became one are more than an append can tear.
    if torn
        .windows(CRC_FIELD.len())
        .filter(|w| *w == CRC_FIELD)
        .nth(1)
        .is_some()
    {
        contents = None;
    }
    // The first line is not appended but comes with the file, whole.
    contents.ok_or_else(|| damaged.unwrap_or((1, "it is empty".to_owned())))
}

fn parse_line(line: &[u8]) -> Result<ReadLine, String> {
    let line = line.strip_suffix(b"\n").ok_or("it has no end")?;
    let at = line
        .windows(CRC_FIELD.len())
        .rposition(|window| window == CRC_FIELD)
        .ok_or("it has no checksum")?;
    let (body, rest) = line.split_at_checked(at).ok_or("it has no checksum")?;
    let crc32: u32 = rest
        .strip_prefix(CRC_FIELD)
        .and_then(|rest| rest.strip_suffix(b"}"))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or("its checksum is no number")?;
    let found = crc32fast::hash(body);
    if found != crc32 {
        return Err(format!("its checksum is {found}, expected {crc32}"));
    }
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

fn print_line(line: &Line<'_>, out: &mut Vec<u8>) {
    out.clear();
    serde_json::to_writer(&mut *out, line).expect("a checkpoint has string keys only");
    let closing = out.pop();
    debug_assert_eq!(closing, Some(b'}'));
    let crc32 = crc32fast::hash(out);
    out.extend_from_slice(CRC_FIELD);
    out.extend_from_slice(itoa::Buffer::new().format(crc32).as_bytes());
    out.extend_from_slice(b"}\n");
}

impl Manifest {
    /// Makes the manifest say `contents` and nothing else, durably and at once: a crash leaves the old one or this one.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn create(folder: &Path, contents: ManifestContents) -> Result<Self, SinkError> {
        let mut line = Vec::new();
        let file = replace(folder, &contents, &mut line)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            contents,
            growth_bytes: 0,
            line,
        })
    }

    /// What has been committed.
    pub fn contents(&self) -> &ManifestContents {
        &self.contents
    }

    /// Commits: durably adds a line with the files that changed. The data it speaks of is durable already.
    ///
    /// # Errors
    /// What the file system refuses; whether the line counts then shows at the next start.
    pub fn commit(&mut self, changed: Vec<FileEntry>, upto: &Checkpoint) -> Result<(), SinkError> {
        let files: Vec<&FileEntry> = changed.iter().collect();
        let line = Line {
            files: &files,
            checkpoint: upto,
        };
        print_line(&line, &mut self.line);
        self.file.write(&self.line)?;
        self.file.sync_data()?;

        self.growth_bytes += u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        self.contents.checkpoint.clone_from(upto);
        let changed = changed.into_iter();
        self.contents
            .files
            .extend(changed.map(|entry| (entry.file.clone(), entry)));
        if self.growth_bytes > GROWTH_BYTES_MAX {
            self.file = replace(&self.folder, &self.contents, &mut self.line)?;
            self.growth_bytes = 0;
        }
        Ok(())
    }
}

/// Returns the new manifest, open for appending.
fn replace(
    folder: &Path,
    contents: &ManifestContents,
    line: &mut Vec<u8>,
) -> Result<DurableFile, SinkError> {
    let files: Vec<&FileEntry> = contents.files.values().collect();
    let all = Line {
        files: &files,
        checkpoint: &contents.checkpoint,
    };
    print_line(&all, line);

    let folder = (folder, FileRole::DataFolder);
    Ok(durable::replace(folder, NAME, FileRole::Manifest, line)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::binlog::{Coordinates, GtidSet};
    use crate::mysql::Flavour;

    fn checkpoint(position: u64) -> Checkpoint {
        Checkpoint {
            coordinates: Coordinates::new("binlog.000001", position),
            gtid_set: GtidSet::empty(Flavour::MySql),
            server_uuid: None,
            server_id: 1,
            format_description_timestamp: 7,
        }
    }

    fn entry(number: u64, bytes: u64) -> FileEntry {
        FileEntry {
            file: format!("changes-{number:08}.jsonl"),
            bytes,
            rows: bytes / 10,
            closed: false,
        }
    }

    const TEMPORARY: &str = "manifest.jsonl.new";

    /// A manifest of three lines, and what it said after each.
    fn three_lines(folder: &Path) -> (Vec<u8>, Vec<ManifestContents>) {
        let fresh = ManifestContents {
            files: BTreeMap::new(),
            checkpoint: checkpoint(4),
        };
        let mut manifest = Manifest::create(folder, fresh).unwrap();
        let mut said = vec![manifest.contents().clone()];
        for (number, position) in [(1, 1_000), (2, 2_000)] {
            let changed = vec![entry(number, position)];
            manifest.commit(changed, &checkpoint(position)).unwrap();
            said.push(manifest.contents().clone());
        }
        (fs::read(folder.join(NAME)).unwrap(), said)
    }

    #[test]
    fn a_manifest_cut_at_any_byte_says_what_its_whole_lines_say() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, said) = three_lines(folder.path());
        for length in 0..=bytes.len() {
            let whole = bytes[..length].iter().filter(|b| **b == b'\n').count();
            let parsed = parse(&bytes[..length]);
            match whole.checked_sub(1) {
                Some(last) => assert_eq!(parsed.unwrap(), said[last], "cut at {length}"),
                None => assert_eq!(parsed.unwrap_err().0, 1, "cut at {length}"),
            }
        }
    }

    #[test]
    fn a_changed_bit_costs_the_last_line_only_and_is_an_error_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, said) = three_lines(folder.path());
        let last_line = bytes[..bytes.len() - 1]
            .iter()
            .rposition(|b| *b == b'\n')
            .unwrap()
            + 1;
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let parsed = parse(&damaged);
                if at < last_line {
                    assert!(parsed.is_err(), "bit {bit} of byte {at}: {parsed:?}");
                } else if damaged[at] != b'\n' {
                    assert_eq!(parsed.unwrap(), said[1], "bit {bit} of byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_grown_manifest_shrinks_to_one_line_that_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        three_lines(folder.path());
        let before = read(folder.path()).unwrap().unwrap();
        let mut manifest = Manifest::create(folder.path(), before).unwrap();
        manifest.growth_bytes = GROWTH_BYTES_MAX;
        manifest
            .commit(vec![entry(2, 2_500)], &checkpoint(2_500))
            .unwrap();
        manifest
            .commit(vec![entry(3, 10)], &checkpoint(3_000))
            .unwrap();

        let lines = fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert_eq!(lines.lines().count(), 2, "{lines}");
        let after = read(folder.path()).unwrap().unwrap();
        assert_eq!(&after, manifest.contents());
        assert_eq!(after.files.len(), 3);
        assert_eq!(after.checkpoint, checkpoint(3_000));
    }

    #[test]
    fn what_a_crashed_rewrite_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, said) = three_lines(folder.path());
        for length in (0..bytes.len()).step_by(71) {
            fs::write(folder.path().join(TEMPORARY), &bytes[..length]).unwrap();
            let contents = read(folder.path()).unwrap().unwrap();
            assert_eq!(contents, said[2]);
            Manifest::create(folder.path(), contents).unwrap();
            assert!(!folder.path().join(TEMPORARY).exists());
        }
    }
}
