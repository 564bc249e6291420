//! Files of told definitions that fail: a person tells the definition again, and the connector goes on with it.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use rowtap::mysql::Flavour;

use super::planted_failures::{GROUPS, Point, connector, gtid, image, lines, run, statement};
use super::planted_skips::{check, failed};
use crate::hostile::crafted::{Crafted, TABLE_MAP, WRITE_ROWS, insert, plain_map};
use crate::support::checker::{Connector, Ended};

const DEFINITION: &str = "CREATE TABLE t (id INT, text VARCHAR(16381)) DEFAULT CHARSET=utf8mb4";

/// What a connector comes to that stops for want of a definition and writes the commands that tell it.
const COMMANDS: [Point; 4] = [
    ("Create ToldDefinitions", "/definitions-to-tell.sh.new"),
    ("Write ToldDefinitions", "/definitions-to-tell.sh.new"),
    ("Sync ToldDefinitions", "/definitions-to-tell.sh.new"),
    ("Rename ToldDefinitions", "/definitions-to-tell.sh"),
];

/// What the telling comes to.
const TELL: [Point; 5] = [
    ("Open ToldDefinitions", "/told-definitions.jsonl"),
    ("Create ToldDefinitions", "/told-definitions.jsonl.new"),
    ("Write ToldDefinitions", "/told-definitions.jsonl.new"),
    ("Sync ToldDefinitions", "/told-definitions.jsonl.new"),
    ("Rename ToldDefinitions", "/told-definitions.jsonl"),
];

/// What the start after it comes to.
const START: [Point; 2] = [
    ("Open ToldDefinitions", "/told-definitions.jsonl"),
    ("Read ToldDefinitions", "/told-definitions.jsonl"),
];

/// All of them.
pub fn points() -> impl Iterator<Item = &'static Point> {
    COMMANDS.iter().chain(&TELL).chain(&START)
}

/// Groups of a row each, of a table whose columns have no names in the binlog.
fn binlog() -> Vec<u8> {
    let mut file = Crafted::new(Flavour::MySql);
    for group in 0..GROUPS {
        gtid(&mut file, u64::from(group) + 1);
        statement(&mut file, "BEGIN");
        let map = plain_map(b"shop", b"t", &[3, 15], &[0xf4, 0xff]);
        file.event(TABLE_MAP, &map);
        file.event(WRITE_ROWS, &insert(2, &image(group)));
        file.commit();
    }
    file.finish()
}

/// A connector that has stopped for want of a definition.
fn stopped(failure: Option<&str>) -> (Connector, Ended) {
    let mut connector = connector(&binlog());
    let ended = run(&mut connector, failure);
    assert_eq!(ended.status.code(), Some(65), "{failure:?}: {}", ended.log);
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
    (connector, ended)
}

fn tell(connector: &mut Connector, failure: Option<&str>) -> Ended {
    connector.fail(failure);
    connector.command(&["definitions", "--table", "shop.t", "--define", DEFINITION])
}

/// Makes sure that each row came out once, under the names that were told.
#[track_caller]
fn is_whole(connector: &Connector, failure: &str) {
    let lines = lines(connector);
    let rows: Vec<_> = lines
        .iter()
        .map(|line| {
            let after = &line["after"];
            let text = after["text"].as_str().unwrap_or_default();
            (after["id"].as_u64(), text.len())
        })
        .collect();
    let expected = (0..GROUPS).map(|id| (Some(u64::from(id)), 32_000));
    assert_eq!(rows, expected.collect::<Vec<_>>(), "{failure}");
    assert!(lines.iter().all(|line| line["op"] == "c"));
}

#[test]
fn a_connector_that_cannot_write_the_commands_says_so_and_stops_as_it_would() {
    for (point, path) in COMMANDS {
        check(point, |failure| {
            let (mut connector, ended) = stopped(Some(failure));
            let mut said = ended.log.lines();
            let warned = said.find(|line| line.contains("could not be written to a file"));
            if let Some(warned) = warned {
                let named = [path, "os error 5"];
                assert!(named.iter().all(|it| warned.contains(it)), "{warned}");
            }
            let ended = tell(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            let ended = run(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            is_whole(&connector, failure);
            warned.is_some()
        });
    }
}

#[test]
fn a_definition_whose_file_fails_can_be_told_again() {
    for (point, path) in TELL {
        check(point, |failure| {
            let (mut connector, _) = stopped(None);
            let ended = tell(&mut connector, Some(failure));
            let came_to_it = failed(&ended, failure, path);
            if came_to_it {
                let ended = tell(&mut connector, None);
                assert!(ended.status.success(), "{failure}: {}", ended.log);
            }
            let ended = run(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            is_whole(&connector, failure);
            came_to_it
        });
    }
}

#[test]
fn a_start_that_cannot_read_what_was_told_says_so_and_the_next_one_goes_on() {
    for (point, path) in START {
        check(point, |failure| {
            let (mut connector, _) = stopped(None);
            let ended = tell(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            let ended = run(&mut connector, Some(failure));
            let came_to_it = failed(&ended, failure, path);
            if came_to_it {
                let ended = run(&mut connector, None);
                assert!(ended.status.success(), "{failure}: {}", ended.log);
            }
            is_whole(&connector, failure);
            came_to_it
        });
    }
}
