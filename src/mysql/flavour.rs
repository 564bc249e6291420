//! The two families of servers, and their versions. A file of its own, for every room names them and most take nothing else from this one.

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

    /// The family's name in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::MariaDb => "mariadb",
        }
    }
}

/// A version's first three numbers, read as the servers read them: a text in the place of a number counts as 0.
pub(crate) fn version_numbers(version: &str) -> [u32; 3] {
    let mut numbers = [0_u32; 3];
    for (slot, part) in numbers.iter_mut().zip(version.split('.')) {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .map_or(part, |end| part.split_at(end).0);
        *slot = digits.parse().unwrap_or(0);
    }
    numbers
}
