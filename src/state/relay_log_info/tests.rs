//! The text of a checkpoint: what is written is read, and nothing else is.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::binlog::Tag;
use crate::change::{ChosenTables, KeyBound, SnapshotReached};

const FILE: &str = "19

0
binlog.000004
1337
0
version=2
flavour=mysql
gtid_set=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7
server_uuid=3e11fa47-71ca-11e1-9e33-c80aa9429562
server_id=1
format_description_timestamp=1700000000
epoch=3
definitions_digest=
snapshot=none
undecided=X'6774',X'6271',1 binlog.000003:4711
undecided=X'6775',X'',1 odd name.000003:4
";
const VERSION_1: [&str; 2] = [
    include_str!("../../../tests/state/version-1/mysql-9.7/relay-log.info"),
    include_str!("../../../tests/state/version-1/mariadb-10.11/relay-log.info"),
];

fn sealed(lines: &str) -> String {
    let sum = crc32fast::hash(lines.as_bytes());
    format!("{lines}crc32={sum:08x}\nend\n")
}

fn uuid() -> Uuid {
    "3e11fa47-71ca-11e1-9e33-c80aa9429562".parse().unwrap()
}

fn xa_id(global: &[u8], branch: &[u8]) -> XaId {
    XaId {
        format: 1,
        global: global.into(),
        branch: branch.into(),
    }
}

fn checkpoint() -> Checkpoint {
    let set = GtidSet::MySql([((uuid(), "".into()), vec![(1, 5), (7, 7)])].into());
    let at = Coordinates::new("binlog.000004", 1337);
    Checkpoint {
        epoch: 3,
        undecided: Arc::new(BTreeMap::from([
            (xa_id(b"gt", b"bq"), Coordinates::new("binlog.000003", 4711)),
            (xa_id(b"gu", b""), Coordinates::new("odd name.000003", 4)),
        ])),
        ..Checkpoint::new(at, set, Some(uuid()), 1, 1_700_000_000)
    }
}

#[test]
fn the_layout_is_a_replicas() {
    assert_eq!(encode(&checkpoint()).unwrap(), sealed(FILE));
    assert_eq!(decode(sealed(FILE).as_bytes()).unwrap(), checkpoint());
}

#[test]
fn the_document_shows_what_is_written() {
    let document = include_str!("../../../schemas/state.md");
    let (_, section) = document.split_once("\n## relay-log.info\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let examples: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .map(|row| row.rsplit('|').nth(1).unwrap().trim().trim_matches('`'))
        .collect();
    let (watched, covered) = examples.split_last().unwrap();
    let (temporary, covered) = covered.split_last().unwrap();
    let (undefined, covered) = covered.split_last().unwrap();
    let (last, covered) = covered.split_last().unwrap();
    let (undecided, covered) = covered.split_last().unwrap();
    let (sum, covered) = covered.split_last().unwrap();
    assert_eq!(*undecided, "end");
    let text = covered.join("\n") + "\n";
    assert_eq!(sealed(&text), format!("{text}{sum}\nend\n"));
    let read = decode(sealed(&text).as_bytes()).unwrap();
    assert_eq!(encode(&read).unwrap(), sealed(&text));
    // The line that stands once an undecided transaction.
    let count = covered.len() + LAST_LINES;
    let more = text.replacen(&count.to_string(), &(count + 1).to_string(), 1);
    let read = decode(sealed(&format!("{more}{last}\n")).as_bytes()).unwrap();
    assert_eq!(read.undecided.len(), 1);
    let more = more
        .replacen(&(count + 1).to_string(), &(count + 2).to_string(), 1)
        .replace("version=2", "version=3");
    let text = sealed(&format!("{more}{last}\n{undefined}\n"));
    let read = decode(text.as_bytes()).unwrap();
    assert_eq!(read.undefined.len(), 1);
    assert_eq!(encode(&read).unwrap(), text);
    let more = more
        .replacen(&(count + 2).to_string(), &(count + 3).to_string(), 1)
        .replace("version=3", "version=4");
    let text = sealed(&format!("{more}{last}\n{undefined}\n{temporary}\n"));
    let read = decode(text.as_bytes()).unwrap();
    assert_eq!(read.temporary.len(), 1);
    assert_eq!(encode(&read).unwrap(), text);
    let more = more
        .replacen(&(count + 3).to_string(), &(count + 4).to_string(), 1)
        .replace("version=4", "version=5");
    let text = sealed(&format!(
        "{more}{last}\n{undefined}\n{temporary}\n{watched}\n"
    ));
    let read = decode(text.as_bytes()).unwrap();
    assert_eq!(read.watched.len(), 1);
    assert_eq!(encode(&read).unwrap(), text);
}

#[test]
fn version_1_is_read_and_goes_on_as_version_2() {
    let sets = [
        GtidSet::parse(Flavour::MySql, "61fa0e82-e55d-11f1-9828-02fc00000001:1-18").unwrap(),
        GtidSet::parse(Flavour::MariaDb, "0-1-18").unwrap(),
    ];
    for (text, set) in VERSION_1.iter().zip(sets) {
        let files = "726f7774-6170-8000-8000-0062696e6c6f".parse().unwrap();
        let at = Coordinates::new("binlog.000002", 4);
        let expected = Checkpoint::new(at, set, Some(files), 1, 0);
        assert_eq!(decode(text.as_bytes()).unwrap(), expected);
        let now = encode(&expected).unwrap();
        assert!(now.contains("\nversion=2\n"), "{now}");
        assert_eq!(decode(now.as_bytes()).unwrap(), expected);
    }
}

#[test]
fn version_1_has_none_of_the_lines_of_version_2() {
    let (covered, _) = VERSION_1[0].split_once("crc32=").unwrap();
    let more = covered.replacen("14", "15", 1) + "epoch=0\n";
    assert_eq!(
        decode(sealed(&more).as_bytes()).unwrap_err().to_string(),
        "line 13: expected nothing more, found 'epoch=0'"
    );
}

#[test]
fn a_mariadb_checkpoint_has_no_uuid() {
    let checkpoint = Checkpoint {
        gtid_set: GtidSet::MariaDb([(0, (1, 270)), (5, (9, 3))].into()),
        server_uuid: None,
        ..checkpoint()
    };
    let text = encode(&checkpoint).unwrap();
    assert!(
        text.contains("\nflavour=mariadb\ngtid_set=0-1-270,5-9-3\nserver_uuid=\n"),
        "{text}"
    );
    assert_eq!(decode(text.as_bytes()).unwrap(), checkpoint);
}

#[test]
fn every_prefix_is_an_error() {
    for text in [&encode(&checkpoint()).unwrap(), VERSION_1[0]] {
        for length in 0..text.len() {
            let error = decode(&text.as_bytes()[..length]).unwrap_err();
            assert_eq!(error, RelayLogInfoError::Cut, "{length}");
        }
    }
}

#[test]
fn every_flipped_bit_is_an_error() {
    for text in [&encode(&checkpoint()).unwrap(), VERSION_1[0]] {
        for bit in 0..text.len() * 8 {
            let mut bytes = text.as_bytes().to_owned();
            bytes[bit / 8] ^= 1 << (bit % 8);
            decode(&bytes).expect_err("a changed checkpoint was trusted");
        }
    }
}

#[test]
fn every_doubled_or_missing_line_is_an_error() {
    let lines: Vec<&str> = FILE.lines().collect();
    for index in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(index);
        let mut more = lines.clone();
        more.insert(index, lines[index]);
        for lines in [fewer, more] {
            let text = sealed(&(lines.join("\n") + "\n"));
            decode(text.as_bytes()).expect_err(&text);
        }
    }
}

#[test]
fn what_follows_the_end_is_an_error() {
    let text = encode(&checkpoint()).unwrap();
    for tail in ["\n", "end\n", "x", "\0"] {
        decode(format!("{text}{tail}").as_bytes()).expect_err(tail);
    }
}

/// Each case is a text in the file, what stands in its place, and what is said then.
fn refuses(cases: &[(&str, &str, &str)]) {
    for (from, to, expected) in cases {
        let text = sealed(&FILE.replacen(from, to, 1));
        assert_eq!(decode(text.as_bytes()).unwrap_err().to_string(), *expected);
    }
}

#[test]
fn a_line_of_another_kind_is_named() {
    refuses(&[
        (
            "19\n",
            "18\n",
            "line 1: expected the number of lines, 19, found '18'",
        ),
        (
            "\n1337\n0\n",
            "\n1337\nsoon\n",
            "line 6: expected the delay, found 'soon'",
        ),
        (
            "\n1337\n",
            "\n+1337\n",
            "line 5: expected the source log's position, found '+1337'",
        ),
        (
            "\n1337\n",
            "\n18446744073709551616\n",
            "line 5: expected the source log's position, found '18446744073709551616'",
        ),
        (
            "binlog.000004",
            "",
            "line 4: expected the source log's name, found ''",
        ),
        (
            "flavour=mysql",
            "flavour=oracle",
            "line 8: expected flavour=mysql or flavour=mariadb, found 'oracle'",
        ),
        (
            "gtid_set=3e",
            "gtid_set=3",
            "line 9: expected a GTID set of the flavour, found '311fa47-71ca-11e1-9e33-c80aa9429562:1-5:7'",
        ),
        (
            "server_uuid=3e",
            "server_uuid=3E",
            "line 10: expected a server UUID or nothing, found '3E11fa47-71ca-11e1-9e33-c80aa9429562'",
        ),
        (
            "server_id=1\n",
            "server_id=4294967296\n",
            "line 11: expected server_id=, found '4294967296'",
        ),
        (
            "version=2",
            "version=1",
            "line 13: expected nothing more, found 'epoch=3'",
        ),
        (
            "epoch=3",
            "epoch=-3",
            "line 13: expected epoch=, found '-3'",
        ),
        (
            "epoch=3",
            "era=3",
            "line 13: expected epoch=, found 'era=3'",
        ),
    ]);
}

#[test]
fn an_undecided_transaction_that_is_not_as_written_is_named() {
    refuses(&[
        (
            "X'6774',X'6271',1 b",
            "'gt','bq',1 b",
            "line 16: expected an XA id and where its group begins, found ''gt','bq',1 binlog.000003:4711'",
        ),
        (
            ":4711",
            ":04711",
            "line 16: expected an XA id and where its group begins, found 'X'6774',X'6271',1 binlog.000003:04711'",
        ),
        (
            "X'6775'",
            "X'6773'",
            "line 17: expected XA ids in ascending order, found 'X'6773',X'',1 odd name.000003:4'",
        ),
        (
            "undecided=X'6775'",
            "unknown=X'6775'",
            "line 17: expected nothing more, found 'unknown=X'6775',X'',1 odd name.000003:4'",
        ),
    ]);
}

/// A checkpoint with undefined tables, and its text without the seal.
fn with_undefined() -> (Checkpoint, String) {
    let line = |policy, position, table: &str| {
        let how = Undefined {
            policy,
            since: Coordinates::new("binlog.000002", position),
        };
        (TableName::new("shop", table), how)
    };
    let undefined = [
        line(OnUnknown::Skip, 4, "a\n\"b\u{1f600}"),
        line(OnUnknown::Names, 1337, "orders"),
    ];
    let checkpoint = Checkpoint {
        undefined: Arc::new(undefined.into()),
        ..checkpoint()
    };
    let lines = concat!(
        r#"undefined={"policy":"skip","file":"binlog.000002","position":4,"database":"shop","table":"a\n\"b😀"}"#,
        "\n",
        r#"undefined={"policy":"names","file":"binlog.000002","position":1337,"database":"shop","table":"orders"}"#,
        "\n"
    );
    let head = FILE
        .replace("version=2", "version=3")
        .replacen("19", "21", 1);
    (checkpoint, head + lines)
}

#[test]
fn undefined_tables_are_lines_that_are_read_back() {
    let (checkpoint, text) = with_undefined();
    let text = sealed(&text);
    assert_eq!(encode(&checkpoint).unwrap(), text);
    assert_eq!(decode(text.as_bytes()).unwrap(), checkpoint);
}

#[test]
fn lines_of_undefined_tables_that_were_never_written_are_refused() {
    let (_, text) = with_undefined();
    let lines: Vec<&str> = text.lines().collect();
    let (head, [first, second]) = lines.split_at(17) else {
        panic!("{text}");
    };
    let with = |count: &str, more: &[&str]| {
        let text = [head, more].concat().join("\n") + "\n";
        sealed(&text.replacen("21", count, 1))
    };
    for (text, expected) in [
        (
            with("21", &[second, first]),
            "line 19: expected tables in ascending order",
        ),
        (
            with("21", &[first, first]),
            "line 19: expected tables in ascending order",
        ),
        (with("19", &[]), "expected an undefined table"),
        (
            with("20", &[&first.replace("skip", "pass")]),
            "line 18: expected a table and what becomes of its rows",
        ),
        (
            with("20", &[&first.replace(":4", ": 4")]),
            "line 18: expected a table and what becomes of its rows",
        ),
        (
            with("20", &[&first.replace("\"file\"", "\"x\":1,\"file\"")]),
            "line 18: expected a table and what becomes of its rows",
        ),
    ] {
        let error = decode(text.as_bytes()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn temporary_tables_are_lines_that_are_read_back() {
    let connection = |thread_id| Connection {
        server_id: 1,
        thread_id,
    };
    let table = TableName::new("shop", "a\nb");
    let temporary = [
        (connection(9), table.clone()),
        (connection(10), table.clone()),
    ];
    let (checkpoint, text) = with_undefined();
    let lines = concat!(
        r#"temporary={"server_id":1,"thread_id":9,"database":"shop","table":"a\nb"}"#,
        "\n",
        r#"temporary={"server_id":1,"thread_id":10,"database":"shop","table":"a\nb"}"#,
        "\n"
    );
    for (checkpoint, text, version, before, after) in [
        (checkpoint, text, "version=3", "21", "23"),
        (self::checkpoint(), FILE.to_owned(), "version=2", "19", "21"),
    ] {
        let checkpoint = Checkpoint {
            temporary: Arc::new(temporary.clone().into()),
            ..checkpoint
        };
        let head = text
            .replace(version, "version=4")
            .replacen(before, after, 1);
        let text = sealed(&format!("{head}{lines}"));
        assert_eq!(encode(&checkpoint).unwrap(), text);
        assert_eq!(decode(text.as_bytes()).unwrap(), checkpoint);
        let (first, second) = lines.split_once('\n').unwrap();
        let fewer = (before.parse::<u32>().unwrap() + 1).to_string();
        for (lines, count, expected) in [
            (
                format!("{second}{first}\n"),
                after,
                "tables in ascending order",
            ),
            (
                format!("{first}\n{first}\n"),
                after,
                "tables in ascending order",
            ),
            (String::new(), before, "expected a temporary table"),
            (
                first.replace("\"thread", " \"thread") + "\n",
                &fewer,
                "a temporary table and its",
            ),
            (
                first.replace(":9", ":-9") + "\n",
                &fewer,
                "a temporary table and its",
            ),
        ] {
            let text = sealed(&format!("{}{lines}", head.replacen(after, count, 1)));
            let error = decode(text.as_bytes()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[test]
fn watched_tables_are_lines_that_are_read_back() {
    let watched = |is_unvetted, was: Option<&str>, renamed: &[(&str, &str)]| Watched {
        is_unvetted,
        was: (was.is_some() || !renamed.is_empty()).then(|| FormerName {
            table: was.map(|table| TableName::new("shop", table)),
            renamed: renamed
                .iter()
                .map(|(then, now)| ((*then).into(), (*now).into()))
                .collect(),
        }),
    };
    let tables = [
        (
            TableName::new("shop", "_a\nold"),
            watched(false, Some("a"), &[("mail", "post")]),
        ),
        (TableName::new("shop", "b"), watched(true, Some("a"), &[])),
        (TableName::new("shop", "c"), watched(true, None, &[])),
        (
            TableName::new("shop", "d"),
            watched(false, None, &[("mail", "post")]),
        ),
    ];
    let (checkpoint, text) = with_undefined();
    let checkpoint = Checkpoint {
        watched: Arc::new(tables.into()),
        ..checkpoint
    };
    let lines = [
        r#"watched={"database":"shop","table":"_a\nold","unvetted":false,"was":{"database":"shop","table":"a"},"renamed":[["mail","post"]]}"#,
        r#"watched={"database":"shop","table":"b","unvetted":true,"was":{"database":"shop","table":"a"}}"#,
        r#"watched={"database":"shop","table":"c","unvetted":true}"#,
        r#"watched={"database":"shop","table":"d","unvetted":false,"renamed":[["mail","post"]]}"#,
    ];
    let head = text.replace("version=3", "version=5");
    let with = |count: &str, lines: &[&str]| {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        sealed(&(head.replacen("21", count, 1) + &lines))
    };
    let text = with("25", &lines);
    assert_eq!(encode(&checkpoint).unwrap(), text);
    assert_eq!(decode(text.as_bytes()).unwrap(), checkpoint);
    let [first, second, third, _] = lines;
    for (text, expected) in [
        (with("23", &[second, first]), "tables in ascending order"),
        (with("21", &[]), "expected a watched table"),
        (
            with("22", &[&third.replace("\":true", "\": true")]),
            "a table and what is watched",
        ),
    ] {
        let error = decode(text.as_bytes()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_only_a_newer_rowtap_does_is_refused() {
    refuses(&[
        (
            "19\n\n0\n",
            "19\nrelay.000001\n4\n",
            "line 2: the relay log's name is 'relay.000001', which this rowtap does not know, run the rowtap that \
             wrote it or a newer one",
        ),
        (
            "version=2",
            "version=6",
            "it has version 6, expected 1 to 5, run the rowtap that wrote it or a newer one",
        ),
        (
            "definitions_digest=",
            "definitions_digest=ab",
            "line 14: the definitions' digest is 'ab', which this rowtap does not know, run the rowtap that wrote it \
             or a newer one",
        ),
        (
            "snapshot=none",
            "snapshot=shop.orders:5",
            "line 15: the snapshot's progress is 'shop.orders:5', which this rowtap does not know, run the rowtap that \
             wrote it or a newer one",
        ),
    ]);
}

#[test]
fn tables_that_are_gone_since_a_snapshot_are_read_back() {
    let name = |table: &str| TableName::new("a b", table);
    let anew = Checkpoint {
        snapshot: SnapshotProgress::Copying {
            number: 7,
            reached: None,
            gone: Arc::new([name("t"), name("u\n\"ä")].into()),
        },
        ..checkpoint()
    };
    let text = encode(&anew).unwrap();
    assert_eq!(decode(text.as_bytes()).unwrap(), anew, "{text}");
}

#[test]
fn a_snapshot_that_is_being_copied_is_read_back() {
    let copying = Checkpoint {
        snapshot: SnapshotProgress::copying(7, None),
        ..checkpoint()
    };
    let text = encode(&copying).unwrap();
    assert!(text.contains("\nsnapshot=copying:7\n"), "{text}");
    assert_eq!(decode(text.as_bytes()).unwrap(), copying);
    let name = |table: &str| TableName::new("a b", table);
    let key = KeyBound(["_utf8mb4 x'e4'".into(), "-7".into()].into());
    let reached = SnapshotReached {
        done: Some(name("t")),
        partly: Some((name("u\n\"ä"), key.clone())),
        upto: Some(key.clone()),
        anew: Some((name("s"), key.clone(), Some(key))),
        is_whole: true,
        again: [name("s")].into(),
        chosen: Some(ChosenTables {
            order: 3,
            tables: [name("s"), name("t")].into(),
            condition: Some("id > 7\n-- ä".into()),
            lacks_keys: false,
        }),
    };
    let begun = Checkpoint {
        snapshot: SnapshotProgress::copying(2, Some(Arc::new(reached))),
        ..checkpoint()
    };
    let text = encode(&begun).unwrap();
    assert_eq!(decode(text.as_bytes()).unwrap(), begun, "{text}");
    let over = Checkpoint {
        snapshot: SnapshotProgress::after(8),
        ..checkpoint()
    };
    let text = encode(&over).unwrap();
    assert!(text.contains("\nsnapshot=over:8\n"), "{text}");
    assert_eq!(decode(text.as_bytes()).unwrap(), over);
    refuses(&[
        (
            "snapshot=none",
            "snapshot=copying:7 {\"done\":7}",
            "line 15: the snapshot's progress is 'copying:7 {\"done\":7}', which this rowtap does not know, run the rowtap that \
             wrote it or a newer one",
        ),
        (
            "snapshot=none",
            "snapshot=copying:7 []",
            "line 15: the snapshot's progress is 'copying:7 []', which this rowtap does not know, run the rowtap that wrote it \
             or a newer one",
        ),
        (
            "snapshot=none",
            "snapshot=copying:07",
            "line 15: the snapshot's progress is 'copying:07', which this rowtap does not know, run the rowtap that \
             wrote it or a newer one",
        ),
        (
            "snapshot=none",
            "snapshot=copying:",
            "line 15: the snapshot's progress is 'copying:', which this rowtap does not know, run the rowtap that \
             wrote it or a newer one",
        ),
    ]);
}

#[test]
fn a_file_name_that_would_break_the_lines_is_refused() {
    for file in ["", "binlog\n.000001", "binlog\r.000001"] {
        let at = Coordinates::new(file, 4);
        let in_use = Checkpoint {
            coordinates: at.clone(),
            ..checkpoint()
        };
        let undecided = Checkpoint {
            undecided: Arc::new(BTreeMap::from([(xa_id(b"g", b""), at)])),
            ..checkpoint()
        };
        for checkpoint in [in_use, undecided] {
            assert!(encode(&checkpoint).is_err(), "{file:?}");
        }
    }
}

#[test]
fn no_more_undecided_transactions_are_written_or_read_than_the_limit() {
    let ids = |count: usize| {
        (0..count).map(|number| {
            let global = u64::try_from(number).unwrap().to_be_bytes();
            (xa_id(&global, b""), Coordinates::new("b.000001", 4))
        })
    };
    let most = Checkpoint {
        undecided: Arc::new(ids(UNDECIDED_MAX).collect()),
        ..checkpoint()
    };
    let text = encode(&most).unwrap();
    assert_eq!(decode(text.as_bytes()).unwrap(), most);
    let (covered, _) = text.split_once("crc32=").unwrap();
    let (count, rest) = covered.split_once('\n').unwrap();
    let count: usize = count.parse().unwrap();
    let more = format!("{}\n{rest}undecided=x\n", count + 1);
    let expected = RelayLogInfoError::TooManyUndecided {
        count: UNDECIDED_MAX + 1,
    };
    assert_eq!(decode(sealed(&more).as_bytes()).unwrap_err(), expected);
    let more = Checkpoint {
        undecided: Arc::new(ids(UNDECIDED_MAX + 1).collect()),
        ..most
    };
    assert_eq!(encode(&more).unwrap_err(), expected);
}

fn intervals() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0u64..1000, 0u64..1000), 1..6).prop_map(|steps| {
        let mut last = 0;
        let mut intervals = Vec::new();
        for (gap, length) in steps {
            let first = last + gap + if last == 0 { 1 } else { 2 };
            last = first + length;
            intervals.push((first, last));
        }
        intervals
    })
}

fn gtid_sets() -> impl Strategy<Value = GtidSet> {
    let source = (any::<u128>(), "[a-z_][a-z0-9_]{0,31}|")
        .prop_map(|(uuid, tag)| (Uuid::from_u128(uuid), Tag::from(&*tag)));
    prop_oneof![
        prop::collection::btree_map(source, intervals(), 0..5).prop_map(GtidSet::MySql),
        prop::collection::btree_map(any::<u32>(), (any::<u32>(), any::<u64>()), 0..5)
            .prop_map(GtidSet::MariaDb),
    ]
}

fn coordinates() -> impl Strategy<Value = Coordinates> {
    ("[^\\p{Cc}]{1,60}", any::<u64>()).prop_map(|(file, position)| Coordinates::new(file, position))
}

fn xa_ids() -> impl Strategy<Value = XaId> {
    let part = || prop::collection::vec(any::<u8>(), 0..=XaId::PART_BYTES_MAX);
    (any::<u32>(), part(), part()).prop_map(|(format, global, branch)| XaId {
        format,
        global: global.into(),
        branch: branch.into(),
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        at in coordinates(),
        gtid_set in gtid_sets(),
        server_uuid in any::<Option<u128>>(),
        server_id in any::<u32>(),
        begun in any::<u32>(),
        epoch in any::<u64>(),
        delay_s in any::<u64>(),
        undecided in prop::collection::btree_map(xa_ids(), coordinates(), 0..5),
    ) {
        let server_uuid = server_uuid.map(Uuid::from_u128);
        let checkpoint = Checkpoint {
            epoch,
            delay_s,
            undecided: Arc::new(undecided),
            ..Checkpoint::new(at, gtid_set, server_uuid, server_id, begun)
        };
        let text = encode(&checkpoint).unwrap();
        prop_assert_eq!(decode(text.as_bytes()), Ok(checkpoint));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decode(&bytes).expect_err("random bytes were trusted");
        let sealed = sealed(&String::from_utf8_lossy(&bytes));
        decode(sealed.as_bytes()).expect_err("random lines were trusted");
    }
}
