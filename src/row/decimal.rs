//! DECIMAL: from its binary form to digits.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | first group | 0 to 4 | the `(precision - scale) % 9` digits before the full groups |
//! | full groups | 4 each | nine digits |
//! | last group | 0 to 4 | the `scale % 9` digits after the full groups of the fraction |
//!
//! All big-endian. The top bit of the first byte is flipped, and every bit of a negative number. Follows
//! `strings/decimal.cc` (MySQL).

use super::RowError;
use super::digits::{write_integer, write_padded};

/// Digits that fit into 63 bits.
const SHORT_DIGITS_MAX: u8 = 18;

/// Bytes of a group of 0 to 9 digits.
const GROUP_BYTES: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// Ten to the power of 0 to 9.
const POWERS: [u32; 10] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// A number with a fixed count of digits after the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal<'a> {
    /// As a row image holds it.
    Binary {
        /// The groups of digits.
        bytes: &'a [u8],
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// As a result set holds it.
    Text(&'a str),
}

/// How many bytes a DECIMAL(precision, scale) takes.
pub(super) fn width(precision: u8, scale: u8) -> u8 {
    let groups = |digits: u8| {
        digits / 9 * 4
            + GROUP_BYTES
                .get(usize::from(digits % 9))
                .copied()
                .unwrap_or(0)
    };
    groups(precision.saturating_sub(scale)) + groups(scale)
}

impl Decimal<'_> {
    /// Appends the digits as the server prints them: a leading zero before the point, every digit of the scale after it.
    ///
    /// # Errors
    /// A length that is not that of the type, and groups with more digits than they have room for.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), RowError> {
        match *self {
            Self::Binary {
                bytes,
                precision,
                scale,
            } => write_binary(bytes, precision, scale, out),
            Self::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
    }

    /// The number without its point, of a type whose numbers have up to 18 digits; `None` of others, of text, and of bytes that
    /// are none of the type, of which [`Self::write`] says what is wrong with them.
    #[inline]
    pub fn unscaled(&self) -> Option<i64> {
        match *self {
            Self::Binary {
                bytes,
                precision: precision @ ..=SHORT_DIGITS_MAX,
                scale,
            } => unscaled(bytes, precision, scale),
            Self::Binary { .. } | Self::Text(_) => None,
        }
    }
}

/// The number of groups with up to 18 digits in all; `None` if they are not as the type has them.
#[inline]
fn unscaled(bytes: &[u8], precision: u8, scale: u8) -> Option<i64> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 == 0);
    let mut groups = Groups {
        bytes,
        flip: if negative { u32::MAX } else { 0 },
        sign: 0x80,
    };
    let whole = precision.checked_sub(scale)?;
    let mut value = i64::from(groups.take(whole % 9)?);
    for _ in 0..whole / 9 + scale / 9 {
        value = value * 1_000_000_000 + i64::from(groups.take_full()?);
    }
    let last = scale % 9;
    let power = i64::from(*POWERS.get(usize::from(last))?);
    value = value * power + i64::from(groups.take(last)?);
    groups
        .bytes
        .is_empty()
        .then_some(if negative { -value } else { value })
}

/// Appends the groups of a number that is written with digits, as an image has them.
///
/// # Errors
/// Text that is no number of the type.
pub(super) fn write_text(
    text: &[u8],
    precision: u8,
    scale: u8,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    let invalid = || RowError::Invalid {
        kind: "DECIMAL",
        what: "digits that its type cannot have",
    };
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
    let fraction = fraction.strip_prefix(b".").unwrap_or_default();
    // ZEROFILL puts zeros in front, as many as there is room for.
    let zeros = whole.iter().take_while(|byte| **byte == b'0').count();
    let whole = whole.get(zeros..).unwrap_or_default();
    let (whole_digits, scale) = (
        usize::from(precision.saturating_sub(scale)),
        usize::from(scale),
    );
    let is_digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    if whole.len() > whole_digits
        || fraction.len() > scale
        || !is_digits(whole)
        || !is_digits(fraction)
    {
        return Err(invalid());
    }
    let start = out.len();
    // The last digits are those of full groups, as far as there are any.
    let mut full = 9 * (whole_digits / 9);
    let mut rest = whole;
    let mut next_of = |below: usize| {
        let (group, after) = rest.split_at(rest.len().saturating_sub(below));
        rest = after;
        number_of(group)
    };
    write_group(whole_digits % 9, next_of(full), out);
    while full > 0 {
        full -= 9;
        write_group(9, next_of(full), out);
    }
    let mut fraction = fraction;
    let mut next_of = |digits: usize| {
        let (group, after) = fraction.split_at(fraction.len().min(digits));
        fraction = after;
        // Digits that are not written are zeros.
        number_of(group) * POWERS.get(digits - group.len()).copied().unwrap_or(1)
    };
    for _ in 0..scale / 9 {
        write_group(9, next_of(9), out);
    }
    write_group(scale % 9, next_of(scale % 9), out);
    let written = out.get_mut(start..).unwrap_or_default();
    if negative {
        written.iter_mut().for_each(|byte| *byte = !*byte);
    }
    if let Some(first) = written.first_mut() {
        *first ^= 0x80;
    }
    Ok(())
}

/// The number of up to nine digits.
fn number_of(digits: &[u8]) -> u32 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}

/// Appends a group of so many digits.
fn write_group(digits: usize, number: u32, out: &mut Vec<u8>) {
    let [a, b, c, d] = number.to_be_bytes();
    match digits {
        0 => {}
        1 | 2 => out.push(d),
        3 | 4 => out.extend_from_slice(&[c, d]),
        5 | 6 => out.extend_from_slice(&[b, c, d]),
        7.. => out.extend_from_slice(&[a, b, c, d]),
    }
}

#[inline(never)]
fn write_binary(bytes: &[u8], precision: u8, scale: u8, out: &mut Vec<u8>) -> Result<(), RowError> {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 == 0);
    let mut groups = Groups {
        bytes,
        flip: if negative { u32::MAX } else { 0 },
        sign: 0x80,
    };
    let written = write_groups(&mut groups, precision, scale, out);
    if written.is_none() || !groups.bytes.is_empty() {
        return Err(wrong(bytes, precision, scale));
    }
    Ok(())
}

/// The error of bytes that are not the groups of digits that their type has.
#[cold]
fn wrong(bytes: &[u8], precision: u8, scale: u8) -> RowError {
    let expected = usize::from(width(precision, scale));
    if bytes.len() != expected {
        return RowError::Length {
            kind: "DECIMAL",
            found: bytes.len(),
            expected,
        };
    }
    RowError::Invalid {
        kind: "DECIMAL",
        what: "a group with too many digits",
    }
}

/// Appends the digits of all groups; `None` where one has more of them than it has room for, or is not there.
#[inline]
fn write_groups(
    groups: &mut Groups<'_>,
    precision: u8,
    scale: u8,
    out: &mut Vec<u8>,
) -> Option<()> {
    if groups.flip != 0 {
        out.push(b'-');
    }
    let whole = precision.saturating_sub(scale);
    let mut value = groups.take(whole % 9)?;
    let mut full = whole / 9;
    // Zeros in front are not written.
    while value == 0 && full > 0 {
        value = groups.take_full()?;
        full -= 1;
    }
    write_integer(value, out);
    for _ in 0..full {
        write_padded(groups.take_full()?, 9, out);
    }
    if scale > 0 {
        out.push(b'.');
        for _ in 0..scale / 9 {
            write_padded(groups.take_full()?, 9, out);
        }
        write_padded(groups.take(scale % 9)?, scale % 9, out);
    }
    Some(())
}

/// What is left of a value's groups.
struct Groups<'a> {
    bytes: &'a [u8],
    /// Which bits are flipped: all of a negative number's.
    flip: u32,
    /// The bit of the sign in the next byte, if it is still to come.
    sign: u8,
}

impl Groups<'_> {
    /// The next group, of less than nine digits; 0 for one without digits, which takes no bytes.
    #[inline(always)]
    fn take(&mut self, digits: u8) -> Option<u32> {
        let value = match digits {
            0 => return Some(0),
            1 | 2 => u32::from_be_bytes([0, 0, 0, self.first()?]) ^ (self.flip & 0xff),
            3 | 4 => {
                let a = self.first()?;
                let [b] = self.bytes_after()?;
                u32::from_be_bytes([0, 0, a, b]) ^ (self.flip & 0xffff)
            }
            5 | 6 => {
                let a = self.first()?;
                let [b, c] = self.bytes_after()?;
                u32::from_be_bytes([0, a, b, c]) ^ (self.flip & 0xff_ffff)
            }
            _ => self.four()?,
        };
        let limit = POWERS.get(usize::from(digits))?;
        (value < *limit).then_some(value)
    }

    /// The next group, of nine digits.
    #[inline]
    fn take_full(&mut self) -> Option<u32> {
        self.four().filter(|value| *value < 1_000_000_000)
    }

    fn four(&mut self) -> Option<u32> {
        let a = self.first()?;
        let [b, c, d] = self.bytes_after()?;
        Some(u32::from_be_bytes([a, b, c, d]) ^ self.flip)
    }

    /// The first byte of a group, without the sign.
    #[inline]
    fn first(&mut self) -> Option<u8> {
        let [first] = self.bytes_after()?;
        Some(first ^ std::mem::take(&mut self.sign))
    }

    #[inline]
    fn bytes_after<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use mysql_common::binlog::decimal::Decimal as Peer;
    use proptest::prelude::{any, proptest};

    use super::*;

    /// Writes digits by the layout at the top of this file.
    fn binary(negative: bool, whole: &str, fraction: &str) -> Vec<u8> {
        let mut groups: Vec<&str> = Vec::new();
        let (first, full) = whole.split_at(whole.len() % 9);
        groups.push(first);
        groups.extend((0..full.len() / 9).map(|index| &full[index * 9..index * 9 + 9]));
        groups.extend((0..fraction.len() / 9).map(|index| &fraction[index * 9..index * 9 + 9]));
        groups.push(&fraction[fraction.len() / 9 * 9..]);
        let mut bytes = Vec::new();
        for group in groups.into_iter().filter(|group| !group.is_empty()) {
            let value: u32 = group.parse().expect("digits");
            bytes.extend(&value.to_be_bytes()[4 - usize::from(GROUP_BYTES[group.len()])..]);
        }
        bytes[0] ^= 0x80;
        if negative {
            bytes.iter_mut().for_each(|byte: &mut u8| *byte = !*byte);
        }
        bytes
    }

    fn print(bytes: &[u8], precision: u8, scale: u8) -> Result<String, RowError> {
        let mut out = Vec::new();
        Decimal::Binary {
            bytes,
            precision,
            scale,
        }
        .write(&mut out)?;
        Ok(String::from_utf8(out).expect("digits"))
    }

    proptest! {
        #[test]
        fn a_number_without_its_point_has_the_digits_that_are_printed(
            value in 0u64..1_000_000_000_000_000_000,
            negative in any::<bool>(),
            precision in 1u8..=18,
            scale in 0u8..=18,
        ) {
            let scale = scale.min(precision);
            let value = value % 10u64.pow(u32::from(precision));
            let digits = format!("{value:0>width$}", width = usize::from(precision));
            let (whole, fraction) = digits.split_at(usize::from(precision - scale));
            let bytes = binary(negative, whole, fraction);
            let unscaled = |bytes| Decimal::Binary { bytes, precision, scale }.unscaled();
            let expected = i64::try_from(value).unwrap();
            assert_eq!(unscaled(&bytes), Some(if negative { -expected } else { expected }));
            for cut in 0..bytes.len() {
                assert_eq!(unscaled(&bytes[..cut]), None, "{cut}");
            }
        }
    }

    #[test]
    fn long_numbers_and_wrong_ones_are_not_taken_without_their_point() {
        let unscaled = |bytes, precision, scale| {
            Decimal::Binary {
                bytes,
                precision,
                scale,
            }
            .unscaled()
        };
        assert_eq!(unscaled(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0], 19, 0), None);
        assert_eq!(Decimal::Text("1.5").unscaled(), None);
        // A group of nine digits that has ten.
        assert_eq!(unscaled(&[0xff, 0xff, 0xff, 0xff], 9, 0), None);
        assert_eq!(unscaled(&[0x80, 0, 0, 0, 0], 9, 0), None);
    }

    #[test]
    fn known_bytes_give_known_digits() {
        let check = |bytes: &[u8], precision, scale, expected: &str| {
            assert_eq!(print(bytes, precision, scale).as_deref(), Ok(expected));
        };
        // From the comment of decimal2bin: 1234567890.1234 as DECIMAL(14, 4).
        check(
            &[0x81, 0x0d, 0xfb, 0x38, 0xd2, 0x04, 0xd2],
            14,
            4,
            "1234567890.1234",
        );
        check(
            &[0x7e, 0xf2, 0x04, 0xc7, 0x2d, 0xfb, 0x2d],
            14,
            4,
            "-1234567890.1234",
        );
        check(&[0x80, 0], 4, 2, "0.00");
        check(&[0x80, 0x01], 4, 4, "0.0001");
        check(&[0x7f, 0xfe], 4, 4, "-0.0001");
        check(&[0x85], 1, 0, "5");
    }

    #[test]
    fn a_group_with_too_many_digits_is_refused() {
        assert!(print(&[0x80 | 10], 1, 0).is_err());
        assert!(print(&[0xff, 0xff, 0xff, 0xff], 9, 0).is_err());
    }

    proptest! {
        #[test]
        fn digits_come_back_and_a_peer_agrees(digits in "[0-9]{1,65}", point in 0usize..=38, negative in any::<bool>()) {
            let (whole, fraction) = digits.split_at(digits.len() - point.min(digits.len()));
            let bytes = binary(negative, whole, fraction);
            let precision = u8::try_from(digits.len()).expect("at most 65");
            let scale = u8::try_from(fraction.len()).expect("at most 38");
            assert_eq!(bytes.len(), usize::from(width(precision, scale)));

            let sign = if negative { "-" } else { "" };
            let shown = match whole.trim_start_matches('0') { "" => "0", shown => shown };
            let dot = if fraction.is_empty() { "" } else { "." };
            let text = print(&bytes, precision, scale).expect("valid");
            assert_eq!(text, format!("{sign}{shown}{dot}{fraction}"));

            let peer = Peer::read_bin(&bytes[..], digits.len(), fraction.len(), false).expect("valid");
            // The peer drops the sign of a zero without fraction, which servers never store.
            if digits.bytes().any(|digit| digit != b'0') {
                assert_eq!(text, peer.to_string());
            }
            for end in 0..bytes.len() {
                assert!(print(&bytes[..end], precision, scale).is_err());
            }
        }

        #[test]
        fn any_bytes_print_or_are_refused(bytes in any::<Vec<u8>>(), precision in 1u8..=65, scale in 0u8..=38) {
            let _ = print(&bytes, precision, scale.min(precision));
        }
    }
}
