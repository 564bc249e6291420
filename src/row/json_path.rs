//! Paths into JSON documents, as the server writes them into the changes that it logs: without wildcards.

use std::borrow::Cow;

use super::RowError;
use super::jsonb::error;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leg<'a> {
    /// To an object's member, by its key.
    Member(Cow<'a, [u8]>),
    /// To an array's cell.
    Cell(Position),
}

/// A place in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Counted from the first cell.
    First(usize),
    /// Counted back from the last cell.
    Last(usize),
}

impl Position {
    /// The index in an array of so many cells; `None` before the first.
    pub(super) fn index(self, length: usize) -> Option<usize> {
        match self {
            Self::First(index) => Some(index),
            Self::Last(back) => length.checked_sub(1)?.checked_sub(back),
        }
    }
}

/// Splits a path.
pub(super) fn legs(path: &str) -> Result<Vec<Leg<'_>>, RowError> {
    let mut rest = path.strip_prefix('$').ok_or_else(wrong)?;
    let mut legs = Vec::new();
    while !rest.is_empty() {
        let (leg, after) = match rest.strip_prefix('.') {
            Some(member) => member_of(member)?,
            None => cell_of(rest)?,
        };
        legs.push(leg);
        rest = after;
    }
    Ok(legs)
}

fn wrong() -> RowError {
    error("a path that cannot be read", 0)
}

fn member_of(text: &str) -> Result<(Leg<'_>, &str), RowError> {
    if text.starts_with('"') {
        let end = end_of_string(text).ok_or_else(wrong)?;
        let (quoted, rest) = text.split_at_checked(end).ok_or_else(wrong)?;
        let name: String = serde_json::from_str(quoted).map_err(|_| wrong())?;
        return Ok((Leg::Member(Cow::Owned(name.into_bytes())), rest));
    }
    let end = text.find(['.', '[', '*']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).ok_or_else(wrong)?;
    if name.is_empty() || rest.starts_with('*') {
        return Err(wrong());
    }
    Ok((Leg::Member(Cow::Borrowed(name.as_bytes())), rest))
}

/// After the closing quote of a string that `text` begins with.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _plain => {}
        }
    }
    None
}

fn cell_of(text: &str) -> Result<(Leg<'_>, &str), RowError> {
    let inside = text.strip_prefix('[').ok_or_else(wrong)?;
    let (index, rest) = inside.split_once(']').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    let position = match index.trim().strip_prefix("last") {
        None => Position::First(number(index)?),
        Some(back) if back.trim().is_empty() => Position::Last(0),
        Some(back) => {
            let back = back.trim().strip_prefix('-').ok_or_else(wrong)?;
            Position::Last(number(back)?)
        }
    };
    Ok((Leg::Cell(position), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Leg<'_> {
        Leg::Member(Cow::Borrowed(name.as_bytes()))
    }

    #[test]
    fn a_path_splits_into_its_steps() {
        let expected = vec![
            member("a"),
            Leg::Cell(Position::First(12)),
            member("b.\"c"),
            Leg::Cell(Position::Last(0)),
            Leg::Cell(Position::Last(2)),
            member("\u{e9}"),
        ];
        let path = "$.a[12].\"b.\\\"c\"[last][last-2].\u{e9}";
        assert_eq!(legs(path), Ok(expected));
        assert_eq!(legs("$"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_single_place_is_refused() {
        for path in [
            "",
            "a",
            "$.",
            "$a",
            "$[",
            "$[-1]",
            "$[a]",
            "$[*]",
            "$.*",
            "$**.a",
            "$.\"a",
            "$[last+1]",
        ] {
            assert!(legs(path).is_err(), "{path}");
        }
    }
}
