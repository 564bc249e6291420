//! A cell as the server shows it and as it came out, in one form in which the two can be compared.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::definitions::catalogue::Column;
use crate::support::checker::Json;

/// How values of a column are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Double,
    Text,
    Bytes,
    Timestamp,
    Document,
}

/// How values of a column of this type are compared; MariaDB has no documents.
fn kind(column_type: &str) -> Kind {
    let word = column_type
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    match word {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => Kind::Number,
        "float" | "double" => Kind::Double,
        "timestamp" => Kind::Timestamp,
        "json" => Kind::Document,
        word if word.ends_with("blob") || word.ends_with("binary") => Kind::Bytes,
        _text => Kind::Text,
    }
}

/// The expression that shows a column in a result set.
pub fn select(column: &Column) -> String {
    let name = format!("`{}`", column.name);
    match kind(&column.column_type) {
        Kind::Number => format!("{name} + 0"),
        Kind::Double => format!("{name} + 0e0"),
        Kind::Text => text(&name, column),
        Kind::Timestamp => format!("CONVERT({name} USING utf8mb4)"),
        Kind::Document => format!("CAST({name} AS CHAR CHARACTER SET utf8mb4)"),
        Kind::Bytes => format!("HEX({name})"),
    }
}

/// The text of a column after `t`, or its bytes after `b` where they are no text: where they do not come back from UTF-8.
fn text(name: &str, column: &Column) -> String {
    let text = format!("CONVERT({name} USING utf8mb4)");
    let is_labelled =
        column.column_type.starts_with("enum(") || column.column_type.starts_with("set(");
    let charset = match (column.charset.as_deref(), is_labelled) {
        (Some(charset), _) => charset,
        (None, true) => "binary",
        (None, false) => return format!("CONCAT('t', {text})"),
    };
    let hex = |value: &str| match charset {
        // It has the backslash twice.
        "sjis" => format!("REPLACE(HEX({value}), '815F', '5C')"),
        _ => format!("HEX({value})"),
    };
    let is_text = match charset {
        // MySQL 9.7 takes over what is no text in it.
        "ascii" => format!("HEX({name}) REGEXP '^([0-7].)*$'"),
        _ => {
            let again = format!("CONVERT({text} USING {charset})");
            format!("{} <=> {}", hex(name), hex(&again))
        }
    };
    format!("IF({is_text}, CONCAT('t', {text}), CONCAT('b', HEX({name})))")
}

/// What the server shows, in the common form.
pub fn shown(column_type: &str, text: Option<&str>) -> String {
    let Some(text) = text else {
        return "NULL".to_owned();
    };
    match kind(column_type) {
        Kind::Number => format!("number {text}"),
        Kind::Double => format!("double {:?}", text.parse::<f64>()),
        Kind::Text => match text.split_at(1) {
            ("t", text) => format!("text {text}"),
            (_b, hex) => format!("no text {hex}"),
        },
        Kind::Bytes => format!("bytes {text}"),
        Kind::Timestamp if text.starts_with("0000-00-00 00:00:00") => {
            "timestamp 0000-00-00 00:00:00".to_owned()
        }
        Kind::Timestamp => format!("timestamp {}Z", text.replace(' ', "T")),
        // It comes out as NULL does.
        Kind::Document if text == "null" => "NULL".to_owned(),
        Kind::Document => format!("document {}", text.replace(", ", ",").replace(": ", ":")),
    }
}

/// What came out, in the common form.
pub fn published(column_type: &str, value: &Json) -> String {
    match (kind(column_type), value) {
        (_, Json::Null) => "NULL".to_owned(),
        (Kind::Number, Json::Number(text)) => format!("number {text}"),
        (Kind::Double, Json::Number(text)) if column_type.starts_with("float") => {
            format!("double {:?}", text.parse::<f32>().map(f64::from))
        }
        (Kind::Double, Json::Number(text)) => format!("double {:?}", text.parse::<f64>()),
        (Kind::Text, Json::Text(text)) => format!("text {text}"),
        (Kind::Text, Json::Object(members)) => match &members[..] {
            [(name, Json::Text(text))] if &**name == "base64" => {
                let bytes = STANDARD.decode(&**text).expect("base64");
                format!("no text {}", hex(&bytes))
            }
            _other => format!("{value}, which is no text"),
        },
        (Kind::Timestamp, Json::Text(text)) => format!("timestamp {text}"),
        (Kind::Bytes, Json::Text(text)) => match STANDARD.decode(&**text) {
            Ok(bytes) => format!("bytes {}", hex(&bytes)),
            Err(error) => format!("{text:?}, which is no base64: {error}"),
        },
        (Kind::Document, value) => format!("document {value}"),
        (Kind::Number | Kind::Double | Kind::Text | Kind::Timestamp | Kind::Bytes, value) => {
            format!("{value}, which is no value of {column_type}")
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn what_the_server_shows_and_what_came_out_take_one_form() {
    let check = |column_type: &str, server: Option<&str>, json: &str, same: bool| {
        let json = Json::parse(json).expect("JSON");
        let (shown, published) = (shown(column_type, server), published(column_type, &json));
        assert_eq!(shown == published, same, "{shown} {published}");
    };
    check("int(11)", Some("7"), "7", true);
    check("int(11)", Some("7"), "\"7\"", false);
    check("int(11)", None, "null", true);
    check("varchar(9)", None, "\"\"", false);
    check("varchar(9)", Some("té"), "\"é\"", true);
    check("varchar(9)", Some("té"), "\"Ã©\"", false);
    check("enum('7')", Some("t7"), "7", false);
    check("enum('?')", Some("bE9"), r#"{"base64":"6Q=="}"#, true);
    check("enum('?')", Some("bE9"), "\"?\"", false);
    check("decimal(9,2)", Some("t1.50"), "\"1.50\"", true);
    check("float", Some("0.10000000149011612"), "0.1", true);
    check("double", Some("0.1"), "0.1", true);
    check("varbinary(9)", Some("00FF"), "\"AP8=\"", true);
    check(
        "timestamp(1)",
        Some("2024-05-06 07:08:09.5"),
        "\"2024-05-06T07:08:09.5Z\"",
        true,
    );
    check("json", Some("{\"a\": [1, 2]}"), "{\"a\":[1,2]}", true);
}
