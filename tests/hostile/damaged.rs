//! Recorded binlogs, cut after every byte and with flipped bits.

use super::seeds;
use super::stream::{as_file, repaired};

const MAGIC_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
/// The place of the flag that says that the server has not closed the file, which no checksum covers.
const IN_USE: usize = MAGIC_BYTES + 17;

/// The smallest recordings of either family, with checksums.
fn recordings() -> Vec<Vec<u8>> {
    let mut files = seeds::of("file");
    files.retain(|file| file[boundaries(file)[1] - CHECKSUM_BYTES - 1] == 1);
    files.sort_by_key(Vec::len);
    files.truncate(2);
    assert_eq!(files.len(), 2);
    files
}

/// Where the events of a file begin, and its end.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![MAGIC_BYTES];
    while let Some(size) = bytes
        .get(places[places.len() - 1] + 9..)
        .and_then(<[u8]>::first_chunk)
    {
        places.push(places[places.len() - 1] + u32::from_le_bytes(*size) as usize);
    }
    assert_eq!(places.last(), Some(&bytes.len()));
    places
}

fn is_full() -> bool {
    std::env::var_os("ROWTAP_TEST_FULL").is_some()
}

#[test]
fn a_file_that_is_cut_within_an_event_is_refused_with_the_event_s_place() {
    let mut cuts = 0;
    for bytes in recordings() {
        let places = boundaries(&bytes);
        for length in (0..=bytes.len()).step_by(if is_full() { 1 } else { 7 }) {
            let told = as_file(&bytes[..length]).map_err(|refused| refused.0);
            let event = places.iter().rfind(|place| **place <= length);
            match (told, event) {
                (Ok(()), Some(place)) => assert_eq!(*place, length),
                (Err(text), Some(place)) => {
                    assert!(
                        text.contains(&format!(":{place}")) && *place < length,
                        "{length}: {text}"
                    );
                }
                (told, None) => assert!(told.unwrap_err().contains("is not a binlog"), "{length}"),
            }
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
}

#[test]
fn a_flipped_bit_is_refused_with_the_place_of_its_event() {
    let mut flips = 0;
    for bytes in recordings() {
        let places = boundaries(&bytes);
        for at in 0..bytes.len() {
            for bit in (0..8).filter(|bit| is_full() || *bit == at % 8 && at % 23 == 0) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                flips += 1;
                // What is wrong with a checksum that is right is anything or nothing, and no panic.
                let _told = as_file(&repaired(&damaged));
                if at == IN_USE && bit == 0 {
                    continue;
                }
                let Err(refused) = as_file(&damaged).map_err(|refused| refused.0) else {
                    panic!("bit {bit} of byte {at} of {} may flip", bytes.len());
                };
                let place = places.iter().rfind(|place| **place <= at);
                let said = match place {
                    Some(place) => refused.contains(&format!(":{place}")),
                    None => refused.contains("is not a binlog"),
                };
                let encrypted = refused.contains("is encrypted");
                assert!(said || encrypted, "{at}, bit {bit}: {refused}");
            }
        }
    }
    println!("{flips} flips");
}
