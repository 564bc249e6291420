//! Binlog files as the source of a connector: read on a thread that may block, followed as a replica follows its source.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::joined::{Joined, Joint};
use super::series::BinlogSeries;
use crate::mysql::Portion;
use crate::source::budget::Budget;
use crate::source::chunk::{Chunk, EventSource, admit, now_us};
use crate::source::error::SourceError;
use crate::source::file_error::BinlogFileError;

/// How long the end of a file that is followed is left alone.
const FOLLOW_WAIT: Duration = Duration::from_millis(100);
/// How often an idle source says that it is.
const IDLE_PERIOD: Duration = Duration::from_secs(1);

/// Files that are being read, one after the other. After an error it is of no more use.
#[derive(Debug)]
pub struct FileStream {
    /// For messages.
    path: PathBuf,
    budget: Budget,
    /// The reader, while it does not read.
    idle: Option<Box<Joined>>,
    /// The reader, while it reads; here and not in a future, so that a dropped one loses nothing.
    busy: JoinSet<Finished>,
    /// Read and not yet admitted by the budget.
    waiting: Option<Chunk>,
    /// When the end was told, if nothing came since.
    told: Option<Instant>,
}

/// A reader that has read, and what it read.
type Finished = (Box<Joined>, Result<Option<Joint>, BinlogFileError>);

impl FileStream {
    /// Prepares to read a series; its files are opened by the first reads.
    pub fn new(series: BinlogSeries, budget: Budget) -> Self {
        Self {
            path: series.path().to_owned(),
            budget,
            idle: Some(Box::new(Joined::new(series))),
            busy: JoinSet::new(),
            waiting: None,
            told: None,
        }
    }

    async fn read(&mut self) -> Result<Option<Joint>, BinlogFileError> {
        if let Some(mut joined) = self.idle.take() {
            self.busy.spawn_blocking(move || {
                let joint = joined.read();
                (joined, joint)
            });
        }
        let lost = |why: String| BinlogFileError::Io {
            path: self.path.clone(),
            source: io::Error::other(why),
        };
        let (joined, joint) = match self.busy.join_next().await {
            Some(finished) => finished.map_err(|error| lost(error.to_string()))?,
            None => return Err(lost("an earlier read was cancelled".to_owned())),
        };
        self.idle = Some(joined);
        joint
    }
}

impl EventSource for FileStream {
    async fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        while self.waiting.is_none() {
            match self.read().await? {
                None => return Ok(None),
                Some(Joint::Chunk(chunk)) => {
                    self.told = None;
                    self.waiting = Some(chunk);
                }
                Some(Joint::Idle) => {
                    if self.told.is_none_or(|told| told.elapsed() >= IDLE_PERIOD) {
                        self.told = Some(Instant::now());
                        return Ok(Some(nothing()));
                    }
                    tokio::time::sleep(FOLLOW_WAIT).await;
                }
            }
        }
        Ok(admit(&mut self.waiting, &self.budget).await)
    }
}

/// Says that all was read that is there.
fn nothing() -> Chunk {
    Chunk {
        buffer: Bytes::new(),
        events: Vec::new(),
        part: Portion::Whole,
        received_us: now_us(),
        drained: true,
    }
}
