//! The plain layout's types, from `schemas/types.md`: the schema of each column, and its value, on real servers.

use apache_avro::types::Value;
use apache_avro::{Decimal, Schema};
use serde_json::Value as Json;

use crate::commands::process::{Folder, account, source};
use crate::sinks::avro_files::{committed, rows};
use crate::support::{Flavour, Server};

/// A row of the table.
struct Mapping {
    on: String,
    definition: String,
    value: String,
    schema: Json,
    read: String,
}

fn mappings() -> Vec<Mapping> {
    let document = include_str!("../../schemas/types.md");
    let (_, section) = document.split_once("\n## Avro\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, on, definition, value, schema, read, _, _] = cells[..] else {
            return None;
        };
        let code = |cell: &str| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        Some(Mapping {
            on: on.to_owned(),
            definition: code(definition)?,
            value: code(value)?,
            schema: serde_json::from_str(&code(schema)?).unwrap(),
            read: code(read)?,
        })
    });
    rows.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value as the document shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Union(_, value) => shown(value),
        Value::Boolean(value) => value.to_string(),
        Value::Int(value) | Value::Date(value) => value.to_string(),
        Value::Long(value) | Value::TimestampMicros(value) | Value::LocalTimestampMicros(value) => {
            value.to_string()
        }
        Value::Float(value) => value.to_string(),
        Value::Double(value) => value.to_string(),
        Value::String(value) => value.clone(),
        Value::Uuid(value) => value.to_string(),
        Value::Bytes(value) => hex(value),
        Value::Decimal(value) => unscaled(value),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            values.join(" ")
        }
        Value::Record(fields) => {
            let fields: Vec<String> = fields.iter().map(|(_, value)| shown(value)).collect();
            fields.join(" ")
        }
        other => panic!("{other:?}"),
    }
}

fn unscaled(value: &Decimal) -> String {
    let bytes = Vec::<u8>::try_from(value).unwrap();
    let is_negative = bytes[0] >= 0x80;
    let start = if is_negative { -1_i128 } else { 0 };
    let number = bytes
        .iter()
        .fold(start, |number, byte| number << 8 | i128::from(*byte));
    number.to_string()
}

#[test]
fn each_type_is_in_avro_as_the_document_says() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let family = match flavour {
            Flavour::MySql97 => "mysql",
            _mariadb => "mariadb",
        };
        let mappings = mappings();
        assert!(mappings.len() > 20);
        let of_server = mappings
            .iter()
            .filter(|mapping| mapping.on == "all" || mapping.on == family);
        let of_server: Vec<&Mapping> = of_server.collect();
        let server = Server::shared(flavour);
        let database = server.unique_database();
        let user = format!("u_{database}");
        account(server, &user);
        let text = source(server.port(), &user).replace(
            "[sink]\n",
            &format!("[filter]\nreplicate-do-db = ['{database}']\n[sink]\nformat = 'avro'\n"),
        );
        let folder = Folder::new(&format!("{text}[sink.avro]\nlayout = 'plain'\n"));
        let run = || folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        run();
        let columns: Vec<String> = of_server
            .iter()
            .enumerate()
            .map(|(index, mapping)| format!("c{index} {}", mapping.definition))
            .collect();
        let values: Vec<&str> = of_server.iter().map(|mapping| &*mapping.value).collect();
        server.execute(&format!(
            "USE {database}; SET time_zone = '+00:00'; CREATE TABLE t ({}); INSERT INTO t VALUES ({})",
            columns.join(", "),
            values.join(", ")
        ));
        run();
        let files = committed(&folder.path("changes"));
        let (_, bytes) = files.iter().find(|(name, _)| name.contains(".t-")).unwrap();
        let reader = apache_avro::Reader::new(&bytes[..]).unwrap();
        let Schema::Record(_) = reader.writer_schema() else {
            panic!("no record");
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let row = rows(bytes).remove(0);
        let header = schema_in(&text);
        for (index, mapping) in of_server.iter().enumerate() {
            let name = format!("c{index}");
            let fields = header["fields"].as_array().unwrap();
            let field = fields.iter().find(|field| field["name"] == *name).unwrap();
            assert_eq!(
                field["type"],
                serde_json::json!(["null", mapping.schema]),
                "{}",
                mapping.definition
            );
            let (_, value) = row.iter().find(|(field, _)| *field == name).unwrap();
            assert_eq!(shown(value), mapping.read, "{}", mapping.definition);
        }
    }
}

/// The schema in a file's header.
fn schema_in(text: &str) -> Json {
    let start = text.find("{\"type\":\"record\"").unwrap();
    let mut stream = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Json>();
    stream.next().unwrap().unwrap()
}
