//! Character sets: from a collation id to a decoder of text to UTF-8.

/// A character set of a text column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// utf8mb4, utf8mb3 and ascii: bytes that are UTF-8 already.
    Utf8,
    /// latin1, which is Windows-1252 with its five gaps filled by C1 controls.
    Latin1,
}
