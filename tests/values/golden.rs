//! Recorded binlogs to the text that records hold, so that a change of it is seen in review.
//!
//! `UPDATE_GOLDEN=1` records `tests/binlogs/shop.sql` anew on real servers and writes the text that comes out; the other
//! suites here are what says that the text is right.

use std::fs;
use std::path::{Path, PathBuf};

use super::{OPTIONS, decode};
use crate::support::{Flavour, Server};

const DATABASE: &str = "shop";

fn file(folder: &str, flavour: Flavour, ending: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests
        .join(folder)
        .join(format!("shop-{}.{ending}", flavour.name()))
}

fn record(flavour: Flavour, binlog: &Path) {
    let server = Server::start(flavour, &OPTIONS);
    let statements = include_str!("../binlogs/shop.sql");
    // What only one family knows stands behind a comment that names it.
    let mine = format!("-- {flavour:?} ");
    let statements: Vec<_> = statements
        .lines()
        .map(|line| line.strip_prefix(&mine).unwrap_or(line))
        .filter(|line| !line.starts_with("-- "))
        .collect();
    server.execute(&statements.join("\n"));
    let (file, _) = server.coordinates();
    server.execute("FLUSH BINARY LOGS");
    fs::copy(server.binlog_path(&file), binlog).expect("a writable folder");
}

fn check(flavour: Flavour) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let (binlog, golden) = (
        file("binlogs", flavour, "binlog"),
        file("golden", flavour, "txt"),
    );
    if update {
        record(flavour, &binlog);
    }
    let changes = decode::changes(&binlog, flavour, DATABASE);
    let found: String = changes
        .iter()
        .map(|change| format!("{}: {}\n", change.table, change.text))
        .collect();
    if update {
        fs::write(&golden, &found).expect("a writable folder");
    }
    let expected = fs::read_to_string(&golden).expect("a golden");
    assert!(expected.lines().count() >= 10);
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_shop_recorded_on_mysql_reads_as_it_did() {
    check(Flavour::MySql97);
}

#[test]
fn a_shop_recorded_on_mariadb_reads_as_it_did() {
    check(Flavour::MariaDb1011);
}
