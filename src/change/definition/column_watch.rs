//! Watches over the rules on columns as definitions change: no value goes out as it is, whose column a rule matched under
//! another name, and a rule that has lost its column is told of. So is a rule on rows that has lost its table.
//!
//! A statement is judged where it stands, before the checkpoint passes it, by the definition that the table had until then.
//! Where that is not known, what the table maps of this run have shown counts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::following::Followed;
use super::schemas::{Change, Schemas};
use super::table::TableDefinition;
use crate::change::statement::meaning::{ColumnClause, Meaning, Spec};
use crate::change::statement::{ObjectClass, Role, Statement};
use crate::filter::{ColumnRuleError, ColumnRules, OnMissing, Rule, RuleMatches, Rules};
use crate::row::{Computed, Table, TableName};

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

/// What is known of the columns that rules match.
#[derive(Debug, Default)]
pub(in crate::change) struct ColumnWatch {
    /// By the table's name on the source: its columns as its table map had them last, and the rules that match some.
    seen: HashMap<TableName, SeenColumns>,
    /// By their names on the source, the tables that came under rules with columns of others, of which nobody has looked from
    /// what they are computed.
    unvetted: HashSet<TableName>,
    /// What has been warned of.
    warned: HashSet<LostColumn>,
    /// What is to be warned of.
    warnings: Vec<LostColumn>,
    /// The same of rules on rows.
    lost_row_rules: Vec<LostRowRule>,
}

#[derive(Debug)]
struct SeenColumns {
    names: Vec<Box<str>>,
    matches: RuleMatches,
}

impl ColumnWatch {
    /// What is to be warned of.
    pub(in crate::change) fn take_warnings(&mut self) -> Vec<LostColumn> {
        std::mem::take(&mut self.warnings)
    }

    /// Whether it is to be known which of a table's columns are computed.
    pub(in crate::change) fn is_unvetted(&self, source: &TableName) -> bool {
        self.unvetted.contains(source)
    }

    /// Makes sure that a table which got its columns from another one has none that may show what rules hide.
    ///
    /// # Errors
    /// Such a column, or that nobody knows which columns are computed.
    pub(in crate::change) fn vet(
        &self,
        rules: &ColumnRules,
        source: &TableName,
        table: &Table,
        knows_computed: bool,
    ) -> Result<(), ColumnRuleError> {
        if !self.unvetted.contains(source) {
            return Ok(());
        }
        let shown = || {
            let columns = table.shown_columns();
            columns.map(|column| (column, rules.judge(&table.name, &column.name)))
        };
        for (from, verdict) in shown() {
            let Some(rule) = verdict.protecting() else {
                continue;
            };
            let (table, from, rule) = (table.name.clone(), from.name.clone(), rule.clone());
            if !knows_computed {
                return Err(ColumnRuleError::ComputedUnknown { table, from, rule });
            }
            let showing = shown().find(|(column, computed)| {
                let is_computed = column.computed == Some(Computed::Expression);
                is_computed && verdict.hides_more_than_computed(computed)
            });
            if let Some((column, _)) = showing {
                let column = column.name.clone();
                return Err(ColumnRuleError::MaybeComputed {
                    table,
                    column,
                    from,
                    rule,
                });
            }
        }
        Ok(())
    }

    /// Notes which tables got their columns from others by a statement.
    fn note_unvetted(&mut self, rules: &Rules, followed: &Followed<'_>, believed: &Schemas) {
        let columns = rules.columns();
        if !columns.forbid_computed() {
            return;
        }
        let statement = &followed.statement;
        let mut sources = origins(statement, believed);
        sources.extend(copied(statement, believed));
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
                && !self.unvetted.contains(source)
                && !former.is_empty()
                && former.iter().all(|column| is_judged_alike(column));
            !is_vetted
        };
        let came = sources.iter();
        let came: Vec<TableName> = came
            .filter(|(table, source)| is_unvetted(table, source))
            .map(|(table, _)| table.clone())
            .collect();
        for change in &followed.changes {
            if let Change::Gone { table, .. } = change {
                self.unvetted.remove(table);
            }
        }
        for table in sources.keys() {
            self.unvetted.remove(table);
        }
        self.unvetted.extend(came);
    }

    /// The rules on rows that are to be warned of.
    pub(in crate::change) fn take_lost_row_rules(&mut self) -> Vec<LostRowRule> {
        std::mem::take(&mut self.lost_row_rules)
    }

    /// Notes the rules on rows that a renamed table leaves behind.
    fn note_lost_row_rules(&mut self, rules: &Rules, statement: &Statement, believed: &Schemas) {
        if rules.rows().is_empty() {
            return;
        }
        for (after, before) in origins(statement, believed) {
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
        if self.seen.len() < TABLES_MAX || self.seen.contains_key(source) {
            self.seen
                .insert(source.clone(), SeenColumns { names, matches });
        }
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
        self.note_lost_row_rules(rules, &followed.statement, believed);
        if rules.columns().is_empty() {
            return Ok(());
        }
        self.note_unvetted(rules, followed, believed);
        let statement = &followed.statement;
        let origins = origins(statement, believed);
        for table in statement.redefined_tables() {
            let table = believed.fold(table);
            let verdict = rules.table(&table.database, &table.table);
            let origin = origins.get(&table).unwrap_or(&table);
            let is_moved_away =
                !origins.contains_key(&table) && origins.values().any(|origin| *origin == table);
            if !verdict.keep || is_moved_away {
                continue;
            }
            let origin_columns = self.former_columns(origin, followed);
            let moved = Moved {
                before: rules.table(&origin.database, &origin.table).published,
                columns: &origin_columns,
                after: &verdict.published,
            };
            moved.judge(rules.columns(), &renames(statement))?;
            refuse_computed(rules.columns(), &verdict.published, statement)?;
            self.judge(rules.columns(), (&table, &verdict.published), followed)?;
        }
        for table in statement.redefined_tables() {
            let table = believed.fold(table);
            let is_gone = |change: &Change| matches!(change, Change::Gone { table: gone, .. } if *gone == table);
            if origins.contains_key(&table) || followed.changes.iter().any(is_gone) {
                self.seen.remove(&table);
            }
        }
        Ok(())
    }

    /// The columns that a table had before a statement.
    fn former_columns(&self, table: &TableName, followed: &Followed<'_>) -> Vec<Box<str>> {
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

/// A table whose columns, or which itself, a statement may have renamed.
struct Moved<'a> {
    /// Its name before, as published.
    before: TableName,
    /// Its columns before, as far as they are known.
    columns: &'a [Box<str>],
    /// Its name after, as published.
    after: &'a TableName,
}

impl Moved<'_> {
    /// Makes sure that no value goes out less hidden than a rule hid it before.
    fn judge(&self, rules: &ColumnRules, renames: &[(&str, &str)]) -> Result<(), ColumnRuleError> {
        let is_renamed = |column: &str| {
            let column = column.to_lowercase();
            renames.iter().any(|(old, _)| old.to_lowercase() == column)
        };
        let is_table_renamed = self.before != *self.after;
        let columns = self.columns.iter().map(|column| &**column);
        let pairs = columns
            .filter(|column| is_table_renamed && !is_renamed(column))
            .map(|column| (column, column))
            .chain(renames.iter().copied());
        for (before, after) in pairs {
            let verdict = rules.judge(&self.before, before);
            if let Some(rule) = verdict.protecting()
                && verdict.hides_more_than(&rules.judge(self.after, after))
            {
                return Err(ColumnRuleError::Renamed {
                    before: format!("{}.{before}", self.before).into(),
                    after: format!("{}.{after}", self.after).into(),
                    rule: rule.clone(),
                });
            }
        }
        Ok(())
    }
}

fn names(definition: &Arc<TableDefinition>) -> impl Iterator<Item = &str> {
    definition.columns.iter().map(|column| &*column.name)
}

/// Makes sure that a statement defines no column that is published as it is and computed from one whose values a rule hides.
fn refuse_computed(
    rules: &ColumnRules,
    table: &TableName,
    statement: &Statement,
) -> Result<(), ColumnRuleError> {
    for (column, computed_from) in defined_columns(statement) {
        rules.refuse_showing(table, column, computed_from)?;
    }
    Ok(())
}

/// The columns that a statement defines or gives defaults, each with what its values are computed from.
fn defined_columns(statement: &Statement) -> Vec<(&str, &[Box<str>])> {
    fn computed(column: &ColumnClause) -> (&str, &[Box<str>]) {
        (&column.name, &column.computed_from)
    }
    match &statement.meaning {
        Meaning::CreateTable(create) => create.elements.columns.iter().map(computed).collect(),
        Meaning::AlterTable(alter) => {
            let specs = alter.specs.iter();
            let columns = specs.filter_map(Spec::defined).map(computed);
            let defaults = alter.defaults.iter();
            let defaults = defaults.map(|(column, from)| (&**column, &**from));
            columns.chain(defaults).collect()
        }
        Meaning::Database { .. } | Meaning::Unfollowed { .. } | Meaning::Plain => Vec::new(),
    }
}

/// The columns that a statement renames, each with its old and its new name.
fn renames(statement: &Statement) -> Vec<(&str, &str)> {
    let Meaning::AlterTable(alter) = &statement.meaning else {
        return Vec::new();
    };
    alter.specs.iter().filter_map(Spec::renamed).collect()
}

/// The name that each renamed table had before the statement, by the name that it has after it; as names compare on the
/// source.
pub(in crate::change) fn origins(
    statement: &Statement,
    schemas: &Schemas,
) -> HashMap<TableName, TableName> {
    let tables = statement
        .objects
        .iter()
        .filter(|object| object.class == ObjectClass::Table);
    let mut origins: HashMap<TableName, TableName> = HashMap::new();
    let mut old: Option<TableName> = None;
    for object in tables {
        match (object.role, old.take()) {
            (Role::RenamedTo, Some(old)) => {
                let origin = origins.remove(&old).unwrap_or(old);
                origins.insert(schemas.fold(&object.name), origin);
            }
            (Role::Target, _) => old = Some(schemas.fold(&object.name)),
            (Role::RenamedTo | Role::Like | Role::TriggerOn, _) => {}
        }
    }
    origins
}

/// The table that a statement makes as another one is, with the name of that; as names compare on the source.
fn copied(statement: &Statement, schemas: &Schemas) -> Option<(TableName, TableName)> {
    let named = |role: Role| {
        let mut objects = statement.objects.iter();
        let object =
            objects.find(|object| object.class == ObjectClass::Table && object.role == role)?;
        Some(schemas.fold(&object.name))
    };
    Some((named(Role::Target)?, named(Role::Like)?))
}
