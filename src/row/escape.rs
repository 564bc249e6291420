//! Text as JSON strings, with the escapes that the servers write.

use super::digits::hex_digit;
use super::utf8::{character, is_utf8};

const EVERY: u64 = u64::from_ne_bytes([1; 8]);
const TOP: u64 = u64::from_ne_bytes([0x80; 8]);

/// Appends `text` as a JSON string with its quotes.
#[inline]
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Appends bytes as the inside of a JSON string, or nothing and `false` if they are not UTF-8.
#[inline]
pub fn write_utf8(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    if bytes.len() <= CHUNK {
        return match str::from_utf8(bytes) {
            Ok(text) => {
                write_escaped(text, out);
                true
            }
            Err(_) => false,
        };
    }
    let start = out.len();
    let is_text = write_runs::<true>(bytes, out).is_some();
    if !is_text {
        out.truncate(start);
    }
    is_text
}

/// Appends `text` as the inside of a JSON string.
#[inline]
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if bytes.len() <= CHUNK && write_short_plain::<false>(bytes, out) {
        return;
    }
    let is_text = write_runs::<false>(bytes, out).is_some();
    debug_assert!(is_text, "only what is looked at can be wrong");
}

/// Bytes that are looked at side by side.
const CHUNK: usize = 16;

/// The same where most text is plain.
const BLOCK: usize = 32;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Appends up to sixteen bytes if all of them are plain, else nothing.
///
/// What is written is always a whole word or two, and what is too much is cut off again: a copy of a fixed size takes an
/// instruction. Their halves may overlap.
#[inline]
fn write_short_plain<const CHECKED: bool>(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let end = out.len() + bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        if odd_bits::<CHECKED>(first) | odd_bits::<CHECKED>(last) != 0 {
            return false;
        }
        let all = u128::from(first) | u128::from(last) << (8 * (bytes.len() - WORD));
        out.extend_from_slice(&all.to_le_bytes());
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        let (first, last) = (u64::from(first), u64::from(last));
        if odd_bits::<CHECKED>(first | last << 32) != 0 {
            return false;
        }
        let all = first | last << (8 * (bytes.len() - WORD / 2));
        out.extend_from_slice(&all.to_le_bytes());
    } else {
        if !bytes.iter().all(|byte| is_plain::<CHECKED>(*byte)) {
            return false;
        }
        for byte in bytes {
            out.push(*byte);
        }
    }
    out.truncate(end);
    true
}

/// Appends text run by run: of what is plain, and of what is odd, which is to be escaped or, where `CHECKED` says so, may be no
/// UTF-8; `None` if it is none.
fn write_runs<const CHECKED: bool>(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<CHUNK>() {
        let start = out.len();
        out.extend_from_slice(chunk);
        let plain = plain_length::<CHECKED>(chunk);
        if plain == CHUNK {
            rest = write_plain_blocks::<CHECKED>(after, out);
        } else {
            out.truncate(start + plain);
            rest = write_odd::<CHECKED>(rest.get(plain..)?, out)?;
        }
    }
    while !write_short_plain::<CHECKED>(rest, out) {
        let odd = rest.iter().position(|byte| !is_plain::<CHECKED>(*byte))?;
        let (plain, after) = rest.split_at_checked(odd)?;
        out.extend_from_slice(plain);
        rest = write_odd::<CHECKED>(after, out)?;
    }
    Some(())
}

/// Appends blocks as long as all of their bytes are plain; gives what is left.
#[inline(always)]
fn write_plain_blocks<'a, const CHECKED: bool>(bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>()
        && is_plain_block::<CHECKED>(block)
    {
        out.extend_from_slice(block);
        rest = after;
    }
    rest
}

/// How many bytes are plain before the first odd one.
#[inline(always)]
fn plain_length<const CHECKED: bool>(chunk: &[u8; CHUNK]) -> usize {
    let (words, _) = chunk.as_chunks::<WORD>();
    let mut plain = 0;
    for word in words {
        let odd = odd_bits::<CHECKED>(u64::from_le_bytes(*word));
        if odd != 0 {
            return plain + odd.trailing_zeros() as usize / 8;
        }
        plain += WORD;
    }
    plain
}

/// Appends an escape, or what is no ASCII up to what is; gives what is left.
#[inline(always)]
fn write_odd<'a, const CHECKED: bool>(bytes: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    match bytes.split_first() {
        Some((byte @ (b'"' | b'\\'), rest)) => {
            out.extend_from_slice(&[b'\\', *byte]);
            Some(rest)
        }
        Some((byte, rest)) if byte.is_ascii() => {
            write_control(*byte, out);
            Some(rest)
        }
        _not_ascii => {
            let end = bytes.iter().position(u8::is_ascii);
            let (run, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len()))?;
            // Most runs are one character.
            if CHECKED && character(run) != Some(run.len()) && !is_utf8(run) {
                return None;
            }
            out.extend_from_slice(run);
            Some(rest)
        }
    }
}

/// Whether all bytes are plain. They are counted, which is done side by side.
#[inline(always)]
fn is_plain_block<const CHECKED: bool>(block: &[u8; BLOCK]) -> bool {
    let count = |count, byte: &u8| count + u8::from(is_plain::<CHECKED>(*byte));
    usize::from(block.iter().fold(0, count)) == BLOCK
}

/// Appends text that `window` begins with, if it has no more bytes than that, is ASCII and holds nothing to escape; `false`,
/// and nothing, for other text.
///
/// Bytes after the text are looked at and written too, and cut off again: that it is always as many bytes makes it a few
/// instructions.
#[inline(always)]
pub fn write_plain_start(window: &[u8; 32], length: usize, out: &mut Vec<u8>) -> bool {
    if length > window.len() || !is_plain_start(window, length) {
        return false;
    }
    let end = out.len() + length;
    out.extend_from_slice(window);
    out.truncate(end);
    true
}

/// The same for text that is as short as most names are.
#[inline(always)]
pub(super) fn write_plain_words(window: &[u8; CHUNK], length: usize, out: &mut Vec<u8>) -> bool {
    let word = |words: &[u8]| {
        words
            .first_chunk()
            .map_or(0, |word| u64::from_le_bytes(*word))
    };
    let (first, second) = window.split_at(WORD);
    // Of the odd bytes, the first is told for certain.
    let plain_length = match odd_bits::<true>(word(first)) {
        0 if length <= WORD => WORD,
        0 => match odd_bits::<true>(word(second)) {
            0 => CHUNK,
            odd => WORD + odd.trailing_zeros() as usize / 8,
        },
        odd => odd.trailing_zeros() as usize / 8,
    };
    if plain_length < length {
        return false;
    }
    let end = out.len() + length;
    out.extend_from_slice(window);
    out.truncate(end);
    true
}

/// Whether the first `length` bytes are plain ASCII.
#[inline(always)]
fn is_plain_start(bytes: &[u8; 32], length: usize) -> bool {
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
        odd | ((place < length) & !is_plain::<true>(*byte))
    });
    !odd
}

/// Of eight bytes, the top bit of each that is odd, and maybe of others above the lowest of them.
///
/// `x - 0x20` borrows into the top bit of a byte below 0x20, and `x ^ c` is zero, below one, where `x` is `c`; a borrow may run
/// on into the next byte.
#[inline]
fn odd_bits<const CHECKED: bool>(word: u64) -> u64 {
    let low = word.wrapping_sub(EVERY * 0x20);
    let quote = (word ^ (EVERY * 0x22)).wrapping_sub(EVERY);
    let backslash = (word ^ (EVERY * 0x5c)).wrapping_sub(EVERY);
    let odd = low | quote | backslash;
    TOP & match CHECKED {
        true => odd | word,
        false => odd & !word,
    }
}

/// Whether a JSON string holds a byte as it is. What is no ASCII it holds too, but where `CHECKED` says so that is looked at.
#[inline]
fn is_plain<const CHECKED: bool>(byte: u8) -> bool {
    let is_held = match CHECKED {
        true => byte.wrapping_sub(0x20) < 0x60,
        false => byte >= 0x20,
    };
    is_held & (byte != b'"') & (byte != b'\\')
}

fn write_control(byte: u8, out: &mut Vec<u8>) {
    match byte {
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
            let is_held = match byte.is_ascii() {
                true => escaped(&char::from(byte).to_string()).len() == 3,
                false => true,
            };
            for at in 0..CHUNK {
                check_chunk::<true>(byte, at, is_held && byte.is_ascii());
                check_chunk::<false>(byte, at, is_held);
                check_windows(byte, at, is_held && byte.is_ascii());
            }
        }
    }

    /// Checks what is made of so many bytes, all of them plain but for one that may be.
    fn check_chunk<const CHECKED: bool>(byte: u8, at: usize, expected: bool) {
        let mut bytes = [b'a'; CHUNK];
        bytes[at] = byte;
        assert_eq!(is_plain::<CHECKED>(byte), expected, "{byte:#x}");
        let plain = if expected { CHUNK } else { at };
        assert_eq!(plain_length::<CHECKED>(&bytes), plain, "{byte:#x} at {at}");
        let mut block = [b'a'; BLOCK];
        block[2 * at + 1] = byte;
        assert_eq!(
            is_plain_block::<CHECKED>(&block),
            expected,
            "{byte:#x} at {at}"
        );
        for length in at + 1..=CHUNK {
            let mut out = b"before".to_vec();
            let short = &bytes[..length];
            assert_eq!(write_short_plain::<CHECKED>(short, &mut out), expected);
            let after = if expected { short } else { b"" };
            assert_eq!(out, [b"before", after].concat(), "{byte:#x} at {at}");
        }
    }

    /// The same for what begins with text and may go on beyond it.
    fn check_windows(byte: u8, at: usize, is_plain: bool) {
        let mut window = [b'"'; 32];
        window[..CHUNK].fill(b'a');
        window[at] = byte;
        for length in 0..=CHUNK {
            let expected = is_plain || at >= length;
            let start = is_plain_start(&window, length);
            assert_eq!(start, expected, "{byte:#x} at {at} of {length}");
            let mut out = b"before".to_vec();
            let words = window.first_chunk().expect("two words");
            assert_eq!(write_plain_words(words, length, &mut out), expected);
            let after = if expected { &window[..length] } else { b"" };
            assert_eq!(out, [b"before", after].concat(), "{byte:#x} at {at}");
        }
    }

    #[test]
    fn a_character_is_judged_as_the_standard_library_does() {
        let kinds = [
            0u8, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xff,
        ];
        for first in 0x80..=0xff {
            for second in 0..=0xff {
                assert_eq!(
                    is_utf8(&[first, second]),
                    str::from_utf8(&[first, second]).is_ok()
                );
                for third in kinds {
                    let bytes = [first, second, third];
                    assert_eq!(
                        is_utf8(&bytes),
                        str::from_utf8(&bytes).is_ok(),
                        "{bytes:x?}"
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
