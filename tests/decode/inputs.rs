//! Where binlogs come from: several files, an index, the standard input, compressed ones, one that grows.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{WHOLE, command, decode, decode_from, decoded, fails, recording};
use crate::support::wait_until;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Lines without the time of reading, and with the file's name made one.
fn timeless(lines: &str, name: &str) -> Vec<String> {
    let cut = |line: &str| {
        line.rsplit_once(",\"ts_ms\":")
            .unwrap()
            .0
            .replace(name, "binlog")
    };
    lines.lines().map(cut).collect()
}

#[test]
fn compressed_files_and_the_standard_input_read_as_the_plain_file() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in WHOLE {
        let path = recording(name);
        let bytes = fs::read(&path).unwrap();
        let plain = timeless(
            &decoded(&[path.to_str().unwrap()]),
            &format!("{name}.binlog"),
        );
        let (front, back) = bytes.split_at(bytes.len() / 2);
        let files = [
            ("binlog.000001.gz", [gzip(front), gzip(back)].concat()),
            ("binlog.000001.zst", zstd::encode_all(&*bytes, 3).unwrap()),
        ];
        for (file, content) in files {
            let path = folder.path().join(file);
            fs::write(&path, content).unwrap();
            let found = decoded(&[path.to_str().unwrap()]);
            assert_eq!(timeless(&found, "binlog.000001"), plain, "{file}");
            let input = decode_from(&["-"], &path);
            assert_eq!(input.code, Some(0), "{}", input.stderr);
            assert_eq!(timeless(&input.stdout, "stdin"), plain, "{file}");
        }
        let input = decode_from(&["-"], &path);
        assert_eq!(timeless(&input.stdout, "stdin"), plain);
    }
}

#[test]
fn what_stands_before_damage_in_a_compressed_file_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in WHOLE {
        let bytes = fs::read(recording(name)).unwrap();
        let file = format!("{name}.binlog");
        let plain = timeless(&decoded(&[recording(name).to_str().unwrap()]), &file);
        let path = folder.path().join(&file);
        fs::write(&path, [gzip(&bytes), b"no gzip".to_vec()].concat()).unwrap();
        let found = decode(&[path.to_str().unwrap()]);
        assert_eq!(timeless(&found.stdout, &file), plain);
        assert_eq!(found.code, Some(65), "{}", found.stderr);
        let place = format!("{file}:{}", bytes.len());
        assert!(found.stderr.contains(&place), "{}", found.stderr);
    }
}

#[test]
fn an_index_stands_for_its_files_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for (index, (name, _)) in WHOLE.iter().enumerate() {
        let file = folder.path().join(format!("binlog.00000{}", index + 1));
        fs::copy(recording(name), &file).unwrap();
        expected.extend(timeless(&decoded(&[file.to_str().unwrap()]), ""));
    }
    let index = folder.path().join("binlog.index");
    fs::write(&index, "./binlog.000001\n./binlog.000002\n").unwrap();
    assert_eq!(timeless(&decoded(&[index.to_str().unwrap()]), ""), expected);
    let summary = decoded(&["--verify", index.to_str().unwrap()]);
    assert!(
        summary.starts_with("2 files, all with checksums: "),
        "{summary}"
    );
}

#[test]
fn a_file_that_grows_is_followed_into_the_next() {
    let (name, _) = WHOLE[0];
    let bytes = fs::read(recording(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (
        folder.path().join("binlog.000009"),
        folder.path().join("binlog.000010"),
    );
    let out = folder.path().join("out");
    fs::write(&first, &bytes[..bytes.len() / 3]).unwrap();
    let mut child = command(&["--follow", first.to_str().unwrap()])
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines = || fs::read_to_string(&out).unwrap().lines().count();
    let all = decoded(&[recording(name).to_str().unwrap()])
        .lines()
        .count();
    let reached = |count: usize| {
        wait_until("lines are written", Duration::from_secs(30), || {
            lines() >= count
        });
    };
    reached(1);
    let append = |path: &Path, bytes: &[u8]| {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(bytes).unwrap();
    };
    append(&first, &bytes[bytes.len() / 3..]);
    reached(all);
    append(&second, &bytes[..50]);
    append(&second, &bytes[50..]);
    reached(2 * all);
    assert!(child.try_wait().unwrap().is_none(), "it goes on at the end");
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-s", "TERM", &pid])
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success(), "a signal is a clean end");
    assert_eq!(lines(), 2 * all);
}

#[test]
fn arguments_that_cannot_be_meant_are_refused() {
    fails(&["-", "-"], 2, &["standard input"]);
    fails(&["--follow", "-"], 2, &["--follow takes a file"]);
    fails(&[], 2, &[]);
    fails(&["--include-gtids=1-5", "x"], 2, &[]);
    fails(&["--start-datetime=yesterday", "x"], 2, &[]);
    for size in ["0", "20", "1023KiB"] {
        fails(&["--event-memory-max", size, "x"], 2, &[]);
    }
    fails(
        &["--flashback", "--format=json", "x"],
        2,
        &["leave out --format=json"],
    );
    for statements in ["--format=sql", "--flashback"] {
        let why = "--cloudevents wraps messages, and statements are none, leave it out";
        fails(&[statements, "--cloudevents", "x"], 2, &[why]);
    }
    fails(
        &[
            "--start-datetime=2026-11-20",
            "--stop-datetime=2026-11-19",
            "x",
        ],
        2,
        &["--start-datetime is later"],
    );
    fails(
        &["--start-position=5000", "--stop-position=4999", "x"],
        2,
        &["--start-position 5000 is after"],
    );
    fails(&["--definitions=no-such", "x"], 2, &["no-such", ".toml"]);
    fails(
        &[
            "--replicate-do-table=nodot",
            recording(WHOLE[0].0).to_str().unwrap(),
        ],
        2,
        &["nodot"],
    );
}

#[test]
fn choices_of_the_other_family_are_refused() {
    for (name, choice, what) in [
        (
            WHOLE[0].0,
            "--include-gtids=0-1-5",
            "MySQL, which has no GTIDs of the other family",
        ),
        (
            WHOLE[0].0,
            "--do-domain-ids=1",
            "MySQL, which has no replication domains",
        ),
        (
            WHOLE[1].0,
            "--exclude-gtids=3e11fa47-71ca-11e1-9e33-c80aa9429562:1",
            "MariaDB, which has no GTIDs",
        ),
    ] {
        let path = recording(name);
        fails(&[choice, path.to_str().unwrap()], 2, &[what]);
    }
}

#[test]
fn more_events_than_a_file_has_cannot_be_passed_over() {
    let path = recording(WHOLE[0].0).display().to_string();
    let printed = fails(
        &["--offset=1000", &path],
        65,
        &[
            "shop-mysql-9.7.binlog ends after 75 events",
            "give at most 75",
        ],
    );
    assert_eq!(printed, "");
    assert_eq!(decoded(&["--offset=75", &path]), "");
}

#[test]
fn files_in_another_order_than_their_server_s_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["binlog.000001", "binlog.000002"].map(|name| {
        let path = folder.path().join(name);
        fs::copy(recording(WHOLE[0].0), &path).unwrap();
        path.display().to_string()
    });
    let [first, second] = &paths;
    for (files, is_warned) in [([first, second], false), ([second, first], true)] {
        let ended = decode(&["--verify", files[0], files[1]]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let found = ended.stderr.contains("in the order in which the server");
        assert_eq!(found, is_warned, "{}", ended.stderr);
    }
}

#[test]
fn binlogs_joined_into_one_stream_are_told_apart() {
    let bytes = fs::read(recording(WHOLE[0].0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both");
    fs::write(&path, [&bytes[..], &bytes].concat()).unwrap();
    let ended = decode_from(&["-"], &path);
    assert_eq!(ended.code, Some(65));
    for fragment in [&format!("begins at stdin:{}", bytes.len()), "one at a time"] {
        assert!(ended.stderr.contains(fragment), "{}", ended.stderr);
    }
    let alone = decode_from(&["-"], &recording(WHOLE[0].0)).stdout;
    assert_eq!(timeless(&ended.stdout, ""), timeless(&alone, ""));
}

#[test]
fn nothing_is_printed_where_nothing_can_be_read() {
    for format in ["--format=sql", "--format=json", "--flashback"] {
        let printed = fails(
            &[format, "no-such.000001"],
            69,
            &["cannot read no-such.000001"],
        );
        assert_eq!(printed, "", "{format}");
    }
    let empty = decoded(&[
        "--format=sql",
        "--database=none",
        recording(WHOLE[0].0).to_str().unwrap(),
    ]);
    assert!(
        empty.contains("SET "),
        "a script without changes is a script: {empty}"
    );
}

#[test]
fn rules_that_hardly_mean_what_they_say_are_told() {
    let path = recording(WHOLE[0].0).display().to_string();
    for (rule, expected) in [
        (
            "--replicate-do-db=shop,other",
            "replicate-do-db = \"shop,other\"",
        ),
        ("--database=shop%", "replicate-do-db = \"shop%\""),
        (
            "--replicate-ignore-table=shop.t%",
            "replicate-ignore-table = \"shop.t%\"",
        ),
    ] {
        let ended = decode(&[rule, &path]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{rule}: {}", ended.stderr);
    }
    assert!(
        !decode(&["--database=shop", &path])
            .stderr
            .contains("replicate")
    );
}
