//! The file of commands that a connector writes when it stops for want of definitions: edited and run, it gets the stream
//! through.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use rowtap::change::definition::blank;

use super::stopped::{connector, default_metadata, fails, from_here_on, rows, succeeds};
use crate::support::{Flavour, Server};

/// A column: its name, whole type, whether it is unsigned, its labels.
type KnownColumn = (&'static str, &'static str, bool, &'static str);

/// Tables, each with its columns.
const TABLES: [(&str, &[KnownColumn]); 3] = [
    (
        "shop.one",
        &[
            ("id", "", true, ""),
            ("it's", "VARCHAR(20) CHARACTER SET latin1", false, ""),
            ("kind", "", false, "'x','it''s','ü'"),
        ],
    ),
    (
        "shop.two",
        &[
            ("n", "", true, ""),
            ("bytes", "VARBINARY(9)", false, ""),
            ("text", "TEXT CHARACTER SET utf8mb4", false, ""),
        ],
    ),
    ("shop.three", &[("d", "", false, ""), ("t", "", false, "")]),
];

/// What a person who knows the tables puts into the first blank of a text, or nothing more.
fn filled(text: &str) -> Option<String> {
    let found = blank(text)?;
    let (before, after) = text.split_once(found)?;
    let (_, command) = before.rsplit_once("--table '")?;
    let (table, _) = command.split_once('\'')?;
    let (_, statement) = before.rsplit_once("CREATE TABLE")?;
    let column = statement.lines().count() - 2;
    let (_, columns) = TABLES.iter().find(|(name, _)| *name == table)?;
    let known = columns.get(column);
    let value = match found.split([' ', '>']).next()? {
        "<name" => format!("`{}`", known?.0),
        "<type" => known?.1.to_owned(),
        "<UNSIGNED" if known?.2 => "UNSIGNED".to_owned(),
        "<labels," => known?.3.to_owned(),
        "<character" => "utf8mb4".to_owned(),
        "<," if table == "shop.one" => ", PRIMARY KEY (id)".to_owned(),
        _nothing => String::new(),
    };
    Some(format!("{before}{value}{after}"))
}

fn sh(file: &Path) -> Output {
    Command::new("sh")
        .arg(file)
        .env("ROWTAP", env!("CARGO_BIN_EXE_rowtap"))
        .current_dir("/")
        .output()
        .expect("a shell")
}

#[test]
fn the_commands_in_the_file_get_the_stream_through_once_their_blanks_are_filled_in() {
    for flavour in Flavour::EVERY {
        let server = Server::start(flavour, default_metadata(flavour));
        server.execute(
            "CREATE DATABASE shop CHARACTER SET utf8mb4;
             CREATE TABLE shop.one (id INT UNSIGNED PRIMARY KEY, `it's` VARCHAR(20) CHARACTER SET latin1,
                 kind ENUM('x','it''s','ü')) CHARSET utf8mb4;
             CREATE TABLE shop.two (n BIGINT UNSIGNED NOT NULL, bytes VARBINARY(9), text TEXT);
             CREATE TABLE shop.three (d DECIMAL(9,2), t DATETIME(3))",
        );
        let connector = connector(&server, "root", &from_here_on(&server));
        server.execute("INSERT INTO shop.one VALUES (4000000000, 'é', 'ü')");
        server.execute("INSERT INTO shop.two VALUES (18446744073709551615, x'00ff', '日本')");
        server.execute("INSERT INTO shop.three VALUES (-1.5, '2020-01-02 03:04:05.678')");
        server.execute("DROP TABLE shop.one, shop.two, shop.three");
        let file = connector
            .folder()
            .join("state/checked/definitions-to-tell.sh");
        let named = file.display().to_string();
        let ended = fails(&connector, &["shop.one", &named]);
        assert!(!ended.log.contains("shop.one,"), "{}", ended.log);
        let mode = fs::metadata(&file).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        // As it is it tells nothing.
        let untouched = sh(&file);
        let errors = String::from_utf8_lossy(&untouched.stderr);
        assert_eq!(untouched.status.code(), Some(2), "{errors}");
        assert!(errors.contains("it still has <name 1> in it"), "{errors}");

        let mut text = fs::read_to_string(&file).expect("text");
        assert_eq!(text.matches("--define -").count(), TABLES.len(), "{text}");
        while let Some(more) = filled(&text) {
            text = more;
        }
        fs::write(&file, &text).expect("it is edited");
        // Whoever starts the connector meanwhile loses nothing of that.
        fails(&connector, &["shop.one", &named]);
        assert_eq!(fs::read_to_string(&file).expect("text"), text);
        let told = sh(&file);
        let errors = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{flavour:?} {errors} {text}");
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "one"),
            [r#"{"id":4000000000,"it's":"é","kind":"ü"}"#],
            "{flavour:?}"
        );
        assert_eq!(
            rows(&connector, "two"),
            [r#"{"bytes":"AP8=","n":18446744073709551615,"text":"日本"}"#]
        );
        assert_eq!(
            rows(&connector, "three"),
            [r#"{"d":"-1.50","t":"2020-01-02 03:04:05.678"}"#]
        );
        // It is of no more use, and says so.
        let late = sh(&file);
        let errors = String::from_utf8_lossy(&late.stderr);
        assert!(errors.contains("already past"), "{errors}");
    }
}
