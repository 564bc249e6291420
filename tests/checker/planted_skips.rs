//! Files of skip orders that fail: the group that stopped a connector is passed over on order, once, and no other is.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use std::fs;
use std::path::Path;

use rowtap::mysql::Flavour;
use serde_json::Value;

use super::planted_failures::{GROUPS, Point, connector, gtid, image, lines, run, statement};
use crate::hostile::crafted::{Crafted, TABLE_MAP, WRITE_ROWS, full_map, insert};
use crate::support::checker::{Connector, Ended};

/// No step is done as often to one of these files.
const TIMES_MAX: usize = 20;
const ROWS: u32 = 3;
/// The group that cannot be read, and its number as a GTID.
const BROKEN: u32 = 1;
const BROKEN_GTID: &str = "07070707-0707-0707-0707-070707070707:2";

/// What a connector comes to that stops at a group. It has failed already, so a failure here is only logged.
const STOP: [Point; 4] = [
    ("Create LastError", "/last-error.json.new"),
    ("Write LastError", "/last-error.json.new"),
    ("Sync LastError", "/last-error.json.new"),
    ("Rename LastError", "/last-error.json"),
];

/// What an order comes to.
const ORDER: [Point; 8] = [
    ("Open LastError", "/last-error.json"),
    ("Read LastError", "/last-error.json"),
    ("Open SkippedGroups", "/skipped.jsonl"),
    ("Open SkipOrders", "/skip-orders.json"),
    ("Create SkipOrders", "/skip-orders.json.new"),
    ("Write SkipOrders", "/skip-orders.json.new"),
    ("Sync SkipOrders", "/skip-orders.json.new"),
    ("Rename SkipOrders", "/skip-orders.json"),
];

/// What the run comes to that carries the order out.
const CARRY_OUT: [Point; 14] = [
    ("Read LastError", "/last-error.json"),
    ("Remove LastError", "/last-error.json"),
    ("Open SkipOrders", "/skip-orders.json"),
    ("Read SkipOrders", "/skip-orders.json"),
    ("Create SkipOrders", "/skip-orders.json.new"),
    ("Write SkipOrders", "/skip-orders.json.new"),
    ("Sync SkipOrders", "/skip-orders.json.new"),
    ("Rename SkipOrders", "/skip-orders.json"),
    ("Open SkippedGroups", "/skipped.jsonl"),
    ("Read SkippedGroups", "/skipped.jsonl"),
    ("Create SkippedGroups", "/skipped.jsonl"),
    ("Write SkippedGroups", "/skipped.jsonl"),
    ("Sync SkippedGroups", "/skipped.jsonl"),
    ("Sync StateFolder", "/state/checked"),
];

/// What it comes to when a crash left half a line on the record.
const MEND: [Point; 4] = [
    ("Open SkippedGroups", "/skipped.jsonl"),
    ("Read SkippedGroups", "/skipped.jsonl"),
    ("Cut SkippedGroups", "/skipped.jsonl"),
    ("Sync SkippedGroups", "/skipped.jsonl"),
];

/// What fails when the group is on the record and no checkpoint has passed it yet.
const UNPASSED: &str = "Write Manifest 2 EIO";

/// What the run comes to after that.
const AGAIN: [Point; 3] = [
    ("Open SkippedGroups", "/skipped.jsonl"),
    ("Read SkippedGroups", "/skipped.jsonl"),
    ("Sync SkippedGroups", "/skipped.jsonl"),
];

/// What is done without.
const SOCKET: [Point; 2] = [
    ("Remove ControlSocket", "/control.sock"),
    ("MakePrivate ControlSocket", "/control.sock"),
];

/// All of them.
pub fn points() -> impl Iterator<Item = &'static Point> {
    let of_orders = STOP.iter().chain(&ORDER).chain(&CARRY_OUT);
    of_orders.chain(&MEND).chain(&AGAIN).chain(&SOCKET)
}

/// Groups of a few rows each. A broken one has a text that ends after its event does.
fn binlog(is_broken: bool) -> Vec<u8> {
    let mut file = Crafted::new(Flavour::MySql);
    for group in 0..GROUPS {
        gtid(&mut file, u64::from(group) + 1);
        statement(&mut file, "BEGIN");
        let map = full_map(
            b"shop",
            b"t",
            &[(3, &[], b"id"), (15, &[0xf4, 0xff], b"text")],
        );
        file.event(TABLE_MAP, &map);
        let mut images: Vec<u8> = (0..ROWS)
            .flat_map(|row| image(group * ROWS + row))
            .collect();
        if is_broken && group == BROKEN {
            images[5..7].fill(0xff);
        }
        file.event(WRITE_ROWS, &insert(2, &images));
        file.commit();
    }
    file.finish()
}

/// What a stream of sound groups gives without one of them.
fn expected() -> Vec<Value> {
    let mut sound = connector(&binlog(false));
    let ended = run(&mut sound, None);
    assert!(ended.status.success(), "{}", ended.log);
    let mut lines = lines(&sound);
    assert_eq!(lines.len(), (GROUPS * ROWS) as usize);
    let broken = BROKEN * ROWS..(BROKEN + 1) * ROWS;
    lines.retain(|line| {
        let id = line["after"]["id"].as_u64().unwrap();
        !broken.contains(&u32::try_from(id).unwrap())
    });
    lines
}

/// A connector that has stopped at the broken group.
fn stopped(failure: Option<&str>) -> (Connector, Ended) {
    let mut connector = connector(&binlog(true));
    let ended = run(&mut connector, failure);
    assert_eq!(ended.status.code(), Some(65), "{failure:?}: {}", ended.log);
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
    (connector, ended)
}

fn order(connector: &mut Connector, failure: Option<&str>, what: [&str; 2]) -> Ended {
    connector.fail(failure);
    connector.command(&["skip", what[0], what[1]])
}

/// Whether a command failed by the planted failure and said so; otherwise it did its work.
#[track_caller]
pub(super) fn failed(ended: &Ended, failure: &str, path: &str) -> bool {
    if ended.status.success() {
        return false;
    }
    assert_eq!(ended.status.code(), Some(73), "{failure}: {}", ended.log);
    let said = ended.log.lines().rfind(|line| line.starts_with("rowtap: "));
    let said = said.unwrap_or_default();
    let named = [path, "cannot ", "os error 5"];
    let is_told = named.iter().all(|it| said.contains(it));
    assert!(is_told, "{failure}: {}", ended.log);
    assert!(!ended.log.contains("panicked"), "{failure}: {}", ended.log);
    true
}

/// Makes sure that one group was passed over, by one order, and that all others came out once.
#[track_caller]
fn is_passed_over(connector: &Connector, expected: &[Value], failure: &str) {
    assert!(lines(connector) == expected, "{failure}: other lines");
    let record = json_lines(&connector.state().join("skipped.jsonl"));
    let recorded: Vec<_> = record
        .iter()
        .map(|line| (line["order"].as_u64(), line["gtid"].as_str()))
        .collect();
    assert_eq!(recorded, [(Some(1), Some(BROKEN_GTID))], "{failure}");
    let orders = fs::read(connector.state().join("skip-orders.json")).unwrap();
    let orders: Value = serde_json::from_slice(&orders).unwrap();
    assert_eq!(orders["orders"], Value::Array(vec![]), "{failure}");
    let last = connector.state().join("last-error.json");
    assert!(!last.exists(), "{failure}: it streamed again");
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

/// Makes a point fail the first time, the second time and so on, until `comes_to_it` no longer comes to it as often.
#[track_caller]
pub(super) fn check(point: &str, comes_to_it: impl Fn(&str) -> bool) {
    let mut times = (1..TIMES_MAX).map(|time| (time, format!("{point} {time} EIO")));
    let over = times.find(|(_, failure)| !comes_to_it(failure));
    let (time, _) = over.unwrap_or_else(|| panic!("{point} fails after {TIMES_MAX} times"));
    assert!(time > 1, "nothing comes to {point}");
}

#[test]
fn a_connector_that_cannot_keep_why_it_stopped_says_so_and_the_group_is_passed_over_by_its_gtid() {
    let expected = expected();
    for (point, path) in STOP {
        check(point, |failure| {
            let (mut connector, ended) = stopped(Some(failure));
            let warned = ended.log.lines().find(|line| line.contains("WARN"));
            if let Some(warned) = warned {
                let named = [path, "os error 5", "--gtid"];
                assert!(named.iter().all(|it| warned.contains(it)), "{warned}");
            }
            let ended = order(&mut connector, None, ["--gtid", BROKEN_GTID]);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            let ended = run(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            is_passed_over(&connector, &expected, failure);
            warned.is_some()
        });
    }
}

#[test]
fn an_order_whose_files_fail_is_told_and_can_be_given_again() {
    let expected = expected();
    for (point, path) in ORDER {
        check(point, |failure| {
            let (mut connector, _) = stopped(None);
            let groups = ["--groups", "1"];
            let ended = order(&mut connector, Some(failure), groups);
            let came_to_it = failed(&ended, failure, path);
            if came_to_it {
                let ended = order(&mut connector, None, groups);
                assert!(ended.status.success(), "{failure}: {}", ended.log);
            }
            let ended = run(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            is_passed_over(&connector, &expected, failure);
            came_to_it
        });
    }
}

#[test]
fn groups_are_not_counted_from_elsewhere_where_it_cannot_be_read_which_group_stopped_it() {
    let expected = expected();
    let (mut connector, _) = stopped(None);
    let last = connector.state().join("last-error.json");
    fs::write(last, "{").unwrap();
    let ended = order(&mut connector, None, ["--groups", "1"]);
    assert_eq!(ended.status.code(), Some(65), "{}", ended.log);
    let named = ["/last-error.json is damaged", "--gtid"];
    assert!(
        named.iter().all(|it| ended.log.contains(it)),
        "{}",
        ended.log
    );
    let ended = order(&mut connector, None, ["--gtid", BROKEN_GTID]);
    assert!(ended.status.success(), "{}", ended.log);
    let ended = run(&mut connector, None);
    assert!(ended.status.success(), "{}", ended.log);
    is_passed_over(&connector, &expected, "damaged");
}

/// Makes each point fail in a run that carries an order out, after what `before` does when the order was given.
#[track_caller]
fn is_carried_out(points: &[Point], before: impl Fn(&mut Connector)) {
    let expected = expected();
    for (point, path) in points {
        check(point, |failure| {
            let (mut connector, _) = stopped(None);
            let ended = order(&mut connector, None, ["--groups", "1"]);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            before(&mut connector);
            let ended = run(&mut connector, Some(failure));
            let came_to_it = failed(&ended, failure, path);
            if came_to_it {
                let ended = run(&mut connector, None);
                assert!(ended.status.success(), "{failure}: {}", ended.log);
            }
            is_passed_over(&connector, &expected, failure);
            came_to_it
        });
    }
}

#[test]
fn an_order_is_carried_out_once_whichever_file_fails_over_it() {
    is_carried_out(&CARRY_OUT, |_| ());
}

#[test]
fn half_a_line_on_the_record_is_removed_before_the_group_is_passed_over() {
    is_carried_out(&MEND, |connector| {
        let record = connector.state().join("skipped.jsonl");
        fs::write(record, "{\"order\":1,\"gtid\":\"0707").unwrap();
    });
}

#[test]
fn a_group_that_is_on_the_record_is_made_durable_there_before_it_is_passed_over_again() {
    is_carried_out(&AGAIN, |connector| {
        let ended = run(connector, Some(UNPASSED));
        assert_eq!(ended.status.code(), Some(73), "{}", ended.log);
        let record = json_lines(&connector.state().join("skipped.jsonl"));
        assert_eq!(record.len(), 1, "{}", ended.log);
    });
}

#[test]
fn a_control_socket_that_fails_is_done_without() {
    let expected = expected();
    for (point, path) in SOCKET {
        check(point, |failure| {
            let (mut connector, _) = stopped(None);
            let ended = order(&mut connector, None, ["--groups", "1"]);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            let ended = run(&mut connector, Some(failure));
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            is_passed_over(&connector, &expected, failure);
            let mut said = ended.log.lines();
            let warned = said.find(|line| line.contains("no control socket"));
            if let Some(warned) = warned {
                let named = [path, "os error 5", "WARN"];
                assert!(named.iter().all(|it| warned.contains(it)), "{warned}");
            }
            warned.is_some()
        });
    }
}
