//! Tables that have hidden columns in their table maps: for functional key parts on MySQL 8.0.15, for unique keys that are
//! hashes on MariaDB.

use mysql::prelude::Queryable;

use super::stopped::{connector, default_metadata, fails, from_here, rows, succeeds};
use crate::support::{Flavour, Server};

/// Runs statements in one session, each of which has to succeed.
#[track_caller]
fn run(server: &Server, statements: &str) {
    let mut conn = server.connect();
    for statement in statements.split(';') {
        conn.query_drop(statement).expect(statement);
    }
}

#[test]
fn columns_beside_those_of_functional_key_parts_keep_their_names() {
    let server = Server::start(Flavour::MySql80, default_metadata(Flavour::MySql80));
    // The column of `k` stands before `id` and `late`, those of `two` behind it; all are of one type.
    run(
        &server,
        "CREATE DATABASE shop; CREATE TABLE shop.t (a INT, KEY k ((a + 1)));
         ALTER TABLE shop.t ADD id INT PRIMARY KEY, ADD late INT; CREATE INDEX two ON shop.t ((late * 2), a, (id + 3));
         CREATE TABLE shop.text (word VARCHAR(9) CHARACTER SET latin1, j JSON, KEY ((UPPER(word))),
             UNIQUE KEY ((CAST(j->>'$.a' AS CHAR(7)))), KEY ((CAST(j->>'$.b' AS DECIMAL(9,3)))));
         ALTER TABLE shop.text ADD place POINT FIRST, ADD number BIGINT UNSIGNED",
    );
    let connector = connector(&server, "root", &from_here(&server));
    let images = ["FULL", "MINIMAL", "NOBLOB"].map(|image| {
        format!(
            "SET binlog_row_image = {image}; INSERT INTO shop.t (id, a, late) VALUES (1, 2, 3); UPDATE shop.t SET late = 4;
             UPDATE shop.t SET a = NULL; DELETE FROM shop.t;
             INSERT INTO shop.text (word, j, number) VALUES (x'e9', '{{\"a\": \"x\", \"b\": 1.5}}', 18446744073709551615);
             UPDATE shop.text SET number = 1; DELETE FROM shop.text"
        )
    });
    run(&server, &images.join(";"));
    succeeds(&connector);
    let numbers = |updated: [&'static str; 2]| {
        let [first, second] = updated;
        [r#"{"a":2,"id":1,"late":3}"#, first, second, "null"]
    };
    let whole = numbers([
        r#"{"a":2,"id":1,"late":4}"#,
        r#"{"a":null,"id":1,"late":4}"#,
    ]);
    let changed = numbers([r#"{"late":4}"#, r#"{"a":null}"#]);
    assert_eq!(rows(&connector, "t"), [whole, changed, whole].concat());
    let whole = [
        r#"{"j":{"a":"x","b":1.5},"number":18446744073709551615,"place":null,"word":"é"}"#,
        r#"{"j":{"a":"x","b":1.5},"number":1,"place":null,"word":"é"}"#,
        "null",
    ];
    let changed = [
        r#"{"j":{"a":"x","b":1.5},"number":18446744073709551615,"word":"é"}"#,
        r#"{"number":1}"#,
        "null",
    ];
    assert_eq!(rows(&connector, "text"), [whole, changed, whole].concat());
}

#[test]
fn functional_key_parts_that_come_and_go_are_asked_for_or_stop_the_stream() {
    let server = Server::start(Flavour::MySql80, default_metadata(Flavour::MySql80));
    run(
        &server,
        "CREATE DATABASE shop; CREATE TABLE shop.t (id INT, a INT, KEY k ((a + 1)))",
    );
    let connector = connector(&server, "root", &from_here(&server));
    let steps = [
        "INSERT INTO shop.t VALUES (1, 2)",
        "ALTER TABLE shop.t ADD late INT; INSERT INTO shop.t VALUES (3, 4, 5)",
        "DROP INDEX k ON shop.t; INSERT INTO shop.t VALUES (6, 7, 8)",
        "CREATE INDEX l ON shop.t ((late + a)); INSERT INTO shop.t VALUES (9, 10, 11)",
        "RENAME TABLE shop.t TO shop.u; CREATE TABLE shop.t LIKE shop.u; INSERT INTO shop.t VALUES (12, 13, 14)",
    ];
    for step in steps {
        run(&server, step);
        succeeds(&connector);
    }
    let expected = [
        r#"{"a":2,"id":1}"#,
        r#"{"a":4,"id":3,"late":5}"#,
        r#"{"a":7,"id":6,"late":8}"#,
        r#"{"a":10,"id":9,"late":11}"#,
        r#"{"a":13,"id":12,"late":14}"#,
    ];
    assert_eq!(rows(&connector, "t"), expected);
    run(
        &server,
        "ALTER TABLE shop.t ADD more INT FIRST; INSERT INTO shop.t VALUES (15, 16, 17, 18);
         ALTER TABLE shop.t DROP INDEX l, ADD KEY m ((id * 2), (a * 2)), ADD last INT;
         INSERT INTO shop.t VALUES (19, 20, 21, 22, 23)",
    );
    fails(
        &connector,
        &["shop.t", "4 columns was believed, the binlog has 5 columns"],
    );
    assert_eq!(rows(&connector, "t"), expected);
}

#[test]
fn the_hashes_of_unique_keys_on_mariadb_are_not_published() {
    for flavour in [Flavour::MariaDb118, Flavour::MariaDb1011] {
        let server = Server::start(flavour, default_metadata(flavour));
        run(
            &server,
            "CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, a BLOB, b TEXT, UNIQUE (a));
             ALTER TABLE shop.t ADD late BIGINT, ADD UNIQUE KEY two (b, late) USING HASH;
             CREATE TABLE shop.versioned (id INT, a BLOB, UNIQUE (a)) WITH SYSTEM VERSIONING;
             CREATE TABLE shop.memory (id INT, UNIQUE (id) USING HASH) ENGINE=MEMORY",
        );
        let connector = connector(&server, "root", &from_here(&server));
        for metadata in ["NO_LOG", "FULL"] {
            server.execute(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
            run(
                &server,
                "INSERT INTO shop.t VALUES (1, 'a', 'b', 2); UPDATE shop.t SET late = 3; DELETE FROM shop.t;
                 INSERT INTO shop.memory VALUES (7); DELETE FROM shop.memory; SET timestamp = 1600000000;
                 INSERT INTO shop.versioned (id, a) VALUES (8, @@GLOBAL.binlog_row_metadata);
                 SET binlog_row_image = MINIMAL; INSERT INTO shop.t VALUES (4, 'a', NULL, 5);
                 UPDATE shop.t SET a = 'c'; UPDATE shop.t SET id = 6; DELETE FROM shop.t",
            );
        }
        succeeds(&connector);
        let once = [
            r#"{"a":"YQ==","b":"b","id":1,"late":2}"#,
            r#"{"a":"YQ==","b":"b","id":1,"late":3}"#,
            "null",
            r#"{"a":"YQ==","b":null,"id":4,"late":5}"#,
            r#"{"a":"Yw=="}"#,
            r#"{"id":6}"#,
            "null",
        ];
        assert_eq!(rows(&connector, "t"), [once, once].concat());
        assert_eq!(
            rows(&connector, "memory"),
            [r#"{"id":7}"#, "null"].repeat(2)
        );
        let end = match flavour {
            Flavour::MariaDb118 => "2106-02-07T06:28:15.999999Z",
            _before_11_5 => "2038-01-19T03:14:07.999999Z",
        };
        let versions = ["Tk9fTE9H", "RlVMTA=="].map(|metadata| {
            format!(
                r#"{{"a":"{metadata}","id":8,"row_end":"{end}","row_start":"2020-09-13T12:26:40.000000Z"}}"#
            )
        });
        assert_eq!(rows(&connector, "versioned"), versions);
    }
}
