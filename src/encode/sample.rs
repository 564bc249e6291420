//! Batches built by hand, for tests of encoders.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{Destination, Encode, EncodeError, Format, InvalidText, Lines, LinesEncoder, Plan};
use crate::binlog::{Coordinates, Gtid};
use crate::change::statement::StatementKind;
use crate::change::{
    Batch, Ddl, EventStamp, Group, Item, Ledger, Origin, RowImages, Rows, RowsKind,
    StatementSession,
};
use crate::mysql::Flavour;
use crate::row::{Charset, Column, ColumnType, Table, TableName};

/// An image of a table of integers (4 bytes) and text (1 byte of length): a value, NULL, or absent.
pub(super) type SampleImage<'a> = &'a [Option<Option<&'a [u8]>>];

pub(super) const ABSENT: Option<Option<&[u8]>> = None;
pub(super) const NULL: Option<Option<&[u8]>> = Some(None);

pub(super) const fn int(value: &'static [u8; 4]) -> Option<Option<&'static [u8]>> {
    Some(Some(value))
}

pub(super) const fn text(value: &'static str) -> Option<Option<&'static [u8]>> {
    Some(Some(value.as_bytes()))
}

pub(super) const ONE: &[u8; 4] = &[1, 0, 0, 0];
pub(super) const TWO: &[u8; 4] = &[2, 0, 0, 0];

pub(super) fn table(key: &[usize]) -> Arc<Table> {
    let column = |name: &str, kind| Column {
        name: name.into(),
        kind,
        nullable: true,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    };
    let words = ColumnType::Text {
        prefix: 1,
        charset: Charset::Utf8,
    };
    Arc::new(Table::new(
        TableName::new("shop", "or\"ders"),
        vec![
            column(
                "id",
                ColumnType::Integer {
                    width: 4,
                    unsigned: false,
                },
            ),
            column("na\"me", words.clone()),
            column("note", words),
        ],
        key.to_vec(),
    ))
}

/// A batch of one group with one rows event of whole rows: one image each, or a pair.
pub(super) fn batch(table: &Arc<Table>, kind: RowsKind, images: &[SampleImage<'_>]) -> Batch {
    let per_row = if kind == RowsKind::Update { 2 } else { 1 };
    let present = |image: Option<&SampleImage<'_>>| {
        let cells = image.copied().unwrap_or_default().iter().enumerate();
        cells.fold(0u8, |bits, (index, cell)| {
            bits | u8::from(cell.is_some()) << index
        })
    };
    let mut buffer = vec![present(images.first()), present(images.get(per_row - 1))];
    for image in images {
        let shown: Vec<_> = image.iter().flatten().collect();
        let nulls = shown.iter().enumerate();
        let bits = nulls.fold(0u8, |bits, (index, cell)| {
            bits | u8::from(cell.is_none()) << index
        });
        buffer.extend((!shown.is_empty()).then_some(bits));
        for (index, cell) in image.iter().enumerate() {
            if let Some(Some(value)) = cell {
                if index > 0 {
                    buffer.push(u8::try_from(value.len()).expect("short"));
                }
                buffer.extend_from_slice(value);
            }
        }
    }
    let end = u32::try_from(buffer.len()).expect("small");
    let rows = Rows {
        table: 0,
        group: 0,
        buffer: 0,
        kind,
        images: RowImages {
            columns: 0..1,
            columns_after: 1..2,
            body: 2..end,
        },
        event: EventStamp {
            position: 400,
            timestamp: 0,
            server_id: 7,
        },
        first_row: 5,
        first_of_table: 2,
        row_in_event: 0,
        row_count: u32::try_from(images.len() / per_row).expect("small"),
        cascades: true,
        query: None,
    };
    Batch {
        origin: Arc::new(Origin {
            connector: "demo".into(),
            flavour: Flavour::MySql,
            server_uuid: Some(Uuid::from_u128(0x0a)),
            server_id: 3,
        }),
        received_us: 1_700_000_000_123_456,
        buffers: vec![buffer.into()],
        tables: vec![table.clone()],
        groups: vec![group()],
        queries: Vec::new(),
        items: vec![Item::Rows(rows)],
        end: None,
        ledger: Ledger::default(),
        revisions: Vec::new(),
        passed_over: Vec::new(),
    }
}

/// The group of the batch.
fn group() -> Group {
    Group {
        gtid: Some(Gtid::MySql {
            uuid: Uuid::from_u128(0x0b),
            tag: "".into(),
            number: 9,
        }),
        begin: Coordinates::new("binlog.000002", 157),
        server_id: 7,
        commit_us: 1_700_000_000_000_001,
        is_xa: false,
        snapshot: None,
        original_commit_us: None,
        thread_id: Some(11),
        xid: Some(99),
    }
}

/// The plan of a table whose records go to `demo.shop.orders`.
pub(super) fn plans(table: &Arc<Table>) -> Vec<Arc<Plan>> {
    let destination = Destination::by_key("demo.shop.orders".into(), &table.key);
    vec![Arc::new(Plan::of_records(
        Format::Json,
        table.clone(),
        destination,
    ))]
}

/// A batch of one table as lines.
pub(super) fn lines(batch: &Batch) -> Result<Lines, EncodeError> {
    let mut block = Lines::default();
    LinesEncoder::new(Format::Json, InvalidText::Fail).encode(
        batch,
        &plans(&batch.tables[0]),
        &mut block,
    )?;
    Ok(block)
}

/// A value a line.
pub(super) fn parsed(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect()
}

/// A statement that drops tables, the sixth change of the first group.
pub(super) fn drop_tables(statement: &str, tables: &[&str]) -> Ddl {
    Ddl {
        group: 0,
        sequence: 5,
        database: "shop".into(),
        renamed: None,
        kind: StatementKind::DropTable { temporary: false },
        tables: tables
            .iter()
            .map(|table| TableName::new("shop", *table))
            .collect(),
        changes: Vec::new(),
        emptied: None,
        database_charset: None,
        statement: statement.into(),
        session: StatementSession::default(),
        event: EventStamp {
            position: 200,
            ..EventStamp::default()
        },
    }
}
