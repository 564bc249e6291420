//! Files made here, byte by byte; recorded ones are read by the integration tests.

use bytes::Bytes;

use super::splitter::{MAGIC, Splitter};
use super::*;
use crate::mysql::Portion;
use crate::source::budget::Budget;
use crate::source::chunk::EventSource;
use crate::source::error::SourceError;
use crate::source::file_error::BinlogFileError;
use crate::source::input::InputPath;

/// An event of `size` bytes, of which only the size means anything.
fn event(size: usize) -> Vec<u8> {
    let mut bytes = vec![7; size];
    bytes[9..13].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    bytes
}

fn file(parts: &[&[u8]]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), parts.concat()).unwrap();
    file
}

/// A file as a source, from a position on.
fn source_of(
    path: &std::path::Path,
    start: u64,
    event_bytes_max: u32,
    budget: Budget,
) -> FileStream {
    FileStream::new(series_of(path, start, event_bytes_max), budget)
}

fn series_of(path: &std::path::Path, start: u64, event_bytes_max: u32) -> BinlogSeries {
    let extent = BinlogExtent {
        start,
        ..BinlogExtent::default()
    };
    let places = vec![InputPath::File(path.to_owned())];
    BinlogSeries::new(places, extent, event_bytes_max, false).unwrap()
}

/// All events of a file, and the error that ended it.
async fn read(path: &std::path::Path, position: u64) -> (Vec<Bytes>, Option<BinlogFileError>) {
    let budget = Budget::new(8 << 20);
    let mut source = source_of(path, position, 4 << 20, budget);
    let mut events = Vec::new();
    loop {
        match source.next().await {
            Ok(Some(chunk)) => events.extend(
                chunk
                    .events
                    .iter()
                    .map(|range| chunk.buffer.slice(range.start as usize..range.end as usize)),
            ),
            Ok(None) => return (events, None),
            Err(SourceError::File(error)) => return (events, Some(error)),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn events_of_every_size_come_whole_and_in_order() {
    let sizes = [19, 100, 255 << 10, 2 << 10, 19, 3 << 20, 20, 256 << 10, 19];
    let events: Vec<Vec<u8>> = sizes.into_iter().map(event).collect();
    let file = file(&[&MAGIC, &events.concat()]);
    let (read, error) = read(file.path(), 4).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, events);
}

#[tokio::test]
async fn only_the_last_chunk_is_drained() {
    let file = file(&[&MAGIC, &event(200 << 10), &event(200 << 10), &event(19)]);
    let mut source = source_of(file.path(), 4, 1 << 20, Budget::new(1 << 20));
    let mut drained = Vec::new();
    while let Some(chunk) = source.next().await.unwrap() {
        drained.push((chunk.events.len(), chunk.drained));
    }
    assert_eq!(drained, [(1, false), (2, true)]);
}

/// A format description, of which only the header means anything.
fn description(server_id: u8) -> Vec<u8> {
    let mut bytes = event(120);
    bytes[4] = 15;
    bytes[5..9].copy_from_slice(&[server_id, 0, 0, 0]);
    bytes[13..17].copy_from_slice(&124_u32.to_le_bytes());
    bytes
}

#[tokio::test]
async fn a_binlog_behind_another_in_one_file_is_told() {
    for server_id in [0, 1, 50, 120] {
        let one = [&MAGIC[..], &description(server_id), &event(50)].concat();
        let file = file(&[&one, &one]);
        let (read, error) = read(file.path(), 4).await;
        assert_eq!(read.len(), 2);
        let error = error.unwrap();
        assert!(matches!(error, BinlogFileError::Joined { .. }), "{error}");
        assert!(error.to_string().contains(":174,"), "{error}");
    }
    // Four bytes alone are the second 1852400382 of 1970.
    let mut event = event(50);
    event[..4].copy_from_slice(&MAGIC);
    let file = file(&[&MAGIC, &description(1), &event]);
    let (read, error) = read(file.path(), 4).await;
    assert!(error.is_none() && read.len() == 2, "{error:?}");
}

#[tokio::test]
async fn a_start_inside_the_file_comes_behind_the_first_event() {
    let events = [event(120), event(50), event(60)];
    let file = file(&[&MAGIC, &events.concat()]);
    let (read, error) = read(file.path(), 174).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(read, [events[0].as_slice(), events[2].as_slice()]);
}

#[tokio::test]
async fn a_dropped_wait_loses_no_event() {
    let events: Vec<Vec<u8>> = (0..40).map(|i| event(20_000 + i)).collect();
    let file = file(&[&MAGIC, &events.concat()]);
    let budget = Budget::new(8 << 20);
    let mut source = source_of(file.path(), 4, 1 << 20, budget);
    let mut read = 0;
    loop {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            chunk = source.next() => match chunk.unwrap() {
                Some(chunk) => read += chunk.events.len(),
                None => break,
            },
        }
    }
    assert_eq!(read, 40);
}

#[tokio::test]
async fn every_cut_of_a_file_is_told_with_its_place() {
    let whole = [MAGIC.to_vec(), event(30), event(25)].concat();
    for length in 0..=whole.len() {
        let file = file(&[&whole[..length]]);
        let (events, error) = read(file.path(), 4).await;
        let (count, position) = match length {
            0..34 => (0, 4),
            34..59 => (1, 34),
            _whole => (2, 59),
        };
        assert_eq!(events.len(), count, "{length}");
        match error {
            None => assert!(matches!(length, 4 | 34 | 59), "{length}"),
            Some(BinlogFileError::Magic { .. }) => assert!(length < 4, "{length}"),
            Some(BinlogFileError::Torn {
                at,
                kind,
                expected,
                found,
            }) => {
                assert_eq!(at.position, position, "{length}");
                assert_eq!(kind.is_some(), length as u64 - position > 4, "{length}");
                assert_eq!(found, length as u64 - position);
                assert!(found < expected, "{length}");
            }
            Some(other) => panic!("{length}: {other}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_binlog_is_refused_as_what_it_is() {
    let check = async |parts: &[&[u8]], position: u64, expected: &str| {
        let file = file(parts);
        let (_, error) = read(file.path(), position).await;
        let error = error.map_or_else(String::new, |error| error.to_string());
        assert!(error.contains(expected), "{error}");
    };
    check(&[], 4, "begins with nothing").await;
    check(&[b"PK\x03\x04"], 4, "begins with 504b0304").await;
    check(&[b"\xfdbin1234"], 4, "is encrypted").await;
    let short = event(30);
    check(&[&MAGIC, &short], 35, "after the end of the file at 34").await;
    check(
        &[&MAGIC, &short, &[0; 40]],
        4,
        ":34 (type 0) says that it has 0 bytes",
    )
    .await;
    check(
        &[&MAGIC, &[0xff; 40]],
        4,
        ":4 (type 255) says that it has 4294967295 bytes",
    )
    .await;
    let missing = std::path::Path::new("/nonexistent/binlog.000001");
    let (_, error) = read(missing, 4).await;
    assert!(
        matches!(error, Some(BinlogFileError::Io { .. })),
        "{error:?}"
    );
}

/// The events of a file with those beyond a limit put together from their pieces, and how many pieces there were.
async fn read_cut(
    path: &std::path::Path,
    beyond: usize,
) -> (Vec<Vec<u8>>, u32, Option<BinlogFileError>) {
    let series = series_of(path, 4, 8 << 20).cutting_beyond(beyond);
    let mut source = FileStream::new(series, Budget::new(8 << 20));
    let (mut events, mut pieces) = (Vec::<Vec<u8>>::new(), 0);
    loop {
        let chunk = match source.next().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return (events, pieces, None),
            Err(SourceError::File(error)) => return (events, pieces, Some(error)),
            Err(other) => panic!("{other}"),
        };
        let parts = chunk.events.iter();
        let mut parts: Vec<Vec<u8>> = parts
            .map(|range| chunk.buffer[range.start as usize..range.end as usize].to_vec())
            .collect();
        pieces += u32::from(chunk.part != Portion::Whole);
        if let Portion::Next { .. } = chunk.part {
            events.last_mut().unwrap().append(&mut parts[0]);
        } else {
            events.append(&mut parts);
        }
    }
}

#[tokio::test]
async fn an_event_beyond_the_limit_comes_in_pieces_and_loses_nothing() {
    let large = (3 << 20) + 5;
    let events: Vec<Vec<u8>> = [100, large, 19, 1 << 20, (1 << 20) + 1, 200 << 10]
        .into_iter()
        .map(|size| {
            let mut event = event(size);
            (19..size).for_each(|at| event[at] = at.to_le_bytes()[0] ^ at.to_le_bytes()[1]);
            event
        })
        .collect();
    let whole = file(&[&MAGIC, &events.concat()]);
    let (read, pieces, error) = read_cut(whole.path(), 1 << 20).await;
    assert!(error.is_none(), "{error:?}");
    assert!(read == events && pieces == 6, "{pieces}");
    // Cut in its third piece.
    let cut = [MAGIC.to_vec(), events.concat()].concat();
    let cut = file(&[&cut[..104 + (2 << 20) + 7]]);
    match read_cut(cut.path(), 1 << 20).await {
        (
            _,
            2,
            Some(BinlogFileError::Torn {
                at,
                kind: Some(_),
                expected,
                found,
            }),
        ) => {
            let expected_at = (104, large as u64, (2 << 20) + 7);
            assert_eq!((at.position, expected, found), expected_at);
        }
        other => panic!("{:?}", (other.1, other.2)),
    }
    // The first event is needed whole, and no server makes it large.
    let (_, _, error) = read_cut(whole.path(), 99).await;
    assert!(matches!(
        error,
        Some(BinlogFileError::EventSize {
            found: 100,
            max: 99,
            ..
        })
    ));
}

#[test]
fn a_large_event_before_the_time_to_start_at_is_passed_over() {
    let at = |time: u8, size: usize| {
        let mut event = event(size);
        event[..4].copy_from_slice(&u32::from(time).to_le_bytes());
        event
    };
    let mut description = at(1, 100);
    description[4] = 15;
    let last = at(9, 30);
    let file = file(&[&MAGIC, &description, &at(5, 3 << 20), &at(8, 40), &last]);
    let extent = BinlogExtent {
        start_time: Some(9),
        ..BinlogExtent::default()
    };
    let mut splitter = Splitter::new(InputPath::File(file.path().to_owned()), extent, 8 << 20);
    splitter.cut_beyond(1 << 20);
    assert_eq!(splitter.read().unwrap().unwrap().position, 4);
    let piece = splitter.read().unwrap().unwrap();
    assert_eq!(piece.position, 4 + 100 + (3 << 20) + 40);
    let range = &piece.chunk.events[0];
    assert_eq!(
        piece.chunk.buffer[range.start as usize..range.end as usize],
        last
    );
    assert!(splitter.read().unwrap().is_none());
}

#[test]
fn times_of_what_a_replica_adds_to_a_relay_log_bound_nothing() {
    const OWN: u8 = 0x40;
    let at = |kind: u8, time: u8, position: u8, flags: u8| {
        let mut event = event(30);
        event[..4].copy_from_slice(&u32::from(time).to_le_bytes());
        event[4] = kind;
        event[13..19].copy_from_slice(&[position, 0, 0, 0, flags, 0]);
        event
    };
    let (rotate, format, xid) = (4, 15, 16);
    // Described and received later than what is wanted was written, and told where its source was at no time at all.
    let own = at(format, 90, 34, OWN);
    let told = at(rotate, 0, 0, 0x20);
    let told_late = at(rotate, 90, 0, 0);
    let (early, wanted, late) = (at(xid, 3, 50, 0), at(xid, 9, 80, 0), at(xid, 20, 110, 0));
    let file = file(&[&MAGIC, &own, &told, &early, &told_late, &wanted, &late]);
    let extent = BinlogExtent {
        start_time: Some(9),
        stop_time: Some(20),
        ..BinlogExtent::default()
    };
    let mut splitter = Splitter::new(InputPath::File(file.path().to_owned()), extent, 8 << 20);
    let mut read = Vec::new();
    while let Some(piece) = splitter.read().unwrap() {
        let whole = |range: &std::ops::Range<u32>| {
            piece.chunk.buffer[range.start as usize..range.end as usize].to_vec()
        };
        read.extend(piece.chunk.events.iter().map(whole));
    }
    assert_eq!(read, [own, told, told_late, wanted]);
}
