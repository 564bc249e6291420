//! The character sets that servers know by name, and how many bytes a character takes in them at most.
//!
//! Not for reading text: see `row`. A set may be known here that rowtap cannot read.
//!
//! A set that is not known has a name too: see [`UNSETTLED`].

use crate::mysql::Flavour;

/// A character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::change) struct KnownCharset {
    /// Its name, as newer servers spell it.
    pub(in crate::change) name: &'static str,
    /// The bytes of its longest character; of a set that is not known, the most that any has.
    pub(in crate::change) bytes_max: u32,
}

impl KnownCharset {
    /// Whether it only stands for a set that is not known.
    pub(in crate::change) fn is_unsettled(self) -> bool {
        is_unsettled(self.name)
    }
}

/// What stands for a character set that is not known, as a database's default is where no statement tells it: one that
/// databases usually have. In a definition it is the same one in all columns.
pub(in crate::change) const UNSETTLED: &str = "?";

/// The same where it may be one of [`RARE`] too.
pub(in crate::change) const UNSETTLED_OR_RARE: &str = "??";

/// Sets in which the bytes of ASCII mean something else. They are taken into account once a database or a server was seen
/// that has one as its default.
pub(in crate::change) const RARE: [&str; 6] =
    ["binary", "swe7", "ucs2", "utf16", "utf16le", "utf32"];

/// Whether no character of the set is one byte.
pub(in crate::change) fn is_wide(name: &str) -> bool {
    matches!(name, "ucs2" | "utf16" | "utf16le" | "utf32")
}

/// Whether a name stands for a set that is not known.
pub(in crate::change) fn is_unsettled(name: &str) -> bool {
    matches!(name, UNSETTLED | UNSETTLED_OR_RARE)
}

/// The sets that a column may have, by the name that stands for its own and the bytes that its longest character takes, if
/// these are known.
pub(in crate::change) fn candidates(unsettled: &str, bytes_max: Option<u32>) -> Vec<&'static str> {
    let singles = SINGLE_BYTE.iter().map(|name| (*name, 1));
    let known = WIDE.iter().copied().chain(singles);
    known
        .filter(|(_, bytes)| bytes_max.is_none_or(|wanted| wanted == *bytes))
        .map(|(name, _)| name)
        // No column has that one.
        .filter(|name| *name != "filename")
        .filter(|name| unsettled == UNSETTLED_OR_RARE || !RARE.contains(name))
        .collect()
}

/// The only set that a column may have on a server of this family, if there is but one.
pub(in crate::change) fn only_candidate(
    unsettled: &str,
    bytes_max: u32,
    flavour: Flavour,
) -> Option<&'static str> {
    let candidates = candidates(unsettled, Some(bytes_max)).into_iter();
    let is_there = |name: &&str| flavour == Flavour::MySql || !MYSQL_ONLY.contains(name);
    let mut candidates = candidates.filter(is_there);
    candidates.next().filter(|_| candidates.next().is_none())
}

/// Sets that MariaDB does not have.
const MYSQL_ONLY: [&str; 1] = ["gb18030"];

/// `utf8mb4`.
pub(in crate::change) const UTF8MB4: KnownCharset = KnownCharset {
    name: "utf8mb4",
    bytes_max: 4,
};

/// `ascii`.
pub(in crate::change) const ASCII: KnownCharset = KnownCharset {
    name: "ascii",
    bytes_max: 1,
};

const WIDE: [(&str, u32); 17] = [
    ("big5", 2),
    ("sjis", 2),
    ("cp932", 2),
    ("euckr", 2),
    ("gb2312", 2),
    ("gbk", 2),
    ("ucs2", 2),
    ("ujis", 3),
    ("eucjpms", 3),
    ("utf8mb3", 3),
    ("utf8mb4", 4),
    ("utf16", 4),
    ("utf16le", 4),
    ("utf32", 4),
    ("gb18030", 4),
    ("binary", 1),
    ("ascii", 1),
];
const SINGLE_BYTE: [&str; 25] = [
    "latin1", "latin2", "latin5", "latin7", "dec8", "cp850", "hp8", "koi8r", "swe7", "hebrew",
    "tis620", "koi8u", "greek", "cp1250", "armscii8", "cp866", "keybcs2", "macce", "macroman",
    "cp852", "cp1251", "cp1256", "cp1257", "geostd8", "filename",
];

/// The character set of a name in lower case; `None` if no known server has it.
///
/// `utf8` is `utf8mb3`, except on a MariaDB that was configured otherwise.
pub(in crate::change) fn by_name(name: &str, utf8_is_utf8mb4: bool) -> Option<KnownCharset> {
    let name = match name {
        "utf8" if utf8_is_utf8mb4 => "utf8mb4",
        "utf8" => "utf8mb3",
        other => other,
    };
    if let Some(name) = [UNSETTLED, UNSETTLED_OR_RARE]
        .into_iter()
        .find(|it| *it == name)
    {
        return Some(KnownCharset { name, bytes_max: 4 });
    }
    let wide = WIDE.iter().find(|(known, _)| *known == name);
    if let Some(&(name, bytes_max)) = wide {
        return Some(KnownCharset { name, bytes_max });
    }
    let name = SINGLE_BYTE.iter().find(|known| **known == name)?;
    Some(KnownCharset { name, bytes_max: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::name_of_collation;

    #[test]
    fn every_set_that_a_collation_belongs_to_is_known() {
        for id in 1..=0xfff {
            if let Some(name) = name_of_collation(id) {
                assert!(by_name(name, false).is_some(), "{name}");
            }
        }
        assert_eq!(by_name("utf8", false).map(|known| known.bytes_max), Some(3));
        assert_eq!(by_name("utf8", true).map(|known| known.bytes_max), Some(4));
        assert_eq!(by_name("klingon", false), None);
    }

    #[test]
    fn four_bytes_a_character_are_one_set_on_a_mariadb() {
        let only = |unsettled, bytes, flavour| only_candidate(unsettled, bytes, flavour);
        assert_eq!(only(UNSETTLED, 4, Flavour::MariaDb), Some("utf8mb4"));
        assert_eq!(only(UNSETTLED, 4, Flavour::MySql), None);
        assert_eq!(only(UNSETTLED_OR_RARE, 4, Flavour::MariaDb), None);
        assert_eq!(only(UNSETTLED, 3, Flavour::MariaDb), None);
    }

    #[test]
    fn candidates_are_narrowed_by_the_bytes_of_a_character() {
        let three = candidates(UNSETTLED, Some(3));
        assert_eq!(three, ["ujis", "eucjpms", "utf8mb3"]);
        assert_eq!(candidates(UNSETTLED, Some(4)), ["utf8mb4", "gb18030"]);
        let four = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];
        assert_eq!(candidates(UNSETTLED_OR_RARE, Some(4)), four);
        let all = candidates(UNSETTLED_OR_RARE, None);
        assert!(RARE.iter().all(|rare| all.contains(rare)));
        let usual = candidates(UNSETTLED, None);
        assert_eq!(usual.len() + RARE.len(), all.len());
        for name in usual {
            // In all of these the bytes of ASCII are ASCII.
            let set = crate::row::Charset::from_name(name).expect("a set that rowtap reads");
            let ascii: Vec<u8> = (0..0x80).collect();
            let mut scratch = String::new();
            let text = set.decode(&ascii, &mut scratch);
            assert_eq!(text.map(str::as_bytes), Ok(&*ascii), "{name}");
        }
    }
}
