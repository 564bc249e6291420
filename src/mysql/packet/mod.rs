//! Packets: the frames of the client/server protocol.
//!
//! Follows "MySQL Packets" of the client/server protocol manual.
//!
//! | field | width | meaning |
//! |---|---|---|
//! | length | 3 | bytes of payload; 0xffffff says that the payload goes on in the next packet |
//! | sequence | 1 | counts the packets of one command and its response, modulo 256 |
//! | payload | length | |
//!
//! Framing copies nothing: whole packets leave as ranges of one shared buffer. Only a payload of 0xffffff bytes or
//! more, which the protocol cuts into pieces, is put together in a buffer of its own; on request, one that outgrows a limit
//! leaves piece by piece instead.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// The payload bytes that say "goes on in the next packet".
const CHUNK_BYTES: usize = 0xff_ffff;
const HEADER_BYTES: usize = 4;
/// Bytes an input buffer starts with and goes back to.
pub(super) const READ_BYTES: usize = 256 * 1024;
/// Room below which a read is not worth its system call.
const SPARE_BYTES_MIN: usize = 64 * 1024;
/// The largest payload there is: an event of 1 GiB, the limit of both servers, and what stands around it.
pub(super) const PACKET_BYTES_MAX: usize = (1 << 30) + (64 << 10);

/// Bytes that a piece of a large payload has at least, unless it is the last.
const PIECE_BYTES_MIN: usize = 1 << 20;

/// Why bytes are not packets of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A packet was lost, doubled or belongs to something else.
    #[error("packet number {found} arrived where {expected} was due")]
    Sequence {
        /// The number that was due.
        expected: u8,
        /// The number that arrived.
        found: u8,
    },
    /// A packet is larger than anything that can be due.
    #[error("a packet of at least {found} bytes exceeds the limit of {max}")]
    TooLarge {
        /// Its length as far as it is known.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// There is no memory for a large packet.
    #[error("no memory for a packet of at least {found} bytes")]
    OutOfMemory {
        /// Bytes wanted.
        found: usize,
    },
    /// A compressed packet does not decompress to what its header says.
    #[error("a compressed packet is malformed: {reason}")]
    Compression {
        /// What is wrong with it.
        reason: String,
    },
}

/// What a buffer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Portion {
    /// Whole payloads.
    #[default]
    Whole,
    /// The first bytes of a large payload.
    First,
    /// More bytes of it.
    Next {
        /// No more follow.
        is_last: bool,
    },
}

impl Portion {
    /// Whether the payload goes on in the next buffer.
    pub fn goes_on(self) -> bool {
        !matches!(self, Self::Whole | Self::Next { is_last: true })
    }
}

/// Whole packets: one shared buffer and where each payload lies in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Framed {
    /// Whether these are whole payloads or a piece of one.
    pub(super) part: Portion,
    /// The bytes, headers included.
    pub(super) buffer: Bytes,
    /// Each payload, without its header.
    pub(super) payloads: Vec<Range<u32>>,
}

impl Framed {
    /// Returns one payload, sharing the buffer.
    pub(super) fn slice(&self, payload: &Range<u32>) -> Bytes {
        self.buffer.slice(to_usize(payload))
    }

    /// The bytes of one payload.
    #[inline]
    pub(super) fn bytes(&self, payload: &Range<u32>) -> &[u8] {
        self.buffer.get(to_usize(payload)).unwrap_or_default()
    }
}

/// Cuts a stream of bytes into packets.
#[derive(Debug)]
pub(super) struct PacketFramer {
    /// Bytes as they arrived, from the first packet not handed out yet.
    buffer: BytesMut,
    /// Length of the whole packets at the buffer's start, which `payloads` lists.
    framed: usize,
    payloads: Vec<Range<u32>>,
    large: Option<PartialPayload>,
    sequence: u8,
    /// The number after the next packet, where that packet is an answer of its own.
    sequence_after: Option<u8>,
    /// Off where a compressed envelope carries the number that counts.
    checks_sequence: bool,
    /// Limit for one payload.
    pub(super) payload_bytes_max: usize,
    /// Bytes of a payload beyond which it leaves piece by piece.
    pub(super) whole_bytes_max: usize,
}

/// A payload that comes in pieces.
#[derive(Debug)]
struct PartialPayload {
    payload: Vec<u8>,
    /// What is missing of the current piece; `None` before its header.
    missing: Option<usize>,
    is_last: bool,
    is_whole: bool,
    /// Bytes that left already.
    left: usize,
}

impl PacketFramer {
    /// Starts empty, at sequence number 0.
    pub(super) fn new(payload_bytes_max: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            framed: 0,
            payloads: Vec::new(),
            large: None,
            sequence: 0,
            sequence_after: None,
            checks_sequence: true,
            payload_bytes_max,
            whole_bytes_max: usize::MAX,
        }
    }

    /// Sets the number of the next packet, as a new command does.
    pub(super) fn expect_sequence(&mut self, sequence: u8) {
        self.sequence = sequence;
    }

    /// Sets the number of the next packet, which answers one command alone, and that of the one after it, which answers another.
    pub(super) fn expect_two_answers(&mut self, first: u8, second: u8) {
        self.sequence = first;
        self.sequence_after = Some(second);
    }

    /// Returns the number of the next packet.
    pub(super) fn sequence(&self) -> u8 {
        self.sequence
    }

    /// Leaves the numbers to the compressed envelopes around these packets.
    pub(super) fn trust_sequence(&mut self) {
        self.checks_sequence = false;
    }

    /// Whether no byte waits, not even of a packet that is not whole.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.large.is_none()
    }

    /// Whether reading on would make the buffer larger than it starts, although packets can leave it.
    pub(super) fn is_full(&self) -> bool {
        self.has_piece()
            || self.framed > 0 && self.buffer.capacity() - self.buffer.len() < SPARE_BYTES_MIN
    }

    /// Returns the buffer with room to read into.
    ///
    /// The room grows with what has arrived, at most to the double, and never because of a length in a header.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        let length = self.buffer.len();
        if self.buffer.capacity() - length < SPARE_BYTES_MIN {
            let packet = self.partial_bytes().unwrap_or(0);
            let wanted = packet.min(length.saturating_mul(2)).max(READ_BYTES);
            let additional = wanted.saturating_sub(length).max(SPARE_BYTES_MIN);
            self.buffer.reserve(additional);
        }
        &mut self.buffer
    }

    /// Length, header included, of the packet after the whole ones, if its header is here.
    fn partial_bytes(&self) -> Option<usize> {
        let (length, _) = header(self.buffer.get(self.framed..)?)?;
        Some(length + HEADER_BYTES)
    }

    /// Looks for whole packets in what has arrived.
    ///
    /// # Errors
    /// What is wrong with the next packet, once those before it were taken.
    pub(super) fn frame(&mut self) -> Result<(), PacketError> {
        if self.large.is_none() {
            let outcome = self.find_packets();
            if self.framed == 0 {
                outcome?;
            }
        }
        // A packet after others that is wrong is found again, and told, when those are gone.
        self.put_together()
    }

    /// Whether [`PacketFramer::take`] has something to give.
    pub(super) fn is_ready(&self) -> bool {
        self.framed > 0 || self.has_piece()
    }

    /// Whether a large payload is whole, or a piece of it is to leave.
    fn has_piece(&self) -> bool {
        self.large.as_ref().is_some_and(|large| {
            let is_beyond = large.left > 0 || large.payload.len() > self.whole_bytes_max;
            large.is_whole || is_beyond && large.payload.len() >= PIECE_BYTES_MIN
        })
    }

    /// Takes the packets that [`PacketFramer::frame`] found, all that lie in one buffer.
    pub(super) fn take(&mut self) -> Option<Framed> {
        if self.framed > 0 {
            return Some(self.hand_out());
        }
        if !self.has_piece() {
            return None;
        }
        let large = self.large.as_mut()?;
        let payload = std::mem::take(&mut large.payload);
        let part = match (large.left, large.is_whole) {
            (0, true) => Portion::Whole,
            (0, false) => Portion::First,
            (_, is_last) => Portion::Next { is_last },
        };
        large.left += payload.len();
        if large.is_whole {
            self.large = None;
        }
        let payloads = vec![Range {
            start: 0,
            end: to_u32(payload.len()),
        }];
        Some(Framed {
            part,
            buffer: Bytes::from(payload),
            payloads,
        })
    }

    /// Finds whole packets after those found before.
    fn find_packets(&mut self) -> Result<(), PacketError> {
        while let Some(rest) = self.buffer.get(self.framed..) {
            let Some((length, sequence)) = header(rest) else {
                break;
            };
            if length > self.payload_bytes_max {
                return Err(self.too_large(length));
            }
            if length == CHUNK_BYTES {
                if self.framed == 0 {
                    self.check_sequence(sequence, None)?;
                    self.large = Some(PartialPayload::new(length));
                    // The piece's bytes move to the payload as they arrive.
                    let _header = self.buffer.split_to(HEADER_BYTES);
                }
                break;
            }
            let end = self.framed + HEADER_BYTES + length;
            let Some(payload) = self.buffer.get(self.framed + HEADER_BYTES..end) else {
                break;
            };
            let first = payload.first().copied();
            self.check_sequence(sequence, first)?;
            self.payloads
                .push(to_u32(self.framed + HEADER_BYTES)..to_u32(end));
            self.framed = end;
        }
        Ok(())
    }

    fn hand_out(&mut self) -> Framed {
        let is_grown = self.buffer.capacity() > 2 * READ_BYTES;
        let buffer = self.buffer.split_to(self.framed).freeze();
        let count = self.payloads.len();
        let payloads = std::mem::replace(&mut self.payloads, Vec::with_capacity(count.min(4096)));
        self.framed = 0;
        if is_grown {
            // What is left must not keep a large packet's memory alive.
            let mut fresh = BytesMut::with_capacity(READ_BYTES.max(self.buffer.len()));
            fresh.extend_from_slice(&self.buffer);
            self.buffer = fresh;
        }
        Framed {
            part: Portion::Whole,
            buffer,
            payloads,
        }
    }

    /// Moves what has arrived of a payload that comes in pieces.
    fn put_together(&mut self) -> Result<(), PacketError> {
        while let Some(large) = self.large.as_mut().filter(|large| !large.is_whole) {
            let Some(missing) = large.missing else {
                let Some((length, sequence)) = header(&self.buffer) else {
                    break;
                };
                let total = large.left + large.payload.len() + length;
                if total > self.payload_bytes_max {
                    return Err(self.too_large(total));
                }
                large.missing = Some(length);
                large.is_last = length < CHUNK_BYTES;
                self.check_sequence(sequence, None)?;
                let _header = self.buffer.split_to(HEADER_BYTES);
                continue;
            };
            let arrived = missing.min(self.buffer.len());
            large.append(&self.buffer.split_to(arrived), self.payload_bytes_max)?;
            if arrived < missing {
                large.missing = Some(missing - arrived);
                break;
            }
            large.missing = None;
            large.is_whole = large.is_last;
        }
        Ok(())
    }

    /// Checks a packet's number and counts on.
    ///
    /// A server that ends a connection by itself sends its last words under a number of its own: an ERR packet is
    /// let through, since it ends the conversation and says why.
    fn check_sequence(&mut self, found: u8, first: Option<u8>) -> Result<(), PacketError> {
        let expected = self.sequence;
        if self.checks_sequence && found != expected && first != Some(super::response::ERR) {
            return Err(PacketError::Sequence { expected, found });
        }
        let counted_on = found.wrapping_add(1);
        self.sequence = self.sequence_after.take().unwrap_or(counted_on);
        Ok(())
    }

    fn too_large(&self, found: usize) -> PacketError {
        PacketError::TooLarge {
            found,
            max: self.payload_bytes_max,
        }
    }
}

impl PartialPayload {
    fn new(missing: usize) -> Self {
        Self {
            payload: Vec::new(),
            missing: Some(missing),
            is_last: false,
            is_whole: false,
            left: 0,
        }
    }

    /// Appends bytes that have arrived; the memory grows by half of what is there, and never beyond the limit.
    fn append(&mut self, bytes: &[u8], max: usize) -> Result<(), PacketError> {
        let length = self.payload.len();
        let needed = length + bytes.len();
        if needed > self.payload.capacity() {
            let wanted = needed.max((length + length / 2).min(max)).max(READ_BYTES);
            self.payload
                .try_reserve_exact(wanted - length)
                .map_err(|_| PacketError::OutOfMemory { found: wanted })?;
        }
        self.payload.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads a packet header: payload length and sequence number.
fn header(bytes: &[u8]) -> Option<(usize, u8)> {
    let [a, b, c, sequence] = *bytes.first_chunk::<HEADER_BYTES>()?;
    let length = u32::from_le_bytes([a, b, c, 0]);
    Some((usize::try_from(length).ok()?, sequence))
}

fn to_usize(range: &Range<u32>) -> Range<usize> {
    let to_usize = |n| usize::try_from(n).expect("a 64-bit platform");
    to_usize(range.start)..to_usize(range.end)
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).expect("a buffer holds one packet of at most 1 GiB or packets below 32 MiB")
}

/// Appends a payload as packets and returns the next sequence number.
pub(super) fn encode(payload: &[u8], mut sequence: u8, out: &mut Vec<u8>) -> u8 {
    let mut rest = payload;
    loop {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK_BYTES));
        let [a, b, c, _] = to_u32(chunk.len()).to_le_bytes();
        out.extend_from_slice(&[a, b, c, sequence]);
        out.extend_from_slice(chunk);
        sequence = sequence.wrapping_add(1);
        rest = after;
        if chunk.len() < CHUNK_BYTES {
            return sequence;
        }
    }
}

#[cfg(test)]
mod tests;
