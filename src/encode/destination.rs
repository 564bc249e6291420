//! Where a table's records go in a log, and under which key: decided once a table, whatever the format.

use std::num::NonZeroU32;
use std::sync::Arc;

/// The topic, key and partition of a table's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The topic; empty for lines.
    pub topic: Arc<str>,
    /// What their keys are made of.
    pub key: RecordKey,
    /// Which partition each goes to.
    pub partition: PartitionRule,
}

/// What the keys of a table's records are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordKey {
    /// Indexes of the columns, in the order of the key; empty for records without keys.
    pub columns: Box<[usize]>,
    /// Whether the key names the table too, since rows of other tables go to the same topic.
    pub names_table: bool,
}

/// Which partition a table's records go to.
///
/// Records stay in order within a partition, so this says what stays in order: the changes of a key, of a table, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionRule {
    /// That of the record's key, as Kafka's own clients choose it; the first one for a record without a key.
    Key,
    /// The same one for all of them.
    Fixed(i32),
    /// That of their group, of so many partitions.
    Group(NonZeroU32),
    /// That of a key which is made of these columns, of so many partitions. A row that goes to another partition becomes a
    /// delete and a create, as one that gets another key does.
    Columns(RecordKey, NonZeroU32),
}

impl Destination {
    /// That of lines, which have neither topic nor key.
    pub fn none() -> Self {
        Self {
            topic: Arc::from(""),
            key: RecordKey::default(),
            partition: PartitionRule::Key,
        }
    }

    /// A topic to which records go under the key of these columns, and by it.
    pub fn by_key(topic: Arc<str>, columns: &[usize]) -> Self {
        Self {
            topic,
            key: RecordKey::of(columns),
            partition: PartitionRule::Key,
        }
    }
}

impl RecordKey {
    /// The key of these columns.
    pub fn of(columns: &[usize]) -> Self {
        Self {
            columns: columns.into(),
            names_table: false,
        }
    }
}

impl PartitionRule {
    /// What a row's partition is made of, where it is columns.
    pub(super) fn columns(&self) -> Option<(&RecordKey, NonZeroU32)> {
        match self {
            Self::Columns(key, count) => Some((key, *count)),
            Self::Key | Self::Fixed(_) | Self::Group(_) => None,
        }
    }
}

/// The partition, of so many, to which Kafka's own clients send a record with this key.
pub fn partition_of(key: &[u8], count: NonZeroU32) -> i32 {
    partition_of_hash(hash(key), count)
}

/// The same of a key whose hash is known.
pub(super) fn partition_of_hash(hash: u32, count: NonZeroU32) -> i32 {
    // Java's `toPositive` before the remainder: the result has 31 bits.
    ((hash & 0x7fff_ffff) % count).cast_signed()
}

/// The hash by which Kafka's own clients choose a key's partition: MurmurHash2 with their seed, as in
/// `org.apache.kafka.common.utils.Utils.murmur2`.
pub(super) fn hash(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const FACTOR: u32 = 0x5bd1_e995;
    const SHIFT: u32 = 24;
    // Java's arrays have 32-bit lengths.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word ^= word >> SHIFT;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let shifted = rest.iter().rev();
        hash ^= shifted.fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash = hash.wrapping_mul(FACTOR);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn keys_hash_as_in_kafkas_own_clients() {
        for (key, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(hash(key.as_bytes()).cast_signed(), expected, "{key}");
            let count = NonZeroU32::new(7).unwrap();
            assert_eq!(
                partition_of(key.as_bytes(), count),
                (expected & i32::MAX) % 7
            );
        }
    }
}
