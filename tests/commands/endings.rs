//! How a run ends when nothing is wrong, or when it is made to.

use std::process::{Command, Stdio};

use super::process::{Folder, account, exists, page};
use crate::support::{Flavour, Server};

#[test]
fn once_ends_by_itself_with_all_that_was_there() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY); INSERT INTO a.t VALUES (1), (2), (3)");
        let folder = Folder::streaming(&server, "u").replacing("'latest'", "'earliest'");
        let ended = folder.run(&["run", "--once", "--http", "off", "shop.toml"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let ids: Vec<i64> = folder
            .changes()
            .iter()
            .map(|change| change["after"]["id"].as_i64().unwrap())
            .collect();
        assert_eq!(ids, [1, 2, 3]);
        let ledger = ended
            .stderr
            .lines()
            .find(|line| line.starts_with("shop: received "));
        assert!(
            ledger.is_some_and(|line| line.ends_with("; rows 3")),
            "{}",
            ended.stderr
        );
        // The next one finds nothing new and repeats nothing.
        let again = folder.run(&["run", "--once", "--http", "off", "shop.toml"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(folder.changes().len(), 3);
    }
}

#[test]
fn until_ends_where_it_was_told() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "u");
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY); INSERT INTO a.t VALUES (1)",
    );
    let (file, position) = server.coordinates();
    server.execute("INSERT INTO a.t VALUES (2)");
    let gtids = server.gtid_set();
    server.execute("INSERT INTO a.t VALUES (3)");
    for (until, count) in [(format!("{file}:{position}"), 1), (gtids, 2)] {
        let folder = Folder::streaming(&server, "u").replacing("'latest'", "'earliest'");
        let ended = folder.run(&["run", "--until", &until, "--http", "off", "shop.toml"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(folder.changes().len(), count, "{until}");
    }
}

#[test]
fn a_signal_ends_it_cleanly_and_the_next_run_goes_on() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "u");
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
    let folder = Folder::streaming(&server, "u");
    for (number, signal) in ["TERM", "INT"].into_iter().enumerate() {
        let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
        let http = running.http();
        running.until("it streams", |_| {
            page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
        });
        server.execute(&format!("INSERT INTO a.t VALUES ({number})"));
        running.until("the row is there", |_| folder.changes().len() == number + 1);
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("; rows 1"), "{}", ended.stderr);
        server.execute(&format!("DELETE FROM a.t WHERE id = {number} + 100"));
    }
    let ended = folder.run(&["run", "--once", "--http", "off", "shop.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(folder.changes().len(), 2);
}

#[test]
fn a_second_process_is_kept_out() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "second_process");
    let folder = Folder::streaming(server, "second_process");
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
    let http = running.http();
    running.until("it streams", |_| {
        page(&http, "/readyz").is_some_and(|(line, _)| line.contains(" 200 "))
    });
    let pid = format!("process {}", running.pid());
    folder.fails(76, &["state/shop is in use by", &pid]);
    running.signal("TERM");
    assert_eq!(running.end().code, Some(0));
}

#[test]
fn a_reader_that_has_seen_enough_is_a_clean_end() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "u");
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY); INSERT INTO a.t VALUES (1), (2), (3)");
    let folder = Folder::streaming(&server, "u")
        .replacing("'latest'", "'earliest'")
        .replacing("type = 'file'", "type = 'stdout'");
    let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
    let without_folder: String = text
        .lines()
        .filter(|line| !line.starts_with("folder"))
        .map(|line| format!("{line}\n"))
        .collect();
    folder.write(&without_folder);
    // Nobody reads, from the start.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["--log-format", "text", "run", "--once", "--http", "off"])
        .arg(folder.path("shop.toml"))
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("rowtap: "), "{stderr}");
}

#[test]
fn wrong_arguments_are_the_callers() {
    let folder = Folder::new("");
    for arguments in [
        &[][..],
        &["run"],
        &["walk"],
        &["run", "--once", "--until", "binlog.000001:4", "shop.toml"],
        &["run", "--until", "tomorrow", "shop.toml"],
        &["run", "--http", "nowhere", "shop.toml"],
        &["--log-level", "a=b=c", "status"],
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(folder.run(&["--version"]).code, Some(0));
    assert!(!exists(&folder.path("state")));
}

#[test]
fn one_connector_that_fails_leaves_the_others_running() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "u");
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
    let folder = Folder::streaming(&server, "u");
    let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
    std::fs::write(
        folder.path("broken.toml"),
        text.replace("user = 'u'", "user = 'nobody'")
            .replace("/changes", "/others"),
    )
    .unwrap();
    let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml", "broken.toml"]);
    let http = running.http();
    running.until("one streams and the other has failed", |_| {
        page(&http, "/readyz").is_some_and(|(line, body)| {
            line.contains(" 503 ")
                && body.contains("shop: streaming")
                && body.contains("broken: failed")
        })
    });
    server.execute("INSERT INTO a.t VALUES (1)");
    running.until("the row is there", |_| folder.changes().len() == 1);
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("rowtap: broken: "),
        "{}",
        ended.stderr
    );
}
