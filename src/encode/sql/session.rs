//! The session that a DDL statement of the script is executed in: what its source's was, as far as the binlog tells.
//!
//! | variable | before the statement | behind it, as [`HEAD`](super::HEAD) has it |
//! |---|---|---|
//! | sql_mode | the event's, a number | the script's |
//! | time_zone | the event's, if the statement depends on it | UTC |
//! | collation_connection | the event's, a number | that of SET NAMES utf8mb4 |
//! | collation_server | the event's, a number | the server's |
//!
//! The statement itself is printed in UTF-8, so character_set_client stays utf8mb4.

use std::io::Write as _;

use super::literal::write_quoted;
use crate::change::StatementSession;
use crate::mysql::Flavour;

/// Modes of MySQL that no supported version has: POSTGRESQL to MYSQL40, and NO_AUTO_CREATE_USER. What the first stood for
/// has bits of its own. In MariaDB the bits have a meaning.
const MYSQL_FORMER_MODES: u64 = 0x1003_ff00;

/// Writes what the session becomes; nothing, and false, where the binlog does not tell.
pub(super) fn enter(session: &StatementSession, flavour: Flavour, out: &mut Vec<u8>) -> bool {
    let mode = session.sql_mode.map(|mode| match flavour {
        Flavour::MySql => mode & !MYSQL_FORMER_MODES,
        Flavour::MariaDb => mode,
    });
    let mut list = List::default();
    for (name, value) in [
        ("sql_mode", mode),
        (
            "collation_connection",
            session.connection_collation.map(u64::from),
        ),
        ("collation_server", session.server_collation.map(u64::from)),
    ] {
        if let Some(value) = value {
            list.name(name, out);
            write!(out, "{value}").unwrap_or_default();
        }
    }
    if let Some(zone) = &session.time_zone {
        list.name("time_zone", out);
        write_quoted(zone, out);
    }
    list.end(out)
}

/// Writes what makes the session the script's again.
pub(super) fn leave(session: &StatementSession, out: &mut Vec<u8>) {
    if session.connection_collation.is_some() {
        out.extend_from_slice(b"SET NAMES utf8mb4;\n");
    }
    let mut list = List::default();
    for (name, value, was_set) in [
        ("sql_mode", super::SQL_MODE, session.sql_mode.is_some()),
        ("time_zone", super::TIME_ZONE, session.time_zone.is_some()),
        (
            "collation_server",
            "DEFAULT",
            session.server_collation.is_some(),
        ),
    ] {
        if was_set {
            list.name(name, out);
            out.extend_from_slice(value.as_bytes());
        }
    }
    list.end(out);
}

/// A SET statement, if anything is put into it.
#[derive(Default)]
struct List {
    is_begun: bool,
}

impl List {
    fn name(&mut self, name: &str, out: &mut Vec<u8>) {
        let before: &[u8] = match self.is_begun {
            true => b", ",
            false => b"SET SESSION ",
        };
        self.is_begun = true;
        out.extend_from_slice(before);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b" = ");
    }

    fn end(self, out: &mut Vec<u8>) -> bool {
        if self.is_begun {
            out.extend_from_slice(b";\n");
        }
        self.is_begun
    }
}
