//! The words of a condition.

use super::error::ConditionError;

/// A word and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: Word,
    /// The number of its first character, from 1.
    pub(super) at: usize,
}

/// A word of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A name without quotes, or a keyword.
    Name(String),
    /// A name in backticks.
    Quoted(String),
    /// Text in single quotes.
    Text(String),
    /// `x'…'`
    Bytes(Vec<u8>),
    /// Digits, a point, an exponent.
    Number(String),
    /// An operator, a bracket or a comma.
    Sign(&'static str),
}

/// The longer ones first.
const SIGNS: [&str; 13] = [
    "<=>", "<>", "<=", ">=", "!=", "=", "<", ">", "(", ")", ",", "-", "+",
];

/// Splits a condition into its words.
pub(super) fn words(text: &str) -> Result<Vec<Token>, ConditionError> {
    let mut scanner = Scanner { rest: text, at: 1 };
    let mut tokens = Vec::new();
    while let Some(token) = scanner.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Scanner<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn next(&mut self) -> Result<Option<Token>, ConditionError> {
        self.take_while(char::is_whitespace);
        let at = self.at;
        let mut ahead = self.rest.chars();
        let Some(first) = ahead.next() else {
            return Ok(None);
        };
        let second = ahead.next();
        let word = match first {
            '\'' => Word::Text(self.quoted('\'')?),
            '`' => Word::Quoted(self.quoted('`')?),
            '"' => {
                return Err(self
                    .error("a double quote, write text in single quotes and names in backticks"));
            }
            'x' | 'X' if second == Some('\'') => {
                self.step();
                Word::Bytes(self.bytes(at)?)
            }
            '0'..='9' => self.number(),
            '.' if second.is_some_and(|next| next.is_ascii_digit()) => self.number(),
            other if is_of_name(other) => Word::Name(self.take_while(is_of_name).to_owned()),
            _sign => {
                let sign = SIGNS.iter().find(|sign| self.rest.starts_with(**sign));
                let Some(sign) = sign else {
                    return Err(self.error(&format!(
                        "found {}, expected a column, an operator or a literal",
                        first.escape_debug()
                    )));
                };
                for _ in 0..sign.len() {
                    self.step();
                }
                Word::Sign(sign)
            }
        };
        Ok(Some(Token { word, at }))
    }

    fn step(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        self.at += 1;
        Some(next)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let all = self.rest;
        while self.rest.starts_with(&belongs) {
            self.step();
        }
        all.get(..all.len() - self.rest.len()).unwrap_or_default()
    }

    /// What stands in quotes, which are doubled inside.
    fn quoted(&mut self, quote: char) -> Result<String, ConditionError> {
        let at = self.at;
        self.step();
        let mut text = String::new();
        while let Some(next) = self.step() {
            if next != quote {
                text.push(next);
            } else if self.rest.starts_with(quote) {
                self.step();
                text.push(quote);
            } else {
                return Ok(text);
            }
        }
        Err(ConditionError {
            at,
            what: format!("the quote {quote} is not closed"),
        })
    }

    fn bytes(&mut self, at: usize) -> Result<Vec<u8>, ConditionError> {
        let digits = self.quoted('\'')?;
        let pair = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok().filter(|_| pair.len() == 2)?;
            let are_digits = pair.iter().all(u8::is_ascii_hexdigit);
            u8::from_str_radix(text, 16).ok().filter(|_| are_digits)
        };
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(pair).collect();
        bytes.ok_or_else(|| ConditionError {
            at,
            what: "x'…' takes pairs of hexadecimal digits".to_owned(),
        })
    }

    /// What may be a number; whether it is one is asked where it is read.
    fn number(&mut self) -> Word {
        let mut number = String::new();
        while let Some(next) = self.rest.chars().next() {
            let follows_exponent = number.ends_with(['e', 'E']) && matches!(next, '+' | '-');
            if !(next == '.' || is_of_name(next) || follows_exponent) {
                break;
            }
            number.extend(self.step());
        }
        Word::Number(number)
    }

    fn error(&self, what: &str) -> ConditionError {
        ConditionError {
            at: self.at,
            what: what.to_owned(),
        }
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}
