//! Numbers, strings and bytes in Avro's binary encoding.
//!
//! Follows Avro's specification, "Binary Encoding".

/// The index of the second branch of a union; that of the first is 0.
pub(super) const SECOND: u8 = 2;

/// Bytes of a 64-bit number at most, seven bits each.
const LONG_BYTES_MAX: usize = 10;

/// Appends an `int` or a `long`: zig-zag, seven bits a byte, the lowest first.
#[inline(always)]
pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    let [low, ..] = rest.to_le_bytes();
    if rest < 0x80 {
        out.push(low);
        return;
    }
    let mut bytes = [0u8; LONG_BYTES_MAX];
    let mut length = 0;
    for byte in &mut bytes {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        length += 1;
        if rest == 0 {
            *byte = low;
            break;
        }
        *byte = low | 0x80;
    }
    out.extend_from_slice(bytes.get(..length).unwrap_or_default());
}

/// The branch of the union that a value is in, as what stands before it: a byte, or nothing where there is no union.
#[derive(Clone, Copy, Debug)]
pub(super) struct Branch {
    byte: u64,
    length: usize,
}

impl Branch {
    /// The branch of this index, if the value is in one.
    pub(super) fn of(index: Option<u8>) -> Self {
        Self {
            byte: index.unwrap_or(0).into(),
            length: index.map_or(0, |_| 1),
        }
    }
}

/// Numbers below this take seven bytes at most, which fit into a word with the branch of a union.
const SHORT_LONG: u64 = 1 << 49;

/// Appends a `long` after the branch of its union. All at once: a copy of a fixed size takes two instructions.
///
/// How many bytes it takes is told by branches, as long as these are few: the numbers of a column are mostly as long as each other,
/// so that the processor guesses it, and goes on with what follows before it knows.
#[inline(always)]
pub(super) fn write_branch_and_long(branch: Branch, value: i64, out: &mut Vec<u8>) {
    let number = (value << 1 ^ value >> 63).cast_unsigned();
    let (bytes, length) = match number {
        0..0x80 => (number, 1),
        0x80..0x4000 => (number & 0x7f | (number & 0x3f80) << 1 | 0x80, 2),
        0x4000..0x20_0000 => {
            let bytes = number & 0x7f | (number & 0x3f80) << 1 | (number & 0x1f_c000) << 2;
            (bytes | 0x8080, 3)
        }
        0x20_0000..SHORT_LONG => seven_bits_a_byte(number),
        SHORT_LONG.. => return write_branch_and_large_long(branch, value, out),
    };
    write_branch_and_word(branch, bytes, length, out);
}

/// A number of up to 49 bits as seven bits to each byte, without a branch for each, and how many bytes it takes.
#[inline]
fn seven_bits_a_byte(number: u64) -> (u64, usize) {
    let halves = number & 0x0fff_ffff | (number & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let bytes = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let bits = 64 - (number | 1).leading_zeros();
    let length = bits.div_ceil(7);
    // Each but the last says that one follows.
    let follows = 0x8080_8080_8080_8080 & ((1 << (8 * (length - 1))) - 1);
    (bytes | follows, length as usize)
}

#[cold]
#[inline(never)]
fn write_branch_and_large_long(branch: Branch, value: i64, out: &mut Vec<u8>) {
    write_branch_and_word(branch, 0, 0, out);
    write_long(value, out);
}

/// Appends the branch of a union and so many bytes of a word, the lowest first; seven at most.
#[inline(always)]
pub(super) fn write_branch_and_word(branch: Branch, word: u64, length: usize, out: &mut Vec<u8>) {
    let end = out.len() + branch.length + length;
    let word = word << (8 * branch.length) | branch.byte;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// Appends the bytes of an integer as Java's `BigInteger.toByteArray` has them, after their length and the branch of their union.
#[inline(always)]
pub(super) fn write_branch_and_integer(branch: Branch, value: i64, out: &mut Vec<u8>) {
    // One bit for the sign.
    let bits = 65 - (value ^ value >> 63).leading_zeros();
    let length = bits.div_ceil(8);
    let bytes = (value << (64 - 8 * length)).to_be_bytes();
    if length <= 6 {
        let word = u64::from_le_bytes(bytes) << 8 | u64::from(2 * length);
        return write_branch_and_word(branch, word, length as usize + 1, out);
    }
    write_branch_and_word(branch, 0, 0, out);
    write_bytes(bytes.get(..length as usize).unwrap_or_default(), out);
}

/// Appends the length of what follows.
#[inline(always)]
pub(super) fn write_length(length: usize, out: &mut Vec<u8>) {
    write_long(i64::try_from(length).unwrap_or(i64::MAX), out);
}

/// Appends `bytes`, or a `string` of them.
#[inline(always)]
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends a `string` or null in a union whose first branch is null.
pub(super) fn write_optional(text: Option<&[u8]>, out: &mut Vec<u8>) {
    match text {
        Some(text) => {
            out.push(SECOND);
            write_bytes(text, out);
        }
        None => out.push(0),
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::reader::datum::GenericDatumReader;
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn numbers_are_written_as_the_specification_shows_them() {
        for (value, expected) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (
                i64::MIN,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            ),
        ] {
            let mut out = Vec::new();
            write_long(value, &mut out);
            assert_eq!(out, expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_at_once_is_what_is_written_in_parts(value in any::<i64>(), shift in 0u32..64, branch in any::<Option<u8>>()) {
            let value = value >> shift;
            let before: Vec<u8> = branch.into_iter().collect();
            let expected = |write: &dyn Fn(&mut Vec<u8>)| {
                let mut out = before.clone();
                write(&mut out);
                out
            };
            let mut out = Vec::new();
            let branch = Branch::of(branch);
            write_branch_and_long(branch, value, &mut out);
            assert_eq!(out, expected(&|out| write_long(value, out)));
            out.clear();
            write_branch_and_integer(branch, value, &mut out);
            let minimal = crate::encode::debezium::minimal;
            assert_eq!(out, expected(&|out| write_bytes(minimal(&value.to_be_bytes()), out)));
        }

        #[test]
        fn every_number_is_read_back_by_another_library(value in any::<i64>()) {
            let mut out = Vec::new();
            write_long(value, &mut out);
            let schema = apache_avro::Schema::Long;
            let reader = GenericDatumReader::builder(&schema).build().unwrap();
            let read = reader.read_value(&mut &*out).unwrap();
            assert_eq!(read, apache_avro::types::Value::Long(value));
        }
    }
}
