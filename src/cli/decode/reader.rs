//! The files, read one after the other: which file's events are next, and the events themselves.
//!
//! Where the reading of a file begins is known only with its second event, so a file is announced when that was read.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::error::DecodeError;
use super::relay_logs::RelayLogs;
use crate::binlog::{FormatDescription, Header};
use crate::change::Batch;
use crate::pipeline::{Fed, Feed};
use crate::source::{BinlogFileError, BinlogSeries, Chunk, InputPath, SeriesPart, warn_of_empty};

/// How long the end of a file that is followed is left alone.
const FOLLOW_WAIT: Duration = Duration::from_millis(100);

/// How many files were read, and what they lacked.
#[derive(Debug, Default)]
pub(super) struct FileCounts {
    pub(super) read: u64,
    pub(super) without_checksums: u64,
    /// Those without an event.
    pub(super) empty: u64,
    /// Those whose last transaction does not end in them.
    pub(super) unfinished: u64,
}

/// A file, or several relay logs that are read as one, whose events come next.
#[derive(Debug)]
pub(super) struct NextFile {
    /// The name that coordinates give it.
    pub(super) name: Arc<str>,
    /// Its first event, which is also the first that is fed.
    pub(super) first_event: Bytes,
    /// Where the event after it begins; `None` if there is none.
    pub(super) position: Option<u64>,
    /// Whether it is a relay log.
    pub(super) is_relay_log: bool,
}

/// Reads the files. [`Feed::next`] gives the events of the file that was announced last, up to its end.
#[derive(Debug)]
pub(super) struct FilesReader {
    series: BinlogSeries,
    /// Ends the reading of a file that is followed.
    stop: CancellationToken,
    /// Nobody wants what comes next.
    abandoned: CancellationToken,
    relay_logs: RelayLogs,
    counts: FileCounts,
    /// A file of which only the first event was read.
    begun: Option<(Arc<str>, Chunk)>,
    /// Events that were read and not fed.
    chunks: VecDeque<Chunk>,
    /// What was read after a file that holds no more than its first event.
    ahead: Option<Result<Option<SeriesPart>, BinlogFileError>>,
    /// There was nothing to read the last time.
    is_idle: bool,
    is_over: bool,
}

impl FilesReader {
    /// Prepares to read; nothing is opened before the first file is asked for.
    pub(super) fn new(series: BinlogSeries, stop: CancellationToken) -> Self {
        Self {
            series,
            stop,
            abandoned: CancellationToken::new(),
            relay_logs: RelayLogs::default(),
            counts: FileCounts::default(),
            begun: None,
            chunks: VecDeque::new(),
            ahead: None,
            is_idle: false,
            is_over: false,
        }
    }

    /// What to cancel when nobody wants what comes next.
    pub(super) fn abandoned(&self) -> &CancellationToken {
        &self.abandoned
    }

    /// The files that were read so far.
    pub(super) fn counts(&self) -> &FileCounts {
        &self.counts
    }

    /// Counts a file whose last transaction does not end in it.
    pub(super) fn count_unfinished(&mut self) {
        self.counts.unfinished += 1;
    }

    /// Warns of what relay logs do not tell.
    pub(super) fn warn_of_relay_logs(&mut self, batch: &Batch) {
        self.relay_logs.warn_of(batch);
    }

    /// The file whose events come next, once those of the one before it were fed; `None` after the last.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn next_file(&mut self) -> Result<Option<NextFile>, DecodeError> {
        while !self.is_over {
            let part = self.part();
            let Some((name, description)) = self.begun.take() else {
                self.look_for_file(part)?;
                continue;
            };
            let position = match part {
                Ok(Some(SeriesPart::Idle)) => {
                    self.begun = Some((name, description));
                    rest();
                    continue;
                }
                Ok(Some(SeriesPart::Events { position, chunk })) => {
                    self.chunks.push_back(chunk);
                    Some(position)
                }
                part => {
                    self.ahead = Some(part);
                    None
                }
            };
            let first_event = description.buffer.clone();
            self.chunks.push_front(description);
            return Ok(Some(NextFile {
                name,
                first_event,
                position,
                is_relay_log: self.relay_logs.are_read(),
            }));
        }
        Ok(None)
    }

    fn look_for_file(
        &mut self,
        part: Result<Option<SeriesPart>, BinlogFileError>,
    ) -> Result<(), DecodeError> {
        match part {
            Ok(Some(SeriesPart::Begin {
                place,
                name,
                description,
            })) => {
                self.count(&place, &description);
                self.begun = Some((name, description));
            }
            Ok(Some(SeriesPart::Empty { place })) => self.pass_empty(&place),
            Ok(Some(SeriesPart::Idle)) => rest(),
            // Of a file that nobody reads on.
            Ok(Some(SeriesPart::Events { .. })) => {}
            Ok(None) => self.is_over = true,
            Err(error) => {
                self.is_over = true;
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Counts a file that holds nothing, and tells of it.
    fn pass_empty(&mut self, place: &InputPath) {
        self.counts.read += 1;
        self.counts.empty += 1;
        warn_of_empty(place);
    }

    /// Reads on.
    fn part(&mut self) -> Result<Option<SeriesPart>, BinlogFileError> {
        match self.ahead.take() {
            Some(part) => part,
            None if self.stop.is_cancelled() || self.abandoned.is_cancelled() => Ok(None),
            None => self.series.read(),
        }
    }

    /// Takes the first event of the next file, and returns whether it is read as one with the file before it.
    fn count(&mut self, path: &InputPath, description: &Chunk) -> bool {
        self.counts.read += 1;
        self.counts.without_checksums += u64::from(!has_checksums(description));
        self.relay_logs.take(path, &description.buffer)
    }
}

impl Feed for FilesReader {
    type Error = DecodeError;

    fn next(&mut self) -> Result<Fed, DecodeError> {
        if let Some(chunk) = self.chunks.pop_front() {
            return Ok(Fed::Chunk(chunk));
        }
        let part = self.part();
        let was_idle = mem::replace(
            &mut self.is_idle,
            matches!(part, Ok(Some(SeriesPart::Idle))),
        );
        match part {
            Ok(Some(SeriesPart::Events { chunk, .. })) => Ok(Fed::Chunk(chunk)),
            Ok(Some(SeriesPart::Empty { place })) => {
                self.pass_empty(&place);
                self.next()
            }
            Ok(Some(SeriesPart::Idle)) => {
                // The first time, what is assembled leaves at once.
                if was_idle {
                    rest();
                }
                Ok(Fed::Idle)
            }
            Ok(Some(SeriesPart::Begin {
                place,
                name,
                description,
            })) => {
                if self.count(&place, &description) {
                    return Ok(Fed::Chunk(description));
                }
                self.begun = Some((name, description));
                Ok(Fed::End)
            }
            Ok(None) => {
                self.is_over = true;
                Ok(Fed::End)
            }
            Err(error) => {
                self.is_over = true;
                Err(error.into())
            }
        }
    }
}

/// Leaves the end of a file alone for a little while.
fn rest() {
    thread::sleep(FOLLOW_WAIT);
}

/// Whether the events after a file's first one have checksums.
fn has_checksums(description: &Chunk) -> bool {
    let content = description.buffer.get(Header::LEN..).unwrap_or_default();
    FormatDescription::parse(content).is_ok_and(|format| format.has_checksums())
}
