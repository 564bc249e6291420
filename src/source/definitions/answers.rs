//! Whom the stream asks how tables are defined.

use super::reader::DefinitionReader;
use super::replay::Replayed;
use crate::binlog::Coordinates;
use crate::change::Definition;
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
    /// As [`DefinitionReader::serve`]; nobody vouches only for what is believed there already.
    ///
    /// # Errors
    /// As there.
    pub async fn serve(
        &mut self,
        table: &TableName,
        at: &Coordinates,
        believed: Option<Definition>,
    ) -> Result<Option<Definition>, SourceError> {
        match self {
            Self::Server(definitions) => definitions.serve(table, at, believed).await,
            Self::Nobody => Ok(believed.filter(|believed| believed.read_to <= *at)),
        }
    }

    /// As [`DefinitionReader::engine`]; nobody knows of none.
    ///
    /// # Errors
    /// As there.
    pub async fn engine(
        &mut self,
        table: &TableName,
        at: &Coordinates,
    ) -> Result<Option<bool>, SourceError> {
        match self {
            Self::Server(definitions) => definitions.engine(table, at).await,
            Self::Nobody => Ok(None),
        }
    }

    /// As [`DefinitionReader::replay`]; nobody has files beyond those that are read.
    ///
    /// # Errors
    /// As there.
    pub async fn replay(
        &mut self,
        table: &TableName,
        at: &Coordinates,
        rules: &Rules,
    ) -> Result<Option<Replayed>, SourceError> {
        match self {
            Self::Server(definitions) => definitions.replay(table, at, rules).await,
            Self::Nobody => Ok(None),
        }
    }
}
