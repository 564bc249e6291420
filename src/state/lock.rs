//! Lock files: one process at a time has a folder, and tells in the file who it is.
//!
//! `key=value` lines: `pid`, and `http` where the process serves its status pages. What they say counts only while the file
//! is locked.

use std::net::SocketAddr;
use std::path::Path;

use super::durable::{DurableFile, FileError};
use crate::fault::FileRole;

/// The name of a lock file in the folder that it locks.
pub const LOCK_NAME: &str = "lock";
const BYTES_MAX: usize = 4096;

/// The process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockOwner {
    /// Its process id; 0 before it has written it.
    pub pid: u32,
    /// Where it serves its status, if it does.
    pub http: Option<SocketAddr>,
}

/// An open lock file. A lock that was taken is held until the value is dropped, by the end of the process at the latest.
#[derive(Debug)]
pub struct LockFile(DurableFile);

impl LockFile {
    /// Opens a folder's lock file, or makes it.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn open(folder: &Path, role: FileRole) -> Result<Self, FileError> {
        DurableFile::open_or_create(&folder.join(LOCK_NAME), role).map(Self)
    }

    /// Tells who holds a folder's lock now: `None` if nobody does, or if there is no such file.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn peek(folder: &Path, role: FileRole) -> Result<Option<LockOwner>, FileError> {
        let opened = DurableFile::open_to_read(&folder.join(LOCK_NAME), role);
        let lock = match opened {
            Ok(file) => Self(file),
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // A shared lock: two commands that ask at once do not take each other for the owner.
        if lock.0.try_lock_shared()? {
            return Ok(None);
        }
        Ok(Some(
            lock.owner().unwrap_or(LockOwner { pid: 0, http: None }),
        ))
    }

    /// Takes the lock; `false` while another holds it.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn try_take(&self) -> Result<bool, FileError> {
        self.0.try_lock()
    }

    /// Who holds the lock, as the file says; `None` if its owner has not written it yet.
    pub fn owner(&self) -> Option<LockOwner> {
        let mut bytes = [0; BYTES_MAX];
        let length = self.0.read_at(&mut bytes, 0).ok()?;
        let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(found, _)| *found == key)
                .map(|(_, value)| value)
        };
        Some(LockOwner {
            pid: value("pid")?.parse().ok()?,
            http: value("http").and_then(|address| address.parse().ok()),
        })
    }

    /// Writes down that this process holds the lock, and where it serves its status.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn announce(&mut self, http: Option<SocketAddr>) -> Result<(), FileError> {
        let mut text = format!("pid={}\n", std::process::id());
        if let Some(address) = http {
            text.push_str(&format!("http={address}\n"));
        }
        self.0.cut(0)?;
        self.0.write(text.as_bytes())
    }
}
