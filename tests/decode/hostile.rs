//! Files that are no binlogs, or damaged ones.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use super::{WHOLE, command, decode_from, decoded, fails, recording};

#[test]
fn what_is_no_binlog_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    fails(
        &[&write("empty", b"")],
        65,
        &["empty is not a binlog", "begins with nothing"],
    );
    fails(
        &[&write("zip", b"PK\x03\x04....")],
        65,
        &["zip is not a binlog", "504b0304"],
    );
    fails(
        &[&write("secret", b"\xfdbin....")],
        65,
        &["secret is encrypted"],
    );
    fails(
        &[&write("binlog-000000.ibb", b"\xfe\xfe\x0d\x01....")],
        65,
        &[
            "binlog-000000.ibb is a binlog of InnoDB",
            "stream from the server",
        ],
    );
    fails(&[&write("short", b"\xfeb")], 65, &["short is not a binlog"]);
    fails(&[&write("bare", b"\xfebin\x00\x01")], 65, &["bare:4"]);
    fails(
        &[&write("none.index", b"\n")],
        65,
        &["names no binlog file"],
    );
    fails(&[&write("half.gz", b"\x1f\x8b\x08\x00")], 65, &["half.gz"]);
    fails(
        &[folder.path().to_str().unwrap()],
        69,
        &["cannot read", "it is a folder, name the binlog files"],
    );
    fails(
        &["/nonexistent/binlog.000001"],
        69,
        &[
            "cannot read /nonexistent/binlog.000001",
            "there is no such file, check its name and folder",
        ],
    );
    let nothing = decode_from(&["-"], std::path::Path::new("/dev/null"));
    assert_eq!(nothing.code, Some(65), "{}", nothing.stderr);
}

#[test]
fn a_cut_file_gives_what_stands_whole_before_the_cut() {
    let (name, _) = WHOLE[0];
    let bytes = fs::read(recording(name)).unwrap();
    let whole = decoded(&[recording(name).to_str().unwrap()]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{name}.binlog"));
    let body = |line: &str| line.rsplit_once(",\"ts_ms\":").unwrap().0.to_owned();
    let mut last = 0;
    for part in 1..20 {
        let length = bytes.len() * part / 20 + 2 * part;
        fs::write(&path, &bytes[..length]).unwrap();
        let found = fails(
            &[path.to_str().unwrap()],
            65,
            &["the file ends inside the event at"],
        );
        let count = found.lines().count();
        let lines = found.lines().zip(whole.lines());
        assert!(
            lines.into_iter().all(|(a, b)| body(a) == body(b)),
            "{length}"
        );
        assert!(count >= last, "{length}");
        last = count;
    }
    assert!(last > 10, "{last}");
}

#[test]
fn a_flipped_bit_is_found_by_its_checksum_behind_all_that_is_sound() {
    let (name, _) = WHOLE[0];
    let mut bytes = fs::read(recording(name)).unwrap();
    let at = bytes.len() * 9 / 10;
    bytes[at] ^= 4;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binlog.000001");
    fs::write(&path, &bytes).unwrap();
    let path = path.to_str().unwrap();
    let found = fails(&[path], 65, &["cannot go on at binlog.000001:", "checksum"]);
    assert!(found.lines().count() > 10);
    fails(&["--verify", path], 65, &["checksum"]);
    assert!(fails(&["--summary", path], 65, &["checksum"]).contains("received "));
}

#[test]
fn a_transaction_without_its_end_is_told_of_by_a_check() {
    const XID: u8 = 16;
    let (name, _) = WHOLE[0];
    let path = recording(name);
    let path = path.to_str().unwrap();
    assert!(decoded(&["--verify", path]).contains("nothing wrong"));
    let bytes = fs::read(path).unwrap();
    let mut at = 4;
    while bytes[at + 4] != XID {
        at += u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap()) as usize;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binlog.000001");
    fs::write(&path, &bytes[..at]).unwrap();
    let found = decoded(&["--verify", path.to_str().unwrap()]);
    let expected = "the last transaction of 1 does not end there, nothing else wrong";
    assert!(found.contains(expected), "{found}");
}

#[test]
fn a_reader_that_has_enough_is_a_clean_end() {
    let paths = vec![recording(WHOLE[0].0).display().to_string(); 200];
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut child = command(&paths)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
