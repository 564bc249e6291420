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
    use serde::Deserialize as _;
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    #[test]
    fn every_format_is_read_by_its_name() {
        for format in Format::ALL {
            let name: StrDeserializer<'_, Error> = format.name().into_deserializer();
            assert_eq!(Format::deserialize(name), Ok(format));
        }
    }
}
