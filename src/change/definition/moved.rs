//! Which tables and columns a statement renames, where else it moves rows, and whether a value goes out less hidden under its
//! new name than before.

use std::collections::HashMap;

use super::schemas::{Schemas, same};
use crate::change::statement::meaning::{Meaning, Spec};
use crate::change::statement::{ObjectClass, Role, Statement};
use crate::filter::{ColumnRuleError, ColumnRules};
use crate::row::TableName;

/// The last name under which a table was judged by the rules on columns, as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerName {
    /// The name; `None` for a table that was never published. What it is renamed to has rules that hide values of the table in
    /// whose place it comes, and of which it is likely a copy.
    pub table: Option<TableName>,
    /// The columns that have other names now: what each was called then, and what it is called now.
    pub renamed: Vec<(Box<str>, Box<str>)>,
}

/// A table as a statement leaves it.
pub(super) struct Moved<'a> {
    /// Its name on the source.
    pub(super) table: &'a TableName,
    /// What it was called there before the statement.
    pub(super) origin: &'a TableName,
    /// Its columns, as far as they are known.
    pub(super) columns: Vec<Box<str>>,
    /// By what it is to be judged.
    pub(super) was: FormerName,
    /// The columns of the table whose name it takes, as far as there is such a table, and they are known.
    pub(super) replaced: Vec<Box<str>>,
}

impl<'a> Moved<'a> {
    pub(super) fn by(
        statement: &Statement,
        (table, origin): (&'a TableName, &'a TableName),
        mut was: FormerName,
        mut columns: Vec<Box<str>>,
    ) -> Self {
        let renames = renames(statement);
        let new_name = |column: &str| {
            let mut renames = renames.iter();
            let found = renames.find(|(old, _)| same(old, column));
            found.map(|(_, new)| Box::<str>::from(*new))
        };
        let is_known = |old: &str| was.renamed.iter().any(|(_, now)| same(now, old));
        let new = renames.iter();
        let new = new.filter(|(old, new)| old != new && !is_known(old));
        let new = new.map(|(old, new)| (Box::from(*old), Box::from(*new)));
        let new: Vec<(Box<str>, Box<str>)> = new.collect();
        for (_, now) in &mut was.renamed {
            *now = new_name(now).unwrap_or_else(|| now.clone());
        }
        was.renamed.extend(new);
        for column in &mut columns {
            *column = new_name(column).unwrap_or_else(|| column.clone());
        }
        Self {
            table,
            origin,
            columns,
            was,
            replaced: Vec::new(),
        }
    }

    /// Judges the columns that are known, and those that the statement names.
    pub(super) fn judge(
        &self,
        rules: &ColumnRules,
        after: &TableName,
        statement: &Statement,
    ) -> Result<(), ColumnRuleError> {
        let known = self.columns.iter().map(|column| &**column);
        let renamed = self.was.renamed.iter().map(|(_, now)| &**now);
        let named = renames(statement).into_iter().map(|(_, new)| new);
        let columns = known.chain(renamed).chain(named);
        self.was.judge(rules, after, columns, |column| {
            let mut replaced = self.replaced.iter();
            self.replaced.is_empty() || replaced.any(|known| same(known, column))
        })
    }
}

impl FormerName {
    /// What a column was called then, by what it is called now.
    pub(super) fn then<'a>(&'a self, now: &'a str) -> &'a str {
        let mut renamed = self.renamed.iter();
        let found = renamed.find(|(_, name)| same(name, now));
        found.map_or(now, |(then, _)| then)
    }

    /// The name of a table that was never published, and comes in the place of one that is still to be judged by its former name.
    pub(super) fn in_place_of(&self, replaced: &Self) -> Self {
        let own = self.renamed.iter();
        let own = own.map(|(copied, now)| (Box::from(replaced.then(copied)), now.clone()));
        let stay = replaced.renamed.iter().filter(|(_, now)| {
            let mut own = self.renamed.iter();
            !own.any(|(copied, _)| same(copied, now))
        });
        Self {
            table: replaced.table.clone(),
            renamed: own.chain(stay.cloned()).collect(),
        }
    }

    /// Makes sure that no value goes out less hidden than it was then. Columns are named as they are called now; of a table that
    /// was never published, those count that `may_be_copied` says were columns of the table in whose place it comes.
    pub(super) fn judge<'a>(
        &self,
        rules: &ColumnRules,
        after: &TableName,
        columns: impl Iterator<Item = &'a str>,
        may_be_copied: impl Fn(&str) -> bool,
    ) -> Result<(), ColumnRuleError> {
        let before = self.table.as_ref().unwrap_or(after);
        for now in columns {
            let then = self.then(now);
            if self.table.is_some() || may_be_copied(then) {
                rules.refuse_renaming((before, then), (after, now))?;
            }
        }
        Ok(())
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
pub(super) fn copied(statement: &Statement, schemas: &Schemas) -> Option<(TableName, TableName)> {
    let named = |role: Role| {
        let mut objects = statement.objects.iter();
        let object =
            objects.find(|object| object.class == ObjectClass::Table && object.role == role)?;
        Some(schemas.fold(&object.name))
    };
    Some((named(Role::Target)?, named(Role::Like)?))
}

/// The tables between which a statement moves rows, each pair from the one to the other, as names compare on the source.
pub(super) fn transfers(statement: &Statement, schemas: &Schemas) -> Vec<(TableName, TableName)> {
    let Meaning::AlterTable(alter) = &statement.meaning else {
        return Vec::new();
    };
    let Some(table) = statement.objects.first() else {
        return Vec::new();
    };
    let table = schemas.fold(&table.name);
    let other = |other: &Option<TableName>| other.as_ref().map(|other| schemas.fold(other));
    let out = split_off(statement, schemas);
    let exchanged = other(&alter.exchanged);
    let given = exchanged.clone().map(|other| (table.clone(), other));
    let taken = other(&alter.taken_in).or(exchanged);
    let taken = taken.map(|other| (other, table));
    out.into_iter().chain(given).chain(taken).collect()
}

/// The table that a statement makes of a partition, after the table whose partition it was.
pub(super) fn split_off(
    statement: &Statement,
    schemas: &Schemas,
) -> Option<(TableName, TableName)> {
    let Meaning::AlterTable(alter) = &statement.meaning else {
        return None;
    };
    let part = schemas.fold(alter.split_off.as_ref()?);
    let table = schemas.fold(&statement.objects.first()?.name);
    Some((table, part))
}
