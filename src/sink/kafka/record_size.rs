//! What a record takes in Kafka's format, and how it is shown in a message.
//!
//! A broker looks at a whole batch, as it comes, compressed. What is counted here is a record alone in a batch, uncompressed.

/// A batch without its record.
const BATCH_BYTES: usize = 61;
/// A record's attributes, and its differences of time and offset, which are 0 for the first.
const RECORD_BYTES: usize = 3;
/// What a key may take in a message.
const SHOWN_CHARS_MAX: usize = 200;

/// What a record takes in a batch of its own, uncompressed.
pub(super) fn batch_bytes<'a>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
) -> usize {
    let sized = |length: usize| varint_bytes(length) + length;
    let of = |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| sized(bytes.len()));
    let (mut count, mut in_headers) = (0, 0);
    for (name, value) in headers {
        count += 1;
        in_headers += sized(name.len()) + of(value);
    }
    let record = RECORD_BYTES + of(key) + of(value) + varint_bytes(count) + in_headers;
    BATCH_BYTES + sized(record)
}

/// The bytes of a length in zigzag encoding, seven bits each.
fn varint_bytes(length: usize) -> usize {
    let bits = usize::BITS - (length << 1).leading_zeros();
    usize::try_from(bits.div_ceil(7).max(1)).unwrap_or(usize::MAX)
}

/// A key as it is shown in a message.
pub(super) fn shown(key: Option<&[u8]>) -> String {
    let Some(key) = key else {
        return "none".to_owned();
    };
    let text = String::from_utf8_lossy(key);
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_bytes_that_the_protocol_gives_them() {
        for (length, bytes) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (8_191, 2),
            (8_192, 3),
            (1 << 20, 4),
        ] {
            assert_eq!(varint_bytes(length), bytes, "{length}");
        }
    }

    #[test]
    fn an_empty_record_takes_what_a_batch_does() {
        // Its length, attributes, time, offset, key, value, headers.
        let bytes = batch_bytes(None, None, std::iter::empty());
        assert_eq!(bytes, 61 + 1 + 6);
    }

    #[test]
    fn a_key_is_shown_as_far_as_it_fits() {
        assert_eq!(shown(None), "none");
        assert_eq!(shown(Some(b"{\"id\":1}")), "{\"id\":1}");
        assert_eq!(shown(Some(&[b'x'; 500])).chars().count(), 201);
    }
}
