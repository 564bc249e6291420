//! How values are written that look the same wherever they are shown: in JSON, and as plain text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{RowError, write_integer};

/// From this size on, room for a value is made at once.
const LARGE_VALUE_BYTES: usize = 1 << 20;

/// Makes room for a large value and what may follow it in its row: growing step by step would take as much again.
#[inline]
pub fn reserve_for(bytes: usize, out: &mut Vec<u8>) {
    if bytes >= LARGE_VALUE_BYTES {
        out.reserve_exact(bytes + bytes / 16);
    }
}

/// Appends a finite number with as few digits as give it back.
pub fn write_float(value: impl zmij::Float, out: &mut Vec<u8>) {
    out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
}

/// Appends a GEOMETRY as a JSON object.
pub fn write_geometry(srid: u32, wkb: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"srid\":");
    write_integer(srid, out);
    out.extend_from_slice(b",\"wkb\":\"");
    write_base64(wkb, out);
    out.extend_from_slice(b"\"}");
}

/// Appends a VECTOR as a JSON array of numbers.
///
/// # Errors
/// A number that is not finite.
pub fn write_vector(floats: &[[u8; 4]], out: &mut Vec<u8>) -> Result<(), RowError> {
    out.push(b'[');
    for (index, float) in floats.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let float = f32::from_le_bytes(*float);
        if !float.is_finite() {
            let what = "a number that is not finite";
            return Err(RowError::Invalid {
                kind: "VECTOR",
                what,
            });
        }
        write_float(float, out);
    }
    out.push(b']');
    Ok(())
}

/// Up to this size base64 is written group by group, which gets going faster than the library's loops.
const SHORT_BYTES_MAX: usize = 48;

/// Appends bytes as base64.
pub fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() <= SHORT_BYTES_MAX {
        return write_short_base64(bytes, out);
    }
    let start = out.len();
    let length = bytes.len().div_ceil(3) * 4;
    reserve_for(length, out);
    out.resize(start + length, 0);
    let room = out.get_mut(start..).unwrap_or_default();
    STANDARD
        .encode_slice(bytes, room)
        .expect("four characters for three bytes fit");
}

fn write_short_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let digits = |bits: u32| {
        PAIRS
            .get((bits & 0xfff) as usize)
            .copied()
            .unwrap_or_default()
    };
    let group = |a: u8, b: u8, c: u8| {
        let bits = u32::from_be_bytes([0, a, b, c]);
        let ([w, x], [y, z]) = (digits(bits >> 12), digits(bits));
        [w, x, y, z]
    };
    let (groups, rest) = bytes.as_chunks();
    for [a, b, c] in groups {
        out.extend_from_slice(&group(*a, *b, *c));
    }
    match rest {
        [a, b] => {
            let [w, x, y, _] = group(*a, *b, 0);
            out.extend_from_slice(&[w, x, y, b'=']);
        }
        [a] => {
            let [w, x, _, _] = group(*a, 0, 0);
            out.extend_from_slice(&[w, x, b'=', b'=']);
        }
        _none => {}
    }
}

/// The two digits of each twelve bits.
#[expect(
    clippy::indexing_slicing,
    reason = "computed while compiling, where a panic is an error"
)]
static PAIRS: [[u8; 2]; 4096] = {
    const DIGITS: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut pairs = [[0; 2]; 4096];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = [DIGITS[bits >> 6], DIGITS[bits & 63]];
        bits += 1;
    }
    pairs
};
