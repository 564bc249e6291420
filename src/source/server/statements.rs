//! What rowtap asks a source about its binlog, in the forms of both families and of old and new servers.

use std::collections::HashMap;

use uuid::Uuid;

use super::session::{ACCESS_DENIED, AnswerRow, Session};
use crate::binlog::{Coordinates, XaId};
use crate::mysql::Flavour;
use crate::source::error::SourceError;

/// `ER_XAER_RMERR`, with which MySQL refuses XA RECOVER for want of a privilege.
const XA_FAILED: u16 = 1401;

/// The end of the source's binlog.
#[derive(Clone, Debug)]
pub(in crate::source) struct Status {
    pub(in crate::source) coordinates: Coordinates,
    /// MySQL's `Executed_Gtid_Set`; it may lack groups that stand before the coordinates but are not yet committed.
    pub(in crate::source) executed_gtid_set: Option<String>,
}

/// One of the source's binlog files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) struct LogFile {
    pub(in crate::source) name: String,
    pub(in crate::source) size: u64,
}

/// A replica as the source lists it.
#[derive(Clone, Debug)]
pub(in crate::source) struct ListedReplica {
    pub(in crate::source) server_id: u32,
    pub(in crate::source) host: String,
    /// Empty where the source lists none, as MariaDB does not.
    pub(in crate::source) uuid: String,
}

/// Asks where the binlog ends; `None` where there is no binlog.
pub(in crate::source) async fn status(
    session: &mut Session,
) -> Result<Option<Status>, SourceError> {
    let answer = session
        .ask_in_forms(&[
            "SHOW BINARY LOG STATUS",
            "SHOW BINLOG STATUS",
            "SHOW MASTER STATUS",
        ])
        .await?;
    let Some(row) = answer.first() else {
        return Ok(None);
    };
    Ok(Some(Status {
        coordinates: Coordinates::new(row.expect("File")?, row.parse("Position")?),
        // The server breaks long sets into lines.
        executed_gtid_set: row
            .text("Executed_Gtid_Set")
            .map(|set| set.replace('\n', "")),
    }))
}

/// Asks for the binlog files, the oldest first.
pub(in crate::source) async fn log_files(
    session: &mut Session,
) -> Result<Vec<LogFile>, SourceError> {
    let answer = session.ask("SHOW BINARY LOGS").await?;
    let mut files = Vec::new();
    for row in answer.rows() {
        files.push(LogFile {
            name: row.expect("Log_name")?.to_owned(),
            size: row.parse("File_size")?,
        });
    }
    if files.is_empty() {
        return Err(answer.lacks("Log_name"));
    }
    Ok(files)
}

/// Asks which replicas the source knows. MySQL 5.7 and 8.0 leave the UUID out of the row where a replica has none, or is just
/// leaving.
pub(in crate::source) async fn replicas(
    session: &mut Session,
) -> Result<Vec<ListedReplica>, SourceError> {
    let answer = session
        .ask_in_forms_with_short_rows(&["SHOW REPLICAS", "SHOW SLAVE HOSTS"])
        .await?;
    answer
        .rows()
        .map(|row| {
            Ok(ListedReplica {
                server_id: row.parse("Server_Id")?,
                host: row.text("Host").unwrap_or_default().to_owned(),
                uuid: row
                    .text("Replica_UUID")
                    .or_else(|| row.text("Slave_UUID"))
                    .unwrap_or_default()
                    .to_owned(),
            })
        })
        .collect()
}

/// Asks which XA transactions are prepared; `None` where the account may not know, as without `XA_RECOVER_ADMIN` on MySQL 8.0
/// and later.
pub(in crate::source) async fn prepared(
    session: &mut Session,
) -> Result<Option<Vec<XaId>>, SourceError> {
    let form = match session.server().flavour {
        Flavour::MySql => "XA RECOVER CONVERT XID",
        Flavour::MariaDb => "XA RECOVER",
    };
    let answer = match session.ask(form).await {
        Ok(answer) => answer,
        Err(error) if error.server_code() == Some(XA_FAILED) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut ids = Vec::new();
    for row in answer.rows() {
        let format: i64 = row.parse("formatID")?;
        let lengths = (row.parse("gtrid_length")?, row.parse("bqual_length")?);
        let data = row.bytes("data").ok_or_else(|| answer.lacks("data"))?;
        let id = XaId::recovered(format, lengths, data);
        ids.push(id.ok_or_else(|| answer.lacks("data"))?);
    }
    Ok(Some(ids))
}

/// Asks whether the server replicates from another one, by an applier that runs; `None` if it does not show that to the
/// account.
pub(in crate::source) async fn replicates(
    session: &mut Session,
) -> Result<Option<bool>, SourceError> {
    let forms: &[&str] = match session.server().flavour {
        Flavour::MySql => &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"],
        Flavour::MariaDb => &["SHOW ALL SLAVES STATUS"],
    };
    let answer = match session.ask_in_forms(forms).await {
        Ok(answer) => answer,
        Err(error) if error.server_code() == Some(ACCESS_DENIED) => return Ok(None),
        Err(error) => return Err(error),
    };
    let runs = |row: AnswerRow<'_>| {
        let of = |column| row.text(column);
        let applier = of("Replica_SQL_Running").or_else(|| of("Slave_SQL_Running"));
        applier == Some("Yes")
    };
    Ok(Some(answer.rows().any(runs)))
}

/// Asks for the server's `server_uuid`, which MariaDB has not, and its `server_id`.
pub(in crate::source) async fn identity(
    session: &mut Session,
) -> Result<(Option<Uuid>, u32), SourceError> {
    let variables = variables(session, &["server_uuid", "server_id"]).await?;
    let wrong = |column: &'static str| SourceError::Answer {
        statement: "SHOW GLOBAL VARIABLES".to_owned(),
        column,
    };
    let server_uuid = match variables.get("server_uuid") {
        Some(uuid) if session.server().flavour == Flavour::MySql => {
            Some(uuid.parse().map_err(|_| wrong("server_uuid"))?)
        }
        Some(_) | None => None,
    };
    let server_id = variables.get("server_id").and_then(|id| id.parse().ok());
    Ok((server_uuid, server_id.ok_or_else(|| wrong("server_id"))?))
}

/// Asks for global variables; those that the server does not have are absent.
pub(in crate::source) async fn variables(
    session: &mut Session,
    names: &[&str],
) -> Result<HashMap<String, String>, SourceError> {
    let list = names
        .iter()
        .map(|name| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(", ");
    let answer = session
        .ask(&format!(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ({list})"
        ))
        .await?;
    answer
        .rows()
        .map(|row| {
            Ok((
                row.expect("Variable_name")?.to_ascii_lowercase(),
                row.expect("Value")?.to_owned(),
            ))
        })
        .collect()
}

/// Asks under which account the source knows this connection, quoted as GRANT wants it.
pub(in crate::source) async fn account(session: &mut Session) -> Result<String, SourceError> {
    let answer = session.ask("SELECT CURRENT_USER() AS account").await?;
    let row = answer.first().ok_or_else(|| answer.lacks("account"))?;
    let account = row.expect("account")?;
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    Ok(format!(
        "'{}'@'{}'",
        user.replace('\'', "''"),
        host.replace('\'', "''")
    ))
}

/// Asks one expression.
pub(in crate::source) async fn value(
    session: &mut Session,
    expression: &str,
) -> Result<Option<String>, SourceError> {
    let answer = session
        .ask(&format!("SELECT {expression} AS value"))
        .await?;
    let row = answer.first().ok_or_else(|| answer.lacks("value"))?;
    Ok(row.text("value").map(str::to_owned))
}

/// A condition on tables: in none of the databases of the server itself.
pub(in crate::source) const OF_USERS: &str =
    "TABLE_SCHEMA NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')";
