//! How to reach a server and how far to trust the way there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Everything a [`super::Connection`] needs to know.
///
/// Plain values: the connector file's spelling and defaults belong to the source room. `Debug` shows no password.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Host name or address of the server.
    pub host: String,
    /// TCP port of the server.
    pub port: u16,
    /// The server's Unix socket, which is used instead of host and port.
    pub socket: Option<PathBuf>,
    /// Account name.
    pub user: String,
    /// Account password; empty for an account without one.
    pub password: SecretString,
    /// What prints the password instead, run for each connection.
    pub password_command: Option<PasswordCommand>,
    /// Whether the password may be sent as it is to a server whose certificate was checked.
    pub enable_cleartext_plugin: bool,
    /// Encryption and the checks on the server's certificate.
    pub tls: TlsOptions,
    /// Limit for resolving, connecting, encrypting and authenticating together.
    pub connect_timeout: Duration,
    /// Limit for each wait on the server while a query or command runs; a dump has none of its own.
    pub read_timeout: Duration,
    /// Compression of the client/server protocol.
    pub compression: Compression,
    /// Whether an RSA key that the server sends itself may encrypt the password on a connection without TLS.
    pub get_source_public_key: bool,
    /// PEM file with the RSA key the server must hold; with it the key is never asked for.
    pub source_public_key_path: Option<PathBuf>,
}

impl ConnectOptions {
    /// Returns `host:port`, or the path of the socket, as messages name the server.
    pub fn address(&self) -> String {
        if let Some(socket) = &self.socket {
            return socket.display().to_string();
        }
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A program whose output is a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordCommand {
    /// Run by `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, run as they are.
    Program(Vec<String>),
}

impl PasswordCommand {
    /// Whether it names nothing to run.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Shell(command) => command.trim().is_empty(),
            Self::Program(words) => words.first().is_none_or(String::is_empty),
        }
    }
}

impl<'de> serde::Deserialize<'de> for PasswordCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Command;

        impl<'de> Visitor<'de> for Command {
            type Value = PasswordCommand;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a command for the shell as a string, or a program and its arguments as a list",
                )
            }

            fn visit_str<E: Error>(self, command: &str) -> Result<PasswordCommand, E> {
                Ok(PasswordCommand::Shell(command.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<PasswordCommand, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element()? {
                    words.push(word);
                }
                Ok(PasswordCommand::Program(words))
            }
        }

        deserializer.deserialize_any(Command)
    }
}

/// The `[source.tls]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", default)]
pub struct TlsOptions {
    /// Whether to encrypt and what to check.
    pub mode: TlsMode,
    /// PEM file with the certificates that may sign the server's; absent means the system's.
    pub ca: Option<PathBuf>,
    /// PEM file with the client's certificate chain.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of `certificate`.
    pub key: Option<PathBuf>,
}

/// What MySQL's `--ssl-mode` means by the same words.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// No TLS.
    Disabled,
    /// TLS where the server offers it, without checking whom it comes from.
    #[default]
    Preferred,
    /// TLS or failure, without checking whom it comes from.
    Required,
    /// TLS with a certificate signed by a trusted authority, for whatever host it was made.
    VerifyCa,
    /// TLS with a certificate signed by a trusted authority for this very host.
    VerifyIdentity,
}

impl TlsMode {
    /// Whether the server's certificate chain is checked.
    pub fn verifies(self) -> bool {
        match self {
            Self::Disabled | Self::Preferred | Self::Required => false,
            Self::VerifyCa | Self::VerifyIdentity => true,
        }
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Preferred => "preferred",
            Self::Required => "required",
            Self::VerifyCa => "verify_ca",
            Self::VerifyIdentity => "verify_identity",
        })
    }
}

/// Compression of the client/server protocol.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// zlib, which MySQL and MariaDB both know.
    Zlib,
    /// Zstandard, MySQL 8.0.18 and later.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
        })
    }
}
