//! Arguments as the decoding needs them.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::definitions::Known;
use super::error::DecodeError;
use super::options::{Format, Options};
use crate::binlog::GtidSet;
use crate::change::{Choice, Ids, OnStatement};
use crate::config::EVENT_MEMORY_MIN;
use crate::encode::InvalidText;
use crate::encode::sql::Direction;
use crate::filter;
use crate::mysql::Flavour;
use crate::source::{EVENT_BYTES_MAX, Extent, Place, Series};

/// What a decoding works with.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) series: Series,
    pub(super) choice: Choice,
    pub(super) filter: filter::Options,
    pub(super) known: Known,
    pub(super) on_statement: OnStatement,
    pub(super) event_bytes_max: u64,
    /// Ends the reading of a file that is followed.
    pub(super) stop: CancellationToken,
    /// Which statements are printed, if any: they name columns, and may give generated ones no values.
    pub(super) statements: Option<Direction>,
}

impl Settings {
    /// Takes the arguments; index files are read here.
    pub(super) fn new(options: &Options) -> Result<Self, DecodeError> {
        let place = |path: &PathBuf| match path.as_path() {
            path if path == Path::new("-") => Place::Stdin,
            path => Place::Path(path.to_owned()),
        };
        let places: Vec<Place> = options.files.iter().map(place).collect();
        if let Some(contradiction) = contradiction(options, &places) {
            return Err(DecodeError::Usage(contradiction));
        }
        let extent = Extent {
            start: options.start_position,
            offset: options.offset,
            start_time: options.start_datetime,
            stop: options.stop_position,
            stop_time: options.stop_datetime,
        };
        let event_bytes_max = options.event_memory_max.as_u64();
        let series = Series::new(places, extent, EVENT_BYTES_MAX, options.follow)?;
        for (file, next) in series.out_of_order() {
            warn!(
                %file,
                %next,
                "the second file is the older one by its number, or the same, and its changes come out behind those of the \
                 first; give the files in the order in which the server wrote them"
            );
        }
        Ok(Self {
            series: series.cutting_beyond(usize::try_from(event_bytes_max).unwrap_or(usize::MAX)),
            on_statement: options.on_statement.unwrap_or({
                if options.summary || options.verify {
                    OnStatement::Warn
                } else {
                    OnStatement::Fail
                }
            }),
            event_bytes_max,
            choice: Choice {
                include: options.include_gtids.iter().cloned().collect(),
                exclude: options.exclude_gtids.iter().cloned().collect(),
                servers: Ids {
                    include: options.server_id.clone(),
                    exclude: options.ignore_server_ids.clone(),
                },
                domains: Ids {
                    include: options.do_domain_ids.clone(),
                    exclude: options.ignore_domain_ids.clone(),
                },
            },
            filter: filter(options),
            known: match &options.definitions {
                Some(path) => Known::open(path)?,
                None => Known::default(),
            },
            stop: CancellationToken::new(),
            statements: match options.format {
                _either if options.summary || options.verify => None,
                _either if options.flashback => Some(Direction::Undo),
                Some(Format::Sql) => Some(Direction::Redo),
                Some(Format::Json) | None => None,
            },
        })
    }
}

/// What arguments that are right one by one contradict each other in, with the fix.
fn contradiction(options: &Options, places: &[Place]) -> Option<String> {
    let inputs = places.iter().filter(|place| **place == Place::Stdin);
    let inputs = inputs.count();
    if inputs > 1 {
        return Some("- stands for the standard input and can be read once only".to_owned());
    }
    if inputs == 1 && options.follow {
        return Some("--follow takes a file, not -, whose end is the end".to_owned());
    }
    if options.flashback && options.format == Some(Format::Json) {
        let why = "--flashback prints SQL statements, leave --format=json out or give --format=sql";
        return Some(why.to_owned());
    }
    if let (Some(start), Some(stop)) = (options.start_datetime, options.stop_datetime)
        && start > stop
    {
        let why = "--start-datetime is later than --stop-datetime, give the earlier time first";
        return Some(why.to_owned());
    }
    let is_index = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "index");
    match (options.files.as_slice(), options.stop_position) {
        ([file], Some(stop)) if !is_index(file) && options.start_position > stop => Some(format!(
            "--start-position {} is behind --stop-position {stop} of the same file, give the smaller one as the start",
            options.start_position
        )),
        (_, _) => None,
    }
}

/// Reads `--event-memory-max`, which may be no less than a connector's.
pub(super) fn event_memory_max(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "expected a size such as 32MiB".to_owned())?;
    if size < EVENT_MEMORY_MIN {
        return Err(format!("expected at least {EVENT_MEMORY_MIN}"));
    }
    Ok(size)
}

/// Reads `--invalid-text`.
pub(super) fn invalid_text(text: &str) -> Result<InvalidText, String> {
    match text {
        "fail" => Ok(InvalidText::Fail),
        "replace" => Ok(InvalidText::Replace),
        "base64" => Ok(InvalidText::Base64),
        other => Err(format!("expected fail, replace or base64, found {other}")),
    }
}

/// Reads `--on-statement`.
pub(super) fn on_statement(text: &str) -> Result<OnStatement, String> {
    match text {
        "fail" => Ok(OnStatement::Fail),
        "warn" => Ok(OnStatement::Warn),
        other => Err(format!("expected fail or warn, found {other}")),
    }
}

fn filter(options: &Options) -> filter::Options {
    let rules = &options.rules;
    let mut do_db = rules.replicate_do_db.clone();
    do_db.extend(options.database.clone());
    filter::Options {
        replicate_do_db: do_db,
        replicate_ignore_db: rules.replicate_ignore_db.clone(),
        replicate_do_table: rules.replicate_do_table.clone(),
        replicate_ignore_table: rules.replicate_ignore_table.clone(),
        replicate_wild_do_table: rules.replicate_wild_do_table.clone(),
        replicate_wild_ignore_table: rules.replicate_wild_ignore_table.clone(),
        replicate_rewrite_db: rules.replicate_rewrite_db.clone(),
        // A file is nobody's replica: no event in it is its own.
        same_server_id: true,
        // What it says of a file is whole.
        shadow_tables: filter::ShadowTables::Keep,
        ..filter::Options::default()
    }
}

/// `--start-datetime` and `--stop-datetime`: seconds since 1970.
pub(super) fn seconds(text: &str) -> Result<u32, String> {
    const EXPECTED: &str =
        "expected a time such as '2026-11-20 17:00:00' (of this machine) or 2026-11-20T17:00:00Z";
    let local = || {
        let local = text.parse::<DateTime>().ok()?;
        Some(local.to_zoned(TimeZone::system()).ok()?.timestamp())
    };
    let at = text.parse::<Timestamp>().ok().or_else(local);
    let seconds = at.ok_or(EXPECTED)?.as_second();
    u32::try_from(seconds)
        .map_err(|_| format!("{text} is outside of what binlogs can hold, 1970 to 2106"))
}

/// `--include-gtids` and `--exclude-gtids`: a set of either family.
pub(super) fn gtid_set(text: &str) -> Result<GtidSet, String> {
    const EXPECTED: &str = "expected a GTID set such as 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5 or \
                            0-1-270, that of MariaDB being everything up to its numbers";
    let parse = |flavour| GtidSet::parse(flavour, text).ok();
    let found = parse(Flavour::MySql).or_else(|| parse(Flavour::MariaDb));
    found
        .filter(|set| !set.is_empty())
        .ok_or(EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_machine_unless_they_name_a_zone() {
        assert_eq!(seconds("2026-11-20T17:00:00Z"), Ok(1_795_194_000));
        assert_eq!(seconds("2026-11-20 17:00:00+01:00"), Ok(1_795_190_400));
        for local in ["2026-11-20 17:00:00", "2026-11-20T17:00:00", "2026-11-20"] {
            seconds(local).expect(local);
        }
        for wrong in ["", "yesterday", "17:00", "1900-01-01T00:00:00Z"] {
            seconds(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn an_event_may_always_have_some_memory() {
        assert_eq!(event_memory_max("1MiB"), Ok(ByteSize::mib(1)));
        for (wrong, expected) in [
            ("0", "at least 1.0 MiB"),
            ("20", "at least 1.0 MiB"),
            ("1023KiB", "at least 1.0 MiB"),
            ("-5", "a size such as 32MiB"),
            ("much", "a size such as 32MiB"),
        ] {
            let error = event_memory_max(wrong).unwrap_err();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }

    #[test]
    fn sets_of_both_families_are_read() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for text in [
            format!("{uuid}:1-5,{uuid}:tag:7"),
            "0-1-270,5-9-3".to_owned(),
        ] {
            gtid_set(&text).expect(&text);
        }
        for wrong in ["", "1-5", uuid] {
            gtid_set(wrong).expect_err(wrong);
        }
    }
}
