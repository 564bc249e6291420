//! Binlog files as a connector's source, beside the server that wrote them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::groups::committed;
use super::process::{Folder, account};
use crate::support::{Flavour, Server};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];
const FLAVOURS: [Flavour; 2] = [Flavour::MySql97, Flavour::MariaDb1011];

/// A connector from these keys of a source to the folder `changes`.
fn connector(source: &str) -> Folder {
    Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\n{source}\n[sink]\ntype = 'file'\nfolder = '{{dir}}/changes'\n"
    ))
}

fn index(server: &Server) -> PathBuf {
    let index = server.binlog_path("binlog.index");
    assert!(index.exists(), "{}", index.display());
    index
}

/// A connector from a server's index file.
pub fn beside(server: &Server, start: &str) -> Folder {
    connector(&format!(
        "index = '{}'\nstart = {start}",
        index(server).display()
    ))
}

/// The server's binlogs, the oldest first.
fn binlogs(server: &Server) -> Vec<PathBuf> {
    let text = fs::read_to_string(index(server)).unwrap();
    let names = text
        .lines()
        .map(|line| Path::new(line).file_name().unwrap());
    names
        .map(|name| server.binlog_path(name.to_str().unwrap()))
        .collect()
}

fn listed(paths: &[PathBuf]) -> String {
    let quoted: Vec<String> = paths
        .iter()
        .map(|path| format!("'{}'", path.display()))
        .collect();
    format!("files = [{}]", quoted.join(", "))
}

/// Changes and DDL without what a file cannot tell, the server's UUID, and without the time of publishing.
fn records(folder: &Folder) -> Vec<Value> {
    let mut records = [folder.changes(), folder.ddl()].concat();
    records.iter_mut().for_each(stripped);
    records
}

pub fn stripped(record: &mut Value) {
    let fields = record.as_object_mut().unwrap();
    for field in ["ts_ms", "ts_us", "ts_ns"] {
        fields.remove(field);
    }
    let source = fields["source"].as_object_mut().unwrap();
    source.remove("server_uuid");
}

/// Three files: two tables, a change of one of them, transactions, one that is rolled back.
pub fn traffic(server: &Server) {
    account(server, "u");
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, name VARCHAR(20)); \
         INSERT INTO a.t VALUES (1, 'one'), (2, 'two'); FLUSH BINARY LOGS",
    );
    server.execute(
        "USE a; CREATE TABLE u (id INT UNSIGNED PRIMARY KEY, size ENUM('s', 'm')); BEGIN; INSERT INTO u VALUES (1, 's'); \
         UPDATE t SET name = 'zwei' WHERE id = 2; COMMIT; BEGIN; DELETE FROM t; ROLLBACK; \
         ALTER TABLE u ADD note TEXT; FLUSH BINARY LOGS",
    );
    server.execute("INSERT INTO a.u VALUES (2, 'm', 'new'); DELETE FROM a.t WHERE id = 1");
}

#[test]
fn files_give_what_their_server_gives() {
    for flavour in FLAVOURS {
        let server = Server::start(flavour, &[]);
        traffic(&server);
        let live = Folder::streaming(&server, "u").replacing("'latest'", "'earliest'");
        live.succeeds(&ONCE);
        let expected = records(&live);
        assert!(expected.len() == 10, "{expected:?}");

        // As the server still writes them.
        let found = beside(&server, "'earliest'");
        let ended = found.succeeds(&ONCE);
        assert!(ended.stderr.contains("shop: received "), "{}", ended.stderr);
        assert_eq!(records(&found), expected, "{flavour:?}");
        found.succeeds(&ONCE);
        assert_eq!(records(&found).len(), expected.len());

        // As a server left them that died, some of them compressed.
        server.kill();
        let copies = connector("");
        let mut paths = Vec::new();
        for (number, path) in binlogs(&server).iter().enumerate() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let bytes = fs::read(path).unwrap();
            let (name, bytes) = match number {
                0 => (format!("{name}.gz"), gzipped(&bytes)),
                1 => (format!("{name}.zst"), zstd::encode_all(&*bytes, 3).unwrap()),
                _ => (name, bytes),
            };
            paths.push(copies.path(&name));
            fs::write(copies.path(&name), bytes).unwrap();
        }
        assert!(paths.len() > 2, "{paths:?}");
        let found = connector(&listed(&paths));
        found.succeeds(&ONCE);
        assert_eq!(records(&found), expected, "{flavour:?}");
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn files_begin_where_their_server_begins() {
    for flavour in FLAVOURS {
        let server = match flavour {
            Flavour::MariaDb1011 => Server::start(flavour, &[]),
            _mysql => Server::start(
                flavour,
                &["--gtid-mode=ON", "--enforce-gtid-consistency=ON"],
            ),
        };
        traffic(&server);
        let (file, position) = server.coordinates();
        let gtids = server.gtid_set();
        server.execute("INSERT INTO a.t VALUES (7, 'seven'); FLUSH BINARY LOGS");
        server.execute("INSERT INTO a.t VALUES (8, 'eight')");
        for start in [
            "'earliest'".to_owned(),
            format!("{{ file = '{file}', position = {position} }}"),
            format!("{{ file = '{file}', position = 4 }}"),
            format!("{{ gtid_set = '{gtids}' }}"),
        ] {
            let live = Folder::streaming(&server, "u").replacing("'latest'", &start);
            live.succeeds(&ONCE);
            let found = beside(&server, &start);
            found.succeeds(&ONCE);
            assert_eq!(records(&found), records(&live), "{flavour:?} from {start}");
            assert!(records(&found).len() > 1, "{start}");
            assert_eq!(
                gtid_set(&found),
                gtid_set(&live),
                "{flavour:?} from {start}"
            );
        }
        let latest = beside(&server, "'latest'");
        latest.succeeds(&ONCE);
        assert_eq!(latest.changes(), Vec::<Value>::new());
        server.execute("INSERT INTO a.t VALUES (9, 'nine')");
        latest.succeeds(&ONCE);
        assert_eq!(committed(&latest), [9]);
        let inside = format!("{{ file = '{file}', position = {} }}", position + 1);
        beside(&server, &inside).fails(65, &["is inside an event", "nearest group bound"]);
        let wanted = format!("{{ file = '{file}', position = 99999999 }}");
        beside(&server, &wanted).fails(78, &["is after the file's end"]);
        beside(&server, "{ file = 'nobody.000001', position = 4 }")
            .fails(78, &["no binlog nobody.000001"]);
    }
}

/// The checkpoint's set of GTIDs.
fn gtid_set(folder: &Folder) -> String {
    let text = fs::read_to_string(folder.path("state/shop/relay-log.info")).unwrap();
    let line = text.lines().find(|line| line.starts_with("gtid_set="));
    line.unwrap().to_owned()
}

#[test]
fn a_connector_that_is_killed_goes_on_in_the_files_and_repeats_nothing() {
    for flavour in FLAVOURS {
        let server = Server::start(flavour, &[]);
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY AUTO_INCREMENT)");
        let folder = beside(&server, "'earliest'");
        let mut count = 0;
        for round in 0..4 {
            let mut running = folder.start(&["run", "--http", "off", "shop.toml"]);
            for _ in 0..20 {
                server.execute("INSERT INTO a.t VALUES (), (), ()");
                count += 3;
            }
            server.execute("FLUSH BINARY LOGS");
            let wanted = if round == 3 { count } else { count - 40 };
            running.until("the rows are there", |_| {
                folder.path("changes/manifest.jsonl").exists() && committed(&folder).len() >= wanted
            });
            if round == 3 {
                running.signal("TERM");
                let ended = running.end();
                assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            } else {
                running.signal("KILL");
                running.end();
            }
        }
        let ids = committed(&folder);
        let expected: Vec<i64> = (1..=240).collect();
        assert_eq!(ids, expected, "{flavour:?}");
    }
}

#[test]
fn columns_without_names_are_defined_by_a_journal_or_the_server_or_stop_it() {
    for flavour in FLAVOURS {
        let names = match flavour {
            Flavour::MariaDb1011 => "--binlog-row-metadata=NO_LOG",
            _mysql => "--binlog-row-metadata=MINIMAL",
        };
        let server = Server::start(flavour, &[names]);
        traffic(&server);
        let live = Folder::streaming(&server, "u");
        live.succeeds(&ONCE);
        let (file, position) = server.coordinates();
        server.execute("INSERT INTO a.u VALUES (4, 's', 'later')");
        live.succeeds(&ONCE);
        let start = format!("{{ file = '{file}', position = {position} }}");

        // From the first file on, statements tell.
        let all = beside(&server, "'earliest'");
        all.succeeds(&ONCE);
        let changes = all.changes();
        assert_eq!(changes.last().unwrap()["after"]["size"], "s", "{changes:?}");

        let unasked = beside(&server, &start);
        unasked.fails(65, &["a.u", "its definition is not known for certain"]);
        let ended = unasked.run(&["run", "--once", "--http", "off", "shop.toml"]);
        assert!(!ended.stderr.contains("SELECT"), "{}", ended.stderr);
        let keys = |definitions: &str| {
            let index = index(&server);
            connector(&format!(
                "index = '{}'\nstart = {start}\n{definitions}",
                index.display()
            ))
        };
        let journal = format!("definitions = '{}'", live.path("state/shop").display());
        let port = server.port();
        let password = super::process::PASSWORD;
        let asked = format!(
            "[source.definitions]\nhost = '127.0.0.1'\nport = {port}\nuser = 'u'\npassword = '{password}'"
        );
        for definitions in [&journal, &asked] {
            let folder = keys(definitions);
            folder.succeeds(&ONCE);
            assert_eq!(
                records(&folder),
                records(&live),
                "{flavour:?} {definitions}"
            );
            assert_eq!(folder.changes().len(), 1);
        }

        // What the journal has not reached, it does not know.
        server.execute("ALTER TABLE a.u DROP note; INSERT INTO a.u VALUES (5, 'm')");
        let (file, position) = server.coordinates();
        server.execute("INSERT INTO a.u VALUES (6, 'm')");
        let start = format!("{{ file = '{file}', position = {position} }}");
        let text = format!(
            "index = '{}'\nstart = {start}\n{journal}",
            index(&server).display()
        );
        connector(&text).fails(78, &["the journal in", "ends at", "start where it reaches"]);
    }
}

/// A connector that read a recorded binlog with a rowtap of version 1, and stopped at its end.
fn left_by_version_1(name: &str) -> Folder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folder = connector("files = ['{dir}/binlog.000001']\nstart = 'earliest'");
    let binlog = root.join(format!("binlogs/shop-{name}.binlog"));
    fs::copy(binlog, folder.path("binlog.000001")).unwrap();
    for (file, into) in [
        ("relay-log.info", "state/shop"),
        ("definitions-00000001.jsonl", "state/shop"),
        ("manifest.jsonl", "changes"),
    ] {
        let into = folder.path(into);
        fs::create_dir_all(&into).unwrap();
        let written = root.join(format!("state/version-1/{name}/{file}"));
        fs::copy(written, into.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(folder.path("changes/manifest.jsonl")).unwrap();
    let last: Value = serde_json::from_str(manifest.lines().last().unwrap()).unwrap();
    for file in last["files"].as_array().unwrap() {
        let path = folder.path("changes").join(file["file"].as_str().unwrap());
        let length = file["bytes"].as_u64().unwrap();
        fs::File::create(path).unwrap().set_len(length).unwrap();
    }
    folder
}

#[test]
fn what_version_1_left_is_gone_on_with_as_version_2() {
    for name in ["mysql-9.7", "mariadb-10.11"] {
        let folder = left_by_version_1(name);
        let path = folder.path("state/shop/relay-log.info");
        let old = fs::read_to_string(&path).unwrap();
        let journal = fs::read(folder.path("state/shop/definitions-00000001.jsonl")).unwrap();
        folder.succeeds(&ONCE);
        let new = fs::read_to_string(&path).unwrap();
        let lines = |text: &str, range: std::ops::Range<usize>| -> Vec<String> {
            let lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
            lines[range].to_vec()
        };
        assert_eq!(lines(&new, 1..6), lines(&old, 1..6), "{name}");
        assert_eq!(lines(&new, 6..7), ["version=2"]);
        assert_eq!(lines(&new, 7..12), lines(&old, 7..12), "{name}");
        let manifest = fs::read_to_string(folder.path("changes/manifest.jsonl")).unwrap();
        let last: Value = serde_json::from_str(manifest.lines().last().unwrap()).unwrap();
        assert_eq!(last["checkpoint"], new);
        let kept = fs::read(folder.path("state/shop/definitions-00000001.jsonl")).unwrap();
        assert_eq!(kept, journal);
    }
}

#[test]
fn a_checkpoint_with_an_undecided_xa_transaction_that_is_nowhere_is_refused_and_kept() {
    let folder = left_by_version_1("mysql-9.7");
    folder.succeeds(&ONCE);
    fs::remove_dir_all(folder.path("changes")).unwrap();
    fs::remove_file(folder.path("state/shop/target")).unwrap();
    let path = folder.path("state/shop/relay-log.info");
    let text = fs::read_to_string(&path).unwrap();
    let (covered, _) = text.split_once("crc32=").unwrap();
    let covered = covered.replacen("17", "18", 1) + "undecided=X'00',X'27',1 binlog.000001:4\n";
    let sum = crc32fast::hash(covered.as_bytes());
    let undecided = format!("{covered}crc32={sum:08x}\nend\n");
    fs::write(&path, &undecided).unwrap();
    folder.fails(
        65,
        &["the XA transaction X'00',X'27',1, prepared by the group at binlog.000001:4"],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), undecided);
}

#[test]
fn a_checkpoint_is_of_these_files_only() {
    let server = Server::start(Flavour::MySql97, &[]);
    traffic(&server);
    let (file, position) = server.coordinates();
    let folder = beside(&server, "'earliest'");
    folder.succeeds(&ONCE);
    let count = folder.changes().len();
    let text = fs::read_to_string(folder.path("shop.toml")).unwrap();
    let keys = format!("index = '{}'\nstart = 'earliest'", index(&server).display());

    // A server goes on from no checkpoint of files, nor files from one of a server.
    let live = Folder::streaming(&server, "u");
    let server_keys = fs::read_to_string(live.path("shop.toml")).unwrap();
    let (_, server_keys) = server_keys.split_once("[source]\n").unwrap();
    let (server_keys, _) = server_keys.split_once("[sink]").unwrap();
    folder.write(&text.replace(&keys, server_keys));
    folder.fails(
        65,
        &["belongs to source the binlog files of MySQL server_id"],
    );
    live.succeeds(&ONCE);
    let live_text = fs::read_to_string(live.path("shop.toml")).unwrap();
    live.write(&live_text.replace(server_keys, &format!("{keys}\n")));
    live.fails(65, &["but this is the binlog files of MySQL server_id"]);

    // Files of another server, of the same names.
    let other = Server::start(Flavour::MySql97, &[]);
    traffic(&other);
    other.execute("CREATE TABLE a.more (id INT PRIMARY KEY)");
    let other_keys = format!("index = '{}'\nstart = 'earliest'", index(&other).display());
    folder.write(&text.replace(&keys, &other_keys));
    folder.fails(65, &[&file, "was begun at"]);

    // A shorter file of the same beginning, and files that lack it.
    let copies = connector("");
    let mut paths = Vec::new();
    for path in binlogs(&server) {
        let copy = copies.path(path.file_name().unwrap().to_str().unwrap());
        fs::copy(&path, &copy).unwrap();
        paths.push(copy);
    }
    let last = fs::read(paths.last().unwrap()).unwrap();
    let shorter = usize::try_from(position).unwrap() - 200;
    fs::write(paths.last().unwrap(), &last[..shorter]).unwrap();
    folder.write(&text.replace(&keys, &listed(&paths)));
    folder.fails(65, &["is after its file's end"]);
    folder.write(&text.replace(&keys, &listed(&paths[..1])));
    folder.fails(65, &["the source lacks groups", "the newest file is"]);

    // A file of the other family.
    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/binlogs/shop-mariadb-10.11.binlog");
    let copy = copies.path(&file);
    fs::copy(recorded, &copy).unwrap();
    folder.write(&text.replace(&keys, &listed(&[copy])));
    folder.fails(65, &["of MySQL server_id", "of MariaDB server_id"]);

    folder.write(&text);
    folder.succeeds(&ONCE);
    assert_eq!(folder.changes().len(), count);
}

#[test]
fn files_that_are_missing_or_damaged_are_named() {
    let server = Server::start(Flavour::MySql97, &[]);
    traffic(&server);
    server.stop();
    let copies = connector("");
    let paths: Vec<PathBuf> = binlogs(&server)
        .iter()
        .map(|path| {
            let copy = copies.path(path.file_name().unwrap().to_str().unwrap());
            fs::copy(path, &copy).unwrap();
            copy
        })
        .collect();
    let name = |number: usize| {
        paths[number]
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    let check = |keys: &str, code: i32, fragments: &[&str]| connector(keys).fails(code, fragments);

    let gap = [paths[0].clone(), paths[2].clone()];
    check(
        &listed(&gap),
        65,
        &[&name(1), "is missing after", "in the order"],
    );
    check(
        &listed(&[copies.path("no.000001")]),
        69,
        &["cannot read", "no.000001"],
    );
    check("index = '/nonexistent/b.index'", 69, &["cannot read"]);
    check("files = ['/tmp']", 65, &["not a regular file"]);
    check("files = []", 78, &["name the binlog files"]);
    check(
        "files = ['b.000001']\nhost = 'db'",
        78,
        &["remove host or files"],
    );
    check(
        "files = ['b.000001']\nport = 3306",
        78,
        &["no such key 'port'"],
    );

    // A closed file that was cut off, in the middle and at the end of the list.
    let whole = fs::read(&paths[1]).unwrap();
    fs::write(&paths[1], &whole[..whole.len() - 30]).unwrap();
    check(&listed(&paths), 65, &["ends inside the event at", &name(1)]);
    check(
        &listed(&paths[..2]),
        65,
        &["ends inside the event at", &name(1)],
    );
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x55;
    fs::write(&paths[1], &damaged).unwrap();
    check(&listed(&paths), 65, &[&name(1)]);
    fs::write(&paths[1], "no binlog").unwrap();
    check(&listed(&paths), 65, &["is not a binlog", &name(1)]);
    let relayed = copies.path("relay.000001");
    let mut bytes = whole.clone();
    // The flag of a relay log.
    bytes[21] |= 0x40;
    fs::write(&relayed, &bytes).unwrap();
    check(&listed(&[relayed]), 65, &["is a relay log"]);
}

/// Only the last file may be one that its server is still writing.
#[test]
fn an_end_within_an_event_is_told_of_or_refused() {
    for flavour in FLAVOURS {
        let server = Server::start(flavour, &[]);
        traffic(&server);
        let last = binlogs(&server).pop().unwrap();
        let bytes = fs::read(&last).unwrap();
        let name = last.file_name().unwrap().to_str().unwrap();
        let copies = connector("");
        let copy = copies.path(name);
        fs::write(&copy, &bytes[..bytes.len() - 10]).unwrap();
        let folder = connector(&listed(std::slice::from_ref(&copy)));
        let ended = folder.succeeds(&ONCE);
        for words in [
            "the last file ends within an event",
            "ends inside the event at",
        ] {
            assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        }
        // What comes later is not missed.
        fs::write(&copy, &bytes).unwrap();
        let ended = folder.succeeds(&ONCE);
        assert!(
            !ended.stderr.contains("within an event"),
            "{}",
            ended.stderr
        );
        let whole = connector(&listed(&[copy]));
        whole.succeeds(&ONCE);
        assert_eq!(records(&folder), records(&whole));
    }
}

#[test]
fn a_file_that_changes_under_its_reader_stops_it() {
    let server = Server::start(Flavour::MySql97, &[]);
    traffic(&server);
    let last = binlogs(&server).pop().unwrap();
    let bytes = fs::read(&last).unwrap();
    let name = last.file_name().unwrap().to_str().unwrap();
    for (what, expected) in [
        ("gone", "is gone"),
        ("replaced", "is not the file"),
        ("cut", "has shrunk"),
    ] {
        let copies = connector("");
        let copy = copies.path(name);
        fs::write(&copy, &bytes).unwrap();
        let folder = connector(&listed(std::slice::from_ref(&copy)));
        let mut running = folder.start(&["run", "--http", "off", "shop.toml"]);
        running.until("the rows are there", |_| folder.changes().len() == 2);
        match what {
            "gone" => fs::remove_file(&copy).unwrap(),
            "replaced" => {
                let other = copies.path("other");
                fs::write(&other, &bytes).unwrap();
                fs::rename(&other, &copy).unwrap();
            }
            _cut => fs::OpenOptions::new()
                .write(true)
                .open(&copy)
                .unwrap()
                .set_len(200)
                .unwrap(),
        }
        let ended = running.end();
        assert_eq!(ended.code, Some(65), "{what}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{what}: {}", ended.stderr);
    }
}
