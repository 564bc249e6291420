//! `--until`: coordinates, a GTID set or a time.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::binlog::{Coordinates, GtidSet};
use crate::mysql::Flavour;

/// Where a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UntilArgument {
    /// At the first group boundary at or after these coordinates.
    Coordinates(Coordinates),
    /// When every GTID of the set was seen.
    Gtids(GtidSet),
    /// Before the first group that began at or after this time, in seconds since 1970.
    Time(u32),
}

/// Length of a date alone, as 2026-11-20.
const DATE_LEN: usize = 10;
const EXPECTED: &str = "expected FILE:POSITION, a GTID set, or a time such as '2026-11-20 17:00:00' (of this machine) or \
                        2026-11-20T17:00:00Z";

impl FromStr for UntilArgument {
    type Err = String;

    /// A date alone is neither a time nor a GTID: MariaDB's look like dates.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() == DATE_LEN && text.parse::<Date>().is_ok() {
            return Err(format!(
                "{text} may be a date or a GTID, write {text}T00:00:00 for the time, or FILE:POSITION"
            ));
        }
        if let Some(time) = time(text) {
            return u32::try_from(time)
                .map(Self::Time)
                .map_err(|_| format!("{text} is outside of what binlogs can hold, 1970 to 2106"));
        }
        if let Some(set) = set_of_either_family(text) {
            return Ok(Self::Gtids(set));
        }
        match text.rsplit_once(':') {
            Some((file, position)) if file.contains('.') && !file.contains('/') => position
                .parse()
                .map(|position| Self::Coordinates(Coordinates::new(file, position)))
                .map_err(|_| format!("'{position}' is not a position, {EXPECTED}")),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

/// `--until-before`: a set of either family.
pub(super) fn gtid_set(text: &str) -> Result<GtidSet, String> {
    const EXPECTED: &str = "expected a GTID set such as 3e11fa47-71ca-11e1-9e33-c80aa9429562:6-9 or 0-1-270, before whose first \
                            transaction the run ends";
    set_of_either_family(text).ok_or(EXPECTED.to_owned())
}

/// A GTID set of either family; `None` if it is none, or empty.
pub(super) fn set_of_either_family(text: &str) -> Option<GtidSet> {
    let families = [Flavour::MySql, Flavour::MariaDb].into_iter();
    let mut sets = families.filter_map(|flavour| GtidSet::parse(flavour, text).ok());
    sets.find(|set| !set.is_empty())
}

/// Seconds since 1970.
fn time(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_second());
    }
    let has_time = text.contains([' ', 'T']);
    let local = text.parse::<DateTime>().ok().filter(|_| has_time)?;
    let at = local.to_zoned(TimeZone::system()).ok()?;
    Some(at.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_from_the_others() {
        let coordinates = UntilArgument::Coordinates(Coordinates::new("binlog.000004", 1337));
        assert_eq!("binlog.000004:1337".parse(), Ok(coordinates));
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for (flavour, text) in [
            (Flavour::MySql, format!("{uuid}:1-5")),
            (Flavour::MySql, format!("{uuid}:7")),
            (Flavour::MySql, format!("{uuid}:1-5:tag:3")),
            (Flavour::MariaDb, "0-1-270".to_owned()),
            (Flavour::MariaDb, "0-1-270,5-9-3".to_owned()),
        ] {
            let set = GtidSet::parse(flavour, &text).unwrap();
            assert_eq!(text.parse(), Ok(UntilArgument::Gtids(set)), "{text}");
        }
        for text in ["2026-11-20T17:00:00Z", "2026-11-20T19:00:00+02:00"] {
            assert_eq!(
                text.parse(),
                Ok(UntilArgument::Time(1_795_194_000)),
                "{text}"
            );
        }
        assert!(matches!(
            "2026-11-20 17:00:00".parse(),
            Ok(UntilArgument::Time(_))
        ));
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for text in [
            "",
            "now",
            "binlog.000004",
            "binlog.000004:x",
            "1900-01-01T00:00:00Z",
            "binlog:4",
            "2026-11-20",
            "2020-01-01",
        ] {
            text.parse::<UntilArgument>().expect_err(text);
        }
    }
}
