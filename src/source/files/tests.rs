//! Files made here, byte by byte; recorded ones are read by the integration tests.

use bytes::Bytes;

use super::splitter::MAGIC;
use super::*;

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

/// All events of a file, and the error that ended it.
async fn read(path: &std::path::Path, position: u64) -> (Vec<Bytes>, Option<FileError>) {
    let budget = Budget::new(8 << 20);
    let mut source = BinlogFile::new(path.to_owned(), position, 4 << 20, budget);
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
    let mut source = BinlogFile::new(file.path().to_owned(), 4, 1 << 20, Budget::new(1 << 20));
    let mut drained = Vec::new();
    while let Some(chunk) = source.next().await.unwrap() {
        drained.push((chunk.events.len(), chunk.drained));
    }
    assert_eq!(drained, [(1, false), (2, true)]);
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
    let mut source = BinlogFile::new(file.path().to_owned(), 4, 1 << 20, budget);
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
            Some(FileError::Magic { .. }) => assert!(length < 4, "{length}"),
            Some(FileError::Torn {
                at,
                expected,
                found,
            }) => {
                assert_eq!(at.position, position, "{length}");
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
    check(&[&MAGIC, &short], 35, "behind the end of the file at 34").await;
    check(
        &[&MAGIC, &short, &[0; 40]],
        4,
        ":34 says that it has 0 bytes",
    )
    .await;
    check(
        &[&MAGIC, &[0xff; 40]],
        4,
        ":4 says that it has 4294967295 bytes",
    )
    .await;
    let missing = std::path::Path::new("/nonexistent/binlog.000001");
    let (_, error) = read(missing, 4).await;
    assert!(matches!(error, Some(FileError::Io { .. })), "{error:?}");
}
