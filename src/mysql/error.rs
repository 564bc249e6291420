//! Why a connection fails, sorted by what can be done about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::auth::AuthenticationError;
use super::fields::Malformed;
use super::options::{Compression, TlsMode};
use super::packet::PacketError;
use super::public_key::PublicKeyError;
use super::response::ServerError;
use super::tls::TlsConfigError;
use crate::failure::Class;

/// Why a connection could not be made or went away. No variant ever holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The name has no address.
    #[error("{address} has no network address, check source.host")]
    Resolve {
        /// `host:port`.
        address: String,
        /// What the resolver said.
        #[source]
        source: Option<io::Error>,
    },
    /// Nothing answers at the address.
    #[error("{address} cannot be reached, check source.host, source.port and that the server runs")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing answers at the socket.
    #[error(
        "the socket {path} cannot be connected to, check source.socket, its permissions and that the server runs",
        path = path.display()
    )]
    SocketUnreachable {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server did not answer in time.
    #[error("{address} did not answer within {limit:?} while {during}")]
    Timeout {
        /// `host:port`.
        address: String,
        /// What was going on.
        during: &'static str,
        /// The limit that passed.
        limit: Duration,
    },
    /// The connection ended in the middle.
    #[error("{address} closed the connection while {during}")]
    Closed {
        /// `host:port`.
        address: String,
        /// What was going on.
        during: &'static str,
    },
    /// The connection broke.
    #[error("the connection to {address} broke while {during}")]
    Io {
        /// `host:port`.
        address: String,
        /// What was going on.
        during: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something answers that does not greet as a MySQL server does.
    #[error("{address} does not greet as a MySQL server does, check source.host and source.port")]
    Stranger {
        /// `host:port`.
        address: String,
        /// What is wrong with its greeting.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server turned the connection away before the login.
    #[error("{address} accepts no connection: {error}, {fix}")]
    TurnedAway {
        /// `host:port`.
        address: String,
        /// What the server said.
        error: ServerError,
        /// What to do.
        fix: &'static str,
    },
    /// The login failed.
    #[error("user '{user}' cannot log in to {address} ({plugin})")]
    Login {
        /// `host:port`.
        address: String,
        /// The account.
        user: String,
        /// The authentication plugin in use.
        plugin: &'static str,
        /// Why.
        #[source]
        source: Box<AuthenticationError>,
    },
    /// The mode wants TLS and the server has none.
    #[error(
        "{address} offers no TLS and source.tls.mode is '{mode}', turn TLS on at the server or set the mode to \
         'preferred'"
    )]
    TlsNotOffered {
        /// `host:port`.
        address: String,
        /// The mode.
        mode: TlsMode,
    },
    /// The server's certificate does not pass the mode's checks.
    #[error(
        "the certificate of {address} is not accepted with source.tls.mode '{mode}': {reason}, {fix}"
    )]
    Certificate {
        /// `host:port`.
        address: String,
        /// The mode.
        mode: TlsMode,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        fix: &'static str,
    },
    /// TLS could not be agreed on.
    #[error(
        "no TLS connection to {address}: {reason}, see that the server knows TLS 1.3, or TLS 1.2 with ECDHE, and, where it \
         asks for one, accepts source.tls.certificate, or go without by source.tls.mode = 'disabled'"
    )]
    Tls {
        /// `host:port`.
        address: String,
        /// What the library said.
        reason: String,
    },
    /// Certificates or keys of the configuration cannot be used.
    #[error("TLS to {address} cannot be set up")]
    TlsConfig {
        /// `host:port`.
        address: String,
        /// Why.
        #[source]
        source: TlsConfigError,
    },
    /// The command that prints the password did not.
    #[error("the password for {address} is not to be had, check source.password_command")]
    Password {
        /// `host:port`.
        address: String,
        /// Why.
        #[source]
        source: PasswordCommandError,
    },
    /// A file of the configuration cannot be read.
    #[error("{key} names {path}, which cannot be read, check the path and its permissions")]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The key file holds no key.
    #[error(
        "source.source_public_key_path names {path}, which is not usable, give the server's public_key.pem"
    )]
    PublicKeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: PublicKeyError,
    },
    /// The server cannot compress as configured.
    #[error(
        "{address} offers no {compression} compression, set source.compression to one that it does or to 'none'"
    )]
    CompressionNotOffered {
        /// `host:port`.
        address: String,
        /// What was configured.
        compression: Compression,
    },
    /// The server answered a command with an error.
    #[error("{address} answered with {error}")]
    Server {
        /// `host:port`.
        address: String,
        /// What the server said.
        error: ServerError,
    },
    /// The server asked for a local file.
    #[error(
        "{address} asked for a file of this machine (LOCAL INFILE), which rowtap never sends, find out whether this is \
         the server you meant"
    )]
    LocalInfile {
        /// `host:port`.
        address: String,
    },
    /// A result is larger than anything rowtap asks for.
    #[error("{address} sent a result of more than {max} bytes")]
    ResultTooLarge {
        /// `host:port`.
        address: String,
        /// The limit.
        max: usize,
    },
    /// The bytes are not packets.
    #[error("{address} sent bytes that are not its protocol")]
    Packet {
        /// `host:port`.
        address: String,
        /// Why.
        #[source]
        source: PacketError,
    },
    /// A packet cannot be read.
    #[error("{address} sent a packet that cannot be read")]
    Malformed {
        /// `host:port`.
        address: String,
        /// Why.
        #[source]
        source: Malformed,
    },
    /// A packet came that has no place.
    #[error("{address} sent {found} while {during}, which does not belong there")]
    OutOfTurn {
        /// `host:port`.
        address: String,
        /// What arrived.
        found: &'static str,
        /// What was going on.
        during: &'static str,
    },
    /// A command was given up half-way before, so that its answer could be taken for another's.
    #[error("the connection to {address} was left in the middle of a command")]
    Abandoned {
        /// `host:port`.
        address: String,
    },
}

/// Why a command did not print a password. What it printed is never told, unless it printed it as an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordCommandError {
    /// It cannot be started.
    #[error("it cannot be run")]
    Run(#[source] io::Error),
    /// It failed.
    #[error("it ended with {status}, and said on standard error: {said}")]
    Failed {
        /// How it ended.
        status: String,
        /// The end of what it wrote to standard error, in one line.
        said: String,
    },
    /// It did not end in time.
    #[error("it did not end within {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// What it printed cannot be a password.
    #[error("it printed {found}, expected the password alone, as one line of text")]
    Output {
        /// What was found.
        found: &'static str,
    },
}

impl PasswordCommandError {
    /// What the failure means: whoever makes tokens may be away for a while.
    fn class(&self) -> Class {
        match self {
            Self::Run(_) | Self::Output { .. } => Class::Configuration,
            Self::Failed { .. } | Self::Timeout { .. } => Class::Transient,
        }
    }
}

/// Errors of a server that pass by themselves.
const TRANSIENT_CODES: &[u16] = &[
    1040, // too many connections
    1053, // shutting down
    1077, // normal shutdown
    1079, // aborting
    1152, 1158, 1159, 1160, 1161, 1184, // a connection between the two broke
    1203, 1226, // the account has too many connections
    1205, 1213, // lock wait, deadlock
    1317, 1927, 1969, 3024, // killed, timed out
    3032, // offline mode
    4031, // closed for idleness
];

impl ConnectionError {
    /// What the failure means: transient where the network or the server is not there, or not there yet; refused where server
    /// and client are at odds until a person changes one of them; configuration where this machine is wrong, whatever the
    /// server is like.
    pub fn class(&self) -> Class {
        match self {
            Self::Resolve { .. }
            | Self::Unreachable { .. }
            | Self::SocketUnreachable { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Io { .. }
            | Self::Abandoned { .. } => Class::Transient,
            Self::Password { source, .. } => source.class(),
            Self::TurnedAway { error, .. } | Self::Server { error, .. } => said(Some(error)),
            Self::Login { source, .. } => said(source.server_error()),
            Self::Stranger { .. }
            | Self::TlsNotOffered { .. }
            | Self::Certificate { .. }
            | Self::Tls { .. }
            | Self::CompressionNotOffered { .. }
            | Self::LocalInfile { .. } => Class::Refused,
            Self::TlsConfig { .. } | Self::File { .. } | Self::PublicKeyFile { .. } => {
                Class::Configuration
            }
            Self::ResultTooLarge { .. }
            | Self::Packet { .. }
            | Self::Malformed { .. }
            | Self::OutOfTurn { .. } => Class::Data,
        }
    }

    /// Returns what the server said, where it is the server that failed the call.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::TurnedAway { error, .. } | Self::Server { error, .. } => Some(error),
            Self::Login { source, .. } => source.server_error(),
            _ => None,
        }
    }
}

/// What a server means that failed a call, or a login for a reason of its own.
fn said(error: Option<&ServerError>) -> Class {
    match error {
        Some(error) if TRANSIENT_CODES.contains(&error.code) => Class::Transient,
        Some(_) | None => Class::Refused,
    }
}
