//! The end of the binlog as a start, where XA transactions are prepared and undecided.
//!
//! A stream that begins after an XA PREPARE lacks the changes when it comes to the XA COMMIT. So every transaction that is
//! prepared when the question is put is waited for. Those that are prepared meanwhile stand in the binlog between that moment
//! and the start: they are looked up there, and the checkpoint names them.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::dump::DumpStart;
use super::options::ServerOptions;
use super::session::Session;
use super::statements::{self, Status};
use super::walk::DumpWalk;
use crate::binlog::{
    BinlogError, Control, Coordinates, EventKind, FormatDescription, GtidSet, Header, Inner,
    Payload, Query, XaId, XaPrepare,
};
use crate::change::Checkpoint;
use crate::source::error::SourceError;
use crate::source::walk::{GroupWalk, WalkEvent, unreadable};

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// How long a decision may take to be seen until the binlog is looked at.
const LOOK_BEHIND_AFTER: Duration = Duration::from_secs(1);

/// The end of the binlog, and the XA transactions before it that are undecided there, each with the place at which its group
/// begins.
#[derive(Debug)]
pub(super) struct SettledEnd {
    pub(super) status: Status,
    pub(super) undecided: BTreeMap<XaId, Coordinates>,
}

impl SettledEnd {
    /// Waits until all XA transactions are decided that are prepared now, and takes the end of the binlog then. One that is
    /// being prepared at this very moment may not be listed yet; the stream stops at its XA COMMIT.
    ///
    /// # Errors
    /// [`SourceError::Undecided`] when that takes longer than `xa_wait_max`.
    pub(super) async fn find(
        session: &mut Session,
        options: &ServerOptions,
    ) -> Result<Self, SourceError> {
        match Decided::wait(session, options).await? {
            Decided::Unseen(status) => {
                let undecided = BTreeMap::new();
                Ok(Self { status, undecided })
            }
            seen => {
                let status = status(session).await?;
                seen.until(options, status).await
            }
        }
    }
}

/// What was prepared when this was asked for is decided.
pub(super) enum Decided {
    /// Nobody looked, or may look.
    Unseen(Status),
    /// It is since the binlog ended there at the latest.
    Since(Status),
}

impl Decided {
    /// Waits until all XA transactions are decided that are prepared now.
    ///
    /// # Errors
    /// [`SourceError::Undecided`] when that takes longer than `xa_wait_max`.
    pub(super) async fn wait(
        session: &mut Session,
        options: &ServerOptions,
    ) -> Result<Self, SourceError> {
        let begin = status(session).await?;
        if options.xa_wait_max.is_zero() {
            return Ok(Self::Unseen(begin));
        }
        if !waited(session, options.xa_wait_max).await? {
            let account = statements::account(session).await?;
            warn!(
                %account,
                "the source does not show the account which XA transactions are prepared, and the stream will stop at the XA COMMIT \
                 of one: run GRANT XA_RECOVER_ADMIN ON *.* TO {account} before the first start, or set xa_missing = \"warn\""
            );
            return Ok(Self::Unseen(begin));
        }
        Ok(Self::Since(begin))
    }

    /// Finds what was prepared since then, at a later end of the binlog.
    pub(super) async fn until(
        self,
        options: &ServerOptions,
        status: Status,
    ) -> Result<SettledEnd, SourceError> {
        let mut undecided = BTreeMap::new();
        if let Self::Since(begin) = self
            && status.coordinates != begin.coordinates
        {
            let (from, to) = (&begin.coordinates, &status.coordinates);
            undecided = Between::read(options, from, to).await?.undecided;
        }
        Ok(SettledEnd { status, undecided })
    }
}

/// Whether XA transactions are being committed in a moment: the binlog has their commits before these can be seen.
pub(super) struct Quiet {
    /// Where the binlog ended; `None` where some were prepared.
    since: Option<Status>,
}

impl Quiet {
    /// Begins the moment.
    pub(super) async fn begin(session: &mut Session) -> Result<Self, SourceError> {
        let begin = status(session).await?;
        let prepared = statements::prepared(session).await?;
        let is_quiet = prepared.is_none_or(|prepared| prepared.is_empty());
        Ok(Self {
            since: is_quiet.then_some(begin),
        })
    }

    /// Whether none was committed that was prepared at its beginning or later, as far as a later end of the binlog.
    pub(super) async fn lasts(
        &self,
        options: &ServerOptions,
        status: &Status,
    ) -> Result<bool, SourceError> {
        let Some(since) = &self.since else {
            return Ok(false);
        };
        let (from, to) = (&since.coordinates, &status.coordinates);
        if from == to {
            return Ok(true);
        }
        Ok(Between::read(options, from, to).await?.decided == 0)
    }
}

/// Waits until no XA transaction is prepared that the stream has seen decided, for the binlog has a decision before it can be seen;
/// for none where the stream is of another server's binlogs so far.
///
/// # Errors
/// [`SourceError::NoWindow`] when that takes longer than `xa_wait_max`.
pub(super) async fn await_decided(
    session: &mut Session,
    options: &ServerOptions,
    since: Option<&Checkpoint>,
) -> Result<(), SourceError> {
    let Some(since) = since else {
        return Ok(());
    };
    let begun = Instant::now();
    let wait_max = options.xa_wait_max.max(LOOK_BEHIND_AFTER * 2);
    let mut is_looked_up = false;
    let mut left = statements::prepared(session).await?.unwrap_or_default();
    left.retain(|id| !since.undecided.contains_key(id));
    while let Some(first) = left.first() {
        if begun.elapsed() >= wait_max {
            let what = format!("{first} was decided, and has been prepared still for {wait_max:?}");
            return Err(SourceError::NoWindow { what });
        }
        sleep(BETWEEN_LOOKS).await;
        if !is_looked_up && begun.elapsed() >= LOOK_BEHIND_AFTER {
            is_looked_up = true;
            // It may be prepared where the stream has not come to yet.
            let end = status(session).await?;
            let later = Between::read(options, &since.coordinates, &end.coordinates).await?;
            left.retain(|id| !later.undecided.contains_key(id));
        }
        let now = statements::prepared(session).await?.unwrap_or_default();
        left.retain(|id| now.contains(id));
    }
    Ok(())
}

async fn status(session: &mut Session) -> Result<Status, SourceError> {
    let status = statements::status(session).await?;
    status.ok_or(SourceError::BinlogOff)
}

/// Waits for the decision on all that is prepared now; `false` if the account may not see it.
async fn waited(session: &mut Session, wait_max: Duration) -> Result<bool, SourceError> {
    let deadline = Instant::now() + wait_max;
    let Some(mut left) = statements::prepared(session).await? else {
        return Ok(false);
    };
    if !left.is_empty() {
        let count = left.len();
        info!(
            count,
            "XA transactions are prepared, the stream begins once they are decided"
        );
    }
    while !left.is_empty() {
        if Instant::now() >= deadline {
            return Err(SourceError::Undecided {
                ids: left,
                waited: wait_max,
            });
        }
        sleep(BETWEEN_LOOKS).await;
        let now = statements::prepared(session).await?.unwrap_or_default();
        left.retain(|id| now.contains(id));
    }
    Ok(true)
}

/// The XA transactions between two places.
#[derive(Default)]
struct Between {
    /// Those that are prepared and not decided there.
    undecided: BTreeMap<XaId, Coordinates>,
    /// How many are decided there.
    decided: u64,
}

impl Between {
    async fn read(
        options: &ServerOptions,
        from: &Coordinates,
        to: &Coordinates,
    ) -> Result<Self, SourceError> {
        let mut walk = DumpWalk::open(options, DumpStart::At(from)).await?;
        let mut groups = GroupWalk::new(GtidSet::empty(walk.flavour()));
        let mut found = Self::default();
        let mut begin = from.clone();
        while let Some(event) = walk.next().await? {
            let format = walk.framer().format();
            let step = groups.take(&event, format)?;
            if step.opens.is_some() {
                begin = event.at.clone();
            }
            match phase(&event, format).map_err(|error| unreadable(&event.at, error))? {
                Phase::Prepares(id) => drop(found.undecided.insert(id, begin.clone())),
                Phase::Decides(id) => {
                    found.undecided.remove(&id);
                    found.decided += 1;
                }
                Phase::Other => {}
            }
            if step.is_between && event.reached() >= *to {
                break;
            }
        }
        Ok(found)
    }
}

/// What an event does to an XA transaction.
enum Phase {
    Prepares(XaId),
    Decides(XaId),
    Other,
}

fn phase(event: &WalkEvent, format: &FormatDescription) -> Result<Phase, BinlogError> {
    // A payload that is too large to be looked at is the one that is missed: the stream stops at its XA COMMIT.
    let Some(body) = &event.body else {
        return Ok(Phase::Other);
    };
    let prepares = |prepare: Option<XaPrepare>| match prepare {
        Some(XaPrepare {
            one_phase: false,
            id,
        }) => Phase::Prepares(id),
        Some(_) | None => Phase::Other,
    };
    match event.frame.header.kind {
        EventKind::XaPrepare => Ok(prepares(Some(XaPrepare::parse(body)?))),
        EventKind::TransactionPayload => Ok(prepares(prepared_in(body)?)),
        EventKind::Query => {
            let query = Query::parse(body, format)?;
            let decides = matches!(
                query.control(),
                Some(Control::XaCommit | Control::XaRollback)
            );
            let id = query.xa_id().filter(|_| decides);
            Ok(id.map_or(Phase::Other, Phase::Decides))
        }
        _other => Ok(Phase::Other),
    }
}

/// How a compressed transaction ends, if it is an XA transaction.
fn prepared_in(body: &Bytes) -> Result<Option<XaPrepare>, BinlogError> {
    let mut reader = Payload::parse(body)?.read(body.clone(), body.len() as u64)?;
    let mut last = None;
    while let Inner::Event(block, range) = reader.pull()? {
        let event = block
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default();
        if Header::parse(event)?.kind == EventKind::XaPrepare {
            last = Some(XaPrepare::parse(
                event.get(Header::LEN..).unwrap_or_default(),
            )?);
        }
    }
    Ok(last)
}
