//! Dates and times as conditions write them, and their values as numbers that are ordered as they are.

use crate::row::{Date, DateTime, Time};

/// Microseconds of a second.
const MICROS: i64 = 1_000_000;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// A date and time as a number; later ones are greater, zero dates and months among them.
pub(super) fn ordinal(at: &DateTime) -> u64 {
    let date = &at.date;
    let days = (u64::from(date.year) << 4 | u64::from(date.month)) << 5 | u64::from(date.day);
    let minutes = (days << 5 | u64::from(at.hour)) << 6 | u64::from(at.minute);
    (minutes << 6 | u64::from(at.second)) << 20 | u64::from(at.micros)
}

/// The same of a date, at midnight.
pub(super) fn ordinal_of_date(date: Date) -> u64 {
    ordinal(&DateTime {
        date,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
        fsp: 0,
    })
}

/// A length of time in microseconds.
pub(super) fn micros(time: &Time) -> i64 {
    let minutes = i64::from(time.hours) * 60 + i64::from(time.minutes);
    let seconds = minutes * 60 + i64::from(time.seconds);
    let micros = seconds * MICROS + i64::from(time.micros);
    if time.negative { -micros } else { micros }
}

/// Reads `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS[.ffffff]`, as a number.
pub(super) fn date_time(text: &str) -> Option<u64> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date = self::date(date)?;
    let [hour, minute, second, micros] = match time {
        Some(time) => time_of_day(time)?,
        None => [0; 4],
    };
    Some(ordinal(&DateTime {
        date,
        hour: u8::try_from(hour).ok()?,
        minute: u8::try_from(minute).ok()?,
        second: u8::try_from(second).ok()?,
        micros,
        fsp: 6,
    }))
}

/// The same in UTC, unless an offset such as `+02:00` follows.
pub(super) fn moment(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let start = text.len().checked_sub(6).filter(|start| *start > 10);
    let offset = start.and_then(|start| text.get(start..).and_then(self::offset));
    let Some(offset) = offset.filter(|_| text.contains([' ', 'T'])) else {
        return date_time(text);
    };
    let local = date_time(text.get(..start?)?)?;
    moved(local, -offset)
}

/// Reads `[-]HHH:MM:SS[.ffffff]`, in microseconds.
pub(super) fn time(text: &str) -> Option<i64> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !(2..=3).contains(&hours.len()) {
        return None;
    }
    let hours = number(hours, hours.len())?;
    let [minutes, seconds] = [number(minutes, 2)?, number(seconds, 2)?];
    if hours > 838 || minutes > 59 || seconds > 59 {
        return None;
    }
    let seconds = (i64::from(hours) * 60 + i64::from(minutes)) * 60 + i64::from(seconds);
    let micros = seconds * MICROS + i64::from(fraction_of(fraction, text.contains('.'))?);
    Some(if is_negative { -micros } else { micros })
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let [year, month, day] = [number(year, 4)?, number(month, 2)?, number(day, 2)?];
    let date = Date {
        year: u16::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
    };
    let is_zero = year == 0 && month == 0 && day == 0;
    (is_zero || civil(year.into(), month.into(), day.into()).is_some()).then_some(date)
}

/// A date that the calendar has.
fn civil(year: i64, month: i64, day: i64) -> Option<jiff::civil::Date> {
    let (year, month) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?);
    jiff::civil::Date::new(year, month, i8::try_from(day).ok()?).ok()
}

fn time_of_day(text: &str) -> Option<[u32; 4]> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let parts = [parts.next()?, parts.next()?, parts.next().unwrap_or("00")];
    if whole.split(':').count() > 3 {
        return None;
    }
    let [hour, minute, second] = parts.map(|part| number(part, 2));
    let (hour, minute, second) = (hour?, minute?, second?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some([
        hour,
        minute,
        second,
        fraction_of(fraction, text.contains('.'))?,
    ])
}

/// Microseconds of the digits after a point, of which there are one to six.
fn fraction_of(digits: &str, has_point: bool) -> Option<u32> {
    if !has_point {
        return Some(0);
    }
    if digits.is_empty() || digits.len() > 6 {
        return None;
    }
    number(&format!("{digits:0<6}"), 6)
}

/// Seconds of an offset such as `+02:00`.
fn offset(text: &str) -> Option<i64> {
    let is_negative = match text.chars().next()? {
        '+' => false,
        '-' => true,
        _other => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
    Some(if is_negative { -seconds } else { seconds })
}

/// A date and time so many seconds later.
fn moved(at: u64, seconds: i64) -> Option<u64> {
    let part = |shift: u32, bits: u32| i64::try_from(at >> shift & ((1 << bits) - 1)).ok();
    let (micros, second, minute, hour) = (part(0, 20)?, part(20, 6)?, part(26, 6)?, part(32, 5)?);
    let (day, month, year) = (part(37, 5)?, part(42, 4)?, part(46, 14)?);
    let date = civil(year, month, day)?;
    let of_day = hour * 3600 + minute * 60 + second + seconds;
    let days = jiff::Span::new().try_days(of_day.div_euclid(DAY)).ok()?;
    let date = date.checked_add(days).ok()?;
    let of_day = of_day.rem_euclid(DAY);
    let narrow = |number: i64| u8::try_from(number).ok();
    Some(ordinal(&DateTime {
        date: Date {
            year: u16::try_from(date.year()).ok()?,
            month: u8::try_from(date.month()).ok()?,
            day: u8::try_from(date.day()).ok()?,
        },
        hour: narrow(of_day / 3600)?,
        minute: narrow(of_day / 60 % 60)?,
        second: narrow(of_day % 60)?,
        micros: u32::try_from(micros).ok()?,
        fsp: 6,
    }))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u32> {
    let are_digits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| are_digits)
}
