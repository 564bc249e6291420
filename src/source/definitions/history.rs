//! The history of DDL between two places of a server's binlogs: which tables may have changed there.
//!
//! Where the stream lags, a definition that is read now holds only if no DDL on the table stands in between. To be sure,
//! every event in between is read, over a dump of its own that throws no replica out. Nothing is read twice.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use tracing::info;

use crate::binlog::{Coordinates, EventKind, Framer, Query, compressed};
use crate::change::statement::{Effect, Statement, scan_query};
use crate::change::{EngineChange, Lineage, Point};
use crate::row::TableName;
use crate::source::error::SourceError;
use crate::source::server::ServerOptions;
use crate::source::server::dump::DumpStart;
use crate::source::server::walk::DumpWalk;
use crate::source::walk::{WalkEvent, unreadable};

/// What is known of the DDL in one stretch of the binlogs of one lineage. Of a point of another lineage it tells nothing.
#[derive(Debug, Default)]
pub(in crate::source) struct History {
    lineage: Arc<Lineage>,
    read: Option<Range<Coordinates>>,
    changes: DdlChanges,
}

/// Where the last statement begins that may have changed a definition, in the binlogs of one lineage. Names are folded, as
/// some servers compare them; that can only rule out too much.
#[derive(Debug, Default)]
struct DdlChanges {
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
    /// Makes sure that the stretch between two points is read. Between points of two lineages there is none.
    ///
    /// # Errors
    /// When the server that wrote it does not give it.
    pub(in crate::source) async fn cover(
        &mut self,
        options: &ServerOptions,
        from: &Point,
        to: &Point,
    ) -> Result<(), SourceError> {
        if !from.is_of_lineage(&to.lineage) {
            return Ok(());
        }
        let stretch = from.coordinates.clone()..to.coordinates.clone();
        if !from.is_of_lineage(&self.lineage) {
            *self = Self {
                lineage: Arc::clone(&from.lineage),
                ..Self::default()
            };
        }
        let rest = match self.read.take() {
            // After the beginning of what was read, so only its end may have to be carried on.
            Some(read) if read.start <= stretch.start && stretch.start <= read.end => {
                let rest = read.end.clone()..stretch.end.clone();
                self.read = Some(read);
                rest
            }
            Some(_) | None => {
                self.changes = DdlChanges::default();
                stretch.clone()
            }
        };
        if rest.start >= rest.end {
            return Ok(());
        }
        info!(from = %rest.start, to = %rest.end, "looking for DDL ahead of the stream");
        self.changes.read(options, &self.lineage, &rest).await?;
        let start = self.read.take().map_or(rest.start, |read| read.start);
        self.read = Some(start..rest.end);
        Ok(())
    }

    /// Whether no DDL at or after `from` may have changed the table, as far as was read.
    pub(in crate::source) fn is_unchanged_since(&self, table: &TableName, from: &Point) -> bool {
        self.is_since(&self.changes.tables, table, from)
    }

    /// Whether no DDL at or after `from` may have given the table another engine, as far as was read.
    pub(in crate::source) fn keeps_engine_since(&self, table: &TableName, from: &Point) -> bool {
        self.is_since(&self.changes.engines, table, from)
    }

    /// Whether no statement at or after `from` may have given the database another default, as far as was read.
    pub(in crate::source) fn keeps_default_since(&self, database: &str, from: &Point) -> bool {
        let last = [
            self.changes.defaults.get(&*database.to_lowercase()),
            self.changes.all.as_ref(),
        ];
        self.are_before(last, from)
    }

    fn is_since(
        &self,
        tables: &HashMap<TableName, Coordinates>,
        table: &TableName,
        from: &Point,
    ) -> bool {
        let table = folded(table);
        let last = [
            tables.get(&table),
            self.changes.databases.get(&table.database),
            self.changes.all.as_ref(),
        ];
        self.are_before(last, from)
    }

    /// Whether it is known that these statements stand before a point.
    fn are_before<const N: usize>(&self, last: [Option<&Coordinates>; N], from: &Point) -> bool {
        let mut statements = last.into_iter().flatten();
        from.is_of_lineage(&self.lineage) && statements.all(|at| *at < from.coordinates)
    }
}

impl DdlChanges {
    async fn read(
        &mut self,
        options: &ServerOptions,
        lineage: &Lineage,
        stretch: &Range<Coordinates>,
    ) -> Result<(), SourceError> {
        let mut walk = DumpWalk::of(lineage, options, DumpStart::At(&stretch.start)).await?;
        while let Some(event) = walk.next().await? {
            if event.at >= stretch.start && event.at < stretch.end {
                self.note(&walk, &event)?;
            }
            if !event.frame.artificial && *walk.framer().next() >= stretch.end {
                return Ok(());
            }
        }
        Self::is_whole(walk.framer(), stretch)
    }

    /// The source ends a walk at the last event that replicas may have. Its own end may be further on for a moment.
    fn is_whole(framer: &Framer, stretch: &Range<Coordinates>) -> Result<(), SourceError> {
        if *framer.next() >= stretch.end {
            return Ok(());
        }
        Err(SourceError::Unsettled {
            at: stretch.end.clone(),
        })
    }

    fn note(&mut self, walk: &DumpWalk, event: &WalkEvent) -> Result<(), SourceError> {
        let format = walk.framer().format();
        let unpacked;
        let body = match (event.frame.header.kind, &event.body) {
            (EventKind::Query, Some(body)) => &**body,
            (EventKind::QueryCompressed, Some(body)) => {
                unpacked = compressed::plain_body(event.frame.header.kind, body, format)
                    .map_err(|error| unreadable(&event.at, error))?;
                &*unpacked
            }
            // It is too large to be read.
            (EventKind::Query | EventKind::QueryCompressed, None) => {
                self.all = Some(event.at.clone());
                return Ok(());
            }
            _other => return Ok(()),
        };
        let query = Query::parse(body, format).map_err(|error| unreadable(&event.at, error))?;
        if query.control().is_none() {
            match scan_query(&query, walk.flavour(), format) {
                Ok((statement, source)) if source.doubt.is_none() => {
                    self.statement(&statement, &source.text, &event.at);
                }
                Ok(_) | Err(_) => self.all = Some(event.at.clone()),
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: &Statement, text: &str, at: &Coordinates) {
        if let EngineChange::Some { tables, .. } = EngineChange::of(statement, text) {
            let tables = tables.into_iter().map(|table| (table, at.clone()));
            self.engines.extend(tables);
        }
        if statement.effect() == Effect::Unknown {
            self.all = Some(at.clone());
        }
        let database = statement.objects.first();
        if let Some(object) = database.filter(|_| statement.defines_database()) {
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
    use crate::change::statement;
    use crate::mysql::Flavour;

    fn at(position: u64) -> Coordinates {
        Coordinates::new("b.000001", position)
    }

    fn point(position: u64) -> Point {
        Point::new(&Arc::default(), at(position))
    }

    fn check(statement: &str, table: (&str, &str), from: u64, expected: bool) {
        let context = statement::StatementContext::new(Flavour::MySql, "9.7.0", 0);
        let mut history = History::default();
        history.changes.statement(
            &statement::scan(statement, "d", context),
            statement,
            &at(500),
        );
        assert_eq!(
            history.is_unchanged_since(&TableName::new(table.0, table.1), &point(from)),
            expected,
            "{statement}, {table:?} since {from}"
        );
    }

    #[test]
    fn an_engine_outlives_a_change_of_columns() {
        let context = statement::StatementContext::new(Flavour::MySql, "9.7.0", 0);
        let mut history = History::default();
        for (text, position) in [
            ("ALTER TABLE t ENGINE=MyISAM", 300),
            ("ALTER TABLE t ADD c INT", 500),
        ] {
            let statement = statement::scan(text, "d", context);
            history.changes.statement(&statement, text, &at(position));
        }
        let table = TableName::new("d", "t");
        assert!(!history.keeps_engine_since(&table, &point(300)));
        assert!(history.keeps_engine_since(&table, &point(301)));
        assert!(!history.is_unchanged_since(&table, &point(301)));
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

    #[test]
    fn of_a_point_in_another_lineage_nothing_is_known() {
        let history = History::default();
        let table = TableName::new("d", "t");
        let again = Arc::new(Lineage {
            incarnation: 1,
            ..Lineage::default()
        });
        let there = Point::new(&again, at(900));
        assert!(history.is_unchanged_since(&table, &point(900)));
        assert!(!history.is_unchanged_since(&table, &there));
        assert!(!history.keeps_engine_since(&table, &there));
        assert!(!history.keeps_default_since("d", &there));
    }
}
