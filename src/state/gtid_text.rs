//! GTID sets as one line of text, in the form that servers print.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::binlog::GtidSet;
use crate::mysql::Flavour;

pub fn print(set: &GtidSet) -> String {
    let parts: Vec<String> = match set {
        GtidSet::MySql(sources) => sources
            .iter()
            .map(|((uuid, tag), intervals)| {
                let mut text = uuid.to_string();
                if !tag.is_empty() {
                    text.push_str(&format!(":{tag}"));
                }
                for (first, last) in intervals {
                    text.push_str(&format!(":{first}"));
                    if first != last {
                        text.push_str(&format!("-{last}"));
                    }
                }
                text
            })
            .collect(),
        GtidSet::MariaDb(domains) => domains
            .iter()
            .map(|(domain, (server_id, sequence))| format!("{domain}-{server_id}-{sequence}"))
            .collect(),
    };
    parts.join(",")
}

pub fn parse(text: &str, flavour: Flavour) -> Option<GtidSet> {
    let parts = text.split(',').filter(|_| !text.is_empty());
    match flavour {
        Flavour::MySql => {
            let mut sources = BTreeMap::new();
            for part in parts {
                let (uuid, intervals) = part.split_once(':')?;
                let uuid: Uuid = (uuid.len() == 36).then(|| uuid.parse().ok())??;
                let (tag, intervals) = match intervals.split_once(':') {
                    Some((tag, rest)) if tag.starts_with(|c: char| !c.is_ascii_digit()) => {
                        (tag, rest)
                    }
                    _ => ("", intervals),
                };
                let intervals = intervals
                    .split(':')
                    .map(|interval| {
                        let (first, last) =
                            interval.split_once('-').unwrap_or((interval, interval));
                        Some((first.parse().ok()?, last.parse().ok()?))
                    })
                    .collect::<Option<Vec<(u64, u64)>>>()?;
                sources.insert((uuid, tag.into()), intervals);
            }
            Some(GtidSet::MySql(sources))
        }
        Flavour::MariaDb => {
            let mut domains = BTreeMap::new();
            for part in parts {
                let mut numbers = part.split('-');
                let domain = numbers.next()?.parse().ok()?;
                let server_id = numbers.next()?.parse().ok()?;
                let sequence = numbers.next()?.parse().ok()?;
                domains.insert(domain, (server_id, sequence));
            }
            Some(GtidSet::MariaDb(domains))
        }
    }
}
