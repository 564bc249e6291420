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
    /// The number after the next envelope, where that envelope holds an answer of its own.
    sequence_after: Option<u8>,
}

impl Inflater {
    /// Starts at a packet boundary.
    pub(super) fn new(kind: Compression) -> Self {
        Self {
            kind,
            raw: BytesMut::new(),
            sequence: 0,
            sequence_after: None,
        }
    }

    /// Sets the number of the next envelope, as a new command does.
    pub(super) fn expect_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// Sets the number of the next envelope, which answers one command alone, and that of the one after it, which answers another.
    pub(super) fn expect_two_answers(&mut self, first: u8, second: u8) {
        self.sequence = first;
        self.sequence_after = Some(second);
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
        let counted_on = sequence.wrapping_add(1);
        self.sequence = self.sequence_after.take().unwrap_or(counted_on);
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    const KINDS: [Compression; 2] = [Compression::Zlib, Compression::Zstd];

    fn compressed(kind: Compression, plain: &[u8]) -> Vec<u8> {
        match kind {
            Compression::Zstd => zstd::stream::encode_all(plain, 3).unwrap(),
            Compression::Zlib | Compression::None => {
                let mut encoder =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    fn envelope(body: &[u8], sequence: u8, plain_length: usize) -> Vec<u8> {
        let [a, b, c, ..] = body.len().to_le_bytes();
        let [x, y, z, ..] = plain_length.to_le_bytes();
        let mut out = vec![a, b, c, sequence, x, y, z];
        out.extend_from_slice(body);
        out
    }

    fn inflate(kind: Compression, bytes: &[u8], piece: usize) -> Result<Vec<u8>, PacketError> {
        let mut inflater = Inflater::new(kind);
        let mut out = BytesMut::new();
        for piece in bytes.chunks(piece) {
            inflater.input().extend_from_slice(piece);
            while inflater.inflate(&mut out)? {}
        }
        assert!(inflater.is_empty());
        Ok(out.to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn envelopes_give_back_what_was_put_in(
            parts in prop::collection::vec((prop::collection::vec(0..4_u8, 1..3000), any::<bool>()), 0..8),
            piece in 1..2000_usize,
        ) {
            for kind in KINDS {
                let mut bytes = Vec::new();
                for (sequence, (part, is_compressed)) in (0..).zip(&parts) {
                    bytes.extend(if *is_compressed {
                        envelope(&compressed(kind, part), sequence, part.len())
                    } else {
                        envelope(part, sequence, 0)
                    });
                }
                let plain: Vec<u8> = parts.iter().flat_map(|(part, _)| part.clone()).collect();
                prop_assert_eq!(inflate(kind, &bytes, piece).unwrap(), plain);
            }
        }
    }

    #[test]
    fn what_rowtap_sends_is_an_envelope_for_every_16_mib() {
        let packets = vec![7; 2 * ENVELOPE_BYTES_MAX + 5];
        let mut bytes = Vec::new();
        assert_eq!(envelop(&packets, &mut bytes), 3);
        assert!(inflate(Compression::Zlib, &bytes, 1 << 20).unwrap() == packets);
    }

    #[test]
    fn a_wrong_length_or_damage_is_an_error() {
        for kind in KINDS {
            let plain = vec![7_u8; 5000];
            let body = compressed(kind, &plain);
            for wrong in [1, 4999, 5001, 1 << 23] {
                assert!(
                    inflate(kind, &envelope(&body, 0, wrong), 9999).is_err(),
                    "{kind} {wrong}"
                );
            }
            for end in 0..body.len() {
                let cut = envelope(&body[..end], 0, plain.len());
                assert!(inflate(kind, &cut, 9999).is_err(), "{kind} {end}");
            }
            assert!(inflate(kind, &envelope(b"nonsense", 0, 8), 9999).is_err());
        }
    }

    #[test]
    fn a_bomb_stops_at_the_length_it_announces() {
        for kind in KINDS {
            let body = compressed(kind, &vec![0; 8 << 20]);
            let mut inflater = Inflater::new(kind);
            inflater
                .input()
                .extend_from_slice(&envelope(&body, 0, 1000));
            let mut out = BytesMut::new();
            assert!(inflater.inflate(&mut out).is_err());
            assert!(out.len() <= 1001);
        }
    }

    #[test]
    fn a_lost_envelope_is_an_error() {
        let bytes = [envelope(b"a", 0, 0), envelope(b"b", 2, 0)].concat();
        let expected = PacketError::Sequence {
            expected: 1,
            found: 2,
        };
        assert_eq!(inflate(Compression::Zlib, &bytes, 100), Err(expected));
    }
}
