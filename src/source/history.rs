//! Which tables a DDL may have changed between two places of the source's binlog.
//!
//! A definition read now holds for a place behind which the stream has fallen only if no DDL on the table stands between
//! the two. Every event in between is read to be sure, over a dump of its own that throws no replica out; what was read
//! once is not read again.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tracing::info;

use super::dump::{self, Begin, Reader};
use super::session::Session;
use super::start_option::FIRST_POSITION;
use super::{Options, SourceError};
use crate::binlog::{Coordinates, EventKind, Framer, Query, compressed};
use crate::change::EngineChange;
use crate::change::ddl::{self, Effect, Statement, StatementKind};
use crate::mysql::Flavour;
use crate::row::TableName;

/// What is known of the DDL in one stretch of the binlog.
#[derive(Debug, Default)]
pub(super) struct History {
    read: Option<Range<Coordinates>>,
    changes: Changes,
}

/// Where the last statement begins that may have changed a definition. Names are folded, for a server may compare them so:
/// that can only rule out too much.
#[derive(Debug, Default)]
struct Changes {
    tables: HashMap<TableName, Coordinates>,
    databases: HashMap<Box<str>, Coordinates>,
    /// Databases that were made, dropped, or given another default character set.
    defaults: HashMap<Box<str>, Coordinates>,
    /// A statement that could not be followed may have changed any table.
    all: Option<Coordinates>,
    /// Of the changed tables, those that may have got another engine.
    engines: HashMap<TableName, Coordinates>,
}

impl History {
    /// Makes sure that the stretch between the two places is read.
    ///
    /// # Errors
    /// When the source does not give it.
    pub(super) async fn cover(
        &mut self,
        options: &Options,
        stretch: Range<Coordinates>,
    ) -> Result<(), SourceError> {
        let rest = match self.read.take() {
            // Behind the beginning of what was read, so only its end may have to be carried on.
            Some(read) if read.start <= stretch.start && stretch.start <= read.end => {
                let rest = read.end.clone()..stretch.end.clone();
                self.read = Some(read);
                rest
            }
            Some(_) | None => {
                self.changes = Changes::default();
                stretch.clone()
            }
        };
        if rest.start >= rest.end {
            return Ok(());
        }
        info!(from = %rest.start, to = %rest.end, "looking for DDL ahead of the stream");
        self.changes.read(options, &rest).await?;
        let start = self.read.take().map_or(rest.start, |read| read.start);
        self.read = Some(start..rest.end);
        Ok(())
    }

    /// Whether no DDL at or behind `from` may have changed the table, as far as was read.
    pub(super) fn is_unchanged_since(&self, table: &TableName, from: &Coordinates) -> bool {
        self.is_since(&self.changes.tables, table, from)
    }

    /// Whether no DDL at or behind `from` may have given the table another engine, as far as was read.
    pub(super) fn keeps_engine_since(&self, table: &TableName, from: &Coordinates) -> bool {
        self.is_since(&self.changes.engines, table, from)
    }

    /// Whether no statement at or behind `from` may have given the database another default, as far as was read.
    pub(super) fn keeps_default_since(&self, database: &str, from: &Coordinates) -> bool {
        let last = [
            self.changes.defaults.get(&*database.to_lowercase()),
            self.changes.all.as_ref(),
        ];
        last.into_iter().flatten().all(|at| at < from)
    }

    fn is_since(
        &self,
        tables: &HashMap<TableName, Coordinates>,
        table: &TableName,
        from: &Coordinates,
    ) -> bool {
        let table = folded(table);
        let last = [
            tables.get(&table),
            self.changes.databases.get(&table.database),
            self.changes.all.as_ref(),
        ];
        last.into_iter().flatten().all(|at| at < from)
    }
}

impl Changes {
    async fn read(
        &mut self,
        options: &Options,
        stretch: &Range<Coordinates>,
    ) -> Result<(), SourceError> {
        let session = Session::open(options).await?;
        let flavour = session.server().flavour;
        // A position of 4 GiB or more cannot be asked for; the file's beginning can.
        let start = match u32::try_from(stretch.start.position) {
            Ok(_) => stretch.start.clone(),
            Err(_) => Coordinates::new(Arc::clone(&stretch.start.file), FIRST_POSITION),
        };
        let mut framer = Framer::new(start.clone());
        let mut stream = dump::start(session, options, Begin::At(&start), Reader::Look).await?;
        while let Some(arrived) = stream.next().await? {
            for range in arrived.events {
                let event = arrived
                    .buffer
                    .slice(range.start as usize..range.end as usize);
                if self.note(&mut framer, &event, flavour, stretch)? {
                    return Ok(());
                }
            }
        }
        Self::is_whole(&framer, stretch)
    }

    /// The source ends a look at the last event that replicas may have; what it has counted beyond may come in a moment.
    fn is_whole(framer: &Framer, stretch: &Range<Coordinates>) -> Result<(), SourceError> {
        if *framer.next() >= stretch.end {
            return Ok(());
        }
        Err(SourceError::Unsettled {
            at: stretch.end.clone(),
        })
    }

    /// Takes an event; `true` when the stretch's end is reached.
    fn note(
        &mut self,
        framer: &mut Framer,
        event: &Bytes,
        flavour: Flavour,
        stretch: &Range<Coordinates>,
    ) -> Result<bool, SourceError> {
        let before = framer.next().clone();
        let unreadable = |error: crate::binlog::BinlogError| SourceError::Unreadable {
            at: before.clone(),
            source: error.into(),
        };
        let frame = framer.frame(event).map_err(unreadable)?;
        let at = Coordinates::new(Arc::clone(&before.file), frame.start);
        if at >= stretch.start && at < stretch.end {
            let body = event.get(frame.body.clone()).unwrap_or_default();
            let unpacked;
            let body = match frame.header.kind {
                EventKind::Query => Some(body),
                EventKind::QueryCompressed => {
                    unpacked = compressed::plain_body(frame.header.kind, body, framer.format())
                        .map_err(unreadable)?;
                    Some(&*unpacked)
                }
                _other => None,
            };
            if let Some(body) = body {
                let query = Query::parse(body, framer.format()).map_err(unreadable)?;
                if query.control().is_none() {
                    self.query(&query, framer.format().server_version(), flavour, &at);
                }
            }
        }
        Ok(!frame.artificial && *framer.next() >= stretch.end)
    }

    fn query(&mut self, query: &Query<'_>, version: &str, flavour: Flavour, at: &Coordinates) {
        let texts = (
            std::str::from_utf8(query.statement),
            std::str::from_utf8(query.database),
        );
        let (Ok(statement), Ok(database)) = texts else {
            self.all = Some(at.clone());
            return;
        };
        let context = ddl::Context::new(flavour, version, query.sql_mode.unwrap_or_default());
        self.statement(&ddl::scan(statement, database, context), statement, at);
    }

    fn statement(&mut self, statement: &Statement, text: &str, at: &Coordinates) {
        if let EngineChange::Some { tables, .. } = EngineChange::of(statement, text) {
            let tables = tables.into_iter().map(|table| (table, at.clone()));
            self.engines.extend(tables);
        }
        if statement.effect() == Effect::Unknown {
            self.all = Some(at.clone());
        }
        let defines_database = matches!(
            statement.kind,
            StatementKind::CreateDatabase
                | StatementKind::AlterDatabase
                | StatementKind::DropDatabase
        );
        if let Some(object) = statement.objects.first().filter(|_| defines_database) {
            let database = object.name.database.to_lowercase().into();
            self.defaults.insert(database, at.clone());
        }
        for table in statement.redefined_tables() {
            self.tables.insert(folded(table), at.clone());
        }
        if let Some(database) = statement.dropped_database() {
            self.databases
                .insert(database.to_lowercase().into(), at.clone());
        }
    }
}

fn folded(table: &TableName) -> TableName {
    TableName::new(table.database.to_lowercase(), table.table.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Coordinates {
        Coordinates::new("b.000001", position)
    }

    fn check(statement: &str, table: (&str, &str), from: u64, expected: bool) {
        let context = ddl::Context::new(Flavour::MySql, "9.7.0", 0);
        let mut history = History::default();
        history
            .changes
            .statement(&ddl::scan(statement, "d", context), statement, &at(500));
        assert_eq!(
            history.is_unchanged_since(&TableName::new(table.0, table.1), &at(from)),
            expected,
            "{statement}, {table:?} since {from}"
        );
    }

    #[test]
    fn an_engine_outlives_a_change_of_columns() {
        let context = ddl::Context::new(Flavour::MySql, "9.7.0", 0);
        let mut history = History::default();
        for (text, position) in [
            ("ALTER TABLE t ENGINE=MyISAM", 300),
            ("ALTER TABLE t ADD c INT", 500),
        ] {
            let statement = ddl::scan(text, "d", context);
            history.changes.statement(&statement, text, &at(position));
        }
        let table = TableName::new("d", "t");
        assert!(!history.keeps_engine_since(&table, &at(300)));
        assert!(history.keeps_engine_since(&table, &at(301)));
        assert!(!history.is_unchanged_since(&table, &at(301)));
    }

    #[test]
    fn a_table_is_unchanged_where_every_ddl_on_it_stands_before() {
        check("ALTER TABLE t ADD c INT", ("d", "t"), 500, false);
        check("ALTER TABLE t ADD c INT", ("d", "t"), 501, true);
        check("ALTER TABLE t ADD c INT", ("d", "u"), 4, true);
        check("ALTER TABLE T ADD c INT", ("d", "t"), 4, false);
        check("RENAME TABLE t TO e.u", ("e", "u"), 4, false);
        check("RENAME TABLE t TO e.u", ("d", "t"), 4, false);
        check("DROP DATABASE D", ("d", "t"), 4, false);
        check("TRUNCATE TABLE t", ("d", "t"), 4, true);
        check("FROBNICATE THE TABLES", ("d", "t"), 4, false);
        check("FROBNICATE THE TABLES", ("d", "t"), 501, true);
    }
}
