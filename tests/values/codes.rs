//! Every code of every character set, one by one, against the server's own conversion to utf8mb4.
//!
//! `UPDATE_TABLES=1` writes `src/row/multi_byte.tsv` from what MySQL 9.7 says; the test then has to be built again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use encoding_rs::Encoding;
use rowtap::row::Charset;

use super::is_full;
use crate::support::{Flavour, Server};

/// Sets of single bytes, and utf8mb3 for its ASCII.
pub const SINGLE: [&str; 26] = [
    "ascii", "armscii8", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "dec8",
    "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5",
    "latin7", "macce", "macroman", "swe7", "tis620", "utf8mb3",
];

/// Sets of one to four bytes, and the encoding that their table corrects.
pub const MULTI: [(&str, &Encoding); 9] = [
    ("big5", encoding_rs::BIG5),
    ("cp932", encoding_rs::SHIFT_JIS),
    ("eucjpms", encoding_rs::EUC_JP),
    ("euckr", encoding_rs::EUC_KR),
    ("gb18030", encoding_rs::GB18030),
    ("gb2312", encoding_rs::GBK),
    ("gbk", encoding_rs::GBK),
    ("sjis", encoding_rs::SHIFT_JIS),
    ("ujis", encoding_rs::EUC_JP),
];

/// Sets of two or more bytes a character.
const WIDE: [&str; 4] = ["ucs2", "utf16", "utf16le", "utf32"];

/// Characters by code, where the server has one.
pub type Codes = BTreeMap<String, Option<String>>;

pub struct Asked<'a> {
    server: &'a Server,
    database: String,
}

impl<'a> Asked<'a> {
    pub fn new(server: &'a Server) -> Self {
        let database = server.unique_database();
        let bytes: Vec<_> = (0..256).map(|byte| format!("({byte})")).collect();
        server.execute(&format!(
            "CREATE TABLE {database}.d (n INT PRIMARY KEY); INSERT INTO {database}.d VALUES {}",
            bytes.join(",")
        ));
        Self { server, database }
    }

    /// What the server makes of each of the byte strings that `select` gives as `s`.
    fn ask(&self, charset: &str, select: &str) -> Codes {
        let select = select.replace("DIGITS", &format!("{}.d", self.database));
        let rows = self.server.query_text(&format!(
            "SELECT HEX(s), HEX(CONVERT(s USING {charset})), HEX(CONVERT(CONVERT(s USING {charset}) USING utf8mb4)) \
             FROM ({select}) AS q"
        ));
        rows.into_iter()
            .map(|row| {
                let mut fields = row.into_iter();
                let code = fields.next().flatten().expect("a code");
                let kept = fields.next().flatten().is_some_and(|kept| kept == code);
                let text = fields
                    .next()
                    .flatten()
                    .filter(|_| kept)
                    .and_then(|hex| text(&hex));
                // What the server puts where Unicode lacks the character, or the code has none.
                let is_mark = match text.as_deref() {
                    Some("?") => code.trim_matches('0') != "3F",
                    Some("\u{fffd}") => charset != "gb18030" && !WIDE.contains(&charset),
                    _ => false,
                };
                let known = text.filter(|_| !is_mark);
                (code, known)
            })
            .collect()
    }

    fn singles(&self, charset: &str) -> Codes {
        self.ask(
            charset,
            "SELECT CAST(CHAR(n) AS BINARY(1)) AS s FROM DIGITS",
        )
    }

    /// Every `step`th trail of every lead.
    fn pairs(&self, charset: &str, before: &str, step: usize) -> Codes {
        // A byte below 0x80 is a character of its own, and what follows another; servers drop half a character there.
        let no_ascii = if WIDE.contains(&charset) {
            ""
        } else {
            "AND a.n > 127"
        };
        self.ask(
            charset,
            &format!(
                "SELECT CAST(CONCAT({before}CHAR(a.n), CHAR(b.n)) AS BINARY) AS s FROM DIGITS a, DIGITS b WHERE (a.n + b.n) % {step} = 0 {no_ascii}"
            ),
        )
    }

    /// Every `step`th four-byte code of gb18030.
    fn quads(&self, step: usize) -> Codes {
        self.ask(
            "gb18030",
            &format!(
                "SELECT CAST(CONCAT(CHAR(a.n), CHAR(b.n), CHAR(c.n), CHAR(e.n)) AS BINARY) AS s \
                 FROM DIGITS a, DIGITS b, DIGITS c, DIGITS e WHERE a.n BETWEEN 129 AND 254 AND b.n BETWEEN 48 AND 57 \
                 AND c.n BETWEEN 129 AND 254 AND e.n BETWEEN 48 AND 57 \
                 AND (((a.n * 10 + b.n) * 126 + c.n) * 10 + e.n) % {step} = 0"
            ),
        )
    }

    /// The codes of a set: every `pairs`th of its pairs, every `quads`th of its codes of four bytes.
    pub fn all(&self, charset: &str, pairs: usize, quads: usize) -> Codes {
        let mut codes = self.singles(charset);
        if WIDE.contains(&charset) {
            codes = Codes::new();
        }
        let is_double = MULTI.iter().any(|(name, _)| *name == charset);
        if is_double || matches!(charset, "ucs2" | "utf16" | "utf16le") {
            codes.extend(self.pairs(charset, "", pairs));
        }
        if matches!(charset, "ujis" | "eucjpms") {
            codes.extend(self.pairs(charset, "x'8F', ", pairs));
        }
        if charset == "utf32" {
            codes.extend(self.pairs(charset, "x'0000', ", pairs));
        }
        if charset == "gb18030" {
            codes.extend(self.quads(quads));
        }
        codes
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).expect("digits"));
    digits
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect()
}

/// One character.
fn text(hex: &str) -> Option<String> {
    let text = String::from_utf8(bytes(hex)).ok()?;
    (text.chars().count() == 1).then_some(text)
}

fn every_code(flavour: Flavour) {
    let server = Server::start(flavour, &[]);
    let asked = Asked::new(&server);
    let step = if is_full() { 1 } else { 37 };
    let names = SINGLE
        .iter()
        .chain(&WIDE)
        .copied()
        .chain(MULTI.map(|(name, _)| name));
    let (mut compared, mut sets) = (0, 0);
    for name in names {
        if name == "gb18030" && flavour.family() == rowtap::mysql::Flavour::MariaDb {
            continue;
        }
        let charset = Charset::from_name(name).expect("a character set that rowtap reads");
        let mut known = 0;
        let codes = asked.all(name, 1, step);
        for (code, character) in &codes {
            let bytes = bytes(code);
            let mut scratch = String::new();
            let found = charset.decode(&bytes, &mut scratch).ok();
            // Two characters side by side are tried as such by the sets' own singles.
            let found = found.filter(|found| found.chars().count() == 1);
            assert_eq!(found, character.as_deref(), "{flavour:?} {name} {code}");
            known += usize::from(character.is_some());
        }
        assert!(known >= 127, "{name} has {known} characters");
        compared += codes.len();
        sets += 1;
    }
    println!("{flavour:?}: {compared} codes of {sets} character sets read as the server does");
}

/// What the table says of a code that its encoding reads otherwise.
fn base(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    (text.chars().count() == 1 && text.chars().all(|c| u32::from(c) < 0x1_0000))
        .then(|| text.into_owned())
}

fn write_tables(server: &Server) {
    let asked = Asked::new(server);
    let mut file = String::new();
    for (name, encoding) in MULTI {
        let mut codes: Vec<_> = asked.singles(name).into_iter().collect();
        codes.extend(asked.pairs(name, "", 1));
        if matches!(name, "ujis" | "eucjpms") {
            codes.extend(asked.pairs(name, "x'8F', ", 1));
        }
        write_set(name, encoding, &codes, &mut file);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/row/multi_byte.tsv");
    fs::write(path, file).expect("a writable folder");
}

/// Writes runs of codes that the server reads otherwise than the encoding; a run without characters may hold codes that
/// the encoding has none for either.
fn write_set(
    name: &str,
    encoding: &'static Encoding,
    codes: &[(String, Option<String>)],
    file: &mut String,
) {
    let mut at = 0;
    while let Some((code, character)) = codes.get(at) {
        let differs = |(code, character): &(String, Option<String>)| {
            base(encoding, &bytes(code)) != *character
        };
        if !differs(&codes[at]) {
            at += 1;
            continue;
        }
        let run = codes[at..]
            .iter()
            .take_while(|next| next.0.len() == code.len());
        if character.is_some() {
            let run: Vec<_> = run
                .take_while(|next| next.1.is_some() && differs(next))
                .collect();
            write!(file, "{name}\t{code}\t").expect("a string");
            for (_, character) in &run {
                for unit in character.as_deref().expect("a character").encode_utf16() {
                    write!(file, "{unit:04x}").expect("a string");
                }
            }
            file.push('\n');
            at += run.len();
        } else {
            let run: Vec<_> = run.take_while(|next| next.1.is_none()).collect();
            let last = run
                .iter()
                .rposition(|next| differs(next))
                .expect("the first differs");
            writeln!(file, "{name}\t{code}\t{}-", run[last].0).expect("a string");
            at += run.len();
        }
    }
}

#[test]
fn every_code_reads_as_mysql_converts_it() {
    if std::env::var_os("UPDATE_TABLES").is_some() {
        return write_tables(&Server::start(Flavour::MySql97, &[]));
    }
    every_code(Flavour::MySql97);
}

#[test]
fn every_code_reads_as_mariadb_converts_it() {
    every_code(Flavour::MariaDb1011);
}

#[test]
fn every_code_reads_as_the_other_servers_convert_it() {
    if is_full() {
        for flavour in [Flavour::MySql57, Flavour::MySql80, Flavour::MariaDb118] {
            every_code(flavour);
        }
    }
}
