//! One binlog file as a source of events.

use std::io;
use std::path::PathBuf;

use tokio::task::JoinSet;

use super::extent::BinlogExtent;
use super::input::InputPath;
use super::splitter::{Piece, Splitter};
use crate::source::budget::Budget;
use crate::source::chunk::{Chunk, EventSource};
use crate::source::error::SourceError;
use crate::source::file_error::FileError;

/// One binlog file, read from a position to its end.
///
/// The format description at the file's begin comes first, wherever the reading starts: the events need it. After an error
/// it is of no more use.
#[derive(Debug)]
pub struct BinlogFile {
    path: PathBuf,
    budget: Budget,
    /// The reader, while it does not read.
    idle: Option<Box<Splitter>>,
    /// The reader, while it reads; here and not in a future, so that a dropped one loses nothing.
    busy: JoinSet<Finished>,
    /// Read and not yet admitted by the budget.
    waiting: Option<Chunk>,
}

/// A reader that has read, and what it read.
type Finished = (Box<Splitter>, Result<Option<Piece>, FileError>);

impl BinlogFile {
    /// Prepares to read the file at `path` from `position`; the file is opened by the first read. Events of more than
    /// `event_bytes_max` bytes are refused.
    pub fn new(path: PathBuf, position: u64, event_bytes_max: u32, budget: Budget) -> Self {
        let extent = BinlogExtent {
            start: position,
            ..BinlogExtent::default()
        };
        let splitter = Splitter::new(InputPath::File(path.clone()), extent, event_bytes_max);
        Self {
            path,
            budget,
            idle: Some(Box::new(splitter)),
            busy: JoinSet::new(),
            waiting: None,
        }
    }

    /// Gives events of more than so many bytes in pieces; to be called before the first read.
    #[must_use]
    pub fn cutting_beyond(mut self, bytes: usize) -> Self {
        if let Some(splitter) = &mut self.idle {
            splitter.cut_beyond(bytes);
        }
        self
    }

    async fn read(&mut self) -> Result<Option<Chunk>, FileError> {
        if let Some(mut splitter) = self.idle.take() {
            self.busy.spawn_blocking(move || {
                let piece = splitter.read();
                (splitter, piece)
            });
        }
        let lost = |why: String| FileError::Io {
            path: self.path.clone(),
            source: io::Error::other(why),
        };
        let (splitter, piece) = match self.busy.join_next().await {
            Some(finished) => finished.map_err(|error| lost(error.to_string()))?,
            None => return Err(lost("an earlier read was cancelled".to_owned())),
        };
        self.idle = Some(splitter);
        Ok(piece?.map(|piece| piece.chunk))
    }
}

impl EventSource for BinlogFile {
    async fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        if self.waiting.is_none() {
            self.waiting = self.read().await?;
        }
        let Some(bytes) = self.waiting.as_ref().map(|chunk| chunk.buffer.len()) else {
            return Ok(None);
        };
        let charge = self.budget.take(bytes).await;
        Ok(self.waiting.take().map(|chunk| Chunk {
            buffer: charge.over(chunk.buffer),
            ..chunk
        }))
    }
}
