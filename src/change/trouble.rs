//! Why a stream cannot go on.

use std::path::PathBuf;

use crate::binlog::{BinlogError, Coordinates, EventKind, XaId};
use crate::failure::Class;
use crate::filter::ColumnRuleError;
use crate::row::{RowError, TableName, quoted};

use super::batch::items::Group;
use super::batch::rows::TooMany;
use super::definition::agreement::Disagreement;
use super::definition::lack::{Lack, Lacking, Untold};
use super::definition::table_maps::TableMapError;
use super::statement::StatementError;

/// What stopped the assembler, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot go on at {at}{}", named(*kind))]
pub struct AssembleError {
    /// Where the event that stopped it begins.
    pub at: Coordinates,
    /// What the event says that it is; `None` if it ends before it says so.
    pub kind: Option<EventKind>,
    /// What is wrong with it.
    #[source]
    pub trouble: Box<Trouble>,
    /// The group that it is in.
    pub group: Option<Box<Group>>,
}

impl AssembleError {
    /// What the failure means: never transient, since the same bytes would stop the assembler again.
    pub fn class(&self) -> Class {
        match &*self.trouble {
            Trouble::TableMap(TableMapError::ColumnRules(error)) | Trouble::ColumnRules(error) => {
                error.class()
            }
            Trouble::TableMap(TableMapError::RowRules(error)) => error.class(),
            _other => Class::Data,
        }
    }

    /// Names the place of a trouble, and the kind of the event.
    pub(super) fn new(
        at: Coordinates,
        kind: impl Into<Option<EventKind>>,
        trouble: impl Into<Trouble>,
    ) -> Self {
        Self {
            at,
            kind: kind.into(),
            trouble: Box::new(trouble.into()),
            group: None,
        }
    }

    /// Names the group that it is in.
    pub(super) fn within(mut self, group: Option<&Group>) -> Self {
        self.group = group.cloned().map(Box::new);
        self
    }
}

fn named(kind: Option<EventKind>) -> String {
    kind.map_or_else(String::new, |kind| format!(", {kind} event"))
}

/// Why a source may show no table whose rows are in its binlog: information_schema leaves out what an account may not read.
fn hidden(is_hidden: bool, table: &TableName) -> String {
    match is_hidden {
        true => format!(
            ", and the source shows no such table now: it is gone, or the account lacks SELECT on it, then run on the source: GRANT \
             SELECT ON {}.* TO that account, and start again",
            quoted(&table.database)
        ),
        false => String::new(),
    }
}

/// Where the commands are that tell all definitions that are missing.
fn in_file(commands: Option<&PathBuf>) -> String {
    commands.map_or_else(String::new, |path| {
        format!(
            "; all of these commands are in {}, fill in its blanks and run it with sh",
            path.display()
        )
    })
}

/// What a person has to tell, so that the stream can go on.
#[derive(Debug, Default)]
pub struct ToTell {
    /// A CREATE TABLE with what is known of the table that the stream stopped at, where its definition is to be told.
    pub(super) draft: Box<str>,
    /// What is missing there too, or will be after that.
    pub(super) others: Vec<Lacking>,
    /// A file with the commands to edit and run, if one was written.
    pub(super) commands: Option<PathBuf>,
}

/// Tables that a message names at most.
const OTHERS_MAX: usize = 30;

impl ToTell {
    fn commands(&self, connector: &str, stopped: &TableName) -> String {
        let others: Vec<_> = self
            .others
            .iter()
            .filter(|lacking| lacking.table != *stopped)
            .collect();
        let mut text = String::new();
        for (index, other) in others.iter().take(OTHERS_MAX).enumerate() {
            let Lacking { table, end, untold } = other;
            text += match (index, untold) {
                (0, Untold::Definition { .. } | Untold::Charset { .. }) => {
                    "; also define what it will lack after that: "
                }
                (0, Untold::Engine) => "; also tell those of ",
                _ => ", ",
            };
            let told = match untold {
                Untold::Definition { .. } | Untold::Charset { .. } => "--define 'CREATE TABLE …'",
                Untold::Engine => "--engine ENGINE",
            };
            text +=
                &format!("`rowtap definitions {connector}.toml --table {table} --at {end} {told}`");
        }
        if others.len() > OTHERS_MAX {
            text += &format!(" and {} more", others.len() - OTHERS_MAX);
        }
        text
    }
}

/// What is wrong with an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// Its bytes do not form an event.
    #[error(transparent)]
    Binlog(#[from] BinlogError),
    /// It cannot stand where it does.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A statement cannot be read, or cannot go on.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// A table map cannot be read, or rows contradict it.
    #[error(transparent)]
    TableMap(#[from] TableMapError),
    /// The rules on columns do not fit what a statement made of a table.
    #[error(transparent)]
    ColumnRules(#[from] ColumnRuleError),
    /// A rows event contradicts its table map.
    #[error("rows of {table}")]
    Rows {
        /// The table.
        table: TableName,
        /// What is wrong.
        #[source]
        error: RowError,
    },
    /// A value that its column cannot have.
    #[error("column {column} of {table}")]
    Value {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
        /// What is wrong.
        #[source]
        error: RowError,
    },
    /// A row whose condition depends on a column that its image does not hold.
    #[error(
        "the condition on rows of {table} depends on column {column}, which a row image here does not hold, set \
         binlog_row_image=FULL on the source and start from a position after it"
    )]
    RowOpen {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
    },
    /// An update that lets a row in and does not hold all of it.
    #[error(
        "an update lets a row of {table} into its condition and does not hold column {column}, so that it cannot become an \
         insert, set binlog_row_image=FULL on the source or row-filter-moves = \"keep\""
    )]
    RowPart {
        /// The table.
        table: TableName,
        /// The first column that is missing.
        column: Box<str>,
    },
    /// A value of which it cannot be said how it compares.
    #[error("the condition on rows of {table} cannot be judged by column {column}")]
    RowValue {
        /// The table.
        table: TableName,
        /// The column.
        column: Box<str>,
        /// What is wrong.
        #[source]
        error: RowError,
    },
    /// A user variable with digits that no number has.
    #[error("the value of the user variable")]
    UserVariable {
        /// What is wrong.
        #[source]
        error: RowError,
    },
    /// A rows event came without its table map.
    #[error("table map {table_id} not seen before its rows event")]
    NoTableMap {
        /// The number that the rows event names.
        table_id: u64,
    },
    /// A table map without names, and nothing to take them from.
    #[error(
        "{}, and its definition is not known for certain there: {reason}{}; tell it by `rowtap definitions {connector}.toml \
         --table {table} --at {end} --define 'CREATE TABLE …'`{}{}{}",
        lack.of(table), hidden(*is_hidden, table), to_tell.commands(connector, table), lack.cure(), in_file(to_tell.commands.as_ref())
    )]
    NoDefinition {
        /// The table.
        table: TableName,
        /// What its table map does not tell.
        lack: Lack,
        /// Whether the source was asked, and shows no such table.
        is_hidden: bool,
        /// Why it is not known.
        reason: Box<str>,
        /// The connector.
        connector: Box<str>,
        /// Where the group ends that needs it.
        end: Coordinates,
        /// What a person has to tell.
        to_tell: Box<ToTell>,
    },
    /// A definition that was proven for its place, and the table map says otherwise.
    #[error(
        "the definition of {table} does not fit its table map: {disagreement}; tell the right one by `rowtap definitions \
         {connector}.toml --table {table} --at {end} --define 'CREATE TABLE …'`, or run `SET PERSIST \
         binlog_row_metadata=FULL` on the source and start from a position after it, and report this unless the wrong one \
         was told{}", in_file(to_tell.commands.as_ref())
    )]
    Disagreement {
        /// The table.
        table: TableName,
        /// What was believed, and what was found.
        disagreement: Box<Disagreement>,
        /// The connector.
        connector: Box<str>,
        /// Where the group ends that has its rows.
        end: Coordinates,
        /// What a person has to tell.
        to_tell: Box<ToTell>,
    },
    /// A group was rolled back, and it is not known whether the table takes part in that.
    #[error(
        "the group was rolled back, and it is not known whether the engine of {table} took part in that, so that its changes may \
         stand; tell the engine that it had there by `rowtap definitions {connector}.toml --table {table} --at {end} --engine \
         ENGINE`{}{}", to_tell.commands(connector, table), in_file(to_tell.commands.as_ref())
    )]
    NoEngine {
        /// The table.
        table: TableName,
        /// The connector.
        connector: Box<str>,
        /// Where the group ends.
        end: Coordinates,
        /// What else a person has to tell.
        to_tell: Box<ToTell>,
    },
    /// An event of a kind that rowtap does not decode.
    #[error("{kind} events are not decoded by this version, and this one is not marked ignorable")]
    Unsupported {
        /// Its kind.
        kind: EventKind,
    },
    /// An event that cannot stand inside a compressed transaction.
    #[error("{kind} event inside a compressed transaction, where it cannot stand")]
    InPayload {
        /// Its kind.
        kind: EventKind,
    },
    /// A compressed transaction without its commit.
    #[error("the compressed transaction ends before its commit")]
    PayloadOpen,
    /// A rows event in pieces that are not all there, or not in order.
    #[error(
        "a rows event in {expected} pieces is broken after the first {found}; the position is inside it, or the file is damaged"
    )]
    Fragments {
        /// Pieces that were in order.
        found: u32,
        /// How many there are.
        expected: u32,
    },
    /// An event of a kind that is never large.
    #[error(
        "{kind} event of more bytes than event_memory_max, expected only rows and statements to be so large"
    )]
    Large {
        /// Its kind.
        kind: EventKind,
    },
    /// A group that prepares an XA transaction, and does not end with that.
    #[error("the group prepares an XA transaction, expected XA_PREPARE to be its last event")]
    XaUnended,
    /// Two prepared XA transactions with the same id.
    #[error(
        "the XA transaction {id} is prepared, expected one that is not: the group at {before} prepared it, and nothing \
         committed it or rolled it back since; the source lost it in a crash or decided on it with sql_log_bin = 0, take a \
         new start after that group"
    )]
    XaTwice {
        /// The id.
        id: XaId,
        /// Where the other one's group begins.
        before: Coordinates,
    },
    /// The commit of an XA transaction that is not held.
    #[error(
        "XA COMMIT of {id}, whose XA PREPARE the stream of {connector} did not have, so that its changes would be lost: it \
         stands before the start, was not logged, or was committed before; start at a position before the XA PREPARE, or, if \
         the target has the changes, set xa_missing = \"warn\" (decode: --xa-missing warn)"
    )]
    XaUnseen {
        /// The id.
        id: XaId,
        /// The connector's name.
        connector: Box<str>,
    },
    /// The source lost events.
    #[error(
        "the source reports an incident: events were lost before this position, start again after it"
    )]
    Incident,
    /// Spilled events came back otherwise than they went.
    #[error("spilled events came back damaged")]
    Spill,
    /// A batch outgrew its indexes.
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// Rows that are compared with those of a snapshot cannot be read.
    #[error("rows cannot be compared with those of the snapshot")]
    Compared(#[from] RowError),
}

impl Trouble {
    /// The table whose definition is not known, where a stream could go on without.
    pub(super) fn undefined_table(&self) -> Option<&TableName> {
        match self {
            Self::NoDefinition { table, .. } | Self::Disagreement { table, .. } => Some(table),
            _other => None,
        }
    }

    /// All that a person has to tell of tables, of the one first that the stream stopped at.
    pub fn lacking(&self) -> Vec<Lacking> {
        let (table, end, to_tell) = match self {
            Self::NoDefinition {
                table,
                end,
                to_tell,
                ..
            }
            | Self::Disagreement {
                table,
                end,
                to_tell,
                ..
            }
            | Self::NoEngine {
                table,
                end,
                to_tell,
                ..
            } => (table, end, to_tell),
            _other => return Vec::new(),
        };
        let ToTell { draft, others, .. } = &**to_tell;
        let untold = match self {
            Self::NoEngine { .. } => Untold::Engine,
            _of_a_definition => Untold::Definition {
                draft: draft.clone(),
            },
        };
        let first = Lacking {
            table: table.clone(),
            end: end.clone(),
            untold,
        };
        let others = others.iter().filter(|other| other.table != *table);
        std::iter::once(first).chain(others.cloned()).collect()
    }

    /// Takes that the commands that tell all this are in a file.
    pub fn written_to(&mut self, path: PathBuf) {
        if let Self::NoDefinition { to_tell, .. }
        | Self::Disagreement { to_tell, .. }
        | Self::NoEngine { to_tell, .. } = self
        {
            to_tell.commands = Some(path);
        }
    }

    /// Why a table's definition is not known.
    pub(super) fn why_undefined(&self) -> String {
        match self {
            Self::NoDefinition {
                table,
                lack,
                is_hidden,
                reason,
                ..
            } => format!("{}: {reason}{}", lack.of(table), hidden(*is_hidden, table)),
            other => other.to_string(),
        }
    }
}

/// Why an event cannot stand where it does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The stream began inside a group.
    #[error(
        "{found} event outside a group: the stream begins inside one, start at a position where a group begins (`rowtap \
         run` names the nearest ones for a given position)"
    )]
    NotOpened {
        /// The event's kind.
        found: String,
    },
    /// A group began before the one before it ended.
    #[error("{found} event opens a group inside a group that has not ended")]
    NotEnded {
        /// The event's kind.
        found: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_definition_is_told_with_what_would_help() {
        const FULL: &str = "binlog_row_metadata=FULL";
        const GRANT: &str = "GRANT SELECT ON `d`.*";
        for (lack, is_hidden, expected, unexpected) in [
            (
                Lack::Metadata,
                false,
                &["the names of", FULL][..],
                &[GRANT][..],
            ),
            (Lack::Metadata, true, &["the names of", FULL, GRANT], &[]),
            (Lack::Types, false, &["UUID"], &[FULL, GRANT]),
            (Lack::Types, true, &["UUID", GRANT], &[FULL]),
        ] {
            let message = Trouble::NoDefinition {
                table: TableName::new("d", "t"),
                lack,
                is_hidden,
                reason: "it is new".into(),
                connector: "shop".into(),
                end: Coordinates::new("b.000001", 1337),
                to_tell: Box::default(),
            };
            let message = message.to_string();
            for part in expected.iter().chain(&["--define", "it is new"]) {
                assert!(message.contains(part), "'{part}' is not in: {message}");
            }
            for part in unexpected {
                assert!(!message.contains(part), "'{part}' is in: {message}");
            }
        }
    }
}
