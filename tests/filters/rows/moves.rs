//! Rows that enter and leave a condition where images are not whole, and updates that change nothing that is published.

use mysql::prelude::Queryable;
use rowtap::filter::{FilterOptions, RowMoves, RowOp, RowRuleOptions};
use serde_json::{Value, json};

use super::{Recording, rule};
use crate::support::{Flavour, Server};

/// The changes of `rows.t` that a session's statements make, under some rules: what was done, and the images.
struct Session {
    recording: Recording,
}

impl Session {
    fn of(flavour: Flavour, statements: &[&str]) -> Self {
        let server = Server::start(flavour, &[]);
        let mut connection = server.connect();
        let mut run = |sql: &str| {
            connection
                .query_drop(sql)
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        };
        run("CREATE DATABASE `rows` CHARACTER SET utf8mb4");
        run("FLUSH BINARY LOGS");
        run("USE `rows`");
        statements.iter().for_each(|sql| run(sql));
        Self {
            recording: Recording::of(&server),
        }
    }

    fn changes(&self, options: &FilterOptions) -> Result<Vec<Value>, String> {
        let (lines, ledger) = self.recording.lines(options)?;
        assert_eq!(ledger.imbalance(), 0);
        let change = |line: &Value| json!([line["op"], line["before"], line["after"]]);
        Ok(lines.iter().map(change).collect())
    }

    fn check(&self, condition: &str, expected: &[Value]) {
        let changes = self.changes(&where_(condition, RowMoves::Convert));
        assert_eq!(changes.as_deref(), Ok(expected), "{condition}");
    }

    fn check_refused(&self, condition: &str, parts: &[&str]) {
        let refused = self.changes(&where_(condition, RowMoves::Convert)).err();
        let refused = refused.unwrap_or_else(|| panic!("{condition} was taken"));
        for part in parts {
            assert!(refused.contains(part), "{condition}: {refused}");
        }
    }
}

fn where_(condition: &str, moves: RowMoves) -> FilterOptions {
    FilterOptions {
        rows: vec![rule(condition)],
        row_filter_moves: moves,
        ..FilterOptions::default()
    }
}

const MINIMAL: [&str; 6] = [
    "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT NOT NULL, c VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)",
    "SET SESSION binlog_row_image = 'MINIMAL'",
    "INSERT INTO t (id, a, b, c) VALUES (1, 1, 1, 'x'), (2, 2, 2, 'y')",
    "UPDATE t SET a = 5 WHERE id = 1",
    "UPDATE t SET id = 9, a = NULL, b = 3, c = 'z' WHERE id = 2",
    "DELETE FROM t WHERE id = 1",
];

fn check_minimal(flavour: Flavour) {
    let session = Session::of(flavour, &MINIMAL);
    // The key is in every image; the second row leaves by its key.
    session.check(
        "id < 9",
        &[
            json!(["c", null, {"id": 1, "a": 1, "b": 1, "c": "x"}]),
            json!(["c", null, {"id": 2, "a": 2, "b": 2, "c": "y"}]),
            json!(["u", {"id": 1}, {"a": 5}]),
            json!(["d", {"id": 2}, null]),
            json!(["d", {"id": 1}, null]),
        ],
    );
    // It enters with all of its columns: they are in the image after it.
    session.check(
        "id = 9",
        &[json!(["c", null, {"id": 9, "a": null, "b": 3, "c": "z"}])],
    );
    // What the key decides does not depend on the columns that are not there.
    session.check("id > 9 and a = 5", &[]);
    session.check_refused("a = 5", &["column a", "binlog_row_image=FULL"]);
    session.check_refused(
        "id < 9 and b is not null and c = 'x'",
        &["column c", "binlog_row_image=FULL"],
    );
    let keeps = session.changes(&where_("id = 9", RowMoves::Keep)).unwrap();
    assert_eq!(
        keeps,
        [json!(["u", {"id": 2}, {"id": 9, "a": null, "b": 3, "c": "z"}])]
    );
}

#[test]
fn images_that_are_not_whole_are_judged_where_that_is_certain() {
    check_minimal(Flavour::MySql97);
    check_minimal(Flavour::MariaDb1011);
}

#[test]
fn a_row_that_enters_is_created_whole_or_the_stream_stops() {
    let session = Session::of(
        Flavour::MySql97,
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, j JSON)",
            "INSERT INTO t VALUES (1, 1, 1, '{\"k\": 1, \"long\": \"a text that is longer than its changes\"}')",
            "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
            "UPDATE t SET a = 2, j = JSON_SET(j, '$.k', 2) WHERE id = 1",
            "UPDATE t SET a = 3, j = JSON_SET(j, '$.k', 3) WHERE id = 1",
        ],
    );
    let document = |k: i32| json!({"k": k, "long": "a text that is longer than its changes"});
    // Its document is put together of the one before and the changes.
    session.check(
        "a = 2 and id < 7",
        &[
            json!(["c", null, {"id": 1, "a": 2, "b": 1, "j": document(2)}]),
            json!(["d", {"id": 1, "a": 2, "b": 1, "j": document(2)}, null]),
        ],
    );
    let session = Session::of(
        Flavour::MySql97,
        &[
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)",
            "INSERT INTO t VALUES (1, 1, 1)",
            "SET SESSION binlog_row_image = 'MINIMAL'",
            "UPDATE t SET id = 7, b = 2 WHERE id = 1",
        ],
    );
    session.check_refused(
        "id = 7",
        &["does not hold column a", "row-filter-moves = \"keep\""],
    );
}

#[test]
fn updates_that_change_nothing_that_is_published_are_left_out_and_counted() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let session = Session::of(
            flavour,
            &[
                "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)",
                "INSERT INTO t VALUES (1, 1, 1), (2, 1, NULL)",
                "UPDATE t SET b = 7",
                "UPDATE t SET a = 2 WHERE id = 2",
                "DELETE FROM t",
            ],
        );
        let options = FilterOptions {
            columns_exclude: vec![r"rows\.t\.b".to_owned()],
            skip_unchanged: true,
            ..FilterOptions::default()
        };
        let ops = |options: &FilterOptions| -> Vec<String> {
            let changes = session.changes(options).unwrap();
            changes
                .iter()
                .map(|change| format!("{} {}", change[0], change[2]["a"]))
                .collect()
        };
        let all = ["\"c\" 1", "\"c\" 1", "\"u\" 2", "\"d\" null", "\"d\" null"];
        assert_eq!(ops(&options), all, "{flavour:?}");
        let (_, ledger) = session.recording.lines(&options).unwrap();
        assert_eq!(
            (ledger.rows, ledger.rows_unchanged, ledger.rows_filtered),
            (5, 2, 0)
        );
        // The event with these rows alone goes nowhere.
        assert_eq!((ledger.emitted, ledger.filtered), (3, 1));
        // With the column published, all of them change something.
        let options = FilterOptions {
            skip_unchanged: true,
            ..FilterOptions::default()
        };
        assert_eq!(ops(&options).len(), 7);
        let inserts = FilterOptions {
            rows: vec![RowRuleOptions {
                tables: vec![".*".to_owned()],
                ops: Some(vec![RowOp::C, RowOp::U]),
                ..RowRuleOptions::default()
            }],
            ..FilterOptions::default()
        };
        assert_eq!(ops(&inserts).len(), 5);
    }
}

#[test]
fn an_update_of_a_column_whose_published_value_stays_changes_nothing() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let session = Session::of(
            flavour,
            &[
                "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9), b VARCHAR(9), c VARCHAR(9), d VARCHAR(9))",
                "INSERT INTO t VALUES (1, 'a', 'b', 'c', 'dddd')",
                "UPDATE t SET a = 'another'",
                "UPDATE t SET b = 'x'",
                "UPDATE t SET b = 'xy'",
                "UPDATE t SET c = 'x'",
                "UPDATE t SET d = 'ddee'",
                "UPDATE t SET d = 'eddd', a = 'x'",
                "UPDATE t SET a = NULL",
            ],
        );
        let text = r"
            skip-unchanged = true
            columns-mask = [{ columns = '.*\.a', with = '-' }, { columns = '.*\.b', each = '*' }]
            columns-hash = [{ columns = '.*\.c', salt = 's' }]
            columns-truncate = [{ columns = '.*\.d', length = 2 }]
        ";
        let options: FilterOptions = toml::from_str(text).unwrap();
        let changes = session.changes(&options).unwrap();
        let after: Vec<Value> = changes
            .iter()
            .map(|change| json!([change[2]["a"], change[2]["b"], change[2]["d"]]))
            .collect();
        assert_eq!(
            after,
            [
                json!(["-", "*", "dd"]),
                json!(["-", "**", "dd"]),
                json!(["-", "**", "dd"]),
                json!(["-", "**", "ed"]),
                json!([null, "**", "ed"]),
            ],
            "{flavour:?}"
        );
        let (_, ledger) = session.recording.lines(&options).unwrap();
        assert_eq!(ledger.rows_unchanged, 3);
    }
}
