//! A JSON reader that keeps numbers as they are written and members in their order.
//!
//! Follows RFC 8259. Not the one that rowtap's tests of its encoders use: a checker that read numbers into doubles would
//! not see a digit that is lost.

use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The number's text.
    Number(Box<str>),
    /// The string without its escapes.
    Text(Box<str>),
    /// `[…]`
    List(Vec<Json>),
    /// `{…}` in the order of its members.
    Object(Vec<(Box<str>, Json)>),
}

impl Json {
    /// Reads a text that holds one value and nothing else. The error says what is wrong, and at which byte.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.skip_space();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.wrong("something behind the value")),
        }
    }

    /// The member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Self::Object(members) = self else {
            return None;
        };
        let found = members.iter().find(|(known, _)| **known == *name);
        found.map(|(_, value)| value)
    }

    /// A string's text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// A number that is whole and not negative.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }
}

/// The value as JSON, numbers as they were read.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(text),
            Self::Text(text) => write_text(f, text),
            Self::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    write_text(f, name)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for part in text.split_inclusive(|c: char| c < ' ' || c == '"' || c == '\\') {
        let Some(last) = part.chars().next_back() else {
            continue;
        };
        if last < ' ' || last == '"' || last == '\\' {
            f.write_str(&part[..part.len() - 1])?;
            write!(f, "\\u{:04x}", u32::from(last))?;
        } else {
            f.write_str(part)?;
        }
    }
    f.write_str("\"")
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} at byte {}", self.at)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, word: &str) -> Result<(), String> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong(&format!("no {word:?}")));
        }
        self.at += word.len();
        Ok(())
    }

    fn value(&mut self) -> Result<Json, String> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'n') => self.expect("null").map(|()| Json::Null),
            Some(b't') => self.expect("true").map(|()| Json::Bool(true)),
            Some(b'f') => self.expect("false").map(|()| Json::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => Err(self.wrong("no value")),
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members: Vec<(Box<str>, Json)> = Vec::new();
        self.items('{', '}', |reader| {
            reader.skip_space();
            let name = reader.string()?;
            if members.iter().any(|(known, _)| *known == name) {
                return Err(reader.wrong(&format!("a second member {name:?}")));
            }
            reader.skip_space();
            reader.expect(":")?;
            let value = reader.value()?;
            members.push((name, value));
            Ok(())
        })?;
        Ok(Json::Object(members))
    }

    fn list(&mut self) -> Result<Json, String> {
        let mut values = Vec::new();
        self.items('[', ']', |reader| {
            values.push(reader.value()?);
            Ok(())
        })?;
        Ok(Json::List(values))
    }

    fn items(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.expect(open.encode_utf8(&mut [0; 4]))?;
        self.skip_space();
        if self.text[self.at..].starts_with(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            item(self)?;
            self.skip_space();
            if self.text[self.at..].starts_with(close) {
                self.at += 1;
                return Ok(());
            }
            self.expect(",")?;
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let start = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            if reader.at > start {
                Ok(reader.at - start)
            } else {
                Err(reader.wrong("no digit"))
            }
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let has_zero = self.peek() == Some(b'0');
        if digits(self)? > 1 && has_zero {
            return Err(self.wrong("a zero before a number"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            digits(self)?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            digits(self)?;
        }
        Ok(Json::Number(self.text[start..self.at].into()))
    }

    fn string(&mut self) -> Result<Box<str>, String> {
        self.expect("\"")?;
        let mut text = String::new();
        loop {
            let rest: &'a str = &self.text[self.at..];
            let plain = rest
                .bytes()
                .position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')
                .ok_or_else(|| self.wrong("a string without an end"))?;
            text.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    return Ok(text.into());
                }
                b'\\' => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                _control => return Err(self.wrong("a bare control character")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let letter = self.peek().ok_or_else(|| self.wrong("half an escape"))?;
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.unit()?;
                let mut units = vec![first];
                if (0xD800..0xDC00).contains(&first) {
                    self.expect("\\u")?;
                    units.push(self.unit()?);
                }
                let decoded: Result<String, _> = char::decode_utf16(units).collect();
                let decoded = decoded.map_err(|_| self.wrong("half a surrogate pair"))?;
                decoded
                    .chars()
                    .next()
                    .expect("one or two units make one character")
            }
            _other => return Err(self.wrong("an unknown escape")),
        })
    }

    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.text.get(self.at..self.at + 4);
        let unit = digits
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.wrong("no four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }
}

#[test]
fn what_is_read_and_written_again_says_the_same_to_another_reader() {
    for text in [
        r#"{"a":[1,-0.5,1e100,18446744073709551615],"b":{},"c":[],"":null}"#,
        r#""😀 \"\\\/\b\f\n\r\t\u0000\u2028 é""#,
        " [ true , false , null ] ",
    ] {
        let read = Json::parse(text).unwrap().to_string();
        let theirs = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(theirs(&read), theirs(text), "{read}");
    }
    let number = "123456789012345678901234567890.10";
    assert_eq!(Json::parse(number), Ok(Json::Number(number.into())));
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,\"a\":2}",
        "01",
        "1.",
        "-",
        "nul",
        "\"\n\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "1 2",
        "{1:2}",
        "\"\\u12",
        "1e",
    ] {
        let parsed = Json::parse(text);
        assert!(parsed.is_err(), "{text:?} was read as {parsed:?}");
    }
}
