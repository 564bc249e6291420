//! What becomes of a statement: published, filtered, passed over, or a reason to stop.

use super::error::StatementError;
use super::query::StatementSource;
use super::scanned::{Effect, Statement, StatementKind};
use super::scanner::scan;
use crate::filter::{Rules, SYSTEM_DATABASES, Verdict};
use crate::row::TableName;

/// What becomes of a statement.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::change) enum Judged {
    /// A filter rejected it.
    Filtered,
    /// It changes nothing that is published: accounts, maintenance, temporary tables, the server's own tables.
    Skipped,
    /// It is a change that was logged as a statement, and the policy is to pass over those and count them.
    PassedOver,
    /// It goes to the sink.
    Publish {
        /// Its default database, renamed.
        database: Box<str>,
        /// The tables it names, renamed.
        tables: Vec<TableName>,
    },
}

/// What to do about a change that was logged as a statement, so that its rows are not in the binlog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStatement {
    /// Stop.
    #[default]
    Fail,
    /// Pass over it and count it.
    Warn,
}

/// Judges a statement that is a change of its own: filters first, then what it is, then the policy for changes that were
/// logged as statements. `own` says that the connector's own server executed it first, `empties` that it does what TRUNCATE
/// does.
///
/// # Errors
/// A statement that the scanner does not know, and where the policy says so one that changes rows.
pub(in crate::change) fn judge(
    statement: &Statement,
    source: &StatementSource<'_>,
    rules: &Rules,
    own: bool,
    empties: bool,
    policy: OnStatement,
) -> Result<Judged, StatementError> {
    match statement.effect() {
        Effect::Nothing | Effect::Transaction => return Ok(Judged::Skipped),
        Effect::Unknown => {
            let StatementKind::Unknown { prefix } = &statement.kind else {
                return Ok(Judged::Skipped);
            };
            return Err(StatementError::Unknown {
                words: prefix.to_string(),
            });
        }
        Effect::Definition | Effect::Rows => {}
    }
    if own {
        return Ok(Judged::Filtered);
    }
    let verdict = verdict(statement, source, rules);
    if !verdict.keep {
        return Ok(if is_on_system_database(statement) {
            Judged::Skipped
        } else {
            Judged::Filtered
        });
    }
    if statement.writes_rows() && !empties {
        if is_on_system_database(statement) {
            return Ok(Judged::Skipped);
        }
        let names: Vec<String> = statement.tables().map(ToString::to_string).collect();
        let objects = if names.is_empty() {
            format!("{:?}", statement.kind)
        } else {
            names.join(", ")
        };
        return match policy {
            OnStatement::Fail => Err(StatementError::LoggedAsStatement { objects }),
            OnStatement::Warn => Ok(Judged::PassedOver),
        };
    }
    let tables = statement
        .tables()
        .map(|name| rules.table(&name.database, &name.table).published);
    Ok(Judged::Publish {
        database: rules.renamed(source.database).into(),
        tables: tables.collect(),
    })
}

/// What the rules say of a statement, by the objects it names or as a replica judges it.
pub fn verdict(statement: &Statement, source: &StatementSource<'_>, rules: &Rules) -> Verdict {
    if !rules.judges_as_replica() {
        return statement.verdict(rules);
    }
    let default_database = rules.renamed(source.database);
    if default_database == source.database {
        return statement.verdict_of_replica(rules, default_database);
    }
    // A replica reads names without a database of their own as names in the renamed one, and leaves the others.
    let read = scan(&source.text, default_database, source.context);
    read.verdict_of_replica(rules, default_database)
}

/// Whether all that the statement names belongs to the server itself, as accounts do.
fn is_on_system_database(statement: &Statement) -> bool {
    let names_some = !statement.objects.is_empty() || !statement.writes_rows();
    names_some
        && statement
            .objects
            .iter()
            .all(|object| SYSTEM_DATABASES.contains(&&*object.name.database))
}
