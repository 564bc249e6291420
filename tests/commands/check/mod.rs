//! `rowtap check` and `rowtap validate`: staged problems, each found beside all the others and gone once its fix was executed
//! as it was printed.
//!
//! | where | problems staged together |
//! |---|---|
//! | `source` | settings, rights, ids, sessions, tables and rules at a server of either family |
//! | `starts` | places to start at, logins, hosts that are down |
//! | `folders` | state folders and folders of files |
//! | `kafka` | topics, their settings and rights |
//! | `rules` | rules on columns and rows that do not fit the tables |
//! | `mistakes` | connector files |
//!
//! Each of them lists its problems in a table.

mod folders;
#[cfg(feature = "kafka")]
mod kafka;
mod mistakes;
#[cfg(feature = "kafka")]
mod replica;
mod rules;
mod source;
mod starts;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::process::{Folder, PASSWORD};
use crate::support::Server;

/// A problem that is staged: how the finding about it is known.
pub struct Problem {
    /// `fatal` or `warning`, or `not_checked`.
    pub severity: &'static str,
    pub check: &'static str,
    /// What it says, or part of it.
    pub says: &'static str,
}

/// A problem that keeps the connector from streaming.
pub const fn fatal(check: &'static str, says: &'static str) -> Problem {
    Problem {
        severity: "fatal",
        check,
        says,
    }
}

/// A problem that does not.
pub const fn warning(check: &'static str, says: &'static str) -> Problem {
    Problem {
        severity: "warning",
        check,
        says,
    }
}

/// What `check --json` printed, and its exit code.
#[derive(Debug)]
pub struct Report {
    pub code: Option<i32>,
    all: Value,
}

/// A finding, with the connector and the group that it is of.
#[derive(Debug)]
pub struct Told<'a> {
    pub connector: &'a str,
    pub group: &'static str,
    finding: &'a Value,
}

impl Told<'_> {
    pub fn text(&self, key: &str) -> &str {
        self.finding[key].as_str().unwrap_or_default()
    }

    /// What is to be executed: the kind and the text of each fix.
    pub fn fixes(&self) -> Vec<(String, String)> {
        let fixes = self.finding["fix"].as_array().cloned().unwrap_or_default();
        let text = |fix: &Value, key: &str| fix[key].as_str().unwrap().to_owned();
        fixes
            .iter()
            .map(|fix| (text(fix, "kind"), text(fix, "text")))
            .collect()
    }

    fn is(&self, problem: &Problem) -> bool {
        self.text("severity") == problem.severity
            && self.text("check") == problem.check
            && self.text("what").contains(problem.says)
    }
}

/// Checks connector files of a folder.
#[track_caller]
pub fn checked(folder: &Folder, files: &[&str]) -> Report {
    let arguments = [&["check", "--json"], files].concat();
    let ended = folder.run(&arguments);
    assert!(!ended.stdout.contains(PASSWORD), "{}", ended.stdout);
    let all: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr));
    let report = Report {
        code: ended.code,
        all,
    };
    let described = include_str!("../../../schemas/check.md");
    for told in report.all() {
        let words = ["check", "severity"].map(|key| format!("`{}`", told.text(key)));
        assert!(
            words.iter().all(|word| described.contains(word)),
            "{told:?}"
        );
        let kinds = told
            .fixes()
            .into_iter()
            .map(|(kind, _)| format!("`{kind}`"));
        kinds.for_each(|kind| assert!(described.contains(&kind), "{kind}"));
    }
    assert_eq!(report.all["ready"] == true, report.code == Some(0));
    assert_eq!(report.all["exit_code"].as_i64(), report.code.map(i64::from));
    report
}

impl Report {
    pub fn all(&self) -> Vec<Told<'_>> {
        let mut told = Vec::new();
        let connectors = self.all["connectors"].as_array().unwrap();
        for connector in connectors {
            for group in ["configuration", "source", "target", "folders"] {
                let findings = connector[group].as_array().unwrap();
                told.extend(findings.iter().map(|finding| Told {
                    connector: connector["connector"].as_str().unwrap(),
                    group,
                    finding,
                }));
            }
        }
        told
    }

    /// The findings that tell a problem, at least one.
    #[track_caller]
    pub fn of(&self, problem: &Problem) -> Vec<Told<'_>> {
        let found: Vec<Told<'_>> = self.all().into_iter().filter(|it| it.is(problem)).collect();
        assert!(
            !found.is_empty(),
            "{} {} {:?} is not told in {:#}",
            problem.severity,
            problem.check,
            problem.says,
            self.all
        );
        found
    }

    /// Makes sure that a problem is told no more.
    #[track_caller]
    pub fn lacks(&self, problem: &Problem) {
        let all = self.all();
        let left: Vec<&Told<'_>> = all.iter().filter(|it| it.is(problem)).collect();
        assert!(left.is_empty(), "{left:#?}");
    }

    /// Makes sure that nothing is told that keeps a connector from streaming.
    #[track_caller]
    pub fn is_ready(&self) {
        let all = self.all();
        let fatal: Vec<&Told<'_>> = all
            .iter()
            .filter(|it| it.text("severity") == "fatal")
            .collect();
        assert!(fatal.is_empty() && self.code == Some(0), "{fatal:#?}");
    }

    /// The lines for the source's option file that the findings about problems print.
    pub fn option_lines(&self, problems: &[Problem]) -> Vec<String> {
        self.fixes(problems, "option_file")
    }

    /// The fixes of one kind that the findings about problems print, in their order, each once.
    #[track_caller]
    pub fn fixes(&self, problems: &[Problem], kind: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for problem in problems {
            for told in self.of(problem) {
                let fixes = told.fixes().into_iter();
                for (_, text) in fixes.filter(|(of, _)| of == kind) {
                    if !texts.contains(&text) {
                        texts.push(text);
                    }
                }
            }
        }
        texts
    }

    /// Executes the statements that the findings about problems print.
    #[track_caller]
    pub fn execute(&self, server: &Server, problems: &[Problem]) {
        for statement in self.fixes(problems, "sql") {
            server.execute(&statement);
        }
    }

    /// Puts the keys that the findings about a problem print into the files of their connectors.
    #[track_caller]
    pub fn set_keys(&self, folder: &Folder, problem: &Problem) {
        for told in self.of(problem) {
            let section = match told.group {
                "target" => "[sink]",
                _source => "[source]",
            };
            for (_, key) in told.fixes().iter().filter(|(kind, _)| kind == "connector") {
                let path = folder.path(&format!("{}.toml", told.connector));
                set_key(&path, section, key);
            }
        }
    }
}

/// Puts a key into a section, in the place of the one that is there.
fn set_key(path: &PathBuf, section: &str, key: &str) {
    let name = key.split_once(" = ").unwrap().0;
    let text = fs::read_to_string(path).unwrap();
    let begins = |line: &&str| line.split_once(" = ").is_some_and(|(it, _)| it == name);
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == section;
        }
        if !(inside && begins(&line)) {
            lines.push(line);
        }
        if line == section {
            lines.push(key);
        }
    }
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// Everything that is in a folder, below it too, but the output of rowtap.
pub fn names_in(folder: &Folder) -> Vec<PathBuf> {
    fn collect(path: PathBuf, names: &mut Vec<PathBuf>) {
        if let Ok(entries) = fs::read_dir(&path) {
            entries.for_each(|entry| collect(entry.unwrap().path(), names));
        }
        names.push(path);
    }
    let mut names = Vec::new();
    collect(folder.path(""), &mut names);
    let is_output = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ending == "out" || ending == "err")
    };
    names.retain(|path| !is_output(path));
    names.sort();
    names
}
