//! The state folder of one connector, and the lock that keeps a second process out of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::durable::{self, FileError};
use super::error::StateError;
use super::lock::{LockFile, LockOwner};
use super::relay_log_info::{self, FILE_BYTES_MAX, FILE_NAME};
use super::replica_identity::{self, ReplicaIdentity};
use super::spill;
use crate::change::Checkpoint;
use crate::fault::FileRole;

/// The file that tells where the connector's changes went last.
pub const TARGET_NAME: &str = "target";
const TARGET_BYTES_MAX: u64 = 64 << 10;
/// The file of the commands that tell definitions.
const COMMANDS: &str = "definitions-to-tell.sh";
const COMMANDS_BYTES_MAX: u64 = 64 << 20;
const LOCK_ATTEMPTS_MAX: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// An open state folder. The lock is held until the value is dropped, or at the latest until the process ends.
///
/// All its functions block on the disk: asynchronous callers use [`off_the_runtime`](super::off_the_runtime).
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    lock: LockFile,
}

impl StateFolder {
    /// Creates `<state_dir>/<connector>` if it is missing, locks it, and removes unfinished files of an interrupted run.
    ///
    /// # Errors
    /// `StateError::Locked` while another process has it open; `StateError::Io` where the folder cannot be written.
    pub fn open(state_dir: &Path, connector: &str) -> Result<Self, StateError> {
        let path = state_dir.join(connector);
        durable::create_folder(&path, FileRole::StateFolder)?;
        durable::make_private(&path, FileRole::StateFolder)?;
        let lock = LockFile::open(&path, FileRole::StateLock)?;
        if !take(&lock)? {
            let owner = lock.owner();
            return Err(StateError::Locked { path, owner });
        }
        let mut folder = Self { path, lock };
        folder.remove_leftovers()?;
        folder.announce(None)?;
        Ok(folder)
    }

    /// Tells who has a connector's folder open now: `None` if nobody does, or if there is no such folder.
    ///
    /// # Errors
    /// `StateError::Io` where the lock file cannot be read.
    pub fn owner(state_dir: &Path, connector: &str) -> Result<Option<LockOwner>, StateError> {
        let path = state_dir.join(connector);
        Ok(LockFile::peek(&path, FileRole::StateLock)?)
    }

    /// Reads a connector's checkpoint without locking its folder; the file is always replaced as a whole.
    ///
    /// # Errors
    /// As [`StateFolder::checkpoint`].
    pub fn peek(state_dir: &Path, connector: &str) -> Result<Option<Checkpoint>, StateError> {
        read_checkpoint(&state_dir.join(connector))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes into the lock file where this process serves its status, for `rowtap status`.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be written.
    pub fn announce(&mut self, http: Option<SocketAddr>) -> Result<(), StateError> {
        Ok(self.lock.announce(http)?)
    }

    /// Reads the checkpoint; `None` only if there has never been one.
    ///
    /// # Errors
    /// `StateError::Checkpoint` if the file exists but is not, byte for byte, what was written.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, StateError> {
        read_checkpoint(&self.path)
    }

    /// Replaces the checkpoint; it is durable on return.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be written; the old checkpoint then stands.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let text = relay_log_info::encode(checkpoint).map_err(|error| StateError::Unwritable {
            path: self.path.join(FILE_NAME),
            error,
        })?;
        let folder = (self.path(), FileRole::StateFolder);
        durable::replace(folder, FILE_NAME, FileRole::RelayLogInfo, text.as_bytes())?;
        Ok(())
    }

    /// Keeps commands for a person to edit and run, and returns where. Those that are there already, perhaps edited, stay if
    /// they begin with the same two lines.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be read or written.
    pub fn keep_commands(&self, text: &str) -> Result<PathBuf, StateError> {
        let path = self.path.join(COMMANDS);
        let role = FileRole::ToldDefinitions;
        let there = durable::read(&path, role, COMMANDS_BYTES_MAX).unwrap_or_default();
        let title: String = text.split_inclusive('\n').take(2).collect();
        if !there.is_some_and(|there| there.starts_with(title.as_bytes())) {
            let folder = (self.path(), FileRole::StateFolder);
            durable::replace(folder, COMMANDS, role, text.as_bytes())?;
        }
        Ok(path)
    }

    /// Who this connector is to its source; made up at the first call ever and kept.
    ///
    /// # Errors
    /// `StateError::Identity` if the file is there and cannot be understood, `StateError::Io` where it cannot be written.
    pub fn identity(&self) -> Result<ReplicaIdentity, StateError> {
        replica_identity::read_or_create(&self.path)
    }

    /// Where the connector's changes went last; `None` if nothing tells.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be read.
    pub fn target(&self) -> Result<Option<String>, StateError> {
        read_target(&self.path)
    }

    /// The same without locking the connector's folder.
    ///
    /// # Errors
    /// As [`StateFolder::target`].
    pub fn peek_target(state_dir: &Path, connector: &str) -> Result<Option<String>, StateError> {
        read_target(&state_dir.join(connector))
    }

    /// Keeps where the connector's changes go from now on; durable on return.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be written.
    pub fn keep_target(&self, target: &str) -> Result<(), StateError> {
        if self.target()?.as_deref() == Some(target) {
            return Ok(());
        }
        let folder = (self.path(), FileRole::StateFolder);
        let text = format!("{target}\n");
        durable::replace(folder, TARGET_NAME, FileRole::Target, text.as_bytes())?;
        Ok(())
    }

    fn remove_leftovers(&self) -> Result<(), StateError> {
        for name in durable::names(&self.path, FileRole::StateFolder)? {
            let path = self.path.join(name);
            let unfinished = path
                .extension()
                .is_some_and(|ending| ending == durable::TEMPORARY || ending == spill::ENDING);
            if unfinished {
                durable::remove(&path, FileRole::StateFolder)?;
            }
        }
        Ok(())
    }
}

/// Takes the lock unless another process has it. [`StateFolder::owner`] holds it for a moment, hence the few attempts.
fn take(lock: &LockFile) -> Result<bool, FileError> {
    for _attempt in 1..LOCK_ATTEMPTS_MAX {
        if lock.try_take()? {
            return Ok(true);
        }
        thread::sleep(LOCK_PAUSE);
    }
    lock.try_take()
}

fn read_target(folder: &Path) -> Result<Option<String>, StateError> {
    let path = folder.join(TARGET_NAME);
    let bytes = durable::read(&path, FileRole::Target, TARGET_BYTES_MAX)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

fn read_checkpoint(folder: &Path) -> Result<Option<Checkpoint>, StateError> {
    let path = folder.join(FILE_NAME);
    let Some(bytes) = durable::read(&path, FileRole::RelayLogInfo, FILE_BYTES_MAX)? else {
        return Ok(None);
    };
    match relay_log_info::decode(&bytes) {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(error) => Err(StateError::Checkpoint { path, error }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_and_its_files_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(&dir.path().join("new/state"), "shop").unwrap();
        folder.identity().unwrap();
        assert_eq!(mode(folder.path()), 0o700);
        for name in ["lock", "auto.cnf"] {
            assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_folder_that_others_can_read_is_made_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        StateFolder::open(dir.path(), "shop").unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_second_one_is_kept_out_and_told_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = StateFolder::open(dir.path(), "shop").unwrap();
        first
            .announce(Some("127.0.0.1:9633".parse().unwrap()))
            .unwrap();
        let error = StateFolder::open(dir.path(), "shop").unwrap_err();
        let pid = std::process::id();
        assert!(
            error.to_string().contains(&format!("process {pid}")),
            "{error}"
        );
        let owner = StateFolder::owner(dir.path(), "shop").unwrap().unwrap();
        assert_eq!(owner.pid, pid);
        assert_eq!(owner.http, Some("127.0.0.1:9633".parse().unwrap()));
        StateFolder::open(dir.path(), "other").unwrap();
        drop(first);
        assert_eq!(StateFolder::owner(dir.path(), "shop").unwrap(), None);
        StateFolder::open(dir.path(), "shop").unwrap();
    }

    #[test]
    fn a_longer_announcement_leaves_nothing_behind_in_a_shorter_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = StateFolder::open(dir.path(), "shop").unwrap();
        folder
            .announce(Some("127.0.0.1:9633".parse().unwrap()))
            .unwrap();
        folder.announce(None).unwrap();
        assert_eq!(
            StateFolder::owner(dir.path(), "shop")
                .unwrap()
                .unwrap()
                .http,
            None
        );
    }

    #[test]
    fn a_target_is_kept_until_there_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        assert_eq!(folder.target().unwrap(), None);
        for target in ["/srv/changes", "/srv/changes", "kafka"] {
            folder.keep_target(target).unwrap();
            assert_eq!(folder.target().unwrap().as_deref(), Some(target));
        }
        assert_eq!(mode(&folder.path().join(TARGET_NAME)), 0o600);
    }

    #[test]
    fn what_an_interrupted_run_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop");
        fs::create_dir(&path).unwrap();
        for name in ["relay-log.info.new", "0.spill", "kept.txt"] {
            fs::write(path.join(name), "x").unwrap();
        }
        StateFolder::open(dir.path(), "shop").unwrap();
        let names =
            ["relay-log.info.new", "0.spill", "kept.txt"].map(|name| path.join(name).exists());
        assert_eq!(names, [false, false, true]);
    }

    #[test]
    fn a_state_dir_that_is_a_file_is_refused_with_a_fix() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = StateFolder::open(&file, "shop").unwrap_err().to_string();
        assert!(error.ends_with("set state_dir to a folder"), "{error}");
    }
}
