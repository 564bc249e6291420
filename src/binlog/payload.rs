//! The transaction payload event: a whole transaction, compressed.
//!
//! Follows `Transaction_payload_event` in `libs/mysql/binlog/event/control_events.h`. Fields of a type, a length and a
//! value, each a length-encoded integer, up to type 0; the payload is the rest.
//!
//! | type | value |
//! |---|---|
//! | 1 | length of the payload |
//! | 2 | 0: zstd, 255: not compressed |
//! | 3 | length of the events in it |
//!
//! The events inside have no checksum, and the positions in their headers mean nothing.

use std::ops::Range;

use bytes::Bytes;

use super::cursor::Cursor;
use super::unpack::{STEP_BYTES, Unpacker};
use super::{BinlogError, Header};

/// What a payload event says before its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// How it is compressed: 0 or 255.
    compression: u64,
    /// Length of the events in it, as stated.
    unpacked_bytes: u64,
    /// Where in the body the payload begins.
    begin: usize,
    /// Its length.
    bytes: u64,
}

impl Payload {
    const ZSTD: u64 = 0;
    const NONE: u64 = 255;

    /// Reads the fields. The payload itself need not be there as a whole.
    ///
    /// # Errors
    /// A length past the end, a compression that is unknown, a field that must be there and is not.
    pub fn parse(body: &[u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let (mut compression, mut unpacked_bytes, mut bytes) = (None, None, None);
        loop {
            let field = cursor.length_encoded("the payload's field type")?;
            if field == 0 {
                break;
            }
            let value = cursor.length_encoded_bytes("the payload's field")?;
            let number = || Cursor::new(value).length_encoded("the payload's field");
            match field {
                1 => bytes = Some(number()?),
                2 => compression = Some(number()?),
                3 => unpacked_bytes = Some(number()?),
                _later_field => {}
            }
        }
        let missing = |what| BinlogError::Truncated {
            what,
            needed: 1,
            left: 0,
        };
        let bytes = bytes.ok_or(missing("the payload's length"))?;
        let compression = compression.ok_or(missing("the payload's compression"))?;
        if compression != Self::ZSTD && compression != Self::NONE {
            return Err(BinlogError::Value {
                what: "the payload's compression",
                expected: "0 (zstd) or 255 (none)",
                found: compression,
            });
        }
        Ok(Self {
            compression,
            unpacked_bytes: match compression {
                Self::NONE => bytes,
                _zstd => unpacked_bytes.ok_or(missing("the length of the payload's events"))?,
            },
            begin: cursor.offset(),
            bytes,
        })
    }

    /// Begins to read the events of the payload in `body`, which may be its begin only: [`PayloadReader::feed`] takes the
    /// rest.
    ///
    /// # Errors
    /// A payload of another length than its field says.
    pub fn read(&self, body: Bytes, body_bytes: u64) -> Result<PayloadReader, BinlogError> {
        const WHAT: &str = "the payload";
        let found = body_bytes.saturating_sub(self.begin as u64);
        if found != self.bytes {
            return Err(BinlogError::Value {
                what: "the payload's length",
                expected: "that of the rest of its event",
                found: self.bytes,
            });
        }
        let unpacker = match self.compression {
            Self::NONE => Unpacker::stored(WHAT, self.unpacked_bytes),
            _zstd => Unpacker::zstd(WHAT, self.unpacked_bytes)?,
        };
        let input = body.slice(self.begin.min(body.len())..);
        Ok(PayloadReader {
            unpacker,
            missing: found.saturating_sub(input.len() as u64),
            input,
            carried: Vec::new(),
            block: Bytes::new(),
            events: Vec::new().into_iter(),
        })
    }
}

/// The events of a payload, one after the other, in bounded memory: a block of them, or one event that is larger.
#[derive(Debug)]
pub struct PayloadReader {
    unpacker: Unpacker,
    input: Bytes,
    /// Bytes of the payload that were not fed yet.
    missing: u64,
    /// Unpacked, and not a whole event yet.
    carried: Vec<u8>,
    block: Bytes,
    events: std::vec::IntoIter<Range<u32>>,
}

/// What a payload has next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inner {
    /// An event, header included, as a range of shared bytes.
    Event(Bytes, Range<u32>),
    /// The rest of the payload is to be fed.
    Lacks,
    /// No more, and it was whole.
    End,
}

impl PayloadReader {
    /// Takes the next bytes of the payload; only after [`Inner::Lacks`].
    ///
    /// # Errors
    /// More bytes than the payload has.
    pub fn feed(&mut self, input: Bytes) -> Result<(), BinlogError> {
        self.missing =
            self.missing
                .checked_sub(input.len() as u64)
                .ok_or(BinlogError::Trailing {
                    what: "the payload",
                    left: input.len(),
                })?;
        self.input = input;
        Ok(())
    }

    /// Gives the next event.
    ///
    /// # Errors
    /// Bytes that cannot be unpacked or are no events, a length that was not the stated one.
    pub fn pull(&mut self) -> Result<Inner, BinlogError> {
        loop {
            if let Some(range) = self.events.next() {
                return Ok(Inner::Event(self.block.clone(), range));
            }
            let before = self.carried.len();
            let used = self.unpacker.step(&self.input, &mut self.carried)?;
            self.input = self.input.slice(used..);
            if self.carried.len() > before {
                // Few events a step, where the input comes in drops, must not cost a block each.
                if self.input.is_empty() || self.carried.len() >= STEP_BYTES {
                    self.cut()?;
                }
                continue;
            }
            if !self.input.is_empty() {
                continue;
            }
            if self.missing > 0 {
                return Ok(Inner::Lacks);
            }
            self.unpacker.finish()?;
            self.cut()?;
            if self.events.as_slice().is_empty() {
                return match self.carried.len() {
                    0 => Ok(Inner::End),
                    left => Err(BinlogError::Trailing {
                        what: "the payload's last event",
                        left,
                    }),
                };
            }
        }
    }

    /// Cuts whole events off the front of what is carried.
    fn cut(&mut self) -> Result<(), BinlogError> {
        let mut events = Vec::new();
        let mut at = 0;
        while let Some(rest) = self.carried.get(at..)
            && rest.len() >= Header::LEN
        {
            let size = Header::parse(rest)?.event_size;
            let left = rest.len() as u64 + self.unpacker.left();
            if u64::from(size) > left {
                return Err(BinlogError::Truncated {
                    what: "an event inside the payload",
                    needed: u64::from(size),
                    left: usize::try_from(left).unwrap_or(usize::MAX),
                });
            }
            let end = at + size as usize;
            if end > self.carried.len() {
                self.make_room(end - self.carried.len());
                break;
            }
            events.push(offset(at)?..offset(end)?);
            at = end;
        }
        if at > 0 {
            let rest = self.carried.split_off(at);
            self.block = Bytes::from(std::mem::replace(&mut self.carried, rest));
            self.events = events.into_iter();
        }
        Ok(())
    }

    /// Makes room for a large event, by half of what is there at most.
    fn make_room(&mut self, missing: usize) {
        let room = missing.saturating_add(1).min(self.carried.len() / 2);
        if self.carried.capacity() - self.carried.len() < room {
            self.carried.reserve_exact(room.max(STEP_BYTES));
        }
    }
}

fn offset(at: usize) -> Result<u32, BinlogError> {
    u32::try_from(at).map_err(|_| BinlogError::Value {
        what: "the size of an event inside the payload",
        expected: "less than 4 GiB",
        found: at as u64,
    })
}
