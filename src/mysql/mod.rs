//! The MySQL client/server protocol as a replica speaks it.
//!
//! Not a general client: it authenticates, runs the few queries that rowtap needs, and receives a binlog dump. All
//! but [`Connection`] is pure: bytes in, values out, and the other way round.

mod auth;
mod binary_rows;
mod certificate;
pub mod command;
mod compression;
mod connection;
mod error;
mod fields;
mod flavour;
mod handshake;
mod options;
mod packet;
mod public_key;
mod response;
mod result_set;
mod tls;

pub use auth::AuthenticationError;
pub use binary_rows::{BinaryRow, WireKind, WireMoment, WireTime, WireValue};
pub use command::DumpFlags;
pub use connection::{Connection, Dump, Packets, Server};
pub use error::{ConnectionError, PasswordCommandError};
pub use fields::Malformed;
pub use flavour::Flavour;
pub(crate) use flavour::version_numbers;
pub use options::{Compression, ConnectOptions, PasswordCommand, TlsMode, TlsOptions};
pub use packet::{PacketError, Portion};
pub use public_key::PublicKeyError;
pub use response::ServerError;
pub use result_set::ResultSet;
pub use tls::TlsConfigError;
