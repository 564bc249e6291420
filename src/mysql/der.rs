//! DER, as far as keys and certificates need it: one element after the other, every length checked.
//!
//! Follows ITU-T X.690, definite lengths of up to four bytes only.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// One element: what it is, what it holds, and all its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Takes the first element, whatever it is.
pub(super) fn first(der: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let ([tag, length], after) = der.split_first_chunk::<2>()?;
    let (length, after) = match *length {
        short @ 0..=0x7f => (usize::from(short), after),
        long => {
            let (digits, after) = after.split_at_checked(usize::from(long & 0x7f))?;
            if digits.is_empty() || digits.len() > 4 {
                return None;
            }
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, after)
        }
    };
    let (content, rest) = after.split_at_checked(length)?;
    let whole = der.get(..der.len() - rest.len())?;
    let element = Element {
        tag: *tag,
        content,
        whole,
    };
    Some((element, rest))
}

/// Takes the first element if it is of a kind: its content and what follows.
pub(super) fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (element, rest) = first(der)?;
    (element.tag == tag).then_some((element.content, rest))
}

/// Goes through elements up to the end or to bytes that are none.
pub(super) fn all(mut der: &[u8]) -> impl Iterator<Item = Element<'_>> {
    std::iter::from_fn(move || {
        let (element, rest) = first(der)?;
        der = rest;
        Some(element)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_or_long_and_never_pass_the_bytes() {
        assert_eq!(take(&[2, 1, 7, 9], INTEGER), Some((&[7][..], &[9][..])));
        let mut long = vec![0x30, 0x82, 0x01, 0x00];
        long.extend([5; 256]);
        assert_eq!(take(&long, SEQUENCE).unwrap().0.len(), 256);
        assert_eq!(take(&long[..259], SEQUENCE), None);
        for hostile in [
            &[0x30][..],
            &[0x30, 0x80],
            &[0x30, 0x81],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x30, 0xff],
        ] {
            assert!(first(hostile).is_none(), "{hostile:x?}");
        }
    }
}
