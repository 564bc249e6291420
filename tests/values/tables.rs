//! Tables and settings that rowtap does not read: what is refused by name.

use super::{Bench, DATABASE, decode};
use crate::support::Flavour;

/// Runs statements and checks what is refused of the tables that they change.
fn check_refused(flavour: Flavour, statements: &[&str], expected: &[(&str, &str)]) {
    let mut bench = Bench::start(flavour);
    for statement in statements {
        bench.run(statement);
    }
    let (file, _) = bench.server.coordinates();
    let refused = decode::refused(&bench.server.binlog_path(&file), flavour, DATABASE);
    let tables: Vec<_> = refused.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(
        tables,
        expected.iter().map(|(table, _)| *table).collect::<Vec<_>>()
    );
    for ((table, error), (_, part)) in refused.iter().zip(expected) {
        assert!(error.contains(part), "{table}: {error}");
    }
}

#[test]
fn old_times_of_mariadb_are_refused_where_nothing_tells_their_digits() {
    check_refused(
        Flavour::MariaDb1011,
        &[
            "SET GLOBAL mysql56_temporal_format = OFF",
            "CREATE TABLE c (old_moment TIMESTAMP)",
            "INSERT INTO c VALUES (NOW())",
        ],
        &[(
            "c",
            "the number of digits after the seconds of column old_moment is not in the table map, a definition tells it",
        )],
    );
}

#[test]
fn what_a_table_map_lacks_is_named_and_not_guessed() {
    let statements = [
        "CREATE TABLE a (number INT UNSIGNED)",
        "INSERT INTO a VALUES (1)",
        "CREATE TABLE b (day DATE, word VARCHAR(9))",
        "INSERT INTO b VALUES ('2020-01-01', 'x')",
        "CREATE TABLE c (choice ENUM('a', 'b'))",
        "INSERT INTO c VALUES ('a')",
        "CREATE TABLE d (choices SET('a', 'b'))",
        "INSERT INTO d VALUES ('a')",
    ];
    let none = ["SET GLOBAL binlog_row_metadata = NO_LOG"];
    let labels = [
        ("c", "the labels of column #1"),
        ("d", "the labels of column #1"),
    ];
    let all = [
        ("a", "the signedness of column #1"),
        ("b", "the character set of column #2"),
    ];
    check_refused(
        Flavour::MariaDb1011,
        &[&none[..], &statements].concat(),
        &[all, labels].concat(),
    );
    let minimal = ["SET GLOBAL binlog_row_metadata = MINIMAL"];
    check_refused(
        Flavour::MySql97,
        &[&minimal[..], &statements].concat(),
        &labels,
    );
}

#[test]
fn rows_without_a_column_are_refused_since_nothing_counts_them() {
    check_refused(
        Flavour::MariaDb1011,
        &[
            "SET SESSION binlog_row_image = MINIMAL",
            "CREATE TABLE a (id INT PRIMARY KEY DEFAULT 7, b INT)",
            "INSERT INTO a () VALUES ()",
        ],
        &[("a", "set binlog_row_image=FULL on the source")],
    );
}
