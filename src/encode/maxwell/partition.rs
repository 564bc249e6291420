//! The partitions that Maxwell chooses, by hashes of its own: as in its `MaxwellKafkaPartitioner`.

use std::num::NonZeroU32;

use crate::encode::format::MaxwellPartitionHash;

/// The seed of Maxwell's MurmurHash3.
const SEED: u32 = 25_342;

impl MaxwellPartitionHash {
    /// The partition, of so many, to which Maxwell sends records of this database or table.
    pub fn partition_of(self, name: &str, count: NonZeroU32) -> i32 {
        let hash = match self {
            Self::Default => java_hash(name),
            Self::Murmur3 => murmur3(name.as_bytes()).cast_signed(),
        };
        // Java's remainder has the sign of the hash.
        let rest = i64::from(hash) % i64::from(count.get());
        i32::try_from(rest.abs()).unwrap_or_default()
    }
}

/// Java's `String.hashCode`.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    })
}

/// MurmurHash3 of 32 bits.
fn murmur3(bytes: &[u8]) -> u32 {
    const FACTORS: [u32; 2] = [0xcc9e_2d51, 0x1b87_3593];
    let mixed = |word: u32| {
        word.wrapping_mul(FACTORS[0])
            .rotate_left(15)
            .wrapping_mul(FACTORS[1])
    };
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = words.iter().fold(SEED, |hash, word| {
        let hash = (hash ^ mixed(u32::from_le_bytes(*word))).rotate_left(13);
        hash.wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    let rest = rest.iter().rev();
    hash ^= mixed(rest.fold(0, |word, byte| (word << 8) | u32::from(*byte)));
    hash ^= u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash codes are what Java 17 prints for these.
    #[test]
    fn names_hash_as_in_java() {
        for (text, expected) in [
            ("", 0),
            ("peers", 106_543_953),
            ("polygenelubricants", i32::MIN),
            ("größe 😀", 175_604_178),
        ] {
            assert_eq!(java_hash(text), expected, "{text}");
        }
        // As its own class has them.
        for (text, expected) in [
            ("", 213_229_777),
            ("peers", 1_774_343_967),
            ("polygenelubricants", 65_225_368),
            ("größe 😀", -1_412_843_846),
        ] {
            assert_eq!(murmur3(text.as_bytes()).cast_signed(), expected, "{text}");
        }
        let count = NonZeroU32::new(7).unwrap();
        let partition = MaxwellPartitionHash::Default.partition_of("polygenelubricants", count);
        assert_eq!(partition, 2);
    }
}
