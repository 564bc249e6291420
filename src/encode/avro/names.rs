//! Names as Avro allows them, made as Debezium's adjustment mode `avro` makes them.
//!
//! Follows Avro's specification, "Names", and `io.debezium.schema.FieldNameUnderscoreReplacementFunction`.

use std::borrow::Cow;
use std::collections::HashMap;

/// Why a record cannot have its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collision {
    pub(super) first: String,
    pub(super) second: String,
    pub(super) legal: String,
}

/// A field's name: what is neither letter, digit nor underscore becomes an underscore, and one comes before a digit at the
/// beginning.
pub(super) fn field_name(name: &str) -> Cow<'_, str> {
    let is_start = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let is_legal = name.starts_with(is_start)
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_legal {
        return Cow::Borrowed(name);
    }
    let mut legal = String::with_capacity(name.len() + 1);
    if !name.starts_with(|letter: char| !letter.is_ascii_digit()) {
        legal.push('_');
    }
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            legal.push(letter);
        } else {
            // Java counts in units of UTF-16.
            legal.extend(std::iter::repeat_n('_', letter.len_utf16()));
        }
    }
    Cow::Owned(legal)
}

/// The name of a record with its namespace: each part between dots as a field's name.
pub(super) fn full_name(name: &str) -> String {
    let parts: Vec<_> = name.split('.').map(field_name).collect();
    parts.join(".")
}

/// The legal names of a record's fields.
///
/// # Errors
/// Two that would be the same.
pub(super) fn field_names<'a>(
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<Cow<'a, str>>, Collision> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut all = Vec::new();
    for name in names {
        let legal = field_name(name);
        if let Some(first) = seen.insert(legal.clone().into_owned(), name) {
            return Err(Collision {
                first: first.to_owned(),
                second: name.to_owned(),
                legal: legal.into_owned(),
            });
        }
        all.push(legal);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_legal_and_stay_what_they_are_if_they_are() {
        for (name, legal) in [
            ("id", "id"),
            ("_id9", "_id9"),
            ("9lives", "_9lives"),
            ("na\"me", "na_me"),
            ("größe", "gr__e"),
            ("日本", "__"),
            ("🦀", "__"),
            ("a b-c", "a_b_c"),
            ("", "_"),
        ] {
            assert_eq!(field_name(name), legal, "{name}");
        }
        assert_eq!(full_name("my-app.1db.t$.Value"), "my_app._1db.t_.Value");
    }

    #[test]
    fn two_columns_that_would_share_a_name_are_both_named() {
        let found = field_names(["id", "a b", "a_b"].into_iter()).unwrap_err();
        assert_eq!(
            (&*found.first, &*found.second, &*found.legal),
            ("a b", "a_b", "a_b")
        );
    }
}
