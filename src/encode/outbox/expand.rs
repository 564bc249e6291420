//! Text of a JSON object or array as JSON in a message.
//!
//! Follows RFC 8259. Strings and numbers keep their letters and digits; white space goes.

/// Documents are nested no deeper than this.
const DEPTH_MAX: usize = 100;

/// Appends the document; `false`, and nothing, if the text is no object and no array. Members that are null go if `drops_nulls`.
pub(super) fn expand(text: &[u8], drops_nulls: bool, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut reader = Reader {
        rest: text,
        drops_nulls,
    };
    let is_whole = matches!(text.first(), Some(b'{' | b'['))
        && std::str::from_utf8(text).is_ok()
        && reader.value(DEPTH_MAX, out).is_some()
        && reader.peek().is_none();
    if !is_whole {
        out.truncate(start);
    }
    is_whole
}

struct Reader<'a> {
    rest: &'a [u8],
    drops_nulls: bool,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.pass(1))
    }

    fn pass(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }

    fn copy(&mut self, count: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.rest.get(..count).unwrap_or_default());
        self.pass(count);
    }

    fn value(&mut self, depth: usize, out: &mut Vec<u8>) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match self.peek()? {
            b'{' => self.list(b'}', out, |reader, has_comma, out| {
                let start = out.len();
                if has_comma {
                    out.push(b',');
                }
                reader.string(out)?;
                reader.take(b':')?;
                out.push(b':');
                reader.peek();
                if reader.drops_nulls && reader.rest.starts_with(b"null") {
                    reader.pass(4);
                    out.truncate(start);
                    return Some(false);
                }
                reader.value(depth, out)?;
                Some(true)
            }),
            b'[' => self.list(b']', out, |reader, has_comma, out| {
                if has_comma {
                    out.push(b',');
                }
                reader.value(depth, out)?;
                Some(true)
            }),
            b'"' => self.string(out),
            b'-' | b'0'..=b'9' => self.number(out),
            _word => {
                let words: [&[u8]; 3] = [b"true", b"false", b"null"];
                let word = words.iter().find(|word| self.rest.starts_with(word))?;
                self.copy(word.len(), out);
                Some(())
            }
        }
    }

    /// Copies an object or an array; `item` says whether it wrote what it read.
    fn list(
        &mut self,
        end: u8,
        out: &mut Vec<u8>,
        mut item: impl FnMut(&mut Self, bool, &mut Vec<u8>) -> Option<bool>,
    ) -> Option<()> {
        self.copy(1, out);
        let mut has_any = false;
        if self.peek()? != end {
            loop {
                has_any |= item(self, has_any, out)?;
                if self.peek()? == end {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.copy(1, out);
        Some(())
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        let mut length = 1;
        loop {
            match self.rest.get(length)? {
                b'"' => break,
                b'\\' => {
                    let escapes = match self.rest.get(length + 1)? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                        b'u' => {
                            let digits = self.rest.get(length + 2..length + 6)?;
                            digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
                        }
                        _unknown => return None,
                    };
                    length += escapes;
                }
                0..=0x1f => return None,
                _letter => length += 1,
            }
        }
        self.copy(length + 1, out);
        Some(())
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let digits = |from: usize, rest: &[u8]| {
            let rest = rest.get(from..).unwrap_or_default();
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        };
        let mut length = usize::from(self.rest.first() == Some(&b'-'));
        let whole = digits(length, self.rest);
        let has_zero = self.rest.get(length) == Some(&b'0');
        if whole == 0 || (has_zero && whole > 1) {
            return None;
        }
        length += whole;
        if self.rest.get(length) == Some(&b'.') {
            let fraction = digits(length + 1, self.rest);
            length += 1 + (fraction > 0).then_some(fraction)?;
        }
        if matches!(self.rest.get(length), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.rest.get(length + 1), Some(b'+' | b'-')));
            let exponent = digits(length + 1 + sign, self.rest);
            length += 1 + sign + (exponent > 0).then_some(exponent)?;
        }
        self.copy(length, out);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};
    use serde_json::Value;

    use super::*;

    fn expanded(text: &str, drops_nulls: bool) -> Option<String> {
        let mut out = b"x".to_vec();
        let is_whole = expand(text.as_bytes(), drops_nulls, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(is_whole, text.len() > 1, "{text}");
        is_whole.then(|| text[1..].to_owned())
    }

    #[test]
    fn objects_and_arrays_keep_their_letters_and_lose_their_nulls() {
        for (text, expected) in [
            (
                r#"{ "a" : null, "b" : [ 1.50 , null ], "c":null}"#,
                r#"{"b":[1.50,null]}"#,
            ),
            (r#"{"a":{"b":null}}"#, r#"{"a":{}}"#),
            (
                r#"[-0.0, 1E+2, "\u00e9\"", true, false, {}]"#,
                r#"[-0.0,1E+2,"\u00e9\"",true,false,{}]"#,
            ),
            ("[]", "[]"),
        ] {
            assert_eq!(expanded(text, true).as_deref(), Some(expected), "{text}");
        }
        let text = r#"{"a":null,"b":[null]}"#;
        assert_eq!(expanded(text, false).as_deref(), Some(text));
    }

    #[test]
    fn other_text_is_told() {
        for text in [
            "",
            "1",
            "\"a\"",
            "null",
            "{",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "[01]",
            "[1.]",
            "[1e]",
            "[tru]",
            "[\"\\x\"]",
            "[\"\n\"]",
            "{} {}",
            "[\"\\u12\"]",
            " {}",
            "[-]",
            "{\"a\":nullx}",
        ] {
            assert_eq!(expanded(text, true), None, "{text}");
        }
        assert_eq!(expanded(&"[".repeat(5000), true), None);
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        assert_eq!(expanded(&deep, true), None);
    }

    proptest! {
        #[test]
        fn whatever_another_parser_takes_means_the_same_and_nothing_else_is_taken(
            text in r#"[\[{]([\[\]{},:" \\un0-9eE.+-]|"a"|null|true|\\u00e9){0,12}[\]}]"#,
            cut in any::<prop::sample::Index>(),
        ) {
            for text in [&*text, text.get(..cut.index(text.len())).unwrap_or_default()] {
                let theirs = serde_json::from_str::<Value>(text).ok();
                match expanded(text, false) {
                    Some(found) => assert_eq!(serde_json::from_str::<Value>(&found).ok(), theirs),
                    // A parser may refuse a number that is too large for it.
                    None => assert!(theirs.is_none_or(|value| !value.is_object() && !value.is_array()), "{text}"),
                }
            }
        }
    }
}
