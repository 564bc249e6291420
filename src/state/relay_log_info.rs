//! `relay-log.info`: the checkpoint as text, laid out as a replica lays out the file of that name.
//!
//! The number of lines comes first, so that the file can grow; then the relay log's name and position, the source log's
//! name and position, the delay; then `key=value` lines; last a checksum of all before it and an end marker, so that a cut
//! or changed file is known as one. `schemas/state.md` shows one.

use crate::binlog::{Coordinates, GtidSet};
use crate::change::Checkpoint;
use crate::mysql::Flavour;

/// The file's name in the state folder.
pub const FILE_NAME: &str = "relay-log.info";
/// The longest file that is read. GTID sets of long-lived clusters reach megabytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

const VERSION: u32 = 1;
const END: &str = "end";
const SUM: &str = "crc32=";
const KEYS: [&str; 6] = [
    "version",
    "flavour",
    "gtid_set",
    "server_uuid",
    "server_id",
    "format_description_timestamp",
];
/// Lines before the keys: the number of lines, relay log name and position, source log name and position, delay.
const FIXED_LINES: usize = 6;
const LINES: usize = FIXED_LINES + KEYS.len() + 2;
const FOUND_CHARS_MAX: usize = 80;

/// What is wrong with a checkpoint's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayLogInfoError {
    /// The end marker is missing.
    #[error("the last line is not '{END}', the file was cut")]
    Cut,
    /// The bytes are not those that were written.
    #[error("crc32 is {computed:08x}, expected '{stored}', the file was changed")]
    Checksum {
        /// The text in the file.
        stored: String,
        /// The checksum of what is there.
        computed: u32,
    },
    /// A newer rowtap wrote it.
    #[error(
        "it has version {found}, expected {VERSION}, run the rowtap that wrote it or a newer one"
    )]
    Version {
        /// The version in the file.
        found: String,
    },
    /// A line does not hold what belongs there.
    #[error("line {line}: expected {expected}, found '{found}'")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// The source's name for its binlog file cannot be a line.
    #[error("binlog file name {file:?} holds a control character")]
    FileName {
        /// The name.
        file: String,
    },
}

/// Writes a checkpoint as text.
///
/// # Errors
/// A binlog file name that holds a control character.
pub fn encode(checkpoint: &Checkpoint) -> Result<String, RelayLogInfoError> {
    let Coordinates { file, position } = &checkpoint.coordinates;
    if file.is_empty() || file.chars().any(char::is_control) {
        return Err(RelayLogInfoError::FileName {
            file: file.to_string(),
        });
    }
    let flavour = flavour_text(checkpoint.gtid_set.flavour());
    let server_uuid = checkpoint
        .server_uuid
        .map(|uuid| uuid.to_string())
        .unwrap_or_default();
    let mut text = format!("{LINES}\n\n0\n{file}\n{position}\n0\n");
    let values: [&dyn std::fmt::Display; KEYS.len()] = [
        &VERSION,
        &flavour,
        &checkpoint.gtid_set,
        &server_uuid,
        &checkpoint.server_id,
        &checkpoint.format_description_timestamp,
    ];
    for (key, value) in KEYS.iter().zip(values) {
        text.push_str(&format!("{key}={value}\n"));
    }
    let sum = crc32fast::hash(text.as_bytes());
    text.push_str(&format!("{SUM}{sum:08x}\n{END}\n"));
    Ok(text)
}

/// Reads a checkpoint back.
///
/// # Errors
/// Anything that is not, to the last byte, a text that [`encode`] writes.
pub fn decode(bytes: &[u8]) -> Result<Checkpoint, RelayLogInfoError> {
    let mut lines = Lines::new(checked(bytes)?);
    let count = lines.next("the number of lines")?;
    // A newer version may have more lines; its version says so better than their number.
    let relay_log_name = lines.next("an empty relay log name")?;
    let relay_log_position = lines.next("relay log position 0")?;
    let file = lines.next("the source log's name")?;
    let position = lines.number("the source log's position")?;
    let delay = lines.next("delay 0")?;
    let version = lines.value("version=")?;
    if version != VERSION.to_string() {
        return Err(RelayLogInfoError::Version {
            found: shortened(version),
        });
    }
    for (line, expected, found, text) in [
        (1, "the number of lines, 14", count, "14"),
        (2, "an empty relay log name", relay_log_name, ""),
        (3, "relay log position 0", relay_log_position, "0"),
        (6, "delay 0", delay, "0"),
    ] {
        if found != text {
            return Err(wrong(line, expected, found));
        }
    }
    if file.is_empty() || file.chars().any(char::is_control) {
        return Err(wrong(4, "the source log's name", file));
    }
    let flavour = match lines.value("flavour=")? {
        "mysql" => Flavour::MySql,
        "mariadb" => Flavour::MariaDb,
        other => return Err(lines.wrong("flavour=mysql or flavour=mariadb", other)),
    };
    let text = lines.value("gtid_set=")?;
    let gtid_set = GtidSet::parse(flavour, text)
        .ok()
        .filter(|set| set.to_string() == text)
        .ok_or_else(|| lines.wrong("a GTID set of the flavour", text))?;
    let server_uuid = match lines.value("server_uuid=")? {
        "" => None,
        text => Some(lines.parse(text, "a server UUID or nothing")?),
    };
    let server_id = lines.value_number("server_id=")?;
    let format_description_timestamp = lines.value_number("format_description_timestamp=")?;
    if let Some(line) = lines.rest.next() {
        return Err(wrong(lines.line + 1, "nothing more", line));
    }
    Ok(Checkpoint {
        coordinates: Coordinates::new(file, position),
        gtid_set,
        server_uuid,
        server_id,
        format_description_timestamp,
    })
}

/// Checks the end marker and the checksum, and returns the lines before them.
fn checked(bytes: &[u8]) -> Result<&str, RelayLogInfoError> {
    let before_end = bytes
        .strip_suffix(b"\n")
        .and_then(|bytes| bytes.strip_suffix(END.as_bytes()))
        .and_then(|bytes| bytes.strip_suffix(b"\n"))
        .ok_or(RelayLogInfoError::Cut)?;
    let sum_starts = before_end
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let (covered, sum_line) = before_end.split_at(sum_starts);
    let computed = crc32fast::hash(covered);
    // The text is compared, not the number: a digit in upper case is a change too.
    if sum_line != format!("{SUM}{computed:08x}").as_bytes() {
        return Err(RelayLogInfoError::Checksum {
            stored: shortened(&String::from_utf8_lossy(sum_line)),
            computed,
        });
    }
    std::str::from_utf8(covered).map_err(|error| {
        let valid = covered.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        wrong(line, "text in UTF-8", "")
    })
}

/// The lines in order, and the number of the one read last.
struct Lines<'a> {
    rest: std::str::SplitTerminator<'a, char>,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text.split_terminator('\n'),
            line: 0,
        }
    }

    fn next(&mut self, expected: &'static str) -> Result<&'a str, RelayLogInfoError> {
        self.line += 1;
        self.rest
            .next()
            .ok_or_else(|| self.wrong(expected, "nothing"))
    }

    /// The next line's value, behind `prefix`.
    fn value(&mut self, prefix: &'static str) -> Result<&'a str, RelayLogInfoError> {
        let line = self.next(prefix)?;
        line.strip_prefix(prefix)
            .ok_or_else(|| self.wrong(prefix, line))
    }

    fn number<N: std::str::FromStr + ToString>(
        &mut self,
        expected: &'static str,
    ) -> Result<N, RelayLogInfoError> {
        let text = self.next(expected)?;
        self.parse(text, expected)
    }

    fn value_number<N: std::str::FromStr + ToString>(
        &mut self,
        prefix: &'static str,
    ) -> Result<N, RelayLogInfoError> {
        let text = self.value(prefix)?;
        self.parse(text, prefix)
    }

    fn parse<V: std::str::FromStr + ToString>(
        &self,
        text: &str,
        expected: &'static str,
    ) -> Result<V, RelayLogInfoError> {
        match text.parse::<V>() {
            // No '+5', no '05' and no UUID in upper case, which the parsers take and `encode` never writes.
            Ok(value) if value.to_string() == text => Ok(value),
            _ => Err(self.wrong(expected, text)),
        }
    }

    fn wrong(&self, expected: &'static str, found: &str) -> RelayLogInfoError {
        wrong(self.line, expected, found)
    }
}

fn wrong(line: usize, expected: &'static str, found: &str) -> RelayLogInfoError {
    RelayLogInfoError::Line {
        line,
        expected,
        found: shortened(found),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(FOUND_CHARS_MAX).collect()
}

fn flavour_text(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MySql => "mysql",
        Flavour::MariaDb => "mariadb",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    const FILE: &str = "14

0
binlog.000004
1337
0
version=1
flavour=mysql
gtid_set=3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7
server_uuid=3e11fa47-71ca-11e1-9e33-c80aa9429562
server_id=1
format_description_timestamp=1700000000
";

    fn sealed(lines: &str) -> String {
        let sum = crc32fast::hash(lines.as_bytes());
        format!("{lines}crc32={sum:08x}\nend\n")
    }

    fn uuid() -> Uuid {
        "3e11fa47-71ca-11e1-9e33-c80aa9429562".parse().unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            coordinates: Coordinates::new("binlog.000004", 1337),
            gtid_set: GtidSet::MySql([((uuid(), "".into()), vec![(1, 5), (7, 7)])].into()),
            server_uuid: Some(uuid()),
            server_id: 1,
            format_description_timestamp: 1_700_000_000,
        }
    }

    #[test]
    fn the_layout_is_a_replicas() {
        let text = encode(&checkpoint()).unwrap();
        assert_eq!(text, sealed(FILE));
        assert_eq!(text.lines().count(), LINES);
    }

    #[test]
    fn a_mariadb_checkpoint_has_no_uuid() {
        let checkpoint = Checkpoint {
            gtid_set: GtidSet::MariaDb([(0, (1, 270)), (5, (9, 3))].into()),
            server_uuid: None,
            ..checkpoint()
        };
        let text = encode(&checkpoint).unwrap();
        assert!(
            text.contains("\nflavour=mariadb\ngtid_set=0-1-270,5-9-3\nserver_uuid=\n"),
            "{text}"
        );
        assert_eq!(decode(text.as_bytes()).unwrap(), checkpoint);
    }

    #[test]
    fn every_prefix_is_an_error() {
        let text = encode(&checkpoint()).unwrap();
        for length in 0..text.len() {
            let error = decode(&text.as_bytes()[..length]).unwrap_err();
            assert_eq!(error, RelayLogInfoError::Cut, "{length}");
        }
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let text = encode(&checkpoint()).unwrap();
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            decode(&bytes).expect_err("a changed checkpoint was trusted");
        }
    }

    #[test]
    fn every_doubled_or_missing_line_is_an_error() {
        let lines: Vec<&str> = FILE.lines().collect();
        for index in 0..lines.len() {
            let mut fewer = lines.clone();
            fewer.remove(index);
            let mut more = lines.clone();
            more.insert(index, lines[index]);
            for lines in [fewer, more] {
                let text = sealed(&(lines.join("\n") + "\n"));
                decode(text.as_bytes()).expect_err(&text);
            }
        }
    }

    #[test]
    fn what_follows_the_end_is_an_error() {
        let text = encode(&checkpoint()).unwrap();
        for tail in ["\n", "end\n", "x", "\0"] {
            decode(format!("{text}{tail}").as_bytes()).expect_err(tail);
        }
    }

    #[test]
    fn a_line_of_another_kind_is_named() {
        let cases = [
            (
                "14\n",
                "13\n",
                "line 1: expected the number of lines, 14, found '13'",
            ),
            (
                "\n1337\n",
                "\n+1337\n",
                "line 5: expected the source log's position, found '+1337'",
            ),
            (
                "\n1337\n",
                "\n18446744073709551616\n",
                "line 5: expected the source log's position, found '18446744073709551616'",
            ),
            (
                "binlog.000004",
                "",
                "line 4: expected the source log's name, found ''",
            ),
            (
                "flavour=mysql",
                "flavour=oracle",
                "line 8: expected flavour=mysql or flavour=mariadb, found 'oracle'",
            ),
            (
                "gtid_set=3e",
                "gtid_set=3",
                "line 9: expected a GTID set of the flavour, found '311fa47-71ca-11e1-9e33-c80aa9429562:1-5:7'",
            ),
            (
                "server_uuid=3e",
                "server_uuid=3E",
                "line 10: expected a server UUID or nothing, found '3E11fa47-71ca-11e1-9e33-c80aa9429562'",
            ),
            (
                "server_id=1\n",
                "server_id=4294967296\n",
                "line 11: expected server_id=, found '4294967296'",
            ),
            (
                "version=1",
                "version=2",
                "it has version 2, expected 1, run the rowtap that wrote it or a newer one",
            ),
        ];
        for (from, to, expected) in cases {
            let text = sealed(&FILE.replacen(from, to, 1));
            assert_eq!(decode(text.as_bytes()).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_file_name_that_would_break_the_lines_is_refused() {
        for file in ["", "binlog\n.000001", "binlog\r.000001"] {
            let checkpoint = Checkpoint {
                coordinates: Coordinates::new(file, 4),
                ..checkpoint()
            };
            assert!(encode(&checkpoint).is_err(), "{file:?}");
        }
    }

    fn intervals() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0u64..1000, 0u64..1000), 1..6).prop_map(|steps| {
            let mut last = 0;
            let mut intervals = Vec::new();
            for (gap, length) in steps {
                let first = last + gap + if last == 0 { 1 } else { 2 };
                last = first + length;
                intervals.push((first, last));
            }
            intervals
        })
    }

    fn gtid_sets() -> impl Strategy<Value = GtidSet> {
        let source = (any::<u128>(), "[a-z_][a-z0-9_]{0,31}|")
            .prop_map(|(uuid, tag)| (Uuid::from_u128(uuid), tag.into_boxed_str()));
        prop_oneof![
            prop::collection::btree_map(source, intervals(), 0..5).prop_map(GtidSet::MySql),
            prop::collection::btree_map(any::<u32>(), (any::<u32>(), any::<u64>()), 0..5)
                .prop_map(GtidSet::MariaDb),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            file in "[^\\p{Cc}]{1,60}",
            position in any::<u64>(),
            gtid_set in gtid_sets(),
            server_uuid in any::<Option<u128>>(),
            server_id in any::<u32>(),
            format_description_timestamp in any::<u32>(),
        ) {
            let checkpoint = Checkpoint {
                coordinates: Coordinates::new(file, position),
                gtid_set,
                server_uuid: server_uuid.map(Uuid::from_u128),
                server_id,
                format_description_timestamp,
            };
            let text = encode(&checkpoint).unwrap();
            prop_assert_eq!(decode(text.as_bytes()), Ok(checkpoint));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            decode(&bytes).expect_err("random bytes were trusted");
            let sealed = sealed(&String::from_utf8_lossy(&bytes));
            decode(sealed.as_bytes()).expect_err("random lines were trusted");
        }
    }
}
