//! MariaDB's INET4, INET6 and UUID: from their bytes to the text that the server shows.
//!
//! In a row image each is a BINARY of 4 or 16 bytes, and its table map calls it that. Follows `sql/sql_type_inet.cc` and
//! `plugin/type_uuid` (MariaDB).

use super::RowError;
use super::digits::{hex_digit, write_integer};

/// Takes the bytes of an image, of which the server cut the zeros at the end.
pub(super) fn padded<const N: usize>(
    kind: &'static str,
    bytes: &[u8],
) -> Result<[u8; N], RowError> {
    let mut padded = [0; N];
    padded
        .get_mut(..bytes.len())
        .ok_or(RowError::Length {
            kind,
            found: bytes.len(),
            expected: N,
        })?
        .copy_from_slice(bytes);
    Ok(padded)
}

/// Appends `192.0.2.1`.
pub fn write_inet4(address: [u8; 4], out: &mut Vec<u8>) {
    for (index, byte) in address.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        write_integer(*byte, out);
    }
}

/// Appends `2001:db8::1`: the first of the longest runs of zeros is left out, even one of a single group, and addresses
/// that hold an IPv4 address end in it.
pub fn write_inet6(address: [u8; 16], out: &mut Vec<u8>) {
    let (pairs, _) = address.as_chunks::<2>();
    let mut groups = [0; 8];
    for (group, pair) in groups.iter_mut().zip(pairs) {
        *group = u16::from_be_bytes(*pair);
    }
    let (gap, length) = longest_run_of_zeros(&groups);
    let has_inet4 = gap == 0 && (length == 6 || length == 5 && groups.get(5) == Some(&0xffff));
    let mut after_colon = true;
    for (index, group) in groups.iter().enumerate() {
        if index == gap && length > 0 {
            out.extend_from_slice(b"::");
            after_colon = true;
        }
        if (gap..gap + length).contains(&index) {
            continue;
        }
        if !after_colon {
            out.push(b':');
        }
        if index == 6 && has_inet4 {
            let [.., a, b, c, d] = address;
            return write_inet4([a, b, c, d], out);
        }
        write_group(*group, out);
        after_colon = false;
    }
}

/// Where the first of the longest runs begins, and how long it is.
fn longest_run_of_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let (mut longest, mut run) = ((0, 0), 0);
    for (index, group) in groups.iter().enumerate() {
        run = if *group == 0 { run + 1 } else { 0 };
        if run > longest.1 {
            longest = (index + 1 - run, run);
        }
    }
    longest
}

fn write_group(group: u16, out: &mut Vec<u8>) {
    for shift in [12, 8, 4, 0] {
        if group >> shift != 0 || shift == 0 {
            out.push(hex_digit(group >> shift));
        }
    }
}

/// Appends `123e4567-e89b-12d3-a456-426614174000`.
pub fn write_uuid(uuid: [u8; 16], out: &mut Vec<u8>) {
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[hex_digit(byte >> 4), hex_digit(*byte)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn addresses_are_written_short() {
        for (groups, expected) in [
            ([0; 8], "::"),
            ([0, 0, 0, 0, 0, 0, 0, 1], "::1"),
            (
                [0x2001, 0xdb8, 0, 0, 0, 0xff00, 0x42, 0x8329],
                "2001:db8::ff00:42:8329",
            ),
            ([0xff00, 0, 0, 0, 0, 0, 0, 0], "ff00::"),
            ([1, 0, 0, 2, 0, 0, 0, 3], "1:0:0:2::3"),
            ([1, 2, 3, 4, 5, 6, 7, 8], "1:2:3:4:5:6:7:8"),
            ([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0200], "::ffff:192.0.2.0"),
            ([0, 0, 0, 0, 0, 0, 0xc000, 0x0201], "::192.0.2.1"),
            ([0, 0, 0, 0, 0, 1, 2, 3], "::1:2:3"),
        ] {
            let mut address = [0; 16];
            for (pair, group) in address.chunks_exact_mut(2).zip(groups) {
                pair.copy_from_slice(&u16::to_be_bytes(group));
            }
            assert_eq!(text(|out| write_inet6(address, out)), expected);
        }
        assert_eq!(
            text(|out| write_inet4([192, 0, 2, 255], out)),
            "192.0.2.255"
        );
    }

    proptest! {
        #[test]
        fn addresses_parse_to_what_they_were(bytes in any::<[u8; 16]>(), zeros in any::<u16>()) {
            let mut address = bytes;
            for (index, byte) in address.iter_mut().enumerate() {
                *byte *= u8::from(zeros >> (index / 2) & 1 == 0);
            }
            let shown = text(|out| write_inet6(address, out));
            assert_eq!(shown.parse::<std::net::Ipv6Addr>().expect(&shown).octets(), address);
            let [a, b, c, d, ..] = address;
            let shown = text(|out| write_inet4([a, b, c, d], out));
            assert_eq!(shown.parse::<std::net::Ipv4Addr>().expect(&shown).octets(), [a, b, c, d]);
            let shown = text(|out| write_uuid(address, out));
            assert_eq!(shown, uuid::Uuid::from_bytes(address).to_string());
        }

        #[test]
        fn zeros_that_were_cut_come_back(bytes in any::<Vec<u8>>()) {
            match padded::<16>("UUID", &bytes) {
                Ok(padded) => {
                    assert_eq!(&padded[..bytes.len()], &bytes[..]);
                    assert!(padded[bytes.len()..].iter().all(|byte| *byte == 0));
                }
                Err(_) => assert!(bytes.len() > 16),
            }
        }
    }
}
