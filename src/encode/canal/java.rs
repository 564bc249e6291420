//! Numbers as Java's `Double.toString` and `Float.toString` write them.

/// Digits that a double needs at most, and some.
const DIGITS_MAX: usize = 40;

/// Appends a finite number, whose shortest text is given, in Java's form: between 10^-3 and 10^7 with a point, else with an
/// exponent.
pub(super) fn write_java(text: &[u8], out: &mut Vec<u8>) {
    let text = match text.strip_prefix(b"-") {
        Some(rest) => {
            out.push(b'-');
            rest
        }
        None => text,
    };
    let mut digits = [b'0'; DIGITS_MAX];
    let mut count = 0;
    // How many digits stand before the point.
    let mut point: i32 = 0;
    let mut is_before_point = true;
    let mut letters = text.iter();
    for letter in letters.by_ref() {
        match letter {
            b'0'..=b'9' => {
                let is_leading = *letter == b'0' && count == 0;
                if let Some(digit) = digits.get_mut(count)
                    && !is_leading
                {
                    *digit = *letter;
                    count += 1;
                }
                match (is_before_point, is_leading) {
                    (true, false) => point += 1,
                    (false, true) => point -= 1,
                    (true, true) | (false, false) => {}
                }
            }
            b'.' => is_before_point = false,
            _exponent => break,
        }
    }
    point += exponent(letters.as_slice());
    while count > 0 && digits.get(count - 1) == Some(&b'0') {
        count -= 1;
    }
    let digits = digits.get(..count).unwrap_or_default();
    write_digits(digits, point, out);
}

/// The number after the `e`, if there is one.
fn exponent(text: &[u8]) -> i32 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    text.trim_start_matches('+').parse().unwrap_or_default()
}

fn write_digits(digits: &[u8], point: i32, out: &mut Vec<u8>) {
    let Some((first, rest)) = digits.split_first() else {
        out.extend_from_slice(b"0.0");
        return;
    };
    match usize::try_from(point) {
        Ok(point) if (1..=7).contains(&point) => {
            let (whole, fraction) = digits.split_at(point.min(digits.len()));
            out.extend_from_slice(whole);
            out.resize(out.len() + point - whole.len(), b'0');
            out.push(b'.');
            write_fraction(fraction, out);
        }
        _outside if (-2..=0).contains(&point) => {
            out.extend_from_slice(b"0.");
            let zeros = usize::try_from(-point).unwrap_or_default();
            out.resize(out.len() + zeros, b'0');
            out.extend_from_slice(digits);
        }
        _outside => {
            out.extend_from_slice(&[*first, b'.']);
            write_fraction(rest, out);
            out.push(b'E');
            crate::row::write_integer(i64::from(point) - 1, out);
        }
    }
}

fn write_fraction(digits: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(if digits.is_empty() { b"0" } else { digits });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_java(text.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// As Canal wrote them, and as Java's documentation has the bounds.
    #[test]
    fn numbers_are_written_as_java_does() {
        for (text, expected) in [
            ("1.5", "1.5"),
            ("-0.1", "-0.1"),
            ("1e100", "1.0E100"),
            ("1e+100", "1.0E100"),
            ("3.4e+38", "3.4E38"),
            ("-1.7976931348623157e308", "-1.7976931348623157E308"),
            ("10000000000.0", "1.0E10"),
            ("0.001", "0.001"),
            ("0.0001", "1.0E-4"),
            ("1e-3", "0.001"),
            ("123456.7", "123456.7"),
            ("1234567890123456.0", "1.234567890123456E15"),
            ("16777216.0", "1.6777216E7"),
            ("9999999.0", "9999999.0"),
            ("1000000.0", "1000000.0"),
            ("100.0", "100.0"),
            ("0.0", "0.0"),
            ("-0.0", "-0.0"),
            ("5e-324", "5.0E-324"),
        ] {
            assert_eq!(written(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_number_stays_the_same(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            if number.is_finite() {
                let mut text = Vec::new();
                crate::row::write_float(number, &mut text);
                let read: f64 = written(std::str::from_utf8(&text).unwrap()).parse().unwrap();
                assert_eq!(read.to_bits(), number.to_bits());
            }
        }
    }
}
