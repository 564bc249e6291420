//! Tables in whose definition the character set of columns is not known for certain: what their table maps tell of it, and
//! which values are the same whatever it is.
//!
//! | known from | what |
//! |---|---|
//! | MySQL's table maps, from 8.0 on | the set of each column of text |
//! | the length of CHAR and VARCHAR in any table map | the bytes of the set's longest character |
//!
//! All columns of a table whose set is not known have the same one: the default of its database when it was created.
//! What is left of the sets agrees on ASCII, unless [`charset::RARE`] ones are among them.

use super::agreement::Disagreement;
use super::charset;
use super::labels::{ListedLabel, labels, printed_with_doubts};
use super::layout::Layout;
use super::table::{ColumnDefinition, TableDefinition};
use crate::binlog::ColumnMap;
use crate::binlog::column_map::kind;
use crate::mysql::Flavour;
use crate::row::{
    BINARY, Cell, Charset, ColumnType, Images, RowError, Table, Unpacking, Value,
    name_of_collation, read,
};

/// A definition that left something unsettled, with what a table map tells.
#[derive(Debug)]
pub(in crate::change) struct Settlement {
    /// The definition to read rows with. Where the set is still not known, it is ASCII in its place.
    pub(in crate::change) definition: TableDefinition,
    /// What rows are to be held against.
    pub(in crate::change) unsettled: UnsettledColumns,
    /// Whether nothing is unsettled any more, and the definition is the table's.
    pub(in crate::change) is_settled: bool,
}

/// The columns of a table whose values may not be what they seem.
#[derive(Clone, Debug, Default)]
pub(in crate::change) struct UnsettledColumns(Vec<UnsettledColumn>);

#[derive(Clone, Debug)]
struct UnsettledColumn {
    place: usize,
    name: Box<str>,
    doubt: Doubt,
}

#[derive(Clone, Debug)]
enum Doubt {
    /// The bytes of a value.
    Text(Candidates),
    /// These labels, in the order of their numbers.
    Labels(Vec<bool>),
}

/// The character sets that a column may have.
#[derive(Clone, Debug)]
struct Candidates(Vec<&'static str>);

/// Completes a definition by a table map; `None` if it leaves nothing unsettled.
///
/// # Errors
/// A length that a column has in no character set.
pub(in crate::change) fn settle(
    map: &[ColumnMap],
    layout: &Layout,
    definition: &TableDefinition,
    flavour: Flavour,
) -> Result<Option<Settlement>, Disagreement> {
    if definition.unsettled().is_none() {
        return Ok(None);
    }
    let columns = map.iter().enumerate();
    let columns = columns.filter_map(|(place, map)| Some((map, layout.column(place, definition)?)));
    let (mut found, mut bytes_max) = (None, None);
    let mut unsettled = None;
    for (map, column) in columns {
        if !has_open_text(column) {
            continue;
        }
        found = found.or_else(|| map.collation.and_then(name_of_collation));
        if let Some(bytes) = bytes_of_character(map, column)? {
            bytes_max = Some(bytes);
        }
        unsettled = column.charset.as_deref();
    }
    let by_length = || charset::only_candidate(unsettled?, bytes_max?, flavour);
    let found = found.or_else(by_length);
    Ok(Some(match found {
        Some(name) => with_charset(map, layout, definition, name),
        None => without_charset(map, layout, definition, bytes_max),
    }))
}

/// Whether it is a column of text whose set is not known.
fn has_open_text(column: &ColumnDefinition) -> bool {
    let is_open = column.charset.as_deref().is_some_and(charset::is_unsettled);
    is_open && !is_labelled(column)
}

fn is_labelled(column: &ColumnDefinition) -> bool {
    matches!(column.data_type(), "enum" | "set")
}

/// The bytes that the longest character of a column takes, by its length in bytes.
fn bytes_of_character(
    map: &ColumnMap,
    column: &ColumnDefinition,
) -> Result<Option<u32>, Disagreement> {
    let length = column.column_type.split_once('(');
    let length = length.and_then(|(_, rest)| rest.split_once(')')?.0.parse::<u16>().ok());
    let sized = matches!(column.data_type(), "char" | "varchar")
        && matches!(map.kind, kind::STRING | kind::VARCHAR);
    let Some(characters) = length.filter(|length| sized && *length > 0) else {
        return Ok(None);
    };
    let bytes = map.metadata / characters;
    match bytes * characters == map.metadata && (1..=4).contains(&bytes) {
        true => Ok(Some(bytes.into())),
        false => Err(Disagreement {
            believed: format!("column {} of type {}", column.name, column.column_type),
            found: format!("values of {} bytes there", map.metadata),
        }),
    }
}

/// The definition with a set that the table map tells.
fn with_charset(
    map: &[ColumnMap],
    layout: &Layout,
    definition: &TableDefinition,
    name: &'static str,
) -> Settlement {
    let mut told = definition.clone();
    let is_open =
        |charset: &Option<Box<str>>| charset.as_deref().is_some_and(charset::is_unsettled);
    for column in &mut told.columns {
        if !is_open(&column.charset) {
            continue;
        }
        column.charset = Some(name.into());
        if let Some(certain) = certain_labels(column, name) {
            column.column_type = certain.into();
        }
    }
    if is_open(&told.charset) {
        told.charset = Some(name.into());
    }
    let is_settled = told.unsettled().is_none();
    Settlement {
        unsettled: UnsettledColumns::of(map, layout, &told, None),
        // Types of bytes have other names.
        is_settled: is_settled && name != BINARY,
        definition: told,
    }
}

/// The type with labels that are certain where all their characters are in a set.
fn certain_labels(column: &ColumnDefinition, name: &str) -> Option<String> {
    let mut listed = labels(&column.column_type)?;
    for label in &mut listed {
        let is_whole = match name {
            "utf8mb4" => true,
            "utf8mb3" => label.text.chars().all(|letter| letter <= '\u{ffff}'),
            _ => label.text.is_ascii(),
        };
        let is_rare = charset::RARE.contains(&name) || label.text.contains('\0');
        label.is_doubtful &= !is_whole || is_rare;
    }
    Some(printed_with_doubts(column.data_type(), &listed))
}

/// The definition with ASCII for a set that is not known.
fn without_charset(
    map: &[ColumnMap],
    layout: &Layout,
    definition: &TableDefinition,
    bytes_max: Option<u32>,
) -> Settlement {
    let unsettled = UnsettledColumns::of(map, layout, definition, bytes_max);
    let mut readable = definition.clone();
    for column in &mut readable.columns {
        if column.charset.as_deref().is_some_and(charset::is_unsettled) {
            column.charset = Some(Charset::Ascii.name().into());
        }
    }
    Settlement {
        definition: readable,
        unsettled,
        is_settled: false,
    }
}

impl UnsettledColumns {
    fn of(
        map: &[ColumnMap],
        layout: &Layout,
        definition: &TableDefinition,
        bytes_max: Option<u32>,
    ) -> Self {
        let columns = map.iter().enumerate().filter_map(|(place, map)| {
            let column = layout.column(place, definition)?;
            let doubt = match is_labelled(column) {
                true if map.labels.is_some() => return None,
                true => Doubt::Labels(doubtful_labels(column)?),
                false if map.collation.is_some() || !has_open_text(column) => return None,
                false => {
                    let name = column.charset.as_deref().unwrap_or_default();
                    Doubt::Text(Candidates(charset::candidates(name, bytes_max)))
                }
            };
            let name = column.name.clone();
            Some(UnsettledColumn { place, name, doubt })
        });
        Self(columns.collect())
    }

    /// Whether there are none, as of almost every table.
    pub(in crate::change) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their places in the table map.
    pub(in crate::change) fn places(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|column| column.place)
    }

    /// Looks for a value that is not the same whatever the unsettled character sets and labels are; says why not.
    ///
    /// # Errors
    /// Rows that contradict their table map.
    pub(in crate::change) fn doubt(
        &self,
        table: &Table,
        images: &Images<'_>,
        body: &[u8],
    ) -> Result<Option<Box<str>>, RowError> {
        let (mut cells, mut unpacking) = (Vec::new(), Unpacking::default());
        let mut doubt = None;
        images.visit(body, &mut cells, |cells| {
            for column in &self.0 {
                if doubt.is_some() {
                    return;
                }
                if let Some(Cell::Value { start, end }) = cells.get(column.place) {
                    let bytes = body.get(*start..*end).unwrap_or_default();
                    let kind = table.image_kind(column.place);
                    let is_certain =
                        kind.is_some_and(|kind| column.is_certain(kind, bytes, &mut unpacking));
                    if !is_certain {
                        doubt = Some(column.reason());
                    }
                }
            }
        })?;
        Ok(doubt)
    }
}

/// Which labels are doubtful, if any is.
fn doubtful_labels(column: &ColumnDefinition) -> Option<Vec<bool>> {
    let doubtful: Vec<bool> = labels(&column.column_type)?
        .iter()
        .map(|ListedLabel { is_doubtful, .. }| *is_doubtful)
        .collect();
    doubtful.contains(&true).then_some(doubtful)
}

impl UnsettledColumn {
    fn is_certain(&self, kind: &ColumnType, bytes: &[u8], unpacking: &mut Unpacking) -> bool {
        let Ok(value) = read(kind, bytes) else {
            // The encoder says what is wrong with it.
            return true;
        };
        match (&self.doubt, value) {
            (Doubt::Text(candidates), Value::Text(text)) => candidates.agree_on(text.bytes),
            (Doubt::Text(candidates), Value::Packed(packed)) => match packed.unpack(unpacking) {
                Ok(bytes) => candidates.agree_on(bytes),
                Err(_broken) => true,
            },
            (Doubt::Labels(doubtful), _) => {
                let number = bytes
                    .iter()
                    .rev()
                    .fold(0, |all, byte| all << 8 | u64::from(*byte));
                let is_set = matches!(kind, ColumnType::Set { .. } | ColumnType::RawSet { .. });
                let mut numbered = (1..).zip(doubtful);
                !numbered.any(|(place, is_doubtful): (u32, _)| {
                    let holds = match is_set {
                        true => number
                            .checked_shr(place - 1)
                            .is_some_and(|bits| bits & 1 == 1),
                        false => number == u64::from(place),
                    };
                    *is_doubtful && holds
                })
            }
            (_, _) => false,
        }
    }

    fn reason(&self) -> Box<str> {
        let name = &self.name;
        match &self.doubt {
            Doubt::Text(candidates) => format!(
                "column {name} has the default character set that its database had when the table was created, one of {}, and a \
                 value of it is not the same text in each of them",
                candidates.0.join(", ")
            ),
            Doubt::Labels(_) => format!(
                "column {name} has a value whose label may be another one on the source than in the statement that defined it, or \
                 than the source shows, for a character set may lack it or its bytes are no text"
            ),
        }
        .into()
    }
}

impl Candidates {
    /// Whether bytes are the same text in every set.
    fn agree_on(&self, bytes: &[u8]) -> bool {
        let mut scratch = String::new();
        // A zero byte speaks for a set with characters of several bytes.
        let is_plain = bytes.is_ascii() && !bytes.contains(&0);
        let mut rare = self.0.iter().filter(|name| charset::RARE.contains(name));
        is_plain
            && rare.all(|name| match Charset::from_name(name) {
                Some(set) => match set.decode(bytes, &mut scratch) {
                    Ok(text) => text.as_bytes() == bytes,
                    // No server keeps text with less than whole characters.
                    Err(_no_text) => true,
                },
                // Bytes are published as bytes.
                None => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unsettled: &str, bytes_max: Option<u32>, bytes: &[u8], expected: bool) {
        let candidates = Candidates(charset::candidates(unsettled, bytes_max));
        let agree = candidates.agree_on(bytes);
        assert_eq!(agree, expected, "{unsettled} {bytes_max:?} {bytes:?}");
    }

    #[test]
    fn text_is_certain_where_every_candidate_reads_it_alike() {
        for bytes_max in [None, Some(1), Some(2), Some(3), Some(4)] {
            check("?", bytes_max, b"", true);
            check("?", bytes_max, b"[plain] @~\\", true);
            check("?", bytes_max, "é".as_bytes(), false);
            check("?", bytes_max, b"\x80", false);
            check("?", bytes_max, b"\0a", false);
        }
        check("??", Some(3), b"plain", true);
        // swe7, and binary.
        check("??", Some(1), b"plain", false);
        // ucs2
        check("??", Some(2), b"odd", true);
        check("??", Some(2), b"even", false);
        check("??", Some(4), b"odd", true);
        check("??", Some(4), b"even", false);
        check("??", Some(4), b"", true);
    }
}
