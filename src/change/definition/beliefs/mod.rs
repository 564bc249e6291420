//! What each table's definition is believed to be at the stream's place.
//!
//! The belief comes, in order of trust, from the journal and the statements of the binlog, which are followed from there
//! on, and from readings of information_schema. A reading was true at some moment between two points of its server's binlogs:
//! it becomes a belief only where nothing can have changed the table between that moment and the group that needs it.
//! Where there is no belief, it is asked for; without an answer the stream stops rather than guess.
//!
//! The stream's coordinates are those of one lineage of binlogs. A reading of another one serves no group and is ruled out by
//! none; it stays a guess until the source is asked.
//!
//! Names of tables in DDL and readings are compared in lower case, for a server may do so: that can only rule out too much.

use std::collections::HashMap;
use std::sync::Arc;

use crate::binlog::Coordinates;
use crate::change::definition::labels::{doubting, doubting_replaced, has_doubtful};
use crate::change::definition::lineage::{Lineage, Point};
use crate::change::definition::revision::Revision;
use crate::change::definition::schemas::{
    Belief, Change, Facts, Reason, Schemas, TemporaryTables, apply_statement,
};
use crate::change::definition::table::{ColumnDefinition, Definition, TableDefinition};
use crate::change::statement::{Effect, GAP, Statement, StatementKind};
use crate::row::TableName;

/// What `DROP TABLE` fails with where it names a table that is not there.
const NO_SUCH_TABLE: u16 = 1051;

/// The beliefs, what they may yet come from, and what of them the journal has not been told.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Whose binlogs the stream reads.
    lineage: Arc<Lineage>,
    believed: Schemas,
    /// Readings that no group has needed yet, or that lie ahead of the stream.
    read: HashMap<TableName, Definition>,
    /// Definitions that were proven for places ahead before the stream started again at an earlier place.
    proven: Vec<Revision>,
    changed: HashMap<TableName, Point>,
    databases_changed: HashMap<Box<str>, Point>,
    /// Where the last statement stands that may have changed any table.
    all_changed: Option<Point>,
    /// A belief turned out wrong, so that others got in the same way may be.
    was_wrong: bool,
    revisions: Vec<Revision>,
}

impl Definitions {
    /// Starts from what was read before the stream began.
    pub fn new(read: impl IntoIterator<Item = (TableName, Definition)>) -> Self {
        Self {
            read: read
                .into_iter()
                .map(|(table, definition)| (folded(&table), definition))
                .collect(),
            ..Self::default()
        }
    }

    /// Starts from what is known where the stream begins, and from what was proven for places ahead of it.
    #[must_use]
    pub fn believing(self, believed: Schemas, proven: Vec<Revision>) -> Self {
        Self {
            believed,
            proven,
            ..self
        }
    }

    /// Follows a stream of these binlogs from now on.
    #[must_use]
    pub(in crate::change) fn along(self, lineage: Arc<Lineage>) -> Self {
        Self { lineage, ..self }
    }

    /// Coordinates of the stream, and whose they are.
    pub(in crate::change) fn point(&self, coordinates: &Coordinates) -> Point {
        Point::new(&self.lineage, coordinates.clone())
    }

    /// Takes a definition that was read later.
    pub fn offer(&mut self, table: &TableName, definition: Definition) {
        self.read.insert(folded(table), definition);
    }

    /// Takes the temporary tables that there are where the stream begins.
    #[must_use]
    pub(in crate::change) fn with_temporary(mut self, temporary: &Arc<TemporaryTables>) -> Self {
        self.believed.put_temporary(Arc::clone(temporary));
        self
    }

    /// The source was restarted, which ends every connection with its temporary tables.
    pub(in crate::change) fn source_started(&mut self) {
        self.believed.forget_temporary();
    }

    /// What is believed of every table.
    pub fn believed(&self) -> &Schemas {
        &self.believed
    }

    /// All tables that are known of, and whether their engine is transactional, as far as that is proven.
    pub(in crate::change) fn engines(&self) -> impl Iterator<Item = (&TableName, Option<bool>)> {
        let believed = self.believed.tables().map(|(table, belief)| match belief {
            Belief::Known(definition) => (table, definition.transactional),
            Belief::Stale(_) => (table, None),
        });
        let read = self.read.keys();
        let read = read.filter(|table| self.believed.get(table).is_none());
        believed.chain(read.map(|table| (table, None)))
    }

    /// Whether there may be tables at a place of the stream that nothing told of.
    pub(in crate::change) fn may_miss_tables(&self, end: &Coordinates) -> bool {
        if self.believed.is_partial() {
            return true;
        }
        let end = self.point(end);
        let mut read = self.read.values();
        read.any(|definition| definition.read_to.is_after(&end) != Some(false))
    }

    /// The definition that holds for `table` in a group that ends at `end`.
    ///
    /// A definition read up to `end` serves the group: no DDL on a table can stand between the group's rows and its end,
    /// since the group locks the table's metadata. A DDL statement after the first point of the reading rules it out. What
    /// serves once is believed from then on. It is preferred to what statements told where these leave something unsettled.
    pub(in crate::change) fn serving(
        &mut self,
        table: &TableName,
        end: &Coordinates,
    ) -> Option<&Arc<TableDefinition>> {
        if !self.is_settled(table)
            && let Some(definition) = self.proof(table, end)
        {
            let definition = self.doubted(table, definition);
            let change = Change::Defined {
                table: table.clone(),
                definition,
            };
            self.believed.record(&change);
            self.revisions.push(Revision {
                at: self.point(end),
                gtid: None,
                statement: None,
                changes: vec![change],
            });
        }
        self.find_left_behind(table, end);
        match self.believed.get(table)? {
            Belief::Known(definition) => Some(definition),
            Belief::Stale(_) => None,
        }
    }

    /// Takes a table that may have been left behind under its old name for one that is there, since a group that ends at `end`
    /// has rows of it.
    pub(in crate::change) fn find_left_behind(&mut self, table: &TableName, end: &Coordinates) {
        if self.believed.get(table).is_none()
            && let Some(definition) = self.believed.left_behind(table).cloned()
        {
            let table = table.clone();
            self.record(Change::Defined { table, definition }, end);
        }
    }

    /// Whether there is a belief in which nothing is unsettled.
    fn is_settled(&self, table: &TableName) -> bool {
        match self.believed.get(table) {
            Some(Belief::Known(definition)) => definition.unsettled().is_none(),
            Some(Belief::Stale(_)) | None => false,
        }
    }

    /// Takes that a table map has told the character set that its table's definition left unsettled, in a group that ends at
    /// `end`.
    pub(in crate::change) fn settle(
        &mut self,
        table: &TableName,
        definition: TableDefinition,
        end: &Coordinates,
    ) {
        let change = Change::Defined {
            table: table.clone(),
            definition: Arc::new(definition),
        };
        self.record(change, end);
    }

    /// A reading, with those labels in doubt that a source may show for bytes which are no text: where statements have left
    /// labels in doubt, it has such bytes.
    fn doubted(
        &self,
        table: &TableName,
        mut definition: Arc<TableDefinition>,
    ) -> Arc<TableDefinition> {
        let is_in_doubt = match self.believed.get(table) {
            Some(Belief::Stale(reason)) => reason.is_of_labels(),
            Some(Belief::Known(known)) => {
                let mut columns = known.columns.iter();
                columns.any(|column| has_doubtful(&column.column_type))
            }
            None => false,
        };
        if is_in_doubt {
            for column in &mut Arc::make_mut(&mut definition).columns {
                if let Some(doubted) = doubting_replaced(&column.column_type) {
                    column.column_type = doubted.into();
                }
            }
        }
        definition
    }

    /// A reading that is proven for a group that ends at `end`; taken out, since it becomes a belief.
    fn proof(&mut self, table: &TableName, end: &Coordinates) -> Option<Arc<TableDefinition>> {
        let folded = folded(table);
        let definition = self.read.get(&folded)?;
        let is_before_group = definition.read_to.is_after(&self.point(end)) == Some(false);
        let is_unchanged = self
            .changes_of(&folded)
            .all(|at| at.is_before(&definition.read_from) == Some(true));
        if is_before_group && is_unchanged {
            return self.read.remove(&folded).map(|read| read.table);
        }
        None
    }

    /// A definition of the table that no DDL seen so far rules out, wherever it was read.
    pub(in crate::change) fn unchanged(&self, table: &TableName) -> Option<&Definition> {
        let table = folded(table);
        let definition = self.read.get(&table)?;
        let changed = self
            .changes_of(&table)
            .any(|at| at.is_before(&definition.read_from) == Some(false));
        (!changed).then_some(definition)
    }

    /// Where the statements seen last begin that may have changed the table; its name is folded.
    fn changes_of(&self, table: &TableName) -> impl Iterator<Item = &Point> {
        let changes = [
            self.changed.get(table),
            self.databases_changed.get(&table.database),
            self.all_changed.as_ref(),
        ];
        changes.into_iter().flatten()
    }

    /// A definition that was proven or told for a place up to `end` ahead of the stream's start, where nothing has changed the
    /// table since.
    pub(in crate::change) fn proven_before(
        &self,
        table: &TableName,
        end: &Coordinates,
    ) -> Option<Definition> {
        let wanted = folded(table);
        let (at, found) = self.last_proven(&wanted, end, |change| match change {
            Change::Defined { table, definition } if folded(table) == wanted => {
                Some(Some(definition))
            }
            Change::Stale { table, .. } | Change::Gone { table, .. } if folded(table) == wanted => {
                Some(None)
            }
            Change::AllStale { .. } => Some(None),
            Change::Defined { .. }
            | Change::Stale { .. }
            | Change::Engine { .. }
            | Change::Gone { .. }
            | Change::Database { .. }
            | Change::DatabaseGone { .. } => None,
        })?;
        Some(Definition {
            table: Arc::clone(found),
            read_from: at.clone(),
            read_to: at.clone(),
            is_sequence: false,
        })
    }

    /// Whether the table takes part in transactions, as it was told or proven for a place up to `end` ahead of the stream's
    /// start, where nothing has changed the table since.
    pub(in crate::change) fn told_engine(
        &self,
        table: &TableName,
        end: &Coordinates,
    ) -> Option<bool> {
        let wanted = folded(table);
        let found = self.last_proven(&wanted, end, |change| match change {
            Change::Engine {
                table,
                transactional,
            } if folded(table) == wanted => Some(Some(*transactional)),
            Change::Defined { table, definition } if folded(table) == wanted => {
                definition.transactional.map(Some)
            }
            Change::Gone { table, .. } if folded(table) == wanted => Some(None),
            Change::Defined { .. }
            | Change::Stale { .. }
            | Change::Engine { .. }
            | Change::Gone { .. }
            | Change::AllStale { .. }
            | Change::Database { .. }
            | Change::DatabaseGone { .. } => None,
        });
        found.map(|(_, transactional)| transactional)
    }

    /// The last that `pick` finds in what was proven for places up to `end`, if nothing has changed the table since; its name
    /// is folded. `Some(None)` says that nothing from before counts.
    fn last_proven<'a, T>(
        &'a self,
        table: &TableName,
        end: &Coordinates,
        pick: impl Fn(&'a Change) -> Option<Option<T>>,
    ) -> Option<(&'a Point, T)> {
        let end = self.point(end);
        let mut last: Option<(&Point, Option<T>)> = None;
        for revision in &self.proven {
            let at = &revision.at;
            let is_later = match &last {
                Some((last, _)) => at.is_before(last) == Some(false),
                None => true,
            };
            if at.is_after(&end) != Some(false) || !is_later {
                continue;
            }
            for found in revision.changes.iter().filter_map(&pick) {
                last = Some((at, found));
            }
        }
        let (at, found) = last?;
        let is_unchanged = || {
            let mut changes = self.changes_of(table);
            changes.all(|change| change.is_before(at) == Some(true))
        };
        let found = found.filter(|_| *at == end || is_unchanged())?;
        Some((at, found))
    }

    /// Why there is no belief about a table.
    pub(in crate::change) fn doubt(&self, table: &TableName) -> Option<&str> {
        match self.believed.get(table)? {
            Belief::Stale(reason) => Some(reason.as_str()),
            Belief::Known(_) => None,
        }
    }

    /// Follows a statement that begins at `at` in a group that ends at `end`; returns what it changed.
    pub(in crate::change) fn follow(&mut self, followed: &Executed<'_>) -> Vec<Change> {
        let statement = followed.statement;
        let at = self.point(&followed.at);
        for table in statement.redefined_tables() {
            self.changed.insert(folded(table), at.clone());
        }
        if let Some(database) = statement.dropped_database() {
            let database = database.to_lowercase().into();
            self.databases_changed.insert(database, at.clone());
        }
        if statement.effect() == Effect::Unknown {
            self.all_changed = Some(at);
        }
        let mut changes = match (followed.doubt, followed.error_code) {
            (Some(doubt), _) => self.distrust_doubtful(followed, doubt),
            (None, 0) => apply_statement(&mut self.believed, statement, &followed.facts),
            // Those that were there are dropped all the same.
            (None, NO_SUCH_TABLE) if is_drop(statement) => {
                apply_statement(&mut self.believed, statement, &followed.facts)
            }
            (None, code) => {
                let changes = self.distrust_tables(statement, code);
                self.distrust_temporary(followed);
                changes
            }
        };
        if let Some(gaps) = followed.gaps {
            self.distrust_gaps(&mut changes, gaps);
        }
        self.complete_engine(followed, &mut changes);
        if !changes.is_empty() {
            self.revisions.push(Revision::of_statement(
                self.point(followed.end),
                followed.gtid.clone(),
                followed.text,
                changes.clone(),
            ));
        }
        changes
    }

    /// Completes a belief by what was found out of the table's engine in a group that ends at `end`.
    pub(in crate::change) fn learn_engine(
        &mut self,
        table: &TableName,
        transactional: bool,
        end: &Coordinates,
    ) {
        let Some(Belief::Known(believed)) = self.believed.get(table) else {
            return;
        };
        if believed.transactional.is_none() {
            let definition = TableDefinition {
                transactional: Some(transactional),
                ..TableDefinition::clone(believed)
            };
            let change = Change::Defined {
                table: table.clone(),
                definition: Arc::new(definition),
            };
            self.record(change, end);
        }
    }

    /// What MySQL 8.0 and later tell of a new table's engine: the statement carries the engine's transaction only where
    /// the engine has transactions.
    fn complete_engine(&mut self, followed: &Executed<'_>, changes: &mut [Change]) {
        let creates = matches!(followed.statement.kind, StatementKind::CreateTable { .. });
        if !creates || !followed.in_engine_transaction {
            return;
        }
        for change in changes {
            if let Change::Defined { definition, .. } = change
                && definition.transactional.is_none()
            {
                Arc::make_mut(definition).transactional = Some(true);
                self.believed.record(change);
            }
        }
    }

    /// A statement of which not all could be read may define any table, unless it is of a kind that defines none.
    fn distrust_doubtful(&mut self, followed: &Executed<'_>, doubt: &str) -> Vec<Change> {
        let statement = followed.statement;
        let defines = statement.redefined_tables().next().is_some()
            || statement.defines_database()
            || statement.effect() == Effect::Unknown;
        if !defines {
            return Vec::new();
        }
        self.all_changed = Some(self.point(&followed.at));
        let changes = self.loss_of_all(doubt);
        for change in &changes {
            self.believed.record(change);
        }
        changes
    }

    /// What bytes that are not text have become a part of is not known.
    fn distrust_gaps(&mut self, changes: &mut [Change], gaps: &str) {
        let has_gap = |column: &ColumnDefinition| {
            let is_labelled = matches!(column.data_type(), "enum" | "set");
            column.name.contains(GAP) || column.column_type.contains(GAP) && !is_labelled
        };
        for change in changes {
            let Change::Defined { table, definition } = change else {
                continue;
            };
            if definition.columns.iter().any(has_gap) {
                let (table, reason) = (table.clone(), gaps.into());
                *change = Change::Stale { table, reason };
                self.believed.record(change);
            } else if definition
                .columns
                .iter()
                .any(|column| column.column_type.contains(GAP))
            {
                for column in &mut Arc::make_mut(definition).columns {
                    let doubted = doubting(&column.column_type, |label| label.contains(GAP));
                    column.column_type = doubted.map_or(column.column_type.clone(), Into::into);
                }
                self.believed.record(change);
            }
        }
    }

    /// A statement that failed on the source in its middle may have done a part of its work.
    fn distrust_tables(&mut self, statement: &Statement, code: u16) -> Vec<Change> {
        let changes: Vec<Change> = statement
            .redefined_tables()
            .map(|table| Change::Stale {
                table: table.clone(),
                reason: format!("a statement on it failed with error {code}").into(),
            })
            .collect();
        for change in &changes {
            self.believed.record(change);
        }
        changes
    }

    /// Temporary tables may be gone after a statement that failed. Then what their connection writes under their names is in
    /// tables that stay.
    fn distrust_temporary(&mut self, followed: &Executed<'_>) {
        let drops = matches!(followed.statement.kind, StatementKind::DropTable { .. });
        for table in followed.statement.tables().filter(|_| drops) {
            let table = self.believed.fold(table);
            self.believed
                .end_temporary(followed.facts.connection, &table);
        }
    }

    /// Gives up a belief, and whatever was read of the table.
    pub(in crate::change) fn distrust(
        &mut self,
        table: &TableName,
        reason: &str,
        end: &Coordinates,
    ) {
        self.read.remove(&folded(table));
        self.was_wrong = true;
        let table = table.clone();
        let reason = reason.into();
        self.record(Change::Stale { table, reason }, end);
    }

    /// Gives up every belief: statements may have been left out of the stream.
    pub(in crate::change) fn distrust_all(&mut self, reason: &str, at: &Coordinates) {
        self.read.clear();
        self.all_changed = Some(self.point(at));
        for change in self.loss_of_all(reason) {
            self.record(change, at);
        }
    }

    /// What is left of the beliefs where any may be wrong.
    fn loss_of_all(&self, reason: &str) -> Vec<Change> {
        let known = self.believed.changes().into_iter();
        let databases = known.filter_map(|change| match change {
            Change::Database { database, .. } => Some(Change::Database {
                database,
                charset: None,
                whole: false,
            }),
            _of_a_table => None,
        });
        let reason = reason.into();
        databases.chain([Change::AllStale { reason }]).collect()
    }

    fn record(&mut self, change: Change, at: &Coordinates) {
        self.believed.record(&change);
        self.revisions.push(Revision {
            at: self.point(at),
            gtid: None,
            statement: None,
            changes: vec![change],
        });
    }

    /// Goes on with a table as one that is known, though a person has yet to tell its definition: so is what is made of it.
    pub(in crate::change) fn await_told(&mut self, table: &TableName) {
        self.believed.record(&Change::Stale {
            table: table.clone(),
            reason: Reason::awaited(),
        });
    }

    /// Takes what following from further back has told of the place where a group ends, where it tells more. Nothing is
    /// taken once a belief has turned out wrong.
    pub(in crate::change) fn adopt(&mut self, found: &Schemas, end: &Coordinates) {
        if self.was_wrong {
            return;
        }
        let mut taken = Vec::new();
        for change in found.changes() {
            let tells_more = match &change {
                Change::Defined { table, definition } => match self.believed.get(table) {
                    Some(Belief::Known(known)) => {
                        let settles = !self.is_settled(table) && definition.unsettled().is_none();
                        settles || tells_engine(known, definition)
                    }
                    Some(Belief::Stale(_)) | None => true,
                },
                Change::Stale { table, reason } => match self.believed.get(table) {
                    Some(Belief::Stale(own)) => {
                        own.is_for_want_of_more() && !reason.is_for_want_of_more()
                    }
                    Some(Belief::Known(_)) => false,
                    None => true,
                },
                Change::Database {
                    database, charset, ..
                } => charset.is_some() && self.believed.database(database).is_none(),
                Change::Gone { table, left } => {
                    left.is_some() && self.believed.get(table).is_none()
                }
                Change::Engine { .. } | Change::AllStale { .. } | Change::DatabaseGone { .. } => {
                    false
                }
            };
            if tells_more {
                self.believed.record(&change);
                taken.push(change);
            }
        }
        if !taken.is_empty() {
            self.revisions.push(Revision {
                at: self.point(end),
                gtid: None,
                statement: None,
                changes: taken,
            });
        }
    }

    /// Hands out what the journal has not been told.
    pub(in crate::change) fn take_revisions(&mut self) -> Vec<Revision> {
        std::mem::take(&mut self.revisions)
    }
}

/// A statement and where it stands.
pub(in crate::change) struct Executed<'a> {
    pub(in crate::change) statement: &'a Statement,
    pub(in crate::change) text: &'a str,
    /// Why the text is not all that was sent; `None` if it is.
    pub(in crate::change) doubt: Option<&'a str>,
    /// Why there are characters U+FFFD in the text that were not sent; `None` if there are none.
    pub(in crate::change) gaps: Option<&'a str>,
    pub(in crate::change) facts: Facts<'a>,
    /// What it failed with on the source; 0 for success.
    pub(in crate::change) error_code: u16,
    /// Whether a storage engine's transaction makes it atomic.
    pub(in crate::change) in_engine_transaction: bool,
    /// Where it begins.
    pub(in crate::change) at: Coordinates,
    /// Where its group ends.
    pub(in crate::change) end: &'a Coordinates,
    pub(in crate::change) gtid: Option<Box<str>>,
}

/// Whether a definition is the one that is known, and tells whether its engine takes part in transactions, too.
fn tells_engine(known: &TableDefinition, found: &TableDefinition) -> bool {
    known.transactional.is_none()
        && found.transactional.is_some()
        && (&known.columns, &known.key) == (&found.columns, &found.key)
}

fn is_drop(statement: &Statement) -> bool {
    matches!(statement.kind, StatementKind::DropTable { .. })
}

fn folded(table: &TableName) -> TableName {
    TableName::new(table.database.to_lowercase(), table.table.to_lowercase())
}

#[cfg(test)]
mod tests;
