//! What a look at a connector and its surroundings found, each with what a person does about it.
//!
//! A run stops at what is fatal; `rowtap check` shows everything. A fix is kept as it is to be executed, apart from the
//! words around it. Not for errors while a connector streams: those are errors of their stage.

use serde::Serialize;

use crate::failure::Class;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing is to be done.
    Note,
    /// It could not be looked at.
    NotChecked,
    /// The connector starts, and this may stop or mislead somebody later.
    Warning,
    /// The connector does not start, or stops at the first change that it concerns.
    Fatal,
}

/// Something to do, as it is to be executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "text", rename_all = "snake_case")]
pub enum Fix {
    /// A statement for the source, without a semicolon.
    Sql(String),
    /// A line of the source's option file, which it reads when it starts.
    OptionFile(String),
    /// A key of the connector's file.
    Connector(String),
    /// A command for a shell.
    Command(String),
    /// What no command does.
    Advice(String),
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at, in a word that stays the same.
    pub check: &'static str,
    /// What was found.
    pub what: String,
    /// Where: a server, a file and line, a table, a topic, a folder.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What to do, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<Fix>,
    /// What a fatal one means.
    #[serde(skip)]
    pub class: Option<Class>,
}

impl Finding {
    fn new(severity: Severity, check: &'static str, what: impl Into<String>) -> Self {
        Self {
            severity,
            check,
            what: what.into(),
            place: None,
            fix: Vec::new(),
            class: None,
        }
    }

    /// Makes one that keeps the connector from streaming.
    pub fn fatal(check: &'static str, class: Class, what: impl Into<String>) -> Self {
        Self {
            class: Some(class),
            ..Self::new(Severity::Fatal, check, what)
        }
    }

    /// Makes one that does not.
    pub fn warning(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, check, what)
    }

    /// Makes one of something that could not be looked at, with the reason.
    pub fn not_checked(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::NotChecked, check, what)
    }

    /// Makes one that is worth knowing.
    pub fn note(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, check, what)
    }

    /// Makes one of something that is as it should be.
    pub fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Ok, check, what)
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Adds something to do.
    #[must_use]
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix.push(fix);
        self
    }

    /// Adds a statement for the source.
    #[must_use]
    pub fn sql(self, statement: impl Into<String>) -> Self {
        self.fix(Fix::Sql(statement.into()))
    }

    /// Adds a line for the source's option file.
    #[must_use]
    pub fn option_file(self, line: impl Into<String>) -> Self {
        self.fix(Fix::OptionFile(line.into()))
    }

    /// Adds a key for the connector's file.
    #[must_use]
    pub fn connector(self, key: impl Into<String>) -> Self {
        self.fix(Fix::Connector(key.into()))
    }

    /// Adds a command for a shell.
    #[must_use]
    pub fn command(self, command: impl Into<String>) -> Self {
        self.fix(Fix::Command(command.into()))
    }

    /// Adds words.
    #[must_use]
    pub fn advice(self, words: impl Into<String>) -> Self {
        self.fix(Fix::Advice(words.into()))
    }

    /// Whether it keeps the connector from streaming.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }
}

/// Names of many things, of which the first are listed.
pub fn listed(names: &[String]) -> String {
    const LISTED_MAX: usize = 20;
    first_of(names, LISTED_MAX)
}

/// Names of many things, of which so many are listed.
pub fn first_of(names: &[String], listed_max: usize) -> String {
    let first: Vec<&str> = names.iter().take(listed_max).map(String::as_str).collect();
    match names.len().saturating_sub(listed_max) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_json_as_programs_read_it() {
        let finding = Finding::fatal("binlog_format", Class::Refused, "it is MIXED")
            .at("db:3306")
            .sql("SET GLOBAL binlog_format = ROW");
        assert_eq!(
            serde_json::to_string(&finding).unwrap(),
            r#"{"severity":"fatal","check":"binlog_format","what":"it is MIXED","where":"db:3306","fix":[{"kind":"sql","text":"SET GLOBAL binlog_format = ROW"}]}"#
        );
        assert!(Severity::Ok < Severity::Warning && Severity::Warning < Severity::Fatal);
    }

    #[test]
    fn of_many_names_the_first_are_listed() {
        let names: Vec<String> = (0..22).map(|number| format!("t{number}")).collect();
        assert!(listed(&names).ends_with("t19 and 2 more"));
        assert_eq!(listed(&["a".to_owned(), "b".to_owned()]), "a, b");
    }
}
