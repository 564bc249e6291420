//! The small files that backup programs and replicas leave.
//!
//! | file | lines |
//! |---|---|
//! | `xtrabackup_binlog_info` | file, tab, position, and where the server has GTIDs another tab and their set, over several lines |
//! | `xtrabackup_info` | `key = value`, among them `binlog_pos = filename '…', position '…', GTID of the last change '…'` |
//! | `relay-log.info` | the number of lines (not in 5.5), relay log and position, source log and position, delay |
//! | `master.info` | the number of lines, source log and position that were read, host, user, password, port and more |
//!
//! A replica writes its files in place: after their lines there may be a rest of longer ones.

use std::fs;
use std::path::Path;

use super::error::BackupTrouble;
use super::kind::BackupKind;
use super::position::{BackupPosition, coordinates, gtid_set, shortened};
use crate::mysql::Flavour;
use crate::state::relay_log_info;

/// Numbers of lines that a `relay-log.info` has at most; a `master.info` has more.
const RELAY_LOG_INFO_LINES_MAX: usize = 14;
/// The number of lines of MariaDB's `relay-log.info`.
const MARIADB_RELAY_LOG_INFO_LINES: usize = 5;
/// The line of a MySQL `master.info` that has the source's UUID, from 0.
const UUID_LINE: usize = 18;

/// Reads the position from a file's text, which is all of it; `None` if it is none of these files.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn position(path: &Path, text: &str) -> Result<Option<BackupPosition>, BackupTrouble> {
    let whole: Vec<&str> = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let first = text.lines().next().unwrap_or_default();
    if first.contains('\t') {
        return binlog_info(text, first);
    }
    if text.contains("\nbinlog_pos = ") || first.starts_with("uuid = ") {
        return backup_info(text).map(Some);
    }
    let Ok(count) = first.parse::<usize>() else {
        return old_relay_log_info(&whole);
    };
    if whole
        .get(6)
        .is_some_and(|line| line.starts_with("version="))
    {
        return checkpoint(text).map(Some);
    }
    match count {
        0 => Ok(None),
        1..=RELAY_LOG_INFO_LINES_MAX => relay_log_info(path, count, &whole).map(Some),
        _more => source_info(count, &whole).map(Some),
    }
}

fn binlog_info(text: &str, first: &str) -> Result<Option<BackupPosition>, BackupTrouble> {
    let kind = BackupKind::BinlogInfo;
    let mut columns = first.splitn(3, '\t');
    let (file, at) = (
        columns.next().unwrap_or_default(),
        columns.next().unwrap_or_default(),
    );
    if !text.ends_with('\n') {
        return Err(cut(first));
    }
    let Some(at) = coordinates(file, at.trim()) else {
        return Ok(None);
    };
    let mut position = BackupPosition::new(kind);
    position.coordinates = Some(at);
    let set = text.splitn(3, '\t').nth(2).unwrap_or_default();
    if !set.trim().is_empty() {
        position.gtid_set = Some(gtid_set(set)?);
    }
    Ok(Some(position))
}

fn backup_info(text: &str) -> Result<BackupPosition, BackupTrouble> {
    let kind = BackupKind::BackupInfo;
    let value = |key: &str| {
        let begin = text.find(&format!("\n{key} = "))?;
        text.get(begin..)?.split_once(" = ").map(|(_, after)| after)
    };
    let Some(at) = value("binlog_pos") else {
        return Err(match text.contains("\nformat = ") {
            true => BackupTrouble::NoPosition {
                kind,
                fix: "the server that was backed up has no binlog, back up one that has",
            },
            false => cut(text.lines().last().unwrap_or_default()),
        });
    };
    let whole = at.split_once("\ninnodb_from_lsn = ");
    let (at, _) = whole.ok_or_else(|| cut("binlog_pos"))?;
    let quoted: Vec<&str> = at.split('\'').skip(1).step_by(2).collect();
    let mut position = BackupPosition::new(kind);
    position.coordinates = match &*quoted {
        [file, number, ..] => coordinates(file, number),
        _fewer => None,
    };
    if position.coordinates.is_none() {
        return Err(BackupTrouble::Malformed {
            kind,
            what: "binlog_pos",
            found: shortened(at),
        });
    }
    if let Some(set) = quoted.get(2).filter(|set| !set.trim().is_empty()) {
        position.gtid_set = Some(gtid_set(set)?);
    }
    let version = value("server_version").and_then(|text| text.lines().next());
    position.flavour = version.map(|version| match version.contains("MariaDB") {
        true => Flavour::MariaDb,
        false => Flavour::MySql,
    });
    Ok(position)
}

/// Before MySQL 5.6 and MariaDB 10 there was no number of lines.
fn old_relay_log_info(lines: &[&str]) -> Result<Option<BackupPosition>, BackupTrouble> {
    let (Some(relay_log), Some(relay_at)) = (lines.first(), lines.get(1)) else {
        return Ok(None);
    };
    let looks_so = coordinates(relay_log.trim_start_matches("./"), "4").is_some()
        || relay_log.starts_with('/');
    if !looks_so || relay_at.parse::<u64>().is_err() {
        return Ok(None);
    }
    applied(lines.get(2), lines.get(3)).map(Some)
}

fn relay_log_info(
    path: &Path,
    count: usize,
    lines: &[&str],
) -> Result<BackupPosition, BackupTrouble> {
    // The delay after them shows that the position is whole.
    if lines.get(5).is_none() {
        return Err(cut_at(lines));
    }
    if count == MARIADB_RELAY_LOG_INFO_LINES {
        let beside = fs::read_to_string(path.with_file_name("master.info"));
        let is_kept = beside.is_ok_and(|text| text.lines().any(|line| line == "using_gtid=0"));
        if !is_kept {
            return Err(BackupTrouble::NotKept);
        }
    }
    applied(lines.get(3), lines.get(4))
}

fn applied(file: Option<&&str>, at: Option<&&str>) -> Result<BackupPosition, BackupTrouble> {
    let kind = BackupKind::RelayLogInfo;
    let (Some(file), Some(at)) = (file, at) else {
        return Err(cut("the relay log's position"));
    };
    let mut position = BackupPosition::new(kind);
    position.coordinates = coordinates(file, at);
    match position.coordinates {
        Some(_) => Ok(position),
        None if file.is_empty() => Err(BackupTrouble::NoPosition {
            kind,
            fix: "the replica has applied nothing yet, start at \"earliest\" or at a position",
        }),
        None => Err(BackupTrouble::Malformed {
            kind,
            what: "the position",
            found: shortened(&format!("{file}:{at}")),
        }),
    }
}

fn source_info(count: usize, lines: &[&str]) -> Result<BackupPosition, BackupTrouble> {
    let kind = BackupKind::SourceInfo;
    if lines.len() < count {
        return Err(cut_at(lines));
    }
    let line = |index: usize| lines.get(index).copied().unwrap_or_default();
    let mut position = BackupPosition::new(kind);
    position.coordinates = coordinates(line(1), line(2));
    position.server_uuid = line(UUID_LINE).parse().ok();
    match position.coordinates {
        Some(_) => Ok(position),
        None if line(1).is_empty() => Err(BackupTrouble::NoPosition {
            kind,
            fix: "the replica uses GTIDs or has read nothing yet, use the text of SHOW REPLICA STATUS\\G",
        }),
        None => Err(BackupTrouble::Malformed {
            kind,
            what: "the position",
            found: shortened(&format!("{}:{}", line(1), line(2))),
        }),
    }
}

/// The checkpoint of another connector.
fn checkpoint(text: &str) -> Result<BackupPosition, BackupTrouble> {
    let kind = BackupKind::Checkpoint;
    let checkpoint =
        relay_log_info::decode(text.as_bytes()).map_err(|error| BackupTrouble::Malformed {
            kind,
            what: "something not as it was written",
            found: shortened(&error.to_string()),
        })?;
    if !checkpoint.undecided.is_empty() {
        return Err(BackupTrouble::MoreThanAPosition {
            what: "XA transactions that are prepared",
        });
    }
    if !checkpoint.undefined.is_empty() {
        return Err(BackupTrouble::MoreThanAPosition {
            what: "tables without a definition",
        });
    }
    let mut position = BackupPosition::new(kind);
    position.flavour = Some(checkpoint.gtid_set.flavour());
    position.gtid_set = Some(checkpoint.gtid_set).filter(|set| !set.is_empty());
    position.coordinates = Some(checkpoint.coordinates);
    position.server_uuid = checkpoint.server_uuid;
    position.server_id = Some(checkpoint.server_id);
    Ok(position)
}

fn cut_at(lines: &[&str]) -> BackupTrouble {
    match lines.len() {
        0 => cut("a part of its first line"),
        count => cut(&format!("line {count}")),
    }
}

fn cut(found: &str) -> BackupTrouble {
    BackupTrouble::Cut {
        found: shortened(found),
    }
}
