//! What a person tells of tables: where it counts, what it may leave out, and what of it is refused.

use std::fs;
use std::process::Command;

use super::stopped::{
    connector, connector_with, default_metadata, define, fails, from_here, from_here_on, rows,
    succeeds, tell, wanted,
};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

/// A connector that stops for want of the definition of `shop.gone`, and the server.
fn stopped(flavour: Flavour) -> (Server, Connector, String) {
    let server = Server::start(flavour, default_metadata(flavour));
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.gone (a INT, b INT UNSIGNED)");
    let connector = connector(&server, "root", &from_here_on(&server));
    server.execute("INSERT INTO shop.gone VALUES (1, 4000000000)");
    server.execute("DROP TABLE shop.gone");
    let ended = fails(&connector, &["shop.gone"]);
    let (_, at) = wanted(&ended.log).expect("a command");
    (server, connector, at)
}

fn journals(connector: &Connector) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(connector.folder().join("state/checked")).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path());
    let is_journal = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("definitions-") && name.ends_with(".jsonl")
    };
    paths.filter(is_journal).collect()
}

#[test]
fn what_was_told_counts_though_the_journal_was_removed() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (_server, connector, at) = stopped(flavour);
        define(
            &connector,
            "shop.gone",
            &at,
            "CREATE TABLE gone (a INT, b INT UNSIGNED)",
        );
        let journals = journals(&connector);
        assert!(!journals.is_empty());
        for journal in journals {
            fs::remove_file(journal).expect("it is removed");
        }
        succeeds(&connector);
        assert_eq!(rows(&connector, "gone"), [r#"{"a":1,"b":4000000000}"#]);
    }
}

#[test]
fn a_place_that_the_source_has_not_is_refused() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, connector, at) = stopped(flavour);
        let (file, _) = at.rsplit_once(':').expect("a place");
        let (current, _) = server.coordinates();
        for (place, expected) in [
            (
                "binlog.000099:4",
                "the source has no binlog binlog.000099, only",
            ),
            (
                &format!("{file}:99999999"),
                "is after the end of that binlog",
            ),
        ] {
            let refused = tell(
                &connector,
                "shop.gone",
                place,
                "CREATE TABLE gone (a INT, b INT)",
            );
            let errors = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(2), "{errors}");
            assert!(
                errors.contains(expected) && errors.contains("give --at"),
                "{errors}"
            );
            assert!(
                place.contains(file) || errors.contains(&current),
                "{errors}"
            );
        }
        // Where nobody can be asked it is taken.
        server.stop();
        let told = tell(
            &connector,
            "shop.gone",
            "binlog.000099:4",
            "CREATE TABLE gone (a INT, b INT)",
        );
        let errors = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{errors}");
        assert!(errors.contains("the source cannot be asked"), "{errors}");
    }
}

const TABLE: &str = "(`i``d` INT UNSIGNED, b VARBINARY(9), a VARCHAR(20), e ENUM('x','é') CHARACTER SET latin1, \
                     d DECIMAL(9,2) NOT NULL, f ENUM('p','ü'), t TEXT CHARACTER SET utf8mb4, PRIMARY KEY (`i``d`))";

/// A server whose binlogs begin after its database was made, and a table in it that is gone, like its database.
fn of_unknown_charset(top: &str) -> (Server, Connector) {
    let flavour = Flavour::MySql57;
    let server = Server::start(flavour, default_metadata(flavour));
    server.execute("CREATE DATABASE gone CHARACTER SET latin2");
    server.execute("FLUSH BINARY LOGS");
    server.purge_to(&server.coordinates().0);
    for table in ["one", "two", "plain"] {
        server.execute(&format!("CREATE TABLE gone.{table} {TABLE}"));
        server.execute(&format!(
            "INSERT INTO gone.{table} VALUES (1, 'b', 'plain', 'é', 1.5, 'p', 'ß')"
        ));
    }
    for table in ["one", "two"] {
        server.execute(&format!(
            "INSERT INTO gone.{table} VALUES (2, NULL, 'ł', 'x', 2.5, 'ü', 'ł')"
        ));
    }
    server.execute("DROP DATABASE gone");
    let connector = connector_with(&server, "root", "'earliest'", top);
    (server, connector)
}

#[test]
fn a_stop_over_a_character_set_asks_for_that_alone_and_names_what_it_will_stop_at_next() {
    let (_server, connector) = of_unknown_charset("");
    fails(
        &connector,
        &[
            "gone.one",
            "column a ",
            "also define what it will lack after that",
            "--table gone.two",
        ],
    );
    let file = connector
        .folder()
        .join("state/checked/definitions-to-tell.sh");
    let text = fs::read_to_string(&file).expect("the file");
    // All that is not known.
    assert!(
        text.contains("`a` varchar(20) CHARACTER SET <character set>,"),
        "{text}"
    );
    assert!(text.contains("`i``d` int(10) unsigned NOT NULL,"), "{text}");
    assert!(
        text.contains("ENUM(<labels, as 'p','ü'>) CHARACTER SET <character set>,"),
        "{text}"
    );
    assert!(text.contains("PRIMARY KEY (`i``d`)"), "{text}");
    assert!(!text.contains("<name"), "{text}");
    assert!(
        text.contains("# Needed only if a text of this table is not ASCII"),
        "{text}"
    );
    let text = text
        .replace("<character set>", "latin2")
        .replace("<labels, as 'p','ü'>", "'p','ü'");
    fs::write(&file, text).expect("edited");
    let told = Command::new("sh")
        .arg(&file)
        .env("ROWTAP", env!("CARGO_BIN_EXE_rowtap"))
        .output()
        .expect("a shell");
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{errors}");
    succeeds(&connector);
    let first = r#"{"a":"plain","b":"Yg==","d":"1.50","e":"é","f":"p","i`d":1,"t":"ß"}"#;
    let second = r#"{"a":"ł","b":null,"d":"2.50","e":"x","f":"ü","i`d":2,"t":"ł"}"#;
    assert_eq!(rows(&connector, "one"), [first, second]);
    assert_eq!(rows(&connector, "two"), [first, second]);
    assert_eq!(rows(&connector, "plain"), [first]);
}

#[test]
fn without_a_character_set_only_the_columns_in_doubt_lose_their_names() {
    let (_server, connector) = of_unknown_charset("definitions_unknown = 'names'");
    succeeds(&connector);
    let first = r#"{"a":"plain","b":"Yg==","d":"1.50","e":"é","f":"p","i`d":1,"t":"ß"}"#;
    // The bytes in latin2, and the number of the label.
    let second = r#"{"@3":{"base64":"sw=="},"@6":2,"b":null,"d":"2.50","e":"x","i`d":2,"t":"ł"}"#;
    assert_eq!(rows(&connector, "one"), [first, second]);
    assert_eq!(rows(&connector, "plain"), [first]);
}

#[test]
fn a_limit_below_the_size_of_an_event_lets_a_scan_come_on() {
    let server = Server::start(Flavour::MySql97, default_metadata(Flavour::MySql97));
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (a INT, b INT)");
    let connector = super::stopped::connector_with_source(
        &server,
        "root",
        &from_here(&server),
        "definitions_scan_max = '1B'\n",
        "",
    );
    server.execute(
        "INSERT INTO shop.t VALUES (1, 2); ALTER TABLE shop.t CHANGE a c INT, CHANGE b a INT",
    );
    let mut runs = 0;
    loop {
        let ended = super::stopped::once(&connector);
        if ended.status.success() {
            break;
        }
        assert!(ended.log.contains("definitions_scan_max"), "{}", ended.log);
        runs += 1;
        assert!(runs < 100, "it comes no further: {}", ended.log);
    }
    assert!(runs > 0);
    assert_eq!(rows(&connector, "t"), [r#"{"a":1,"b":2}"#]);
}
