//! Result sets of the text protocol, kept whole or handed out in parts.
//!
//! Follows "COM_QUERY Response" of the client/server protocol manual. For the questions rowtap asks a
//! server; not for reading tables.

use super::fields::{Fields, Malformed};
use super::response::{self, ServerError};

/// More columns than any table or statement can have (4096).
const COLUMNS_MAX: u64 = 4096;

/// What a query returned: text values as the server sent them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultSet {
    /// Names of the columns.
    pub columns: Vec<Box<str>>,
    /// Rows in the order they came, a value for each column; `None` is NULL.
    pub rows: Vec<Vec<Option<Box<[u8]>>>>,
}

impl ResultSet {
    /// Returns the index of a column, whose name compares without case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.eq_ignore_ascii_case(name))
    }

    /// Returns a value's bytes; `None` for NULL, for a row or column that is not there.
    pub fn bytes(&self, row: usize, name: &str) -> Option<&[u8]> {
        let column = self.column(name)?;
        self.rows.get(row)?.get(column)?.as_deref()
    }

    /// Returns a value as text; `None` for NULL, for a row or column that is not there, for bytes that are not UTF-8.
    pub fn text(&self, row: usize, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(row, name)?).ok()
    }

    /// Reads a row and appends it; with `may_end_early`, values that it lacks at its end are NULL.
    fn push_row(&mut self, payload: &[u8], may_end_early: bool) -> Result<(), Malformed> {
        let mut fields = Fields::new("row", payload);
        // Reserves for the columns that were described, not for a number the row could claim.
        let mut row = Vec::with_capacity(self.columns.len());
        for _ in &self.columns {
            row.push(match may_end_early && fields.is_empty() {
                true => None,
                false => fields.text_value()?.map(Box::from),
            });
        }
        if !fields.is_empty() {
            return Err(fields.malformed("it holds more values than columns were described"));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Reads a column's description and appends the column.
    fn push_column(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let mut fields = Fields::new("column description", payload);
        let _catalog = fields.length_encoded_bytes()?;
        let _database = fields.length_encoded_bytes()?;
        let _table = fields.length_encoded_bytes()?;
        let _original_table = fields.length_encoded_bytes()?;
        let name = fields.length_encoded_bytes()?;
        let _original_name = fields.length_encoded_bytes()?;
        let fixed = fields.length_encoded_bytes()?;
        if fixed.len() != 12 || !fields.is_empty() {
            return Err(fields.malformed("its fixed part is not of 12 bytes"));
        }
        self.columns.push(String::from_utf8_lossy(name).into());
        Ok(())
    }
}

/// What the packets so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More packets must come.
    Unfinished,
    /// The answer is complete.
    Complete(ResultSet),
}

/// Why there is no result set.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoResult {
    /// The server answered with an error.
    Server(ServerError),
    /// The server wants a file of this machine.
    LocalInfile,
    /// The result passes the limit.
    TooLarge,
    /// A packet cannot be read.
    Malformed(Malformed),
}

impl From<Malformed> for NoResult {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Puts a result set together from the packets of an answer.
#[derive(Debug)]
pub(super) struct ResultReader {
    due: Due,
    set: ResultSet,
    /// Memory that the limit leaves.
    bytes_left: usize,
    bytes_max: usize,
    rows_may_end_early: bool,
}

#[derive(Debug)]
enum Due {
    Answer,
    Columns(u64),
    EndOfColumns,
    Row,
}

impl ResultReader {
    /// Starts before the first packet; the set may take `bytes_max` of memory, about.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            due: Due::Answer,
            set: ResultSet::default(),
            bytes_left: bytes_max,
            bytes_max,
            rows_may_end_early: false,
        }
    }

    /// Takes rows that end before their last columns, whose values are then NULL.
    pub(super) fn with_short_rows(self) -> Self {
        Self {
            rows_may_end_early: true,
            ..self
        }
    }

    /// Reads the next packet.
    pub(super) fn read(&mut self, payload: &[u8]) -> Result<Progress, NoResult> {
        if payload.first() == Some(&response::ERR) {
            return Err(NoResult::Server(ServerError::parse(payload)?));
        }
        let value_bytes = size_of::<Option<Box<[u8]>>>() * self.set.columns.len().max(1);
        self.bytes_left = self
            .bytes_left
            .checked_sub(payload.len() + value_bytes)
            .ok_or(NoResult::TooLarge)?;
        match self.due {
            Due::Answer => match payload.first() {
                Some(&response::OK) => {
                    response::ok(payload)?;
                    return Ok(self.complete());
                }
                Some(&response::LOCAL_INFILE) => return Err(NoResult::LocalInfile),
                Some(_) | None => self.due = Due::Columns(column_count(payload)?),
            },
            Due::Columns(left) => {
                self.set.push_column(payload)?;
                self.due = match left {
                    0 | 1 => Due::EndOfColumns,
                    _ => Due::Columns(left - 1),
                };
            }
            Due::EndOfColumns => {
                response::eof(payload).unwrap_or(Err(Malformed {
                    packet: "result set",
                    reason: "its columns do not end after the number that was announced",
                }))?;
                self.due = Due::Row;
            }
            Due::Row => match response::eof(payload) {
                Some(end) => {
                    end?;
                    return Ok(self.complete());
                }
                None => self.set.push_row(payload, self.rows_may_end_early)?,
            },
        }
        Ok(Progress::Unfinished)
    }

    /// The rows so far, once there are that many; the limit is then for those that follow.
    pub(super) fn part(&mut self, rows_max: usize) -> Option<ResultSet> {
        if self.set.rows.len() < rows_max {
            return None;
        }
        self.bytes_left = self.bytes_max;
        Some(ResultSet {
            columns: self.set.columns.clone(),
            rows: std::mem::take(&mut self.set.rows),
        })
    }

    fn complete(&mut self) -> Progress {
        Progress::Complete(std::mem::take(&mut self.set))
    }
}

/// Reads the number of columns that begins a result set.
fn column_count(payload: &[u8]) -> Result<u64, Malformed> {
    let mut fields = Fields::new("result set", payload);
    let count = fields.length_encoded()?;
    if count == 0 || count > COLUMNS_MAX || !fields.is_empty() {
        return Err(fields.malformed("it does not begin with a number of columns from 1 to 4096"));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(name: &str) -> Vec<u8> {
        let mut out = b"\x03def\0\x01t\x01t".to_vec();
        for name in [name, name] {
            out.push(u8::try_from(name.len()).unwrap());
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(&[12, 45, 0, 255, 255, 0, 0, 253, 0, 0, 0, 0, 0]);
        out
    }

    const END: &[u8] = &[0xfe, 0, 0, 2, 0];

    /// `SELECT 'one' AS a, NULL AS B` and another row.
    fn packets() -> Vec<Vec<u8>> {
        vec![
            vec![2],
            column("a"),
            column("B"),
            END.to_vec(),
            b"\x03one\xfb".to_vec(),
            b"\0\x01\xff".to_vec(),
            END.to_vec(),
        ]
    }

    fn read(packets: &[Vec<u8>], bytes_max: usize) -> Result<Progress, NoResult> {
        let mut reader = ResultReader::new(bytes_max);
        let mut progress = Progress::Unfinished;
        for packet in packets {
            progress = reader.read(packet)?;
        }
        Ok(progress)
    }

    #[test]
    fn a_result_has_names_rows_and_nulls() {
        let Ok(Progress::Complete(set)) = read(&packets(), 10_000) else {
            panic!("the result is complete");
        };
        assert_eq!(set.columns, ["a".into(), "B".into()]);
        assert_eq!((set.text(0, "A"), set.text(0, "b")), (Some("one"), None));
        assert_eq!((set.text(1, "a"), set.text(1, "b")), (Some(""), None));
        assert_eq!(set.bytes(1, "b"), Some(&b"\xff"[..]));
        assert_eq!((set.text(2, "a"), set.text(0, "c")), (None, None));
    }

    #[test]
    fn an_ok_is_an_empty_result() {
        let ok = vec![vec![0, 0, 0, 2, 0, 0, 0]];
        assert_eq!(
            read(&ok, 1000),
            Ok(Progress::Complete(ResultSet::default()))
        );
    }

    #[test]
    fn a_request_for_a_file_is_no_result() {
        for request in [&b"\xfb/etc/passwd"[..], b"\xfb"] {
            assert_eq!(read(&[request.to_vec()], 1000), Err(NoResult::LocalInfile));
        }
    }

    #[test]
    fn an_error_may_come_at_any_point() {
        for end in 0..packets().len() {
            let mut packets = packets();
            packets.truncate(end);
            packets.push(b"\xff\x28\x04#42000no".to_vec());
            let Err(NoResult::Server(error)) = read(&packets, 10_000) else {
                panic!("the error is seen after {end} packets");
            };
            assert_eq!(error.code, 1064);
        }
    }

    #[test]
    fn a_packet_that_is_cut_or_missing_is_an_error() {
        for index in 0..packets().len() {
            for end in 0..packets()[index].len() {
                let mut packets = packets();
                packets[index].truncate(end);
                // A packet of 0xfe alone is an end too, of servers long gone.
                let is_whole = packets[index] == [0xfe];
                assert_eq!(read(&packets, 10_000).is_ok(), is_whole, "{index} {end}");
            }
            if packets()[index] != END && index < 4 {
                let mut packets = packets();
                packets.remove(index);
                assert!(read(&packets, 10_000).is_err(), "{index}");
            }
        }
    }

    #[test]
    fn values_behind_the_last_column_are_an_error() {
        let mut packets = packets();
        packets[4].push(0);
        assert!(matches!(
            read(&packets, 10_000),
            Err(NoResult::Malformed(_))
        ));
    }

    #[test]
    fn a_row_may_end_early_where_that_is_asked_for_and_only_at_the_end_of_a_value() {
        // As MySQL 5.7 lists a replica without a UUID.
        let names = ["Server_id", "Host", "Port", "Master_id", "Slave_UUID"];
        let row = b"\x044242\x04host\x010\x011";
        let whole = b"\x044242\x04host\x010\x011\x04uuid";
        let listed = |reader: ResultReader, row: &[u8]| {
            let mut reader = reader;
            reader.read(&[5])?;
            for name in names {
                reader.read(&column(name))?;
            }
            reader.read(END)?;
            reader.read(row)?;
            reader.read(END)
        };
        let (strict, short) = (
            || ResultReader::new(10_000),
            || ResultReader::new(10_000).with_short_rows(),
        );
        let uuid = |progress: Result<Progress, NoResult>| match progress {
            Ok(Progress::Complete(set)) => {
                assert_eq!(set.text(0, "Master_id"), Some("1"));
                set.text(0, "Slave_UUID").map(str::to_owned)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(uuid(listed(short(), row)), None);
        assert_eq!(uuid(listed(short(), whole)).as_deref(), Some("uuid"));
        assert_eq!(uuid(listed(strict(), whole)).as_deref(), Some("uuid"));
        assert!(listed(strict(), row).is_err());
        for reader in [strict(), short()] {
            assert!(listed(reader, &row[..row.len() - 1]).is_err());
        }
        let long = [&whole[..], b"\x01x"].concat();
        assert!(listed(short(), &long).is_err());
    }

    #[test]
    fn a_result_over_the_limit_is_an_error() {
        assert_eq!(read(&packets(), 200), Err(NoResult::TooLarge));
        let many: Vec<u8> = b"\xfc\x01\x10".to_vec();
        assert!(matches!(read(&[many], 10_000), Err(NoResult::Malformed(_))));
    }

    proptest! {
        #[test]
        fn hostile_packets_never_panic(
            index in 0..7_usize,
            hostile in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut packets = packets();
            packets[index] = hostile;
            let _either = read(&packets, 10_000);
        }
    }
}
