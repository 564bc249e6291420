//! What a source must be and have before it is read, checked over one connection. Everything that is wrong is told at once.
//!
//! Features are recognised by their variables, never guessed from the version.

use std::collections::HashMap;

use uuid::Uuid;

use super::options::ServerOptions;
use super::session::{ACCESS_DENIED, Session};
use super::statements;
use crate::mysql::Flavour;
use crate::source::chunk::now_us;
use crate::source::error::SourceError;
use crate::source::identity;
use crate::source::start::Start;
use crate::state::ReplicaIdentity;

/// What the source is and how it is set, as of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// Its family.
    pub flavour: Flavour,
    /// Its version, as it calls itself.
    pub version: String,
    /// Its `server_uuid`; MariaDB has none.
    pub server_uuid: Option<Uuid>,
    /// Its `server_id`.
    pub server_id: u32,
    /// `binlog_row_image`, in upper case: what rows events hold unless a session says otherwise.
    pub row_image: String,
    /// `binlog_row_metadata`, in upper case; `None` where the server has no such variable.
    pub row_metadata: Option<String>,
    /// `binlog_checksum`, in upper case.
    pub checksum: String,
    /// `gtid_mode`, in upper case; MariaDB has none and always writes GTIDs.
    pub gtid_mode: Option<String>,
    /// `gtid_purged`: MySQL's GTIDs of which the binlogs are gone.
    pub gtid_purged: Option<String>,
    /// Whether table names are kept (0), lowered (1), or kept and compared lowered (2).
    pub lower_case_table_names: u8,
    /// Whether the source listed its replicas, so that a clash of server ids would have shown.
    pub replicas_visible: bool,
    /// The TLS version of the connection that checked it; `None` for plaintext.
    pub tls: Option<String>,
    /// By how many whole seconds this machine's clock was ahead of the source's, as of the check.
    pub clock_ahead_s: i64,
}

impl SourceFacts {
    /// Whether table maps name their columns.
    pub fn names_columns(&self) -> bool {
        self.row_metadata.as_deref() == Some("FULL")
    }

    /// Whether the source can be read by GTID set.
    pub fn serves_gtids(&self) -> bool {
        match self.flavour {
            Flavour::MySql => self.gtid_mode.as_deref() == Some("ON"),
            Flavour::MariaDb => true,
        }
    }

    /// Whether there may be groups with GTIDs.
    pub fn writes_gtids(&self) -> bool {
        match self.flavour {
            Flavour::MySql => !matches!(self.gtid_mode.as_deref(), None | Some("OFF")),
            Flavour::MariaDb => true,
        }
    }

    /// What messages call it.
    pub(in crate::source) fn name(&self) -> String {
        identity::name(self.server_uuid, self.server_id, self.flavour)
    }

    /// What is wrong where a start needs GTIDs and the source serves none.
    pub(in crate::source) fn gtid_mode_off(&self) -> SourceError {
        SourceError::GtidModeOff {
            found: self.gtid_mode.clone().unwrap_or_else(|| "none".to_owned()),
        }
    }
}

const VARIABLES: [&str; 13] = [
    "version",
    "log_bin",
    "binlog_format",
    "server_id",
    "server_uuid",
    "binlog_row_image",
    "binlog_row_metadata",
    "binlog_checksum",
    "gtid_mode",
    "gtid_purged",
    "lower_case_table_names",
    "log_replica_updates",
    "log_slave_updates",
];

/// A source as it was looked at.
#[derive(Debug)]
pub(super) struct Examined {
    /// What it is.
    pub(super) facts: SourceFacts,
    /// What a person must change before it can be read.
    pub(super) faults: Vec<SourceError>,
    /// Whether it replicates from another server; `None` if it was not asked, or does not show it.
    pub(super) replicates: Option<bool>,
}

/// Checks the source.
///
/// # Errors
/// Everything that a person must change before it can be read, at once; or whatever breaks on the way.
pub(in crate::source) async fn check(
    session: &mut Session,
    options: &ServerOptions,
    identity: &ReplicaIdentity,
) -> Result<SourceFacts, SourceError> {
    let Examined { facts, faults, .. } = examine(session, options, identity).await?;
    match SourceError::of_all(faults) {
        None => Ok(facts),
        Some(error) => Err(error),
    }
}

/// Looks at the source, and tells all that a person must change before it can be read.
///
/// # Errors
/// Whatever breaks on the way.
pub(super) async fn examine(
    session: &mut Session,
    options: &ServerOptions,
    identity: &ReplicaIdentity,
) -> Result<Examined, SourceError> {
    let variables = statements::variables(session, &VARIABLES).await?;
    let mut facts = facts(&variables, session.server().flavour)?;
    facts.tls.clone_from(&session.server().tls);
    facts.clock_ahead_s = clock_ahead_s(session).await?;
    let mut faults = settings_faults(&variables);
    let privileges = privileges(session, facts.flavour).await?;
    if privileges.is_off && !variables.get("log_bin").is_none_or(is_off) {
        faults.insert(0, SourceError::BinlogOff);
    }
    if matches!(options.start, Start::After { .. }) && !facts.serves_gtids() {
        faults.push(facts.gtid_mode_off());
    }
    if let Some(what) = options.choice().never_in(facts.flavour) {
        let flavour = facts.flavour;
        faults.push(SourceError::NeverThere { flavour, what });
    }
    if !privileges.missing.is_empty() {
        faults.push(SourceError::MissingGrants {
            account: statements::account(session).await?,
            grants: privileges.missing.join(", "),
        });
    }
    let logs_updates = ["log_replica_updates", "log_slave_updates"];
    let mut logs_updates = logs_updates.iter().filter_map(|name| variables.get(*name));
    let mut replicates = None;
    if logs_updates.next().is_some_and(is_off) {
        replicates = statements::replicates(session).await?;
        if replicates == Some(true) {
            faults.push(SourceError::ReplicaUpdatesOff);
        }
    }
    let server_id = server_id(options, identity);
    if server_id == facts.server_id {
        faults.push(SourceError::ServerIdOfSource { server_id });
    } else if let Some(listed) = &privileges.replicas {
        faults.extend(clash(listed, server_id, identity));
    } else if options.server_id.is_some() && facts.flavour == Flavour::MariaDb {
        let account = statements::account(session).await?;
        faults.push(SourceError::ReplicasHidden { server_id, account });
    }
    facts.replicas_visible = privileges.replicas.is_some();
    Ok(Examined {
        facts,
        faults,
        replicates,
    })
}

/// The `server_id` that this connector uses on its source.
pub(in crate::source) fn server_id(options: &ServerOptions, identity: &ReplicaIdentity) -> u32 {
    options
        .server_id
        .map_or(identity.server_id, std::num::NonZeroU32::get)
}

fn facts(
    variables: &HashMap<String, String>,
    flavour: Flavour,
) -> Result<SourceFacts, SourceError> {
    let needed = |column: &'static str| {
        variables.get(column).ok_or_else(|| SourceError::Answer {
            statement: "SHOW GLOBAL VARIABLES".to_owned(),
            column,
        })
    };
    let wrong = |column: &'static str| SourceError::Answer {
        statement: "SHOW GLOBAL VARIABLES".to_owned(),
        column,
    };
    let upper = |name: &str| variables.get(name).map(|value| value.to_ascii_uppercase());
    Ok(SourceFacts {
        flavour,
        version: needed("version")?.clone(),
        server_uuid: match variables.get("server_uuid") {
            Some(uuid) if flavour == Flavour::MySql => {
                Some(uuid.parse().map_err(|_| wrong("server_uuid"))?)
            }
            _ => None,
        },
        server_id: needed("server_id")?
            .parse()
            .map_err(|_| wrong("server_id"))?,
        row_image: upper("binlog_row_image").unwrap_or_else(|| "FULL".to_owned()),
        row_metadata: upper("binlog_row_metadata"),
        checksum: upper("binlog_checksum").unwrap_or_else(|| "NONE".to_owned()),
        gtid_mode: upper("gtid_mode"),
        gtid_purged: variables
            .get("gtid_purged")
            .map(|set| set.replace('\n', "")),
        lower_case_table_names: needed("lower_case_table_names")?
            .parse()
            .map_err(|_| wrong("lower_case_table_names"))?,
        replicas_visible: false,
        tls: None,
        clock_ahead_s: 0,
    })
}

/// By how many whole seconds this machine's clock is ahead of the source's at least: the way there and back may take its time.
async fn clock_ahead_s(session: &mut Session) -> Result<i64, SourceError> {
    const EXPRESSION: &str = "CAST(1000000 * UNIX_TIMESTAMP(SYSDATE(6)) AS SIGNED)";
    let asked_us = now_us();
    let theirs = statements::value(session, EXPRESSION).await?;
    let theirs_us = theirs.and_then(|text| text.parse::<i64>().ok());
    let theirs_us = theirs_us.ok_or_else(|| SourceError::Answer {
        statement: EXPRESSION.to_owned(),
        column: "value",
    })?;
    // This machine's clock may be set back meanwhile.
    let ahead_us = 0i64.clamp(asked_us - theirs_us, now_us().max(asked_us) - theirs_us);
    Ok(ahead_us / 1_000_000)
}

/// What is wrong with the server's settings, whoever reads it.
fn settings_faults(variables: &HashMap<String, String>) -> Vec<SourceError> {
    let mut faults = Vec::new();
    if variables.get("log_bin").is_none_or(is_off) {
        faults.push(SourceError::BinlogOff);
    }
    // A server without the variable knows no other format.
    if let Some(format) = variables.get("binlog_format")
        && !format.eq_ignore_ascii_case("ROW")
    {
        faults.push(SourceError::BinlogFormat {
            found: format.to_ascii_uppercase(),
        });
    }
    faults
}

fn is_off(value: &String) -> bool {
    !value.eq_ignore_ascii_case("ON") && value != "1"
}

/// What the account may do, and what it sees with that.
struct Privileges {
    /// The privileges of a replica that it lacks.
    missing: Vec<&'static str>,
    /// The source's replicas; `None` if it does not show them to the account.
    replicas: Option<Vec<statements::ListedReplica>>,
    /// Whether the source says that it has no binary log.
    is_off: bool,
}

/// Tries what a replica does.
async fn privileges(session: &mut Session, flavour: Flavour) -> Result<Privileges, SourceError> {
    let mut missing = Vec::new();
    let replicas = match statements::replicas(session).await {
        Ok(listed) => Some(listed),
        Err(error) if error.server_code() == Some(ACCESS_DENIED) => {
            // MariaDB lists replicas only to those who may manage them, which a replica's account need not.
            if flavour == Flavour::MySql {
                missing.push("REPLICATION SLAVE");
            }
            None
        }
        Err(error) => return Err(error),
    };
    let mut is_off = false;
    match statements::status(session).await {
        Ok(status) => is_off = status.is_none(),
        Err(error) if error.server_code() == Some(ACCESS_DENIED) => {
            missing.push("REPLICATION CLIENT")
        }
        Err(error) => return Err(error),
    }
    if flavour == Flavour::MariaDb
        && !missing.is_empty()
        && !has_privilege(session, "REPLICATION SLAVE").await?
    {
        missing.insert(0, "REPLICATION SLAVE");
    }
    Ok(Privileges {
        missing,
        replicas,
        is_off,
    })
}

/// Another replica with the same id.
fn clash(
    listed: &[statements::ListedReplica],
    server_id: u32,
    identity: &ReplicaIdentity,
) -> Option<SourceError> {
    let uuid = identity.server_uuid.to_string();
    let other = listed.iter().find(|replica| {
        replica.server_id == server_id
            && !replica.uuid.eq_ignore_ascii_case(&uuid)
            && !replica.host.ends_with(&uuid)
    })?;
    Some(SourceError::ServerIdTaken {
        server_id,
        replica: described(other),
    })
}

fn described(replica: &statements::ListedReplica) -> String {
    match (replica.host.as_str(), replica.uuid.as_str()) {
        ("", "") => "listed without host or UUID".to_owned(),
        (host, "") => format!("host {host}"),
        ("", uuid) => format!("UUID {uuid}"),
        (host, uuid) => format!("host {host}, UUID {uuid}"),
    }
}

/// Whether the account has a privilege on everything, itself or by a role. An account that may read the server's own tables is
/// shown the privileges of others too.
pub(super) async fn has_privilege(
    session: &mut Session,
    privilege: &str,
) -> Result<bool, SourceError> {
    let account = statements::account(session).await?;
    // MySQL 5.7 knows no roles.
    let role = statements::value(session, "CURRENT_ROLE()").await;
    let role = role.ok().flatten().filter(|role| role != "NONE");
    let answer = session
        .ask(
            "SELECT GRANTEE AS grantee, PRIVILEGE_TYPE AS privilege \
             FROM information_schema.USER_PRIVILEGES",
        )
        .await?;
    Ok(answer.rows().any(|row| {
        let is_own = role.is_some() || row.text("grantee") == Some(&account);
        is_own && row.text("privilege") == Some(privilege)
    }))
}

/// What a refused registration or dump says to a person. MariaDB 11 lets an account register that may not dump.
pub(in crate::source) fn denied(error: SourceError, account: &str) -> SourceError {
    match error.server_code() {
        Some(ACCESS_DENIED | LOGIN_DENIED) => SourceError::MissingGrants {
            account: account.to_owned(),
            grants: "REPLICATION SLAVE".to_owned(),
        },
        Some(_) | None => error,
    }
}

/// `ER_ACCESS_DENIED_ERROR`, with which some servers refuse a command for want of a privilege.
const LOGIN_DENIED: u16 = 1045;

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn only_row_format_with_a_binlog_is_accepted() {
        let told = |pairs: &[(&str, &str)]| {
            let faults = settings_faults(&variables(pairs));
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            told
        };
        let none = Vec::<String>::new();
        assert_eq!(told(&[("log_bin", "ON"), ("binlog_format", "ROW")]), none);
        assert_eq!(told(&[("log_bin", "1")]), none);
        let off = "the binary log is off, start the source with log_bin";
        for format in ["STATEMENT", "MIXED"] {
            let wrong = format!(
                "binlog_format is {format}, set it to ROW on the source: SET GLOBAL binlog_format = ROW, and in its \
                 configuration too"
            );
            let format = ("binlog_format", format);
            assert_eq!(told(&[("log_bin", "ON"), format]), [wrong.as_str()]);
            assert_eq!(told(&[("log_bin", "OFF"), format]), [off, wrong.as_str()]);
        }
        assert_eq!(told(&[("log_bin", "OFF")]), [off]);
    }

    #[test]
    fn what_an_old_server_lacks_is_a_fact_not_an_error() {
        let found = facts(
            &variables(&[
                ("version", "5.7.44"),
                ("server_id", "7"),
                ("lower_case_table_names", "0"),
            ]),
            Flavour::MySql,
        )
        .unwrap();
        assert_eq!(
            (found.row_image.as_str(), found.row_metadata.as_deref()),
            ("FULL", None)
        );
        assert!(!found.names_columns() && !found.serves_gtids());
    }
}
