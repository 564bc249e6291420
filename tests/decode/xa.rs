//! Files full of XA transactions, decoded into rows and statements: what is applied to an empty server, and to the server that
//! was changed, equals the source.

use super::decoded;
use super::script::apply;
use crate::support::checker::rebuild;
use crate::support::checker::{Findings, NOISE, Workload, files, hold_against};
use crate::support::{Flavour, Server};

/// The binlog files from one on.
fn binlogs_from(server: &Server, first: &str) -> Vec<String> {
    let files = server.query_text("SHOW BINARY LOGS");
    let names = files.into_iter().filter_map(|row| row[0].clone());
    names
        .filter(|name| name.as_str() >= first)
        .map(|name| server.binlog_path(&name).display().to_string())
        .collect()
}

/// A file of definitions for servers whose binlogs do not tell them.
fn definitions(source: &Server, database: &str) -> tempfile::NamedTempFile {
    let mut text = format!("USE {database};\n");
    for table in source.query_text(&format!("SHOW TABLES FROM {database}")) {
        let table = table[0].as_deref().unwrap();
        let shown = source.query_text(&format!("SHOW CREATE TABLE {database}.`{table}`"));
        text += shown[0][1].as_deref().unwrap();
        text += ";\n";
    }
    let file = tempfile::Builder::new().suffix(".sql").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn decoded_as(arguments: &[&str], files: &[String]) -> String {
    let mut all = arguments.to_vec();
    all.extend(files.iter().map(String::as_str));
    decoded(&all)
}

#[track_caller]
fn check(flavour: Flavour, options: &[&str], seed: u64, changes: u64) {
    // Many files, so that transactions are decided in other files than they were prepared in.
    let options = [options, &["--max-binlog-size=64K"]].concat();
    let source = Server::start(flavour, &options);
    let (first, _) = source.coordinates();
    let workload = Workload {
        ddl_rounds: 0,
        ..Workload::with_xa(seed, changes)
    };
    workload.prepare(&source);
    source.execute("FLUSH BINARY LOGS");
    let (loaded, _) = source.coordinates();
    let before = Server::start(flavour, &[]);
    let files_before = binlogs_from(&source, &first);
    apply(&before, &decoded_as(&["--format=sql"], &files_before));
    let tally = workload.start(&source).finish();
    // One that nobody decides on.
    source.execute(&format!(
        "USE {}; XA START 'left'; INSERT INTO {NOISE} (text) VALUES ('left'); XA END 'left'; XA PREPARE 'left'",
        workload.database
    ));
    let all = binlogs_from(&source, &first);
    let told = definitions(&source, &workload.database);
    let told = format!("--definitions={}", told.path().display());
    let decoded_as = |arguments: &[&str], files: &[String]| match flavour {
        Flavour::MySql57 => decoded_as(&[arguments, &[&told]].concat(), files),
        _others => decoded_as(arguments, files),
    };

    let mut findings = Findings::default();
    let ignored = format!("--replicate-ignore-table={}.{NOISE}", workload.database);
    let rows = files::read_printed(&decoded_as(&["--format=json", &ignored], &all)).unwrap();
    hold_against(&source, &workload, rows, &mut findings);

    let again = Server::start(flavour, &[]);
    apply(&again, &decoded_as(&["--format=sql"], &all));
    let count = rebuild::compare(&source, &again, &workload.database, &[], &mut findings);

    let load = binlogs_from(&source, &loaded);
    apply(&source, &decoded_as(&["--flashback"], &load));
    rebuild::compare(&source, &before, &workload.database, &[], &mut findings);
    findings.assert_clean();
    println!(
        "{flavour:?}: {} row changes, {} XA transactions prepared, {} files; {count} rows compared",
        findings.row_changes,
        tally.prepared,
        all.len()
    );
    assert!(tally.prepared > 0 && load.len() > 1);
}

fn changes() -> u64 {
    match std::env::var("ROWTAP_TEST_FULL") {
        Ok(value) if value == "1" => 40_000,
        Ok(_) | Err(_) => 2_000,
    }
}

#[test]
fn xa_transactions_of_mysql_are_decoded_into_the_source() {
    check(Flavour::MySql97, &[], 701, changes());
}

#[test]
fn compressed_xa_transactions_are_decoded_into_the_source() {
    let options = ["--binlog-transaction-compression=ON"];
    check(Flavour::MySql97, &options, 702, changes());
}

#[test]
fn xa_transactions_of_mariadb_are_decoded_into_the_source() {
    check(Flavour::MariaDb1011, &[], 703, changes());
}

#[test]
fn xa_transactions_of_other_versions_are_decoded_into_the_source() {
    if changes() < 40_000 {
        return;
    }
    for (flavour, seed) in [
        (Flavour::MySql57, 704),
        (Flavour::MySql80, 705),
        (Flavour::MariaDb118, 706),
    ] {
        check(flavour, &[], seed, changes());
    }
}
