//! GTID sets in binary form. MySQL's: the PREVIOUS_GTIDS event and the request for a dump by GTID set.
//!
//! Follows `Gtid_set::encode` in `sql/rpl_gtid_set.cc`.
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | header | 8 | without tags the number of sources; with tags a 1, the number in six bytes, a 1 |
//! | uuid | 16 | of a source |
//! | tag | n | with tags only: its length as a variable-length integer, its characters |
//! | interval count | 8 | |
//! | first, last + 1 | 8, 8 | of an interval |
//!
//! And in MariaDB's: the GTID_LIST event, a count in four bytes, then domain 4, server 4 and sequence number 8 each.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::cursor::Cursor;
use super::error::BinlogError;
use super::gtid::{GtidSet, NUMBER_MAX, TAG_BYTES_MAX, Tag};
use super::gtid_text;
use super::intervals::{self, Interval};

impl GtidSet {
    /// Writes a MySQL set in the binary form of COM_BINLOG_DUMP_GTID; empty for MariaDB's, which has no binary form.
    pub fn encode(&self) -> Vec<u8> {
        let Self::MySql(sources) = self else {
            return Vec::new();
        };
        let tagged = sources.keys().any(|(_, tag)| !tag.is_empty());
        let count = sources.len() as u64;
        let header = if tagged {
            1 | count << 8 | 1 << 56
        } else {
            count
        };
        let mut bytes = header.to_le_bytes().to_vec();
        for ((uuid, tag), intervals) in sources {
            bytes.extend(uuid.as_bytes());
            if tagged {
                // A tag has at most 32 bytes, whose number fits a one-byte integer: seven bits above a zero bit.
                let length = tag.len().min(TAG_BYTES_MAX);
                bytes.extend(u8::try_from(length << 1));
                bytes.extend(tag.bytes().take(length));
            }
            bytes.extend((intervals.len() as u64).to_le_bytes());
            for (first, last) in intervals {
                bytes.extend(first.to_le_bytes());
                bytes.extend(last.saturating_add(1).to_le_bytes());
            }
        }
        bytes
    }

    /// Reads the body of a PREVIOUS_GTIDS event.
    ///
    /// # Errors
    /// A count past the end of the bytes, bytes after the last source, a number or tag that no GTID has, intervals that
    /// do not ascend.
    pub fn decode(body: &[u8]) -> Result<Self, BinlogError> {
        let mut cursor = Cursor::new(body);
        let header = cursor.u64("the number of GTID sources")?;
        let (tagged, count) = match header.to_le_bytes() {
            [1, .., 1] => (true, header << 8 >> 16),
            [.., 0] => (false, header),
            [.., found] => {
                return Err(BinlogError::Value {
                    what: "the form of the GTID set",
                    expected: "0 (without tags) or 1 (with tags)",
                    found: u64::from(found),
                });
            }
        };
        let mut sources = BTreeMap::new();
        for _ in 0..count {
            let uuid = Uuid::from_bytes(cursor.array("a GTID source")?);
            let tag = if tagged {
                tag(&mut cursor)?
            } else {
                Tag::default()
            };
            let seen = interval_list(&mut cursor)?;
            if sources.insert((uuid, tag), seen).is_some() {
                return Err(BinlogError::Value {
                    what: "the number of GTID sources",
                    expected: "that of different ones",
                    found: count,
                });
            }
        }
        sources.retain(|_, seen| !seen.is_empty());
        cursor.nothing_left("the GTID set")?;
        Ok(Self::MySql(sources))
    }
}

impl GtidSet {
    /// Reads the body of MariaDB's GTID_LIST event: the last GTIDs of all files before, per domain and server, a
    /// domain's newest last. The position that it stands for is the newest GTID of each domain.
    ///
    /// # Errors
    /// A count past the end of the bytes, or bytes after the last GTID.
    pub fn decode_list(body: &[u8]) -> Result<Self, BinlogError> {
        const COUNT: u32 = (1 << 28) - 1;
        const FILLING_BYTES_MAX: usize = 15;
        let mut cursor = Cursor::new(body);
        // The upper four bits are flags.
        let count = cursor.u32("the number of GTIDs")? & COUNT;
        let mut domains = BTreeMap::new();
        for _ in 0..count {
            let domain = cursor.u32("a GTID's domain")?;
            let server_id = cursor.u32("a GTID's server")?;
            domains.insert(domain, (server_id, cursor.u64("a GTID's sequence number")?));
        }
        // An empty list is filled up by zeros.
        if count == 0 && cursor.left() <= FILLING_BYTES_MAX {
            cursor.rest();
        }
        cursor.nothing_left("the GTID list")?;
        Ok(Self::MariaDb(domains))
    }
}

/// Reads a tag, which may be empty.
pub(super) fn tag(cursor: &mut Cursor<'_>) -> Result<Tag, BinlogError> {
    let length = cursor.variable("the length of a GTID's tag")?;
    let bytes = cursor.bytes_of(length, "a GTID's tag")?;
    if bytes.is_empty() {
        return Ok(Tag::default());
    }
    std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| gtid_text::tag(text).ok())
        .ok_or(BinlogError::Value {
            what: "the length of a GTID's tag",
            expected: "that of letters, digits and underscores, at most 32",
            found: length,
        })
}

fn interval_list(cursor: &mut Cursor<'_>) -> Result<Vec<Interval>, BinlogError> {
    let count = cursor.u64("the number of GTID intervals")?;
    let mut list = Vec::new();
    let mut end = 0;
    for _ in 0..count {
        let first = cursor.u64("the start of a GTID interval")?;
        let after = cursor.u64("the end of a GTID interval")?;
        if first <= end || first >= after || after - 1 > NUMBER_MAX {
            return Err(BinlogError::Value {
                what: "the start of a GTID interval",
                expected: "above the interval before and below its own end",
                found: first,
            });
        }
        list.push((first, after - 1));
        end = after - 1;
    }
    intervals::normalise(&mut list);
    Ok(list)
}
