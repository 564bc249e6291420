//! Which columns an image holds, by the setting of `binlog_row_image`: as the manuals have it, and as the servers do it
//! where the manuals are silent.

use rowtap::mysql::Flavour as Family;

use super::settings::Setting;
use super::tables::{Changes, Column, Table};
use crate::support::Flavour;

/// A flag a column: whether an image has it.
pub type Present = Vec<bool>;

/// The rules of a server under a setting.
pub struct Rules<'a> {
    pub flavour: Flavour,
    pub setting: &'a Setting,
}

impl Rules<'_> {
    fn each(table: &Table, is_present: impl Fn(usize, &Column) -> bool) -> Present {
        let columns = table.columns.iter().enumerate();
        columns
            .map(|(place, column)| is_present(place, column))
            .collect()
    }

    fn is_mariadb(&self) -> bool {
        self.flavour.family() == Family::MariaDb
    }

    /// Whether updates and deletes do without a column that is computed.
    fn is_passed_over(&self, table: &Table, column: &Column) -> bool {
        let is_computed = !column.from.is_empty() && table.changes != Changes::Versioned;
        is_computed && self.flavour == Flavour::MariaDb118
    }

    /// The image before an update or delete: all; for MINIMAL the key, and for NOBLOB what is no blob. Rows of a table
    /// without a key are whole.
    pub fn before(&self, table: &Table) -> Present {
        Self::each(table, |place, column| {
            let is_key = table.key.contains(&place);
            if self.is_passed_over(table, column) {
                return false;
            }
            match self.setting.image {
                "MINIMAL" => is_key || table.key.is_empty(),
                "NOBLOB" => is_key || table.key.is_empty() || !column.blob,
                _ => true,
            }
        })
    }

    /// The image after an update that assigned these columns: for MINIMAL they alone and what is computed from them, and
    /// for NOBLOB what is no blob, too. MariaDB computes all anew that is kept.
    pub fn updated(&self, table: &Table, assigned: &[usize]) -> Present {
        Self::each(table, |place, column| {
            let from = &column.from;
            let is_computed = match self.is_mariadb() {
                true => !from.is_empty(),
                false => from.iter().any(|from| assigned.contains(from)),
            };
            let is_written = assigned.contains(&place) || is_computed;
            if self.is_passed_over(table, column) {
                return false;
            }
            self.is_in(table, column, is_written)
        })
    }

    /// The image of an insert that lists these columns; MySQL computes all others that can be computed.
    pub fn inserted(&self, table: &Table, listed: &[usize]) -> Present {
        Self::each(table, |place, column| {
            let is_written = listed.contains(&place) || !column.from.is_empty();
            self.setting.image == "FULL_NODUP" || self.is_in(table, column, is_written)
        })
    }

    fn is_in(&self, table: &Table, column: &Column, is_written: bool) -> bool {
        // MariaDB's rows of a table without a key are whole behind a change too, and those of one with versions.
        let is_whole =
            table.changes == Changes::Versioned || self.is_mariadb() && table.key.is_empty();
        match self.setting.image {
            "MINIMAL" if self.is_mariadb() && column.is_virtual => false,
            "MINIMAL" | "FULL_NODUP" => is_written || is_whole,
            "NOBLOB" => !column.blob || is_written || is_whole,
            _ => true,
        }
    }
}
