//! A server's binlog files, through framer, table map, row images and the JSON encoder, to the text of each cell.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rowtap::binlog::{ColumnMap, Coordinates, EventKind, Framer, Header, RowsHeader, TableMap};
use rowtap::change::{Batch, EventStamp, Group, Item, Ledger, Origin, RowImages, Rows, RowsKind};
use rowtap::encode::{Encode, Format, InvalidText, Lines, LinesEncoder, Plan};
use rowtap::mysql;
use rowtap::row::{Column, ColumnFacts, ColumnType, Images, RowError, Table, TableName};

use crate::support::Flavour;

/// The cells of an image by their column's name, each as the JSON text that a record holds.
pub type Image = HashMap<String, String>;

/// A change of a row, as a consumer sees it.
#[derive(Debug)]
pub struct Change {
    pub table: String,
    /// The members `before` and `after` as the record has them.
    pub text: String,
}

/// Every row change of a database in a binlog file, in order; nothing of it may be refused.
pub fn changes(path: &Path, flavour: Flavour, database: &str) -> Vec<Change> {
    let (changes, refused) = decode(path, flavour, database);
    assert_eq!(refused, Vec::new());
    changes
}

/// What is refused of a database in a binlog file: the table and why.
pub fn refused(path: &Path, flavour: Flavour, database: &str) -> Vec<(String, String)> {
    decode(path, flavour, database).1
}

fn decode(path: &Path, flavour: Flavour, database: &str) -> (Vec<Change>, Vec<(String, String)>) {
    let bytes = Bytes::from(fs::read(path).expect("a binlog file"));
    let mut decoder = Decoder {
        framer: Framer::new(Coordinates::new("recorded.000001", 4)),
        flavour: flavour.family(),
        database,
        tables: HashMap::new(),
        encoder: LinesEncoder::new(Format::Json, InvalidText::Fail),
        changes: Vec::new(),
        refused: Vec::new(),
    };
    let mut at = 4;
    while at < bytes.len() {
        let size = Header::parse(&bytes[at..]).expect("an event").event_size as usize;
        decoder.take(bytes.slice(at..at + size));
        at += size;
    }
    (decoder.changes, decoder.refused)
}

/// The kinds of the events in a file.
pub fn kinds(path: &Path) -> HashSet<EventKind> {
    let bytes = fs::read(path).expect("a binlog file");
    let mut kinds = HashSet::new();
    let mut at = 4;
    while at < bytes.len() {
        let header = Header::parse(&bytes[at..]).expect("an event");
        kinds.insert(header.kind);
        at += header.event_size as usize;
    }
    kinds
}

struct Decoder<'a> {
    framer: Framer,
    flavour: mysql::Flavour,
    database: &'a str,
    tables: HashMap<u64, Arc<Table>>,
    encoder: LinesEncoder,
    changes: Vec<Change>,
    refused: Vec<(String, String)>,
}

impl Decoder<'_> {
    fn take(&mut self, event: Bytes) {
        let frame = self.framer.frame(&event).expect("a sound event");
        let body = event.slice(frame.body);
        let kind = match frame.header.kind {
            EventKind::TableMap => return self.table_map(&body),
            EventKind::WriteRows | EventKind::WriteRowsV1 => RowsKind::Write,
            EventKind::UpdateRows | EventKind::UpdateRowsV1 => RowsKind::Update,
            EventKind::PartialUpdateRows => RowsKind::PartialUpdate,
            EventKind::DeleteRows | EventKind::DeleteRowsV1 => RowsKind::Delete,
            _ => return,
        };
        let rows = RowsHeader::parse(frame.header.kind, &body).expect("a rows event");
        if let Some(table) = self.tables.get(&rows.table_id).cloned() {
            self.rows(&table, kind, &rows, body);
        }
    }

    fn table_map(&mut self, body: &[u8]) {
        let map = TableMap::parse(body, self.framer.format(), self.flavour).expect("a table map");
        self.tables.remove(&map.table_id);
        if map.database != self.database.as_bytes() {
            return;
        }
        let name = std::str::from_utf8(map.table).expect("a name");
        match columns(&map) {
            Ok(columns) => {
                let key = map.key().expect("a key").unwrap_or_default();
                let table = Table::new(TableName::new(self.database, name), columns, key);
                self.tables.insert(map.table_id, Arc::new(table));
            }
            Err(error) => self.refused.push((name.to_owned(), error.to_string())),
        }
    }

    fn rows(&mut self, table: &Arc<Table>, kind: RowsKind, rows: &RowsHeader, body: Bytes) {
        let after = &body[rows.columns_after.clone()];
        let present = &body[rows.columns.clone()];
        let images = &body[rows.body.clone()];
        let shape = match kind {
            RowsKind::PartialUpdate => Images::partial_update(table, present, after),
            RowsKind::Update | RowsKind::Entering { .. } => Images::update(table, present, after),
            RowsKind::Write | RowsKind::Delete | RowsKind::Read => Images::one(table, present),
        };
        let counted = shape.and_then(|shape| shape.count(images));
        let row_count = match counted {
            Ok(row_count) => row_count,
            Err(error) => {
                let name = table.name.table.to_string();
                return self.refused.push((name, error.to_string()));
            }
        };
        let range = |range: &std::ops::Range<usize>| {
            u32::try_from(range.start).expect("small")..u32::try_from(range.end).expect("small")
        };
        let item = Rows {
            table: 0,
            group: 0,
            buffer: 0,
            kind,
            images: RowImages {
                columns: range(&rows.columns),
                columns_after: range(&rows.columns_after),
                body: range(&rows.body),
            },
            event: EventStamp {
                position: 4,
                timestamp: 0,
                server_id: 1,
            },
            first_row: 0,
            first_of_table: 0,
            row_in_event: 0,
            row_count,
            cascades: true,
            query: None,
        };
        let batch = self.batch(table, item, body);
        let plans = [Arc::new(Plan::of_lines(Format::Json, table.clone()))];
        let mut block = Lines::default();
        self.encoder
            .encode(&batch, &plans, &mut block)
            .expect("values");
        let text = String::from_utf8(block.bytes).expect("JSON is UTF-8");
        assert_eq!(text.lines().count(), row_count as usize);
        for line in text.lines() {
            let event = members(line);
            self.changes.push(Change {
                text: format!("{} -> {}", event["before"], event["after"]),
                table: table.name.table.to_string(),
            });
        }
    }

    fn batch(&self, table: &Arc<Table>, rows: Rows, body: Bytes) -> Batch {
        Batch {
            origin: Arc::new(Origin {
                connector: "values".into(),
                flavour: self.flavour,
                server_uuid: None,
                server_id: 1,
            }),
            received_us: 0,
            buffers: vec![body],
            tables: vec![table.clone()],
            groups: vec![Group {
                gtid: None,
                begin: self.framer.next().clone(),
                server_id: 1,
                commit_us: 0,
                snapshot: None,
                original_commit_us: None,
                thread_id: None,
                xid: None,
                is_xa: false,
            }],
            queries: Vec::new(),
            items: vec![Item::Rows(rows)],
            end: None,
            ledger: Ledger::default(),
            revisions: Vec::new(),
            passed_over: Vec::new(),
        }
    }
}

fn columns(map: &TableMap<'_>) -> Result<Vec<Column>, RowError> {
    let columns = map.columns().expect("columns");
    let resolve = |(index, column): (usize, &ColumnMap)| {
        let kind = ColumnType::resolve(&ColumnFacts::of(index, column))?;
        let unnamed = || format!("#{index}").into();
        let name = column.name.clone().unwrap_or_else(unnamed);
        Ok(Column {
            name,
            kind,
            nullable: column.nullable,
            computed: None,
            declared: None,
            default: None,
            comment: None,
        })
    };
    columns.iter().enumerate().map(resolve).collect()
}

/// The members of a JSON object with the text of each value, so that no parser touches its digits.
pub fn members(object: &str) -> Image {
    let mut members = Image::new();
    for (name, value) in in_order(object) {
        let name = serde_json::from_str(&format!("\"{name}\"")).expect("a string");
        let earlier = members.insert(name, value.to_owned());
        assert!(earlier.is_none(), "a member twice");
    }
    members
}

/// The same in the object's order, names as they stand between their quotes.
pub fn in_order(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside = object
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let mut rest = inside.expect("an object");
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (name, behind) = rest.split_at(end_of_value(rest));
        let behind = behind.strip_prefix(':').expect("a colon");
        let (value, behind) = behind.split_at(end_of_value(behind));
        rest = behind.strip_prefix(',').unwrap_or(behind);
        let name = name
            .strip_prefix('"')
            .and_then(|name| name.strip_suffix('"'));
        Some((name.expect("a name"), value))
    })
}

/// Where the value that `text` begins with ends: at a comma, colon or closing bracket outside it.
fn end_of_value(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' | b':' if depth == 0 => return at,
            _other => {}
        }
    }
    text.len()
}
