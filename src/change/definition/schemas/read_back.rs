//! What MySQL before 8.0 makes of labels when it reads back the file of a table that it has written.
//!
//! Follows `get_interval_id()` and `unhex_type2()`. A table's file holds each list of labels once, however many columns have
//! it: of a [wide](charset::is_wide) set as hexadecimal digits, of others as it is. For each column of a wide set that has the
//! list the server turns the digits into bytes, where they stand, up to a zero byte, and halves the lengths of the labels. So
//! where several columns have a list, or a column of another set has labels that look like the digits, the labels are damaged:
//! `one` of ucs2 in two columns is the bytes `006F00`. Every statement that writes the file damages them further.
//!
//! MariaDB turns each list once, and MySQL 8.0 keeps labels elsewhere.

use std::sync::Arc;

use super::facts::Facts;
use super::labels as label_texts;
use crate::change::definition::charset::{self, KnownCharset, UNSETTLED_OR_RARE};
use crate::change::definition::labels::{self, ListedLabel};
use crate::change::definition::table::TableDefinition;

/// The labels of a column.
struct List {
    /// The column's place.
    place: usize,
    charset: KnownCharset,
    labels: Vec<ListedLabel>,
    /// What stands in the file of each label; `None` where that is not known.
    written: Vec<Option<Vec<u8>>>,
    is_wide: bool,
}

/// Whether two lists are one in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shared {
    Yes,
    No,
    Unclear,
}

/// Takes that the server has written the file of a table, and reads it from then on.
pub(super) fn read_back(definition: &mut Arc<TableDefinition>, facts: &Facts<'_>) {
    if !label_texts::is_before_mysql_8(facts) {
        return;
    }
    let lists = lists(definition, facts);
    if !lists.iter().any(|list| list.is_wide) {
        return;
    }
    let mut changed: Vec<(usize, Vec<ListedLabel>)> = Vec::new();
    for (index, list) in lists.iter().enumerate() {
        let others = lists.iter().enumerate();
        let others = others.filter(|(other, _)| *other != index);
        let shared: Vec<(&List, Shared)> = others
            .map(|(_, other)| (other, list.shares_with(other)))
            .filter(|(_, shared)| *shared != Shared::No)
            .collect();
        let is_unclear = shared
            .iter()
            .any(|(other, shared)| *shared == Shared::Unclear && (list.is_wide || other.is_wide));
        let labels = if is_unclear {
            doubtful(&list.labels)
        } else {
            let wide = shared.iter().filter(|(other, _)| other.is_wide).count();
            let times = wide + usize::from(list.is_wide);
            if times == usize::from(list.is_wide) && !list.has_more_behind() {
                continue;
            }
            list.read(times)
        };
        changed.push((list.place, labels));
    }
    if changed.is_empty() {
        return;
    }
    let definition = Arc::make_mut(definition);
    for (place, labels) in changed {
        if let Some(column) = definition.columns.get_mut(place) {
            let printed = labels::printed_with_doubts(column.data_type(), &labels);
            column.column_type = printed.into();
        }
    }
}

/// Takes that the server may have done so: the labels of columns that it would change are in doubt.
pub(super) fn may_read_back(definition: &mut Arc<TableDefinition>, facts: &Facts<'_>) {
    let mut changed = Arc::clone(definition);
    read_back(&mut changed, facts);
    if changed == *definition {
        return;
    }
    let definition = Arc::make_mut(definition);
    for (column, changed) in definition.columns.iter_mut().zip(&changed.columns) {
        if column.column_type != changed.column_type {
            let labels = doubtful(&column.listed_labels());
            let printed = labels::printed_with_doubts(column.data_type(), &labels);
            column.column_type = printed.into();
        }
    }
}

/// The same labels, each in doubt.
fn doubtful(labels: &[ListedLabel]) -> Vec<ListedLabel> {
    let labels = labels.iter();
    labels
        .map(|label| ListedLabel::doubtful(&*label.text))
        .collect()
}

fn lists(definition: &TableDefinition, facts: &Facts<'_>) -> Vec<List> {
    let columns = definition.columns.iter().enumerate();
    let labelled = columns.filter(|(_, column)| matches!(column.data_type(), "enum" | "set"));
    let lists = labelled.filter_map(|(place, column)| {
        let charset = charset::by_name(column.charset.as_deref()?, facts.utf8_is_utf8mb4)?;
        let labels = column.listed_labels();
        let written = labels.iter().map(|label| written(label, charset)).collect();
        Some(List {
            place,
            charset,
            labels,
            written,
            // One that may be wide counts as one.
            is_wide: charset::is_wide(charset.name) || charset.name == UNSETTLED_OR_RARE,
        })
    });
    lists.collect()
}

/// What stands in the file of a label.
fn written(label: &ListedLabel, charset: KnownCharset) -> Option<Vec<u8>> {
    if label.is_doubtful || charset.is_unsettled() {
        return None;
    }
    let mut bytes = label_texts::bytes_of(label, charset).ok()?;
    if charset::is_wide(charset.name) {
        return Some(label_texts::digits(&bytes).collect());
    }
    bytes.extend(label.behind.iter().flat_map(|behind| behind.iter()));
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.unwrap_or(bytes.len()));
    Some(bytes)
}

impl List {
    fn shares_with(&self, other: &Self) -> Shared {
        if self.labels.len() != other.labels.len() {
            return Shared::No;
        }
        if self.charset.is_unsettled() || other.charset.is_unsettled() {
            // Labels of the same set: all that is not known is the same one.
            let mut both = self.labels.iter().zip(&other.labels);
            return match both.all(|(one, other)| one.text == other.text) {
                true => Shared::Unclear,
                false => Shared::No,
            };
        }
        let mut shared = Shared::Yes;
        for both in self.written.iter().zip(&other.written) {
            match both {
                (Some(one), Some(other)) if one == other => {}
                (Some(_), Some(_)) => return Shared::No,
                (None, _) | (_, None) => shared = Shared::Unclear,
            }
        }
        shared
    }

    fn has_more_behind(&self) -> bool {
        self.labels.iter().any(|label| label.behind.is_some())
    }

    /// The labels where the server turns digits into bytes so many times.
    fn read(&self, times: usize) -> Vec<ListedLabel> {
        let both = self.labels.iter().zip(&self.written);
        let labels = both.map(|(label, written)| match written {
            Some(written) => read(written, times, self.charset),
            None => ListedLabel::doubtful(&*label.text),
        });
        labels.collect()
    }
}

/// A label out of what stands in the file.
fn read(written: &[u8], times: usize, charset: KnownCharset) -> ListedLabel {
    let mut memory = written.to_vec();
    memory.push(0);
    let mut length = written.len();
    for _ in 0..times {
        turn(&mut memory);
        length /= 2;
    }
    let end = memory.iter().position(|byte| *byte == 0);
    let behind = memory.get(length..end.unwrap_or(memory.len()));
    let bytes = memory.get(..length).unwrap_or_default().to_vec();
    let is_wide = charset::is_wide(charset.name);
    // Otherwise the digits behind a label follow from its bytes.
    let may_differ = !is_wide || times > 1;
    match behind.filter(|_| may_differ) {
        Some(behind) if !behind.is_empty() || is_wide && !bytes.is_empty() => ListedLabel {
            behind: Some(behind.into()),
            ..ListedLabel::raw(bytes)
        },
        Some(_) | None => label_texts::listed(bytes, charset),
    }
}

/// Turns digits into bytes where they stand, up to a zero byte; what is no digit counts as -1.
fn turn(memory: &mut [u8]) {
    let value = |byte: u8| match byte | 32 {
        _ if byte.is_ascii_digit() => byte - b'0',
        letter @ b'a'..=b'f' => letter - b'a' + 10,
        _other => u8::MAX,
    };
    let mut to = 0;
    while let Some(&[high, low]) = memory.get(2 * to..2 * to + 2)
        && high != 0
    {
        if let Some(byte) = memory.get_mut(to) {
            *byte = (value(high) << 4).wrapping_add(value(low));
        }
        to += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::definition::labels::labels;

    fn check(charset: &str, label: &str, times: usize, expected: &str) {
        let charset = charset::by_name(charset, false).unwrap();
        let written = written(&ListedLabel::certain(label), charset).unwrap();
        let found = read(&written, times, charset);
        let printed = labels::printed_with_doubts("enum", std::slice::from_ref(&found));
        assert_eq!(printed, format!("enum({expected})"), "{label} {times}");
        assert_eq!(labels(&printed), Some(vec![found]));
    }

    #[test]
    fn digits_that_are_turned_again_are_what_a_server_makes_of_them() {
        check("ucs2", "one", 1, "'one'");
        check("ucs2", "one", 2, "x'006f00'");
        check("ucs2", "日a", 1, "'日a'");
        check("ucs2", "日a", 2, "x'dfe5'+''");
        check("ucs2", "é", 2, "x'00'");
        check("ucs2", "", 2, "''");
        check("utf16le", "one", 2, "x'efefdf'+''");
        check("utf16le", "日a", 2, "x'fe9f'+'61'");
        check("utf16le", "é", 2, "x'ef'+''");
        check("utf16le", "one", 3, "x'ef'+'efdf'");
        check("latin1", "0061", 1, "'\\0a'");
    }
}
