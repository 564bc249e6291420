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

/// Numbers below this take seven bytes at most, which fit into a word with the branch of a union.
const SHORT_LONG: u64 = 1 << 49;

/// Appends a `long` after the branch of its union, if it is in one. All at once: a copy of a fixed size takes two instructions.
#[inline(always)]
pub(super) fn write_branch_and_long(branch: Option<u8>, value: i64, out: &mut Vec<u8>) {
    let number = (value << 1 ^ value >> 63).cast_unsigned();
    if number >= SHORT_LONG {
        return write_branch_and_large_long(branch, value, out);
    }
    // Seven bits to each byte, without a branch for each.
    let halves = number & 0x0fff_ffff | (number & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    let bytes = quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let bits = 64 - (number | 1).leading_zeros();
    let length = bits.div_ceil(7);
    // Each but the last says that one follows.
    let follows = 0x8080_8080_8080_8080 & ((1 << (8 * (length - 1))) - 1);
    write_branch_and_word(branch, bytes | follows, length as usize, out);
}

#[cold]
#[inline(never)]
fn write_branch_and_large_long(branch: Option<u8>, value: i64, out: &mut Vec<u8>) {
    out.extend(branch);
    write_long(value, out);
}

/// Appends the branch of a union, if there is one, and so many bytes of a word, the lowest first; seven at most.
#[inline(always)]
pub(super) fn write_branch_and_word(
    branch: Option<u8>,
    word: u64,
    length: usize,
    out: &mut Vec<u8>,
) {
    let (word, length) = match branch {
        Some(branch) => (word << 8 | u64::from(branch), length + 1),
        None => (word, length),
    };
    let end = out.len() + length;
    out.extend_from_slice(&word.to_le_bytes());
    out.truncate(end);
}

/// Appends the bytes of an integer as Java's `BigInteger.toByteArray` has them, after their length and the branch of their union.
#[inline(always)]
pub(super) fn write_branch_and_integer(branch: Option<u8>, value: i64, out: &mut Vec<u8>) {
    // One bit for the sign.
    let bits = 65 - (value ^ value >> 63).leading_zeros();
    let length = bits.div_ceil(8);
    let bytes = (value << (64 - 8 * length)).to_be_bytes();
    if length <= 6 {
        let word = u64::from_le_bytes(bytes) << 8 | u64::from(2 * length);
        return write_branch_and_word(branch, word, length as usize + 1, out);
    }
    out.extend(branch);
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
            let expected = |write: &dyn Fn(&mut Vec<u8>)| {
                let mut out: Vec<u8> = branch.into_iter().collect();
                write(&mut out);
                out
            };
            let mut out = Vec::new();
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
