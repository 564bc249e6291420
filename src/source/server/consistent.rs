//! One place of a server's binlog, and views of its tables as they were there.
//!
//! | server | how |
//! |---|---|
//! | MariaDB | `START TRANSACTION WITH CONSISTENT SNAPSHOT`, and the place that the server keeps for it; no lock. Several views are opened again until they are of one place |
//! | MariaDB, where they do not come to be | under `BACKUP STAGE BLOCK_COMMIT`, for the instant that this takes; else there is one view alone |
//! | MySQL | the same as MariaDB's, and the question for the place, under `LOCK TABLES … READ` on the tables that are wanted |
//! | MySQL, where no lock may be had | the same without one, so that each view is of about the place; what changed meanwhile is told from the stream |
//! | MySQL, where that is refused or not had in time | under `FLUSH TABLES WITH READ LOCK`, unless a long statement runs or cannot be seen |
//!
//! A lock that waits keeps every writer waiting behind it. So the time from the request to the release is bounded, and a second
//! connection ends the one that waits. `LOCK TABLES` waits for transactions that have changed a table, `FLUSH TABLES` for every
//! statement that reads one: given up, it leaves that table closed to all until the statement ends. So it comes second, and not
//! where such a statement is seen.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::dump::NET_WRITE_TIMEOUT;
use super::options::ServerOptions;
use super::preflight::SourceFacts;
use super::session::{ACCESS_DENIED, Session};
use super::snapshot_options::Locking;
use super::statements::{self, Status};
use super::undecided::Quiet;
use crate::binlog::{Coordinates, GtidSet};
use crate::fault::{Fault, planted};
use crate::metrics::one_line;
use crate::mysql::Flavour;
use crate::row::TableName;
use crate::source::error::SourceError;

/// The server's errors where it refuses a lock; and where its wait was too long or was ended, or a table went away meanwhile.
const DENIED: [u16; 5] = [ACCESS_DENIED, 1044, 1045, 1142, 1143];
const NOT_IN_TIME: [u16; 5] = [1205, 1317, 3024, 1146, 1049];
/// The lock on all tables.
const FLUSH: &str = "FLUSH TABLES WITH READ LOCK";
/// MariaDB's against commits.
const BLOCK_COMMIT: [&str; 2] = ["BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT"];
/// What opens a view, and closes the one before it.
const OPEN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
/// How often MariaDB's views are opened for all to be of one place.
const TRIES_MAX: u32 = 200;
/// How often MySQL's are, for nothing to be written meanwhile.
const NARROW_TRIES_MAX: u32 = 200;
/// How long views wait for groups that are in the binlog to be executed.
const EXECUTED_WAIT: Duration = Duration::from_secs(60);
/// How long a view waits for a lock once it is open.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// Connections that see the tables as they were at a place.
#[derive(Debug)]
pub struct TableViews {
    pub(in crate::source) sessions: Vec<Session>,
    /// The place.
    pub(in crate::source) status: Status,
    show: Shows,
    /// Whether no table is altered, renamed or emptied while they are open.
    keep_ddl_out: bool,
}

/// What views show.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shows {
    /// The tables as they are at the place.
    ItsPlace,
    /// The same, but that changes of XA transactions may be missing, which the binlog has before they can be seen.
    AllButXa,
    /// The tables with all groups of the set, none after the place, and some of those between.
    Around(GtidSet),
    /// No rows, but how tables are defined.
    NoRows,
    /// A place alone, where nothing was to be copied.
    Nothing,
}

/// A lock for the instant in which views are opened.
struct Lock<'a> {
    name: &'a str,
    take: &'a [&'a str],
    release: &'a str,
}

/// What came of a try.
enum Tried {
    Had(Box<TableViews>),
    Refused(String),
    /// With how long it took from the request until the server was told that it is not wanted any more.
    NotInTime(String, Duration),
}

impl TableViews {
    /// The place of the binlog at which the tables are as they show them.
    pub fn place(&self) -> &Coordinates {
        &self.status.coordinates
    }

    /// The groups whose changes can be seen for certain; those of others before the place may be seen or not. `None` where all
    /// before the place can.
    pub fn seen(&self) -> Option<&GtidSet> {
        match &self.show {
            Shows::Around(seen) => Some(seen),
            Shows::ItsPlace | Shows::AllButXa | Shows::NoRows | Shows::Nothing => None,
        }
    }

    /// Whether changes before the place may be missing.
    pub fn hides_some(&self) -> bool {
        match &self.show {
            Shows::Around(_) | Shows::AllButXa => true,
            Shows::ItsPlace | Shows::NoRows | Shows::Nothing => false,
        }
    }

    /// Whether they were opened for no tables, and are of no use for any.
    pub fn show_nothing(&self) -> bool {
        self.show == Shows::Nothing
    }

    /// Whether no table is altered, renamed or emptied while they are open.
    pub fn keep_ddl_out(&self) -> bool {
        self.keep_ddl_out
    }

    /// Whether they are of no use for rows.
    pub fn show_no_rows(&self) -> bool {
        self.show == Shows::NoRows
    }

    /// Opens views of these tables for a copy that goes on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) async fn of_rest(
        options: &ServerOptions,
        flavour: Flavour,
        tables: &[TableName],
    ) -> Result<Self, SourceError> {
        let mut views = match flavour {
            Flavour::MySql => Box::pin(Self::open(options, flavour, tables)).await?,
            Flavour::MariaDb => Box::pin(without_lock(options, true)).await?,
        };
        if planted(Fault::ResumedElsewhere) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let mut session = Session::open(options).await?;
            if let Some(status) = statements::status(&mut session).await? {
                views.status = status;
            }
        }
        Ok(views)
    }

    /// Opens views of MySQL without a lock, which show all groups of a set.
    ///
    /// The server counts a group as executed once it can be seen, and it is in the binlog before. So a view that is opened after
    /// the set of executed groups was read, and before the end of the binlog is, shows those of the set, none after that end, and
    /// some of those between. That is tried until the binlog has grown by nothing meanwhile, so that no more than a few groups
    /// are between, or too often.
    ///
    /// # Errors
    /// When the groups are not executed in time, or whatever breaks on the way.
    pub(super) async fn unlocked(
        options: &ServerOptions,
        facts: &SourceFacts,
        since: &GtidSet,
    ) -> Result<Self, SourceError> {
        takes_gtids(options, facts)?;
        let mut sessions = readers(options).await?;
        let mut watch = Session::open(options).await?;
        let seconds = EXECUTED_WAIT.as_secs();
        let executed = format!("WAIT_FOR_EXECUTED_GTID_SET('{since}', {seconds})");
        let timed_out = statements::value(&mut watch, &executed).await?;
        if timed_out.as_deref() != Some("0") {
            return Err(SourceError::NoWindow {
                what: format!(
                    "groups that the stream has passed are not executed within {seconds} s"
                ),
            });
        }
        let mut before = place(&mut watch).await?;
        let mut tries = 0;
        loop {
            tries += 1;
            let seen = executed_groups(&mut watch, facts.flavour).await?;
            open_all(&mut sessions).await?;
            let is_wide = planted(Fault::LotNotChecked) || planted(Fault::WideWindow);
            if is_wide {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            let status = place(&mut watch).await?;
            let is_narrow = status.coordinates == before.coordinates;
            if !is_narrow && !is_wide && tries < NARROW_TRIES_MAX {
                before = status;
                continue;
            }
            let views = sessions.len();
            info!(upto = %status.coordinates, views, tries, "the snapshot is of about this place, without a lock");
            return Ok(Self {
                sessions,
                status,
                show: Shows::Around(seen),
                keep_ddl_out: false,
            });
        }
    }

    /// Opens as many views of these tables as the options say.
    ///
    /// # Errors
    /// No way to have one, each with what the server said; or what breaks on the way.
    pub(super) async fn open(
        options: &ServerOptions,
        flavour: Flavour,
        tables: &[TableName],
    ) -> Result<Self, SourceError> {
        if flavour == Flavour::MariaDb {
            return Box::pin(without_lock(options, false)).await;
        }
        if tables.is_empty() || options.snapshot.locking == Locking::None {
            // Any place goes with none, and rows without a lock are looked at once the stream has begun.
            let mut session = reader(options).await?;
            session.ask("START TRANSACTION READ ONLY").await?;
            let status = statements::status(&mut session).await?;
            let status = status.ok_or(SourceError::BinlogOff)?;
            return Ok(Self {
                sessions: vec![session],
                status,
                show: match tables.is_empty() {
                    true => Shows::Nothing,
                    false => Shows::NoRows,
                },
                keep_ddl_out: false,
            });
        }
        let mut reasons = Vec::new();
        let mut may_pass = false;
        let names: Vec<String> = tables.iter().map(TableName::quoted).collect();
        let by_table = format!("LOCK TABLES {} READ", names.join(" READ, "));
        for (name, statement) in [("LOCK TABLES", &*by_table), (FLUSH, FLUSH)] {
            let lock = Lock {
                name,
                take: &[statement],
                release: "UNLOCK TABLES",
            };
            let obstacle = match name {
                FLUSH => obstacle_to_flush(options).await?,
                _by_table => None,
            };
            let tried = match obstacle {
                Some(obstacle) => obstacle,
                None => Box::pin(locked(options, flavour, &lock)).await?,
            };
            let (reason, held) = match tried {
                Tried::Had(views) => return Ok(*views),
                Tried::Refused(reason) => (reason, Duration::ZERO),
                Tried::NotInTime(reason, held) => {
                    may_pass = true;
                    (reason, held)
                }
            };
            let held_ms = held.as_millis();
            warn!(
                method = name,
                held_ms, reason, "no lock for the place of the snapshot"
            );
            reasons.push(format!("{name}: {reason}"));
        }
        let mut session = Session::open(options).await?;
        let account = statements::account(&mut session).await?;
        let reasons = reasons.join("; ");
        Err(SourceError::NoView {
            reasons,
            account,
            may_pass,
        })
    }
}

/// Makes sure that what is changed while views are opened can be told, where no lock keeps it out.
///
/// # Errors
/// A MySQL whose groups have no GTIDs.
pub(super) fn takes_gtids(options: &ServerOptions, facts: &SourceFacts) -> Result<(), SourceError> {
    if options.snapshot.locking == Locking::Auto || facts.serves_gtids() {
        return Ok(());
    }
    let message = "locking is \"none\", and a snapshot of MySQL without a lock takes gtid_mode = ON, set it on the source, or \
                   locking = \"auto\" in [snapshot]";
    Err(SourceError::Options(message.to_owned()))
}

/// Why the lock on all tables is not to be asked for: a statement has run for a second that it would wait for, or nobody knows.
async fn obstacle_to_flush(options: &ServerOptions) -> Result<Option<Tried>, SourceError> {
    let mut session = Session::open(options).await?;
    // The list below has the account's own statements alone without the right that this table takes, whose few rows are numbers:
    // MySQL fails at a list of transactions where a statement holds a character of four bytes.
    let asked = session.ask("SELECT COUNT(*) FROM information_schema.INNODB_CMP");
    match asked.await {
        Ok(_) => {}
        Err(error)
            if error
                .server_code()
                .is_some_and(|code| DENIED.contains(&code)) =>
        {
            let reason =
                "without PROCESS nobody knows whether a statement runs that it would wait for";
            return Ok(Some(Tried::Refused(reason.to_owned())));
        }
        Err(error) => return Err(error),
    }
    let is_in_its_way = has_long_statement(&mut session).await?;
    Ok(is_in_its_way.then(|| {
        let reason = "a statement runs that it would wait for";
        Tried::NotInTime(reason.to_owned(), Duration::ZERO)
    }))
}

/// Whether a statement has run for a second.
async fn has_long_statement(session: &mut Session) -> Result<bool, SourceError> {
    let answer = session.ask("SHOW PROCESSLIST").await?;
    let mut rows = answer.rows();
    Ok(rows.any(|row| {
        let is_statement = matches!(row.text("Command"), Some("Query" | "Execute"));
        let seconds = row.text("Time").and_then(|time| time.parse::<i64>().ok());
        is_statement && seconds.is_some_and(|seconds| seconds >= 1)
    }))
}

/// Tries to have a lock, and under it views and their place.
async fn locked(
    options: &ServerOptions,
    flavour: Flavour,
    by: &Lock<'_>,
) -> Result<Tried, SourceError> {
    let wait_max = options.snapshot.lock_wait_max;
    let mut sessions = readers(options).await?;
    let is_kept_out = match (flavour, sessions.first_mut()) {
        (Flavour::MySql, Some(first)) => keep_ddl_out(first, wait_max).await?,
        (_, _) => false,
    };
    let mut lock = Session::open(options).await?;
    set_lock_wait(&mut lock, wait_max).await?;
    let number = statements::value(&mut lock, "CONNECTION_ID()").await?;
    let mut watch = Session::open(options).await?;
    let begun = Instant::now();
    let held = async {
        for statement in by.take {
            lock.ask(statement).await?;
        }
        open_all(&mut sessions).await?;
        if planted(Fault::UnlockedBeforePlace) {
            lock.ask(by.release).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let status = match flavour {
            Flavour::MySql => statements::status(&mut lock).await?,
            Flavour::MariaDb => common_place(&mut sessions).await?,
        };
        lock.ask(by.release).await?;
        Ok::<_, SourceError>(status)
    };
    // What is left is for the server to hear that nobody waits any more.
    let ended = timeout(wait_max * 9 / 10, held).await;
    let took = begun.elapsed();
    match ended {
        Ok(Ok(Some(status))) => {
            let (held_ms, views) = (took.as_millis(), sessions.len());
            let (by, at) = (by.name.split(' ').next(), &status.coordinates);
            info!(by, %at, views, held_ms, "locked for the place of the snapshot");
            Ok(Tried::Had(Box::new(TableViews {
                sessions,
                status,
                show: Shows::ItsPlace,
                keep_ddl_out: is_kept_out,
            })))
        }
        Ok(Ok(None)) if flavour == Flavour::MySql => Err(SourceError::BinlogOff),
        Ok(Ok(None)) => Ok(Tried::NotInTime(
            "the views are of several places".to_owned(),
            took,
        )),
        Ok(Err(error)) => match error.server_code() {
            Some(code) if DENIED.contains(&code) => Ok(Tried::Refused(one_line(&error))),
            Some(code) if NOT_IN_TIME.contains(&code) => {
                Ok(Tried::NotInTime(one_line(&error), took))
            }
            Some(_) | None => Err(error),
        },
        Err(_elapsed) => {
            // Whoever waits goes on waiting when nobody listens any more.
            let kill = format!("KILL {}", number.unwrap_or_default());
            if let Err(error) = watch.ask(&kill).await {
                warn!(error = %one_line(&error), "the connection that waits for a lock cannot be ended");
            }
            let reason = format!("not had within {wait_max:?}");
            Ok(Tried::NotInTime(reason, begun.elapsed()))
        }
    }
}

/// MariaDB keeps the place of each view. Where a stream comes to it, that tells which XA transactions a view may lack; else it must
/// not lack any.
async fn without_lock(options: &ServerOptions, is_rest: bool) -> Result<TableViews, SourceError> {
    let mut sessions = readers(options).await?;
    let mut watch = Session::open(options).await?;
    let of_place = |sessions: Vec<Session>, status: Status| {
        let (at, views) = (&status.coordinates, sessions.len());
        info!(%at, views, "the snapshot is of this place, without a lock");
        TableViews {
            sessions,
            status,
            show: match is_rest {
                true => Shows::AllButXa,
                false => Shows::ItsPlace,
            },
            keep_ddl_out: false,
        }
    };
    if let Some(status) = open_at_once(options, (&mut sessions, &mut watch), is_rest).await? {
        return Ok(of_place(sessions, status));
    }
    let reason = match options.snapshot.locking {
        Locking::None => "locking is \"none\"".to_owned(),
        Locking::Auto => {
            let lock = Lock {
                name: "BACKUP STAGE",
                take: &BLOCK_COMMIT,
                release: "BACKUP STAGE END",
            };
            match Box::pin(locked(options, Flavour::MariaDb, &lock)).await? {
                Tried::Had(views) => return Ok(*views),
                Tried::Refused(reason) => reason,
                Tried::NotInTime(reason, held) => {
                    let held_ms = held.as_millis();
                    warn!(held_ms, reason, "no lock for the place of the snapshot");
                    reason
                }
            }
        }
    };
    warn!(
        reason,
        "one reader alone, for several views of one place were not to be had"
    );
    sessions.truncate(1);
    if let Some(status) = open_at_once(options, (&mut sessions, &mut watch), is_rest).await? {
        return Ok(of_place(sessions, status));
    }
    Err(SourceError::NoWindow {
        what: "XA transactions are committed all the time, which a view may lack".to_owned(),
    })
}

/// Opens views of MariaDB again and again until they are of one place, which it returns, and lack nothing before it that the stream
/// will not tell of; `None` if they do not come to be.
async fn open_at_once(
    options: &ServerOptions,
    (sessions, watch): (&mut Vec<Session>, &mut Session),
    is_rest: bool,
) -> Result<Option<Status>, SourceError> {
    for _ in 0..TRIES_MAX {
        let quiet = Quiet::begin(watch).await?;
        open_all(sessions).await?;
        if let Some(status) = common_place(sessions).await?
            && (is_rest || quiet.lasts(options, &status).await?)
        {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

/// Opens a view on each connection, on all at once.
async fn open_all(sessions: &mut Vec<Session>) -> Result<(), SourceError> {
    let mut opening: JoinSet<Result<Session, SourceError>> = JoinSet::new();
    for mut session in sessions.drain(..) {
        opening.spawn(async move {
            session.ask(OPEN).await?;
            Ok(session)
        });
    }
    while let Some(opened) = opening.join_next().await {
        match opened {
            Ok(opened) => sessions.push(opened?),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    Ok(())
}

/// The place of views of MariaDB; `None` if they are of several.
async fn common_place(sessions: &mut [Session]) -> Result<Option<Status>, SourceError> {
    let mut common: Option<Coordinates> = None;
    for session in sessions {
        let place = place_of(session).await?;
        if common.as_ref().is_some_and(|common| *common != place) {
            return Ok(None);
        }
        common = Some(place);
    }
    Ok(common.map(|coordinates| Status {
        coordinates,
        executed_gtid_set: None,
    }))
}

/// The place of a view of MariaDB.
async fn place_of(session: &mut Session) -> Result<Coordinates, SourceError> {
    let answer = session.ask("SHOW STATUS LIKE 'binlog_snapshot_%'").await?;
    let value = |name: &str| {
        let mut rows = answer.rows();
        let row = rows.find(|row| {
            let found = row.text("Variable_name");
            found.is_some_and(|found| found.eq_ignore_ascii_case(name))
        })?;
        row.text("Value")
    };
    let file = value("binlog_snapshot_file").filter(|file| !file.is_empty());
    let position = value("binlog_snapshot_position").and_then(|position| position.parse().ok());
    match (file, position) {
        (Some(file), Some(position)) => Ok(Coordinates::new(file, position)),
        _nothing => Err(SourceError::BinlogOff),
    }
}

/// The end of the binlog.
async fn place(session: &mut Session) -> Result<Status, SourceError> {
    let status = statements::status(session).await?;
    status.ok_or(SourceError::BinlogOff)
}

/// The groups whose changes every view shows that is opened from now on.
async fn executed_groups(session: &mut Session, flavour: Flavour) -> Result<GtidSet, SourceError> {
    let text = statements::value(session, "@@global.gtid_executed").await?;
    let text = text.unwrap_or_default().replace('\n', "");
    GtidSet::parse(flavour, &text).map_err(|source| SourceError::GtidSet {
        text,
        flavour: flavour.name(),
        source,
    })
}

/// As many connections as the options say.
async fn readers(options: &ServerOptions) -> Result<Vec<Session>, SourceError> {
    let mut sessions = Vec::new();
    for _ in 0..options.snapshot.threads.get() {
        sessions.push(reader(options).await?);
    }
    Ok(sessions)
}

/// A connection that reads rows as they are stored.
pub(in crate::source) async fn reader(options: &ServerOptions) -> Result<Session, SourceError> {
    let mut session = Session::open(options).await?;
    for statement in [
        "SET NAMES utf8mb4",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "SET SESSION character_set_results = NULL, time_zone = '+00:00', sql_mode = ''",
        &format!(
            "SET SESSION net_write_timeout = {}, wait_timeout = 28800, lock_wait_timeout = {}",
            NET_WRITE_TIMEOUT.as_secs(),
            LOCK_WAIT.as_secs()
        ),
    ] {
        session.ask(statement).await?;
    }
    // Each server has one of these.
    for statement in [
        "SET SESSION max_execution_time = 0",
        "SET SESSION max_statement_time = 0",
        "SET SESSION show_gipk_in_create_table_and_information_schema = ON",
    ] {
        let _unknown = session.ask(statement).await;
    }
    Ok(session)
}

async fn set_lock_wait(session: &mut Session, wait_max: Duration) -> Result<(), SourceError> {
    let seconds = wait_max.as_secs().max(1);
    let statement = format!("SET SESSION lock_wait_timeout = {seconds}");
    session.ask(&statement).await.map(drop)
}

/// Whether it is a MySQL that has neither roles nor a lock against DDL alone.
pub(super) fn is_before_8_0(session: &Session) -> bool {
    session.server().version.starts_with("5.")
}

/// Keeps DDL out while the tables are read, where the server has a lock for that and lets the account have it; returns whether it
/// does.
async fn keep_ddl_out(session: &mut Session, wait_max: Duration) -> Result<bool, SourceError> {
    if is_before_8_0(session) {
        return Ok(false);
    }
    set_lock_wait(session, wait_max).await?;
    let asked = session.ask("LOCK INSTANCE FOR BACKUP").await;
    let is_kept_out = asked.is_ok();
    match asked {
        Ok(_) => {}
        Err(error) => match error.server_code() {
            Some(code) if DENIED.contains(&code) || NOT_IN_TIME.contains(&code) => info!(
                reason = %one_line(&error),
                "DDL is not kept out during the snapshot, which starts again where a table changes: GRANT BACKUP_ADMIN keeps it out"
            ),
            Some(_) | None => return Err(error),
        },
    }
    set_lock_wait(session, LOCK_WAIT).await?;
    Ok(is_kept_out)
}
