//! What a batch tells of a transaction beside its rows: its connection, its number, and the statements that were logged.

use super::*;
use crate::binlog::EventKind;

/// The statement of each rows event, with the row in its event at which it begins.
fn queries(batch: &Batch) -> Vec<(Option<String>, u32)> {
    let rows = batch.items.iter().map(|item| match item {
        Item::Rows(rows) => rows,
        Item::Ddl(_) | Item::Edge(_) => panic!("rows"),
    });
    let text = |query: u32| {
        let query = &batch.queries[query as usize];
        let buffer = &batch.buffers[query.buffer as usize];
        let text = &buffer[query.text.start as usize..query.text.end as usize];
        String::from_utf8(text.to_vec()).unwrap()
    };
    rows.map(|rows| (rows.query.map(text), rows.row_in_event))
        .collect()
}

fn write(writer: &mut Writer, values: &[i32]) {
    writer.query("BEGIN");
    for (number, values) in values.chunks(20).enumerate() {
        let mut text = vec![1];
        text.extend(format!("INSERT {number}").bytes());
        writer.event(EventKind::RowsQuery, &text);
        writer.table_map(1, "d", "t", true);
        writer.insert(1, values);
    }
    writer.xid();
}

#[test]
fn a_batch_tells_the_connection_the_transaction_and_the_statements() {
    let values: Vec<i32> = (0..60).collect();
    let mut writer = Writer::new();
    writer.gtid(1);
    write(&mut writer, &values);
    let mut found = Vec::new();
    let watch = |batch: &Batch| {
        found.extend(queries(batch));
        for group in &batch.groups {
            assert_eq!((group.thread_id, group.xid), (Some(0), Some(9)));
        }
    };
    let outcome = run_watching(assembler("{}", usize::MAX, &[]), &writer, watch).unwrap();
    assert!(outcome.pieces > 0, "the group is larger than a batch");
    let expected = (0..3).map(|number| (Some(format!("INSERT {number}")), 0));
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn the_number_of_a_compressed_transaction_is_known_where_its_end_is() {
    let mut inner = Writer::new();
    let begin = inner.bytes.len();
    write(&mut inner, &[1, 2]);
    let mut writer = Writer::new();
    writer.gtid(1);
    let body = packed::payload(&inner.bytes.split_off(begin));
    writer.event(EventKind::TransactionPayload, &body);
    let mut found = Vec::new();
    let watch = |batch: &Batch| {
        let statements = queries(batch).into_iter().map(|(query, _)| query);
        let of_group = batch.groups.iter().map(|group| group.xid);
        found.extend(of_group.zip(statements));
    };
    run_watching(assembler("{}", usize::MAX, &[]), &writer, watch).unwrap();
    assert_eq!(found, [(Some(9), Some("INSERT 0".to_owned()))]);
}
