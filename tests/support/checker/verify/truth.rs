//! What the source says that the output must agree with.

use std::collections::{BTreeMap, HashMap};

use super::super::output::TableName;
use super::super::workload::{ACCOUNT, AUDIT, JOURNAL, NOISE, Workload};
use crate::support::Server;

/// Facts that the source holds once the workload has ended.
#[derive(Debug)]
pub struct Truth {
    /// Each client's last sequence number.
    pub last_sequences: BTreeMap<u64, u64>,
    /// The columns of each table's primary key.
    pub keys: HashMap<TableName, Vec<Box<str>>>,
    /// The accounts' sum in hundredths.
    pub total: i128,
    /// The table with a row a transaction.
    pub journal: TableName,
    /// The table of accounts.
    pub account: TableName,
    /// The table that ROLLBACK does not undo.
    pub audit: TableName,
    /// The table that the connector rejects.
    pub noise: TableName,
}

impl Truth {
    /// Reads it.
    #[track_caller]
    pub fn read(source: &Server, workload: &Workload) -> Self {
        let database = &workload.database;
        let number = |cell: Option<String>| -> u64 {
            cell.and_then(|text| text.parse().ok()).expect("a number")
        };
        let last = source.query_text(&format!(
            "SELECT client, MAX(seq) FROM {database}.{JOURNAL} GROUP BY client"
        ));
        let last_sequences = last.into_iter().map(|row| {
            let mut cells = row.into_iter().map(number);
            (
                cells.next().expect("two columns"),
                cells.next().expect("two columns"),
            )
        });
        let mut keys: HashMap<TableName, Vec<Box<str>>> = HashMap::new();
        let columns = source.query_text(&format!(
            "SELECT table_name, column_name FROM information_schema.statistics \
             WHERE table_schema = '{database}' AND index_name = 'PRIMARY' ORDER BY table_name, seq_in_index"
        ));
        for row in columns {
            let mut cells = row.into_iter().map(|cell| cell.expect("a name"));
            let table = TableName::new(database, &cells.next().expect("two columns"));
            keys.entry(table)
                .or_default()
                .push(cells.next().expect("two columns").into());
        }
        Self {
            last_sequences: last_sequences.collect(),
            keys,
            total: workload.total(),
            journal: TableName::new(database, JOURNAL),
            account: TableName::new(database, ACCOUNT),
            audit: TableName::new(database, AUDIT),
            noise: TableName::new(database, NOISE),
        }
    }
}
