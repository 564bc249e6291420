//! What becomes of columns whose character set is not known for certain.
//!
//! ASCII is in every character set, so labels of ASCII are what the statement says. Others may have become question marks:
//! they are doubtful, see [`ListedLabel`].

use super::reason::Reason;
use crate::change::definition::charset::{self, KnownCharset};
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
        ListedLabel {
            text: text.into(),
            is_doubtful: !is_kept,
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
pub(super) fn convert(column: &mut ColumnDefinition, to: KnownCharset) -> Result<(), Reason> {
    let is_rare = charset::RARE.contains(&to.name);
    match column.data_type() {
        // The bytes of labels stay.
        "enum" | "set" | "char" | "varchar" | "longtext" if !is_rare => {}
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
