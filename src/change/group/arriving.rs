//! A large event that arrives in pieces: its size and its checksum, which comes last, are verified as they pass.

use crate::binlog::{BinlogError, Checksum, Frame, Framer, Header};

/// The event whose pieces arrive.
#[derive(Debug)]
pub struct Arriving {
    frame: Frame,
    /// Bytes that are still to come.
    missing: u64,
    /// `None` in files without checksums.
    checksum: Option<Checksum>,
}

impl Arriving {
    /// Frames an event by the header in its first piece, which has yet to be taken.
    ///
    /// # Errors
    /// A header that cannot be read, or that cannot stand at the framer's place.
    pub fn begin(framer: &mut Framer, header: Header) -> Result<Self, BinlogError> {
        let (frame, checksum) = framer.begin(header)?;
        Ok(Self {
            missing: u64::from(header.event_size),
            frame,
            checksum,
        })
    }

    /// The event's header and positions.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// More bytes than the header states.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), BinlogError> {
        self.missing = self
            .missing
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| self.wrong_size(bytes.len() as u64))?;
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        Ok(())
    }

    /// Ends the event after its last piece.
    ///
    /// # Errors
    /// Fewer bytes than the header states, or another checksum.
    pub fn finish(self) -> Result<Frame, BinlogError> {
        if self.missing > 0 {
            return Err(self.wrong_size(0));
        }
        self.checksum.map_or(Ok(()), Checksum::verify)?;
        Ok(self.frame)
    }

    fn wrong_size(&self, more: u64) -> BinlogError {
        let stated = self.frame.header.event_size;
        let found = u64::from(stated).saturating_sub(self.missing);
        BinlogError::EventSize {
            stated,
            found: usize::try_from(found.saturating_add(more)).unwrap_or(usize::MAX),
        }
    }
}
