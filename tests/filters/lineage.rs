//! Rules on columns follow a table: through RENAMEs and swaps, of online tools too, through statements that are passed over, and
//! where partitions move rows. A column that is left out because nothing includes it is hidden as much as one that is excluded.

use serde_json::json;

use super::columns::{ONCE, Stream};
use crate::support::Flavour;

const FLAVOURS: [Flavour; 2] = [Flavour::MySql97, Flavour::MariaDb118];
const INCLUDE: &str = r"columns-include = 'shop\.people\.(id|n)'";

/// What stands in quotes after these words in the last message of a run, which has to end with this code.
fn told_fix(stream: &Stream, code: i32, before: &str) -> String {
    let ended = stream.folder.run(&ONCE);
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    assert!(!ended.stderr.contains("@secret"), "{}", ended.stderr);
    let told = ended
        .stderr
        .lines()
        .rfind(|line| line.starts_with("rowtap: "));
    let told = told.unwrap();
    assert!(told.contains("shop.toml:"), "no place: {told}");
    let fix = told
        .split_once(before)
        .unwrap_or_else(|| panic!("{before}: {told}"));
    let quote = fix.1.chars().next().unwrap();
    let fix = fix.1[1..].split(quote).next().unwrap();
    fix.to_owned()
}

#[test]
fn a_column_that_nothing_includes_stays_left_out_under_another_name() {
    for flavour in FLAVOURS {
        let rules = "columns-include = ['shop\\.people\\.(id|n)', 'shop\\.open\\..*']";
        let mut stream = Stream::start(flavour, rules);
        for (statement, row, after) in [
            (
                "ALTER TABLE shop.people RENAME COLUMN mail TO n, RENAME COLUMN n TO mail",
                "INSERT INTO shop.people (id, n) VALUES (2, 'b@secret')",
                json!({"id": 2}),
            ),
            (
                "ALTER TABLE shop.people DROP COLUMN n, CHANGE mail n VARCHAR(40)",
                "INSERT INTO shop.people (id, n) VALUES (2, 'b@secret')",
                json!({"id": 2}),
            ),
            (
                "RENAME TABLE shop.people TO shop.open",
                "INSERT INTO shop.open (id, mail, n) VALUES (2, 'b@secret', 1)",
                json!({"id": 2, "phone": null, "n": 1}),
            ),
            (
                "ALTER TABLE shop.people RENAME TO shop.open, RENAME COLUMN mail TO post",
                "INSERT INTO shop.open (id, post, n) VALUES (2, 'b@secret', 1)",
                json!({"id": 2, "n": 1}),
            ),
        ] {
            stream = stream.again(rules);
            stream.run(statement);
            stream.run(row);
            // One column after another is told of.
            let mut excluded = Vec::new();
            for _ in 0..2 {
                let fix = told_fix(&stream, 78, "columns-exclude = ");
                stream
                    .folder
                    .fails(78, &["no columns-include matches shop.people."]);
                excluded.push(format!("'{fix}'"));
                let list = format!("columns-exclude = [{}]\n", excluded.join(", "));
                let before = excluded[..excluded.len() - 1].join(", ");
                stream = match before.is_empty() {
                    true => stream.rules("[filter]\n", &format!("[filter]\n{list}")),
                    false => stream.rules(&format!("columns-exclude = [{before}]\n"), &list),
                };
                let ended = stream.folder.run(&ONCE);
                assert!(!ended.stderr.contains("@secret"), "{}", ended.stderr);
                if ended.code == Some(0) {
                    break;
                }
            }
            let mut after = after.clone();
            if row.contains("shop.open (id, mail") {
                after.as_object_mut().unwrap().remove("phone");
            }
            let images = stream.images();
            let shown = images.last().unwrap();
            assert_eq!(shown, &after, "{statement}");
        }
    }
}

#[test]
fn a_column_that_was_left_out_is_published_once_it_is_included() {
    let stream = Stream::start(Flavour::MySql97, INCLUDE);
    stream.run("ALTER TABLE shop.people DROP COLUMN n, CHANGE mail n VARCHAR(40)");
    stream.run("INSERT INTO shop.people (id, n) VALUES (2, 'open')");
    let fix = told_fix(&stream, 78, "by writing the columns-include ");
    let stream = stream.rules(INCLUDE, &format!("columns-include = '{fix}'"));
    stream.once();
    assert_eq!(
        stream.images().last().unwrap(),
        &json!({"id": 2, "n": "open"})
    );
}

#[test]
fn what_is_computed_from_a_column_that_nothing_includes_stops_the_stream() {
    for flavour in FLAVOURS {
        let rules = r"columns-include = 'shop\.(people\.(id|n|g|h)|more\.id)'";
        let stream = Stream::start(flavour, rules);
        // Only words that are columns count.
        stream.run("ALTER TABLE shop.people ADD COLUMN g VARCHAR(50) AS (CONCAT('x', n)) STORED");
        stream.run("INSERT INTO shop.people (id, mail, n) VALUES (2, 'b@secret', 1)");
        stream.once();
        stream
            .run("ALTER TABLE shop.people ADD COLUMN h VARCHAR(50) AS (CONCAT('x', mail)) STORED");
        stream.run("INSERT INTO shop.people (id, mail, n) VALUES (3, 'b@secret', 1)");
        let parts = [
            "h of shop.people is computed from mail, which no columns-include matches",
            r"have a rule hide h too, such as columns-exclude = 'shop\.people\.h', take h out of columns-include=shop",
        ];
        stream.folder.fails(78, &parts);
        stream.folder.fails(78, &parts);
        let stream = stream.rules("|g|h", "|g");
        stream.once();
        assert_eq!(stream.images()[2], json!({"id": 3, "n": 1, "g": "x1"}));
        // Nobody has told what was defined before the stream, which is looked at.
        stream.run("CREATE TABLE shop.more (id INT PRIMARY KEY, mail VARCHAR(40), up VARCHAR(40) AS (UPPER(mail)) VIRTUAL)");
        stream.once();
        let stream = stream.rules("|more\\.id", "|more\\.(id|up)");
        stream
            .folder
            .fails(78, &["up of shop.more is computed from mail"]);
    }
}

#[test]
fn a_statement_that_is_passed_over_lets_nothing_out() {
    let exclude = r"columns-exclude = 'shop\.people\.(mail|phone)'";
    let mask = r"columns-mask = [{ columns = 'shop\.people\.(mail|phone)', with = '-' }]";
    for flavour in FLAVOURS {
        let mut stream = Stream::start(flavour, exclude);
        for (rules, fixed, statement, row, hidden) in [
            (
                exclude,
                r"columns-exclude = 'shop\.people\.(mail|post|phone)'",
                "ALTER TABLE shop.people CHANGE mail post VARCHAR(40)",
                "INSERT INTO shop.people (id, post, n) VALUES (ID, 'b@secret', 1)",
                "shop.people.post",
            ),
            (
                mask,
                r"columns-mask = [{ columns = 'shop\.(people|folk)\.(mail|phone)', with = '-' }]",
                "RENAME TABLE shop.people TO shop.folk",
                "INSERT INTO shop.folk (id, mail, n) VALUES (ID, 'b@secret', 1)",
                "shop.folk.mail",
            ),
            (
                INCLUDE,
                "columns-include = 'shop\\.people\\.(id|n)'\ncolumns-exclude = 'shop\\.people\\.n'",
                "ALTER TABLE shop.people DROP COLUMN n, RENAME COLUMN mail TO n",
                "INSERT INTO shop.people (id, n) VALUES (ID, 'b@secret')",
                "shop.people.n",
            ),
        ] {
            stream = stream.again(rules);
            stream.run(statement);
            stream.folder.fails(78, &[hidden]);
            let skip = ["skip", "shop.toml", "--groups", "1"];
            stream.folder.succeeds(&skip);
            // The statement is passed over, and no row is there yet.
            stream.once();
            stream.run(&row.replace("ID", "2"));
            for _ in 0..2 {
                stream.folder.fails(78, &[hidden]);
            }
            // Nor is anything let out by passing over rows.
            stream.folder.succeeds(&skip);
            stream.once();
            stream.run(&row.replace("ID", "3"));
            stream.folder.fails(78, &[hidden]);
            assert_eq!(stream.images().len(), 1);
            stream = stream.rules(rules, fixed);
            stream.once();
            assert_eq!(stream.images()[1]["id"], 3);
        }
    }
}

#[test]
fn a_copy_in_the_place_of_a_table_whose_renaming_was_passed_over_shows_nothing() {
    let rules = r"columns-exclude = 'shop\.people\.(mail|phone)'";
    let mut stream = Stream::start(Flavour::MySql97, rules);
    for swap in [
        "RENAME TABLE shop.folk TO shop._folk_del, shop._folk_gho TO shop.folk",
        "RENAME TABLE shop.folk TO shop._folk_del; RENAME TABLE shop._folk_gho TO shop.folk",
    ] {
        stream = stream.again(rules);
        stream.run("RENAME TABLE shop.people TO shop.folk");
        let hidden = ["shop.people.mail", "shop.folk.post"];
        stream
            .folder
            .fails(78, &["shop.people.mail", "shop.folk.mail"]);
        stream
            .folder
            .succeeds(&["skip", "shop.toml", "--groups", "1"]);
        stream.run("CREATE TABLE shop._folk_gho LIKE shop.folk");
        stream.run("ALTER TABLE shop._folk_gho CHANGE mail post VARCHAR(40)");
        stream.run("INSERT INTO shop._folk_gho SELECT * FROM shop.folk");
        stream.run(swap);
        stream.run("INSERT INTO shop.folk VALUES (2, 'b@secret', 'secret', 1)");
        stream.folder.fails(78, &hidden);
        stream.images();
    }
}

#[test]
fn a_computed_column_whose_statement_is_passed_over_shows_nothing() {
    for flavour in FLAVOURS {
        let rules = r"columns-exclude = 'shop\.people\.(mail|phone)'";
        let stream = Stream::start(flavour, rules);
        stream
            .run("ALTER TABLE shop.people ADD COLUMN g VARCHAR(50) AS (CONCAT('x', mail)) STORED");
        stream.run("INSERT INTO shop.people (id, mail, n) VALUES (2, 'b@secret', 1)");
        // What is there at a start stops it.
        stream.run("ALTER TABLE shop.people DROP COLUMN g");
        let computed = ["g of shop.people is computed from mail"];
        for _ in 0..2 {
            stream.folder.fails(78, &computed);
            let skip = ["skip", "shop.toml", "--groups", "1"];
            stream.folder.succeeds(&skip);
        }
        stream.once();
        assert_eq!(stream.images().len(), 1);
    }
}

/// What gh-ost and pt-online-schema-change send, the rows copied, and then rows under the new definition.
fn swap(tool: &str, change: &str, columns: &str) -> Vec<String> {
    let (ghost, old) = match tool {
        "gh-ost" => ("_people_gho", "_people_del"),
        _pt => ("_people_new", "_people_old"),
    };
    let made = match tool {
        "gh-ost" => format!("CREATE TABLE shop.{ghost} LIKE shop.people"),
        _pt => format!(
            "CREATE TABLE shop.{ghost} (`id` int NOT NULL, `mail` varchar(40) DEFAULT NULL, `phone` varchar(20) DEFAULT NULL, \
             `n` int DEFAULT NULL, PRIMARY KEY (`id`))"
        ),
    };
    vec![
        format!("DROP TABLE IF EXISTS shop.{ghost}"),
        made,
        format!("ALTER TABLE shop.{ghost} {change}"),
        format!(
            "INSERT IGNORE INTO shop.{ghost} ({columns}) SELECT id, mail, phone, n FROM shop.people"
        ),
        "INSERT INTO shop.people (id, mail, phone, n) VALUES (20, 'c@secret', '555-secret', 2)"
            .to_owned(),
        format!("REPLACE INTO shop.{ghost} ({columns}) VALUES (20, 'c@secret', '555-secret', 2)"),
        format!("RENAME TABLE shop.people TO shop.{old}, shop.{ghost} TO shop.people"),
        format!("INSERT INTO shop.people ({columns}) VALUES (21, 'd@secret', '555-secret', 3)"),
        format!("DROP TABLE shop.{old}"),
        format!("INSERT INTO shop.people ({columns}) VALUES (22, 'e@secret', '555-secret', 4)"),
    ]
}

const SWAPPED: [&str; 4] = [
    INCLUDE,
    r"columns-exclude = 'shop\.people\.(mail|phone)'",
    r"columns-mask = [{ columns = 'shop\.people\.(mail|phone)', with = '-' }]",
    r"columns-truncate = [{ columns = 'shop\.people\.(mail|phone)', length = 1 }, { columns = 'shop\._.*', length = 1 }]",
];

#[test]
fn tables_that_online_tools_swap_in_are_judged_by_the_name_that_they_get() {
    for flavour in FLAVOURS {
        let mut stream = Stream::start(flavour, SWAPPED[0]);
        for metadata in ["MINIMAL", "FULL"] {
            stream.run(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
            stream = stream.again(SWAPPED[0]);
            for (number, rules) in SWAPPED.iter().enumerate() {
                if number > 0 {
                    stream = stream.rules(SWAPPED[number - 1], rules);
                }
                for tool in ["gh-ost", "pt"] {
                    stream.run("DELETE FROM shop.people WHERE id > 1");
                    let before = stream.images().len();
                    let change = "ADD COLUMN extra INT";
                    let change = if tool == "pt" {
                        "ENGINE=InnoDB"
                    } else {
                        change
                    };
                    for statement in swap(tool, change, "id, mail, phone, n") {
                        stream.run(&statement);
                    }
                    stream.once();
                    assert!(stream.images().len() >= before + 3, "{tool} {rules}");
                }
            }
        }
    }
}

#[test]
fn a_column_that_an_online_tool_renames_is_judged_by_what_it_was() {
    for flavour in FLAVOURS {
        let mut stream = Stream::start(flavour, INCLUDE);
        for (metadata, tool, is_restarted) in [
            ("FULL", "gh-ost", false),
            ("MINIMAL", "gh-ost", true),
            ("FULL", "pt", true),
            ("MINIMAL", "pt", false),
        ] {
            for rules in [
                r"columns-include = 'shop\.people\.(id|n|post)'",
                r"columns-exclude = 'shop\.people\.(mail|phone)'",
            ] {
                let rules = format!("{rules}\ncolumns-missing = 'warn'");
                stream.run(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
                stream = stream.again(&rules);
                let columns = "id, post, phone, n";
                for statement in swap(tool, "CHANGE mail post VARCHAR(40)", columns) {
                    if is_restarted {
                        stream.folder.run(&ONCE);
                    }
                    stream.run(&statement);
                }
                stream
                    .folder
                    .fails(78, &["shop.people.mail", "shop.people.post"]);
                stream.images();
            }
        }
    }
}

#[test]
fn rows_that_a_partition_moves_stay_hidden() {
    let partitioned = "ALTER TABLE shop.people PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), \
                       PARTITION p1 VALUES LESS THAN (1000))";
    let like = "CREATE TABLE shop.folk LIKE shop.people; ALTER TABLE shop.folk REMOVE PARTITIONING";
    let exchange = "ALTER TABLE shop.people EXCHANGE PARTITION p0 WITH TABLE shop.folk";
    let convert = "ALTER TABLE shop.people CONVERT PARTITION p0 TO TABLE shop.folk";
    let mask = r"columns-mask = [{ columns = 'shop\.people\.(mail|phone)', with = '-' }]";
    for (flavour, statements, row) in [
        (
            Flavour::MySql97,
            vec![like, exchange],
            "UPDATE shop.folk SET n = 7",
        ),
        (
            Flavour::MariaDb118,
            vec![like, exchange],
            "UPDATE shop.folk SET n = 7",
        ),
        (
            Flavour::MariaDb118,
            vec![convert],
            "UPDATE shop.folk SET n = 7",
        ),
    ] {
        let mut stream = Stream::start(flavour, mask);
        for rules in [
            mask,
            r"columns-include = ['shop\.people\.(id|n)', 'shop\.folk\..*']",
        ] {
            stream = stream.again(rules);
            stream.run(partitioned);
            stream.once();
            for statement in &statements {
                stream.run(statement);
            }
            stream.run(row);
            stream
                .folder
                .fails(78, &["shop.people.mail", "shop.folk.mail"]);
            let fixed = match rules == mask {
                true => mask.replace("people", "(people|folk)"),
                false => format!("{rules}\ncolumns-exclude = 'shop\\.folk\\.(mail|phone)'"),
            };
            stream = stream.rules(rules, &fixed);
            stream.once();
            assert_eq!(stream.images().last().unwrap()["n"], 7);
        }
    }
    let back = "CREATE TABLE shop.folk LIKE shop.people; ALTER TABLE shop.folk REMOVE PARTITIONING; \
                INSERT INTO shop.folk VALUES (2000, 'f@secret', 'secret', 1)";
    let taken =
        "ALTER TABLE shop.people CONVERT TABLE shop.folk TO PARTITION p2 VALUES LESS THAN (5000)";
    let mask = r"columns-mask = [{ columns = 'shop\.folk\.(mail|phone)', with = '-' }, { columns = 'shop\.people\.phone', with = '' }]";
    let stream = Stream::start(
        Flavour::MariaDb118,
        "columns-exclude = 'shop\\.people\\.mail'",
    );
    let stream = stream.rules("columns-exclude = 'shop\\.people\\.mail'", mask);
    stream.run(partitioned);
    stream.run(back);
    stream.run(taken);
    stream.run("UPDATE shop.people SET n = 9 WHERE id = 2000");
    stream
        .folder
        .fails(78, &["shop.folk.mail", "shop.people.mail"]);
}

#[test]
fn explain_foresees_where_a_stream_stops() {
    for flavour in FLAVOURS {
        let rules = r"columns-exclude = 'shop\.people\.mail'";
        let mut stream = Stream::start(flavour, rules);
        for (statement, is_stop) in [
            ("RENAME TABLE shop.people TO shop.folk", true),
            (
                "ALTER TABLE shop.people RENAME TO shop._x_gho, ADD COLUMN a INT",
                false,
            ),
            ("ALTER TABLE shop.people DROP COLUMN mail", true),
            ("ALTER TABLE shop.people DROP COLUMN n", false),
            (
                "ALTER TABLE shop.people DROP PRIMARY KEY, ADD PRIMARY KEY (mail)",
                true,
            ),
            (
                "ALTER TABLE shop.people ADD COLUMN g VARCHAR(50) AS (CONCAT('x', mail)) STORED",
                true,
            ),
            ("CREATE TABLE shop.folk LIKE shop.people", false),
            (
                "CREATE TABLE shop.folk AS SELECT id, n FROM shop.people",
                false,
            ),
            ("DROP TABLE shop.people", false),
        ] {
            stream = stream.again(rules);
            let family = match flavour {
                Flavour::MySql97 => "mysql",
                _mariadb => "mariadb",
            };
            let asked = [
                "explain",
                "shop.toml",
                "--flavour",
                family,
                "--statement",
                statement,
            ];
            let asked = stream.folder.succeeds(&asked).stdout;
            let first = asked.lines().next().unwrap();
            let expected = if is_stop { ": stops" } else { ": published" };
            assert!(first.ends_with(expected), "{flavour:?}: {asked}");
            let begin = stream.flush();
            stream.run(statement);
            let end = stream.flush();
            let files = ["explain", "shop.toml", &begin, &end];
            let told = stream.folder.succeeds(&files).stdout;
            let line = told.lines().find(|line| line.starts_with(&statement[..10]));
            let line = line.unwrap_or_else(|| panic!("{statement}: {told}"));
            let outcome = line.split('\t').nth(1).unwrap();
            assert_eq!(outcome == "stops", is_stop, "{statement}: {told}");
            match is_stop {
                true => stream.folder.fails(78, &["shop.toml:"]),
                false => drop(stream.once()),
            }
        }
        // What a table was called is known over several files.
        stream = stream.again(&format!("{rules}\ntables-exclude = 'shop\\.tmp.*'"));
        let first = stream.flush();
        stream.run("RENAME TABLE shop.people TO shop.tmp");
        let second = stream.flush();
        stream.run("RENAME TABLE shop.tmp TO shop.folk");
        let files = ["explain", "shop.toml", &first, &second];
        let told = stream.folder.succeeds(&files).stdout;
        assert!(told.contains("TO shop.tmp\tpublished"), "{told}");
        assert!(told.contains("TO shop.folk\tstops"), "{told}");
    }
}

#[test]
fn a_temporary_table_says_nothing_of_the_table_whose_name_it_has() {
    let make = "SET SESSION binlog_format = MIXED; CREATE TEMPORARY TABLE shop.people (id INT PRIMARY KEY, mail VARCHAR(40), \
                phone VARCHAR(20), n INT)";
    let rules = r"columns-exclude = 'shop\.people\.(mail|phone)'";
    let shown = "columns-include = ['shop\\.people\\.(id|n)', 'shop\\.folk\\..*']";
    let mut stream = Stream::start(Flavour::MariaDb118, rules);
    for rules in [rules, shown] {
        for (statements, skips) in [
            (
                "ALTER TABLE shop.people RENAME COLUMN mail TO n, RENAME COLUMN n TO mail",
                true,
            ),
            (
                "ALTER TABLE shop.people ADD COLUMN g VARCHAR(50) AS (CONCAT('x', mail)) STORED",
                false,
            ),
            ("ALTER TABLE shop.people DROP COLUMN mail", false),
            (
                "RENAME TABLE shop.people TO shop.folk, shop.folk TO shop.more",
                true,
            ),
            ("CREATE TEMPORARY TABLE shop.folk LIKE shop.people", false),
        ] {
            stream = stream.again(rules);
            stream.run(&format!("{make}; {statements}"));
            if skips {
                stream
                    .folder
                    .succeeds(&["skip", "shop.toml", "--groups", "2"]);
                stream.once();
            }
            stream.run("INSERT INTO shop.people VALUES (2, 'b@secret', '555-secret', 2)");
            stream.once();
            let images = stream.images();
            assert_eq!(
                images.last(),
                Some(&json!({"id": 2, "n": 2})),
                "{statements}"
            );
            // The table itself is watched as ever, in the same statement too.
            stream.run(&format!(
                "{make}; RENAME TABLE shop.people TO shop.away, shop.people TO shop.folk"
            ));
            stream.run("INSERT INTO shop.folk VALUES (3, 'b@secret', '555-secret', 3)");
            stream
                .folder
                .fails(78, &["shop.people.mail", "shop.folk.mail"]);
            stream.images();
        }
    }
}
