//! Files of ordered snapshots that fail: an order stays until it is taken back.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use std::fs;

use rowtap::mysql::Flavour;

use super::planted_failures::{Point, connector, run};
use super::planted_skips::{check, failed};
use crate::hostile::crafted::Crafted;
use crate::support::checker::Connector;

/// What it comes to when an order is taken back.
const CANCEL: [Point; 6] = [
    ("Open SnapshotOrders", "/snapshot-orders.json"),
    ("Read SnapshotOrders", "/snapshot-orders.json"),
    ("Create SnapshotOrders", "/snapshot-orders.json.new"),
    ("Write SnapshotOrders", "/snapshot-orders.json.new"),
    ("Sync SnapshotOrders", "/snapshot-orders.json.new"),
    ("Rename SnapshotOrders", "/snapshot-orders.json"),
];

const ORDERS: &str = r#"{"version":1,"next_id":4,"is_paused":false,"orders":[{"chosen":{"order":3,"tables":
    [{"database":"shop","table":"orders"}],"lacks_keys":false},"state":"waiting"}],"failed":[]}"#;

/// All of them.
pub fn points() -> impl Iterator<Item = &'static Point> {
    CANCEL.iter()
}

/// A connector for which a snapshot was ordered.
fn ordered() -> Connector {
    let mut connector = connector(&Crafted::new(Flavour::MySql).finish());
    let ended = run(&mut connector, None);
    assert!(ended.status.success(), "{}", ended.log);
    fs::write(connector.state().join("snapshot-orders.json"), ORDERS).unwrap();
    connector
}

#[test]
fn an_order_whose_file_fails_stays_until_it_is_taken_back() {
    for (point, path) in CANCEL {
        check(point, |failure| {
            let mut connector = ordered();
            connector.fail(Some(failure));
            let ended = connector.command(&["snapshot", "--cancel", "3"]);
            let came_to_it = failed(&ended, failure, path);
            connector.fail(None);
            let ended = connector.command(&["snapshot", "--cancel", "3"]);
            // A failure of the last step may come after it is done.
            let is_done = ended.status.success();
            assert!(
                is_done || ended.log.contains("there is no snapshot 3"),
                "{failure}: {}",
                ended.log
            );
            let ended = run(&mut connector, None);
            assert!(ended.status.success(), "{failure}: {}", ended.log);
            came_to_it
        });
    }
}
