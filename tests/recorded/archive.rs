//! Recorded binlogs as the source of a connector, cut off and damaged at every place: what is wrong is told as damaged data,
//! and what a server still writes ends where it has come to.

use std::fs;
use std::path::Path;

use rowtap::binlog::Coordinates;
use rowtap::failure::Class;
use rowtap::source::{Archive, BinlogFileError, Budget, EventSource, FilesOptions, SourceError};

use super::{FILE, RECORDINGS, events};

const STARTS: [&str; 2] = [r#""earliest""#, r#""latest""#];
/// Where the flag stands that the server has not closed the file: the magic, then the flags of the first event's header.
const FLAGS: usize = 4 + 17;

/// Where the reading begins, and how many events it has.
async fn read(path: &Path, start: &str) -> Result<(Coordinates, usize), SourceError> {
    let options = format!(r#"{{"files": [{path:?}], "start": {start}}}"#);
    let options: FilesOptions = serde_json::from_str(&options).unwrap();
    let archive = Archive::open(&options, None).await?;
    let at = archive.checkpoint.coordinates.clone();
    let mut stream = archive.stream(&Budget::new(8 << 20), 1 << 20, false)?;
    let mut events = 0;
    while let Some(chunk) = stream.next().await? {
        events += chunk.events.len();
    }
    Ok((at, events))
}

#[tokio::test]
async fn a_file_that_is_cut_off_ends_there_only_while_its_server_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    for recording in &RECORDINGS {
        let (listed, _) = events(&recording.binlog_path()).await;
        let ends: Vec<usize> = listed
            .iter()
            .map(|event| usize::try_from(event.frame.end).unwrap())
            .collect();
        let whole = recording.bytes();
        let around = ends.iter().flat_map(|end| [end - 1, *end, end + 19]);
        let cuts = around.chain((0..whole.len()).step_by(1009));
        for cut in cuts.filter(|cut| *cut <= whole.len()) {
            let mut bytes = whole[..cut].to_vec();
            let name = recording.name;
            let expected = ends.iter().filter(|end| **end <= cut).count();
            if cut > FLAGS {
                bytes[FLAGS] |= 1;
            }
            fs::write(&path, &bytes).unwrap();
            match read(&path, STARTS[0]).await {
                Ok((at, found)) => {
                    assert_eq!((at.position, found), (4, expected), "{name} cut at {cut}");
                }
                Err(error) => {
                    assert_eq!(expected, 0, "{name} cut at {cut}: {error}");
                    assert_eq!(error.class(), Class::Data);
                }
            }
            if expected == 0 {
                continue;
            }
            let (latest, _) = read(&path, STARTS[1]).await.unwrap();
            // A rotation that is whole names the next file.
            let is_boundary =
                latest.position == 4 || ends.contains(&usize::try_from(latest.position).unwrap());
            assert!(is_boundary, "{name} cut at {cut}: {latest}");
            bytes[FLAGS] &= !1;
            fs::write(&path, &bytes).unwrap();
            match read(&path, STARTS[0]).await {
                Ok((_, found)) => assert!(ends.contains(&cut) && found == expected),
                Err(SourceError::File(BinlogFileError::Torn { at, .. })) => {
                    assert_eq!(usize::try_from(at.position).unwrap(), ends[expected - 1]);
                    assert!(!ends.contains(&cut), "{name} cut at {cut}");
                }
                Err(other) => panic!("{name} cut at {cut}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn flipped_bits_are_damaged_data_or_are_left_to_the_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let (mut refused, mut passed) = (0, 0);
    for recording in &RECORDINGS {
        let whole = recording.bytes();
        for place in (0..whole.len()).step_by(397) {
            for bit in [0x01, 0x80] {
                let mut bytes = whole.clone();
                bytes[place] ^= bit;
                fs::write(&path, &bytes).unwrap();
                for start in STARTS {
                    match read(&path, start).await {
                        Ok(_) => passed += 1,
                        Err(error) => {
                            let text = format!("{} at {place}: {error}", recording.name);
                            assert_eq!(error.class(), Class::Data, "{text}");
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(refused > 50 && passed > 50, "{refused} and {passed}");
}
