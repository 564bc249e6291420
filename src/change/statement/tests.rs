//! Statements and what is read from them. `tests/statements` runs such statements on real servers.

use proptest::prelude::*;

use super::*;
use crate::filter::FilterOptions;
use crate::filter::Rules;
use crate::mysql::Flavour;
use crate::mysql::Flavour::{MariaDb, MySql};

fn context(flavour: Flavour) -> StatementContext {
    match flavour {
        MySql => StatementContext::new(MySql, "9.7.4", 0),
        MariaDb => StatementContext::new(MariaDb, "10.11.19-MariaDB-log", 0),
    }
}

/// `AlterTable: d.t, > d.u`: the kind, then the objects in their order, marked by role and class.
fn show(statement: &Statement) -> String {
    let mut shown = match &statement.kind {
        StatementKind::Unknown { .. } => return "Unknown".to_owned(),
        StatementKind::CreateTable {
            temporary,
            like,
            select,
        } => {
            let flags = [(temporary, "Temporary"), (like, "Like"), (select, "Select")];
            let flags = flags.iter().filter(|(set, _)| **set).map(|(_, name)| *name);
            format!("CreateTable{}", flags.collect::<String>())
        }
        StatementKind::DropTable { temporary: true } => "DropTableTemporary".to_owned(),
        StatementKind::DropTable { temporary: false } => "DropTable".to_owned(),
        StatementKind::Sequence { action, temporary } => {
            format!(
                "{action:?}Sequence{}",
                if *temporary { "Temporary" } else { "" }
            )
        }
        StatementKind::Transaction(bound) => format!("{bound:?}"),
        other => format!("{other:?}"),
    };
    for (index, object) in statement.objects.iter().enumerate() {
        shown += if index == 0 { ": " } else { ", " };
        shown += match object.role {
            Role::Target => "",
            Role::RenamedTo => "> ",
            Role::Like => "~ ",
            Role::TriggerOn => "on ",
        };
        shown += match object.class {
            ObjectClass::Table => "",
            ObjectClass::View => "view ",
            ObjectClass::Database => "db ",
            ObjectClass::Trigger => "trigger ",
            ObjectClass::Routine => "routine ",
            ObjectClass::Event => "event ",
        };
        shown += &match object.class {
            ObjectClass::Database => object.name.database.to_string(),
            _ => object.name.to_string(),
        };
    }
    shown
}

fn check_on(flavour: Flavour, text: &str, expected: &str) {
    let found = scan(text, "d", context(flavour));
    assert_eq!(show(&found), expected, "{text} on {flavour:?}");
}

fn check(text: &str, expected: &str) {
    check_on(MySql, text, expected);
    check_on(MariaDb, text, expected);
}

/// A line a case: the statement (`\n` for a line's end), what is read from it, and on MariaDB where that differs.
const CASES: &str = include_str!("statements.tsv");

#[test]
fn statements_are_read_by_their_first_clauses() {
    let lines = CASES.lines().filter(|line| !line.starts_with("// "));
    let mut cases = 0;
    for line in lines {
        let mut fields = line.split('\t');
        let text = fields.next().unwrap().replace("\\n", "\n");
        let mysql = fields.next().unwrap();
        let mariadb = fields.next().unwrap_or(mysql);
        check_on(MySql, &text, mysql);
        check_on(MariaDb, &text, mariadb);
        cases += 1;
    }
    assert!(cases >= 200, "{cases} cases");
}

#[test]
fn quotes_follow_the_events_sql_mode() {
    let ansi = StatementContext {
        sql_mode: 0x4,
        ..context(MySql)
    };
    let text = r#"ALTER TABLE "x"."t" RENAME TO "u""#;
    assert_eq!(show(&scan(text, "d", ansi)), "AlterTable: x.t, > d.u");
    check(text, "Unknown");
    let no_backslash = StatementContext {
        sql_mode: 0x10_0000,
        ..context(MySql)
    };
    let text = r"ALTER TABLE t ADD a CHAR(1) DEFAULT '\', RENAME TO u -- '";
    assert_eq!(
        show(&scan(text, "d", no_backslash)),
        "AlterTable: d.t, > d.u"
    );
    check(text, "AlterTable: d.t");
}

/// The labels of the first column.
fn labels(text: &str, sql_mode: u64) -> Option<Vec<meaning::Label>> {
    let context = StatementContext {
        sql_mode,
        ..context(MySql)
    };
    match scan(text, "d", context).meaning {
        meaning::Meaning::CreateTable(table) => {
            match table.elements.columns.into_iter().next()?.kind {
                meaning::Kind::Enum { labels } => Some(labels),
                _ => None,
            }
        }
        _ => None,
    }
}

#[test]
fn backslashes_that_the_server_doubled_are_taken_out_or_in_doubt() {
    const NO_BACKSLASH_ESCAPES: u64 = 0x10_0000;
    let text = |label: &str| Some(vec![meaning::Label::Text(label.into())]);
    let own = "CREATE TABLE `t` (\n  `e` enum('x\\\\')\n)";
    let logged = format!("{own} START TRANSACTION");
    assert_eq!(labels(&logged, NO_BACKSLASH_ESCAPES), text("x\\"));
    assert_eq!(labels(own, NO_BACKSLASH_ESCAPES), None);
    assert_eq!(labels(own, 0), text("x\\"));
    let typed = "CREATE TABLE t (e ENUM('x\\\\'))";
    assert_eq!(labels(typed, NO_BACKSLASH_ESCAPES), text("x\\\\"));
    let plain = "CREATE TABLE `t` (\n  `e` enum('x')\n)";
    assert_eq!(labels(plain, NO_BACKSLASH_ESCAPES), text("x"));
}

#[test]
fn effects_tell_ddl_from_rows_from_the_rest() {
    for (text, effect, writes_rows, redefined) in [
        ("CREATE TABLE t (a INT)", Effect::Definition, false, "d.t"),
        ("CREATE TABLE t SELECT 1", Effect::Definition, true, "d.t"),
        ("CREATE TABLE t LIKE s", Effect::Definition, false, "d.t"),
        (
            "CREATE TEMPORARY TABLE t SELECT 1",
            Effect::Nothing,
            false,
            "",
        ),
        ("DROP TEMPORARY TABLE t", Effect::Nothing, false, ""),
        (
            "ALTER TABLE t RENAME u",
            Effect::Definition,
            false,
            "d.t d.u",
        ),
        (
            "RENAME TABLE a TO b, c TO x.d",
            Effect::Definition,
            false,
            "d.a d.b d.c x.d",
        ),
        ("TRUNCATE t", Effect::Definition, false, ""),
        (
            "DROP INDEX `PRIMARY` ON t",
            Effect::Definition,
            false,
            "d.t",
        ),
        ("DROP VIEW v", Effect::Definition, false, ""),
        ("DROP DATABASE x", Effect::Definition, false, ""),
        (
            "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
            Effect::Definition,
            false,
            "",
        ),
        ("INSERT INTO t VALUES (1)", Effect::Rows, true, ""),
        ("SELECT f()", Effect::Rows, true, ""),
        ("BEGIN", Effect::Transaction, false, ""),
        ("SET @a = 1", Effect::Nothing, false, ""),
        ("OPTIMIZE TABLE t", Effect::Nothing, false, ""),
        ("WHATEVER", Effect::Unknown, false, ""),
    ] {
        let statement = scan(text, "d", context(MariaDb));
        assert_eq!(statement.effect(), effect, "{text}");
        assert_eq!(statement.writes_rows(), writes_rows, "{text}");
        let names: Vec<String> = statement
            .redefined_tables()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names.join(" "), redefined, "{text}");
    }
    let dropped = scan("DROP DATABASE x", "d", context(MySql));
    assert_eq!(dropped.dropped_database(), Some("x"));
    assert_eq!(
        scan("CREATE DATABASE x", "d", context(MySql)).dropped_database(),
        None
    );
}

#[test]
fn verdicts_go_by_the_objects_named() {
    let options = FilterOptions {
        replicate_do_db: vec!["a".to_owned()],
        replicate_wild_ignore_table: vec!["a.tmp%".to_owned()],
        ..FilterOptions::default()
    };
    let rules = Rules::compile(&options, MySql, 0).unwrap();
    for (text, keep) in [
        ("ALTER TABLE a.t ADD b INT", true),
        ("ALTER TABLE t ADD b INT", false),
        ("DROP TABLE t, a.t", true),
        ("DROP TABLE t, a.tmp1", false),
        ("RENAME TABLE t TO a.t", true),
        ("CREATE TABLE t LIKE a.t", false),
        (
            "CREATE TRIGGER d.r BEFORE INSERT ON a.t FOR EACH ROW SET @a = 1",
            true,
        ),
        ("DROP TRIGGER a.r", true),
        ("DROP TRIGGER r", false),
        ("CREATE VIEW a.v AS SELECT 1", true),
        ("CREATE PROCEDURE a.p () SELECT 1", true),
        ("CREATE DATABASE a", true),
        ("CREATE DATABASE b", false),
        ("CREATE USER u", false),
        ("INSTALL PLUGIN p SONAME 'p.so'", false),
        // What the function writes is not to be seen, so it must not get lost.
        ("SELECT f()", true),
        ("CALL p()", true),
        ("INSERT INTO a.t VALUES (1)", true),
        ("INSERT INTO t VALUES (1)", false),
    ] {
        let verdict = scan(text, "d", context(MySql)).verdict(&rules);
        assert_eq!(verdict.keep, keep, "{text}: {verdict}");
    }
}

#[test]
fn versions_are_read_as_servers_write_them() {
    for (flavour, text, expected) in [
        (MySql, "9.7.4", 90_704),
        (MySql, "8.0.15-log", 80_015),
        (MySql, "5.7.22", 50_722),
        (MariaDb, "10.11.19-MariaDB-0+deb12u1-log", 101_119),
        (MariaDb, "5.5.5-10.11.19-MariaDB", 101_119),
        (MariaDb, "11.8", 110_800),
        (MySql, "", 0),
    ] {
        assert_eq!(
            StatementContext::new(flavour, text, 0).version,
            expected,
            "{text}"
        );
    }
}

const SAMPLES: [&str; 12] = [
    "CREATE DEFINER=`root`@`localhost` TRIGGER r BEFORE INSERT ON x.t FOR EACH ROW SET @a = 'b''c'",
    "CREATE TABLE `x`.`t` (a INT /*!50503 NOT NULL */, b CHAR(1) DEFAULT '\\'') SELECT 1",
    "SET STATEMENT a=1 FOR ALTER TABLE t EXCHANGE PARTITION p WITH TABLE x.u, RENAME TO `y``z`",
    "DROP TABLE IF EXISTS `t`,x.u /* generated by server */",
    "RENAME TABLE t TO tmp, u TO t, tmp TO u",
    "WITH RECURSIVE c AS (SELECT 1) DELETE a, b.* FROM t a JOIN (u b) USING (id) WHERE a.x = 1",
    "UPDATE t PARTITION (p) AS a, (SELECT 1) b SET a.c = 1",
    "LOAD DATA INFILE 'f' INTO TABLE t",
    "ALTER DATABASE comment COMMENT 'x'",
    "ROLLBACK TO SAVEPOINT `s`",
    "XA START X'61',X'',1",
    "/*!999999 a /* b */ c */ CREATE SPATIAL INDEX i ON t (é)",
];

#[test]
fn every_prefix_is_read_without_a_panic() {
    for sample in SAMPLES {
        for flavour in [MySql, MariaDb] {
            for (end, _) in sample.char_indices() {
                let cut = &sample[..end];
                let statement = scan(cut, "", context(flavour));
                // What is cut inside a quote or comment is never half a name.
                let open = cut.matches('`').count() % 2 == 1;
                let known = !matches!(statement.kind, StatementKind::Unknown { .. });
                assert!(!(open && known), "{cut}: {statement:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "\\PC*", mode in any::<u64>()) {
        for flavour in [MySql, MariaDb] {
            scan(&text, "d", StatementContext { sql_mode: mode, ..context(flavour) });
        }
    }

    #[test]
    fn words_in_any_order_make_no_panic_and_no_foreign_name(
        words in proptest::collection::vec(prop::sample::select(vec![
            "CREATE", "ALTER", "DROP", "TABLE", "RENAME", "TO", "DATABASE", "INDEX", "ON", "IF", "EXISTS", "NOT", "t",
            "`u`", "x", ".", ",", "(", ")", "'s'", "SELECT", "UPDATE", "SET", "DELETE", "FROM", "USING", "JOIN", "AS",
            "WITH", "/*!50503", "*/", "/*", "PARTITION", "EXCHANGE", "TRIGGER", "BEFORE", "VIEW", ";", "=", "@",
        ]), 0..14),
    ) {
        let text = words.join(" ");
        for flavour in [MySql, MariaDb] {
            let statement = scan(&text, "d", context(flavour));
            for object in &statement.objects {
                let named = |name: &str| name.is_empty() || name == "d" || words.iter().any(|w| w.trim_matches('`') == name);
                prop_assert!(named(&object.name.database) && named(&object.name.table), "{}: {:?}", text, object);
            }
        }
    }
}

/// What may be repeated without end, and what stands before and after it.
const LONG: [(&str, &str, &str); 22] = [
    ("CREATE TABLE t (a INT DEFAULT ", "(1)+", "1)"),
    ("CREATE TABLE t (a INT DEFAULT ", "(", ""),
    ("CREATE TABLE t (a INT COMMENT '", "''\\'", "')"),
    ("CREATE TABLE t (a INT COMMENT '", "x", ""),
    ("CREATE TABLE t (a ENUM(", "'ab',", "'z'))"),
    ("CREATE TABLE t (", "a INT, ", "b INT) ENGINE=InnoDB"),
    ("CREATE TABLE t (a INT) ", "COMMENT='x' ", ""),
    (
        "CREATE TABLE t (a INT) PARTITION BY RANGE (a) (",
        "PARTITION p VALUES LESS THAN (5),",
        ")",
    ),
    ("CREATE TABLE `", "``", "` (a INT)"),
    ("CREATE ", "OR REPLACE ", "VIEW v AS SELECT 1"),
    ("ALTER TABLE t ", "/* x */", " ADD a INT"),
    ("ALTER TABLE t /* ", "x", " */ ADD a INT, ENGINE=InnoDB"),
    ("ALTER TABLE t /*!999999 ", "/**/", " */ ADD a INT"),
    ("ALTER TABLE t ", "/*!999999 x */", " ADD a INT"),
    ("ALTER TABLE t ", "/*!50503 x */", ""),
    ("ALTER TABLE t ", "ADD INDEX (a), ", "FORCE"),
    ("ALTER TABLE t ", "COMMENT 'x' ", "ENGINE=InnoDB"),
    ("", "/*!50503 ", ""),
    ("", "-- \n", "DROP TABLE t"),
    ("", "SET STATEMENT a = 1 FOR ", ""),
    ("WITH ", "a AS (SELECT 1), ", ""),
    ("RENAME TABLE ", "t TO w, w TO t, ", "t TO u"),
];

#[test]
fn a_statement_is_read_in_proportion_to_its_length() {
    const READ_MAX: usize = 24;
    for flavour in [Flavour::MySql, Flavour::MariaDb] {
        let read = |text: &str| {
            super::lexer::work::take();
            scan(text, "d", StatementContext::newest(flavour));
            super::lexer::work::take()
        };
        for (before, repeated, after) in LONG {
            for bytes in [4_000, 64_000] {
                let text = format!("{before}{}{after}", repeated.repeat(bytes / repeated.len()));
                let read = read(&text);
                assert!(
                    read <= text.len() * READ_MAX,
                    "{read} bytes were read of {}: {before}{repeated}…",
                    text.len()
                );
            }
        }
    }
}

#[test]
fn a_statement_that_sets_its_mode_is_followed_if_it_is_the_same_in_every_mode() {
    let scanned = |text: &str| scan(text, "d", context(MariaDb));
    let plain = scanned("SET STATEMENT sql_mode = '' FOR CREATE TABLE t (a INT, e ENUM('x'))");
    assert!(matches!(plain.meaning, meaning::Meaning::CreateTable(_)));
    for text in [
        r"SET STATEMENT sql_mode = '' FOR CREATE TABLE t (e ENUM('a\\b'))",
        r#"SET STATEMENT SQL_MODE = '' FOR CREATE TABLE t (e ENUM("x"))"#,
        "SET STATEMENT max_statement_time = 5, sql_mode = '' FOR CREATE TABLE t (a DATE)",
        "SET STATEMENT sql_mode = '' FOR ALTER TABLE t ADD a REAL",
    ] {
        let found = scanned(text);
        let meaning = &found.meaning;
        assert!(
            matches!(meaning, meaning::Meaning::Unfollowed { .. }),
            "{text}"
        );
        assert_eq!(found.objects.len(), 1, "{text}");
    }
    let quoted = r#"SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR CREATE TABLE "t" (a INT)"#;
    assert!(matches!(
        scanned(quoted).kind,
        StatementKind::Unknown { .. }
    ));
    let split = r"SET STATEMENT sql_mode = '' FOR ALTER TABLE t COMMENT '\', RENAME TO u -- '";
    assert!(matches!(scanned(split).kind, StatementKind::Unknown { .. }));
}
