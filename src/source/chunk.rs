//! What every source gives: binlog events in chunks.

use std::future::Future;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::budget::Budget;
use super::error::SourceError;
use crate::mysql::Portion;

/// Binlog events as they arrived.
#[derive(Debug)]
pub struct Chunk {
    /// The shared bytes; charged to the connector's byte budget until the last handle is dropped.
    pub buffer: Bytes,
    /// Each whole event in the buffer, header and checksum included, in stream order.
    pub events: Vec<Range<u32>>,
    /// Whether the events are whole, or the only one is a piece of a large one.
    pub part: Portion,
    /// When the chunk was complete, in microseconds since 1970.
    pub received_us: i64,
    /// Whether the source had nothing more at that moment, so that what is assembled should leave.
    pub drained: bool,
}

/// A stream of binlog events.
pub trait EventSource: Send {
    /// Returns the next chunk, or `None` at the end of a source that ends. Cancel-safe: a dropped future loses no event.
    ///
    /// # Errors
    /// Whatever ends the stream; `SourceError::class` tells whether starting again may help.
    fn next(&mut self) -> impl Future<Output = Result<Option<Chunk>, SourceError>> + Send;
}

/// Charges a chunk that waits to the budget and takes it. Cancel-safe: a dropped future leaves it where it is.
pub(super) async fn admit(waiting: &mut Option<Chunk>, budget: &Budget) -> Option<Chunk> {
    let bytes = waiting.as_ref()?.buffer.len();
    let charge = budget.take(bytes).await;
    waiting.take().map(|chunk| Chunk {
        buffer: charge.over(chunk.buffer),
        ..chunk
    })
}

/// The time in microseconds since 1970.
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
