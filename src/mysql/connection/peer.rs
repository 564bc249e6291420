//! Who is at the other end of a connection, and how errors name it.

use secrecy::{ExposeSecret as _, SecretString};

use super::transport::TransportError;
use crate::mysql::error::ConnectionError;
use crate::mysql::fields::Malformed;
use crate::mysql::flavour::Flavour;
use crate::mysql::response::ServerError;

/// A server and the connection to it, as the greeting told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The version, such as `9.7.4` or `10.11.14-MariaDB-log`.
    pub version: String,
    /// Which family the server belongs to.
    pub flavour: Flavour,
    /// The connection's number, as `SHOW PROCESSLIST` tells it.
    pub connection_id: u32,
    /// The version of TLS in use, such as `TLSv1.3`; `None` on a connection in plain text.
    pub tls: Option<String>,
}

/// What messages about a connection need.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: String,
    pub(super) password: SecretString,
}

impl Peer {
    pub(super) fn answered(&self, error: ServerError) -> ConnectionError {
        ConnectionError::Server {
            address: self.address.clone(),
            error: error.without(self.password.expose_secret()),
        }
    }

    pub(super) fn malformed(&self, source: Malformed) -> ConnectionError {
        ConnectionError::Malformed {
            address: self.address.clone(),
            source,
        }
    }

    pub(super) fn out_of_turn(&self, found: &'static str, during: &'static str) -> ConnectionError {
        ConnectionError::OutOfTurn {
            address: self.address.clone(),
            found,
            during,
        }
    }

    pub(super) fn lost(&self, during: &'static str, error: TransportError) -> ConnectionError {
        let address = self.address.clone();
        match error {
            TransportError::Closed => ConnectionError::Closed { address, during },
            TransportError::Packet(source) => ConnectionError::Packet { address, source },
            TransportError::Io(source) => {
                let tls = source
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref::<rustls::Error>());
                match tls {
                    Some(error) => ConnectionError::Tls {
                        address,
                        reason: error.to_string(),
                    },
                    None => ConnectionError::Io {
                        address,
                        during,
                        source,
                    },
                }
            }
        }
    }
}
