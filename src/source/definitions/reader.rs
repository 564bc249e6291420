//! Definitions of tables from the source's information_schema.
//!
//! A definition is only as good as the points around it. They are read from the server before and after it, and the
//! assembler judges whether anything happened to the table in between or since. Each connection tells whose binlogs they
//! are of: another server may answer at the same address by then, and its tables prove nothing.

use std::sync::Arc;

use super::answering::AnsweringServer;
use super::catalogue::{Reading, databases, read_where};
use super::history::{History, StreamPlace};
use crate::change::history::Stretch;
use crate::change::{Checkpoint, Definition, Lineage, Point};
use crate::row::{TableName, text_literal};
use crate::source::error::SourceError;
use crate::source::server::session::Session;
use crate::source::server::{ServerOptions, statements};
use crate::state::StateFolder;

/// Reads definitions over a connection of its own, opened when first needed.
#[derive(Debug)]
pub struct DefinitionReader {
    pub(in crate::source) options: ServerOptions,
    /// The binlogs for which definitions are wanted; `None` for those of whoever answers.
    wanted: Option<Arc<Lineage>>,
    asked: Option<AnsweringServer>,
    /// All tables, as they were read last.
    known: Option<Arc<Reading>>,
    pub(in crate::source) history: History,
}

impl DefinitionReader {
    /// Makes a reader; nothing is connected yet. What it reads is of the first incarnation of the binlogs of whoever answers.
    pub fn new(options: ServerOptions) -> Self {
        Self {
            wanted: None,
            asked: None,
            known: None,
            history: History::new(&options),
            options,
        }
    }

    /// Makes a reader for a stream of these binlogs; nothing is connected yet. What another server than theirs answers is of
    /// that one's binlogs, and proves nothing for these.
    pub fn of(options: ServerOptions, lineage: Arc<Lineage>) -> Self {
        Self {
            wanted: Some(lineage),
            ..Self::new(options)
        }
    }

    /// Begins with what the connector has kept of the wanted binlogs, and keeps what is read of them.
    pub async fn keep_history_in(&mut self, folder: &Arc<StateFolder>) {
        if let Some(wanted) = &self.wanted {
            let (folder, wanted) = (Arc::clone(folder), Arc::clone(wanted));
            self.history.kept_in(folder, wanted).await;
        }
    }

    /// Prepares to take what the stream tells that goes on at a checkpoint, or begins anew; with `skips_groups` the source
    /// says where it goes on.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn stream_from(
        &mut self,
        from: Option<&Checkpoint>,
        skips_groups: bool,
    ) -> Result<(), SourceError> {
        let place = from.map(|from| match skips_groups {
            true => StreamPlace::After(&from.coordinates),
            false => StreamPlace::At(&from.coordinates, from.format_description_timestamp),
        });
        let place = place.unwrap_or(StreamPlace::Anew);
        self.history.goes_on_at(&self.options, place).await
    }

    /// Takes what the stream of the wanted binlogs told, to keep it. Blocks on the disk.
    pub fn take_streamed(&mut self, stretches: Vec<Stretch>) {
        self.history.take_streamed(stretches);
    }

    /// Writes what the stream told. Blocks on the disk.
    pub fn write_streamed(&mut self) {
        self.history.write_streamed();
    }

    /// Finds how a table was defined for a group that ends at `at`: as `believed` or else as it is defined now, if no DDL
    /// on it stands between `at` and the reading. Where one does, the definition says so by its points.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn serve(
        &mut self,
        table: &TableName,
        at: &Point,
        believed: Option<Definition>,
    ) -> Result<Option<Definition>, SourceError> {
        if let Some(mut definition) = believed
            && self.proves(table, at, &mut definition).await?
        {
            return Ok(Some(definition));
        }
        let Some(mut definition) = self.read(table).await? else {
            return Ok(None);
        };
        self.proves(table, at, &mut definition).await?;
        Ok(Some(definition))
    }

    /// Finds whether a table's engine was transactional in a group that ends at `at`: as it is now, if no statement that
    /// could give the table another engine stands between; `None` where one does, or where there is no such table.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn engine(
        &mut self,
        table: &TableName,
        at: &Point,
    ) -> Result<Option<bool>, SourceError> {
        let Some(definition) = self.read(table).await? else {
            return Ok(None);
        };
        let proven = match definition.read_to.is_after(at) {
            Some(true) => {
                let (history, to) = (&mut self.history, &definition.read_to);
                history.cover(&self.options, at, to).await? && history.spares_engine(table, at, to)
            }
            Some(false) => true,
            None => false,
        };
        Ok(definition.table.transactional.filter(|_| proven))
    }

    /// Finds one of some tables that a DDL between `at` and now may have changed; none where the limits of scans do not let that be
    /// known. What a table was seen to be before this holds for `at` unless it is found.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn changed_since<'a>(
        &mut self,
        at: &Point,
        mut tables: impl Iterator<Item = &'a TableName>,
    ) -> Result<Option<&'a TableName>, SourceError> {
        let end = self.end().await?;
        match end.is_after(at) {
            Some(true) => {}
            Some(false) => return Ok(None),
            // Another server answers.
            None => return Ok(tables.next()),
        }
        match self.history.cover(&self.options, at, &end).await {
            // Replicas have every DDL by the time that its effect is seen, whatever else the end may be ahead of them.
            Ok(true) | Err(SourceError::Unsettled { .. }) => {}
            Ok(false) => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(tables.find(|table| !self.history.spares_table(table, at, &end)))
    }

    /// Whether a definition holds for a group that ends at `at`; if so, its points are set to that.
    async fn proves(
        &mut self,
        table: &TableName,
        at: &Point,
        definition: &mut Definition,
    ) -> Result<bool, SourceError> {
        match definition.read_to.is_after(at) {
            // The stream says what came since.
            Some(false) => return Ok(true),
            // Another server's tables are no proof.
            None => return Ok(false),
            Some(true) => {}
        }
        let (history, to) = (&mut self.history, &definition.read_to);
        let proven =
            history.cover(&self.options, at, to).await? && history.spares_table(table, at, to);
        if proven {
            definition.read_from = at.clone();
            definition.read_to = at.clone();
        }
        Ok(proven)
    }

    /// Reads how a table is defined now, with the ends of the server's binlog before and after; `None` if there is no such table
    /// or the account sees none. Views and sequences are no tables.
    ///
    /// An old connection that turns out broken is replaced once.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read(&mut self, table: &TableName) -> Result<Option<Definition>, SourceError> {
        if let Some(mut asked) = self.asked.take() {
            match read(&mut asked, table).await {
                Ok(definition) => {
                    self.asked = Some(asked);
                    return Ok(definition);
                }
                Err(error) if error.class().is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        let mut asked = self.open().await?;
        let definition = read(&mut asked, table).await?;
        self.asked = Some(asked);
        Ok(definition)
    }

    /// Reads how every table that the account sees is defined now, except those of the server itself.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read_all(&mut self) -> Result<Reading, SourceError> {
        let mut asked = self.open().await?;
        let known = read_all(&mut asked).await?;
        self.asked = Some(asked);
        Ok(known)
    }

    /// As [`Self::read_all`], unless that was done at a place or after it.
    pub(super) async fn known_at(&mut self, place: &Point) -> Result<Arc<Reading>, SourceError> {
        match &self.known {
            Some(known) if known.begin.is_before(place) == Some(false) => Ok(Arc::clone(known)),
            Some(_) | None => {
                let known = Arc::new(self.read_all().await?);
                self.known = Some(Arc::clone(&known));
                Ok(known)
            }
        }
    }

    /// Where the server's binlog ends now.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn end(&mut self) -> Result<Point, SourceError> {
        let mut asked = match self.asked.take() {
            Some(asked) => asked,
            None => self.open().await?,
        };
        let end = asked.end_of_binlog().await?;
        self.asked = Some(asked);
        Ok(end)
    }

    /// Carries what was read over to `at`, where the stream begins, if that is not before the reading: what a DDL may have
    /// changed since the reading began is dropped, the rest holds there.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn carry_over(
        &mut self,
        mut known: Reading,
        at: &Point,
    ) -> Result<Reading, SourceError> {
        if known.begin.is_after(at) != Some(false) || at.coordinates.file.is_empty() {
            return Ok(known);
        }
        let until = match known.end.is_before(at) {
            Some(true) => at,
            Some(false) | None => &known.end,
        };
        let begin = &known.begin;
        if begin.is_before(until) == Some(true) {
            let history = &mut self.history;
            if !history.cover(&self.options, begin, until).await? {
                return Ok(known);
            }
            known
                .tables
                .retain(|table, _| history.spares_table(table, begin, until));
            known
                .databases
                .retain(|database, _| history.spares_default(database, begin, until));
        }
        for definition in known.tables.values_mut() {
            definition.read_from = at.clone();
            definition.read_to = at.clone();
        }
        known.begin = at.clone();
        known.end = at.clone();
        Ok(known)
    }

    pub(in crate::source) async fn open(&self) -> Result<AnsweringServer, SourceError> {
        AnsweringServer::connect(&self.options, self.wanted.as_ref()).await
    }
}

/// Makes sure that the server which is asked for definitions is the one that wrote the files, and returns its
/// `lower_case_table_names`.
///
/// # Errors
/// When it has another `server_id` than the files have, cannot be reached or does not answer.
pub async fn writer_of(options: &ServerOptions, server_id: u32) -> Result<u8, SourceError> {
    const VARIABLES: [&str; 2] = ["server_id", "lower_case_table_names"];
    let mut session = Session::open(options).await?;
    let variables = statements::variables(&mut session, &VARIABLES).await?;
    let number = |column: &'static str| {
        let found = variables.get(column).and_then(|text| text.parse().ok());
        found.ok_or_else(|| SourceError::Answer {
            statement: "SHOW GLOBAL VARIABLES".to_owned(),
            column,
        })
    };
    let found: u32 = number("server_id")?;
    if found != server_id {
        return Err(SourceError::Options(format!(
            "definitions names the server with server_id {found}, but the files are of server_id {server_id}, name the \
             server that wrote them"
        )));
    }
    Ok(u8::try_from(number("lower_case_table_names")?).unwrap_or_default())
}

/// The binlog files that a server has, each with its size in bytes now.
///
/// # Errors
/// When it cannot be reached or does not answer.
pub async fn files_of(options: &ServerOptions) -> Result<Vec<(String, u64)>, SourceError> {
    let mut session = Session::open(options).await?;
    let files = statements::log_files(&mut session).await?;
    Ok(files
        .into_iter()
        .map(|file| (file.name, file.size))
        .collect())
}

async fn read(
    asked: &mut AnsweringServer,
    table: &TableName,
) -> Result<Option<Definition>, SourceError> {
    let known = read_where(asked, &is_table(table)).await?;
    Ok(known.tables.into_values().next())
}

async fn read_all(asked: &mut AnsweringServer) -> Result<Reading, SourceError> {
    let begin = asked.end_of_binlog().await?;
    let databases = databases(&mut asked.session).await?;
    let known = read_where(asked, statements::OF_USERS).await?;
    Ok(Reading {
        databases,
        begin,
        ..known
    })
}

fn is_table(table: &TableName) -> String {
    format!(
        "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        text_literal(&table.database),
        text_literal(&table.table)
    )
}
