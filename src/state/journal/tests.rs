//! The journal against a list of all revisions: whatever was appended, cut or flipped, a place has its state or an error.

use std::fs;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::binlog::GtidSet;
use crate::change::definition::{Belief, Change};
use crate::change::{ColumnDefinition, TableDefinition};
use crate::failure::Class;
use crate::mysql::Flavour;
use crate::row::TableName;

fn at(position: u64) -> Coordinates {
    Coordinates::new("b.000001", position)
}

fn point(position: u64) -> Point {
    checkpoint(position).point()
}

fn checkpoint(position: u64) -> Checkpoint {
    Checkpoint::new(at(position), GtidSet::empty(Flavour::MySql), None, 1, 7)
}

fn defined(table: u8, shape: u8) -> Change {
    let columns = (0..=shape % 5).map(|index| ColumnDefinition {
        name: format!("c{index}_{shape}").into(),
        column_type: "int unsigned".into(),
        ..ColumnDefinition::default()
    });
    Change::Defined {
        table: TableName::new("d", format!("t{table}")),
        definition: Arc::new(TableDefinition {
            columns: columns.collect(),
            key: vec![0],
            ..TableDefinition::default()
        }),
    }
}

fn change(kind: u8, table: u8, shape: u8) -> Change {
    let name = TableName::new("d", format!("t{table}"));
    match kind {
        0 => Change::Gone {
            table: name,
            left: None,
        },
        1 => Change::Stale {
            table: name,
            reason: "é \"why\"\n".into(),
        },
        2 => Change::Database {
            database: format!("d{shape}").into(),
            charset: shape.is_multiple_of(2).then(|| "latin1".into()),
            whole: false,
        },
        _ => defined(table, shape),
    }
}

fn revision(position: u64, statement: Option<&str>, changes: Vec<Change>) -> Revision {
    Revision {
        at: point(position),
        gtid: Some("0-1-7".into()),
        statement: statement.map(Into::into),
        changes,
    }
}

/// What the revisions up to a place make of nothing.
fn model(revisions: &[Revision], upto: u64) -> Vec<Change> {
    let mut schemas = Schemas::new(0);
    let upto = at(upto);
    for revision in revisions
        .iter()
        .filter(|revision| revision.at.coordinates <= upto)
    {
        for change in &revision.changes {
            schemas.record(change);
        }
    }
    schemas.changes()
}

fn begin(growth_bytes_min: u64) -> (tempfile::TempDir, StateFolder, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(dir.path(), "shop").unwrap();
    let mut journal = Journal::begin(&folder, &checkpoint(4), 0, &Schemas::new(0)).unwrap();
    journal.growth_bytes_min = growth_bytes_min;
    (dir, folder, journal)
}

fn newest(folder: &StateFolder) -> PathBuf {
    let last = *numbers(folder.path()).unwrap().last().unwrap();
    path_of(folder.path(), last)
}

/// Any number of revisions at growing places, each with what it changes.
fn revisions() -> impl Strategy<Value = Vec<Revision>> {
    let one = (0u8..6, 0u8..6, any::<u8>());
    let changes = prop::collection::vec(one, 1..4);
    prop::collection::vec((1u64..3, any::<bool>(), changes), 1..40).prop_map(|steps| {
        let mut position = 4;
        let mut made = Vec::new();
        for (step, read, changes) in steps {
            position += step;
            let changes = changes
                .into_iter()
                .map(|(k, t, s)| change(k, t, s))
                .collect();
            made.push(revision(position, (!read).then_some("ALTER …"), changes));
        }
        made
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_place_since_the_oldest_segment_has_the_state_that_was_there(
        revisions in revisions(),
        cuts in prop::collection::vec(1usize..6, 1..20),
        growth in prop::sample::select(vec![200_u64, 1_000, 1 << 20]),
        upto in 4u64..90,
    ) {
        let (_dir, folder, mut journal) = begin(growth);
        let mut rest = &revisions[..];
        for cut in cuts.iter().cycle() {
            let (now, later) = rest.split_at(rest.len().min(*cut));
            journal.append(now).unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        drop(journal);
        prop_assert!(numbers(folder.path()).unwrap().len() <= SEGMENTS_MAX);
        let end = revisions.last().unwrap().at.coordinates.position;
        match Journal::open(&folder, &checkpoint(upto)).unwrap() {
            Some(opened) => {
                prop_assert_eq!(opened.schemas.changes(), model(&revisions, upto));
                prop_assert_eq!(opened.journal.schemas.changes(), model(&revisions, upto));
                prop_assert!(opened.ahead.iter().all(|ahead| ahead.statement.is_none()));
                // What stood after it is cut off, and the stream adds it again.
                let again: Vec<Revision> =
                    revisions.iter().filter(|revision| revision.at.coordinates > at(upto)).cloned().collect();
                let mut journal = opened.journal;
                journal.append(&again).unwrap();
                let opened = Journal::open(&folder, &checkpoint(end)).unwrap().unwrap();
                prop_assert_eq!(opened.schemas.changes(), model(&revisions, end));
            }
            None => prop_assert!(growth < 1 << 20, "nothing was let go of"),
        }
    }

    #[test]
    fn a_flipped_bit_is_an_error_or_changes_nothing(
        revisions in revisions(), place in any::<prop::sample::Index>(), bit in 0u8..8
    ) {
        let (_dir, folder, mut journal) = begin(1 << 20);
        journal.append(&revisions).unwrap();
        drop(journal);
        let path = newest(&folder);
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        let end = revisions.last().unwrap().at.coordinates.position;
        match Journal::open(&folder, &checkpoint(end)) {
            Ok(opened) => {
                // Only the last line feed is not covered by a checksum, and then the line before it must be whole.
                prop_assert_eq!(opened.unwrap().schemas.changes(), model(&revisions, end));
            }
            Err(error) => {
                prop_assert_eq!(error.class(), Class::Data);
                prop_assert!(error.to_string().contains("definitions-00000001.jsonl line "), "{}", error);
            }
        }
    }
}

#[test]
fn a_journal_that_is_cut_anywhere_loses_only_what_no_checkpoint_was_saved_after() {
    let revisions: Vec<Revision> = (0..4)
        .map(|index| {
            revision(
                10 + u64::from(index),
                Some("ALTER …"),
                vec![defined(index, index)],
            )
        })
        .collect();
    let (_dir, folder, mut journal) = begin(1 << 20);
    journal.append(&revisions[..3]).unwrap();
    let path = newest(&folder);
    let saved = fs::metadata(&path).unwrap().len();
    journal.append(&revisions[3..]).unwrap();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        // The checkpoint stands after the third revision, before the last one.
        let opened = Journal::open(&folder, &checkpoint(12));
        if length as u64 >= saved - 1 {
            let mut opened = opened.unwrap().unwrap();
            assert_eq!(
                opened.schemas.changes(),
                model(&revisions, 12),
                "cut at {length}"
            );
            opened.journal.append(&revisions[3..]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole, "cut at {length}");
        } else if length < header {
            assert!(opened.is_err(), "cut at {length}");
        } else if let Ok(opened) = opened {
            // Lines that are gone whole, or cut before they tell their place, do not show here.
            let opened = opened.unwrap();
            let lines = whole[..length]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count();
            let kept = opened.schemas.tables().count();
            assert!(
                kept + 1 == lines || kept == lines,
                "cut at {length}: {kept} of {lines}"
            );
        }
    }
}

#[test]
fn a_damaged_line_names_file_line_and_fix() {
    let (_dir, folder, mut journal) = begin(1 << 20);
    journal
        .append(&[revision(10, None, vec![defined(1, 1)])])
        .unwrap();
    journal
        .append(&[revision(11, None, vec![defined(2, 1)])])
        .unwrap();
    drop(journal);
    let path = newest(&folder);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("c0_1", "c0_2", 1)).unwrap();
    let error = Journal::open(&folder, &checkpoint(99)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("definitions-00000001.jsonl line 2 is damaged: its checksum is "),
        "{text}"
    );
    assert!(
        text.ends_with("definitions are read from the source again"),
        "{text}"
    );
}

#[test]
fn another_sources_journal_is_not_used_and_a_new_one_takes_its_place() {
    let (_dir, folder, mut journal) = begin(1 << 20);
    journal
        .append(&[revision(10, None, vec![defined(1, 1)])])
        .unwrap();
    drop(journal);
    let other = Checkpoint {
        server_id: 2,
        ..checkpoint(99)
    };
    assert!(Journal::open(&folder, &other).unwrap().is_none());
    Journal::begin(&folder, &other, 0, &Schemas::new(0)).unwrap();
    // Until a checkpoint is saved there, the one before may count.
    assert!(Journal::open(&folder, &checkpoint(99)).unwrap().is_some());
    let mut journal = Journal::begin(&folder, &other, 0, &Schemas::new(0)).unwrap();
    journal.forget_earlier().unwrap();
    assert_eq!(numbers(folder.path()).unwrap(), [2]);
    let opened = Journal::open(&folder, &other).unwrap().unwrap();
    assert_eq!(opened.schemas.tables().count(), 0);
}

#[test]
fn what_was_read_after_the_checkpoint_is_handed_back() {
    let (dir, folder, mut journal) = begin(1 << 20);
    let read = revision(20, None, vec![defined(1, 1)]);
    let all = [
        revision(10, Some("CREATE …"), vec![defined(1, 0)]),
        read.clone(),
        revision(30, Some("ALTER …"), vec![defined(1, 2)]),
    ];
    journal.append(&all).unwrap();
    drop(journal);
    let past = Journal::peek(dir.path(), "shop", Some(&at(25)))
        .unwrap()
        .unwrap();
    assert_eq!(past.since, point(20));
    assert_eq!(past.schemas.changes(), model(&all, 25));
    let opened = Journal::open(&folder, &checkpoint(10)).unwrap().unwrap();
    assert_eq!(opened.ahead, [read]);
    let state = opened.schemas.get(&TableName::new("d", "t1")).unwrap();
    assert!(matches!(state, Belief::Known(definition) if definition.columns.len() == 1));
    assert!(Journal::peek(dir.path(), "none", None).unwrap().is_none());
}

#[test]
fn what_a_person_told_is_handed_back_until_it_is_forgotten() {
    let (_dir, folder, journal) = begin(1 << 20);
    drop(journal);
    let told: Vec<Revision> = [20, 30]
        .map(|position| revision(position, None, vec![defined(1, 1)]))
        .into();
    for revision in &told {
        Journal::tell(&folder, revision).unwrap();
    }
    let opened = Journal::open(&folder, &checkpoint(10)).unwrap().unwrap();
    assert_eq!(opened.ahead, told);
    let path = folder.path().join("told-definitions.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 1]).unwrap();
    let error = Journal::open(&folder, &checkpoint(10)).unwrap_err();
    assert!(
        error.to_string().contains("told-definitions.jsonl line 2"),
        "{error}"
    );
    Journal::forget_told(&folder).unwrap();
    Journal::forget_told(&folder).unwrap();
    let opened = Journal::open(&folder, &checkpoint(10)).unwrap().unwrap();
    assert_eq!(opened.ahead, []);
}

#[test]
fn a_long_journal_keeps_its_last_part_and_opens_from_there() {
    // The whole of it is what the long run has time for.
    let is_full = std::env::var("ROWTAP_TEST_FULL").is_ok_and(|value| value == "1");
    let statements: u64 = if is_full { 100_000 } else { 10_000 };
    let (_dir, folder, mut journal) = begin(GROWTH_BYTES_MIN);
    for first in (0..statements).step_by(1000) {
        let revisions: Vec<Revision> = (first..first + 1000)
            .map(|number| {
                let table = u8::try_from(number % 251).unwrap();
                let changes = vec![defined(table, table)];
                revision(
                    10 + number,
                    Some("ALTER TABLE t ADD COLUMN c INT UNSIGNED"),
                    changes,
                )
            })
            .collect();
        journal.append(&revisions).unwrap();
    }
    drop(journal);
    let bytes: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let begun = std::time::Instant::now();
    let opened = Journal::open(&folder, &checkpoint(10 + statements)).unwrap();
    let schemas = opened.unwrap().schemas;
    println!(
        "{statements} statements: {bytes} bytes kept, opened in {:.1?}",
        begun.elapsed()
    );
    assert_eq!(schemas.tables().count(), 251);
    let segments = u64::try_from(SEGMENTS_MAX).unwrap();
    assert!(
        bytes < segments * 2 * GROWTH_BYTES_MIN,
        "{bytes} bytes are kept"
    );
}

/// A folder with the journal that a rowtap of version 1 left, and the checkpoint at its end.
fn left_by_version_1(
    journal: &str,
    checkpoint: &str,
) -> (tempfile::TempDir, StateFolder, Checkpoint) {
    let dir = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(dir.path(), "shop").unwrap();
    fs::write(folder.path().join("definitions-00000001.jsonl"), journal).unwrap();
    fs::write(folder.path().join("relay-log.info"), checkpoint).unwrap();
    let checkpoint = folder.checkpoint().unwrap().unwrap();
    (dir, folder, checkpoint)
}

fn version_1() -> [(tempfile::TempDir, StateFolder, Checkpoint); 2] {
    [
        left_by_version_1(
            include_str!("../../../tests/state/version-1/mysql-9.7/definitions-00000001.jsonl"),
            include_str!("../../../tests/state/version-1/mysql-9.7/relay-log.info"),
        ),
        left_by_version_1(
            include_str!("../../../tests/state/version-1/mariadb-10.11/definitions-00000001.jsonl"),
            include_str!("../../../tests/state/version-1/mariadb-10.11/relay-log.info"),
        ),
    ]
}

#[test]
fn a_journal_of_version_1_is_of_its_headers_server_and_goes_on_as_version_2() {
    for (_dir, folder, checkpoint) in version_1() {
        let old = fs::read(newest(&folder)).unwrap();
        let opened = Journal::open(&folder, &checkpoint).unwrap().unwrap();
        assert_eq!(opened.schemas.tables().count(), 5);
        assert_eq!(fs::read(newest(&folder)).unwrap(), old);
        let mut journal = opened.journal;
        let added = Revision {
            at: checkpoint.point(),
            ..revision(4, Some("CREATE …"), vec![defined(1, 1)])
        };
        journal.append(std::slice::from_ref(&added)).unwrap();
        assert_eq!(numbers(folder.path()).unwrap(), [1, 2]);
        let text = fs::read_to_string(newest(&folder)).unwrap();
        assert!(text.contains("\"journal\":2,"), "{text}");
        let opened = Journal::open(&folder, &checkpoint).unwrap().unwrap();
        assert_eq!(opened.schemas.tables().count(), 6);
    }
}

#[test]
fn a_journal_of_version_1_is_of_the_first_incarnation() {
    for (_dir, folder, checkpoint) in version_1() {
        let begun_anew = Checkpoint {
            epoch: 1,
            ..checkpoint
        };
        assert!(Journal::open(&folder, &begun_anew).unwrap().is_none());
    }
}

#[test]
fn a_journal_of_another_incarnation_is_not_believed() {
    let (_dir, folder, mut journal) = begin(1 << 20);
    journal
        .append(&[revision(10, None, vec![defined(1, 1)])])
        .unwrap();
    drop(journal);
    let begun_anew = Checkpoint {
        epoch: 1,
        ..checkpoint(99)
    };
    assert!(Journal::open(&folder, &begun_anew).unwrap().is_none());
    let mut journal = Journal::begin(&folder, &begun_anew, 0, &Schemas::new(0)).unwrap();
    journal.forget_earlier().unwrap();
    drop(journal);
    assert!(Journal::open(&folder, &begun_anew).unwrap().is_some());
    assert!(Journal::open(&folder, &checkpoint(99)).unwrap().is_none());
}

#[test]
fn a_journal_with_a_line_of_another_server_is_not_believed() {
    let others = [
        Checkpoint {
            server_id: 2,
            ..checkpoint(11)
        },
        Checkpoint {
            server_uuid: Some(uuid::Uuid::from_u128(7)),
            ..checkpoint(11)
        },
        Checkpoint {
            epoch: 1,
            ..checkpoint(11)
        },
    ];
    for other in others {
        let (dir, folder, mut journal) = begin(1 << 20);
        let foreign = Revision {
            at: other.point(),
            ..revision(11, None, vec![defined(2, 1)])
        };
        let own = revision(10, None, vec![defined(1, 1)]);
        journal.append(&[own, foreign]).unwrap();
        drop(journal);
        assert!(Journal::open(&folder, &checkpoint(99)).unwrap().is_none());
        let past = Journal::peek(dir.path(), "shop", Some(&at(99))).unwrap();
        assert!(past.is_none());
    }
}

#[test]
fn a_line_that_names_its_server_in_part_is_damaged() {
    let (_dir, folder, mut journal) = begin(1 << 20);
    journal
        .append(&[revision(10, None, vec![defined(1, 1)])])
        .unwrap();
    drop(journal);
    let path = newest(&folder);
    let text = fs::read_to_string(&path).unwrap();
    let (header, line) = text.split_once('\n').unwrap();
    let (body, _) = line.rsplit_once(",\"crc32\":").unwrap();
    let body = body.replacen("\"incarnation\":0,", "", 1);
    let sum = crc32fast::hash(body.as_bytes());
    fs::write(&path, format!("{header}\n{body},\"crc32\":{sum}}}\n")).unwrap();
    let error = Journal::open(&folder, &checkpoint(99)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("line 2 is damaged: it names its server without"),
        "{error}"
    );
}

#[test]
fn what_was_told_without_a_server_is_of_the_checkpoints() {
    let (_dir, folder, journal) = begin(1 << 20);
    drop(journal);
    let body = "{\"at\":{\"file\":\"b.000001\",\"position\":20},\"changes\":[]";
    let sum = crc32fast::hash(body.as_bytes());
    let path = folder.path().join("told-definitions.jsonl");
    fs::write(&path, format!("{body},\"crc32\":{sum}}}\n")).unwrap();
    let told = Revision {
        gtid: None,
        ..revision(20, None, Vec::new())
    };
    let opened = Journal::open(&folder, &checkpoint(10)).unwrap().unwrap();
    assert_eq!(opened.ahead, std::slice::from_ref(&told));
    Journal::tell(&folder, &told).unwrap();
    let opened = Journal::open(&folder, &checkpoint(10)).unwrap().unwrap();
    assert_eq!(opened.ahead, [told.clone(), told]);
}

#[test]
fn what_is_carried_over_serves_the_former_server_until_a_checkpoint_of_the_next_is_saved() {
    let (dir, folder, mut journal) = begin(1 << 20);
    let former = revision(50, Some("CREATE TABLE t1"), vec![defined(1, 3)]);
    journal.append(std::slice::from_ref(&former)).unwrap();
    let reopened = Journal::open(&folder, &checkpoint(50)).unwrap().unwrap();
    let known = reopened.schemas.clone();
    // Further back in its files than the former server was.
    let next = Checkpoint {
        server_id: 2,
        epoch: 1,
        ..checkpoint(20)
    };
    let carried = reopened.journal.carry_over(&next, 0, &known).unwrap();
    assert!(carried.is_of(&next) && !carried.is_of(&checkpoint(50)));
    drop(carried);
    // It died before it saved that: it goes on at the former server, or carries over once more.
    let again = Journal::open(&folder, &checkpoint(50)).unwrap().unwrap();
    assert_eq!(again.schemas.changes(), known.changes());
    let mut carried = again.journal.carry_over(&next, 0, &known).unwrap();
    let later = Revision {
        at: Point {
            coordinates: at(30),
            ..next.point()
        },
        ..revision(30, Some("CREATE TABLE t2"), vec![defined(2, 1)])
    };
    carried.append(std::slice::from_ref(&later)).unwrap();
    drop(carried);
    let saved = Checkpoint {
        coordinates: at(30),
        ..next
    };
    let resumed = Journal::open(&folder, &saved).unwrap().unwrap();
    assert_eq!(
        resumed.schemas.changes(),
        [former.changes, later.changes].concat()
    );
    assert_eq!(Journal::oldest(dir.path(), "shop").unwrap(), Some(at(20)));
    let past = Journal::peek(dir.path(), "shop", Some(&at(10))).unwrap();
    assert!(past.is_none(), "the former server's places are no others'");
}
