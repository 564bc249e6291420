//! Which part of binlog files is read.

/// The largest event that a server writes.
pub const EVENT_BYTES_MAX: u32 = 1 << 30;

/// Which part of a series is read. A position counts in the first file or in the last one, a time in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinlogExtent {
    /// Where to begin in the first file: at this position, which must be where an event begins.
    pub start: u64,
    /// Passes over so many events of the first file, counted from its first one.
    pub offset: u64,
    /// Passes over the events before the first one of this time or later, in seconds since 1970.
    pub start_time: Option<u32>,
    /// Ends before the first event of the last file that begins at this position or behind it.
    pub stop: Option<u64>,
    /// Ends before the first event of this time or later, in seconds since 1970.
    pub stop_time: Option<u32>,
}
