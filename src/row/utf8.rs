//! Whether bytes are UTF-8, most of which is ASCII in most databases.
//!
//! The standard library says the same. It looks at one byte after the other before and after every character that is not ASCII,
//! until it comes to an aligned word, and short text seldom has one. Follows RFC 3629.

/// Bytes that are looked at side by side.
const BLOCK: usize = 32;
/// Bytes of a word.
const WORD: usize = size_of::<u64>();
/// The top bit of each byte of a word.
const TOPS: u64 = u64::from_ne_bytes([0x80; WORD]);

/// Whether bytes are UTF-8.
#[inline]
pub fn is_utf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        while let Some((block, after)) = rest.split_first_chunk::<BLOCK>()
            && block.iter().fold(0, |all, byte| all | byte).is_ascii()
        {
            rest = after;
        }
        rest = rest.get(ascii_length(rest)..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        match character(rest).and_then(|length| rest.get(length..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

/// Whether bytes are ASCII, and no more than 32.
///
/// The first and the last of them are looked at, which may overlap: how many words that takes is told by branches, which are the same
/// ones for most texts of a column.
#[inline(always)]
pub fn is_short_ascii(bytes: &[u8]) -> bool {
    if bytes.len() > BLOCK {
        return false;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let all = u128::from_le_bytes(*first) | u128::from_le_bytes(*last);
        return all & (u128::from(TOPS) << 64 | u128::from(TOPS)) == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*first) | u64::from_le_bytes(*last)) & TOPS == 0;
    }
    bytes.iter().fold(0, |all, byte| all | byte).is_ascii()
}

/// How many bytes are ASCII before the first that is not.
#[inline]
fn ascii_length(bytes: &[u8]) -> usize {
    let (words, last) = bytes.as_chunks::<WORD>();
    let mut length = 0;
    for word in words {
        let odd = u64::from_le_bytes(*word) & TOPS;
        if odd != 0 {
            return length + odd.trailing_zeros() as usize / 8;
        }
        length += WORD;
    }
    length + last.iter().take_while(|byte| byte.is_ascii()).count()
}

/// How many bytes the character has that bytes begin with and that is not ASCII; `None` if they begin with none.
#[inline]
pub(super) fn character(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [0xc2..=0xdf, 0x80..=0xbf, ..] => Some(2),
        [0xe0, 0xa0..=0xbf, 0x80..=0xbf, ..]
        | [0xe1..=0xec | 0xee | 0xef, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xed, 0x80..=0x9f, 0x80..=0xbf, ..] => Some(3),
        [0xf0, 0x90..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf1..=0xf3, 0x80..=0xbf, 0x80..=0xbf, 0x80..=0xbf, ..]
        | [0xf4, 0x80..=0x8f, 0x80..=0xbf, 0x80..=0xbf, ..] => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8]) {
        assert_eq!(is_utf8(bytes), str::from_utf8(bytes).is_ok(), "{bytes:x?}");
    }

    #[test]
    fn every_first_and_second_byte_is_judged_as_the_standard_library_does() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                for rest in [&[][..], &[0x80], &[0xbf, 0x80], &[0x80, 0xc0], b"a"] {
                    check(&[&[first, second], rest].concat());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn short_ascii_is_told_from_other_text(bytes in prop::collection::vec(0u8..0x80, 0..2 * BLOCK), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
            assert_eq!(is_short_ascii(&bytes), bytes.len() <= BLOCK);
            let mut bytes = bytes;
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            assert_eq!(is_short_ascii(&bytes), bytes.is_ascii() && bytes.len() <= BLOCK);
        }

        #[test]
        fn text_is_text_and_any_bytes_are_judged_as_the_standard_library_does(
            parts in prop::collection::vec(("[ -~]{0,40}", any::<String>()), 0..5),
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes: Vec<u8> = parts.iter().flat_map(|(ascii, other)| [ascii, other]).flat_map(|part| part.bytes()).collect();
            for end in 0..=bytes.len() {
                check(&bytes[..end]);
            }
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
                check(&bytes);
            }
        }
    }
}
