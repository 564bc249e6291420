//! The MySQL client/server protocol as a replica speaks it.
//!
//! Not a general client: it authenticates, runs the few queries that rowtap needs, and receives a binlog dump.

/// Which family a server belongs to; the binlogs of the two differ in events and GTIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// MySQL and the servers built from it.
    MySql,
    /// MariaDB.
    MariaDb,
}
