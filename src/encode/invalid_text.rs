//! What to do with text whose bytes are none in their column's character set.

/// What becomes of bytes that are no text in their column's character set.
///
/// Servers refuse such bytes today; older ones let them in, and conversions of a column's character set kept them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InvalidText {
    /// Encoding fails.
    #[default]
    Fail,
    /// U+FFFD stands in their place, and they are counted; in a key column encoding fails, since two keys could become one.
    Replace,
    /// The value is told from text by being an object with its bytes in base64, and it is counted.
    Base64,
}

impl InvalidText {
    /// What cures a failure, of a column that is part of a key or is none.
    pub(super) fn cure(is_key: bool) -> &'static str {
        if is_key {
            "set invalid_text = \"base64\" (--invalid-text=base64 in rowtap decode), a key being nothing to replace bytes in, \
             or correct the row on the source"
        } else {
            "set invalid_text = \"replace\" or \"base64\" (--invalid-text in rowtap decode), or correct the row on the source"
        }
    }
}
