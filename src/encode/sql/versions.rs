//! Tables that keep former versions of their rows (MariaDB's system versioning), as statements see them.
//!
//! Their binlog holds past rows too: an update is logged as an update of the present row and an insert of the former one, a
//! delete as an update that ends the row. A statement touches present rows only; the server that executes it keeps the past
//! by itself, with times of its own.
//!
//! | before | after | as a statement |
//! |---|---|---|
//! | | present | insert |
//! | present | present | update |
//! | present | past | delete |
//! | | past | none |
//! | past | | none: history that was deleted |

use super::super::rows::{Image, RowChange, RowsEvent};
use crate::row::{Cell, Computed};

/// What a change does to present rows; `None` for nothing.
pub(super) fn of_present<'a>(
    event: &RowsEvent<'_>,
    change: RowChange<'a>,
) -> Option<RowChange<'a>> {
    let columns = &event.table.columns;
    let end = columns
        .iter()
        .position(|column| column.computed == Some(Computed::RowEnd));
    let Some(end) = end else {
        return Some(change);
    };
    let present = |image: Image<'a>| Some(image).filter(|image| is_present(image, end));
    let (before, after) = match change {
        RowChange::Create { after } => (None, present(after)),
        RowChange::Update { before, after } => (present(before), present(after)),
        RowChange::Delete { before } => (present(before), None),
    };
    match (before, after) {
        (None, None) => None,
        (None, Some(after)) => Some(RowChange::Create { after }),
        (Some(before), Some(after)) => Some(RowChange::Update { before, after }),
        (Some(before), None) => Some(RowChange::Delete { before }),
    }
}

/// Whether a row holds until the end of time. One whose end was not changed does.
fn is_present(image: &Image<'_>, end: usize) -> bool {
    match image.cells.get(end) {
        Some(Cell::Value { start, end }) => {
            is_end_of_time(image.body.get(*start..*end).unwrap_or_default())
        }
        Some(Cell::Null | Cell::Absent | Cell::Changes { .. }) | None => true,
    }
}

/// | column | its last value |
/// |---|---|
/// | TIMESTAMP(6) | the last second, 2^31 - 1 or since MariaDB 11.5 2^32 - 1, and 999999 microseconds |
/// | BIGINT UNSIGNED | a transaction's id: 2^64 - 1 |
fn is_end_of_time(value: &[u8]) -> bool {
    const MICROSECONDS: [u8; 3] = [0x0f, 0x42, 0x3f];
    match value {
        [seconds @ .., a, b, c] if [*a, *b, *c] == MICROSECONDS => {
            seconds == [0xff; 4] || seconds == [0x7f, 0xff, 0xff, 0xff]
        }
        id => id == [0xff; 8],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_time_is_told_from_other_times() {
        for (value, expected) in [
            (&b"\xff\xff\xff\xff\x0f\x42\x3f"[..], true),
            (b"\x7f\xff\xff\xff\x0f\x42\x3f", true),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", true),
            (b"\x6b\x01\xc0\x9f\x0f\x42\x3f", false),
            (b"\x7f\xff\xff\xff\x00\x00\x00", false),
            (b"\x01\x00\x00\x00\x00\x00\x00\x00", false),
            (b"", false),
        ] {
            assert_eq!(is_end_of_time(value), expected, "{value:x?}");
        }
    }
}
