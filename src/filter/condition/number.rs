//! Numbers as conditions write them, exact.

use std::cmp::Ordering;

/// Digits of a number at most, which is more than any column holds.
const DIGITS_MAX: usize = 400;
/// Digits of a literal that all servers keep, and those after the point.
const DECIMAL_DIGITS_MAX: usize = 65;
const DECIMAL_SCALE_MAX: usize = 30;

/// A number as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    is_negative: bool,
    /// Digits before the point, without zeros in front.
    whole: String,
    /// Digits after it, without zeros at the end.
    fraction: String,
    /// With an exponent, which makes it a double: the whole text.
    approximate: Option<String>,
}

/// A number cut to some digits after the point, and how that is ordered against the number.
pub(super) struct CutNumber {
    pub(super) is_negative: bool,
    /// Digits before the point.
    pub(super) whole: String,
    /// So many digits after it.
    pub(super) fraction: String,
    pub(super) against: Ordering,
}

impl Number {
    pub(super) fn of(number: u8) -> Self {
        Self::parse(&number.to_string(), false).unwrap_or_else(|| Self {
            is_negative: false,
            whole: String::new(),
            fraction: String::new(),
            approximate: None,
        })
    }

    /// Reads digits with at most a point and an exponent.
    pub(super) fn parse(text: &str, is_negative: bool) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (text, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0
            || text.len() > DIGITS_MAX
            || !are_digits(whole)
            || !are_digits(fraction)
        {
            return None;
        }
        let approximate = match exponent {
            None => None,
            Some(exponent) => {
                let digits = exponent.trim_start_matches(['+', '-']);
                let is_right =
                    !digits.is_empty() && are_digits(digits) && exponent.len() <= digits.len() + 1;
                Some(text.to_owned()).filter(|_| is_right).map(Some)?
            }
        };
        Some(Self {
            is_negative,
            whole: whole.trim_start_matches('0').to_owned(),
            fraction: fraction.trim_end_matches('0').to_owned(),
            approximate,
        })
    }

    /// Whether it is written with an exponent, which makes it a double.
    pub(super) fn is_approximate(&self) -> bool {
        self.approximate.is_some()
    }

    /// As servers read it; `None` of one with more digits than they keep.
    pub(super) fn in_sql(&self) -> Option<String> {
        let sign = if self.is_negative { "-" } else { "" };
        if let Some(text) = &self.approximate {
            return Some(format!("{sign}{text}"));
        }
        let whole = if self.whole.is_empty() {
            "0"
        } else {
            &self.whole
        };
        let has_room = self.whole.len() + self.fraction.len() <= DECIMAL_DIGITS_MAX
            && self.fraction.len() <= DECIMAL_SCALE_MAX;
        let point = if self.fraction.is_empty() { "" } else { "." };
        has_room.then(|| format!("{sign}{whole}{point}{}", self.fraction))
    }

    /// As a double, the nearest one.
    pub(super) fn as_double(&self) -> f64 {
        let text = match &self.approximate {
            Some(text) => text.clone(),
            None => format!("0{}.{}0", self.whole, self.fraction),
        };
        let value: f64 = text.parse().unwrap_or(f64::INFINITY);
        if self.is_negative { -value } else { value }
    }

    /// Without its fraction, and how that is ordered against the number; numbers beyond all columns become the greatest one.
    pub(super) fn as_integer(&self) -> (i128, Ordering) {
        let cut = self.cut(0);
        let magnitude: i128 = match cut.whole.is_empty() {
            true => 0,
            false => cut.whole.parse().unwrap_or(i128::MAX),
        };
        match self.is_negative {
            true => (-magnitude, cut.against),
            false => (magnitude, cut.against),
        }
    }

    /// The number with so many digits after the point.
    pub(super) fn cut(&self, scale: usize) -> CutNumber {
        let kept = self.fraction.get(..scale).unwrap_or(&self.fraction);
        let is_exact = kept.len() == self.fraction.len();
        let is_zero = self.whole.is_empty() && kept.bytes().all(|digit| digit == b'0');
        CutNumber {
            is_negative: self.is_negative && !is_zero,
            whole: self.whole.clone(),
            fraction: format!("{kept:0<scale$}"),
            against: match (is_exact, self.is_negative) {
                (true, _) => Ordering::Equal,
                (false, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
            },
        }
    }
}
