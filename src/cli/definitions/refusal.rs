//! Why definitions cannot be shown or told.

use std::io;
use std::path::PathBuf;

use super::super::each::Refused;
use super::told::NotDefined;
use crate::binlog::Coordinates;
use crate::failure::Class;
use crate::filter::FilterError;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::sink::SinkError;
use crate::state::StateError;

/// Why definitions cannot be shown or told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("state folder")]
    State(#[from] StateError),
    #[error("sink")]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(
        "the connector {connector} has no journal of definitions in {}, run it first",
        folder.display()
    )]
    NoJournal { connector: String, folder: PathBuf },
    #[error(
        "the journal of definitions of {connector} does not reach back to {at}, take a place after {oldest}"
    )]
    TooOld {
        connector: String,
        at: Coordinates,
        oldest: Coordinates,
    },
    #[error(
        "the connector is already past {at}, at {checkpoint}, so nothing would read the definition; give --at as the message \
         that stopped it has it, or leave it out if the table is defined so where the connector goes on"
    )]
    Passed {
        at: Coordinates,
        checkpoint: Coordinates,
    },
    #[error("nothing is known of {table} there, give a table that the source had at that place")]
    NoTable { table: TableName },
    #[error(transparent)]
    NotDefined(#[from] NotDefined),
    #[error("the source has no binlog {file}, only {}; give --at as the message that stopped the connector has it", listed(.files))]
    NoSuchFile { file: String, files: Vec<String> },
    #[error(
        "{at} is after the end of that binlog on the source, which has {size} bytes; give --at as the message that stopped the \
         connector has it"
    )]
    AfterEnd { at: Coordinates, size: u64 },
    #[error(
        "whether the engine {engine:?} takes part in transactions is not known, give the one that {table} had there: InnoDB, \
         NDB, RocksDB, MyISAM, Aria, MEMORY, CSV, ARCHIVE, BLACKHOLE, MRG_MyISAM or, of a sequence, SEQUENCE"
    )]
    UnknownEngine { table: TableName, engine: String },
    #[error("standard input cannot be read, give the statement on it or after --define")]
    Input(#[source] io::Error),
    #[error("standard output")]
    Output(#[from] io::Error),
}

impl Refusal {
    pub(super) fn no_journal(connector: &Connector) -> Self {
        Self::NoJournal {
            connector: connector.name.clone(),
            folder: connector.state_dir.join(&connector.name),
        }
    }
}

impl Refused for Refusal {
    fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::Filter(error) => error.class(),
            Self::NoJournal { .. } | Self::TooOld { .. } | Self::NoTable { .. } => Class::Data,
            Self::NotDefined(_)
            | Self::NoSuchFile { .. }
            | Self::AfterEnd { .. }
            | Self::UnknownEngine { .. }
            | Self::Passed { .. }
            | Self::Input(_) => Class::Arguments,
            // Whoever reads has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Class::CleanEnd,
            Self::Output(_) => Class::CannotWrite,
        }
    }
}

/// The first and the last of some files.
fn listed(files: &[String]) -> String {
    match files {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first, .., last] => format!("{first} to {last}"),
    }
}
