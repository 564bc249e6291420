//! The framer on streams that servers send, and on some that none should.

use proptest::prelude::*;

use super::*;
use crate::binlog::writer::{Event, MARIADB, MYSQL};

const FILE: &str = "binlog.000007";

/// A framer that has read the format description of `FILE`, and the position after that.
fn described(version: &str, algorithm: u8) -> (Framer, u64) {
    let mut framer = Framer::new(Coordinates::new(FILE, FIRST_POSITION));
    let mut position = FIRST_POSITION;
    let rotate = Event::artificial_rotate(FILE, position).bytes();
    assert!(framer.frame(&rotate).unwrap().artificial);
    let format = Event::format(version, algorithm).at(&mut position);
    assert!(!framer.frame(&format).unwrap().artificial);
    assert_eq!(*framer.next(), Coordinates::new(FILE, position));
    (framer, position)
}

fn xid() -> Event {
    Event::new(EventKind::Xid, 9_u64.to_le_bytes())
}

#[track_caller]
fn refused(framer: &mut Framer, event: &[u8]) -> BinlogError {
    let before = framer.next().clone();
    let error = framer.frame(event).unwrap_err();
    assert_eq!(*framer.next(), before, "an error moves nothing");
    error
}

#[test]
fn a_stream_is_framed_from_its_opening_to_the_next_file() {
    let (mut framer, mut position) = described(MYSQL, 1);
    let begin = position;
    let frame = framer.frame(&xid().at(&mut position)).unwrap();
    assert_eq!((frame.start, frame.end), (begin, position));
    assert_eq!(frame.body, 19..27);
    let rotate = Event::rotate("binlog.000008", 4).at(&mut position);
    assert_eq!(framer.frame(&rotate).unwrap().end, position);
    let next = Coordinates::new("binlog.000008", 4);
    assert_eq!(*framer.next(), next);
    let again = Event::artificial_rotate("binlog.000008", 4).bytes();
    assert!(framer.frame(&again).unwrap().artificial);
    assert_eq!(*framer.next(), next);
    assert_eq!(framer.frame(&xid().bytes()), Err(BinlogError::NoFormat));
    let mut position = 4;
    let format = Event::format(MYSQL, 0).at(&mut position);
    framer.frame(&format).unwrap();
    let plain = xid().without_checksum().at(&mut position);
    assert_eq!(framer.frame(&plain).unwrap().body, 19..27);
    assert_eq!(framer.next().position, position);
}

#[test]
fn the_first_rotate_may_come_without_a_checksum() {
    let mut framer = Framer::new(Coordinates::new(FILE, 4));
    let rotate = Event::artificial_rotate(FILE, 4).without_checksum().bytes();
    let frame = framer.frame(&rotate).unwrap();
    assert_eq!(frame.body.end, rotate.len());
}

#[test]
fn a_file_that_ended_without_a_rotate_is_left_by_the_artificial_one() {
    let (mut framer, _) = described(MYSQL, 1);
    let rotate = Event::artificial_rotate("binlog.000008", 4).bytes();
    framer.frame(&rotate).unwrap();
    assert_eq!(*framer.next(), Coordinates::new("binlog.000008", 4));
}

#[test]
fn a_source_at_another_place_than_asked_for_is_refused() {
    let elsewhere = [
        Event::artificial_rotate("binlog.000006", 4),
        Event::artificial_rotate(FILE, 5),
        Event::artificial_rotate("../binlog.000007", 4),
        Event::artificial_rotate(FILE, 3),
    ];
    for event in &elsewhere {
        let mut framer = Framer::new(Coordinates::new(FILE, 4));
        refused(&mut framer, &event.bytes());
    }
    let (mut framer, _) = described(MYSQL, 1);
    let error = refused(&mut framer, &Event::artificial_rotate(FILE, 4).bytes());
    assert!(matches!(error, BinlogError::Place { .. }), "{error}");
}

#[test]
fn a_source_that_goes_back_to_an_earlier_file_is_refused() {
    for (file, is_later) in [
        ("binlog.000006", false),
        ("binlog.000008", true),
        ("binlog.1000000", true),
    ] {
        let (mut framer, _) = described(MYSQL, 1);
        framer.only_forward();
        let artificial = Event::artificial_rotate(file, 4).bytes();
        assert_eq!(framer.frame(&artificial).is_ok(), is_later, "{file}");
        let (mut framer, mut position) = described(MYSQL, 1);
        let mut renamed = framer.clone();
        framer.only_forward();
        let real = Event::rotate(file, 4).at(&mut position);
        assert_eq!(framer.frame(&real).is_ok(), is_later, "{file}");
        assert!(renamed.frame(&real).is_ok(), "{file}");
    }
}

#[test]
fn a_start_inside_a_file_counts_from_there_and_not_from_the_repeated_format_description() {
    for log_position in [0, 89] {
        let mut framer = Framer::new(Coordinates::new(FILE, 5_000));
        framer
            .frame(&Event::artificial_rotate(FILE, 5_000).bytes())
            .unwrap();
        let format = Event::format(MYSQL, 1).ending_at(log_position).bytes();
        assert!(framer.frame(&format).unwrap().artificial);
        assert_eq!(framer.next().position, 5_000);
        let mut position = 5_000;
        framer.frame(&xid().at(&mut position)).unwrap();
        assert_eq!(framer.next().position, position);
    }
}

#[test]
fn the_in_use_flag_is_not_part_of_the_checksum() {
    let mut framer = Framer::new(Coordinates::new(FILE, 4));
    let event = Event::format(MYSQL, 1).flags(FLAG_IN_USE).at(&mut 4);
    framer.frame(&event).unwrap();
    let mut framer = Framer::new(Coordinates::new(FILE, 4));
    let mut damaged = event;
    damaged[25] ^= 1;
    refused(&mut framer, &damaged);
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let (framer, mut position) = described(MYSQL, 1);
    let event = xid().at(&mut position);
    for bit in 0..event.len() * 8 {
        let mut damaged = event.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        refused(&mut framer.clone(), &damaged);
    }
}

#[test]
fn every_prefix_and_every_longer_event_is_an_error() {
    let (framer, mut position) = described(MYSQL, 1);
    let events = [
        xid().at(&mut { position }),
        Event::rotate("binlog.000008", 4).at(&mut { position }),
        Event::format(MYSQL, 1).bytes(),
        Event::new(EventKind::Heartbeat, FILE)
            .ending_at(position)
            .bytes(),
        Event::new(EventKind::TableMap, [7; 40]).at(&mut position),
    ];
    for event in &events {
        for length in 0..event.len() {
            refused(&mut framer.clone(), &event[..length]);
        }
        let longer: Vec<u8> = event.iter().copied().chain([0]).collect();
        refused(&mut framer.clone(), &longer);
        framer.clone().frame(event).unwrap();
    }
}

#[test]
fn a_position_that_contradicts_the_count_is_refused_with_both() {
    let (mut framer, position) = described(MYSQL, 1);
    let error = refused(&mut framer, &xid().ending_at(position + 1_031).bytes());
    let BinlogError::Position { stated, counted } = error else {
        panic!("{error}");
    };
    assert_eq!(u64::from(stated), position + 1_031);
    assert_eq!(counted, position + 31);
    refused(&mut framer, &xid().ending_at(position).bytes());
}

#[test]
fn positions_go_on_in_64_bits_where_the_header_wraps() {
    let start = u64::from(u32::MAX) - 10;
    let mut framer = Framer::new(Coordinates::new(FILE, start));
    framer.frame(&Event::format(MYSQL, 1).bytes()).unwrap();
    let mut position = start;
    let frame = framer.frame(&xid().at(&mut position)).unwrap();
    assert_eq!((frame.start, frame.end), (start, start + 31));
    assert!(frame.header.log_position < 31);
    framer.frame(&xid().at(&mut position)).unwrap();
    assert_eq!(framer.next().position, start + 62);
}

#[test]
fn events_without_a_position_are_counted() {
    let (mut framer, position) = described(MARIADB, 1);
    framer.frame(&xid().bytes()).unwrap();
    assert_eq!(framer.next().position, position + 31);
    let mut position = position + 31;
    framer.frame(&xid().at(&mut position)).unwrap();
}

#[test]
fn a_source_that_skips_may_jump_forward_between_groups_only() {
    let begin = || {
        let mut framer = Framer::skipping();
        framer
            .frame(&Event::artificial_rotate(FILE, 4).bytes())
            .unwrap();
        let mut position = 4;
        let format = Event::format(MYSQL, 1).at(&mut position);
        framer.frame(&format).unwrap();
        (framer, position)
    };
    let gtid = || Event::new(EventKind::Gtid, [1; 42]);
    let (mut framer, position) = begin();
    assert_eq!(framer.next().position, position);
    let mut far = position + 10_000;
    let frame = framer.frame(&gtid().at(&mut far)).unwrap();
    assert_eq!(frame.start, position + 10_000);
    refused(&mut framer, &xid().at(&mut (far + 5)));
    refused(&mut framer, &gtid().ending_at(far).bytes());
    framer.frame(&xid().at(&mut far)).unwrap();
}

#[test]
fn heartbeats_move_a_stream_that_skips_and_must_agree_with_any_other() {
    let heartbeat = |file: &str, position: u64| {
        Event::new(EventKind::Heartbeat, file)
            .ending_at(position)
            .bytes()
    };
    let (mut framer, position) = described(MYSQL, 1);
    let frame = framer.frame(&heartbeat(FILE, position)).unwrap();
    assert!(frame.artificial);
    refused(&mut framer, &heartbeat(FILE, position + 1));
    refused(&mut framer, &heartbeat(FILE, position - 1));
    refused(&mut framer, &heartbeat("binlog.000008", position));

    framer.skips = true;
    refused(&mut framer, &heartbeat(FILE, position - 1));
    framer.frame(&heartbeat(FILE, position + 700)).unwrap();
    assert_eq!(framer.next().position, position + 700);
    let mut version_2 = vec![1, 13];
    version_2.extend(FILE.as_bytes());
    version_2.extend([2, 9, 254, 0, 0, 0, 0, 5, 0, 0, 0, 0]);
    let version_2 = Event::new(EventKind::HeartbeatV2, version_2).bytes();
    framer.frame(&version_2).unwrap();
    assert_eq!(framer.next().position, 5 << 32);
}

#[test]
fn nothing_is_read_before_the_format_description_and_the_name_of_the_file() {
    let mut framer = Framer::new(Coordinates::new(FILE, 4));
    assert_eq!(refused(&mut framer, &xid().bytes()), BinlogError::NoFormat);
    let mut framer = Framer::skipping();
    let format = Event::format(MYSQL, 1).at(&mut 4);
    assert_eq!(refused(&mut framer, &format), BinlogError::NoFile);
}

#[test]
fn the_end_of_64_bits_is_an_error() {
    let mut framer = Framer::new(Coordinates::new(FILE, u64::MAX - 3));
    framer.frame(&Event::format(MYSQL, 1).bytes()).unwrap();
    refused(&mut framer, &xid().bytes());
}

proptest! {
    #[test]
    fn any_event_is_framed_or_refused(
        kind in any::<u8>(),
        body in prop::collection::vec(any::<u8>(), 0..80),
        (flags, log_position, skips) in any::<(u16, u32, bool)>(),
    ) {
        let (mut framer, position) = described(MYSQL, 0);
        framer.skips = skips;
        let mut event = Event::new(EventKind::from_number(kind), body).without_checksum();
        event = event.flags(flags).ending_at(u64::from(log_position));
        match framer.frame(&event.bytes()) {
            Ok(frame) if frame.artificial => prop_assert_eq!(frame.start, frame.end),
            Ok(frame) => prop_assert_eq!(frame.end - frame.start, event.size() as u64),
            Err(_) => prop_assert_eq!(framer.next(), &Coordinates::new(FILE, position)),
        }
    }

    #[test]
    fn positions_add_up_whatever_the_sizes_and_the_start(
        start in 4_u64..1 << 40,
        sizes in prop::collection::vec(0_usize..3_000, 0..20),
        stated in any::<u32>(),
    ) {
        let mut framer = Framer::new(Coordinates::new(FILE, start));
        if start == FIRST_POSITION {
            return Ok(());
        }
        framer.frame(&Event::format(MARIADB, 1).bytes()).unwrap();
        let mut position = start;
        for (index, size) in sizes.iter().enumerate() {
            let event = Event::new(EventKind::TableMap, vec![0; *size]);
            let (length, begin) = (event.size() as u64, position);
            let has_position = stated >> index & 1 == 1;
            let bytes = if has_position {
                event.at(&mut position)
            } else {
                position += length;
                event.bytes()
            };
            let frame = framer.frame(&bytes).unwrap();
            prop_assert_eq!((frame.start, frame.end), (begin, begin + length));
        }
        prop_assert_eq!(framer.next().position, position);
    }
}
