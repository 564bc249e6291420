//! What ends a decoding early.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::binlog::Coordinates;
use crate::change::{AssembleError, Disagreement, Trouble};
use crate::encode::EncodeError;
use crate::failure::Class;
use crate::filter::FilterError;
use crate::row::TableName;
use crate::source::{BinlogFileError, SourceError};
use crate::state::StateError;

/// Why a decoding ended early.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Arguments that contradict each other or the files.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] BinlogFileError),
    /// Its events.
    #[error(transparent)]
    Assemble(AssembleError),
    /// What `--definitions` tells of a table contradicts the binlog.
    #[error(
        "the definition of {table} does not fit its table map at {at}: {disagreement}; give --definitions the one that the table \
         had there"
    )]
    Contradicted {
        /// The table, by its name on the source.
        table: TableName,
        /// Its table map.
        at: Coordinates,
        /// What was told, and what was found.
        disagreement: Box<Disagreement>,
    },
    /// A filter rule.
    #[error("filter")]
    Filter(#[from] FilterError),
    /// A value.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// What stands at `--start-position` is no event.
    #[error(
        "no event begins at {at}, the place is inside an event: give --start-position where one begins, such as 4"
    )]
    Start {
        /// Where the reading was to begin.
        at: Coordinates,
    },
    /// A table whose columns have no names, which statements need.
    #[error(
        "the columns of {table} have no names in the binlog before {at}, and statements need them; {hint}, or set \
         binlog_row_metadata=FULL on the source"
    )]
    Unnamed {
        /// The table, by its name on the source.
        table: TableName,
        /// The end of the group that has its rows.
        at: Coordinates,
        /// What a person can do.
        hint: &'static str,
    },
    /// The server of `--definitions`.
    #[error("definitions")]
    Definitions(#[source] SourceError),
    /// The connector file of `--definitions`.
    #[error("definitions")]
    Connector(#[source] Box<crate::config::ConfigError>),
    /// The folder of `--definitions` is not one of a connector that has run.
    #[error(
        "{} holds no journal of definitions, give the state folder of a connector that has run, or its file",
        folder.display()
    )]
    NoJournal {
        /// The folder.
        folder: PathBuf,
    },
    /// The journal of `--definitions`.
    #[error("definitions")]
    State(#[source] StateError),
    /// A temporary file.
    #[error(
        "a group is too large for memory and cannot be kept on disk, set TMPDIR to a folder with room"
    )]
    Spill(#[from] StateError),
    /// The standard output.
    #[error("cannot write to the standard output")]
    Output(#[source] io::Error),
    /// Its reader went away.
    #[error("the reader of the standard output went away")]
    OutputClosed,
    /// The ledger does not add up.
    #[error("the ledger does not balance by {by} events, which is a bug in rowtap: {ledger}")]
    Imbalance {
        /// Received events less those accounted for.
        by: i128,
        /// The ledger.
        ledger: Box<crate::change::Ledger>,
    },
    /// It was told to stop and could not in time.
    #[error(
        "not stopped after {0:?}: the standard output is not read, or a file cannot be, look at whoever reads it"
    )]
    NotStopped(Duration),
    /// The system has no room for another thread or file.
    #[error("cannot start")]
    System(#[source] io::Error),
}

impl From<AssembleError> for DecodeError {
    fn from(mut error: AssembleError) -> Self {
        match *error.trouble {
            Trouble::Disagreement {
                table,
                disagreement,
                ..
            } => Self::Contradicted {
                table,
                at: error.at,
                disagreement,
            },
            other => {
                *error.trouble = other;
                Self::Assemble(error)
            }
        }
    }
}

impl DecodeError {
    /// Where bytes stand that are no event.
    pub(super) fn unreadable_at(&self) -> Option<&Coordinates> {
        match self {
            Self::File(
                BinlogFileError::Torn { at, .. } | BinlogFileError::EventSize { at, .. },
            ) => Some(at),
            Self::Assemble(error) if matches!(*error.trouble, Trouble::Binlog(_)) => {
                Some(&error.at)
            }
            _other => None,
        }
    }

    /// What the failure means. Filter rules are arguments here.
    pub fn class(&self) -> Class {
        match self {
            Self::Usage(_) | Self::Filter(_) => Class::Arguments,
            Self::File(error) => error.class(),
            // Rules on columns are arguments here, too.
            Self::Assemble(error) if error.class() == Class::Configuration => Class::Arguments,
            Self::Assemble(error) => error.class(),
            Self::Encode(error) => error.class(),
            Self::Definitions(error) => error.class(),
            Self::Connector(error) => error.class(),
            Self::NoJournal { .. }
            | Self::Unnamed { .. }
            | Self::Contradicted { .. }
            | Self::Start { .. } => Class::Data,
            Self::State(error) => error.class(),
            Self::Spill(_) | Self::Output(_) => Class::CannotWrite,
            Self::OutputClosed => Class::CleanEnd,
            Self::NotStopped(_) => Class::GaveUp,
            Self::Imbalance { .. } | Self::System(_) => Class::Bug,
        }
    }
}
