//! Snapshots that cannot be taken, each told with its fix.

use super::{FIRST, begin, may_copy};
use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Server};

#[test]
fn a_snapshot_that_may_not_have_a_lock_says_what_to_grant() {
    for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MySql97] {
        let (server, folder) = begin(flavour);
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        let checked = folder.run(&["check", "shop.toml"]);
        assert_eq!(checked.code, Some(69), "{}", checked.stdout);
        for words in ["may not lock tables", "GRANT LOCK TABLES ON *.* TO 'u'@'%'"] {
            assert!(checked.stdout.contains(words), "{}", checked.stdout);
        }
        folder.fails(
            69,
            &[
                "FLUSH TABLES WITH READ LOCK",
                "GRANT LOCK TABLES ON *.* TO 'u'@'%'",
            ],
        );
    }
}

#[test]
fn a_copy_without_a_lock_takes_gtids() {
    for flavour in [Flavour::MySql57, Flavour::MySql97] {
        let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
        let server = Server::start(flavour, &options);
        account(&server, "u");
        let folder = Folder::streaming_any(&server, "u")
            .replacing("start = 'latest'", FIRST)
            .replacing("[sink]", "[snapshot]\nlocking = 'none'\n[sink]");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY)");
        folder.fails(78, &["locking is \"none\"", "locking = \"auto\""]);
    }
}

#[test]
fn a_table_whose_rows_no_view_holds_still_is_named() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let (server, folder) = begin(flavour);
        may_copy(&server, "u");
        server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY) ENGINE=MyISAM");
        let checked = folder.run(&["check", "shop.toml"]);
        assert_eq!(checked.code, Some(69), "{}", checked.stdout);
        for words in ["finds none for a.t", "ALTER TABLE `a`.`t` ENGINE = InnoDB"] {
            assert!(checked.stdout.contains(words), "{}", checked.stdout);
        }
        folder.fails(69, &["a.t", "ENGINE=InnoDB"]);
        let left_out = "[filter]\nreplicate-ignore-table = 'a.t'\n[sink]";
        folder.replacing("[sink]", left_out).succeeds(&super::ONCE);
    }
}

#[test]
fn sequences_keep_no_snapshot_from_beginning() {
    let (server, folder) = begin(Flavour::MariaDb1011);
    server.execute(
        "CREATE DATABASE a; CREATE SEQUENCE a.s; CREATE SEQUENCE a.m ENGINE=MyISAM; CREATE TABLE a.t (id INT PRIMARY KEY);
         INSERT INTO a.t VALUES (1)",
    );
    let checked = folder.run(&["check", "shop.toml"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    let ended = folder.succeeds(&super::ONCE);
    for sequence in ["a.s", "a.m"] {
        let told = |line: &str| line.contains("not copied") && line.contains(sequence);
        assert!(ended.stderr.lines().any(told), "{}", ended.stderr);
    }
    let is_row = |change: &serde_json::Value| change["op"] == "r";
    let rows: Vec<_> = folder.changes().into_iter().filter(is_row).collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
}

#[test]
fn a_table_that_the_account_may_not_see_is_told() {
    const PARTLY: &str = "copies no table that the account may not see";
    let (server, folder) = begin(Flavour::MySql97);
    may_copy(&server, "u");
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.k (id INT PRIMARY KEY); CREATE TABLE a.big (id INT PRIMARY KEY);
         INSERT INTO a.k VALUES (1); INSERT INTO a.big VALUES (1), (2); REVOKE SELECT ON *.* FROM u@'%'",
    );
    let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
    let filtered = |filter: &str| {
        folder.write(&text.replace("[sink]", &format!("[filter]\n{filter}\n[sink]")));
    };
    let refused = |grant: &str| {
        let checked = folder.run(&["check", "shop.toml"]);
        assert_eq!(checked.code, Some(69), "{}", checked.stdout);
        assert!(checked.stdout.contains(grant), "{}", checked.stdout);
        folder.fails(69, &[grant]);
    };
    refused("GRANT SELECT ON *.* TO 'u'@'%'");
    server.execute("GRANT SELECT ON a.k TO u@'%'");
    filtered("replicate-do-db = 'b'");
    refused("GRANT SELECT ON `b`.* TO 'u'@'%'");
    filtered("replicate-do-table = ['a.k', 'a.big']");
    refused("GRANT SELECT ON `a`.`big` TO 'u'@'%'");
    filtered("replicate-do-db = 'a'");
    let checked = folder.run(&["check", "shop.toml"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    assert!(checked.stdout.contains(PARTLY), "{}", checked.stdout);
    // What a role lets the account see counts.
    server.execute(
        "CREATE ROLE reader; GRANT SELECT ON a.big TO reader; GRANT reader TO u@'%'; SET DEFAULT ROLE reader TO u@'%'",
    );
    filtered("replicate-do-table = ['a.k', 'a.big', 'a.k2']");
    refused("GRANT SELECT ON `a`.`k2` TO 'u'@'%'");
    filtered("replicate-do-table = ['a.k', 'a.big']");
    let ended = folder.succeeds(&super::ONCE);
    assert!(!ended.stderr.contains(PARTLY), "{}", ended.stderr);
    let is_row = |change: &serde_json::Value| change["op"] == "r";
    assert_eq!(folder.changes().into_iter().filter(is_row).count(), 3);
}

#[test]
fn wrong_keys_are_told() {
    let (_server, folder) = begin(Flavour::MariaDb118);
    for (keys, words) in [
        ("lock_wait_max = '0s'", "lock_wait_max is 0"),
        ("locking = 'some'", "locking"),
        ("rows_per_second_max = 0", "rows_per_second_max"),
        ("thread = 2", "thread"),
        ("threads = 0", "threads"),
        ("threads = 65", "use 64 or fewer"),
    ] {
        let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
        folder.write(&text.replace("[sink]", &format!("[snapshot]\n{keys}\n[sink]")));
        folder.fails(78, &[words]);
        folder.write(&text);
    }
}
