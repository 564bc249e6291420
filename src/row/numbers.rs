//! Numbers as values hold them: so many bytes, and nothing else.

use super::RowError;

/// Two big-endian numbers of so many bytes each, which is all there is.
#[inline]
pub(super) fn whole_and_fraction(bytes: &[u8], whole: u8, fraction: u8) -> Option<(u64, u64)> {
    let (first, rest) = bytes.split_at_checked(usize::from(whole))?;
    Some((big_endian(first, whole)?, big_endian(rest, fraction)?))
}

/// The number that so many bytes are, which is all there is, the highest first.
#[inline]
pub(super) fn big_endian(bytes: &[u8], width: u8) -> Option<u64> {
    if bytes.len() != usize::from(width) {
        return None;
    }
    Some(match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_be_bytes([0, a, b, c])),
        [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e] => u64::from_be_bytes([0, 0, 0, a, b, c, d, e]),
        [a, b, c, d, e, f] => u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
        [a, b, c, d, e, f, g] => u64::from_be_bytes([0, a, b, c, d, e, f, g]),
        [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        // No type has a number of more bytes.
        _ => return None,
    })
}

/// The same, the lowest first.
#[inline]
pub(super) fn little_endian(bytes: &[u8], width: u8) -> Option<u64> {
    if bytes.len() != usize::from(width) {
        return None;
    }
    Some(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => bytes
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)),
    })
}

/// The error of a value whose length is wrong.
pub(super) fn length(kind: &'static str, bytes: &[u8], expected: u8) -> RowError {
    RowError::Length {
        kind,
        found: bytes.len(),
        expected: usize::from(expected),
    }
}

/// Narrows a number that was checked or masked to fit.
pub(super) fn narrow<T: TryFrom<u64> + Default>(value: impl Into<u64>) -> T {
    T::try_from(value.into()).unwrap_or_default()
}
