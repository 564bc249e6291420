//! Which server takes the source's place: one that has all that was delivered, and no other.

use std::time::Duration;

use rowtap::mysql::Flavour as Family;

use super::{ONCE, ids, pair};
use crate::commands::process::Folder;
use crate::support::{Flavour, Pair, Server, wait_until};

const WAIT_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_replica_that_has_all_takes_the_place_of_a_source_that_died() {
    for flavour in Flavour::EVERY {
        let (mut pair, folder) = pair(flavour, &[]);
        pair.source().execute(
            "INSERT INTO a.t VALUES (1, 'one'); ALTER TABLE a.t ADD COLUMN e ENUM('x', 'y') FIRST; \
             INSERT INTO a.t VALUES ('y', 2, 'two')",
        );
        folder.succeeds(&ONCE);
        pair.wait_until_caught_up();
        pair.source().kill();
        pair.promote();
        pair.source().execute(
            "INSERT INTO a.t VALUES ('x', 3, 'three'); ALTER TABLE a.t DROP COLUMN e, ADD COLUMN n INT; \
             INSERT INTO a.t VALUES (4, 'four', 40)",
        );
        let ended = folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [1, 2, 3, 4], "{flavour:?}: {}", ended.stderr);
        let last = folder.changes().pop().unwrap();
        assert_eq!(last["after"]["n"], 40, "{flavour:?}");
        // The next start goes on there, and so does one after the first server is back as a replica.
        pair.source()
            .execute("INSERT INTO a.t VALUES (5, 'five', 50)");
        folder.succeeds(&ONCE);
        pair.replica().start_again();
        if flavour.family() == Family::MariaDb {
            pair.replica().execute(&format!(
                "SET GLOBAL gtid_slave_pos = '{}'",
                pair.replica().gtid_set()
            ));
        }
        pair.follow(pair.replica(), pair.source());
        pair.source()
            .execute("INSERT INTO a.t VALUES (6, 'six', 60)");
        pair.wait_until_caught_up();
        folder.succeeds(&ONCE);
        // And back again.
        pair.source().kill();
        pair.promote();
        pair.source()
            .execute("INSERT INTO a.t VALUES (7, 'seven', 70)");
        folder.succeeds(&ONCE);
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [1, 2, 3, 4, 5, 6, 7], "{flavour:?}");
    }
}

#[test]
fn a_server_behind_the_same_name_is_one_that_took_its_place() {
    for flavour in Flavour::ALL {
        let (mut pair, folder) = pair(flavour, &[]);
        pair.source().execute("INSERT INTO a.t VALUES (1, 'one')");
        let (first, second) = (pair.source().port(), pair.replica().port());
        let hosts = format!("hosts = ['127.0.0.1:{first}', '127.0.0.1:{second}']");
        let folder = folder.replacing(&hosts, &format!("host = '127.0.0.1'\nport = {first}"));
        folder.succeeds(&ONCE);
        pair.wait_until_caught_up();
        pair.promote();
        pair.source().execute("INSERT INTO a.t VALUES (2, 'two')");
        let folder = folder.replacing(&format!("port = {first}"), &format!("port = {second}"));
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [1, 2], "{flavour:?}");
    }
}

#[test]
fn a_replica_that_is_behind_is_waited_for() {
    for flavour in Flavour::ALL {
        let (pair, folder) = pair(flavour, &[]);
        let folder = folder.replacing("failover_wait_max = '2s'", "failover_wait_max = '2m'");
        pair.wait_until_caught_up();
        pair.on_replica("STOP REPLICA SQL_THREAD");
        pair.source().execute("INSERT INTO a.t VALUES (1, 'one')");
        folder.succeeds(&ONCE);
        received(&pair);
        pair.source().kill();
        let mut running = folder.start(&ONCE);
        running.until("it waits", |it| {
            it.stderr().contains("waiting for a server")
        });
        pair.on_replica("START REPLICA SQL_THREAD");
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        pair.replica().execute("INSERT INTO a.t VALUES (2, 'two')");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [1, 2], "{flavour:?}");
    }
}

/// Waits until all that the source has stands in the replica's relay log.
#[track_caller]
fn received(pair: &Pair) {
    let source = pair.source().coordinates();
    let statement = match pair.replica().flavour() {
        Flavour::MySql97 => "SHOW REPLICA STATUS",
        _others => "SHOW SLAVE STATUS",
    };
    wait_until("the replica has received all", WAIT_MAX, || {
        let mut connection = pair.replica().connect();
        let row: Option<mysql::Row> =
            mysql::prelude::Queryable::query_first(&mut connection, statement).unwrap();
        let row = row.unwrap();
        let of = |names: [&str; 2]| {
            let value: Option<mysql::Value> = names.iter().find_map(|name| row.get(*name));
            mysql::from_value::<String>(value.unwrap())
        };
        let file = of(["Source_Log_File", "Master_Log_File"]);
        let position: u64 = of(["Read_Source_Log_Pos", "Read_Master_Log_Pos"])
            .parse()
            .unwrap();
        (file, position) >= source
    });
}

#[test]
fn a_server_that_lacks_what_was_delivered_is_refused_with_exactly_that() {
    for flavour in Flavour::ALL {
        let (mut pair, folder) = pair(flavour, &[]);
        pair.wait_until_caught_up();
        pair.on_replica("STOP REPLICA");
        let before = pair.source().gtid_set();
        pair.source().execute("INSERT INTO a.t VALUES (1, 'one')");
        pair.source().execute("INSERT INTO a.t VALUES (2, 'two')");
        folder.succeeds(&ONCE);
        let delivered = pair.source().gtid_set();
        let missing = match flavour.family() {
            Family::MySql => pair
                .source()
                .query_one(&format!("SELECT GTID_SUBTRACT('{delivered}', '{before}')"))
                .unwrap(),
            Family::MariaDb => format!("{delivered} (of domain 0 it has {before}"),
        };
        pair.source().kill();
        pair.promote();
        // Not even a write of its own: nothing replicates any more.
        folder.fails(
            69,
            &[
                &missing,
                "lacks groups that were delivered",
                "take a new start",
            ],
        );
        pair.source().execute("INSERT INTO a.t VALUES (3, 'three')");
        folder.fails(69, &[&missing, "lacks groups that were delivered"]);
        assert_eq!(ids(&folder), [1, 2], "{flavour:?}");
        // The first one is back: it has them.
        pair.replica().start_again();
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [1, 2], "{flavour:?}");
    }
}

#[test]
fn groups_that_a_candidate_has_purged_are_named() {
    let (mut pair, folder) = pair(Flavour::MySql97, &[]);
    pair.source().execute("INSERT INTO a.t VALUES (1, 'one')");
    folder.succeeds(&ONCE);
    pair.wait_until_caught_up();
    pair.source().kill();
    pair.promote();
    let before = pair.source().gtid_set();
    pair.source()
        .execute("INSERT INTO a.t VALUES (2, 'two'); FLUSH BINARY LOGS");
    let lost = pair.source().gtid_set();
    let lost = pair
        .source()
        .query_one(&format!("SELECT GTID_SUBTRACT('{lost}', '{before}')"))
        .unwrap();
    let (newest, _) = pair.source().coordinates();
    pair.source()
        .execute(&format!("PURGE BINARY LOGS TO '{newest}'"));
    // The first may come back.
    folder.fails(75, &[&lost, "has purged groups"]);
    let first = pair.replica().port();
    let folder = folder.replacing(&format!("'127.0.0.1:{first}', "), "");
    folder.fails(69, &[&lost, "has purged groups"]);
}

#[test]
fn without_gtids_no_server_takes_anothers_place() {
    let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    let [first, second] = ["--server-id=1", "--server-id=2"]
        .map(|id| Server::start(Flavour::MySql97, &[&[id][..], &options].concat()));
    for server in [&first, &second] {
        crate::commands::process::account(server, "u");
    }
    let folder = Folder::streaming(&first, "u");
    folder.succeeds(&ONCE);
    let folder = folder.replacing(
        &format!("port = {}", first.port()),
        &format!("port = {}", second.port()),
    );
    folder.fails(
        69,
        &[
            "without GTIDs no change of server can be followed",
            "SET GLOBAL gtid_mode = OFF_PERMISSIVE, ON_PERMISSIVE and ON",
        ],
    );
    // A server with GTIDs that has none of the connector's is no better.
    let third = Server::start(Flavour::MySql97, &["--server-id=3"]);
    crate::commands::process::account(&third, "u");
    let folder = folder.replacing(
        &format!("port = {}", second.port()),
        &format!("port = {}", third.port()),
    );
    folder.fails(69, &["the connector has seen no GTID yet"]);
}

#[test]
fn a_server_that_shares_no_history_is_another_source() {
    for flavour in Flavour::ALL {
        let (pair, folder) = pair(flavour, &[]);
        folder.succeeds(&ONCE);
        let stranger = Server::start(flavour, &["--server-id=9"]);
        crate::commands::process::account(&stranger, "u");
        let hosts = format!(
            "hosts = ['127.0.0.1:{}', '127.0.0.1:{}']",
            pair.source().port(),
            pair.replica().port()
        );
        let other = format!("host = '127.0.0.1'\nport = {}", stranger.port());
        let folder = folder.replacing(&hosts, &other);
        folder.fails(65, &["the checkpoint belongs to source", "but this is"]);
    }
}

#[test]
fn a_replica_that_does_not_log_what_it_replicates_is_no_source() {
    for (flavour, option) in [
        (Flavour::MySql97, "--log-replica-updates=OFF"),
        (Flavour::MariaDb1011, "--log-slave-updates=OFF"),
    ] {
        let (pair, folder) = pair(flavour, &[option]);
        pair.source().execute("INSERT INTO a.t VALUES (1, 'one')");
        folder.succeeds(&ONCE);
        pair.wait_until_caught_up();
        let replica = format!("host = '127.0.0.1'\nport = {}", pair.replica().port());
        let hosts = format!(
            "hosts = ['127.0.0.1:{}', '127.0.0.1:{}']",
            pair.source().port(),
            pair.replica().port()
        );
        let folder = folder.replacing(&hosts, &replica);
        folder.fails(
            69,
            &[
                "does not log what it replicates",
                "log_replica_updates = ON",
            ],
        );
    }
}

#[test]
fn a_prepared_xa_transaction_is_delivered_where_it_is_committed() {
    for flavour in Flavour::ALL {
        let (mut pair, folder) = pair(flavour, &[]);
        pair.source().execute(
            "USE a; XA START 'one'; INSERT INTO t VALUES (1, 'one'); XA END 'one'; XA PREPARE 'one'",
        );
        pair.source().execute(
            "USE a; XA START 'two'; INSERT INTO t VALUES (2, 'two'); XA END 'two'; XA PREPARE 'two'",
        );
        pair.source().execute("INSERT INTO a.t VALUES (3, 'three')");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [3], "{flavour:?}");
        pair.wait_until_caught_up();
        pair.source().kill();
        pair.promote();
        pair.source().execute("INSERT INTO a.t VALUES (4, 'four')");
        folder.succeeds(&ONCE);
        pair.source().execute("XA COMMIT 'one'; XA ROLLBACK 'two'");
        folder.succeeds(&ONCE);
        assert_eq!(ids(&folder), [3, 4, 1], "{flavour:?}");
    }
}
