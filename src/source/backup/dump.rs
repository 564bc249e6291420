//! The statements that a dump begins with, or that a backup of a replica leaves: CHANGE REPLICATION SOURCE TO in its
//! spellings, and the GTIDs to set.
//!
//! A dump with `--source-data=2` has them as comments, and mariadb-dump has more of them as comments than it means to be
//! executed. Everything after the first statement that is neither of these nor a setting is the dump itself.

use super::error::BackupTrouble;
use super::kind::BackupKind;
use super::position::{BackupPosition, coordinates, gtid_set, shortened};
use crate::binlog::Coordinates;
use crate::mysql::Flavour;

/// What a beginning tells.
pub(super) enum Scanned {
    /// The position.
    Position(BackupPosition),
    /// The dump itself has not begun yet.
    NeedsMore,
}

/// How lines begin before the dump itself: comments and settings.
const BEFORE_TABLES: [&str; 7] = [
    "--",
    "/*!",
    "/*M!",
    "/* ",
    "SET ",
    "STOP SLAVE",
    "STOP REPLICA",
];
/// How the statements begin that name coordinates.
const CHANGE: [&str; 2] = ["CHANGE MASTER ", "CHANGE REPLICATION SOURCE "];
/// How a comment begins that says whose position a dump has, where it is not that of the dumped server.
const OF_REPLICA: [&str; 3] = [
    "(the source for this replica)",
    "(the master of this slave)",
    "SHOW SLAVE STATUS",
];

/// Whether a file with this first line is statements.
pub(super) fn is_statement(line: &str) -> bool {
    let line = line.trim_start();
    let beginnings = BEFORE_TABLES.iter().chain(&CHANGE);
    beginnings
        .into_iter()
        .any(|beginning| begins(line, beginning))
        || ["CREATE ", "DROP ", "USE ", "INSERT ", "LOCK "]
            .iter()
            .any(|beginning| begins(line, beginning))
}

#[derive(Default)]
struct Found {
    positions: Vec<Coordinates>,
    gtids: Option<String>,
    flavour: Option<Flavour>,
    /// Anything was seen that only a dump has.
    is_dump: bool,
    is_of_replica: bool,
}

/// Reads the statements of a beginning, which is all of the file or not.
///
/// # Errors
/// A statement that is not whole, several positions, and a beginning without one.
pub(super) fn scan(text: &str, is_all: bool) -> Result<Scanned, BackupTrouble> {
    let mut found = Found::default();
    let mut rest = text;
    let has_ended = loop {
        let Some((line, after)) = rest.split_once('\n') else {
            if !is_all {
                return Ok(Scanned::NeedsMore);
            }
            // A last line without its end may be a part of one.
            if statement(rest.trim_end()).is_some_and(|body| until_semicolon(body).is_some()) {
                found.take(rest, rest)?;
                break false;
            }
            match rest.trim().is_empty() {
                true => break false,
                false => return Err(cut(rest)),
            }
        };
        if let Some(body) = statement(line) {
            let is_line = begins(line.trim_start(), "--");
            let whole = match is_line {
                true => line,
                false => rest,
            };
            if until_semicolon(statement(whole).unwrap_or(body)).is_none() {
                return match is_all || is_line {
                    true => Err(cut(body)),
                    false => Ok(Scanned::NeedsMore),
                };
            }
            let used = found.take(line, whole)?;
            rest = match is_line {
                true => after,
                false => after_line(rest, used),
            };
            continue;
        }
        if !is_before_tables(line) {
            break true;
        }
        found.note(line);
        rest = after;
    };
    if !has_ended && found.is_dump {
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        return Err(cut(last.unwrap_or_default()));
    }
    found.is_dump |= has_ended;
    found.position().map(Scanned::Position)
}

impl Found {
    /// Looks at a line that is no statement of interest.
    fn note(&mut self, line: &str) {
        let line = line.trim();
        self.is_dump |= !line.is_empty();
        if let Some((_, version)) = line.split_once("Server version") {
            self.flavour = Some(match version.contains("MariaDB") {
                true => Flavour::MariaDb,
                false => Flavour::MySql,
            });
        }
        self.is_of_replica |= OF_REPLICA.iter().any(|words| line.contains(words));
    }

    /// Takes a statement of interest, which begins in `line` and is whole in `text`; returns how many bytes of `text` it takes.
    fn take(&mut self, line: &str, text: &str) -> Result<usize, BackupTrouble> {
        let body = statement(text).unwrap_or(text);
        let before = text.len() - body.len();
        let whole = until_semicolon(body).ok_or_else(|| cut(line))?;
        if CHANGE.iter().any(|beginning| begins(whole, beginning)) {
            self.positions.extend(changed_to(whole)?);
        } else {
            let set = last_quoted(whole).ok_or_else(|| malformed("the GTID set", whole))?;
            // The sign says that it is added to what is there.
            self.gtids = Some(set.strip_prefix('+').unwrap_or(set).to_owned());
        }
        Ok(before + whole.len())
    }

    fn position(self) -> Result<BackupPosition, BackupTrouble> {
        let kind = match self.is_dump {
            true => BackupKind::Dump,
            false => BackupKind::ReplicaInfo,
        };
        let mut position = BackupPosition::new(kind);
        let mut positions = self.positions;
        positions.dedup();
        if let [_, _, ..] = &*positions {
            let names: Vec<String> = positions.iter().map(ToString::to_string).collect();
            return Err(BackupTrouble::Several {
                found: names.join(", "),
            });
        }
        position.coordinates = positions.pop();
        if let Some(text) = &self.gtids {
            position.gtid_set = Some(gtid_set(text)?).filter(|set| !set.is_empty());
        }
        // A replica may be of another family than its source.
        position.flavour = self.flavour.filter(|_| !self.is_of_replica);
        if position.coordinates.is_none() && position.gtid_set.is_none() {
            return Err(BackupTrouble::NoPosition {
                kind,
                fix: "make it again with --source-data=2 and --single-transaction (mariadb-dump: --master-data=2)",
            });
        }
        Ok(position)
    }
}

/// The statement of interest that a line or text begins with, without the sign of a comment.
fn statement(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let bare = ["-- ", "/* "]
        .iter()
        .find_map(|sign| text.strip_prefix(sign));
    let text = bare.unwrap_or(text).trim_start();
    let is_change = CHANGE.iter().any(|beginning| begins(text, beginning));
    (is_change || sets_gtids(text)).then_some(text)
}

/// Whether it is `SET @@GLOBAL.GTID_PURGED=…` or `SET GLOBAL gtid_slave_pos = …`.
fn sets_gtids(text: &str) -> bool {
    if !begins(text, "SET ") {
        return false;
    }
    let variable = text.split_once('=').map_or(text, |(before, _)| before);
    let name = variable.rsplit(['.', ' ']).find(|part| !part.is_empty());
    name.is_some_and(|name| {
        ["gtid_purged", "gtid_slave_pos"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// A statement up to its semicolon; `None` if that is missing. Quotes here hold no quotes.
fn until_semicolon(text: &str) -> Option<&str> {
    let mut is_quoted = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => is_quoted = !is_quoted,
            b';' if !is_quoted => return text.get(..index),
            _other => {}
        }
    }
    None
}

/// The coordinates that a CHANGE statement names; `None` if it names none.
fn changed_to(statement: &str) -> Result<Option<Coordinates>, BackupTrouble> {
    let (mut file, mut position) = (None, None);
    let options = statement
        .split_once(" TO ")
        .map_or("", |(_, options)| options);
    for option in options.split(',') {
        let Some((key, value)) = option.split_once('=') else {
            continue;
        };
        match key.trim().to_ascii_uppercase().as_str() {
            "MASTER_LOG_FILE" | "SOURCE_LOG_FILE" => file = Some(value.trim().trim_matches('\'')),
            "MASTER_LOG_POS" | "SOURCE_LOG_POS" => {
                position = Some(value.split_whitespace().next().unwrap_or_default());
            }
            _other => {}
        }
    }
    match (file, position) {
        (None, None) => Ok(None),
        (file, position) => {
            let at = coordinates(file.unwrap_or_default(), position.unwrap_or_default());
            at.map(Some)
                .ok_or_else(|| malformed("the position", statement))
        }
    }
}

fn last_quoted(statement: &str) -> Option<&str> {
    let (before, _) = statement.rsplit_once('\'')?;
    before.rsplit_once('\'').map(|(_, quoted)| quoted)
}

/// What follows the line in which the first `used` bytes end.
fn after_line(text: &str, used: usize) -> &str {
    let rest = text.get(used..).unwrap_or_default();
    rest.split_once('\n').map_or("", |(_, after)| after)
}

fn is_before_tables(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || BEFORE_TABLES
            .iter()
            .any(|beginning| begins(line, beginning))
        || line == "--"
}

fn begins(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

fn cut(found: &str) -> BackupTrouble {
    BackupTrouble::Cut {
        found: shortened(found.trim()),
    }
}

fn malformed(what: &'static str, found: &str) -> BackupTrouble {
    BackupTrouble::Malformed {
        kind: BackupKind::Dump,
        what,
        found: shortened(found),
    }
}
