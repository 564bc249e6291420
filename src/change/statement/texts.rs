//! What only text has: the labels of ENUM and SET, and the words that name a character set.

use super::lexer::{Token, text_value};
use super::meaning::{Label, NamedCharset};
use super::scanner::{Lost, Scanner};

impl Scanner<'_> {
    pub(super) fn labels(&mut self) -> Result<Vec<Label>, Lost> {
        let escapes = self.bookmark().escapes();
        let mut labels = Vec::new();
        self.symbol('(')?;
        loop {
            let label = match self.bytes()? {
                Some(bytes) => Label::Bytes(bytes.into()),
                None => match self.next()? {
                    Some(Token::Text(raw)) => Label::Text(text_value(raw, escapes).into()),
                    Some(Token::Word(_) | Token::Quoted(_) | Token::Symbol(_)) | None => {
                        return Err(Lost);
                    }
                },
            };
            labels.push(label);
            if !self.eat_symbol(',')? {
                break;
            }
        }
        self.symbol(')')?;
        Ok(labels)
    }

    /// Reads bytes in hexadecimal or binary digits: `x'4142'`, `0x4142`, `b'101'`, `0b101`.
    pub(super) fn bytes(&mut self) -> Result<Option<Vec<u8>>, Lost> {
        let digits = self.digits()?;
        digits.map(|it| it.bytes().ok_or(Lost)).transpose()
    }

    /// The words of a character set that may follow a type. `COLLATE` is an attribute and not among them.
    pub(super) fn charset_attributes(&mut self) -> Result<NamedCharset, Lost> {
        let mut charset = NamedCharset::Unnamed;
        loop {
            charset = if self.eat("ASCII")? {
                NamedCharset::Named("latin1".into())
            } else if self.eat("UNICODE")? {
                NamedCharset::Named("ucs2".into())
            } else if self.eat("BYTE")? {
                NamedCharset::Named("binary".into())
            } else if self.charset_words()? {
                self.charset_name()?
            } else if !self.eat("BINARY")? {
                // BINARY alone asks for the set's binary collation.
                return Ok(charset);
            } else {
                continue;
            };
        }
    }

    /// Takes `CHARACTER SET`, `CHAR SET` or `CHARSET`.
    pub(super) fn charset_words(&mut self) -> Result<bool, Lost> {
        Ok(self.eat("CHARSET")?
            || self.eat_words(&["CHARACTER", "SET"])?
            || self.eat_words(&["CHAR", "SET"])?)
    }

    /// Reads a character set's name: a word, an identifier or a string.
    pub(super) fn charset_name(&mut self) -> Result<NamedCharset, Lost> {
        Ok(match self.name_or_text()? {
            (name, true) if name == "default" => NamedCharset::Default,
            (name, _) => NamedCharset::Named(name.into()),
        })
    }

    /// Reads a collation's name for the character set that it belongs to.
    pub(super) fn collation_name(&mut self) -> Result<NamedCharset, Lost> {
        let (name, word) = self.name_or_text()?;
        if word && name == "default" {
            return Ok(NamedCharset::Default);
        }
        // MariaDB's short names fit every set of Unicode.
        if name.starts_with("uca1400_") {
            return Ok(NamedCharset::Unnamed);
        }
        let charset = name.split_once('_').map_or(&*name, |(charset, _)| charset);
        Ok(NamedCharset::Named(charset.into()))
    }

    fn name_or_text(&mut self) -> Result<(String, bool), Lost> {
        let escapes = self.bookmark().escapes();
        Ok(match self.next()? {
            Some(Token::Word(word)) => (word.to_ascii_lowercase(), true),
            Some(Token::Quoted(name)) => (name.to_ascii_lowercase(), false),
            Some(Token::Text(raw)) => (text_value(raw, escapes).to_ascii_lowercase(), false),
            Some(Token::Symbol(_)) | None => return Err(Lost),
        })
    }
}
