//! `rowtap explain`: what it says of tables and statements, and where it found the rules.

use serde_json::Value;

use super::process::Folder;
use crate::support::{Flavour, Server};

const CONNECTOR: &str = r#"state_dir = "{dir}/state"
[source]
host = "127.0.0.1"
user = "nobody"
[sink]
type = "blackhole"
[filter]
replicate-rewrite-db = "shop->copy"
replicate-do-db = ["copy", "other"]
tables-exclude = 'copy\.tmp_.*'
replicate-wild-ignore-table = [
  "copy.old%",
  "%.secret",
]
"#;

fn explained(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let all = [&["explain", "shop.toml", "--json"], arguments].concat();
    let ended = folder.succeeds(&all);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn each_stage_is_told_with_the_place_of_its_rule() {
    let folder = Folder::new(CONNECTOR);
    let ended = folder.succeeds(&["explain", "shop.toml", "--table", "shop.old_orders"]);
    assert_eq!(
        ended.stdout,
        "shop.old_orders: filtered\n  \
         renamed by replicate-rewrite-db = \"shop->copy\" (shop.toml:8:1)\n  \
         pattern stage: pass, no match in tables-exclude\n  \
         database stage: pass, replicate-do-db = \"copy\" (shop.toml:9:20)\n  \
         table stage: reject, replicate-wild-ignore-table = \"copy.old%\" (shop.toml:12:3)\n"
    );
    for (table, outcome, decided, place) in [
        ("shop.orders", "published", "table stage", None),
        (
            "shop.tmp_1",
            "filtered",
            "pattern stage",
            Some("shop.toml:10:1"),
        ),
        (
            "other.secret",
            "filtered",
            "table stage",
            Some("shop.toml:13:3"),
        ),
        ("unnamed.t", "filtered", "database stage", None),
        ("mysql.user", "filtered", "system stage", None),
        ("shop._orders_gho", "filtered", "shadow table stage", None),
    ] {
        let [found] = &explained(&folder, &["--table", table])[..] else {
            panic!("one table was asked about");
        };
        assert_eq!(found["question"], table);
        assert_eq!(found["outcome"], outcome, "{found}");
        let last = found["stages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["stage"], decided, "{found}");
        assert_eq!(last["rule"]["place"].as_str(), place, "{found}");
    }
    let found = explained(&folder, &["--table", "shop.orders"]);
    assert_eq!(found[0]["published_as"], "copy.orders");
}

#[test]
fn rules_of_the_environment_are_told_by_their_variable() {
    let name = "ROWTAP__SHOP__FILTER__REPLICATE_IGNORE_TABLE";
    let folder = Folder::new(CONNECTOR).variable(name, "other.t");
    let found = explained(&folder, &["--table", "other.t"]);
    let last = found[0]["stages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["rule"]["rule"], "other.t");
    assert_eq!(last["rule"]["place"], format!("variable {name}"));
}

#[test]
fn statements_are_judged_as_the_connector_judges_them() {
    let folder = Folder::new(CONNECTOR);
    let as_mysqld = Folder::new(&format!("{CONNECTOR}ddl-filter = 'as_mysqld'\n"));
    for (statement, database, by_object, by_default) in [
        ("ALTER TABLE t ADD a INT", "shop", "published", "published"),
        ("ALTER TABLE shop.t ADD a INT", "x", "published", "filtered"),
        ("ALTER TABLE x.t ADD a INT", "shop", "filtered", "published"),
        ("DROP TABLE x.t, other.t", "other", "published", "published"),
        (
            "DROP TABLE other.secret, other.t",
            "other",
            "published",
            "filtered",
        ),
        ("INSERT INTO t VALUES (1)", "shop", "stops", "stops"),
        ("INSERT INTO t VALUES (1)", "x", "filtered", "filtered"),
        ("ANALYZE TABLE t", "shop", "skipped", "skipped"),
        ("BEGIN", "", "skipped", "skipped"),
        ("FROBNICATE t", "shop", "stops", "stops"),
    ] {
        for (folder, outcome) in [(&folder, by_object), (&as_mysqld, by_default)] {
            let question = ["--statement", statement, "--database", database];
            let found = explained(folder, &question);
            assert_eq!(
                found[0]["outcome"], outcome,
                "{statement} in {database}: {found:?}"
            );
        }
    }
}

#[test]
fn a_statement_may_stop_by_columns_that_are_not_known() {
    let columns = "columns-include = ['copy\\.t\\.(id|n)', 'copy\\.u\\..*']\n\
                   columns-mask = [{ columns = 'copy\\.w.*\\.mail', with = '-' }]\n";
    let folder = Folder::new(&format!("{CONNECTOR}{columns}"));
    for (statement, outcome) in [
        ("RENAME TABLE t TO u", "may stop"),
        ("RENAME TABLE u TO t", "published"),
        ("ALTER TABLE t RENAME COLUMN mail TO n", "stops"),
        ("ALTER TABLE t DROP COLUMN n", "may stop"),
        ("ALTER TABLE t DROP COLUMN mail", "published"),
    ] {
        let question = ["--flavour", "mariadb", "--database", "shop"];
        let found = explained(
            &folder,
            &[&question[..], &["--statement", statement]].concat(),
        );
        assert_eq!(found[0]["outcome"], outcome, "{statement}: {found:?}");
        if outcome == "may stop" {
            let note = found[0]["note"].as_str().unwrap();
            assert!(note.contains("depends on the columns of shop.t"), "{note}");
        }
    }
}

#[test]
fn a_statement_that_lets_a_hidden_value_out_stops() {
    let folder = Folder::new(&format!("{CONNECTOR}columns-exclude = 'copy\\.t\\.mail'\n"));
    for (statement, outcome) in [
        ("ALTER TABLE t ADD a INT", "published"),
        ("ALTER TABLE t ADD low VARCHAR(9) AS (LOWER(mail))", "stops"),
        (
            "ALTER TABLE t ALTER COLUMN a SET DEFAULT (LENGTH(mail))",
            "stops",
        ),
        ("ALTER TABLE t RENAME COLUMN mail TO post", "stops"),
        ("ALTER TABLE t CHANGE mail post VARCHAR(9)", "stops"),
        ("RENAME TABLE t TO u", "stops"),
        ("RENAME TABLE t TO u, w TO t", "stops"),
        ("RENAME TABLE u TO w", "published"),
        ("ALTER TABLE t RENAME TO tmp_t", "published"),
        ("ALTER TABLE t DROP COLUMN mail", "stops"),
        ("ALTER TABLE t DROP COLUMN note", "published"),
        (
            "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (mail)",
            "stops",
        ),
        (
            "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, name INT)",
            "stops",
        ),
        ("CREATE TABLE v AS SELECT * FROM t", "published"),
        ("CREATE TABLE v LIKE t", "published"),
        ("DROP TABLE t", "published"),
        (
            "ALTER TABLE t RENAME TO u, CHANGE mail mail VARCHAR(9)",
            "stops",
        ),
        (
            "ALTER TABLE unnamed.t RENAME COLUMN mail TO post",
            "filtered",
        ),
    ] {
        let question = ["--statement", statement, "--database", "shop"];
        let family = match statement.starts_with("CREATE OR") {
            true => "mariadb",
            false => "mysql",
        };
        let found = explained(&folder, &[&question[..], &["--flavour", family]].concat());
        assert_eq!(found[0]["outcome"], outcome, "{statement}: {found:?}");
    }
}

#[test]
fn the_family_decides_how_names_compare() {
    let folder = Folder::new(&CONNECTOR.replace("%.secret", "%.SECRET"));
    for (flavour, folding, outcome) in [
        ("mysql", "0", "published"),
        ("mysql", "1", "filtered"),
        ("mariadb", "0", "filtered"),
    ] {
        let server = ["--flavour", flavour, "--lower-case-table-names", folding];
        let found = explained(
            &folder,
            &[&["--table", "other.secret"], &server[..]].concat(),
        );
        assert_eq!(found[0]["outcome"], outcome, "{flavour} {folding}");
    }
}

#[test]
fn questions_that_are_none_are_refused() {
    let folder = Folder::new(CONNECTOR);
    for (arguments, told) in [
        (&["explain", "shop.toml"][..], "--table"),
        (
            &["explain", "shop.toml", "--table", "orders"],
            "expected DATABASE.TABLE",
        ),
        (
            &[
                "explain",
                "shop.toml",
                "--table",
                "a.b",
                "--flavour",
                "oracle",
            ],
            "expected mysql or mariadb",
        ),
        (
            &["explain", "shop.toml", "--table", "a.b", "--database", "a"],
            "--statement",
        ),
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(told), "{ended:?}");
    }
}

#[test]
fn what_binlog_files_hold_is_judged_and_counted() {
    let binlog = |name: &str| format!("{}/tests/binlogs/{name}", env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new(&CONNECTOR.replace("%.secret", "copy.parts"));
    for (name, of_database) in [
        (
            "shop-mysql-9.7.binlog",
            "database stage: replicate-do-db = \"copy\" (shop.toml:9:20)",
        ),
        (
            "shop-mariadb-10.11.binlog",
            "table stage: no match in replicate-wild-ignore-table",
        ),
    ] {
        let (file, decoding) = (binlog(name), Folder::new(""));
        let summary = decoding.succeeds(&["decode", "--summary", &file]);
        let found: Value = {
            let ended = folder.succeeds(&["explain", "shop.toml", "--json", &file]);
            serde_json::from_str(&ended.stdout).unwrap()
        };
        let tables = found["tables"].as_array().unwrap();
        let rows = |table: &Value| (table["question"].clone(), table["rows"].as_u64().unwrap());
        let mut counted: Vec<(Value, u64)> = tables.iter().map(rows).collect();
        counted.sort_by_key(|(name, _)| name.to_string());
        let expected = summary.stdout.lines().skip(2).map(|line| {
            let mut fields = line.split('\t');
            let name = Value::from(fields.next().unwrap());
            (
                name,
                fields.map(|count| count.parse::<u64>().unwrap()).sum(),
            )
        });
        assert_eq!(counted, expected.collect::<Vec<_>>(), "{name}");
        let text = folder.succeeds(&["explain", "shop.toml", &file]).stdout;
        for line in [
            "table or statement\toutcome\tevents\trows\tbytes\tdecided by",
            "shop.customers\tpublished\t3\t5\t114\ttable stage: no match in replicate-wild-ignore-table",
            "shop.parts\tfiltered\t2\t3\t72\ttable stage: replicate-wild-ignore-table = \"copy.parts\" (shop.toml:13:3)",
            &*format!(
                "CREATE DATABASE shop CHARACTER SET utf8mb4\tpublished\t1\t0\t42\t{of_database}"
            ),
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line}\nis not in\n{text}"
            );
        }
    }
}

#[test]
fn groups_that_the_source_leaves_out_and_changes_logged_as_statements_are_counted() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY)");
    server.execute("SET binlog_format = STATEMENT; INSERT INTO shop.t VALUES (1)");
    server.execute("INSERT INTO shop.t VALUES (2)");
    let (file, _) = server.coordinates();
    let file = server.binlog_path(&file).display().to_string();
    let folder = Folder::new(CONNECTOR);
    let found = |folder: &Folder| -> Value {
        let ended = folder.succeeds(&["explain", "shop.toml", "--json", &file]);
        serde_json::from_str(&ended.stdout).unwrap()
    };
    let all = found(&folder);
    assert_eq!(all["logged_as_statements"], 1, "{all}");
    assert_eq!(all["left_out"], 0, "{all}");
    assert_eq!(all["tables"][0]["rows"], 1, "{all}");
    let server_id = server.query_one("SELECT @@server_id").unwrap();
    let ignoring = format!("user = \"nobody\"\nignore_server_ids = [{server_id}]");
    let none = found(&folder.replacing("user = \"nobody\"", &ignoring));
    assert!(none["left_out"].as_u64().unwrap() > 0, "{none}");
    assert_eq!(none["tables"], Value::Array(Vec::new()), "{none}");
}

#[test]
fn the_rule_that_decides_on_a_column_is_told() {
    let rules = "columns-exclude = 'copy\\.orders\\.internal_.*'\n\
                 columns-mask = [{ columns = '.*\\.card', with = '****' }]\n";
    let folder = Folder::new(&format!("{CONNECTOR}{rules}"));
    for (table, column, outcome, rule) in [
        ("shop.orders", "total", "published", None),
        (
            "shop.orders",
            "internal_note",
            "filtered",
            Some("columns-exclude"),
        ),
        ("shop.orders", "card", "masked", Some("columns-mask")),
        ("unnamed.orders", "card", "filtered", None),
    ] {
        let asked = ["--table", table, "--column", column];
        let [found] = &explained(&folder, &asked)[..] else {
            panic!("one column was asked about");
        };
        assert_eq!(found["question"], format!("{table}.{column}"));
        assert_eq!(found["outcome"], outcome, "{found}");
        let last = found["stages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["rule"]["key"].as_str(), rule, "{found}");
        if rule.is_some() {
            let place = last["rule"]["place"].as_str().unwrap();
            assert!(place.starts_with("shop.toml:"), "{found}");
        }
    }
}

#[test]
fn rules_on_rows_are_told_of_a_table_and_a_key_that_a_run_refuses_is_refused() {
    let rules = "columns-mask = [{ columns = '.*\\.id', with = '-' }]\nskip-unchanged = true\n\
                 [[filter.rows]]\ntables = 'copy\\.orders'\nwhere = \"total > 5\"\nops = ['c', 'u']\n\
                 [[filter.rows]]\ntables = 'copy\\..*'\nops = ['c']\n";
    let folder = Folder::new(&format!("{CONNECTOR}{rules}"));
    let ended = folder.succeeds(&["explain", "shop.toml", "--table", "shop.orders"]);
    for line in [
        "shop.orders: published",
        "  row stage: pass, rows = \"where total > 5, ops c, u\" (shop.toml:19:1)",
        "  row stage: pass, rows = \"ops c\" (shop.toml:21:1)",
        "  of its rows, those that all rules on rows keep; updates that change nothing that is published are left out",
    ] {
        assert!(
            ended.stdout.lines().any(|told| told == line),
            "{line}: {}",
            ended.stdout
        );
    }
    let asked = ["--table", "shop.orders", "--column", "id"];
    let found = explained(&folder, &asked);
    assert_eq!(found[0]["outcome"], "masked");
    assert!(
        found[0]["note"]
            .as_str()
            .unwrap()
            .contains("the connector would stop"),
        "{found:?}"
    );

    // What the state of a connector knows of the table decides.
    let server = Server::start(Flavour::MySql97, &[]);
    super::process::account(&server, "tap");
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, n INT)");
    let rules = "[filter]\ncolumns-mask = [{ columns = '.*\\.(id|n)', with = '-' }]\n";
    let folder = Folder::streaming(&server, "tap").replacing("[sink]", &format!("{rules}[sink]"));
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let found = explained(
        &folder,
        &[
            "--table", "d.t", "--column", "id", "--column", "N", "--column", "nosuch",
        ],
    );
    assert_eq!(found[0]["outcome"], "stops", "{found:?}");
    assert!(
        found[0]["note"]
            .as_str()
            .unwrap()
            .contains("part of the key"),
        "{found:?}"
    );
    assert_eq!(found[1]["outcome"], "masked", "{found:?}");
    assert!(found[1]["note"].is_null(), "{found:?}");
    assert_eq!(found[2]["outcome"], "unknown", "{found:?}");
}
