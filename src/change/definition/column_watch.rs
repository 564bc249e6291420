//! Watches over the rules on columns as definitions change: no value goes out as it is, whose column a rule matched under
//! another name, and a rule that has lost its column is told of. So is a rule on rows that has lost its table.
//!
//! A statement is judged where it stands, before the checkpoint passes it, by the definition that the table had until then.
//! Where that is not known, what the table maps of this run have shown counts; else the next table map under the new name is
//! judged. A name that is not published hides all, so that a table is judged by the last name that was, and one that was never
//! published by what it is to replace. A statement that is passed over on order leaves behind what it would have been refused
//! for, and the next table map is judged by it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::computed::{ComputedColumn, defined_columns, refuse_computed};
use super::following::Followed;
use super::moved::{FormerName, Moved, copied, origins, split_off, transfers};
use super::schemas::{Change, Schemas, same};
use super::table::TableDefinition;
use crate::binlog::Coordinates;
use crate::change::statement::meaning::Meaning;
use crate::change::statement::{Statement, StatementKind};
use crate::filter::{ColumnRuleError, ColumnRules, HiddenBy, OnMissing, Rule, RuleMatches, Rules};
use crate::row::{Table, TableName};

/// Tables that are watched at most.
const TABLES_MAX: usize = 65_536;
/// Warnings that are remembered at most.
const WARNINGS_MAX: usize = 65_536;

/// A rule that has lost its column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LostColumn {
    /// The table, as published.
    pub table: TableName,
    /// The rule.
    pub rule: Rule,
}

/// A table whose rows a condition chose under its former name, and chooses no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LostRowRule {
    /// What it was called, as published.
    pub before: TableName,
    /// What it is called from here on.
    pub after: TableName,
    /// The condition, or what may have been done to a row.
    pub rule: Box<str>,
}

/// What is known of a table beside its definition, where rules on columns may hide values of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Whether it came under rules with the columns of another one, and nobody has looked from what they are computed.
    pub is_unvetted: bool,
    /// What it was called, where it has not been judged under its name.
    pub was: Option<FormerName>,
}

/// By their names on the source, the tables of which more is known than their definitions.
pub type WatchedTables = BTreeMap<TableName, Watched>;

/// Who knows from what the columns are computed that tables have where the stream begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Vetting {
    /// Nobody; it is warned of tables of which the stream does not tell.
    #[default]
    Nobody,
    /// Whoever answers questions about definitions.
    Asked,
    /// The source was looked at when its binlog ended there. What it had before is asked for.
    LookedAt(Coordinates),
}

/// A table of which nobody knows from what its columns are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnvettedTable {
    /// The table, as published.
    pub table: TableName,
    /// A column whose values are hidden.
    pub column: Box<str>,
    /// What hides them.
    pub by: HiddenBy,
}

/// What is known of the columns that rules match.
#[derive(Debug, Default)]
pub(in crate::change) struct ColumnWatch {
    /// By the table's name on the source: its columns as its table map had them last, and the rules that match some.
    seen: HashMap<TableName, SeenColumns>,
    /// What outlives a run.
    watched: Arc<WatchedTables>,
    vetting: Vetting,
    /// What has been warned of.
    warned: HashSet<LostColumn>,
    /// What is to be warned of.
    warnings: Vec<LostColumn>,
    /// The same of rules on rows.
    lost_row_rules: Vec<LostRowRule>,
    /// The same of tables of which nobody knows what is computed, and those that were told of.
    unvetted: Vec<UnvettedTable>,
    told_unvetted: HashSet<TableName>,
    /// What the statement in hand is refused for first.
    refused: Option<ColumnRuleError>,
}

#[derive(Debug)]
struct SeenColumns {
    names: Vec<Box<str>>,
    matches: RuleMatches,
}

impl ColumnWatch {
    /// Takes what an earlier run knew.
    pub(in crate::change) fn restore(&mut self, watched: &Arc<WatchedTables>) {
        self.watched = Arc::clone(watched);
    }

    /// Puts down what a later run has to know.
    pub(in crate::change) fn keep_in(&self, known: &mut Arc<WatchedTables>) {
        if !Arc::ptr_eq(&self.watched, known) {
            *known = Arc::clone(&self.watched);
        }
    }

    /// Says who knows from what columns are computed.
    pub(in crate::change) fn vet_by(&mut self, vetting: Vetting) {
        self.vetting = vetting;
    }

    /// What is to be warned of.
    pub(in crate::change) fn take_warnings(&mut self) -> Vec<LostColumn> {
        std::mem::take(&mut self.warnings)
    }

    /// The tables that are to be warned of.
    pub(in crate::change) fn take_unvetted(&mut self) -> Vec<UnvettedTable> {
        std::mem::take(&mut self.unvetted)
    }

    /// Whether it is to be known what a table's columns are computed from, in a group that ends at `end`.
    pub(in crate::change) fn is_to_vet(
        &self,
        rules: &ColumnRules,
        (source, published): (&TableName, &TableName),
        end: &Coordinates,
    ) -> bool {
        if !rules.forbid_computed() {
            return false;
        }
        let is_due = match &self.vetting {
            Vetting::Nobody => false,
            Vetting::Asked => true,
            Vetting::LookedAt(until) => end <= until,
        };
        self.is_unvetted(source) || is_due && rules.may_hide_values_of(published)
    }

    /// Makes sure that no column of a table shows what rules hide, as far as that is to be known.
    ///
    /// # Errors
    /// A column that may, or that nobody knows which columns are computed.
    pub(in crate::change) fn vet(
        &mut self,
        rules: &ColumnRules,
        table: &Table,
        (computed, is_due): (Option<&[ComputedColumn]>, bool),
    ) -> Result<(), ColumnRuleError> {
        if !rules.forbid_computed() {
            return Ok(());
        }
        let name = &table.name;
        let Some(computed) = computed else {
            return self.vet_unknown(rules, table, is_due);
        };
        for ComputedColumn { name: column, from } in computed {
            let may_be_column = |name: &str| {
                let mut columns = table.columns.iter();
                columns.any(|column| same(&column.name, name))
            };
            rules.refuse_showing(name, column, &from.0, may_be_column)?;
            // One that is computed from columns that nobody knows.
            if !from.is_empty() || !is_due {
                continue;
            }
            let shown = rules.judge(name, column);
            let mut others = table.shown_columns().filter(|other| other.name != *column);
            let hidden = others.find_map(|from| {
                let verdict = rules.judge(name, &from.name);
                let shows = verdict.hides_more_than_computed(&shown);
                let by = verdict.hidden_by().filter(|_| shows)?;
                Some((from.name.clone(), by))
            });
            if let Some((from, by)) = hidden {
                return Err(ColumnRuleError::MaybeComputed {
                    table: name.clone(),
                    column: column.clone(),
                    from,
                    by,
                    included: rules.including(name, column).cloned().map(Box::new),
                });
            }
        }
        Ok(())
    }

    /// Refuses a table of which nobody knows what is computed, or warns of it.
    fn vet_unknown(
        &mut self,
        rules: &ColumnRules,
        table: &Table,
        is_due: bool,
    ) -> Result<(), ColumnRuleError> {
        if !is_due && (self.vetting != Vetting::Nobody || self.told_unvetted.contains(&table.name))
        {
            return Ok(());
        }
        let shown = || {
            let columns = table.shown_columns();
            columns.map(|column| (column, rules.judge(&table.name, &column.name)))
        };
        let hidden = shown().find_map(|(from, verdict)| {
            let mut others = shown();
            let shows = others.any(|(other, computed)| {
                other.name != from.name && verdict.hides_more_than_computed(&computed)
            });
            let by = verdict.hidden_by().filter(|_| shows)?;
            Some((from, by))
        });
        let Some((from, by)) = hidden else {
            return Ok(());
        };
        let (table, from) = (table.name.clone(), from.name.clone());
        if is_due {
            return Err(ColumnRuleError::ComputedUnknown { table, from, by });
        }
        if self.told_unvetted.len() < WARNINGS_MAX {
            self.told_unvetted.insert(table.clone());
            self.unvetted.push(UnvettedTable {
                table,
                column: from,
                by,
            });
        }
        Ok(())
    }

    /// Notes which tables got their columns from others by a statement.
    fn note_unvetted(
        &mut self,
        rules: &Rules,
        (followed, origins): (&Followed<'_>, &HashMap<TableName, TableName>),
        believed: &Schemas,
    ) {
        let columns = rules.columns();
        if !columns.forbid_computed() {
            return;
        }
        let copied = copied(followed.on_base(), believed);
        let copied = copied.as_ref().map(|(table, source)| (table, source));
        let is_unvetted = |table: &TableName, source: &TableName| {
            let verdict = rules.table(&table.database, &table.table);
            if !verdict.keep || !columns.may_hide_values_of(&verdict.published) {
                return false;
            }
            let before = rules.table(&source.database, &source.table);
            let former = self.former_columns(source, followed);
            let is_judged_alike = |column: &str| {
                let judged = columns.judge(&before.published, column);
                judged == columns.judge(&verdict.published, column)
            };
            let is_vetted = before.keep
                && !self.is_unvetted(source)
                && !former.is_empty()
                && former.iter().all(|column| is_judged_alike(column));
            !is_vetted
        };
        let part = split_off(followed.on_base(), believed);
        let part = part.as_ref().map(|(from, part)| (part, from));
        let came = origins.iter().chain(copied).chain(part);
        let came: Vec<(&TableName, bool)> = came
            .map(|(table, source)| (table, is_unvetted(table, source)))
            .collect();
        for (table, is_unvetted) in came {
            self.watch(table, |watched| watched.is_unvetted = is_unvetted);
        }
    }

    fn is_unvetted(&self, source: &TableName) -> bool {
        let watched = self.watched.get(source);
        watched.is_some_and(|watched| watched.is_unvetted)
    }

    /// Changes what is known of a table.
    fn watch(&mut self, source: &TableName, change: impl FnOnce(&mut Watched)) {
        let known = self.watched.get(source).cloned().unwrap_or_default();
        let mut watched = known.clone();
        change(&mut watched);
        if watched == known {
            return;
        }
        let all = Arc::make_mut(&mut self.watched);
        match watched == Watched::default() {
            true => drop(all.remove(source)),
            false => drop(all.insert(source.clone(), watched)),
        }
    }

    /// Forgets the tables that a statement drops, or makes anew.
    fn forget(&mut self, statement: &Statement, believed: &Schemas) {
        if self.watched.is_empty() {
            return;
        }
        if let Some(database) = statement.dropped_database() {
            let database = believed.fold(&TableName::new(database, "")).database;
            let is_of = |table: &TableName| table.database == database;
            if self.watched.keys().any(is_of) {
                Arc::make_mut(&mut self.watched).retain(|table, _| !is_of(table));
            }
        }
        let makes = match &statement.meaning {
            Meaning::CreateTable(create) => !create.if_not_exists,
            Meaning::AlterTable(_)
            | Meaning::Database { .. }
            | Meaning::Unfollowed { .. }
            | Meaning::Plain => false,
        };
        let drops = matches!(
            statement.kind,
            StatementKind::DropTable { temporary: false }
        );
        if makes || drops {
            for table in statement.redefined_tables() {
                self.watch(&believed.fold(table), |watched| {
                    *watched = Watched::default()
                });
            }
        }
    }

    /// The rules on rows that are to be warned of.
    pub(in crate::change) fn take_lost_row_rules(&mut self) -> Vec<LostRowRule> {
        std::mem::take(&mut self.lost_row_rules)
    }

    /// Notes the rules on rows that a renamed table leaves behind.
    fn note_lost_row_rules(&mut self, rules: &Rules, origins: &HashMap<TableName, TableName>) {
        if rules.rows().is_empty() {
            return;
        }
        for (after, before) in origins {
            let before = rules.table(&before.database, &before.table);
            let after = rules.table(&after.database, &after.table);
            if !before.keep || !after.keep {
                continue;
            }
            let now = rules.rows().shown(&after.published);
            let lost = rules.rows().shown(&before.published);
            let lost = lost.into_iter().filter(|rule| !now.contains(rule));
            self.lost_row_rules.extend(lost.map(|rule| LostRowRule {
                before: before.published.clone(),
                after: after.published.clone(),
                rule: rule.condition.or(rule.ops).unwrap_or_default().into(),
            }));
        }
    }

    /// Treats the table of a table map as the rules say, and notes which of them match its columns.
    ///
    /// # Errors
    /// Rules that do not fit the table, or have lost their column.
    pub(in crate::change) fn treat(
        &mut self,
        rules: &ColumnRules,
        source: &TableName,
        table: Table,
    ) -> Result<Table, ColumnRuleError> {
        if rules.is_empty() {
            return Ok(table);
        }
        let names = table.shown_columns().map(|column| column.name.clone());
        let names: Vec<Box<str>> = names.collect();
        let (name, is_undefined) = (table.name.clone(), table.is_undefined);
        let table = rules.treat(table)?;
        if is_undefined {
            return Ok(table);
        }
        let matches = rules.matches(&name, names.iter().map(|name| &**name));
        let before = self.seen.get(source).map(|seen| &seen.matches);
        self.tell(rules, &name, rules.lost(before, &matches))?;
        let unknown = rules.unknown(&name, &matches)?;
        self.tell(rules, &name, unknown)?;
        self.note_seen(source, SeenColumns { names, matches });
        Ok(table)
    }

    /// Judges what a statement did to the columns of the tables that are published.
    ///
    /// # Errors
    /// A column whose values would go out as they are from there on, or a rule that has lost its column.
    pub(in crate::change) fn follow(
        &mut self,
        rules: &Rules,
        followed: &Followed<'_>,
        believed: &Schemas,
    ) -> Result<(), ColumnRuleError> {
        self.pass_over(rules, followed, believed)
            .map_or(Ok(()), Err)
    }

    /// The same of a statement that is passed over: what it would be refused for, which is returned, the next rows are.
    pub(in crate::change) fn pass_over(
        &mut self,
        rules: &Rules,
        followed: &Followed<'_>,
        believed: &Schemas,
    ) -> Option<ColumnRuleError> {
        self.refused = None;
        self.look_at(rules, followed, believed);
        self.refused.take()
    }

    /// Notes the columns of a table, whatever rules say of them.
    pub(in crate::change) fn see(
        &mut self,
        rules: &ColumnRules,
        (source, published): (&TableName, &TableName),
        names: Vec<Box<str>>,
    ) {
        let matches = rules.matches(published, names.iter().map(|name| &**name));
        self.note_seen(source, SeenColumns { names, matches });
    }

    fn note_seen(&mut self, source: &TableName, seen: SeenColumns) {
        if self.seen.len() < TABLES_MAX || self.seen.contains_key(source) {
            self.seen.insert(source.clone(), seen);
        }
    }

    /// Follows a statement, and keeps what it is refused for first.
    fn look_at(&mut self, rules: &Rules, followed: &Followed<'_>, believed: &Schemas) {
        let statement = followed.on_base();
        let origins = origins(statement, believed);
        self.note_lost_row_rules(rules, &origins);
        if rules.columns().is_empty() {
            return;
        }
        self.forget(statement, believed);
        self.note_unvetted(rules, (followed, &origins), believed);
        if let Some((copy, source)) = copied(statement, believed)
            && let Some(was) = self.open_name(rules, &source).cloned()
        {
            self.watch(&copy, |watched| watched.was = Some(was));
        }
        let tables = statement.redefined_tables();
        let tables: Vec<TableName> = tables.map(|table| believed.fold(table)).collect();
        let is_moved_away = |table: &TableName| {
            !origins.contains_key(table) && origins.values().any(|origin| origin == table)
        };
        let stay = tables.iter().filter(|table| !is_moved_away(table));
        let moved = |(from, to)| self.moved(rules, followed, (to, from));
        let moves = stay.map(|table| (origins.get(table).unwrap_or(table), table));
        let moves: Vec<Moved<'_>> = moves.map(moved).collect();
        let transfers = transfers(statement, believed);
        let transferred = transfers.iter().map(|(from, to)| moved((from, to)));
        let transferred: Vec<Moved<'_>> = transferred.collect();
        for origin in origins.values() {
            let is_there = origins.contains_key(origin);
            self.watch(origin, |watched| {
                watched.was = None;
                watched.is_unvetted &= is_there;
            });
        }
        for moved in moves {
            self.follow_moved(rules, followed, &moved);
        }
        for moved in transferred {
            self.follow_transferred(rules, followed, &moved);
        }
        for table in &tables {
            let is_gone = |change: &Change| matches!(change, Change::Gone { table: gone, .. } if gone == table);
            let is_kept = || rules.table(&table.database, &table.table).keep;
            let is_gone = followed.changes.iter().any(is_gone);
            if origins.contains_key(table) && is_kept() || is_gone {
                self.seen.remove(table);
            }
        }
    }

    /// A table as a statement leaves it, which has its rows from another one, or its own.
    fn moved<'a>(
        &self,
        rules: &Rules,
        followed: &Followed<'_>,
        (table, origin): (&'a TableName, &'a TableName),
    ) -> Moved<'a> {
        let columns = self.former_columns(origin, followed);
        let mut was = self.former_name(rules, origin);
        if table != origin
            && was.table.is_none()
            && let Some(replaced) = self.open_name(rules, table)
        {
            was = was.in_place_of(replaced);
        }
        let moved = Moved::by(followed.on_base(), (table, origin), was, columns);
        match table == origin {
            true => moved,
            false => Moved {
                replaced: self.former_columns(table, followed),
                ..moved
            },
        }
    }

    /// Judges a table under the name that it has after a statement, or keeps by what it is to be judged later.
    fn follow_moved(&mut self, rules: &Rules, followed: &Followed<'_>, moved: &Moved<'_>) {
        let columns = rules.columns();
        let table = moved.table;
        let verdict = rules.table(&table.database, &table.table);
        if !verdict.keep {
            self.keep_name(columns, table, Some(&moved.was));
            if let Some(mut seen) = self.seen.remove(moved.origin) {
                seen.names.clone_from(&moved.columns);
                self.seen.insert(table.clone(), seen);
            }
            return;
        }
        let published = &verdict.published;
        let mut open = self.judge_as(columns, (published, moved), followed);
        if moved.columns.is_empty() && moved.was.table.as_ref() != Some(published) {
            open = open.or(moved.was.table.is_some().then_some(&moved.was));
        }
        self.keep_name(columns, table, open);
        if let Err(error) = self.refuse_computed(columns, (published, moved), followed) {
            self.refuse(error);
            self.watch(table, |watched| watched.is_unvetted = true);
        }
        if let Err(error) = self.judge(columns, (table, published), followed) {
            self.refuse(error);
            self.seen.remove(table);
        }
    }

    /// Judges rows that a statement has moved into a table which it does not rename.
    fn follow_transferred(&mut self, rules: &Rules, followed: &Followed<'_>, moved: &Moved<'_>) {
        let columns = rules.columns();
        let Moved { table, was, .. } = moved;
        let has_own = || {
            self.watched
                .get(*table)
                .is_some_and(|watched| watched.was.is_some())
        };
        if was.table.is_none() || has_own() {
            return;
        }
        let verdict = rules.table(&table.database, &table.table);
        let kept = match verdict.keep {
            true => {
                let open = self.judge_as(columns, (&verdict.published, moved), followed);
                open.or(moved.columns.is_empty().then_some(was))
            }
            false => Some(was),
        };
        self.keep_name(columns, table, kept);
    }

    /// Judges a table under a published name; what is still to be judged of it where that is refused.
    fn judge_as<'a>(
        &mut self,
        columns: &ColumnRules,
        (published, moved): (&TableName, &'a Moved<'_>),
        followed: &Followed<'_>,
    ) -> Option<&'a FormerName> {
        let error = moved.judge(columns, published, followed.on_base()).err()?;
        self.refuse(error);
        Some(&moved.was)
    }

    fn refuse(&mut self, error: ColumnRuleError) {
        self.refused.get_or_insert(error);
    }

    /// Keeps by what a table is to be judged later, where rules may hide values of it.
    fn keep_name(&mut self, columns: &ColumnRules, table: &TableName, was: Option<&FormerName>) {
        let is_to_know = |was: &&FormerName| match &was.table {
            Some(table) => columns.may_hide_values_of(table),
            None => !was.renamed.is_empty(),
        };
        let was = was.filter(is_to_know);
        if was.is_some() && self.watched.len() >= TABLES_MAX {
            self.refuse(ColumnRuleError::TooManyMoved { count: TABLES_MAX });
        }
        self.watch(table, |watched| watched.was = was.cloned());
    }

    /// The name by which a table that is published is still to be judged.
    fn open_name(&self, rules: &Rules, source: &TableName) -> Option<&FormerName> {
        let was = self.watched.get(source)?.was.as_ref()?;
        let is_kept = rules.table(&source.database, &source.table).keep;
        was.table.as_ref().filter(|_| is_kept).map(|_| was)
    }

    /// The last name under which a table was judged, or its own if it is published.
    pub(in crate::change) fn former_name(&self, rules: &Rules, source: &TableName) -> FormerName {
        if let Some(Watched { was: Some(was), .. }) = self.watched.get(source) {
            return was.clone();
        }
        let verdict = rules.table(&source.database, &source.table);
        FormerName {
            table: verdict.keep.then_some(verdict.published),
            renamed: Vec::new(),
        }
    }

    /// Makes sure that a statement defines no column that shows values which rules hide of those that it is computed from.
    fn refuse_computed(
        &mut self,
        columns: &ColumnRules,
        (published, moved): (&TableName, &Moved<'_>),
        followed: &Followed<'_>,
    ) -> Result<(), ColumnRuleError> {
        let statement = followed.on_base();
        let mut known: Vec<&str> = moved.columns.iter().map(|column| &**column).collect();
        let makes = matches!(statement.meaning, Meaning::CreateTable(_));
        if known.is_empty() && !makes && columns.may_hide_values_of(published) {
            let computes = |(_, from): &(&str, &[Box<str>])| !from.is_empty();
            if columns.forbid_computed() && defined_columns(statement).iter().any(computes) {
                self.watch(moved.table, |watched| watched.is_unvetted = true);
            }
        }
        known.extend(defined_columns(statement).iter().map(|(column, _)| *column));
        refuse_computed(columns, published, statement, |name| {
            known.iter().any(|column| same(column, name))
        })
    }

    /// Judges the columns of a table map that nobody has judged since the table got its name.
    ///
    /// # Errors
    /// A column whose values would go out less hidden than under its former name.
    pub(in crate::change) fn judge_moved(
        &mut self,
        rules: &ColumnRules,
        source: &TableName,
        table: &Table,
    ) -> Result<(), ColumnRuleError> {
        let Some(Watched { was: Some(was), .. }) = self.watched.get(source) else {
            return Ok(());
        };
        let before = was.table.as_ref().unwrap_or(&table.name);
        if table.is_undefined
            && let Some(rule) = rules.may_match(before)
        {
            let (table, rule) = (table.name.clone(), rule.clone());
            return Err(ColumnRuleError::Unnamed { table, rule });
        }
        let columns = table.shown_columns();
        let columns = columns.map(|column| &*column.name);
        was.judge(rules, &table.name, columns, |_any| true)?;
        self.watch(source, |watched| watched.was = None);
        Ok(())
    }

    /// The columns that a table had before a statement.
    pub(in crate::change) fn former_columns(
        &self,
        table: &TableName,
        followed: &Followed<'_>,
    ) -> Vec<Box<str>> {
        let mut former = followed.former.iter();
        match former.find(|(name, _)| name == table) {
            Some((_, definition)) => names(definition).map(Box::from).collect(),
            None => self
                .seen
                .get(table)
                .map_or_else(Vec::new, |seen| seen.names.clone()),
        }
    }

    /// Looks for rules that match no column any more of the table that has this name now, and did so before.
    fn judge(
        &mut self,
        rules: &ColumnRules,
        (table, published): (&TableName, &TableName),
        followed: &Followed<'_>,
    ) -> Result<(), ColumnRuleError> {
        let defined = followed
            .changes
            .iter()
            .rev()
            .find_map(|change| match change {
                Change::Defined {
                    table: defined,
                    definition,
                } if defined == table => Some(definition),
                Change::Defined { .. }
                | Change::Stale { .. }
                | Change::Engine { .. }
                | Change::Gone { .. }
                | Change::AllStale { .. }
                | Change::Database { .. }
                | Change::DatabaseGone { .. } => None,
            });
        let Some(definition) = defined else {
            return Ok(());
        };
        let former = self.former_columns(table, followed);
        let former = rules.matches(published, former.iter().map(|column| &**column));
        let now = rules.matches(published, names(definition));
        self.tell(rules, published, rules.lost(Some(&former), &now))
    }

    /// Stops at, or warns of, rules that have lost their column.
    fn tell(
        &mut self,
        rules: &ColumnRules,
        table: &TableName,
        lost: Vec<&Rule>,
    ) -> Result<(), ColumnRuleError> {
        for rule in lost {
            let (table, rule) = (table.clone(), rule.clone());
            match rules.on_missing() {
                OnMissing::Stop => return Err(ColumnRuleError::Vanished { table, rule }),
                OnMissing::Warn => {
                    let lost = LostColumn { table, rule };
                    if self.warned.len() < WARNINGS_MAX && self.warned.insert(lost.clone()) {
                        self.warnings.push(lost);
                    }
                }
            }
        }
        Ok(())
    }
}

fn names(definition: &Arc<TableDefinition>) -> impl Iterator<Item = &str> {
    definition.columns.iter().map(|column| &*column.name)
}
