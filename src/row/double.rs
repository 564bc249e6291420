//! Doubles inside JSON documents, laid out as the server prints them.

use super::digits::{last_two, write_integer};

/// More characters than the shortest form of any double has.
const TEXT_MAX: usize = 40;

/// Writes the shortest digits that give the number back, as the server lays them out: with a point from 1e-15 up to
/// 1e15, with an exponent beyond, and never as an integer.
///
/// The number must be finite.
pub(super) fn write_double(value: f64, out: &mut Vec<u8>) {
    if write_thousandths(value, out) {
        return;
    }
    let mut buffer = zmij::Buffer::new();
    if (1e-5..1e15).contains(&value.abs()) {
        // Laid out alike here.
        return out.extend_from_slice(buffer.format_finite(value).as_bytes());
    }
    let text = buffer.format_finite(value.abs());
    write_laid_out(text, value.is_sign_negative(), out);
}

/// Appends a number of whole thousandths and of up to fourteen digits, as many are; `false`, and nothing, for another one.
///
/// Two numbers of so few digits are never the same double, so no shorter ones give it back. The division is exact to the last
/// bit, and so finds out whether these do.
fn write_thousandths(value: f64, out: &mut Vec<u8>) -> bool {
    /// Doubles from here on, and below twice as much, are whole numbers, which are their lower bits.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    const LIMIT: f64 = 1e11;
    let magnitude = value.abs();
    if magnitude >= LIMIT {
        return false;
    }
    let whole = magnitude * 1000.0 + WHOLE;
    if (whole - WHOLE) / 1000.0 != magnitude {
        return false;
    }
    let thousandths = whole.to_bits() - WHOLE.to_bits();
    if value.is_sign_negative() {
        out.push(b'-');
    }
    write_integer(thousandths / 1000, out);
    let fraction = u32::try_from(thousandths % 1000).unwrap_or(0);
    let [_, tenths] = last_two(fraction / 100);
    let [hundredths, last] = last_two(fraction);
    let end = out.len()
        + match (hundredths, last) {
            (b'0', b'0') => 2,
            (_, b'0') => 3,
            _ => 4,
        };
    out.extend_from_slice(&[b'.', tenths, hundredths, last]);
    out.truncate(end);
    true
}

/// Lays out the shortest digits of a number, whatever layout they have.
fn write_laid_out(text: &str, is_negative: bool, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = [b'0'; TEXT_MAX];
    for (slot, digit) in digits.iter_mut().zip(whole.bytes().chain(fraction.bytes())) {
        *slot = digit;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let length = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(0, |last| last + 1 - zeros);
    let digits = digits
        .get(zeros..)
        .and_then(|digits| digits.get(..length))
        .unwrap_or_default();
    // The number is 0.digits times ten to the power of `point`.
    let point = count(whole.len()) + exponent.parse::<i32>().unwrap_or(0) - count(zeros);
    if is_negative {
        out.push(b'-');
    }
    match digits {
        [] => out.extend_from_slice(b"0.0"),
        digits if (-14..=15).contains(&point) => write_with_point(digits, point, out),
        [first, rest @ ..] => {
            out.push(*first);
            if !rest.is_empty() {
                out.push(b'.');
                out.extend_from_slice(rest);
            }
            out.push(b'e');
            out.extend_from_slice(itoa::Buffer::new().format(point - 1).as_bytes());
        }
    }
}

fn write_with_point(digits: &[u8], point: i32, out: &mut Vec<u8>) {
    let zeros = |count| std::iter::repeat_n(b'0', count);
    match usize::try_from(point) {
        Ok(whole) if whole > 0 => {
            let (before, after) = digits.split_at_checked(whole).unwrap_or((digits, &[]));
            out.extend_from_slice(before);
            out.extend(zeros(whole - before.len()));
            out.push(b'.');
            out.extend_from_slice(if after.is_empty() { b"0" } else { after });
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.extend(zeros(point.unsigned_abs() as usize));
            out.extend_from_slice(digits);
        }
    }
}

/// A count of digits, which is small.
fn count(digits: usize) -> i32 {
    i32::try_from(digits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assume, proptest};

    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_double(value, &mut out);
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn numbers_are_laid_out_as_mysql_9_7_lays_them_out() {
        for (value, expected) in [
            (1.0, "1.0"),
            (1e14, "100000000000000.0"),
            (1e15, "1e15"),
            (123_456_789_012_345_678.0, "1.2345678901234568e17"),
            (1e-5, "0.00001"),
            (1e-14, "0.00000000000001"),
            (1.5e-15, "0.0000000000000015"),
            (1e-16, "1e-16"),
            (1e100, "1e100"),
            (-1e-300, "-1e-300"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (100.5, "100.5"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (123_456.789, "123456.789"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    proptest! {
        #[test]
        fn a_number_of_ordinary_size_is_laid_out_like_any_other(digits in -1e16..1e16f64, exponent in -23..=0) {
            let value = digits * 10f64.powi(exponent);
            let mut laid_out = Vec::new();
            let shortest = zmij::Buffer::new().format_finite(value.abs()).to_owned();
            write_laid_out(&shortest, value.is_sign_negative(), &mut laid_out);
            assert_eq!(text(value).as_bytes(), laid_out);
        }

        #[test]
        fn thousandths_are_written_like_any_other_number(thousandths in -1e14..1e14f64, cut in 0..15, off in -2i64..=2) {
            let near = (thousandths / 10f64.powi(cut)).round() / 1000.0;
            let value = f64::from_bits(near.to_bits().wrapping_add_signed(off));
            let mut laid_out = Vec::new();
            let shortest = zmij::Buffer::new().format_finite(value.abs()).to_owned();
            write_laid_out(&shortest, value.is_sign_negative(), &mut laid_out);
            assert_eq!(text(value).as_bytes(), laid_out);
            if off == 0 && value.abs() < 1e11 {
                assert!(write_thousandths(value, &mut Vec::new()), "{value}");
            }
        }

        #[test]
        fn the_number_comes_back(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            assert_eq!(text(value).parse::<f64>().map(f64::to_bits), Ok(value.to_bits()));
        }
    }
}
