//! What statements write as values and as comments: the literals of defaults.
//!
//! Read beside what passes over a default: a form that is not known here is one that only the server computes.

use super::lexer::{Lexer, Token, text_value};
use super::scanned::StatementContext;
use super::scanner::{Lost, Scanner};
use crate::row::DefaultValue;

/// The words for when a row is written.
const NOW: [&str; 4] = ["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"];

/// Reads a default as MariaDB's information_schema prints it: as a statement has it.
pub fn printed_default(text: &str, context: StatementContext) -> Option<DefaultValue> {
    let mut scanner = Scanner::over(text, context);
    match scanner.default_literal() {
        Ok(default) => default,
        Err(Lost) => Some(DefaultValue::Computed),
    }
}

impl<'a> Scanner<'a> {
    /// Reads the text of a comment; `None` for an empty one.
    pub(super) fn comment(&mut self) -> Result<Option<Box<str>>, Lost> {
        self.eat_equal()?;
        let escapes = self.bookmark().escapes();
        match self.next()? {
            Some(Token::Text(raw)) => {
                let text = text_value(raw, escapes);
                Ok((!text.is_empty()).then(|| text.into()))
            }
            Some(Token::Word(_) | Token::Quoted(_) | Token::Symbol(_)) | None => Err(Lost),
        }
    }

    /// The default that begins here, which is not taken; `None` for NULL.
    pub(super) fn default_literal(&mut self) -> Result<Option<DefaultValue>, Lost> {
        let start = self.bookmark();
        let literal = self.literal();
        self.go_back(start);
        literal
    }

    fn literal(&mut self) -> Result<Option<DefaultValue>, Lost> {
        let start = self.bookmark();
        let mut sign = String::new();
        loop {
            if self.eat_symbol('-')? {
                sign.push('-');
            } else if !self.eat_symbol('+')? {
                break;
            }
        }
        if sign.len() > 1 {
            return Ok(Some(DefaultValue::Computed));
        }
        self.eat("BINARY")?;
        let before = self.bookmark();
        Ok(Some(match self.next()? {
            Some(Token::Text(raw)) => DefaultValue::Text((sign + &self.texts(raw)?).into()),
            Some(Token::Symbol('.')) => self.number_from(start)?,
            Some(Token::Word(word)) => {
                if word.eq_ignore_ascii_case("NULL") {
                    return Ok(None);
                }
                self.go_back(before);
                match self.digits()? {
                    Some(digits) => digits,
                    None if word.starts_with(|first: char| first.is_ascii_digit()) => {
                        self.number_from(start)?
                    }
                    None => self.word_literal()?,
                }
            }
            Some(Token::Quoted(_) | Token::Symbol(_)) | None => DefaultValue::Computed,
        }))
    }

    /// The number that begins at a place, as it is written, without blanks in it.
    fn number_from(&mut self, start: Lexer<'a>) -> Result<DefaultValue, Lost> {
        self.go_back(start);
        self.value()?;
        let length = start.left() - self.bookmark().left();
        let number: String = start
            .rest()
            .get(..length)
            .unwrap_or_default()
            .split_ascii_whitespace()
            .collect();
        // It may have a comment in it.
        let is_number = number.bytes().all(|letter| {
            letter.is_ascii_digit() || matches!(letter, b'.' | b'-' | b'+' | b'e' | b'E')
        });
        Ok(match is_number {
            true => DefaultValue::Number(number.into()),
            false => DefaultValue::Computed,
        })
    }

    /// A word that is a value, says how a text is meant, or calls a function.
    fn word_literal(&mut self) -> Result<DefaultValue, Lost> {
        let word = self.word()?;
        if ["TRUE", "FALSE"]
            .iter()
            .any(|it| word.eq_ignore_ascii_case(it))
        {
            return Ok(DefaultValue::Number(word.into()));
        }
        if NOW.iter().any(|now| word.eq_ignore_ascii_case(now)) {
            return Ok(DefaultValue::Now);
        }
        let is_charset = word.starts_with('_');
        if is_charset && let Some(digits) = self.digits()? {
            return Ok(digits);
        }
        let is_national = word.eq_ignore_ascii_case("N");
        let is_time = ["DATE", "TIME", "TIMESTAMP"]
            .iter()
            .any(|it| word.eq_ignore_ascii_case(it));
        match self.next()? {
            Some(Token::Text(raw)) if is_charset || is_national || is_time => {
                Ok(DefaultValue::Text(self.texts(raw)?.into()))
            }
            _other => Ok(DefaultValue::Computed),
        }
    }

    /// A text and those right behind it, which are one.
    fn texts(&mut self, first: &str) -> Result<String, Lost> {
        let escapes = self.bookmark().escapes();
        let mut text = text_value(first, escapes);
        while let Some(Token::Text(raw)) = self.peek()? {
            text += &text_value(raw, escapes);
            self.next()?;
        }
        Ok(text)
    }

    /// Hexadecimal or binary digits, if a value of such begins here.
    pub(super) fn digits(&mut self) -> Result<Option<DefaultValue>, Lost> {
        let bookmark = self.bookmark();
        let Some(Token::Word(word)) = self.next()? else {
            self.go_back(bookmark);
            return Ok(None);
        };
        let quoted = match self.peek()? {
            Some(Token::Text(raw)) => raw.get(1..raw.len().saturating_sub(1)),
            _other => None,
        };
        let found = match (word, quoted) {
            ("x" | "X", Some(digits)) => Some((DefaultValue::Hex(digits.into()), true)),
            ("b" | "B", Some(digits)) => Some((DefaultValue::Bits(digits.into()), true)),
            (number, _) => {
                let hex = number.strip_prefix("0x");
                let bits = number.strip_prefix("0b");
                hex.map(|digits| (DefaultValue::Hex(digits.into()), false))
                    .or_else(|| bits.map(|digits| (DefaultValue::Bits(digits.into()), false)))
            }
        };
        match found {
            Some((digits, is_quoted)) => {
                if is_quoted {
                    self.next()?;
                }
                Ok(Some(digits))
            }
            None => {
                self.go_back(bookmark);
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;

    #[test]
    fn a_default_is_told_as_it_is_meant() {
        let text = |text: &str| Some(DefaultValue::Text(text.into()));
        let number = |text: &str| Some(DefaultValue::Number(text.into()));
        for (written, expected) in [
            ("NULL", None),
            ("null", None),
            ("5", number("5")),
            ("- 5.50 COMMENT 'x'", number("-5.50")),
            ("+1", number("+1")),
            (".5", number(".5")),
            ("1.", number("1.")),
            ("1e-3", number("1e-3")),
            ("1.5E+3,", number("1.5E+3")),
            ("TRUE", number("TRUE")),
            ("'it''s' ", text("it's")),
            ("'a' \"b\"", text("ab")),
            ("'\\n'", text("\n")),
            ("_utf8mb4'x'", text("x")),
            ("N'x'", text("x")),
            ("DATE '2024-01-01'", text("2024-01-01")),
            ("x'41'", Some(DefaultValue::Hex("41".into()))),
            ("0x41", Some(DefaultValue::Hex("41".into()))),
            ("_binary 0x41", Some(DefaultValue::Hex("41".into()))),
            ("b'101'", Some(DefaultValue::Bits("101".into()))),
            ("0b1", Some(DefaultValue::Bits("1".into()))),
            ("now(3)", Some(DefaultValue::Now)),
            ("current_timestamp()", Some(DefaultValue::Now)),
            (
                "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
                Some(DefaultValue::Now),
            ),
            ("(1 + 2)", Some(DefaultValue::Computed)),
            ("uuid()", Some(DefaultValue::Computed)),
            ("`a`", Some(DefaultValue::Computed)),
            ("- -5", Some(DefaultValue::Computed)),
        ] {
            let context = StatementContext::newest(Flavour::MariaDb);
            assert_eq!(printed_default(written, context), expected, "{written}");
        }
    }
}
