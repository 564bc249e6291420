//! What may happen to a file while it is read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::Splitter;
use crate::source::file_error::FileError;
use crate::source::files::input::Input;

impl Splitter {
    /// Makes sure that a file whose end was reached is the one under its name, and no shorter than it was.
    pub(in crate::source::files) fn is_still_there(&self) -> Result<(), FileError> {
        let path = self.place.path().to_owned();
        let Some(file) = self.input.as_ref().and_then(Input::file) else {
            return Ok(());
        };
        let named = match fs::metadata(&path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FileError::Gone {
                    path,
                    at: self.here(),
                });
            }
            Err(error) => return Err(self.io(error)),
        };
        let open = file.metadata().map_err(|error| self.io(error))?;
        if (named.dev(), named.ino()) != (open.dev(), open.ino()) {
            return Err(FileError::Replaced {
                path,
                at: self.here(),
            });
        }
        let passed = self.large.as_ref().map_or(0, |large| large.passed);
        let read = self.position + (passed + self.carried.len()) as u64;
        if open.len() < read {
            return Err(FileError::Shrunk {
                path,
                size: open.len(),
                at: self.here(),
            });
        }
        Ok(())
    }

    /// Makes sure, at the file's end, that it has as many events as were to be passed over.
    pub(in crate::source::files) fn has_passed_all(&self) -> Result<(), FileError> {
        if self.passed >= self.extent.offset {
            return Ok(());
        }
        Err(FileError::OffsetBehindEnd {
            file: Arc::clone(&self.name),
            offset: self.extent.offset,
            found: self.passed,
        })
    }
}
