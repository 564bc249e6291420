//! `relay-log.info`: the checkpoint as text, laid out as a replica lays out the file of that name.
//!
//! The number of lines comes first, so that the file can grow; then the relay log's name and position, the source log's
//! name and position, the delay; then `key=value` lines; last a checksum of all before it and an end marker, so that a cut
//! or changed file is known as one. `schemas/state.md` shows one.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::binlog::{Coordinates, GtidSet, XaId};
use crate::change::definition::{Connection, TemporaryTables};
use crate::change::{Checkpoint, FormerName, SnapshotProgress, Undefined, Watched};
use crate::filter::OnUnknown;
use crate::mysql::Flavour;
use crate::row::TableName;

/// The file's name in the state folder.
pub const FILE_NAME: &str = "relay-log.info";
/// The longest file that is read. GTID sets of long-lived clusters reach megabytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

const VERSION: u32 = 5;
/// The version of a checkpoint that names no watched tables: what wrote it before can read it.
const VERSION_WITHOUT_WATCHED: u32 = 4;
/// The version of one that names no temporary tables either.
const VERSION_WITHOUT_TEMPORARY: u32 = 3;
/// The version of one that names no undefined tables either.
const VERSION_WITHOUT_UNDEFINED: u32 = 2;
const END: &str = "end";
const SUM: &str = "crc32=";
const KEYS: [&str; 9] = [
    "version",
    "flavour",
    "gtid_set",
    "server_uuid",
    "server_id",
    "format_description_timestamp",
    "epoch",
    "definitions_digest",
    "snapshot",
];
/// Begins the lines after the keys, one an undecided XA transaction.
const UNDECIDED: &str = "undecided=";
/// XA transactions that may be undecided at once.
const UNDECIDED_MAX: usize = 65_536;
/// Begins the lines after those, one an undefined table.
const UNDEFINED: &str = "undefined=";
/// Begins the lines after those, one a temporary table.
const TEMPORARY: &str = "temporary=";
/// Begins the lines after those, one a watched table.
const WATCHED: &str = "watched=";
/// Lines before the keys: the number of lines, relay log name and position, source log name and position, delay.
const FIXED_LINES: usize = 6;
/// Lines after all that the checksum covers: the checksum and the end marker.
const LAST_LINES: usize = 2;
const FOUND_CHARS_MAX: usize = 80;

/// What is wrong with a checkpoint's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayLogInfoError {
    /// The end marker is missing.
    #[error("the last line is not '{END}', the file was cut")]
    Cut,
    /// The bytes are not those that were written.
    #[error("crc32 is {computed:08x}, expected '{stored}', the file was changed")]
    Checksum {
        /// The text in the file.
        stored: String,
        /// The checksum of what is there.
        computed: u32,
    },
    /// A newer rowtap wrote it.
    #[error(
        "it has version {found}, expected 1 to {VERSION}, run the rowtap that wrote it or a newer one"
    )]
    Version {
        /// The version in the file.
        found: String,
    },
    /// A line holds what this version has room for, but this rowtap does nothing with.
    #[error(
        "line {line}: {what} is '{found}', which this rowtap does not know, run the rowtap that wrote it or a newer one"
    )]
    Unknown {
        /// The line, from 1.
        line: usize,
        /// What the line tells.
        what: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// A line does not hold what belongs there.
    #[error("line {line}: expected {expected}, found '{found}'")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What belongs there.
        expected: Cow<'static, str>,
        /// What is there, shortened.
        found: String,
    },
    /// The source's name for its binlog file cannot be a line.
    #[error("binlog file name {file:?} is empty or holds a control character")]
    FileName {
        /// The name.
        file: String,
    },
    /// More XA transactions are undecided than are read back.
    #[error(
        "{count} XA transactions are prepared, expected at most {UNDECIDED_MAX}, commit or roll back those that were \
         forgotten"
    )]
    TooManyUndecided {
        /// How many there are.
        count: usize,
    },
}

impl RelayLogInfoError {
    /// Whether a newer rowtap wrote what cannot be read, so that there is nothing to mend.
    pub fn is_of_newer(&self) -> bool {
        match self {
            Self::Version { .. } | Self::Unknown { .. } => true,
            Self::Cut
            | Self::Checksum { .. }
            | Self::Line { .. }
            | Self::FileName { .. }
            | Self::TooManyUndecided { .. } => false,
        }
    }
}

/// Writes a checkpoint as text.
///
/// # Errors
/// A binlog file name that cannot be a line, or too many undecided XA transactions.
pub fn encode(checkpoint: &Checkpoint) -> Result<String, RelayLogInfoError> {
    let undecided = &checkpoint.undecided;
    if undecided.len() > UNDECIDED_MAX {
        return Err(RelayLogInfoError::TooManyUndecided {
            count: undecided.len(),
        });
    }
    for at in [&checkpoint.coordinates]
        .into_iter()
        .chain(undecided.values())
    {
        if !is_file_name(&at.file) {
            return Err(RelayLogInfoError::FileName {
                file: at.file.to_string(),
            });
        }
    }
    let Coordinates { file, position } = &checkpoint.coordinates;
    let undefined = undefined_lines(checkpoint);
    let temporary = temporary_lines(checkpoint);
    let watched = watched_lines(checkpoint);
    let listed = undecided.len() + undefined.len() + temporary.len() + watched.len();
    let lines = FIXED_LINES + KEYS.len() + listed + LAST_LINES;
    let version = match (
        undefined.is_empty(),
        temporary.is_empty(),
        watched.is_empty(),
    ) {
        (true, true, true) => VERSION_WITHOUT_UNDEFINED,
        (false, true, true) => VERSION_WITHOUT_TEMPORARY,
        (_, false, true) => VERSION_WITHOUT_WATCHED,
        (_, _, false) => VERSION,
    };
    let delay = checkpoint.delay_s;
    let mut text = format!("{lines}\n\n0\n{file}\n{position}\n{delay}\n");
    let server_uuid = checkpoint
        .server_uuid
        .map(|uuid| uuid.to_string())
        .unwrap_or_default();
    let values: [&dyn Display; KEYS.len()] = [
        &version,
        &checkpoint.gtid_set.flavour().word(),
        &checkpoint.gtid_set,
        &server_uuid,
        &checkpoint.server_id,
        &checkpoint.format_description_timestamp,
        &checkpoint.epoch,
        &"",
        &snapshot_text(&checkpoint.snapshot),
    ];
    for (key, value) in KEYS.iter().zip(values) {
        writeln!(text, "{key}={value}").expect("a text grows");
    }
    for (id, at) in &**undecided {
        writeln!(text, "{UNDECIDED}{id} {at}").expect("a text grows");
    }
    for line in undefined {
        writeln!(text, "{UNDEFINED}{line}").expect("a text grows");
    }
    for line in temporary {
        writeln!(text, "{TEMPORARY}{line}").expect("a text grows");
    }
    for line in watched {
        writeln!(text, "{WATCHED}{line}").expect("a text grows");
    }
    let sum = crc32fast::hash(text.as_bytes());
    writeln!(text, "{SUM}{sum:08x}\n{END}").expect("a text grows");
    Ok(text)
}

/// Reads a checkpoint back.
///
/// # Errors
/// Anything that is not, to the last byte, a text that [`encode`] writes, or that it wrote when the version was 1.
pub fn decode(bytes: &[u8]) -> Result<Checkpoint, RelayLogInfoError> {
    let text = checked(bytes)?;
    let mut lines = CheckpointLines::new(text);
    let count = lines.next("the number of lines")?;
    let relay_log_name = lines.next("the relay log's name")?;
    let relay_log_position = lines.next("the relay log's position")?;
    let file = lines.next("the source log's name")?;
    let position = lines.number("the source log's position")?;
    let delay_s = lines.number("the delay")?;
    // A newer version may have more lines; its version says so better than their number.
    let version = lines.value("version=")?;
    let read = (1..=VERSION).find(|read| read.to_string() == version);
    let version = read.ok_or_else(|| RelayLogInfoError::Version {
        found: shortened(version),
    })?;
    let expected = (text.lines().count() + LAST_LINES).to_string();
    if count != expected {
        let expected = format!("the number of lines, {expected}");
        return Err(wrong(1, expected, count));
    }
    known(2, "the relay log's name", relay_log_name, "")?;
    known(3, "the relay log's position", relay_log_position, "0")?;
    if !is_file_name(file) {
        return Err(wrong(4, "the source log's name", file));
    }
    let flavour = match lines.value("flavour=")? {
        "mysql" => Flavour::MySql,
        "mariadb" => Flavour::MariaDb,
        other => return Err(lines.wrong("flavour=mysql or flavour=mariadb", other)),
    };
    let set = lines.value("gtid_set=")?;
    let gtid_set = GtidSet::parse(flavour, set)
        .ok()
        .filter(|parsed| parsed.to_string() == set)
        .ok_or_else(|| lines.wrong("a GTID set of the flavour", set))?;
    let server_uuid = match lines.value("server_uuid=")? {
        "" => None,
        text => Some(lines.parse(text, "a server UUID or nothing")?),
    };
    let server_id = lines.value_number("server_id=")?;
    let begun = lines.value_number("format_description_timestamp=")?;
    let at = Coordinates::new(file, position);
    let mut checkpoint = Checkpoint::new(at, gtid_set, server_uuid, server_id, begun);
    checkpoint.delay_s = delay_s;
    if version >= VERSION_WITHOUT_UNDEFINED {
        checkpoint.epoch = lines.value_number("epoch=")?;
        let digest = lines.value("definitions_digest=")?;
        known(lines.line, "the definitions' digest", digest, "")?;
        let snapshot = lines.value("snapshot=")?;
        checkpoint.snapshot = snapshot_progress(lines.line, snapshot)?;
        checkpoint.undecided = Arc::new(lines.undecided()?);
    }
    lines.tables(&mut checkpoint, version)?;
    match lines.rest.next() {
        Some(line) => Err(wrong(lines.line + 1, "nothing more", line)),
        None => Ok(checkpoint),
    }
}

/// Checks the end marker and the checksum, and returns the lines before them.
fn checked(bytes: &[u8]) -> Result<&str, RelayLogInfoError> {
    let before_end = bytes
        .strip_suffix(b"\n")
        .and_then(|bytes| bytes.strip_suffix(END.as_bytes()))
        .and_then(|bytes| bytes.strip_suffix(b"\n"))
        .ok_or(RelayLogInfoError::Cut)?;
    let sum_starts = before_end
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let (covered, sum_line) = before_end.split_at(sum_starts);
    let computed = crc32fast::hash(covered);
    // The text is compared, not the number: a digit in upper case is a change too.
    if sum_line != format!("{SUM}{computed:08x}").as_bytes() {
        return Err(RelayLogInfoError::Checksum {
            stored: shortened(&String::from_utf8_lossy(sum_line)),
            computed,
        });
    }
    std::str::from_utf8(covered).map_err(|error| {
        let valid = covered.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        wrong(line, "text in UTF-8", "")
    })
}

/// The lines in order, and the number of the one read last.
struct CheckpointLines<'a> {
    rest: std::str::SplitTerminator<'a, char>,
    line: usize,
}

impl<'a> CheckpointLines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.split_terminator('\n'),
            line: 0,
        }
    }

    fn next(&mut self, expected: &'static str) -> Result<&'a str, RelayLogInfoError> {
        self.line += 1;
        self.rest
            .next()
            .ok_or_else(|| self.wrong(expected, "nothing"))
    }

    /// The next line's value, after `prefix`.
    fn value(&mut self, prefix: &'static str) -> Result<&'a str, RelayLogInfoError> {
        let line = self.next(prefix)?;
        line.strip_prefix(prefix)
            .ok_or_else(|| self.wrong(prefix, line))
    }

    fn number<N: std::str::FromStr + ToString>(
        &mut self,
        expected: &'static str,
    ) -> Result<N, RelayLogInfoError> {
        let text = self.next(expected)?;
        self.parse(text, expected)
    }

    fn value_number<N: std::str::FromStr + ToString>(
        &mut self,
        prefix: &'static str,
    ) -> Result<N, RelayLogInfoError> {
        let text = self.value(prefix)?;
        self.parse(text, prefix)
    }

    fn parse<V: std::str::FromStr + ToString>(
        &self,
        text: &str,
        expected: &'static str,
    ) -> Result<V, RelayLogInfoError> {
        match text.parse::<V>() {
            // No '+5', no '05' and no UUID in upper case, which the parsers take and `encode` never writes.
            Ok(value) if value.to_string() == text => Ok(value),
            _ => Err(self.wrong(expected, text)),
        }
    }

    /// The lines of undecided XA transactions, in the order of their ids.
    fn undecided(&mut self) -> Result<BTreeMap<XaId, Coordinates>, RelayLogInfoError> {
        let mut undecided: BTreeMap<XaId, Coordinates> = BTreeMap::new();
        while let Some(value) = self.next_of(UNDECIDED) {
            if undecided.len() == UNDECIDED_MAX {
                let count = undecided.len() + 1;
                return Err(RelayLogInfoError::TooManyUndecided { count });
            }
            let is_last = |id: &XaId| undecided.last_key_value().is_none_or(|(last, _)| last < id);
            match prepared(value) {
                Some((id, at)) if is_last(&id) => drop(undecided.insert(id, at)),
                Some(_) => return Err(self.wrong("XA ids in ascending order", value)),
                None => return Err(self.wrong("an XA id and where its group begins", value)),
            }
        }
        Ok(undecided)
    }

    /// The lines of tables; one at least of those that only the version has which is there.
    fn tables(
        &mut self,
        checkpoint: &mut Checkpoint,
        version: u32,
    ) -> Result<(), RelayLogInfoError> {
        if version >= VERSION_WITHOUT_TEMPORARY {
            let expected = "a table and what becomes of its rows";
            checkpoint.undefined = Arc::new(self.named(UNDEFINED, expected, undefined_table)?);
        }
        if version >= VERSION_WITHOUT_WATCHED {
            checkpoint.temporary = Arc::new(self.temporary()?);
        }
        if version >= VERSION {
            let expected = "a table and what is watched of it";
            checkpoint.watched = Arc::new(self.named(WATCHED, expected, watched_table)?);
        }
        let (is_missing, expected) = match version {
            VERSION => (checkpoint.watched.is_empty(), "a watched table"),
            VERSION_WITHOUT_WATCHED => (checkpoint.temporary.is_empty(), "a temporary table"),
            VERSION_WITHOUT_TEMPORARY => (checkpoint.undefined.is_empty(), "an undefined table"),
            _older => (false, ""),
        };
        match is_missing {
            true => Err(self.wrong_next(expected)),
            false => Ok(()),
        }
    }

    /// The lines that begin so, a table each, in the order of their names.
    fn named<V>(
        &mut self,
        prefix: &str,
        expected: &'static str,
        read: fn(&str) -> Option<(TableName, V)>,
    ) -> Result<BTreeMap<TableName, V>, RelayLogInfoError> {
        let mut tables: BTreeMap<TableName, V> = BTreeMap::new();
        while let Some(value) = self.next_of(prefix) {
            let is_last = |table: &TableName| {
                let last = tables.last_key_value();
                last.is_none_or(|(last, _)| last < table)
            };
            match read(value) {
                Some((table, of_it)) if is_last(&table) => drop(tables.insert(table, of_it)),
                Some(_) => return Err(self.wrong("tables in ascending order", value)),
                None => return Err(self.wrong(expected, value)),
            }
        }
        Ok(tables)
    }

    /// The lines of temporary tables, in the order of their connections and names.
    fn temporary(&mut self) -> Result<TemporaryTables, RelayLogInfoError> {
        let mut temporary = TemporaryTables::new();
        while let Some(value) = self.next_of(TEMPORARY) {
            match temporary_table(value) {
                Some(table) if temporary.last().is_none_or(|last| *last < table) => {
                    temporary.insert(table);
                }
                Some(_) => return Err(self.wrong("tables in ascending order", value)),
                None => return Err(self.wrong("a temporary table and its connection", value)),
            }
        }
        Ok(temporary)
    }

    /// The value of the next line, if that begins so.
    fn next_of(&mut self, prefix: &str) -> Option<&'a str> {
        let mut rest = self.rest.clone();
        let value = rest.next()?.strip_prefix(prefix)?;
        self.rest = rest;
        self.line += 1;
        Some(value)
    }

    fn wrong_next(&self, expected: &'static str) -> RelayLogInfoError {
        self.wrong(expected, self.rest.clone().next().unwrap_or(""))
    }

    fn wrong(&self, expected: &'static str, found: &str) -> RelayLogInfoError {
        wrong(self.line, expected, found)
    }
}

/// Reads an XA id and the place at which its group begins.
fn prepared(text: &str) -> Option<(XaId, Coordinates)> {
    let (id, at) = text.split_once(' ')?;
    let (file, position) = at.rsplit_once(':')?;
    let at = Coordinates::new(file, position.parse().ok()?);
    let is_as_written = is_file_name(file) && at.position.to_string() == position;
    is_as_written.then_some((XaId::parse(id)?, at))
}

/// What a line says of an undefined table. Names may hold any character, so that it is JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UndefinedLine<'a> {
    policy: Cow<'a, str>,
    file: Cow<'a, str>,
    position: u64,
    #[serde(flatten)]
    table: Cow<'a, TableName>,
}

fn undefined_lines(checkpoint: &Checkpoint) -> Vec<String> {
    let line = |(table, how): (&TableName, &Undefined)| {
        let line = UndefinedLine {
            policy: how.policy.as_str().into(),
            file: (&*how.since.file).into(),
            position: how.since.position,
            table: Cow::Borrowed(table),
        };
        serde_json::to_string(&line).expect("texts and numbers are JSON")
    };
    checkpoint.undefined.iter().map(line).collect()
}

/// Reads a line of [`undefined_lines`].
fn undefined_table(text: &str) -> Option<(TableName, Undefined)> {
    let line: UndefinedLine<'_> = serde_json::from_str(text).ok()?;
    let is_as_written = serde_json::to_string(&line).is_ok_and(|written| written == text);
    let how = Undefined {
        policy: OnUnknown::from_word(&line.policy)?,
        since: Coordinates::new(&*line.file, line.position),
    };
    is_as_written.then(|| (line.table.into_owned(), how))
}

/// What a line says of a temporary table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemporaryLine<'a> {
    server_id: u32,
    thread_id: u32,
    #[serde(flatten)]
    table: Cow<'a, TableName>,
}

fn temporary_lines(checkpoint: &Checkpoint) -> Vec<String> {
    let line = |(connection, table): &(Connection, TableName)| {
        let line = TemporaryLine {
            server_id: connection.server_id,
            thread_id: connection.thread_id,
            table: Cow::Borrowed(table),
        };
        serde_json::to_string(&line).expect("texts and numbers are JSON")
    };
    checkpoint.temporary.iter().map(line).collect()
}

/// Reads a line of [`temporary_lines`].
fn temporary_table(text: &str) -> Option<(Connection, TableName)> {
    let line: TemporaryLine<'_> = serde_json::from_str(text).ok()?;
    let is_as_written = serde_json::to_string(&line).is_ok_and(|written| written == text);
    let connection = Connection {
        server_id: line.server_id,
        thread_id: line.thread_id,
    };
    is_as_written.then(|| (connection, line.table.into_owned()))
}

/// What a line says of a watched table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchedLine<'a> {
    #[serde(flatten)]
    table: Cow<'a, TableName>,
    unvetted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    was: Option<Cow<'a, TableName>>,
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    renamed: Cow<'a, [(Box<str>, Box<str>)]>,
}

fn watched_lines(checkpoint: &Checkpoint) -> Vec<String> {
    let line = |(table, watched): (&TableName, &Watched)| {
        let renamed = watched.was.as_ref().map(|was| &was.renamed);
        let line = WatchedLine {
            table: Cow::Borrowed(table),
            unvetted: watched.is_unvetted,
            was: watched
                .was
                .as_ref()
                .and_then(|was| was.table.as_ref())
                .map(Cow::Borrowed),
            renamed: renamed.map_or_else(Cow::default, |renamed| Cow::Borrowed(&**renamed)),
        };
        serde_json::to_string(&line).expect("texts are JSON")
    };
    checkpoint.watched.iter().map(line).collect()
}

/// Reads a line of [`watched_lines`].
fn watched_table(text: &str) -> Option<(TableName, Watched)> {
    let line: WatchedLine<'_> = serde_json::from_str(text).ok()?;
    let is_as_written = serde_json::to_string(&line).is_ok_and(|written| written == text);
    let (table, renamed) = (line.was.map(Cow::into_owned), line.renamed.into_owned());
    let has_was = table.is_some() || !renamed.is_empty();
    let was = has_was.then_some(FormerName { table, renamed });
    let watched = Watched {
        is_unvetted: line.unvetted,
        was,
    };
    is_as_written.then(|| (line.table.into_owned(), watched))
}

/// Makes sure that a line says what every checkpoint says as of now.
fn known(
    line: usize,
    what: &'static str,
    found: &str,
    expected: &str,
) -> Result<(), RelayLogInfoError> {
    if found == expected {
        return Ok(());
    }
    Err(RelayLogInfoError::Unknown {
        line,
        what,
        found: shortened(found),
    })
}

fn wrong(line: usize, expected: impl Into<Cow<'static, str>>, found: &str) -> RelayLogInfoError {
    RelayLogInfoError::Line {
        line,
        expected: expected.into(),
        found: shortened(found),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(FOUND_CHARS_MAX).collect()
}

/// Whether a source's name for a binlog file can be a line, or the end of one.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

fn snapshot_text(progress: &SnapshotProgress) -> String {
    match progress {
        SnapshotProgress::None => "none".to_owned(),
        SnapshotProgress::Over { number } => format!("over:{number}"),
        SnapshotProgress::Copying {
            number,
            reached: None,
            gone,
        } if gone.is_empty() => format!("copying:{number}"),
        SnapshotProgress::Copying {
            number,
            reached: None,
            gone,
        } => {
            let gone = serde_json::to_string(&**gone).expect("names are texts");
            format!("copying:{number} {gone}")
        }
        SnapshotProgress::Copying {
            number,
            reached: Some(reached),
            gone: _,
        } => {
            let reached = serde_json::to_string(&**reached).expect("names are texts");
            format!("copying:{number} {reached}")
        }
    }
}

fn snapshot_progress(line: usize, text: &str) -> Result<SnapshotProgress, RelayLogInfoError> {
    let over = text.strip_prefix("over:").and_then(|it| it.parse().ok());
    let copying = text.strip_prefix("copying:").unwrap_or_default();
    let (number, what) = copying.split_once(' ').unwrap_or((copying, ""));
    // It is a list where nothing is reached.
    let (gone, reached) = match what.starts_with('[') {
        true => (serde_json::from_str(what).unwrap_or_default(), None),
        false => (BTreeSet::new(), serde_json::from_str(what).ok()),
    };
    let progress = match (number.parse(), over) {
        (Ok(number), _) => SnapshotProgress::Copying {
            number,
            reached: reached.map(Arc::new),
            gone: Arc::new(gone),
        },
        (Err(_), Some(number)) => SnapshotProgress::Over { number },
        (Err(_), None) => SnapshotProgress::None,
    };
    known(
        line,
        "the snapshot's progress",
        text,
        &snapshot_text(&progress),
    )?;
    Ok(progress)
}
