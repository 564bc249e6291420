//! The walk over what stands in the source's binlog, over a dump of its own beside the stream. It ends at the binlog's end
//! and throws no replica out, for its server id is 0.
//!
//! Events of more than `event_memory_max` bytes come without their body; their bytes are checked as they arrive.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::dump::{self, DumpReader, DumpStart, EventStream};
use super::options::ServerOptions;
use super::session::Session;
use super::statements;
use crate::binlog::{Coordinates, FIRST_POSITION, Framer, Gtid, GtidSet, Header};
use crate::change::{Arriving, Lineage};
use crate::mysql::{Flavour, Portion};
use crate::source::error::SourceError;
use crate::source::identity;
use crate::source::walk::{BoundarySearch, GroupWalk, WalkEvent, unreadable};

/// What stands before a position.
#[derive(Debug)]
pub(in crate::source) struct Prefix {
    /// When the position's file was begun, in seconds since 1970.
    pub(in crate::source) begun: u32,
    /// The GTIDs of all groups up to there, as far as the events name them, those of earlier files included.
    pub(in crate::source) gtid_set: GtidSet,
}

/// Reads a file from its start and makes sure that a group may begin at `at`.
pub(in crate::source) async fn prefix(
    options: &ServerOptions,
    at: &Coordinates,
) -> Result<Prefix, SourceError> {
    let first = Coordinates::new(Arc::clone(&at.file), FIRST_POSITION);
    let mut walk = DumpWalk::open(options, DumpStart::At(&first)).await?;
    let mut groups = GroupWalk::new(GtidSet::empty(walk.flavour()));
    let mut search = BoundarySearch::new(at);
    while let Some(event) = walk.next().await? {
        if *event.at.file != *at.file {
            break;
        }
        let step = groups.take(&event, walk.framer().format())?;
        search.take(&event, &step)?;
        // The groups of earlier files are named after the position of a start at the top of a file.
        if search.is_found() && groups.is_past_header {
            return Ok(groups.into());
        }
    }
    match search.missing() {
        Some(error) => Err(error),
        None if search.is_found() => Ok(groups.into()),
        // The file is that long, but replicas may not have its last bytes yet.
        None => Err(SourceError::Unsettled { at: at.clone() }),
    }
}

/// Makes sure that a group begins at a place in the binlogs of a lineage, or will begin there: it may be their end.
///
/// # Errors
/// A place inside a group, or one that cannot be looked at.
pub(in crate::source) async fn begins_group(
    options: &ServerOptions,
    lineage: &Lineage,
    at: &Coordinates,
) -> Result<(), SourceError> {
    let mut failure = None;
    for candidate in options.candidates() {
        let known = async {
            let mut session = Session::open(&candidate).await?;
            let flavour = session.server().flavour;
            let (server_uuid, server_id) = statements::identity(&mut session).await?;
            identity::is_of_lineage(lineage, flavour, server_uuid, server_id)
        };
        match known.await {
            Ok(()) => {
                return match prefix(&candidate, at).await {
                    Ok(_) => Ok(()),
                    Err(SourceError::Unsettled { at }) => {
                        let session = Session::open(&candidate).await?;
                        Err(beyond(session, at).await?)
                    }
                    Err(error) => Err(error),
                };
            }
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.expect("a source has one host at least"))
}

/// What a place is that the events of its file do not reach: after the file's end, or still being written.
async fn beyond(mut session: Session, at: Coordinates) -> Result<SourceError, SourceError> {
    let files = statements::log_files(&mut session).await?;
    let file = files.iter().find(|file| *file.name == *at.file);
    Ok(match file.map(|file| file.size) {
        Some(size) if size < at.position => SourceError::StartAfterEnd { at, size },
        Some(_) | None => SourceError::Unsettled { at },
    })
}

/// Completes a set of executed GTIDs by those of groups that stand before `end` and were still being committed.
pub(in crate::source) async fn settled(
    options: &ServerOptions,
    executed: GtidSet,
    end: &Coordinates,
) -> Result<Prefix, SourceError> {
    let mut walk = DumpWalk::open(options, DumpStart::After(&executed)).await?;
    let mut groups = GroupWalk::new(executed);
    while let Some(event) = walk.next().await? {
        groups.take(&event, walk.framer().format())?;
        if event.reached() >= *end {
            return Ok(groups.into());
        }
    }
    Err(SourceError::Unsettled { at: end.clone() })
}

/// The first place at which there is something after a set's groups.
#[derive(Debug)]
pub(in crate::source) struct AfterSet {
    pub(in crate::source) at: Coordinates,
    /// When the place's file was begun, in seconds since 1970.
    pub(in crate::source) begun: u32,
    /// The group that begins there, and its GTID if it has one; `None` if there is none, and the place is the end of what a
    /// source sends then.
    pub(in crate::source) group: Option<Option<Gtid>>,
}

/// Where the first group begins that is not in a set.
pub(in crate::source) async fn first_after(
    options: &ServerOptions,
    set: &GtidSet,
) -> Result<AfterSet, SourceError> {
    let mut walk = DumpWalk::open(options, DumpStart::After(set)).await?;
    let mut groups = GroupWalk::new(GtidSet::empty(walk.flavour()));
    let mut reached = Coordinates::new("", FIRST_POSITION);
    while let Some(event) = walk.next().await? {
        let step = groups.take(&event, walk.framer().format())?;
        if step.opens.is_some() {
            return Ok(AfterSet {
                at: event.at,
                begun: groups.begun,
                group: step.opens,
            });
        }
        reached = event.reached();
    }
    Ok(AfterSet {
        at: reached,
        begun: groups.begun,
        group: None,
    })
}

impl From<GroupWalk> for Prefix {
    fn from(groups: GroupWalk) -> Self {
        Self {
            begun: groups.begun,
            gtid_set: groups.gtid_set,
        }
    }
}

/// The events of a dump one by one.
#[derive(Debug)]
pub(in crate::source) struct DumpWalk {
    flavour: Flavour,
    stream: EventStream,
    framer: Framer,
    buffer: Bytes,
    events: std::vec::IntoIter<Range<u32>>,
}

impl DumpWalk {
    /// Begins a walk.
    ///
    /// # Errors
    /// When the source cannot be reached or does not let rowtap read there.
    pub(in crate::source) async fn open(
        options: &ServerOptions,
        begin: DumpStart<'_>,
    ) -> Result<Self, SourceError> {
        let session = Session::open(options).await?;
        Self::over(session, options, begin).await
    }

    /// Begins to look into the binlogs of a lineage, which the server must write.
    ///
    /// # Errors
    /// As [`DumpWalk::open`], and when another server answers.
    pub(in crate::source) async fn of(
        lineage: &Lineage,
        options: &ServerOptions,
        begin: DumpStart<'_>,
    ) -> Result<Self, SourceError> {
        let mut session = Session::open(options).await?;
        let flavour = session.server().flavour;
        let (server_uuid, server_id) = statements::identity(&mut session).await?;
        identity::is_of_lineage(lineage, flavour, server_uuid, server_id)?;
        Self::over(session, options, begin).await
    }

    async fn over(
        session: Session,
        options: &ServerOptions,
        begin: DumpStart<'_>,
    ) -> Result<Self, SourceError> {
        let flavour = session.server().flavour;
        // A position of 4 GiB or more cannot be asked for; the file's beginning can.
        let top;
        let begin = match begin {
            DumpStart::At(at) if u32::try_from(at.position).is_err() => {
                top = Coordinates::new(Arc::clone(&at.file), FIRST_POSITION);
                DumpStart::At(&top)
            }
            begin => begin,
        };
        let mut framer = match begin {
            DumpStart::At(at) => Framer::new(at.clone()),
            DumpStart::After(_) => Framer::skipping(),
        };
        framer.only_forward();
        let mut stream = dump::start(session, options, begin, DumpReader::Walk).await?;
        stream.cut_beyond(usize::try_from(options.event_bytes_max).unwrap_or(usize::MAX));
        Ok(Self {
            flavour,
            stream,
            framer,
            buffer: Bytes::new(),
            events: Vec::new().into_iter(),
        })
    }

    /// The source's family.
    pub(in crate::source) fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The place that was reached, and the layout of its file.
    pub(in crate::source) fn framer(&self) -> &Framer {
        &self.framer
    }

    /// The next event; `None` at the binlog's end.
    ///
    /// # Errors
    /// When the connection breaks, or what arrives is no event that can stand there.
    pub(in crate::source) async fn next(&mut self) -> Result<Option<WalkEvent>, SourceError> {
        loop {
            if let Some(range) = self.events.next() {
                let event = self.buffer.slice(range.start as usize..range.end as usize);
                return WalkEvent::of(&mut self.framer, &event).map(Some);
            }
            let Some(arrived) = self.stream.next().await? else {
                return Ok(None);
            };
            if arrived.part != Portion::Whole {
                let first = arrived.events.first().cloned().unwrap_or_default();
                let first = arrived
                    .buffer
                    .slice(first.start as usize..first.end as usize);
                return self.large(&first).await.map(Some);
            }
            self.buffer = arrived.buffer;
            self.events = arrived.events.into_iter();
        }
    }

    async fn large(&mut self, first: &[u8]) -> Result<WalkEvent, SourceError> {
        let before = self.framer.next().clone();
        let wrong = |error| unreadable(&before, error);
        let header = Header::parse(first).map_err(wrong)?;
        let mut arriving = Arriving::begin(&mut self.framer, header).map_err(wrong)?;
        arriving.take(first).map_err(wrong)?;
        while let Some(arrived) = self.stream.next().await? {
            for range in &arrived.events {
                let bytes = arrived.buffer.get(range.start as usize..range.end as usize);
                arriving.take(bytes.unwrap_or_default()).map_err(wrong)?;
            }
            if !arrived.part.goes_on() {
                break;
            }
        }
        let frame = arriving.finish().map_err(wrong)?;
        Ok(WalkEvent::of_large(
            &self.framer,
            before.file.clone(),
            frame,
        ))
    }
}
