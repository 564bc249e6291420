//! The manifest of a folder of data files: how much of each counts, and the checkpoint that goes with it.
//!
//! One line a commit, each `{"after":M,"files":[…],"checkpoint":{…},"crc32":N}`, where N is the CRC-32 (IEEE) of the line's
//! bytes before `,"crc32":`, and M that of the line before, so that a missing line is noticed. A line names the files that
//! changed since the line before it; the first line names all, and the connector in the place of M. The last valid line is
//! the checkpoint, which is the text of `relay-log.info`. Manifests that were written before have neither connector nor M.
//! Not for the data files themselves: see `folder`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::binlog::{Coordinates, GtidSet};
use crate::change::Checkpoint;
use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::checked_line::{self, CRC_FIELD};
use crate::state::durable::{self, DurableFile};
use crate::state::{RelayLogInfoError, relay_log_info};

/// The manifest's name in its folder.
pub const NAME: &str = "manifest.jsonl";
/// A manifest that has grown by this much since it was last rewritten is rewritten, one line long.
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
    /// Whether it is complete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    files: &'a [&'a FileEntry],
    checkpoint: String,
}

/// Where a line stands.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Place<'a> {
    /// It is the first, of the manifest of this connector.
    Connector(&'a str),
    /// It follows the line with this checksum.
    After(u32),
}

#[derive(Deserialize)]
struct ReadLine {
    connector: Option<Box<str>>,
    after: Option<u32>,
    files: Vec<FileEntry>,
    checkpoint: StoredCheckpoint,
    #[expect(dead_code, reason = "checked as bytes before the line is parsed")]
    crc32: u32,
}

/// A checkpoint as a line holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredCheckpoint {
    /// The text of `relay-log.info`, as it is since that has version 2.
    Text(String),
    /// What was written before.
    Version1(CheckpointVersion1),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointVersion1 {
    coordinates: Coordinates,
    gtid_set: GtidSet,
    server_uuid: Option<Uuid>,
    server_id: u32,
    format_description_timestamp: u32,
}

/// What is wrong with a line.
#[derive(Debug)]
enum ManifestLineError {
    /// It is not what its checksum says it should be, so that it may have been torn.
    Damaged(String),
    /// It is as it was written, and its checkpoint cannot be read.
    Checkpoint(RelayLogInfoError),
    /// It is as it was written, and does not follow the line before it.
    Gap,
    /// It is as it was written, and is no line of a manifest.
    Meaning(String),
}

/// What a manifest says: the files by name, and the last checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestContents {
    /// The connector that writes it; `None` in a manifest that was written before connectors were named.
    pub connector: Option<Box<str>>,
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
    /// The checksum of the last line.
    last: u32,
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
        Err((line, ManifestLineError::Checkpoint(error))) => {
            Err(SinkError::ManifestCheckpoint { path, line, error })
        }
        Err((line, ManifestLineError::Gap)) => Err(SinkError::ManifestGap { path, line }),
        Err((line, ManifestLineError::Damaged(reason) | ManifestLineError::Meaning(reason))) => {
            Err(SinkError::ManifestLine { path, line, reason })
        }
    }
}

/// As [`read`], and makes sure that the manifest is that of a connector, if it names one.
///
/// # Errors
/// As there, and another connector's manifest.
pub fn read_of(folder: &Path, connector: &str) -> Result<Option<ManifestContents>, SinkError> {
    let contents = read(folder)?;
    let owner = contents
        .as_ref()
        .and_then(|contents| contents.connector.as_deref());
    match owner {
        Some(owner) if owner != connector => Err(SinkError::AnotherConnector {
            folder: folder.to_owned(),
            owner: owner.into(),
            connector: connector.into(),
        }),
        Some(_) | None => Ok(contents),
    }
}

/// The error is the number of a line and what is wrong with it.
fn parse(bytes: &[u8]) -> Result<ManifestContents, (usize, ManifestLineError)> {
    let mut contents: Option<ManifestContents> = None;
    let mut damaged: Option<(usize, ManifestLineError)> = None;
    let mut torn: &[u8] = &[];
    let mut last = None;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        // Only the last append can be torn: what came before it was synced first.
        if let Some(damaged) = damaged {
            return Err(damaged);
        }
        match parse_line(line) {
            Ok(line) => {
                let follows = match &contents {
                    None => line.after.is_none(),
                    Some(known) if known.connector.is_some() => {
                        line.connector.is_none() && line.after == last
                    }
                    Some(_) => line.connector.is_none() && line.after.is_none(),
                };
                if !follows {
                    return Err((index + 1, ManifestLineError::Gap));
                }
                last = Some(line.crc32);
                let contents = contents.get_or_insert_with(|| ManifestContents {
                    connector: line.connector,
                    files: BTreeMap::new(),
                    checkpoint: line.checkpoint.clone(),
                });
                contents.checkpoint = line.checkpoint;
                let files = line.files.into_iter();
                contents
                    .files
                    .extend(files.map(|entry| (entry.file.clone(), entry)));
            }
            Err(error @ ManifestLineError::Damaged(_)) => {
                damaged = Some((index + 1, error));
                torn = line;
            }
            Err(error) => return Err((index + 1, error)),
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
    let empty = || (1, ManifestLineError::Damaged("it is empty".to_owned()));
    contents.ok_or_else(|| damaged.unwrap_or_else(empty))
}

/// A line that was read.
struct ParsedLine {
    connector: Option<Box<str>>,
    after: Option<u32>,
    files: Vec<FileEntry>,
    checkpoint: Checkpoint,
    crc32: u32,
}

fn parse_line(line: &[u8]) -> Result<ParsedLine, ManifestLineError> {
    let ended = line.strip_suffix(b"\n");
    let ended = ended.ok_or_else(|| ManifestLineError::Damaged("it has no end".to_owned()))?;
    let crc32 = checked_line::verify(ended).map_err(ManifestLineError::Damaged)?;
    let line: ReadLine = serde_json::from_slice(line)
        .map_err(|error| ManifestLineError::Meaning(error.to_string()))?;
    let checkpoint = match line.checkpoint {
        StoredCheckpoint::Text(text) => {
            relay_log_info::decode(text.as_bytes()).map_err(ManifestLineError::Checkpoint)?
        }
        StoredCheckpoint::Version1(version_1) => version_1.into(),
    };
    Ok(ParsedLine {
        connector: line.connector,
        after: line.after,
        files: line.files,
        checkpoint,
        crc32,
    })
}

impl From<CheckpointVersion1> for Checkpoint {
    fn from(stored: CheckpointVersion1) -> Self {
        Self::new(
            stored.coordinates,
            stored.gtid_set,
            stored.server_uuid,
            stored.server_id,
            stored.format_description_timestamp,
        )
    }
}

/// Makes the line of a commit; returns its checksum.
fn print_line(
    place: Place<'_>,
    files: &[&FileEntry],
    checkpoint: &Checkpoint,
    path: &Path,
    out: &mut Vec<u8>,
) -> Result<u32, SinkError> {
    let checkpoint =
        relay_log_info::encode(checkpoint).map_err(|error| SinkError::CheckpointUnwritable {
            path: path.to_owned(),
            error,
        })?;
    out.clear();
    let line = Line {
        place,
        files,
        checkpoint,
    };
    Ok(checked_line::write(&line, out))
}

impl Manifest {
    /// Replaces the manifest by one of this connector that says `contents` and nothing else: a crash leaves the old one or
    /// this one.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn create(
        folder: &Path,
        connector: &str,
        contents: ManifestContents,
    ) -> Result<Self, SinkError> {
        let contents = ManifestContents {
            connector: Some(connector.into()),
            ..contents
        };
        let mut line = Vec::new();
        let (file, last) = replace(folder, &contents, &mut line)?;
        Ok(Self {
            folder: folder.to_owned(),
            file,
            contents,
            growth_bytes: 0,
            line,
            last,
        })
    }

    /// What has been committed.
    pub fn contents(&self) -> &ManifestContents {
        &self.contents
    }

    /// Commits: durably adds a line with the files that changed. Their data is durable already.
    ///
    /// # Errors
    /// What the file system refuses; the next start shows whether the line counts.
    pub fn commit(&mut self, changed: Vec<FileEntry>, upto: &Checkpoint) -> Result<(), SinkError> {
        let files: Vec<&FileEntry> = changed.iter().collect();
        let path = self.folder.join(NAME);
        let last = print_line(Place::After(self.last), &files, upto, &path, &mut self.line)?;
        self.file.write(&self.line)?;
        self.file.sync_data()?;
        self.last = last;

        self.growth_bytes += u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        self.contents.checkpoint.clone_from(upto);
        let changed = changed.into_iter();
        self.contents
            .files
            .extend(changed.map(|entry| (entry.file.clone(), entry)));
        if self.growth_bytes > GROWTH_BYTES_MAX {
            (self.file, self.last) = replace(&self.folder, &self.contents, &mut self.line)?;
            self.growth_bytes = 0;
        }
        Ok(())
    }
}

/// Returns the new manifest, open for appending, and the checksum of its line.
fn replace(
    folder: &Path,
    contents: &ManifestContents,
    line: &mut Vec<u8>,
) -> Result<(DurableFile, u32), SinkError> {
    let files: Vec<&FileEntry> = contents.files.values().collect();
    let place = Place::Connector(contents.connector.as_deref().unwrap_or_default());
    let path = folder.join(NAME);
    let last = print_line(place, &files, &contents.checkpoint, &path, line)?;

    let folder = (folder, FileRole::DataFolder);
    let file = durable::replace(folder, NAME, FileRole::Manifest, line)?;
    Ok((file, last))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::mysql::Flavour;

    fn checkpoint(position: u64) -> Checkpoint {
        Checkpoint::new(
            Coordinates::new("binlog.000001", position),
            GtidSet::empty(Flavour::MySql),
            None,
            1,
            7,
        )
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
            connector: None,
            files: BTreeMap::new(),
            checkpoint: checkpoint(4),
        };
        let mut manifest = Manifest::create(folder, "shop", fresh).unwrap();
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
                None => {
                    let (line, error) = parsed.unwrap_err();
                    assert!(
                        matches!(error, ManifestLineError::Damaged(_)),
                        "cut at {length}"
                    );
                    assert_eq!(line, 1, "cut at {length}");
                }
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

    /// A line with a checksum that is right.
    fn sealed(body: &str) -> String {
        let crc32 = crc32fast::hash(body.as_bytes());
        format!("{body},\"crc32\":{crc32}}}\n")
    }

    #[test]
    fn manifests_of_version_1_are_read_and_written_on() {
        for (written, set) in [
            (
                include_str!("../../../tests/state/version-1/mysql-9.7/manifest.jsonl"),
                (Flavour::MySql, "61fa0e82-e55d-11f1-9828-02fc00000001:1-18"),
            ),
            (
                include_str!("../../../tests/state/version-1/mariadb-10.11/manifest.jsonl"),
                (Flavour::MariaDb, "0-1-18"),
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(NAME), written).unwrap();
            let contents = read(folder.path()).unwrap().unwrap();
            let expected = Checkpoint::new(
                Coordinates::new("binlog.000002", 4),
                GtidSet::parse(set.0, set.1).unwrap(),
                Some(Uuid::from_u128(0x726f_7774_6170_8000_8000_0062_696e_6c6f)),
                1,
                0,
            );
            assert_eq!(contents.checkpoint, expected);
            assert_eq!(contents.files.len(), 2);
            assert_eq!(contents.connector, None);
            let made = Manifest::create(folder.path(), "shop", contents.clone()).unwrap();
            let named = ManifestContents {
                connector: Some("shop".into()),
                ..contents
            };
            assert_eq!(made.contents(), &named);
            assert_eq!(read(folder.path()).unwrap(), Some(named));
        }
    }

    #[test]
    fn a_last_line_that_is_whole_and_not_understood_is_no_torn_one() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, _) = three_lines(folder.path());
        let text = relay_log_info::encode(&checkpoint(9)).unwrap();
        let covered = text.replacen("version=2", "version=99", 1);
        let covered = &covered[..covered.find("crc32=").unwrap()];
        let sum = crc32fast::hash(covered.as_bytes());
        let newer = serde_json::to_string(&format!("{covered}crc32={sum:08x}\nend\n")).unwrap();
        for (body, expected) in [
            (
                format!("{{\"files\":[],\"checkpoint\":{newer}"),
                "it has version 99, expected 1 to 5, run the rowtap that wrote it or a newer one",
            ),
            (
                "{\"files\":[],\"checkpoint\":\"end\\n\"".to_owned(),
                "the last line is not 'end', the file was cut",
            ),
            (
                "{\"files\":[],\"checkpoint\":{\"version\":2}".to_owned(),
                "",
            ),
            ("{\"files\":[]".to_owned(), ""),
        ] {
            let bytes = [&bytes, sealed(&body).as_bytes()].concat();
            fs::write(folder.path().join(NAME), bytes).unwrap();
            let error = read(folder.path()).unwrap_err();
            assert_eq!(error.class(), crate::failure::Class::Data);
            assert!(error.to_string().contains("line 4"), "{error}");
            match std::error::Error::source(&error) {
                Some(source) => assert_eq!(source.to_string(), expected),
                None => assert_eq!(expected, "", "{error}"),
            }
        }
    }

    #[test]
    fn a_line_that_is_missing_is_noticed_wherever_it_stood() {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, said) = three_lines(folder.path());
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let of = |indexes: &[usize]| -> Vec<u8> {
            indexes
                .iter()
                .flat_map(|index| lines[*index].to_vec())
                .collect()
        };
        for (indexes, line) in [
            (&[0, 2][..], 2),
            (&[1, 2], 1),
            (&[2], 1),
            (&[0, 2, 1], 2),
            (&[0, 1, 1], 3),
            (&[0, 1, 0], 3),
        ] {
            let (found, error) = parse(&of(indexes)).unwrap_err();
            assert!(
                matches!(error, ManifestLineError::Gap),
                "{indexes:?}: {error:?}"
            );
            assert_eq!(found, line, "{indexes:?}");
        }
        assert_eq!(parse(&of(&[0, 1])).unwrap(), said[1]);
        fs::write(folder.path().join(NAME), of(&[0, 2])).unwrap();
        let error = read(folder.path()).unwrap_err();
        assert_eq!(error.class(), crate::failure::Class::Data);
        assert!(
            error.to_string().contains("line 2 does not follow"),
            "{error}"
        );
    }

    #[test]
    fn lines_of_a_manifest_without_a_connector_need_not_follow_each_other() {
        let text = serde_json::to_string(&relay_log_info::encode(&checkpoint(9)).unwrap()).unwrap();
        let old = sealed(&format!("{{\"files\":[],\"checkpoint\":{text}"));
        let contents = parse(old.repeat(3).as_bytes()).unwrap();
        assert_eq!(
            (contents.connector, contents.checkpoint),
            (None, checkpoint(9))
        );
        let chained = sealed(&format!("{{\"after\":7,\"files\":[],\"checkpoint\":{text}"));
        assert!(parse((old + &chained).as_bytes()).is_err());
    }

    #[test]
    fn a_grown_manifest_shrinks_to_one_line_that_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        three_lines(folder.path());
        let before = read(folder.path()).unwrap().unwrap();
        let mut manifest = Manifest::create(folder.path(), "shop", before).unwrap();
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
            Manifest::create(folder.path(), "shop", contents).unwrap();
            assert!(!folder.path().join(TEMPORARY).exists());
        }
    }
}
