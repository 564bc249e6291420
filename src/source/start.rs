//! The `start` key: where a connector without a checkpoint begins.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::binlog::{FIRST_POSITION, FileName, GtidSet};
use crate::mysql::Flavour;

/// Where the first run begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the oldest file that the source still has.
    Earliest,
    /// At the end of the source's binlog as of now.
    #[default]
    Latest,
    /// With what is there already, and then at the place of the binlog that goes with it.
    Snapshot,
    /// At coordinates, which must be a group boundary.
    At {
        /// Name of the binlog file.
        file: String,
        /// Position in it, from 4.
        position: u64,
    },
    /// After the groups of a GTID set, in the source's own form.
    After {
        /// The set's text.
        gtid_set: String,
    },
    /// Where a backup or a replica stood, as a file tells that it left behind.
    From {
        /// The file.
        from: PathBuf,
    },
}

/// Where the second event of a file begins at the earliest: the first has a header of 19 bytes and 57 of its own.
const SECOND_POSITION_MIN: u64 = FIRST_POSITION + 19 + 57;

impl Start {
    /// What is wrong with it, as far as that can be told without the source; files of a server end in a number.
    pub(super) fn problem(&self, is_of_server: bool) -> Option<String> {
        match self {
            Self::Earliest | Self::Latest => None,
            Self::Snapshot => (!is_of_server).then(|| {
                "start is \"snapshot\", which takes a server, name one by host, or start at \"earliest\"".to_owned()
            }),
            Self::From { from } => from
                .as_os_str()
                .is_empty()
                .then(|| "start has an empty from, name a file that a backup left".to_owned()),
            Self::At { file, position } => {
                if file.contains('/') || file.chars().any(char::is_control) {
                    return Some(format!(
                        "start has the file {file:?}, give its name alone, as SHOW BINARY LOGS has it"
                    ));
                }
                if is_of_server && FileName(file).number().is_none() {
                    return Some(format!(
                        "start has the file {file:?}, which ends in no number, name one of SHOW BINARY LOGS such as binlog.000001"
                    ));
                }
                (FIRST_POSITION + 1..SECOND_POSITION_MIN)
                    .contains(position)
                    .then(|| {
                        format!(
                            "start position {position} is inside a file's first event, use {FIRST_POSITION} or where a transaction \
                             begins"
                        )
                    })
            }
            Self::After { gtid_set } => {
                let is_set = [Flavour::MySql, Flavour::MariaDb]
                    .iter()
                    .any(|flavour| GtidSet::parse(*flavour, gtid_set).is_ok());
                (!is_set).then(|| {
                    format!(
                        "start has the gtid_set {gtid_set:?}, which is none, write it as the source prints it, such as \
                         3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5 or 0-1-270"
                    )
                })
            }
        }
    }
}

const EXPECTED: &str = "\"earliest\", \"latest\", \"snapshot\", { file = \"binlog.000001\", position = 4 }, \
                        { gtid_set = \"...\" } or { from = \"FILE\" }";

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StartVisitor)
    }
}

struct StartVisitor;

impl<'de> Visitor<'de> for StartVisitor {
    type Value = Start;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Start, E> {
        match word {
            "earliest" => Ok(Start::Earliest),
            "latest" => Ok(Start::Latest),
            "snapshot" => Ok(Start::Snapshot),
            other => Err(E::custom(format_args!(
                "start {other:?} is unknown, expected {EXPECTED}"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Start, A::Error> {
        let (mut file, mut position, mut gtid_set) = (None::<String>, None::<u64>, None::<String>);
        let mut from = None::<PathBuf>;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "file" => file = Some(map.next_value()?),
                "position" => position = Some(map.next_value()?),
                "gtid_set" => gtid_set = Some(map.next_value()?),
                "from" => from = Some(map.next_value()?),
                other => {
                    return Err(A::Error::custom(format_args!(
                        "start has an unknown key {other:?}, expected {EXPECTED}"
                    )));
                }
            }
        }
        if let Some(from) = from {
            return match (file, position, gtid_set) {
                (None, None, None) => Ok(Start::From { from }),
                _more => Err(A::Error::custom(
                    "start has a from and a position, keep one of the two",
                )),
            };
        }
        match (file, position, gtid_set) {
            (Some(file), _, None) if file.is_empty() => Err(A::Error::custom(
                "start has an empty file, name one of SHOW BINARY LOGS",
            )),
            (Some(_), Some(position), None) if position < FIRST_POSITION => {
                Err(A::Error::custom(format_args!(
                    "start position {position} is before a file's first event, use {FIRST_POSITION} or more"
                )))
            }
            (Some(file), Some(position), None) => Ok(Start::At { file, position }),
            (None, None, Some(gtid_set)) => Ok(Start::After { gtid_set }),
            (Some(_), None, None) => Err(A::Error::custom(
                "start has a file without a position, add position = 4",
            )),
            (None, Some(_), None) => Err(A::Error::custom(
                "start has a position without a file, add file = \"...\"",
            )),
            (None, None, None) => Err(A::Error::custom(format_args!(
                "start is empty, expected {EXPECTED}"
            ))),
            (_, _, Some(_)) => Err(A::Error::custom(
                "start has both coordinates and a gtid_set, keep one of the two",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<Start, &str>) {
        let found = serde_json::from_str::<Start>(json);
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{json}"),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{json}: {error}")
            }
            (found, expected) => panic!("{json}: found {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn every_form_is_read() {
        check(r#""earliest""#, Ok(Start::Earliest));
        check(r#""latest""#, Ok(Start::Latest));
        check(
            r#"{"file":"binlog.000004","position":5000000000}"#,
            Ok(Start::At {
                file: "binlog.000004".to_owned(),
                position: 5_000_000_000,
            }),
        );
        check(
            r#"{"gtid_set":"0-1-5"}"#,
            Ok(Start::After {
                gtid_set: "0-1-5".to_owned(),
            }),
        );
        check(
            r#"{"gtid_set":""}"#,
            Ok(Start::After {
                gtid_set: String::new(),
            }),
        );
    }

    #[test]
    fn a_file_may_say_it() {
        let from = |file: &str| Start::From { from: file.into() };
        check(r#"{"from":"dump.sql"}"#, Ok(from("dump.sql")));
        assert_eq!(from("dump.sql").problem(true), None);
        let problem = from("").problem(false);
        assert!(problem.is_some_and(|message| message.contains("name a file")));
    }

    #[test]
    fn what_cannot_be_a_start_is_known_without_the_source() {
        let at = |file: &str, position| Start::At {
            file: file.to_owned(),
            position,
        };
        let after = |set: &str| Start::After {
            gtid_set: set.to_owned(),
        };
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for (start, of_server, of_files) in [
            (Start::Earliest, None, None),
            (at("binlog.000001", 4), None, None),
            (at("binlog.000001", 80), None, None),
            (
                at("binlog.000001", 79),
                Some("inside a file's first event"),
                Some("inside a file's first event"),
            ),
            (
                at("binlog.000001", 5),
                Some("use 4 or where"),
                Some("use 4 or where"),
            ),
            (at("binlog", 4), Some("ends in no number"), None),
            (at("shop.binlog", 157), Some("ends in no number"), None),
            (
                at("/var/lib/binlog.000001", 4),
                Some("its name alone"),
                Some("its name alone"),
            ),
            (after(&format!("{uuid}:1-5:tag:7")), None, None),
            (after("0-1-270"), None, None),
            (after(""), None, None),
            (after(uuid), Some("which is none"), Some("which is none")),
            (
                after("yesterday"),
                Some("as the source prints it"),
                Some("as the source prints it"),
            ),
        ] {
            for (is_of_server, expected) in [(true, of_server), (false, of_files)] {
                let found = start.problem(is_of_server);
                match (&found, expected) {
                    (None, None) => {}
                    (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
                    _other => panic!("{start:?}: {found:?}"),
                }
            }
        }
    }

    #[test]
    fn every_mistake_names_its_fix() {
        check(
            r#""now""#,
            Err("start \"now\" is unknown, expected \"earliest\", \"latest\""),
        );
        check(r#"{"file":"b.1"}"#, Err("add position = 4"));
        check(r#"{"position":4}"#, Err("add file"));
        check(r#"{"file":"b.1","position":3}"#, Err("use 4 or more"));
        check(r#"{"file":"b.1","position":-3}"#, Err("expected u64"));
        check(r#"{"file":"","position":4}"#, Err("empty file"));
        check(
            r#"{"file":"b.1","position":4,"gtid_set":"0-1-5"}"#,
            Err("keep one of the two"),
        );
        check(
            r#"{"from":"dump.sql","position":4}"#,
            Err("keep one of the two"),
        );
        check(r#"{"pos":4}"#, Err("unknown key \"pos\""));
        check("{}", Err("start is empty"));
        check("7", Err("invalid type: integer `7`, expected \"earliest\""));
    }
}
