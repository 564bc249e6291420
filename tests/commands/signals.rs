//! SIGTERM and SIGINT, whatever the process waits for: it ends within its grace, and says so where nothing was committed.

use std::fs::{self, File};
use std::io::{PipeReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{Folder, Running, account, source};
use crate::support::{Flavour, Server};

/// What the connectors here are given.
const GRACE: Duration = Duration::from_secs(2);
/// What an end may take beyond its grace on a machine that others keep busy.
const MARGIN: Duration = Duration::from_secs(20);
const RUN: [&str; 4] = ["run", "--http", "127.0.0.1:0", "shop.toml"];

/// A connector's text with a grace.
fn given_grace(text: &str) -> String {
    format!("shutdown_grace = '{}ms'\n{text}", GRACE.as_millis())
}

/// The same to the standard output.
fn to_stdout(text: &str) -> String {
    let (before, _) = text.split_once("[sink]").unwrap();
    format!("{before}[sink]\ntype = 'stdout'\n")
}

/// Asks it to stop and waits for its end.
#[track_caller]
fn ends(running: Running, signal: &str) -> super::process::Ended {
    running.signal(signal);
    let told = Instant::now();
    let ended = running.end();
    let took = told.elapsed();
    assert!(took < GRACE + MARGIN, "{took:?}: {}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    ended
}

/// A server with a table, and a pipe that nobody reads for now: more goes into the table than the pipe holds.
fn with_unread_pipe(rows: usize) -> (Server, PipeReader, Stdio) {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "u");
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, v TEXT)");
    for id in 0..rows {
        server.execute(&format!(
            "INSERT INTO a.t VALUES ({id}, REPEAT('x', 60000))"
        ));
    }
    let (reader, writer) = std::io::pipe().unwrap();
    (server, reader, writer.into())
}

#[test]
fn a_source_that_does_not_answer_or_is_not_there_holds_nothing_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent = listener.local_addr().unwrap().port();
    let none = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let away = none.local_addr().unwrap().port();
    drop(none);
    for (port, log) in [(silent, "status pages"), (away, "starting again")] {
        let text = source(port, "u")
            .replace("'200ms'", "'60s'")
            .replace("source_retry_count = 3", "source_retry_count = 0");
        let folder = Folder::new(&given_grace(&text));
        for signal in ["TERM", "INT"] {
            let mut running = folder.start(&RUN);
            running.until("it waits", |running| running.stderr().contains(log));
            let ended = ends(running, signal);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_thread_that_never_comes_back_is_left_behind() {
    let folder = Folder::new(&given_grace(&source(1, "u")));
    fs::create_dir_all(folder.path("state/shop")).unwrap();
    // Whoever opens it waits for a writer.
    let made = Command::new("mkfifo")
        .arg(folder.path("state/shop/relay-log.info"))
        .status();
    assert!(made.unwrap().success());
    let mut running = folder.start(&RUN);
    running.until("it reads the checkpoint", |running| {
        running.stderr().contains("status pages")
    });
    let ended = ends(running, "TERM");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_target_that_takes_nothing_is_given_up_and_others_commit() {
    let (server, mut reader, writer) = with_unread_pipe(4);
    let folder = Folder::streaming(&server, "u").replacing("'latest'", "'earliest'");
    let text = fs::read_to_string(folder.path("shop.toml")).unwrap();
    // Its own interval never comes.
    let other = format!("checkpoint_interval = '1h'\n{}", given_grace(&text));
    fs::write(folder.path("other.toml"), other).unwrap();
    folder.write(&given_grace(&to_stdout(&text)));
    let arguments = [&RUN[..], &["other.toml"]].concat();
    let mut running = folder.start_with(&arguments, Some(writer), None);
    running.until("one has written", |_| folder.changes().len() >= 3);
    // The other has begun to, and the pipe does not hold all of it.
    reader.read_exact(&mut [0; 100]).unwrap();
    let ended = ends(running, "TERM");
    assert_eq!(ended.code, Some(75), "{}", ended.stderr);
    let words: Vec<&str> = ended
        .stderr
        .lines()
        .filter(|line| line.starts_with("rowtap: "))
        .collect();
    assert_eq!(words.len(), 1, "{}", ended.stderr);
    let expected =
        "rowtap: shop: not stopped after shutdown_grace (2s), nothing after binlog.000001:";
    assert!(words[0].starts_with(expected), "{}", words[0]);
    assert!(
        ended.stderr.contains("other: received "),
        "{}",
        ended.stderr
    );
    drop(reader);

    // Both go on, neither is locked, and what was committed does not come again.
    let committed = folder.changes().len();
    let again = folder.run(&["run", "--once", "--http", "off", "shop.toml", "other.toml"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(
        again
            .stdout
            .lines()
            .filter(|line| line.contains("\"op\":\"c\""))
            .count(),
        4
    );
    assert!(committed >= 3);
    assert_eq!(folder.changes().len(), 4);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (server, mut reader, writer) = with_unread_pipe(4);
    let text = source(server.port(), "u").replace("'latest'", "'earliest'");
    let folder = Folder::new(&format!("shutdown_grace = '1h'\n{}", to_stdout(&text)));
    let mut running = folder.start_with(&RUN, Some(writer), None);
    // It has begun to write, and the pipe does not hold all of it.
    reader.read_exact(&mut [0; 100]).unwrap();
    running.signal("INT");
    running.until("it stops", |running| running.stderr().contains("stopping"));
    let ended = ends(running, "TERM");
    assert_eq!(ended.code, Some(128 + 15), "{}", ended.stderr);
    drop(reader);
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let (server, reader, writer) = with_unread_pipe(1);
    let folder = Folder::new(&given_grace(&source(server.port(), "u")));
    let arguments = [&["--log-level", "trace"], &RUN[..]].concat();
    let running = folder.start_with(&arguments, None, Some(writer));
    let info = folder.path("state/shop/lock");
    crate::support::wait_until("it runs", MARGIN, || fs::exists(&info).unwrap());
    // Trace fills the pipe in no time; whether it has by now does not matter to the end.
    let ended = ends(running, "TERM");
    assert!(matches!(ended.code, Some(0 | 75)), "{ended:?}");
    drop(reader);
}

#[test]
fn a_reader_that_goes_away_in_the_middle_of_a_large_group_is_a_clean_end() {
    let (server, mut reader, writer) = with_unread_pipe(0);
    let rows: Vec<String> = (0..40)
        .map(|id| format!("({id}, REPEAT('x', 60000))"))
        .collect();
    server.execute(&format!("INSERT INTO a.t VALUES {}", rows.join(", ")));
    let text = source(server.port(), "u").replace("'latest'", "'earliest'");
    let folder = Folder::new(&to_stdout(&text));
    let running = folder.start_with(&RUN, Some(writer), None);
    let mut some = [0; 100_000];
    reader.read_exact(&mut some).unwrap();
    drop(reader);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("rowtap: "), "{}", ended.stderr);
}

#[test]
fn a_decoding_of_a_slow_pipe_ends_like_any_other_program() {
    let folder = Folder::new("");
    let recorded = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/binlogs/shop-mariadb-10.11.binlog"
    );
    // A pipe that never ends, after a binlog's first bytes.
    let pipe = folder.path("binlog.000001");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let running = folder.start(&["decode", "binlog.000001"]);
    let mut writer = File::options().write(true).open(&pipe).unwrap();
    let bytes = fs::read(recorded).unwrap();
    std::io::Write::write_all(&mut writer, &bytes[..500]).unwrap();
    let ended = ends(running, "TERM");
    assert_eq!(ended.code, None, "{}", ended.stderr);
    drop(writer);
}

/// The connector file is a pipe, so that the process is known to be at its very beginning.
#[test]
fn a_signal_before_the_connectors_are_read_ends_it_well() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new("");
        let pipe = folder.path("shop.toml");
        fs::remove_file(&pipe).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let running = folder.start(&["run", "--http", "off", "shop.toml"]);
        // Returns once the other end is open.
        let mut writer = File::create(&pipe).unwrap();
        running.signal(signal);
        let none = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let away = none.local_addr().unwrap().port();
        let text = source(away, "u").replace("{dir}", &folder.path("").display().to_string());
        writer.write_all(text.as_bytes()).unwrap();
        drop(writer);
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("stopping"), "{}", ended.stderr);
    }
}
