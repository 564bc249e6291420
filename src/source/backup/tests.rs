//! Files that real servers and tools left, whole and cut at each byte, and what none of them left.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::read::{position_in, read_up_to};
use super::*;
use crate::binlog::{Coordinates, GtidSet};
use crate::failure::Class;
use crate::mysql::Flavour;

/// What each file tells, one a line: the file, and the rest as [`told`] writes it.
const EXPECTED: &str = include_str!("../../../tests/backups/expected.txt");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backups")
}

fn told(found: &Result<BackupPosition, BackupError>) -> String {
    let position = match found {
        Ok(position) => position,
        Err(error) => return format!("{:?}: {}", error.class(), error.trouble),
    };
    let mut told = position.kind.to_string();
    let parts = [
        position.coordinates.as_ref().map(ToString::to_string),
        position.gtid_set.as_ref().map(ToString::to_string),
        position.flavour.map(|flavour| flavour.name().to_owned()),
        position.server_uuid.map(|uuid| format!("uuid {uuid}")),
        position.server_id.map(|id| format!("server_id {id}")),
    ];
    for part in parts.into_iter().flatten() {
        told.push_str("; ");
        told.push_str(&part);
    }
    told
}

fn files_in(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_in(&path, files),
            false => files.push(path),
        }
    }
    files.sort();
}

fn recorded() -> Vec<PathBuf> {
    let mut files = Vec::new();
    files_in(&folder(), &mut files);
    let is_data = |path: &PathBuf| {
        !["expected.txt", "README.md"]
            .map(|it| folder().join(it))
            .contains(path)
    };
    files.retain(is_data);
    files
}

#[test]
fn each_file_tells_what_its_server_said() {
    let mut found = String::new();
    for path in recorded() {
        let name = path.strip_prefix(folder()).unwrap().display();
        found.push_str(&format!("{name}\n    {}\n", told(&read(&path))));
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(folder().join("expected.txt"), &found).unwrap();
    }
    assert_eq!(found, EXPECTED);
}

/// Where the file puts a reader: an error is no place.
fn place(
    found: Result<BackupPosition, BackupError>,
) -> Option<(Option<Coordinates>, Option<GtidSet>)> {
    found
        .ok()
        .map(|position| (position.coordinates, position.gtid_set))
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_or_tells_the_same_place() {
    let is_full = std::env::var_os("ROWTAP_TEST_FULL").is_some();
    for path in recorded() {
        let bytes = fs::read(&path).unwrap();
        let whole = position_in(&path, &bytes, true).ok();
        let whole = whole.map(|position| position.expect("all of it was given"));
        let whole = whole.map(|position| (position.coordinates, position.gtid_set));
        for length in 0..bytes.len() {
            // Every byte in a whole run, else each end of a line and some between.
            let at_line = bytes[length.saturating_sub(2)..length].contains(&b'\n');
            if !(is_full || at_line || bytes[length] == b'\n' || length % 9 == 0) {
                continue;
            }
            let found = position_in(&path, &bytes[..length], true)
                .ok()
                .map(|position| {
                    let position = position.expect("all of it was given");
                    (position.coordinates, position.gtid_set)
                });
            // A status that ends where it did before MySQL 5.6 is whole, without a set.
            let is_old = |place: &(Option<Coordinates>, Option<GtidSet>)| {
                let whole = whole.as_ref().map(|(at, _)| at);
                path.ends_with("slave-status.txt") && Some(&place.0) == whole && place.1.is_none()
            };
            assert!(
                found == whole || found.as_ref().is_none_or(is_old),
                "{} cut at {length}: {found:?}, whole {whole:?}",
                path.display()
            );
        }
    }
}

#[test]
fn lines_of_other_systems_and_compressed_files_are_read_too() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "mysql-9.7/source-data-2-locked.sql",
        "mariadb-10.11/xtrabackup_binlog_info",
        "mysql-9.7/replica-status.txt",
    ] {
        let bytes = fs::read(folder().join(name)).unwrap();
        let whole = place(read(&folder().join(name)));
        assert!(whole.is_some());
        let other = dir.path().join("other");
        let text = String::from_utf8(bytes.clone()).unwrap();
        fs::write(&other, text.replace('\n', "\r\n")).unwrap();
        assert_eq!(place(read(&other)), whole, "{name}");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&bytes).unwrap();
        let gzip = gzip.finish().unwrap();
        fs::write(&other, &gzip).unwrap();
        assert_eq!(place(read(&other)), whole, "{name}");
        for length in 1..gzip.len() {
            fs::write(&other, &gzip[..length]).unwrap();
            let found = place(read(&other));
            assert!(found.is_none() || found == whole, "{name} cut at {length}");
        }
        fs::write(&other, zstd::encode_all(&*bytes, 0).unwrap()).unwrap();
        assert_eq!(place(read(&other)), whole, "{name}");
    }
}

#[test]
fn only_the_beginning_of_a_large_dump_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dump.sql");
    let head = fs::read(folder().join("mysql-9.7/source-data-1-head.sql")).unwrap();
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&head).unwrap();
    // A terabyte of nothing, which would be refused if it were read.
    file.set_len(1 << 40).unwrap();
    let found = place(read(&path));
    let expected = position_in(&path, &head, false).unwrap();
    let expected = expected.map(|position| (position.coordinates, position.gtid_set));
    // The zeros stand within what is read at once.
    assert!(found.is_none() && expected.is_some());
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&head).unwrap();
    file.write_all(&b"INSERT INTO t VALUES (1);\n".repeat(1 << 16))
        .unwrap();
    file.set_len(1 << 40).unwrap();
    let error = read(&path).unwrap_err();
    assert_eq!(error.class(), Class::Data);
    let told = error.trouble.to_string();
    let (at, _) = expected.clone().unwrap();
    assert!(
        told.contains(&format!("a dump at {} that was cut", at.unwrap())),
        "{told}"
    );
    file.seek(io::SeekFrom::End(0)).unwrap();
    file.write_all(b"\n-- Dump completed on 2026-11-29  9:32:50\n")
        .unwrap();
    assert_eq!(place(read(&path)), expected);
}

#[test]
fn a_dump_that_was_cut_behind_its_position_is_refused_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dump.sql");
    for (name, at) in [
        ("mysql-9.7/source-data-2-locked.sql", "CREATE TABLE"),
        ("mariadb-11.8/gtid-master-data-1.sql", "INSERT INTO"),
    ] {
        let bytes = fs::read(folder().join(name)).unwrap();
        let place = place(read(&folder().join(name))).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        fs::write(&path, &bytes[..text.find(at).unwrap() + 40]).unwrap();
        let told = read(&path).unwrap_err().trouble.to_string();
        let expected = format!("a dump at {} that was cut", place.0.unwrap());
        assert!(told.contains(&expected), "{told}");
    }
}

fn refused(bytes: &[u8], class: Class, part: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, bytes).unwrap();
    let error = read_up_to(&path, 1 << 20).unwrap_err();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
    assert!(
        error.trouble.to_string().contains(part),
        "{shown:?}: {}",
        error.trouble
    );
    assert_eq!(error.class(), class, "{shown:?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_tells_no_place_is_refused_with_what_to_do() {
    use Class::{Configuration, Data};
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let status = fs::read_to_string(folder().join("mysql-9.7/replica-status.txt")).unwrap();
    for (text, class, part) in [
        ("", Data, "it ends after nothing"),
        ("\n\n  \n", Data, "it ends after nothing"),
        (
            "hello\n",
            Data,
            "it begins with \"hello\", which is none of a dump",
        ),
        ("\u{fffd}\u{fffd}\n", Data, "which is none of"),
        ("a\0b", Data, "it holds a byte 0"),
        ("binlog.000001\t4", Data, "it was cut"),
        ("binlog.000001\tfour\n", Data, "it begins with"),
        ("binlog.000001\t3\n", Data, "it begins with"),
        ("binlog.000001\t4\tx\n", Data, "a GTID set that is none"),
        ("binlog.000001\t4\t0-1-5,\n", Data, "ends in a comma"),
        (
            "CHANGE MASTER TO MASTER_LOG_FILE='b.1', MASTER_LOG_POS=12",
            Data,
            "it was cut",
        ),
        (
            "CHANGE MASTER TO MASTER_LOG_FILE='b.1', MASTER_LOG_POS=;\n",
            Data,
            "the position is",
        ),
        (
            "CHANGE MASTER TO MASTER_LOG_FILE='b.1';\n",
            Data,
            "the position is",
        ),
        (
            "CHANGE MASTER TO MASTER_AUTO_POSITION=1;\n",
            Configuration,
            "--source-data=2",
        ),
        (
            "CHANGE MASTER 'a' TO MASTER_LOG_FILE='b.1', MASTER_LOG_POS=4;\nCHANGE MASTER 'b' TO MASTER_LOG_FILE='b.2', \
             MASTER_LOG_POS=4;\n",
            Configuration,
            "it names several positions (b.1:4, b.2:4)",
        ),
        ("-- MySQL dump 10.13\n--\n", Data, "it was cut"),
        (
            "-- MySQL dump 10.13\nCREATE TABLE t (a INT);\n",
            Configuration,
            "make it again with --source-data=2",
        ),
        (
            "SET @@GLOBAL.GTID_PURGED='x';\n",
            Data,
            "a GTID set that is none",
        ),
        (
            "Slave_IO_State\tMaster_Host\nWaiting\t127.0.0.1\n",
            Configuration,
            "SHOW REPLICA STATUS\\G",
        ),
        (
            "| Slave_IO_State | Master_Host |\n",
            Configuration,
            "SHOW REPLICA STATUS\\G",
        ),
        (
            &*format!("{status}{status}"),
            Configuration,
            "several positions",
        ),
        (&*format!("{}\n", "*".repeat(60)), Data, "it was cut"),
        (
            "7\n./relay.000001\n4\n\n0\n0\n0\n1\n",
            Configuration,
            "the replica has applied nothing yet",
        ),
        (
            "7\n./relay.000001\n4\nbinlog.000001\n4x\n0\n0\n1\n",
            Data,
            "the position is",
        ),
        ("25\nbinlog.000001\n4\n", Data, "it ends after line 3"),
        (
            &*format!("25\n{}", "\n".repeat(25)),
            Configuration,
            "SHOW REPLICA STATUS\\G",
        ),
        (
            "5\n./relay.000001\n4\nbinlog.000001\n4\n0\n",
            Configuration,
            "MASTER_USE_GTID=no",
        ),
        ("0\n0\n0\n0\n", Data, "it begins with"),
        (&*format!("{uuid}:1-5\n"), Data, "it begins with"),
        (&*"x".repeat(2 << 20), Data, "no table in its first"),
        (&*"-- x\n".repeat(1 << 19), Data, "no table in its first"),
    ] {
        refused(text.as_bytes(), class, part);
    }
    let dir = tempfile::tempdir().unwrap();
    for (path, part) in [
        (dir.path().to_owned(), "it is a folder"),
        (dir.path().join("nothing"), "it cannot be read"),
    ] {
        let error = read(&path).unwrap_err();
        assert!(
            error.trouble.to_string().contains(part),
            "{}",
            error.trouble
        );
        assert_eq!(error.class(), Configuration);
    }
}

#[test]
fn a_connectors_checkpoint_tells_it_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relay-log.info");
    let set = GtidSet::parse(Flavour::MariaDb, "0-1-5").unwrap();
    let at = Coordinates::new("binlog.000007", 1337);
    let mut checkpoint =
        crate::change::Checkpoint::new(at.clone(), set.clone(), None, 3, 1_700_000_000);
    let write = |checkpoint: &_| {
        fs::write(
            &path,
            crate::state::relay_log_info::encode(checkpoint).unwrap(),
        )
        .unwrap();
    };
    write(&checkpoint);
    let found = read(&path).unwrap();
    assert_eq!(
        (found.coordinates, found.gtid_set),
        (Some(at.clone()), Some(set))
    );
    assert_eq!(found.server_id, Some(3));
    let bytes = fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        read(&path).expect_err("a part of a checkpoint");
    }
    let id = crate::binlog::XaId {
        format: 1,
        global: (*b"g").into(),
        branch: (*b"").into(),
    };
    std::sync::Arc::make_mut(&mut checkpoint.undecided).insert(id, at);
    write(&checkpoint);
    let error = read(&path).unwrap_err();
    assert!(
        error.trouble.to_string().contains("XA transactions"),
        "{}",
        error.trouble
    );
}
