//! The kinds of files that tell where a backup or a replica stood.

use std::fmt;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupKind {
    /// A dump by mysqldump or mariadb-dump.
    Dump,
    /// `xtrabackup_binlog_info` or `mariadb_backup_binlog_info`.
    BinlogInfo,
    /// `xtrabackup_slave_info` or `mariadb_backup_slave_info`, or other statements of their kind.
    ReplicaInfo,
    /// `xtrabackup_info` or `mariadb_backup_info`.
    BackupInfo,
    /// `SHOW REPLICA STATUS` as `\G` prints it.
    ReplicaStatus,
    /// A replica's `relay-log.info`, or the table `mysql.slave_relay_log_info` as `\G` prints it.
    RelayLogInfo,
    /// A replica's `master.info`, or the table `mysql.slave_master_info` as `\G` prints it: what it had read.
    SourceInfo,
    /// The checkpoint of a connector.
    Checkpoint,
}

impl fmt::Display for BackupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dump => "a dump",
            Self::BinlogInfo => "a backup's binlog_info",
            Self::ReplicaInfo => "a backup's slave_info",
            Self::BackupInfo => "a backup's info",
            Self::ReplicaStatus => "a replica's status",
            Self::RelayLogInfo => "a replica's relay-log.info",
            Self::SourceInfo => "a replica's master.info",
            Self::Checkpoint => "a connector's relay-log.info",
        })
    }
}
