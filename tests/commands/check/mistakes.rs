//! Mistakes in connector files, told by `rowtap validate` without a network.

use serde_json::Value;

use super::super::KAFKA;
use super::super::process::Folder;

/// A file in which every line that has a mistake says so at its end: which of its mistakes it is, and what helps.
const MISTAKES: &str = r#"memory_max = '1MiB' #= at least 16.0 MiB
event_memory_max = 'large' #= a size such as "48MiB"
checkpoint_interval = 5 #= a duration such as "10s"
shutdown_grace = '-1s' #= a duration such as "10s"
on_statment = 'warn' #= did you mean on_statement?
lock_wait_max = '1s' #= it belongs in [snapshot]
xa_missing = 'ignore' #= expected one of
invalid_text = true #= expected one of
definitions_unknown = 'name' #= did you mean names?
definitions_unknown_skip = ['shop'] #= write it as "database.table"
[source]
hosts = [
  'db1:3306',
  'db two', #= write it as "db1:3306"
  'db3:70000', #= write it as "db1:3306"
]
prot = 3306 #= did you mean port?
replicate_do_db = 'shop' #= it belongs in [filter]
memory_max = '64MiB' #= it belongs at the top of the file
user = 5 #= expected a string, found a number
password = '${NOT_SET}' #= set it in the environment
server_id = 0 #= expected a number from 1
tls = { mode = 'verify' } #= did you mean verify_ca?
compression = 'gzip' #= expected one of
replica_net_timeout = '10s'
heartbeat_period = '20s' #= halve it
source_retry_count = -1 #= expected a number from 0
start = 'now' #= expected "earliest", "latest"
ignore_server_ids = [
  1,
  'two', #= expected a number from 0
]
do_domain_ids = [1]
ignore_domain_ids = [2] #= keep one of the two
[filter]
replicate-do-db = [''] #= write a database's name or leave the rule out
replicate-do-table = [
  'shop.orders',
  'orders', #= or use replicate-wild-do-table = "orders.%"
  'shop.', #= write it as "database.table"
]
replicate-rewrite-db = 'a=>b' #= write it as
tables-include = '(' #= write it as the regex crate of Rust reads it
tables_include = 'a' #= keep one of the two
ddl-filter = 'by_name' #= expected one of
no-such-rule = 1 #= expected one of replicate-do-db
[sink]
type = 'fiel' #= did you mean file?
folder = 5 #= expected a path, found a number
rotate_bytes = 'big' #= a size such as "48MiB"
"#;

#[test]
fn thirty_mistakes_in_a_file_are_thirty_messages_with_line_and_fix() {
    let folder = Folder::new(MISTAKES);
    let ended = folder.run(&["validate", "--json", "shop.toml"]);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let told: Vec<(String, String)> = report["configuration"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            (text("where"), text("what"))
        })
        .collect();
    let mistakes: Vec<(usize, &str)> = MISTAKES
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.split_once("#=")?.1.trim())))
        .collect();
    assert!(mistakes.len() >= 30, "{}", mistakes.len());
    assert_eq!(told.len(), mistakes.len(), "{told:#?}");
    for ((place, what), (line, fix)) in told.iter().zip(&mistakes) {
        assert!(
            place.starts_with(&format!("shop.toml:{line}:")),
            "line {line}: {place}: {what}"
        );
        assert!(what.contains(fix), "line {line}: {fix} is not in {what}");
    }
    // A run tells the same, and so does the text.
    let run = folder.run(&["run", "shop.toml"]);
    assert_eq!(run.code, Some(78));
    assert_eq!(
        run.stderr.matches("rowtap: ").count(),
        mistakes.len(),
        "{}",
        run.stderr
    );
    let text = folder.run(&["validate", "shop.toml"]);
    for (place, what) in &told {
        let line = format!("problem      {place}: {what}");
        assert!(text.stdout.contains(&line), "{line}: {}", text.stdout);
    }
    assert!(text.stdout.ends_with(&format!(
        "{} problems, 0 warnings, 0 not checked\n",
        told.len()
    )));
}

#[test]
fn every_mistake_of_a_condition_is_told() {
    let condition = "a == 1 and b like 5 or (c in () and d is nul) and e between x and 3 and f = 1";
    let folder = Folder::new(&format!(
        "[source]\nhost = 'db'\nuser = 'u'\n[sink]\ntype = 'blackhole'\n[[filter.rows]]\ntables = 'shop\\.t'\n\
         where = '{condition}'\n"
    ));
    let ended = folder.run(&["validate", "--json", "shop.toml"]);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let told: Vec<&str> = report["configuration"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["what"].as_str().unwrap())
        .collect();
    let found = ["found =,", "found 5,", "found ),", "found nul,", "found x,"];
    assert_eq!(told.len(), found.len(), "{told:#?}");
    for (told, found) in told.iter().zip(found) {
        assert!(told.contains(found), "{found}: {told}");
    }
}

#[test]
fn the_examples_are_valid_and_a_mistake_in_one_file_hides_none_in_another() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors");
    let mut files: Vec<String> = std::fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| path.ends_with(".toml"))
        .collect();
    if KAFKA.is_none() {
        files.retain(|path| !path.contains("kafka"));
    }
    assert!(!files.is_empty());
    let folder = Folder::new("[source]\n");
    let variables: Vec<String> = files
        .iter()
        .flat_map(|path| variables_of(&std::fs::read_to_string(path).unwrap()))
        .collect();
    let folder = variables
        .iter()
        .fold(folder, |folder, name| folder.variable(name, "x"));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let ended = folder.succeeds(&[&["validate"], &files[..]].concat());
    assert!(
        ended.stdout.contains("0 problems, 0 warnings"),
        "{}",
        ended.stdout
    );

    let ended = folder.run(&[&["validate", "--json", "shop.toml"], &files[..]].concat());
    assert_eq!(ended.code, Some(78));
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["connectors"].as_array().unwrap().len(), files.len());
    let mistakes = report["configuration"].as_array().unwrap();
    assert!(mistakes.iter().all(|mistake| {
        mistake["where"]
            .as_str()
            .unwrap()
            .starts_with("shop.toml:1:")
    }));
}

/// The variables that a file names.
fn variables_of(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(|line| line.split("${").skip(1))
        .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
        .collect()
}

#[test]
fn a_start_by_a_file_that_is_missing_names_the_line_that_names_it() {
    let folder = Folder::new(
        "state_dir = '{dir}/state'\n[source]\nfiles = ['{dir}/binlog.000001']\n\nstart = { from = '{dir}/gone.sql' }\n[sink]\ntype = \
         'blackhole'\n",
    );
    std::fs::write(folder.path("binlog.000001"), "").unwrap();
    let ended = folder.run(&["run", "--once", "--http", "off", "shop.toml"]);
    assert!(
        ended
            .stderr
            .contains("shop.toml:5:11: start cannot be read from"),
        "{}",
        ended.stderr
    );
}

#[test]
fn words_of_commands_are_taken_as_people_write_them() {
    let folder = Folder::new(
        "state_dir = '{dir}/state'\n[source]\nhost = 'db'\nuser = 'u'\n[sink]\ntype = 'blackhole'\n",
    );
    let ended = folder.run(&["explain", "shop.toml"]);
    assert!(
        ended.stderr.contains("--table") && ended.stderr.contains("--statement"),
        "{}",
        ended.stderr
    );
    let ended = folder.run(&["explain", "shop.toml", "--table", "`shop`.`orders`"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .stderr
            .contains("without backticks, such as shop.orders"),
        "{}",
        ended.stderr
    );
    for arguments in [
        &["status", "--watch", "0.1", "--json", "shop.toml"][..],
        &["status", "shop.toml", "--json", "--watch", "0.1s"],
        &["status", "--watch=0.1", "--json", "shop.toml"],
    ] {
        let mut running = folder.start(arguments);
        running.until("it has shown the status twice", |running| {
            running.stdout().lines().count() >= 2
        });
    }
}
