//! Another server in the source's place, and a source that is not what it was: real pairs of a source and a replica.
//!
//! Threatens whoever runs a source that fails over: groups that are lost, delivered twice, or read with another table's
//! definition.

mod candidates;
mod cuts;
mod identity;
mod load;

use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Pair, is_full};

/// How a run is told to end at the source's end.
const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A pair with a table on both, and a connector from before it that knows both.
#[track_caller]
pub fn pair(flavour: Flavour, options: &[&str]) -> (Pair, Folder) {
    let defaults = crate::definitions::stopped::default_metadata(flavour);
    let pair = Pair::start(flavour, &[defaults, options].concat());
    account(pair.source(), "u");
    if flavour.family() == rowtap::mysql::Flavour::MariaDb {
        pair.source()
            .execute("GRANT REPLICATION SLAVE ADMIN, SLAVE MONITOR ON *.* TO u@'%'");
    }
    pair.wait_until_caught_up();
    let folder = Folder::streaming(pair.source(), "u");
    let hosts = format!(
        "hosts = ['127.0.0.1:{}', '127.0.0.1:{}']\nfailover_wait_max = '2s'",
        pair.source().port(),
        pair.replica().port()
    );
    let host = format!("host = '127.0.0.1'\nport = {}", pair.source().port());
    let mut folder = folder.replacing(&host, &hosts);
    if matches!(flavour, Flavour::MySql57 | Flavour::MySql80) {
        // These have no TLS that is still spoken.
        let plain = "get_source_public_key = true\ntls = { mode = 'disabled' }\n[sink]";
        folder = folder.replacing("[sink]", plain);
    }
    folder.succeeds(&ONCE);
    pair.source()
        .execute("CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY, name VARCHAR(90))");
    (pair, folder)
}

/// The ids that were inserted into `a.t`, in the order in which they came out.
fn ids(folder: &Folder) -> Vec<i64> {
    let changes = folder.changes();
    let rows = changes.iter().filter(|it| it["source"]["table"] == "t");
    rows.map(|change| change["after"]["id"].as_i64().unwrap())
        .collect()
}
