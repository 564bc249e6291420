//! The fields after a table map's fixed part: what `binlog_row_metadata` makes a server log.
//!
//! Each field is a type byte, a length-encoded length and a value; a type that is unknown is passed over by its length.
//!
//! | type | value |
//! |---|---|
//! | 1 signedness | a bit a numeric column, YEAR among them in later versions of MySQL, most significant first |
//! | 2 default charset | the collation of most text columns, then (index among text columns, collation) of the others |
//! | 3 column charset | a collation a text column |
//! | 4 column name | a name a column |
//! | 5 SET labels, 6 ENUM labels | a SET or ENUM column: count, labels |
//! | 7 geometry type | a number a GEOMETRY column |
//! | 8 primary key | column indexes |
//! | 9 primary key with prefixes | (column index, prefix length) |
//! | 10, 11 | as 2 and 3, of ENUM and SET columns |
//! | 12 visibility | a bit a column, most significant first |
//! | 13 dimensions | a number a VECTOR column |
//!
//! Numbers, names and labels' lengths are length-encoded. Among text columns MariaDB counts GEOMETRY, MySQL counts VECTOR.

use super::BinlogError;
use super::column_map::{ColumnMap, kind};
use super::cursor::Cursor;
use crate::mysql::Flavour;

/// The fields, by type.
#[derive(Clone, Debug, Default)]
pub(super) struct OptionalMetadata<'a> {
    fields: [Option<&'a [u8]>; 14],
}

const SIGNEDNESS: usize = 1;
const DEFAULT_CHARSET: usize = 2;
const COLUMN_CHARSET: usize = 3;
const COLUMN_NAME: usize = 4;
const SET_LABELS: usize = 5;
const ENUM_LABELS: usize = 6;
const GEOMETRY_TYPE: usize = 7;
const PRIMARY_KEY: usize = 8;
const PRIMARY_KEY_WITH_PREFIX: usize = 9;
const LABELS_DEFAULT_CHARSET: usize = 10;
const LABELS_COLUMN_CHARSET: usize = 11;
const VISIBILITY: usize = 12;
const DIMENSIONS: usize = 13;

impl<'a> OptionalMetadata<'a> {
    /// Splits the bytes into fields.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(bytes);
        let mut fields = [None; 14];
        while !cursor.is_empty() {
            let kind = cursor.u8("an optional metadata type")?;
            let value = cursor.length_encoded_bytes("an optional metadata field")?;
            match fields.get_mut(usize::from(kind)) {
                Some(Some(_)) => {
                    return Err(BinlogError::Value {
                        what: "an optional metadata type",
                        expected: "each at most once",
                        found: u64::from(kind),
                    });
                }
                Some(slot) => *slot = Some(value),
                None => {}
            }
        }
        Ok(Self { fields })
    }

    fn field(&self, kind: usize) -> Option<Cursor<'a>> {
        self.fields.get(kind).copied().flatten().map(Cursor::new)
    }

    fn signs(&self, columns: &mut [ColumnMap], of_years: bool) -> Result<(), BinlogError> {
        let Some(bits) = self.field(SIGNEDNESS) else {
            return Ok(());
        };
        let signed =
            |column: &&mut ColumnMap| is_numeric(column) && (of_years || column.kind != kind::YEAR);
        let numbers = columns.iter_mut().filter(signed);
        each_bit(bits, numbers, "the signedness", |column, bit| {
            column.unsigned = Some(bit);
        })
    }

    /// The signs on which the readings with and without a bit for YEAR columns agree, unless only one is possible.
    fn undoubted_signs(&self, columns: &mut [ColumnMap]) -> Result<(), BinlogError> {
        let mut others = columns.to_vec();
        let without = self.signs(&mut others, false);
        let with = self.signs(columns, true);
        match (with, without) {
            (Err(error), Err(_)) => return Err(error),
            (Ok(()), Err(_)) => {}
            (Err(_), Ok(())) => columns.clone_from_slice(&others),
            (Ok(()), Ok(())) => {
                for (column, other) in columns.iter_mut().zip(&others) {
                    if column.unsigned != other.unsigned {
                        column.unsigned = None;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds to the columns what the fields say of them.
    pub(super) fn describe(
        &self,
        columns: &mut [ColumnMap],
        flavour: Flavour,
        signs_years: Option<bool>,
    ) -> Result<(), BinlogError> {
        match signs_years {
            Some(signs_years) => self.signs(columns, signs_years)?,
            None => self.undoubted_signs(columns)?,
        }
        let is_text = |column: &ColumnMap| is_text(column, flavour);
        self.collations(columns, [DEFAULT_CHARSET, COLUMN_CHARSET], &is_text)?;
        let labelled = [LABELS_DEFAULT_CHARSET, LABELS_COLUMN_CHARSET];
        self.collations(columns, labelled, &has_labels)?;
        if let Some(names) = self.field(COLUMN_NAME) {
            each(
                names,
                columns.iter_mut(),
                "the column names",
                |column, cursor| {
                    let name = cursor.length_encoded_bytes("a column name")?;
                    let name = std::str::from_utf8(name).map_err(|_| BinlogError::NotUtf8 {
                        what: "a column name",
                    })?;
                    column.name = Some(name.into());
                    Ok(())
                },
            )?;
        }
        self.labels(columns, SET_LABELS, kind::SET)?;
        self.labels(columns, ENUM_LABELS, kind::ENUM)?;
        self.numbers(columns, GEOMETRY_TYPE, kind::GEOMETRY, |column, number| {
            column.geometry_type = Some(number);
        })?;
        self.numbers(columns, DIMENSIONS, kind::VECTOR, |column, number| {
            column.dimensions = Some(number);
        })?;
        if let Some(bits) = self.field(VISIBILITY) {
            each_bit(bits, columns.iter_mut(), "the visibility", |column, bit| {
                column.visible = Some(bit);
            })?;
        }
        Ok(())
    }

    /// Reads the primary key.
    pub(super) fn key(&self, column_count: usize) -> Result<Option<Vec<usize>>, BinlogError> {
        let (mut cursor, with_prefix) =
            match (self.field(PRIMARY_KEY), self.field(PRIMARY_KEY_WITH_PREFIX)) {
                (Some(cursor), _) => (cursor, false),
                (None, Some(cursor)) => (cursor, true),
                (None, None) => return Ok(None),
            };
        let mut key = Vec::new();
        while !cursor.is_empty() {
            key.push(index(&mut cursor, column_count)?);
            if with_prefix {
                cursor.length_encoded("the prefix length of a key column")?;
            }
        }
        Ok(Some(key))
    }

    /// Collations come as a default with exceptions, or one a column.
    fn collations(
        &self,
        columns: &mut [ColumnMap],
        [default, each_column]: [usize; 2],
        counts: &dyn Fn(&ColumnMap) -> bool,
    ) -> Result<(), BinlogError> {
        if let Some(mut cursor) = self.field(default) {
            let usual = number(&mut cursor, "a default collation")?;
            let mut texts: Vec<_> = columns.iter_mut().filter(|column| counts(column)).collect();
            for column in &mut texts {
                column.collation = Some(usual);
            }
            while !cursor.is_empty() {
                let index = index(&mut cursor, texts.len())?;
                let collation = number(&mut cursor, "a collation")?;
                if let Some(column) = texts.get_mut(index) {
                    column.collation = Some(collation);
                }
            }
        }
        if let Some(cursor) = self.field(each_column) {
            let texts = columns.iter_mut().filter(|column| counts(column));
            each(cursor, texts, "the collations", |column, cursor| {
                column.collation = Some(number(cursor, "a collation")?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn labels(&self, columns: &mut [ColumnMap], field: usize, kind: u8) -> Result<(), BinlogError> {
        let Some(cursor) = self.field(field) else {
            return Ok(());
        };
        let labelled = columns.iter_mut().filter(|column| column.kind == kind);
        each(cursor, labelled, "the labels", |column, cursor| {
            let count = number(cursor, "the number of labels")?;
            let mut labels = Vec::new();
            for _ in 0..count {
                labels.push(cursor.length_encoded_bytes("a label")?.into());
            }
            column.labels = Some(labels);
            Ok(())
        })
    }

    fn numbers(
        &self,
        columns: &mut [ColumnMap],
        field: usize,
        kind: u8,
        set: impl Fn(&mut ColumnMap, u32),
    ) -> Result<(), BinlogError> {
        let Some(cursor) = self.field(field) else {
            return Ok(());
        };
        let described = columns.iter_mut().filter(|column| column.kind == kind);
        each(cursor, described, "a number a column", |column, cursor| {
            set(column, number(cursor, "a number of a column")?);
            Ok(())
        })
    }
}

fn is_numeric(column: &ColumnMap) -> bool {
    !column.array
        && matches!(
            column.kind,
            kind::TINY
                | kind::SHORT
                | kind::INT24
                | kind::LONG
                | kind::LONGLONG
                | kind::YEAR
                | kind::FLOAT
                | kind::DOUBLE
                | kind::NEWDECIMAL
        )
}

fn is_text(column: &ColumnMap, flavour: Flavour) -> bool {
    match column.kind {
        kind::VARCHAR
        | kind::VARCHAR_COMPRESSED
        | kind::TINY_BLOB
        | kind::MEDIUM_BLOB
        | kind::LONG_BLOB
        | kind::BLOB
        | kind::BLOB_COMPRESSED
        | kind::VAR_STRING
        | kind::STRING => !column.array,
        kind::GEOMETRY => flavour == Flavour::MariaDb,
        kind::VECTOR => flavour == Flavour::MySql,
        _ => false,
    }
}

fn has_labels(column: &ColumnMap) -> bool {
    matches!(column.kind, kind::ENUM | kind::SET)
}

fn number(cursor: &mut Cursor<'_>, what: &'static str) -> Result<u32, BinlogError> {
    let found = cursor.length_encoded(what)?;
    u32::try_from(found).map_err(|_| BinlogError::Value {
        what,
        expected: "less than 2^32",
        found,
    })
}

fn index(cursor: &mut Cursor<'_>, count: usize) -> Result<usize, BinlogError> {
    let found = cursor.length_encoded("a column index")?;
    usize::try_from(found)
        .ok()
        .filter(|index| *index < count)
        .ok_or(BinlogError::Value {
            what: "a column index",
            expected: "less than the number of columns it counts into",
            found,
        })
}

/// Reads one value a column; every byte must be used.
fn each<'c, 'a>(
    mut cursor: Cursor<'a>,
    columns: impl Iterator<Item = &'c mut ColumnMap>,
    what: &'static str,
    mut read: impl FnMut(&mut ColumnMap, &mut Cursor<'a>) -> Result<(), BinlogError>,
) -> Result<(), BinlogError> {
    for column in columns {
        read(column, &mut cursor)?;
    }
    cursor.nothing_left(what)
}

/// Reads one bit a column, most significant first; every byte must be used.
fn each_bit<'c>(
    mut cursor: Cursor<'_>,
    columns: impl Iterator<Item = &'c mut ColumnMap>,
    what: &'static str,
    set: impl Fn(&mut ColumnMap, bool),
) -> Result<(), BinlogError> {
    let mut byte = 0;
    for (index, column) in columns.enumerate() {
        if index % 8 == 0 {
            byte = cursor.u8(what)?;
        }
        set(column, byte & (0x80 >> (index % 8)) != 0);
    }
    cursor.nothing_left(what)
}

#[cfg(test)]
mod tests {
    use super::super::column_map::columns;
    use super::*;

    /// INT, YEAR, VARCHAR, GEOMETRY, VECTOR, ENUM, SET, BLOB.
    fn table() -> Vec<ColumnMap> {
        let types = [3, 13, 15, 255, 242, 254, 254, 252];
        let metadata = [10, 0, 4, 4, 247, 1, 248, 1, 2];
        columns(&types, &metadata, &[0]).unwrap()
    }

    fn described(bytes: &[u8], flavour: Flavour) -> Result<Vec<ColumnMap>, BinlogError> {
        let mut columns = table();
        OptionalMetadata::parse(bytes)?.describe(&mut columns, flavour, Some(true))?;
        Ok(columns)
    }

    #[test]
    fn a_sign_behind_a_year_is_known_where_it_is_known_whether_years_have_one() {
        // INT, YEAR, INT.
        let signs = |bits: u8, signs_years| -> Vec<_> {
            let mut columns = columns(&[3, 13, 3], &[], &[0]).unwrap();
            let metadata = [1, 1, bits];
            let metadata = OptionalMetadata::parse(&metadata).unwrap();
            metadata
                .describe(&mut columns, Flavour::MySql, signs_years)
                .unwrap();
            columns.iter().map(|column| column.unsigned).collect()
        };
        let (no, yes) = (Some(false), Some(true));
        assert_eq!(signs(0b0010_0000, yes), [no, no, yes]);
        assert_eq!(signs(0b0100_0000, no), [no, None, yes]);
        assert_eq!(signs(0b0100_0000, None), [no, None, None]);
        assert_eq!(signs(0b1000_0000, None), [yes, None, no]);
        // Seven numbers and two years fit into one byte only without a bit for the years.
        let types = [&[3; 7][..], &[13; 2]].concat();
        let mut wide = columns(&types, &[], &[0, 0]).unwrap();
        let metadata = OptionalMetadata::parse(&[1, 1, 0b0000_0010]).unwrap();
        metadata.describe(&mut wide, Flavour::MySql, None).unwrap();
        assert_eq!(wide[6].unsigned, yes);
    }

    #[test]
    fn numbers_count_year_and_text_counts_what_the_family_counts() {
        let signs = described(&[1, 1, 0b0100_0000], Flavour::MySql).unwrap();
        let signs: Vec<_> = signs.iter().map(|column| column.unsigned).collect();
        assert_eq!(signs[..3], [Some(false), Some(true), None]);
        let collations = |flavour| -> Vec<_> {
            let columns = described(&[3, 5, 8, 63, 252, 3, 1], flavour).unwrap();
            columns.iter().map(|column| column.collation).collect()
        };
        let of_mysql = collations(Flavour::MySql);
        assert_eq!(of_mysql[2..5], [Some(8), None, Some(63)]);
        assert_eq!(of_mysql[7], Some(259));
        let of_mariadb = collations(Flavour::MariaDb);
        assert_eq!(of_mariadb[2..5], [Some(8), Some(63), None]);
    }

    #[test]
    fn a_default_collation_has_exceptions_by_index_among_text_columns() {
        let columns = described(&[2, 3, 45, 2, 63], Flavour::MySql).unwrap();
        assert_eq!(columns[2].collation, Some(45));
        assert_eq!(columns[7].collation, Some(63));
        assert!(described(&[2, 3, 45, 3, 63], Flavour::MySql).is_err());
        let labels = described(&[10, 3, 45, 1, 8], Flavour::MySql).unwrap();
        assert_eq!(
            (labels[5].collation, labels[6].collation),
            (Some(45), Some(8))
        );
    }

    #[test]
    fn labels_and_numbers_belong_to_the_columns_of_their_type() {
        let fields = [
            &[6, 5, 2, 1, b'a', 1, b'b'][..],
            &[5, 3, 1, 1, b'c'],
            &[7, 1, 4],
            &[13, 1, 3],
            &[12, 1, 0xfe],
        ]
        .concat();
        let columns = described(&fields, Flavour::MySql).unwrap();
        let label = |text: &[u8]| -> Box<[u8]> { text.into() };
        assert_eq!(columns[5].labels, Some(vec![label(b"a"), label(b"b")]));
        assert_eq!(columns[6].labels, Some(vec![label(b"c")]));
        assert_eq!(columns[3].geometry_type, Some(4));
        assert_eq!(columns[4].dimensions, Some(3));
        assert_eq!(columns[7].visible, Some(false));
        for length in 1..fields.len() {
            let is_between_fields = [7, 12, 15, 18].contains(&length);
            let read = described(&fields[..length], Flavour::MySql);
            assert_eq!(read.is_ok(), is_between_fields, "{length}");
        }
    }

    #[test]
    fn a_field_of_later_servers_is_passed_over_by_its_length() {
        let columns = described(&[99, 3, 1, 2, 3, 1, 1, 0x80], Flavour::MySql).unwrap();
        assert_eq!(columns[0].unsigned, Some(true));
        assert!(described(&[99, 4, 1, 2, 3], Flavour::MySql).is_err());
    }

    #[test]
    fn a_field_that_does_not_fit_the_columns_is_refused() {
        let check = |bytes: &[u8]| assert!(described(bytes, Flavour::MySql).is_err(), "{bytes:?}");
        check(&[1, 2, 0, 0]);
        check(&[1, 0]);
        check(&[3, 2, 8, 63]);
        check(&[4, 2, 1, b'a']);
        check(&[
            4, 16, 1, 0xff, 1, b'a', 1, b'a', 1, b'a', 1, b'a', 1, b'a', 1, b'a', 1, b'a',
        ]);
        check(&[6, 9, 254, 0, 0, 0, 0, 0, 0, 0, 16]);
        check(&[1, 1, 0, 1, 1, 0]);
    }

    #[test]
    fn the_key_is_read_in_its_order_with_prefixes_or_without() {
        let key = |bytes: &[u8]| OptionalMetadata::parse(bytes).unwrap().key(8);
        assert_eq!(key(&[8, 2, 7, 0]), Ok(Some(vec![7, 0])));
        assert_eq!(key(&[9, 4, 7, 10, 0, 0]), Ok(Some(vec![7, 0])));
        assert_eq!(key(&[]), Ok(None));
        assert!(key(&[8, 1, 8]).is_err());
        assert!(key(&[9, 1, 7]).is_err());
    }
}
