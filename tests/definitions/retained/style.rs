//! How a session writes names and strings: its SQL mode, its character set, its default database.

use mysql::Conn;
use mysql::prelude::Queryable;

use super::kinds::{CHARSETS, DATABASES};
use super::values;
use crate::support::Flavour;
use crate::support::checker::Random;

/// How a session takes statements.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// Whether double quotes enclose names.
    pub ansi: bool,
    /// Whether a backslash is one.
    pub no_backslash: bool,
    /// Whether statements come in latin1, not in utf8mb4.
    pub latin1: bool,
    /// The default database.
    pub database: Option<String>,
}

/// Database and table of a name.
pub fn split(name: &str) -> (&str, &str) {
    name.split_once('.').expect("database.table")
}

impl Style {
    /// A table's name as a statement has it.
    pub fn table(&self, name: &str, random: &mut Random) -> String {
        let (database, table) = split(name);
        let written = self.name(table, random);
        if self.database.as_deref() == Some(database) && random.chance(2, 3) {
            return written;
        }
        let space = if random.chance(1, 12) { " " } else { "" };
        format!("{}{space}.{space}{written}", self.name(database, random))
    }

    /// A name as a statement has it.
    pub fn name(&self, name: &str, random: &mut Random) -> String {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_plain && random.chance(2, 3) {
            return name.to_owned();
        }
        if self.ansi && random.chance(1, 2) {
            return format!("\"{}\"", name.replace('"', "\"\""));
        }
        format!("`{}`", name.replace('`', "``"))
    }

    /// A string as a statement has it.
    pub fn string(&self, text: &str, random: &mut Random) -> String {
        let text = match self.no_backslash {
            true => text.to_owned(),
            false => text.replace('\\', "\\\\"),
        };
        if !self.ansi && random.chance(1, 6) {
            return format!("\"{}\"", text.replace('"', "\"\""));
        }
        let quote = if self.no_backslash || random.chance(1, 2) {
            "''"
        } else {
            "\\'"
        };
        format!("'{}'", text.replace('\'', quote))
    }

    /// Whether a statement can hold the text.
    pub fn takes(&self, text: &str) -> bool {
        !self.latin1
            || text
                .chars()
                .all(|c| c.is_ascii() || ('\u{a0}'..='\u{ff}').contains(&c))
    }

    /// Executes a statement, in the session's character set.
    pub fn execute(&self, conn: &mut Conn, statement: &str) -> Result<(), mysql::Error> {
        if !self.latin1 || statement.is_ascii() {
            return conn.query_drop(statement);
        }
        // The client library sends only UTF-8; the server puts this into the session's set, and logs it so.
        conn.query_drop(format!(
            "SET @made = _utf8mb4 x'{}'",
            values::hex(statement.as_bytes())
        ))?;
        conn.query_drop("PREPARE made FROM @made")?;
        conn.query_drop("EXECUTE made")
    }

    /// Changes some of a session's settings, and what it says of them.
    #[track_caller]
    pub fn vary(&mut self, conn: &mut Conn, flavour: Flavour, random: &mut Random) {
        let mut settings = Vec::new();
        if random.chance(1, 3) {
            let (ansi, no_backslash) = (random.chance(1, 3), random.chance(1, 3));
            let mut modes = Vec::new();
            modes.extend(ansi.then_some("ANSI_QUOTES"));
            modes.extend(no_backslash.then_some("NO_BACKSLASH_ESCAPES"));
            modes.extend(random.chance(1, 4).then_some("NO_ENGINE_SUBSTITUTION"));
            modes.extend(random.chance(1, 4).then_some("STRICT_TRANS_TABLES"));
            modes.extend(random.chance(1, 6).then_some("PIPES_AS_CONCAT"));
            settings.push(format!("sql_mode = '{}'", modes.join(",")));
            (self.ansi, self.no_backslash) = (ansi, no_backslash);
        }
        if random.chance(1, 4) {
            self.latin1 = random.chance(1, 3);
            settings.push(
                if self.latin1 {
                    "NAMES latin1"
                } else {
                    "NAMES utf8mb4"
                }
                .to_owned(),
            );
        }
        if random.chance(1, 3) {
            let charset = *random.pick(&CHARSETS);
            settings.push(format!("character_set_server = {charset}"));
        }
        if random.chance(1, 6) {
            let engine = random.pick(&["MyISAM", "InnoDB", "InnoDB"]);
            settings.push(format!("default_storage_engine = {engine}"));
        }
        let is_mariadb = matches!(flavour, Flavour::MariaDb1011 | Flavour::MariaDb118);
        if is_mariadb && random.chance(1, 5) {
            let on = u8::from(random.chance(1, 2));
            settings.push(format!("binlog_alter_two_phase = {on}"));
        }
        if !settings.is_empty() {
            let statement = format!("SET {}", settings.join(", "));
            conn.query_drop(&statement).expect(&statement);
        }
        if random.chance(1, 3) {
            let database = *random.pick(&DATABASES);
            if conn.select_db(database).is_ok() {
                self.database = Some(database.to_owned());
            }
        }
    }
}
