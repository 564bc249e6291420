//! Geometries as text: WKB, which servers store, to WKT as JTS writes it.
//!
//! | field of WKB | width | meaning |
//! |---|---|---|
//! | order | 1 | 1: the lowest byte first |
//! | kind | 4 | 1 POINT, 2 LINESTRING, 3 POLYGON, 4 to 6 several of these, 7 GEOMETRYCOLLECTION |
//! | count | 4 | how many points, rings or parts follow; not of a POINT |

use std::io::Write as _;

use crate::row::RowError;

/// How deep collections lie in each other.
const DEPTH_MAX: u32 = 64;

/// Appends a geometry.
///
/// # Errors
/// Bytes that are not one geometry, or a coordinate that is not finite.
pub(super) fn write_wkt(wkb: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
    let mut reader = Reader { rest: wkb };
    reader.write_geometry(0, None, out)?;
    match reader.rest {
        [] => Ok(()),
        _more => Err(not_a_geometry()),
    }
}

#[cold]
fn not_a_geometry() -> RowError {
    RowError::Invalid {
        kind: "GEOMETRY",
        what: "another form than that of WKB",
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Appends a geometry; one of a part of several of its kind comes without its name.
    fn write_geometry(
        &mut self,
        depth: u32,
        expected: Option<u32>,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let [order] = self.take::<1>()?;
        let kind = u32::from_le_bytes(self.take()?);
        let is_expected = expected.is_none_or(|expected| expected == kind);
        if order != 1 || !is_expected || depth > DEPTH_MAX {
            return Err(not_a_geometry());
        }
        if expected.is_none() {
            let name: &[u8] = match kind {
                1 => b"POINT ",
                2 => b"LINESTRING ",
                3 => b"POLYGON ",
                4 => b"MULTIPOINT ",
                5 => b"MULTILINESTRING ",
                6 => b"MULTIPOLYGON ",
                7 => b"GEOMETRYCOLLECTION ",
                _other => return Err(not_a_geometry()),
            };
            out.extend_from_slice(name);
        }
        match kind {
            1 => {
                out.push(b'(');
                self.write_point(out)?;
                out.push(b')');
                Ok(())
            }
            2 => self.write_list(out, Self::write_point),
            3 => self.write_list(out, |reader, out| reader.write_list(out, Self::write_point)),
            4..=6 => self.write_list(out, |reader, out| {
                reader.write_geometry(depth + 1, Some(kind - 3), out)
            }),
            _collection => self.write_list(out, |reader, out| {
                reader.write_geometry(depth + 1, None, out)
            }),
        }
    }

    fn write_list(
        &mut self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&mut Self, &mut Vec<u8>) -> Result<(), RowError>,
    ) -> Result<(), RowError> {
        let count = u32::from_le_bytes(self.take()?);
        if count == 0 {
            out.extend_from_slice(b"EMPTY");
            return Ok(());
        }
        for number in 0..count {
            out.extend_from_slice(if number > 0 { b", " } else { b"(" });
            write(self, out)?;
        }
        out.push(b')');
        Ok(())
    }

    fn write_point(&mut self, out: &mut Vec<u8>) -> Result<(), RowError> {
        let (x, y) = (
            f64::from_le_bytes(self.take()?),
            f64::from_le_bytes(self.take()?),
        );
        write_number(x, out)?;
        out.push(b' ');
        write_number(y, out)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], RowError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(not_a_geometry)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

/// Appends a number with as few digits as give it back; without an exponent, and a whole one without a point.
fn write_number(number: f64, out: &mut Vec<u8>) -> Result<(), RowError> {
    if !number.is_finite() {
        return Err(not_a_geometry());
    }
    write!(out, "{number}").map_err(|_| not_a_geometry())
}
