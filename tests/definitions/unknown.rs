//! Streams that go on without definitions, as `definitions_unknown` says, on servers as they are installed: what goes out is
//! never a guess, what is left out is counted and on the record, and names come back with the definition.

use serde_json::{Value, json};

use super::changes::lines;
use super::stopped::{
    connector_with, default_metadata, fails, from_here_on, once, rows, succeeds, tell,
};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

const TABLE: &str = "(id INT UNSIGNED PRIMARY KEY, n BIGINT, s VARCHAR(20) CHARACTER SET latin1, b VARBINARY(9), \
                     e ENUM('x','ü') CHARACTER SET utf8mb4, d DECIMAL(9,2), t DATETIME(3), j TEXT CHARACTER SET utf8mb4)";
const VALUES: &str = "(4000000000, -5, 'é', x'00ff', 'ü', -1.5, '2020-01-02 03:04:05.678', NULL), \
                      (7, 6, 'plain', 'b', NULL, 2, NULL, 'text')";

#[track_caller]
fn each(check: fn(&Server)) {
    for flavour in Flavour::EVERY {
        let server = Server::start(flavour, default_metadata(flavour));
        check(&server);
    }
}

/// A connector that may not look at the tables, with these keys at its top.
#[track_caller]
fn blind(server: &Server, top: &str) -> Connector {
    server.execute("CREATE USER blind@'%'");
    server.execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO blind@'%'");
    connector_with(server, "blind", &from_here_on(server), top)
}

fn changes_of(connector: &Connector, table: &str) -> Vec<Value> {
    let mut changes = lines(&connector.folder().join("output"), "changes-");
    changes.retain(|change| change["source"]["table"] == table);
    changes
}

/// What `rowtap status` says of a field.
#[track_caller]
fn status(connector: &Connector, field: &str) -> Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["status", "--json", "checked.toml"])
        .current_dir(connector.folder())
        .output()
        .expect("the binary starts");
    let page: Value = serde_json::from_slice(&output.stdout).expect("a page");
    page["connectors"][0][field].clone()
}

/// The rows of `TABLE` as they go out without its definition.
fn undecided(flavour: Flavour) -> [Value; 2] {
    let undecided = |value: &Value, open: Value| match flavour {
        // Its table maps tell signs and character sets.
        Flavour::MySql80 | Flavour::MySql97 => value.clone(),
        Flavour::MySql57 | Flavour::MariaDb1011 | Flavour::MariaDb118 => open,
    };
    let base64 = |text: &str| json!({ "base64": text });
    [
        json!({
            "@1": undecided(&json!(4_000_000_000u32), json!({ "signed": -294_967_296, "unsigned": 4_000_000_000u32 })),
            "@2": undecided(&json!(-5), json!({ "signed": -5, "unsigned": 18_446_744_073_709_551_611u64 })),
            "@3": undecided(&json!("é"), base64("6Q==")),
            "@4": undecided(&json!("AP8="), base64("AP8=")),
            "@5": 2, "@6": "-1.50", "@7": "2020-01-02 03:04:05.678", "@8": null,
        }),
        json!({
            "@1": 7, "@2": 6,
            "@3": undecided(&json!("plain"), base64("cGxhaW4=")),
            "@4": undecided(&json!("Yg=="), base64("Yg==")),
            "@5": null, "@6": "2.00", "@7": null,
            "@8": undecided(&json!("text"), base64("dGV4dA==")),
        }),
    ]
}

fn named() -> [Value; 2] {
    [
        json!({ "id": 4_000_000_000u32, "n": -5, "s": "é", "b": "AP8=", "e": "ü", "d": "-1.50",
                "t": "2020-01-02 03:04:05.678", "j": null }),
        json!({ "id": 7, "n": 6, "s": "plain", "b": "Yg==", "e": null, "d": "2.00", "t": null, "j": "text" }),
    ]
}

#[test]
fn rows_without_a_definition_go_out_as_the_binlog_has_them_until_it_is_told() {
    each(|server| {
        let flavour = server.flavour();
        server.execute(&format!("CREATE DATABASE a; CREATE TABLE a.t {TABLE}"));
        let connector = blind(server, "definitions_unknown = 'names'");
        server.execute(&format!("INSERT INTO a.t VALUES {VALUES}"));
        server.execute("CREATE TABLE a.other (n INT); INSERT INTO a.other VALUES (1)");
        let ended = once(&connector);
        assert!(ended.status.success(), "{}", ended.log);
        let changes = changes_of(&connector, "t");
        let after: Vec<Value> = changes.iter().map(|it| it["after"].clone()).collect();
        assert_eq!(after, undecided(flavour), "{flavour:?}");
        let is_marked = |change: &Value| change["source"]["definition"] == "unknown";
        assert!(changes.iter().all(is_marked), "{changes:?}");
        assert_eq!(rows(&connector, "other"), [r#"{"n":1}"#]);
        assert!(!changes_of(&connector, "other").iter().any(is_marked));
        assert!(
            ended.log.contains("emitted without a definition 1"),
            "{}",
            ended.log
        );
        assert!(ended.log.contains("lacks SELECT"), "{}", ended.log);
        let on_record = status(&connector, "Undefined_Tables");
        let on_record = on_record[0].as_str().expect("a table");
        assert!(on_record.starts_with("a.t names since "), "{on_record}");

        // Without a place it holds from where the connector goes on.
        let told = std::process::Command::new(env!("CARGO_BIN_EXE_rowtap"))
            .args(["definitions", "checked.toml", "--table", "a.t", "--define"])
            .arg(format!("CREATE TABLE t {TABLE}"))
            .current_dir(connector.folder())
            .output()
            .expect("the binary starts");
        assert!(told.status.success(), "{told:?}");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(
            told.contains("defined so where the connector goes on"),
            "{told}"
        );
        server.execute(&format!("DELETE FROM a.t; INSERT INTO a.t VALUES {VALUES}"));
        let ended = once(&connector);
        assert!(ended.status.success(), "{}", ended.log);
        assert!(ended.log.contains("known again"), "{}", ended.log);
        let changes = changes_of(&connector, "t").split_off(4);
        let after: Vec<Value> = changes.iter().map(|it| it["after"].clone()).collect();
        assert_eq!(after, named(), "{flavour:?}");
        assert!(!changes.iter().any(is_marked));
        assert_eq!(status(&connector, "Undefined_Tables"), json!([]));
        server.execute("ALTER TABLE a.t DROP t, DROP e; DELETE FROM a.t WHERE id > 7");
        succeeds(&connector);
        let last = changes_of(&connector, "t").pop().expect("a change");
        let expected = json!({ "id": 4_000_000_000u32, "n": -5, "s": "é", "b": "AP8=", "d": "-1.50", "j": null });
        assert_eq!(last["before"], expected);
    });
}

#[test]
fn rows_without_a_definition_are_left_out_and_on_the_record_until_it_is_known_again() {
    each(|server| {
        server.execute(
            "CREATE DATABASE a; CREATE TABLE a.t (n INT, s TEXT); CREATE TABLE a.gone (n INT); CREATE TABLE a.kept (n INT)",
        );
        let top = "definitions_unknown_skip = ['a.t', 'a.gone']\ndefinitions_unknown_names = 'b.%'";
        let connector = connector_with(server, "root", &from_here_on(server), top);
        // Each has changed since, or is gone, so that what it is now says nothing of what it was.
        server.execute(
            "INSERT INTO a.t VALUES (1, 'one'), (2, 'two'); INSERT INTO a.gone VALUES (1)",
        );
        server.execute("INSERT INTO a.kept VALUES (1)");
        succeeds(&connector);
        let before = changes_of(&connector, "t").len();
        assert_eq!(before, 2, "as they are defined now");

        let connector = connector_with(server, "root", &from_here_on(server), top);
        server.execute("INSERT INTO a.t VALUES (3, 'three'); INSERT INTO a.gone VALUES (2)");
        server.execute("UPDATE a.t SET n = 4 WHERE n = 3; INSERT INTO a.kept VALUES (2)");
        server.execute("ALTER TABLE a.t CHANGE s title TEXT; DROP TABLE a.gone");
        let ended = once(&connector);
        assert!(ended.status.success(), "{}", ended.log);
        assert_eq!(rows(&connector, "t"), Vec::<String>::new());
        assert_eq!(rows(&connector, "kept"), [r#"{"n":2}"#]);
        assert!(
            ended.log.contains("skipped for want of a definition 3"),
            "{}",
            ended.log
        );
        assert!(
            ended.log.contains("are left out from here on"),
            "{}",
            ended.log
        );
        let ddl = lines(&connector.folder().join("output"), "ddl-");
        assert_eq!(ddl.len(), 2, "statements go out all the same");
        let on_record = status(&connector, "Undefined_Tables").to_string();
        assert!(
            on_record.contains("a.t skip since ") && !on_record.contains("a.gone"),
            "{on_record}"
        );
        // It heals by itself: what is read now is what it was after the statement.
        server.execute("INSERT INTO a.t VALUES (5, 'five')");
        succeeds(&connector);
        assert_eq!(rows(&connector, "t"), [r#"{"n":5,"title":"five"}"#]);
        assert_eq!(status(&connector, "Undefined_Tables"), json!([]));
    });
}

#[test]
fn within_a_run_names_come_back_behind_the_statement_that_stood_in_the_way() {
    each(|server| {
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (n INT, s TEXT)");
        let connector = connector_with(
            server,
            "root",
            &from_here_on(server),
            "definitions_unknown = 'names'",
        );
        server.execute("INSERT INTO a.t VALUES (1, NULL); INSERT INTO a.t VALUES (2, NULL)");
        server.execute("ALTER TABLE a.t CHANGE s title TEXT; INSERT INTO a.t VALUES (3, 'three')");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "t"),
            [
                r#"{"@1":1,"@2":null}"#,
                r#"{"@1":2,"@2":null}"#,
                r#"{"n":3,"title":"three"}"#
            ]
        );
    });
}

#[test]
fn what_was_told_and_contradicts_the_binlog_is_no_definition() {
    let server = Server::start(Flavour::MariaDb1011, default_metadata(Flavour::MariaDb1011));
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (n INT)");
    let connector = blind(&server, "definitions_unknown_names = 'a.%'");
    succeeds(&connector);
    server.execute("INSERT INTO a.t VALUES (1)");
    let (file, position) = server.coordinates();
    let at = format!("{file}:{position}");
    let told = tell(
        &connector,
        "a.t",
        &at,
        "CREATE TABLE t (n TEXT CHARACTER SET latin1)",
    );
    assert!(told.status.success(), "{told:?}");
    let ended = once(&connector);
    assert!(ended.status.success(), "{}", ended.log);
    assert!(
        ended.log.contains("does not fit its table map"),
        "{}",
        ended.log
    );
    assert_eq!(rows(&connector, "t"), [r#"{"@1":1}"#]);

    // By default it stops the stream.
    let stopping = connector_with(&server, "blind", &from_here_on(&server), "");
    succeeds(&stopping);
    server.execute("INSERT INTO a.t VALUES (2)");
    let (file, position) = server.coordinates();
    let at = format!("{file}:{position}");
    let told = tell(
        &stopping,
        "a.t",
        &at,
        "CREATE TABLE t (n TEXT CHARACTER SET latin1)",
    );
    assert!(told.status.success(), "{told:?}");
    fails(&stopping, &["does not fit its table map", "type text"]);
}
