//! JSON in the letters of Java's writers, for keys: they choose partitions by their bytes.

/// Escapes in the JSON from `start` on what Connect's converter escapes, in its letters: keys choose partitions by their bytes.
pub(in crate::encode) fn escape_as_java(start: usize, out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| *byte < 0xf0;
    let json = out.get(start..).unwrap_or_default();
    let has_escapes = json.windows(2).any(|pair| pair == b"\\u");
    if json.iter().all(is_plain) && !has_escapes {
        return;
    }
    escape_all_as_java(start, out);
}

#[cold]
fn escape_all_as_java(start: usize, out: &mut Vec<u8>) {
    let json = String::from_utf8_lossy(out.get(start..).unwrap_or_default()).into_owned();
    out.truncate(start);
    let mut letters = json.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            out.push(b'\\');
            let Some(escaped) = letters.next() else {
                return;
            };
            out.push(u8::try_from(escaped).unwrap_or(b'\\'));
            if escaped == 'u' {
                let digits = letters.by_ref().take(4);
                out.extend(
                    digits.filter_map(|digit| u8::try_from(digit.to_ascii_uppercase()).ok()),
                );
            }
            continue;
        }
        let mut halves = [0u16; 2];
        match letter.encode_utf16(&mut halves) {
            [first, second] => {
                out.extend_from_slice(format!("\\u{first:04X}\\u{second:04X}").as_bytes());
            }
            _one => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
