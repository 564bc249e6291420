//! Decimal digits as the bytes of an integer, as Connect's `Decimal` has them: Java's `BigInteger.toByteArray`, in base64.

use crate::row::write_base64;

/// Digits that fit into 63 bits.
const SHORT_DIGITS: usize = 18;
/// Words for the 65 digits that a DECIMAL has at most.
const WORDS: usize = 7;

/// Appends the integer of these digits, a sign before them and a point among them left aside, in base64.
pub(super) fn write_unscaled(text: &[u8], out: &mut Vec<u8>) {
    with_unscaled(text, |bytes| write_base64(bytes, out));
}

/// Hands over the bytes of the integer of these digits, a sign before them and a point among them left aside.
pub(in crate::encode) fn with_unscaled(text: &[u8], take: impl FnOnce(&[u8])) {
    let (is_negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let digits = text.iter().filter(|byte| **byte != b'.').copied();
    if text.len() <= SHORT_DIGITS {
        let value = digits.fold(0, |value: i64, digit| {
            value * 10 + i64::from(digit.wrapping_sub(b'0'))
        });
        let value = if is_negative { -value } else { value };
        return take(minimal(&value.to_be_bytes()));
    }
    // The lowest word first.
    let mut words = [0u32; WORDS];
    for digit in digits {
        let mut carry = u64::from(digit.wrapping_sub(b'0'));
        for word in &mut words {
            let product = u64::from(*word) * 10 + carry;
            let [a, b, c, d, e, f, g, h] = product.to_le_bytes();
            *word = u32::from_le_bytes([a, b, c, d]);
            carry = u64::from(u32::from_le_bytes([e, f, g, h]));
        }
    }
    let mut bytes = [0u8; 4 * WORDS + 1];
    let places = bytes.iter_mut().skip(1);
    let of_words = words.iter().rev().flat_map(|word| word.to_be_bytes());
    for (place, byte) in places.zip(of_words) {
        *place = byte;
    }
    if is_negative {
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    take(minimal(&bytes));
}

/// Appends a big-endian integer in base64, without the bytes in front that say no more than the sign.
pub(super) fn write_minimal(bytes: &[u8], out: &mut Vec<u8>) {
    write_base64(minimal(bytes), out);
}

/// A big-endian integer without the bytes in front that say no more than the sign.
pub(in crate::encode) fn minimal(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest {
        let is_sign = matches!((first, second >> 7), (0, 0) | (0xff, 1));
        match rest.split_first() {
            Some((_, shorter)) if is_sign => rest = shorter,
            _needed => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_unscaled(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// As Debezium wrote them.
    #[test]
    fn digits_become_the_bytes_that_java_gives_them() {
        for (text, expected) in [
            ("123.45", "MDk="),
            ("-123.45", "z8c="),
            ("0.000000", "AA=="),
            ("-1", "/w=="),
            ("-0.000001", "/w=="),
            ("10.00", "A+g="),
            ("20.50", "CAI="),
            ("2.00", "AMg="),
            (
                "12345678901234567890123456789012345.123456789012345678901234567890",
                "HgK8HpeFi9xsuVBY80JNfTp/7HsD4maOPwrS",
            ),
            (
                "-99999999999999999999999999999999999.999999999999999999999999999999",
                "/wzp2OOAPG91dBC5sca6EIXayfYAAAAAAAAAAQ==",
            ),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn long_numbers_are_written_as_short_ones_are(value in any::<i128>()) {
            let mut expected = Vec::new();
            write_minimal(&value.to_be_bytes(), &mut expected);
            let text = value.to_string();
            assert_eq!(written(&text).as_bytes(), expected);
            // Zeros in front change nothing.
            let (sign, digits) = text.strip_prefix('-').map_or(("", &*text), |digits| ("-", digits));
            assert_eq!(written(&format!("{sign}{digits:0>65}")).as_bytes(), expected);
        }
    }
}
