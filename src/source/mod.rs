//! Where events come from.

use std::ops::Range;

use bytes::Bytes;

/// Binlog events as they arrived.
#[derive(Debug)]
pub struct Chunk {
    /// The shared bytes; charged to the connector's byte budget until the last handle is dropped.
    pub buffer: Bytes,
    /// Each whole event in the buffer, header and checksum included, in stream order.
    pub events: Vec<Range<u32>>,
    /// When the chunk was complete, in microseconds since 1970.
    pub received_us: i64,
    /// Whether the source had nothing more at that moment, so that what is assembled should leave.
    pub drained: bool,
}
