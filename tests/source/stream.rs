//! A running stream: heartbeats, silence, restarts, large events, and the byte budget.

use std::process::Command;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rowtap::failure::Class;
use rowtap::mysql::Flavour as Family;
use rowtap::source::{Budget, EventSource, Live, SourceError};

use super::{
    WAIT_MAX, chain, contains, kind, options, options_with, receive_until, resolve, run, server,
};
use crate::support::{Flavour, Line, Server};

const HEARTBEAT: u8 = 27;
const XID: u8 = 16;

async fn stream(server: &Server, extra: &str, budget: &Budget) -> Live {
    let options = options_with(server, &format!(r#","start":"latest"{extra}"#));
    resolve(&options)
        .await
        .unwrap()
        .stream(budget)
        .await
        .unwrap()
}

/// Stops or continues the server's process, as a machine that hangs does.
fn signal(server: &Server, name: &str) {
    let pid =
        std::fs::read_to_string(server.datadir().parent().unwrap().join("server.pid")).unwrap();
    assert!(
        Command::new("kill")
            .args([name, pid.trim()])
            .status()
            .unwrap()
            .success()
    );
}

async fn failure(live: &mut Live) -> SourceError {
    let failing = async {
        loop {
            match live.next().await {
                Ok(chunk) => assert!(chunk.is_some()),
                Err(error) => return error,
            }
        }
    };
    tokio::time::timeout(WAIT_MAX, failing)
        .await
        .expect("the stream fails")
}

#[test]
fn heartbeats_keep_an_idle_stream() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        run(async {
            let limits = r#","heartbeat_period":"200ms","replica_net_timeout":"2s""#;
            let mut live = stream(&server, limits, &Budget::new(1 << 20)).await;
            let begun = Instant::now();
            let mut heartbeats = 0;
            while begun.elapsed() < Duration::from_secs(5) {
                let chunk = live.next().await.unwrap().unwrap();
                assert!(chunk.drained || !chunk.events.is_empty());
                for range in &chunk.events {
                    heartbeats +=
                        u32::from(kind(&chunk.buffer[range.start as usize..]) == HEARTBEAT);
                }
            }
            assert!(
                heartbeats >= 10,
                "{heartbeats} heartbeats in {:?}",
                begun.elapsed()
            );
        });
    }
}

#[test]
fn a_source_that_hangs_is_given_up_after_the_timeout() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        run(async {
            let limits = r#","heartbeat_period":"300ms","replica_net_timeout":"1500ms""#;
            let mut live = stream(&server, limits, &Budget::new(1 << 20)).await;
            live.next().await.unwrap();
            signal(&server, "-STOP");
            let begun = Instant::now();
            let error = failure(&mut live).await;
            signal(&server, "-CONT");
            assert!(matches!(error, SourceError::Silent(_)), "{}", chain(&error));
            assert!(error.class().is_transient());
            assert_eq!(error.class(), Class::Transient);
            assert!(
                begun.elapsed() >= Duration::from_millis(1200),
                "after {:?}",
                begun.elapsed()
            );
        });
    }
}

#[test]
fn a_line_that_goes_dead_is_given_up_and_a_slow_one_is_not() {
    let server = server(Flavour::MySql97, &["--max-allowed-packet=64M"]);
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY, b LONGBLOB)");
    run(async {
        let line = Line::to(server.port()).await;
        let limits = r#","start":"latest","heartbeat_period":"400ms","replica_net_timeout":"1s""#;
        let mut options = options_with(&server, limits);
        options.port = line.port();
        let budget = Budget::new(1 << 20);
        let mut live = resolve(&options)
            .await
            .unwrap()
            .stream(&budget)
            .await
            .unwrap();
        live.next().await.unwrap();
        // One event of 20 MB takes four times the timeout, and no heartbeat fits in.
        line.set_bytes_a_second(5 << 20);
        server.execute(&format!(
            "INSERT INTO d.t VALUES (1, REPEAT('x', {}))",
            20 << 20
        ));
        let begun = Instant::now();
        receive_until(&mut live, |event| kind(event) == XID).await;
        assert!(
            begun.elapsed() > Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        line.set_bytes_a_second(0);
        let error = failure(&mut live).await;
        assert!(matches!(error, SourceError::Silent(_)), "{}", chain(&error));
        assert!(error.class().is_transient());
    });
}

#[test]
fn a_killed_or_stopped_source_may_come_back() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        for end in [Server::kill, Server::stop] {
            run(async {
                let mut live = stream(&server, "", &Budget::new(1 << 20)).await;
                live.next().await.unwrap();
                tokio::task::block_in_place(|| end(&server));
                let error = failure(&mut live).await;
                assert!(error.class().is_transient(), "{}", chain(&error));
                let refused = resolve(&options(&server, r#""latest""#)).await.unwrap_err();
                assert!(refused.class().is_transient(), "{}", chain(&refused));
            });
            server.start_again();
        }
    }
}

#[test]
fn an_event_of_40_mb_arrives_whole() {
    const MEGABYTES: usize = 40;
    for flavour in Flavour::ALL {
        let server = server(
            flavour,
            &[
                "--max-allowed-packet=128M",
                "--innodb-redo-log-capacity=512M",
            ][..if_mysql(flavour)],
        );
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY, b LONGBLOB)");
        run(async {
            // Smaller than the event, which is then admitted alone.
            let budget = Budget::new(8 << 20);
            let mut live = stream(&server, "", &budget).await;
            server.execute(&format!(
                "INSERT INTO d.t VALUES (1, REPEAT('x', {}))",
                MEGABYTES << 20
            ));
            let events = receive_until(&mut live, |event| kind(event) == XID).await;
            let largest = events.iter().max_by_key(|event| event.len()).unwrap();
            assert!(largest.len() > MEGABYTES << 20);
            let size = u32::from_le_bytes(largest[9..13].try_into().unwrap());
            assert_eq!(size as usize, largest.len());
            let (covered, checksum) = largest.split_last_chunk::<4>().unwrap();
            assert_eq!(crc32fast::hash(covered), u32::from_le_bytes(*checksum));
            assert_eq!(budget.bytes_free(), 8 << 20);
        });
    }
}

fn if_mysql(flavour: Flavour) -> usize {
    match flavour.family() {
        Family::MySql => 2,
        Family::MariaDb => 1,
    }
}

#[test]
fn the_budget_holds_the_stream_back_and_a_dropped_wait_loses_nothing() {
    // The server would end a connection that takes nothing for a second, were it not told otherwise.
    let server = server(Flavour::MySql97, &["--net-write-timeout=1"]);
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY, b MEDIUMTEXT)");
    const ROWS: usize = 400;
    const BUDGET: u32 = 4 << 20;
    run(async {
        let budget = Budget::new(BUDGET);
        let mut live = stream(&server, "", &budget).await;
        let mut client = server.connect();
        for a in 0..ROWS {
            client
                .query_drop(format!(
                    "INSERT INTO d.t VALUES ({a}, CONCAT('row {a} ', REPEAT('x', 60000)))"
                ))
                .unwrap();
        }
        let mut held = Vec::new();
        // Nothing is given back: the stream comes to rest below the budget, also where its wait is given up and resumed.
        while let Ok(chunk) = tokio::time::timeout(Duration::from_secs(3), live.next()).await {
            held.push(chunk.unwrap().unwrap());
        }
        let bytes: usize = held.iter().map(|chunk| chunk.buffer.len()).sum();
        assert!(
            bytes <= BUDGET as usize && bytes + budget.bytes_free() == BUDGET as usize,
            "{bytes} bytes are held"
        );
        let mut events = Vec::new();
        for chunk in held.drain(..) {
            let ranges = chunk
                .events
                .iter()
                .map(|range| range.start as usize..range.end as usize);
            events.extend(ranges.map(|range| chunk.buffer[range].to_vec()));
        }
        let last = format!("row {} ", ROWS - 1);
        assert!(!events.iter().any(|event| contains(event, &last)));
        events.extend(receive_until(&mut live, |event| contains(event, &last)).await);
        let mut arrived: Vec<String> = events.iter().filter_map(|event| row_name(event)).collect();
        let mut sent: Vec<String> = (0..ROWS).map(|a| format!("row {a} ")).collect();
        arrived.sort_unstable();
        sent.sort_unstable();
        assert_eq!(arrived, sent);
    });
}

/// The name that an inserted row begins with; only the front of an event is searched.
fn row_name(event: &[u8]) -> Option<String> {
    let front = event.get(..120)?;
    let begin = front.windows(4).position(|window| window == b"row ")?;
    let text = String::from_utf8_lossy(&front[begin..]);
    Some(format!("row {} ", text[4..].split(' ').next()?))
}

#[test]
fn a_purge_under_a_running_stream_is_no_jump() {
    // The server keeps the file that is being read, so the stream is only refused when it comes back.
    let server = server(Flavour::MySql97, &[]);
    let checkpoint = run(async {
        resolve(&options(&server, r#""latest""#))
            .await
            .unwrap()
            .checkpoint
    });
    server.execute("FLUSH BINARY LOGS; FLUSH BINARY LOGS");
    let (newest, _) = server.coordinates();
    server.execute(&format!("PURGE BINARY LOGS TO '{newest}'"));
    let error = run(async {
        super::resolve_as(&options(&server, r#""earliest""#), 1, Some(checkpoint))
            .await
            .unwrap_err()
    });
    assert!(
        matches!(error, SourceError::Purged { .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(error.class(), Class::Refused);
    assert!(error.to_string().contains(&newest), "{error}");
}
