//! What is asked about the tables of the group in hand. No question is asked again after it was answered: if the answer does
//! not help, the stream cannot go on.

use std::collections::HashSet;

use super::definition::beliefs::Definitions;
use super::definition::lack::{Lack, Lacking, Untold};
use super::definition::table_maps::Missing;
use super::step::Step;
use super::trouble::{ToTell, Trouble};
use crate::binlog::Coordinates;
use crate::row::TableName;

/// Why there is no belief about a table that no statement defined.
const UNSEEN: &str = "no statement of the binlog defined it, and the source does not prove its definition for that place";
/// Why there is none where more of the source's binlogs would have to be read.
const OUT_OF_LIMITS: &str = "no more of the source's binlogs may be read to find it out, raise definitions_scan_max, or start \
                             again to go on where this run ended";

/// The questions about one group.
#[derive(Debug, Default)]
pub(super) struct Questions {
    answered: Answered,
    /// The tables without whose definitions the group is read, or of whose rows nothing is taken for want of their engine.
    without: HashSet<TableName>,
    /// The tables of whose engine all was told that can be.
    engines: HashSet<TableName>,
}

/// The answer that was given last; at the end of a group it is forgotten.
#[derive(Debug, Default)]
enum Answered {
    /// None was.
    #[default]
    Nothing,
    /// The statements before the group were followed; these tables will lack a definition later.
    Followed { lacking: Vec<Lacking> },
    /// The statements before the group could not all be followed, for they would have to be read first.
    OutOfLimits,
    /// What can be told of this table was told.
    Definition {
        table: TableName,
        /// The source was asked and shows no such table.
        is_hidden: bool,
        /// The tables that will lack a definition later.
        lacking: Vec<Lacking>,
        /// More could be told if more could be read.
        is_out_of_limits: bool,
    },
}

impl Questions {
    /// Notes that what can be told of a table was told.
    pub(super) fn definition_answered(&mut self, table: TableName, is_hidden: bool) {
        let (lacking, is_out_of_limits) = match std::mem::take(&mut self.answered) {
            Answered::Followed { lacking } => (lacking, false),
            Answered::OutOfLimits => (Vec::new(), true),
            Answered::Nothing | Answered::Definition { .. } => (Vec::new(), false),
        };
        self.answered = Answered::Definition {
            table,
            is_hidden,
            lacking,
            is_out_of_limits,
        };
    }

    /// Notes that the statements before the group were followed, and which tables will lack a definition later.
    pub(super) fn statements_followed(&mut self, lacking: Vec<Lacking>) {
        self.answered = Answered::Followed { lacking };
    }

    /// Notes that the statements before the group could not all be followed, for they would have to be read first.
    pub(super) fn statements_out_of_limits(&mut self) {
        self.answered = Answered::OutOfLimits;
    }

    /// Notes that what can be told of a table's engine was told.
    pub(super) fn engine_answered(&mut self, table: TableName) {
        self.answered = Answered::Nothing;
        self.engines.insert(table);
    }

    /// Takes that the group is read without a table's definition, or engine; `false` if it could not be read that way.
    pub(super) fn go_without(&mut self, table: &TableName) -> bool {
        self.without.insert(table.clone())
    }

    /// Whether the group is read without something of a table.
    pub(super) fn goes_without(&self, table: &TableName) -> bool {
        self.without.contains(table)
    }

    /// Asks for the definition that a table map lacks; `draft` has what it tells.
    ///
    /// # Errors
    /// What cannot be asked for, or was answered and still is lacking.
    pub(super) fn ask_for_definition(
        &mut self,
        missing: Missing,
        definitions: &mut Definitions,
        connector: &str,
        end: &Coordinates,
        draft: Box<str>,
    ) -> Result<Step, Trouble> {
        let (table, lack, disagreement, doubt) = match missing {
            Missing::Definition(table, lack) => (table, lack, None, None),
            Missing::Disagreement(table, disagreement) => {
                (table, Lack::Metadata, Some(disagreement), None)
            }
            Missing::Value(table, doubt) => (table, Lack::Charset, None, Some(doubt)),
            Missing::Error(error) => return Err(error.into()),
        };
        if let Answered::Definition {
            table: answered,
            is_hidden,
            lacking,
            is_out_of_limits,
        } = &mut self.answered
            && *answered == table
        {
            let connector = connector.into();
            return Err(match disagreement {
                Some(disagreement) => Trouble::Disagreement {
                    table,
                    disagreement: Box::new(disagreement),
                    connector,
                    end: end.clone(),
                    to_tell: Box::new(ToTell {
                        draft,
                        ..ToTell::default()
                    }),
                },
                None => Trouble::NoDefinition {
                    lack,
                    is_hidden: *is_hidden,
                    reason: match (is_out_of_limits, doubt) {
                        (true, _) => OUT_OF_LIMITS.into(),
                        (false, Some(doubt)) => doubt,
                        (false, None) => definitions.doubt(&table).unwrap_or(UNSEEN).into(),
                    },
                    connector,
                    to_tell: Box::new(ToTell {
                        draft,
                        others: std::mem::take(lacking),
                        commands: None,
                    }),
                    end: end.clone(),
                    table,
                },
            });
        }
        if let Some(disagreement) = disagreement {
            definitions.distrust(&table, &disagreement.to_string(), end);
        }
        let believed = match definitions.proven_before(&table, end) {
            Some(proven) => Some(proven),
            None => definitions.unchanged(&table).cloned(),
        };
        Ok(Step::NeedDefinition {
            table,
            at: definitions.point(end),
            believed: believed.map(Box::new),
            lack,
            draft,
        })
    }

    /// Why a value is not taken that is not the same in all that its column may be.
    pub(super) fn refuse_value(
        table: TableName,
        reason: Box<str>,
        connector: &str,
        end: &Coordinates,
    ) -> Trouble {
        Trouble::NoDefinition {
            lack: Lack::Charset,
            is_hidden: false,
            reason,
            connector: connector.into(),
            to_tell: Box::default(),
            end: end.clone(),
            table,
        }
    }

    /// Whether what can be told of a table was told last.
    pub(super) fn has_told(&self, table: &TableName) -> bool {
        match &self.answered {
            Answered::Definition {
                table: answered, ..
            } => answered == table,
            Answered::Nothing | Answered::Followed { .. } | Answered::OutOfLimits => false,
        }
    }

    /// Asks whether the engines of these tables are transactional, of one after the other.
    ///
    /// # Errors
    /// When nobody could tell of any.
    pub(super) fn ask_for_engine(
        &self,
        unknown: Vec<TableName>,
        definitions: &Definitions,
        connector: &str,
        end: &Coordinates,
    ) -> Result<Step, Trouble> {
        let unasked = unknown.iter().find(|table| !self.engines.contains(*table));
        if let Some(table) = unasked {
            return Ok(Step::NeedEngine {
                table: table.clone(),
                at: definitions.point(end),
            });
        }
        let mut lacking = unknown.into_iter().map(|table| Lacking {
            table,
            end: end.clone(),
            untold: Untold::Engine,
        });
        let first = lacking
            .next()
            .expect("an engine is asked for where one is not known");
        Err(Trouble::NoEngine {
            table: first.table,
            connector: connector.into(),
            end: first.end,
            to_tell: Box::new(ToTell {
                others: lacking.collect(),
                ..ToTell::default()
            }),
        })
    }
}
