//! What a table map does not tell, so that the table's definition is asked for.

use crate::binlog::Coordinates;
use crate::row::TableName;

/// A table of which a person has to tell something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The table.
    pub table: TableName,
    /// The end of the first group that needs it.
    pub end: Coordinates,
    /// What is to be told.
    pub untold: Untold,
}

/// What of a table a person has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untold {
    /// Its definition.
    Definition {
        /// A CREATE TABLE with what is known of it.
        draft: Box<str>,
    },
    /// Its definition, where a value of a column whose character set or labels are not known is not the same whatever they are.
    Charset {
        /// A CREATE TABLE with what is known of it.
        draft: Box<str>,
    },
    /// Its engine.
    Engine,
}

/// What is asked for, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The columns' names, or of some their signs, character sets or labels: all that `binlog_row_metadata=FULL` adds.
    Metadata,
    /// What no table map tells of some columns: that they are MariaDB's INET4, INET6 or UUID, or the fraction of times in
    /// their old form.
    Types,
    /// The character set of a column, where the bytes of a value in it are not the same text in each that it may be; or the
    /// label of an ENUM or SET, where the server may have another one than the statement.
    Charset,
    /// Which columns are generated; only where that is asked for, see [`crate::change::Assembler::asking_for_generated`].
    Generated,
}

impl Lack {
    /// What of the table is not known.
    pub(in crate::change) fn of(self, table: &TableName) -> String {
        match self {
            Self::Metadata => format!(
                "the names of {table}'s columns, or all of their types, are not in the binlog"
            ),
            Self::Types => format!(
                "the types of {table}'s columns cannot all be told by the binlog, in which INET4, INET6 and UUID look like \
                 BINARY and old forms of times lack their fraction"
            ),
            Self::Charset => {
                format!("the character sets of {table}'s columns are not in the binlog")
            }
            Self::Generated => {
                format!("which of {table}'s columns are generated is not in the binlog")
            }
        }
    }

    /// What can be done on the source, to be added to what else can be done.
    pub(in crate::change) fn cure(self) -> &'static str {
        match self {
            Self::Metadata | Self::Charset => {
                ", or run `SET PERSIST binlog_row_metadata=FULL` (MariaDB: `SET GLOBAL`, and in its option file) on the \
                 source and start from a position after it"
            }
            Self::Types => "",
            Self::Generated => {
                ", or set columns-computed = \"publish\" where rules on columns are to go on without"
            }
        }
    }
}
