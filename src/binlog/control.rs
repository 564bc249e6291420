//! Statements that control a transaction, as servers write them into the binlog.

/// What a statement does to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// BEGIN.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// SAVEPOINT, with its name.
    Savepoint(&'a [u8]),
    /// ROLLBACK TO, with the savepoint's name.
    RollbackTo(&'a [u8]),
    /// RELEASE SAVEPOINT.
    Release,
    /// XA START.
    XaStart,
    /// XA END.
    XaEnd,
    /// XA COMMIT, of a transaction prepared earlier.
    XaCommit,
    /// XA ROLLBACK, of a transaction prepared earlier.
    XaRollback,
}

impl<'a> Control<'a> {
    /// What `statement` does, `None` for any statement that does more or something else.
    pub fn of(statement: &'a [u8]) -> Option<Self> {
        let mut rest = statement;
        let first = word(&mut rest);
        let is = |text: &[u8], keyword: &str| text.eq_ignore_ascii_case(keyword.as_bytes());
        if is(first, "BEGIN") && rest.trim_ascii().is_empty() {
            return Some(Self::Begin);
        }
        if is(first, "COMMIT") && rest.trim_ascii().is_empty() {
            return Some(Self::Commit);
        }
        if is(first, "SAVEPOINT") {
            return Some(Self::Savepoint(name(rest)));
        }
        if is(first, "RELEASE") {
            return is(word(&mut rest), "SAVEPOINT").then_some(Self::Release);
        }
        if is(first, "ROLLBACK") {
            return rollback(rest);
        }
        if !is(first, "XA") {
            return None;
        }
        let second = word(&mut rest);
        let verbs = [
            ("START", Self::XaStart),
            ("BEGIN", Self::XaStart),
            ("END", Self::XaEnd),
            ("COMMIT", Self::XaCommit),
            ("ROLLBACK", Self::XaRollback),
        ];
        verbs
            .into_iter()
            .find(|(verb, _)| is(second, verb))
            .map(|(_, control)| control)
    }
}

fn rollback(mut rest: &[u8]) -> Option<Control<'_>> {
    if rest.trim_ascii().is_empty() {
        return Some(Control::Rollback);
    }
    let to = word(&mut rest);
    if !to.eq_ignore_ascii_case(b"TO") {
        return None;
    }
    let mut behind = rest;
    if word(&mut behind).eq_ignore_ascii_case(b"SAVEPOINT") && !behind.trim_ascii().is_empty() {
        rest = behind;
    }
    Some(Control::RollbackTo(name(rest)))
}

/// Takes the next word off the front.
fn word<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let text = rest.trim_ascii_start();
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (word, behind) = text.split_at_checked(end).unwrap_or((text, &[]));
    *rest = behind;
    word
}

/// A savepoint's name without its quotes. A quote doubled inside stays so, which tells names apart just as well.
fn name(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let unquoted = text
        .strip_prefix(b"`")
        .and_then(|text| text.strip_suffix(b"`"));
    unquoted.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(statement: &str, expected: Option<Control<'_>>) {
        assert_eq!(Control::of(statement.as_bytes()), expected, "{statement}");
    }

    #[test]
    fn the_forms_that_servers_write_are_told_apart() {
        check("BEGIN", Some(Control::Begin));
        check("begin", Some(Control::Begin));
        check("COMMIT", Some(Control::Commit));
        check("ROLLBACK", Some(Control::Rollback));
        check("SAVEPOINT `a b`", Some(Control::Savepoint(b"a b")));
        check("ROLLBACK TO `a b`", Some(Control::RollbackTo(b"a b")));
        check("ROLLBACK TO SAVEPOINT x", Some(Control::RollbackTo(b"x")));
        check(
            "ROLLBACK TO `SAVEPOINT`",
            Some(Control::RollbackTo(b"SAVEPOINT")),
        );
        check("XA START X'61',X'',1", Some(Control::XaStart));
        check("XA COMMIT X'61',X'',1", Some(Control::XaCommit));
        check("BEGIN NOT ATOMIC SELECT 1; END", None);
        check("CREATE TABLE t (a INT)", None);
        check("", None);
    }
}
