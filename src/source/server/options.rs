//! The `[source]` section of a connector file.
//!
//! Names and defaults are those of `CHANGE REPLICATION SOURCE TO`, without the `SOURCE_` prefix where nothing else has
//! the name. Secrets from files and the environment are already in place when this is read.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::address::{HostAddress, PORT};
use super::snapshot_options::SnapshotOptions;
use crate::change::{Choice, Ids};
use crate::mysql;
use crate::source::error::SourceError;
use crate::source::start::Start;

/// Where the source is, how to log in, and where to begin.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerOptions {
    /// Host name or address; empty where there are `hosts`.
    #[serde(default)]
    pub host: String,
    /// TCP port.
    #[serde(default = "port")]
    pub port: u16,
    /// Servers that replicate from each other, of which one is the source: the next that has what was delivered takes the
    /// place of one that is lost.
    #[serde(default)]
    pub hosts: Vec<HostAddress>,
    /// How long a server that lacks groups which were delivered is waited for before the stream goes on there.
    #[serde(
        default = "failover_wait_max",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub failover_wait_max: Duration,
    /// The source's Unix socket, instead of host and port.
    #[serde(default)]
    pub socket: Option<PathBuf>,
    /// Account name.
    pub user: String,
    /// Its password, empty for none.
    #[serde(default)]
    pub password: SecretString,
    /// A command that prints the password, run for each connection.
    #[serde(default)]
    pub password_command: Option<mysql::PasswordCommand>,
    /// Whether the password may be sent as it is (`mysql_clear_password`, PAM's `dialog`) to a source whose certificate was
    /// checked.
    #[serde(default)]
    pub enable_cleartext_plugin: bool,
    /// The replica's id among all replicas of the source; drawn once and kept in the state folder when absent.
    #[serde(default)]
    pub server_id: Option<NonZeroU32>,
    /// Encryption.
    #[serde(default)]
    pub tls: mysql::TlsOptions,
    /// Compression of the connection.
    #[serde(default)]
    pub compression: mysql::Compression,
    /// Whether the source's RSA key is fetched and trusted where the password must be sent without TLS.
    #[serde(default)]
    pub get_source_public_key: bool,
    /// A PEM file with the source's RSA key, for the same.
    #[serde(default)]
    pub source_public_key_path: Option<PathBuf>,
    /// How long it may take to connect.
    #[serde(
        default = "connect_timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub connect_timeout: Duration,
    /// How often an idle source says that it is alive; half of `replica_net_timeout` when absent.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional"
    )]
    pub heartbeat_period: Option<Duration>,
    /// How long the source may be silent before the connection counts as dead.
    #[serde(
        default = "replica_net_timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub replica_net_timeout: Duration,
    /// The longest wait between two attempts.
    #[serde(
        default = "source_connect_retry",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub source_connect_retry: Duration,
    /// Consecutive failures after which the connector gives up; 0 for never.
    #[serde(default = "source_retry_count")]
    pub source_retry_count: u32,
    /// Where the first run begins; later ones begin at the checkpoint.
    #[serde(default)]
    pub start: Start,
    /// Groups that were first executed on these servers are left out.
    #[serde(default)]
    pub ignore_server_ids: Vec<u32>,
    /// Groups of these of MariaDB's replication domains are the only ones that are not left out; of all if there are none.
    #[serde(default)]
    pub do_domain_ids: Vec<u32>,
    /// Groups of these domains are left out.
    #[serde(default)]
    pub ignore_domain_ids: Vec<u32>,
    /// How old a group's commit must be before it is delivered.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub source_delay: Duration,
    /// How long a start at the end of the binlog waits for the decision on XA transactions that are prepared; 0 for no look
    /// at them.
    #[serde(
        default = "xa_wait_max",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub xa_wait_max: Duration,
    /// How the source lists this replica; rowtap's UUID is added. `rowtap` when absent.
    #[serde(default)]
    pub report_host: Option<String>,
    /// Bytes of binlogs that one run may read beside its stream to find out definitions; as many as it takes when absent.
    #[serde(default)]
    pub definitions_scan_max: Option<ByteSize>,
    /// Bytes of them that it may read in a second; as fast as it can when absent.
    #[serde(default)]
    pub definitions_scan_rate_max: Option<ByteSize>,
    /// Where the file of a start is named, for messages about it.
    #[serde(skip)]
    pub start_place: Option<String>,
    /// How what is there already is read: the connector's `[snapshot]`.
    #[serde(skip)]
    pub snapshot: SnapshotOptions,
    /// Bytes of an event beyond which it is not kept whole in memory: the connector's `event_memory_max`.
    #[serde(skip, default = "event_bytes_max")]
    pub event_bytes_max: u64,
}

/// Where options contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OptionProblem {
    /// The keys that it is about, within the section; the first is the one to change.
    pub keys: Vec<String>,
    /// What is wrong, and the fix.
    pub message: String,
}

impl OptionProblem {
    pub(in crate::source) fn new(key: &str, message: String) -> Self {
        Self {
            keys: vec![key.to_owned()],
            message,
        }
    }

    /// Adds a key that it is about too.
    pub(in crate::source) fn beside(mut self, key: &str) -> Self {
        self.keys.push(key.to_owned());
        self
    }

    /// The same, of a table of the section.
    pub(in crate::source) fn within(self, table: &str) -> Self {
        let keys = self.keys.iter();
        Self {
            keys: keys.map(|key| format!("{table}.{key}")).collect(),
            message: format!("{table}: {}", self.message),
        }
    }
}

/// The least room that a source gives a replica's host name.
const REPORT_HOST_BYTES_MAX: usize = 60;
const UUID_BYTES: usize = 36;
/// What a source accepts: the least is a millisecond, the most 4,294,967 seconds.
const HEARTBEAT_MIN: Duration = Duration::from_millis(1);
const HEARTBEAT_MAX: Duration = Duration::from_secs(4_294_967);
/// The longest delay that a replica takes.
const DELAY_MAX: Duration = Duration::from_secs(2_147_483_647);

impl ServerOptions {
    /// How often an idle source is to say that it is alive.
    pub fn heartbeat_period(&self) -> Duration {
        self.heartbeat_period
            .unwrap_or(self.replica_net_timeout / 2)
    }

    /// Where the options contradict each other, each with its fix; empty if they do not.
    pub fn problems(&self) -> Vec<OptionProblem> {
        let mut problems = Vec::new();
        if self.host.is_empty() && self.hosts.is_empty() && self.socket.is_none() {
            let message = "host is empty, name the source".to_owned();
            let problem = OptionProblem::new("host", message);
            problems.push(problem.beside("hosts").beside("socket"));
        }
        if !self.host.is_empty() && !self.hosts.is_empty() {
            let message = "host and hosts are both given, keep one".to_owned();
            problems.push(OptionProblem::new("hosts", message));
        }
        for (index, host) in self.hosts.iter().enumerate() {
            if self.hosts.iter().take(index).any(|other| other == host) {
                let key = format!("hosts.{}", index + 1);
                // Beside a host that is wrong, the numbers are others.
                let problem =
                    OptionProblem::new(&key, format!("hosts names {host} twice, remove one"));
                problems.push(problem.beside("hosts"));
            }
        }
        let mut add = |key: &str, message| problems.push(OptionProblem::new(key, message));
        if self.port == 0 {
            add("port", "port is 0, give that of the source".to_owned());
        }
        if let Some(message) = self.start.problem(true) {
            add("start", message);
        }
        for (name, value) in [
            ("connect_timeout", self.connect_timeout),
            ("replica_net_timeout", self.replica_net_timeout),
            ("source_connect_retry", self.source_connect_retry),
        ] {
            if value.is_zero() {
                let message = format!("{name} is 0, give it a length such as \"10s\"");
                add(name, message);
            }
        }
        let host = self.report_host.as_deref().unwrap_or_default();
        if host.len() > REPORT_HOST_BYTES_MAX - UUID_BYTES - 1 {
            let message = format!(
                "report_host has {} bytes, shorten it to {}",
                host.len(),
                REPORT_HOST_BYTES_MAX - UUID_BYTES - 1
            );
            add("report_host", message);
        }
        if self.source_delay > DELAY_MAX {
            let message = format!(
                "source_delay is {:?}, set it to {DELAY_MAX:?} at most",
                self.source_delay
            );
            add("source_delay", message);
        }
        problems.extend(domains_problem(
            &self.do_domain_ids,
            &self.ignore_domain_ids,
        ));
        if self.definitions_scan_rate_max == Some(ByteSize::b(0)) {
            let message = "definitions_scan_rate_max is 0, give it a size such as \"10MB\", or set definitions_scan_max to 0 for \
                           no scans at all";
            problems.push(OptionProblem::new(
                "definitions_scan_rate_max",
                message.to_owned(),
            ));
        }
        problems.extend(self.heartbeat_problem());
        problems.extend(self.ways_in_problems());
        problems
    }

    /// What is wrong with how to reach the source and to log in.
    fn ways_in_problems(&self) -> Vec<OptionProblem> {
        let mut problems = Vec::new();
        let mut add = |key: &str, message: &str, beside: &str| {
            let problem = OptionProblem::new(key, message.to_owned());
            problems.push(problem.beside(beside));
        };
        if self
            .socket
            .as_ref()
            .is_some_and(|it| it.as_os_str().is_empty())
        {
            let message = "socket is empty, give the path of the source's Unix socket";
            add("socket", message, "socket");
        }
        if self.socket.is_some() && !(self.host.is_empty() && self.hosts.is_empty()) {
            let message = "a source is reached by host and port or by socket, remove one of them";
            add("socket", message, "host");
        }
        if let Some(command) = &self.password_command {
            if command.is_empty() {
                let message = "password_command is empty, give a command that prints the password";
                add("password_command", message, "password_command");
            }
            if !self.password.expose_secret().is_empty() {
                let message = "password_command and password are both given, keep one of them";
                add("password_command", message, "password");
            }
        }
        if self.enable_cleartext_plugin && !self.tls.mode.verifies() {
            let message = "enable_cleartext_plugin sends the password as it is, which only a source whose certificate is checked \
                           may see, set tls.mode to 'verify_ca' or 'verify_identity'";
            add("enable_cleartext_plugin", message, "tls");
        }
        problems
    }

    /// Makes sure that there are no problems.
    ///
    /// # Errors
    /// All that there are.
    pub(in crate::source) fn refuse_problems(&self) -> Result<(), SourceError> {
        let problems = self.problems();
        if problems.is_empty() {
            return Ok(());
        }
        let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Err(SourceError::Options(messages.join("; ")))
    }

    /// What is wrong with the heartbeat; one that is left out follows from `replica_net_timeout`.
    fn heartbeat_problem(&self) -> Option<OptionProblem> {
        let (heartbeat, timeout) = (self.heartbeat_period(), self.replica_net_timeout);
        let message = if timeout.is_zero() {
            return None;
        } else if !(HEARTBEAT_MIN..=HEARTBEAT_MAX).contains(&heartbeat) {
            format!(
                "heartbeat_period is {heartbeat:?}, set it between {HEARTBEAT_MIN:?} and {HEARTBEAT_MAX:?}"
            )
        } else if heartbeat >= timeout {
            format!(
                "heartbeat_period {heartbeat:?} is not shorter than replica_net_timeout {timeout:?}, halve it"
            )
        } else {
            return None;
        };
        let problem = OptionProblem::new("heartbeat_period", message);
        Some(problem.beside("replica_net_timeout"))
    }

    /// The servers that the options name, each by itself.
    pub(in crate::source) fn candidates(&self) -> Vec<Self> {
        let alone = |HostAddress { host, port }: HostAddress| Self {
            host,
            port,
            hosts: Vec::new(),
            ..self.clone()
        };
        match self.hosts.is_empty() {
            true => vec![self.clone()],
            false => self.hosts.iter().cloned().map(alone).collect(),
        }
    }

    /// Where the server listens.
    pub fn address(&self) -> HostAddress {
        HostAddress {
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// Which groups are delivered.
    pub fn choice(&self) -> Choice {
        choice(
            &self.ignore_server_ids,
            &self.do_domain_ids,
            &self.ignore_domain_ids,
        )
    }

    /// The host name under which the source lists a replica with this UUID.
    pub(in crate::source) fn report_host(&self, uuid: uuid::Uuid) -> String {
        format!("{}-{uuid}", self.report_host.as_deref().unwrap_or("rowtap"))
    }

    /// What a connection is made with.
    pub(in crate::source) fn connection(&self) -> mysql::ConnectOptions {
        mysql::ConnectOptions {
            host: self.host.clone(),
            port: self.port,
            socket: self.socket.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            password_command: self.password_command.clone(),
            enable_cleartext_plugin: self.enable_cleartext_plugin,
            tls: self.tls.clone(),
            connect_timeout: self.connect_timeout,
            read_timeout: self.replica_net_timeout,
            compression: self.compression,
            get_source_public_key: self.get_source_public_key,
            source_public_key_path: self.source_public_key_path.clone(),
        }
    }
}

/// What is wrong with a choice of domains: a replica takes one list only.
pub(in crate::source) fn domains_problem(
    do_ids: &[u32],
    ignore_ids: &[u32],
) -> Option<OptionProblem> {
    if do_ids.is_empty() || ignore_ids.is_empty() {
        return None;
    }
    let message = "both do_domain_ids and ignore_domain_ids are given, keep one of the two";
    let problem = OptionProblem::new("ignore_domain_ids", message.to_owned());
    Some(problem.beside("do_domain_ids"))
}

/// The groups that these keys leave.
pub(in crate::source) fn choice(
    ignore_server_ids: &[u32],
    do_domain_ids: &[u32],
    ignore_domain_ids: &[u32],
) -> Choice {
    Choice {
        servers: Ids {
            include: Vec::new(),
            exclude: ignore_server_ids.to_vec(),
        },
        domains: Ids {
            include: do_domain_ids.to_vec(),
            exclude: ignore_domain_ids.to_vec(),
        },
        ..Choice::default()
    }
}

fn port() -> u16 {
    PORT
}

fn failover_wait_max() -> Duration {
    Duration::from_secs(60)
}

fn connect_timeout() -> Duration {
    Duration::from_secs(10)
}

fn replica_net_timeout() -> Duration {
    Duration::from_secs(60)
}

fn source_connect_retry() -> Duration {
    Duration::from_secs(60)
}

fn xa_wait_max() -> Duration {
    Duration::from_secs(30)
}

fn event_bytes_max() -> u64 {
    32 << 20
}

fn source_retry_count() -> u32 {
    10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ServerOptions, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn host_and_user_are_enough() {
        let options = read(r#"{"host":"db","user":"u"}"#).unwrap();
        assert_eq!(options.port, 3306);
        assert_eq!(options.heartbeat_period(), Duration::from_secs(30));
        assert_eq!(options.start, Start::Latest);
        assert_eq!(options.problems(), []);
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        let options = read(
            r#"{"host":"db","user":"u","replica_net_timeout":"2m","heartbeat_period":"1500ms","connect_timeout":"3 seconds"}"#,
        )
        .unwrap();
        assert_eq!(options.replica_net_timeout, Duration::from_secs(120));
        assert_eq!(options.heartbeat_period(), Duration::from_millis(1500));
        assert_eq!(options.connect_timeout, Duration::from_secs(3));
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_refused() {
        for (json, expected) in [
            (
                r#"{"host":"db","user":"u","hots":"x"}"#,
                "unknown field `hots`",
            ),
            (r#"{"host":"db","user":"u","port":"x"}"#, "expected u16"),
            (r#"{"host":"db","user":"u","server_id":0}"#, "nonzero"),
            (
                r#"{"host":"db","user":"u","connect_timeout":"soon"}"#,
                "duration format",
            ),
            (r#"{"host":"db"}"#, "missing field `user`"),
            (
                r#"{"host":"db","user":"u","password_command":5}"#,
                "a command for the shell as a string",
            ),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }

    #[test]
    fn contradictions_are_named_with_their_fix() {
        for (extra, expected) in [
            (r#""heartbeat_period":"60s""#, "halve it"),
            (r#""heartbeat_period":"0s""#, "between"),
            (r#""source_delay":"600000h""#, "2147483647s at most"),
            (
                r#""do_domain_ids":[1],"ignore_domain_ids":[2]"#,
                "keep one of the two",
            ),
            (r#""replica_net_timeout":"0s""#, "give it a length"),
            (r#""socket":"/s""#, "remove one of them"),
            (
                r#""password":"p","password_command":"c""#,
                "keep one of them",
            ),
            (r#""password_command":[]"#, "give a command"),
            (
                r#""enable_cleartext_plugin":true,"tls":{"mode":"required"}"#,
                "set tls.mode to 'verify_ca' or 'verify_identity'",
            ),
            (
                r#""report_host":"a-host-name-that-is-too-long""#,
                "shorten it to 23",
            ),
        ] {
            let options = read(&format!(r#"{{"host":"db","user":"u",{extra}}}"#)).unwrap();
            let problems = options.problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            let message = problems[0].to_string();
            assert!(message.contains(expected), "{extra}: {message}");
        }
    }

    #[test]
    fn hosts_take_the_place_of_a_host() {
        let options = read(r#"{"hosts":["a","[::1]:3307"],"user":"u"}"#).unwrap();
        assert_eq!(options.problems(), []);
        let candidates = options.candidates();
        let addresses: Vec<String> = candidates
            .iter()
            .map(|it| it.address().to_string())
            .collect();
        assert_eq!(addresses, ["a:3306", "[::1]:3307"]);
        for (json, expected) in [
            (r#"{"user":"u"}"#, "host is empty"),
            (r#"{"hosts":[],"user":"u"}"#, "host is empty"),
            (r#"{"hosts":["a"],"host":"a","user":"u"}"#, "keep one"),
            (
                r#"{"hosts":["a","b","a:3306"],"user":"u"}"#,
                "names a:3306 twice",
            ),
        ] {
            let problems = read(json).unwrap().problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].message.contains(expected),
                "{json}: {problems:?}"
            );
        }
        let error = read(r#"{"hosts":["a:b"],"user":"u"}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("is no host"), "{error}");
    }

    #[test]
    fn the_password_is_in_no_debug_output() {
        let options = read(r#"{"host":"db","user":"u","password":"hunter2"}"#).unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
