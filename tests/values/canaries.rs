//! Values that rules hide: found nowhere in what rowtap writes, whatever the type and whatever goes wrong.
//!
//! Each value is looked for as the text that the server shows, as the text that JSON would have, and where it is long enough
//! also in hexadecimal digits and in base64.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Bench;
use super::mapping::start;
use crate::commands::process::{Folder, Running, page};
use crate::support::Flavour;

/// A type, a value of it, another one, and the texts of both.
pub struct Canary {
    definition: &'static str,
    values: [&'static str; 2],
    /// What must not be found; bytes as text where they are text.
    texts: [&'static str; 2],
}

const fn canary(
    definition: &'static str,
    values: [&'static str; 2],
    texts: [&'static str; 2],
) -> Canary {
    Canary {
        definition,
        values,
        texts,
    }
}

const WORDS: [&str; 2] = ["'Canary-Quixotic-7391'", "'Canary-Zephyrous-8264'"];
const SHOWN: [&str; 2] = ["Quixotic-7391", "Zephyrous-8264"];

const EVERYWHERE: [Canary; 23] = [
    canary(
        "INT",
        ["1839274651", "-1938264751"],
        ["1839274651", "1938264751"],
    ),
    canary(
        "BIGINT UNSIGNED",
        ["17391746520193746582", "17264910837465019283"],
        ["17391746520193746582", "17264910837465019283"],
    ),
    canary("MEDIUMINT", ["7391745", "-7264918"], ["7391745", "7264918"]),
    canary(
        "BIT(48)",
        ["139174652019374", "126491083746501"],
        ["139174652019374", "126491083746501"],
    ),
    canary(
        "DECIMAL(30,6)",
        ["83917465201937.465182", "-72649108374650.192837"],
        ["83917465201937.465182", "72649108374650.192837"],
    ),
    canary(
        "DOUBLE",
        ["83917.465201", "-72649.108374"],
        ["83917.465201", "72649.108374"],
    ),
    canary("FLOAT", ["839.1747", "-726.4911"], ["839.1747", "726.4911"]),
    canary(
        "DATE",
        ["'1739-07-19'", "'1726-03-28'"],
        ["1739-07-19", "1726-03-28"],
    ),
    canary(
        "TIME(6)",
        ["'613:57:42.918273'", "'-517:31:24.829164'"],
        ["613:57:42.918273", "517:31:24.829164"],
    ),
    canary(
        "DATETIME(6)",
        [
            "'1839-07-19 13:57:42.918273'",
            "'1826-03-28 14:31:24.829164'",
        ],
        ["13:57:42.918273", "14:31:24.829164"],
    ),
    canary(
        "TIMESTAMP(6) NULL",
        [
            "'1989-07-19 11:57:42.718273'",
            "'1996-03-28 12:31:24.629164'",
        ],
        ["11:57:42.718273", "12:31:24.629164"],
    ),
    canary("CHAR(40) CHARACTER SET utf8mb4", WORDS, SHOWN),
    canary("VARCHAR(40) CHARACTER SET latin1", WORDS, SHOWN),
    canary("VARCHAR(400) CHARACTER SET utf8mb4", WORDS, SHOWN),
    canary("LONGTEXT CHARACTER SET utf8mb4", WORDS, SHOWN),
    canary("TEXT CHARACTER SET utf16", WORDS, SHOWN),
    canary("VARCHAR(40) CHARACTER SET gbk", WORDS, SHOWN),
    canary("BINARY(40)", WORDS, SHOWN),
    canary("VARBINARY(40)", WORDS, SHOWN),
    canary("LONGBLOB", WORDS, SHOWN),
    canary(
        "JSON",
        [
            "'{\"k\": \"Canary-Quixotic-7391\", \"n\": 1}'",
            "'{\"k\": \"Canary-Zephyrous-8264\", \"n\": 2}'",
        ],
        SHOWN,
    ),
    canary(
        "ENUM('Canary-Quixotic-7391', 'Canary-Zephyrous-8264', 'other')",
        WORDS,
        SHOWN,
    ),
    canary(
        "SET('Canary-Quixotic-7391', 'Canary-Zephyrous-8264', 'other')",
        WORDS,
        SHOWN,
    ),
];

const MYSQL: [Canary; 2] = [
    canary(
        "VECTOR(2)",
        [
            "STRING_TO_VECTOR('[839.1747,1.5]')",
            "STRING_TO_VECTOR('[726.4911,1.5]')",
        ],
        ["839.1747", "726.4911"],
    ),
    canary(
        "GEOMETRY",
        [
            "ST_GeomFromText('POINT(83917.465201 2)')",
            "ST_GeomFromText('POINT(72649.108374 2)')",
        ],
        ["83917.465201", "72649.108374"],
    ),
];

const MARIADB: [Canary; 5] = [
    canary(
        "UUID",
        [
            "'7391a5c8-51d2-4e0f-9b61-73f15a2c8d01'",
            "'8264a5c8-51d2-4e0f-9b61-73f15a2c8d01'",
        ],
        ["7391a5c8-51d2", "8264a5c8-51d2"],
    ),
    canary(
        "INET6",
        ["'2001:db8:7391::5a'", "'2001:db8:8264::5a'"],
        ["db8:7391", "db8:8264"],
    ),
    canary(
        "INET4",
        ["'198.173.91.65'", "'198.126.49.83'"],
        ["198.173.91.65", "198.126.49.83"],
    ),
    canary(
        "VARCHAR(400) COMPRESSED CHARACTER SET utf8mb4",
        [
            "REPEAT('Canary-Quixotic-7391', 9)",
            "REPEAT('Canary-Zephyrous-8264', 9)",
        ],
        SHOWN,
    ),
    canary(
        "BLOB COMPRESSED",
        [
            "REPEAT('Canary-Quixotic-7391', 9)",
            "REPEAT('Canary-Zephyrous-8264', 9)",
        ],
        SHOWN,
    ),
];

/// How a table's columns are treated: its name, and the rule; text may be cut.
const TREATMENTS: [(&str, &str); 5] = [
    ("fixed", "columns-mask"),
    ("starred", "columns-mask"),
    ("salted", "columns-hash"),
    ("keyed", "columns-hash"),
    ("gone", "columns-exclude"),
];

const FILTER: &str = r#"[filter]
columns-mask = [{ columns = 'cells\.fixed\.c\d+', with = '####' }, { columns = 'cells\.starred\.c\d+', each = '#' }]
columns-hash = [
    { columns = 'cells\.salted\.c\d+', salt_file = '{dir}/salt' },
    { columns = 'cells\.keyed\.c\d+', hmac_key = '${CANARY_KEY}' },
    { columns = 'cells\.worded\.word', salt_file = '{dir}/salt' },
]
columns-exclude = 'cells\.gone\.c\d+'
columns-truncate = [{ columns = 'cells\.cut\.c', length = 7 }]
[sink]"#;

pub fn canaries(flavour: Flavour) -> Vec<&'static Canary> {
    let own: &[Canary] = match flavour.family() {
        rowtap::mysql::Flavour::MySql => &MYSQL,
        rowtap::mysql::Flavour::MariaDb => &MARIADB,
    };
    EVERYWHERE.iter().chain(own).collect()
}

pub fn create(bench: &mut Bench, canaries: &[&Canary]) {
    let columns = canaries.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(index, canary)| format!("c{index} {}", canary.definition))
        .collect();
    let columns = columns.join(", ");
    for (table, _) in TREATMENTS {
        bench.run(&format!(
            "CREATE TABLE {table} (id INT PRIMARY KEY, n INT, {columns})"
        ));
    }
    bench.run("CREATE TABLE worded (word VARCHAR(40) PRIMARY KEY, n INT)");
    bench.run("CREATE TABLE cut (id INT PRIMARY KEY, c TEXT CHARACTER SET utf16)");
    bench.run("CREATE TABLE notes (id INT PRIMARY KEY, note VARCHAR(9) CHARACTER SET cp1251)");
}

/// Changes of every kind, and DDL between them.
pub fn change(bench: &mut Bench, flavour: Flavour, canaries: &[&Canary]) {
    let listed = |which: usize| -> String {
        let values = canaries.iter().map(|canary| canary.values[which]);
        values.collect::<Vec<_>>().join(", ")
    };
    let assigned = |which: usize| -> String {
        let columns = canaries.iter().enumerate();
        let columns = columns.map(|(index, canary)| format!("c{index} = {}", canary.values[which]));
        columns.collect::<Vec<_>>().join(", ")
    };
    for (table, _) in TREATMENTS {
        bench.run(&format!("INSERT INTO {table} VALUES (1, 1, {})", listed(0)));
        bench.run(&format!("UPDATE {table} SET n = 2"));
        bench.run(&format!("UPDATE {table} SET {}", assigned(1)));
        bench.run(&format!("UPDATE {table} SET id = 2"));
        if flavour.family() == rowtap::mysql::Flavour::MySql {
            bench.run("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
            bench.run(&format!(
                "UPDATE {table} SET c20 = JSON_SET(c20, '$.k', 'Canary-Quixotic-7391')"
            ));
            bench.run("SET SESSION binlog_row_value_options = ''");
        }
        bench.run(&format!("ALTER TABLE {table} ADD COLUMN later INT"));
        bench.run(&format!(
            "ALTER TABLE {table} MODIFY c12 VARCHAR(90) CHARACTER SET utf8mb4"
        ));
        bench.run("SET SESSION binlog_row_image = 'MINIMAL'");
        bench.run(&format!("UPDATE {table} SET {}", assigned(0)));
        bench.run("SET SESSION binlog_row_image = 'FULL'");
        bench.run(&format!("DELETE FROM {table}"));
    }
    for statement in [
        "INSERT INTO worded VALUES ('Canary-Quixotic-7391', 1)",
        "UPDATE worded SET word = 'Canary-Zephyrous-8264'",
        "DELETE FROM worded",
        "INSERT INTO cut VALUES (1, 'Canary-Quixotic-7391')",
        "UPDATE cut SET c = 'Canary-Zephyrous-8264'",
        "INSERT INTO notes VALUES (1, 'end')",
    ] {
        bench.run(statement);
    }
}

/// Every form of the canaries that must not be found.
pub fn forms(canaries: &[&Canary]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for text in canaries.iter().flat_map(|canary| canary.texts) {
        let wide: Vec<u8> = text.bytes().flat_map(|byte| [0, byte]).collect();
        for bytes in [text.as_bytes(), &wide] {
            forms.push(bytes.to_vec());
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            forms.push(hex.to_uppercase().into());
            forms.push(hex.into());
            // What the middle of it is in base64, wherever it begins.
            for skipped in 0..3 {
                let rest = bytes.get(skipped..).unwrap_or_default();
                let whole = &rest[..rest.len() / 3 * 3];
                if whole.len() >= 6 {
                    forms.push(STANDARD.encode(whole).into());
                }
            }
        }
    }
    // Floats and points are bytes, too.
    for number in [83_917.465_201_f64, 72_649.108_374] {
        let bytes = number.to_le_bytes();
        forms.push(bytes.to_vec());
        forms.extend([0, 1, 2].map(|skip| STANDARD.encode(&bytes[skip..skip + 6]).into()));
    }
    forms
}

/// What must not be in the state folder, which holds definitions, with the labels that an ENUM or SET may have.
pub fn but_labels(forms: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let is_label = |form: &[u8]| SHOWN.iter().any(|shown| shown.as_bytes() == form);
    let others = forms.iter().filter(|form| !is_label(form));
    others.cloned().collect()
}

#[track_caller]
pub fn search(what: &str, bytes: &[u8], forms: &[Vec<u8>]) {
    for form in forms {
        let found = bytes.windows(form.len()).position(|window| window == form);
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(300)..bytes.len().min(at + 100)];
            panic!(
                "{:?} is in {what}: {}",
                String::from_utf8_lossy(form),
                String::from_utf8_lossy(around)
            );
        }
    }
}

/// Searches every file in a folder; gives how many there are.
#[track_caller]
pub fn search_folder(folder: &Path, forms: &[Vec<u8>], but_labels: &[Vec<u8>]) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let is_state = path.ends_with("state");
            count += search_folder(&path, if is_state { but_labels } else { forms }, but_labels);
        } else if let Ok(bytes) = fs::read(&path) {
            search(&path.display().to_string(), &bytes, forms);
            count += 1;
        }
    }
    count
}

/// Gives a connector the rules.
pub fn with_rules(folder: Folder) -> Folder {
    fs::write(folder.path("salt"), "pepper\n").unwrap();
    folder
        .replacing("[sink]", FILTER)
        .variable("CANARY_KEY", "a key")
        .variable("RUST_LOG", "trace")
}

/// Notes what the pages of a running connector say.
fn pages(running: &mut Running, folder: &Folder) {
    let address = running.http();
    for name in ["status", "metrics", "readyz"] {
        let (_, body) = page(&address, &format!("/{name}")).unwrap();
        fs::write(folder.path(&format!("page-{name}")), body).unwrap();
    }
}

/// Streams a server's changes to files, with everything going wrong at the end, and searches what was written.
fn check(flavour: Flavour) {
    let (mut bench, begun) = start(flavour);
    let folder = with_rules(begun);
    let canaries = canaries(flavour);
    create(&mut bench, &canaries);
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    change(&mut bench, flavour, &canaries);
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
    running.until("the last change is there", |_| {
        folder
            .changes()
            .iter()
            .any(|line| line["after"]["note"] == "end")
    });
    pages(&mut running, &folder);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
    check_lines(&folder, &canaries);

    // A value that is no text, in a row with canaries around it, and a column that loses its rule.
    bench.run("ALTER TABLE fixed ADD COLUMN wrong VARCHAR(9) CHARACTER SET cp1251");
    let values = canaries.iter().map(|canary| canary.values[0]);
    let values = values.collect::<Vec<_>>().join(", ");
    bench.run(&format!(
        "INSERT INTO fixed VALUES (7, 1, {values}, 5, x'6198')"
    ));
    let once = ["run", "--once", "--http", "off", "shop.toml"];
    let ended = folder.run(&once);
    assert_eq!(ended.code, Some(65), "{}", ended.stderr);
    bench.run("ALTER TABLE keyed RENAME TO other");
    let file = folder.path("shop.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("invalid_text = 'replace'\n{text}")).unwrap();
    let ended = folder.run(&once);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    assert!(ended.stderr.contains("cells.keyed.c0"), "{}", ended.stderr);

    let all = forms(&canaries);
    let files = search_folder(file.parent().unwrap(), &all, &but_labels(&all));
    println!(
        "{flavour:?}: {} canaries in {} forms are in none of {files} files",
        canaries.len(),
        all.len()
    );
}

/// What the changes have in place of the canaries.
fn check_lines(folder: &Folder, canaries: &[&Canary]) {
    let mut counts = [0; 5];
    for line in folder.changes() {
        let table = line["source"]["table"].as_str().unwrap();
        let place = TREATMENTS.iter().position(|(name, _)| *name == table);
        for image in [&line["before"], &line["after"]] {
            let Some(members) = image.as_object() else {
                continue;
            };
            if table == "cut" {
                assert_eq!(members["c"], "Canary-");
            }
            if table == "worded" {
                assert_eq!(members["word"].as_str().unwrap().len(), 64);
            }
            let Some(place) = place else { continue };
            let hidden = members.iter().filter(|(name, _)| name.starts_with('c'));
            for (_, value) in hidden {
                let value = value.as_str().unwrap();
                let fits = match table {
                    "fixed" => value == "####",
                    "starred" => !value.is_empty() && value.bytes().all(|byte| byte == b'#'),
                    "salted" | "keyed" => value.len() == 64,
                    _gone => false,
                };
                assert!(fits, "{table}: {value}");
                counts[place] += 1;
            }
        }
    }
    let [counts @ .., gone] = counts;
    assert_eq!(gone, 0);
    let least = 8 * canaries.len();
    assert!(counts.iter().all(|count| *count >= least), "{counts:?}");
    let changes = folder.ddl();
    let added = changes
        .iter()
        .filter(|line| line["ddl"].as_str().unwrap().contains("later"));
    for line in added {
        let columns = &line["tableChanges"][0]["table"]["columns"];
        let columns = columns.as_array().unwrap();
        let is_gone = line["tableChanges"][0]["id"]
            .as_str()
            .unwrap()
            .contains("gone");
        assert_eq!(columns.len(), if is_gone { 3 } else { 3 + canaries.len() });
        for column in columns
            .iter()
            .filter(|column| column["name"].as_str().unwrap().starts_with('c'))
        {
            assert_eq!(column["charsetName"], "utf8mb4", "{column}");
            assert_eq!(column.get("enumValues"), None, "{column}");
        }
    }
}

#[test]
fn mysql_canaries_are_found_in_no_file() {
    check(Flavour::MySql97);
}

#[test]
fn mariadb_canaries_are_found_in_no_file() {
    check(Flavour::MariaDb118);
}
