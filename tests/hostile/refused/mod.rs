//! Binlog files that no server writes, through `rowtap decode`: each ends with the place, the event and what was expected.

mod packed;
mod rows;
mod tables;

use std::fs;
use std::process::{Command, Stdio};

use rowtap::mysql::Flavour;

use super::crafted::{Crafted, QUERY, TABLE_MAP, WRITE_ROWS, insert};

/// A file, and how its decoding ends.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    /// Where the event stands that is at fault.
    at: u64,
    /// What kind it is.
    kind: &'static str,
    /// What is said of it.
    says: &'static str,
}

/// The address space that a decoding may take: its threads' stacks and reserves are in it.
const KIBIBYTES_MAX: u64 = 3 << 20;

/// A packed number of 2^60.
const HUGE: [u8; 9] = [0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10];

/// A case of an open group that is sound up to one event: a file, a number and a body, what is said.
fn in_group(
    name: &'static str,
    mut file: Crafted,
    (number, body): (u8, &[u8]),
    (kind, says): (&'static str, &'static str),
) -> Case {
    let at = file.position();
    file.event(number, body);
    file.commit();
    Case {
        name,
        bytes: file.finish(),
        at,
        kind,
        says,
    }
}

/// An open group of MySQL in which a table is described.
fn described(map: &[u8]) -> Crafted {
    let mut file = Crafted::in_group(Flavour::MySql);
    file.event(TABLE_MAP, map);
    file
}

fn sizes() -> Vec<Case> {
    let sizes = [
        ("no size", 0, "says that it has 0 bytes, expected 19 to"),
        (
            "a size below a header's",
            18,
            "says that it has 18 bytes, expected 19 to",
        ),
        (
            "a size without a checksum",
            21,
            "the checksum needs 4 bytes, 2 are left",
        ),
        (
            "a size past the end",
            1 << 28,
            "49 of its 268435456 bytes are there",
        ),
        (
            "the largest size",
            u32::MAX,
            "says that it has 4294967295 bytes, expected 19 to",
        ),
    ];
    let case = |(name, size, says)| {
        let mut file = Crafted::in_group(Flavour::MySql);
        let at = file.position();
        file.sized(WRITE_ROWS, size);
        Case {
            name,
            bytes: file.finish(),
            at,
            kind: "WRITE_ROWS",
            says,
        }
    };
    sizes.map(case).into()
}

fn between_groups() -> Vec<Case> {
    let cases: [(_, _, &[u8], _, _); 8] = [
        (
            "a GTID that ends early",
            33,
            &[0; 9],
            "GTID event",
            "needs 16 bytes",
        ),
        (
            "a tagged GTID of no fields",
            42,
            &[0xff; 40],
            "GTID_TAGGED event",
            "expected",
        ),
        (
            "an incident",
            26,
            &[1, 0, 0],
            "INCIDENT event",
            "events were lost",
        ),
        (
            "an unknown kind",
            99,
            b"?",
            "type 99 event",
            "this one is not marked ignorable",
        ),
        (
            "rows outside a group",
            WRITE_ROWS,
            &insert(1, &[0; 5]),
            "WRITE_ROWS event",
            "outside a group",
        ),
        (
            "a commit outside a group",
            16,
            &[0; 8],
            "XID event",
            "outside a group",
        ),
        ("a short XID", 16, &[1], "XID event", "needs 8 bytes"),
        (
            "a format of another version",
            15,
            &[9; 80],
            "FORMAT_DESCRIPTION event",
            "the binlog version is 2313, expected 4",
        ),
    ];
    let case = |(name, number, body, kind, says): (_, _, &[u8], _, _)| {
        in_group(
            name,
            Crafted::new(Flavour::MySql),
            (number, body),
            (kind, says),
        )
    };
    cases.map(case).into()
}

fn statements() -> Vec<Case> {
    let statement = |status: u16, database: u8| {
        let mut body = vec![0; 8];
        body.push(database);
        body.extend([0, 0]);
        body.extend(status.to_le_bytes());
        body.extend(b"a\0BEGIN");
        body
    };
    let cases = [
        (
            "a group in a group",
            33,
            vec![1; 42],
            "GTID event",
            "inside a group",
        ),
        (
            "status variables past the end",
            QUERY,
            statement(0xffff, 1),
            "QUERY event",
            "status variables need",
        ),
        (
            "a database past the end",
            QUERY,
            statement(0, 255),
            "QUERY event",
            "the database needs 255 bytes, 7 are left",
        ),
    ];
    let case = |(name, number, body, kind, says): (_, _, Vec<u8>, _, _)| {
        let file = Crafted::in_group(Flavour::MySql);
        in_group(name, file, (number, &body), (kind, says))
    };
    cases.map(case).into()
}

/// Decodes a file under a limit of memory: exit code and last word.
fn decode(bytes: &[u8]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binlog.000001");
    fs::write(&path, bytes).unwrap();
    let limited = format!("ulimit -v {KIBIBYTES_MAX}; exec \"$0\" --log-format text decode \"$1\"");
    let output = Command::new("bash")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_rowtap")])
        .arg(&path)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let last = stderr.lines().last().unwrap_or_default();
    (output.status.code(), last.to_owned())
}

#[test]
fn every_unsound_file_ends_with_its_place_its_event_and_what_was_expected() {
    let cases = [
        sizes(),
        between_groups(),
        statements(),
        tables::maps(),
        tables::types(),
        rows::shapes(),
        rows::values(),
        rows::documents(),
        packed::payloads(),
        packed::events(),
    ];
    let (mut count, mut wrong) = (0, Vec::new());
    for case in cases.into_iter().flatten() {
        let (code, last) = decode(&case.bytes);
        let place = format!("binlog.000001:{}", case.at);
        let said = [&place, case.kind, case.says]
            .iter()
            .all(|part| last.contains(part));
        if code != Some(65) || !said {
            let Case {
                name, kind, says, ..
            } = case;
            wrong.push(format!(
                "{name}: {code:?} {last}\n  expected {place}, {kind}: {says}"
            ));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{count} files");
}
