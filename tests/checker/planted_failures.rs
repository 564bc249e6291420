//! Files that fail: whichever step on whichever file it is, the run says so, and the next one loses and repeats nothing.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rowtap::mysql::Flavour;
use rowtap::state::relay_log_info;
use serde_json::Value;

use super::{planted_skips, planted_snapshots, planted_told, points_of_schemas};
use crate::commands::planted::HISTORY;
use crate::hostile::crafted::{Crafted, QUERY, TABLE_MAP, WRITE_ROWS, full_map, insert};
use crate::support::checker::{Connector, Ended};

const END_MAX: Duration = Duration::from_secs(120);
/// No run comes to one point as often.
const TIMES_MAX: usize = 100;
/// A spill file is written so often that not every time is tried.
const SPILL_TIMES_STEP: usize = 9;
pub(super) const GROUPS: u32 = 3;
/// Bytes at which a batch is full; one that a statement fills ends with its group, so that it can be committed.
const BATCH_BYTES: usize = 256 << 10;
const ROTATE: &str = "400KB";
const GTID: u8 = 33;
/// More than the held events of a group may take in memory.
const LARGE_GROUP_EVENTS: u32 = 6;

/// A step on a file as `ROWTAP_PLANTED_FAILURE` names it, and how the path ends that the message must name.
pub(super) type Point = (&'static str, &'static str);

/// What a first start and a stream come to in the state folder.
const STATE: [Point; 25] = [
    ("Create StateFolder", "/state/checked"),
    ("Sync StateFolder", "/state"),
    ("MakePrivate StateFolder", "/state/checked"),
    ("List StateFolder", "/state/checked"),
    ("Create StateLock", "/state/checked/lock"),
    ("Lock StateLock", "/state/checked/lock"),
    ("Cut StateLock", "/state/checked/lock"),
    ("Write StateLock", "/state/checked/lock"),
    ("Create AutoCnf", "/auto.cnf.new"),
    ("Write AutoCnf", "/auto.cnf.new"),
    ("Sync AutoCnf", "/auto.cnf.new"),
    ("Rename AutoCnf", "/auto.cnf"),
    ("Remove ToldDefinitions", "/told-definitions.jsonl"),
    ("Create Journal", "/definitions-00000001.jsonl.new"),
    ("Write Journal", "/definitions-00000001.jsonl"),
    ("Sync Journal", "/definitions-00000001.jsonl"),
    ("Rename Journal", "/definitions-00000001.jsonl"),
    ("Create RelayLogInfo", "/relay-log.info.new"),
    ("Write RelayLogInfo", "/relay-log.info.new"),
    ("Sync RelayLogInfo", "/relay-log.info.new"),
    ("Rename RelayLogInfo", "/relay-log.info"),
    ("Create Target", "/target.new"),
    ("Write Target", "/target.new"),
    ("Sync Target", "/target.new"),
    ("Rename Target", "/target"),
];

/// The same in the folder of data files.
const DATA: [Point; 14] = [
    ("Create DataFolder", "/changes"),
    ("Sync DataFolder", ""),
    ("List DataFolder", "/changes"),
    ("Create DataLock", "/changes/lock"),
    ("Lock DataLock", "/changes/lock"),
    ("Cut DataLock", "/changes/lock"),
    ("Write DataLock", "/changes/lock"),
    ("Create Manifest", "/manifest.jsonl.new"),
    ("Write Manifest", "/manifest.jsonl"),
    ("Sync Manifest", "/manifest.jsonl"),
    ("Rename Manifest", "/manifest.jsonl"),
    ("Create DataFile", ".jsonl"),
    ("Write DataFile", ".jsonl"),
    ("Sync DataFile", ".jsonl"),
];

/// What only a start after a failure comes to, and the failure.
const RESUME: [(&str, Point); 14] = [
    ("Write Manifest 3", ("Open DataFile", ".jsonl")),
    ("Write Manifest 3", ("Read DataFile", ".jsonl")),
    ("Write Manifest 3", ("Cut DataFile", ".jsonl")),
    ("Write Manifest 3", ("Sync DataFile", ".jsonl")),
    ("Write Manifest 2", ("Remove DataFile", ".jsonl")),
    ("Write Manifest 3", ("Open Manifest", "/manifest.jsonl")),
    ("Write Manifest 2", ("Read Manifest", "/manifest.jsonl")),
    ("Write Journal 2", ("Open Journal", "-00000001.jsonl")),
    ("Write Journal 2", ("Read Journal", "-00000001.jsonl")),
    ("Write Journal 2", ("Cut Journal", "-00000001.jsonl")),
    ("Create Manifest 1", ("Remove Journal", "-00000001.jsonl")),
    ("Write Manifest 2", ("Open RelayLogInfo", "/relay-log.info")),
    ("Write Manifest 2", ("Open AutoCnf", "/auto.cnf")),
    (
        "Rename RelayLogInfo 2",
        ("Remove StateFolder", "/relay-log.info.new"),
    ),
];

/// What a group comes to that is too large for memory.
const SPILL: [Point; 3] = [
    ("Create Spill", ".spill"),
    ("Remove Spill", ".spill"),
    ("Write Spill", ".spill"),
];

/// What an XA transaction comes to that stays prepared over checkpoints.
const PREPARED: [Point; 8] = [
    ("Create PreparedFolder", "/prepared"),
    ("Sync PreparedFolder", ""),
    ("List PreparedFolder", "/prepared"),
    ("Create PreparedGroup", ".xa"),
    ("Write PreparedGroup", ".xa"),
    ("Sync PreparedGroup", ".xa"),
    ("Open PreparedGroup", ".xa"),
    ("Remove PreparedGroup", ".xa"),
];

/// Groups of about as many bytes as a batch holds, one of them perhaps too large for memory, and after each of them a
/// statement that changes the definitions.
fn binlog(large: bool) -> Vec<u8> {
    let mut file = Crafted::new(Flavour::MySql);
    groups(&mut file, large);
    file.finish()
}

fn groups(file: &mut Crafted, large: bool) {
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    let mut id = 0;
    for group in 0..GROUPS {
        gtid(file, next());
        statement(file, "BEGIN");
        let events = if large && group == 1 {
            LARGE_GROUP_EVENTS
        } else {
            1
        };
        for _ in 0..events {
            let map = full_map(
                b"shop",
                b"t",
                &[(3, &[], b"id"), (15, &[0xf4, 0xff], b"text")],
            );
            file.event(TABLE_MAP, &map);
            let rows = if large { 26 } else { 3 };
            let images = (0..rows).flat_map(|_| {
                id += 1;
                image(id)
            });
            file.event(WRITE_ROWS, &insert(2, &images.collect::<Vec<u8>>()));
        }
        file.commit();
        gtid(file, next());
        let comment = "c".repeat(BATCH_BYTES);
        statement(
            file,
            &format!("CREATE TABLE made_{group} (id INT PRIMARY KEY COMMENT '{comment}')"),
        );
    }
}

/// As [`binlog`], with an XA transaction that is prepared before the first group and committed after the last.
fn binlog_with_xa() -> Vec<u8> {
    const XA_PREPARE: u8 = 38;
    let mut file = Crafted::new(Flavour::MySql);
    gtid(&mut file, 100);
    statement(&mut file, "XA START X'61',X'',1");
    let map = full_map(
        b"shop",
        b"t",
        &[(3, &[], b"id"), (15, &[0xf4, 0xff], b"text")],
    );
    file.event(TABLE_MAP, &map);
    file.event(WRITE_ROWS, &insert(2, &image(1000)));
    statement(&mut file, "XA END X'61',X'',1");
    let id = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'a'];
    file.event(XA_PREPARE, &id);
    groups(&mut file, false);
    gtid(&mut file, 101);
    statement(&mut file, "XA COMMIT X'61',X'',1");
    file.finish()
}

/// A GTID with this number.
pub(super) fn gtid(file: &mut Crafted, number: u64) {
    let source = [7; 16];
    let body = [&[0][..], &source, &number.to_le_bytes()].concat();
    file.event(GTID, &body);
}

/// A statement in the database `shop`.
pub(super) fn statement(file: &mut Crafted, text: &str) {
    let database = b"shop";
    let mut body = vec![0; 8];
    body.push(u8::try_from(database.len()).unwrap());
    body.extend([0; 4]);
    body.extend(database);
    body.push(0);
    body.extend(text.bytes());
    file.event(QUERY, &body);
}

/// A row: its number and a text of 32,000 letters.
pub(super) fn image(id: u32) -> Vec<u8> {
    const LETTERS: u16 = 32_000;
    let mut image = vec![0];
    image.extend(id.to_le_bytes());
    image.extend(LETTERS.to_le_bytes());
    image.resize(image.len() + usize::from(LETTERS), b'x');
    image
}

pub(super) fn connector(binlog: &[u8]) -> Connector {
    Connector::new(|folder| {
        fs::write(folder.join("binlog.000001"), binlog).unwrap();
        let folder = folder.display();
        format!(
            "checkpoint_interval = '1ms'\nmemory_max = '16MiB'\n\
             [source]\nfiles = ['{folder}/binlog.000001']\nstart = 'earliest'\n\
             [sink]\ntype = 'file'\nfolder = '{folder}/changes'\nrotate_bytes = '{ROTATE}'\n"
        )
    })
}

/// Runs with a failure, or without.
pub(super) fn run(connector: &mut Connector, failure: Option<&str>) -> Ended {
    connector.fail(failure);
    connector.run_once(END_MAX)
}

/// Every line that the files hold, in their order, without the time at which it was written.
pub(super) fn lines(connector: &Connector) -> Vec<Value> {
    let folder = connector.folder().join("changes");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("changes-") || name.starts_with("ddl-")
        })
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    text.lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            for time in ["ts_ms", "ts_us", "ts_ns"] {
                line.as_object_mut().unwrap().remove(time);
            }
            line
        })
        .collect()
}

/// The position of the last checkpoint that the manifest holds; 0 without one.
fn durable(folder: &Path) -> u64 {
    let text = fs::read_to_string(folder.join("changes/manifest.jsonl")).unwrap_or_default();
    let whole = text
        .split_inclusive('\n')
        .rfind(|line| line.ends_with('\n'));
    whole.map_or(0, |line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = line["checkpoint"].as_str().unwrap();
        let checkpoint = relay_log_info::decode(text.as_bytes()).unwrap();
        checkpoint.coordinates.position
    })
}

/// What a stream without a failure gives.
fn expected(binlog: &[u8]) -> Vec<Value> {
    let mut sound = connector(binlog);
    let ended = run(&mut sound, None);
    assert!(ended.status.success(), "{}", ended.log);
    let lines = lines(&sound);
    assert!(lines.len() >= 12, "{}", lines.len());
    lines
}

/// Makes the point fail the first time that a run comes to it, the second time, and so on until a run no longer comes to it
/// as often. Each run but the last says what failed, and one after it ends as if nothing had been.
#[track_caller]
fn check(
    (binlog, expected): (&[u8], &[Value]),
    earlier: Option<&str>,
    (point, path): Point,
    step: usize,
) {
    for time in (1..TIMES_MAX).step_by(step) {
        let mut connector = connector(binlog);
        if let Some(earlier) = earlier {
            let ended = run(&mut connector, Some(&format!("{earlier} EIO")));
            assert_eq!(ended.status.code(), Some(73), "{earlier}: {}", ended.log);
        }
        let failure = format!("{point} {time} EIO");
        let ended = run(&mut connector, Some(&failure));
        let came_to_it = !ended.status.success();
        if came_to_it {
            assert_eq!(ended.status.code(), Some(73), "{failure}: {}", ended.log);
            let said = ended.log.lines().rfind(|line| line.starts_with("rowtap: "));
            let said = said.unwrap_or_default();
            let named = [path, "cannot ", "os error 5"];
            assert!(
                named.iter().all(|it| said.contains(it)),
                "{failure}: {said}"
            );
            assert!(!ended.log.contains("panicked"), "{failure}: {}", ended.log);
            let (_, saved) = connector.saved();
            let durable = durable(connector.folder());
            assert!(saved <= durable, "{failure}: {saved} > {durable}");
            let ended = run(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
        }
        let found = lines(&connector);
        assert!(found == expected, "{failure}: other lines came out");
        if !came_to_it {
            assert!(time > 1, "no run comes to {point}");
            return;
        }
    }
    panic!("{point} fails after {TIMES_MAX} times");
}

#[test]
fn a_stream_whose_state_files_fail_is_told_and_goes_on() {
    let binlog = binlog(false);
    let expected = expected(&binlog);
    for point in STATE {
        check((&binlog, &expected), None, point, 1);
    }
}

#[test]
fn a_stream_whose_data_files_fail_is_told_and_goes_on() {
    let binlog = binlog(false);
    let expected = expected(&binlog);
    for point in DATA {
        check((&binlog, &expected), None, point, 1);
    }
}

#[test]
fn a_start_whose_files_fail_is_told_and_goes_on() {
    let binlog = binlog(false);
    let expected = expected(&binlog);
    for (earlier, point) in RESUME {
        check((&binlog, &expected), Some(earlier), point, 1);
    }
}

#[test]
fn a_large_group_whose_spill_file_fails_is_told_and_goes_on() {
    let binlog = binlog(true);
    let expected = expected(&binlog);
    for point in SPILL {
        check((&binlog, &expected), None, point, SPILL_TIMES_STEP);
    }
}

#[test]
fn an_xa_transaction_whose_file_fails_is_told_and_goes_on() {
    let binlog = binlog_with_xa();
    let expected = expected(&binlog);
    for point in PREPARED {
        check((&binlog, &expected), None, point, 1);
    }
}

#[test]
fn a_full_disk_is_told_with_its_fix_and_nothing_is_lost_over_it() {
    let binlog = binlog(false);
    let expected = expected(&binlog);
    for (failure, code, fix) in [
        ("Write DataFile 2 ENOSPC", 73, "free space on its disk"),
        ("Write Manifest 2 ENOSPC", 73, "free space on its disk"),
        (
            "Write RelayLogInfo 2 ENOSPC",
            73,
            "the disk is full, make room and start again",
        ),
    ] {
        let mut connector = connector(&binlog);
        let ended = run(&mut connector, Some(failure));
        assert_eq!(ended.status.code(), Some(code), "{failure}: {}", ended.log);
        assert!(ended.log.contains(fix), "{failure}: {}", ended.log);
        let ended = run(&mut connector, None);
        assert!(ended.status.success(), "{failure}: {}", ended.log);
        assert!(lines(&connector) == expected, "{failure}");
    }
}

#[test]
fn every_file_and_every_step_fails_in_a_test() {
    let source = include_str!("../../src/fault.rs");
    let points: Vec<&str> = STATE
        .iter()
        .chain(&DATA)
        .chain(RESUME.iter().map(|(_, point)| point))
        .chain(&SPILL)
        .chain(&PREPARED)
        .chain(&HISTORY)
        .chain(planted_skips::points())
        .chain(planted_snapshots::points())
        .chain(planted_told::points())
        .chain(points_of_schemas())
        .map(|(point, _)| *point)
        .collect();
    for name in ["FileStep", "FileRole"] {
        let (_, variants) = source
            .split_once(&format!("pub enum {name} {{"))
            .expect("it is an enum");
        let (variants, _) = variants.split_once('}').expect("the enum ends");
        let variants = variants
            .lines()
            .map(|line| line.trim().trim_end_matches(','))
            .filter(|line| !line.is_empty() && !line.starts_with("//"));
        for variant in variants {
            let fails = points
                .iter()
                .any(|point| point.split(' ').any(|word| word == variant));
            assert!(fails, "no test makes {name}::{variant} fail");
        }
    }
}
