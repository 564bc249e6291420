//! The bytes of a file, as many as events need.

use std::io;

use super::{CHUNK_BYTES, Splitter};
use crate::source::file_error::FileError;
use crate::source::files::input::Input;

/// What ended the reading of bytes.
#[derive(Debug)]
pub(super) struct Broken {
    error: io::Error,
    is_compressed: bool,
}

impl Splitter {
    /// Reads until there are `count` bytes, and returns whether there are fewer: the file ended, or its bytes cannot be read,
    /// which is told when more are asked for.
    pub(super) fn fill(
        &mut self,
        input: &mut Input,
        bytes: &mut Vec<u8>,
        count: usize,
    ) -> Result<bool, FileError> {
        self.fill_behind(input, bytes, count, 0)
    }

    /// As [`Splitter::fill`], where `passed` bytes of the present event have left.
    pub(super) fn fill_behind(
        &mut self,
        input: &mut Input,
        bytes: &mut Vec<u8>,
        count: usize,
        passed: usize,
    ) -> Result<bool, FileError> {
        let missing = count.saturating_sub(bytes.len());
        if missing > 0
            && let Some(error) = self.take_broken()
        {
            return Err(error);
        }
        // The count may be a size that a damaged header claims: room is made for what is really there.
        let here = self.position.saturating_add(passed as u64);
        let there = input.left(here.saturating_add(bytes.len() as u64));
        let room = there.map_or(CHUNK_BYTES, |there| {
            usize::try_from(there).unwrap_or(usize::MAX)
        });
        bytes.reserve_exact(missing.min(room).saturating_add(1));
        if let Err(error) = input.append(missing as u64, bytes) {
            let is_compressed = input.is_compressed();
            self.broken = Some(Broken {
                error,
                is_compressed,
            });
        }
        Ok(bytes.len() < count)
    }

    /// Why the bytes that were asked for did not all come.
    pub(super) fn take_broken(&mut self) -> Option<FileError> {
        let Broken {
            error,
            is_compressed,
        } = self.broken.take()?;
        Some(self.read_error(is_compressed, error))
    }

    pub(super) fn read_error(&self, is_compressed: bool, source: io::Error) -> FileError {
        if is_compressed {
            return self.compressed(source);
        }
        self.io(source)
    }

    pub(super) fn compressed(&self, source: io::Error) -> FileError {
        FileError::Compressed {
            path: self.place.path().to_owned(),
            at: self.here(),
            source,
        }
    }

    pub(super) fn io(&self, source: io::Error) -> FileError {
        FileError::Io {
            path: self.place.path().to_owned(),
            source,
        }
    }
}
