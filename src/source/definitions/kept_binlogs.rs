//! The stretches of one lineage's binlogs of which it is known what they tell of definitions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::ddl_changes::DdlChanges;
use crate::binlog::{Coordinates, FIRST_POSITION, FileName};
use crate::change::history::{EventMark, Stretch};

/// Stretches in their order, none within another, neighbours joined.
#[derive(Debug, Default)]
pub(super) struct KeptBinlogs {
    stretches: BTreeMap<Coordinates, Stretch>,
    changes: DdlChanges,
    /// Of events and tables.
    content_bytes: usize,
}

impl KeptBinlogs {
    /// Takes in a stretch; what of it is there already is left out.
    ///
    /// # Errors
    /// [`OtherFile`] where it is of another file than what is there under the same name. Nothing is then taken in.
    pub(super) fn take(&mut self, stretch: Stretch) -> Result<(), OtherFile> {
        let of_file = Coordinates::new(Arc::clone(&stretch.file), 0)
            ..=Coordinates::new(Arc::clone(&stretch.file), u64::MAX);
        let mut of_file = self.stretches.range(of_file);
        if of_file.any(|(_, other)| other.begun != stretch.begun) {
            return Err(OtherFile);
        }
        let mut rest = Some(stretch);
        while let Some(mut part) = rest.take() {
            if let Some(before) = self.at_mut(&part.begin()) {
                let is_longer = part.to > before.to;
                if (before.is_last && is_longer) || (part.is_last && part.to < before.to) {
                    return Err(OtherFile);
                }
                if !is_longer {
                    // All of it is there, but perhaps not that nothing follows.
                    before.is_last |= part.is_last;
                    break;
                }
                part.skip_to(before.to);
            }
            if let Some(next) = self.next_after(&part.begin(), &part.file)
                && next.from < part.to
            {
                rest = Some(part.split_off(next.from));
            }
            self.changes.note(&part);
            self.content_bytes += part.content_bytes();
            self.put(part);
        }
        Ok(())
    }

    /// Where the first part of the binlogs between two places begins of which nothing is known, and where it ends at the
    /// latest; `None` if there is none.
    pub(super) fn gap(&self, between: &Range<Coordinates>) -> Option<Range<Coordinates>> {
        let mut reached = between.start.clone();
        while reached < between.end {
            match self.at(&reached) {
                Some(stretch) if stretch.is_last => {
                    let Some(next) = FileName(&stretch.file).next() else {
                        return Some(reached..between.end.clone());
                    };
                    reached = Coordinates::new(next, FIRST_POSITION);
                }
                Some(stretch) if stretch.to > reached.position => reached = stretch.end(),
                Some(_) | None => {
                    let next = self.stretches.range(reached.clone()..);
                    let mut next = next
                        .map(|(begin, _)| begin)
                        .filter(|begin| **begin > reached);
                    let end = next.next().unwrap_or(&between.end).min(&between.end);
                    return Some(reached..end.clone());
                }
            }
        }
        None
    }

    /// The first place from which on all is known up to another one; that place itself if nothing before it is.
    pub(super) fn known_since(&self, place: &Coordinates) -> Coordinates {
        let mut since = place.clone();
        while let Some(stretch) = self.before(&since) {
            since = stretch.begin();
        }
        since
    }

    /// The stretch that reaches to a place from before it.
    fn before(&self, place: &Coordinates) -> Option<&Stretch> {
        let (_, stretch) = self.stretches.range(..place).next_back()?;
        let is_same_file = stretch.file == place.file && stretch.to >= place.position;
        let is_last_before = place.position == FIRST_POSITION
            && stretch.is_last
            && FileName(&stretch.file).next().as_deref() == Some(&*place.file);
        (is_same_file || is_last_before).then_some(stretch)
    }

    /// The parts of stretches between two places, in order, each with the positions between which it lies.
    pub(super) fn parts(
        &self,
        between: &Range<Coordinates>,
    ) -> impl Iterator<Item = (&Stretch, Range<u64>)> {
        let top = Coordinates::new(Arc::clone(&between.start.file), 0);
        let (start, end) = (between.start.clone(), between.end.clone());
        self.stretches
            .range(top..between.end.clone().max(between.start.clone()))
            .map(move |(_, stretch)| {
                let from = match stretch.file == start.file {
                    true => start.position,
                    false => 0,
                };
                let to = match stretch.file == end.file {
                    true => end.position,
                    false => u64::MAX,
                };
                (stretch, from..to)
            })
    }

    /// The event that ends at a place, by which its file can be told from another, if that is known.
    pub(super) fn mark_before(&self, place: &Coordinates) -> Option<EventMark> {
        let stretch = self.at(place)?;
        let is_there = stretch.to == place.position && !stretch.is_last && stretch.mark.size != 0;
        is_there.then_some(stretch.mark)
    }

    /// Whether a place is in a stretch, or at its end, of a file that was begun then.
    pub(super) fn knows(&self, place: &Coordinates, begun: u32) -> bool {
        self.at(place).is_some_and(|stretch| stretch.begun == begun)
    }

    /// The stretch that ends last.
    pub(super) fn newest(&self) -> Option<&Stretch> {
        self.stretches.last_key_value().map(|(_, stretch)| stretch)
    }

    /// What their statements may have changed.
    pub(super) fn changes(&self) -> &DdlChanges {
        &self.changes
    }

    /// Roughly how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.content_bytes + self.stretches.len() * Stretch::EMPTY_BYTES
    }

    /// All, in order.
    pub(super) fn stretches(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.values()
    }

    /// Forgets the files before one.
    pub(super) fn forget_before(&mut self, file: &str) {
        let first = Coordinates::new(file, 0);
        self.stretches = self.stretches.split_off(&first);
        self.count_again();
    }

    /// Forgets the oldest until so many bytes are left.
    pub(super) fn forget_beyond(&mut self, bytes_max: usize) {
        if self.bytes() <= bytes_max {
            return;
        }
        while self.bytes() > bytes_max
            && let Some((_, oldest)) = self.stretches.pop_first()
        {
            self.content_bytes -= oldest.content_bytes();
        }
        self.count_again();
    }

    fn count_again(&mut self) {
        self.content_bytes = self.stretches.values().map(Stretch::content_bytes).sum();
        self.changes = DdlChanges::default();
        for stretch in self.stretches.values() {
            self.changes.note(stretch);
        }
    }

    fn put(&mut self, part: Stretch) {
        let end = part.end();
        let begin = match self.at_mut(&part.begin()) {
            Some(before) if before.to == part.from => {
                before.join(part);
                before.begin()
            }
            _none => {
                let begin = part.begin();
                self.stretches.insert(begin.clone(), part);
                begin
            }
        };
        if begin != end
            && let Some(next) = self.stretches.remove(&end)
            && let Some(before) = self.stretches.get_mut(&begin)
        {
            before.join(next);
        }
    }

    /// The stretch in which a place is, or at whose end.
    fn at(&self, place: &Coordinates) -> Option<&Stretch> {
        let (_, stretch) = self.stretches.range(..=place).next_back()?;
        let is_there =
            stretch.file == place.file && (place.position <= stretch.to || stretch.is_last);
        is_there.then_some(stretch)
    }

    fn at_mut(&mut self, place: &Coordinates) -> Option<&mut Stretch> {
        let (_, stretch) = self.stretches.range_mut(..=place).next_back()?;
        let is_there =
            stretch.file == place.file && (place.position <= stretch.to || stretch.is_last);
        is_there.then_some(stretch)
    }

    fn next_after(&self, place: &Coordinates, file: &Arc<str>) -> Option<&Stretch> {
        let after = self.stretches.range(place.clone()..);
        after
            .map(|(_, stretch)| stretch)
            .find(|stretch| stretch.begin() > *place)
            .filter(|stretch| stretch.file == *file)
    }
}

/// What was kept under a file's name is of another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherFile;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::history::{KeptEvent, KeptWhat, Sighting};
    use crate::row::TableName;

    fn at(file: u32, position: u64) -> Coordinates {
        Coordinates::new(format!("b.{file:06}"), position)
    }

    /// A stretch with an event at each of its tens, and a table that is seen at the end of each.
    fn stretch(file: u32, from: u64, to: u64) -> Stretch {
        let tens = (from..to).filter(|position| position % 10 == 0);
        Stretch {
            file: at(file, 0).file,
            begun: 7,
            from,
            to,
            is_last: false,
            format: Arc::default(),
            mark: EventMark {
                at: to - 1,
                timestamp: 1,
                size: 1,
                crc32: 1,
            },
            events: tens
                .clone()
                .map(|at| KeptEvent {
                    at,
                    what: KeptWhat::Doubt("x".into()),
                })
                .collect(),
            tables: tens
                .map(|at| Sighting {
                    table: TableName::new("d", "t"),
                    end: at + 10,
                    draft: Box::default(),
                })
                .collect(),
        }
    }

    fn last(mut stretch: Stretch) -> Stretch {
        stretch.is_last = true;
        stretch
    }

    #[test]
    fn whatever_the_order_and_overlap_the_whole_is_the_same() {
        let whole = stretch(1, 10, 100);
        let parts = [
            stretch(1, 10, 40),
            stretch(1, 30, 60),
            stretch(1, 60, 80),
            stretch(1, 70, 100),
            stretch(1, 20, 30),
        ];
        for shift in 0..parts.len() {
            for step in 1..parts.len() {
                let mut kept = KeptBinlogs::default();
                for index in 0..parts.len() {
                    let part = &parts[(shift + index * step) % parts.len()];
                    kept.take(part.clone()).unwrap();
                }
                for part in &parts {
                    kept.take(part.clone()).unwrap();
                }
                let found: Vec<Stretch> = kept.stretches().cloned().collect();
                assert_eq!(found, std::slice::from_ref(&whole), "{shift} {step}");
                assert_eq!(kept.bytes(), whole.content_bytes() + Stretch::EMPTY_BYTES);
            }
        }
    }

    #[test]
    fn gaps_are_found_over_files_that_ended() {
        let mut kept = KeptBinlogs::default();
        let all = at(1, 4)..at(3, 90);
        assert_eq!(kept.gap(&all), Some(all.clone()));
        kept.take(stretch(1, 50, 100)).unwrap();
        assert_eq!(kept.gap(&all), Some(at(1, 4)..at(1, 50)));
        kept.take(stretch(1, 4, 50)).unwrap();
        assert_eq!(kept.gap(&all), Some(at(1, 100)..at(3, 90)));
        assert_eq!(kept.gap(&(at(1, 30)..at(1, 100))), None);
        // The server died after this; nothing follows in the file.
        let mut empty = last(stretch(1, 99, 100));
        (empty.from, empty.events, empty.tables) = (100, Vec::new(), Vec::new());
        kept.take(empty).unwrap();
        assert_eq!(kept.gap(&all), Some(at(2, 4)..at(3, 90)));
        kept.take(stretch(3, 4, 40)).unwrap();
        assert_eq!(kept.gap(&all), Some(at(2, 4)..at(3, 4)));
        kept.take(last(stretch(2, 4, 70))).unwrap();
        assert_eq!(kept.gap(&all), Some(at(3, 40)..at(3, 90)));
        kept.take(stretch(3, 40, 120)).unwrap();
        assert_eq!(kept.gap(&all), None);
        assert_eq!(kept.known_since(&at(3, 60)), at(1, 4));
        assert_eq!(kept.known_since(&at(4, 4)), at(4, 4));
        kept.forget_before("b.000002");
        assert_eq!(kept.known_since(&at(3, 120)), at(2, 4));
        assert_eq!(kept.gap(&all), Some(at(1, 4)..at(2, 4)));
        assert_eq!(kept.newest().map(Stretch::end), Some(at(3, 120)));
    }

    #[test]
    fn a_file_that_contradicts_what_is_kept_is_another() {
        let mut kept = KeptBinlogs::default();
        kept.take(last(stretch(1, 4, 50))).unwrap();
        let mut begun_later = stretch(1, 50, 60);
        begun_later.begun = 8;
        assert_eq!(kept.take(begun_later), Err(OtherFile));
        assert_eq!(kept.take(stretch(1, 4, 60)), Err(OtherFile), "it is longer");
        assert_eq!(
            kept.take(last(stretch(1, 4, 40))),
            Err(OtherFile),
            "it is shorter"
        );
        assert_eq!(kept.take(last(stretch(1, 4, 50))), Ok(()));
        assert_eq!(kept.stretches().count(), 1);
    }

    #[test]
    fn what_is_too_much_is_forgotten_from_the_oldest_on() {
        let mut kept = KeptBinlogs::default();
        for file in 1..=20 {
            kept.take(last(stretch(file, 4, 100))).unwrap();
        }
        let bytes = kept.bytes();
        kept.forget_beyond(bytes / 2);
        assert!(kept.bytes() <= bytes / 2 && kept.bytes() > bytes / 3);
        assert_eq!(
            kept.newest().map(|stretch| &*stretch.file),
            Some("b.000020")
        );
        let all = at(1, 4)..at(20, 100);
        assert_eq!(kept.gap(&all).map(|gap| gap.start), Some(at(1, 4)));
        let table = TableName::new("d", "t");
        assert!(kept.changes().spare_table(&table, &(at(1, 4)..at(2, 4))));
        assert!(
            !kept
                .changes()
                .spare_table(&table, &(at(20, 4)..at(20, 100)))
        );
    }
}
