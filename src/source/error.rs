//! Why a source cannot be read, as a person is told it, and what that means for the connector.

use std::fmt;
use std::time::Duration;

use super::backup::BackupError;
use super::file_error::BinlogFileError;
use crate::binlog::{BinlogError, Coordinates, GtidSet, XaId};
use crate::failure::Class;
use crate::filter::ColumnRuleError;
use crate::mysql::{ConnectionError, Flavour};
use crate::row::{RowError, TableName};

/// What a person does who wants a connector to begin elsewhere, whatever its sink.
const NEW_START: &str = "take a new start: set start, remove relay-log.info from the connector's state folder and, with a file \
                         sink, move everything out of its folder";

/// Why a source failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A binlog file cannot be read.
    #[error(transparent)]
    File(#[from] BinlogFileError),
    /// The file that is to tell where to start does not.
    #[error(transparent)]
    Backup(#[from] Box<BackupError>),
    /// The connection could not be made, or broke.
    #[error("no connection to the source")]
    Connection(#[from] ConnectionError),
    /// A statement that rowtap needs failed.
    #[error("the source failed at {statement}")]
    Statement {
        /// The statement's beginning.
        statement: String,
        /// What happened.
        #[source]
        source: ConnectionError,
    },
    /// The answer to a statement lacks what the manual promises.
    #[error("the source's answer to {statement} holds no usable {column}")]
    Answer {
        /// The statement.
        statement: String,
        /// What was looked for.
        column: &'static str,
    },
    /// The rules on columns would let values out that they hide.
    #[error(transparent)]
    Columns(Box<ColumnRuleError>),
    /// An option cannot be meant so.
    #[error("{0}")]
    Options(String),
    /// A choice of groups names what no server of the family has.
    #[error(
        "do_domain_ids and ignore_domain_ids choose {what}, which {} has not, remove them",
        flavour.name()
    )]
    NeverThere {
        /// The source's family.
        flavour: Flavour,
        /// What it lacks.
        what: &'static str,
    },
    /// A run is to end at GTIDs that the source never writes.
    #[error(
        "the run is to end at the GTIDs {goal}, but the source, {source_is}, never writes such, end it at FILE:POSITION by \
         --until"
    )]
    NeverReached {
        /// The GTIDs.
        goal: String,
        /// What the source is.
        source_is: String,
    },
    /// Several things that a person must change before the source can be read.
    #[error("the source cannot be read for {} reasons: {}", .0.len(), numbered(.0))]
    Several(Vec<SourceError>),
    /// `log_bin` is off.
    #[error("the binary log is off, start the source with log_bin")]
    BinlogOff,
    /// `binlog_format` is not ROW.
    #[error(
        "binlog_format is {found}, set it to ROW on the source: SET GLOBAL binlog_format = ROW, and in its configuration too"
    )]
    BinlogFormat {
        /// The global value.
        found: String,
    },
    /// The account may not do what a replica does.
    #[error("{account} lacks {grants}, run on the source: GRANT {grants} ON *.* TO {account}")]
    MissingGrants {
        /// The account, quoted.
        account: String,
        /// What to grant.
        grants: String,
    },
    /// The account does not see what a snapshot is to copy.
    #[error(
        "{account} may not SELECT from {hidden}, which the snapshot is to copy, run on the source: {grants}"
    )]
    Hidden {
        /// The account, quoted.
        account: String,
        /// What it does not see.
        hidden: String,
        /// The statements that let it.
        grants: String,
    },
    /// The connector has the source's own `server_id`.
    #[error("server_id {server_id} is the source's own, choose another for this connector")]
    ServerIdOfSource {
        /// The id.
        server_id: u32,
    },
    /// Another replica has the connector's `server_id`.
    #[error(
        "server_id {server_id} belongs to another replica of this source ({replica}), choose another for this connector"
    )]
    ServerIdTaken {
        /// The id.
        server_id: u32,
        /// How the source lists the other one.
        replica: String,
    },
    /// The source does not show its replicas, and the connector's `server_id` was chosen by a person.
    #[error(
        "cannot see whether another replica has server_id {server_id}, leave server_id out so that rowtap draws one, or \
         run on the source: GRANT REPLICATION MASTER ADMIN ON *.* TO {account}"
    )]
    ReplicasHidden {
        /// The id.
        server_id: u32,
        /// The account, quoted.
        account: String,
    },
    /// Another replica with the same identity has connected and thrown this one out.
    #[error(
        "another replica with this connector's server_id or UUID has connected to the source ({message}), stop it, or give \
         one of the two another server_id and state folder"
    )]
    Displaced {
        /// What the source said.
        message: String,
    },
    /// The file to go on from is gone from the source.
    #[error(
        "{at} has been purged from the source, which now begins with {first}: changes in between are lost to this \
         connector; keep binlogs longer on the source (binlog_expire_logs_seconds) and {}",
        NEW_START
    )]
    Purged {
        /// Where to go on.
        at: Coordinates,
        /// The oldest file that is there.
        first: String,
    },
    /// Groups that are wanted are gone from the source.
    #[error(
        "the source has purged groups that this connector has not seen ({detail}); keep binlogs longer on the source \
         (binlog_expire_logs_seconds) and {}",
        NEW_START
    )]
    PurgedGroups {
        /// The missing GTIDs, or what the source said.
        detail: String,
    },
    /// The file to start in has never been there.
    #[error("the source has no binlog {file}, start in one of {first} to {last}")]
    UnknownFile {
        /// The file asked for.
        file: String,
        /// The oldest file.
        first: String,
        /// The newest file.
        last: String,
    },
    /// A start after the end of its file.
    #[error(
        "start position {at} is after the file's end at {size}, start at a position between 4 and {size}"
    )]
    StartAfterEnd {
        /// Where to start.
        at: Coordinates,
        /// The file's size.
        size: u64,
    },
    /// A start at which no event begins.
    #[error("start position {at} is inside an event, start at {}", nearest(*.before, *.after))]
    InsideEvent {
        /// Where to start.
        at: Coordinates,
        /// The last group boundary before it.
        before: u64,
        /// The first group boundary after it, if there is one.
        after: Option<u64>,
    },
    /// A start at which a group is open.
    #[error("start position {at} is inside a group, start at {}", nearest(*.before, *.after))]
    InsideGroup {
        /// Where to start.
        at: Coordinates,
        /// The last group boundary before it.
        before: u64,
        /// The first group boundary after it, if there is one.
        after: Option<u64>,
    },
    /// The scan of a file met bytes that are no binlog.
    #[error("cannot read the source's binlog at {at}")]
    Unreadable {
        /// Where.
        at: Coordinates,
        /// What was found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The source wrote more while rowtap was looking than its dump shows yet.
    #[error("the source is still committing what stands before {at}")]
    Unsettled {
        /// The end of the binlog.
        at: Coordinates,
    },
    /// XA transactions stand before the place where the stream is to begin, and nobody decides on them.
    #[error(
        "XA transactions are prepared before the end of the binlog and were not decided within {waited:?}, their changes would be \
         lost: {}; run XA COMMIT or XA ROLLBACK on the source, or raise xa_wait_max; or set xa_wait_max = \"0s\" and xa_missing = \
         \"warn\" to begin without them",
        listed(.ids)
    )]
    Undecided {
        /// Their ids.
        ids: Vec<XaId>,
        /// How long they were waited for.
        waited: Duration,
    },
    /// The text of a GTID set cannot be read.
    #[error("gtid_set {text:?} is not a set of {flavour} GTIDs, write it as the source prints it")]
    GtidSet {
        /// The text.
        text: String,
        /// The source's family.
        flavour: &'static str,
        /// What is wrong.
        #[source]
        source: BinlogError,
    },
    /// A GTID start, and the source writes none.
    #[error(
        "a start by gtid_set needs gtid_mode ON, found {found}: set it on the source or start by file and position"
    )]
    GtidModeOff {
        /// The source's gtid_mode.
        found: String,
    },
    /// A checkpoint that the protocol cannot name.
    #[error(
        "cannot go on at {at}: a dump by position reaches 4 GiB and gtid_mode is not ON, set it on the source or {}",
        NEW_START
    )]
    OutOfReach {
        /// The checkpoint.
        at: Coordinates,
    },
    /// The source cannot serve GTIDs from here.
    #[error("the source cannot serve this GTID set ({message}), start by file and position")]
    GtidRefused {
        /// What the source said.
        message: String,
    },
    /// The checkpoint was made with another source.
    #[error(
        "the checkpoint belongs to source {expected}, but this is {found}: point the connector at its source, or {}",
        NEW_START
    )]
    AnotherSource {
        /// As the checkpoint has it.
        expected: String,
        /// As the server says.
        found: String,
    },
    /// The checkpoint was made with another source, and no GTIDs tell what this one has of what was delivered.
    #[error(
        "the checkpoint belongs to source {expected}, but this is {found}, and without GTIDs no change of server can be \
         followed: {}; or point the connector at its source",
        gtids(.gtid_mode.as_deref())
    )]
    AnotherWithoutGtids {
        /// As the checkpoint has it.
        expected: String,
        /// As the server says.
        found: String,
        /// The server's `gtid_mode`, which MariaDB has not.
        gtid_mode: Option<String>,
    },
    /// A server that is to take the source's place does not have what was delivered, and will not get it.
    #[error(
        "{server} lacks groups that were delivered to the target, and does not get them by replication: {missing}; start its \
         replication if it was only stopped, name a server in hosts that has them, or {}",
        NEW_START
    )]
    Lacking {
        /// Where it listens.
        server: String,
        /// The groups.
        missing: String,
    },
    /// A server that is to take the source's place does not yet have what was delivered.
    #[error("{server} does not have all groups yet that were delivered, it lacks {missing}")]
    Behind {
        /// Where it listens.
        server: String,
        /// The groups.
        missing: String,
    },
    /// MariaDB's GTIDs do not grow along the binlog, so that they do not tell what was delivered.
    #[error(
        "the source's GTIDs are out of order: {gtid} follows {before}, though {last} was the last that was delivered of its domain; \
         set gtid_strict_mode = ON on all servers and {}",
        NEW_START
    )]
    OutOfOrder {
        /// The first that the source sends.
        gtid: String,
        /// The one before it in its domain.
        before: String,
        /// The last that was delivered.
        last: String,
    },
    /// None of several servers can be read.
    #[error("none of the {} hosts can be the source now: {}", .0.len(), numbered(.0))]
    NoHost(Vec<HostFailure>),
    /// The source is a replica that does not log what it replicates.
    #[error(
        "the source is a replica that does not log what it replicates, set log_replica_updates = ON (log_slave_updates in \
         MariaDB and before MySQL 8.0.26) in its configuration and restart it"
    )]
    ReplicaUpdatesOff,
    /// The checkpoint lies after the end of its file.
    #[error(
        "the checkpoint {at} is after its file's end at {size}: the source was reset or has lost what it had sent, {}",
        NEW_START
    )]
    Shortened {
        /// The checkpoint.
        at: Coordinates,
        /// The file's size now.
        size: u64,
    },
    /// The file has the checkpoint's name but was begun at another time.
    #[error(
        "{file} was begun at {found}, the checkpoint's at {expected} (seconds since 1970): the source was reset or \
         rebuilt, {}",
        NEW_START
    )]
    Rebuilt {
        /// The file.
        file: String,
        /// The time in the checkpoint.
        expected: u32,
        /// The time in the file.
        found: u32,
    },
    /// The event that ended the last group that was kept in mind is not where it was.
    #[error(
        "the event before {at} is not the one that was delivered: the source was restored from an older copy, or another copy of \
         it answers, {}",
        NEW_START
    )]
    Rewritten {
        /// Where the event ended.
        at: Coordinates,
    },
    /// The checkpoint's file is gone, and the source has all that was delivered before it, in other files.
    #[error(
        "the source has no {at} any more, its newest file is {newest}: its binlogs were numbered anew; it has all groups that \
         were delivered and every one since, so that none is lost if you {}",
        NEW_START
    )]
    Renumbered {
        /// The checkpoint.
        at: Coordinates,
        /// The newest file.
        newest: String,
        /// What was delivered.
        gtid_set: String,
    },
    /// The source has no group of a start's set.
    #[error(
        "the source has none of the groups {gtid_set}, after which the stream is to start: it is another server than the one they \
         are from, name that one, or give the set of this one"
    )]
    StrangeSet {
        /// The set.
        gtid_set: GtidSet,
    },
    /// The source lacks groups that the checkpoint has.
    #[error(
        "the source lacks groups that the checkpoint or start has ({message}): it has lost or never had them, {}",
        NEW_START
    )]
    Diverged {
        /// What the source said.
        message: String,
    },
    /// There is no way to a place of the binlog and a view that goes with it.
    #[error(
        "a snapshot needs a lock for an instant, which it cannot have ({reasons}), run on the source: GRANT LOCK TABLES ON *.* \
         TO {account}, or GRANT RELOAD, PROCESS ON *.* TO {account}; where transactions are in the way that stay open, end them, or set a \
         longer lock_wait_max in [snapshot]"
    )]
    NoView {
        /// What the server said.
        reasons: String,
        /// The account, quoted.
        account: String,
        /// Whether it may be had later.
        may_pass: bool,
    },
    /// There are no views without a lock that go with a place of the binlog.
    #[error(
        "a snapshot without a lock cannot be had ({what}), try again when less is written, or set locking = \"auto\" in [snapshot]"
    )]
    NoWindow {
        /// What was in the way.
        what: String,
    },
    /// What was ordered to be copied cannot be.
    #[error(
        "the snapshot that was ordered cannot be taken ({what}), order another by rowtap snapshot"
    )]
    SnapshotOrder {
        /// What is in its way.
        what: String,
    },
    /// A table is not what it was when the snapshot began.
    #[error("{table} changed during its snapshot ({what}), which begins again")]
    SnapshotDisturbed {
        /// The table.
        table: TableName,
        /// What tells so.
        what: String,
    },
    /// Tables whose rows no view holds still.
    #[error(
        "a snapshot takes an engine with transactions for every table, and finds none for {tables}, convert with ALTER TABLE … \
         ENGINE=InnoDB, or leave out by a filter"
    )]
    NotTransactional {
        /// Some of them.
        tables: String,
    },
    /// A value that is none of its column's type.
    #[error(
        "column {column} of {table} came in a form that its type has not, leave the table out by a filter"
    )]
    Copied {
        /// The table.
        table: TableName,
        /// The column's number, from 1 on.
        column: usize,
        /// What is wrong with it.
        #[source]
        source: Box<RowError>,
    },
    /// Nothing arrived, not even a heartbeat.
    #[error("nothing arrived from the source for {0:?}, not even a heartbeat")]
    Silent(Duration),
    /// The source ended the dump.
    #[error("the source ended the stream")]
    Ended,
    /// The source cannot read its own binlog, or was asked for a position inside an event.
    #[error("the source cannot read its binlog there: {message}")]
    Broken {
        /// What the source said.
        message: String,
    },
    /// The source stopped the dump for a reason that rowtap does not know.
    #[error("the source refused with error {code}: {message}")]
    Server {
        /// The error's number.
        code: u16,
        /// What the source said.
        message: String,
    },
}

/// A server that cannot be the source, and why.
#[derive(Debug)]
pub struct HostFailure {
    /// Where it listens.
    pub address: String,
    /// Why.
    pub error: SourceError,
}

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.error)?;
        let mut cause = std::error::Error::source(&self.error);
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}

impl SourceError {
    /// Makes one error of all that is wrong; `None` if nothing is.
    pub(super) fn of_all(mut faults: Vec<Self>) -> Option<Self> {
        match faults.len() {
            0 | 1 => faults.pop(),
            _several => Some(Self::Several(faults)),
        }
    }

    /// Says where the file of a start is named, if it is that file's.
    pub(super) fn named_at(mut self, place: Option<&str>) -> Self {
        if let Self::Backup(error) = &mut self {
            error.place = place.map(str::to_owned);
        }
        self
    }

    /// Where a new start begins with as little loss as can be, as a key of `[source]`; `None` where none is needed.
    pub fn new_start(&self) -> Option<String> {
        match self {
            Self::Renumbered { gtid_set, .. } => {
                Some(format!("start = {{ gtid_set = \"{gtid_set}\" }}"))
            }
            Self::Purged { .. }
            | Self::PurgedGroups { .. }
            | Self::OutOfReach { .. }
            | Self::AnotherSource { .. }
            | Self::Lacking { .. }
            | Self::OutOfOrder { .. }
            | Self::Shortened { .. }
            | Self::Rebuilt { .. }
            | Self::Rewritten { .. }
            | Self::Diverged { .. } => Some("start = \"earliest\"".to_owned()),
            Self::Columns(error) if matches!(**error, ColumnRuleError::Unfollowed { .. }) => {
                Some("start = \"snapshot\"".to_owned())
            }
            Self::NoHost(failures) => failures
                .iter()
                .find(|failure| matches!(failure.error, Self::Lacking { .. }))
                .and_then(|failure| failure.error.new_start()),
            _other => None,
        }
    }

    /// Whether it is about a snapshot alone, without which a stream can go on.
    pub fn is_of_snapshot(&self) -> bool {
        matches!(
            self,
            Self::SnapshotOrder { .. }
                | Self::SnapshotDisturbed { .. }
                | Self::NoWindow { .. }
                | Self::NoView { .. }
                | Self::NotTransactional { .. }
        )
    }

    /// Whether the source has no longer what comes after the checkpoint, so that only a snapshot brings the target up to it.
    pub fn is_purged(&self) -> bool {
        matches!(self, Self::Purged { .. } | Self::PurgedGroups { .. })
    }

    /// What the failure means for the connector.
    pub fn class(&self) -> Class {
        match self {
            Self::Silent(_)
            | Self::Ended
            | Self::Unsettled { .. }
            | Self::Behind { .. }
            | Self::NoView { may_pass: true, .. }
            | Self::NoWindow { .. }
            | Self::SnapshotDisturbed { .. } => Class::Transient,
            Self::NoHost(failures) => class_of_all(failures),
            Self::Columns(_)
            | Self::Options(_)
            | Self::NeverThere { .. }
            | Self::NeverReached { .. }
            | Self::UnknownFile { .. }
            | Self::StartAfterEnd { .. }
            | Self::GtidSet { .. } => Class::Configuration,
            Self::InsideEvent { .. }
            | Self::InsideGroup { .. }
            | Self::Unreadable { .. }
            | Self::Answer { .. }
            | Self::AnotherSource { .. }
            | Self::Shortened { .. }
            | Self::Rebuilt { .. }
            | Self::Rewritten { .. }
            | Self::Renumbered { .. }
            | Self::StrangeSet { .. }
            | Self::Diverged { .. }
            | Self::Copied { .. }
            | Self::Broken { .. } => Class::Data,
            Self::Connection(source) | Self::Statement { source, .. } => source.class(),
            Self::File(error) => error.class(),
            Self::Backup(error) => error.class(),
            // Unknown means permanent, and so does none.
            Self::Several(errors) => errors.first().map_or(Class::Bug, Self::class),
            Self::BinlogOff
            | Self::ReplicaUpdatesOff
            | Self::AnotherWithoutGtids { .. }
            | Self::Lacking { .. }
            | Self::OutOfOrder { .. }
            | Self::BinlogFormat { .. }
            | Self::MissingGrants { .. }
            | Self::Hidden { .. }
            | Self::ServerIdOfSource { .. }
            | Self::ServerIdTaken { .. }
            | Self::ReplicasHidden { .. }
            | Self::Displaced { .. }
            | Self::Purged { .. }
            | Self::PurgedGroups { .. }
            | Self::GtidModeOff { .. }
            | Self::OutOfReach { .. }
            | Self::GtidRefused { .. }
            | Self::Undecided { .. }
            | Self::NoView {
                may_pass: false, ..
            }
            | Self::NotTransactional { .. }
            | Self::SnapshotOrder { .. }
            | Self::Server { .. } => Class::Refused,
        }
    }
}

/// Ids of XA transactions, of many the first ones.
fn listed(ids: &[XaId]) -> String {
    const LISTED_MAX: usize = 20;
    let first: Vec<String> = ids.iter().take(LISTED_MAX).map(XaId::to_string).collect();
    match ids.len().saturating_sub(LISTED_MAX) {
        0 => first.join(" and "),
        more => format!("{} and {more} more", first.join(" and ")),
    }
}

/// What it means that no server can be read: a history that has split is for a person to decide on; otherwise one that is
/// only away may come back.
fn class_of_all(failures: &[HostFailure]) -> Class {
    let mut failures = failures.iter().map(|failure| &failure.error);
    let first = failures.clone().next();
    let splits = |error: &&SourceError| matches!(error, SourceError::Lacking { .. });
    let may_end = |error: &&SourceError| error.class().is_transient();
    let deciding = failures.clone().find(splits).or(failures.find(may_end));
    // Unknown means permanent, and so does none.
    deciding.or(first).map_or(Class::Bug, SourceError::class)
}

/// How the servers of a connector are given GTIDs.
fn gtids(mode: Option<&str>) -> &'static str {
    match mode {
        Some("ON") => {
            "the connector has seen no GTID yet, let it read on at its source until it has"
        }
        Some(_) => {
            "on the source and its replicas run SET GLOBAL enforce_gtid_consistency = ON, then SET GLOBAL gtid_mode = \
             OFF_PERMISSIVE, ON_PERMISSIVE and ON one after the other, keep them in their configuration, and let the connector \
             read on at its source"
        }
        None => "let the connector read on at its source until it has seen a GTID",
    }
}

fn numbered<E: std::fmt::Display>(errors: &[E]) -> String {
    let numbers = 1..;
    let texts: Vec<String> = numbers
        .zip(errors)
        .map(|(number, error)| format!("({number}) {error}"))
        .collect();
    texts.join("; ")
}

fn nearest(before: u64, after: Option<u64>) -> String {
    match after {
        Some(after) => format!("{before} or {after}, the nearest group boundaries"),
        None => format!("{before}, the nearest group boundary"),
    }
}
