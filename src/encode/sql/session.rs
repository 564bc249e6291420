//! The session that a statement of the script is executed in: like the session on the source, as far as the binlog tells.
//!
//! | variable | for a DDL statement | otherwise, as [`HEAD`] sets it |
//! |---|---|---|
//! | sql_mode | the event's, a number | the script's |
//! | time_zone | the event's, if the statement depends on it | UTC |
//! | collation_connection | the event's, a number | that of SET NAMES utf8mb4 |
//! | collation_server | the event's, a number | the server's |
//! | explicit_defaults_for_timestamp | the event's, if the statement mentions timestamps | the server's |
//! | timestamp | the event's, if the statement mentions the present time | the clock's |
//!
//! foreign_key_checks is on for rows whose foreign keys made the storage engine change other rows: only the engine that
//! executes them can do that again. Only what changes from one statement to the next is printed. Each block begins and
//! ends with the session as the head of the script left it, since blocks do not know each other.
//!
//! The statement itself is printed in UTF-8, so character_set_client stays utf8mb4.

use std::fmt::Write as _;

use super::literal::write_quoted;
use crate::change::{Ddl, Rows};
use crate::mysql::Flavour;

// Only literals can be joined while compiling.
macro_rules! time_zone {
    () => {
        "'+00:00'"
    };
}
macro_rules! sql_mode {
    () => {
        "'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
    };
}

/// Prepares the session that runs the statements: text in UTF-8, times in UTC, zero dates and zero numbers kept, and no
/// checks of what the source has checked, except where the checks changed rows that the binlog lacks.
pub const HEAD: &str = concat!(
    "SET NAMES utf8mb4;\nSET SESSION time_zone = ",
    time_zone!(),
    ", foreign_key_checks = 0, unique_checks = 0,\n    sql_mode = ",
    sql_mode!(),
    ";\n"
);
/// The time zone in [`HEAD`].
const TIME_ZONE: &str = time_zone!();
/// The sql_mode in [`HEAD`].
const SQL_MODE: &str = sql_mode!();

/// Modes of MySQL that no supported version has: POSTGRESQL to MYSQL40, whose effects have bits of their own, and
/// NO_AUTO_CREATE_USER. In MariaDB the bits have a meaning.
const MYSQL_FORMER_MODES: u64 = 0x1003_ff00;
/// A statement without one of these words does not depend on when it is executed. One with such a word may, or may not.
const WORDS_OF_TIME: [&str; 8] = [
    "timestamp",
    "now",
    "localtime",
    "current_",
    "curdate",
    "curtime",
    "utc_",
    "schedule",
];

/// A session, as far as it differs from how the head of the script prepares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ScriptSession {
    sql_mode: Option<u64>,
    collation_connection: Option<u16>,
    collation_server: Option<u16>,
    time_zone: Option<Box<str>>,
    explicit_defaults: Option<bool>,
    /// In seconds since 1970, and microseconds.
    timestamp: Option<(u32, u32)>,
    foreign_key_checks: bool,
}

impl ScriptSession {
    /// The session of a DDL statement.
    pub(super) fn of_ddl(ddl: &Ddl, flavour: Flavour) -> Self {
        let session = &ddl.session;
        let text = ddl.statement.to_ascii_lowercase();
        let depends_on_time = WORDS_OF_TIME.iter().any(|word| text.contains(word));
        let microseconds = session.microseconds.unwrap_or_default();
        Self {
            sql_mode: session.sql_mode.map(|mode| match flavour {
                Flavour::MySql => mode & !MYSQL_FORMER_MODES,
                Flavour::MariaDb => mode,
            }),
            collation_connection: session.connection_collation,
            collation_server: session.server_collation,
            time_zone: session.time_zone.clone(),
            explicit_defaults: session
                .explicit_defaults_for_timestamp
                .filter(|_| text.contains("timestamp")),
            timestamp: depends_on_time.then_some((ddl.event.timestamp, microseconds)),
            foreign_key_checks: false,
        }
    }

    /// The session of rows.
    pub(super) fn of_rows(rows: &Rows) -> Self {
        Self {
            foreign_key_checks: rows.cascades,
            ..Self::default()
        }
    }

    /// Writes the statement that sets the variables in which `wanted` differs.
    pub(super) fn turn_to(&mut self, wanted: Self, out: &mut Vec<u8>) {
        if *self == wanted {
            return;
        }
        let former = std::mem::replace(self, wanted);
        if former.collation_connection.is_some() && self.collation_connection.is_none() {
            out.extend_from_slice(b"SET NAMES utf8mb4;\n");
        }
        let mut before = &b"SET SESSION "[..];
        for ((name, was), (_, is)) in former.variables().into_iter().zip(self.variables()) {
            if was == is {
                continue;
            }
            let value = match is {
                Some(value) => value,
                None if name == "collation_connection" => continue,
                None => default_of(name).to_owned(),
            };
            out.extend_from_slice(before);
            out.extend_from_slice(format!("{name} = {value}").as_bytes());
            before = b", ";
        }
        if before == b", " {
            out.extend_from_slice(b";\n");
        }
    }

    /// The variables, with a value where it differs from the head of the script.
    fn variables(&self) -> [(&'static str, Option<String>); 7] {
        let number = |number: u64| number.to_string();
        let zone = |zone: &str| {
            let mut quoted = Vec::new();
            write_quoted(zone, &mut quoted);
            String::from_utf8_lossy(&quoted).into_owned()
        };
        let time = |(seconds, microseconds): (u32, u32)| {
            let mut text = seconds.to_string();
            if microseconds > 0 {
                write!(text, ".{microseconds:06}").unwrap_or_default();
            }
            text
        };
        let collation = |id: Option<u16>| id.map(u64::from).map(number);
        let flag = |flag: bool| number(u64::from(flag));
        [
            ("sql_mode", self.sql_mode.map(number)),
            ("collation_connection", collation(self.collation_connection)),
            ("collation_server", collation(self.collation_server)),
            ("time_zone", self.time_zone.as_deref().map(zone)),
            (
                "explicit_defaults_for_timestamp",
                self.explicit_defaults.map(flag),
            ),
            ("timestamp", self.timestamp.map(time)),
            (
                "foreign_key_checks",
                self.foreign_key_checks.then(|| flag(true)),
            ),
        ]
    }
}

/// The value that the head of the script gives a variable.
fn default_of(name: &str) -> &'static str {
    match name {
        "sql_mode" => SQL_MODE,
        "time_zone" => TIME_ZONE,
        "foreign_key_checks" => "0",
        _of_the_server => "DEFAULT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(session: &mut ScriptSession, wanted: &ScriptSession, expected: &str) {
        let mut out = Vec::new();
        session.turn_to(wanted.clone(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(session, wanted);
    }

    #[test]
    fn only_what_changes_is_printed() {
        let mut session = ScriptSession::default();
        let first = ScriptSession {
            sql_mode: Some(5),
            collation_connection: Some(45),
            time_zone: Some("+01:00".into()),
            timestamp: Some((1_700_000_000, 7)),
            ..ScriptSession::default()
        };
        check(
            &mut session,
            &first,
            "SET SESSION sql_mode = 5, collation_connection = 45, time_zone = '+01:00', timestamp = 1700000000.000007;\n",
        );
        check(&mut session, &first, "");
        let second = ScriptSession {
            timestamp: Some((1_700_000_001, 0)),
            explicit_defaults: Some(false),
            ..first
        };
        check(
            &mut session,
            &second,
            "SET SESSION explicit_defaults_for_timestamp = 0, timestamp = 1700000001;\n",
        );
        let rows = ScriptSession {
            foreign_key_checks: true,
            ..ScriptSession::default()
        };
        let expected = format!(
            "SET NAMES utf8mb4;\nSET SESSION sql_mode = {}, time_zone = '+00:00', \
             explicit_defaults_for_timestamp = DEFAULT, timestamp = DEFAULT, foreign_key_checks = 1;\n",
            SQL_MODE
        );
        check(&mut session, &rows, &expected);
        check(
            &mut session,
            &ScriptSession::default(),
            "SET SESSION foreign_key_checks = 0;\n",
        );
        let named = ScriptSession {
            collation_connection: Some(8),
            ..ScriptSession::default()
        };
        check(
            &mut session,
            &named,
            "SET SESSION collation_connection = 8;\n",
        );
        check(
            &mut session,
            &ScriptSession::default(),
            "SET NAMES utf8mb4;\n",
        );
    }
}
