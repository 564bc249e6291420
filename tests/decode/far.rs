//! A binlog of more than 4 GiB: headers hold the lower 32 bits of a position, and everything else all of it.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};

use serde_json::Value;

use super::{WHOLE, decoded, fails, recording};

const HEADER_BYTES: usize = 19;

fn events(binlog: &[u8]) -> Vec<&[u8]> {
    let mut events = Vec::new();
    let mut at = 4;
    while let Some(size) = binlog.get(at + 9..at + 13) {
        let size = u32::from_le_bytes(size.try_into().unwrap()) as usize;
        events.push(&binlog[at..at + size]);
        at += size;
    }
    events
}

/// The event at a place that is `shift` bytes farther.
fn moved(event: &[u8], shift: u64) -> Vec<u8> {
    let mut event = event.to_vec();
    let end = u32::from_le_bytes(event[13..17].try_into().unwrap());
    if end != 0 {
        let end = (u64::from(end) + shift) & u64::from(u32::MAX);
        event[13..17].copy_from_slice(&u32::try_from(end).unwrap().to_le_bytes());
    }
    let covered = event.len() - 4;
    let (covered, checksum) = event.split_at_mut(covered);
    checksum.copy_from_slice(&crc32fast::hash(covered).to_le_bytes());
    event
}

fn changes(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn positions_beyond_4_gib_are_told_in_full() {
    for (name, _) in WHOLE {
        let path = recording(name);
        let near = fs::read(&path).unwrap();
        let events = events(&near);
        let description = events[0];
        assert!(description.len() > HEADER_BYTES);
        // The middle of the events stands at 4 GiB; between the first event and the others is a hole.
        let middle = (near.len() / 2) as u64;
        let shift = (1_u64 << 32) - middle;
        let start = 4 + description.len() as u64 + shift;
        let folder = tempfile::tempdir().unwrap();
        let far = folder.path().join(path.file_name().unwrap());
        let mut file = File::create(&far).unwrap();
        file.write_all(&near[..4]).unwrap();
        file.write_all(description).unwrap();
        file.seek(SeekFrom::Start(start)).unwrap();
        let mut written = Vec::new();
        for event in &events[1..] {
            written.push(moved(event, shift));
        }
        file.write_all(&written.concat()).unwrap();

        let option = format!("--start-position={start}");
        let shown = changes(&decoded(&[&option, far.to_str().unwrap()]));
        let mut expected = changes(&decoded(&[path.to_str().unwrap()]));
        assert!(shown.len() > 20 && shown.len() == expected.len(), "{name}");
        let mut beyond = 0;
        for (shown, expected) in shown.iter().zip(&mut expected) {
            let position = expected["source"]["pos"].as_u64().unwrap() + shift;
            beyond += u32::from(position > u64::from(u32::MAX));
            expected["source"]["pos"] = position.into();
            assert_eq!(shown["source"], expected["source"], "{name}");
            assert_eq!(shown["after"], expected["after"], "{name}");
        }
        assert!(beyond > 5 && beyond < u32::try_from(shown.len()).unwrap());

        // A position that is right in its lower 32 bits only.
        let wrapped = written.iter().map(Vec::len).sum::<usize>() as u64 + start;
        let option = format!("--start-position={}", wrapped + (1 << 32));
        fails(
            &[&option, far.to_str().unwrap()],
            65,
            &["after the end of the file"],
        );
    }
}
