//! Connectors that begin where a backup or a replica stood, under load: the backup's rows and the changes that follow make the
//! source's rows, each change just once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mysql::prelude::Queryable as _;
use rowtap::mysql::Flavour as Family;
use serde_json::Value;

use super::events::ONCE;
use super::process::{Folder, account, source};
use crate::support::{Flavour, Server, cache, wait_until};

const WAIT_MAX: Duration = Duration::from_secs(60);

type Rows = BTreeMap<i64, String>;

fn rows(server: &Server) -> Rows {
    let rows = server.query_text("SELECT id, v FROM shop.t");
    let row = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        (
            cells.next().unwrap().parse().unwrap(),
            cells.next().unwrap(),
        )
    };
    rows.into_iter().map(row).collect()
}

/// A source with GTIDs or without, and its account.
fn prepare(flavour: Flavour, options: &[&str]) -> Server {
    let server = Server::start(flavour, options);
    account(&server, "u");
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(99))");
    server.execute("INSERT INTO shop.t (v) VALUES ('first'), ('second'), ('third')");
    server
}

/// Does something while two clients write, in the middle of it all.
fn under_load<T>(server: &Server, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    let last = || -> i64 {
        let id = server.query_one("SELECT MAX(id) FROM shop.t");
        id.unwrap().parse().unwrap()
    };
    let grown = |by: i64| {
        let from = last();
        wait_until("the clients have written", WAIT_MAX, || last() >= from + by);
    };
    std::thread::scope(|scope| {
        for client in 0..2 {
            let stop = &stop;
            scope.spawn(move || {
                let mut connection = server.connect();
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    for sql in [
                        format!("INSERT INTO shop.t (v) VALUES ('{client}-{n}'), ('{client}-{n}b')"),
                        format!("UPDATE shop.t SET v = CONCAT(v, '{client}') WHERE id % 7 = {client} AND LENGTH(v) < 20"),
                        format!("DELETE FROM shop.t WHERE id % 5 = {client} AND LENGTH(v) > 9 LIMIT 1"),
                    ] {
                        if let Err(error) = connection.query_drop(&sql) {
                            assert!(error.to_string().contains("Deadlock"), "{sql}: {error}");
                        }
                    }
                }
            });
        }
        // A failed assertion ends the clients too.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _stop = Stop(&stop);
        grown(40);
        let done = work();
        grown(40);
        done
    })
}

/// A connector that begins where a file says.
fn starting_from(server: &Server, file: &Path) -> Folder {
    let plain = match server.flavour() {
        // These have no TLS that is still spoken.
        Flavour::MySql57 | Flavour::MySql80 => {
            "get_source_public_key = true\ntls = { mode = 'disabled' }\n"
        }
        Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => "",
    };
    let start = format!("{plain}start = {{ from = '{}' }}", file.display());
    Folder::new(&source(server.port(), "u").replace("start = 'latest'", &start))
}

/// Changes the rows as the output says, each change from the row that is there.
fn apply(mut rows: Rows, changes: &[Value]) -> Rows {
    let row = |image: &Value| {
        (
            image["id"].as_i64().unwrap(),
            image["v"].as_str().unwrap().to_owned(),
        )
    };
    for change in changes.iter().filter(|it| it["source"]["table"] == "t") {
        if !change["before"].is_null() {
            let (id, v) = row(&change["before"]);
            assert_eq!(rows.remove(&id), Some(v), "{change}");
        }
        if !change["after"].is_null() {
            let (id, v) = row(&change["after"]);
            assert_eq!(rows.insert(id, v), None, "{change}");
        }
    }
    rows
}

/// Streams from where the file says, in two runs, and compares.
#[track_caller]
fn check(server: &Server, file: &Path, base: Rows, by: &str) {
    let folder = starting_from(server, file);
    let begun = folder.succeeds(&ONCE);
    let told = begun
        .stderr
        .lines()
        .find(|line| line.contains("start read from a file"));
    let told = told.unwrap_or_else(|| panic!("{}", begun.stderr));
    assert!(told.contains(by), "{told}");
    let first = folder.changes().len();
    assert!(first > 40, "{first} changes");
    server.execute("INSERT INTO shop.t (v) VALUES ('last')");
    // Where it goes on by GTID set it does so without the file.
    fs::remove_file(file).unwrap();
    folder.succeeds(&ONCE);
    assert_eq!(folder.changes().len(), first + 1);
    assert!(!base.is_empty());
    assert_eq!(
        apply(base, &folder.changes()),
        rows(server),
        "{}",
        file.display()
    );
}

fn dump(server: &Server, options: &[&str], to: &Path) {
    let (folder, name) = match server.flavour() {
        Flavour::MySql97 | Flavour::MySql80 => ("mysql-9.7", "mysqldump"),
        Flavour::MySql57 | Flavour::MariaDb1011 => ("mariadb-10.11", "mariadb-dump"),
        Flavour::MariaDb118 => ("mariadb-11.8", "mariadb-dump"),
    };
    let output = Command::new(cache().join(folder).join("bin").join(name))
        .arg("--user=root")
        .arg(format!("--socket={}", server.socket().display()))
        .args(["--single-transaction", "--databases", "shop"])
        .args(options)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    fs::write(to, output.stdout).unwrap();
}

/// The rows that a dump leaves in an empty server.
fn restored(flavour: Flavour, file: &Path) -> Rows {
    let server = Server::start(flavour, &["--server-id=9"]);
    server.execute(match flavour {
        Flavour::MySql97 => "RESET BINARY LOGS AND GTIDS",
        Flavour::MySql80 | Flavour::MySql57 | Flavour::MariaDb118 | Flavour::MariaDb1011 => {
            "RESET MASTER"
        }
    });
    let output = Command::new(flavour.client())
        .arg("--user=root")
        .arg(format!("--socket={}", server.socket().display()))
        .stdin(Stdio::from(File::open(file).unwrap()))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    rows(&server)
}

fn dumps(flavour: Flavour, server_options: &[&str], cases: &[(&[&str], &str)]) {
    let server = prepare(flavour, server_options);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dump.sql");
    for (options, by) in cases {
        under_load(&server, || dump(&server, options, &file));
        let base = restored(flavour, &file);
        check(&server, &file, base, by);
    }
}

#[test]
fn a_dump_of_mysql_and_what_follows_it_are_the_source() {
    let cases: [(&[&str], &str); 3] = [
        (&["--source-data=1"], "its GTID set"),
        (
            &["--source-data=2", "--set-gtid-purged=OFF"],
            "its coordinates",
        ),
        (&["--set-gtid-purged=ON"], "its GTID set"),
    ];
    dumps(Flavour::MySql97, &[], &cases);
    let off = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    dumps(
        Flavour::MySql97,
        &off,
        &[(&["--source-data=2"], "its coordinates")],
    );
    if std::env::var_os("ROWTAP_TEST_FULL").is_some() {
        dumps(Flavour::MySql80, &[], &cases);
    }
}

#[test]
fn a_dump_by_mariadb_dump_and_what_follows_it_are_the_source() {
    let cases: [(&[&str], &str); 2] = [
        (&["--master-data=1", "--gtid"], "its coordinates"),
        (&["--master-data=2"], "its coordinates"),
    ];
    dumps(Flavour::MariaDb1011, &[], &cases);
    if std::env::var_os("ROWTAP_TEST_FULL").is_some() {
        dumps(Flavour::MariaDb118, &[], &cases);
        dumps(Flavour::MySql57, &[], &cases[1..]);
    }
}

#[test]
fn the_info_file_of_a_backup_and_what_follows_it_are_the_source() {
    for flavour in Flavour::ALL {
        let server = prepare(flavour, &[]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("xtrabackup_binlog_info");
        // As the backup programs do it: nobody writes while they look.
        let base = under_load(&server, || {
            let mut lock = server.connect();
            lock.query_drop("FLUSH TABLES WITH READ LOCK").unwrap();
            let (name, position) = server.coordinates();
            let set = server.gtid_set().replace(',', ",\n");
            fs::write(&file, format!("{name}\t{position}\t{set}\n")).unwrap();
            rows(&server)
        });
        check(&server, &file, base, "its GTID set");
    }
}

/// What a replica leaves where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Status,
    AllStatus,
    RelayLogInfo,
    Dump,
}

/// A replica that follows the source from its beginning.
fn replica(server: &Server) -> Server {
    let flavour = server.flavour();
    let files = [
        "--master-info-repository=FILE",
        "--relay-log-info-repository=FILE",
    ];
    let own: &[&str] = match flavour {
        Flavour::MySql80 | Flavour::MySql57 => &files,
        Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => &[],
    };
    let replica = Server::start(flavour, &[&["--server-id=2"], own].concat());
    let port = server.port();
    replica.execute(&match flavour {
        Flavour::MySql97 => format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root', \
             SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
        ),
        Flavour::MySql80 => format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', MASTER_AUTO_POSITION=1, \
             GET_MASTER_PUBLIC_KEY=1; START SLAVE"
        ),
        Flavour::MySql57 => format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', MASTER_AUTO_POSITION=1; \
             START SLAVE"
        ),
        Flavour::MariaDb118 | Flavour::MariaDb1011 => format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', MASTER_USE_GTID=no; START SLAVE"
        ),
    });
    replica
}

fn leave(replica: &Server, left: Left, folder: &Path) -> std::path::PathBuf {
    let status = |sql: &str| {
        let file = folder.join("status.txt");
        let text = replica.client(&["--vertical"], sql);
        fs::write(&file, text).unwrap();
        file
    };
    match left {
        Left::Status if replica.flavour() == Flavour::MySql97 => status("SHOW REPLICA STATUS"),
        Left::Status => status("SHOW SLAVE STATUS"),
        Left::AllStatus => status("SHOW ALL SLAVES STATUS"),
        Left::RelayLogInfo => {
            for name in ["relay-log.info", "master.info"] {
                fs::copy(replica.datadir().join(name), folder.join(name)).unwrap();
            }
            folder.join("relay-log.info")
        }
        Left::Dump => {
            let file = folder.join("dump.sql");
            let option = match replica.flavour().family() {
                Family::MySql => "--dump-replica=2",
                Family::MariaDb => "--dump-slave=2",
            };
            dump(replica, &[option], &file);
            file
        }
    }
}

fn replicas(flavour: Flavour, cases: &[(Left, &str)]) {
    let server = prepare(flavour, &[]);
    let replica = replica(&server);
    wait_until("the replica has begun", WAIT_MAX, || {
        let count = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'";
        replica.query_one(count).as_deref() == Some("1") && !rows(&replica).is_empty()
    });
    let stop = match flavour {
        Flavour::MySql97 => "REPLICA SQL_THREAD",
        Flavour::MySql80 | Flavour::MySql57 | Flavour::MariaDb118 | Flavour::MariaDb1011 => {
            "SLAVE SQL_THREAD"
        }
    };
    for (left, by) in cases {
        let dir = tempfile::tempdir().unwrap();
        let (file, base) = under_load(&server, || {
            let before = rows(&replica);
            wait_until("the replica applies", WAIT_MAX, || rows(&replica) != before);
            replica.execute(&format!("STOP {stop}"));
            // A dump starts the thread again.
            let base = rows(&replica);
            (leave(&replica, *left, dir.path()), base)
        });
        check(&server, &file, base, by);
        replica.execute(&format!("START {stop}"));
    }
}

#[test]
fn where_a_mysql_replica_stood_and_what_follows_it_are_the_source() {
    let (set, at) = ("its GTID set", "its coordinates");
    replicas(Flavour::MySql97, &[(Left::Status, set), (Left::Dump, set)]);
    replicas(Flavour::MySql57, &[(Left::RelayLogInfo, at)]);
    if std::env::var_os("ROWTAP_TEST_FULL").is_some() {
        replicas(Flavour::MySql57, &[(Left::Status, set)]);
        replicas(
            Flavour::MySql80,
            &[
                (Left::Status, set),
                (Left::RelayLogInfo, at),
                (Left::Dump, set),
            ],
        );
    }
}

#[test]
fn where_a_mariadb_replica_stood_and_what_follows_it_are_the_source() {
    let (set, at) = ("its GTID set", "its coordinates");
    replicas(
        Flavour::MariaDb1011,
        &[(Left::Status, at), (Left::RelayLogInfo, at)],
    );
    if std::env::var_os("ROWTAP_TEST_FULL").is_some() {
        let all = [
            (Left::Status, at),
            (Left::AllStatus, set),
            (Left::RelayLogInfo, at),
            (Left::Dump, at),
        ];
        replicas(Flavour::MariaDb1011, &all);
        replicas(Flavour::MariaDb118, &all);
    }
}

#[test]
fn a_file_of_another_server_is_refused() {
    let mysql = prepare(Flavour::MySql97, &[]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let own = mysql.query_one("SELECT @@server_uuid").unwrap();
    for (text, code, part) in [
        (
            "binlog.000001\t4\t0-1-5\n",
            78,
            "it is of a MariaDB server, but the source is MySQL",
        ),
        (
            "-- Server version\t11.8.9-MariaDB-4\n-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000001', MASTER_LOG_POS=4;\nUSE a;\n",
            78,
            "it is of a MariaDB server",
        ),
        (
            &*format!(
                "25\nbinlog.000001\n157\nh\nu\n\n3306\n60\n0\n\n\n\n\n\n0\n30.000\n\n0\n{uuid}\n86400\n\n\n0\n\n\n"
            ),
            78,
            uuid,
        ),
        ("binlog.000001\t5", 65, "it was cut"),
        ("binlog.000001\t99999999\n", 78, "after the file's end"),
        (
            "other.000001\t157\n",
            78,
            "the source has no binlog other.000001",
        ),
        (
            &*format!("binlog.000001\t157\t{uuid}:1-5\n"),
            65,
            "the source has none of the groups",
        ),
        (&*format!("binlog.000001\t157\t{own}:1,{uuid}:1-5\n"), 0, ""),
    ] {
        fs::write(&file, text).unwrap();
        let folder = starting_from(&mysql, &file);
        match code {
            // Groups of other servers may be in a set that is a replica's.
            0 => {
                folder.succeeds(&ONCE);
                folder.succeeds(&ONCE);
            }
            code => folder.fails(code, &[part]),
        }
    }
    let off = prepare(
        Flavour::MySql97,
        &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"],
    );
    fs::write(&file, format!("SET GLOBAL gtid_purged='{uuid}:1-5';\n")).unwrap();
    starting_from(&off, &file).fails(78, &["gtid_mode is not ON"]);
}
