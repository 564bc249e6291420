//! A table as rows events refer to it.

use std::fmt;
use std::sync::Arc;

use super::treatment::{ColumnTreatment, Replacement, Treatment};
use super::{ColumnType, DefaultValue, old_temporal};

/// A table's qualified name.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct TableName {
    /// The database (MySQL's schema).
    pub database: Box<str>,
    /// The table.
    pub table: Box<str>,
}

impl TableName {
    /// Makes a name of its two parts.
    pub fn new(database: impl Into<Box<str>>, table: impl Into<Box<str>>) -> Self {
        Self {
            database: database.into(),
            table: table.into(),
        }
    }
}

impl TableName {
    /// Both parts as SQL wants them.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.database), quoted(&self.table))
    }
}

/// A name as SQL wants it.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Text as a literal that means the same under every sql_mode and connection character set.
pub fn text_literal(text: &str) -> String {
    format!("_utf8mb4 {}", bytes_literal(text.as_bytes()))
}

/// Bytes as a literal.
pub fn bytes_literal(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02X}"));
    format!("X'{}'", digits.collect::<String>())
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// A table under one definition. A new definition is a new value; encoders hold plans by this value's address.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// The name to publish under, after `replicate-rewrite-db`.
    pub name: TableName,
    /// The columns, in the order of the row image, as they are published: those that a rule treats have other types in the
    /// image, or are left out.
    pub columns: Vec<Column>,
    /// Indexes of the primary key's columns, in key order; empty for a table without one.
    pub key: Vec<usize>,
    /// Indexes of columns that are the server's own and shown by no statement: their values are not published.
    pub hidden: Vec<usize>,
    /// The collation of each column of text, as far as it is known.
    pub collations: Vec<Option<u32>>,
    /// Whether its definition is not known, so that the columns are what the table map tells of them.
    pub is_undefined: bool,
    /// What becomes of its rows before they are encoded; `None` where they are encoded as they are.
    treatment: Option<Arc<Treatment>>,
    /// Per column, how many bytes its values take.
    spans: Vec<Span>,
    /// The same of rows without a NULL.
    strides: Strides,
}

impl Table {
    /// Makes a table; `key` holds indexes into `columns`, in key order.
    pub fn new(name: TableName, columns: Vec<Column>, key: Vec<usize>) -> Self {
        let spans: Vec<_> = columns
            .iter()
            .map(|column| Span::of(&column.kind))
            .collect();
        let strides = Strides::of(&spans);
        Self {
            name,
            columns,
            key,
            hidden: Vec::new(),
            collations: Vec::new(),
            is_undefined: false,
            treatment: None,
            spans,
            strides,
        }
    }

    /// The same with these columns hidden; the server computes them.
    #[must_use]
    pub fn hiding(mut self, hidden: Vec<usize>) -> Self {
        for index in &hidden {
            if let Some(column) = self.columns.get_mut(*index) {
                column.computed = Some(Computed::Expression);
            }
        }
        self.hidden = hidden;
        self
    }

    /// The same with its rows treated before they are encoded: columns whose values are replaced get the type of what replaces
    /// them.
    #[must_use]
    pub fn treated(mut self, treatment: Treatment) -> Self {
        for (column, treated) in self.columns.iter_mut().zip(treatment.columns()) {
            if let ColumnTreatment::Replaced { kind, by } = treated {
                let published = by.published_kind(kind);
                column.kind = published.expect("rules replace only values that they can");
                column.declared = None;
                column.default = None;
                column.comment = None;
            }
        }
        self.treatment = Some(Arc::new(treatment));
        self
    }

    /// What becomes of its rows before they are encoded; `None` where they are encoded as they are.
    #[inline]
    pub fn treatment(&self) -> Option<&Treatment> {
        self.treatment.as_deref()
    }

    /// How the bytes of a column in a row image are read.
    pub fn image_kind(&self, index: usize) -> Option<&ColumnType> {
        let treatment = self.treatment().and_then(|all| all.columns().get(index));
        match (treatment, self.columns.get(index)?) {
            (Some(ColumnTreatment::Replaced { kind, .. }), _) => Some(kind),
            (Some(ColumnTreatment::Kept | ColumnTreatment::LeftOut) | None, column) => {
                Some(&column.kind)
            }
        }
    }

    /// The columns that statements show: all but the hidden ones.
    pub fn shown_columns(&self) -> impl Iterator<Item = &Column> {
        let columns = self.columns.iter().enumerate();
        let shown = columns.filter(|(index, _)| !self.hidden.contains(index));
        shown.map(|(_, column)| column)
    }

    /// What replaces the values of a column, and how those are read; `None` where they are not replaced.
    pub fn replacement(&self, index: usize) -> Option<(&ColumnType, &Replacement)> {
        match self.treatment()?.columns().get(index)? {
            ColumnTreatment::Replaced { kind, by } => Some((kind, by)),
            ColumnTreatment::Kept | ColumnTreatment::LeftOut => None,
        }
    }

    /// Whether a column has values in what is published: it is not hidden, and no rule leaves it out.
    pub fn publishes(&self, index: usize) -> bool {
        let treatment = self.treatment().and_then(|all| all.columns().get(index));
        !self.hidden.contains(&index) && treatment != Some(&ColumnTreatment::LeftOut)
    }

    /// How many bytes the values of a row without a NULL take.
    pub(super) fn strides(&self) -> &Strides {
        &self.strides
    }

    /// How many bytes the values of each column take.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// All columns side by side, as those with a length before their value divide them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Strides {
    /// Up to each column with a length.
    prefixed: Vec<Stride>,
    /// Bytes of the last length and of the columns after it.
    fixed: usize,
    /// Of each column: bytes of the last length before it and of the columns between, and how many strides end before it.
    before: Vec<(usize, usize)>,
}

/// Columns of fixed width, and then one with a length before its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stride {
    /// Bytes of the columns of fixed width, and of the length before the value before them.
    fixed: usize,
    /// The bits of the length in a word of four bytes.
    mask: u32,
}

impl Strides {
    fn of(spans: &[Span]) -> Self {
        let mut strides = Self::default();
        for span in spans {
            strides.before.push((strides.fixed, strides.prefixed.len()));
            match *span {
                Span::Fixed(width) => strides.fixed += usize::from(width),
                Span::Prefixed { bytes, mask } => {
                    let fixed = std::mem::replace(&mut strides.fixed, usize::from(bytes));
                    strides.prefixed.push(Stride { fixed, mask });
                }
            }
        }
        strides
    }

    /// The end of an image none of whose columns is NULL; `None` where the body ends before it, or soon after a length.
    #[inline]
    pub(super) fn end(&self, body: &[u8], position: usize) -> Option<usize> {
        self.end_of(&self.prefixed, body, position)
    }

    /// The same from the column of this number on, which begins at `position`.
    #[inline]
    pub(super) fn end_from(&self, column: usize, body: &[u8], position: usize) -> Option<usize> {
        let Some((passed, ended)) = self.before.get(column) else {
            return (position <= body.len()).then_some(position);
        };
        self.end_of(
            self.prefixed.get(*ended..)?,
            body,
            position.checked_sub(*passed)?,
        )
    }

    #[inline(always)]
    fn end_of(&self, strides: &[Stride], body: &[u8], mut position: usize) -> Option<usize> {
        for Stride { fixed, mask } in strides {
            position = position.checked_add(*fixed)?;
            // Where the body has no whole word left, the other walk looks at it byte by byte.
            let word = body.get(position..)?.first_chunk()?;
            position = position.checked_add((u32::from_le_bytes(*word) & mask) as usize)?;
        }
        position = position.checked_add(self.fixed)?;
        (position <= body.len()).then_some(position)
    }
}

/// How many bytes a column's values take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// As many each.
    Fixed(u8),
    /// As many as a length of so many bytes before the value says.
    Prefixed {
        /// Bytes of the length.
        bytes: u8,
        /// The bits of the length in a word of four bytes.
        mask: u32,
    },
}

impl Span {
    /// A length of one to four bytes before the value.
    fn prefixed(bytes: u8) -> Self {
        let after = 32u32.saturating_sub(8 * u32::from(bytes));
        let mask = u32::MAX.checked_shr(after).unwrap_or(0);
        Self::Prefixed { bytes, mask }
    }

    fn of(kind: &super::ColumnType) -> Self {
        use super::ColumnType as Kind;
        match kind {
            Kind::Integer { width, .. }
            | Kind::EitherSign { width }
            | Kind::Enum { width, .. }
            | Kind::RawEnum { width, .. }
            | Kind::RawSet { width, .. }
            | Kind::Set { width, .. } => Self::Fixed(*width),
            Kind::Float => Self::Fixed(4),
            Kind::Double => Self::Fixed(8),
            Kind::Decimal { precision, scale } => {
                Self::Fixed(super::decimal::width(*precision, *scale))
            }
            Kind::Bit { bits } => Self::Fixed(bits.div_ceil(8)),
            Kind::Year => Self::Fixed(1),
            Kind::Date => Self::Fixed(3),
            Kind::Time { fsp } => Self::Fixed(3 + fsp.div_ceil(2)),
            Kind::DateTime { fsp } => Self::Fixed(5 + fsp.div_ceil(2)),
            Kind::Timestamp { fsp } => Self::Fixed(4 + fsp.div_ceil(2)),
            Kind::OldTime { fsp } => Self::Fixed(old_temporal::time_width(*fsp)),
            Kind::OldDateTime { fsp } => Self::Fixed(old_temporal::datetime_width(*fsp)),
            Kind::OldTimestamp { fsp } => Self::Fixed(4 + fsp.div_ceil(2)),
            Kind::Inet4 | Kind::Inet6 | Kind::Uuid => Self::prefixed(1),
            Kind::Text { prefix, .. }
            | Kind::Packed { prefix, .. }
            | Kind::Binary { prefix, .. }
            | Kind::Undecided { prefix }
            | Kind::Json { prefix }
            | Kind::Geometry { prefix, .. }
            | Kind::Vector { prefix } => Self::prefixed(*prefix),
        }
    }
}

/// A column under one definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: Box<str>,
    /// How its bytes are read.
    pub kind: super::ColumnType,
    /// Whether the server's definition allows NULL.
    pub nullable: bool,
    /// How the server makes its values, so that none can be assigned; `None` if it does not, as far as is known.
    pub computed: Option<Computed>,
    /// Its type as information_schema has it, such as `int(10) unsigned`; `None` where its definition is not known.
    pub declared: Option<Box<str>>,
    /// Its default; `None` where it has none, and where its definition is not known.
    pub default: Option<DefaultValue>,
    /// Its comment; `None` where it has none, and where its definition is not known.
    pub comment: Option<Box<str>>,
}

/// How a server makes a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Computed {
    /// From other columns.
    Expression,
    /// As the time, or the transaction, since which the row holds: MariaDB's ROW START.
    RowStart,
    /// As that until which it holds: ROW END.
    RowEnd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_hold_no_byte_that_sql_could_read() {
        assert_eq!(text_literal("a'\\"), "_utf8mb4 X'61275C'");
        assert_eq!(text_literal(""), "_utf8mb4 X''");
        assert_eq!(text_literal("ü"), "_utf8mb4 X'C3BC'");
    }
}
