//! Who answers the assembler's questions about definitions.

use super::reader::DefinitionReader;
use super::retained::{Followed, WantedBefore};
use crate::change::history::Stretch;
use crate::change::{Definition, Point};
use crate::filter::Rules;
use crate::row::TableName;
use crate::source::error::SourceError;

/// Who answers.
#[derive(Debug)]
pub enum Answers {
    /// The server that writes the binlog.
    Server(Box<DefinitionReader>),
    /// Nobody: files are read, and no server was named.
    Nobody,
}

impl Answers {
    /// As [`DefinitionReader::serve`]; nobody confirms only what is believed there already.
    ///
    /// # Errors
    /// As there.
    pub async fn serve(
        &mut self,
        table: &TableName,
        at: &Point,
        believed: Option<Definition>,
    ) -> Result<Option<Definition>, SourceError> {
        match self {
            Self::Server(definitions) => definitions.serve(table, at, believed).await,
            Self::Nobody => {
                Ok(believed.filter(|believed| believed.read_to.is_after(at) == Some(false)))
            }
        }
    }

    /// As [`DefinitionReader::engine`]; nobody knows an engine.
    ///
    /// # Errors
    /// As there.
    pub async fn engine(
        &mut self,
        table: &TableName,
        at: &Point,
    ) -> Result<Option<bool>, SourceError> {
        match self {
            Self::Server(definitions) => definitions.engine(table, at).await,
            Self::Nobody => Ok(None),
        }
    }

    /// As [`DefinitionReader::changed_since`]; nobody knows of any.
    ///
    /// # Errors
    /// As there.
    pub async fn changed_since<'a>(
        &mut self,
        at: &Point,
        tables: impl Iterator<Item = &'a TableName>,
    ) -> Result<Option<&'a TableName>, SourceError> {
        match self {
            Self::Server(definitions) => definitions.changed_since(at, tables).await,
            Self::Nobody => Ok(None),
        }
    }

    /// As [`DefinitionReader::follow_retained`]; nobody has no files but those that are read.
    ///
    /// # Errors
    /// As there.
    pub async fn follow_retained(
        &mut self,
        wanted: &WantedBefore<'_>,
        rules: &Rules,
    ) -> Result<Followed, SourceError> {
        match self {
            Self::Server(definitions) => definitions.follow_retained(wanted, rules).await,
            Self::Nobody => Ok(Followed::Nothing),
        }
    }

    /// As [`DefinitionReader::take_streamed`].
    pub fn take_streamed(&mut self, stretches: Vec<Stretch>) {
        match self {
            Self::Server(definitions) => definitions.take_streamed(stretches),
            Self::Nobody => {}
        }
    }

    /// As [`DefinitionReader::write_streamed`].
    pub fn write_streamed(&mut self) {
        match self {
            Self::Server(definitions) => definitions.write_streamed(),
            Self::Nobody => {}
        }
    }
}
