//! Names that would be dangerous as a path, a line or a statement: they stay names.

use std::fs;
use std::process::{Command, Stdio};

use rowtap::mysql::Flavour;
use serde_json::Value;

use super::crafted::{Crafted, TABLE_MAP, WRITE_ROWS, full_map, insert};

const NAMES: [&str; 9] = [
    "../../etc/passwd",
    "/etc/passwd",
    "a\nb",
    "a\r\n\u{2028}b",
    "a\0b",
    "a\"},{\"b",
    "a`; DROP TABLE `b",
    "-- '\\",
    "ümlaut 😀",
];

fn decoded(format: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binlog.000001");
    fs::write(&path, bytes).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["decode", "--format", format])
        .arg(&path)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn with_a_row(name: &str) -> Vec<u8> {
    let name = name.as_bytes();
    let mut file = Crafted::in_group(Flavour::MySql);
    file.event(TABLE_MAP, &full_map(name, name, &[(3, &[], name)]));
    file.event(WRITE_ROWS, &insert(1, &[0, 7, 0, 0, 0]));
    file.commit();
    file.finish()
}

#[test]
fn any_name_is_a_name_on_one_line_of_json() {
    for name in NAMES {
        let text = decoded("json", &with_a_row(name));
        assert_eq!(text.lines().count(), 1, "{name:?}: {text}");
        let change: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(change["source"]["db"], name);
        assert_eq!(change["source"]["table"], name);
        assert_eq!(change["after"][name], 7);
    }
}

#[test]
fn any_name_is_quoted_in_a_statement() {
    for name in NAMES {
        let text = decoded("sql", &with_a_row(name));
        let quoted = format!("`{}`", name.replace('`', "``"));
        assert!(text.contains(&format!("{quoted}.{quoted}")), "{text}");
        // Outside of its quotes no name stands, a comment included.
        let rest = text.replace(&quoted, "");
        assert!(!rest.contains(name), "{name:?}: {text}");
    }
}
