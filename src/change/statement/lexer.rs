//! Statement text to tokens.
//!
//! | in the text | is |
//! |---|---|
//! | `` `a``b` `` | an identifier; a doubled quote is one |
//! | `"a""b"` | an identifier with `ANSI_QUOTES`, else a string |
//! | `[a]` | an identifier with MariaDB's `MSSQL` mode |
//! | `'a''b\'c'` | a string; a backslash escapes unless `NO_BACKSLASH_ESCAPES` |
//! | `-- `, `#` | a comment to the end of the line; the dashes need a blank or control character after them |
//! | `/* */` | a comment |
//! | `/*! */`, `/*!50503 */` | its content is part of the statement, with a version if the server is not older |
//! | `/*M! */`, `/*M!100100 */` | the same on MariaDB only |
//!
//! MariaDB passes over `/*!` of versions from 50700 to 99999, which only MySQL has.

use std::borrow::Cow;

use super::scanned::StatementContext;
use crate::mysql::Flavour;

const ANSI_QUOTES: u64 = 0x4;
const MARIADB_MSSQL: u64 = 0x400;
const NO_BACKSLASH_ESCAPES: u64 = 0x10_0000;

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, an unquoted identifier or digits.
    Word(&'a str),
    /// A quoted identifier, unquoted.
    Quoted(Cow<'a, str>),
    /// A string as it stands, its quotes included; [`text_value`] reads it.
    Text(&'a str),
    /// Any other character.
    Symbol(char),
}

/// The text ends inside a quote or comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unterminated;

/// A position in a statement. A copy of it is a bookmark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    context: StatementContext,
    /// Inside a comment whose content is part of the statement.
    in_executed_comment: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(statement: &'a str, context: StatementContext) -> Self {
        let mut lexer = Self {
            rest: statement,
            context,
            in_executed_comment: false,
        };
        lexer.settle();
        lexer
    }

    /// The bytes from here to the end.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Moves to where the next token begins, so that looking at it again and again does not read what stands before it
    /// again and again. A comment without an end stays, and is found by whoever reads on.
    fn settle(&mut self) {
        let mut ahead = *self;
        let is_whole = ahead.skip_blanks_and_comments().is_ok();
        #[cfg(test)]
        work::note(self.rest.len(), ahead.rest.len(), is_whole);
        if is_whole {
            *self = ahead;
        }
    }

    /// Returns the next token, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>, Unterminated> {
        #[cfg(test)]
        let before = self.rest.len();
        let token = self.token();
        #[cfg(test)]
        work::note(before, self.rest.len(), token.is_ok());
        let token = token?;
        self.settle();
        Ok(token)
    }

    /// Takes the next token if it is this unquoted word; reads no more of another than that takes.
    pub(super) fn eat_word(&mut self, word: &str) -> Result<bool, Unterminated> {
        if self.is_before_comment() {
            let mut ahead = *self;
            ahead.next()?;
        }
        let (Some(found), Some(rest)) = (self.rest.get(..word.len()), self.rest.get(word.len()..))
        else {
            return Ok(false);
        };
        if !found.eq_ignore_ascii_case(word) || rest.starts_with(is_word) {
            return Ok(false);
        }
        self.rest = rest;
        self.settle();
        Ok(true)
    }

    /// Takes the next token if it is this symbol; reads no more of another than that takes.
    pub(super) fn eat_symbol(&mut self, symbol: char) -> Result<bool, Unterminated> {
        if self.is_before_comment() {
            let mut ahead = *self;
            ahead.next()?;
        }
        let Some(rest) = self.rest.strip_prefix(symbol) else {
            return Ok(false);
        };
        self.rest = rest;
        self.settle();
        Ok(true)
    }

    /// Whether a comment may stand here that has no end.
    fn is_before_comment(&self) -> bool {
        self.rest.starts_with("/*") || self.rest.is_empty() && self.in_executed_comment
    }

    fn token(&mut self) -> Result<Option<Token<'a>>, Unterminated> {
        self.skip_blanks_and_comments()?;
        let Some(first) = self.rest.chars().next() else {
            return match self.in_executed_comment {
                true => Err(Unterminated),
                false => Ok(None),
            };
        };
        let token = match first {
            '`' => Token::Quoted(self.quoted('`')?),
            '"' if self.mode(ANSI_QUOTES) => Token::Quoted(self.quoted('"')?),
            '[' if self.mode(MARIADB_MSSQL) && self.is_mariadb() => {
                Token::Quoted(self.quoted(']')?)
            }
            '"' | '\'' => self.string(first)?,
            _ if is_word(first) => {
                let end = self.rest.find(|letter| !is_word(letter));
                Token::Word(self.take(end.unwrap_or(self.rest.len())))
            }
            _ => {
                self.take(first.len_utf8());
                Token::Symbol(first)
            }
        };
        Ok(Some(token))
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), Unterminated> {
        loop {
            self.rest = self
                .rest
                .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
            if self.rest.starts_with('#') || starts_dash_comment(self.rest) {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(end);
            } else if self.in_executed_comment && self.rest.starts_with("*/") {
                self.take(2);
                self.in_executed_comment = false;
            } else if let Some(content) = self.rest.strip_prefix("/*!") {
                self.versioned_comment(content)?;
            } else if let Some(content) = self.rest.strip_prefix("/*M!")
                && self.is_mariadb()
            {
                self.versioned_comment(content)?;
            } else if let Some(content) = self.rest.strip_prefix("/*") {
                self.rest = after_comment(content)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Enters the comment if its content is part of the statement, else passes over it.
    fn versioned_comment(&mut self, content: &'a str) -> Result<(), Unterminated> {
        let digits = self.version_length(content);
        let (version, content) = content.split_at_checked(digits).unwrap_or(("", content));
        if version.is_empty() || version.parse().is_ok_and(|version| self.executes(version)) {
            self.rest = content;
            self.in_executed_comment = true;
            return Ok(());
        }
        // Comments inside are passed over too, one level deep.
        let mut rest = content;
        loop {
            let end = rest.find("*/").ok_or(Unterminated)?;
            // One that begins with the slash of the end does not count.
            match rest.get(..end + 1).and_then(|before| before.find("/*")) {
                Some(inner) => rest = after_comment(rest.get(inner + 2..).ok_or(Unterminated)?)?,
                None => {
                    self.rest = rest.get(end + 2..).ok_or(Unterminated)?;
                    return Ok(());
                }
            }
        }
    }

    /// How many digits belong to the version: none or five; six on MariaDB, and on MySQL where a blank follows them.
    fn version_length(&self, content: &str) -> usize {
        let digits = content.bytes().take_while(u8::is_ascii_digit).count();
        let blank_follows = content
            .as_bytes()
            .get(6)
            .is_some_and(u8::is_ascii_whitespace);
        match digits {
            0..5 => 0,
            5 => 5,
            6.. if self.is_mariadb() || blank_follows => 6,
            6.. => 5,
        }
    }

    fn executes(&self, version: u32) -> bool {
        let only_mysql_has_it = (50_700..=99_999).contains(&version);
        version <= self.context.version && !(self.is_mariadb() && only_mysql_has_it)
    }

    /// Reads an identifier between quotes; the closing quote doubled stands for itself.
    fn quoted(&mut self, close: char) -> Result<Cow<'a, str>, Unterminated> {
        self.take(1);
        let mut name = Cow::Borrowed("");
        loop {
            let end = self.rest.find(close).ok_or(Unterminated)?;
            let part = self.take(end);
            self.take(1);
            let doubled = self.rest.starts_with(close);
            match name {
                Cow::Borrowed("") if !doubled => return Ok(Cow::Borrowed(part)),
                _ => name.to_mut().push_str(part),
            }
            if !doubled {
                return Ok(name);
            }
            name.to_mut().push(close);
            self.take(1);
        }
    }

    fn string(&mut self, quote: char) -> Result<Token<'a>, Unterminated> {
        let escapes = self.escapes();
        let whole = self.rest;
        self.take(1);
        loop {
            let end = self
                .rest
                .find(|letter| letter == quote || (escapes && letter == '\\'))
                .ok_or(Unterminated)?;
            self.take(end);
            let escaped = self.rest.starts_with('\\');
            self.take(1);
            if escaped {
                let letter = self.rest.chars().next().ok_or(Unterminated)?;
                self.take(letter.len_utf8());
            } else if self.rest.starts_with(quote) {
                self.take(1);
            } else {
                let length = whole.len() - self.rest.len();
                return Ok(Token::Text(whole.get(..length).unwrap_or(whole)));
            }
        }
    }

    /// Whether a backslash escapes in strings.
    pub(super) fn escapes(&self) -> bool {
        !self.mode(NO_BACKSLASH_ESCAPES)
    }

    /// What is left of the statement.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn mode(&self, bit: u64) -> bool {
        self.context.sql_mode & bit != 0
    }

    fn is_mariadb(&self) -> bool {
        self.context.flavour == Flavour::MariaDb
    }
}

/// Reads a string of the statement: what stands between its quotes, escapes resolved.
pub(super) fn text_value(raw: &str, escapes: bool) -> String {
    let Some(quote) = raw.chars().next() else {
        return String::new();
    };
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    // Doubled, or the string would have ended.
    let doubled = [quote, quote].iter().collect::<String>();
    match escapes {
        true => unescape(inner, Some(quote)),
        false => inner.replace(&doubled, &quote.to_string()),
    }
}

/// Resolves the escapes in what stood between quotes that were not doubled in it.
pub(super) fn unescaped(inner: &str) -> String {
    unescape(inner, None)
}

fn unescape(inner: &str, quote: Option<char>) -> String {
    let mut letters = inner.chars();
    let mut value = String::with_capacity(inner.len());
    while let Some(letter) = letters.next() {
        if Some(letter) == quote {
            // Doubled, or the string would have ended.
            letters.next();
            value.push(letter);
        } else if letter == '\\' {
            match letters.next() {
                Some('0') => value.push('\0'),
                Some('b') => value.push('\x08'),
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('Z') => value.push('\x1a'),
                // Kept for LIKE, which reads the backslash itself.
                Some(wildcard @ ('%' | '_')) => value.extend(['\\', wildcard]),
                Some(other) => value.push(other),
                None => {}
            }
        } else {
            value.push(letter);
        }
    }
    value
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '$' || !letter.is_ascii()
}

fn starts_dash_comment(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|rest| {
        let next = rest.chars().next();
        next.is_none_or(|letter| letter == ' ' || letter.is_ascii_control())
    })
}

fn after_comment(content: &str) -> Result<&str, Unterminated> {
    let (_, rest) = content.split_once("*/").ok_or(Unterminated)?;
    Ok(rest)
}

/// How much text was read, for the tests.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    /// Takes the text that was left before and after a step; one that found no end has read all of it.
    pub(super) fn note(before: usize, after: usize, found_end: bool) {
        let read = if found_end { before - after } else { before };
        BYTES.set(BYTES.get() + read + 1);
    }

    /// The bytes read on this thread since it was asked last.
    pub(in crate::change::statement) fn take() -> usize {
        BYTES.replace(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(flavour: Flavour, sql_mode: u64) -> StatementContext {
        let version = match flavour {
            Flavour::MySql => 90_704,
            Flavour::MariaDb => 101_119,
        };
        StatementContext {
            flavour,
            version,
            sql_mode,
        }
    }

    /// Tokens as text: words as they are, identifiers in angle brackets, strings as `''`.
    fn tokens(text: &str, context: StatementContext) -> String {
        let mut lexer = Lexer::new(text, context);
        let mut shown = Vec::new();
        loop {
            match lexer.next() {
                Ok(Some(Token::Word(word))) => shown.push(word.to_owned()),
                Ok(Some(Token::Quoted(name))) => shown.push(format!("<{name}>")),
                Ok(Some(Token::Text(_))) => shown.push("''".to_owned()),
                Ok(Some(Token::Symbol(symbol))) => shown.push(symbol.to_string()),
                Ok(None) => break,
                Err(Unterminated) => {
                    shown.push("UNTERMINATED".to_owned());
                    break;
                }
            }
        }
        shown.join(" ")
    }

    #[test]
    fn quotes_and_comments_are_those_of_the_servers() {
        for (text, expected) in [
            ("a.`b``c`.d$1", "a . <b`c> . d$1"),
            ("``", "<>"),
            ("````", "<`>"),
            (r"'a''b\'c' x", "'' x"),
            (r#""a""b\"c" x"#, "'' x"),
            ("'a", "UNTERMINATED"),
            (r"'a\", "UNTERMINATED"),
            ("`a", "UNTERMINATED"),
            ("é.1t", "é . 1t"),
            ("a -- b\nc", "a c"),
            ("a --b", "a - - b"),
            ("a --", "a"),
            ("a # b\nc # d", "a c"),
            ("a /* b ' */ c", "a c"),
            ("a /* /* b */ c", "a c"),
            ("a /* b", "a UNTERMINATED"),
            ("a /*! b */ c", "a b c"),
            ("a /*!50503 b */ c", "a b c"),
            ("a /*!50503b */ c", "a b c"),
            ("a /*!5050 b */ c", "a 5050 b c"),
            ("a /*!50503 b", "a b UNTERMINATED"),
            ("a /*!50503 b /* c */ d */ e", "a b d e"),
            ("a /*!50503 b -- c */\nd */ e", "a b d e"),
            ("a /*!50503 '*/' */ e", "a '' e"),
            ("a /*!999999 b */ c", "a c"),
            ("a /*!999999 b /* c */ d */ e", "a e"),
            ("a /*!999999 b /* c */ d", "a UNTERMINATED"),
            ("a /*!999999 b", "a UNTERMINATED"),
            ("a /*+ b */ c", "a c"),
            ("a */ b", "a * / b"),
        ] {
            for flavour in [Flavour::MySql, Flavour::MariaDb] {
                assert_eq!(tokens(text, context(flavour, 0)), expected, "{text}");
            }
        }
    }

    #[test]
    fn strings_are_read_as_servers_do() {
        for (raw, escapes, expected) in [
            (r"'a''b'", true, "a'b"),
            (r#"'a"b'"#, true, r#"a"b"#),
            (r#""a""b'""#, true, r#"a"b'"#),
            (r"'\0\n\r\t\b\Z\\\''", true, "\0\n\r\t\x08\x1a\\'"),
            (r"'\%\_\x'", true, r"\%\_x"),
            (r"'a\n'", false, r"a\n"),
            ("''", true, ""),
            ("'é'", true, "é"),
        ] {
            assert_eq!(text_value(raw, escapes), expected, "{raw}");
        }
    }

    #[test]
    fn versions_in_comments_are_compared_as_each_server_does() {
        for (text, mysql, mariadb) in [
            ("a /*!50699 b */", "a b", "a b"),
            ("a /*!50700 b */", "a b", "a"),
            ("a /*!90704 b */", "a b", "a"),
            ("a /*!90705 b */", "a", "a"),
            ("a /*!080000 b */", "a b", "a"),
            ("a /*!050503 b */", "a b", "a b"),
            ("a /*!100000 b */", "a", "a b"),
            ("a /*!101119 b */", "a", "a b"),
            ("a /*!101120 b */", "a", "a"),
            ("a /*!1009991*/", "a 91", "a 1"),
            ("a /*!505001*/", "a 1", "a"),
            ("a /*M!100100 b */", "a", "a b"),
            ("a /*M! b */", "a", "a b"),
            ("a /*m!100100 b */", "a", "a"),
        ] {
            assert_eq!(tokens(text, context(Flavour::MySql, 0)), mysql, "{text}");
            assert_eq!(
                tokens(text, context(Flavour::MariaDb, 0)),
                mariadb,
                "{text}"
            );
        }
    }

    #[test]
    fn quotes_follow_sql_mode() {
        for (text, mode, expected) in [
            (r#""a""b" c"#, ANSI_QUOTES, r#"<a"b> c"#),
            (r#""a\" b"#, ANSI_QUOTES, r"<a\> b"),
            (r"'a\' b", NO_BACKSLASH_ESCAPES, "'' b"),
            (r"'a\'' b", 0, "'' b"),
            (r"'a\\' b", 0, "'' b"),
            ("[a]]b] c", MARIADB_MSSQL, "<a]b> c"),
            ("[a] c", 0, "[ a ] c"),
        ] {
            let context = context(Flavour::MariaDb, mode);
            assert_eq!(tokens(text, context), expected, "{text}");
        }
        let mysql = context(Flavour::MySql, MARIADB_MSSQL);
        assert_eq!(tokens("[a]", mysql), "[ a ]");
    }
}
