//! The receiver: a dump from a live source, as chunks of events.
//!
//! It charges the events' bytes to the budget. It looks into them only to see that the file is still the one of the
//! checkpoint, and knows nothing of groups.

use super::dump::{Arrived, EventStream};
use crate::binlog::{EventKind, Header};
use crate::mysql::Portion;
use crate::source::budget::Budget;
use crate::source::chunk::{Chunk, EventSource, admit, now_us};
use crate::source::error::SourceError;

/// A running dump.
#[derive(Debug)]
pub struct Live {
    stream: EventStream,
    budget: Budget,
    /// What the dump's first file must be; `None` once that is proven.
    expected: Option<ExpectedFile>,
    /// Received and not yet admitted by the budget; kept here, so that a dropped future loses nothing.
    waiting: Option<Chunk>,
}

/// The file in which a dump must begin.
#[derive(Clone, Debug)]
pub(in crate::source) struct ExpectedFile {
    pub(in crate::source) name: String,
    /// When its format description says that it was begun, in seconds since 1970.
    pub(in crate::source) begun: u32,
}

impl Live {
    pub(in crate::source) fn new(
        stream: EventStream,
        budget: Budget,
        expected: Option<ExpectedFile>,
    ) -> Self {
        Self {
            stream,
            budget,
            expected,
            waiting: None,
        }
    }

    /// Gives events of more than so many bytes piece by piece, as they arrive.
    #[must_use]
    pub fn cutting_beyond(mut self, bytes: usize) -> Self {
        self.stream.cut_beyond(bytes);
        self
    }

    async fn receive(&mut self) -> Result<Chunk, SourceError> {
        let Arrived {
            buffer,
            events,
            part,
            drained,
        } = self.stream.next().await?.ok_or(SourceError::Ended)?;
        for event in &events {
            if self.expected.is_none() || part != Portion::Whole {
                break;
            }
            self.check_file(
                buffer
                    .get(event.start as usize..event.end as usize)
                    .unwrap_or_default(),
            )?;
        }
        Ok(Chunk {
            buffer,
            events,
            part,
            received_us: now_us(),
            drained,
        })
    }

    /// Looks at events up to the first format description: a source that was reset or rebuilt has files of the same
    /// names, begun at another time.
    fn check_file(&mut self, event: &[u8]) -> Result<(), SourceError> {
        let Ok(header) = Header::parse(event) else {
            // Whoever reads the events says so with the coordinates.
            return Ok(());
        };
        if header.kind != EventKind::FormatDescription {
            return Ok(());
        }
        match self.expected.take() {
            Some(expected) if expected.begun != header.timestamp => Err(SourceError::Rebuilt {
                file: expected.name,
                expected: expected.begun,
                found: header.timestamp,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl EventSource for Live {
    async fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        if self.waiting.is_none() {
            self.waiting = Some(self.receive().await?);
        }
        Ok(admit(&mut self.waiting, &self.budget).await)
    }
}
