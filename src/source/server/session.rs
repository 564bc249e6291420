//! A connection to the source for statements and their answers.

use std::str::FromStr;

use super::options::ServerOptions;
use crate::mysql::{Connection, ResultSet, Server, WireKind};
use crate::source::error::SourceError;
use crate::state::ReplicaIdentity;

/// A logged-in connection.
#[derive(Debug)]
pub(in crate::source) struct Session {
    connection: Connection,
}

/// What the source answered to a statement.
#[derive(Debug)]
pub(in crate::source) struct SqlAnswer {
    statement: String,
    result: ResultSet,
}

/// One row of an answer.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) struct AnswerRow<'a> {
    answer: &'a SqlAnswer,
    row: usize,
}

/// Where the rows of an answer end.
#[derive(Clone, Copy, Debug)]
enum RowEnds {
    AtLastColumn,
    /// Also before, at the end of a value.
    Anywhere,
}

/// `ER_PARSE_ERROR`: the server does not know the statement's form.
const UNKNOWN_FORM: u16 = 1064;
/// `ER_SPECIFIC_ACCESS_DENIED_ERROR`: the account lacks a privilege.
pub(in crate::source) const ACCESS_DENIED: u16 = 1227;
/// Rows of a long answer that are in memory at once.
const PART_ROWS_MAX: usize = 2000;
const STATEMENT_CHARACTERS_MAX: usize = 60;

impl Session {
    /// Connects and logs in.
    pub(in crate::source) async fn open(options: &ServerOptions) -> Result<Self, SourceError> {
        Ok(Self {
            connection: Connection::connect(&options.connection()).await?,
        })
    }

    /// The same, and says who this replica is.
    pub(in crate::source) async fn open_as(
        options: &ServerOptions,
        identity: &ReplicaIdentity,
    ) -> Result<Self, SourceError> {
        let mut session = Self::open(options).await?;
        let uuid = identity.server_uuid;
        session.ask("SET NAMES utf8mb4").await?;
        session
            .ask(&format!(
                "SET @slave_uuid = '{uuid}', @replica_uuid = '{uuid}'"
            ))
            .await?;
        Ok(session)
    }

    /// What the server said of itself in its greeting.
    pub(in crate::source) fn server(&self) -> &Server {
        self.connection.server()
    }

    /// Hands the connection over for a dump.
    pub(in crate::source) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Sends a command of the protocol that is answered by OK.
    pub(in crate::source) async fn command(
        &mut self,
        name: &str,
        packet: &[u8],
    ) -> Result<(), SourceError> {
        self.connection
            .command(packet)
            .await
            .map_err(|source| SourceError::Statement {
                statement: name.to_owned(),
                source,
            })
    }

    /// Asks one statement.
    pub(in crate::source) async fn ask(
        &mut self,
        statement: &str,
    ) -> Result<SqlAnswer, SourceError> {
        self.ask_as(statement, RowEnds::AtLastColumn).await
    }

    async fn ask_as(&mut self, statement: &str, ends: RowEnds) -> Result<SqlAnswer, SourceError> {
        let result = match ends {
            RowEnds::AtLastColumn => self.connection.query(statement).await,
            RowEnds::Anywhere => self.connection.query_with_short_rows(statement).await,
        };
        match result {
            Ok(result) => Ok(SqlAnswer {
                statement: shortened(statement),
                result,
            }),
            Err(source) => Err(SourceError::Statement {
                statement: shortened(statement),
                source,
            }),
        }
    }

    /// Asks for rows that may be many, and hands them on while they arrive.
    ///
    /// # Errors
    /// As [`Session::ask`], and what `take` returned first.
    pub(in crate::source) async fn ask_in_parts(
        &mut self,
        statement: &str,
        mut take: impl FnMut(AnswerRow<'_>) -> Result<(), SourceError> + Send,
    ) -> Result<(), SourceError> {
        let mut taken = Ok(());
        let parts = self
            .connection
            .query_in_parts(statement, PART_ROWS_MAX, |result| {
                let answer = SqlAnswer {
                    statement: shortened(statement),
                    result,
                };
                if taken.is_ok() {
                    taken = answer.rows().try_for_each(&mut take);
                }
            });
        parts.await.map_err(|source| SourceError::Statement {
            statement: shortened(statement),
            source,
        })?;
        taken
    }

    /// Begins a statement whose rows come by the binary protocol, and returns how the values of each column come.
    pub(in crate::source) async fn begin_rows(
        &mut self,
        statement: &str,
    ) -> Result<Vec<WireKind>, SourceError> {
        let begun = self.connection.begin_rows(statement).await;
        begun.map_err(|source| SourceError::Statement {
            statement: shortened(statement),
            source,
        })
    }

    /// Waits until rows of such a statement have arrived; `false` after the last.
    pub(in crate::source) async fn await_rows(&mut self) -> Result<bool, SourceError> {
        Ok(self.connection.await_rows().await?)
    }

    /// The next of those rows, and whether it is the last of them; `None` where there is none.
    #[inline]
    pub(in crate::source) fn take_row(&mut self) -> Option<(&[u8], bool)> {
        self.connection.take_row()
    }

    /// Asks the same thing in the forms that different servers know, the newest first.
    ///
    /// A refusal for want of a privilege outranks "unknown form", since it shows that the form was the right one.
    pub(in crate::source) async fn ask_in_forms(
        &mut self,
        forms: &[&str],
    ) -> Result<SqlAnswer, SourceError> {
        self.ask_forms(forms, RowEnds::AtLastColumn).await
    }

    /// The same where rows may end before their last columns, whose values are then NULL.
    pub(in crate::source) async fn ask_in_forms_with_short_rows(
        &mut self,
        forms: &[&str],
    ) -> Result<SqlAnswer, SourceError> {
        self.ask_forms(forms, RowEnds::Anywhere).await
    }

    async fn ask_forms(&mut self, forms: &[&str], ends: RowEnds) -> Result<SqlAnswer, SourceError> {
        let mut refused = None;
        for form in forms {
            match self.ask_as(form, ends).await {
                Ok(answer) => return Ok(answer),
                Err(error) => match error.server_code() {
                    Some(ACCESS_DENIED) => refused = Some(error),
                    Some(UNKNOWN_FORM) => refused = Some(refused.unwrap_or(error)),
                    Some(_) | None => return Err(error),
                },
            }
        }
        Err(refused.expect("every question has at least one form"))
    }
}

impl SourceError {
    /// The number of the server's error, if that is what it was.
    pub(in crate::source) fn server_code(&self) -> Option<u16> {
        match self {
            Self::Statement { source, .. } | Self::Connection(source) => {
                source.server_error().map(|error| error.code)
            }
            _other => None,
        }
    }
}

impl SqlAnswer {
    /// The rows, in the server's order.
    pub(in crate::source) fn rows(&self) -> impl Iterator<Item = AnswerRow<'_>> {
        (0..self.result.rows.len()).map(|row| AnswerRow { answer: self, row })
    }

    /// The first row, if any.
    pub(in crate::source) fn first(&self) -> Option<AnswerRow<'_>> {
        self.rows().next()
    }

    /// What is reported where the answer lacks something.
    pub(in crate::source) fn lacks(&self, column: &'static str) -> SourceError {
        SourceError::Answer {
            statement: self.statement.clone(),
            column,
        }
    }
}

impl<'a> AnswerRow<'a> {
    /// A cell as text; `None` for NULL, for a column that the answer lacks and for bytes that are not UTF-8.
    pub(in crate::source) fn text(&self, column: &str) -> Option<&'a str> {
        self.answer.result.text(self.row, column)
    }

    /// The text of the first cell, whatever its column is called.
    pub(in crate::source) fn first_text(&self) -> Option<&'a str> {
        let column = self.answer.result.columns.first()?;
        self.text(column)
    }

    /// A cell's bytes; `None` for NULL and for a column that the answer lacks.
    pub(in crate::source) fn bytes(&self, column: &str) -> Option<&'a [u8]> {
        self.answer.result.bytes(self.row, column)
    }

    /// The text of a cell that must be there.
    pub(in crate::source) fn expect(&self, column: &'static str) -> Result<&'a str, SourceError> {
        self.text(column).ok_or_else(|| self.answer.lacks(column))
    }

    /// A cell that must be a number, or whatever else is read from text.
    pub(in crate::source) fn parse<T: FromStr>(
        &self,
        column: &'static str,
    ) -> Result<T, SourceError> {
        self.expect(column)?
            .parse()
            .map_err(|_| self.answer.lacks(column))
    }
}

fn shortened(statement: &str) -> String {
    let mut short: String = statement.chars().take(STATEMENT_CHARACTERS_MAX).collect();
    if short.len() < statement.len() {
        short.push('…');
    }
    short
}
