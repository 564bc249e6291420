//! Integers as decimal digits, eight at a time, and hexadecimal digits one by one.
//!
//! Eight digits are made side by side in a word: two numbers below 10,000, then four below 100, then eight below 10. They are
//! written as a copy of a fixed size, which takes an instruction; what is too much is taken off again.

/// The digit 0 in each of eight bytes.
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// What eight digits can not hold.
const EIGHT_DIGITS: u64 = 100_000_000;

/// An integer that values and their envelopes hold.
pub trait Integer: itoa::Integer + Copy {
    /// Its sign and its magnitude, if that takes at most 64 bits.
    fn parts(self) -> (bool, Option<u64>);
}

macro_rules! integers {
    ($($unsigned:ty, $signed:ty;)*) => {$(
        impl Integer for $unsigned {
            #[inline]
            fn parts(self) -> (bool, Option<u64>) {
                (false, Some(u64::from(self)))
            }
        }

        impl Integer for $signed {
            #[inline]
            fn parts(self) -> (bool, Option<u64>) {
                (self < 0, Some(u64::from(self.unsigned_abs())))
            }
        }
    )*};
}

integers! {
    u8, i8;
    u16, i16;
    u32, i32;
    u64, i64;
}

impl Integer for i128 {
    fn parts(self) -> (bool, Option<u64>) {
        (self < 0, u64::try_from(self.unsigned_abs()).ok())
    }
}

/// Appends an integer.
#[inline]
pub fn write_integer(value: impl Integer, out: &mut Vec<u8>) {
    let (negative, magnitude) = value.parts();
    match magnitude {
        Some(magnitude) if magnitude < EIGHT_DIGITS * EIGHT_DIGITS => {
            if negative {
                out.push(b'-');
            }
            write_magnitude(magnitude, out);
        }
        _ => write_long(value, out),
    }
}

/// Appends an integer of any length.
#[cold]
fn write_long(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a number of up to sixteen digits.
#[inline(never)]
fn write_magnitude(value: u64, out: &mut Vec<u8>) {
    if value < EIGHT_DIGITS {
        return write_significant(value, out);
    }
    let (high, low) = (value / EIGHT_DIGITS, value % EIGHT_DIGITS);
    write_significant(high, out);
    out.extend_from_slice(&(digits(low) | ZEROS).to_le_bytes());
}

/// Appends a number of up to eight digits.
///
/// How many they are is told by branches: a processor guesses those, and goes on with what follows before it knows the digits.
#[inline(always)]
fn write_significant(value: u64, out: &mut Vec<u8>) {
    match value {
        0..10 => out.push(b'0'.wrapping_add(value.to_le_bytes()[0])),
        10..100 => out.extend_from_slice(&two(value.to_le_bytes()[0])),
        100..1_000 => {
            let [_, a] = two((value / 100).to_le_bytes()[0]);
            let [b, c] = last_two(low(value));
            out.extend_from_slice(&[a, b, c]);
        }
        1_000..10_000 => {
            let [a, b] = two((value / 100).to_le_bytes()[0]);
            let [c, d] = last_two(low(value));
            out.extend_from_slice(&[a, b, c, d]);
        }
        10_000..100_000 => write_last(value, 5, out),
        100_000..1_000_000 => write_last(value, 6, out),
        1_000_000..10_000_000 => write_last(value, 7, out),
        _ => write_last(value, 8, out),
    }
}

/// A number below 100,000,000 as one of 32 bits.
#[inline]
fn low(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

/// Appends the last digits of a number below 100,000,000: one to eight of them.
#[inline]
fn write_last(value: u64, count: u8, out: &mut Vec<u8>) {
    let end = out.len() + usize::from(count);
    let all = digits(value) | ZEROS;
    let last = all.checked_shr(64 - 8 * u32::from(count)).unwrap_or(0);
    out.extend_from_slice(&last.to_le_bytes());
    out.truncate(end);
}

/// Appends the last digits of a number below 1,000,000,000, zeros in front included: as many as `count` says, up to nine.
#[inline]
pub(super) fn write_padded(value: u32, count: u8, out: &mut Vec<u8>) {
    if count == 2 {
        return out.extend_from_slice(&last_two(value));
    }
    let value = u64::from(value);
    if count > 8 {
        out.push(b'0'.wrapping_add(u8::try_from(value / EIGHT_DIGITS % 10).unwrap_or(0)));
    }
    write_last(value % EIGHT_DIGITS, count.min(8), out);
}

/// The last two digits of a number.
#[inline]
pub(super) fn last_two(value: u32) -> [u8; 2] {
    two((value % 100).to_le_bytes()[0])
}

/// The last two digits of a number of a byte, which needs no division.
#[inline]
pub(super) fn two(value: u8) -> [u8; 2] {
    #[expect(
        clippy::indexing_slicing,
        reason = "computed while compiling, where a panic is an error"
    )]
    const PAIRS: [[u8; 2]; 256] = {
        let mut pairs = [[b'0'; 2]; 256];
        let mut index = 0;
        let mut value = 0;
        while index < pairs.len() {
            pairs[index] = [b'0' + value / 10, b'0' + value % 10];
            index += 1;
            value = (value + 1) % 100;
        }
        pairs
    };
    PAIRS.get(usize::from(value)).copied().unwrap_or_default()
}

/// The lowest four bits as a hexadecimal digit.
pub fn hex_digit(value: impl Into<u16>) -> u8 {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = DIGITS.get(usize::from(value.into() & 15)).copied();
    digit.unwrap_or_default()
}

/// The eight digits of a number below 100,000,000: a byte each, the first in the lowest.
///
/// Quotients by 100 and by 10 are multiplications by 10486 / 2²⁰ and 103 / 2¹⁰, which are exact in that range.
#[inline]
fn digits(value: u64) -> u64 {
    const HUNDREDTHS: u64 = 0x0000_007f_0000_007f;
    const TENTHS: u64 = 0x000f_000f_000f_000f;
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & HUNDREDTHS;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & TENTHS;
    tens | ((pairs - 10 * tens) << 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn written(value: impl Integer) -> String {
        let mut out = b"<".to_vec();
        write_integer(value, &mut out);
        out.push(b'>');
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn every_length_is_written_to_its_last_digit() {
        let mut power = 1u64;
        loop {
            for value in [power - 1, power, power + 1] {
                assert_eq!(written(value), format!("<{value}>"));
            }
            match power.checked_mul(10) {
                Some(next) => power = next,
                None => break,
            }
        }
        for value in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(written(value), format!("<{value}>"));
        }
        assert_eq!(written(u64::MAX), format!("<{}>", u64::MAX));
        assert_eq!(written(i128::MIN), format!("<{}>", i128::MIN));
    }

    #[test]
    fn every_number_of_four_digits_is_exact_in_both_halves() {
        for value in 0..10_000u64 {
            assert_eq!(written(value), format!("<{value}>"));
            let both = value * 10_000 + (9_999 - value);
            assert_eq!(written(both), format!("<{both}>"));
        }
    }

    proptest! {
        #[test]
        fn any_integer_is_what_the_standard_library_writes(bits in any::<u64>(), shift in 0u32..64, negative in any::<bool>()) {
            let magnitude = bits >> shift;
            assert_eq!(written(magnitude), format!("<{magnitude}>"));
            let signed = i128::from(magnitude) * if negative { -1 } else { 1 };
            assert_eq!(written(signed), format!("<{signed}>"));
            let narrow = magnitude.cast_signed();
            assert_eq!(written(narrow), format!("<{narrow}>"));
        }
    }
}
