//! How a cell's JSON is compared with what the server says of it.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::Flavour;

/// How a column's values show in JSON, and what to ask the server to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A number with the server's digits.
    Number,
    /// A string with the server's text.
    Text,
    /// A FLOAT, equal to the server's once it is widened.
    Float,
    /// A DOUBLE, bit by bit.
    Double,
    /// A string in RFC 3339; the server's text, but for the zero timestamp.
    Timestamp,
    /// Base64 of the server's bytes.
    Binary,
    /// MariaDB's INET4, INET6 and UUID: the server's text; base64 of their bytes where nothing tells them from BINARY.
    Address,
    /// A document with the server's text, less the spaces between its parts.
    Json,
    /// The same, but MySQL 5.7 writes whole DOUBLEs without the `.0` that tells them from integers, and ends the lines of
    /// base64 without an escape.
    OldJson,
    /// SRID and WKB.
    Geometry,
    /// Numbers that give the server's bytes.
    Vector,
}

impl Shown {
    /// The expression that shows the column `name` in a result set.
    pub fn select(self, name: &str, flavour: Flavour) -> String {
        match self {
            Self::Number => format!("{name} + 0"),
            Self::Text | Self::Address | Self::Timestamp | Self::Json | Self::OldJson => {
                format!("CAST({name} AS CHAR CHARACTER SET utf8mb4)")
            }
            Self::Float => format!("{name} + 0e0"),
            Self::Double => name.to_owned(),
            Self::Binary | Self::Vector => format!("HEX({name})"),
            // Versions that know of axes would turn them to the order of the reference system.
            Self::Geometry if matches!(flavour, Flavour::MySql80 | Flavour::MySql97) => format!(
                "CONCAT(ST_SRID({name}), ':', HEX(ST_AsWKB({name}, 'axis-order=long-lat')))"
            ),
            Self::Geometry => format!("CONCAT(ST_SRID({name}), ':', HEX(ST_AsWKB({name})))"),
        }
    }

    /// Whether the JSON text of a cell says what the server says.
    pub fn agrees(self, json: &str, server: Option<&str>) -> bool {
        let Some(server) = server else {
            return json == "null";
        };
        match self {
            Self::Number => json == server,
            Self::Text | Self::Address => string(json) == server,
            Self::Float => {
                let shown: f32 = json.parse().expect("a number");
                server.parse::<f64>().expect("a number") == f64::from(shown)
            }
            Self::Double => {
                let shown: f64 = json.parse().expect("a number");
                server.parse::<f64>().expect("a number").to_bits() == shown.to_bits()
            }
            Self::Timestamp if server.starts_with("0000-00-00 00:00:00") => {
                string(json) == "0000-00-00 00:00:00"
            }
            Self::Timestamp => string(json) == format!("{}Z", server.replace(' ', "T")),
            Self::Binary => hex(&base64(json)) == server,
            Self::Json => json == without_spaces(server),
            Self::OldJson => {
                without_point_zero(json) == without_spaces(&server.replace('\n', "\\n"))
            }
            Self::Geometry => {
                let members = super::decode::members(json);
                format!("{}:{}", members["srid"], hex(&base64(&members["wkb"]))) == server
            }
            Self::Vector => {
                let floats: Vec<f32> = serde_json::from_str(json).expect("numbers");
                let bytes: Vec<u8> = floats
                    .iter()
                    .flat_map(|float| float.to_le_bytes())
                    .collect();
                hex(&bytes) == server
            }
        }
    }

    /// The same where only a table map tells of the column.
    pub fn agrees_untold(self, json: &str, server: Option<&str>) -> bool {
        match (self, server) {
            (Self::Address, Some(server)) => base64(json) == address(server),
            _ => self.agrees(json, server),
        }
    }
}

/// The bytes of an address or UUID.
fn address(text: &str) -> Vec<u8> {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    match text.parse() {
        Ok(ip) => number(ip),
        Err(_) => {
            let digits = text.replace('-', "");
            let uuid = u128::from_str_radix(&digits, 16).expect("a UUID");
            uuid.to_be_bytes().to_vec()
        }
    }
}

fn string(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json} is no string: {error}"))
}

fn base64(json: &str) -> Vec<u8> {
    STANDARD.decode(string(json)).expect("base64")
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

/// The server's JSON without the space that it writes behind each comma and colon.
fn without_spaces(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let outside = |c: &char| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _other => {}
        }
        quoted || *c != ' '
    };
    json.chars().filter(outside).collect()
}

/// JSON with whole DOUBLEs as MySQL 5.7 writes them.
fn without_point_zero(json: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::new(), false, false);
    for c in json.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' | ']' | '}' if !quoted && text.ends_with(".0") => text.truncate(text.len() - 2),
            _other => {}
        }
        text.push(c);
    }
    text
}
