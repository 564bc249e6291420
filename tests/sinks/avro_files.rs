//! The sink of Avro files: the contract of sinks, files that change with a table's schema, and many tables; read by apache-avro.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use apache_avro::types::Value;
use rowtap::encode::{
    AvroLayout, AvroOptions, ContainerPart, Containers, Format, FormatSections, FormatSettings,
    Plan,
};
use rowtap::row::{Column, ColumnType, Table, TableName};
use rowtap::sink::{self, FileOptions, Sink};
use tempfile::TempDir;

use super::contract::{self, Subject, begin, write};
use super::{checkpoint, run};

struct Folder {
    parent: TempDir,
    options: &'static str,
}

impl Folder {
    fn with(options: &'static str) -> Self {
        Self {
            parent: tempfile::tempdir().unwrap(),
            options,
        }
    }

    fn path(&self) -> PathBuf {
        self.parent.path().join("out")
    }

    /// The files with the bytes that count of them.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        committed(&self.path())
    }
}

impl Subject for Folder {
    type Sink = sink::AvroFiles;
    const ONCE: bool = true;

    fn open(&self) -> sink::AvroFiles {
        let options = format!(
            "{{\"folder\": {:?}, \"format\": \"avro\", \"avro\": {{\"layout\": \"plain\"}}{}}}",
            self.path(),
            self.options
        );
        let options: FileOptions = serde_json::from_str(&options).unwrap();
        sink::AvroFiles::new(options, "shop")
    }

    fn block(&self, numbers: Range<u64>) -> Containers {
        block(&[("orders", &["n"], numbers)])
    }

    fn read(&self) -> Vec<u64> {
        let files = self.files();
        let rows = files.iter().flat_map(|(_, bytes)| rows(bytes));
        rows.map(|row| number(&row, "n")).collect()
    }
}

/// Rows of tables, each a name, its columns, and the numbers that every column of a row has.
fn block(tables: &[(&str, &[&str], Range<u64>)]) -> Containers {
    let mut block = Containers::default();
    for (index, (table, columns, numbers)) in tables.iter().enumerate() {
        block.plans.push(plan(table, columns));
        let start = block.bytes.len();
        for number in numbers.clone() {
            for _column in *columns {
                write_long(number, &mut block.bytes);
            }
            // The operation, and nothing of all else that is known of a change.
            block.bytes.extend([2, b'c', 0, 0, 0, 0, 0, 0, 0]);
        }
        block.parts.push(ContainerPart {
            table: Some(u32::try_from(index).unwrap()),
            range: start..block.bytes.len(),
            count: numbers.end - numbers.start,
        });
    }
    block
}

fn plan(table: &str, columns: &[&str]) -> Arc<Plan> {
    let column = |name: &&str| Column {
        name: (*name).into(),
        kind: ColumnType::Integer {
            width: 8,
            unsigned: false,
        },
        nullable: false,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    };
    let columns = columns.iter().map(column).collect();
    let table = Table::new(TableName::new("shop", table), columns, Vec::new());
    let options = AvroOptions {
        layout: AvroLayout::Plain,
        ..AvroOptions::default()
    };
    let sections = FormatSections {
        format: Format::Avro,
        avro: Some(&options),
        ..FormatSections::default()
    };
    let settings = FormatSettings::new(sections, "shop");
    Arc::new(Plan::of_lines(settings, Arc::new(table)))
}

fn write_long(number: u64, out: &mut Vec<u8>) {
    let mut rest = number << 1;
    while rest >= 0x80 {
        out.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).unwrap());
}

/// What a reader finds that trusts the manifest, by the program that `schemas/state.md` gives to readers.
pub fn committed(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let text = include_str!("../../schemas/state.md");
    let (_, text) = text.split_once("```python\n").unwrap();
    let (reader, _) = text.split_once("```").unwrap();
    let script = format!(
        "{reader}\nimport sys\nfor name, count in sorted(committed(sys.argv[1]).items()):\n    print(name, count)\n"
    );
    let output = Command::new("python3")
        .args(["-c", &script, folder.to_str().unwrap()])
        .output()
        .expect("python3 is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let files = text.lines().map(|line| {
        let (name, count) = line.rsplit_once(' ').unwrap();
        let mut bytes = fs::read(folder.join(name)).unwrap();
        bytes.truncate(count.parse().unwrap());
        (name.to_owned(), bytes)
    });
    files.collect()
}

/// The records of a file, each with the names of its fields.
pub fn rows(bytes: &[u8]) -> Vec<Vec<(String, Value)>> {
    let reader = apache_avro::Reader::new(bytes).unwrap();
    let rows = reader.map(|row| match row.unwrap() {
        Value::Record(fields) => fields,
        other => panic!("{other:?}"),
    });
    rows.collect()
}

fn number(row: &[(String, Value)], name: &str) -> u64 {
    let (_, value) = row.iter().find(|(field, _)| field == name).unwrap();
    match value {
        Value::Long(value) => u64::try_from(*value).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_contract_holds() {
    contract::holds(|_| Folder::with(""));
}

#[test]
fn the_contract_holds_while_files_rotate() {
    contract::holds(|_| Folder::with(", \"rotate_bytes\": 500"));
}

#[test]
fn a_table_whose_schema_changes_goes_on_in_another_file() {
    let folder = Folder::with("");
    run(async {
        let mut sink = begin(&folder).await;
        let mut changed = block(&[
            ("orders", &["n"], 0..10),
            ("lines", &["n"], 0..5),
            ("orders", &["n", "more"], 10..20),
            ("lines", &["n"], 5..9),
        ]);
        sink.write(&mut changed).await.unwrap();
        sink.commit(&checkpoint(20)).await.unwrap();
        write(&folder, &mut sink, 20..22).await;
        sink.commit(&checkpoint(22)).await.unwrap();
    });
    let files = folder.files();
    let found: Vec<(&str, Vec<u64>)> = files
        .iter()
        .map(|(name, bytes)| {
            let rows = rows(bytes);
            (&**name, rows.iter().map(|row| number(row, "n")).collect())
        })
        .collect();
    assert_eq!(
        found,
        [
            ("changes.shop.lines-00000001.avro", (0..9).collect()),
            ("changes.shop.orders-00000001.avro", (0..10).collect()),
            ("changes.shop.orders-00000002.avro", (10..20).collect()),
            ("changes.shop.orders-00000003.avro", (20..22).collect()),
        ]
    );
}

#[test]
fn a_file_that_a_crash_cut_anywhere_beyond_the_manifest_is_whole_again() {
    let folder = Folder::with("");
    run(async {
        let mut sink = begin(&folder).await;
        write(&folder, &mut sink, 0..10).await;
        sink.commit(&checkpoint(10)).await.unwrap();
        write(&folder, &mut sink, 10..20).await;
    });
    let (name, whole) = folder.files().remove(0);
    let path = folder.path().join(name);
    let written = fs::read(&path).unwrap();
    assert!(written.len() > whole.len());
    for length in whole.len()..=written.len() {
        fs::write(&path, &written[..length]).unwrap();
        assert_eq!(folder.read(), (0..10).collect::<Vec<_>>());
        run(async {
            let mut sink = folder.open();
            assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(10)));
        });
        assert_eq!(fs::read(&path).unwrap(), whole, "{length}");
    }
}

#[test]
fn more_tables_than_files_can_be_open_are_written_all_the_same() {
    let folder = Folder::with("");
    let names: Vec<String> = (0..400).map(|number| format!("t{number:03}")).collect();
    run(async {
        let mut sink = begin(&folder).await;
        for round in 0..2 {
            let tables: Vec<(&str, &[&str], Range<u64>)> = names
                .iter()
                .map(|name| (&**name, &["n"][..], round..round + 1))
                .collect();
            sink.write(&mut block(&tables)).await.unwrap();
            sink.commit(&checkpoint(round + 1)).await.unwrap();
        }
    });
    let mut found: Vec<(String, u64)> = Vec::new();
    for (name, bytes) in folder.files() {
        let table = name.split('-').next().unwrap().to_owned();
        found.extend(
            rows(&bytes)
                .iter()
                .map(|row| (table.clone(), number(row, "n"))),
        );
    }
    let expected: Vec<(String, u64)> = names
        .iter()
        .flat_map(|name| (0..2).map(move |round| (format!("changes.shop.{name}"), round)))
        .collect();
    assert_eq!(found, expected);
}
