//! DATE, TIME and DATETIME: from their packed forms to fields, and from fields to text.
//!
//! Zero and partial dates are values like others. None of the three has a zone.
//! Follows `mysys/my_time.cc` (MySQL) and `sql/compat56.cc` (MariaDB).

use super::RowError;
use super::digits::{last_two, two};
use super::numbers::{big_endian, length, narrow, whole_and_fraction};

/// A calendar date; month and day may be zero, and so may all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
}

/// A length of time, or a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Whether it is below zero.
    pub negative: bool,
    /// Up to 838.
    pub hours: u16,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// 0 to 999999.
    pub micros: u32,
    /// Digits of fraction to print, 0 to 6.
    pub fsp: u8,
}

/// A date and a time of day, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999999.
    pub micros: u32,
    /// Digits of fraction to print, 0 to 6.
    pub fsp: u8,
}

/// The numbers of a date and time, of any size.
pub(super) struct Calendar {
    pub(super) year: u64,
    pub(super) month: u64,
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
}

impl Date {
    /// Reads the three bytes of a DATE: day 5 bits, month 4, year 15, little-endian.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Result<Self, RowError> {
        let packed = match *bytes {
            [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
            _ => return Err(length("DATE", bytes, 3)),
        };
        Self::of("DATE", packed >> 9, packed >> 5 & 15, packed & 31)
    }

    #[inline]
    fn of(kind: &'static str, year: u32, month: u32, day: u32) -> Result<Self, RowError> {
        if year > 9999 || month > 12 || day > 31 {
            return Err(RowError::Invalid {
                kind,
                what: "a year, month or day out of range",
            });
        }
        Ok(Self {
            year: narrow(year),
            month: narrow(month),
            day: narrow(day),
        })
    }

    /// The day, counted from 1970-01-01; `None` of a date that does not exist, as `0000-00-00`, `2024-01-00` and `2023-02-29` do
    /// not, which servers hold in some SQL modes.
    pub fn day_number(&self) -> Option<i64> {
        let (year, month, day) = (
            i64::from(self.year),
            i64::from(self.month),
            i64::from(self.day),
        );
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _zero => return None,
        };
        if day == 0 || day > days {
            return None;
        }
        Some(days_since_1970(year, month, day))
    }

    /// Appends `YYYY-MM-DD`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }

    fn text(&self) -> [u8; 10] {
        let [a, b] = last_two(u32::from(self.year / 100));
        let [c, d] = last_two(u32::from(self.year));
        let [e, f] = two(self.month);
        let [g, h] = two(self.day);
        [a, b, c, d, b'-', e, f, b'-', g, h]
    }
}

impl Time {
    /// Reads a TIME(fsp): 3 bytes and its fraction as one big-endian number, offset by half its range.
    #[inline]
    pub(super) fn read(bytes: &[u8], fsp: u8) -> Result<Self, RowError> {
        let fraction_bytes = fsp.div_ceil(2);
        let width = 3 + fraction_bytes;
        let packed = big_endian(bytes, width).ok_or_else(|| length("TIME", bytes, width))?;
        let zero = 1u64 << (8 * u32::from(width) - 1);
        let (negative, magnitude) = (packed < zero, packed.abs_diff(zero));
        let whole = magnitude >> (8 * u32::from(fraction_bytes));
        let fraction = magnitude & !(u64::MAX << (8 * u32::from(fraction_bytes)));
        Self::of(
            negative,
            whole,
            micros("TIME", fraction, fraction_bytes)?,
            fsp,
        )
    }

    /// Reads the packed number of a TIME inside a JSON document: 24 bits of fraction below the rest.
    pub(super) fn from_json(packed: i64) -> Result<Self, RowError> {
        let magnitude = packed.unsigned_abs();
        let fraction = micros("TIME", magnitude & 0xff_ffff, 3)?;
        Self::of(packed < 0, magnitude >> 24, fraction, 6)
    }

    /// Takes apart hours (10 bits), minutes (6) and seconds (6).
    #[inline]
    fn of(negative: bool, whole: u64, micros: u32, fsp: u8) -> Result<Self, RowError> {
        let parts = (whole >> 12, whole >> 6 & 63, whole & 63);
        Self::of_parts(negative, parts, micros, fsp)
    }

    /// Makes a time of numbers that may be out of range.
    #[inline]
    pub(super) fn of_parts(
        negative: bool,
        (hours, minutes, seconds): (u64, u64, u64),
        micros: u32,
        fsp: u8,
    ) -> Result<Self, RowError> {
        if hours > 838 || minutes > 59 || seconds > 59 {
            let what = "hours, minutes or seconds out of range";
            return Err(RowError::Invalid { kind: "TIME", what });
        }
        Ok(Self {
            negative,
            hours: narrow(hours),
            minutes: narrow(minutes),
            seconds: narrow(seconds),
            micros,
            fsp,
        })
    }

    /// Appends `[-]HH:MM:SS[.fraction]`; hours may have three digits.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.negative {
            out.push(b'-');
        }
        if self.hours > 99 {
            let [_, hundreds] = last_two(u32::from(self.hours / 100));
            out.push(hundreds);
        }
        let [a, b] = last_two(u32::from(self.hours));
        let [c, d] = two(self.minutes);
        let [e, f] = two(self.seconds);
        out.extend_from_slice(&[a, b, b':', c, d, b':', e, f]);
        let end = out.len() + fraction_length(self.fsp);
        out.extend_from_slice(&fraction(self.micros).to_le_bytes());
        out.truncate(end);
    }
}

impl DateTime {
    /// Reads a DATETIME(fsp): 5 bytes big-endian, offset by half their range, then the fraction.
    #[inline(always)]
    pub(super) fn read(bytes: &[u8], fsp: u8) -> Result<Self, RowError> {
        let fraction_bytes = fsp.div_ceil(2);
        let (whole, fraction) = whole_and_fraction(bytes, 5, fraction_bytes)
            .ok_or_else(|| length("DATETIME", bytes, 5 + fraction_bytes))?;
        let whole = whole.checked_sub(1 << 39).ok_or(RowError::Invalid {
            kind: "DATETIME",
            what: "a sign",
        })?;
        Self::of(whole, micros("DATETIME", fraction, fraction_bytes)?, fsp)
    }

    /// Reads the packed number of a DATETIME inside a JSON document: 24 bits of fraction below the rest.
    pub(super) fn from_json(packed: i64) -> Result<Self, RowError> {
        let packed = u64::try_from(packed).map_err(|_| RowError::Invalid {
            kind: "DATETIME",
            what: "a sign",
        })?;
        let fraction = micros("DATETIME", packed & 0xff_ffff, 3)?;
        Self::of(packed >> 24, fraction, 6)
    }

    /// Takes apart year times 13 plus month, day (5 bits), hour (5), minute (6) and second (6).
    #[inline]
    fn of(whole: u64, micros: u32, fsp: u8) -> Result<Self, RowError> {
        let parts = Calendar {
            year: (whole >> 22) / 13,
            month: (whole >> 22) % 13,
            day: whole >> 17 & 31,
            hour: whole >> 12 & 31,
            minute: whole >> 6 & 63,
            second: whole & 63,
        };
        Self::of_calendar(&parts, micros, fsp)
    }

    /// Makes a date and time of numbers that may be out of range.
    #[inline(always)]
    pub(super) fn of_calendar(parts: &Calendar, micros: u32, fsp: u8) -> Result<Self, RowError> {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (year, month, day) = (parts.year, parts.month, parts.day);
        let date = Date::of("DATETIME", number(year), number(month), number(day))?;
        if parts.hour > 23 || parts.minute > 59 || parts.second > 59 {
            let what = "an hour, minute or second out of range";
            return Err(RowError::Invalid {
                kind: "DATETIME",
                what,
            });
        }
        Ok(Self {
            date,
            hour: narrow(parts.hour),
            minute: narrow(parts.minute),
            second: narrow(parts.second),
            micros,
            fsp,
        })
    }

    /// Appends `YYYY-MM-DD HH:MM:SS[.fraction]`.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_behind(&padded(&self.date), b' ', out);
    }

    /// The same, with what is known of dates.
    #[inline]
    pub fn write_known(&self, dates: &mut KnownDates, out: &mut Vec<u8>) {
        let Date { year, month, day } = self.date;
        let key = u32::from(year) << 16 | u32::from(month) << 8 | u32::from(day);
        let date = dates.text(key, || self.date);
        self.write_behind(&date, b' ', out);
    }

    /// Appends the text with a byte between date and time.
    #[inline]
    pub(super) fn write_behind(&self, date: &PaddedDate, between: u8, out: &mut Vec<u8>) {
        let [a, b] = two(self.hour);
        let [c, d] = two(self.minute);
        let [e, f] = two(self.second);
        let time = u64::from_le_bytes([a, b, b':', c, d, b':', e, f]);
        let fraction = match self.fsp {
            0 => 0,
            _some => fraction(self.micros),
        };
        // Ten bytes of the date, one between, eight of the time and seven of the fraction.
        let first = u128::from_le_bytes(*date) | u128::from(between) << 80 | u128::from(time) << 88;
        let second = u128::from(time >> 40) | u128::from(fraction) << 24;
        let start = out.len();
        // A copy of a fixed size takes a few instructions; what is too much is taken off again.
        out.extend_from_slice([first.to_le_bytes(), second.to_le_bytes()].as_flattened());
        out.truncate(start + 19 + fraction_length(self.fsp));
    }
}

/// `YYYY-MM-DD` and zeros.
pub(super) type PaddedDate = [u8; 16];

fn padded(date: &Date) -> PaddedDate {
    let mut padded = [0; 16];
    for (slot, byte) in padded.iter_mut().zip(date.text()) {
        *slot = byte;
    }
    padded
}

/// The texts of dates that were met last: those of a column are few or come in runs, those before and after an update in
/// turns.
#[derive(Clone, Copy, Debug)]
pub struct KnownDates([(u32, PaddedDate); Self::COUNT]);

impl Default for KnownDates {
    fn default() -> Self {
        // No date has that key.
        Self([(u32::MAX, [0; 16]); Self::COUNT])
    }
}

impl KnownDates {
    const COUNT: usize = 16;

    /// The text of a date, of which `key` tells all, but `u32::MAX`, which is not taken.
    #[inline]
    pub(super) fn text(&mut self, key: u32, date: impl FnOnce() -> Date) -> PaddedDate {
        let Some((known, text)) = self.0.get_mut(key as usize % Self::COUNT) else {
            return padded(&date());
        };
        if *known != key {
            (*known, *text) = (key, padded(&date()));
        }
        *text
    }
}

/// A day, counted from 1970-01-01; one that its month has not counts on from the days that it has.
///
/// Counts from 0000-03-01, so that a leap day is the last day of its year, in eras of 400 years.
#[inline]
pub(super) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let march_month = (month + 9) % 12;
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400);
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    year.div_euclid(400) * 146_097 + day_of_era - 719_468
}

/// Microseconds of a fraction that is stored in hundredths (1 byte), ten-thousandths (2) or millionths (3).
#[inline]
pub(super) fn micros(kind: &'static str, fraction: u64, bytes: u8) -> Result<u32, RowError> {
    let unit = match bytes {
        1 => 10_000,
        2 => 100,
        _ => 1,
    };
    match u32::try_from(fraction * unit) {
        Ok(micros) if micros < 1_000_000 => Ok(micros),
        _ => Err(RowError::Invalid {
            kind,
            what: "a fraction of a second or more",
        }),
    }
}

/// A point and six digits: a byte each, the first in the lowest.
fn fraction(micros: u32) -> u64 {
    let [a, b] = last_two(micros / 10_000);
    let [c, d] = last_two(micros / 100);
    let [e, f] = last_two(micros);
    u64::from_le_bytes([b'.', a, b, c, d, e, f, 0])
}

/// How much of a point and six digits shows.
fn fraction_length(fsp: u8) -> usize {
    if fsp == 0 { 0 } else { 1 + usize::from(fsp) }
}

#[cfg(test)]
mod tests {
    use mysql_common::binlog::value::BinlogValue;
    use mysql_common::constants::ColumnType;
    use mysql_common::io::ParseBuf;
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("digits")
    }

    fn date(bytes: &[u8]) -> Result<String, RowError> {
        Date::read(bytes).map(|date| text(|out| date.write(out)))
    }

    fn time(bytes: &[u8], fsp: u8) -> Result<String, RowError> {
        Time::read(bytes, fsp).map(|time| text(|out| time.write(out)))
    }

    fn datetime(bytes: &[u8], fsp: u8) -> Result<String, RowError> {
        DateTime::read(bytes, fsp).map(|datetime| text(|out| datetime.write(out)))
    }

    /// What mysql_common reads, as the text of a literal.
    fn peer(kind: ColumnType, fsp: u8, bytes: &[u8]) -> String {
        let mut buffer = ParseBuf(bytes);
        match buffer.parse::<BinlogValue<'_>>((kind, &[fsp][..], false, false)) {
            Ok(BinlogValue::Value(value)) => value.as_sql(true).trim_matches('\'').to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// The digits of a fraction as images hold them: in whole bytes of two digits.
    fn fraction(micros: u32, fsp: u8) -> (u64, u32) {
        let bytes = u32::from(fsp.div_ceil(2));
        (u64::from(micros / 10u32.pow(6 - 2 * bytes)), bytes)
    }

    fn time_bytes(negative: bool, hms: (u64, u64, u64), micros: u32, fsp: u8) -> Vec<u8> {
        let (fraction, bytes) = fraction(micros, fsp);
        let magnitude = (hms.0 << 12 | hms.1 << 6 | hms.2) << (8 * bytes) | fraction;
        let zero = 1u64 << (8 * (3 + bytes) - 1);
        let packed = if negative {
            zero - magnitude
        } else {
            zero + magnitude
        };
        packed.to_be_bytes()[5 - bytes as usize..].to_vec()
    }

    fn truncated(micros: u32, fsp: u8) -> u32 {
        let unit = 10u32.pow(6 - u32::from(fsp));
        micros / unit * unit
    }

    #[test]
    fn dates_keep_their_zeros() {
        assert_eq!(date(&[0, 0, 0]).as_deref(), Ok("0000-00-00"));
        assert_eq!(date(&[0x15, 0xbe, 0x0f]).as_deref(), Ok("2015-00-21"));
        assert_eq!(date(&[0x9f, 0x1f, 0x4e]).as_deref(), Ok("9999-12-31"));
        assert!(date(&[0xff, 0xff, 0xff]).is_err());
        assert!(date(&[0, 0]).is_err());
    }

    #[test]
    fn negative_times_borrow_from_their_fraction() {
        assert_eq!(time(&[0x80, 0, 0], 0).as_deref(), Ok("00:00:00"));
        assert_eq!(
            time(&[0x7f, 0xff, 0xff, 0xff], 2).as_deref(),
            Ok("-00:00:00.01")
        );
        assert_eq!(
            time(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff], 6).as_deref(),
            Ok("-00:00:00.000001")
        );
        assert_eq!(
            time(&time_bytes(true, (838, 59, 59), 0, 0), 0).as_deref(),
            Ok("-838:59:59")
        );
        assert_eq!(
            time(&time_bytes(false, (256, 0, 1), 400_000, 1), 1).as_deref(),
            Ok("256:00:01.4")
        );
        assert!(time(&[0xff, 0xff, 0xff], 0).is_err());
    }

    #[test]
    fn a_datetime_may_be_zero_or_partial_and_never_out_of_range() {
        assert_eq!(
            datetime(&[0x80, 0, 0, 0, 0], 0).as_deref(),
            Ok("0000-00-00 00:00:00")
        );
        assert!(datetime(&[0x7f, 0, 0, 0, 0], 0).is_err());
        assert!(datetime(&[0xff, 0xff, 0xff, 0xff, 0xff], 0).is_err());
        assert!(datetime(&[0x80, 0, 0, 0, 0, 0, 0], 1).is_err());
    }

    proptest! {
        #[test]
        fn times_print_what_was_packed(
            negative in any::<bool>(), hours in 0u64..=838, minutes in 0u64..60, seconds in 0u64..60,
            micros in 0u32..1_000_000, fsp in 0u8..=6,
        ) {
            let micros = truncated(micros, fsp);
            let bytes = time_bytes(negative, (hours, minutes, seconds), micros, fsp);
            let zero = hours + minutes + seconds + u64::from(micros) == 0;
            let sign = if negative && !zero { "-" } else { "" };
            let dot = if fsp == 0 { String::new() } else { format!(".{micros:06}") };
            let expected = format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", &dot[..dot.len().min(1 + usize::from(fsp))]);
            assert_eq!(time(&bytes, fsp), Ok(expected));
            for end in 0..bytes.len() {
                assert!(time(&bytes[..end], fsp).is_err());
            }
        }

        #[test]
        fn datetimes_print_what_a_peer_reads(
            (year, month, day) in (0u64..=9999, 0u64..=12, 0u64..=31),
            (hour, minute, second) in (0u64..24, 0u64..60, 0u64..60),
            micros in 0u32..1_000_000, fsp in 0u8..=6,
        ) {
            let micros = truncated(micros, fsp);
            let (fraction, width) = fraction(micros, fsp);
            let whole = ((year * 13 + month) << 5 | day) << 17 | hour << 12 | minute << 6 | second;
            let packed = (whole + (1 << 39)) << (8 * width) | fraction;
            let bytes = &packed.to_be_bytes()[3 - width as usize..];
            let shown = datetime(bytes, fsp).expect("in range");
            let digits: Vec<u64> = shown.split(['-', ' ', ':', '.']).map(|part| part.parse().expect("digits")).collect();
            assert_eq!(digits[..6], [year, month, day, hour, minute, second]);
            let read = peer(ColumnType::MYSQL_TYPE_DATETIME2, fsp, bytes);
            let width = read.len().min(shown.len());
            assert_eq!(read[..width], shown[..width]);
            assert!(shown[width..].chars().all(|c| c == '.' || c == '0'), "{shown} {read}");
            for end in 0..bytes.len() {
                assert!(datetime(&bytes[..end], fsp).is_err());
            }
        }

        #[test]
        fn any_bytes_print_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..9), fsp in 0u8..=6, packed in any::<i64>()) {
            let _ = (date(&bytes), time(&bytes, fsp), datetime(&bytes, fsp));
            let _ = (Time::from_json(packed), DateTime::from_json(packed));
        }
    }
}
