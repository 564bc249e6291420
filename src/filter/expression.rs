//! The regular expressions of rules on tables and on columns, matched against the whole of `database.table` or of
//! `database.table.column`.
//!
//! The `regex` crate takes time linear in the name for every expression, and memory up to a limit that is told to it.

use regex::{Regex, RegexBuilder};

use super::error::FilterError;
use super::fold::Fold;
use super::verdict::RuleKey;

/// Memory of one compiled expression, in bytes.
const COMPILED_BYTES_MAX: usize = 4 << 20;
/// How long an expression may be, in bytes.
const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// How much of an expression a message shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// Compiles an expression, so that it matches whole names only, and in any case where the server's rules on tables do.
///
/// # Errors
/// What `regex` says of it, in one line.
pub(super) fn compile(key: RuleKey, text: &str, fold: Fold) -> Result<Regex, FilterError> {
    let refuse = |reason: String| FilterError::Expression {
        key,
        rule: shortened(text),
        reason,
    };
    if text.len() > EXPRESSION_BYTES_MAX {
        let length = text.len();
        return Err(refuse(format!(
            "has {length} bytes of at most {EXPRESSION_BYTES_MAX}, write several rules instead"
        )));
    }
    // By itself first, so that no bracket of it reaches across the anchors.
    builder(text, fold)
        .build()
        .and_then(|_| builder(&format!(r"\A(?:{text})\z"), fold).build())
        .map_err(|error| refuse(told(key, text, &error)))
}

fn builder(text: &str, fold: Fold) -> RegexBuilder {
    let mut builder = RegexBuilder::new(text);
    builder
        .case_insensitive(fold != Fold::Bytes)
        .dot_matches_new_line(true)
        .size_limit(COMPILED_BYTES_MAX);
    builder
}

/// What is wrong with an expression, and what to write instead.
fn told(key: RuleKey, text: &str, error: &regex::Error) -> String {
    let looks_around = ["(?=", "(?!", "(?<=", "(?<!"];
    if let Some(found) = looks_around.iter().find(|words| text.contains(**words)) {
        let exclude = match key.is_on_columns() {
            true => RuleKey::ColumnsExclude,
            false => RuleKey::TablesExclude,
        };
        return format!(
            "looks around with \"{found}\", which is not supported: write what is to be left out as {exclude}"
        );
    }
    match error {
        regex::Error::CompiledTooBig(limit) => format!(
            "needs more than {limit} bytes of memory, write it without large counts such as {{1000}}"
        ),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            format!(
                "is no regular expression: {last}; write it as the regex crate of Rust reads it"
            )
        }
    }
}

/// As much of an expression as a message shows.
pub(super) fn shortened(text: &str) -> Box<str> {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.into()
}
