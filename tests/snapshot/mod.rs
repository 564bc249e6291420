//! What is there already, copied before the stream: nothing is missing, and nothing comes twice, however the copy ends and
//! whatever happens beside it.

mod bars;
#[cfg(feature = "kafka")]
mod disturbed;
mod handover;
mod hidden;
#[cfg(feature = "kafka")]
mod kills;
mod load;
mod locks;
mod ordered;
#[cfg(feature = "planted-faults")]
mod planted;
mod readers;
mod records;
mod refusals;
#[cfg(feature = "kafka")]
mod settled;
mod stale;
#[cfg(feature = "kafka")]
mod topics;

use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Server, is_full};

/// What stands in place of the start at the binlog's end.
pub const FIRST: &str = "start = 'snapshot'";
const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];
const STREAM: [&str; 4] = ["run", "--http", "off", "shop.toml"];

/// Every server, or one of each family.
fn sampled() -> Vec<Flavour> {
    match is_full() {
        true => Flavour::EVERY.to_vec(),
        false => vec![Flavour::MySql97, Flavour::MariaDb1011],
    }
}

/// Every server, or this one.
#[cfg(feature = "kafka")]
fn every_or(one: Flavour) -> Vec<Flavour> {
    match is_full() {
        true => Flavour::EVERY.to_vec(),
        false => vec![one],
    }
}

/// Lets an account take a snapshot, beside what a stream needs.
pub fn may_copy(server: &Server, user: &str) {
    let grants: &[&str] = match server.flavour() {
        Flavour::MySql97 | Flavour::MySql80 => &["LOCK TABLES", "BACKUP_ADMIN"],
        Flavour::MySql57 => &["LOCK TABLES"],
        Flavour::MariaDb118 | Flavour::MariaDb1011 => &[],
    };
    for grant in grants {
        server.execute(&format!("GRANT {grant} ON *.* TO {user}@'%'"));
    }
}

/// A connector that begins with a snapshot, as an account that may do what a stream needs.
fn begin(flavour: Flavour) -> (Server, Folder) {
    begin_with(flavour, &[])
}

fn begin_with(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
    let server = Server::start(flavour, options);
    account(&server, "u");
    let folder = Folder::streaming_any(&server, "u").replacing("start = 'latest'", FIRST);
    (server, folder)
}

/// The same with tables to copy, and what lets the account do so.
fn begin_filled(flavour: Flavour) -> (Server, Folder) {
    begin_filled_with(flavour, &[])
}

fn begin_filled_with(flavour: Flavour, options: &[&str]) -> (Server, Folder) {
    let (server, folder) = begin_with(flavour, options);
    may_copy(&server, "u");
    load::fill(&server);
    (server, folder)
}
