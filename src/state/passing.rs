//! Prepared XA transactions for as long as the process lives: few bytes in memory, some large ones in files of their own, and
//! all others in one file, so that their number costs neither memory nor open files.
//!
//! No file has a name. The shared one gives its space back when nothing is left in it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::error::StateError;
use super::spill::Spill;

/// What may be kept outside the shared file.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Bytes in memory.
    memory_bytes_max: u64,
    /// Files of one transaction.
    files_max: usize,
}

const LIMITS: Limits = Limits {
    memory_bytes_max: 64 << 20,
    files_max: 64,
};
const PIECE_BYTES: u64 = 1 << 20;

/// The bytes of many transactions. Its functions block on the disk.
#[derive(Debug)]
pub(super) struct PassingSpills {
    folder: PathBuf,
    limits: Limits,
    memory_bytes: u64,
    file_count: usize,
    shared: Spill,
    shared_count: u64,
}

/// The bytes of one transaction.
#[derive(Debug)]
pub(super) enum PassingSpill {
    /// They are in memory.
    Memory(Spill),
    /// They have a file.
    File(Spill),
    /// They are a part of the shared file.
    Shared(Range<u64>),
}

impl PassingSpills {
    /// Keeps nothing yet; files go to this folder.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            shared: Spill::nameless(&folder),
            folder,
            limits: LIMITS,
            memory_bytes: 0,
            file_count: 0,
            shared_count: 0,
        }
    }

    /// The folder of its files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps the bytes of a transaction.
    ///
    /// # Errors
    /// `StateError::Io` where the shared file cannot be written.
    pub(super) fn keep(&mut self, mut spill: Spill) -> Result<PassingSpill, StateError> {
        if spill.is_in_memory() {
            if self.memory_bytes + spill.len() <= self.limits.memory_bytes_max {
                self.memory_bytes += spill.len();
                return Ok(PassingSpill::Memory(spill));
            }
        } else if self.file_count < self.limits.files_max {
            self.file_count += 1;
            return Ok(PassingSpill::File(spill));
        }
        let begin = self.shared.len();
        let whole = 0..spill.len();
        copy(&mut spill, whole, &mut self.shared)?;
        self.shared_count += 1;
        Ok(PassingSpill::Shared(begin..self.shared.len()))
    }

    /// Gives the bytes of a transaction back.
    ///
    /// # Errors
    /// `StateError::Io` where the disk fails.
    pub(super) fn take(&mut self, kept: PassingSpill) -> Result<Spill, StateError> {
        let spill = match kept {
            PassingSpill::Memory(spill) => {
                self.memory_bytes -= spill.len();
                spill
            }
            PassingSpill::File(spill) => {
                self.file_count -= 1;
                spill
            }
            PassingSpill::Shared(range) => {
                let mut spill = Spill::nameless(&self.folder);
                copy(&mut self.shared, range, &mut spill)?;
                self.shared_count -= 1;
                if self.shared_count == 0 {
                    self.shared.clear()?;
                }
                spill
            }
        };
        Ok(spill)
    }
}

fn copy(from: &mut Spill, range: Range<u64>, to: &mut Spill) -> Result<(), StateError> {
    let mut piece = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let count = PIECE_BYTES.min(range.end - at);
        piece.resize(usize::try_from(count).unwrap_or(0), 0);
        from.read_exact_at(at, &mut piece)?;
        to.append(&piece)?;
        at += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn spill(folder: &Path, byte: u8, count: usize) -> Spill {
        let mut spill = Spill::nameless(folder);
        spill.append(&vec![byte; count]).unwrap();
        spill
    }

    fn open_files() -> usize {
        fs::read_dir("/proc/self/fd").unwrap().count()
    }

    #[test]
    fn many_transactions_take_neither_memory_nor_files_beyond_the_limits() {
        let dir = tempfile::tempdir().unwrap();
        let mut spills = PassingSpills::new(dir.path().to_owned());
        spills.limits = Limits {
            memory_bytes_max: 100_000,
            files_max: 3,
        };
        let sizes = [1_000, 300_000, 0, 99_000, 700_000];
        let before = open_files();
        let mut kept = Vec::new();
        for (number, byte) in (0..500).zip((0..=u8::MAX).cycle()) {
            let size = sizes[number % sizes.len()];
            let spill = spills.keep(spill(dir.path(), byte, size)).unwrap();
            kept.push((byte, size, spill));
        }
        assert!(spills.memory_bytes <= 100_000);
        // Other tests of this process open files too.
        assert!(open_files() < before + 200);
        for (byte, size, spill) in kept {
            let mut spill = spills.take(spill).unwrap();
            let mut found = vec![0; size];
            assert_eq!(spill.len(), size as u64);
            spill.read_exact_at(0, &mut found).unwrap();
            assert!(found.iter().all(|it| *it == byte));
        }
        let left = (spills.memory_bytes, spills.file_count, spills.shared.len());
        assert_eq!(left, (0, 0, 0));
    }
}
