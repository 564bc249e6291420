//! What the names of binlog files say about their order.
//!
//! A server numbers its files: `binlog.000009` has the base `binlog` and the number 9, and `binlog.000010` follows it. The
//! number keeps its width until it outgrows it: `binlog.1000000` follows `binlog.999999`.

/// A file's name, without a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a>(pub &'a str);

impl<'a> FileName<'a> {
    /// What stands before the last dot: the same for all files of one server.
    pub fn base(self) -> Option<&'a str> {
        self.0.rsplit_once('.').map(|(base, _)| base)
    }

    /// The number after the last dot.
    pub fn number(self) -> Option<u64> {
        self.digits()?.parse().ok()
    }

    /// The name of the file that a server goes on in after this one; `None` where this one has no number.
    pub fn next(self) -> Option<String> {
        let (base, width) = (self.base()?, self.digits()?.len());
        let next = self.number()?.checked_add(1)?;
        Some(format!("{base}.{next:0width$}"))
    }

    /// Whether both may be files of one server: their names differ in the number only.
    pub fn is_of_series(self, other: FileName<'_>) -> bool {
        self.base() == other.base()
    }

    fn digits(self) -> Option<&'a str> {
        self.0.rsplit_once('.').map(|(_, digits)| digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_file_has_the_next_number_with_as_many_digits_at_least() {
        for (name, base, number, next) in [
            (
                "binlog.000001",
                Some("binlog"),
                Some(1),
                Some("binlog.000002"),
            ),
            ("a.b.000099", Some("a.b"), Some(99), Some("a.b.000100")),
            (
                "binlog.999999",
                Some("binlog"),
                Some(999_999),
                Some("binlog.1000000"),
            ),
            ("binlog", None, None, None),
            ("binlog.old", Some("binlog"), None, None),
            ("b.18446744073709551615", Some("b"), Some(u64::MAX), None),
        ] {
            let found = FileName(name);
            assert_eq!(found.base(), base, "{name}");
            assert_eq!(found.number(), number, "{name}");
            assert_eq!(found.next().as_deref(), next, "{name}");
        }
    }

    #[test]
    fn files_of_one_server_differ_in_the_number_only() {
        for (one, other, expected) in [
            ("binlog.000001", "binlog.1000000", true),
            ("binlog.000001", "relay.000001", false),
            ("a.b.000001", "a.000001", false),
            ("binlog", "binlog.000001", false),
        ] {
            assert_eq!(
                FileName(one).is_of_series(FileName(other)),
                expected,
                "{one} {other}"
            );
        }
    }
}
