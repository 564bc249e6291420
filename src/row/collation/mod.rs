//! Collations: how servers order text and match it with LIKE, for those of which it is known for certain.
//!
//! | order | collations | how |
//! |---|---|---|
//! | bytes | `…_bin`, but of ucs2, utf16 and utf32 | byte by byte |
//! | codes | the other `…_bin` | character by character |
//! | single | those of one-byte sets that give each byte a weight | `single_byte.tsv` |
//! | weights | `general_ci`, `unicode_ci`, `unicode_520_ci`, `0900_ai_ci`, `uca1400_ai_ci` | `weights.tsv` |
//!
//! Text is padded with spaces where the collation says PAD SPACE. What is not in the tables is an error and never guessed:
//! scripts beyond the Basic Multilingual Plane, and in `uca1400_ai_ci` the pairs of `contractions.tsv`, which weigh as one.
//!
//! The tables hold what the servers themselves say, the same on MySQL 8.0 and 9.7 and MariaDB 10.11 and 11.8. They were made
//! from
//!
//! ```sql
//! SELECT collation_name, id, character_set_name FROM information_schema.collations;
//! SELECT HEX(WEIGHT_STRING(c COLLATE utf8mb4_0900_ai_ci)) FROM every_character;
//! SELECT HEX(WEIGHT_STRING(_latin1 x'000102…FF' COLLATE latin1_swedish_ci));
//! SELECT a.c, b.c FROM pairs WHERE WEIGHT_STRING(CONCAT(a.c, b.c)) <> CONCAT(WEIGHT_STRING(a.c), WEIGHT_STRING(b.c));
//! ```

mod like;
mod names;
mod text;
mod weights;

pub use like::LikePattern;
pub use names::Collation;
pub use text::{CollatedText, LiteralError};

#[cfg(test)]
mod tests;
