//! A start at the binlog's end while XA transactions are prepared there.

use super::events::ONCE;
use super::process::{Folder, account};
use super::xa::{created, prepares, values};
use crate::support::{Flavour, Server};

const STREAM: [&str; 4] = ["run", "--http", "off", "shop.toml"];

/// A server with an account that sees prepared transactions, and a folder whose stream begins at the end.
fn begin(flavour: Flavour) -> (Server, Folder) {
    let server = Server::start(flavour, &[]);
    account(&server, "u");
    if matches!(flavour, Flavour::MySql80 | Flavour::MySql97) {
        server.execute("GRANT XA_RECOVER_ADMIN ON *.* TO u@'%'");
    }
    server.execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, name VARCHAR(90))");
    let mut folder = Folder::streaming(&server, "u");
    if matches!(flavour, Flavour::MySql57 | Flavour::MySql80) {
        // These have no TLS that is still spoken.
        let disabled = "get_source_public_key = true\ntls = { mode = 'disabled' }\n[sink]";
        folder = folder.replacing("[sink]", disabled);
    }
    (server, folder)
}

#[test]
fn what_nobody_decides_on_is_listed_by_its_id() {
    for flavour in Flavour::EVERY {
        let (server, folder) = begin(flavour);
        let long = "fe".repeat(64);
        let names = [
            format!("X'{long}',X'{long}',2147483647"),
            "X'0027225cff',X'00',7".to_owned(),
            "X'3078',X'',1".to_owned(),
        ];
        for (index, name) in names.iter().enumerate() {
            prepares(
                &server,
                name,
                &format!("INSERT INTO t VALUES ({index}, 'x')"),
            );
        }
        let folder = folder.replacing("[sink]", "xa_wait_max = '200ms'\n[sink]");
        let mut expected = names.each_ref().map(String::as_str).to_vec();
        expected.extend(["within 200ms", "XA COMMIT or XA ROLLBACK", "xa_wait_max"]);
        folder.fails(69, &expected);
        let folder = folder.replacing("xa_wait_max = '200ms'", "xa_wait_max = '0s'");
        folder.succeeds(&ONCE);
        server.execute(&format!("XA ROLLBACK {}; XA COMMIT {}", names[0], names[1]));
        folder.fails(65, &["X'0027225cff',X'00',7", "xa_missing"]);
    }
}

#[test]
fn what_is_prepared_at_first_is_waited_for_and_what_is_prepared_meanwhile_comes_out() {
    for flavour in Flavour::EVERY {
        let (server, folder) = begin(flavour);
        if flavour == Flavour::MySql97 {
            server.execute("SET GLOBAL binlog_transaction_compression = ON");
        }
        prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
        let mut running = folder.start(&STREAM);
        running.until("it waits", |running| {
            running.stderr().contains("XA transactions are prepared")
        });
        prepares(&server, "'two'", "INSERT INTO t VALUES (2, 'two')");
        prepares(&server, "'three'", "INSERT INTO t VALUES (3, 'three')");
        prepares(&server, "'four'", "INSERT INTO t VALUES (4, 'four')");
        server.execute("XA COMMIT 'three'; XA COMMIT 'one'");
        running.until("it streams", |running| {
            running.stderr().contains("replication started")
        });
        server.execute("INSERT INTO a.t VALUES (5, 'five'); XA COMMIT 'two'; XA ROLLBACK 'four'");
        running.until("all came", |_| values(&folder).len() == 2);
        running.signal("TERM");
        assert_eq!(running.end().code, Some(0));
        assert_eq!(values(&folder), created(&[5, 2]), "{flavour:?}");
    }
}

#[test]
fn an_account_that_may_not_see_them_is_told_what_to_grant() {
    let (server, folder) = begin(Flavour::MySql97);
    server.execute("REVOKE XA_RECOVER_ADMIN ON *.* FROM u@'%'");
    prepares(&server, "'one'", "INSERT INTO t VALUES (1, 'one')");
    let ended = folder.succeeds(&ONCE);
    let told = "GRANT XA_RECOVER_ADMIN ON *.* TO 'u'@'%'";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    server.execute("XA COMMIT 'one'");
    folder.fails(65, &["X'6f6e65',X'',1", "xa_missing"]);
}
