//! Asks a running process for its status page, with as much of HTTP as that takes. Blocks.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::StatusPage;
use crate::failure::Class;

const WAIT_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why the status page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answers.
    #[error(
        "no rowtap answers at {address}, name a connector file, or the address that it was started with by --http"
    )]
    Unreachable {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Something else answers.
    #[error(
        "what answers at {address} is not rowtap ({found}), name the address that it was started with by --http"
    )]
    Stranger {
        /// The address.
        address: SocketAddr,
        /// The first line, or what is wrong with the rest.
        found: String,
    },
}

impl AskError {
    /// What the failure means; nothing tries again.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } | Self::Stranger { .. } => Class::GaveUp,
        }
    }
}

/// Reads the status page of the process at an address.
///
/// # Errors
/// Nobody answers, or something else than rowtap does.
pub fn ask(address: SocketAddr) -> Result<StatusPage, AskError> {
    let answer = exchange(address).map_err(|error| AskError::Unreachable { address, error })?;
    let stranger = |found: &str| AskError::Stranger {
        address,
        found: found.chars().take(80).collect(),
    };
    let answer = String::from_utf8(answer).map_err(|_| stranger("not text"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| stranger("not HTTP"))?;
    let line = head.lines().next().unwrap_or_default();
    if !line.contains(" 200 ") {
        return Err(stranger(line));
    }
    serde_json::from_str(body).map_err(|error| stranger(&error.to_string()))
}

/// HTTP/1.0: the answer ends where the connection does.
fn exchange(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, WAIT_MAX)?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.set_write_timeout(Some(WAIT_MAX))?;
    stream.write_all(format!("GET /status HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(answer)
}
