//! The character sets that servers know by name, and how many bytes a character takes in them at most.
//!
//! Not for reading text: see `row`. A set may be known here that rowtap cannot read.

/// A character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::change) struct KnownCharset {
    /// Its name, as newer servers spell it.
    pub(in crate::change) name: &'static str,
    /// The bytes of its longest character.
    pub(in crate::change) bytes_max: u32,
}

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
}
