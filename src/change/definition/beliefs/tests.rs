//! Beliefs over time: what a reading serves, what rules it out, and what is given up.

use super::*;
use crate::change::definition::schemas::Connection;
use crate::change::statement::{self, StatementContext};
use crate::mysql::Flavour;

fn at(position: u64) -> Coordinates {
    Coordinates::new("b.000001", position)
}

fn point(position: u64) -> Point {
    Point::new(&Arc::default(), at(position))
}

fn definition(from: u64, to: u64) -> Definition {
    Definition {
        table: Arc::default(),
        read_from: point(from),
        read_to: point(to),
        is_sequence: false,
    }
}

fn follow(definitions: &mut Definitions, text: &str, position: u64, error_code: u16) {
    let server = (Flavour::MySql, "9.7.0");
    follow_on(definitions, server, text, position, error_code, false);
}

fn follow_on(
    definitions: &mut Definitions,
    (flavour, version): (Flavour, &str),
    text: &str,
    position: u64,
    error_code: u16,
    in_engine_transaction: bool,
) {
    let context = StatementContext::new(flavour, version, 0);
    definitions.follow(&Executed {
        statement: &statement::scan(text, "d", context),
        text,
        doubt: None,
        gaps: text.contains(GAP).then_some("bytes are no text"),
        facts: Facts {
            context,
            connection: Connection {
                server_id: 1,
                thread_id: 1,
            },
            default_database: None,
            connection_charset: None,
            server_charset: None,
            default_engine: None,
            explicit_defaults_for_timestamp: Some(true),
            utf8_is_utf8mb4: false,
            in_engine_transaction,
        },
        error_code,
        in_engine_transaction: false,
        at: at(position),
        end: &at(position + 1),
        gtid: None,
    });
}

fn check(read: (u64, u64), ddl: Option<u64>, end: u64, serves: bool) {
    let table = TableName::new("d", "t");
    let mut definitions = Definitions::new([(table.clone(), definition(read.0, read.1))]);
    if let Some(position) = ddl {
        // One that the schema cannot follow, since it has not heard of the table.
        follow(&mut definitions, "ALTER TABLE T ADD c INT", position, 0);
    }
    assert_eq!(
        definitions.serving(&table, &at(end)).is_some(),
        serves,
        "read {read:?}, DDL {ddl:?}, group ends {end}"
    );
}

#[test]
fn a_definition_serves_groups_that_end_at_or_after_its_reading() {
    check((100, 100), None, 100, true);
    check((100, 100), None, 900, true);
    check((100, 120), None, 110, false);
    check((100, 100), None, 90, false);
}

#[test]
fn a_ddl_since_the_reading_began_rules_it_out() {
    check((100, 120), Some(110), 200, false);
    check((100, 120), Some(150), 200, false);
    check((100, 120), Some(100), 200, false);
    check((100, 120), Some(90), 200, true);
}

#[test]
fn a_temporary_table_hides_a_table_until_the_source_is_started_anew() {
    let mut definitions = Definitions::default();
    let columns = |definitions: &Definitions| -> Vec<Box<str>> {
        match definitions.believed().get(&TableName::new("d", "t")) {
            Some(Belief::Known(table)) => {
                let names = table.columns.iter().map(|column| column.name.clone());
                names.collect()
            }
            other => panic!("{other:?}"),
        }
    };
    follow(
        &mut definitions,
        "CREATE DATABASE d CHARACTER SET utf8mb4",
        5,
        0,
    );
    follow(&mut definitions, "CREATE TABLE t (a INT)", 10, 0);
    follow(&mut definitions, "CREATE TEMPORARY TABLE t (b INT)", 20, 0);
    follow(&mut definitions, "ALTER TABLE t ADD c INT", 30, 0);
    assert_eq!(columns(&definitions), ["a".into()]);
    definitions.source_started();
    follow(&mut definitions, "ALTER TABLE t ADD c INT", 40, 0);
    assert_eq!(columns(&definitions), ["a".into(), "c".into()]);
}

#[test]
fn what_serves_once_is_believed_and_journaled_at_the_groups_end() {
    let table = TableName::new("d", "t");
    let mut definitions = Definitions::new([(table.clone(), definition(10, 20))]);
    assert!(definitions.serving(&table, &at(30)).is_some());
    assert!(definitions.serving(&table, &at(40)).is_some());
    let revisions = definitions.take_revisions();
    assert_eq!(revisions.len(), 1);
    assert_eq!(
        (&revisions[0].at, &revisions[0].statement),
        (&point(30), &None)
    );
    assert!(definitions.take_revisions().is_empty());
}

#[test]
fn a_belief_that_is_given_up_says_why_and_does_not_come_back_by_itself() {
    let table = TableName::new("d", "t");
    let mut definitions = Definitions::new([(table.clone(), definition(10, 20))]);
    definitions.serving(&table, &at(30));
    definitions.distrust(&table, "it is odd", &at(40));
    assert!(definitions.serving(&table, &at(50)).is_none());
    assert_eq!(definitions.doubt(&table), Some("it is odd"));
    definitions.offer(&table, definition(50, 50));
    assert!(definitions.serving(&table, &at(50)).is_some());
    definitions.distrust_all("a gap", &at(60));
    assert_eq!(definitions.doubt(&table), Some("a gap"));
}

#[test]
fn a_statement_that_failed_in_its_middle_is_not_followed() {
    let table = TableName::new("d", "t");
    let mut definitions = Definitions::new([(table.clone(), definition(10, 20))]);
    definitions.serving(&table, &at(30));
    follow(&mut definitions, "DROP TABLE t, u", 40, 1217);
    assert!(definitions.serving(&table, &at(50)).is_none());
    assert_eq!(
        definitions.doubt(&table),
        Some("a statement on it failed with error 1217")
    );
}

#[test]
fn what_was_proven_before_a_crash_serves_the_same_group_again() {
    let table = TableName::new("d", "t");
    let proven = Revision {
        at: point(50),
        gtid: None,
        statement: None,
        changes: vec![Change::Defined {
            table: table.clone(),
            definition: Arc::default(),
        }],
    };
    let given_up = Revision {
        at: point(80),
        changes: vec![Change::Stale {
            table: table.clone(),
            reason: "why".into(),
        }],
        ..proven.clone()
    };
    let mut definitions = Definitions::default().believing(Schemas::new(0), vec![proven, given_up]);
    assert_eq!(definitions.proven_before(&table, &at(49)), None);
    // Until a statement follows on the table, and until it was given up.
    for place in [50, 51, 79] {
        let found = definitions.proven_before(&table, &at(place));
        assert_eq!(found, Some(definition(50, 50)), "{place}");
    }
    assert_eq!(definitions.proven_before(&table, &at(80)), None);
    follow(&mut definitions, "ALTER TABLE t ADD c INT", 60, 0);
    let found = definitions.proven_before(&table, &at(50));
    assert_eq!(found, Some(definition(50, 50)));
    assert_eq!(definitions.proven_before(&table, &at(70)), None);
}

/// The same places, in binlogs that the server began anew, and in another server's.
fn elsewhere() -> [Arc<Lineage>; 2] {
    let begun_anew = Lineage {
        incarnation: 1,
        ..Lineage::default()
    };
    let another_server = Lineage {
        server_id: 2,
        ..Lineage::default()
    };
    [Arc::new(begun_anew), Arc::new(another_server)]
}

#[test]
fn a_reading_of_other_binlogs_serves_no_group_and_is_ruled_out_by_no_statement() {
    let table = TableName::new("d", "t");
    for lineage in elsewhere() {
        let read = Definition {
            table: Arc::default(),
            read_from: Point::new(&lineage, at(20)),
            read_to: Point::new(&lineage, at(20)),
            is_sequence: false,
        };
        let mut definitions = Definitions::new([(table.clone(), read.clone())]);
        assert_eq!(definitions.serving(&table, &at(30)), None);
        follow(&mut definitions, "ALTER TABLE t ADD c INT", 40, 0);
        assert_eq!(definitions.serving(&table, &at(50)), None);
        // It stays a guess, which the source may be asked about.
        assert_eq!(definitions.unchanged(&table), Some(&read));
    }
}

#[test]
fn a_reading_proves_nothing_where_a_statement_was_seen_in_other_binlogs() {
    let table = TableName::new("d", "t");
    for lineage in elsewhere() {
        let mut definitions = Definitions::default();
        follow(&mut definitions, "ALTER TABLE t ADD c INT", 40, 0);
        let mut definitions = definitions.along(Arc::clone(&lineage));
        let read = Definition {
            table: Arc::default(),
            read_from: Point::new(&lineage, at(50)),
            read_to: Point::new(&lineage, at(50)),
            is_sequence: false,
        };
        definitions.offer(&table, read);
        assert_eq!(definitions.serving(&table, &at(60)), None);
    }
}

#[test]
fn what_was_proven_in_other_binlogs_serves_no_group_of_these() {
    let table = TableName::new("d", "t");
    for lineage in elsewhere() {
        let proven = Revision {
            at: Point::new(&lineage, at(50)),
            gtid: None,
            statement: None,
            changes: vec![Change::Defined {
                table: table.clone(),
                definition: Arc::default(),
            }],
        };
        let definitions = Definitions::default().believing(Schemas::new(0), vec![proven]);
        assert_eq!(definitions.proven_before(&table, &at(50)), None);
    }
}

/// What is known of `d.t` after statements; those marked with `+` hold a storage engine's transaction.
fn check_known(server: (Flavour, &str), statements: &[&str], expected: &str) {
    let mut definitions = Definitions::default();
    for (place, text) in (10..).step_by(10).zip(statements) {
        let (text, error_code) = text.split_once('!').map_or((*text, 0), |(text, code)| {
            (text, code.parse().expect("an error code"))
        });
        let in_engine_transaction = text.starts_with('+');
        let text = text.trim_start_matches('+');
        follow_on(
            &mut definitions,
            server,
            text,
            place,
            error_code,
            in_engine_transaction,
        );
    }
    let found = match definitions.believed().get(&TableName::new("d", "t")) {
        Some(Belief::Known(table)) => {
            let columns = table.columns.iter();
            let columns = columns.map(|column| {
                let charset = column.charset.as_deref().unwrap_or_default();
                let text = format!("{} {} {charset}", column.name, column.column_type);
                text.trim_end().to_owned()
            });
            columns.collect::<Vec<_>>().join(", ")
        }
        Some(Belief::Stale(reason)) => format!("stale: {reason}"),
        None => "nothing".to_owned(),
    };
    assert_eq!(found, expected, "{server:?}: {statements:?}");
}

const MYSQL_57: (Flavour, &str) = (Flavour::MySql, "5.7.44-log");
const MYSQL_97: (Flavour, &str) = (Flavour::MySql, "9.7.0");
const MARIADB: (Flavour, &str) = (Flavour::MariaDb, "10.11.14-MariaDB-log");

#[test]
fn labels_keep_their_bytes_through_conversions_text_or_not() {
    let made = "CREATE TABLE t (e ENUM('é','b','日')) CHARACTER SET latin1";
    let to = |charset| format!("ALTER TABLE t CONVERT TO CHARACTER SET {charset}");
    for (charsets, expected) in [
        (vec!["utf8mb4"], "e enum(x'e9','b','?') utf8mb4"),
        (vec!["utf8mb4", "latin1"], "e enum('é','b','?') latin1"),
        (
            vec!["utf8mb4", "ascii", "cp1251"],
            "e enum('й','b','?') cp1251",
        ),
        (vec!["sjis", "greek"], "e enum('ι','b','?') greek"),
        (vec!["ucs2"], "e enum(x'e9',x'62',x'3f') ucs2"),
    ] {
        let statements: Vec<String> = charsets.into_iter().map(to).collect();
        let statements: Vec<&str> = [made]
            .into_iter()
            .chain(statements.iter().map(|it| &**it))
            .collect();
        for server in [MYSQL_57, MYSQL_97, MARIADB] {
            check_known(server, &statements, expected);
        }
    }
    // MySQL 5.7 kept such labels in hexadecimal digits.
    let wide = [
        "CREATE TABLE t (e ENUM('日本','x','é','a\\\\') CHARACTER SET ucs2)",
        "ALTER TABLE t CONVERT TO CHARACTER SET latin1",
    ];
    check_known(MYSQL_57, &wide, "e enum('eåg,672C','','','') latin1");
    let expected = r"e enum('eåg,','\0x','\0é','\0a\0\\') latin1";
    for server in [MYSQL_97, MARIADB] {
        check_known(server, &wide, expected);
    }
    // sjis writes a backslash in two bytes.
    for server in [MYSQL_57, MYSQL_97, MARIADB] {
        let statements = [
            "CREATE TABLE t (e ENUM('\\\\','é')) CHARACTER SET sjis",
            "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
        ];
        check_known(server, &statements, "e enum(x'815f','?') utf8mb4");
    }
    // Set and conversion at once: the labels never were in the set that is named.
    let at_once = [
        "CREATE TABLE t (a INT)",
        "ALTER TABLE t ADD e ENUM('é','ж') CHARACTER SET latin1, CONVERT TO CHARACTER SET cp1251",
    ];
    check_known(MARIADB, &at_once, "a int(11), e enum('?','ж') cp1251");
}

#[test]
fn if_not_exists_makes_what_the_binlog_proves_that_it_made() {
    const MAY_HAVE: &str = "stale: it may have existed before CREATE … IF NOT EXISTS";
    let create = "CREATE TABLE IF NOT EXISTS t (a INT)";
    let made = "+CREATE TABLE IF NOT EXISTS t (a INT)";
    for server in [MYSQL_97, MARIADB, MYSQL_57] {
        let int = match server {
            MYSQL_97 => "a int",
            _ => "a int(11)",
        };
        check_known(server, &[create], MAY_HAVE);
        check_known(server, &[made], int);
        check_known(server, &["DROP TABLE t", create], int);
        check_known(server, &["DROP TABLE IF EXISTS x, t", create], int);
        check_known(server, &["DROP TABLE t", "FROBNICATE x", create], MAY_HAVE);
        check_known(
            server,
            &["DROP TABLE t", "CREATE VIEW t AS SELECT 1", create],
            MAY_HAVE,
        );
        check_known(
            server,
            &["CREATE TABLE t (b DATE)", "RENAME TABLE t TO u", create],
            int,
        );
        check_known(server, &["CREATE DATABASE d", create], int);
        check_known(
            server,
            &["DROP DATABASE d", "CREATE DATABASE IF NOT EXISTS d", create],
            match server {
                // A database that was made would hold a transaction.
                MYSQL_97 => MAY_HAVE,
                _ => int,
            },
        );
        check_known(server, &["CREATE TABLE t (b DATE)", create], "b date");
    }
    check_known(MYSQL_97, &["CREATE TABLE t (b DATE)", made], "a int");
    // Two sessions may have created it at once.
    check_known(MARIADB, &["CREATE TABLE t (b DATE)", made], "b date");
    check_known(
        MYSQL_97,
        &["+CREATE DATABASE IF NOT EXISTS d", create],
        "a int",
    );
    check_known(
        MARIADB,
        &["CREATE DATABASE IF NOT EXISTS d", create],
        MAY_HAVE,
    );
}

#[test]
fn a_drop_that_missed_a_table_dropped_the_others() {
    check_known(
        MYSQL_57,
        &[
            "CREATE TABLE t (a INT)",
            "DROP TABLE t, u!1051",
            "CREATE TABLE IF NOT EXISTS t (b DATE)",
        ],
        "b date",
    );
    check_known(
        MYSQL_57,
        &["CREATE TABLE t (a INT)", "DROP TABLE t, u!1217"],
        "stale: a statement on it failed with error 1217",
    );
    check_known(
        MYSQL_57,
        &[
            "CREATE TABLE t (a INT)",
            "ALTER TABLE t ADD b INT!1317",
            "ALTER TABLE t ADD c INT",
        ],
        "stale: a statement on it failed with error 1317",
    );
}

#[test]
fn bytes_that_are_no_text_leave_in_doubt_only_what_they_are_a_part_of() {
    const DOUBT: &str = "stale: bytes are no text";
    for (text, expected) in [
        ("CREATE TABLE t (a DATE) COMMENT='\u{fffd}'", "a date"),
        ("CREATE TABLE t (a DATE DEFAULT '\u{fffd}')", "a date"),
        ("CREATE TABLE t (a DATE, \u{fffd} DATE)", DOUBT),
        (
            "CREATE TABLE t (a ENUM('\u{fffd}') CHARACTER SET latin1)",
            "a enum(?'\u{fffd}') latin1",
        ),
    ] {
        check_known(MYSQL_97, &[text], expected);
    }
    check_known(
        MYSQL_97,
        &[
            "CREATE TABLE t (a DATE)",
            "ALTER TABLE t ADD b DATE COMMENT '\u{fffd}'",
        ],
        "a date, b date",
    );
    check_known(
        MYSQL_97,
        &[
            "CREATE TABLE t (a DATE)",
            "CREATE TABLE u (a DATE, \u{fffd} INT)",
        ],
        "a date",
    );
}

#[test]
fn a_statement_that_is_lost_after_its_tables_name_leaves_other_tables_alone() {
    for lost in [
        "ALTER TABLE u ADD c INT)",
        "ALTER TABLE u ; ADD c INT",
        "CREATE TABLE u (a INT",
        "CREATE TABLE u a INT))",
    ] {
        check_known(MYSQL_97, &["CREATE TABLE t (a DATE)", lost], "a date");
        let on_it = lost.replace(" u ", " t ");
        let mut definitions = Definitions::default();
        follow(&mut definitions, "CREATE TABLE t (a DATE)", 10, 0);
        follow(&mut definitions, &on_it, 20, 0);
        let doubt = definitions.doubt(&TableName::new("d", "t"));
        assert!(
            doubt.is_some_and(|doubt| doubt.contains("not understood")),
            "{on_it}: {doubt:?}"
        );
    }
    for lost in [
        "ALTER TABLE u RENAME TO ;",
        "ALTER TABLE u CONVERT TABLE TO)",
        "FROBNICATE u",
    ] {
        let mut definitions = Definitions::default();
        follow(&mut definitions, "CREATE TABLE t (a DATE)", 10, 0);
        follow(&mut definitions, lost, 20, 0);
        let doubt = definitions.doubt(&TableName::new("d", "t"));
        assert!(doubt.is_some(), "{lost}");
    }
}

#[test]
fn a_default_that_is_not_known_leaves_unsettled_the_text_that_has_it() {
    const CREATE: &str = "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(5), b CHAR(3) CHARACTER SET latin1, c TEXT, \
                          e ENUM('x ', 'é'), s SET('1', '2') COLLATE utf8mb4_bin, f BLOB)";
    check_known(
        MYSQL_97,
        &[CREATE],
        "id int, a varchar(5) ?, b char(3) latin1, c text ?, e enum('x',?'é') ?, s set('1','2') utf8mb4, f blob",
    );
    let known = "id int, a varchar(5) latin1, b char(3) latin1, c text latin1, e enum('x','é') latin1, s set('1','2') \
                 utf8mb4, f blob";
    check_known(
        MYSQL_97,
        &["CREATE DATABASE d CHARACTER SET latin1", CREATE],
        known,
    );
    check_known(
        MYSQL_97,
        &["ALTER DATABASE d CHARACTER SET latin1", CREATE],
        known,
    );
}

#[test]
fn an_unsettled_column_stays_so_until_a_statement_gives_it_a_set() {
    for (alter, expected) in [
        (
            "ADD d CHAR(1)",
            "a varchar(5) ?, b text, c enum('1') ?, d char(1) ?",
        ),
        (
            "CHARSET latin1, ADD d CHAR(1)",
            "a varchar(5) ?, b text, c enum('1') ?, d char(1) latin1",
        ),
        (
            "MODIFY a VARCHAR(6) COLLATE utf8mb3_bin",
            "a varchar(6) utf8mb3, b text, c enum('1') ?",
        ),
        (
            "CONVERT TO CHARACTER SET utf8mb4",
            "a varchar(5) utf8mb4, b text, c enum('1') utf8mb4",
        ),
        (
            "CONVERT TO CHARACTER SET ucs2",
            "a varchar(5) ucs2, b text ucs2, c enum(x'31') ucs2",
        ),
        (
            "CONVERT TO CHARACTER SET DEFAULT",
            "stale: converted to the database's character set, which is not known",
        ),
        (
            "CHARACTER SET DEFAULT",
            "stale: converted to the database's character set, which is not known",
        ),
        (
            "DROP a, DROP c, CHARACTER SET DEFAULT",
            "stale: converted to the database's character set, which is not known",
        ),
    ] {
        let create = "CREATE TABLE t (a VARCHAR(5), b TEXT CHARACTER SET utf8mb4, c ENUM('1'))";
        let expected = expected.replace("b text,", "b text utf8mb4,");
        check_known(
            MYSQL_97,
            &[create, &format!("ALTER TABLE t {alter}")],
            &expected,
        );
    }
    check_known(
        MYSQL_97,
        &["CREATE TABLE u (a VARCHAR(5))", "CREATE TABLE t LIKE u"],
        "a varchar(5) ?",
    );
    check_known(
        MYSQL_97,
        &["CREATE TABLE t (a TEXT(100))"],
        "stale: the size of column a depends on a character set that is not known",
    );
    check_known(
        MYSQL_97,
        &["CREATE TABLE t (a TEXT(20), b VARCHAR(20000))"],
        "a tinytext ?, b varchar(20000) ?",
    );
}

#[test]
fn rare_sets_count_once_a_database_or_server_was_seen_with_one() {
    let create = "CREATE TABLE t (a VARCHAR(5), e ENUM('x', '@'))";
    check_known(MYSQL_97, &[create], "a varchar(5) ?, e enum('x','@') ?");
    for rare in ["ucs2", "swe7", "binary", "utf32"] {
        let other = format!("CREATE DATABASE other CHARACTER SET {rare}");
        let known = "a varchar(5) ??, e enum('x',?'@') ??";
        check_known(MYSQL_97, &[&other, create], known);
        check_known(MYSQL_97, &[&other, "DROP DATABASE other", create], known);
    }
}

#[test]
fn what_an_engine_that_is_not_known_may_have_damaged_is_in_doubt() {
    let table = TableName::new("d", "t");
    let mut definitions = Definitions::default();
    for (position, (text, expected)) in (10..).zip([
        (
            "CREATE TABLE t (a ENUM('one'), b SET('one')) CHARACTER SET ucs2",
            "enum(x'006f00')",
        ),
        ("ANALYZE TABLE t", "enum(x'006f00')"),
        ("ALTER TABLE t ENABLE KEYS", "enum(x'006f00')"),
        ("OPTIMIZE TABLE t", "enum(?'')"),
    ]) {
        let server = (Flavour::MySql, "5.7.22-log");
        follow_on(&mut definitions, server, text, position, 0, false);
        let Some(Belief::Known(known)) = definitions.believed().get(&table) else {
            panic!("{text} is followed");
        };
        assert_eq!(&*known.columns[0].column_type, expected, "{text}");
    }
}

#[test]
fn a_table_that_mariadb_may_have_left_behind_is_known_once_it_has_rows() {
    let (old, new) = (TableName::new("d", "a-b"), TableName::new("d", "u"));
    for (flavour, may_stay) in [(Flavour::MariaDb, true), (Flavour::MySql, false)] {
        let mut definitions = Definitions::default();
        for (position, text) in (10..).zip([
            "CREATE TABLE `a-b` (a INT)",
            "ALTER TABLE `a-b` MODIFY a BIGINT, RENAME TO u",
        ]) {
            let server = (flavour, "11.8.2");
            follow_on(&mut definitions, server, text, position, 0, false);
        }
        assert!(definitions.believed().get(&old).is_none());
        // A journal tells it too.
        let mut again = Schemas::new(0);
        for change in definitions.believed().changes() {
            again.record(&change);
        }
        let mut again = Definitions::default().believing(again, Vec::new());
        for definitions in [&mut definitions, &mut again] {
            let column = |definitions: &mut Definitions, table: &TableName| {
                let serving = definitions.serving(table, &at(30));
                serving.map(|known| known.columns[0].data_type().to_owned())
            };
            let was = may_stay.then(|| "int".to_owned());
            assert_eq!(column(definitions, &old), was);
            assert_eq!(column(definitions, &new).as_deref(), Some("bigint"));
        }
    }
}
