//! What a person tells of a table: kept in the connector's state folder, for where the stream will need it.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::checkpoint::checkpoint;
use super::columns::print_columns;
use super::refusal::Refusal;
use super::told::defined;
use crate::binlog::Coordinates;
use crate::change::definition::{Belief, Change, transactional};
use crate::change::statement::StatementContext;
use crate::change::{Checkpoint, Point, Revision};
use crate::metrics::one_line;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::source::{self, SourceOptions};
use crate::state::{Journal, StateFolder};

/// How long the source may take to say which binlogs it has.
const ASKING_MAX: Duration = Duration::from_secs(10);

/// Where something is told.
struct TellingPlace {
    folder: StateFolder,
    checkpoint: Checkpoint,
    at: Coordinates,
    /// Whether that is where the connector goes on.
    goes_on_there: bool,
}

impl TellingPlace {
    /// The group that ends at a place, or where the connector goes on, which must be stopped.
    fn new(connector: &Connector, at: Option<&Coordinates>) -> Result<Self, Refusal> {
        let folder = StateFolder::open(&connector.state_dir, &connector.name)?;
        let Some(checkpoint) = checkpoint(connector)? else {
            return Err(Refusal::no_journal(connector));
        };
        if let Some(at) = at
            && *at <= checkpoint.coordinates
        {
            return Err(Refusal::Passed {
                at: at.clone(),
                checkpoint: checkpoint.coordinates,
            });
        }
        if let Some(at) = at {
            is_on_source(connector, at)?;
        }
        Ok(Self {
            folder,
            goes_on_there: at.is_none(),
            at: at.unwrap_or(&checkpoint.coordinates).clone(),
            checkpoint,
        })
    }

    /// Keeps what is told of a table there.
    fn keep(&self, change: Change) -> Result<(), Refusal> {
        let lineage = Arc::new(self.checkpoint.lineage());
        let revision = Revision {
            at: Point::new(&lineage, self.at.clone()),
            gtid: None,
            statement: None,
            changes: vec![change],
        };
        Journal::tell(&self.folder, &revision)?;
        if self.goes_on_there
            && let Some(mut resumed) = Journal::open(&self.folder, &self.checkpoint)?
        {
            // What is believed of the table there may be wrong, and would be used first.
            resumed.journal.append(std::slice::from_ref(&revision))?;
        }
        Ok(())
    }
}

/// Makes sure that a place is in the binlogs of the connector's server, as far as that can be asked.
fn is_on_source(connector: &Connector, at: &Coordinates) -> Result<(), Refusal> {
    let SourceOptions::Server(server) = &connector.source else {
        return Ok(());
    };
    let asked = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| {
            let files = source::files_of(server);
            runtime.block_on(async { tokio::time::timeout(ASKING_MAX, files).await })
        });
    let files = match asked {
        Ok(Ok(Ok(files))) => files,
        Ok(Ok(Err(error))) => return unasked(at, &error),
        Ok(Err(elapsed)) => return unasked(at, &elapsed),
        Err(error) => return unasked(at, &error),
    };
    match files.iter().find(|(name, _)| *name == *at.file) {
        Some((_, size)) if *size < at.position => Err(Refusal::AfterEnd {
            at: at.clone(),
            size: *size,
        }),
        Some(_) => Ok(()),
        None => Err(Refusal::NoSuchFile {
            file: at.file.to_string(),
            files: files.into_iter().map(|(name, _)| name).collect(),
        }),
    }
}

fn unasked(at: &Coordinates, error: &(dyn std::error::Error + 'static)) -> Result<(), Refusal> {
    warn!(
        %at,
        error = one_line(error),
        "the source cannot be asked whether it has this place, which is taken as it is"
    );
    Ok(())
}

impl fmt::Display for TellingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.goes_on_there {
            true => write!(f, "where the connector goes on, at {}", self.at),
            false => write!(f, "in the group that ends at {}", self.at),
        }
    }
}

/// Takes the engine of a table.
pub(super) fn tell_engine(
    connector: &Connector,
    engine: &str,
    table: &TableName,
    at: Option<&Coordinates>,
) -> Result<(), Refusal> {
    let Some(transactional) = transactional(engine) else {
        return Err(Refusal::UnknownEngine {
            table: table.clone(),
            engine: engine.to_owned(),
        });
    };
    let place = TellingPlace::new(connector, at)?;
    place.keep(Change::Engine {
        table: table.clone(),
        transactional,
    })?;
    let becomes = match transactional {
        true => "a rollback undoes its changes",
        false => "its changes stand whatever becomes of a transaction",
    };
    writeln!(
        io::stdout().lock(),
        "{table} has the engine {engine} {place}: {becomes}."
    )?;
    Ok(())
}

/// Takes a definition.
pub(super) fn tell(
    connector: &Connector,
    statement: &str,
    table: &TableName,
    at: Option<&Coordinates>,
) -> Result<(), Refusal> {
    let place = TellingPlace::new(connector, at)?;
    let read;
    let statement = match statement {
        "-" => {
            read = io::read_to_string(io::stdin()).map_err(Refusal::Input)?;
            &read
        }
        statement => statement,
    };
    let context = StatementContext::newest(place.checkpoint.gtid_set.flavour());
    let definition = defined(statement, table, context)?;
    let told = Arc::clone(&definition);
    let past = Journal::peek(&connector.state_dir, &connector.name, Some(&place.at))?;
    place.keep(Change::Defined {
        table: table.clone(),
        definition,
    })?;
    let mut out = io::stdout().lock();
    writeln!(out, "{table} is defined so {place}:")?;
    print_columns(&told, &mut out)?;
    if let Some(Belief::Known(known)) = past.as_ref().and_then(|past| past.schemas.get(table))
        && *known != told
    {
        let said = match place.goes_on_there {
            true => "It replaces what the journal has of the table there:",
            false => {
                "The journal has this of the table there, which is used first, unless the binlog contradicts it:"
            }
        };
        writeln!(out, "{said}")?;
        print_columns(known, &mut out)?;
    }
    writeln!(
        out,
        "The connector compares their number and types with the binlog there when it is started again, and stops where \
         they differ."
    )?;
    Ok(())
}
