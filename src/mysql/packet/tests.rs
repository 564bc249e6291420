//! Packets in every cut, in pieces, and hostile ones.

use proptest::prelude::*;

use super::*;

fn payloads(framed: &Framed) -> Vec<Vec<u8>> {
    let slice = |payload| framed.slice(payload).to_vec();
    framed.payloads.iter().map(slice).collect()
}

/// Feeds bytes in pieces and returns every payload that came out.
fn cut<'a>(
    framer: &mut PacketFramer,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Vec<u8>>, PacketError> {
    let mut out = Vec::new();
    for piece in pieces {
        framer.input().extend_from_slice(piece);
        loop {
            framer.frame()?;
            match framer.take() {
                Some(framed) => out.extend(payloads(&framed)),
                None => break,
            }
        }
    }
    Ok(out)
}

fn stream(payloads: &[Vec<u8>], first: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    payloads.iter().fold(first, |sequence, payload| {
        encode(payload, sequence, &mut bytes)
    });
    bytes
}

fn pattern(length: usize) -> Vec<u8> {
    let mut bytes = (0..=250_u8).collect::<Vec<_>>().repeat(length / 251 + 1);
    bytes.truncate(length);
    bytes
}

#[test]
fn a_header_is_three_bytes_of_length_and_a_number() {
    assert_eq!(
        stream(&[b"ab".to_vec(), Vec::new()], 255),
        b"\x02\0\0\xffab\0\0\0\0"
    );
}

#[test]
fn packets_come_out_whole_wherever_the_bytes_are_split() {
    let sent = [b"abc".to_vec(), Vec::new(), pattern(300), b"x".to_vec()];
    let bytes = stream(&sent, 1);
    for split in 0..=bytes.len() {
        let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
        framer.expect_sequence(1);
        let (head, tail) = bytes.split_at(split);
        let received = cut(&mut framer, [head, tail].into_iter()).unwrap();
        assert_eq!(received, sent, "{split}");
        assert!(framer.is_empty());
        assert_eq!(framer.sequence(), 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn packets_come_out_whole_in_any_pieces(
        sent in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..20),
        pieces in prop::collection::vec(1..900_usize, 1..50),
        first in any::<u8>(),
    ) {
        let bytes = stream(&sent, first);
        let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
        framer.expect_sequence(first);
        let mut rest = bytes.as_slice();
        let mut pieces = pieces.into_iter().cycle();
        let pieces = std::iter::from_fn(|| {
            let (piece, after) = rest.split_at(rest.len().min(pieces.next()?));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(cut(&mut framer, pieces).unwrap(), sent);
    }

    #[test]
    fn hostile_bytes_are_packets_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut framer = PacketFramer::new(100);
        let _either = cut(&mut framer, bytes.chunks(7));
        prop_assert!(framer.buffer.capacity() <= 2 * READ_BYTES);
    }
}

#[test]
fn payloads_that_come_in_pieces_are_put_together() {
    for length in [
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        2 * CHUNK_BYTES,
        2 * CHUNK_BYTES + 77,
    ] {
        let sent = [b"before".to_vec(), pattern(length), b"after".to_vec()];
        let bytes = stream(&sent, 254);
        for piece in [1 << 20, CHUNK_BYTES + 2] {
            let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
            framer.expect_sequence(254);
            let received = cut(&mut framer, bytes.chunks(piece)).unwrap();
            assert!(received == sent, "{length} in pieces of {piece}");
            assert!(framer.is_empty());
        }
    }
}

#[test]
fn a_length_that_is_only_claimed_takes_no_memory() {
    for header in [[0xfe, 0xff, 0xff, 0], [0xff, 0xff, 0xff, 0]] {
        let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
        assert_eq!(
            cut(&mut framer, [&header[..], b"few"].into_iter()),
            Ok(Vec::new())
        );
        let _room = framer.input();
        let large = framer
            .large
            .as_ref()
            .map_or(0, |large| large.payload.capacity());
        assert!(framer.buffer.capacity() + large <= 3 * READ_BYTES);
    }
}

#[test]
fn a_large_packet_leaves_no_large_buffer_behind() {
    let sent = [pattern(10 << 20), b"after".to_vec()];
    let bytes = stream(&sent, 0);
    let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
    let received = cut(&mut framer, bytes.chunks(READ_BYTES)).unwrap();
    assert!(received == sent);
    assert!(framer.buffer.capacity() <= READ_BYTES);
}

#[test]
fn packets_share_the_buffer_that_was_read_into() {
    let bytes = stream(&[pattern(1000), pattern(2000)], 0);
    let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
    framer.input().extend_from_slice(&bytes);
    let read_into = framer.buffer.as_ptr();
    framer.frame().unwrap();
    let framed = framer.take().unwrap();
    assert_eq!(framed.buffer.as_ptr(), read_into);
    assert_eq!(framed.payloads, [4..1004, 1008..3008]);
}

#[test]
fn a_lost_or_doubled_packet_is_an_error_behind_those_before_it() {
    let mut bytes = stream(&[b"a".to_vec(), b"b".to_vec()], 1);
    bytes.extend(stream(&[b"c".to_vec()], 4));
    let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
    framer.expect_sequence(1);
    framer.input().extend_from_slice(&bytes);
    framer.frame().unwrap();
    assert_eq!(payloads(&framer.take().unwrap()), [b"a", b"b"]);
    let expected = PacketError::Sequence {
        expected: 3,
        found: 4,
    };
    assert_eq!(framer.frame(), Err(expected));
}

#[test]
fn pieces_of_one_payload_are_counted_too() {
    let mut bytes = stream(&[pattern(CHUNK_BYTES + 5)], 0);
    bytes[CHUNK_BYTES + 4 + 3] = 2;
    let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
    let expected = PacketError::Sequence {
        expected: 1,
        found: 2,
    };
    assert_eq!(cut(&mut framer, bytes.chunks(1 << 20)), Err(expected));
}

#[test]
fn an_error_packet_passes_under_any_number() {
    let bytes = stream(&[b"\xffgoodbye".to_vec()], 0);
    let mut framer = PacketFramer::new(PACKET_BYTES_MAX);
    framer.expect_sequence(9);
    let received = cut(&mut framer, [&bytes[..]].into_iter()).unwrap();
    assert_eq!(received, [b"\xffgoodbye"]);
}

#[test]
fn a_payload_over_the_limit_is_an_error_before_it_is_read() {
    let mut framer = PacketFramer::new(100);
    assert!(cut(&mut framer, [&[101, 0, 0, 0][..]].into_iter()).is_err());
    let mut framer = PacketFramer::new(CHUNK_BYTES + 100);
    let bytes = stream(&[pattern(CHUNK_BYTES + 101)], 0);
    let all_but_the_rest = bytes.get(..bytes.len() - 101).unwrap();
    let expected = PacketError::TooLarge {
        found: CHUNK_BYTES + 101,
        max: CHUNK_BYTES + 100,
    };
    assert_eq!(
        cut(&mut framer, all_but_the_rest.chunks(1 << 20)),
        Err(expected)
    );
}
