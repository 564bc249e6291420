//! A writer of binary JSON for tests, by the layout that `jsonb` reads.

use serde_json::Value;

/// Writes a document by the layout at the top of this file: the value's type and its bytes.
pub fn document(value: &Value, wide: bool) -> (u8, Vec<u8>) {
    match value {
        Value::Null => (0x04, vec![0]),
        Value::Bool(value) => (0x04, vec![if *value { 1 } else { 2 }]),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => integer(value),
            (None, Some(value), _) => (0x0a, value.to_le_bytes().to_vec()),
            (None, None, value) => (0x0b, value.expect("a double").to_le_bytes().to_vec()),
        },
        Value::String(text) => (0x0c, [&length(text.len())[..], text.as_bytes()].concat()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| (None, item)).collect();
            (if wide { 0x03 } else { 0x02 }, container(&items, wide))
        }
        Value::Object(items) => {
            let items: Vec<_> = items.iter().map(|(key, item)| (Some(key), item)).collect();
            (u8::from(wide), container(&items, wide))
        }
    }
}

fn integer(value: i64) -> (u8, Vec<u8>) {
    if let Ok(value) = i16::try_from(value) {
        (0x05, value.to_le_bytes().to_vec())
    } else if let Ok(value) = u16::try_from(value) {
        (0x06, value.to_le_bytes().to_vec())
    } else if let Ok(value) = i32::try_from(value) {
        (0x07, value.to_le_bytes().to_vec())
    } else if let Ok(value) = u32::try_from(value) {
        (0x08, value.to_le_bytes().to_vec())
    } else {
        (0x09, value.to_le_bytes().to_vec())
    }
}

/// A length in groups of seven bits.
pub fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length > 0x7f {
        bytes.push((length & 0x7f | 0x80).to_le_bytes()[0]);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    bytes
}

fn container(items: &[(Option<&String>, &Value)], wide: bool) -> Vec<u8> {
    let width = if wide { 4 } else { 2 };
    let number = |value: usize| value.to_le_bytes()[..width].to_vec();
    let key_entry = if items.iter().any(|item| item.0.is_some()) {
        width + 2
    } else {
        0
    };
    let mut entries = Vec::new();
    let mut data = Vec::new();
    let start = 2 * width + items.len() * (key_entry + 1 + width);
    for key in items.iter().filter_map(|item| item.0) {
        entries.extend(number(start + data.len()));
        entries.extend(&key.len().to_le_bytes()[..2]);
        data.extend(key.as_bytes());
    }
    for (_, item) in items {
        let (kind, mut bytes) = document(item, wide);
        entries.push(kind);
        if matches!(kind, 4..=6) || wide && matches!(kind, 7 | 8) {
            bytes.resize(width, 0);
            entries.extend(bytes);
        } else {
            entries.extend(number(start + data.len()));
            data.extend(bytes);
        }
    }
    [
        number(items.len()),
        number(start + data.len()),
        entries,
        data,
    ]
    .concat()
}
