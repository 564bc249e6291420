//! The numbers that a registry gave to schemas, kept in the state folder: a registry that is down does not stop a connector
//! whose schemas it knows.
//!
//! One line, `{"urls":…,"subjects":{…},"crc32":N}`. What is damaged is not believed: the registry is asked again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::fault::FileRole;
use crate::sink::SinkError;
use crate::state::{checked_line, durable};

/// The file's name in the state folder.
const NAME: &str = "schema-numbers.json";
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Schemas that are kept of a subject.
const SCHEMAS_MAX: usize = 8;

/// The numbers of a registry's schemas.
#[derive(Debug)]
pub(super) struct Numbers {
    folder: PathBuf,
    kept: Kept,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The registry's addresses: another has other numbers.
    urls: String,
    /// By subject its last schemas, the newest first: a connector that starts again may need the one before the last.
    subjects: BTreeMap<String, Vec<NumberedSchema>>,
}

/// A schema and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct NumberedSchema {
    sha256: String,
    number: u32,
}

impl Numbers {
    /// Those in a state folder that are of a registry; blocks.
    ///
    /// # Errors
    /// A file that the system does not let be read.
    pub(super) fn read(folder: &Path, urls: &str) -> Result<Self, SinkError> {
        let path = folder.join(NAME);
        let bytes = durable::read(&path, FileRole::SchemaNumbers, FILE_BYTES_MAX)?;
        let mut kept = Kept::default();
        if let Some(bytes) = bytes {
            match parsed(&bytes) {
                Ok(read) if read.urls == urls => kept = read,
                Ok(_of_another) => {}
                Err(reason) => {
                    warn!(path = %path.display(), reason, "the numbers of schemas are damaged, the registry is asked again");
                }
            }
        }
        urls.clone_into(&mut kept.urls);
        Ok(Self {
            folder: folder.to_owned(),
            kept,
        })
    }

    /// The number of a schema, if it is known.
    pub(super) fn of(&self, subject: &str, schema: &str) -> Option<u32> {
        let (known, sha256) = (self.kept.subjects.get(subject)?, digest(schema));
        let mut known = known.iter();
        let known = known.find(|known| known.sha256 == sha256)?;
        Some(known.number)
    }

    /// Keeps a schema's number; blocks.
    ///
    /// # Errors
    /// A file that the system does not let be written.
    pub(super) fn keep(
        &mut self,
        subject: &str,
        schema: &str,
        number: u32,
    ) -> Result<(), SinkError> {
        let numbered = NumberedSchema {
            sha256: digest(schema),
            number,
        };
        let known = self.kept.subjects.entry(subject.to_owned()).or_default();
        if known.contains(&numbered) {
            return Ok(());
        }
        known.retain(|known| known.sha256 != numbered.sha256);
        known.insert(0, numbered);
        known.truncate(SCHEMAS_MAX);
        let mut line = Vec::new();
        checked_line::write(&self.kept, &mut line);
        let folder = (&*self.folder, FileRole::StateFolder);
        durable::replace(folder, NAME, FileRole::SchemaNumbers, &line)?;
        Ok(())
    }
}

fn parsed(bytes: &[u8]) -> Result<Kept, String> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(flatten)]
        kept: Kept,
    }
    let line = bytes.strip_suffix(b"\n").ok_or("it is cut")?;
    checked_line::verify(line)?;
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    Ok(line.kept)
}

fn digest(schema: &str) -> String {
    let digest = Sha256::digest(schema);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_by_registry_and_schema_and_not_believed_where_they_are_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let read = |urls: &str| Numbers::read(dir.path(), urls).unwrap();
        let mut numbers = read("http://a");
        numbers.keep("t-value", "\"int\"", 3).unwrap();
        assert_eq!(read("http://a").of("t-value", "\"int\""), Some(3));
        assert_eq!(read("http://a").of("t-value", "\"long\""), None);
        assert_eq!(read("http://b").of("t-value", "\"int\""), None);
        let path = dir.path().join(NAME);
        let mut bytes = std::fs::read(&path).unwrap();
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert_eq!(read("http://a").of("t-value", "\"int\""), None, "{end}");
        }
        let place = bytes.iter().position(|byte| *byte == b'3').unwrap();
        bytes[place] = b'4';
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read("http://a").of("t-value", "\"int\""), None);
    }
}
