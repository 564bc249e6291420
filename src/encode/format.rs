//! What a person chooses of the output: the keys `format` and `invalid_text`, and the options of the same names.

use std::fmt;

/// What changes look like in a record's value or on a line: the key `format` of every sink.
///
/// The statements that `rowtap decode --format sql` prints are not one of these: a log's reader could not tell them apart
/// by key or place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Debezium's envelope with lossless, readable values.
    #[default]
    Json,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 1] = [Self::Json];

    /// Its name in configurations and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What becomes of bytes that are not valid text in their column's character set.
///
/// Servers refuse such bytes today; older ones let them in, and conversions of a column's character set kept them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidText {
    /// Encoding fails.
    #[default]
    Fail,
    /// U+FFFD takes their place, and they are counted. In a key column encoding fails, since two keys could become one.
    Replace,
    /// The value becomes an object that holds its bytes in base64, which no text column gives otherwise, and it is counted.
    Base64,
}

impl InvalidText {
    /// What cures a failure, in a key column or in another.
    pub(super) fn cure(is_key: bool) -> &'static str {
        if is_key {
            "set invalid_text = \"base64\" (--invalid-text=base64 in rowtap decode), since replaced bytes could make two \
             keys the same, or correct the row on the source"
        } else {
            "set invalid_text = \"replace\" or \"base64\" (--invalid-text in rowtap decode), or correct the row on the source"
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_str, json};

    use super::*;

    #[test]
    fn formats_are_read_by_their_names_and_the_schema_names_them_all() {
        let names = Format::ALL.map(Format::name);
        for (format, name) in Format::ALL.into_iter().zip(names) {
            assert_eq!(
                serde_json::from_value::<Format>(json!(name)).unwrap(),
                format
            );
        }
        let schema = include_str!("../../schemas/connector.schema.json");
        let schema: Value = from_str(schema).expect("JSON");
        assert_eq!(schema["$defs"]["format"]["enum"], json!(names));
    }
}
