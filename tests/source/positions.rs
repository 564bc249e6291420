//! Every position of a small file, judged as the server's own mysqlbinlog tells its events and groups apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rowtap::source::SourceError;

use super::{chain, options, resolve, run, server};
use crate::support::{Flavour, Server};

/// What a position of the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Boundary,
    InsideGroup,
    InsideEvent,
}

/// The file's events as mysqlbinlog prints them: where each begins, and whether a group may begin there.
fn events(server: &Server, file: &str, size: u64) -> Vec<(u64, bool)> {
    let path = server.binlog_path(file);
    let output = server.mysqlbinlog(&[path.as_os_str()]);
    let mut events: Vec<(u64, bool)> = Vec::new();
    for line in output.lines() {
        if let Some(position) = line.strip_prefix("# at ") {
            events.push((position.parse().unwrap(), false));
        } else if line.starts_with('#')
            && line.contains("server id")
            && let Some((_, is_boundary)) = events.last_mut()
        {
            // What opens a group, and what stands between groups.
            *is_boundary |= [
                "GTID",
                "Start: ",
                "Previous-GTIDs",
                "Gtid list",
                "Binlog checkpoint",
                "Rotate to",
            ]
            .iter()
            .any(|kind| line.contains(kind));
        }
    }
    events.push((size, true));
    events
}

fn expected(events: &[(u64, bool)], position: u64) -> Expected {
    match events.iter().find(|(at, _)| *at == position) {
        Some((_, true)) => Expected::Boundary,
        Some((_, false)) => Expected::InsideGroup,
        None => Expected::InsideEvent,
    }
}

fn nearest(events: &[(u64, bool)], position: u64) -> (u64, Option<u64>) {
    let boundaries = || {
        events
            .iter()
            .filter(|(_, is_boundary)| *is_boundary)
            .map(|(at, _)| *at)
    };
    (
        boundaries().filter(|at| *at < position).max().unwrap(),
        boundaries().find(|at| *at > position),
    )
}

async fn check(server: &Server, file: &str, events: &[(u64, bool)], position: u64) {
    let start = format!(r#"{{"file":"{file}","position":{position}}}"#);
    let mut options = options(server, &start);
    options.tls.mode = rowtap::mysql::TlsMode::Disabled;
    options.get_source_public_key = true;
    let found = resolve(&options).await;
    let expected = expected(events, position);
    match (found, expected) {
        (Ok(resolved), Expected::Boundary) => {
            assert_eq!(resolved.checkpoint.coordinates.position, position);
        }
        (Err(error @ SourceError::InsideGroup { before, after, .. }), Expected::InsideGroup)
        | (Err(error @ SourceError::InsideEvent { before, after, .. }), Expected::InsideEvent) => {
            assert_eq!((before, after), nearest(events, position), "{error}");
            assert_eq!(error.class().exit_code(), 65);
        }
        // No file's first event is so short, so that the server is not asked.
        (Err(error @ SourceError::Options(_)), Expected::InsideEvent)
            if events.get(1).is_some_and(|(second, _)| position < *second) =>
        {
            assert_eq!(error.class().exit_code(), 78, "{}", chain(&error));
        }
        (Ok(_), expected) => panic!("position {position} was taken, expected {expected:?}"),
        (Err(error), expected) => panic!(
            "position {position}: {}, expected {expected:?}",
            chain(&error)
        ),
    }
}

fn every_position(flavour: Flavour, options: &[&str], may_mix_engines: bool) {
    let server = server(flavour, options);
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY, b VARCHAR(20))");
    server.execute("FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.execute("INSERT INTO d.t VALUES (1, 'one')");
    server.execute("BEGIN; UPDATE d.t SET b = 'two'; DELETE FROM d.t; COMMIT");
    server.execute("ALTER TABLE d.t ADD COLUMN c INT");
    server.execute("CREATE TABLE d.u SELECT 1 AS a");
    server.execute("CREATE TABLE d.m (a INT) ENGINE=MyISAM; INSERT INTO d.m VALUES (1)");
    if may_mix_engines {
        server.execute("BEGIN; INSERT INTO d.u VALUES (1); INSERT INTO d.m VALUES (2); ROLLBACK");
    }
    server.execute(
        "XA START 'x'; INSERT INTO d.u VALUES (2); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x'",
    );
    let (_, size) = server.coordinates();
    let events = events(&server, &file, size);
    assert!(events.len() > 30, "{events:?}");
    println!("{size} positions of {} events", events.len());
    let (next, last) = (AtomicU64::new(4), size);
    let shared = Arc::new((server, file, events, next));
    run(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                let (server, file, events, next) = &*shared;
                loop {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    if position > last {
                        return;
                    }
                    check(server, file, events, position).await;
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    });
}

#[test]
fn every_position_of_a_mysql_file_is_judged_right() {
    every_position(Flavour::MySql97, &[], false);
}

#[test]
fn every_position_of_a_mysql_file_without_gtids_is_judged_right() {
    let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    every_position(Flavour::MySql97, &options, true);
}

#[test]
fn every_position_of_a_mariadb_file_is_judged_right() {
    every_position(Flavour::MariaDb1011, &[], true);
}
