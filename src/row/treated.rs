//! Row images as formats see them, where rules treat the columns of a table. NULL stays NULL.
//!
//! Treated images are in a copy of their event's body, in the places that they have there. It holds no byte of a value that is
//! left out or replaced, so that nothing that reads it, and no message about it, can show one. What takes the place of values
//! follows the row.

use std::ops::Range;

use super::treatment::{ColumnTreatment, Replacement, Treatment};
use super::{
    Cell, Changes, Charset, ColumnType, Patched, PlainText, RowError, Text, Unpacking, Value, read,
};

/// Bytes that the buffers keep for the next row.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// The images of a row as formats see them, and buffers for that; used again for each row.
#[derive(Debug, Default)]
pub struct TreatedImages {
    /// The body up to the row's end, and what takes the place of values in the row.
    bytes: Vec<u8>,
    hashed: KnownHashes,
    scratch: Scratch,
}

/// The hashes of the row so far: most updates leave a value, and its hash with it.
#[derive(Debug, Default)]
struct KnownHashes(Vec<KnownHash>);

#[derive(Debug)]
struct KnownHash {
    column: usize,
    /// Where the value lies in the body.
    value: Range<usize>,
    /// Where the hash lies in the copy.
    hash: Range<usize>,
}

#[derive(Debug, Default)]
struct Scratch {
    plain: PlainText,
    text: Vec<u8>,
    unpacking: Unpacking,
}

/// Why an image cannot be treated.
#[derive(Debug)]
pub struct TreatmentError {
    /// The column.
    pub column: usize,
    /// What is wrong with its value.
    pub error: RowError,
}

impl KnownHashes {
    /// Where the hash of a value of a column is, which `make` appends if the value is not one of those before.
    fn write(
        &mut self,
        column: usize,
        value: Range<usize>,
        body: &[u8],
        out: &mut Vec<u8>,
        make: impl FnOnce(&mut Vec<u8>) -> Result<(), RowError>,
    ) -> Result<Range<usize>, RowError> {
        let mut known = self.0.iter();
        let is_same = |known: &&KnownHash| {
            known.column == column && body.get(known.value.clone()) == body.get(value.clone())
        };
        if let Some(known) = known.find(is_same) {
            return Ok(known.hash.clone());
        }
        let start = out.len();
        make(out)?;
        let hash = start..out.len();
        self.0.push(KnownHash {
            column,
            value,
            hash: hash.clone(),
        });
        Ok(hash)
    }
}

impl TreatedImages {
    /// Copies a row of a body, whose images are to be treated before they are read. Rows come in their order.
    pub fn begin(&mut self, body: &[u8], row: Range<usize>) {
        self.hashed.0.clear();
        if row.start == 0 {
            self.clear();
        }
        // Those before it were treated, and what took the place of their values is read no more.
        self.bytes.resize(row.start, 0);
        self.bytes
            .extend_from_slice(body.get(row).unwrap_or_default());
    }

    fn clear(&mut self) {
        for bytes in [&mut self.bytes, &mut self.scratch.text] {
            bytes.clear();
            bytes.shrink_to(KEPT_BYTES_MAX);
        }
    }

    /// Treats an image of the row, and has its cells point to what takes the place of values. `base` are the cells, in the same
    /// body, of the image that changes of JSON documents apply to.
    ///
    /// # Errors
    /// A value that is to be replaced by what it says and cannot be read, or is only a part of its document.
    pub fn treat(
        &mut self,
        treatment: &Treatment,
        body: &[u8],
        cells: &mut [Cell],
        base: &[Cell],
    ) -> Result<(), TreatmentError> {
        let done = self.replace(treatment, body, cells, base);
        if done.is_err() {
            self.clear();
        }
        done
    }

    fn replace(
        &mut self,
        treatment: &Treatment,
        body: &[u8],
        cells: &mut [Cell],
        base: &[Cell],
    ) -> Result<(), TreatmentError> {
        let Self {
            bytes,
            hashed,
            scratch,
        } = self;
        for index in treatment.touched().iter().copied() {
            let column = treatment.columns().get(index);
            let (Some(cell), Some(column)) = (cells.get_mut(index), column) else {
                continue;
            };
            if let Cell::Value { start, end } | Cell::Changes { start, end } = *cell
                && let Some(hidden) = bytes.get_mut(start..end)
            {
                hidden.fill(0);
            }
            let (kind, by) = match column {
                ColumnTreatment::Kept => continue,
                ColumnTreatment::LeftOut => {
                    *cell = Cell::Absent;
                    continue;
                }
                ColumnTreatment::Replaced { kind, by } => (kind, by),
            };
            let of = |start: usize, end: usize| body.get(start..end).unwrap_or_default();
            let value = match *cell {
                Cell::Absent | Cell::Null => continue,
                Cell::Value { start, end } => Stored::Whole(of(start, end)),
                Cell::Changes { start, end } => Stored::Changed {
                    base: match base.get(index) {
                        Some(Cell::Value { start, end }) => Some(of(*start, *end)),
                        Some(Cell::Absent | Cell::Null | Cell::Changes { .. }) | None => None,
                    },
                    changes: Changes(of(start, end)),
                },
            };
            let from = bytes.len();
            let mut make = |bytes: &mut _| write(by, kind, &value, scratch, bytes);
            let written = match (by, *cell) {
                (Replacement::Digest(_), Cell::Value { start, end }) => {
                    hashed.write(index, start..end, body, bytes, make)
                }
                (_another, _cell) => make(bytes).map(|()| from..bytes.len()),
            };
            let Range { start, end } = written.map_err(|error| TreatmentError {
                column: index,
                error: without_value(error),
            })?;
            *cell = Cell::Value { start, end };
        }
        Ok(())
    }

    /// Whether what takes the place of a column's values is the same before and after an update. A value that cannot be read is
    /// not the same as another. Ends what was treated.
    pub fn are_alike(
        &mut self,
        (kind, by): (&ColumnType, &Replacement),
        body: &[u8],
        [before, after]: [Cell; 2],
    ) -> bool {
        self.clear();
        let of = |start: usize, end: usize| body.get(start..end).unwrap_or_default();
        let whole = match before {
            Cell::Value { start, end } => of(start, end),
            Cell::Absent | Cell::Null | Cell::Changes { .. } => return before == after,
        };
        let changed = match after {
            Cell::Value { start, end } => Stored::Whole(of(start, end)),
            Cell::Changes { start, end } => Stored::Changed {
                base: Some(whole),
                changes: Changes(of(start, end)),
            },
            Cell::Absent | Cell::Null => return false,
        };
        let Self { bytes, scratch, .. } = self;
        let mut write = |value: &_| write(by, kind, value, scratch, bytes).map(|()| bytes.len());
        let (Ok(middle), Ok(_)) = (write(&Stored::Whole(whole)), write(&changed)) else {
            return false;
        };
        let (one, other) = self.bytes.split_at(middle);
        one == other
    }

    /// What the cells of the images that were treated count into.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A value that is to be replaced, as the image has it.
enum Stored<'a> {
    Whole(&'a [u8]),
    /// A JSON document that an update changed in parts; it is whole if the document before is there.
    Changed {
        base: Option<&'a [u8]>,
        changes: Changes<'a>,
    },
}

/// Appends what takes the place of a value.
fn write(
    by: &Replacement,
    kind: &ColumnType,
    value: &Stored<'_>,
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Result<(), RowError> {
    match (by, value) {
        (Replacement::Fixed(text), _) => out.extend_from_slice(text.as_bytes()),
        (Replacement::Digest(digester), Stored::Whole(bytes)) if is_utf8(kind) => {
            digester.write(bytes, out);
        }
        (Replacement::Digest(digester), value) => {
            scratch.read(kind, value)?;
            digester.write(&scratch.text, out);
        }
        (Replacement::Each(mask), value) => {
            scratch.read(kind, value)?;
            let text = String::from_utf8_lossy(&scratch.text);
            let mut letter = [0; 4];
            let letter = mask.encode_utf8(&mut letter).as_bytes();
            for _ in text.chars() {
                out.extend_from_slice(letter);
            }
        }
        (Replacement::Start(letters), Stored::Whole(bytes)) => {
            let packed;
            let text = match read(kind, bytes)? {
                Value::Text(text) => text,
                Value::Packed(value) => {
                    packed = value;
                    let bytes = packed.unpack(&mut scratch.unpacking)?;
                    let charset = packed.charset.unwrap_or(Charset::Utf8);
                    Text { bytes, charset }
                }
                _no_text => return Err(no_text()),
            };
            let start = text.start(*letters);
            out.extend_from_slice(start);
        }
        (Replacement::Start(_), Stored::Changed { .. }) => return Err(no_text()),
    }
    Ok(())
}

impl Scratch {
    /// Writes the text of a value over that of the last.
    fn read(&mut self, kind: &ColumnType, value: &Stored<'_>) -> Result<(), RowError> {
        self.text.clear();
        let value = match *value {
            Stored::Whole(bytes) => read(kind, bytes)?,
            Stored::Changed {
                base: Some(base),
                changes,
            } => Value::Patched(Patched { base, changes }),
            Stored::Changed { base: None, .. } => {
                return Err(RowError::Invalid {
                    kind: "JSON",
                    what: "changes of a document that the image does not hold, so that its column's rule cannot be followed; \
                           set binlog_row_image=FULL or binlog_row_value_options='' on the source",
                });
            }
        };
        self.plain.write(value, &mut self.text)
    }
}

fn is_utf8(kind: &ColumnType) -> bool {
    let charset = match kind {
        ColumnType::Text { charset, .. } => *charset,
        _no_text => return false,
    };
    charset == Charset::Utf8
}

#[cold]
fn no_text() -> RowError {
    RowError::Invalid {
        kind: "a truncated column's",
        what: "a type that is no text",
    }
}

/// The error without a number that a value of the column has.
#[cold]
fn without_value(error: RowError) -> RowError {
    match error {
        RowError::NoLabel { kind, .. } => RowError::Invalid {
            kind,
            what: "a label that its column does not have",
        },
        other => other,
    }
}

#[cfg(test)]
mod tests;
