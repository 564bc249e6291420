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

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

    use super::*;

    fn written(wkb: &[u8]) -> Result<String, RowError> {
        let mut out = Vec::new();
        write_wkt(wkb, &mut out)?;
        Ok(String::from_utf8(out).expect("text"))
    }

    fn head(kind: u32) -> Vec<u8> {
        [&[1][..], &kind.to_le_bytes()].concat()
    }

    fn count(parts: &[(Vec<u8>, String)]) -> Vec<u8> {
        u32::try_from(parts.len()).unwrap().to_le_bytes().to_vec()
    }

    /// The text of several parts in brackets.
    fn listed(parts: &[(Vec<u8>, String)]) -> String {
        let texts: Vec<&str> = parts.iter().map(|(_, text)| &**text).collect();
        match texts.is_empty() {
            true => "EMPTY".to_owned(),
            false => format!("({})", texts.join(", ")),
        }
    }

    /// Bytes and text of a place.
    fn place() -> impl Strategy<Value = (Vec<u8>, String)> {
        let number = prop_oneof![
            (-1e6..1e6f64),
            any::<i32>().prop_map(f64::from),
            Just(1e-7),
            Just(1e21)
        ];
        (number.clone(), number).prop_map(|(x, y)| {
            let bytes = [x.to_le_bytes(), y.to_le_bytes()].concat();
            (bytes, format!("{x} {y}"))
        })
    }

    /// Bytes and text of parts that have no heads of their own.
    fn list(
        part: impl Strategy<Value = (Vec<u8>, String)>,
    ) -> impl Strategy<Value = (Vec<u8>, String)> {
        prop::collection::vec(part, 0..4).prop_map(|parts| {
            let bytes = parts.iter().flat_map(|(bytes, _)| bytes.clone());
            (
                count(&parts).into_iter().chain(bytes).collect(),
                listed(&parts),
            )
        })
    }

    /// Bytes with their head, and text without its name.
    fn simple(kind: u32) -> impl Strategy<Value = (Vec<u8>, String)> {
        let body = match kind {
            1 => place()
                .prop_map(|(bytes, text)| (bytes, format!("({text})")))
                .boxed(),
            2 => list(place()).boxed(),
            _polygon => list(list(place())).boxed(),
        };
        body.prop_map(move |(bytes, text)| ([head(kind), bytes].concat(), text))
    }

    fn geometry() -> impl Strategy<Value = (Vec<u8>, String)> {
        let named = |kind: u32, name: &'static str| {
            simple(kind).prop_map(move |(bytes, text)| (bytes, format!("{name} {text}")))
        };
        let several = |kind: u32, name: &'static str| {
            list(simple(kind)).prop_map(move |(bytes, text)| {
                ([head(kind + 3), bytes].concat(), format!("{name} {text}"))
            })
        };
        let one = prop_oneof![
            named(1, "POINT"),
            named(2, "LINESTRING"),
            named(3, "POLYGON"),
            several(1, "MULTIPOINT"),
            several(2, "MULTILINESTRING"),
            several(3, "MULTIPOLYGON"),
        ];
        one.prop_recursive(3, 8, 3, |inner| {
            list(inner).prop_map(|(bytes, text)| {
                (
                    [head(7), bytes].concat(),
                    format!("GEOMETRYCOLLECTION {text}"),
                )
            })
        })
    }

    proptest! {
        #[test]
        fn a_geometry_is_its_text_and_no_prefix_of_it_is_one((wkb, text) in geometry()) {
            assert_eq!(written(&wkb).expect("a geometry"), text);
            for end in 0..wkb.len() {
                assert!(written(&wkb[..end]).is_err(), "{end}");
            }
            assert!(written(&[&*wkb, b"x"].concat()).is_err());
        }

        #[test]
        fn other_bytes_are_no_geometry_or_one_and_never_a_panic(bytes in prop::collection::vec(0u8..9, 0..60)) {
            let _read = written(&bytes);
        }
    }

    #[test]
    fn collections_that_lie_too_deep_are_refused() {
        let depth = usize::try_from(DEPTH_MAX).unwrap() + 2;
        let one = [head(7), 1u32.to_le_bytes().to_vec()].concat();
        let deep = [one.repeat(depth), head(7), vec![0; 4]].concat();
        assert!(written(&deep).is_err());
    }
}
