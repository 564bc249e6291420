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
    let is_text = write_runs::<false>(text.as_bytes(), out).is_some();
    debug_assert!(is_text, "only what is looked at can be wrong");
}

/// Appends bytes as the inside of a JSON string, or nothing and `false` if they are not UTF-8.
#[inline]
pub fn write_utf8(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let is_text = write_runs::<true>(bytes, out).is_some();
    if !is_text {
        out.truncate(start);
    }
    is_text
}

/// Bytes that are looked at side by side, and copied before: a copy of a fixed size takes an instruction.
const CHUNK: usize = 16;

/// Appends text run by run: of ASCII that a JSON string holds as it is, of what it escapes, of what is no ASCII. Only that
/// can be no UTF-8, which is looked for where `CHECKED` says so; `None` if it is.
fn write_runs<const CHECKED: bool>(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<CHUNK>() {
        out.extend_from_slice(chunk);
        if is_plain_chunk(chunk) {
            rest = after;
            continue;
        }
        let plain = plain_length(chunk);
        out.truncate(out.len() - (CHUNK - plain));
        rest = write_odd::<CHECKED>(rest.get(plain..)?, out)?;
    }
    while !rest.is_empty() {
        let odd = rest.iter().position(|byte| !is_plain_byte(*byte));
        let (plain, after) = rest.split_at_checked(odd.unwrap_or(rest.len()))?;
        out.extend_from_slice(plain);
        rest = write_odd::<CHECKED>(after, out)?;
    }
    Some(())
}

/// Appends an escape, or what is no ASCII up to what is; gives what is left.
fn write_odd<'a, const CHECKED: bool>(bytes: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    match bytes.split_first() {
        None => Some(bytes),
        Some((byte, rest)) if byte.is_ascii() => {
            write_escape(*byte, out);
            Some(rest)
        }
        Some(_) => {
            let end = bytes.iter().position(u8::is_ascii);
            let (run, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len()))?;
            if CHECKED && str::from_utf8(run).is_err() {
                return None;
            }
            out.extend_from_slice(run);
            Some(rest)
        }
    }
}

#[inline]
fn is_plain_chunk(chunk: &[u8; CHUNK]) -> bool {
    let odd = |odd, byte: &u8| odd | !is_plain_byte(*byte);
    !chunk.iter().fold(false, odd)
}

/// How many bytes in front are plain.
#[inline]
fn plain_length(chunk: &[u8; CHUNK]) -> usize {
    let (words, _) = chunk.as_chunks();
    let odd = words.iter().map(|word| odd_bits(u64::from_le_bytes(*word)));
    let length = |bits: u64| bits.trailing_zeros() as usize / 8;
    odd.rev().fold(0, |after, bits| match bits {
        0 => 8 + after,
        bits => length(bits),
    })
}

/// Whether the first `length` bytes are ASCII that a JSON string holds as it is. That the others are looked at too makes it a few instructions.
#[inline]
pub fn is_plain_start(bytes: &[u8; 32], length: usize) -> bool {
    /// Each byte's place, in a byte as well: the places are compared side by side.
    const PLACES: [u8; 32] = {
        let mut places = [0; 32];
        let mut rest: &mut [u8] = &mut places;
        let mut place = 0;
        while let Some((first, after)) = rest.split_first_mut() {
            *first = place;
            place += 1;
            rest = after;
        }
        places
    };
    let length = u8::try_from(length).unwrap_or(u8::MAX);
    let odd = bytes.iter().zip(PLACES).fold(false, |odd, (byte, place)| {
        odd | ((place < length) & !is_plain_byte(*byte))
    });
    !odd
}

/// Of eight bytes, the top bit of each that is not plain, and maybe of others above the lowest of them.
///
/// `x - 0x20` borrows into the top bit of a byte below 0x20, and `x ^ c` is zero, below one, where `x` is `c`; a borrow may run
/// on into the next byte.
#[inline]
fn odd_bits(word: u64) -> u64 {
    let low = word.wrapping_sub(EVERY * 0x20);
    let quote = (word ^ (EVERY * 0x22)).wrapping_sub(EVERY);
    let backslash = (word ^ (EVERY * 0x5c)).wrapping_sub(EVERY);
    (word | low | quote | backslash) & TOP
}

#[inline]
fn is_plain_byte(byte: u8) -> bool {
    (byte.wrapping_sub(0x20) < 0x60) & (byte != b'"') & (byte != b'\\')
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
    fn every_byte_at_every_place_is_judged_alone() {
        for byte in 0..=255u8 {
            for at in 0..CHUNK {
                let mut bytes = [b'a'; CHUNK];
                bytes[at] = byte;
                let is_plain = is_plain_byte(byte);
                assert_eq!(
                    is_plain,
                    byte.is_ascii() && escaped(&char::from(byte).to_string()).len() == 3
                );
                assert_eq!(is_plain_chunk(&bytes), is_plain, "{byte:#x} at {at}");
                let plain = if is_plain { CHUNK } else { at };
                assert_eq!(plain_length(&bytes), plain, "{byte:#x} at {at}");
                for length in 0..=CHUNK {
                    let mut window = [b'"'; 32];
                    window[..CHUNK].copy_from_slice(&bytes);
                    let expected = is_plain || at >= length;
                    assert_eq!(
                        is_plain_start(&window, length),
                        expected,
                        "{byte:#x} at {at} of {length}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_are_written_if_they_are_text(
            text in any::<String>(), ascii in "[ -~]{0,40}", cut in 0usize..40, byte in any::<u8>(),
        ) {
            let mut bytes = [text.as_bytes(), ascii.as_bytes(), text.as_bytes()].concat();
            let at = cut.min(bytes.len());
            bytes.insert(at, byte);
            let mut out = b"before".to_vec();
            let is_text = write_utf8(&bytes, &mut out);
            match str::from_utf8(&bytes) {
                Ok(text) => assert_eq!([b"\"", &out[b"before".len()..], b"\""].concat(), escaped(text).as_bytes()),
                Err(_) => assert_eq!(out, b"before"),
            }
            assert_eq!(is_text, str::from_utf8(&bytes).is_ok());
        }

        #[test]
        fn a_reader_gets_the_text_back(text in any::<String>(), ascii in prop::collection::vec(0u8..128, 0..100)) {
            let ascii = String::from_utf8(ascii).expect("ASCII");
            for text in [text, ascii] {
                assert_eq!(serde_json::from_str::<String>(&escaped(&text)).ok(), Some(text));
            }
        }
    }
}
