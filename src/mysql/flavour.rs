//! The two families of servers. A file of its own, for every room names them and most take nothing else from this one.

/// Which family a server belongs to; the binlogs of the two differ in events and GTIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// MySQL and the servers built from it.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl Flavour {
    /// The family's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql => "MySQL",
            Self::MariaDb => "MariaDB",
        }
    }
}
