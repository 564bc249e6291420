//! Why a file does not tell where to start.

use std::io;
use std::path::PathBuf;

use super::kind::BackupKind;
use crate::failure::Class;

/// Why a file does not tell where to start.
#[derive(Debug, thiserror::Error)]
#[error("{}start cannot be read from {}", before(place.as_deref()), path.display())]
pub struct BackupError {
    /// Where the file is named.
    pub place: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub trouble: BackupTrouble,
}

fn before(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}

/// What is wrong with a file that is to tell where to start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupTrouble {
    /// It cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is a folder.
    #[error(
        "it is a folder, name the file in it, such as xtrabackup_binlog_info, relay-log.info or the dump"
    )]
    Folder,
    /// It is no text.
    #[error(
        "it holds a byte 0 and is no text, name a dump, a backup's binlog_info, a relay-log.info, or the text of SHOW REPLICA \
         STATUS\\G"
    )]
    NotText,
    /// No position was found in as much of it as is read.
    #[error(
        "there is no table in its first {max} bytes and no end, name a dump, or give the position itself: start = {{ file = …, \
         position = … }}"
    )]
    TooLong {
        /// Bytes that are read.
        max: usize,
    },
    /// It is nothing known.
    #[error(
        "it begins with {found:?}, which is none of a dump, a backup's binlog_info or slave_info, a master.info or \
         relay-log.info, and SHOW REPLICA STATUS\\G; give the position itself: start = {{ file = …, position = … }}"
    )]
    Unknown {
        /// Its first line, shortened.
        found: String,
    },
    /// The status of a replica as a table.
    #[error("it is a replica's status in columns, print it with SHOW REPLICA STATUS\\G")]
    Columns,
    /// Its end is missing.
    #[error("it was cut: it ends after {found}, take a whole copy of it")]
    Cut {
        /// What stands at its end.
        found: String,
    },
    /// It is a dump whose end is missing.
    #[error(
        "it is a dump at {position} that was cut: its last line is not \"-- Dump completed\", and rows are missing where it was \
         loaded; take a whole copy of it, or, if the data is whole there, give the position itself: start = {{ file = …, \
         position = … }}"
    )]
    Unfinished {
        /// The position that it names.
        position: String,
    },
    /// It is whole and names no position.
    #[error("it is {kind} without a position, {fix}")]
    NoPosition {
        /// What it is.
        kind: BackupKind,
        /// What to do.
        fix: &'static str,
    },
    /// It names several positions.
    #[error(
        "it names several positions ({found}), give the one of this source: start = {{ file = …, position = … }}"
    )]
    Several {
        /// What it names.
        found: String,
    },
    /// A line does not hold what belongs there.
    #[error("it is {kind} in which {what} is {found:?}, take a whole copy of it")]
    Malformed {
        /// What it is.
        kind: BackupKind,
        /// What was looked at.
        what: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// A GTID set is none.
    #[error("it has a GTID set that is none, {found:?}, take a whole copy of it")]
    GtidSet {
        /// What is there, shortened.
        found: String,
    },
    /// MariaDB does not keep that file.
    #[error(
        "it is the relay-log.info of a MariaDB replica, which is kept only with MASTER_USE_GTID=no, as its master.info beside it \
         would say by using_gtid=0; use the text of SHOW SLAVE STATUS\\G"
    )]
    NotKept,
    /// The connector that left the checkpoint goes on with more than a position.
    #[error(
        "it is the checkpoint of a connector that has {what}, which another one does not know; copy its whole state folder instead"
    )]
    MoreThanAPosition {
        /// What.
        what: &'static str,
    },
    /// It is of a server of the other family.
    #[error(
        "it is of a {of} server, but the source is {source_is}: point the connector at the right one of the two"
    )]
    Family {
        /// The family that the file is of.
        of: &'static str,
        /// That of the source.
        source_is: &'static str,
    },
    /// Its position lies in the binlog of another server.
    #[error(
        "its position lies in the binlog of {of}, but the source is {source_is}: point the connector at {of}, or, with gtid_mode \
         ON on the source, use a file that has GTIDs"
    )]
    AnotherServer {
        /// Whose binlog.
        of: String,
        /// What the source is.
        source_is: String,
    },
    /// It has GTIDs alone, of which the source has none.
    #[error(
        "it has a GTID set and no position, but gtid_mode is not ON on the source, set it there, or dump again with \
         --source-data=2"
    )]
    OnlyGtids,
}

impl BackupError {
    /// What the failure means for the connector.
    pub fn class(&self) -> Class {
        match &self.trouble {
            BackupTrouble::Io(_)
            | BackupTrouble::Folder
            | BackupTrouble::Columns
            | BackupTrouble::Several { .. }
            | BackupTrouble::NoPosition { .. }
            | BackupTrouble::NotKept
            | BackupTrouble::MoreThanAPosition { .. }
            | BackupTrouble::Family { .. }
            | BackupTrouble::AnotherServer { .. }
            | BackupTrouble::OnlyGtids => Class::Configuration,
            BackupTrouble::NotText
            | BackupTrouble::TooLong { .. }
            | BackupTrouble::Unknown { .. }
            | BackupTrouble::Cut { .. }
            | BackupTrouble::Unfinished { .. }
            | BackupTrouble::Malformed { .. }
            | BackupTrouble::GtidSet { .. } => Class::Data,
        }
    }
}
