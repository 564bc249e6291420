//! `--definitions`: what is known of tables beyond their table maps.
//!
//! A connector's journal knows how its tables were defined at any place since the connector began, so it is asked first. The
//! server knows only how they are defined now. A person may know more.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use tracing::warn;

use super::error::DecodeError;
use super::told_file::ToldFile;
use crate::binlog::Coordinates;
use crate::change::definition::Schemas;
use crate::change::{Assembler, Definition, Definitions, Lack, Point, Revision, TableDefinition};
use crate::cli::environment::variables;
use crate::config;
use crate::metrics::one_line;
use crate::mysql::Flavour;
use crate::pipeline::{AnswerTables, WantedDefinition};
use crate::row::TableName;
use crate::source::{self, DefinedBy, SourceOptions};
use crate::state::Journal;

/// Definitions that were told for a place, and others that nothing ties to a part of the binlog.
#[derive(Debug, Default)]
pub(super) struct ToldDefinitions {
    journals: Vec<JournalFolder>,
    /// What a person told in a file.
    file: Option<ToldFile>,
    /// Servers that were not asked yet.
    servers: Vec<source::ServerOptions>,
    /// Some server was asked.
    was_asked: bool,
    tables: HashMap<TableName, Arc<TableDefinition>>,
    /// Whether columns without names are a failure: statements name them.
    needs_names: bool,
    /// Whether nothing is said of what is not known.
    is_quiet: bool,
    /// Tables of which a warning said what is not known.
    warned: BTreeSet<(TableName, Assumed)>,
}

/// What is taken for granted of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Assumed {
    /// What its table maps do not tell.
    Lacking(Lack),
    /// A rollback undid its rows.
    Transactional,
}

/// Where a connector's journal is.
#[derive(Debug)]
struct JournalFolder {
    state_dir: PathBuf,
    connector: String,
}

impl ToldDefinitions {
    /// Takes a connector's state folder, or the connector's file. Its server is asked at once if there is no journal, else
    /// when the journal does not know.
    pub(super) fn open(path: &Path) -> Result<Self, DecodeError> {
        let mut known = Self::default();
        if path.is_dir() {
            let place = JournalFolder::of_folder(path);
            let place = place.filter(|place| place.oldest().is_ok_and(|oldest| oldest.is_some()));
            let missing = || DecodeError::NoJournal {
                folder: path.to_owned(),
            };
            known.journals.push(place.ok_or_else(missing)?);
            return Ok(known);
        }
        if !path.exists() {
            return Err(DecodeError::Usage(format!(
                "there is no {}, give --definitions the .toml file of a connector, its state folder, or a file with CREATE TABLE \
                 statements",
                path.display()
            )));
        }
        if path.extension().is_none_or(|ending| ending != "toml") {
            known.file = Some(told_in(path)?);
            return Ok(known);
        }
        let path = path.to_owned();
        let connectors = config::load(slice::from_ref(&path), &variables())
            .map_err(|error| DecodeError::Connector(Box::new(error)))?;
        for connector in connectors {
            let place = JournalFolder {
                state_dir: connector.state_dir,
                connector: connector.name,
            };
            known.servers.extend(server_of(connector.source));
            if place.oldest()?.is_some() {
                known.journals.push(place);
            }
        }
        if known.journals.is_empty() {
            known.ask()?;
        }
        Ok(known)
    }

    /// What is known at a point where a reading of binlogs of this family begins.
    pub(super) fn at(&self, point: &Point, flavour: Flavour) -> Result<Definitions, DecodeError> {
        let at = &point.coordinates;
        let mut told = Vec::new();
        if let Some(file) = &self.file {
            let revisions = file.revisions(point, flavour);
            told = revisions.map_err(DecodeError::Usage)?;
        }
        for place in &self.journals {
            told.extend(place.told(point)?);
        }
        for place in &self.journals {
            let past = Journal::peek(&place.state_dir, &place.connector, Some(at))
                .map_err(DecodeError::State)?;
            // Places in relay logs, and in binlogs of another server, cannot be compared with the journal's.
            let past = past.filter(|past| {
                past.since.coordinates.file.is_empty() || past.since.coordinates.is_of_series(at)
            });
            match past {
                Some(past) => {
                    return Ok(Definitions::default().believing(past.schemas, told));
                }
                None => warn!(
                    %at,
                    connector = place.connector,
                    "the connector's journal of definitions does not reach back that far, or is about other files"
                ),
            }
        }
        Ok(Definitions::default().believing(Schemas::default(), told))
    }

    /// The definition of a table, said to hold for the group that ends at `at`.
    fn definition(
        &mut self,
        table: &TableName,
        at: &Point,
    ) -> Result<Option<Definition>, DecodeError> {
        self.ask_unless_known(table)?;
        Ok(self.tables.get(table).map(|known| Definition {
            table: Arc::clone(known),
            read_from: at.clone(),
            read_to: at.clone(),
            is_sequence: false,
        }))
    }

    /// Whether `--definitions` was given.
    pub(super) fn is_given(&self) -> bool {
        self.was_asked
            || self.file.is_some()
            || !self.journals.is_empty()
            || !self.servers.is_empty()
    }

    /// What a person can do about a table that is not known.
    fn hint(&self) -> &'static str {
        if self.was_asked {
            "the server of --definitions shows no such table: it is gone, or the connector's account lacks SELECT on it"
        } else if self.is_given() {
            "what --definitions names does not know the table there"
        } else {
            "give --definitions a connector, or a file with its CREATE TABLE"
        }
    }

    /// Whether a table's engine is transactional, if that is known.
    fn transactional(&mut self, table: &TableName) -> Result<Option<bool>, DecodeError> {
        self.ask_unless_known(table)?;
        Ok(self
            .tables
            .get(table)
            .and_then(|definition| definition.transactional))
    }

    /// Has columns without names be a failure.
    pub(super) fn needing_names(self, needs_names: bool) -> Self {
        Self {
            needs_names,
            ..self
        }
    }

    /// Says nothing of what is not known: it does not matter to whoever only counts.
    pub(super) fn quietly(self) -> Self {
        Self {
            is_quiet: true,
            ..self
        }
    }

    /// Says once for each table what is not known of it.
    fn warn(&mut self, table: &TableName, assumed: Assumed) {
        if self.is_quiet || !self.warned.insert((table.clone(), assumed)) {
            return;
        }
        match assumed {
            Assumed::Lacking(Lack::Metadata) => warn!(
                %table,
                "the binlog does not say everything about the table: unnamed columns are called @1, @2, …, integers whose sign \
                 is not in the binlog are signed, strings whose character set is not in the binlog (BINARY and BLOB too) are \
                 read as utf8mb4, ENUM and SET are numbers, MariaDB's INET4, INET6 and UUID are bytes; {}, or set \
                 binlog_row_metadata=FULL on the source",
                self.hint()
            ),
            Assumed::Lacking(Lack::Types) => warn!(
                %table,
                "no binlog says all types of the table: INET4, INET6 and UUID look like BINARY there and are printed as bytes, \
                 old forms of times lack their fraction; {}",
                self.hint()
            ),
            Assumed::Lacking(Lack::Charset) => warn!(
                %table,
                "the character sets of the table's columns are not known, and not all of its values are the same in each that \
                 they may be: from here on its columns are called @1, @2, …, and strings are read as utf8mb4; {}",
                self.hint()
            ),
            Assumed::Lacking(Lack::Generated) => warn!(
                %table,
                "it is not known which columns of the table are generated, and statements that give these values fail; {}",
                self.hint()
            ),
            Assumed::Transactional => warn!(
                %table,
                "a transaction that changed the table was rolled back: the table's engine is taken to be transactional and the \
                 changes are left out; give --definitions if it is not"
            ),
        }
    }

    fn ask_unless_known(&mut self, table: &TableName) -> Result<(), DecodeError> {
        if self.tables.contains_key(table) || self.servers.is_empty() {
            return Ok(());
        }
        match self.ask() {
            // The journal is of use even if the server is long gone.
            Err(DecodeError::Definitions(error)) if !self.journals.is_empty() => {
                warn!(%table, error = one_line(&error), "the journal does not know the table, and its source cannot be asked");
                Ok(())
            }
            asked => asked,
        }
    }

    /// Asks every server how its tables are defined now.
    fn ask(&mut self) -> Result<(), DecodeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DecodeError::System)?;
        for server in std::mem::take(&mut self.servers) {
            let known = runtime
                .block_on(source::DefinitionReader::new(server).read_all())
                .map_err(DecodeError::Definitions)?;
            self.was_asked = true;
            let read = known.tables.into_iter();
            self.tables
                .extend(read.map(|(name, definition)| (name, definition.table)));
        }
        warn!(
            tables = self.tables.len(),
            "what the binlog does not say about tables is taken from how the server defines them now, which is wrong for \
             anything written before they were changed"
        );
        Ok(())
    }
}

impl AnswerTables for ToldDefinitions {
    type Error = DecodeError;

    fn define(
        &mut self,
        wanted: WantedDefinition,
        assembler: &mut Assembler,
    ) -> Result<(), DecodeError> {
        let WantedDefinition {
            table,
            at,
            believed,
            lack,
            ..
        } = wanted;
        if let Some(told) = believed.filter(|told| told.read_to.is_after(&at) == Some(false)) {
            assembler.define(table, Some(told));
            return Ok(());
        }
        if let Some(definition) = self.definition(&table, &at)? {
            assembler.define(table, Some(definition));
            return Ok(());
        }
        if matches!(lack, Lack::Metadata | Lack::Charset) && self.needs_names {
            let hint = self.hint();
            let at = at.coordinates;
            return Err(DecodeError::Unnamed { table, at, hint });
        }
        self.warn(&table, Assumed::Lacking(lack));
        assembler.number_columns(table);
        Ok(())
    }

    fn engine(
        &mut self,
        table: TableName,
        _at: &Point,
        assembler: &mut Assembler,
    ) -> Result<(), DecodeError> {
        let known = self.transactional(&table)?;
        if known.is_none() {
            self.warn(&table, Assumed::Transactional);
        }
        assembler.define_engine(table, Some(known.unwrap_or(true)));
        Ok(())
    }
}

/// Reads what a file tells.
fn told_in(path: &Path) -> Result<ToldFile, DecodeError> {
    let wrong = |why: String| DecodeError::Usage(format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| {
        wrong(format!(
            "it cannot be read: {error}, give --definitions a text that can"
        ))
    })?;
    let file = ToldFile::parse(&text).map_err(wrong)?;
    if file.has_placeless() {
        warn!(
            path = %path.display(),
            "what the file tells without a place is taken from the top of each binlog on, which is wrong for a table that was \
             changed before or in an earlier one of several binlogs"
        );
    }
    Ok(file)
}

impl JournalFolder {
    /// What a person told the connector, as of the binlogs that are read, if they are of its server.
    fn told(&self, of: &Point) -> Result<Vec<Revision>, DecodeError> {
        let told = Journal::told(&self.state_dir, &self.connector).map_err(DecodeError::State)?;
        let is_of_server = |told: &Revision| {
            told.at.lineage.server_id == of.lineage.server_id
                && told.at.coordinates.is_of_series(&of.coordinates)
        };
        let told = told.into_iter().filter(is_of_server);
        Ok(told
            .map(|told| Revision {
                at: Point::new(&of.lineage, told.at.coordinates),
                ..told
            })
            .collect())
    }

    fn of_folder(folder: &Path) -> Option<Self> {
        let folder = std::path::absolute(folder).ok()?;
        Some(Self {
            state_dir: folder.parent()?.to_owned(),
            connector: folder.file_name()?.to_str()?.to_owned(),
        })
    }

    fn oldest(&self) -> Result<Option<Coordinates>, DecodeError> {
        Journal::oldest(&self.state_dir, &self.connector).map_err(DecodeError::State)
    }
}

/// The server that a connector may ask for definitions.
fn server_of(source: SourceOptions) -> Option<source::ServerOptions> {
    match source {
        SourceOptions::Server(server) => Some(*server),
        SourceOptions::Files(files) => match files.definitions? {
            DefinedBy::Server(server) => Some(*server),
            DefinedBy::Journal(_) => None,
        },
    }
}
