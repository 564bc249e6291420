//! Text as JSON strings, with the escapes that the servers write.

use super::digits::hex_digit;

const EVERY: u64 = u64::from_ne_bytes([1; 8]);
const TOP: u64 = u64::from_ne_bytes([0x80; 8]);

/// Appends `text` as a JSON string with its quotes.
#[inline]
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Appends `text` as the inside of a JSON string.
#[inline]
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let (plain, rest) = split_plain(bytes);
    out.extend_from_slice(plain);
    write_runs(rest, out);
}

/// Splits bytes behind such in front as are ASCII that a JSON string holds as it is: all, or a multiple of sixteen.
#[inline]
pub fn split_plain(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (chunks, rest) = bytes.as_chunks();
    let plain = chunks.iter().take_while(|chunk| is_plain_chunk(chunk));
    let count = plain.count();
    // The last bytes of longer text are looked at together, with some that were looked at before.
    let is_plain = count == chunks.len()
        && match bytes.last_chunk() {
            Some(last) => is_plain_chunk(last),
            None => rest.iter().all(|byte| is_plain_byte(*byte)),
        };
    let length = if is_plain { bytes.len() } else { count * CHUNK };
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

/// Bytes that are looked at side by side.
const CHUNK: usize = 16;

#[inline]
fn is_plain_chunk(chunk: &[u8; CHUNK]) -> bool {
    let odd = |odd, byte: &u8| odd | !is_plain_byte(*byte);
    !chunk.iter().fold(false, odd)
}

/// Whether the first `length` bytes are such ASCII. That the others are looked at too makes it a few instructions.
#[inline]
pub fn is_plain_start(bytes: &[u8; 32], length: usize) -> bool {
    /// Each byte's place, in a byte as well: the places are compared side by side.
    const PLACES: [u8; 32] = {
        let mut places = [0; 32];
        let mut rest: &mut [u8] = &mut places;
        let mut place = 0;
        while let Some((first, behind)) = rest.split_first_mut() {
            *first = place;
            place += 1;
            rest = behind;
        }
        places
    };
    let length = u8::try_from(length).unwrap_or(u8::MAX);
    let odd = bytes.iter().zip(PLACES).fold(false, |odd, (byte, place)| {
        odd | ((place < length) & !is_plain_byte(*byte))
    });
    !odd
}

/// Of eight bytes, the top bit of each that a JSON string must escape.
///
/// `x - 0x20` borrows into the top bit of a byte below 0x20, and `x ^ c` is zero, below one, where `x` is `c`. A borrow may
/// run on into the next byte and the top bit of a byte from 0x80 on says nothing; the lowest other bit is certain.
#[inline]
fn odd_bits(word: u64) -> u64 {
    let low = word.wrapping_sub(EVERY * 0x20);
    let quote = (word ^ (EVERY * 0x22)).wrapping_sub(EVERY);
    let backslash = (word ^ (EVERY * 0x5c)).wrapping_sub(EVERY);
    low | quote | backslash
}

#[inline]
fn is_plain_byte(byte: u8) -> bool {
    (byte.wrapping_sub(0x20) < 0x60) & (byte != b'"') & (byte != b'\\')
}

/// Appends UTF-8 as the inside of a JSON string.
pub fn write_runs(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = position_of_escape(rest) {
        let (plain, odd) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((byte, behind)) = odd.split_first() else {
            return;
        };
        write_escape(*byte, out);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// Where the first byte is that needs an escape.
fn position_of_escape(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        // Bytes from 0x80 on are above all that needs an escape, so their top bits are left out.
        let odd = odd_bits(word) & !word & TOP;
        if odd != 0 {
            return Some(8 * index + odd.trailing_zeros() as usize / 8);
        }
    }
    let behind = bytes.len() - rest.len();
    rest.iter()
        .position(|byte| needs_escape(*byte))
        .map(|at| behind + at)
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        control => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[hex_digit(control >> 4), hex_digit(control)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        write_string(text, &mut out);
        String::from_utf8(out).expect("escapes are ASCII")
    }

    #[test]
    fn escapes_are_those_of_the_server() {
        assert_eq!(
            escaped("\u{0}\u{1f}\u{7f}/\u{8}\u{c}\n\r\t\"\\\u{e9}"),
            "\"\\u0000\\u001f\u{7f}/\\b\\f\\n\\r\\t\\\"\\\\\u{e9}\""
        );
    }

    #[test]
    fn every_ascii_byte_at_every_place_is_judged_alone() {
        for byte in 0..=255u8 {
            for at in 0..17 {
                let mut bytes = [b'a'; 17];
                bytes[at] = byte;
                let expected = byte.is_ascii() && !needs_escape(byte);
                let plain = if expected { 17 } else { at / CHUNK * CHUNK };
                assert_eq!(split_plain(&bytes).0.len(), plain, "{byte:#x} at {at}");
                for length in 0..=17 {
                    let window =
                        std::array::from_fn(|place| bytes.get(place).copied().unwrap_or(0));
                    let expected = expected || at >= length;
                    assert_eq!(
                        is_plain_start(&window, length),
                        expected,
                        "{byte:#x} at {at} of {length}"
                    );
                }
                let escape = needs_escape(byte).then_some(at);
                assert_eq!(position_of_escape(&bytes), escape, "{byte:#x} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_reader_gets_the_text_back(text in any::<String>(), ascii in prop::collection::vec(0u8..128, 0..100)) {
            let ascii = String::from_utf8(ascii).expect("ASCII");
            for text in [text, ascii] {
                assert_eq!(serde_json::from_str::<String>(&escaped(&text)).ok(), Some(text));
            }
        }
    }
}
