//! A large event that arrives in pieces: each goes to the group's spill file at once, and the checksum, which comes last, is
//! verified before the group can end.

use std::sync::Arc;

use bytes::Bytes;

use super::{Assembler, Step};
use crate::binlog::{BinlogError, Checksum, Coordinates, EventKind, Frame, Header};
use crate::change::group::open::SpilledPart;
use crate::change::group::tracker::{Mark, Place};
use crate::change::trouble::{AssembleError, Trouble};
use crate::mysql::Portion;

/// The event whose pieces arrive.
#[derive(Debug)]
pub(super) struct Arriving {
    frame: Frame,
    place: Place,
    /// Bytes that are still to come.
    missing: u64,
    /// `None` in files without checksums.
    checksum: Option<Checksum>,
}

impl Assembler {
    /// Takes one piece.
    pub(super) fn take_part(
        &mut self,
        bytes: Bytes,
        part: Portion,
    ) -> Result<Option<Step>, AssembleError> {
        self.builder.saw(bytes.len() as u64);
        let (mut arriving, begin) = match self.arriving.take() {
            Some(arriving) => (arriving, None),
            None => match self.arrives(&bytes)? {
                Some(arriving) => {
                    let begin = (arriving.frame.start, arriving.frame.header.event_size);
                    (arriving, Some(begin))
                }
                // The goal is reached.
                None => return Ok(None),
            },
        };
        let at = Coordinates::new(Arc::clone(&self.framer.next().file), arriving.frame.start);
        let kind = arriving.frame.header.kind;
        arriving
            .take(&bytes, part)
            .map_err(|error| AssembleError::new(at, kind, error))?;
        let hold = self
            .hold
            .as_mut()
            .expect("a large event opens a group or stands in one");
        let mut spilled = hold.spill();
        spilled.part = Some(SpilledPart { begin, bytes });
        if part.goes_on() {
            self.arriving = Some(arriving);
        } else {
            hold.count += 1;
            hold.spilled += 1;
            if let Place::Ends(outcome) = arriving.place {
                self.close(outcome);
            }
        }
        Ok(Some(Step::Spill(spilled)))
    }

    /// Looks at the first piece, which holds the header. Nothing is known of its body yet.
    fn arrives(&mut self, bytes: &[u8]) -> Result<Option<Arriving>, AssembleError> {
        let header = Header::parse(bytes).map_err(|error| self.unframed(bytes, error))?;
        let kind = header.kind;
        if !may_be_large(kind) {
            let at = self.framer.next().clone();
            return Err(AssembleError::new(at, kind, Trouble::Large { kind }));
        }
        let (frame, checksum) = self
            .framer
            .begin(header)
            .map_err(|error| self.unframed(bytes, error))?;
        let at = Coordinates::new(Arc::clone(&self.framer.next().file), frame.start);
        let place = self
            .tracker
            .place(Mark::of_large(kind))
            .map_err(|error| AssembleError::new(at.clone(), kind, error))?;
        match place {
            Place::Inside | Place::Ends(_) => {}
            Place::Opens | Place::Alone if self.is_late(&frame) => {
                self.passed = true;
                return Ok(None);
            }
            Place::Opens | Place::Alone | Place::Outside | Place::Abandons => {
                return Err(AssembleError::new(at, kind, Trouble::Large { kind }));
            }
        }
        Ok(Some(Arriving {
            missing: u64::from(header.event_size),
            frame,
            place,
            checksum,
        }))
    }
}

impl Arriving {
    fn take(&mut self, bytes: &[u8], part: Portion) -> Result<(), BinlogError> {
        let size = self.frame.header.event_size;
        let wrong = |missing: u64| BinlogError::EventSize {
            stated: size,
            found: usize::try_from(u64::from(size).saturating_sub(missing))
                .unwrap_or(usize::MAX)
                .saturating_add(bytes.len()),
        };
        self.missing = self
            .missing
            .checked_sub(bytes.len() as u64)
            .ok_or(wrong(self.missing))?;
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        if part.goes_on() {
            return Ok(());
        }
        if self.missing > 0 {
            return Err(wrong(self.missing.saturating_add(bytes.len() as u64)));
        }
        self.checksum.take().map_or(Ok(()), Checksum::verify)
    }
}

/// Kinds that grow with rows or statements.
fn may_be_large(kind: EventKind) -> bool {
    matches!(
        kind.number(),
        2 | 9 | 17 | 23..=25 | 29..=32 | 39 | 40 | 160 | 165..=172
    )
}
