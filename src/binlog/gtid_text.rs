//! GTID sets as text and as bytes: what people write, and what COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS carry.
//!
//! The bytes, untagged: sources 8; each: UUID 16, intervals 8, each interval first 8 and behind-last 8. Tagged: the first
//! eight bytes have 1 in the lowest and the highest byte and the count between them; each UUID is followed by the tag's
//! length, doubled, in one byte, and the tag.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::reader::Reader;
use super::{BinlogError, Gtid, GtidSet};
use crate::mysql::Flavour;

/// Characters of a tag.
const TAG_BYTES_MAX: usize = 32;
/// The largest number of a GTID.
const NUMBER_MAX: u64 = i64::MAX.unsigned_abs();

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql(sources) => {
                let mut before: Option<Uuid> = None;
                for ((uuid, tag), intervals) in sources {
                    match before {
                        Some(last) if last == *uuid => {}
                        Some(_) => write!(f, ",{uuid}")?,
                        None => write!(f, "{uuid}")?,
                    }
                    before = Some(*uuid);
                    if !tag.is_empty() {
                        write!(f, ":{tag}")?;
                    }
                    for (first, last) in intervals {
                        if first == last {
                            write!(f, ":{first}")?;
                        } else {
                            write!(f, ":{first}-{last}")?;
                        }
                    }
                }
                Ok(())
            }
            Self::MariaDb(domains) => {
                for (index, (domain, (server_id, sequence))) in domains.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    write!(f, "{comma}{domain}-{server_id}-{sequence}")?;
                }
                Ok(())
            }
        }
    }
}

impl GtidSet {
    /// Reads a set as the servers of a family write it; white space around its parts is allowed.
    ///
    /// # Errors
    /// The part that is wrong, and why.
    pub fn parse(flavour: Flavour, text: &str) -> Result<Self, BinlogError> {
        let mut set = Self::empty(flavour);
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            match &mut set {
                Self::MySql(_) => parse_source(part, &mut set)?,
                Self::MariaDb(domains) => {
                    let (domain, position) = parse_domain(part)?;
                    if domains.insert(domain, position).is_some() {
                        return Err(refused(part, "names its domain a second time"));
                    }
                }
            }
        }
        Ok(set)
    }

    /// The bytes of COM_BINLOG_DUMP_GTID; empty for a MariaDB set, which has no such form.
    pub fn encode(&self) -> Vec<u8> {
        let Self::MySql(sources) = self else {
            return Vec::new();
        };
        let count = sources.len() as u64;
        let tagged = sources.keys().any(|(_, tag)| !tag.is_empty());
        let mut bytes = Vec::new();
        let head = if tagged {
            1 | count << 8 | 1 << 56
        } else {
            count
        };
        bytes.extend_from_slice(&head.to_le_bytes());
        for ((uuid, tag), intervals) in sources {
            bytes.extend_from_slice(uuid.as_bytes());
            if tagged {
                bytes.push(u8::try_from(tag.len() * 2).expect("a tag has at most 32 characters"));
                bytes.extend_from_slice(tag.as_bytes());
            }
            bytes.extend_from_slice(&(intervals.len() as u64).to_le_bytes());
            for (first, last) in intervals {
                bytes.extend_from_slice(&first.to_le_bytes());
                bytes.extend_from_slice(&(last + 1).to_le_bytes());
            }
        }
        bytes
    }

    /// Reads the body of a PREVIOUS_GTIDS event.
    ///
    /// # Errors
    /// When it ends early or has impossible intervals.
    pub fn decode(body: &[u8]) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "GTID set");
        let head = reader.u64()?;
        let tagged = head >> 56 == 1;
        let count = if tagged {
            head >> 8 & 0xffff_ffff_ffff
        } else {
            head
        };
        let mut set = Self::empty(Flavour::MySql);
        for _ in 0..count {
            let uuid = Uuid::from_slice(reader.take(16)?).expect("a UUID has 16 bytes");
            let tag = if tagged {
                decode_tag(&mut reader)?
            } else {
                Box::default()
            };
            let intervals = reader.u64()?;
            for _ in 0..intervals {
                let (first, behind) = (reader.u64()?, reader.u64()?);
                if first == 0 || behind <= first || behind > NUMBER_MAX {
                    return Err(BinlogError::Field {
                        what: "GTID interval",
                        found: first,
                        expected: "1 or more, ascending",
                    });
                }
                set.add_interval((uuid, tag.clone()), first, behind - 1);
            }
        }
        Ok(set)
    }

    /// Reads the body of a MariaDB GTID_LIST event: the last GTIDs of all files before.
    ///
    /// # Errors
    /// When it ends early.
    pub fn decode_list(body: &[u8]) -> Result<Self, BinlogError> {
        let mut reader = Reader::new(body, "GTID_LIST event");
        let count = reader.u32()? & 0x0fff_ffff;
        let mut domains: BTreeMap<u32, (u32, u64)> = BTreeMap::new();
        for _ in 0..count {
            let (domain, server_id, sequence) = (reader.u32()?, reader.u32()?, reader.u64()?);
            // A domain occurs once per server, its last GTID last.
            domains.insert(domain, (server_id, sequence));
        }
        Ok(Self::MariaDb(domains))
    }
}

fn decode_tag(reader: &mut Reader<'_>) -> Result<Box<str>, BinlogError> {
    let length = usize::from(reader.u8()? / 2);
    let bytes = reader.take(length)?;
    let tag = std::str::from_utf8(bytes).unwrap_or_default();
    if is_tag(tag) || bytes.is_empty() {
        return Ok(tag.into());
    }
    Err(BinlogError::Text {
        what: "GTID tag",
        found: bytes.escape_ascii().to_string(),
    })
}

fn parse_source(part: &str, set: &mut GtidSet) -> Result<(), BinlogError> {
    let mut fields = part.split(':').map(str::trim);
    let uuid = fields.next().unwrap_or_default();
    let uuid = Uuid::from_str(uuid).map_err(|_| refused(part, "does not begin with a UUID"))?;
    let mut tag: Box<str> = Box::default();
    let mut empty = true;
    for field in fields {
        if is_tag(&field.to_ascii_lowercase()) {
            tag = field.to_ascii_lowercase().into();
            continue;
        }
        let (first, last) = field.split_once('-').unwrap_or((field, field));
        let number = |text: &str| {
            let number = text.trim().parse::<u64>().ok();
            number.filter(|number| (1..NUMBER_MAX).contains(number))
        };
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(refused(
                part,
                "has an interval that is not two numbers from 1 on",
            ));
        };
        if last < first {
            return Err(refused(part, "has an interval that ends before it begins"));
        }
        set.add_interval((uuid, tag.clone()), first, last);
        empty = false;
    }
    if empty {
        Err(refused(part, "has no interval"))
    } else {
        Ok(())
    }
}

fn parse_domain(part: &str) -> Result<(u32, (u32, u64)), BinlogError> {
    let mut fields = part.split('-').map(str::trim);
    let parsed = (|| {
        let domain = fields.next()?.parse().ok()?;
        let server_id = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        fields
            .next()
            .is_none()
            .then_some((domain, (server_id, sequence)))
    })();
    parsed.ok_or_else(|| refused(part, "is not domain-server-sequence"))
}

fn is_tag(text: &str) -> bool {
    let mut characters = text.chars();
    text.len() <= TAG_BYTES_MAX
        && characters
            .next()
            .is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn refused(found: &str, reason: &'static str) -> BinlogError {
    BinlogError::Gtid {
        found: found.chars().take(120).collect(),
        reason,
    }
}

impl FromStr for Gtid {
    type Err = BinlogError;

    /// Reads one GTID of either family.
    fn from_str(text: &str) -> Result<Self, BinlogError> {
        let one = |set: GtidSet| match set {
            GtidSet::MySql(sources) => {
                let ((uuid, tag), intervals) = sources.into_iter().next()?;
                let (number, last) = intervals.into_iter().next()?;
                (number == last).then_some(Self::MySql { uuid, tag, number })
            }
            GtidSet::MariaDb(domains) => {
                let (domain, (server_id, sequence)) = domains.into_iter().next()?;
                Some(Self::MariaDb {
                    domain,
                    server_id,
                    sequence,
                })
            }
        };
        let flavour = if text.contains(':') {
            Flavour::MySql
        } else {
            Flavour::MariaDb
        };
        one(GtidSet::parse(flavour, text)?).ok_or_else(|| refused(text, "is not a single GTID"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    flavour: Flavour,
    set: String,
}

impl Serialize for GtidSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written {
            flavour: self.flavour(),
            set: self.to_string(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for GtidSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::parse(written.flavour, &written.set).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn check(text: &str, canonical: &str) {
        let set = GtidSet::parse(Flavour::MySql, text).unwrap();
        assert_eq!(set.to_string(), canonical);
        assert_eq!(GtidSet::decode(&set.encode()).unwrap(), set, "{text}");
    }

    #[test]
    fn mysql_sets_are_read_and_written_as_the_server_does() {
        check("", "");
        check(&format!("{A}:1-5"), &format!("{A}:1-5"));
        check(&format!(" {A}:1-5:7 ,\n{B}:3"), &format!("{A}:1-5:7,{B}:3"));
        check(&format!("{A}:1-7:9-10"), &format!("{A}:1-7:9-10"));
        check(&format!("{A}:1:2:3"), &format!("{A}:1-3"));
        check(&format!("{A}:1-5:tag:1-3"), &format!("{A}:1-5:tag:1-3"));
    }

    #[test]
    fn mariadb_positions_are_read_and_written_as_the_server_does() {
        let set = GtidSet::parse(Flavour::MariaDb, "1-2-7, 0-1-100").unwrap();
        assert_eq!(set.to_string(), "0-1-100,1-2-7");
    }

    #[test]
    fn what_is_no_set_is_refused_with_its_part() {
        for text in [
            "x:1",
            "3e11fa47-71ca-11e1-9e33-c80aa9429562",
            "3e11fa47-71ca-11e1-9e33-c80aa9429562:0",
        ] {
            assert!(GtidSet::parse(Flavour::MySql, text).is_err(), "{text}");
        }
        for text in ["0-1", "0-1-2-3", "0-1-x", "0-1-1,0-2-2", "4294967296-1-1"] {
            assert!(GtidSet::parse(Flavour::MariaDb, text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_cut_of_an_encoded_set_is_an_error() {
        let bytes = GtidSet::parse(Flavour::MySql, &format!("{A}:1-5:tag:1-3,{B}:9"))
            .unwrap()
            .encode();
        for length in 0..bytes.len() {
            assert!(GtidSet::decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}
