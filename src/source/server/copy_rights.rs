//! What a snapshot needs, beside what a stream needs: rights of the account, and tables whose rows a view holds still.

use std::collections::HashSet;

use super::consistent::is_before_8_0;
use super::session::Session;
use super::snapshot_options::Locking;
use super::statements::{self, OF_USERS};
use crate::failure::Class;
use crate::filter::Rules;
use crate::finding::{Finding, listed};
use crate::mysql::Flavour;
use crate::row::TableName;
use crate::source::error::SourceError;

const CHECK: &str = "snapshot";

/// Looks at the rights of an account that is to take a snapshot.
///
/// # Errors
/// What breaks on the way.
pub(super) async fn findings(
    session: &mut Session,
    account: &str,
    locking: Locking,
) -> Result<Vec<Finding>, SourceError> {
    if session.server().flavour == Flavour::MariaDb {
        return Ok(vec![Finding::ok(CHECK, "a snapshot needs no lock")]);
    }
    if locking == Locking::None {
        let mode = statements::value(session, "@@global.gtid_mode").await?;
        return Ok(vec![match mode.as_deref() {
            Some("ON") => Finding::ok(CHECK, "a snapshot takes no lock"),
            Some(_) | None => {
                let what = "a snapshot of MySQL without a lock takes gtid_mode = ON, set it on the source, or locking = \"auto\"";
                Finding::fatal(CHECK, Class::Configuration, what)
            }
        }]);
    }
    let is_since_8_0 = !is_before_8_0(session);
    if is_since_8_0
        && statements::value(session, "CURRENT_ROLE()")
            .await?
            .as_deref()
            != Some("NONE")
    {
        let what = "what the account's roles let it lock for a snapshot";
        return Ok(vec![Finding::not_checked(CHECK, what)]);
    }
    let mut findings = Vec::new();
    let everywhere = held(session, account, "USER").await?;
    let may_lock = everywhere.contains("LOCK TABLES")
        || held(session, account, "SCHEMA")
            .await?
            .contains("LOCK TABLES");
    let may_flush = everywhere.contains("RELOAD") && everywhere.contains("PROCESS");
    findings.push(match (may_lock, may_flush) {
        (true, _) => Finding::ok(CHECK, format!("{account} may lock tables for an instant")),
        (false, true) => {
            let what = format!(
                "{account} may lock all tables only by FLUSH TABLES WITH READ LOCK, which closes a table that a long statement reads \
                 until the statement ends"
            );
            Finding::warning(CHECK, what).sql(format!("GRANT LOCK TABLES ON *.* TO {account}"))
        }
        (false, false) => {
            let what = format!("{account} may not lock tables, which a snapshot does for an instant");
            Finding::fatal(CHECK, Class::Refused, what)
                .sql(format!("GRANT LOCK TABLES ON *.* TO {account}"))
        }
    });
    if is_since_8_0 && !everywhere.contains("BACKUP_ADMIN") {
        let what = format!(
            "{account} may not keep DDL out during a snapshot, which begins anew where a table changes under it"
        );
        let finding = Finding::warning(CHECK, what);
        findings.push(finding.sql(format!("GRANT BACKUP_ADMIN ON *.* TO {account}")));
    }
    Ok(findings)
}

/// Looks for tables that a snapshot is to copy and whose rows no view holds still.
///
/// # Errors
/// What breaks on the way.
pub(super) async fn unfit(
    session: &mut Session,
    rules: &Rules,
) -> Result<Option<Finding>, SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab FROM information_schema.TABLES \
         WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND {OF_USERS} AND COALESCE(ENGINE, '') NOT IN \
         (SELECT ENGINE FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES') ORDER BY 1, 2"
    );
    let mut unfit = Vec::new();
    session
        .ask_in_parts(&statement, |row| {
            let name = TableName::new(row.expect("db")?, row.expect("tab")?);
            if rules.table(&name.database, &name.table).keep {
                unfit.push(name);
            }
            Ok(())
        })
        .await?;
    if unfit.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = unfit.iter().map(TableName::to_string).collect();
    let what = format!(
        "a snapshot takes an engine with transactions for every table, and finds none for {}",
        listed(&names)
    );
    let finding = Finding::fatal(CHECK, Class::Refused, what);
    let convert = |table: &TableName| format!("ALTER TABLE {} ENGINE = InnoDB", table.quoted());
    let finding = unfit.iter().map(convert).fold(finding, Finding::sql);
    Ok(Some(finding))
}

/// The privileges that the account itself holds, on everything (`USER`) or on a database (`SCHEMA`). It may see the privileges
/// of others, and what everybody may do in a database for tests is nobody's own.
async fn held(
    session: &mut Session,
    account: &str,
    of: &str,
) -> Result<HashSet<String>, SourceError> {
    let statement = format!(
        "SELECT GRANTEE AS grantee, PRIVILEGE_TYPE AS privilege FROM information_schema.{of}_PRIVILEGES"
    );
    let answer = session.ask(&statement).await?;
    let own = answer
        .rows()
        .filter(|row| row.text("grantee") == Some(account));
    Ok(own
        .filter_map(|row| row.text("privilege").map(str::to_owned))
        .collect())
}
