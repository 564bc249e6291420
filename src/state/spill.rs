//! A file for the events of a group that is too large for memory.
//!
//! Written at its end, read from its start, then dropped. It loses its name as soon as it is open, so the system removes
//! it when the process ends; and it is made only once there is more than fits into a buffer. Prepared XA transactions are
//! kept in files of the same kind that have a name.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::durable::DurableFile;
use super::error::StateError;
use crate::fault::FileRole;

/// The ending of a spill file's name, for the moment that it has one.
pub const ENDING: &str = "spill";
const BUFFER_BYTES_MAX: usize = 256 * 1024;

/// An append-only file. Its functions block on the disk.
#[derive(Debug)]
pub struct Spill {
    home: SpillHome,
    /// Bytes in the file; those of `buffer` follow them.
    written: u64,
    buffer: Vec<u8>,
}

/// Where the bytes go.
#[derive(Debug)]
enum SpillHome {
    File(DurableFile),
    /// A file without a name in this folder, which is made when the buffer is full.
    Folder(PathBuf),
}

impl Spill {
    /// Prepares an empty file without a name in a folder: a connector's, or the system's for temporary files. Few bytes stay
    /// in memory.
    pub fn nameless(folder: &Path) -> Self {
        Self::over(SpillHome::Folder(folder.to_owned()))
    }

    /// Appends to a file that is empty.
    pub(super) fn in_file(file: DurableFile) -> Self {
        Self::over(SpillHome::File(file))
    }

    /// Reads a file that is there.
    ///
    /// # Errors
    /// `StateError::Io` where the disk fails.
    pub(super) fn of_file(file: DurableFile) -> Result<Self, StateError> {
        let written = file.length()?;
        Ok(Self {
            written,
            ..Self::in_file(file)
        })
    }

    fn over(home: SpillHome) -> Self {
        Self {
            home,
            written: 0,
            buffer: Vec::new(),
        }
    }

    /// Adds bytes at the end and returns the offset at which they begin.
    ///
    /// # Errors
    /// `StateError::Io`, also when the disk is full; what was appended before can still be read.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, StateError> {
        let offset = self.len();
        if self.buffer.len().saturating_add(bytes.len()) > BUFFER_BYTES_MAX {
            self.flush()?;
        }
        if bytes.len() > BUFFER_BYTES_MAX {
            self.write(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(offset)
    }

    /// How many bytes were appended.
    pub fn len(&self) -> u64 {
        self.written.saturating_add(length(&self.buffer))
    }

    /// Whether all of it is in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.home, SpillHome::Folder(_))
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// `StateError::Io` if the disk fails, or if `out` reaches past the end of the file.
    pub fn read_exact_at(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StateError> {
        if let SpillHome::Folder(_) = self.home {
            let found = usize::try_from(offset)
                .ok()
                .and_then(|offset| self.buffer.get(offset..offset.checked_add(out.len())?));
            if let Some(found) = found {
                out.copy_from_slice(found);
                return Ok(());
            }
        }
        self.flush()?;
        Ok(self.file()?.read_exact_at(out, offset)?)
    }

    /// Reads everything from the start. Appending may go on once the reader is dropped.
    ///
    /// # Errors
    /// `StateError::Io` where the last bytes cannot be written.
    pub fn reader(&mut self) -> Result<SpillReader<'_>, StateError> {
        self.flush()?;
        Ok(SpillReader {
            spill: self,
            offset: 0,
        })
    }

    /// Forgets everything and gives the disk space back; the file can then be used again.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be cut.
    pub fn clear(&mut self) -> Result<(), StateError> {
        self.buffer.clear();
        if let SpillHome::File(file) = &mut self.home {
            file.cut(0)?;
        }
        self.written = 0;
        Ok(())
    }

    /// The file, which is made if it is not there yet.
    fn file(&mut self) -> Result<&mut DurableFile, StateError> {
        if let SpillHome::Folder(folder) = &self.home {
            let path = folder.join(format!("{}.{ENDING}", Uuid::new_v4()));
            self.home = SpillHome::File(DurableFile::create_nameless(&path, FileRole::Spill)?);
        }
        match &mut self.home {
            SpillHome::File(file) => Ok(file),
            SpillHome::Folder(_) => unreachable!("the file was made"),
        }
    }

    /// Writes what is in memory to the file.
    pub(super) fn flush(&mut self) -> Result<(), StateError> {
        let buffer = std::mem::take(&mut self.buffer);
        let result = self.write(&buffer);
        self.buffer = buffer;
        if result.is_ok() {
            self.buffer.clear();
        }
        result
    }

    /// Writes at `written`, so that the next write overwrites one that failed halfway.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let written = self.written;
        self.file()?.write_at(bytes, written)?;
        self.written = self.written.saturating_add(length(bytes));
        Ok(())
    }

    /// Where the file was if it no longer has a name, or the folder in which it is to be made.
    pub fn path(&self) -> &Path {
        match &self.home {
            SpillHome::File(file) => file.path(),
            SpillHome::Folder(folder) => folder,
        }
    }
}

/// Reads a spill file in order; wrap it in a `BufReader` for small reads.
#[derive(Debug)]
pub struct SpillReader<'a> {
    spill: &'a Spill,
    offset: u64,
}

impl Read for SpillReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.spill.written.saturating_sub(self.offset);
        let wanted = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        let (out, _) = out.split_at_mut(wanted);
        let count = match &self.spill.home {
            SpillHome::File(file) => file.read_at(out, self.offset)?,
            SpillHome::Folder(_) => 0,
        };
        self.offset = self.offset.saturating_add(count as u64);
        Ok(count)
    }
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spill() -> (tempfile::TempDir, Spill) {
        let dir = tempfile::tempdir().unwrap();
        let spill = Spill::nameless(dir.path());
        (dir, spill)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn what_is_appended_is_read_back_in_order(
            pieces in prop::collection::vec((any::<u8>(), 0usize..400_000), 0..12)
        ) {
            let (_dir, mut spill) = spill();
            let mut expected = Vec::new();
            for (byte, count) in pieces {
                let piece = vec![byte; count];
                prop_assert_eq!(spill.append(&piece).unwrap(), expected.len() as u64);
                expected.extend(piece);
            }
            prop_assert_eq!(spill.len(), expected.len() as u64);
            let mut found = Vec::new();
            spill.reader().unwrap().read_to_end(&mut found).unwrap();
            prop_assert!(found == expected);
            spill.append(b"more").unwrap();
            let mut tail = [0; 4];
            spill.read_exact_at(expected.len() as u64, &mut tail).unwrap();
            prop_assert_eq!(&tail, b"more");
        }
    }

    #[test]
    fn a_spill_file_has_no_name() {
        let (dir, mut spill) = spill();
        spill.append(&[7; 1000]).unwrap();
        spill.flush().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_cleared_spill_is_empty_and_of_use_again() {
        let (_dir, mut spill) = spill();
        spill.append(&[1; 600_000]).unwrap();
        spill.append(&[2; 10]).unwrap();
        spill.clear().unwrap();
        assert!(spill.is_empty());
        spill.append(b"again").unwrap();
        let mut found = String::new();
        spill.reader().unwrap().read_to_string(&mut found).unwrap();
        assert_eq!(found, "again");
    }

    #[test]
    fn a_full_disk_is_named_as_such() {
        let full = DurableFile::open(Path::new("/dev/full"), FileRole::Spill).unwrap();
        let mut spill = Spill::in_file(full);
        let error = spill.append(&[0; BUFFER_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write /dev/full, the disk is full, make room and start again"
        );
    }

    #[test]
    fn a_read_past_the_end_is_an_error() {
        let (_dir, mut spill) = spill();
        spill.append(b"abc").unwrap();
        assert!(spill.read_exact_at(1, &mut [0; 3]).is_err());
    }
}
