//! Every clause of the manuals' CREATE, ALTER, RENAME and DROP, followed by statements alone: after each statement, what is
//! believed of every table is held against information_schema.

use mysql::prelude::Queryable;
use rowtap::change::definition::Change;

use super::catalogue::Catalogue;
use super::followed::{Case, Followed, full};
use crate::support::{Flavour, Server};

/// Parts that begin with `== …`; in them as in `followed.tsv`.
const CLAUSES: &str = include_str!("clauses.tsv");

/// What a part finds.
const PART: [&str; 8] = [
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = DEFAULT",
    "DROP DATABASE IF EXISTS a",
    "DROP DATABASE IF EXISTS b",
    "CREATE DATABASE a CHARACTER SET latin1",
    "CREATE DATABASE b CHARACTER SET utf8mb4",
    "USE a",
    "DO 0",
];

/// At most one of so many statements may leave a table stale.
const STALE_EACH: usize = 100;

/// What became of the statements of one server.
#[derive(Debug, Default)]
struct Counts {
    statements: usize,
    stale: Vec<String>,
    wrong: Vec<String>,
    refused: Vec<String>,
}

#[test]
fn every_clause_is_followed_on_mysql() {
    let counts = run(Flavour::MySql97, 630);
    assert!(counts.refused.is_empty(), "{counts:#?}");
}

#[test]
fn every_clause_is_followed_on_mariadb() {
    let counts = run(Flavour::MariaDb118, 600);
    assert!(counts.refused.is_empty(), "{counts:#?}");
}

#[test]
fn every_clause_is_followed_on_older_servers() {
    if !full() {
        return;
    }
    let older = [Flavour::MySql80, Flavour::MySql57, Flavour::MariaDb1011];
    for (flavour, statements_min) in older.into_iter().zip([480, 450, 600]) {
        run(flavour, statements_min);
    }
}

/// The file holds at least as many statements as the goal asks for.
#[test]
fn the_clauses_are_many() {
    let count = parts().flat_map(|(_, lines)| lines).count();
    assert!(count >= 850, "{count}");
}

/// Runs all parts, or without ROWTAP_TEST_FULL every third, which the seed chooses.
fn run(flavour: Flavour, statements_min: usize) -> Counts {
    let server = Server::start(flavour, &[]);
    let mut followed = Followed::new(&server);
    let mut observer = server.connect();
    let mut counts = Counts::default();
    for (title, lines) in parts() {
        for text in PART {
            followed.connection.query_drop(text).unwrap();
        }
        followed.follow();
        for line in lines {
            execute(line, title, &mut followed, &mut observer, &mut counts);
        }
    }
    println!(
        "{flavour:?}: {} statements, {} stale, {} wrong, {} refused\n  {}\n  {}\n  {}",
        counts.statements,
        counts.stale.len(),
        counts.wrong.len(),
        counts.refused.len(),
        counts.stale.join("\n  "),
        counts.wrong.join("\n  "),
        counts.refused.join("\n  "),
    );
    assert!(counts.wrong.is_empty(), "{counts:#?}");
    assert!(
        counts.stale.len() * STALE_EACH <= counts.statements,
        "{counts:#?}"
    );
    assert!(counts.statements >= statements_min, "{counts:#?}");
    counts
}

fn execute(
    line: &'static str,
    title: &str,
    followed: &mut Followed,
    observer: &mut mysql::Conn,
    counts: &mut Counts,
) {
    let case = Case::read(line);
    if !followed.is_for(case.whose) {
        return;
    }
    let text = &case.text;
    match followed.execute(text, case.charset) {
        Ok(()) => {}
        Err(mysql::Error::MySqlError(error)) => {
            counts.refused.push(format!("{}: {text}", error.code));
            return;
        }
        Err(error) => panic!("{title}: {text}: {error}"),
    }
    let changes = followed.follow();
    if text.starts_with("SET ") && !text.starts_with("SET STATEMENT") {
        return;
    }
    counts.statements += 1;
    let stale = changes.iter().filter_map(|change| match change {
        Change::Stale { table, reason } if reason.as_str() != "it is a sequence" => {
            Some(format!("{title}: {text}: {table}: {reason}"))
        }
        Change::AllStale { reason } => Some(format!("{title}: {text}: {reason}")),
        _ => None,
    });
    counts.stale.extend(stale.take(1));
    let catalogue = Catalogue::read(observer);
    let differences = catalogue.differences(&followed.schemas);
    if !differences.is_empty() {
        counts.wrong.push(format!(
            "{title}: {text}\n    {}",
            differences.join("\n    ")
        ));
        catalogue.correct(&mut followed.schemas);
    }
    catalogue.heal(&mut followed.schemas);
}

/// The parts with their titles.
fn parts() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    CLAUSES.split("\n== ").skip(1).map(|part| {
        let mut lines = part.lines().filter(|line| !line.starts_with("//"));
        (lines.next().unwrap(), lines.collect())
    })
}
