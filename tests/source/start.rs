//! Where a stream begins, in every form that `start` has, and after a checkpoint.

use rowtap::binlog::{Coordinates, GtidSet};
use rowtap::change::Checkpoint;
use rowtap::mysql::Flavour as Family;
use rowtap::source::{Budget, EventSource, SourceError};

use super::{chain, contains, kind, options, receive_until, resolve, run, server};
use crate::support::{Flavour, Server};

const GTID_EVENTS: [u8; 4] = [33, 34, 42, 162];
const FORMAT_DESCRIPTION: u8 = 15;

fn gtid_set(server: &Server) -> GtidSet {
    GtidSet::parse(server.flavour().family(), &server.gtid_set()).unwrap()
}

/// Statements with a name each; the stream is searched for the first of them that it holds.
fn first_statement(events: &[Vec<u8>]) -> Option<&'static str> {
    let names = ["mark_a", "mark_b", "mark_c", "mark_d"];
    events
        .iter()
        .find_map(|event| names.into_iter().find(|name| contains(event, name)))
}

/// The first statement that a stream from this start holds, up to `mark_d`, and the checkpoint it began with.
async fn begins_with(server: &Server, start: &str) -> (Option<&'static str>, Checkpoint) {
    let resolved = resolve(&options(server, start)).await.unwrap();
    let checkpoint = resolved.checkpoint.clone();
    server.execute("CREATE DATABASE IF NOT EXISTS mark_d");
    let mut live = resolved.stream(&Budget::new(1 << 20)).await.unwrap();
    let events = receive_until(&mut live, |event| contains(event, "mark_d")).await;
    let first_real = events
        .iter()
        .find(|event| GTID_EVENTS.contains(&kind(event)));
    assert!(first_real.is_some(), "a group opens with its GTID");
    (first_statement(&events), checkpoint)
}

/// The time in the header of the file's format description.
fn begun(server: &Server, file: &str) -> u32 {
    let bytes = std::fs::read(server.binlog_path(file)).unwrap();
    assert_eq!(bytes[8], FORMAT_DESCRIPTION);
    u32::from_le_bytes(bytes[4..8].try_into().unwrap())
}

/// Begins a new file. MariaDB writes into it a little later that it needs no earlier one any more.
fn flush(server: &Server) {
    server.execute("FLUSH BINARY LOGS");
    if server.flavour().family() == Family::MariaDb {
        let (newest, _) = server.coordinates();
        let events = format!("SHOW BINLOG EVENTS IN '{newest}'");
        crate::support::wait_until("the new file needs no other", super::WAIT_MAX, || {
            server.query_text(&events).iter().any(|event| {
                event[2].as_deref() == Some("Binlog_checkpoint")
                    && event[5].as_deref() == Some(&*newest)
            })
        });
    }
}

/// Leaves only a new file; MariaDB gives up an old one only when it is not needed for a recovery.
fn purge(server: &Server) -> String {
    server.execute("FLUSH BINARY LOGS");
    let (newest, _) = server.coordinates();
    crate::support::wait_until("the old files are gone", super::WAIT_MAX, || {
        server.execute(&format!("PURGE BINARY LOGS TO '{newest}'"));
        server.query_text("SHOW BINARY LOGS").len() == 1
    });
    newest
}

#[test]
fn every_form_begins_where_it_says() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        let (first_file, _) = server.coordinates();
        server.execute("CREATE DATABASE mark_a");
        flush(&server);
        server.execute("CREATE DATABASE mark_b");
        let at = server.coordinates();
        let before_c = gtid_set(&server);
        server.execute("CREATE DATABASE mark_c");
        let end = server.coordinates();
        let all = gtid_set(&server);
        run(async {
            let (first, checkpoint) = begins_with(&server, r#""latest""#).await;
            assert_eq!(first, Some("mark_d"));
            assert_eq!(
                checkpoint.coordinates,
                Coordinates::new(end.0.as_str(), end.1)
            );
            assert_eq!(checkpoint.gtid_set, all);
            assert_eq!(
                checkpoint.format_description_timestamp,
                begun(&server, &end.0)
            );

            let (first, checkpoint) = begins_with(&server, r#""earliest""#).await;
            assert_eq!(first, Some("mark_a"));
            let oldest = server.query_text("SHOW BINARY LOGS")[0][0].clone().unwrap();
            assert_eq!(checkpoint.coordinates, Coordinates::new(oldest.as_str(), 4));
            assert_eq!(
                checkpoint.format_description_timestamp,
                begun(&server, &oldest)
            );
            assert!(oldest <= first_file);

            let start = format!(r#"{{"file":"{}","position":{}}}"#, at.0, at.1);
            let (first, checkpoint) = begins_with(&server, &start).await;
            assert_eq!(first, Some("mark_c"));
            assert_eq!(checkpoint.gtid_set, before_c);
            assert_eq!(
                checkpoint.format_description_timestamp,
                begun(&server, &at.0)
            );

            let start = format!(r#"{{"gtid_set":"{before_c}"}}"#);
            let (first, checkpoint) = begins_with(&server, &start).await;
            assert_eq!(first, Some("mark_c"));
            assert_eq!(checkpoint.gtid_set, before_c);
            assert_eq!(
                checkpoint.coordinates,
                Coordinates::new(at.0.as_str(), at.1)
            );
        });
    }
}

#[test]
fn the_top_of_a_later_file_knows_the_groups_of_earlier_ones() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE mark_a");
        let before = gtid_set(&server);
        server.execute("FLUSH BINARY LOGS");
        let (file, top) = server.coordinates();
        server.execute("CREATE DATABASE mark_b");
        for position in [4, top] {
            let start = format!(r#"{{"file":"{file}","position":{position}}}"#);
            let checkpoint =
                run(async { resolve(&options(&server, &start)).await.unwrap().checkpoint });
            assert_eq!(checkpoint.gtid_set, before, "{file}:{position}");
        }
    }
}

#[test]
fn the_end_under_traffic_has_exactly_the_gtids_before_it() {
    let server = server(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT AUTO_INCREMENT PRIMARY KEY)");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                use mysql::prelude::Queryable;
                let mut client = server.connect();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    client.query_drop("INSERT INTO d.t VALUES ()").unwrap();
                }
            });
        }
        run(async {
            for _ in 0..20 {
                let latest = loop {
                    match resolve(&options(&server, r#""latest""#)).await {
                        Ok(resolved) => break resolved.checkpoint,
                        Err(error) => assert!(error.class().is_transient(), "{}", chain(&error)),
                    }
                };
                // Reading the whole file up to there counts the same groups.
                let at = &latest.coordinates;
                let start = format!(r#"{{"file":"{}","position":{}}}"#, at.file, at.position);
                let counted = resolve(&options(&server, &start)).await.unwrap().checkpoint;
                assert_eq!(latest.gtid_set, counted.gtid_set, "at {at}");
                // What the next round reads is short again.
                server.execute("FLUSH BINARY LOGS");
            }
        });
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn wrong_starts_are_refused_with_their_fix() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        let (file, size) = server.coordinates();
        let newest = purge(&server);
        let bad_set = match flavour.family() {
            Family::MySql => "0-1-5",
            Family::MariaDb => "6efee16a-e551-11f1-95b6-02fc00000001:1-4",
        };
        for (start, code, part) in [
            (
                format!(r#"{{"file":"{file}","position":{size}}}"#),
                69,
                "has been purged from the source",
            ),
            (
                r#"{"file":"binlog.900000","position":4}"#.to_owned(),
                78,
                "the source has no binlog binlog.900000",
            ),
            (
                r#"{"file":"other.000001","position":4}"#.to_owned(),
                78,
                "the source has no binlog other.000001",
            ),
            (
                format!(r#"{{"file":"{newest}","position":99999999}}"#),
                78,
                "is after the file's end",
            ),
            (
                format!(r#"{{"gtid_set":"{bad_set}"}}"#),
                78,
                "write it as the source prints it",
            ),
        ] {
            let error = run(async { resolve(&options(&server, &start)).await.unwrap_err() });
            let text = chain(&error);
            assert!(text.contains(part), "{start}: {text}");
            assert_eq!(error.class().exit_code(), code, "{text}");
        }
    }
}

#[test]
fn purged_groups_are_missed_and_never_passed_over() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE mark_a");
        let set = server.gtid_set();
        server.execute("CREATE DATABASE mark_b");
        purge(&server);
        run(async {
            let error = resolve(&options(&server, &format!(r#"{{"gtid_set":"{set}"}}"#)))
                .await
                .unwrap_err();
            assert!(
                matches!(error, SourceError::PurgedGroups { .. }),
                "{}",
                chain(&error)
            );
            assert_eq!(error.class().exit_code(), 69);
        });
    }
}

#[test]
fn a_gtid_start_needs_gtids() {
    let server = server(
        Flavour::MySql97,
        &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"],
    );
    run(async {
        let error = resolve(&options(&server, r#"{"gtid_set":""}"#))
            .await
            .unwrap_err();
        assert_eq!(error.class().exit_code(), 69);
        assert!(
            error.to_string().contains("gtid_mode ON, found OFF"),
            "{error}"
        );
        // Without GTIDs the other forms work as before.
        server.execute("CREATE DATABASE mark_a");
        let (first, checkpoint) = begins_with(&server, r#""earliest""#).await;
        assert_eq!(first, Some("mark_a"));
        assert!(checkpoint.gtid_set.is_empty());
        server.execute("DROP DATABASE mark_d");
        let (first, checkpoint) = begins_with(&server, r#""latest""#).await;
        assert_eq!(first, Some("mark_d"));
        assert!(checkpoint.gtid_set.is_empty());
    });
}

#[test]
fn groups_of_a_set_are_left_out_wherever_they_stand() {
    // mark_b is in the set and stands behind mark_a, which is not.
    let server = server(Flavour::MySql97, &[]);
    let uuid = server.query_one("SELECT @@server_uuid").unwrap();
    let before = server.gtid_set();
    server.execute("CREATE DATABASE mark_a");
    server.execute("CREATE DATABASE mark_b");
    server.execute("CREATE DATABASE mark_c");
    let last: u64 = server
        .gtid_set()
        .rsplit_once('-')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let set = format!("{before},{uuid}:{}", last - 1);
    run(async {
        let options = options(&server, &format!(r#"{{"gtid_set":"{set}"}}"#));
        let resolved = resolve(&options).await.unwrap();
        assert!(resolved.skips_groups);
        let checkpoint = resolved.checkpoint.clone();
        let mut live = resolved.stream(&Budget::new(1 << 20)).await.unwrap();
        let events = receive_until(&mut live, |event| contains(event, "mark_c")).await;
        assert!(events.iter().any(|event| contains(event, "mark_a")));
        assert!(!events.iter().any(|event| contains(event, "mark_b")));
        drop(live);
        // A later run with the same definition goes on by the set too.
        let again = super::resolve_as(&options, 1, Some(checkpoint))
            .await
            .unwrap();
        assert!(again.skips_groups);
    });
}

async fn resume(server: &Server, checkpoint: &Checkpoint) -> Result<(), SourceError> {
    let resolved =
        super::resolve_as(&options(server, r#""latest""#), 1, Some(checkpoint.clone())).await?;
    assert_eq!(resolved.checkpoint, *checkpoint);
    let mut live = resolved.stream(&Budget::new(1 << 20)).await?;
    // The file is known to be the same once its format description has come.
    loop {
        let chunk = live.next().await?.unwrap();
        if chunk
            .events
            .iter()
            .any(|range| kind(&chunk.buffer[range.start as usize..]) == FORMAT_DESCRIPTION)
        {
            return Ok(());
        }
    }
}

#[test]
fn a_checkpoint_goes_on_only_on_its_own_source() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE mark_a");
        let checkpoint = run(async {
            resolve(&options(&server, r#""latest""#))
                .await
                .unwrap()
                .checkpoint
        });
        server.execute("CREATE DATABASE mark_b");
        run(async { resume(&server, &checkpoint).await.unwrap() });

        let mut elsewhere = checkpoint.clone();
        match flavour.family() {
            Family::MySql => elsewhere.server_uuid = Some(uuid::Uuid::from_u128(9)),
            Family::MariaDb => elsewhere.server_id = 9,
        }
        let strange = match flavour.family() {
            Family::MySql => "00000000-0000-0000-0000-000000000009:1-5",
            Family::MariaDb => "0-9-5",
        };
        elsewhere.gtid_set = GtidSet::parse(flavour.family(), strange).unwrap();
        let mut purged = checkpoint.clone();
        purged.coordinates = Coordinates::new("binlog.000000", 4);
        let mut shortened = checkpoint.clone();
        shortened.coordinates.position = 77_777_777;
        let mut gone = checkpoint.clone();
        gone.coordinates = Coordinates::new("binlog.900000", 4);
        let mut rebuilt = checkpoint.clone();
        rebuilt.format_description_timestamp -= 1;
        for (changed, code, part) in [
            (elsewhere, 65, "belongs to source"),
            (purged, 69, "has been purged"),
            (shortened, 65, "is after its file's end"),
            (gone, 65, "has no binlog.900000"),
            (rebuilt, 65, "was begun at"),
        ] {
            let error = run(async { resume(&server, &changed).await.unwrap_err() });
            let text = chain(&error);
            assert!(text.contains(part), "{text}");
            assert!(text.contains("take a new start"), "{text}");
            assert_eq!(error.class().exit_code(), code, "{text}");
        }
    }
}

#[test]
fn a_source_that_was_reset_is_noticed_although_names_and_sizes_fit() {
    for (flavour, reset) in [
        (Flavour::MySql97, "RESET BINARY LOGS AND GTIDS"),
        (Flavour::MariaDb1011, "RESET MASTER"),
    ] {
        let server = server(flavour, &[]);
        server.execute(reset);
        let checkpoint = run(async {
            resolve(&options(&server, r#""latest""#))
                .await
                .unwrap()
                .checkpoint
        });
        // Another file of that name, begun in another second, and longer than the first.
        crate::support::wait_until("another second has begun", super::WAIT_MAX, || {
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_secs();
            now > u64::from(checkpoint.format_description_timestamp)
        });
        server.execute(reset);
        server.execute("CREATE DATABASE mark_a");
        assert_eq!(&*checkpoint.coordinates.file, server.coordinates().0);
        let error = run(async { resume(&server, &checkpoint).await.unwrap_err() });
        assert!(
            matches!(error, SourceError::Rebuilt { .. }),
            "{}",
            chain(&error)
        );
    }
}
