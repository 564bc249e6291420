//! Definitions of tables from the source's information_schema.
//!
//! A definition is only as good as the coordinates around it. They are read from the source before and after it, and the
//! assembler judges whether anything happened to the table in between or since.

use super::catalogue::{Reading, databases, end_of_binlog, read_where};
use super::history::History;
use crate::binlog::Coordinates;
use crate::change::Definition;
use crate::row::TableName;
use crate::source::error::SourceError;
use crate::source::server::session::Session;
use crate::source::server::{ServerOptions, statements};

/// Reads definitions over a connection of its own, opened when first needed.
#[derive(Debug)]
pub struct DefinitionReader {
    pub(in crate::source) options: ServerOptions,
    session: Option<Session>,
    pub(in crate::source) history: History,
}

impl DefinitionReader {
    /// Makes a reader; nothing is connected yet.
    pub fn new(options: ServerOptions) -> Self {
        Self {
            options,
            session: None,
            history: History::default(),
        }
    }

    /// Finds how a table was defined for a group that ends at `at`: as `believed` or else as it is defined now, if no DDL
    /// on it stands between `at` and the reading. Where one does, the definition says so by its coordinates.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn serve(
        &mut self,
        table: &TableName,
        at: &Coordinates,
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
        at: &Coordinates,
    ) -> Result<Option<bool>, SourceError> {
        let Some(definition) = self.read(table).await? else {
            return Ok(None);
        };
        if definition.read_to > *at {
            let stretch = at.clone()..definition.read_to.clone();
            self.history.cover(&self.options, stretch).await?;
        }
        let proven = self.history.keeps_engine_since(table, at);
        Ok(definition.table.transactional.filter(|_| proven))
    }

    /// Whether a definition holds for a group that ends at `at`; if so, its coordinates are set to that.
    async fn proves(
        &mut self,
        table: &TableName,
        at: &Coordinates,
        definition: &mut Definition,
    ) -> Result<bool, SourceError> {
        if definition.read_to <= *at {
            // The stream says what came since.
            return Ok(true);
        }
        let stretch = at.clone()..definition.read_to.clone();
        self.history.cover(&self.options, stretch).await?;
        let proven = self.history.is_unchanged_since(table, at);
        if proven {
            definition.read_from = at.clone();
            definition.read_to = at.clone();
        }
        Ok(proven)
    }

    /// Reads how a table is defined now, with the source's coordinates before and after; `None` if there is no such table
    /// or the account sees none. Views and sequences are no tables.
    ///
    /// An old connection that turns out broken is replaced once.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read(&mut self, table: &TableName) -> Result<Option<Definition>, SourceError> {
        if let Some(mut session) = self.session.take() {
            match read(&mut session, table).await {
                Ok(definition) => {
                    self.session = Some(session);
                    return Ok(definition);
                }
                Err(error) if error.class().is_transient() => {}
                Err(error) => return Err(error),
            }
        }
        let mut session = self.open().await?;
        let definition = read(&mut session, table).await?;
        self.session = Some(session);
        Ok(definition)
    }

    /// Reads how every table that the account sees is defined now, except those of the server itself.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn read_all(&mut self) -> Result<Reading, SourceError> {
        let mut session = self.open().await?;
        let known = read_all(&mut session).await?;
        self.session = Some(session);
        Ok(known)
    }

    /// Where the source's binlog ends now.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn end(&mut self) -> Result<Coordinates, SourceError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        let end = end_of_binlog(&mut session).await?;
        self.session = Some(session);
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
        at: &Coordinates,
    ) -> Result<Reading, SourceError> {
        let until = known.end.clone().max(at.clone());
        if known.begin > *at || at.file.is_empty() {
            return Ok(known);
        }
        if known.begin < until {
            let stretch = known.begin.clone()..until;
            self.history.cover(&self.options, stretch).await?;
            let history = &self.history;
            known
                .tables
                .retain(|table, _| history.is_unchanged_since(table, &known.begin));
            known
                .databases
                .retain(|database, _| history.keeps_default_since(database, &known.begin));
        }
        for definition in known.tables.values_mut() {
            definition.read_from = at.clone();
            definition.read_to = at.clone();
        }
        known.begin = at.clone();
        known.end = at.clone();
        Ok(known)
    }

    pub(in crate::source) async fn open(&self) -> Result<Session, SourceError> {
        let mut session = Session::open(&self.options).await?;
        session.ask("SET NAMES utf8mb4").await?;
        show_generated_keys(&mut session).await?;
        Ok(session)
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

/// Generated invisible primary keys are in every row image, yet a server may be set to leave them out of
/// information_schema.
async fn show_generated_keys(session: &mut Session) -> Result<(), SourceError> {
    const VARIABLE: &str = "show_gipk_in_create_table_and_information_schema";
    if statements::variables(session, &[VARIABLE])
        .await?
        .is_empty()
    {
        return Ok(());
    }
    session
        .ask(&format!("SET SESSION {VARIABLE} = ON"))
        .await
        .map(drop)
}

async fn read(session: &mut Session, table: &TableName) -> Result<Option<Definition>, SourceError> {
    let known = read_where(session, &is_table(table)).await?;
    Ok(known.tables.into_values().next())
}

async fn read_all(session: &mut Session) -> Result<Reading, SourceError> {
    let begin = end_of_binlog(session).await?;
    let databases = databases(session).await?;
    let known = read_where(
        session,
        "TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')",
    )
    .await?;
    Ok(Reading {
        databases,
        begin,
        ..known
    })
}

fn is_table(table: &TableName) -> String {
    format!(
        "TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        statements::literal(&table.database),
        statements::literal(&table.table)
    )
}
