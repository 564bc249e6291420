//! The folders of state and sink in wrong hands: shared, emptied, cut, or another connector's. Nothing may be lost in silence.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rowtap::mysql::Flavour as Family;

use super::process::{Ended, Folder};
use crate::hostile::crafted::{Crafted, TABLE_MAP, WRITE_ROWS, full_map, insert};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];
const INT: u8 = 3;

/// A connector from a binlog of one row to the folder `changes`.
fn connector() -> Folder {
    let folder = Folder::new(
        "state_dir = '{dir}/state'\n[source]\nfiles = ['{dir}/binlog.000001']\nstart = 'earliest'\n[sink]\n\
         type = 'file'\nfolder = '{dir}/changes'\n",
    );
    let mut binlog = Crafted::in_group(Family::MySql);
    binlog.event(TABLE_MAP, &full_map(b"shop", b"t", &[(INT, &[], b"id")]));
    binlog.event(WRITE_ROWS, &insert(1, &[0, 7, 0, 0, 0]));
    binlog.commit();
    fs::write(folder.path("binlog.000001"), binlog.finish()).unwrap();
    folder
}

/// A second connector file like `shop.toml`.
fn copied(folder: &Folder, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.path("shop.toml")).unwrap();
    fs::write(folder.path(name), text.replace(from, to)).unwrap();
}

fn file(folder: &Folder, name: &str) -> PathBuf {
    folder.path("changes").join(name)
}

#[track_caller]
fn fails(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

/// A run of the connector file `other.toml`.
fn run_other(folder: &Folder) -> Ended {
    let path = folder.path("other.toml");
    folder.run(&["run", "--once", "--http", "off", path.to_str().unwrap()])
}

#[test]
fn the_folder_of_another_connector_is_left_alone() {
    let folder = connector();
    folder.succeeds(&ONCE);
    let before = fs::read(file(&folder, "manifest.jsonl")).unwrap();
    copied(&folder, "other.toml", "", "");
    let words = ["those of connector shop", "give other a folder of its own"];
    fails(&run_other(&folder), 78, &words);
    let path = folder.path("other.toml");
    fails(&folder.run(&["status", path.to_str().unwrap()]), 78, &words);
    assert_eq!(fs::read(file(&folder, "manifest.jsonl")).unwrap(), before);
    folder.succeeds(&ONCE);
    assert_eq!(folder.changes().len(), 1);
}

#[test]
fn two_connectors_of_one_process_have_two_folders() {
    let folder = connector();
    fs::create_dir(folder.path("changes")).unwrap();
    symlink(folder.path("changes"), folder.path("link")).unwrap();
    copied(&folder, "other.toml", "/changes'", "/link'");
    let path = folder.path("other.toml");
    let both = [
        "run",
        "--once",
        "--http",
        "off",
        "shop.toml",
        path.to_str().unwrap(),
    ];
    fails(
        &folder.run(&both),
        78,
        &[
            "shop and other both have the sink folder",
            "a folder of its own",
        ],
    );
    assert!(!folder.path("state").exists());
}

#[test]
fn a_manifest_without_a_connector_becomes_that_of_the_first() {
    let folder = connector();
    folder.succeeds(&ONCE);
    // As it was written before: without a name, and lines that do not say which they follow.
    let path = file(&folder, "manifest.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let mut old = String::new();
    for line in text.lines() {
        let (body, _) = line.rsplit_once(",\"crc32\":").unwrap();
        let (_, files) = body.split_once(",\"files\":").unwrap();
        let body = format!("{{\"files\":{files}");
        old += &format!("{body},\"crc32\":{}}}\n", crc32fast::hash(body.as_bytes()));
    }
    fs::write(&path, old).unwrap();
    let ended = folder.succeeds(&ONCE);
    assert!(
        ended.stderr.contains("the manifest named no connector"),
        "{}",
        ended.stderr
    );
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with("{\"connector\":\"shop\"")
    );
    copied(&folder, "other.toml", "", "");
    fails(&run_other(&folder), 78, &["those of connector shop"]);
}

#[test]
fn lines_that_are_missing_at_the_end_of_the_manifest_are_noticed() {
    let folder = connector();
    folder.succeeds(&ONCE);
    let path = file(&folder, "manifest.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (first, _) = text.split_once('\n').unwrap();
    fs::write(&path, format!("{first}\n")).unwrap();
    let words = [
        "lines at its end are missing",
        "ends at binlog.000001:4",
        "shop/relay-log.info to go on at binlog.000001:4",
    ];
    folder.fails(65, &words);
    assert_eq!(folder.changes().len(), 1, "nothing was removed");
    // As the message says.
    fs::remove_file(folder.path("state/shop/relay-log.info")).unwrap();
    let ended = folder.succeeds(&ONCE);
    assert!(
        ended
            .stderr
            .contains("holds no checkpoint, going on at that of the manifest")
    );
    assert_eq!(folder.changes().len(), 1);
}

#[test]
fn a_folder_that_was_emptied_is_no_fresh_one() {
    let folder = connector();
    folder.succeeds(&ONCE);
    fs::rename(folder.path("changes"), folder.path("gone")).unwrap();
    let words = [
        "manifest.jsonl is gone from",
        "restore the folder from a copy",
        "shop/target to go on",
    ];
    folder.fails(65, &words);
    fs::rename(folder.path("gone"), folder.path("changes")).unwrap();
    folder.succeeds(&ONCE);
    fs::remove_dir_all(folder.path("changes")).unwrap();
    folder.fails(65, &words);
    // As the message says.
    fs::remove_file(folder.path("state/shop/target")).unwrap();
    let ended = folder.succeeds(&ONCE);
    assert!(
        ended.stderr.contains("what came before went elsewhere"),
        "{}",
        ended.stderr
    );
    assert_eq!(folder.changes().len(), 0);
}

#[test]
fn a_manifest_that_is_gone_is_missed_with_all_that_is_to_be_done() {
    let folder = connector();
    folder.succeeds(&ONCE);
    fs::remove_file(file(&folder, "manifest.jsonl")).unwrap();
    let words = [
        "manifest.jsonl is gone from",
        "move whatever is left in it elsewhere",
        "remove",
        "shop/target to go on",
    ];
    folder.fails(65, &words);
    // Half of it is not enough, and says which half is missing.
    fs::remove_file(folder.path("state/shop/target")).unwrap();
    folder.fails(
        65,
        &[
            "manifest.jsonl is missing though changes-",
            "move its files elsewhere",
        ],
    );
    fs::rename(folder.path("changes"), folder.path("gone")).unwrap();
    folder.succeeds(&ONCE);
    assert_eq!(folder.changes().len(), 0);
}

#[test]
fn a_folder_that_the_file_names_anew_is_told_of_and_used() {
    let folder = connector();
    folder.succeeds(&ONCE);
    let folder = folder.replacing("/changes'", "/fresh'");
    let ended = folder.succeeds(&ONCE);
    assert!(
        ended
            .stderr
            .contains("the sink's folder is new to this connector"),
        "{}",
        ended.stderr
    );
    assert!(folder.path("fresh/manifest.jsonl").exists());
    let folder = folder.replacing("/fresh'", "/changes'");
    folder.succeeds(&ONCE);
}

#[test]
fn a_new_start_is_what_the_messages_say() {
    let folder = connector();
    folder.succeeds(&ONCE);
    fs::remove_file(folder.path("state/shop/relay-log.info")).unwrap();
    fs::rename(folder.path("changes"), folder.path("gone")).unwrap();
    folder.succeeds(&ONCE);
    assert_eq!(folder.changes().len(), 1);
}

#[test]
fn a_checkpoint_of_a_newer_rowtap_is_not_called_damaged() {
    let folder = connector();
    folder.succeeds(&ONCE);
    let path = folder.path("state/shop/relay-log.info");
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once("version=").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let text = format!("{head}version=99\n{rest}");
    let (covered, _) = text.split_once("crc32=").unwrap();
    let sum = crc32fast::hash(covered.as_bytes());
    fs::write(&path, format!("{covered}crc32={sum:08x}\nend\n")).unwrap();
    let ended = folder.run(&ONCE);
    fails(
        &ended,
        65,
        &[
            "cannot be read by this rowtap",
            "run the rowtap that wrote it or a newer one",
        ],
    );
    assert!(!ended.stderr.contains("restore it"), "{}", ended.stderr);
}

#[test]
fn a_path_that_is_a_file_is_told_as_what_it_is() {
    let folder = connector();
    fs::write(folder.path("changes"), "").unwrap();
    folder.fails(73, &["choose another path, there is something else"]);
}

#[test]
fn a_variable_of_a_connector_that_does_not_run_is_told_of() {
    let folder = connector().variable("ROWTAP__SHPO__SOURCE__START", "latest");
    let ended = folder.succeeds(&ONCE);
    let words = "did you mean ROWTAP__SHOP__";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("ROWTAP__SHPO__SOURCE__START"),
        "{}",
        ended.stderr
    );
}

#[test]
fn every_line_of_a_log_for_machines_has_its_time() {
    let folder = connector();
    let check = |arguments: &[&str], code: i32| {
        let ended = folder.run(&[&["--log-format", "json"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        for line in ended.stderr.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let time = line["timestamp"].as_str().unwrap_or_default();
            assert!(time.ends_with('Z') && time.len() == 27, "{line}");
            if line["message"] == "replication started" {
                assert_eq!(line["span"]["connector"], "shop", "{line}");
            }
        }
        ended
    };
    check(&ONCE, 0);
    fs::remove_dir_all(folder.path("changes")).unwrap();
    assert!(check(&ONCE, 65).stderr.contains("\"ERROR\""));
}

#[test]
fn a_start_that_cannot_be_is_told_before_anything_is_connected() {
    let start = |start: &str| {
        Folder::new(&format!(
            "state_dir = '{{dir}}/state'\n[source]\nhost = '127.0.0.1'\nport = 1\nuser = 'u'\nstart = {start}\n[sink]\ntype = 'stdout'\n"
        ))
    };
    for (text, words) in [
        (
            "{ file = 'binlog.000001', position = 5 }",
            "inside a file's first event",
        ),
        ("{ file = 'binlog', position = 4 }", "ends in no number"),
        ("{ gtid_set = 'yesterday' }", "as the source prints it"),
    ] {
        start(text).fails(78, &["source.start", words]);
    }
    let port = start("'latest'").replacing("port = 1", "port = 0");
    port.fails(78, &["source.port", "port is 0"]);
}
