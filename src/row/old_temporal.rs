//! TIME, DATETIME and TIMESTAMP as servers before MySQL 5.6 stored them, and MariaDB does with `mysql56_temporal_format=OFF`.
//!
//! | type | without a fraction | with one, on MariaDB only |
//! |---|---|---|
//! | TIME 11 | 3 bytes, little-endian: HHMMSS as a decimal number, signed | 4 to 6 bytes, big-endian: units since −839 hours |
//! | DATETIME 12 | 8 bytes, little-endian: YYYYMMDDHHMMSS as a decimal number | 6 to 8 bytes, big-endian: units in a calendar of months of 32 days and years of 13 months |
//! | TIMESTAMP 7 | 4 bytes, little-endian: seconds since 1970 | 4 bytes, big-endian, then 1 to 3 of units |
//!
//! A unit is the last digit of the fraction. Table maps do not tell how many digits there are: MySQL never had any, of
//! MariaDB a definition tells. Follows `Field_time_hires` and its relatives in `sql/field.cc` (MariaDB).

use super::numbers::{big_endian, length, little_endian, narrow, whole_and_fraction};
use super::temporal::Calendar;
use super::{DateTime, RowError, Time, Timestamp};

/// What TIME begins at: one second more than the longest.
const TIME_SECONDS_MAX: u64 = 839 * 3600;

/// The bytes of a TIME by its digits of fraction.
pub(super) fn time_width(fsp: u8) -> u8 {
    match fsp {
        0 => 3,
        1 | 2 => 4,
        3..=5 => 5,
        _six => 6,
    }
}

/// The bytes of a DATETIME by its digits of fraction.
pub(super) fn datetime_width(fsp: u8) -> u8 {
    match fsp {
        1 | 2 => 6,
        3..=5 => 7,
        _none_or_six => 8,
    }
}

/// Units in a second.
fn units(fsp: u8) -> u64 {
    10u64.pow(u32::from(fsp.min(6)))
}

/// Microseconds of so many units.
fn micros(units: u64, fsp: u8) -> u32 {
    narrow(units * 10u64.pow(6u32.saturating_sub(u32::from(fsp))))
}

impl Time {
    /// Reads a TIME(fsp) in its old form.
    pub(super) fn read_old(bytes: &[u8], fsp: u8) -> Result<Self, RowError> {
        let width = time_width(fsp);
        let wrong = || length("TIME", bytes, width);
        if fsp == 0 {
            let packed = little_endian(bytes, width).ok_or_else(wrong)?;
            // 24 bits with a sign.
            let negative = packed >> 23 == 1;
            let number = if negative { (1 << 24) - packed } else { packed };
            let (hours, minutes, seconds) = (number / 10_000, number / 100 % 100, number % 100);
            return Self::of_parts(negative, (hours, minutes, seconds), 0, fsp);
        }
        let packed = big_endian(bytes, width).ok_or_else(wrong)?;
        let zero = TIME_SECONDS_MAX * units(fsp);
        let (negative, magnitude) = (packed < zero, packed.abs_diff(zero));
        let seconds = magnitude / units(fsp);
        let parts = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        Self::of_parts(negative, parts, micros(magnitude % units(fsp), fsp), fsp)
    }
}

impl DateTime {
    /// Reads a DATETIME(fsp) in its old form.
    pub(super) fn read_old(bytes: &[u8], fsp: u8) -> Result<Self, RowError> {
        let width = datetime_width(fsp);
        let wrong = || length("DATETIME", bytes, width);
        if fsp == 0 {
            let number = little_endian(bytes, width).ok_or_else(wrong)?;
            let parts = Calendar {
                year: number / 10_000_000_000,
                month: number / 100_000_000 % 100,
                day: number / 1_000_000 % 100,
                hour: number / 10_000 % 100,
                minute: number / 100 % 100,
                second: number % 100,
            };
            return Self::of_calendar(&parts, 0, fsp);
        }
        let packed = big_endian(bytes, width).ok_or_else(wrong)?;
        let seconds = packed / units(fsp);
        let days = seconds / 86_400;
        let parts = Calendar {
            year: days / 32 / 13,
            month: days / 32 % 13,
            day: days % 32,
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        };
        Self::of_calendar(&parts, micros(packed % units(fsp), fsp), fsp)
    }
}

impl Timestamp {
    /// Reads a TIMESTAMP(fsp) in its old form.
    pub(super) fn read_old(bytes: &[u8], fsp: u8) -> Result<Self, RowError> {
        let fraction_bytes = fsp.div_ceil(2);
        let parts = match fsp {
            0 => little_endian(bytes, 4).map(|seconds| (seconds, 0)),
            _ => whole_and_fraction(bytes, 4, fraction_bytes),
        };
        let (seconds, fraction) =
            parts.ok_or_else(|| length("TIMESTAMP", bytes, 4 + fraction_bytes))?;
        if fraction >= units(fsp) {
            return Err(RowError::Invalid {
                kind: "TIMESTAMP",
                what: "a fraction of a second or more",
            });
        }
        Ok(Self {
            seconds: narrow(seconds),
            micros: micros(fraction, fsp),
            fsp,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("digits")
    }

    fn time(bytes: &[u8], fsp: u8) -> Result<String, RowError> {
        Time::read_old(bytes, fsp).map(|time| text(|out| time.write(out)))
    }

    fn datetime(bytes: &[u8], fsp: u8) -> Result<String, RowError> {
        DateTime::read_old(bytes, fsp).map(|datetime| text(|out| datetime.write(out)))
    }

    fn timestamp(bytes: &[u8], fsp: u8) -> Result<String, RowError> {
        Timestamp::read_old(bytes, fsp).map(|timestamp| {
            text(|out| timestamp.write(&mut super::super::KnownDates::default(), out))
        })
    }

    fn check(found: Result<String, RowError>, expected: &str) {
        assert_eq!(found.as_deref(), Ok(expected));
    }

    fn big(value: u64, width: u8) -> Vec<u8> {
        value.to_be_bytes()[8 - usize::from(width)..].to_vec()
    }

    #[test]
    fn times_without_a_fraction_are_decimal_numbers_with_a_sign() {
        check(time(&8_385_959u32.to_le_bytes()[..3], 0), "838:59:59");
        check(time(&(-8_385_959i32).to_le_bytes()[..3], 0), "-838:59:59");
        check(time(&(-1i32).to_le_bytes()[..3], 0), "-00:00:01");
        check(time(&[0; 3], 0), "00:00:00");
        assert!(time(&8_390_000u32.to_le_bytes()[..3], 0).is_err());
        assert!(time(&6_000u32.to_le_bytes()[..3], 0).is_err());
        assert!(time(&[0, 0, 0x80], 0).is_err());
    }

    #[test]
    fn datetimes_and_timestamps_without_a_fraction_may_be_zero_or_partial() {
        check(
            datetime(&99_991_231_235_959u64.to_le_bytes(), 0),
            "9999-12-31 23:59:59",
        );
        check(
            datetime(&20_150_021_000_000u64.to_le_bytes(), 0),
            "2015-00-21 00:00:00",
        );
        check(datetime(&[0; 8], 0), "0000-00-00 00:00:00");
        for wrong in [u64::MAX, 100_001_231_000_000, 20_151_300_000_000, 240_000] {
            assert!(datetime(&wrong.to_le_bytes(), 0).is_err(), "{wrong}");
        }
        check(timestamp(&[0; 4], 0), "0000-00-00 00:00:00");
        check(timestamp(&[1, 0, 0, 0], 0), "1970-01-01T00:00:01Z");
        check(timestamp(&[0xff; 4], 0), "2106-02-07T06:28:15Z");
    }

    #[test]
    fn a_fraction_counts_units_and_changes_the_order_of_the_bytes() {
        let zero = 839 * 3600 * 1000;
        check(time(&big(zero + 1, 5), 3), "00:00:00.001");
        check(time(&big(zero - 1, 5), 3), "-00:00:00.001");
        check(time(&big(1, 5), 3), "-838:59:59.999");
        assert!(time(&big(0, 5), 3).is_err());
        let packed = ((((2015 * 13 + 7) * 32 + 21) * 24 + 13) * 60 + 14) * 60 + 15;
        check(
            datetime(&big(packed * 10 + 6, 6), 1),
            "2015-07-21 13:14:15.6",
        );
        check(datetime(&[0; 8], 6), "0000-00-00 00:00:00.000000");
        check(
            timestamp(&[0, 0, 0, 1, 3, 231], 3),
            "1970-01-01T00:00:01.999Z",
        );
        assert!(timestamp(&[0, 0, 0, 1, 3, 232], 3).is_err());
    }

    proptest! {
        #[test]
        fn what_was_packed_is_what_is_read(
            negative in any::<bool>(), (hours, minutes, seconds) in (0u64..=838, 0u64..60, 0u64..60),
            (year, month, day) in (0u64..=9999, 0u64..=12, 0u64..=31), units in any::<u64>(), fsp in 1u8..=6,
        ) {
            let scale = 10u64.pow(u32::from(fsp));
            let units = units % scale;
            let fraction = format!("{units:0width$}", width = usize::from(fsp));
            let magnitude = (hours * 3600 + minutes * 60 + seconds) * scale + units;
            let zero = 839 * 3600 * scale;
            let packed = if negative { zero - magnitude } else { zero + magnitude };
            let bytes = big(packed, time_width(fsp));
            let sign = if negative && magnitude > 0 { "-" } else { "" };
            check(time(&bytes, fsp), &format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{fraction}"));
            for end in 0..bytes.len() {
                assert!(time(&bytes[..end], fsp).is_err());
            }
            let hours = hours % 24;
            let whole = ((((year * 13 + month) * 32 + day) * 24 + hours) * 60 + minutes) * 60 + seconds;
            let bytes = big(whole * scale + units, datetime_width(fsp));
            let expected = format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02}.{fraction}");
            check(datetime(&bytes, fsp), &expected);
            for end in 0..bytes.len() {
                assert!(datetime(&bytes[..end], fsp).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..10), fsp in any::<u8>()) {
            let _ = (time(&bytes, fsp), datetime(&bytes, fsp), timestamp(&bytes, fsp));
        }
    }
}
