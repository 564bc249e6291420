//! A column's default: as its definition tells it, and as the image of a row would hold it.
//!
//! Servers keep a default as a value of the column's type. A statement writes it in one of the forms of literals, and
//! information_schema shows it in another; all that can be told of both is the literal. What it means follows "Literal Values" of
//! the MySQL manual.

use core::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Charset, ColumnType, ImageValues, Written};
use crate::mysql::{WireMoment, WireTime, WireValue};

/// The most digits that a DECIMAL has, and so as many as are looked at.
const DIGITS_MAX: usize = 130;

/// What a definition gives a column that a statement leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultValue {
    /// A text, without its quotes.
    Text(Box<str>),
    /// A number with its sign, TRUE or FALSE, as it is written.
    Number(Box<str>),
    /// The digits of `b'101'` or `0b101`.
    Bits(Box<str>),
    /// The digits of `x'41'` or `0x41`.
    Hex(Box<str>),
    /// When the row is written.
    Now,
    /// What an expression gives.
    Computed,
}

impl DefaultValue {
    /// The value as the image of a row has it, without a length before it; `None` where only the server can tell it. Of [`Self::Now`] it is what Debezium
    /// has in its place: 1970-01-01, and of a TIMESTAMP the zero one. A TIMESTAMP is taken to be in UTC.
    pub fn image(&self, kind: &ColumnType) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let value = self.value(kind, &mut bytes)?;
        let mut image = Vec::new();
        ImageValues::default()
            .write(kind, &value, &mut image)
            .ok()?;
        let length = match kind {
            ColumnType::Text { prefix, .. } | ColumnType::Binary { prefix, .. } => *prefix,
            ColumnType::Inet4 | ColumnType::Inet6 | ColumnType::Uuid => 1,
            _other => 0,
        };
        Some(image.split_off(usize::from(length)))
    }

    fn value<'a>(&self, kind: &ColumnType, bytes: &'a mut Vec<u8>) -> Option<WireValue<'a>> {
        match kind {
            ColumnType::Integer { width, unsigned } => self.integer(*width, *unsigned),
            ColumnType::Float => Some(WireValue::Float(self.number()?.parse().ok()?)),
            ColumnType::Double => Some(WireValue::Double(self.number()?.parse().ok()?)),
            ColumnType::Decimal { scale, .. } => {
                *bytes = rounded(&self.number()?, usize::from(*scale))?.into_bytes();
                Some(WireValue::Bytes(bytes))
            }
            ColumnType::Bit { bits } => {
                *bytes = self.bits(*bits)?;
                Some(WireValue::Bytes(bytes))
            }
            ColumnType::Year => self.year(),
            ColumnType::Date | ColumnType::DateTime { .. } | ColumnType::Timestamp { .. } => {
                Some(WireValue::Moment(self.moment(kind)?))
            }
            ColumnType::Time { fsp } => Some(WireValue::Time(self.time(*fsp)?)),
            ColumnType::Text { charset, .. } => {
                *bytes = self.text(*charset)?;
                Some(WireValue::Bytes(bytes))
            }
            ColumnType::Binary { .. } => {
                *bytes = self.text(Charset::Utf8)?;
                Some(WireValue::Bytes(bytes))
            }
            ColumnType::Enum { labels, .. } => self.label(labels),
            ColumnType::Set { labels, .. } => self.labels(labels),
            ColumnType::Inet4 | ColumnType::Inet6 | ColumnType::Uuid => {
                let Self::Text(text) = self else { return None };
                *bytes = match kind {
                    ColumnType::Inet4 => text.parse::<Ipv4Addr>().ok()?.octets().to_vec(),
                    ColumnType::Inet6 => text.parse::<Ipv6Addr>().ok()?.octets().to_vec(),
                    _uuid => Uuid::try_parse(text).ok()?.into_bytes().to_vec(),
                };
                Some(WireValue::Bytes(bytes))
            }
            ColumnType::EitherSign { .. }
            | ColumnType::OldTime { .. }
            | ColumnType::OldDateTime { .. }
            | ColumnType::OldTimestamp { .. }
            | ColumnType::Undecided { .. }
            | ColumnType::Packed { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. }
            | ColumnType::Json { .. }
            | ColumnType::Geometry { .. }
            | ColumnType::Vector { .. } => None,
        }
    }

    /// A number as text.
    fn number(&self) -> Option<String> {
        match self {
            Self::Number(word) if word.eq_ignore_ascii_case("true") => Some("1".to_owned()),
            Self::Number(word) if word.eq_ignore_ascii_case("false") => Some("0".to_owned()),
            Self::Text(text) | Self::Number(text) => {
                let text = text.trim();
                Some(text.strip_prefix('+').unwrap_or(text).to_owned())
            }
            Self::Bits(_) | Self::Hex(_) => {
                let mut number = 0_u64;
                for byte in self.bytes()? {
                    number = number.checked_mul(256)? | u64::from(byte);
                }
                Some(number.to_string())
            }
            Self::Now | Self::Computed => None,
        }
    }

    /// What digits stand for; `None` of what is none.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let (digits, bits) = match self {
            Self::Bits(digits) => (digits, 1),
            Self::Hex(digits) => (digits, 4),
            Self::Text(_) | Self::Number(_) | Self::Now | Self::Computed => return None,
        };
        let groups = digits
            .as_bytes()
            .rchunks(if bits == 4 { 2 } else { 8 })
            .rev();
        let bytes = groups.map(|group| {
            group.iter().try_fold(0_u8, |byte, digit| {
                let value = char::from(*digit).to_digit(1 << bits)?;
                Some(byte << bits | u8::try_from(value).ok()?)
            })
        });
        bytes.collect()
    }

    fn integer<'a>(&self, width: u8, unsigned: bool) -> Option<WireValue<'a>> {
        let text = rounded(&self.number()?, 0)?;
        let number: i128 = text.parse().ok()?;
        let bits = 8 * u32::from(width);
        let (least, most) = match unsigned {
            true => (0, (1_i128 << bits) - 1),
            false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        if number < least || number > most {
            return None;
        }
        let bits = u64::try_from(number).ok();
        let bits = bits.or_else(|| Some(i64::try_from(number).ok()?.cast_unsigned()));
        Some(WireValue::Integer(bits?))
    }

    /// The bytes of a BIT, the highest first.
    fn bits(&self, width: u8) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Bits(_) | Self::Hex(_) => self.bytes()?,
            // Its letters' bytes.
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Number(_) => {
                let number: u64 = rounded(&self.number()?, 0)?.parse().ok()?;
                number.to_be_bytes().to_vec()
            }
            Self::Now | Self::Computed => return None,
        };
        let bytes: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        (bytes.len() <= usize::from(width.div_ceil(8))).then_some(bytes)
    }

    fn year<'a>(&self) -> Option<WireValue<'a>> {
        let year: u64 = self.number()?.parse().ok()?;
        let year = match (year, self) {
            (0, Self::Number(_)) => 0,
            (0, Self::Text(text)) if text.trim().len() == 4 => 0,
            (0..=69, _) => 2000 + year,
            (70..=99, _) => 1900 + year,
            (_, _) => year,
        };
        Some(WireValue::Integer(year))
    }

    fn moment(&self, kind: &ColumnType) -> Option<WireMoment> {
        let fsp = match kind {
            ColumnType::DateTime { fsp } | ColumnType::Timestamp { fsp } => *fsp,
            _date => 0,
        };
        match self {
            Self::Now => Some(match kind {
                ColumnType::Timestamp { .. } => WireMoment::default(),
                _other => WireMoment {
                    year: 1970,
                    month: 1,
                    day: 1,
                    ..WireMoment::default()
                },
            }),
            Self::Text(text) => moment(text.trim(), fsp),
            Self::Number(number) if &**number == "0" => Some(WireMoment::default()),
            Self::Number(_) | Self::Bits(_) | Self::Hex(_) | Self::Computed => None,
        }
    }

    fn time(&self, fsp: u8) -> Option<WireTime> {
        match self {
            Self::Text(text) | Self::Number(text) => time(text.trim(), fsp),
            Self::Bits(_) | Self::Hex(_) | Self::Now | Self::Computed => None,
        }
    }

    /// Bytes in a character set.
    fn text(&self, charset: Charset) -> Option<Vec<u8>> {
        let text = match self {
            Self::Bits(_) | Self::Hex(_) => return self.bytes(),
            Self::Text(text) => text.to_string(),
            // Other numbers are written anew.
            Self::Number(_) => self
                .number()
                .filter(|number| number.bytes().all(|letter| letter.is_ascii_digit()))?,
            Self::Now | Self::Computed => return None,
        };
        let mut bytes = Vec::with_capacity(text.len());
        for letter in text.chars() {
            match charset.encode(letter, &mut bytes) {
                Written::Once => {}
                Written::Never | Written::Unclear => return None,
            }
        }
        Some(bytes)
    }

    fn label<'a>(&self, labels: &[Box<str>]) -> Option<WireValue<'a>> {
        let number = match self {
            Self::Text(text) => place_of(text, labels)? + 1,
            Self::Number(number) => number
                .parse()
                .ok()
                .filter(|number| *number <= labels.len())?,
            Self::Bits(_) | Self::Hex(_) | Self::Now | Self::Computed => return None,
        };
        Some(WireValue::Integer(u64::try_from(number).ok()?))
    }

    fn labels<'a>(&self, labels: &[Box<str>]) -> Option<WireValue<'a>> {
        let bits = match self {
            Self::Text(text) if text.is_empty() => 0,
            Self::Text(text) => text.split(',').try_fold(0_u64, |bits, label| {
                Some(bits | 1_u64.checked_shl(u32::try_from(place_of(label, labels)?).ok()?)?)
            })?,
            Self::Number(number) => number.parse().ok()?,
            Self::Bits(_) | Self::Hex(_) | Self::Now | Self::Computed => return None,
        };
        Some(WireValue::Integer(bits))
    }
}

/// Where a label stands, whose case most collations do not tell apart.
fn place_of(text: &str, labels: &[Box<str>]) -> Option<usize> {
    let text = text.trim_end_matches(' ');
    let place = |is_it: &dyn Fn(&str) -> bool| labels.iter().position(|label| is_it(label));
    let lower = text.to_lowercase();
    place(&|label| label == text).or_else(|| place(&|label| label.to_lowercase() == lower))
}

/// A number as text with so many digits behind the point; half of the last one counts as one.
fn rounded(number: &str, scale: usize) -> Option<String> {
    let (sign, number) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Where the point stands among them, and after which the last one is.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let end = usize::try_from(point.checked_add(i32::try_from(scale).ok()?)?.max(-1) + 1).ok()?;
    if end > DIGITS_MAX || digits.len() > DIGITS_MAX {
        return None;
    }
    // One zero before all takes what is carried.
    digits.insert(0, b'0');
    let rounds_up = digits.get(end).is_some_and(|digit| *digit >= b'5');
    digits.resize(end, b'0');
    if rounds_up {
        for digit in digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
    }
    while digits.len() < scale + 1 {
        digits.insert(0, b'0');
    }
    let (whole, fraction) = digits.split_at_checked(digits.len() - scale)?;
    let text = |digits: &[u8]| String::from_utf8_lossy(digits).into_owned();
    let whole = text(whole);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    };
    Some(match scale {
        0 => format!("{sign}{whole}"),
        _digits => format!("{sign}{whole}.{}", text(fraction)),
    })
}

/// Microseconds of the digits behind a point, of which so many are kept.
fn micros(digits: &str, fsp: u8) -> Option<u32> {
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let kept = digits.get(..usize::from(fsp)).unwrap_or(digits);
    // More of them are rounded, which may carry.
    let rest = digits.get(kept.len()..).unwrap_or_default();
    if rest.bytes().any(|digit| digit != b'0') {
        return None;
    }
    format!("{kept:0<6}").parse().ok()
}

/// `2024-02-29`, or with ` 12:34:56.789` after it.
fn moment(text: &str, fsp: u8) -> Option<WireMoment> {
    let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    let mut parts = date.split('-');
    let mut moment = WireMoment {
        year: parts.next().filter(|year| year.len() == 4)?.parse().ok()?,
        month: parts.next()?.parse().ok().filter(|month| *month <= 12)?,
        day: parts.next()?.parse().ok().filter(|day| *day <= 31)?,
        ..WireMoment::default()
    };
    if parts.next().is_some() {
        return None;
    }
    if clock.is_empty() {
        return Some(moment);
    }
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':');
    let mut part = |most: u8| match parts.next() {
        Some(part) => part.parse().ok().filter(|value| *value <= most),
        None => Some(0),
    };
    moment.hour = part(23)?;
    moment.minute = part(59)?;
    moment.second = part(59)?;
    moment.micros = micros(fraction, fsp)?;
    Some(moment)
}

/// `-12:34:56.789`, `12:34`, `3 12:34:56`, or digits alone, of which the last two are seconds.
fn time(text: &str, fsp: u8) -> Option<WireTime> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (days, text) = text.split_once(' ').unwrap_or(("0", text));
    let (text, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (hours, minutes, seconds): (u32, u8, u8) = if text.contains(':') {
        let mut parts = text.split(':');
        let hours = parts.next()?.parse().ok()?;
        let minutes = parts.next()?.parse().ok()?;
        let seconds = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        (hours, minutes, seconds)
    } else {
        let digits: u32 = text.parse().ok()?;
        let part = |value: u32| u8::try_from(value % 100).ok();
        (digits / 10_000, part(digits / 100)?, part(digits)?)
    };
    if minutes > 59 || seconds > 59 || hours > 838 {
        return None;
    }
    let days: u32 = days.parse().ok()?;
    Some(WireTime {
        negative,
        days: days.checked_add(hours / 24).filter(|days| *days <= 34)?,
        hours: u8::try_from(hours % 24).ok()?,
        minutes,
        seconds,
        micros: micros(fraction, fsp)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_digits_that_a_column_has() {
        for (number, scale, expected) in [
            ("0", 2, Some("0.00")),
            ("-1.005", 2, Some("-1.01")),
            ("9.99", 1, Some("10.0")),
            ("1e3", 0, Some("1000")),
            ("12.5e-1", 3, Some("1.250")),
            ("0.4", 0, Some("0")),
            ("0.5", 0, Some("1")),
            ("1e-9", 2, Some("0.00")),
            (".5", 1, Some("0.5")),
            ("007", 0, Some("7")),
            ("1e999999999", 0, None),
            ("x", 0, None),
            ("", 0, None),
        ] {
            assert_eq!(
                rounded(number, scale).as_deref(),
                expected,
                "{number} {scale}"
            );
        }
    }

    #[test]
    fn literals_become_the_bytes_of_an_image() {
        let text = |text: &str| DefaultValue::Text(text.into());
        let number = |text: &str| DefaultValue::Number(text.into());
        let labels = || ["a".into(), "B c".into()].into();
        let (prefix, charset) = (1, Charset::Utf8);
        let utf8 = ColumnType::Text { prefix, charset };
        let int = |width, unsigned| ColumnType::Integer { width, unsigned };
        for (default, kind, expected) in [
            (number("-1"), int(2, false), Some(vec![255, 255])),
            (text("255"), int(1, true), Some(vec![255])),
            (text("256"), int(1, true), None),
            (number("TRUE"), int(1, false), Some(vec![1])),
            (
                DefaultValue::Hex("0102".into()),
                int(4, false),
                Some(vec![2, 1, 0, 0]),
            ),
            (
                DefaultValue::Bits("101".into()),
                ColumnType::Bit { bits: 9 },
                Some(vec![0, 5]),
            ),
            (number("5"), ColumnType::Bit { bits: 3 }, Some(vec![5])),
            (number("0"), ColumnType::Year, Some(vec![0])),
            (text("0"), ColumnType::Year, Some(vec![100])),
            (
                text("b C"),
                ColumnType::Enum {
                    width: 1,
                    labels: labels(),
                },
                Some(vec![2]),
            ),
            (
                text("B c,a"),
                ColumnType::Set {
                    width: 1,
                    labels: labels(),
                },
                Some(vec![3]),
            ),
            (
                text(""),
                ColumnType::Set {
                    width: 1,
                    labels: labels(),
                },
                Some(vec![0]),
            ),
            (
                text("z"),
                ColumnType::Enum {
                    width: 1,
                    labels: labels(),
                },
                None,
            ),
            (text("ä"), utf8, Some(vec![0xc3, 0xa4])),
            (
                DefaultValue::Now,
                ColumnType::Timestamp { fsp: 0 },
                Some(vec![0; 4]),
            ),
            (DefaultValue::Computed, int(4, false), None),
        ] {
            assert_eq!(default.image(&kind), expected, "{default:?} {kind:?}");
        }
    }

    #[test]
    fn times_and_dates_are_read_as_servers_show_them() {
        let hms =
            |text| time(text, 3).map(|it| (it.negative, it.days, it.hours, it.seconds, it.micros));
        assert_eq!(hms("-838:59:58"), Some((true, 34, 22, 58, 0)));
        assert_eq!(hms("12:34:56.789"), Some((false, 0, 12, 56, 789_000)));
        assert_eq!(hms("123456"), Some((false, 0, 12, 56, 0)));
        assert_eq!(hms("1 02:03"), Some((false, 1, 2, 0, 0)));
        assert_eq!(hms("12:34:56.7891"), None);
        let ymd = |text| moment(text, 0).map(|it| (it.year, it.month, it.day, it.hour, it.second));
        assert_eq!(ymd("2024-02-29 12:34:56"), Some((2024, 2, 29, 12, 56)));
        assert_eq!(ymd("0000-00-00"), Some((0, 0, 0, 0, 0)));
        assert_eq!(ymd("24-02-29"), None);
        assert_eq!(ymd("2024-13-29"), None);
    }
}
