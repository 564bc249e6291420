//! What becomes of columns whose character set is not known for certain.
//!
//! ASCII is in every character set, so labels of ASCII are what the statement says. Others may have become question marks:
//! they are doubtful, see [`ListedLabel`].

use super::facts::Facts;
use super::labels as label_texts;
use super::reason::Reason;
use crate::change::definition::charset::{self, ASCII, KnownCharset};
use crate::change::definition::labels::{self, ListedLabel};
use crate::change::definition::table::ColumnDefinition;
use crate::change::statement::meaning::Size;
use crate::row::BINARY;

/// What swe7 has in place of some characters of ASCII, and what bytes keep of labels that text loses.
const RARELY_KEPT: [char; 13] = [
    '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~', '\0', '\r', '\n',
];

/// COLUMN_TYPE of labels that a statement defines.
pub(super) fn labelled<'a>(
    name: &str,
    labels: impl Iterator<Item = &'a str>,
    charset: KnownCharset,
) -> String {
    let labels = labels.map(|label| {
        let text = label.trim_end_matches(' ');
        let is_kept = text.is_ascii()
            && (charset.name == charset::UNSETTLED || text == label && !text.contains(RARELY_KEPT));
        match is_kept {
            true => ListedLabel::certain(text),
            false => ListedLabel::doubtful(text),
        }
    });
    labels::printed_with_doubts(name, &labels.collect::<Vec<_>>())
}

/// Whether the type that `TEXT(n)` becomes depends on the set.
pub(super) fn has_open_size(characters: u64, charset: KnownCharset) -> bool {
    let most = characters.saturating_mul(u64::from(charset.bytes_max));
    charset.is_unsettled() && Size::of(characters) != Size::of(most)
}

/// `CONVERT TO CHARACTER SET`. How long a text may be then depends on what it was before.
pub(super) fn convert(
    column: &mut ColumnDefinition,
    to: KnownCharset,
    facts: &Facts<'_>,
) -> Result<(), Reason> {
    match column.data_type() {
        name @ ("enum" | "set") => {
            let mut listed = column.listed_labels();
            if column.charset.as_deref() == Some(charset::UNSETTLED) {
                // Those that are certain have the bytes of ASCII.
                listed = label_texts::converted(&listed, ASCII, to, facts);
            } else if charset::RARE.contains(&to.name) {
                for label in &mut listed {
                    label.is_doubtful = true;
                }
            }
            column.column_type = labels::printed_with_doubts(name, &listed).into();
            column.charset = label_texts::charset_shown(to, facts).map(Into::into);
            return Ok(());
        }
        "char" | "varchar" | "longtext" if to.name != BINARY => {}
        _ => {
            return Err(format!(
                "column {} of type {} was converted to {} from a character set that is not known",
                column.name, column.column_type, to.name
            )
            .into());
        }
    }
    column.charset = Some(to.name.into());
    Ok(())
}
