//! Statements that begin, end, mark or undo transactions, in the forms in which servers log them.
//!
//! Letter case, white space, comments and a closing semicolon do not matter; `/*!` is not a comment. A statement that
//! merely begins like one of these (`BEGIN NOT ATOMIC …`) is none of them.

use super::xa::{XaId, unhex};

/// What a statement does to its transaction.
///
/// A savepoint's name comes without its quotes; a quote doubled inside stays so, which tells names apart just as well.
/// Servers compare these names without regard to letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// BEGIN or START TRANSACTION.
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
        // As servers log it.
        if statement == b"BEGIN" {
            return Some(Self::Begin);
        }
        let mut words = Words { rest: statement };
        let control = match words.keyword()? {
            Keyword::Begin => {
                words.optional("WORK");
                Self::Begin
            }
            Keyword::Start => {
                words.expect("TRANSACTION")?;
                Self::Begin
            }
            Keyword::Commit => {
                words.optional("WORK");
                Self::Commit
            }
            Keyword::Rollback => {
                words.optional("WORK");
                if words.optional("TO") {
                    words.optional_before_name("SAVEPOINT");
                    Self::RollbackTo(words.name()?)
                } else {
                    Self::Rollback
                }
            }
            Keyword::Savepoint => Self::Savepoint(words.name()?),
            Keyword::Release => {
                words.expect("SAVEPOINT")?;
                words.name()?;
                Self::Release
            }
            Keyword::Xa => words.xa()?.0,
        };
        words.end().then_some(control)
    }
}

/// Reads the id out of an XA statement.
pub(super) fn xa_id(statement: &[u8]) -> Option<XaId> {
    let mut words = Words { rest: statement };
    match words.keyword()? {
        Keyword::Xa => {
            let (_, id) = words.xa()?;
            words.end().then_some(id)
        }
        Keyword::Begin
        | Keyword::Start
        | Keyword::Commit
        | Keyword::Rollback
        | Keyword::Savepoint
        | Keyword::Release => None,
    }
}

#[derive(Clone, Copy)]
enum Keyword {
    Begin,
    Start,
    Commit,
    Rollback,
    Savepoint,
    Release,
    Xa,
}

/// The parts of a statement, one after the other.
#[derive(Clone)]
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn keyword(&mut self) -> Option<Keyword> {
        const KEYWORDS: [(&str, Keyword); 7] = [
            ("BEGIN", Keyword::Begin),
            ("START", Keyword::Start),
            ("COMMIT", Keyword::Commit),
            ("ROLLBACK", Keyword::Rollback),
            ("SAVEPOINT", Keyword::Savepoint),
            ("RELEASE", Keyword::Release),
            ("XA", Keyword::Xa),
        ];
        let word = self.word()?;
        KEYWORDS
            .iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, keyword)| *keyword)
    }

    /// Takes what follows XA.
    fn xa(&mut self) -> Option<(Control<'a>, XaId)> {
        const VERBS: [(&str, Control<'static>); 5] = [
            ("START", Control::XaStart),
            ("BEGIN", Control::XaStart),
            ("END", Control::XaEnd),
            ("COMMIT", Control::XaCommit),
            ("ROLLBACK", Control::XaRollback),
        ];
        let verb = self.word()?;
        let (_, control) = VERBS
            .into_iter()
            .find(|(name, _)| verb.eq_ignore_ascii_case(name.as_bytes()))?;
        let id = self.xa_id()?;
        Some((control, id))
    }

    /// Passes over white space and comments.
    fn gap(&mut self) {
        loop {
            self.rest = self.rest.trim_ascii_start();
            let after = if self.rest.starts_with(b"/*") && !self.rest.starts_with(b"/*!") {
                after(self.rest, b"*/")
            } else if self.rest.starts_with(b"#") || self.rest.starts_with(b"-- ") {
                after(self.rest, b"\n").or(Some(&[]))
            } else {
                None
            };
            match after {
                Some(rest) => self.rest = rest,
                None => return,
            }
        }
    }

    /// Takes letters, digits, `_`, `$` and bytes outside ASCII.
    fn word(&mut self) -> Option<&'a [u8]> {
        self.gap();
        let is_word =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..);
        let length = self
            .rest
            .iter()
            .position(|byte| !is_word(byte))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn optional(&mut self, name: &str) -> bool {
        let before = self.rest;
        if self.expect(name).is_some() {
            return true;
        }
        self.rest = before;
        false
    }

    fn expect(&mut self, name: &str) -> Option<()> {
        self.word()?
            .eq_ignore_ascii_case(name.as_bytes())
            .then_some(())
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.gap();
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// Takes a word that may stand before a name, unless it is the name.
    fn optional_before_name(&mut self, word: &str) {
        let before = self.rest;
        if self.expect(word).is_none() || self.clone().name().is_none() {
            self.rest = before;
        }
    }

    /// Takes an identifier, quoted by backticks or double quotes or not at all.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.gap();
        match self.rest.first()? {
            quote @ (b'`' | b'"') => self.quoted(*quote),
            _unquoted => self.word(),
        }
    }

    /// Takes a quoted text, whose end is a quote that no other follows.
    fn quoted(&mut self, quote: u8) -> Option<&'a [u8]> {
        let inner = self.rest.strip_prefix(&[quote])?;
        let mut length = 0;
        loop {
            let after = inner.get(length..)?;
            length += after.iter().position(|byte| *byte == quote)?;
            if inner.get(length + 1) != Some(&quote) {
                break;
            }
            length += 2;
        }
        let (text, rest) = inner.split_at_checked(length)?;
        self.rest = rest.strip_prefix(&[quote])?;
        Some(text)
    }

    /// Takes `global[, branch[, format]]`.
    fn xa_id(&mut self) -> Option<XaId> {
        let global = self.xa_part()?;
        let mut id = XaId {
            format: 1,
            global,
            branch: Box::default(),
        };
        if self.byte(b',').is_some() {
            id.branch = self.xa_part()?;
            if self.byte(b',').is_some() {
                let digits = std::str::from_utf8(self.word()?).ok()?;
                id.format = digits.parse().ok()?;
            }
        }
        Some(id)
    }

    /// Takes a part of an XA id: `X'…'`, `0x…`, or text in quotes without escapes.
    fn xa_part(&mut self) -> Option<Box<[u8]>> {
        self.gap();
        let part = if let [b'X' | b'x', b'\'', ..] = self.rest {
            self.rest = self.rest.split_first()?.1;
            unhex(self.quoted(b'\'')?)?
        } else if let Some([b'\'' | b'"']) = self.rest.first_chunk::<1>() {
            let quote = *self.rest.first()?;
            let text = self.quoted(quote)?;
            if text.contains(&b'\\') || text.contains(&quote) {
                return None;
            }
            text.into()
        } else {
            let word = self.word()?;
            let digits = word.strip_prefix(b"0x").or(word.strip_prefix(b"0X"))?;
            unhex(digits)?
        };
        (part.len() <= XaId::PART_BYTES_MAX).then_some(part)
    }

    /// Whether nothing follows but a semicolon.
    fn end(&mut self) -> bool {
        while self.byte(b';').is_some() {}
        self.rest.is_empty()
    }
}

fn after<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    text.get(at + mark.len()..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(statement: &str, expected: Option<Control<'_>>) {
        assert_eq!(Control::of(statement.as_bytes()), expected, "{statement}");
    }

    #[test]
    fn the_forms_that_servers_write_are_told_apart() {
        check("BEGIN", Some(Control::Begin));
        check("COMMIT", Some(Control::Commit));
        check("ROLLBACK", Some(Control::Rollback));
        check("SAVEPOINT `a b`", Some(Control::Savepoint(b"a b")));
        check("SAVEPOINT `a``b`", Some(Control::Savepoint(b"a``b")));
        check("SAVEPOINT \"x\"", Some(Control::Savepoint(b"x")));
        check("ROLLBACK TO `a b`", Some(Control::RollbackTo(b"a b")));
        check("ROLLBACK TO SAVEPOINT x", Some(Control::RollbackTo(b"x")));
        check("ROLLBACK TO `to`", Some(Control::RollbackTo(b"to")));
        check(
            "ROLLBACK TO `SAVEPOINT`",
            Some(Control::RollbackTo(b"SAVEPOINT")),
        );
        check(
            "ROLLBACK TO savepoint",
            Some(Control::RollbackTo(b"savepoint")),
        );
        check("RELEASE SAVEPOINT `x`", Some(Control::Release));
        check("XA START X'61',X'',1", Some(Control::XaStart));
        check("XA END X'61',X'',1", Some(Control::XaEnd));
        check("XA COMMIT X'61',X'',1", Some(Control::XaCommit));
        check("XA ROLLBACK X'61',X'',1", Some(Control::XaRollback));
    }

    #[test]
    fn case_space_comments_and_a_semicolon_do_not_matter() {
        check("begin", Some(Control::Begin));
        check(" Start\n transaction ; ", Some(Control::Begin));
        check("/* from a replica */ COMMIT -- done", Some(Control::Commit));
        check("ROLLBACK WORK # now", Some(Control::Rollback));
        check("savepoint\tx", Some(Control::Savepoint(b"x")));
    }

    #[test]
    fn a_statement_that_only_begins_alike_is_no_control() {
        check("BEGIN NOT ATOMIC SELECT 1; END", None);
        check("COMMIT AND CHAIN", None);
        check("ROLLBACK TO", None);
        check("ROLLBACK TO a b", None);
        check("SAVEPOINT", None);
        check("SAVEPOINT `a", None);
        check("SAVEPOINT x; DROP TABLE t", None);
        check("COMMIT /*!50000 AND CHAIN */", None);
        check("BEGINS", None);
        check("XA START", None);
        check("XA START X'6'", None);
        check("XA START X'6g'", None);
        check("XA RECOVER", None);
        check("CREATE TABLE t (a INT)", None);
        check("/* BEGIN", None);
        check("", None);
    }

    #[test]
    fn an_xa_id_is_read_in_every_form() {
        let check = |statement: &str, expected: Option<&str>| {
            let id = xa_id(statement.as_bytes()).map(|id| id.to_string());
            assert_eq!(id.as_deref(), expected, "{statement}");
        };
        check("XA START X'6162',X'63',7", Some("X'6162',X'63',7"));
        check("XA COMMIT x'6162', x''", Some("X'6162',X'',1"));
        check("XA END 'ab'", Some("X'6162',X'',1"));
        check("XA ROLLBACK 0x6162,\"c\"", Some("X'6162',X'63',1"));
        check("XA START 'a''b'", None);
        check("XA START X'61',X'',99999999999", None);
        check("COMMIT", None);
        let long = format!("XA START X'{}'", "61".repeat(65));
        check(&long, None);
    }

    proptest! {
        #[test]
        fn no_statement_panics(statement in "(?s)(BEGIN|XA|SAVEPOINT|ROLLBACK TO|RELEASE)?[ -~\\n`'\"xX]{0,40}") {
            let _read = (Control::of(statement.as_bytes()), xa_id(statement.as_bytes()));
        }
    }
}
