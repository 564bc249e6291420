//! A value of the output as an SQL literal, for a session with time zone UTC and backslash escapes.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::json::Json;
use super::schema::Kind;

/// Appends the literal. The error says why the value is none of its column.
pub fn write(kind: Kind, value: &Json, sql: &mut String) -> Result<(), String> {
    match (kind, value) {
        (_, Json::Null) => sql.push_str("NULL"),
        // DECIMAL comes as text, so that no reader makes a double of it.
        (Kind::Number, Json::Number(text) | Json::Text(text)) if is_decimal(text) => {
            sql.push_str(text)
        }
        (Kind::Double, Json::Number(text)) => {
            sql.push_str(text);
            sql.push_str(if text.contains(['e', 'E']) { "" } else { "e0" });
        }
        (Kind::Text, Json::Text(text)) => quote(text, sql),
        (Kind::Timestamp, Json::Text(text)) => quote(&timestamp(text)?, sql),
        (Kind::Bytes, Json::Text(text)) => write_bytes(&decode(text)?, sql),
        (Kind::FixedBytes(length), Json::Text(text)) => {
            let bytes = decode(text)?;
            if bytes.len() != length {
                return Err(format!(
                    "{text} has {} bytes, its column {length}",
                    bytes.len()
                ));
            }
            write_bytes(&bytes, sql);
        }
        (Kind::Document, document) => quote(&document.to_string(), sql),
        (Kind::Number | Kind::Double, _)
        | (Kind::Text | Kind::Timestamp, _)
        | (Kind::Bytes | Kind::FixedBytes(_), _) => {
            return Err(format!("{value} is no value of a column of kind {kind:?}"));
        }
    }
    Ok(())
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Appends quoted text.
pub fn quote(text: &str, sql: &mut String) {
    sql.push('\'');
    for part in text.split_inclusive(['\'', '\\', '\0']) {
        let (plain, last) =
            part.split_at(part.len() - part.chars().next_back().map_or(0, char::len_utf8));
        sql.push_str(plain);
        match last {
            "'" => sql.push_str("''"),
            "\\" => sql.push_str("\\\\"),
            "\0" => sql.push_str("\\0"),
            _plain => sql.push_str(last),
        }
    }
    sql.push('\'');
}

/// `2024-05-06T07:08:09.123Z` as the server writes it.
fn timestamp(text: &str) -> Result<String, String> {
    if text == "0000-00-00 00:00:00" {
        return Ok(text.to_owned());
    }
    let (date, time) = text
        .split_once('T')
        .ok_or(format!("{text} is not RFC 3339"))?;
    let time = time
        .strip_suffix('Z')
        .ok_or(format!("{text} is not in UTC"))?;
    Ok(format!("{date} {time}"))
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    STANDARD
        .decode(text)
        .map_err(|error| format!("{text} is no base64: {error}"))
}

fn write_bytes(bytes: &[u8], sql: &mut String) {
    sql.push_str("X'");
    for byte in bytes {
        write!(sql, "{byte:02X}").expect("a string takes everything");
    }
    sql.push('\'');
}

#[test]
fn values_become_literals_of_their_columns() {
    let check = |kind, json: &str, expected: &str| {
        let mut sql = String::new();
        let written = write(kind, &Json::parse(json).unwrap(), &mut sql).map(|()| sql);
        match expected {
            "" => assert!(written.is_err(), "{written:?}"),
            expected => assert_eq!(written.as_deref(), Ok(expected)),
        }
    };
    check(Kind::Number, "18446744073709551615", "18446744073709551615");
    check(Kind::Number, r#""-1.50""#, "-1.50");
    check(Kind::Number, r#""1 OR 1""#, "");
    check(Kind::Double, "1.5", "1.5e0");
    check(Kind::Double, "1e-7", "1e-7");
    check(Kind::Text, r#""it's \\ \u0000é""#, "'it''s \\\\ \\0é'");
    check(
        Kind::Timestamp,
        r#""2024-05-06T07:08:09.1Z""#,
        "'2024-05-06 07:08:09.1'",
    );
    check(Kind::Timestamp, r#""2024-05-06 07:08:09.1""#, "");
    check(Kind::FixedBytes(2), r#""/wA=""#, "X'FF00'");
    check(Kind::FixedBytes(3), r#""/wA=""#, "");
    check(Kind::Document, r#"{"a": "'"}"#, r#"'{"a":"''"}'"#);
    check(Kind::Bytes, "null", "NULL");
}
