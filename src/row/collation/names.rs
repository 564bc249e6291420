//! Collations by name and by number.

use std::sync::LazyLock;

use super::weights::Table;
use crate::mysql::Flavour;

/// Id, tab, name, tab, character set, tab, `pad` or `nopad`, tab, how it orders text; `-` if that is not known.
const NAMES: &str = include_str!("names.tsv");
/// Name, tab, the weights of the 256 bytes in hexadecimal.
const SINGLE_BYTE: &str = include_str!("single_byte.tsv");

static ALL: LazyLock<Vec<Collation>> = LazyLock::new(|| NAMES.lines().filter_map(parse).collect());

/// A collation that a server has.
#[derive(Debug)]
pub struct Collation {
    id: u32,
    name: &'static str,
    charset: &'static str,
    /// Whether text is compared as if spaces followed it.
    pub(super) pads: bool,
    pub(super) order: Order,
}

/// How a collation orders text.
#[derive(Debug)]
pub(super) enum Order {
    /// By its bytes.
    Bytes,
    /// By its characters.
    Codes,
    /// By a weight for each byte.
    Single(Box<[u8]>),
    /// By the weights of its characters.
    Weights(Table),
    /// In a way that is not known for certain.
    Unknown,
}

impl Collation {
    /// The collation of this number on servers of this family.
    pub fn by_id(id: u32, flavour: Flavour) -> Option<&'static Self> {
        let found = ALL.iter().find(|one| one.id == id);
        // MariaDB takes MySQL's names for collations of its own.
        found.filter(|one| flavour == Flavour::MySql || !one.name.contains("_0900_"))
    }

    /// The collation of this full name, as servers have it or with `utf8` for `utf8mb3`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase();
        let name = match name.strip_prefix("utf8_") {
            Some(rest) => format!("utf8mb3_{rest}"),
            None => name,
        };
        ALL.iter().find(|one| one.name == name)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name of its character set.
    pub fn charset(&self) -> &'static str {
        self.charset
    }

    /// Whether it is known for certain how it orders text.
    pub fn is_known(&self) -> bool {
        !matches!(self.order, Order::Unknown)
    }
}

impl PartialEq for Collation {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

fn parse(line: &'static str) -> Option<Collation> {
    let mut fields = line.split('\t');
    Some(Collation {
        id: fields.next()?.parse().ok()?,
        name: fields.next()?,
        charset: fields.next()?,
        pads: fields.next()? == "pad",
        order: match fields.next()? {
            "-" => Order::Unknown,
            "bytes" => Order::Bytes,
            "codes" => Order::Codes,
            name => match Table::by_name(name) {
                Some(table) => Order::Weights(table),
                None => Order::Single(single_byte(name)?),
            },
        },
    })
}

fn single_byte(name: &str) -> Option<Box<[u8]>> {
    let mut lines = SINGLE_BYTE.lines();
    let weights = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'))?;
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    weights.as_bytes().chunks(2).map(byte).collect()
}
