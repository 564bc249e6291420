//! A file of what a person tells of tables, for `--definitions`: SQL, or the commands that a connector wrote when it stopped.
//!
//! | in SQL | means |
//! |---|---|
//! | `USE shop;` | the database of names without one from here on |
//! | `CREATE TABLE orders (…);` | a definition, to a semicolon at the end of a line, or to the end of the file |
//! | `-- at binlog.000003:1234` | the next definition holds from there on in that binlog, not from the top of each |
//!
//! Other statements and comments, such as those of a dump, are passed over. Of commands, `--table`, `--at`, `--engine` and the
//! statement after `--define -` count.

use crate::binlog::Coordinates;
use crate::change::definition::{Change, transactional};
use crate::change::statement::{self, StatementContext, StatementKind};
use crate::change::{Point, Revision};
use crate::cli::definitions::told::defined;
use crate::mysql::Flavour;
use crate::row::TableName;

/// What one file tells.
#[derive(Debug, Default)]
pub(super) struct ToldFile {
    tables: Vec<ToldTable>,
}

/// What is told of one table.
#[derive(Debug, PartialEq, Eq)]
struct ToldTable {
    table: TableName,
    /// Where that holds; `None` for the top of each binlog.
    at: Option<Coordinates>,
    told: Told,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// A CREATE TABLE.
    Definition(String),
    /// Whether the table takes part in transactions.
    Engine(bool),
}

impl ToldFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// What is wrong with it, as a fragment with its fix.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_script = text.starts_with("#!");
        let tables = match is_script {
            true => of_commands(text)?,
            false => of_statements(text)?,
        };
        if tables.is_empty() {
            return Err("it holds no CREATE TABLE, write one for each table".to_owned());
        }
        let file = Self { tables };
        // Either family's servers may have written what is told.
        for told in &file.tables {
            let of_mysql = told.change(Flavour::MySql);
            if let (Err(error), Err(_)) = (of_mysql, told.change(Flavour::MariaDb)) {
                return Err(error);
            }
        }
        Ok(file)
    }

    /// Whether something holds from the top of each binlog.
    pub(super) fn has_placeless(&self) -> bool {
        self.tables.iter().any(|told| told.at.is_none())
    }

    /// What is told for a binlog that is read from a point on.
    ///
    /// # Errors
    /// A statement that defines nothing on a server of this family.
    pub(super) fn revisions(
        &self,
        start: &Point,
        flavour: Flavour,
    ) -> Result<Vec<Revision>, String> {
        let is_of_file = |told: &&ToldTable| match &told.at {
            Some(at) => at.file == start.coordinates.file,
            None => true,
        };
        let revision = |told: &ToldTable| {
            let at = told.at.as_ref().unwrap_or(&start.coordinates);
            Ok(Revision {
                at: Point::new(&start.lineage, at.clone()),
                gtid: None,
                statement: None,
                changes: vec![told.change(flavour)?],
            })
        };
        self.tables
            .iter()
            .filter(is_of_file)
            .map(revision)
            .collect()
    }
}

impl ToldTable {
    fn change(&self, flavour: Flavour) -> Result<Change, String> {
        let table = self.table.clone();
        Ok(match &self.told {
            Told::Definition(statement) => {
                let context = StatementContext::newest(flavour);
                let definition = defined(statement, &table, context);
                let definition = definition.map_err(|error| error.to_string())?;
                Change::Defined { table, definition }
            }
            Told::Engine(transactional) => Change::Engine {
                table,
                transactional: *transactional,
            },
        })
    }
}

/// The statements of an SQL file.
fn of_statements(text: &str) -> Result<Vec<ToldTable>, String> {
    let mut tables = Vec::new();
    let (mut database, mut at) = (String::new(), None);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if let Some(place) = line.strip_prefix("-- at ") {
            at = Some(coordinates(place.trim())?);
        } else if let Some(name) = word_after(line, "USE ") {
            database = unquoted_name(name.trim_end_matches(';').trim());
        } else if word_after(line, "CREATE TABLE ").is_some() {
            let mut statement = line.to_owned();
            while !statement.ends_with(';')
                && let Some(more) = lines.next()
            {
                statement.push('\n');
                statement.push_str(more.trim_end());
            }
            let statement = statement.trim_end_matches(';').to_owned();
            tables.push(ToldTable {
                table: table_of(&statement, &database)?,
                at: at.take(),
                told: Told::Definition(statement),
            });
        }
    }
    Ok(tables)
}

/// The commands of a shell script.
fn of_commands(text: &str) -> Result<Vec<ToldTable>, String> {
    let mut tables = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') || !line.contains(" definitions ") {
            continue;
        }
        let words = words_of(line);
        let after = |option: &str| {
            let place = words.iter().position(|word| word == option)?;
            words.get(place + 1)
        };
        let table = after("--table").and_then(|name| name.split_once('.'));
        let (database, name) = table.ok_or("a command has no --table DATABASE.TABLE, add it")?;
        let table = TableName::new(database, name);
        let at = after("--at").map(|place| coordinates(place)).transpose()?;
        let told = match (after("--engine"), after("--define")) {
            (Some(engine), _) => match transactional(engine) {
                Some(transactional) => Told::Engine(transactional),
                None => {
                    return Err(format!(
                        "whether the engine {engine:?} of {table} takes part in transactions is not known, name it, such as InnoDB"
                    ));
                }
            },
            (None, Some(dash)) if dash == "-" => {
                let end = line.rsplit_once("<<").map_or("", |(_, end)| end);
                let end = end.trim().trim_matches('\'');
                let statement: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                Told::Definition(statement.join("\n"))
            }
            (None, Some(statement)) => Told::Definition(statement.clone()),
            (None, None) => {
                return Err(format!(
                    "the command on {table} tells nothing, add --define"
                ));
            }
        };
        tables.push(ToldTable { table, at, told });
    }
    Ok(tables)
}

/// The table that a statement creates.
fn table_of(statement: &str, database: &str) -> Result<TableName, String> {
    let context = StatementContext::newest(Flavour::MySql);
    let scanned = statement::scan(statement, database, context);
    let object = scanned.objects.first();
    let named = object.filter(|_| matches!(scanned.kind, StatementKind::CreateTable { .. }));
    let begin: String = statement.chars().take(40).collect();
    match named {
        Some(object) if object.name.database.is_empty() => Err(format!(
            "{begin:?} names no database, write it before the table's name, or USE it before"
        )),
        Some(object) => Ok(object.name.clone()),
        None => Err(format!("{begin:?} is no CREATE TABLE that can be read")),
    }
}

fn coordinates(place: &str) -> Result<Coordinates, String> {
    let parted = place.rsplit_once(':');
    parted
        .and_then(|(file, position)| Some(Coordinates::new(file, position.parse().ok()?)))
        .ok_or_else(|| format!("{place:?} is no place, expected FILE:POSITION"))
}

/// What follows a keyword, in whichever case.
fn word_after<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let (found, rest) = line.split_at_checked(keyword.len())?;
    found.eq_ignore_ascii_case(keyword).then_some(rest)
}

fn unquoted_name(name: &str) -> String {
    match name
        .strip_prefix('`')
        .and_then(|name| name.strip_suffix('`'))
    {
        Some(quoted) => quoted.replace("``", "`"),
        None => name.to_owned(),
    }
}

/// The words of a line of the shell, as far as quotes and backslashes part them.
fn words_of(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_word) = (Vec::new(), String::new(), false);
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => word.push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                is_word = true;
            }
            (_, '\\') => {
                word.extend(letters.next());
                is_word = true;
            }
            (None, letter) if letter.is_whitespace() => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (_, letter) => {
                word.push(letter);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, Option<String>, String)> {
        let file = ToldFile::parse(text).unwrap();
        let shown = |told: &ToldTable| {
            let at = told.at.as_ref().map(ToString::to_string);
            let what = match &told.told {
                Told::Definition(statement) => statement.clone(),
                Told::Engine(transactional) => transactional.to_string(),
            };
            (told.table.to_string(), at, what)
        };
        file.tables.iter().map(shown).collect()
    }

    #[test]
    fn a_dump_and_places_in_it_are_read() {
        let found = told(
            "-- MySQL dump\nDROP TABLE IF EXISTS `t`;\nuse `a``b`;\ncreate table `t` (\n  `a` int,\n  KEY (a)\n) \
             COMMENT='x';\n\n-- at b.000007:99\nCREATE TABLE c.u (a INT)",
        );
        let statement = "create table `t` (\n  `a` int,\n  KEY (a)\n) COMMENT='x'";
        assert_eq!(
            found,
            [
                ("a`b.t".to_owned(), None, statement.to_owned()),
                (
                    "c.u".to_owned(),
                    Some("b.000007:99".to_owned()),
                    "CREATE TABLE c.u (a INT)".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn the_commands_of_a_stop_are_read() {
        let found = told(
            "#!/bin/sh\nset -eu\n# rowtap definitions --table 'x.y'\n\"${ROWTAP:-rowtap}\" definitions '/it'\\''s/shop.toml' \
             --table 'd.it'\\''s' --at 'b.000001:7' --define - <<'END'\nCREATE TABLE `d`.`it's` (\n  a INT\n)\nEND\n\
             rowtap definitions shop.toml --table d.u --engine \"InnoDB\"\n\
             rowtap definitions shop.toml --table d.v --define 'CREATE TABLE v (a INT)'\n",
        );
        let place = Some("b.000001:7".to_owned());
        assert_eq!(
            found,
            [
                (
                    "d.it's".to_owned(),
                    place,
                    "CREATE TABLE `d`.`it's` (\n  a INT\n)".to_owned()
                ),
                ("d.u".to_owned(), None, "true".to_owned()),
                ("d.v".to_owned(), None, "CREATE TABLE v (a INT)".to_owned()),
            ]
        );
    }

    #[test]
    fn what_tells_nothing_is_refused_with_its_fix() {
        for (text, expected) in [
            ("", "write one for each table"),
            ("SELECT 1;", "write one for each table"),
            ("CREATE TABLE t (a INT);", "USE it before"),
            (
                "USE d;\nCREATE TABLE t (<name 1> INT);",
                "still has <name 1> in it",
            ),
            (
                "USE d;\nCREATE TABLE t (a FROBNICATE);",
                "give the whole CREATE TABLE",
            ),
            (
                "-- at b\nCREATE TABLE d.t (a INT);",
                "expected FILE:POSITION",
            ),
            ("#!/bin/sh\nrowtap definitions x.toml --table t", "add it"),
            (
                "#!/bin/sh\nrowtap definitions x.toml --table d.t",
                "add --define",
            ),
            (
                "#!/bin/sh\nrowtap definitions x.toml --table d.t --engine x",
                "such as InnoDB",
            ),
        ] {
            let error = ToldFile::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
