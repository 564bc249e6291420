//! `--verify`: every body is looked at, down to the last byte and the last value, and nothing that a server writes is
//! refused.

use std::fs;
use std::path::Path;

use rowtap::mysql::Flavour as Family;

use super::{decode, decoded, fails};
use crate::hostile::crafted::{
    Crafted, TABLE_MAP, WRITE_ROWS, full_map, insert, packed, payload, plain_map,
};
use crate::support::{Flavour, Server};

const STOP: u8 = 3;
const INTVAR: u8 = 5;
const APPEND_BLOCK: u8 = 9;
const DELETE_FILE: u8 = 11;
const RAND: u8 = 13;
const USER_VAR: u8 = 14;
const XID: u8 = 16;
const BEGIN_LOAD_QUERY: u8 = 17;
const EXECUTE_LOAD_QUERY: u8 = 18;
const INCIDENT: u8 = 26;
const ROWS_QUERY: u8 = 29;
const GTID: u8 = 33;
const PREVIOUS_GTIDS: u8 = 35;
const TRANSACTION_CONTEXT: u8 = 36;
const VIEW_CHANGE: u8 = 37;
const XA_PREPARE: u8 = 38;
const PARTIAL_UPDATE_ROWS: u8 = 39;
const PAYLOAD: u8 = 40;
const GTID_TAGGED: u8 = 42;
const BINLOG_CHECKPOINT: u8 = 161;
const MARIADB_GTID: u8 = 162;
const GTID_LIST: u8 = 163;

/// Types of columns, by number.
const INT: u8 = 3;
const DATE: u8 = 10;
const DATETIME2: u8 = 18;
const JSON: u8 = 245;
const DECIMAL: u8 = 246;

/// A file with one event more than a sound one, between groups or in one.
fn file(family: Family, is_inside: bool, events: &[(u8, &[u8])]) -> Vec<u8> {
    let mut crafted = match is_inside {
        true => Crafted::in_group(family),
        false => Crafted::new(family),
    };
    for (kind, body) in events {
        crafted.event(*kind, body);
    }
    if is_inside {
        crafted.commit();
    }
    crafted.finish()
}

/// Where the last event before a group's end begins.
fn last_position(file: &[u8], is_inside: bool) -> usize {
    let (mut at, mut places) = (4, Vec::new());
    while at < file.len() {
        places.push(at);
        at += u32::from_le_bytes(file[at + 9..at + 13].try_into().unwrap()) as usize;
    }
    places[places.len() - 1 - usize::from(is_inside)]
}

/// Verifies a file.
fn verify(file: &[u8]) -> super::Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binlog.000001");
    fs::write(&path, file).unwrap();
    decode(&["--verify", path.to_str().unwrap()])
}

#[track_caller]
fn sound(family: Family, is_inside: bool, events: &[(u8, &[u8])]) {
    let ended = verify(&file(family, is_inside, events));
    assert_eq!(ended.code, Some(0), "{events:?}: {}", ended.stderr);
    assert!(ended.stdout.contains("nothing wrong"), "{}", ended.stdout);
}

/// The file is refused, with the place and kind of its last event and with these words; and so is one with another byte
/// after the body.
#[track_caller]
fn refused(family: Family, is_inside: bool, events: &[(u8, &[u8])], kind: &str, words: &str) {
    let bytes = file(family, is_inside, events);
    let ended = verify(&bytes);
    let last = ended.stderr.lines().last().unwrap_or_default();
    assert_eq!(ended.code, Some(65), "{events:?}: {} {last}", ended.stdout);
    let place = format!(
        "cannot go on at binlog.000001:{}, {kind} event: ",
        last_position(&bytes, is_inside)
    );
    assert!(last.contains(&place), "{place}: {last}");
    assert!(last.contains(words), "{words}: {last}");
    assert_eq!(ended.stdout, "");
}

/// A body is sound, and refused with a byte more.
#[track_caller]
fn exact(family: Family, is_inside: bool, kind: u8, name: &str, body: &[u8]) {
    sound(family, is_inside, &[(kind, body)]);
    let longer = [body, &[1]].concat();
    refused(family, is_inside, &[(kind, &longer)], name, "left after");
}

/// The fields of a set of GTIDs: the count of sources, and of each its intervals.
fn gtids(count: u64, intervals: &[(u64, u64)]) -> Vec<u8> {
    let mut body = count.to_le_bytes().to_vec();
    body.extend([7; 16]);
    body.extend((intervals.len() as u64).to_le_bytes());
    for (first, after) in intervals {
        body.extend(first.to_le_bytes());
        body.extend(after.to_le_bytes());
    }
    body
}

#[test]
fn sets_of_gtids_are_read_to_their_end() {
    let mysql = |body: &[u8], words| {
        refused(
            Family::MySql,
            false,
            &[(PREVIOUS_GTIDS, body)],
            "PREVIOUS_GTIDS",
            words,
        );
    };
    exact(
        Family::MySql,
        false,
        PREVIOUS_GTIDS,
        "PREVIOUS_GTIDS",
        &gtids(1, &[(1, 5), (7, 8)]),
    );
    sound(Family::MySql, false, &[(PREVIOUS_GTIDS, &[0; 8])]);
    mysql(&gtids(1 << 55, &[(1, 5)]), "a GTID source needs 16 bytes");
    mysql(&gtids(1, &[(5, 1)]), "the start of a GTID interval is 5");
    mysql(
        &gtids(1, &[(7, 9), (1, 5)]),
        "the start of a GTID interval is 1",
    );
    mysql(&gtids(1, &[(1, u64::MAX)]), "the start of a GTID interval");
    let mariadb = |body: &[u8], words| {
        refused(
            Family::MariaDb,
            false,
            &[(GTID_LIST, body)],
            "GTID_LIST",
            words,
        );
    };
    let one = [&[1, 0, 0, 0], &[0; 16][..]].concat();
    exact(Family::MariaDb, false, GTID_LIST, "GTID_LIST", &one);
    sound(Family::MariaDb, false, &[(GTID_LIST, &[0; 6])]);
    let many = [&0x0fff_ffff_u32.to_le_bytes(), &[0; 16][..]].concat();
    mariadb(&many, "a GTID's domain needs 4 bytes");
    mariadb(&[0; 40], "left after the GTID list");
}

fn variable(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut body = vec![1, 0, 0, 0, b'v', 0, kind, 8, 0, 0, 0];
    body.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    body.extend(value);
    body.push(0);
    body
}

#[test]
fn what_stands_before_a_statement_is_read() {
    for family in [Family::MySql, Family::MariaDb] {
        let check = |kind, body: &[u8], name, words| {
            refused(family, true, &[(kind, body)], name, words);
        };
        exact(family, true, INTVAR, "INTVAR", &[2, 1, 0, 0, 0, 0, 0, 0, 0]);
        check(
            INTVAR,
            &[3, 1, 0, 0, 0, 0, 0, 0, 0],
            "INTVAR",
            "expected 1 (LAST_INSERT_ID)",
        );
        check(INTVAR, &[2, 1], "INTVAR", "needs 8 bytes, 1 are left");
        exact(family, true, RAND, "RAND", &[0; 16]);
        check(RAND, &[0; 15], "RAND", "needs 16 bytes");
        for (kind, value) in [
            (0, &b"text"[..]),
            (1, &[0; 8]),
            (2, &[0; 8]),
            (4, &[4, 2, 0x80 + 12, 34]),
        ] {
            sound(family, true, &[(USER_VAR, &variable(kind, value))]);
        }
        check(
            USER_VAR,
            &variable(4, &[4, 2, 0x80 + 12, 100]),
            "USER_VAR",
            "DECIMAL",
        );
        check(USER_VAR, &variable(4, &[4, 2, 0x80]), "USER_VAR", "DECIMAL");
        check(
            USER_VAR,
            &variable(4, &[200, 2, 0x80]),
            "USER_VAR",
            "precision of the variable is 200",
        );
        check(USER_VAR, &variable(9, b"x"), "USER_VAR", "type is 9");
        check(
            USER_VAR,
            &[255, 255, 255, 255, b'v'],
            "USER_VAR",
            "name needs 4294967295 bytes",
        );
    }
}

#[test]
fn what_a_load_of_data_is_logged_as_is_read() {
    let family = Family::MySql;
    sound(
        family,
        true,
        &[
            (BEGIN_LOAD_QUERY, b"\x01\0\0\0a,b\n"),
            (APPEND_BLOCK, b"\x01\0\0\0c,d\n"),
        ],
    );
    for (kind, name) in [
        (BEGIN_LOAD_QUERY, "BEGIN_LOAD_QUERY"),
        (APPEND_BLOCK, "APPEND_BLOCK"),
    ] {
        refused(
            family,
            true,
            &[(kind, b"\x01\0")],
            name,
            "number needs 4 bytes, 2 are left",
        );
    }
    exact(family, true, DELETE_FILE, "DELETE_FILE", &[1, 0, 0, 0]);
    let statement = |begin: u8, end: u8, duplicates: u8| {
        let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        body.extend([1, 0, 0, 0, begin, 0, 0, 0, end, 0, 0, 0, duplicates]);
        body.extend(b"\0LOAD DATA INFILE 'x' INTO TABLE shop.t");
        body
    };
    sound(family, true, &[(EXECUTE_LOAD_QUERY, &statement(9, 19, 2))]);
    for (body, words) in [
        (statement(9, 8, 0), "where the file's name ends is 8"),
        (statement(9, 200, 0), "where the file's name ends is 200"),
        (statement(9, 19, 3), "what to do with duplicates is 3"),
    ] {
        refused(
            family,
            true,
            &[(EXECUTE_LOAD_QUERY, &body)],
            "EXECUTE_LOAD_QUERY",
            words,
        );
    }
}

/// The body of the first event of a kind in a recording of MySQL's.
fn recorded(kind: u8) -> Vec<u8> {
    let bytes = fs::read(super::recording("mysql-9.7-gtid")).unwrap();
    let mut at = 4;
    while bytes[at + 4] != kind {
        at += u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap()) as usize;
    }
    let size = u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap()) as usize;
    bytes[at + 19..at + size - 4].to_vec()
}

#[test]
fn events_of_groups_are_read() {
    let mut gtid = vec![1];
    gtid.extend([7; 16]);
    gtid.extend(9_u64.to_le_bytes());
    gtid.push(2);
    gtid.extend([0; 16]);
    let cut = gtid.clone();
    gtid.extend([1, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 0, 0, 0, 0]);
    gtid.extend([200, 1, 0, 0, 0x80, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let query = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0DROP TABLE t";
    let group = |kind: u8, body: &[u8], more: &[u8]| {
        let mut crafted = Crafted::new(Family::MySql);
        crafted.event(kind, &[body, more].concat());
        crafted.event(2, query);
        verify(&crafted.finish())
    };
    for body in [&gtid, &cut] {
        assert_eq!(group(GTID, body, &[]).code, Some(0));
        let ended = group(GTID, body, &[1]);
        assert_eq!(ended.code, Some(65), "{}", ended.stdout);
    }
    assert!(
        group(GTID, &gtid, &[1])
            .stderr
            .contains("GTID event: 1 bytes are left after")
    );
    let tagged = recorded(GTID_TAGGED);
    assert_eq!(group(GTID_TAGGED, &tagged, &[]).code, Some(0));
    let ended = group(GTID_TAGGED, &tagged, &[1]);
    assert!(
        ended.stderr.contains("event: 1 bytes are left after"),
        "{}",
        ended.stderr
    );
    let ended = group(GTID_TAGGED, &tagged[..tagged.len() - 1], &[]);
    assert!(
        ended.stderr.contains("event: the message needs"),
        "{}",
        ended.stderr
    );
    let mut crafted = Crafted::in_group(Family::MySql);
    crafted.event(XID, &[0; 9]);
    let ended = verify(&crafted.finish());
    assert!(
        ended.stderr.contains("XID event: 1 bytes are left"),
        "{}",
        ended.stderr
    );
    let xa = [&[1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0][..], b"ab"].concat();
    let mut crafted = Crafted::in_group(Family::MySql);
    crafted.event(XA_PREPARE, &[&xa[..], &[1]].concat());
    let ended = verify(&crafted.finish());
    assert!(
        ended.stderr.contains("XA_PREPARE event: 1 bytes are left"),
        "{}",
        ended.stderr
    );
    let mut crafted = Crafted::new(Family::MariaDb);
    let mut mariadb = 9_u64.to_le_bytes().to_vec();
    mariadb.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    crafted.event(MARIADB_GTID, &mariadb);
    crafted.commit();
    let ended = verify(&crafted.finish());
    assert_eq!(ended.code, Some(65), "{}", ended.stdout);
}

#[test]
fn small_events_are_read() {
    exact(Family::MySql, false, STOP, "STOP", &[]);
    for (body, words) in [
        (&b"\x02\0\x04lost"[..], "the incident's number is 2"),
        (b"\x01\0\x03lost", "1 bytes are left after"),
        (b"\x01\0\x05lost", "needs 5 bytes"),
    ] {
        refused(Family::MySql, false, &[(INCIDENT, body)], "INCIDENT", words);
    }
    refused(
        Family::MySql,
        true,
        &[(ROWS_QUERY, &[])],
        "ROWS_QUERY",
        "needs 1 bytes",
    );
    exact(
        Family::MariaDb,
        false,
        BINLOG_CHECKPOINT,
        "BINLOG_CHECKPOINT",
        b"\x0d\0\0\0binlog.000001",
    );
    let name = b"\xff\xff\xff\x0fbinlog.000001";
    refused(
        Family::MariaDb,
        false,
        &[(BINLOG_CHECKPOINT, name)],
        "BINLOG_CHECKPOINT",
        "name needs",
    );
}

#[test]
fn events_of_group_replication_are_read() {
    let mut view = b"15:1".to_vec();
    view.resize(40, 0);
    view.extend([0; 8]);
    view.extend([1, 0, 0, 0, 1, 0, b'k', 2, 0, 0, 0, b'v', b'w']);
    exact(Family::MySql, false, VIEW_CHANGE, "VIEW_CHANGE", &view);
    view[48..52].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(
        Family::MySql,
        false,
        &[(VIEW_CHANGE, &view)],
        "VIEW_CHANGE",
        "certification key needs",
    );
    refused(
        Family::MySql,
        false,
        &[(VIEW_CHANGE, &[0; 52])],
        "VIEW_CHANGE",
        "first byte of the view's id is 0",
    );
    let context = |written: u32| {
        let mut body = vec![1, 0, 0, 0, 0, 0, 2, 0, 0, 0];
        body.extend(written.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        body.extend(b"us\0\x01\0w\x01\0r");
        body
    };
    exact(
        Family::MySql,
        false,
        TRANSACTION_CONTEXT,
        "TRANSACTION_CONTEXT",
        &context(1),
    );
    refused(
        Family::MySql,
        false,
        &[(TRANSACTION_CONTEXT, &context(u32::MAX))],
        "TRANSACTION_CONTEXT",
        "write or read set needs",
    );
}

#[test]
fn values_of_rows_are_read_whatever_becomes_of_them() {
    let columns: [(u8, &[u8], &[u8]); 5] = [
        (INT, &[], b"id"),
        (DECIMAL, &[4, 2], b"price"),
        (JSON, &[4], b"doc"),
        (DATE, &[], b"day"),
        (DATETIME2, &[0], b"at"),
    ];
    let map = full_map(b"shop", b"t", &columns);
    let row = |price: u8, doc: &[u8], day: u32, at: [u8; 5]| {
        let mut image = vec![0, 1, 0, 0, 0, 0x80 + 12, price];
        image.extend(u32::try_from(doc.len()).unwrap().to_le_bytes());
        image.extend(doc);
        image.extend(&day.to_le_bytes()[..3]);
        image.extend(at);
        insert(5, &image)
    };
    let day = 2020 << 9 | 2 << 5 | 3;
    let at = [0x99, 0xa4, 0x46, 0x71, 0x05];
    let check = |rows: &[u8], words: &str| {
        let events = [(TABLE_MAP, &map[..]), (WRITE_ROWS, rows)];
        refused(Family::MySql, true, &events, "WRITE_ROWS", words);
        let file = file(Family::MySql, true, &events);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binlog.000001");
        fs::write(&path, file).unwrap();
        // Rows that a rule leaves out are checked all the same.
        let path = path.to_str().unwrap();
        fails(&["--verify", "--database=other", path], 65, &[words]);
    };
    let events = |rows: &[u8]| {
        file(
            Family::MySql,
            true,
            &[(TABLE_MAP, &map), (WRITE_ROWS, rows)],
        )
    };
    let ended = verify(&events(&row(34, &[4, 0], day, at)));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    check(&row(100, &[4, 0], day, at), "column price of shop.t");
    check(&row(34, &[9, 9], day, at), "column doc of shop.t");
    check(
        &row(34, &[0, 1, 0, 200, 0], day, at),
        "column doc of shop.t",
    );
    check(
        &row(34, &[4, 0], 2020 << 9 | 13 << 5 | 3, at),
        "column day of shop.t",
    );
    check(&row(34, &[4, 0], day, [0xff; 5]), "column at of shop.t");
    check(
        &[&row(34, &[4, 0], day, at)[..], &[0, 0]].concat(),
        "rows of shop.t",
    );
    let unknown = [&[TABLE_MAP; 6][..], &row(34, &[4, 0], day, at)[6..]].concat();
    check(&unknown, "not seen before its rows event");
}

#[test]
fn changes_of_documents_are_applied() {
    let map = full_map(b"shop", b"t", &[(JSON, &[4], b"doc")]);
    let update = |changes: &[u8]| {
        let mut body = map[..6].to_vec();
        body.extend([1, 0, 2, 0, 1, 1, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
        // The empty object, then an image with options, one partial column, no NULL.
        body.truncate(body.len() - 8);
        body.extend([5, 0, 0, 0, 0, 0, 0, 4, 0]);
        body.extend([1, 1, 0]);
        body.extend(u32::try_from(changes.len()).unwrap().to_le_bytes());
        body.extend(changes);
        body
    };
    for changes in [&[9, 9, 9][..], &[2, 3, b'$', b'.', b'x']] {
        let body = update(changes);
        let events = [(TABLE_MAP, &map[..]), (PARTIAL_UPDATE_ROWS, &body[..])];
        refused(
            Family::MySql,
            true,
            &events,
            "PARTIAL_UPDATE_ROWS",
            "of shop.t",
        );
    }
}

#[test]
fn events_in_a_compressed_transaction_are_read() {
    let inner = |kind: u8, body: &[u8]| crate::hostile::crafted::inner(kind, body);
    let begin = inner(2, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0BEGIN");
    let end = inner(XID, &[9, 0, 0, 0, 0, 0, 0, 0]);
    let file = |body: &[u8]| {
        let bytes = [&begin[..], &inner(INTVAR, body), &end].concat();
        let mut crafted = Crafted::in_group(Family::MySql);
        let position = crafted.position();
        crafted.event(PAYLOAD, &payload(255, bytes.len() as u64, &bytes));
        (crafted.finish(), position)
    };
    // What opens the crafted group is a GTID and a BEGIN, after which a payload ends it.
    let (sound, _) = file(&[2, 1, 0, 0, 0, 0, 0, 0, 0]);
    let ended = verify(&sound);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (wrong, _) = file(&[2, 1, 0, 0, 0, 0, 0, 0, 0, 7]);
    let ended = verify(&wrong);
    assert_eq!(ended.code, Some(65), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("INTVAR event: 1 bytes are left"),
        "{}",
        ended.stderr
    );
}

#[test]
fn table_maps_without_rows_are_read() {
    let wrong = plain_map(b"shop", b"t", &[DECIMAL], &[2, 30]);
    refused(
        Family::MySql,
        true,
        &[(TABLE_MAP, &wrong)],
        "TABLE_MAP",
        "metadata",
    );
    let mut optional = plain_map(b"shop", b"t", &[INT], &[]);
    optional.extend([4, 200]);
    optional.extend(packed(1));
    refused(
        Family::MySql,
        true,
        &[(TABLE_MAP, &optional)],
        "TABLE_MAP",
        "optional metadata",
    );
}

#[test]
fn a_group_without_an_end_is_read_too() {
    let mut crafted = Crafted::in_group(Family::MySql);
    crafted.event(RAND, &[0; 3]);
    let ended = verify(&crafted.finish());
    assert_eq!(ended.code, Some(65), "{}", ended.stdout);
    assert!(ended.stderr.contains("RAND event"), "{}", ended.stderr);
}

#[test]
fn lengths_that_a_format_description_gives_are_those_that_are_read_by() {
    let mut bytes = Crafted::in_group(Family::MySql);
    bytes.commit();
    let mut bytes = bytes.finish();
    let size = u32::from_le_bytes(bytes[13..17].try_into().unwrap()) as usize;
    // The fixed part of a table map's body, of type 19.
    let lengths = 4 + 19 + 2 + 50 + 4 + 1;
    assert_eq!(bytes[lengths + 18], 8);
    bytes[lengths + 18] = 6;
    let end = 4 + size - 4;
    let checksum = crc32fast::hash(&bytes[4..end]).to_le_bytes();
    bytes[end..end + 4].copy_from_slice(&checksum);
    let ended = verify(&bytes);
    assert_eq!(ended.code, Some(65), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("binlog.000001:4, FORMAT_DESCRIPTION event: the post-header length of TABLE_MAP is 6, expected 8"),
        "{}",
        ended.stderr
    );
}

#[test]
fn files_without_an_event_and_missing_files_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: u32| {
        folder
            .path()
            .join(format!("binlog.{number:06}"))
            .display()
            .to_string()
    };
    fs::write(path(1), b"\xfebin").unwrap();
    let ended = decode(&["--verify", &path(1)]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("holds no event"), "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .starts_with("1 file: 0 events, 0 rows, 1 without an event"),
        "{}",
        ended.stdout
    );
    let bytes = file(Family::MySql, true, &[]);
    for number in [2, 5, 6] {
        fs::write(path(number), &bytes).unwrap();
    }
    let ended = decode(&["--verify", &path(1), &path(2), &path(5), &path(6)]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended
            .stderr
            .matches("files between these two are missing")
            .count(),
        1,
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("binlog.000005"), "{}", ended.stderr);
    let expected = "4 files, all with checksums: ";
    assert!(ended.stdout.starts_with(expected), "{}", ended.stdout);
}

#[test]
fn nothing_is_wrong_with_a_recording() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binlogs");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "binlog") {
            let found = decoded(&["--verify", path.to_str().unwrap()]);
            assert!(
                found.contains(", nothing wrong"),
                "{}: {found}",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count >= 6, "{count}");
}

/// Statements that make events of as many kinds as a server writes.
const STATEMENTS: &str = r"
    CREATE DATABASE shop; USE shop;
    CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, price DECIMAL(40,20), note TEXT, at DATETIME(6), day DATE) ENGINE=InnoDB;
    CREATE TABLE plain (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT) ENGINE=MyISAM;
    SET @a = 1.5, @b = -12345678901234567890.123456789, @c = 1e300, @d = 'text', @e = NULL, @f = 1/3, @g = 18446744073709551615,
        @h = 0.00000000000000000000000000001, @i = -7, @j = 1/3*1/7*1.0000000001, @k = 0, @l = 0.0, @m = x'ff00';
    SET SESSION binlog_format = STATEMENT;
    INSERT INTO t (price, note) VALUES (@a, @d), (@b, @e), (@c * 0, @f), (@g, @h), (@i, @j), (@k, @l), (0, HEX(@m));
    INSERT INTO t (price) SELECT RAND() FROM t LIMIT 1;
    INSERT INTO t (price) VALUES (LAST_INSERT_ID());
    INSERT INTO plain (note) VALUES (@d), ('plain');
    SET SESSION binlog_format = MIXED;
    INSERT INTO t (note) VALUES (UUID());
    SET SESSION binlog_format = ROW;
    INSERT INTO t (price, note, at, day) VALUES (-1.5, REPEAT('x', 400), '2020-02-03 04:05:06.5', '2020-02-03'), (NULL, 'ü', NULL, NULL);
    UPDATE t SET note = CONCAT(note, '!'), price = price + 1 WHERE id < 4;
    DELETE FROM t WHERE id = 2;
    BEGIN; INSERT INTO t (note) VALUES ('kept'); SAVEPOINT s; INSERT INTO t (note) VALUES ('gone'); ROLLBACK TO s; COMMIT;
    XA START 'x'; INSERT INTO t (note) VALUES ('xa'); XA END 'x'; XA PREPARE 'x'; XA COMMIT 'x';
    XA START 'y','z',3; INSERT INTO t (note) VALUES ('xa'); XA END 'y','z',3; XA COMMIT 'y','z',3 ONE PHASE;
    ALTER TABLE t ADD COLUMN more VARCHAR(20) DEFAULT 'x'; TRUNCATE TABLE plain;
    FLUSH LOGS;";

/// Transactions that leave something when they are rolled back, which a server with GTIDs does not allow.
const MIXED: &str = r"
    USE shop;
    BEGIN; INSERT INTO t (note) VALUES ('kept'); SAVEPOINT s; INSERT INTO t (note) VALUES ('gone'); INSERT INTO plain (note) VALUES ('stays');
        ROLLBACK TO s; COMMIT;
    BEGIN; INSERT INTO plain (note) VALUES ('stays too'); INSERT INTO t (note) VALUES ('gone'); ROLLBACK;
    CREATE TEMPORARY TABLE passing (id INT); INSERT INTO passing VALUES (1); DROP TEMPORARY TABLE passing;
    CREATE TABLE copied AS SELECT id, note FROM t; DROP TABLE copied;";

/// Verifies every binlog that a server with these options writes.
fn check_server(flavour: Flavour, options: &[&str], more: &str) {
    let server = Server::start(flavour, options);
    server.client(
        &["--default-character-set=utf8mb4", "--local-infile"],
        &format!("{STATEMENTS}{more} FLUSH LOGS;"),
    );
    server.stop();
    let index = server.binlog_path("binlog.index");
    let found = decoded(&["--verify", index.to_str().unwrap()]);
    assert!(
        found.contains(", nothing wrong"),
        "{flavour:?} {options:?}: {found}"
    );
    println!("{} {options:?}: {found}", flavour.name());
}

/// A file loaded by statement, in blocks.
fn load(folder: &Path) -> String {
    let path = folder.join("rows.csv");
    let rows: String = (0..40_000)
        .map(|number| format!("row {number}\n"))
        .collect();
    fs::write(&path, rows).unwrap();
    format!(
        "SET SESSION binlog_format = STATEMENT; SET GLOBAL local_infile = 1; \
         LOAD DATA LOCAL INFILE '{0}' REPLACE INTO TABLE shop.plain (note); SET SESSION binlog_format = ROW;",
        path.display()
    )
}

#[test]
fn nothing_is_wrong_with_what_a_server_writes_mysql() {
    let folder = tempfile::tempdir().unwrap();
    let load = load(folder.path());
    let without_gtids = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    for (flavour, checksum) in [
        (Flavour::MySql57, "--binlog-checksum=CRC32"),
        (Flavour::MySql80, "--binlog-checksum=NONE"),
    ] {
        let options = [
            &without_gtids[..],
            &["--binlog-rows-query-log-events=ON", checksum],
        ]
        .concat();
        check_server(flavour, &options, &format!("{load}{MIXED}"));
    }
    let documents = "
        CREATE TABLE shop.docs (id INT PRIMARY KEY, doc JSON, v VECTOR(2));
        INSERT INTO shop.docs VALUES (1, CONCAT('{\"a\":1,\"pad\":\"', REPEAT('x', 200), '\"}'), STRING_TO_VECTOR('[1,2]'));
        UPDATE shop.docs SET doc = JSON_SET(doc, '$.a', 2, '$.b', JSON_ARRAY(1, 2.5, DATE'2020-01-02'));
        UPDATE shop.docs SET doc = JSON_REMOVE(doc, '$.a');";
    check_server(
        Flavour::MySql97,
        &[
            "--binlog-row-value-options=PARTIAL_JSON",
            "--binlog-row-metadata=FULL",
            "--binlog-rows-query-log-events=ON",
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
        ],
        &format!(
            "{load}{documents} SET gtid_next = 'AUTOMATIC:tag'; INSERT INTO shop.t (note) VALUES ('tagged'); SET gtid_next = AUTOMATIC;"
        ),
    );
    check_server(
        Flavour::MySql97,
        &["--binlog-transaction-compression=ON"],
        documents,
    );
}

#[test]
fn nothing_is_wrong_with_what_a_server_writes_mariadb() {
    let folder = tempfile::tempdir().unwrap();
    let load = load(folder.path());
    let more = "
        CREATE TABLE shop.packed (id INT PRIMARY KEY, note TEXT COMPRESSED, u UUID, i INET6);
        INSERT INTO shop.packed VALUES (1, REPEAT('abc', 500), UUID(), '::1'), (2, 'x', NULL, NULL);
        UPDATE shop.packed SET note = REPEAT('d', 300) WHERE id = 2;";
    for flavour in [Flavour::MariaDb1011, Flavour::MariaDb118] {
        check_server(flavour, &[], &format!("{load}{MIXED}{more}"));
        check_server(
            flavour,
            &[
                "--log-bin-compress=ON",
                "--log-bin-compress-min-len=10",
                "--binlog-row-metadata=FULL",
                "--binlog-alter-two-phase=ON",
                "--binlog-annotate-row-events=ON",
            ],
            &format!("{load}{more} ALTER TABLE shop.t ADD COLUMN again INT, ALGORITHM=COPY;"),
        );
    }
}
