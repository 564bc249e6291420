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
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        write_runs(bytes, out);
    }
}

/// Whether bytes are ASCII that a JSON string holds as it is.
#[inline]
pub fn is_plain(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let odd = chunks.iter().fold(0, |odd, chunk| {
        let word = u64::from_le_bytes(*chunk);
        odd | word | odd_bits(word)
    });
    odd & TOP == 0 && rest.iter().all(|byte| is_plain_byte(*byte))
}

/// The same of the first `length` bytes. That the others are looked at too makes it a few instructions.
#[inline]
pub fn is_plain_start(bytes: &[u8; 32], length: usize) -> bool {
    let odd = bytes.iter().enumerate().fold(false, |odd, (index, byte)| {
        odd | ((index < length) & !is_plain_byte(*byte))
    });
    !odd
}

/// Of eight bytes, the top bit of each that a JSON string must escape.
///
/// `x - 0x20` borrows into the top bit of a byte below 0x20, and `x ^ c` is zero, below one, where `x` is `c`. A borrow may
/// run on into the next byte and the top bit of a byte from 0x80 on says nothing, so that no bit is certain, but a word
/// without one is.
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

fn write_runs(bytes: &[u8], out: &mut Vec<u8>) {
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
    let (chunks, _) = bytes.as_chunks::<8>();
    // Bytes from 0x80 on are above all that needs an escape, so their top bits are left out.
    let clean = chunks.iter().take_while(|chunk| {
        let word = u64::from_le_bytes(**chunk);
        (odd_bits(word) & !word & TOP) == 0
    });
    let start = 8 * clean.count();
    let rest = bytes.get(start..).unwrap_or_default();
    rest.iter()
        .position(|byte| needs_escape(*byte))
        .map(|at| start + at)
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
                assert_eq!(is_plain(&bytes), expected, "{byte:#x} at {at}");
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
