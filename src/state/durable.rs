//! Files that are replaced as a whole and survive a power cut.
//!
//! Follows POSIX: data is durable after fsync of the file, its name after fsync of the folder.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::StateError;

/// The ending of a file that is being written and does not count yet.
pub const TEMPORARY: &str = "new";

/// Puts `bytes` in the place of the file `name` of `folder`: a reader, or a crash at any moment, sees the old content or
/// the new one.
pub fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StateError> {
    let path = folder.join(name);
    let temporary = folder.join(format!("{name}.{TEMPORARY}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(StateError::io("create", &temporary))?;
    file.write_all(bytes)
        .map_err(StateError::io("write", &temporary))?;
    file.sync_all()
        .map_err(StateError::io("sync", &temporary))?;
    std::fs::rename(&temporary, &path).map_err(StateError::io("replace", &path))?;
    sync_folder(folder)
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<(), StateError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(StateError::io("sync", folder))
}

/// Reads a whole file of at most `bytes_max` bytes; `None` if there is none.
pub fn read(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>, StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateError::io("open", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max)
        .read_to_end(&mut bytes)
        .map_err(StateError::io("read", path))?;
    Ok(Some(bytes))
}
