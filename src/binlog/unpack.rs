//! Unpacks what servers compress in events, piece by piece.
//!
//! Pure, and bounded: memory is given for bytes that were unpacked, never for a length that was stated; what unpacks to
//! more or less than was stated is refused.

use std::fmt;

use flate2::{Decompress, FlushDecompress};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

use super::BinlogError;

/// Bytes that one step unpacks at most.
pub(super) const STEP_BYTES: usize = 256 * 1024;
/// zstd's own limit for the window of a frame, as a power of two: what its highest level asks for.
const WINDOW_LOG_MAX: u32 = 27;

/// Unpacks one stream of a stated length.
pub(super) struct Unpacker {
    method: Method,
    what: &'static str,
    stated: u64,
    produced: u64,
    ended: bool,
}

enum Method {
    Stored,
    Zstd(Decoder<'static>),
    Zlib(Box<Decompress>),
}

impl Unpacker {
    /// Bytes that are not compressed.
    pub(super) fn stored(what: &'static str, stated: u64) -> Self {
        Self::new(Method::Stored, what, stated)
    }

    /// A stream of zlib.
    pub(super) fn zlib(what: &'static str, stated: u64) -> Self {
        Self::new(Method::Zlib(Box::new(Decompress::new(true))), what, stated)
    }

    /// Frames of zstd.
    pub(super) fn zstd(what: &'static str, stated: u64) -> Result<Self, BinlogError> {
        let refused = |error: std::io::Error| BinlogError::Compression {
            what,
            reason: error.to_string(),
        };
        let mut decoder = Decoder::new().map_err(refused)?;
        decoder
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .map_err(refused)?;
        Ok(Self::new(Method::Zstd(decoder), what, stated))
    }

    fn new(method: Method, what: &'static str, stated: u64) -> Self {
        Self {
            method,
            what,
            stated,
            produced: 0,
            ended: false,
        }
    }

    /// Bytes that are still to come by the stated length.
    pub(super) fn left(&self) -> u64 {
        self.stated - self.produced
    }

    /// Unpacks from the front of `input` to the end of `out`, as far as there is room, for which [`STEP_BYTES`] are made;
    /// returns how many bytes of the input were used. A step that has input uses some of it or unpacks something.
    ///
    /// # Errors
    /// Bytes that cannot be unpacked, or more of them than were stated.
    pub(super) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, BinlogError> {
        // One byte more than stated is enough to know that the statement is wrong.
        let room = usize::try_from(self.left())
            .map_or(STEP_BYTES, |left| STEP_BYTES.min(left.saturating_add(1)));
        if out.capacity() - out.len() < room {
            out.reserve(room);
        }
        let before = out.len();
        let used = match &mut self.method {
            Method::Stored => {
                let piece = input.get(..room).unwrap_or(input);
                out.extend_from_slice(piece);
                Ok(piece.len())
            }
            Method::Zstd(decoder) => {
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around_pos(out, before);
                let hint = decoder.run(&mut from, &mut to);
                hint.map(|hint| {
                    // Without input, it only asks for the next frame.
                    if from.pos() > 0 || to.pos() > before {
                        self.ended = hint == 0;
                    }
                    from.pos()
                })
                .map_err(|error| error.to_string())
            }
            Method::Zlib(inflater) => inflate(inflater, input, out, &mut self.ended),
        };
        let used = used.map_err(|reason| BinlogError::Compression {
            what: self.what,
            reason,
        })?;
        let unpacked = out.len() - before;
        self.produced = self
            .produced
            .checked_add(unpacked as u64)
            .filter(|produced| *produced <= self.stated)
            .ok_or(BinlogError::UnpackedSize {
                what: self.what,
                stated: self.stated,
                found: None,
            })?;
        if (unpacked, used) == (0, 0) && !input.is_empty() {
            return Err(BinlogError::Trailing {
                what: self.what,
                left: input.len(),
            });
        }
        Ok(used)
    }

    /// Makes sure that the stream was whole, once its input is used up.
    pub(super) fn finish(&self) -> Result<(), BinlogError> {
        if self.produced != self.stated {
            return Err(BinlogError::UnpackedSize {
                what: self.what,
                stated: self.stated,
                found: Some(self.produced),
            });
        }
        if !self.ended && !matches!(self.method, Method::Stored) {
            return Err(BinlogError::Compression {
                what: self.what,
                reason: "it is cut off".to_owned(),
            });
        }
        Ok(())
    }

    /// Unpacks all of `input` after what is in `out`.
    pub(super) fn whole(mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BinlogError> {
        let mut rest = input;
        loop {
            let before = out.len();
            let used = self.step(rest, out)?;
            rest = rest.get(used..).unwrap_or_default();
            if rest.is_empty() && out.len() == before {
                return self.finish();
            }
        }
    }
}

fn inflate(
    inflater: &mut Decompress,
    input: &[u8],
    out: &mut Vec<u8>,
    ended: &mut bool,
) -> Result<usize, String> {
    let before = inflater.total_in();
    let status = inflater
        .decompress_vec(input, out, FlushDecompress::None)
        .map_err(|error| error.to_string())?;
    *ended |= status == flate2::Status::StreamEnd;
    Ok(usize::try_from(inflater.total_in() - before).unwrap_or(input.len()))
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacker")
            .field("what", &self.what)
            .field("stated", &self.stated)
            .field("produced", &self.produced)
            .finish_non_exhaustive()
    }
}
