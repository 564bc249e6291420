//! The statement of a query event: read in the character set of its session, and scanned.

use std::borrow::Cow;

use super::error::StatementError;
use super::meaning::Meaning;
use super::rewritten::{may_be_rewritten, may_lack_charset};
use super::scanned::{Object, Statement, StatementContext, StatementKind};
use super::scanner::scan;
use super::text::{shown, text_of};
use crate::binlog::{FormatDescription, Query};
use crate::mysql::Flavour;

/// What stands for bytes that are not text.
pub const GAP: char = char::REPLACEMENT_CHARACTER;

const IN_TWO_SETS: &str = "CREATE TABLE … SELECT or LIKE a temporary table, by a session whose character set the statement may \
     not be in";

/// What a statement was scanned from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementSource<'a> {
    /// Its text.
    pub text: Cow<'a, str>,
    /// Its default database, empty for none.
    pub database: &'a str,
    /// What the meaning of its text depends on.
    pub context: StatementContext,
    /// Why the text is not all that was sent, so that the names in it may be others; `None` if it is.
    pub doubt: Option<&'static str>,
    /// Why there are characters U+FFFD in the text that were not sent. No object has one in its name.
    pub gaps: Option<&'static str>,
}

/// Scans the statement of a query event.
///
/// # Errors
/// Where it is not text and cannot be told from others.
pub fn scan_query<'a>(
    query: &Query<'a>,
    flavour: Flavour,
    format: &FormatDescription,
) -> Result<(Statement, StatementSource<'a>), StatementError> {
    let database = std::str::from_utf8(query.database)
        .map_err(|_| StatementError::Name(shown(query.database)))?;
    let text = text_of(query)?;
    let sql_mode = query.sql_mode.unwrap_or_default();
    let context = StatementContext::new(flavour, format.server_version(), sql_mode);
    let mut statement = scan(&text.text, database, context);
    match &mut statement.meaning {
        Meaning::CreateTable(_) if is_in_two_sets(query.statement, &text.text) => {
            let reason = IN_TWO_SETS.into();
            statement.meaning = Meaning::Unfollowed { reason };
        }
        Meaning::CreateTable(table) => {
            table.charset_in_doubt = may_lack_charset(&text.text);
            table.labels_in_doubt = may_be_rewritten(&text.text);
        }
        Meaning::Plain
        | Meaning::AlterTable(_)
        | Meaning::Database { .. }
        | Meaning::Unfollowed { .. } => {}
    }
    let is_known = !matches!(statement.kind, StatementKind::Unknown { .. });
    let has_names = |object: &Object| {
        let names = [&object.name.database, &object.name.table];
        names.iter().all(|name| !name.contains(GAP))
    };
    let names_are_whole = is_known && statement.objects.iter().all(has_names);
    let (doubt, gaps) = match text.keeps_structure && names_are_whole {
        true => (None, text.doubt),
        false => (text.doubt, None),
    };
    let source = StatementSource {
        text: text.text,
        database,
        context,
        doubt,
        gaps,
    };
    Ok((statement, source))
}

/// Whether a statement's bytes are text in UTF-8 too, and a server that wrote them would have meant that.
fn is_in_two_sets(bytes: &[u8], text: &str) -> bool {
    !text.is_ascii()
        && may_be_rewritten(text)
        && std::str::from_utf8(bytes).is_ok_and(|plain| plain != text)
}
