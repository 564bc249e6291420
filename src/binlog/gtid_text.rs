//! GTIDs and sets of them as text: what the servers' variables hold and what a person writes.
//!
//! MySQL: `uuid:1-5:7:tag:1-3,uuid:…`, white space and line ends anywhere between the parts, letters of either case,
//! sources repeated at will. MariaDB: `domain-server-sequence,…`, a domain once. What is printed is the servers' canonical
//! form on one line: sources in order, small letters, no white space.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::error::BinlogError;
use super::gtid::{Gtid, GtidSet, GtidSource, NUMBER_MAX, TAG_BYTES_MAX, Tag};
use super::intervals::{self, Intervals};
use crate::mysql::Flavour;

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql { uuid, tag, number } if tag.is_empty() => write!(f, "{uuid}:{number}"),
            Self::MySql { uuid, tag, number } => write!(f, "{uuid}:{tag}:{number}"),
            Self::MariaDb {
                domain,
                server_id,
                sequence,
            } => write!(f, "{domain}-{server_id}-{sequence}"),
        }
    }
}

impl FromStr for Gtid {
    type Err = BinlogError;

    /// Reads one GTID of either family.
    fn from_str(text: &str) -> Result<Self, BinlogError> {
        let text = text.trim();
        let Some((uuid, rest)) = text.split_once(':') else {
            let (domain, server_id, sequence) = mariadb(text)?;
            return Ok(Self::MariaDb {
                domain,
                server_id,
                sequence,
            });
        };
        let (tag, digits) = match rest.split_once(':') {
            Some((name, digits)) => (tag(name.trim())?, digits),
            None => (Tag::default(), rest),
        };
        Ok(Self::MySql {
            uuid: self::uuid(uuid.trim())?,
            tag,
            number: number(digits.trim())?,
        })
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql(sources) => {
                let mut before = None;
                for ((uuid, tag), intervals) in sources {
                    if before != Some(*uuid) {
                        let comma = if before.is_some() { "," } else { "" };
                        write!(f, "{comma}{uuid}")?;
                        before = Some(*uuid);
                    }
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
            }
            Self::MariaDb(domains) => {
                let mut comma = "";
                for (domain, (server_id, sequence)) in domains {
                    write!(f, "{comma}{domain}-{server_id}-{sequence}")?;
                    comma = ",";
                }
            }
        }
        Ok(())
    }
}

impl GtidSet {
    /// Reads a set of a family; an empty text is the empty set.
    ///
    /// # Errors
    /// The part that is no source, tag, interval or GTID, a number outside its range, a domain named twice.
    pub fn parse(flavour: Flavour, text: &str) -> Result<Self, BinlogError> {
        let mut set = Self::empty(flavour);
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|part| !part.is_empty()) {
            match &mut set {
                Self::MySql(sources) => read_source(part, sources)?,
                Self::MariaDb(domains) => {
                    let (domain, server_id, sequence) = mariadb(part)?;
                    if domains.insert(domain, (server_id, sequence)).is_some() {
                        return Err(refused(part, "the only GTID of its domain"));
                    }
                }
            }
        }
        if let Self::MySql(sources) = &mut set {
            sources.values_mut().for_each(intervals::normalise);
        }
        Ok(set)
    }
}

/// Reads `uuid:1-5:7:tag:1-3`, which may be several sources, as their tags differ.
fn read_source(
    part: &str,
    sources: &mut BTreeMap<GtidSource, Intervals>,
) -> Result<(), BinlogError> {
    let Some((server, rest)) = part.split_once(':') else {
        return Err(refused(part, "a source with intervals, uuid:1-5"));
    };
    let mut source = (uuid(server.trim())?, Tag::default());
    let mut complete = false;
    for piece in rest.split(':').map(str::trim) {
        complete = piece.starts_with(|c: char| c.is_ascii_digit());
        if complete {
            let interval = interval(piece)?;
            match sources.get_mut(&source) {
                Some(list) => list.push(interval),
                None => drop(sources.insert(source.clone(), vec![interval])),
            }
        } else {
            source.1 = tag(piece)?;
        }
    }
    if complete {
        Ok(())
    } else {
        Err(refused(part, "complete, an interval is missing"))
    }
}

fn refused(part: &str, expected: &'static str) -> BinlogError {
    const SHOWN_CHARACTERS_MAX: usize = 80;
    BinlogError::Gtid {
        part: part.chars().take(SHOWN_CHARACTERS_MAX).collect(),
        expected,
    }
}

fn uuid(text: &str) -> Result<Uuid, BinlogError> {
    let error = || refused(text, "a server's uuid of 36 characters");
    if text.len() != 36 {
        return Err(error());
    }
    Uuid::try_parse(text).map_err(|_| error())
}

/// Reads a tag: a letter or underscore, then letters, digits and underscores, 32 characters at most.
pub(super) fn tag(text: &str) -> Result<Tag, BinlogError> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if starts && goes_on && text.len() <= TAG_BYTES_MAX {
        Ok(Tag::from(&*text.to_ascii_lowercase()))
    } else {
        Err(refused(text, "an interval or a tag"))
    }
}

fn interval(text: &str) -> Result<(u64, u64), BinlogError> {
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first.trim())?, number(last.trim())?),
        None => (number(text)?, number(text)?),
    };
    if first > last {
        return Err(refused(text, "an interval in ascending order"));
    }
    Ok((first, last))
}

fn number(text: &str) -> Result<u64, BinlogError> {
    digits(text)
        .filter(|number| (1..=NUMBER_MAX).contains(number))
        .ok_or_else(|| refused(text, "a number from 1 to 9223372036854775806"))
}

fn mariadb(text: &str) -> Result<(u32, u32, u64), BinlogError> {
    let mut parts = text.split('-').map(digits);
    let read = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(domain)), Some(Some(server_id)), Some(Some(sequence)), None) => {
            u32::try_from(domain)
                .ok()
                .zip(u32::try_from(server_id).ok())
                .map(|(domain, server_id)| (domain, server_id, sequence))
        }
        _ => None,
    };
    read.ok_or_else(|| refused(text, "a GTID of the form domain-server-sequence"))
}

/// Reads digits alone: no sign, which the standard library would take.
fn digits(text: &str) -> Option<u64> {
    let only_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    only_digits.then(|| text.parse().ok()).flatten()
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
