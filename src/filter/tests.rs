//! Rules against names, case by case. The servers' own answers to the same cases are in `tests/filters`.

use super::*;
use crate::mysql::Flavour::{self, MariaDb, MySql};
use crate::row::TableName;

/// `do-db=a; wild-do-table=b.%` as options.
fn options(text: &str) -> FilterOptions {
    let mut options = FilterOptions::default();
    for rule in text.split("; ").filter(|rule| !rule.is_empty()) {
        let (key, value) = rule.split_once('=').unwrap();
        let value = value.to_owned();
        match key {
            "do-db" => options.replicate_do_db.push(value),
            "ignore-db" => options.replicate_ignore_db.push(value),
            "do-table" => options.replicate_do_table.push(value),
            "ignore-table" => options.replicate_ignore_table.push(value),
            "wild-do-table" => options.replicate_wild_do_table.push(value),
            "wild-ignore-table" => options.replicate_wild_ignore_table.push(value),
            "rewrite-db" => options.replicate_rewrite_db.push(value),
            other => panic!("no such rule: {other}"),
        }
    }
    options
}

fn rules(text: &str, flavour: Flavour, lower_case_table_names: u8) -> Rules {
    Rules::compile(&options(text), flavour, lower_case_table_names).unwrap()
}

fn check(text: &str, kept: &[&str], rejected: &[&str]) {
    for flavour in [MySql, MariaDb] {
        check_one(&rules(text, flavour, 0), text, kept, rejected);
    }
}

fn check_one(rules: &Rules, text: &str, kept: &[&str], rejected: &[&str]) {
    for (names, expected) in [(kept, true), (rejected, false)] {
        for name in names {
            let (database, table) = name.split_once('/').unwrap();
            let verdict = rules.table(database, table);
            assert_eq!(verdict.keep, expected, "{name} under {text}: {verdict}");
            assert!(!verdict.stages.is_empty());
            assert_eq!(verdict.stages.last().unwrap().pass, verdict.keep);
        }
    }
}

#[test]
fn without_rules_everything_passes_but_system_databases() {
    check(
        "",
        &["a/t", "A/T", "we.ird/na%me"],
        &["mysql/user", "sys/x", "performance_schema/x"],
    );
}

#[test]
fn database_rules_name_databases_exactly() {
    check("do-db=a", &["a/t"], &["b/t", "aa/t", "A/t", "a%/t"]);
    check("do-db=a; do-db=b", &["a/t", "b/t"], &["c/t"]);
    check("do-db=a,b", &["a,b/t"], &["a/t", "b/t"]);
    check("do-db=a%", &["a%/t"], &["ab/t"]);
    check("ignore-db=a", &["b/t", "A/t"], &["a/t"]);
    check("ignore-db=a; ignore-db=b", &["c/t"], &["a/t", "b/t"]);
}

#[test]
fn ignore_db_is_not_consulted_beside_do_db() {
    check("do-db=a; ignore-db=a", &["a/t"], &["b/t"]);
    check("do-db=a; ignore-db=b", &["a/t"], &["b/t", "c/t"]);
}

#[test]
fn exact_table_rules_come_before_wildcards() {
    check("do-table=a.t", &["a/t"], &["a/u", "b/t"]);
    check("ignore-table=a.t", &["a/u", "b/t"], &["a/t"]);
    check("do-table=a.t; ignore-table=a.t", &["a/t"], &["a/u"]);
    check(
        "do-table=a.t; wild-ignore-table=a.%",
        &["a/t"],
        &["a/u", "b/t"],
    );
    check(
        "ignore-table=a.t; wild-do-table=a.%",
        &["a/u"],
        &["a/t", "b/t"],
    );
    check(
        "wild-do-table=a.%; wild-ignore-table=%.tmp%",
        &["a/tmp1", "a/t"],
        &["b/t", "b/tmp1"],
    );
    check("wild-ignore-table=%.tmp%", &["a/t"], &["a/tmp", "b/tmp_1"]);
    check(
        "wild-do-table=%.t; ignore-table=a.t",
        &["b/t"],
        &["a/t", "b/u"],
    );
    check("ignore-table=a.t; do-table=b.t", &["b/t"], &["a/t", "a/u"]);
}

#[test]
fn both_stages_must_pass() {
    check("do-db=a; do-table=b.t", &[], &["a/t", "b/t"]);
    check("do-db=a; do-table=a.t", &["a/t"], &["a/u", "b/t"]);
    check("ignore-db=a; do-table=a.t", &[], &["a/t", "b/t"]);
    check("do-db=a; ignore-table=a.t", &["a/u"], &["a/t", "b/u"]);
    check("do-db=a; wild-ignore-table=%.x", &["a/y"], &["a/x", "b/y"]);
}

#[test]
fn rules_see_the_joined_name() {
    check("do-table=a.b.c", &["a/b.c", "a.b/c"], &["a/b", "b/c"]);
    check(
        "wild-do-table=foo%.bar",
        &["foo/bar", "foo1/bar", "foo/x.bar"],
        &["foo/barx"],
    );
    check(
        "wild-do-table=a_b.%",
        &["a_b/t", "axb/t", "a.b/t"],
        &["ab/t"],
    );
    check("wild-do-table=a\\_b.%", &["a_b/t"], &["axb/t"]);
    check("wild-ignore-table=a\\%b.%", &["axb/t"], &["a%b/t"]);
    check("wild-do-table=%.%", &["a/t", "x.y/z"], &["mysql/user"]);
}

#[test]
fn rewriting_comes_first_and_the_first_match_counts() {
    let check_published = |text: &str, name: &str, keep: bool, published: &str| {
        let (database, table) = name.split_once('/').unwrap();
        let verdict = rules(text, MySql, 0).table(database, table);
        assert_eq!(verdict.keep, keep, "{name} under {text}: {verdict}");
        assert_eq!(verdict.published.to_string(), published);
    };
    check_published("rewrite-db=a->b", "a/t", true, "b.t");
    check_published("rewrite-db= a -> b ", "a/t", true, "b.t");
    check_published("rewrite-db=a->b", "A/t", true, "A.t");
    check_published("rewrite-db=a->b; rewrite-db=a->c", "a/t", true, "b.t");
    check_published("rewrite-db=a->b; rewrite-db=b->c", "a/t", true, "b.t");
    check_published("rewrite-db=a->b; do-db=a", "a/t", false, "b.t");
    check_published("rewrite-db=a->b; do-db=b", "a/t", true, "b.t");
    check_published("rewrite-db=a->b; do-table=b.t", "a/t", true, "b.t");
    check_published("rewrite-db=a->b; do-table=a.t", "a/t", false, "b.t");
    check_published(
        "rewrite-db=a->b; wild-ignore-table=b.%",
        "b/t",
        false,
        "b.t",
    );
    check_published("rewrite-db=a->b->c", "a/t", true, "b->c.t");
}

#[test]
fn system_databases_pass_only_where_a_rule_names_them() {
    check("do-db=mysql", &["mysql/user"], &["sys/x", "a/t"]);
    check("do-table=mysql.user", &["mysql/user"], &["mysql/db"]);
    check("wild-do-table=mysql.%", &["mysql/user"], &["sys/x", "a/t"]);
    check("wild-do-table=my%.%", &["my/t"], &["mysql/user"]);
    check("wild-do-table=mysq_.user", &["mysqx/user"], &["mysql/user"]);
    check("ignore-db=a", &["b/t"], &["mysql/user", "a/t"]);
    check(
        "ignore-table=mysql.db",
        &["b/t"],
        &["mysql/user", "mysql/db"],
    );
    check(
        "do-db=mysql; wild-ignore-table=mysql.u%",
        &["mysql/db"],
        &["mysql/user"],
    );
    check("rewrite-db=mysql->copy", &[], &["mysql/user"]);
    check(
        "rewrite-db=mysql->copy; do-db=copy",
        &["mysql/user", "copy/t"],
        &["a/t"],
    );
    check("rewrite-db=a->mysql", &["a/t"], &["mysql/user"]);
}

#[test]
fn mysql_compares_by_lower_case_table_names() {
    let text = "do-db=Shop";
    check_one(
        &rules(text, MySql, 0),
        text,
        &["Shop/t"],
        &["shop/t", "SHOP/t"],
    );
    for setting in [1, 2] {
        let rules = rules(text, MySql, setting);
        check_one(&rules, text, &["Shop/t", "shop/t", "SHOP/t"], &["shöp/t"]);
    }
    let text = "wild-do-table=Café%.T";
    check_one(
        &rules(text, MySql, 0),
        text,
        &["Café1/T"],
        &["café/T", "CAFÉ/t"],
    );
    check_one(
        &rules(text, MySql, 1),
        text,
        &["Café1/T", "CAFÉ/t"],
        &["cafe/t"],
    );
    let text = "ignore-table=Café.T";
    check_one(
        &rules(text, MySql, 0),
        text,
        &["café/t", "cafe/t"],
        &["Café/T"],
    );
    check_one(
        &rules(text, MySql, 1),
        text,
        &["cafè/t"],
        &["Café/T", "CAFÉ/t"],
    );
    assert!(rules("rewrite-db=a->b", MySql, 0).is_renamed("A"));
    assert!(!rules("rewrite-db=a->a", MySql, 0).is_renamed("a"));
    let verdict = rules("rewrite-db=A->B", MySql, 1).table("a", "t");
    assert_eq!(verdict.published, TableName::new("B", "t"));
}

#[test]
fn mariadb_compares_databases_as_bytes_and_tables_without_case_or_accent() {
    for setting in [0, 1, 2] {
        let text = "do-db=Shop";
        check_one(
            &rules(text, MariaDb, setting),
            text,
            &["Shop/t"],
            &["shop/t"],
        );
        let text = "do-table=Shop.Café";
        let rules_of = |text| rules(text, MariaDb, setting);
        check_one(
            &rules_of(text),
            text,
            &["shop/café", "SHOP/CAFÈ"],
            &["shop/cafe"],
        );
        let text = "wild-ignore-table=shop.caf_";
        check_one(
            &rules_of(text),
            text,
            &["shop/ca"],
            &["SHOP/CAFÉ", "Shöp/cafe"],
        );
        let verdict = rules_of("rewrite-db=A->B").table("a", "t");
        assert_eq!(verdict.published, TableName::new("a", "t"));
    }
}

#[test]
fn the_key_case_overrides_the_server() {
    let text = "do-table=A.t";
    for (case, kept) in [(Case::Sensitive, false), (Case::Insensitive, true)] {
        for flavour in [MySql, MariaDb] {
            for setting in [0, 1, 2] {
                let options = FilterOptions {
                    case,
                    ..options(text)
                };
                let rules = Rules::compile(&options, flavour, setting).unwrap();
                assert!(rules.table("A", "t").keep);
                assert_eq!(rules.table("a", "T").keep, kept);
            }
        }
    }
}

#[test]
fn statements_on_databases_ask_the_wildcards_too() {
    let cases = [
        // rules, database, MySQL, MariaDB
        ("", "a", true, true),
        ("", "mysql", false, false),
        ("do-db=a", "a", true, true),
        ("do-db=a", "b", false, false),
        ("ignore-db=a", "a", false, false),
        ("wild-do-table=foo%.%", "foo1", true, true),
        ("wild-do-table=foo%.%", "bar", false, false),
        ("wild-do-table=foo.t%", "foo", false, false),
        ("wild-ignore-table=foo%.%", "foo1", false, false),
        ("wild-ignore-table=foo.t%", "foo", true, true),
        ("wild-do-table=a.%; wild-ignore-table=a.%", "a", true, true),
        // With database rules MySQL leaves the wildcards aside.
        ("do-db=a; wild-ignore-table=a.%", "a", true, false),
        ("do-db=a; wild-do-table=b.%", "a", true, false),
        ("ignore-db=b; wild-ignore-table=a.%", "a", true, false),
        ("do-table=a.t", "b", true, true),
        ("ignore-table=a.t", "a", true, true),
        ("rewrite-db=a->b; do-db=b", "a", true, true),
        ("rewrite-db=a->b; wild-ignore-table=b.%", "a", false, false),
        ("do-db=mysql", "mysql", true, true),
    ];
    for (text, database, mysql, mariadb) in cases {
        for (flavour, expected) in [(MySql, mysql), (MariaDb, mariadb)] {
            let verdict = rules(text, flavour, 0).database(database);
            assert_eq!(verdict.keep, expected, "{database} under {text}: {verdict}");
        }
    }
}

#[test]
fn a_statement_is_kept_if_any_table_is() {
    let rules = rules("do-db=a", MySql, 0);
    let names = [TableName::new("b", "t"), TableName::new("a", "t")];
    assert!(rules.tables(&names).unwrap().keep);
    let verdict = rules.tables(names.iter().take(1)).unwrap();
    assert!(!verdict.keep);
    assert_eq!(verdict.published, TableName::new("b", "t"));
    assert_eq!(rules.tables([]), None);
}

#[test]
fn shadow_tables_are_left_out_unless_an_exact_rule_names_them() {
    let shadows = [
        "a/_t_gho",
        "a/_t_ghc",
        "a/_t_del",
        "a/_t_new",
        "a/_t_old",
        "a/__t_old",
    ];
    check("", &["a/t", "a/t_old", "a/_old"], &shadows);
    check("do-db=a; wild-do-table=a.%", &["a/t"], &shadows);
    check("do-table=a._t_old", &["a/_t_old"], &["a/_t_new", "a/t"]);
    check(
        "rewrite-db=a->b; do-table=b._t_old",
        &["a/_t_old"],
        &["a/_t_new"],
    );
    let keep = |text: &str| FilterOptions {
        shadow_tables: ShadowTables::Keep,
        ..options(text)
    };
    let rules = Rules::compile(&keep("ignore-table=a._t_del"), MySql, 0).unwrap();
    check_one(&rules, "keep", &["a/_t_gho", "a/_t_old"], &["a/_t_del"]);
}

#[test]
fn a_statement_on_shadow_tables_alone_is_left_out() {
    let rules = rules("", MySql, 0);
    let keeps = |names: &[&str]| {
        let names: Vec<TableName> = names
            .iter()
            .map(|name| TableName::new("a", *name))
            .collect();
        rules.tables(&names).unwrap().keep
    };
    assert!(!keeps(&["_t_gho"]));
    assert!(!keeps(&["_t_del", "_t_old"]));
    // The cut-over gives the real table its new definition.
    assert!(keeps(&["t", "_t_del", "_t_gho", "t"]));
}

#[test]
fn a_verdict_explains_itself() {
    for (text, name, expected) in [
        (
            "wild-ignore-table=tmp%.%",
            "tmp1/t",
            "rejected by replicate-wild-ignore-table=tmp%.% (table stage); database stage: pass, no rules",
        ),
        (
            "do-db=a",
            "b/t",
            "rejected: no match in replicate-do-db (database stage)",
        ),
        (
            "do-db=a",
            "a/t",
            "kept: no rules (table stage); database stage: pass, replicate-do-db=a",
        ),
        (
            "do-table=a.t; wild-do-table=b.%; ignore-table=c.t",
            "c/u",
            "rejected: no match in replicate-do-table, replicate-wild-do-table (table stage); \
             database stage: pass, no rules",
        ),
        (
            "ignore-db=x; ignore-table=c.t",
            "c/u",
            "kept: no match in replicate-ignore-table (table stage); \
             database stage: pass, no match in replicate-ignore-db",
        ),
        (
            "rewrite-db=a->b; ignore-db=b",
            "a/t",
            "rejected by replicate-ignore-db=b (database stage); renamed to b by replicate-rewrite-db=a->b",
        ),
        (
            "",
            "mysql/user",
            "rejected: a system database that no rule names literally (system stage)",
        ),
        (
            "do-db=a",
            "a/_t_gho",
            "rejected by shadow-tables=drop (shadow table stage)",
        ),
    ] {
        let (database, table) = name.split_once('/').unwrap();
        let verdict = rules(text, MySql, 0).table(database, table);
        assert_eq!(verdict.to_string(), expected);
        assert_eq!(
            verdict.rule().is_some(),
            expected.contains(" by replicate-wild")
                || expected.contains("by replicate-ignore")
                || expected.contains("by shadow-tables")
        );
    }
}

/// A statement with this default database on these tables, or on a database.
fn statement(rules: &Rules, default_database: &str, names: &str) -> Verdict {
    let named: Vec<TableName> = names
        .split(", ")
        .filter_map(|name| name.split_once('/'))
        .map(|(database, table)| TableName::new(database, table))
        .collect();
    let tables: Vec<&TableName> = named.iter().collect();
    rules.statement(&ReplicatedStatement {
        default_database,
        database: names.strip_prefix("database "),
        tables: &tables,
    })
}

#[test]
fn a_replica_judges_statements_by_their_default_database() {
    for flavour in [MySql, MariaDb] {
        for (text, default_database, names, keep) in [
            ("do-db=a", "a", "b/t", true),
            ("do-db=a", "b", "a/t", false),
            ("do-db=a", "", "b/t", true),
            ("ignore-db=a", "a", "b/t", false),
            ("ignore-db=a", "b", "a/t", true),
            ("do-db=a", "a", "", true),
            ("do-db=a", "b", "", false),
            // The first table that a rule matches decides for all.
            ("ignore-table=a.t", "a", "a/u, a/t", false),
            ("do-table=a.u; ignore-table=a.t", "a", "a/t, a/u", false),
            ("do-table=a.u; ignore-table=a.t", "a", "a/u, a/t", true),
            ("do-table=a.u", "a", "a/x, a/u", true),
            ("do-table=a.u", "a", "a/x, a/y", false),
            ("do-table=a.u", "a", "", true),
            ("wild-ignore-table=a.%", "a", "b/t", true),
            ("do-db=a; do-table=b.t", "a", "b/t", true),
            ("do-db=a", "a", "database a", true),
            ("do-db=a", "b", "database b", false),
            ("wild-do-table=a%.%", "a1", "database a1", true),
            ("wild-do-table=a%.%", "b1", "database b1", false),
            ("wild-do-table=a%.t%", "a1", "database a1", false),
            ("wild-ignore-table=a.%", "a", "database a", false),
        ] {
            let verdict = statement(&rules(text, flavour, 0), default_database, names);
            assert_eq!(verdict.keep, keep, "{names} under {text}: {verdict}");
        }
    }
}

#[test]
fn wildcards_speak_of_databases_beside_database_rules_on_mariadb_only() {
    let text = "do-db=a; wild-ignore-table=a.%";
    for (flavour, keep) in [(MySql, true), (MariaDb, false)] {
        let verdict = statement(&rules(text, flavour, 0), "a", "database a");
        assert_eq!(verdict.keep, keep, "{flavour:?}: {verdict}");
    }
}

fn expressions(include: &[&str], exclude: &[&str]) -> FilterOptions {
    let owned = |rules: &[&str]| rules.iter().map(|&rule| rule.to_owned()).collect();
    FilterOptions {
        tables_include: owned(include),
        tables_exclude: owned(exclude),
        ..FilterOptions::default()
    }
}

#[test]
fn expressions_match_whole_names() {
    for (include, exclude, kept, rejected) in [
        (
            &[r"a\..*"][..],
            &[][..],
            &["a/t", "a/x.y"][..],
            &["ab/t", "b/a.t"][..],
        ),
        (&[r"a\.t"], &[], &["a/t"], &["a/t2", "xa/t", "A/t"]),
        (&[r"(?i)a\.t"], &[], &["a/T", "A/t"], &["a/u"]),
        (&[r"a\.t|b\.u"], &[], &["a/t", "b/u"], &["a/tx", "xb/u"]),
        (&[r"^a\.t$"], &[], &["a/t"], &["a/t\nb"]),
        (
            &[],
            &[r".*\.tmp_.*"],
            &["a/t"],
            &["a/tmp_1", "b/tmp_\u{1F600}"],
        ),
        (&[r"a\..*"], &[r"a\.t\d+"], &["a/t"], &["a/t1", "b/t"]),
        (
            &[r"mysql\.user"],
            &[],
            &["mysql/user"],
            &["mysql/db", "sys/user"],
        ),
    ] {
        let options = expressions(include, exclude);
        let rules = Rules::compile(&options, MySql, 0).unwrap();
        check_one(&rules, &format!("{options:?}"), kept, rejected);
    }
}

#[test]
fn expressions_come_before_the_rules_of_servers_and_see_new_names() {
    let options = FilterOptions {
        tables_include: vec![r"copy\..*".to_owned()],
        ..options("rewrite-db=shop->copy; ignore-table=copy.x; do-db=copy")
    };
    let rules = Rules::compile(&options, MySql, 0).unwrap();
    check_one(&rules, "", &["shop/t", "copy/t"], &["shop/x", "other/t"]);
    assert_eq!(
        rules.table("other", "t").to_string(),
        "rejected: no match in tables-include (pattern stage)"
    );
    assert!(rules.database("shop").keep && !rules.database("other").keep);
}

#[test]
fn expressions_ignore_case_where_table_rules_do() {
    let options = expressions(&[r"shop\.t"], &[]);
    for (flavour, setting, keep) in [(MySql, 0, false), (MySql, 1, true), (MariaDb, 0, true)] {
        let rules = Rules::compile(&options, flavour, setting).unwrap();
        assert_eq!(rules.table("shop", "T").keep, keep, "{flavour:?} {setting}");
    }
}

#[test]
fn expressions_that_cannot_be_are_refused_with_what_to_write() {
    let long = "a".repeat(70_000);
    for (text, told) in [
        (
            r"a\.(?!tmp).*",
            "looks around with \"(?!\", which is not supported",
        ),
        (r"a\.(t", "unclosed group"),
        ("a)|(b", "unopened group"),
        (r"(a{1000}){1000}\.t", "bytes of memory"),
        (r"a\.(t)\1", "backreferences are not supported"),
        ("", "has an empty expression"),
        (&long, "has 70000 bytes of at most 65536"),
    ] {
        let options = expressions(&[], &[text]);
        let error = Rules::compile(&options, MySql, 0).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error.key(), "tables-exclude");
        assert!(error.to_string().len() < 300, "{error}");
        assert_eq!(Rules::mistakes(&options), [error]);
    }
}
