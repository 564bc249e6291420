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
