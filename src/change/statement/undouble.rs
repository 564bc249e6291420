//! The backslashes of labels in statements that servers write by themselves.

use super::lexer::unescaped;
use super::meaning::{CreateTable, Kind, Label};

/// Takes out what servers put into labels that they write themselves under `NO_BACKSLASH_ESCAPES`: backslashes that escape,
/// though none escapes then. Returns whether the labels are certain: only MySQL says of its text that it is its own.
pub(super) fn undouble(table: &mut CreateTable) -> bool {
    let own = table.options.starts_transaction;
    let columns = table.elements.columns.iter_mut();
    let labels = columns.flat_map(|column| match &mut column.kind {
        Kind::Enum { labels } | Kind::Set { labels } => labels.as_mut_slice(),
        _ => &mut [],
    });
    for label in labels {
        match label {
            Label::Text(text) if text.contains('\\') => {
                if !own {
                    return false;
                }
                *text = unescaped(text).into();
            }
            Label::Text(_) | Label::Bytes(_) => {}
        }
    }
    true
}
