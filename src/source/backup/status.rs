//! The status of a replica as `\G` prints it, in the spellings of MySQL, old MySQL and MariaDB, and the tables of MySQL
//! replicas that hold the same.
//!
//! What a replica has applied counts, not what it has read.

use super::error::BackupTrouble;
use super::kind::BackupKind;
use super::position::{BackupPosition, coordinates, gtid_set, shortened};

/// The first columns of what is recognised.
const FIRST: [&str; 5] = [
    "Replica_IO_State",
    "Slave_IO_State",
    "Connection_name",
    "Number_of_lines",
    "Channel_Name",
];

/// Whether a file with this first line is a status, as `\G` prints it or not.
pub(super) fn is_status(line: &str) -> bool {
    line.starts_with("*****") || FIRST.iter().any(|name| line.contains(name))
}

/// The columns of one row, in order.
struct Row<'a>(Vec<(&'a str, String)>);

/// Reads the position that a replica has reached.
///
/// # Errors
/// A status in columns, of several sources, or not whole.
pub(super) fn position(text: &str) -> Result<BackupPosition, BackupTrouble> {
    let row = Row::of(text)?;
    if row.value("Relay_log_name").is_some() || row.value("Master_log_name").is_some() {
        return of_table(&row);
    }
    let kind = BackupKind::ReplicaStatus;
    let mut position = BackupPosition::new(kind);
    let file = row.needed(&["Relay_Source_Log_File", "Relay_Master_Log_File"])?;
    let at = row.needed(&["Exec_Source_Log_Pos", "Exec_Master_Log_Pos"])?;
    let server_id = row.needed(&["Source_Server_Id", "Master_Server_Id"])?;
    let uuid = row.either(&["Source_UUID", "Master_UUID"]);
    let set = row.either(&["Executed_Gtid_Set", "Gtid_Slave_Pos"]);
    // What knows UUIDs, as whatever has sources, has these columns too; before MySQL 5.6 the server's id was the last one.
    if uuid.is_some() || row.value("Source_Server_Id").is_some() {
        row.needed(&["Executed_Gtid_Set"])?;
        row.needed(&["Auto_Position"])?;
    }
    // Only SHOW ALL SLAVES STATUS has this one, and as its last.
    if row.value("Connection_name").is_some() {
        row.needed(&["Gtid_Slave_Pos"])?;
    }
    position.coordinates = coordinates(file, at);
    if position.coordinates.is_none() && !file.is_empty() {
        return Err(BackupTrouble::Malformed {
            kind,
            what: "the position",
            found: shortened(&format!("{file}:{at}")),
        });
    }
    position.server_uuid = uuid.and_then(|uuid| uuid.parse().ok());
    position.server_id = server_id.parse().ok().filter(|id| *id != 0);
    if let Some(set) = set.filter(|set| !set.is_empty()) {
        position.gtid_set = Some(gtid_set(set)?);
    }
    if position.coordinates.is_none() && position.gtid_set.is_none() {
        return Err(BackupTrouble::NoPosition {
            kind,
            fix: "the replica has applied nothing yet, start at \"earliest\" or at a position",
        });
    }
    Ok(position)
}

/// `mysql.slave_relay_log_info` or `mysql.slave_master_info`.
fn of_table(row: &Row<'_>) -> Result<BackupPosition, BackupTrouble> {
    let (kind, last) = match row.value("Relay_log_name") {
        Some(_) => (BackupKind::RelayLogInfo, "Sql_delay"),
        None => (BackupKind::SourceInfo, "Uuid"),
    };
    let (file, at) = (
        row.needed(&["Master_log_name"])?,
        row.needed(&["Master_log_pos"])?,
    );
    row.needed(&[last])?;
    let mut position = BackupPosition::new(kind);
    position.coordinates = coordinates(file, at);
    position.server_uuid = row.value("Uuid").and_then(|uuid| uuid.parse().ok());
    match position.coordinates {
        Some(_) => Ok(position),
        None => Err(BackupTrouble::NoPosition {
            kind,
            fix: "use the text of SHOW REPLICA STATUS\\G",
        }),
    }
}

impl<'a> Row<'a> {
    fn of(text: &'a str) -> Result<Self, BackupTrouble> {
        let mut columns: Vec<(&str, String)> = Vec::new();
        let mut rows = 0;
        for line in text.split_inclusive('\n') {
            // A line without its end may be a part of one.
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            let line = line.trim_end_matches('\r');
            if line.starts_with("*****") {
                rows += 1;
            } else if let Some((name, value)) = column(line) {
                if columns.iter().any(|(known, _)| *known == name) && rows < 2 {
                    return Err(several(&format!("the column {name} twice")));
                }
                columns.push((name, value.to_owned()));
            } else if let Some((_, value)) = columns.last_mut() {
                value.push_str(line.trim());
            } else if FIRST.iter().any(|name| line.contains(name)) {
                return Err(BackupTrouble::Columns);
            }
        }
        match rows {
            0 | 1 => Ok(Self(columns)),
            more => Err(several(&format!("the rows of {more} sources"))),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().position(|(known, _)| *known == name)?;
        // A set may go on in the next line, so that only the next column ends a value.
        let is_whole = found + 1 < self.0.len() || !MANY_LINES.contains(&name);
        let (_, value) = self.0.get(found)?;
        is_whole.then_some(value)
    }

    fn either(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.value(name))
    }

    fn needed(&self, names: &[&str]) -> Result<&str, BackupTrouble> {
        self.either(names).ok_or_else(|| BackupTrouble::Cut {
            found: match self.0.last() {
                Some((name, _)) => format!("{name}, before {}", names.first().unwrap_or(&"")),
                None => "nothing".to_owned(),
            },
        })
    }
}

/// The columns whose values may take several lines, and after which there are others.
const MANY_LINES: [&str; 2] = ["Executed_Gtid_Set", "Retrieved_Gtid_Set"];

/// A line `Name: value`.
fn column(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim_start();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name, value.trim()))
}

fn several(found: &str) -> BackupTrouble {
    BackupTrouble::Several {
        found: found.to_owned(),
    }
}
