//! Reads a folder of JSON Lines files as a reader should: by its manifest and nothing else.
//!
//! A manifest line names files with the length that counts; a later line overrules an earlier one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::json::Json;
use super::output::{Output, Place, Record, Target, read_envelope};

/// What the manifest says of a file.
#[derive(Clone, Copy, Debug)]
struct Extent {
    bytes: u64,
    rows: u64,
}

/// Reads what the manifest vouches for. The error is the first thing that a reader could not make sense of.
pub fn read(folder: &Path) -> Result<Output, String> {
    let mut lines = Lines::default();
    for (name, extent) in manifest(folder)? {
        let log = name.split('-').next().unwrap_or_default();
        let bytes = fs::read(folder.join(&name)).map_err(|error| format!("{name}: {error}"))?;
        let length = usize::try_from(extent.bytes).expect("a file of a test fits into memory");
        let counted = bytes.get(..length).ok_or_else(|| {
            format!(
                "{name} has {} bytes, the manifest says {length}",
                bytes.len()
            )
        })?;
        let text = std::str::from_utf8(counted).map_err(|error| format!("{name}: {error}"))?;
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(format!("{name} is cut inside a line at byte {length}"));
        }
        lines.read(log, &name, text)?;
        let count = u64::try_from(text.lines().count()).expect("a count fits into 64 bits");
        if count != extent.rows {
            return Err(format!(
                "{name} has {count} lines, the manifest says {}",
                extent.rows
            ));
        }
    }
    Ok(lines.output())
}

/// Reads what `rowtap decode` printed.
pub fn read_printed(text: &str) -> Result<Output, String> {
    let mut lines = Lines::default();
    lines.read("changes", "the output", text)?;
    Ok(lines.output())
}

/// The lines so far.
#[derive(Default)]
struct Lines {
    records: Vec<Record>,
    /// How many there are in each log.
    counts: BTreeMap<Box<str>, u64>,
}

impl Lines {
    fn read(&mut self, log: &str, name: &str, text: &str) -> Result<(), String> {
        let before = self.counts.entry(log.into()).or_default();
        for (index, line) in text.lines().enumerate() {
            let (identity, body) =
                read_envelope(line).map_err(|error| format!("{name}:{}: {error}", index + 1))?;
            let place = Place {
                log: log.into(),
                partition: 0,
                offset: *before,
            };
            *before += 1;
            self.records.push(Record {
                place,
                identity,
                key: None,
                other_key: None,
                body,
            });
        }
        Ok(())
    }

    fn output(self) -> Output {
        Output {
            records: self.records,
            target: Target::Files,
        }
    }
}

/// How many bytes count by now; 0 where there is no manifest yet.
pub fn bytes(folder: &Path) -> u64 {
    manifest(folder).map_or(0, |files| files.values().map(|extent| extent.bytes).sum())
}

fn manifest(folder: &Path) -> Result<BTreeMap<String, Extent>, String> {
    let path = folder.join("manifest.jsonl");
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut files = BTreeMap::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        // A writer that was killed may leave half a line, the last.
        let Some(line) = line.strip_suffix('\n') else {
            break;
        };
        let line = Json::parse(line).map_err(|error| format!("manifest:{}: {error}", index + 1))?;
        let Some(Json::List(entries)) = line.get("files") else {
            return Err(format!("manifest:{}: no files", index + 1));
        };
        for entry in entries {
            let name = entry.get("file").and_then(Json::text);
            let number = |member: &str| entry.get(member).and_then(Json::number);
            let (Some(name), Some(bytes), Some(rows)) = (name, number("bytes"), number("rows"))
            else {
                return Err(format!("manifest:{}: {entry} names no file", index + 1));
            };
            files.insert(name.to_owned(), Extent { bytes, rows });
        }
    }
    Ok(files)
}
