//! Connector files as people write them, well and badly.

mod connector;
#[cfg(feature = "kafka")]
mod kafka;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::*;
use crate::pipeline::Connector;

const KEYS: [&str; 3] = ["source", "filter", "state_dir"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestOptions {
    source: Source,
    #[serde(default)]
    filter: Filter,
    #[serde(default)]
    state_dir: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    host: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    password: SecretString,
    #[serde(default)]
    compressed: Option<bool>,
    #[serde(default)]
    mode: TestMode,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TestMode {
    #[default]
    Preferred,
    VerifyCa,
    At {
        file: String,
        position: u64,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Filter {
    replicate_do_db: Vec<String>,
}

/// A folder with files in it, and variables.
struct Given {
    dir: tempfile::TempDir,
    variables: Variables,
    paths: Vec<PathBuf>,
}

fn given(file: &str, text: &str) -> Given {
    let given = Given {
        dir: tempfile::tempdir().unwrap(),
        variables: Variables::new(),
        paths: Vec::new(),
    };
    given.and(file, text)
}

impl Given {
    fn and(mut self, file: &str, text: &str) -> Self {
        let path = self.dir.path().join(file);
        fs::write(&path, text).unwrap();
        self.paths.push(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn secret(self, file: &str, bytes: &[u8], mode: u32) -> Self {
        let path = self.dir.path().join(file);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let name = self.dir.path().to_string_lossy().into_owned();
        self.variable("DIR", &name)
    }

    fn read(&self) -> Result<Vec<(String, TestOptions)>, String> {
        let mut mistakes = Mistakes::default();
        let mut all = Vec::new();
        for mut draft in files::read_all(&self.paths, &self.variables, &KEYS, &mut mistakes) {
            let mut found = draft.mistakes;
            if draft.is_toml {
                let read = section::read(&mut draft.document, "", &[], &mut found);
                all.extend(read.map(|section| (draft.name, section.options)));
            }
            mistakes.append(found);
        }
        match mistakes.into_list() {
            mistakes if mistakes.is_empty() => Ok(all),
            mistakes => Err(self.message(&ConfigError { mistakes })),
        }
    }

    fn load(&self) -> Result<Vec<Connector>, String> {
        load(&self.paths, &self.variables).map_err(|error| self.message(&error))
    }

    fn message(&self, error: &ConfigError) -> String {
        let dir = format!("{}/", self.dir.path().display());
        let mistakes: Vec<String> = error.mistakes.iter().map(ToString::to_string).collect();
        mistakes.join("\n").replace(&dir, "")
    }

    #[track_caller]
    fn one(&self) -> TestOptions {
        let mut all = self.read().unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0).1
    }

    #[track_caller]
    fn fails(&self, expected: &str) {
        assert_eq!(self.read().unwrap_err(), expected);
    }
}

const SHOP: &str = "state_dir = '/s'\n[source]\nhost = 'db'\nport = 3307\npassword = '0123'\n";

#[test]
fn a_file_is_read_as_it_stands() {
    let all = given("shop.toml", SHOP).read().unwrap();
    let (name, shop) = &all[0];
    assert_eq!(name, "shop");
    assert_eq!(shop.state_dir, "/s");
    assert_eq!(shop.source.host, "db");
    assert_eq!(shop.source.port, 3307);
    assert_eq!(shop.source.password.expose_secret(), "0123");
}

#[test]
fn a_mistake_is_named_with_its_file_line_and_key() {
    for (text, expected) in [
        (
            "state_dir = '/s'\n[source]\nhots = 'db'\n",
            "shop.toml:3:1: source: no such key 'hots', expected one of host, port, password, password_file, compressed, mode, hosts, properties; did you mean host?",
        ),
        (
            "\n\n[sorce]\nhost = 'a'\n",
            "shop.toml:3:2: no such key 'sorce', expected one of source, filter, state_dir; did you mean source?",
        ),
        (
            "[source]\nport = 3306",
            "shop.toml:1:2: source: key host is missing",
        ),
        ("", "shop.toml:1:1: key source is missing"),
        (
            "[source]\nhost = 5",
            "shop.toml:2:1: source.host: expected a string, found a number",
        ),
        (
            "[source]\nhost = 'a'\nport = '3306'",
            "shop.toml:3:1: source.port: expected a number from 0 to 65535, found a string",
        ),
        (
            "[source]\nhost = 'a'\nport = 65536",
            "shop.toml:3:1: source.port: expected a number from 0 to 65535, found integer `65536`",
        ),
        (
            "[source]\nhost = 'a'\nport = -1",
            "shop.toml:3:1: source.port: expected a number from 0 to 65535, found integer `-1`",
        ),
        (
            "[source]\nhost = 'a'\ncompressed = 'true'",
            "shop.toml:3:1: source.compressed: expected true or false, found a string",
        ),
        (
            "[source]\nhost = 'a'\nmode = 'verify'",
            "shop.toml:3:1: source.mode: expected one of preferred, verify_ca, at, found 'verify'; did you mean verify_ca?",
        ),
        (
            "[source]\nhost = 'a'\nhosts = ['a', 2]",
            "shop.toml:3:15: source.hosts.2: expected a string, found a number",
        ),
        (
            "[source]\nhost = 'a'\nhosts = 'a'",
            "shop.toml:3:1: source.hosts: expected a list, found a string",
        ),
        (
            "source = 'db'",
            "shop.toml:1:1: source: expected a table, found a string",
        ),
        (
            "[source]\nhost = 1979-05-27",
            "shop.toml:2:1: source.host: found a date, which no key takes, put it in quotes",
        ),
        (
            "[source]\nhost = 'a'\nport = 99999999999999999999",
            "shop.toml:3:1: number 99999999999999999999 is too large",
        ),
        (
            "[source]\nhost = 'a'\n[filter]\nreplicate_do_db = ['a']",
            "shop.toml:4:1: filter: no such key 'replicate_do_db', expected one of replicate-do-db; did you mean replicate-do-db?",
        ),
    ] {
        given("shop.toml", text).fails(expected);
    }
}

#[test]
fn text_that_is_not_toml_is_refused_without_showing_the_line() {
    let error = given("shop.toml", "[source]\npassword = hunter2\n")
        .read()
        .unwrap_err();
    assert!(error.starts_with("shop.toml:2:12: "), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_secret_is_in_no_message_and_no_debug_output() {
    for text in [
        "[source]\nhost = 'a'\npassword = 271828",
        "[source]\nhost = 'a'\npassword = ['271828']",
        "[source]\nhost = 'a'\nproperties = { 'sasl.password' = 271828 }",
    ] {
        let error = given("shop.toml", text).read().unwrap_err();
        assert!(
            !error.contains("271828") && error.contains("password"),
            "{error}"
        );
    }
    let options = given("shop.toml", SHOP).one();
    assert!(!format!("{options:?}").contains("0123"));
}

#[test]
fn a_variable_beats_the_file() {
    let options = given("shop.toml", SHOP)
        .variable("ROWTAP__SHOP__SOURCE__PORT", "3308")
        .variable("ROWTAP__SOURCE__PASSWORD", "007")
        .variable("ROWTAP__SOURCE__COMPRESSED", "true")
        .variable("ROWTAP__SOURCE__MODE", "verify_ca")
        .variable("ROWTAP__SOURCE__HOSTS", "[\"a\", \"b\"]")
        .variable("ROWTAP__STATE_DIR", "0")
        .variable("ROWTAP__FILTER__REPLICATE_DO_DB", "['a,b', 'c']")
        .variable("ROWTAP_OTHER", "not ours")
        .one();
    assert_eq!(options.source.port, 3308);
    assert_eq!(options.source.password.expose_secret(), "007");
    assert_eq!(options.source.compressed, Some(true));
    assert_eq!(options.source.hosts, ["a", "b"]);
    assert_eq!(options.source.mode, TestMode::VerifyCa);
    assert_eq!(options.state_dir, "0");
    assert_eq!(options.filter.replicate_do_db, ["a,b", "c"]);
}

#[test]
fn a_variable_finds_the_key_that_the_file_spells_with_dashes() {
    let options = given(
        "shop.toml",
        &format!("{SHOP}[filter]\nreplicate-do-db = ['x']"),
    )
    .variable("ROWTAP__FILTER__REPLICATE_DO_DB", "['a']")
    .one();
    assert_eq!(options.filter.replicate_do_db, ["a"]);
}

#[test]
fn a_table_can_come_from_variables_alone() {
    let options = given("shop.toml", "")
        .variable("ROWTAP__SOURCE__HOST", "db")
        .variable("ROWTAP__SOURCE__MODE__AT__FILE", "binlog.000001")
        .variable("ROWTAP__SOURCE__MODE__AT__POSITION", "4")
        .one();
    let expected = TestMode::At {
        file: "binlog.000001".to_owned(),
        position: 4,
    };
    assert_eq!(options.source.mode, expected);
}

#[test]
fn a_variable_that_means_nothing_is_an_error() {
    let given = || given("shop.toml", SHOP);
    given().variable("ROWTAP__SOURCE__PORT", "many").fails(
        "variable ROWTAP__SOURCE__PORT: source.port: expected a number from 0 to 65535, found a string",
    );
    given().variable("ROWTAP__SOURCE__HOTS", "db").fails(
        "variable ROWTAP__SOURCE__HOTS: source: no such key 'hots', expected one of host, port, password, password_file, compressed, mode, hosts, properties; did you mean host?",
    );
    given().variable("ROWTAP__SORCE__HOST", "db").fails(
        "variable ROWTAP__SORCE__HOST names no key, expected ROWTAP__KEY or ROWTAP__SECTION__KEY, the connectors being SHOP and the first keys source, filter, state_dir",
    );
    given().variable("ROWTAP__SHOP", "db").fails(
        "variable ROWTAP__SHOP names no key, expected ROWTAP__KEY or ROWTAP__SECTION__KEY, the connectors being SHOP and the first keys source, filter, state_dir",
    );
}

#[test]
fn with_two_connectors_a_variable_names_its_own() {
    let both = || given("my-shop.toml", SHOP).and("stock.toml", SHOP);
    let all = both()
        .variable("ROWTAP__MY_SHOP__SOURCE__HOST", "one")
        .variable("ROWTAP__STOCK__SOURCE__HOST", "two")
        .variable("ROWTAP__ELSEWHERE__SOURCE__HOST", "run by another process")
        .read()
        .unwrap();
    assert_eq!(all[0].1.source.host, "one");
    assert_eq!(all[1].1.source.host, "two");
    let error = both()
        .variable("ROWTAP__SOURCE__HOST", "x")
        .read()
        .unwrap_err();
    assert!(
        error.contains("expected ROWTAP__<CONNECTOR>__KEY"),
        "{error}"
    );
}

#[test]
fn variables_inside_values_are_filled_in() {
    let options = given(
        "shop.toml",
        "state_dir = '/var/${NAME}/$${literal}'\n[source]\nhost = '${HOST}'\nport = '${PORT}'\npassword = '${PW}'\n",
    )
    .variable("NAME", "shop")
    .variable("HOST", "db")
    .variable("PORT", "3309")
    .variable("PW", "${not again}$")
    .one();
    assert_eq!(options.state_dir, "/var/shop/${literal}");
    assert_eq!(options.source.port, 3309);
    assert_eq!(options.source.password.expose_secret(), "${not again}$");
}

#[test]
fn a_value_that_is_replaced_needs_none_of_its_variables() {
    let options = given("shop.toml", "[source]\nhost = 'a'\npassword = '${PW}'\n")
        .variable("ROWTAP__SOURCE__PASSWORD", "x")
        .one();
    assert_eq!(options.source.password.expose_secret(), "x");
}

#[test]
fn a_variable_that_is_not_set_is_an_error() {
    given("shop.toml", "[source]\nhost = 'a'\npassword = '${PW}'\n")
        .fails("shop.toml:3:1: source.password: variable PW is not set, set it in the environment");
    given("shop.toml", "[source]\nhost = '${PW'\n")
        .fails("shop.toml:2:1: source.host: '${' has no '}', write '$${' for a literal '${'");
}

#[test]
fn a_secret_can_stand_in_a_file() {
    let text = "[source]\nhost = 'a'\npassword_file = '${DIR}/pw'\nproperties = { 'sasl.password_file' = '${DIR}/pw' }";
    let options = given("shop.toml", text)
        .secret("pw", b" 0123\n", 0o600)
        .one();
    assert_eq!(options.source.password.expose_secret(), " 0123");
    assert_eq!(options.source.properties["sasl.password"], " 0123");
}

#[test]
fn a_secret_file_that_cannot_be_trusted_is_refused() {
    let text = "[source]\nhost = 'a'\npassword_file = '${DIR}/pw'";
    for (bytes, mode, expected) in [
        (
            &b"pw"[..],
            0o620,
            "pw can be written by others (mode 620), chmod it to 600",
        ),
        (
            b"pw",
            0o602,
            "pw can be written by others (mode 602), chmod it to 600",
        ),
        (b"\xff\xfe", 0o600, "pw is not UTF-8, expected text"),
        (
            &[b'x'; 70_000],
            0o600,
            "pw is longer than 65536 bytes, expected a secret",
        ),
    ] {
        let given = given("shop.toml", text).secret("pw", bytes, mode);
        given.fails(&format!("shop.toml:3:1: source.password_file: {expected}"));
    }
    let error = given("shop.toml", text)
        .variable("DIR", "/nowhere")
        .read()
        .unwrap_err();
    assert!(
        error.contains("/nowhere/pw cannot be read: No such file"),
        "{error}"
    );
}

#[test]
fn a_secret_is_given_once() {
    let both = "[source]\nhost = 'a'\npassword = 'x'\npassword_file = '${DIR}/pw'";
    given("shop.toml", both)
        .secret("pw", b"y", 0o600)
        .fails("shop.toml:4:1: source.password_file: password is given too, keep one of them");
    let file = "[source]\nhost = 'a'\npassword_file = '${DIR}/pw'";
    let options = given("shop.toml", file)
        .secret("pw", b"y", 0o600)
        .variable("ROWTAP__SOURCE__PASSWORD", "x")
        .one();
    assert_eq!(options.source.password.expose_secret(), "x");
}

#[test]
fn a_files_name_is_the_connectors_and_must_fit() {
    let bad = "connector name 'my shop' from my shop.toml: expected at most 64 letters, digits, '-' and '_', rename the file";
    given("my shop.toml", SHOP).fails(bad);
    given("shop.yaml", SHOP)
        .fails("shop.yaml is not a connector file: its name does not end in .toml, rename it");
    let error = given("a-b.toml", SHOP)
        .and("a_b.toml", SHOP)
        .read()
        .unwrap_err();
    assert_eq!(
        error,
        "connectors a-b.toml and a_b.toml both go by the name A_B, rename one of them"
    );
}

#[test]
fn a_missing_file_and_a_folder_are_told_apart() {
    let error = |path: PathBuf| load(&[path], &Variables::new()).unwrap_err().to_string();
    let missing = error("/nowhere/shop.toml".into());
    assert_eq!(
        missing.split_once(": ").unwrap().0,
        "cannot read connector file /nowhere/shop.toml, give the path of a TOML file"
    );
    let dir = tempfile::tempdir().unwrap();
    let error = error(dir.path().to_path_buf());
    assert!(
        error.ends_with("it is a folder, name the files in it"),
        "{error}"
    );
}
