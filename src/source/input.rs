//! Where a binlog's bytes are: a file or the standard input, as they are or compressed.
//!
//! | first bytes | form |
//! |---|---|
//! | `fe`, `bin` | a binlog |
//! | `1f 8b` | gzip, one member or several |
//! | `28 b5 2f fd` | zstd, one frame or several |

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use rustix::buffer::spare_capacity;
use rustix::io::Errno;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What the name of a compressed file adds to that of the binlog in it.
pub(in crate::source) const ENDINGS: [&str; 4] = ["gz", "zst", "zstd", "gzip"];
/// The largest window that a zstd frame may ask for, as a power of two: what the `zstd` program takes by default.
const WINDOW_LOG_MAX: u32 = 27;

/// Where a binlog is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputPath {
    /// A file.
    File(PathBuf),
    /// The standard input.
    Stdin,
}

impl InputPath {
    /// The name that coordinates give it: the file's, without the ending that says how it was compressed.
    pub fn name(&self) -> Arc<str> {
        let Self::File(path) = self else {
            return Arc::from("stdin");
        };
        let is_compressed = path
            .extension()
            .and_then(OsStr::to_str)
            .is_some_and(|ending| ENDINGS.contains(&ending));
        let name = if is_compressed {
            path.file_stem()
        } else {
            path.file_name()
        };
        Arc::from(&*name.unwrap_or_default().to_string_lossy())
    }

    /// Its path, for messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Stdin => Path::new("standard input"),
        }
    }
}

/// Why a place cannot be opened.
pub(in crate::source) enum OpenError {
    /// The system refuses.
    Io(io::Error),
    /// Its first bytes do not decompress.
    Compressed(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A binlog's bytes, from the first of its magic on.
pub(in crate::source) enum Input {
    /// A file that holds them as they are.
    Plain(File),
    /// Bytes that can only be read in order.
    Stream {
        bytes: Box<dyn Read + Send>,
        compressed: bool,
    },
}

impl Input {
    /// Opens a place and returns its first four bytes, or as many as there are; reading goes on after them.
    pub(in crate::source) fn open(place: &InputPath) -> Result<(Self, Vec<u8>), OpenError> {
        let path = match place {
            InputPath::File(path) => path,
            InputPath::Stdin => return Self::sniff(Box::new(io::stdin())),
        };
        let mut file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Self::sniff(Box::new(file));
        }
        let first = front(&mut file)?;
        if is_compressed(&first) {
            file.seek(SeekFrom::Start(0))?;
            return Self::sniff(Box::new(file));
        }
        Ok((Self::Plain(file), first))
    }

    fn sniff(mut bytes: Box<dyn Read + Send>) -> Result<(Self, Vec<u8>), OpenError> {
        let first = front(&mut bytes)?;
        let (gzip, zstd) = (first.starts_with(&GZIP), first.starts_with(&ZSTD));
        let (mut bytes, compressed): (Box<dyn Read + Send>, bool) = if gzip {
            (
                Box::new(MultiGzDecoder::new(Cursor::new(first).chain(bytes))),
                true,
            )
        } else if zstd {
            let mut decoder = zstd::Decoder::new(Cursor::new(first).chain(bytes))?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            (Box::new(decoder), true)
        } else {
            return Ok((
                Self::Stream {
                    bytes,
                    compressed: false,
                },
                first,
            ));
        };
        let first = front(&mut bytes).map_err(OpenError::Compressed)?;
        Ok((Self::Stream { bytes, compressed }, first))
    }

    /// Whether the bytes come out of a decompressor, so that what is wrong with them is wrong with the data.
    pub(in crate::source) fn is_compressed(&self) -> bool {
        matches!(
            self,
            Self::Stream {
                compressed: true,
                ..
            }
        )
    }

    /// Goes to a position, counted from the magic, that is not before the present one at `from`; returns whether it is
    /// there, and else the size.
    pub(in crate::source) fn go_to(
        &mut self,
        from: u64,
        position: u64,
    ) -> io::Result<Result<(), u64>> {
        match self {
            Self::Plain(file) => {
                let size = file.metadata()?.len();
                if position > size {
                    return Ok(Err(size));
                }
                file.seek(SeekFrom::Start(position))?;
            }
            Self::Stream { bytes, .. } => {
                let missing = position.saturating_sub(from);
                let passed = io::copy(&mut bytes.take(missing), &mut io::sink())?;
                if passed < missing {
                    return Ok(Err(from.saturating_add(passed)));
                }
            }
        }
        Ok(Ok(()))
    }

    /// The open file, if it is one that holds the bytes as they are.
    pub(in crate::source) fn file(&self) -> Option<&File> {
        match self {
            Self::Plain(file) => Some(file),
            Self::Stream { .. } => None,
        }
    }

    /// Appends up to `count` bytes; fewer at the end.
    ///
    /// A file is read straight into the room that was reserved, without zeros in it first, and in one call if that is as much
    /// as is asked for.
    pub(in crate::source) fn append(&mut self, count: u64, to: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(file) => {
                let start = to.len();
                while to.len() - start < usize::try_from(count).unwrap_or(usize::MAX) {
                    let left = count.saturating_sub((to.len() - start) as u64);
                    let room = to.capacity() - to.len();
                    if room == 0 || room as u64 > left {
                        file.take(left).read_to_end(to)?;
                        break;
                    }
                    match rustix::io::read(&*file, spare_capacity(to)) {
                        Ok(0) => break,
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(to.len() - start)
            }
            Self::Stream { bytes, .. } => bytes.take(count).read_to_end(to),
        }
    }

    /// How many bytes are left, where that can be told.
    pub(in crate::source) fn left(&self, position: u64) -> Option<u64> {
        match self {
            Self::Plain(file) => Some(file.metadata().ok()?.len().saturating_sub(position)),
            Self::Stream { .. } => None,
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "a file",
            Self::Stream { .. } => "a stream",
        })
    }
}

fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(&GZIP) || first.starts_with(&ZSTD)
}

fn front(bytes: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    bytes.take(4).read_to_end(&mut first)?;
    Ok(first)
}
