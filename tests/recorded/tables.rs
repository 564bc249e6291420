//! Table maps beside the server's own information_schema.

use std::collections::BTreeMap;

use rowtap::binlog::column_map::kind;
use rowtap::binlog::{ColumnMap, EventKind, FormatDescription, TableMap};
use rowtap::mysql::Flavour as Family;

use super::{FILE, RECORDINGS, Recording, events};
use crate::support::{Flavour, Server};

/// What information_schema says of a column.
struct Told {
    name: String,
    nullable: bool,
    data_type: String,
    column_type: String,
    collation: Option<u32>,
    bytes_max: Option<u16>,
    precision: Option<u16>,
    scale: Option<u16>,
    fsp: Option<u16>,
    visible: bool,
}

fn told(server: &Server, table: &str) -> Vec<Told> {
    let rows = server.query_text(&format!(
        "SELECT column_name, is_nullable, data_type, column_type, \
         (SELECT MAX(id) FROM information_schema.collations l WHERE l.collation_name = c.collation_name), \
         character_octet_length, numeric_precision, numeric_scale, datetime_precision, extra, collation_name \
         FROM information_schema.columns c \
         WHERE table_schema = 'shop' AND table_name = '{table}' ORDER BY ordinal_position"
    ));
    rows.into_iter()
        .map(|row| {
            let text = |index: usize| row[index].clone();
            let number = |index: usize| text(index).and_then(|text| text.parse().ok());
            Told {
                name: text(0).unwrap(),
                nullable: text(1).as_deref() == Some("YES"),
                data_type: text(2).unwrap(),
                column_type: text(3).unwrap(),
                collation: collation(server, text(4), text(10)),
                bytes_max: number(5),
                precision: number(6),
                scale: number(7),
                fsp: number(8),
                visible: !text(9).unwrap().contains("INVISIBLE"),
            }
        })
        .collect()
}

/// MariaDB lists its newest collations once for all character sets, without an id.
fn collation(server: &Server, id: Option<String>, name: Option<String>) -> Option<u32> {
    let id = id.or_else(|| {
        let name = name?;
        server.query_one(&format!(
            "SELECT id FROM information_schema.collation_character_set_applicability \
             WHERE full_collation_name = '{name}'"
        ))
    });
    id.and_then(|id| id.parse().ok())
}

fn is_number(data_type: &str) -> bool {
    matches!(
        data_type,
        "tinyint"
            | "smallint"
            | "mediumint"
            | "int"
            | "bigint"
            | "float"
            | "double"
            | "decimal"
            | "year"
    )
}

#[track_caller]
fn compare(place: &str, flavour: Flavour, found: &ColumnMap, told: &Told, is_full: bool) {
    assert_eq!(found.nullable, told.nullable, "{place}");
    let expected = is_full.then_some(told.name.as_str());
    assert_eq!(found.name.as_deref(), expected, "{place}");
    if flavour.family() == Family::MySql {
        // MariaDB logs no visibility.
        assert_eq!(found.visible, is_full.then_some(told.visible), "{place}");
    }
    match told.data_type.as_str() {
        "year" => assert!(found.unsigned.is_some(), "{place}"),
        number if is_number(number) => {
            let unsigned = told.column_type.contains("unsigned");
            assert_eq!(found.unsigned, Some(unsigned), "{place}");
        }
        _other => assert_eq!(found.unsigned, None, "{place}"),
    }
    if let Some((kind, metadata)) = typed(told) {
        assert_eq!(
            (found.kind, Some(found.metadata)),
            (kind, metadata),
            "{place}"
        );
    }
    let binary = matches!(
        told.data_type.as_str(),
        "binary" | "varbinary" | "tinyblob" | "blob" | "longblob"
    );
    if told.collation.is_some() || binary {
        let expected = told.collation.unwrap_or(63);
        // MySQL's JSON has a collation in information_schema alone; those of ENUM and SET are logged with their labels.
        let is_logged = match found.kind {
            kind::JSON => false,
            kind::ENUM | kind::SET => is_full,
            _other => true,
        };
        assert_eq!(found.collation, is_logged.then_some(expected), "{place}");
    }
    if is_full && matches!(found.kind, kind::ENUM | kind::SET) {
        assert_eq!(labels(found), told.column_type, "{place}");
    } else {
        assert_eq!(found.labels, None, "{place}");
    }
}

/// The type and its metadata.
fn typed(told: &Told) -> Option<(u8, Option<u16>)> {
    match told.data_type.as_str() {
        "char" | "binary" => Some((kind::STRING, told.bytes_max)),
        "varchar" if told.column_type.contains("COMPRESSED") => {
            // A byte says how the value is compressed.
            Some((
                kind::VARCHAR_COMPRESSED,
                told.bytes_max.map(|bytes| bytes + 1),
            ))
        }
        "varchar" | "varbinary" => Some((kind::VARCHAR, told.bytes_max)),
        "decimal" => {
            let (precision, scale) = told.precision.zip(told.scale).unwrap();
            Some((kind::NEWDECIMAL, Some(precision << 8 | scale)))
        }
        "bit" => Some((kind::BIT, told.precision)),
        "time" => Some((kind::TIME2, told.fsp)),
        "datetime" => Some((kind::DATETIME2, told.fsp)),
        "timestamp" => Some((kind::TIMESTAMP2, told.fsp)),
        "float" => Some((kind::FLOAT, Some(4))),
        "double" => Some((kind::DOUBLE, Some(8))),
        "tinytext" | "tinyblob" => Some((kind::BLOB, Some(1))),
        "blob" => Some((kind::BLOB, Some(2))),
        "mediumtext" => Some((kind::BLOB, Some(3))),
        "longblob" => Some((kind::BLOB, Some(4))),
        "enum" => Some((kind::ENUM, Some(1))),
        "set" => Some((
            kind::SET,
            Some(if told.column_type.matches(',').count() < 8 {
                1
            } else {
                2
            }),
        )),
        "tinyint" => Some((kind::TINY, Some(0))),
        "smallint" => Some((kind::SHORT, Some(0))),
        "mediumint" => Some((kind::INT24, Some(0))),
        "int" => Some((kind::LONG, Some(0))),
        "bigint" => Some((kind::LONGLONG, Some(0))),
        "year" => Some((kind::YEAR, Some(0))),
        "inet6" | "uuid" => Some((kind::STRING, Some(16))),
        _other => None,
    }
}

/// The labels as the type is written: in the recordings, of Latin, Latin-1 and Cyrillic characters.
fn labels(column: &ColumnMap) -> String {
    let name = if column.kind == kind::ENUM {
        "enum"
    } else {
        "set"
    };
    let decode = |bytes: &[u8]| match column.collation {
        Some(8) => encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned(),
        Some(51) => encoding_rs::WINDOWS_1251.decode(bytes).0.into_owned(),
        _utf8 => String::from_utf8(bytes.to_vec()).unwrap(),
    };
    let labels: Vec<String> = column
        .labels
        .as_ref()
        .unwrap()
        .iter()
        .map(|l| format!("'{}'", decode(l)))
        .collect();
    format!("{name}({})", labels.join(","))
}

fn key(server: &Server, table: &str, columns: &[Told]) -> Vec<usize> {
    let names = server.query_text(&format!(
        "SELECT column_name FROM information_schema.statistics \
         WHERE table_schema = 'shop' AND table_name = '{table}' AND index_name = 'PRIMARY' ORDER BY seq_in_index"
    ));
    let index = |name: &str| {
        columns
            .iter()
            .position(|column| column.name == name)
            .unwrap()
    };
    names
        .iter()
        .map(|row| index(row[0].as_deref().unwrap()))
        .collect()
}

async fn check(recording: &Recording) -> usize {
    let server = recording.run();
    let (events, framer) = events(&server.binlog_path(FILE)).await;
    let (is_full, is_none) = {
        let options = recording.sql();
        (
            !options.contains("row-metadata"),
            options.contains("row-metadata=NO_LOG"),
        )
    };
    let mut tables = BTreeMap::new();
    for event in &events {
        if event.kind() == EventKind::TableMap {
            let map = table_map(event.body(), framer.format());
            tables.insert(String::from_utf8(map.table.to_vec()).unwrap(), event);
        }
    }
    let mut count = 0;
    for (table, event) in &tables {
        let told = told(&server, table);
        let map = table_map(event.body(), framer.format());
        if told.is_empty() {
            continue;
        }
        assert_eq!(map.database, b"shop");
        assert!(map.same_bytes(event.body()) && !map.same_bytes(&event.body()[1..]));
        let columns = map.columns().unwrap();
        assert_eq!(columns.len(), told.len(), "{table}");
        for (found, told) in columns.iter().zip(&told) {
            let place = format!("{}: {table}.{}", recording.name, told.name);
            if is_none {
                assert_eq!((found.unsigned, found.collation), (None, None), "{place}");
                assert_eq!(
                    (found.nullable, &found.name),
                    (told.nullable, &None),
                    "{place}"
                );
            } else {
                compare(&place, recording.flavour, found, told, is_full);
            }
            count += 1;
        }
        let expected = is_full
            .then(|| key(&server, table, &told))
            .filter(|key| !key.is_empty());
        assert_eq!(
            map.key().unwrap(),
            expected,
            "{}: key of {table}",
            recording.name
        );
    }
    count
}

fn table_map<'a>(body: &'a [u8], format: &FormatDescription) -> TableMap<'a> {
    TableMap::parse(body, format, format.flavour()).unwrap()
}

#[tokio::test]
async fn table_maps_say_of_columns_what_information_schema_says() {
    for recording in &RECORDINGS {
        let count = check(recording).await;
        println!("{}: {count} columns compared", recording.name);
        assert!(count >= 6);
    }
}
