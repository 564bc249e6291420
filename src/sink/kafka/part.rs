//! A group that is delivered in parts, since it outlives one transaction: how much of it is there.
//!
//! The checkpoint stays before the group. Its record says in a header how far into the group the records are committed, so that
//! whoever goes on there leaves these out when the group comes again.

use super::headers::slice;
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

    /// How many records at the beginning of a block are among those that were committed, or the group that comes in place of
    /// the one that was begun. A notice of the group's end is never among them: nothing is a part once the end was written.
    pub(super) fn covers(&self, block: &Records) -> Result<usize, String> {
        let group = |index| group_of(block, index);
        match block.records.first().and_then(|first| group(first.group)) {
            Some(first) if first != self.group.each_ref().map(String::as_str) => {
                let [source, file, position] = first;
                Err(format!("{file}:{position} of {source}"))
            }
            Some(_) | None => Ok(block
                .records
                .iter()
                .take_while(|record| {
                    let is_end = record.op == RecordOp::Notice && record.sequence > 0;
                    !is_end
                        && record.sequence <= self.sequence
                        && group(record.group) == Some(self.group.each_ref().map(String::as_str))
                })
                .count()),
        }
    }
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
}
