//! The same statements with rowtap at the server: what its journal has in the end is what information_schema has, since it
//! has read again what it could not follow.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use mysql::Conn;
use mysql::prelude::Queryable;
use rowtap::change::TableDefinition;
use rowtap::change::definition::{Belief, Schemas};
use rowtap::row::TableName;
use rowtap::state::Journal;

use super::catalogue::Catalogue;
use super::followed::{Case, Followed, full, lines};
use crate::definitions::stopped::{connector, default_metadata, succeeds};
use crate::support::checker::Connector;
use crate::support::{Flavour, Server};

#[test]
fn with_rowtap_at_a_mysql_every_table_is_known_as_it_is() {
    check(Flavour::MySql97);
}

#[test]
fn with_rowtap_at_a_mariadb_every_table_is_known_as_it_is() {
    check(Flavour::MariaDb1011);
}

#[test]
fn with_rowtap_at_other_versions_every_table_is_known_as_it_is() {
    if full() {
        for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MariaDb118] {
            check(flavour);
        }
    }
}

/// How often the statements are interrupted to compare, without and with ROWTAP_TEST_FULL.
const TIMES: (usize, usize) = (3, 30);

fn check(flavour: Flavour) {
    let server = Server::start(flavour, default_metadata(flavour));
    let connector = connector(&server, "root", "'latest'");
    succeeds(&connector);
    let mut clients = Followed::new(&server);
    let mut healing = Healing {
        observer: server.connect(),
        writer: server.connect(),
        connector,
        healed: 0,
        unwritten: BTreeSet::new(),
    };
    healing
        .writer
        .query_drop("SET sql_mode = ''")
        .expect("the server takes it");
    let times = if full() { TIMES.1 } else { TIMES.0 };
    let (mut statements, mut compared) = (0, 0);
    let all: Vec<Case> = lines().map(Case::read).collect();
    let cases: Vec<&Case> = all
        .iter()
        .filter(|case| clients.is_for(case.whose))
        .collect();
    for (index, case) in cases.iter().enumerate() {
        match clients.execute(&case.text, case.charset) {
            Ok(()) => statements += 1,
            // An older server does not know it, or a row that was written stands in its way.
            Err(mysql::Error::MySqlError(_)) => {}
            Err(error) => panic!("{flavour:?}: {}: {error}", case.text),
        }
        let is_last = index + 1 == cases.len();
        if is_last || (index + 1).is_multiple_of(cases.len().div_ceil(times)) {
            let tables = healing.compare();
            assert!(tables > 0, "{flavour:?}: no table after {}", case.text);
            compared += 1;
        }
    }
    println!(
        "{flavour:?}: {statements} statements, compared {compared} times, {} tables read again, {} not: {:?}",
        healing.healed,
        healing.unwritten.len(),
        healing.unwritten
    );
    assert!(compared > 0 && statements > 300, "{statements}");
    // Few of the statements leave a table stale.
    assert!(healing.healed + healing.unwritten.len() >= 1 && healing.unwritten.len() <= 1);
}

struct Healing {
    observer: Conn,
    writer: Conn,
    connector: Connector,
    /// Tables that were stale and are known.
    healed: usize,
    /// Tables that no row can be written to, so that nobody asks how they are defined.
    unwritten: BTreeSet<TableName>,
}

impl Healing {
    /// Lets rowtap read what there is, writes to the tables that are stale, and compares; returns how many tables it knows.
    #[track_caller]
    fn compare(&mut self) -> usize {
        succeeds(&self.connector);
        let before = stale(&journal(&self.connector));
        let catalogue = Catalogue::read(&mut self.observer);
        let wanted: Vec<&TableName> = before
            .iter()
            .filter(|table| catalogue.tables.contains_key(table))
            .collect();
        let mut written = Vec::new();
        for table in &wanted {
            if self.write(table) {
                written.push(*table);
            }
        }
        succeeds(&self.connector);
        let mut schemas = journal(&self.connector);
        fill_in_engines(&mut schemas, &catalogue);
        let differences = catalogue.differences(&schemas);
        assert!(differences.is_empty(), "{}", differences.join("\n  "));
        for table in &wanted {
            let known = matches!(schemas.get(table), Some(Belief::Known(_)));
            assert!(known || !written.contains(table), "{table} is still stale");
            self.healed += usize::from(known);
            if !known {
                self.unwritten.insert((*table).clone());
            }
        }
        schemas
            .tables()
            .filter(|(_, state)| matches!(state, Belief::Known(_)))
            .count()
    }

    /// Writes a row and takes it away again; whether that was possible.
    fn write(&mut self, table: &TableName) -> bool {
        let writer = &mut self.writer;
        let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
        let name = format!("{}.{}", quoted(&table.database), quoted(&table.table));
        let empty: Option<u64> = writer
            .query_first(format!("SELECT COUNT(*) FROM {name}"))
            .expect("the table can be read");
        let inserted = writer.query_drop(format!("INSERT IGNORE INTO {name} () VALUES ()"));
        let done = inserted.is_ok() && writer.affected_rows() > 0;
        if done && empty == Some(0) {
            writer
                .query_drop(format!("DELETE FROM {name}"))
                .expect("the row can be taken away");
        }
        done
    }
}

/// What the connector's journal ends with.
#[track_caller]
fn journal(connector: &Connector) -> Schemas {
    let state_dir: &Path = &connector.folder().join("state");
    let past = Journal::peek(state_dir, "checked", None).expect("the journal can be read");
    past.expect("there is a journal").schemas
}

/// An engine that a statement left to the session's default is not in the binlog, so that the journal does not have it.
fn fill_in_engines(schemas: &mut Schemas, catalogue: &Catalogue) {
    for (table, found) in &catalogue.tables {
        let Some(Belief::Known(believed)) = schemas.get(table) else {
            continue;
        };
        if believed.engine.is_none() {
            let mut filled = TableDefinition::clone(believed);
            filled.engine.clone_from(&found.engine);
            filled.transactional = filled.transactional.or(found.transactional);
            schemas.put(table, Arc::new(filled));
        }
    }
}

fn stale(schemas: &Schemas) -> Vec<TableName> {
    let tables = schemas.tables();
    let stale = tables.filter(|(_, state)| matches!(state, Belief::Stale(_)));
    stale.map(|(table, _)| table.clone()).collect()
}
