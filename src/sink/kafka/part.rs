//! A group that is delivered in parts, since it outlives one transaction: how much of it is there.
//!
//! The checkpoint stays before the group. Its record says in a header how far into the group the records are committed, so that
//! whoever goes on there leaves these out when the group comes again.

use super::headers::slice;
use crate::binlog::FileName;
use crate::encode::{RecordOp, Records};

/// How much of a group was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Source, file and position of the group, as the headers of its records have them.
    group: [String; 3],
    /// The last change that was committed.
    sequence: u64,
}

impl Part {
    /// Where the last record of a block ends.
    pub(super) fn end_of(block: &Records) -> Option<Self> {
        let last = block.records.last()?;
        Some(Self {
            group: group_of(block, last.group)?.map(str::to_owned),
            sequence: last.sequence,
        })
    }

    /// As the value of a header.
    pub(super) fn text(&self) -> String {
        let [source, file, position] = &self.group;
        format!("{source} {file} {position} {}", self.sequence)
    }

    /// Reads such a value.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(4, ' ');
        let sequence = parts.next()?.parse().ok()?;
        let (position, file) = (parts.next()?, parts.next()?);
        Some(Self {
            group: [parts.next()?, file, position].map(str::to_owned),
            sequence,
        })
    }

    /// How many records at the beginning of a block were committed: those of the group up to the part's end, and of groups
    /// before it, which went into the same transaction as its first records. A notice of the group's end is never among them:
    /// nothing is a part once the end was written.
    ///
    /// # Errors
    /// The group that comes in place of the one that was begun.
    pub(super) fn covers(&self, block: &Records) -> Result<Covered, String> {
        let mut meets_group = false;
        let mut count = 0;
        for record in &block.records {
            let Some(found) = group_of(block, record.group) else {
                break;
            };
            if found == self.group.each_ref().map(String::as_str) {
                let is_end = record.op == RecordOp::Notice && record.sequence > 0;
                if is_end || record.sequence > self.sequence {
                    break;
                }
                meets_group = true;
            } else if meets_group {
                break;
            } else if !self.is_behind(found) {
                let [source, file, position] = found;
                return Err(format!("{file}:{position} of {source}"));
            }
            count += 1;
        }
        Ok(Covered { count, meets_group })
    }

    /// Whether another group stands before this one in the binlogs of the same server.
    fn is_behind(&self, [source, file, position]: [&str; 3]) -> bool {
        let [own_source, own_file, own_position] = &self.group;
        let (file, own_file) = (FileName(file), FileName(own_file));
        let place = |file: FileName<'_>, position: &str| {
            Some((file.number()?, position.parse::<u64>().ok()?))
        };
        source == own_source
            && file.is_of_series(own_file)
            && place(file, position)
                .zip(place(own_file, own_position))
                .is_some_and(|(other, own)| other < own)
    }
}

/// What of a block was committed with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    /// How many records at its beginning.
    pub(super) count: usize,
    /// Whether any of them is of the part's group.
    pub(super) meets_group: bool,
}

fn group_of(block: &Records, index: u32) -> Option<[&str; 3]> {
    let group = block.groups.get(usize::try_from(index).ok()?)?;
    let text = |range| std::str::from_utf8(slice(block, range)).ok();
    Some([
        text(&group.source)?,
        text(&group.file)?,
        text(&group.position)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_reads_back_whatever_the_file_is_called() {
        for file in ["binlog.000007", "bin log.000007"] {
            let part = Part {
                group: ["3e11fa47".to_owned(), file.to_owned(), "4".to_owned()],
                sequence: 9,
            };
            let read = Part::parse(&part.text()).unwrap();
            assert_eq!(read.sequence, 9);
            assert_eq!(read.text(), part.text());
        }
        assert_eq!(Part::parse("4 9"), None);
    }

    #[test]
    fn groups_before_the_part_are_those_of_the_same_binlogs_alone() {
        let part = Part::parse("3e11fa47 binlog.000010 700 9").unwrap();
        for (group, expected) in [
            (["3e11fa47", "binlog.000010", "158"], true),
            (["3e11fa47", "binlog.000009", "9000"], true),
            (["3e11fa47", "binlog.000010", "700"], false),
            (["3e11fa47", "binlog.000010", "1000"], false),
            (["3e11fa47", "binlog.000011", "4"], false),
            (["77aa0c12", "binlog.000010", "158"], false),
            (["3e11fa47", "mysql-bin.000009", "158"], false),
            (["3e11fa47", "binlog", "158"], false),
        ] {
            assert_eq!(part.is_behind(group), expected, "{group:?}");
        }
    }
}
