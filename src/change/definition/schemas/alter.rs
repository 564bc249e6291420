//! `ALTER TABLE`: a definition out of a definition.
//!
//! The order of columns follows the servers' `mysql_prepare_alter_table`: first the columns that stay, in their
//! order and under their new names, without those that move; then, in the order of the text, those that are added or
//! moved, each to its place among the columns so far.

use std::borrow::Cow;

use super::create::{self, same};
use super::facts::Facts;
use super::labels as label_texts;
use super::reason::Reason;
use super::unsettled;
use crate::change::definition::aside::Aside;
use crate::change::definition::charset::{self, KnownCharset};
use crate::change::definition::labels;
use crate::change::definition::table::{
    ColumnDefinition, ComputedFrom, Generated, TableDefinition,
};
use crate::change::statement::meaning::{
    AlterTable, ColumnPosition, Key, Kind, NamedCharset, NewDefault, Period, Size, Spec,
};
use crate::mysql::Flavour;
use crate::row::BINARY;

/// Each column can be dropped, renamed, changed and shown at most.
const SPECS_MAX: usize = 4 * create::COLUMNS_MAX;

/// From this version on a text column that is changed and converted may grow.
const MYSQL_8: u32 = 80_000;

/// A column in the making, and where it was before.
struct Slot {
    column: ColumnDefinition,
    former: Option<usize>,
}

/// The default character sets around a table.
pub(super) struct Surrounding<'a> {
    /// Its database's.
    pub(super) database: &'a str,
    /// That of the session's default database, which MySQL converts to by default.
    pub(super) session: &'a str,
}

/// The statement, and what it depends on.
struct Work<'a> {
    old: &'a TableDefinition,
    specs: &'a [Spec],
    /// The default character set of the table after it.
    charset: KnownCharset,
    facts: &'a Facts<'a>,
}

/// The definition that a table has after an `ALTER TABLE`.
pub(super) fn table(
    old: &TableDefinition,
    alter: &AlterTable,
    surrounding: &Surrounding<'_>,
    facts: &Facts<'_>,
) -> Result<TableDefinition, Reason> {
    if alter.specs.len() > SPECS_MAX {
        return Err("more is changed at once than a table can have".into());
    }
    let convert = alter.specs.iter().rev().find_map(|spec| match spec {
        Spec::Convert(named) => Some(named),
        _ => None,
    });
    let named = convert.unwrap_or(&alter.options.charset);
    let to_default = convert == Some(&NamedCharset::Default);
    let surrounding = match named {
        NamedCharset::Default if to_default && facts.context.flavour == Flavour::MySql => {
            surrounding.session
        }
        NamedCharset::Default => surrounding.database,
        NamedCharset::Unnamed | NamedCharset::Named(_) => {
            old.charset.as_deref().unwrap_or(surrounding.database)
        }
    };
    let charset = create::table_charset(named, surrounding, facts)?;
    // It may be another one than that of columns whose own is not known.
    let is_another = *named == NamedCharset::Default && old.unsettled().is_some();
    if charset.is_unsettled() && (convert.is_some() || is_another) {
        return Err("converted to the database's character set, which is not known".into());
    }
    let specs = match convert.is_some() {
        true => Cow::Owned(converted_specs(&alter.specs, charset, facts)?),
        false => Cow::Borrowed(alter.specs.as_slice()),
    };
    let work = Work {
        old,
        specs: &specs,
        charset,
        facts,
    };
    let mut slots = work.staying()?;
    work.place_others(&mut slots)?;
    if convert.is_some() {
        convert_columns(&mut slots, charset, facts)?;
    }
    work.set_visible(&mut slots)?;
    work.set_defaults(&mut slots, &alter.defaults);
    let named_engine = alter.options.engine.is_some() || alter.options.engine_in_partitions;
    let engine = create::engine(&alter.options, old.engine.as_deref(), facts);
    let mut definition = TableDefinition {
        key: work.key(&slots),
        columns: slots.into_iter().map(|slot| slot.column).collect(),
        transactional: match named_engine {
            true => engine.as_deref().and_then(create::transactional),
            false => old.transactional,
        },
        engine: match named_engine {
            true => engine,
            false => old.engine.clone(),
        },
        charset: Some(charset.name.into()),
        // Which of them are dropped and added the statement's keys tell, which are not read.
        hidden: Vec::new(),
        comment: match &alter.options.comment {
            Some(comment) => Aside(Some(comment.clone()).filter(|comment| !comment.is_empty())),
            None => old.comment.clone(),
        },
    };
    work.set_keys(&mut definition)?;
    work.set_versioning(&mut definition, alter.options.versioned)?;
    Ok(definition)
}

impl Work<'_> {
    /// The columns that stay where they are, changed and renamed ones among them.
    fn staying(&self) -> Result<Vec<Slot>, Reason> {
        self.check_names()?;
        let mut slots = Vec::with_capacity(self.old.columns.len());
        for (place, column) in self.old.columns.iter().enumerate() {
            if self.is_dropped(&column.name) {
                continue;
            }
            let slot = match self.change_of(&column.name) {
                Some((_, ColumnPosition::First | ColumnPosition::After(_))) => continue,
                Some((changed, ColumnPosition::Unnamed)) => {
                    create::column(changed, self.charset, self.facts)?
                }
                None => {
                    let mut kept = column.clone();
                    if let Some(name) = self.new_name(&column.name) {
                        kept.name = name.into();
                    }
                    kept
                }
            };
            slots.push(Slot {
                column: slot,
                former: Some(place),
            });
        }
        Ok(slots)
    }

    /// Puts the columns that are added or moved to their places.
    fn place_others(&self, slots: &mut Vec<Slot>) -> Result<(), Reason> {
        for spec in self.specs {
            let (column, place, former) = match spec {
                Spec::Add {
                    column,
                    place,
                    if_not_exists,
                } => {
                    if *if_not_exists && (self.has(&column.name) || holds(slots, &column.name)) {
                        continue;
                    }
                    (column, place, None)
                }
                Spec::Change {
                    old, column, place, ..
                } if *place != ColumnPosition::Unnamed => {
                    let Ok(former) = create::place_of(self.old, old) else {
                        continue;
                    };
                    (column, place, Some(former))
                }
                _ => continue,
            };
            if holds(slots, &column.name) {
                return Err(format!("column {} was there already", column.name).into());
            }
            let definition = create::column(column, self.charset, self.facts)?;
            let at = match place {
                ColumnPosition::First => usize::from(begins_with_generated_key(slots)),
                ColumnPosition::After(name) => {
                    1 + slots
                        .iter()
                        .position(|slot| same(&slot.column.name, name))
                        .ok_or_else(|| format!("column {name} is not known"))?
                }
                ColumnPosition::Unnamed => last_place(slots),
            };
            slots.insert(
                at,
                Slot {
                    column: definition,
                    former,
                },
            );
        }
        Ok(())
    }

    /// Every column that is named has to be there, but for those named with `IF EXISTS`.
    fn check_names(&self) -> Result<(), Reason> {
        for spec in self.specs {
            let (name, if_exists) = match spec {
                Spec::Change { old, if_exists, .. } | Spec::Rename { old, if_exists, .. } => {
                    (old, *if_exists)
                }
                Spec::Drop { column, if_exists } => (column, *if_exists),
                Spec::Add { .. }
                | Spec::Visible { .. }
                | Spec::AddKey { .. }
                | Spec::DropKey
                | Spec::Convert(_)
                | Spec::AddPeriod(_)
                | Spec::AddVersioning
                | Spec::DropVersioning => continue,
            };
            if !if_exists && !self.has(name) {
                return Err(format!("column {name} is not known").into());
            }
        }
        Ok(())
    }

    fn has(&self, name: &str) -> bool {
        create::place_of(self.old, name).is_ok()
    }

    fn is_dropped(&self, name: &str) -> bool {
        self.specs.iter().any(|spec| match spec {
            Spec::Drop { column, .. } => same(column, name),
            _ => false,
        })
    }

    fn change_of(
        &self,
        name: &str,
    ) -> Option<(
        &crate::change::statement::meaning::ColumnClause,
        &ColumnPosition,
    )> {
        self.specs.iter().find_map(|spec| match spec {
            Spec::Change {
                old, column, place, ..
            } if same(old, name) => Some((column, place)),
            _ => None,
        })
    }

    fn new_name(&self, name: &str) -> Option<&str> {
        self.specs.iter().find_map(|spec| match spec {
            Spec::Rename { old, new, .. } if same(old, name) => Some(&**new),
            _ => None,
        })
    }

    fn set_visible(&self, slots: &mut [Slot]) -> Result<(), Reason> {
        for spec in self.specs {
            if let Spec::Visible { column, visible } = spec {
                let slot = slots
                    .iter_mut()
                    .find(|slot| same(&slot.column.name, column))
                    .ok_or_else(|| format!("column {column} is not known"))?;
                slot.column.invisible = !visible;
            }
        }
        Ok(())
    }

    /// Other defaults, and other names of the columns from which columns are computed.
    fn set_defaults(&self, slots: &mut [Slot], defaults: &[NewDefault]) {
        for new in defaults {
            let mut slots = slots.iter_mut();
            if let Some(slot) = slots.find(|slot| same(&slot.column.name, &new.column)) {
                slot.column.computed_from = ComputedFrom(new.computed_from.clone());
                if let Some(described) = &mut slot.column.described.0 {
                    described.default.clone_from(&new.default);
                }
            }
        }
        for (old, new) in self.specs.iter().filter_map(Spec::renamed) {
            for slot in &mut *slots {
                let from = &mut slot.column.computed_from.0;
                if old != new && from.iter().any(|name| same(name, old)) {
                    from.push(new.into());
                }
            }
        }
    }

    // ---- keys and versioning ---------------------------------------------------------------------------------------

    /// The primary key that was, without the columns that are gone.
    fn key(&self, slots: &[Slot]) -> Vec<usize> {
        let dropped = self.specs.contains(&Spec::DropKey);
        let row_end = create::row_end(self.old);
        let parts = self.old.key.iter().filter(|part| Some(**part) != row_end);
        let parts = parts.filter(|_| !dropped);
        parts
            .filter_map(|part| slots.iter().position(|slot| slot.former == Some(*part)))
            .collect()
    }

    fn set_keys(&self, definition: &mut TableDefinition) -> Result<(), Reason> {
        let periods: Vec<Period> = self
            .specs
            .iter()
            .filter_map(|spec| match spec {
                Spec::AddPeriod(period) => Some(period.clone()),
                _ => None,
            })
            .collect();
        for period in &periods {
            create::set_period(definition, period)?;
        }
        for place in definition.key.clone() {
            if let Some(column) = definition.columns.get_mut(place) {
                column.nullable = false;
            }
        }
        for spec in self.specs {
            // What the statement itself drops counts as existing.
            if let Spec::AddKey { key, if_not_exists } = spec
                && (!*if_not_exists || self.old.key.is_empty())
            {
                create::set_key(definition, key, &periods)?;
            }
            if let Some(column) = spec.defined()
                && column.primary
            {
                let key = Key {
                    columns: vec![column.name.clone()],
                    period: None,
                };
                create::set_key(definition, &key, &[])?;
            }
        }
        Ok(())
    }

    fn set_versioning(&self, definition: &mut TableDefinition, option: bool) -> Result<(), Reason> {
        let adds = option || self.specs.contains(&Spec::AddVersioning);
        if self.specs.contains(&Spec::DropVersioning) {
            definition.columns.retain(|column| !is_implicit(column));
            if create::row_end(definition).is_some() {
                return Err("system versioning was dropped from columns that stay".into());
            }
        } else if adds && create::row_end(definition).is_none() {
            create::add_row_columns(definition);
        }
        create::end_key_with_row_end(definition);
        Ok(())
    }
}

/// The specifications of a statement that converts: whatever set its columns name, they get the one of the table, but for
/// columns of bytes.
fn converted_specs(
    specs: &[Spec],
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Result<Vec<Spec>, Reason> {
    let mut specs = specs.to_vec();
    for spec in &mut specs {
        let is_new = matches!(spec, Spec::Add { .. });
        let (Spec::Add { column, .. } | Spec::Change { column, .. }) = spec else {
            continue;
        };
        let grows = matches!(column.kind, Kind::Text { .. } | Kind::TextOf { .. });
        let mysql = facts.context.flavour == Flavour::MySql;
        if grows && !is_new && mysql && facts.context.version >= MYSQL_8 {
            return Err("text columns are changed and converted at once".into());
        }
        let NamedCharset::Named(name) = &column.charset else {
            continue;
        };
        if **name == *BINARY {
            continue;
        }
        column.charset = NamedCharset::Named(to.name.into());
    }
    Ok(specs)
}

fn holds(slots: &[Slot], name: &str) -> bool {
    slots.iter().any(|slot| same(&slot.column.name, name))
}

/// Whether it is a column that MariaDB made for a versioned table; such columns stay the last ones.
fn is_implicit(column: &ColumnDefinition) -> bool {
    let of_row = matches!(
        column.generated,
        Some(Generated::RowStart | Generated::RowEnd)
    );
    of_row && column.invisible && matches!(&*column.name, "row_start" | "row_end")
}

/// Whether the first column is the primary key that MySQL made for a table without one; it stays the first.
fn begins_with_generated_key(slots: &[Slot]) -> bool {
    let first = slots.first().map(|slot| &slot.column);
    first.is_some_and(|column| column.invisible && &*column.name == "my_row_id")
}

fn last_place(slots: &[Slot]) -> usize {
    let implicit = slots
        .iter()
        .filter(|slot| is_implicit(&slot.column))
        .count();
    slots.len() - implicit
}

/// `CONVERT TO CHARACTER SET`: every column of text, whose size grows where as many characters may take more bytes, and
/// every label; columns of bytes stay as they are.
fn convert_columns(slots: &mut [Slot], to: KnownCharset, facts: &Facts<'_>) -> Result<(), Reason> {
    for slot in slots {
        let column = &mut slot.column;
        let Some(from) = column.charset.as_deref().filter(|name| *name != BINARY) else {
            continue;
        };
        if charset::is_unsettled(from) {
            unsettled::convert(column, to, facts)?;
            continue;
        }
        let from = charset::by_name(from, facts.utf8_is_utf8mb4)
            .ok_or_else(|| format!("the character set {from} is not known"))?;
        let (kind, charset) = match column.data_type() {
            name @ ("enum" | "set") => {
                let labels = label_texts::converted(&column.listed_labels(), from, to, facts);
                let printed = labels::printed_with_doubts(name, &labels);
                (printed, label_texts::charset_shown(to, facts))
            }
            _ => {
                let converted = converted(&column.column_type, from, to, facts);
                converted.ok_or_else(|| {
                    format!(
                        "column {} of type {} was converted to {}",
                        column.name, column.column_type, to.name
                    )
                })?
            }
        };
        column.column_type = kind.into();
        column.charset = charset.map(Into::into);
    }
    Ok(())
}

/// What a type of text becomes in another character set.
fn converted(
    column_type: &str,
    from: KnownCharset,
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Option<(String, Option<&'static str>)> {
    let (column_type, compressed) = match column_type.strip_suffix(create::COMPRESSED) {
        Some(column_type) => (column_type, create::COMPRESSED),
        None => (column_type, ""),
    };
    let text = |size: Size| {
        let characters = size.bytes() / u64::from(from.bytes_max);
        let bytes = characters * u64::from(to.bytes_max);
        Kind::Text {
            size: Size::of(bytes.min(Size::Long.bytes())),
        }
    };
    let (name, length) = column_type.split_once('(').unwrap_or((column_type, ""));
    let length = || length.strip_suffix(')')?.parse().ok();
    let kind = match name {
        "char" => Kind::Char { length: length()? },
        "varchar" => Kind::VarChar { length: length()? },
        "tinytext" => text(Size::Tiny),
        "text" => text(Size::Plain),
        "mediumtext" => text(Size::Medium),
        "longtext" => text(Size::Long),
        _ => return None,
    };
    let (printed, charset) = create::text(&kind, to, facts)?;
    Some((printed + compressed, charset))
}
