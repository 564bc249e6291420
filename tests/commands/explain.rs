//! `rowtap explain`: what it says of tables and statements, and where it found the rules.

use serde_json::Value;

use super::process::Folder;

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
