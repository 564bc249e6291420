//! The bytes of one binlog, as many as events need, and what may happen to a file while it is read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use crate::binlog::Coordinates;
use crate::source::file_error::BinlogFileError;
use crate::source::input::{Input, InputPath, OpenError};

/// Bytes that are read at once; an event that is larger is read whole, or in pieces.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// A binlog's bytes, and how far its events were read.
#[derive(Debug)]
pub(super) struct FileBytes {
    place: InputPath,
    name: Arc<str>,
    input: Option<Input>,
    /// Where the next event begins.
    pub(super) position: u64,
    /// Why no more could be read, to be told after the events before it.
    broken: Option<Broken>,
}

/// What ended the reading of bytes.
#[derive(Debug)]
struct Broken {
    error: io::Error,
    is_compressed: bool,
}

impl FileBytes {
    pub(super) fn new(place: InputPath) -> Self {
        Self {
            name: place.name(),
            place,
            input: None,
            position: 0,
            broken: None,
        }
    }

    pub(super) fn place(&self) -> &InputPath {
        &self.place
    }

    /// The name that coordinates give the file.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Where the next event begins.
    pub(super) fn here(&self) -> Coordinates {
        Coordinates::new(Arc::clone(&self.name), self.position)
    }

    pub(super) fn is_open(&self) -> bool {
        self.input.is_some()
    }

    /// Opens the file and returns its magic, or as much of it as there is. Reading goes on after it.
    pub(super) fn open(&mut self) -> Result<Vec<u8>, BinlogFileError> {
        let (input, magic) = Input::open(&self.place).map_err(|error| match error {
            OpenError::Io(error) => self.io(error),
            OpenError::Compressed(error) => self.compressed(error),
        })?;
        self.input = Some(input);
        Ok(magic)
    }

    /// Closes the file, so that it is opened anew.
    pub(super) fn close(&mut self) {
        self.input = None;
    }

    /// Goes on at a position after the present one.
    pub(super) fn go_to(&mut self, position: u64) -> Result<(), BinlogFileError> {
        let from = self.position;
        let Some(input) = &mut self.input else {
            return Ok(());
        };
        let is_compressed = input.is_compressed();
        let found = input
            .go_to(from, position)
            .map_err(|error| self.read_error(is_compressed, error))?;
        found.map_err(|size| BinlogFileError::AfterEnd {
            at: Coordinates::new(Arc::clone(&self.name), position),
            size,
        })?;
        self.position = position;
        Ok(())
    }

    /// Reads until there are `count` bytes, where `passed` bytes of the present event have left. Returns whether there are
    /// fewer: the file ended, or its bytes cannot be read, which is told when more are asked for.
    pub(super) fn fill(
        &mut self,
        bytes: &mut Vec<u8>,
        count: usize,
        passed: usize,
    ) -> Result<bool, BinlogFileError> {
        let missing = count.saturating_sub(bytes.len());
        if missing > 0
            && let Some(error) = self.take_broken()
        {
            return Err(error);
        }
        let Some(input) = &mut self.input else {
            return Ok(bytes.len() < count);
        };
        // The count may be a size that a damaged header claims: room is made for what is really there.
        let here = self.position.saturating_add(passed as u64);
        let there = input.left(here.saturating_add(bytes.len() as u64));
        let room = there.map_or(CHUNK_BYTES, |there| {
            usize::try_from(there).unwrap_or(usize::MAX)
        });
        bytes.reserve_exact(missing.min(room));
        if let Err(error) = input.append(missing as u64, bytes) {
            self.broken = Some(Broken {
                error,
                is_compressed: input.is_compressed(),
            });
        }
        Ok(bytes.len() < count)
    }

    /// Whether the bytes that were asked for did not all come.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Why the bytes that were asked for did not all come.
    pub(super) fn take_broken(&mut self) -> Option<BinlogFileError> {
        let Broken {
            error,
            is_compressed,
        } = self.broken.take()?;
        Some(self.read_error(is_compressed, error))
    }

    /// Makes sure that a file whose end was reached is the one under its name, and no shorter than it was. `ahead` bytes
    /// were read after the position.
    pub(super) fn is_still_there(&self, ahead: usize) -> Result<(), BinlogFileError> {
        let path = self.place.path().to_owned();
        let Some(file) = self.input.as_ref().and_then(Input::file) else {
            return Ok(());
        };
        let named = match fs::metadata(&path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BinlogFileError::Gone {
                    path,
                    at: self.here(),
                });
            }
            Err(error) => return Err(self.io(error)),
        };
        let open = file.metadata().map_err(|error| self.io(error))?;
        if (named.dev(), named.ino()) != (open.dev(), open.ino()) {
            return Err(BinlogFileError::Replaced {
                path,
                at: self.here(),
            });
        }
        if open.len() < self.position + ahead as u64 {
            return Err(BinlogFileError::Shrunk {
                path,
                size: open.len(),
                at: self.here(),
            });
        }
        Ok(())
    }

    fn read_error(&self, is_compressed: bool, source: io::Error) -> BinlogFileError {
        if is_compressed {
            return self.compressed(source);
        }
        self.io(source)
    }

    fn compressed(&self, source: io::Error) -> BinlogFileError {
        BinlogFileError::Compressed {
            path: self.place.path().to_owned(),
            at: self.here(),
            source,
        }
    }

    fn io(&self, source: io::Error) -> BinlogFileError {
        BinlogFileError::Io {
            path: self.place.path().to_owned(),
            source,
        }
    }
}
