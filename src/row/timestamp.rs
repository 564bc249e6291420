//! TIMESTAMP: a moment, from its packed form to a date and time in UTC.
//!
//! Follows `mysys/my_time.cc` (MySQL); MariaDB since 11.5 uses the whole unsigned range of the seconds.

use super::numbers::{length, narrow, whole_and_fraction};
use super::temporal::micros;
use super::{Date, DateTime, KnownDates, RowError};

/// Without leap seconds, as servers count.
const SECONDS_OF_DAY: u32 = 86_400;

/// A moment, or the zero timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Seconds since 1970, up to 2106; 0 is `0000-00-00 00:00:00`, not 1970.
    pub seconds: u32,
    /// 0 to 999999.
    pub micros: u32,
    /// Digits of fraction to print, 0 to 6.
    pub fsp: u8,
}

impl Timestamp {
    /// Reads a TIMESTAMP(fsp): 4 bytes big-endian of seconds since 1970 in UTC, then the fraction.
    #[inline(always)]
    pub(super) fn read(bytes: &[u8], fsp: u8) -> Result<Self, RowError> {
        let fraction_bytes = fsp.div_ceil(2);
        let (seconds, fraction) = whole_and_fraction(bytes, 4, fraction_bytes)
            .ok_or_else(|| length("TIMESTAMP", bytes, 4 + fraction_bytes))?;
        let micros = micros("TIMESTAMP", fraction, fraction_bytes)?;
        Ok(Self {
            seconds: narrow(seconds),
            micros,
            fsp,
        })
    }

    /// Whether it is `0000-00-00 00:00:00`.
    pub fn is_zero(&self) -> bool {
        self.seconds == 0
    }

    /// The date and time in UTC; of the zero timestamp, the zero date.
    pub fn to_utc(&self) -> DateTime {
        let date = if self.is_zero() {
            Date::default()
        } else {
            date_of_day(self.day())
        };
        self.on(date)
    }

    /// The day, counted from 1970-01-01.
    #[inline]
    fn day(&self) -> u32 {
        self.seconds / SECONDS_OF_DAY
    }

    /// Its time of day, on a date.
    #[inline]
    fn on(&self, date: Date) -> DateTime {
        let of_day = self.seconds % SECONDS_OF_DAY;
        DateTime {
            date,
            hour: narrow(of_day / 3600),
            minute: narrow(of_day / 60 % 60),
            second: narrow(of_day % 60),
            micros: self.micros,
            fsp: self.fsp,
        }
    }

    /// Appends `YYYY-MM-DDTHH:MM:SS[.fraction]Z` (RFC 3339), or `0000-00-00 00:00:00` of the zero timestamp; `days` are dates
    /// by their day since 1970.
    #[inline]
    pub fn write(&self, days: &mut KnownDates, out: &mut Vec<u8>) {
        if self.is_zero() {
            out.extend_from_slice(b"0000-00-00 00:00:00");
            return;
        }
        let day = self.day();
        let date = days.text(day, || date_of_day(day));
        // The date of the fields is not asked for.
        self.on(Date::default()).write_behind(&date, b'T', out);
        out.push(b'Z');
    }
}

/// The date of a day counted from 1970-01-01.
///
/// Counts from 0000-03-01, so that a leap day is the last day of its year, in eras of 400 years.
fn date_of_day(day: u32) -> Date {
    let day = day + 719_468;
    let of_era = day % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = day / 146_097 * 400 + year_of_era + u32::from(month <= 2);
    Date {
        year: narrow(year),
        month: narrow(month),
        day: narrow(day_of_month),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn timestamp(bytes: &[u8], fsp: u8) -> Result<String, RowError> {
        Timestamp::read(bytes, fsp).map(|timestamp| {
            let mut out = Vec::new();
            timestamp.write(&mut KnownDates::default(), &mut out);
            String::from_utf8(out).expect("digits")
        })
    }

    #[test]
    fn timestamps_are_moments_in_utc_to_2106() {
        assert_eq!(
            timestamp(&[0, 0, 0, 0], 0).as_deref(),
            Ok("0000-00-00 00:00:00")
        );
        assert_eq!(
            timestamp(&[0, 0, 0, 1, 0], 2).as_deref(),
            Ok("1970-01-01T00:00:01.00Z")
        );
        assert_eq!(
            timestamp(&[0x7f, 0xff, 0xff, 0xff], 0).as_deref(),
            Ok("2038-01-19T03:14:07Z")
        );
        assert_eq!(
            timestamp(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0x42, 0x3f], 6).as_deref(),
            Ok("2106-02-07T06:28:15.999999Z")
        );
        assert!(timestamp(&[0, 0, 0, 1, 100], 2).is_err());
    }

    proptest! {
        #[test]
        fn timestamps_print_what_a_calendar_says(seconds in 1u32.., micros in 0u32..1_000_000, fsp in 0u8..=6) {
            let micros = micros / 10u32.pow(6 - u32::from(fsp)) * 10u32.pow(6 - u32::from(fsp));
            let width = u32::from(fsp.div_ceil(2));
            let fraction = u64::from(micros / 10u32.pow(6 - 2 * width));
            let mut bytes = seconds.to_be_bytes().to_vec();
            bytes.extend(&fraction.to_be_bytes()[8 - width as usize..]);
            let shown = timestamp(&bytes, fsp).expect("in range");
            let moment = jiff::Timestamp::new(i64::from(seconds), i32::try_from(micros * 1000).expect("small"));
            assert_eq!(shown.parse::<jiff::Timestamp>().expect("RFC 3339"), moment.expect("in range"));
            for end in 0..bytes.len() {
                assert!(timestamp(&bytes[..end], fsp).is_err());
            }
        }

        #[test]
        fn any_bytes_print_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..9), fsp in 0u8..=6) {
            let _ = timestamp(&bytes, fsp);
        }
    }
}
