//! What a server may be told of how it writes its binlog, and every combination of it.

use std::fmt;

use rowtap::mysql::Flavour as Family;

use super::super::cases::Random;
use crate::support::Flavour;

/// A combination. What a server has no setting for is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `binlog_row_image`.
    pub image: &'static str,
    /// `binlog_row_metadata`.
    pub metadata: Option<&'static str>,
    /// `binlog_checksum`.
    pub checksum: &'static str,
    /// `binlog_transaction_compression`, or MariaDB's `log_bin_compress`.
    pub compressed: Option<bool>,
    /// Whether `binlog_row_value_options` is `PARTIAL_JSON`.
    pub partial: Option<bool>,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images", self.image)?;
        if let Some(metadata) = self.metadata {
            write!(f, ", {metadata} metadata")?;
        }
        write!(f, ", checksum {}", self.checksum)?;
        for (name, set) in [
            ("compressed", self.compressed),
            ("partial JSON", self.partial),
        ] {
            match set {
                Some(true) => write!(f, ", {name}")?,
                Some(false) => write!(f, ", not {name}")?,
                None => {}
            }
        }
        Ok(())
    }
}

/// Every combination that a server can be set to.
pub fn all(flavour: Flavour) -> Vec<Setting> {
    let images: &[&str] = match flavour {
        Flavour::MariaDb118 => &["FULL", "MINIMAL", "NOBLOB", "FULL_NODUP"],
        _ => &["FULL", "MINIMAL", "NOBLOB"],
    };
    let metadata: &[Option<&str>] = match flavour {
        Flavour::MySql57 => &[None],
        Flavour::MySql80 | Flavour::MySql97 => &[Some("FULL"), Some("MINIMAL")],
        Flavour::MariaDb118 | Flavour::MariaDb1011 => {
            &[Some("FULL"), Some("MINIMAL"), Some("NO_LOG")]
        }
    };
    let both: &[Option<bool>] = &[Some(false), Some(true)];
    let compressed = match flavour {
        Flavour::MySql57 | Flavour::MySql80 => &[None],
        _ => both,
    };
    let partial = match flavour {
        Flavour::MySql80 | Flavour::MySql97 => both,
        _ => &[None],
    };
    let mut all = Vec::new();
    for &image in images {
        for &metadata in metadata {
            for checksum in ["NONE", "CRC32"] {
                for &compressed in compressed {
                    for &partial in partial {
                        all.push(Setting {
                            image,
                            metadata,
                            checksum,
                            compressed,
                            partial,
                        });
                    }
                }
            }
        }
    }
    all
}

/// All of them, in such an order that the first so many hold each setting at least once.
pub fn sampled_first(mut all: Vec<Setting>) -> (Vec<Setting>, usize) {
    let mut random = Random(0x5e77);
    let mut chosen: Vec<Setting> = Vec::new();
    // Each is what has most that no other before it had; among equals a random one.
    loop {
        let news = |setting: &Setting| {
            let is_new = |same: fn(&Setting, &Setting) -> bool| {
                !chosen.iter().any(|other| same(other, setting))
            };
            [
                is_new(|a, b| a.image == b.image),
                is_new(|a, b| a.metadata == b.metadata),
                is_new(|a, b| a.checksum == b.checksum),
                is_new(|a, b| a.compressed == b.compressed),
                is_new(|a, b| a.partial == b.partial),
            ]
            .into_iter()
            .filter(|is_new| *is_new)
            .count()
        };
        let most = all.iter().map(news).max().unwrap_or(0);
        if most == 0 {
            break;
        }
        let best: Vec<_> = (0..all.len())
            .filter(|at| news(&all[*at]) == most)
            .collect();
        let next = all.remove(best[random.below(best.len())]);
        chosen.push(next);
    }
    let sampled = chosen.len();
    chosen.append(&mut all);
    (chosen, sampled)
}

impl Setting {
    /// The statements that set it, for every session and for the one that executes them.
    pub fn statements(&self, family: Family) -> Vec<String> {
        let word = |on: bool| if on { "ON" } else { "OFF" };
        let mut statements = vec![
            format!("SET SESSION binlog_row_image = {}", self.image),
            format!("SET GLOBAL binlog_checksum = {}", self.checksum),
        ];
        if let Some(metadata) = self.metadata {
            statements.push(format!("SET GLOBAL binlog_row_metadata = {metadata}"));
        }
        if let Some(on) = self.compressed {
            match family {
                Family::MySql => statements.push(format!(
                    "SET SESSION binlog_transaction_compression = {}",
                    word(on)
                )),
                Family::MariaDb => statements.extend([
                    "SET GLOBAL log_bin_compress_min_len = 10".to_owned(),
                    format!("SET GLOBAL log_bin_compress = {}", word(on)),
                ]),
            }
        }
        if let Some(on) = self.partial {
            let options = if on { "PARTIAL_JSON" } else { "" };
            statements.push(format!(
                "SET SESSION binlog_row_value_options = '{options}'"
            ));
        }
        statements
    }
}
