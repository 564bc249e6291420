//! `CREATE TABLE` as servers write it themselves, in place of `CREATE TABLE … SELECT` and of `LIKE` a temporary table.
//!
//! Follows `store_create_info()` and `mysql_create_like_table()`. What servers get wrong there, a replica gets wrong too: the
//! text is UTF-8 whatever the event says of its session's character set, and in place of `LIKE` it lacks the default character
//! set of the table. A client can send the same text and mean it, so both are doubts, not certainties.

/// What follows the columns of a `CREATE TABLE … SELECT` where the rows are of the same transaction: no client sends it.
const IN_TRANSACTION: &str = ") START TRANSACTION";

/// Whether a server may have written this statement.
pub(super) fn may_be_rewritten(text: &str) -> bool {
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let mut has_columns = false;
    let mut has_end = false;
    for line in lines {
        // A session with ANSI_QUOTES gets its quotes.
        let is_column = line.starts_with("  `") || line.starts_with("  \"");
        has_columns |= is_column;
        has_end |= line.starts_with(')');
        // Servers say of each column whether it allows NULL, in one way or the other.
        let says_null = ["NULL", "DEFAULT", "GENERATED ALWAYS"]
            .iter()
            .any(|word| line.contains(word));
        if is_column && !says_null {
            return false;
        }
    }
    let opens = first.ends_with("` (") || first.ends_with("\" (");
    first.starts_with("CREATE ") && opens && has_columns && has_end
}

/// Whether a server certainly wrote it.
pub(super) fn is_rewritten(text: &str) -> bool {
    may_be_rewritten(text)
        && text
            .rsplit('\n')
            .any(|line| line.starts_with(IN_TRANSACTION))
}

/// Whether it may stand for `LIKE` a temporary table: it names an engine, and no character set.
pub(super) fn may_lack_charset(text: &str) -> bool {
    let end = text.rsplit('\n').find(|line| line.starts_with(')'));
    may_be_rewritten(text)
        && end.is_some_and(|end| {
            end.starts_with(") ENGINE=") && !end.contains("CHARSET") && !end.contains("COLLATE")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_write_is_told_from_what_clients_write() {
        let check = |text: &str, expected: (bool, bool, bool)| {
            let found = (
                may_be_rewritten(text),
                is_rewritten(text),
                may_lack_charset(text),
            );
            assert_eq!(found, expected, "{text}");
        };
        let columns = "CREATE TABLE `a` (\n  `id` int NOT NULL,\n  `w` varchar(9) DEFAULT NULL,\n  PRIMARY KEY (`id`)\n";
        check(&format!("{columns})"), (true, false, false));
        check(&format!("{columns}) ENGINE=InnoDB"), (true, false, true));
        let charset = format!("{columns}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        check(&charset, (true, false, false));
        check(
            &format!("{columns}) START TRANSACTION"),
            (true, true, false),
        );
        let ansi = columns.replace('`', "\"");
        check(&format!("{ansi}) START TRANSACTION"), (true, true, false));
        for text in [
            "CREATE TABLE a (id INT) ENGINE=InnoDB",
            "CREATE TABLE `a` (`id` int NOT NULL) ENGINE=InnoDB",
            "CREATE TABLE `a` (\n  `id` int PRIMARY KEY\n) ENGINE=InnoDB",
        ] {
            check(text, (false, false, false));
        }
    }
}
