//! Compressed packets: envelopes around the bytes of ordinary packets.
//!
//! Follows "Compression" of the client/server protocol manual.
//!
//! | field | width | meaning |
//! |---|---|---|
//! | length | 3 | bytes that follow this header |
//! | sequence | 1 | counts the envelopes of one command and its response |
//! | plain length | 3 | bytes after decompression; 0 says that they are not compressed |
//!
//! Envelopes and packets do not begin at the same places. rowtap's own envelopes are never compressed, which the
//! protocol allows: what it sends is small.

use std::io::{self, Read};

use bytes::{BufMut, BytesMut};

use super::options::Compression;
use super::packet::PacketError;

const HEADER_BYTES: usize = 7;
/// What fits into one envelope.
const ENVELOPE_BYTES_MAX: usize = 0xff_ffff;
/// zstd's own limit for the window of a frame, as a power of two: no more than one envelope holds.
const WINDOW_LOG_MAX: u32 = 24;

/// Takes envelopes apart.
#[derive(Debug)]
pub(super) struct Inflater {
    kind: Compression,
    /// Bytes as they arrived.
    raw: BytesMut,
    sequence: u8,
}

impl Inflater {
    /// Starts at a packet boundary.
    pub(super) fn new(kind: Compression) -> Self {
        Self {
            kind,
            raw: BytesMut::new(),
            sequence: 0,
        }
    }

    /// Sets the number of the next envelope, as a new command does.
    pub(super) fn expect_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// Returns the buffer with room to read into.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        const SPARE_BYTES: usize = 64 * 1024;
        if self.raw.capacity() - self.raw.len() < SPARE_BYTES {
            self.raw.reserve(SPARE_BYTES.max(self.raw.len()));
        }
        &mut self.raw
    }

    /// Whether no byte waits.
    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Takes one envelope, if a whole one has arrived, and appends what it holds.
    pub(super) fn inflate(&mut self, out: &mut BytesMut) -> Result<bool, PacketError> {
        let Some([a, b, c, sequence, x, y, z]) = self.raw.first_chunk::<HEADER_BYTES>().copied()
        else {
            return Ok(false);
        };
        let length = to_usize([a, b, c, 0]);
        let plain_length = to_usize([x, y, z, 0]);
        if self.raw.len() < HEADER_BYTES + length {
            return Ok(false);
        }
        if sequence != self.sequence {
            return Err(PacketError::Sequence {
                expected: self.sequence,
                found: sequence,
            });
        }
        self.sequence = sequence.wrapping_add(1);
        let envelope = self.raw.split_to(HEADER_BYTES + length);
        let body = envelope.get(HEADER_BYTES..).unwrap_or_default();
        if plain_length == 0 {
            out.extend_from_slice(body);
        } else {
            self.decompress(body, plain_length, out)?;
        }
        drop(envelope);
        if self.raw.is_empty() && self.raw.capacity() > 4 << 20 {
            self.raw = BytesMut::new();
        }
        Ok(true)
    }

    fn decompress(
        &self,
        body: &[u8],
        length: usize,
        out: &mut BytesMut,
    ) -> Result<(), PacketError> {
        // One byte more than announced is enough to know that the announcement is wrong.
        let limit = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1);
        let mut writer = out.writer();
        let written = match self.kind {
            Compression::Zlib => {
                let mut decoder = flate2::read::ZlibDecoder::new(body).take(limit);
                io::copy(&mut decoder, &mut writer)
            }
            Compression::Zstd => {
                zstd::stream::read::Decoder::with_buffer(body).and_then(|mut d| {
                    d.window_log_max(WINDOW_LOG_MAX)?;
                    io::copy(&mut d.take(limit), &mut writer)
                })
            }
            Compression::None => Err(io::Error::other("no compression was agreed on")),
        };
        match written {
            Ok(written) if written + 1 == limit => Ok(()),
            Ok(written) => Err(PacketError::Compression {
                reason: format!("it announces {length} bytes and holds {written} or more"),
            }),
            Err(error) => Err(PacketError::Compression {
                reason: error.to_string(),
            }),
        }
    }
}

/// Appends packets in envelopes that are not compressed, and returns the number of the next envelope.
pub(super) fn envelop(packets: &[u8], out: &mut Vec<u8>) -> u8 {
    let mut sequence = 0_u8;
    for chunk in packets.chunks(ENVELOPE_BYTES_MAX) {
        let length = u32::try_from(chunk.len()).expect("a chunk is below 16 MiB");
        let [a, b, c, _] = length.to_le_bytes();
        out.extend_from_slice(&[a, b, c, sequence, 0, 0, 0]);
        out.extend_from_slice(chunk);
        sequence = sequence.wrapping_add(1);
    }
    sequence
}

fn to_usize(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes)).expect("a 64-bit platform")
}
