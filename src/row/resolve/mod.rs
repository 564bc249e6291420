//! From what is known of a column to how its bytes are read.
//!
//! What is not known is never guessed: it is an error that says what is missing, and the caller answers it with a
//! definition or stops. Type numbers follow `include/field_types.h` (MySQL) and `include/mysql_com.h` (MariaDB).

use std::sync::Arc;

use crate::binlog::ColumnMap;
use crate::binlog::column_map::kind;

use super::charset::{BINARY, name_of_collation};
use super::{Charset, ColumnType, RawLabels, RowError};

/// What is known of a column, from the table map or partly from a definition.
#[derive(Clone, Copy, Debug)]
pub struct ColumnFacts<'a> {
    /// Its index in the table, from 0.
    pub index: usize,
    /// Its name, if known; for messages.
    pub name: Option<&'a str>,
    /// The type's number, the one inside where the table map says STRING.
    pub kind: u8,
    /// The type's metadata.
    ///
    /// | type | metadata |
    /// |---|---|
    /// | STRING, VARCHAR | the longest value in bytes |
    /// | ENUM, SET | bytes of a value |
    /// | BLOB, JSON, GEOMETRY, VECTOR | bytes of the length before a value |
    /// | NEWDECIMAL | precision in the high byte, scale in the low one |
    /// | BIT | bits |
    /// | TIME2, DATETIME2, TIMESTAMP2 | digits of fraction |
    /// | FLOAT, DOUBLE | bytes of a value |
    pub metadata: u16,
    /// Whether numbers are unsigned.
    pub unsigned: Option<bool>,
    /// The character set of text, of ENUM and SET, and `binary` for bytes.
    pub charset: Option<CharsetName<'a>>,
    /// The labels of ENUM and SET.
    pub labels: Option<Labels<'a>>,
    /// Digits of fraction of TIME, DATETIME and TIMESTAMP in their old forms, whose metadata do not hold them.
    pub fraction: Option<u8>,
    /// Whether a geometry is a POINT.
    pub is_point: bool,
    /// What a definition calls a column that its table map calls BINARY.
    pub special: Option<Special>,
}

/// A type of MariaDB's whose table maps say BINARY(4) or BINARY(16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// INET4.
    Inet4,
    /// INET6.
    Inet6,
    /// UUID.
    Uuid,
}

/// The labels of a column as its values are read with them.
enum Resolved {
    Texts(Arc<[Box<str>]>),
    /// Some are known by their bytes.
    Raw(Arc<RawLabels>),
}

impl Special {
    /// The type of a name as information_schema's DATA_TYPE has it.
    pub fn from_data_type(data_type: &str) -> Option<Self> {
        match data_type {
            "inet4" => Some(Self::Inet4),
            "inet6" => Some(Self::Inet6),
            "uuid" => Some(Self::Uuid),
            _ => None,
        }
    }

    fn kind(self) -> (ColumnType, u16) {
        match self {
            Self::Inet4 => (ColumnType::Inet4, 4),
            Self::Inet6 => (ColumnType::Inet6, 16),
            Self::Uuid => (ColumnType::Uuid, 16),
        }
    }
}

/// A character set as a table map or a definition names it.
#[derive(Clone, Copy, Debug)]
pub enum CharsetName<'a> {
    /// By the id of one of its collations.
    Collation(u32),
    /// By its name.
    Name(&'a str),
}

/// The labels of an ENUM or SET column.
#[derive(Clone, Copy, Debug)]
pub enum Labels<'a> {
    /// In the column's character set, as a table map holds them.
    Encoded(&'a [Box<[u8]>]),
    /// In UTF-8, as a definition holds them.
    Text(&'a [Box<str>]),
    /// In UTF-8, but for those of which a definition holds the bytes.
    Mixed(&'a [Box<str>], &'a [Option<Box<[u8]>>]),
}

/// Type numbers that table maps hold and that need no metadata, or that rowtap does not read.
mod more {
    pub const DATE: u8 = 10;
    pub const NEWDATE: u8 = 14;
}

const LEAVE_OUT: &str = "leave the table out by a filter";
const REBUILD: &str = "rebuild the table on the source with ALTER TABLE … FORCE";

impl ColumnType {
    /// Resolves a column's type.
    ///
    /// # Errors
    /// [`RowError::Missing`] where the facts lack something, else a type, metadata or character set that rowtap does not
    /// read, naming the column.
    pub fn resolve(facts: &ColumnFacts<'_>) -> Result<Self, RowError> {
        match facts.kind {
            kind::TINY => facts.integer(1),
            kind::SHORT => facts.integer(2),
            kind::INT24 => facts.integer(3),
            kind::LONG => facts.integer(4),
            kind::LONGLONG => facts.integer(8),
            kind::FLOAT if facts.metadata == 4 => Ok(Self::Float),
            kind::DOUBLE if facts.metadata == 8 => Ok(Self::Double),
            kind::YEAR => Ok(Self::Year),
            more::DATE | more::NEWDATE => Ok(Self::Date),
            kind::TIME2 => Ok(Self::Time {
                fsp: facts.small(0, 6)?,
            }),
            kind::DATETIME2 => Ok(Self::DateTime {
                fsp: facts.small(0, 6)?,
            }),
            kind::TIMESTAMP2 => Ok(Self::Timestamp {
                fsp: facts.small(0, 6)?,
            }),
            kind::TIME => Ok(Self::OldTime {
                fsp: facts.fraction()?,
            }),
            kind::DATETIME => Ok(Self::OldDateTime {
                fsp: facts.fraction()?,
            }),
            kind::TIMESTAMP => Ok(Self::OldTimestamp {
                fsp: facts.fraction()?,
            }),
            kind::NEWDECIMAL => facts.decimal(),
            kind::BIT => facts.bit(),
            kind::ENUM => facts.enumeration(),
            kind::SET => facts.set(),
            kind::STRING | kind::VARCHAR | kind::VAR_STRING => facts.string(),
            kind::BLOB | kind::TINY_BLOB | kind::MEDIUM_BLOB | kind::LONG_BLOB => facts.blob(),
            kind::VARCHAR_COMPRESSED => facts.packed(facts.string_prefix()),
            kind::BLOB_COMPRESSED => facts.packed(facts.small(1, 4)?),
            kind::JSON => Ok(Self::Json {
                prefix: facts.small(1, 4)?,
            }),
            kind::GEOMETRY => Ok(Self::Geometry {
                prefix: facts.small(1, 4)?,
                is_point: facts.is_point,
            }),
            kind::VECTOR => Ok(Self::Vector {
                prefix: facts.small(1, 4)?,
            }),
            kind::FLOAT | kind::DOUBLE => Err(facts.bad_metadata()),
            _ => Err(facts.unsupported()),
        }
    }
}

impl<'a> ColumnFacts<'a> {
    /// What a table map says of the column at `index`.
    pub fn of(index: usize, column: &'a ColumnMap) -> Self {
        Self {
            index,
            name: column.name.as_deref(),
            kind: column.kind,
            metadata: column.metadata,
            unsigned: column.unsigned,
            charset: column.collation.map(CharsetName::Collation),
            labels: column.labels.as_deref().map(Labels::Encoded),
            fraction: column.fraction,
            is_point: column.is_point(),
            special: None,
        }
    }

    fn fraction(&self) -> Result<u8, RowError> {
        let digits = self
            .fraction
            .ok_or_else(|| self.missing("number of digits after the seconds"))?;
        match digits {
            0..=6 => Ok(digits),
            _more => Err(self.bad_metadata()),
        }
    }

    fn integer(&self, width: u8) -> Result<ColumnType, RowError> {
        let unsigned = self.unsigned.ok_or_else(|| self.missing("signedness"))?;
        Ok(ColumnType::Integer { width, unsigned })
    }

    fn decimal(&self) -> Result<ColumnType, RowError> {
        let [precision, scale] = self.metadata.to_be_bytes();
        if !(1..=65).contains(&precision) || scale > 38 || scale > precision {
            return Err(self.bad_metadata());
        }
        Ok(ColumnType::Decimal { precision, scale })
    }

    fn bit(&self) -> Result<ColumnType, RowError> {
        Ok(ColumnType::Bit {
            bits: self.small(1, 64)?,
        })
    }

    fn enumeration(&self) -> Result<ColumnType, RowError> {
        let width = self.small(1, 2)?;
        Ok(match self.labels()? {
            Resolved::Texts(labels) => ColumnType::Enum { width, labels },
            Resolved::Raw(labels) => ColumnType::RawEnum { width, labels },
        })
    }

    fn set(&self) -> Result<ColumnType, RowError> {
        let width = self.small(1, 8)?;
        if !matches!(width, 1..=4 | 8) {
            return Err(self.bad_metadata());
        }
        Ok(match self.labels()? {
            Resolved::Texts(labels) => ColumnType::Set { width, labels },
            Resolved::Raw(labels) => ColumnType::RawSet { width, labels },
        })
    }

    fn string(&self) -> Result<ColumnType, RowError> {
        if let Some(special) = self.special
            && self.kind == kind::STRING
        {
            let (kind, length) = special.kind();
            return match self.metadata == length {
                true => Ok(kind),
                false => Err(self.bad_metadata()),
            };
        }
        let prefix = self.string_prefix();
        let padded = (self.kind == kind::STRING).then_some(self.metadata);
        self.text_or_binary(prefix, padded)
    }

    fn string_prefix(&self) -> u8 {
        if self.metadata > 255 { 2 } else { 1 }
    }

    fn packed(&self, prefix: u8) -> Result<ColumnType, RowError> {
        let charset = match self.charset_name()? {
            BINARY => None,
            _ => Some(self.charset()?),
        };
        Ok(ColumnType::Packed { prefix, charset })
    }

    fn blob(&self) -> Result<ColumnType, RowError> {
        self.text_or_binary(self.small(1, 4)?, None)
    }

    fn text_or_binary(&self, prefix: u8, padded: Option<u16>) -> Result<ColumnType, RowError> {
        if self.charset_name()? == BINARY {
            return Ok(ColumnType::Binary { prefix, padded });
        }
        Ok(ColumnType::Text {
            prefix,
            charset: self.charset()?,
        })
    }

    fn charset_name(&self) -> Result<&str, RowError> {
        match self.charset {
            None => Err(self.missing("character set")),
            Some(CharsetName::Name(name)) => Ok(name),
            Some(CharsetName::Collation(id)) => name_of_collation(id)
                .ok_or_else(|| self.unsupported_charset(&format!("of collation {id}"))),
        }
    }

    fn charset(&self) -> Result<Charset, RowError> {
        let name = self.charset_name()?;
        Charset::from_name(name).ok_or_else(|| self.unsupported_charset(name))
    }

    fn labels(&self) -> Result<Resolved, RowError> {
        match self.labels {
            None => Err(self.missing("labels")),
            Some(Labels::Text(labels)) => Ok(Resolved::Texts(labels.into())),
            Some(Labels::Mixed(texts, bytes)) => Ok(Resolved::Raw(Arc::new(RawLabels {
                charset: self.charset_of_labels()?,
                texts: texts.into(),
                bytes: bytes.into(),
            }))),
            Some(Labels::Encoded(labels)) => self.decoded(labels),
        }
    }

    /// ENUM CHARACTER SET binary: its labels are bytes, which a record can hold only where they are text.
    fn charset_of_labels(&self) -> Result<Charset, RowError> {
        match self.charset_name()? {
            BINARY => Ok(Charset::Utf8),
            _ => self.charset(),
        }
    }

    fn decoded(&self, encoded: &[Box<[u8]>]) -> Result<Resolved, RowError> {
        let charset = self.charset_of_labels()?;
        let mut scratch = String::new();
        let mut texts: Vec<Box<str>> = Vec::with_capacity(encoded.len());
        let mut bytes = Vec::with_capacity(encoded.len());
        for label in encoded {
            let text = charset.decode(label, &mut scratch);
            bytes.push(text.is_err().then(|| label.clone()));
            texts.push(text.unwrap_or_default().into());
        }
        if bytes.iter().all(Option::is_none) {
            return Ok(Resolved::Texts(texts.into()));
        }
        Ok(Resolved::Raw(Arc::new(RawLabels {
            charset,
            texts: texts.into(),
            bytes: bytes.into(),
        })))
    }

    fn small(&self, least: u8, most: u8) -> Result<u8, RowError> {
        match u8::try_from(self.metadata) {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err(self.bad_metadata()),
        }
    }

    fn column(&self) -> Box<str> {
        match self.name {
            Some(name) => name.into(),
            None => format!("#{}", self.index + 1).into(),
        }
    }

    fn missing(&self, what: &'static str) -> RowError {
        RowError::Missing {
            column: self.column(),
            what,
            cure: match self.kind {
                kind::TIME | kind::DATETIME | kind::TIMESTAMP => "a definition tells it",
                _ => "set binlog_row_metadata=FULL on the source",
            },
        }
    }

    fn bad_metadata(&self) -> RowError {
        RowError::BadMetadata {
            column: self.column(),
            kind: self.kind,
            metadata: self.metadata,
        }
    }

    fn unsupported_charset(&self, charset: &str) -> RowError {
        RowError::UnsupportedCharset {
            column: self.column(),
            charset: charset.into(),
        }
    }

    fn unsupported(&self) -> RowError {
        let (name, cure) = match self.kind {
            kind::DECIMAL => ("DECIMAL as before MySQL 5.0", REBUILD),
            _ => ("unknown", LEAVE_OUT),
        };
        RowError::UnsupportedType {
            column: self.column(),
            kind: self.kind,
            name,
            cure,
        }
    }
}

#[cfg(test)]
mod tests;
