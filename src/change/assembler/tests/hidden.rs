//! Hidden columns in made-up events: a value where none can be stops the stream.

use super::*;

/// An assembler that reads `d.t` as a column `id` and hidden ones at these places.
fn believing(hidden: &[usize]) -> Assembler {
    let mut assembler = assembler("{}", usize::MAX, &[]);
    let at = point(4);
    let column = ColumnDefinition {
        name: "id".into(),
        column_type: "int".into(),
        ..ColumnDefinition::default()
    };
    let definition = Definition {
        table: Arc::new(TableDefinition {
            columns: vec![column],
            hidden: hidden.to_vec(),
            ..TableDefinition::default()
        }),
        read_from: at.clone(),
        read_to: at,
        is_sequence: false,
    };
    assembler.define(TableName::new("d", "t"), Some(definition));
    assembler
}

/// A table map of so many INT columns and an insert of a row that has values in these.
fn written(count: u8, present: &[u8]) -> Writer {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    let mut map = vec![1, 0, 0, 0, 0, 0, 1, 0, 1, b'd', 0, 1, b't', 0, count];
    map.extend(vec![3; usize::from(count)]);
    map.extend([0, 0]);
    writer.event(EventKind::TableMap, &map);
    let bitmap = present.iter().fold(0, |bits, place| bits | 1u8 << place);
    let mut rows = vec![1, 0, 0, 0, 0, 0, 1, 0, 2, 0, count, bitmap, 0];
    for place in present {
        rows.extend((7 + u32::from(*place)).to_le_bytes());
    }
    writer.event(EventKind::WriteRows, &rows);
    writer.xid();
    writer
}

#[test]
fn a_value_of_a_hidden_column_stops_the_stream() {
    for (hidden, count, present, expected) in [
        (&[0][..], 2, &[1][..], Some(8)),
        (&[1], 2, &[0], Some(7)),
        (&[1], 1, &[0], Some(7)),
        (&[0, 1, 3], 4, &[2], Some(9)),
        (&[0], 2, &[0, 1], None),
        (&[0], 2, &[0], None),
        (&[0, 1, 3], 4, &[3], None),
    ] {
        let found = run(believing(hidden), written(count, present));
        let shown = format!("{hidden:?} {count} {present:?}: {found:?}");
        match (found, expected) {
            (Ok(found), Some(id)) => assert_eq!(found.rows, [("d.t".to_owned(), id)], "{shown}"),
            (Err(error), None) => {
                assert!(
                    matches!(
                        *error.trouble,
                        Trouble::TableMap(TableMapError::HiddenValue { .. })
                    ),
                    "{shown}"
                );
            }
            _other => panic!("{shown}"),
        }
    }
}
