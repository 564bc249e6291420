//! Definitions as information_schema tells them, beside what the server itself says of the same table.

use std::sync::Arc;

use rowtap::binlog::Coordinates;
use rowtap::change::{ColumnDefinition, Definition, Lineage, Point};
use rowtap::mysql::Flavour as Family;
use rowtap::row::TableName;
use rowtap::source::DefinitionReader;

use super::{create_replica_account, options, run, server};
use crate::support::{Flavour, Server};

fn read(server: &Server, database: &str, table: &str) -> Option<Definition> {
    run(async {
        let mut definitions = DefinitionReader::new(options(server, r#""latest""#));
        definitions
            .read(&TableName::new(database, table))
            .await
            .unwrap()
    })
}

/// The first binlogs of a server.
fn lineage(server: &Server) -> Lineage {
    let is_mysql = server.query_one("SELECT @@version NOT LIKE '%MariaDB%'");
    let uuid = (is_mysql.as_deref() == Some("1")).then(|| server.query_one("SELECT @@server_uuid"));
    let id = server.query_one("SELECT @@server_id").unwrap();
    Lineage {
        server_uuid: uuid.flatten().map(|uuid| uuid.parse().unwrap()),
        server_id: id.parse().unwrap(),
        incarnation: 0,
    }
}

#[test]
fn a_table_of_another_server_than_the_streams_proves_nothing() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT)");
        let own = Lineage {
            incarnation: 3,
            ..lineage(&server)
        };
        let other = Lineage {
            server_uuid: own.server_uuid.map(|_| uuid::Uuid::from_u128(7)),
            server_id: own.server_id + 1,
            ..own
        };
        let (file, position) = server.coordinates();
        let table = TableName::new("d", "t");
        for (of, proves) in [(own, true), (other, false)] {
            let of = Arc::new(of);
            let at = Point::new(&of, Coordinates::new(file.as_str(), position));
            run(async {
                let options = options(&server, r#""latest""#);
                let mut definitions = DefinitionReader::of(options, Arc::clone(&of));
                let found = definitions.serve(&table, &at, None).await.unwrap().unwrap();
                let expected = if proves { Some(false) } else { None };
                assert_eq!(found.read_to.is_after(&at), expected, "{flavour:?}");
                let engine = definitions.engine(&table, &at).await.unwrap();
                assert_eq!(engine, proves.then_some(true), "{flavour:?}");
            });
        }
    }
}

#[test]
fn a_definition_holds_types_labels_and_the_key_in_its_order() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE `a``b'c`");
        server.execute(
            r"CREATE TABLE `a``b'c`.`t\\x` (
                n INT UNSIGNED NOT NULL, k2 VARCHAR(20) CHARACTER SET latin1, k1 BIGINT,
                e ENUM('x','it''s','back\\slash','c,d','nl\nx','nul\0z','ü') CHARACTER SET utf8mb4,
                s SET('1','o''k'), v INT AS (n + 1) VIRTUAL, w INT AS (n + 2) STORED, b BLOB, d DECIMAL(10,2) NOT NULL,
                PRIMARY KEY (k1, k2)) DEFAULT CHARACTER SET utf8mb4",
        );
        let read = read(&server, "a`b'c", "t\\\\x").unwrap();
        let found = &read.table;
        let names: Vec<&str> = found.columns.iter().map(|column| &*column.name).collect();
        assert_eq!(names, ["n", "k2", "k1", "e", "s", "v", "w", "b", "d"]);
        assert_eq!(found.key, [2, 1]);
        assert_eq!(found.transactional, Some(true));
        let types: Vec<&str> = found
            .columns
            .iter()
            .map(|column| column.data_type())
            .collect();
        assert_eq!(
            types,
            [
                "int", "varchar", "bigint", "enum", "set", "int", "int", "blob", "decimal"
            ]
        );
        let charsets: Vec<Option<&str>> = found
            .columns
            .iter()
            .map(|column| column.charset.as_deref())
            .collect();
        assert_eq!(charsets[1], Some("latin1"));
        assert_eq!(
            (charsets[0], charsets[3], charsets[7]),
            (None, Some("utf8mb4"), None)
        );
        let unsigned: Vec<bool> = found
            .columns
            .iter()
            .map(ColumnDefinition::unsigned)
            .collect();
        assert_eq!(unsigned.iter().filter(|unsigned| **unsigned).count(), 1);
        assert!(unsigned[0] && !found.columns[0].nullable && found.columns[4].nullable);
        let labels = found.columns[3].labels();
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        assert_eq!(
            labels,
            ["x", "it's", "back\\slash", "c,d", "nl\nx", "nul\0z", "ü"]
        );
        let labels = found.columns[4].labels();
        let labels: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        assert_eq!(labels, ["1", "o'k"]);
        assert_eq!(read.read_from.is_after(&read.read_to), Some(false));
        assert_eq!(*read.read_to.lineage, lineage(&server));
        let (file, position) = server.coordinates();
        assert_eq!(
            (
                &*read.read_to.coordinates.file,
                read.read_to.coordinates.position
            ),
            (file.as_str(), position)
        );
    }
}

#[test]
fn labels_are_those_the_server_stores() {
    // The server numbers a label; asking it for each number's text is the oracle.
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE d");
        server.execute(r"CREATE TABLE d.t (e ENUM('\\','\\\\','''','\'\'','\n','\\n','\r','\0','\\0','\t','\Z','\b','%','\%') COLLATE utf8mb4_bin)");
        let labels = read(&server, "d", "t").unwrap().table.columns[0].labels();
        assert_eq!(labels.len(), 14);
        for (number, label) in labels.iter().enumerate() {
            server.execute(&format!(
                "DELETE FROM d.t; INSERT INTO d.t VALUES ({})",
                number + 1
            ));
            let hex: String = label.bytes().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(
                server.query_one("SELECT HEX(e) FROM d.t"),
                Some(hex),
                "label {}",
                number + 1
            );
        }
    }
}

#[test]
fn engines_say_whether_they_take_part_in_transactions() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE d");
        for (engine, expected) in [("InnoDB", true), ("MyISAM", false), ("MEMORY", false)] {
            server.execute(&format!("CREATE TABLE d.t (a INT) ENGINE={engine}"));
            let found = read(&server, "d", "t").unwrap().table;
            assert_eq!(found.transactional, Some(expected), "{engine}");
            assert_eq!(found.key, Vec::<usize>::new());
            server.execute("DROP TABLE d.t");
        }
    }
}

#[test]
fn views_and_what_is_not_there_have_no_definition_and_sequences_have_one() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute(
            "CREATE DATABASE d; CREATE TABLE d.t (a INT); CREATE VIEW d.v AS SELECT * FROM d.t",
        );
        if flavour.family() == Family::MariaDb {
            server.execute("CREATE SEQUENCE d.s");
            let columns = &read(&server, "d", "s").unwrap().table.columns;
            assert_eq!(columns.len(), 8);
            assert_eq!(&*columns[0].name, "next_not_cached_value");
        }
        assert_eq!(read(&server, "d", "v"), None);
        assert_eq!(read(&server, "d", "nothing"), None);
        assert_eq!(read(&server, "nowhere", "t"), None);
        assert!(read(&server, "d", "t").is_some());
        assert_eq!(read(&server, "d", "T"), None, "names compare by case here");
    }
}

#[test]
fn an_account_without_rights_sees_no_definition() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        create_replica_account(&server);
        server.execute("REVOKE SELECT ON *.* FROM replica");
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT)");
        assert_eq!(read(&server, "d", "t"), None);
    }
}

#[test]
fn a_generated_invisible_key_is_a_column_whatever_the_server_shows() {
    let server = server(
        Flavour::MySql97,
        &[
            "--sql-generate-invisible-primary-key=ON",
            "--show-gipk-in-create-table-and-information-schema=OFF",
        ],
    );
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT)");
    let found = read(&server, "d", "t").unwrap().table;
    let names: Vec<&str> = found.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["my_row_id", "a"]);
    assert_eq!(found.key, [0]);
}

#[test]
fn a_connection_that_broke_in_between_is_replaced() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT)");
        run(async {
            let mut definitions = DefinitionReader::new(options(&server, r#""latest""#));
            let name = TableName::new("d", "t");
            assert!(definitions.read(&name).await.unwrap().is_some());
            tokio::task::block_in_place(|| server.restart());
            assert!(definitions.read(&name).await.unwrap().is_some());
            tokio::task::block_in_place(|| server.stop());
            let error = definitions.read(&name).await.unwrap_err();
            assert!(error.class().is_transient(), "{}", super::chain(&error));
            tokio::task::block_in_place(|| server.start_again());
            assert!(definitions.read(&name).await.unwrap().is_some());
        });
    }
}

#[test]
fn all_definitions_at_once_are_those_of_each_table() {
    for flavour in Flavour::ALL {
        let server = server(flavour, &[]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (a INT, b ENUM('x'), PRIMARY KEY (a))");
        server.execute("CREATE DATABASE e; CREATE TABLE e.t (a INT) ENGINE=MyISAM; CREATE VIEW e.v AS SELECT 1");
        let known = run(async {
            DefinitionReader::new(options(&server, r#""latest""#))
                .read_all()
                .await
                .unwrap()
        });
        let mut names: Vec<String> = known.tables.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        assert_eq!(names, ["d.t", "e.t"]);
        for (name, definition) in &known.tables {
            assert_eq!(
                read(&server, &name.database, &name.table).as_ref(),
                Some(definition),
                "{name}"
            );
        }
        let (file, position) = server.coordinates();
        assert_eq!(known.end.coordinates, Coordinates::new(file, position));
    }
}
