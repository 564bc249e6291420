//! The history of DDL in a server's binlogs: read once, and kept in the state folder.
//!
//! Where the stream lags, a definition that is read now holds only if no DDL on the table stands in between; and where the
//! stream begins in the past, what statements before it made of tables is found in files that it does not read. Both are
//! answered from what is kept. What is missing of it is read over a dump of its own, which throws no replica out.
//!
//! What was kept by an earlier run counts only once the source has shown, in this run, that it still has the event which
//! was read last, at its place: after RESET or from another copy of the server, files of the same names are others.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::kept_binlogs::{KeptBinlogs, OtherFile};
use super::scan::{Progress, ScanLimits};
use crate::binlog::{Coordinates, EventKind, FIRST_POSITION};
use crate::change::history::{EventMark, Sieve, SievedEvent, Stretch};
use crate::change::{Lineage, Placer, Point};
use crate::row::TableName;
use crate::source::error::SourceError;
use crate::source::server::ServerOptions;
use crate::source::server::dump::DumpStart;
use crate::source::server::session::Session;
use crate::source::server::statements::{self, LogFile};
use crate::source::server::walk::DumpWalk;
use crate::source::walk::{WalkEvent, unreadable};
use crate::state::{HistoryFile, StateFolder, off_the_runtime};

/// Roughly how many bytes of statements and tables are kept.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// How often what the stream tells is written.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);

/// What is known of the DDL in the binlogs of one lineage. Of a point of another lineage it tells nothing.
#[derive(Debug)]
pub(in crate::source) struct History {
    lineage: Arc<Lineage>,
    kept: KeptBinlogs,
    file: Option<Arc<Mutex<HistoryFile>>>,
    /// Whether the source has what is kept of an earlier run.
    is_checked: bool,
    limits: ScanLimits,
    /// What the stream told and is not written yet.
    unwritten: Vec<Stretch>,
    written: Instant,
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum StreamPlace<'a> {
    /// Where its options say, for the first time.
    Anew,
    /// Where it ended, in a file that was begun then, which the source must have.
    At(&'a Coordinates, u32),
    /// Where the source says, after such a place of its binlogs.
    After(&'a Coordinates),
}

impl History {
    /// Begins with nothing, and nowhere to keep it.
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            lineage: Arc::default(),
            kept: KeptBinlogs::default(),
            file: None,
            is_checked: false,
            limits: ScanLimits::new(options),
            unwritten: Vec::new(),
            written: Instant::now(),
        }
    }

    /// Begins with what a connector has kept of these binlogs, and keeps there what is read.
    pub(super) async fn kept_in(&mut self, folder: Arc<StateFolder>, lineage: Arc<Lineage>) {
        let of = Arc::clone(&lineage);
        let open = move || {
            let (file, stretches) = HistoryFile::open(&folder, &of);
            let mut kept = KeptBinlogs::default();
            let taken: Result<Vec<()>, OtherFile> = stretches
                .into_iter()
                .map(|stretch| kept.take(stretch))
                .collect();
            (file, kept, taken.is_ok())
        };
        let (file, kept, is_whole) = off_the_runtime(open).await;
        self.lineage = lineage;
        self.file = Some(Arc::new(Mutex::new(file)));
        self.kept = kept;
        if !is_whole {
            self.drop_kept("it contradicts itself").await;
        }
    }

    /// Takes that the stream will tell what stands from a place on. What was kept must go on there without a gap, or the
    /// source must have it still.
    ///
    /// # Errors
    /// When the source cannot be asked.
    pub(super) async fn goes_on_at(
        &mut self,
        options: &ServerOptions,
        place: StreamPlace<'_>,
    ) -> Result<(), SourceError> {
        if self.kept.newest().is_none() {
            return Ok(());
        }
        match place {
            StreamPlace::Anew => {
                self.drop_kept("the stream begins anew").await;
                Ok(())
            }
            StreamPlace::At(place, begun) => {
                self.is_same_before(options, place).await?;
                match self.kept.knows(place, begun) {
                    true => Ok(()),
                    false => self.check(options).await,
                }
            }
            StreamPlace::After(place) => {
                self.is_same_before(options, place).await?;
                self.check(options).await
            }
        }
    }

    /// Makes sure that the source still has the last event that is kept of what stands before a place, up to which all was
    /// delivered. An older copy of the source has another there, or none.
    async fn is_same_before(
        &self,
        options: &ServerOptions,
        place: &Coordinates,
    ) -> Result<(), SourceError> {
        let Some(newest) = self.kept.newest().filter(|it| it.end() <= *place) else {
            return Ok(());
        };
        let newest = (newest.end(), newest.begun, newest.mark);
        let files = self.files(options).await?;
        if !files.iter().any(|file| *file.name == *newest.0.file) {
            // It was purged.
            return Ok(());
        }
        let is_there = match self.has(options, &newest).await {
            Err(error) if !error.class().is_transient() => false,
            has => has?,
        };
        match is_there {
            true => Ok(()),
            false => Err(SourceError::Rewritten { at: newest.0 }),
        }
    }

    /// Makes sure that what stands between two points is known; `false` where the limits of scans do not let it be read.
    /// Between points of two lineages there is nothing.
    ///
    /// # Errors
    /// When the server that wrote it does not give it.
    pub(in crate::source) async fn cover(
        &mut self,
        options: &ServerOptions,
        from: &Point,
        to: &Point,
    ) -> Result<bool, SourceError> {
        if !from.is_of_lineage(&to.lineage) {
            return Ok(true);
        }
        if !from.is_of_lineage(&self.lineage) {
            self.lineage = Arc::clone(&from.lineage);
            self.kept = KeptBinlogs::default();
            self.file = None;
            self.is_checked = true;
        }
        let between = from.coordinates.clone()..to.coordinates.clone();
        self.check(options).await?;
        while let Some(gap) = self.kept.gap(&between) {
            if let Some(bytes_max) = self.limits.used_up() {
                warn!(
                    definitions_scan_max = bytes_max,
                    missing = %gap.start,
                    "no more of the source's binlogs is read in this run, so that definitions may stay unknown; the next run \
                     goes on where this one ended"
                );
                return Ok(false);
            }
            if self.kept.bytes() > KEPT_BYTES_MAX {
                warn!(
                    bytes = self.kept.bytes(),
                    missing = %gap.start,
                    "the source's binlogs hold more DDL than is kept, definitions before it may stay unknown"
                );
                return Ok(false);
            }
            self.read(options, &gap).await?;
        }
        Ok(true)
    }

    /// Whether all between two points is known.
    pub(super) fn covers(&self, between: &Range<Coordinates>) -> bool {
        self.kept.gap(between).is_none()
    }

    /// The first place from which on all is known up to another one.
    pub(super) fn known_since(&self, place: &Coordinates) -> Coordinates {
        self.kept.known_since(place)
    }

    /// Whether no DDL between two points, which are covered, may have changed the table.
    pub(super) fn spares_table(&self, table: &TableName, from: &Point, to: &Point) -> bool {
        let between = self.between(from, to);
        between.is_some_and(|between| self.kept.changes().spare_table(table, &between))
    }

    /// Whether no DDL between two points, which are covered, may have given the table another engine.
    pub(super) fn spares_engine(&self, table: &TableName, from: &Point, to: &Point) -> bool {
        let between = self.between(from, to);
        between.is_some_and(|between| self.kept.changes().spare_engine(table, &between))
    }

    /// Whether no statement between two points, which are covered, may have given the database another default.
    pub(super) fn spares_default(&self, database: &str, from: &Point, to: &Point) -> bool {
        let between = self.between(from, to);
        between.is_some_and(|between| self.kept.changes().spare_default(database, &between))
    }

    /// What is kept between two places, in order, each with the positions between which it lies.
    pub(super) fn parts(
        &self,
        between: &Range<Coordinates>,
    ) -> impl Iterator<Item = (&Stretch, Range<u64>)> {
        self.kept.parts(between)
    }

    /// Takes what the stream of these binlogs told. Blocks on the disk, now and then.
    pub(super) fn take_streamed(&mut self, stretches: Vec<Stretch>) {
        let mut is_urgent = false;
        for stretch in stretches {
            let is_known = !stretch.is_last && self.covers(&(stretch.begin()..stretch.end()));
            if is_known {
                continue;
            }
            is_urgent |= !stretch.events.is_empty();
            if self.kept.take(stretch.clone()).is_err() {
                // The stream is at its place, so that what was kept is not.
                warn!(file = %stretch.file, "what was kept of the source's binlogs is of other files, it is dropped");
                self.kept = KeptBinlogs::default();
                self.unwritten.clear();
                self.rewrite();
                let taken = self.kept.take(stretch.clone());
                debug_assert_eq!(taken, Ok(()));
            }
            match self.unwritten.last_mut() {
                Some(last) if last.end() == stretch.begin() && !last.is_last => last.join(stretch),
                _other => self.unwritten.push(stretch),
            }
        }
        if is_urgent || self.written.elapsed() >= WRITE_INTERVAL {
            self.write_streamed();
        }
    }

    /// Writes what the stream told. Blocks on the disk.
    pub(super) fn write_streamed(&mut self) {
        self.written = Instant::now();
        let unwritten = std::mem::take(&mut self.unwritten);
        let is_overgrown = match &self.file {
            Some(file) if !unwritten.is_empty() => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.append(unwritten.iter());
                file.is_overgrown()
            }
            Some(_) | None => false,
        };
        if is_overgrown {
            self.kept.forget_beyond(KEPT_BYTES_MAX);
            self.rewrite();
        }
    }

    fn rewrite(&mut self) {
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.rewrite(self.kept.stretches());
        }
    }

    fn between(&self, from: &Point, to: &Point) -> Option<Range<Coordinates>> {
        let is_own = from.is_of_lineage(&self.lineage) && to.is_of_lineage(&self.lineage);
        is_own.then(|| from.coordinates.clone()..to.coordinates.clone())
    }

    // ---- what was kept by an earlier run -----------------------------------------------------------------------------

    /// Makes sure that the source has the files of which something is kept, and drops what it has no more.
    async fn check(&mut self, options: &ServerOptions) -> Result<(), SourceError> {
        if self.is_checked {
            return Ok(());
        }
        let Some(newest) = self
            .kept
            .newest()
            .map(|stretch| (stretch.end(), stretch.begun, stretch.mark))
        else {
            self.is_checked = true;
            return Ok(());
        };
        let files = self.files(options).await?;
        match self.strange(&files) {
            Some(reason) => self.drop_kept(reason).await,
            None => {
                let oldest = files
                    .first()
                    .map(|file| file.name.clone())
                    .unwrap_or_default();
                self.kept.forget_before(&oldest);
                let is_there = match self.has(options, &newest).await {
                    // There is no event at its place, or no such place.
                    Err(error) if !error.class().is_transient() => false,
                    has => has?,
                };
                if self.kept.newest().is_some() && !is_there {
                    self.drop_kept("the source has another event in its place")
                        .await;
                }
            }
        }
        self.is_checked = true;
        Ok(())
    }

    /// Why what is kept cannot be of the files that the source has.
    fn strange(&self, files: &[LogFile]) -> Option<&'static str> {
        let newest = self.kept.newest()?;
        let last = files.last()?;
        if Coordinates::new(last.name.as_str(), 0) < Coordinates::new(Arc::clone(&newest.file), 0) {
            return Some("the source has only files of lower numbers");
        }
        let mut stretches = self.kept.stretches();
        let is_shorter = stretches.any(|stretch| {
            let mut files = files.iter();
            files.any(|file| *file.name == *stretch.file && file.size < stretch.to)
        });
        is_shorter.then_some("one of the source's files is shorter")
    }

    /// Whether the source has the event which ends at a place.
    async fn has(
        &self,
        options: &ServerOptions,
        (end, begun, mark): &(Coordinates, u32, EventMark),
    ) -> Result<bool, SourceError> {
        let at = match mark.size {
            0 => end.position,
            _size => mark.at,
        };
        let from = Coordinates::new(Arc::clone(&end.file), at);
        let mut walk = DumpWalk::of(&self.lineage, options, DumpStart::At(&from)).await?;
        while let Some(event) = walk.next().await? {
            let is_description = event.frame.header.kind == EventKind::FormatDescription;
            if *event.at.file == *end.file && is_description {
                if event.frame.header.timestamp != *begun {
                    return Ok(false);
                }
                if mark.size == 0 {
                    return Ok(true);
                }
            }
            if !event.frame.artificial && event.at >= from {
                return Ok(EventMark::of(&event.frame, event.body.as_deref()) == *mark);
            }
        }
        Ok(false)
    }

    async fn drop_kept(&mut self, reason: &str) {
        warn!(
            reason,
            "what was kept of the source's binlogs is dropped, to be read again where it is needed"
        );
        self.kept = KeptBinlogs::default();
        self.unwritten.clear();
        if let Some(file) = self.file.clone() {
            off_the_runtime(move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.rewrite([].into_iter());
            })
            .await;
        }
    }

    // ---- scans -------------------------------------------------------------------------------------------------------

    async fn files(&self, options: &ServerOptions) -> Result<Vec<LogFile>, SourceError> {
        let mut session = Session::open(options).await?;
        statements::log_files(&mut session).await
    }

    /// Reads a part of the binlogs of which nothing is known, until its end or until the limits end it.
    async fn read(
        &mut self,
        options: &ServerOptions,
        gap: &Range<Coordinates>,
    ) -> Result<(), SourceError> {
        let files = self.files(options).await?;
        let mut progress = Progress::new(gap, &files);
        let mark = self.kept.mark_before(&gap.start);
        let from = match mark {
            Some(mark) => Coordinates::new(Arc::clone(&gap.start.file), mark.at),
            None => gap.start.clone(),
        };
        let mut walk = DumpWalk::of(&self.lineage, options, DumpStart::At(&from)).await?;
        let mut reading = Reading::new(from, mark);
        while let Some(event) = walk.next().await? {
            let bytes = u64::from(event.frame.header.event_size);
            if event.at >= gap.end {
                reading.sieve.go_on_in(&event.at.file);
                break;
            }
            if reading.take(&walk, &event)? == Taken::Strange {
                self.drop_kept("the source has another event in its place")
                    .await;
                return Ok(());
            }
            self.limits.count(bytes, &mut progress).await;
            // Inside a group nothing could be kept of it, nor of what is read only to know the place by: the next run would come
            // no further.
            let has_come_on = !event.frame.artificial && *walk.framer().next() > gap.start;
            let is_over = self.limits.used_up().is_some()
                && has_come_on
                && reading.placer.is_between_groups();
            if is_over || progress.is_to_be_kept() {
                self.keep(reading.sieve.hand_out()).await;
                progress.tell(&event.at);
            }
            if is_over {
                return Ok(());
            }
            if !event.frame.artificial && *walk.framer().next() >= gap.end {
                break;
            }
        }
        self.keep(reading.sieve.hand_out()).await;
        progress.end();
        // The source ends a walk at the last event that replicas may have. Its own end may be further on for a moment.
        if *walk.framer().next() < gap.end
            || self
                .kept
                .gap(gap)
                .is_some_and(|rest| rest.start == gap.start)
        {
            return Err(SourceError::Unsettled {
                at: gap.end.clone(),
            });
        }
        Ok(())
    }

    /// Keeps what a scan has read.
    async fn keep(&mut self, stretches: Vec<Stretch>) {
        if stretches.is_empty() {
            return;
        }
        for stretch in &stretches {
            if self.kept.take(stretch.clone()) == Err(OtherFile) {
                self.drop_kept("the source's files are others now").await;
                return;
            }
        }
        if let Some(file) = self.file.clone() {
            let is_overgrown = off_the_runtime(move || {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.append(stretches.iter());
                file.is_overgrown()
            })
            .await;
            if is_overgrown {
                info!("what is kept of the source's binlogs is written anew");
                self.rewrite();
            }
        }
    }
}

/// The events of a scan on their way into the sieve.
struct Reading {
    sieve: Sieve,
    placer: Placer,
    /// Where the scan began.
    from: Coordinates,
    /// The event that must stand there.
    mark: Option<EventMark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Kept,
    /// Another event stands where a known one was.
    Strange,
}

impl Reading {
    fn new(from: Coordinates, mark: Option<EventMark>) -> Self {
        Self {
            sieve: Sieve::default().noting_tables(),
            placer: Placer::default(),
            from,
            mark,
        }
    }

    fn take(&mut self, walk: &DumpWalk, event: &WalkEvent) -> Result<Taken, SourceError> {
        let (frame, format) = (&event.frame, walk.framer().format());
        let body = event.body.as_deref();
        // A dump that cannot begin so far on begins at the top of the file.
        let is_before = event.at < self.from && self.from.position != FIRST_POSITION;
        let mark = self
            .mark
            .filter(|_| !frame.artificial && event.at == self.from);
        let is_between = match mark {
            Some(mark) if EventMark::of(frame, body) != mark => return Ok(Taken::Strange),
            // It ended its group, which began before.
            Some(_) => true,
            None => {
                self.placer
                    .place(frame, body, format, &mut Vec::new())
                    .map_err(|trouble| unreadable(&event.at, trouble))?;
                self.placer.is_between_groups()
            }
        };
        if is_before && !frame.artificial {
            return Ok(Taken::Kept);
        }
        self.sieve.take(&SievedEvent {
            file: &event.at.file,
            frame,
            body,
            format,
            is_between,
        });
        Ok(Taken::Kept)
    }
}
