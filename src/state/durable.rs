//! The one place where the files of state and sinks are made, read, written, synced, renamed, cut and removed.
//!
//! Each step asks [`fault::planted_failure`] first, so that a test can make any of them fail. Everything here blocks on the
//! disk: asynchronous callers use [`off_the_runtime`](super::off_the_runtime). Files have mode 0600, folders 0700.
//!
//! Follows POSIX: data is durable after fsync of the file, its name after fsync of the folder. After a failed fsync nobody
//! knows what the disk holds, so no step is ever tried again: the run ends, and the next one trusts only what it reads.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use crate::fault::{self, FileRole, FileStep};

/// The ending of a file that is being written and does not count yet.
pub const TEMPORARY: &str = "new";

/// A step that the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {} {}", self.verb(), path.display())]
pub struct FileError {
    /// What was tried.
    pub step: FileStep,
    /// The file or the folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// An open file. It is written at its end.
#[derive(Debug)]
pub struct DurableFile {
    file: File,
    path: PathBuf,
    role: FileRole,
}

/// Puts `bytes` in the place of the file `name` of `folder` and returns it, open for what is to follow them. A reader, or a
/// crash at any moment, sees the old content or the new one.
///
/// # Errors
/// What the file system refuses; the old file then stands, unless only the folder could not be synced.
pub fn replace(
    folder: (&Path, FileRole),
    name: &str,
    role: FileRole,
    bytes: &[u8],
) -> Result<DurableFile, FileError> {
    let temporary = folder.0.join(format!("{name}.{TEMPORARY}"));
    let mut options = options();
    options.create(true).truncate(true);
    let mut file = DurableFile::with(&options, FileStep::Create, &temporary, role)?;
    file.write(bytes)?;
    file.sync_all()?;
    file.path = folder.0.join(name);
    attempt(FileStep::Rename, role, &file.path, || {
        fs::rename(&temporary, &file.path)
    })?;
    sync_folder(folder.0, folder.1)?;
    Ok(file)
}

/// Reads a whole file of at most `bytes_max` bytes; `None` if there is none.
///
/// # Errors
/// What the file system refuses.
pub fn read(path: &Path, role: FileRole, bytes_max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(mut file) = if_there(DurableFile::open_to_read(path, role))? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    attempt(FileStep::Read, role, path, || {
        Read::take(&mut file, bytes_max).read_to_end(&mut bytes)
    })?;
    Ok(Some(bytes))
}

/// The length of a file; `None` if there is none.
///
/// # Errors
/// What the file system refuses.
pub fn length(path: &Path, role: FileRole) -> Result<Option<u64>, FileError> {
    let metadata = attempt(FileStep::Read, role, path, || fs::metadata(path));
    Ok(if_there(metadata)?.map(|metadata| metadata.len()))
}

/// Removes a file; one that is not there is an error.
///
/// # Errors
/// What the file system refuses.
pub fn remove(path: &Path, role: FileRole) -> Result<(), FileError> {
    attempt(FileStep::Remove, role, path, || fs::remove_file(path))
}

/// Removes a file, if it is there.
///
/// # Errors
/// What the file system refuses.
pub fn remove_if_there(path: &Path, role: FileRole) -> Result<(), FileError> {
    if_there(remove(path, role)).map(|_| ())
}

/// Makes a folder, and those above it, if it is missing.
///
/// # Errors
/// What the file system refuses; a file in its place.
pub fn create_folder(path: &Path, role: FileRole) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    attempt(FileStep::Create, role, path, || {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    })?;
    let above = path
        .parent()
        .filter(|above| !above.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    sync_folder(above, role)
}

/// Closes a folder to other users.
///
/// # Errors
/// What the file system refuses.
pub fn make_private(path: &Path, role: FileRole) -> Result<(), FileError> {
    attempt(FileStep::MakePrivate, role, path, || {
        match fs::metadata(path)?.permissions().mode() & 0o077 {
            0 => Ok(()),
            _others => fs::set_permissions(path, Permissions::from_mode(0o700)),
        }
    })
}

/// Closes a file to other users, also one that is no regular file.
///
/// # Errors
/// What the file system refuses.
pub fn make_private_file(path: &Path, role: FileRole) -> Result<(), FileError> {
    attempt(FileStep::MakePrivate, role, path, || {
        fs::set_permissions(path, Permissions::from_mode(0o600))
    })
}

/// A handle of a folder, through which its files can be named while it is open.
///
/// # Errors
/// What the file system refuses.
pub fn folder_handle(path: &Path, role: FileRole) -> Result<File, FileError> {
    attempt(FileStep::Open, role, path, || File::open(path))
}

/// The names in a folder, in no order; none if there is no such folder.
///
/// # Errors
/// What the file system refuses.
pub fn names(folder: &Path, role: FileRole) -> Result<Vec<OsString>, FileError> {
    let names = attempt(FileStep::List, role, folder, || {
        fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    });
    Ok(if_there(names)?.unwrap_or_default())
}

/// Makes the names in a folder durable.
///
/// # Errors
/// What the file system refuses.
pub fn sync_folder(path: &Path, role: FileRole) -> Result<(), FileError> {
    attempt(FileStep::Sync, role, path, || File::open(path)?.sync_all())
}

impl FileError {
    /// The step as a verb: `create`, `write`.
    pub fn verb(&self) -> &'static str {
        match self.step {
            FileStep::Create => "create",
            FileStep::Open => "open",
            FileStep::Lock => "lock",
            FileStep::Read => "read",
            FileStep::List => "list",
            FileStep::Write => "write",
            FileStep::Sync => "sync",
            FileStep::Rename => "replace",
            FileStep::Cut => "cut",
            FileStep::Remove => "remove",
            FileStep::MakePrivate => "make private",
        }
    }

    fn is_missing(&self) -> bool {
        self.source.kind() == ErrorKind::NotFound
    }
}

impl DurableFile {
    /// Makes a file that is not there yet.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn create(path: &Path, role: FileRole) -> Result<Self, FileError> {
        Self::with(options().create_new(true), FileStep::Create, path, role)
    }

    /// Opens a file, or makes an empty one.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn open_or_create(path: &Path, role: FileRole) -> Result<Self, FileError> {
        Self::with(options().create(true), FileStep::Create, path, role)
    }

    /// Opens a file that is there, to write on at its end.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn open(path: &Path, role: FileRole) -> Result<Self, FileError> {
        let mut file = Self::with(&options(), FileStep::Open, path, role)?;
        attempt(FileStep::Read, role, path, || {
            file.file.seek(SeekFrom::End(0))
        })?;
        Ok(file)
    }

    /// Opens a file that is there, to read it from its start.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn open_to_read(path: &Path, role: FileRole) -> Result<Self, FileError> {
        Self::with(OpenOptions::new().read(true), FileStep::Open, path, role)
    }

    /// Makes a file and takes its name away at once, so that the system removes it with the process.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn create_nameless(path: &Path, role: FileRole) -> Result<Self, FileError> {
        let file = Self::create(path, role)?;
        remove(path, role)?;
        Ok(file)
    }

    fn with(
        options: &OpenOptions,
        step: FileStep,
        path: &Path,
        role: FileRole,
    ) -> Result<Self, FileError> {
        let file = attempt(step, role, path, || options.open(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            role,
        })
    }

    /// Where it is, or was.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn length(&self) -> Result<u64, FileError> {
        self.attempt(FileStep::Read, || Ok(self.file.metadata()?.len()))
    }

    /// Adds bytes at the end. After an error nobody knows how many are there.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = &self.file;
        self.attempt_torn(bytes, |bytes| file.write_all(bytes))
    }

    /// Writes bytes at a place of a file that is not written in order.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<(), FileError> {
        self.attempt_torn(bytes, |bytes| self.file.write_all_at(bytes, offset))
    }

    /// Fills `out` from a place of the file on.
    ///
    /// # Errors
    /// What the file system refuses; an end before `out` is full.
    pub fn read_exact_at(&self, out: &mut [u8], offset: u64) -> Result<(), FileError> {
        self.attempt(FileStep::Read, || self.file.read_exact_at(out, offset))
    }

    /// Reads from a place of the file on, as [`Read::read`] does.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(out, offset)
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sync_data(&self) -> Result<(), FileError> {
        self.attempt(FileStep::Sync, || self.file.sync_data())
    }

    /// Makes durable what was written, and all that the system notes of the file.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn sync_all(&self) -> Result<(), FileError> {
        self.attempt(FileStep::Sync, || self.file.sync_all())
    }

    /// Cuts the file to a length, at which it is then written on.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn cut(&mut self, length: u64) -> Result<(), FileError> {
        let mut file = &self.file;
        self.attempt(FileStep::Cut, || {
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length)).map(|_| ())
        })
    }

    /// Takes the file's lock, which is held until the value is dropped; `false` while another process holds it.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn try_lock(&self) -> Result<bool, FileError> {
        self.attempt(FileStep::Lock, || is_taken(self.file.try_lock()))
    }

    /// As [`Self::try_lock`], for a lock that several may hold at a time.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn try_lock_shared(&self) -> Result<bool, FileError> {
        self.attempt(FileStep::Lock, || is_taken(self.file.try_lock_shared()))
    }

    fn attempt<T>(
        &self,
        step: FileStep,
        act: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, FileError> {
        attempt(step, self.role, &self.path, act)
    }

    /// A planted failure writes the first half, as a disk does that gets full.
    fn attempt_torn(
        &self,
        bytes: &[u8],
        mut write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let done = match fault::planted_failure(FileStep::Write, self.role) {
            None => write(bytes),
            Some(planted) => {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                write(half).and(Err(planted))
            }
        };
        done.map_err(|source| FileError {
            step: FileStep::Write,
            path: self.path.clone(),
            source,
        })
    }
}

impl Read for DurableFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.file.read(out)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// Does one step, unless a failure of it is planted.
fn attempt<T>(
    step: FileStep,
    role: FileRole,
    path: &Path,
    act: impl FnOnce() -> io::Result<T>,
) -> Result<T, FileError> {
    let done = match fault::planted_failure(step, role) {
        None => act(),
        Some(planted) => Err(planted),
    };
    done.map_err(|source| FileError {
        step,
        path: path.to_owned(),
        source,
    })
}

fn if_there<T>(done: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match done {
        Err(error) if error.is_missing() => Ok(None),
        done => done.map(Some),
    }
}

fn is_taken(locked: Result<(), TryLockError>) -> io::Result<bool> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: FileRole = FileRole::Journal;

    #[test]
    fn a_replaced_file_holds_the_new_bytes_and_is_written_on_after_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = (dir.path(), FileRole::StateFolder);
        fs::write(dir.path().join("a.new"), "longer than what follows").unwrap();
        replace(folder, "a", ROLE, b"old").unwrap();
        let mut file = replace(folder, "a", ROLE, b"new").unwrap();
        file.write(b", more").unwrap();
        assert_eq!(file.path(), dir.path().join("a"));
        let bytes = read(&dir.path().join("a"), ROLE, 100).unwrap();
        assert_eq!(bytes.as_deref(), Some(&b"new, more"[..]));
        assert_eq!(names(dir.path(), ROLE).unwrap(), ["a"]);
    }

    #[test]
    fn an_opened_file_is_written_at_its_end_and_a_cut_one_where_it_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        DurableFile::create(&path, ROLE)
            .unwrap()
            .write(b"one, two")
            .unwrap();
        let mut file = DurableFile::open(&path, ROLE).unwrap();
        file.write(b", three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one, two, three");
        file.cut(3).unwrap();
        file.write(b"!").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one!");
        assert_eq!(file.length().unwrap(), 4);
        assert!(DurableFile::create(&path, ROLE).is_err());
    }

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert_eq!(read(&missing, ROLE, 1).unwrap(), None);
        assert_eq!(length(&missing, ROLE).unwrap(), None);
        assert_eq!(names(&missing, ROLE).unwrap(), [""; 0]);
        remove_if_there(&missing, ROLE).unwrap();
        let error = remove(&missing, ROLE).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot remove {}", missing.display())
        );
        assert!(read(dir.path(), ROLE, 1).is_err());
    }

    #[test]
    fn folders_are_made_with_those_above_them_and_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        create_folder(&path, ROLE).unwrap();
        create_folder(&path, ROLE).unwrap();
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o700);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        make_private(&path, ROLE).unwrap();
        assert_eq!(mode(), 0o700);
    }
}
