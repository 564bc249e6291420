//! Rules on columns and on rows that do not fit the tables of a source: what `check` finds of them at once is what a run stops
//! at, one by one.

use std::fs;

use super::super::process::{Folder, account, source};
use super::{Problem, checked, fatal, warning};
use crate::support::{Flavour, Server};

const TABLES: &str = "CREATE DATABASE shop CHARACTER SET utf8mb4;
     CREATE TABLE shop.people (id INT PRIMARY KEY, mail VARCHAR(40), domain VARCHAR(40) AS (LOWER(`mail`)) STORED, n INT,
     name VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_danish_ci);
     CREATE TABLE shop.kept (id INT PRIMARY KEY, n INT)";

/// A rule, what is told of it, and whether a run stops at it.
struct Staged {
    rule: &'static str,
    problem: Problem,
    stops: bool,
}

const fn staged(rule: &'static str, problem: Problem, stops: bool) -> Staged {
    Staged {
        rule,
        problem,
        stops,
    }
}

/// Rules on columns go into one list each, so that all of them can stand in one file.
const COLUMNS: [Staged; 6] = [
    staged(
        r"columns-exclude = ['shop\.people\.gone', '.*\.nothing', 'shop\.people\.mail']",
        fatal(
            "rules",
            r#"columns-exclude = "shop\.people\.gone" matches no column of shop.people"#,
        ),
        false,
    ),
    staged(
        "",
        warning(
            "rules",
            r#"columns-exclude = ".*\.nothing" matches nothing"#,
        ),
        false,
    ),
    staged(
        r"columns-mask = [{ columns = 'shop\.people\.id', with = '-' }]",
        fatal(
            "rules",
            "masks id, which is a part of the key of shop.people",
        ),
        true,
    ),
    staged(
        r"columns-truncate = [{ columns = 'shop\.people\.n', length = 2 }]",
        fatal(
            "rules",
            "matches n of shop.people, which is no CHAR, VARCHAR or TEXT",
        ),
        true,
    ),
    staged(
        r"columns-hash = [{ columns = 'shop\.people\.mail', salt = 's' }]",
        fatal(
            "rules",
            "domain of shop.people is computed from mail, whose values",
        ),
        true,
    ),
    staged(
        r"columns-exclude = ['shop\.people\.gone']",
        fatal("rules", "matches no column of shop.people"),
        true,
    ),
];

const ROWS: [Staged; 5] = [
    staged(
        "[[filter.rows]]\ntables = 'shop\\.people'\nwhere = 'total > 5'\n",
        fatal("rules", "names column total, which the table does not have"),
        true,
    ),
    staged(
        "[[filter.rows]]\ntables = 'shop\\.people'\nwhere = \"n = '5'\"\n",
        fatal(
            "rules",
            "is of the wrong type for column n, which is an integer",
        ),
        true,
    ),
    staged(
        "[[filter.rows]]\ntables = 'shop\\.people'\nwhere = \"name = 'x'\"\n",
        fatal("rules", "compares the text of column name"),
        true,
    ),
    staged(
        "[[filter.rows]]\ntables = ['shop\\.kept', 'shop\\.gone']\nops = 'c'\n",
        warning(
            "rules",
            r#"rows = "shop\.gone" matches nothing that is there"#,
        ),
        false,
    ),
    staged(
        "[[filter.rows]]\ntables = 'shop\\.kept'\nwhere = 'n > 5'\n",
        fatal(
            "binlog_row_image",
            "a condition on rows of shop.kept asks for column n",
        ),
        true,
    ),
];

fn text(server: &Server, filter: &str) -> String {
    format!("{}[filter]\n{filter}", source(server.port(), "tap"))
}

#[test]
fn rules_that_do_not_fit_the_tables_are_told_at_once_and_a_run_stops_at_them() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &["--binlog-row-image=MINIMAL"]);
        account(&server, "tap");
        server.execute(TABLES);
        let folder = Folder::new(&text(&server, ""));
        folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        let together = COLUMNS.iter().take(5).chain(&ROWS);
        let rules: Vec<&str> = together.clone().map(|one| one.rule).collect();
        let all = Folder::new(&text(&server, &(rules.join("\n") + "\n")));
        let report = checked(&all, &["shop.toml"]);
        assert_eq!(report.code, Some(78));
        for one in together {
            for told in report.of(&one.problem) {
                let has_fix = !told.fixes().is_empty();
                assert!(has_fix, "no fix: {}", told.text("what"));
            }
        }

        server.execute(
            "INSERT INTO shop.people (id, mail, n, name) VALUES (1, 'A@secret', 1, 'x');
             INSERT INTO shop.kept VALUES (1, 1), (2, 9); UPDATE shop.kept SET id = 3 WHERE id = 2",
        );
        for one in COLUMNS.iter().chain(&ROWS).filter(|one| one.stops) {
            folder.write(&text(&server, &format!("{}\n", one.rule)));
            let report = checked(&folder, &["shop.toml"]);
            report.of(&one.problem);
            let ended = folder.run(&["run", "--once", "--http", "off", "shop.toml"]);
            let is_of_image = one.problem.check == "binlog_row_image";
            let says = if is_of_image {
                "column n"
            } else {
                one.problem.says
            };
            assert!(
                ended.code != Some(0) && ended.stderr.contains(says),
                "{says}: {ended:?}"
            );
            assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
            if !is_of_image {
                assert_eq!(ended.code, report.code, "{says}");
            }
        }
        mended(&server, &folder);
    }
}

/// Follows what is told, and makes sure that nothing is told any more.
fn mended(server: &Server, folder: &Folder) {
    let image = &ROWS[4].problem;
    folder.write(&text(server, ROWS[4].rule));
    checked(folder, &["shop.toml"]).execute(server, std::slice::from_ref(image));
    let rules = "columns-exclude = ['shop\\.people\\.mail']\ncolumns-mask = [{ columns = 'shop\\.people\\.domain', with = '-' }]\n\
                 [[filter.rows]]\ntables = 'shop\\.people'\nwhere = \"n = 5 and name collate utf8mb4_bin = 'x'\"\n\
                 [[filter.rows]]\ntables = 'shop\\.kept'\nwhere = 'n > 5'\n";
    folder.write(&text(server, rules));
    let report = checked(folder, &["shop.toml"]);
    report.is_ready();
    for one in COLUMNS.iter().chain(&ROWS) {
        report.lacks(&one.problem);
    }
    let permitted = "columns-mask = [{ columns = 'shop\\.people\\.mail', with = '-' }]\ncolumns-computed = 'publish'\n";
    folder.write(&text(server, permitted));
    checked(folder, &["shop.toml"]).is_ready();
    fs::remove_dir_all(folder.path("changes")).unwrap();
}
