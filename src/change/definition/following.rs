//! A statement of the binlog taken into the beliefs, whatever the filters say of it.

use std::borrow::Cow;

use crate::binlog::{Coordinates, FormatDescription, Gtid, Query};
use crate::change::definition::beliefs::{Definitions, Executed};
use crate::change::definition::schemas::{Change, Facts};
use crate::change::statement::text::{shown, text_of};
use crate::change::statement::{self, Context, Statement};
use crate::change::trouble::Trouble;
use crate::mysql::Flavour;

/// Where a statement stands.
pub(in crate::change) struct Place<'a> {
    /// Where it begins.
    pub(in crate::change) at: Coordinates,
    /// Where its group ends.
    pub(in crate::change) end: &'a Coordinates,
    /// Its group's GTID.
    pub(in crate::change) gtid: Option<&'a Gtid>,
}

/// A statement that was followed.
pub(in crate::change) struct Followed<'a> {
    pub(in crate::change) statement: Statement,
    pub(in crate::change) text: Cow<'a, str>,
    pub(in crate::change) database: &'a str,
    pub(in crate::change) context: Context,
    /// What it changed.
    pub(in crate::change) changes: Vec<Change>,
}

/// Reads a statement and follows it.
pub(in crate::change) fn follow<'a>(
    definitions: &mut Definitions,
    query: &Query<'a>,
    (flavour, format): (Flavour, &FormatDescription),
    place: &Place<'_>,
) -> Result<Followed<'a>, Trouble> {
    let (statement, read) = scan(query, flavour, format)?;
    let changes = definitions.follow(&Executed {
        statement: &statement,
        text: &read.text,
        doubt: read.doubt,
        // A session may have another default engine than the server, and the binlog does not tell.
        facts: Facts::of(query, read.context),
        error_code: query.error_code,
        in_engine_transaction: flavour == Flavour::MySql && query.ddl_xid.is_some(),
        at: place.at.clone(),
        end: place.end,
        gtid: place.gtid.map(|gtid| gtid.to_string().into()),
    });
    Ok(Followed {
        statement,
        text: read.text,
        database: read.database,
        context: read.context,
        changes,
    })
}

/// What a statement was read from.
pub struct Read<'a> {
    /// Its text.
    pub text: Cow<'a, str>,
    /// Its default database, empty for none.
    pub database: &'a str,
    /// What its reading depends on.
    pub context: Context,
    /// Why the text is not all that was sent, so that the names in it may be others; `None` if it is.
    pub doubt: Option<&'static str>,
}

/// Reads a statement in the character set of its session.
///
/// # Errors
/// Where it is no text and cannot be told from others.
pub fn scan<'a>(
    query: &Query<'a>,
    flavour: Flavour,
    format: &FormatDescription,
) -> Result<(Statement, Read<'a>), Trouble> {
    let database =
        std::str::from_utf8(query.database).map_err(|_| Trouble::Name(shown(query.database)))?;
    let text = text_of(query)?;
    let sql_mode = query.sql_mode.unwrap_or_default();
    let context = Context::new(flavour, format.server_version(), sql_mode);
    let statement = statement::scan(&text.text, database, context);
    let read = Read {
        text: text.text,
        database,
        context,
        doubt: text.doubt,
    };
    Ok((statement, read))
}
