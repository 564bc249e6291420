//! Tables that MariaDB leaves behind under their old names where `ALTER TABLE` gives them another name and copies their rows.

use mysql::prelude::Queryable;
use rowtap::mysql::Flavour as Family;

use super::stopped::{connector, default_metadata, rows, succeeds};
use crate::support::{Flavour, Server};

/// Names that MariaDB's file names write otherwise, and one that they do not.
const NAMES: [&str; 4] = ["Tä 1", "a-b", "t$", "plain"];

#[test]
fn a_table_that_is_left_behind_under_its_old_name_is_known_as_it_was() {
    let flavours = match super::is_full() {
        true => &Flavour::EVERY[..],
        false => &[Flavour::MariaDb1011, Flavour::MySql97][..],
    };
    for flavour in flavours {
        let server = Server::start(*flavour, default_metadata(*flavour));
        let late = connector(&server, "root", "'earliest'");
        let live = connector(&server, "root", "'earliest'");
        server.execute("SET NAMES utf8mb4; CREATE DATABASE shop");
        for (number, name) in NAMES.iter().enumerate() {
            server.execute(&format!(
                "SET NAMES utf8mb4; USE shop; CREATE TABLE `{name}` (id INT PRIMARY KEY, `as it was` INT UNSIGNED); \
                 ALTER TABLE `{name}` MODIFY `as it was` BIGINT, RENAME TO new{number}; \
                 INSERT INTO new{number} VALUES ({number}, -1)"
            ));
        }
        succeeds(&live);
        let is_left = |name: &&&str| {
            let count = format!(
                "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' AND TABLE_NAME = '{name}'"
            );
            let count: Option<u64> = server.connect().query_first(count).expect("a count");
            count == Some(1)
        };
        let left: Vec<&&str> = NAMES.iter().filter(is_left).collect();
        let is_mysql = flavour.family() == Family::MySql;
        assert_eq!(left.is_empty(), is_mysql, "{flavour:?}: {left:?}");
        for name in &left {
            server.execute(&format!(
                "SET NAMES utf8mb4; USE shop; INSERT INTO `{name}` VALUES (1, 4294967295); \
                 CREATE TABLE `like {name}` LIKE `{name}`; INSERT INTO `like {name}` VALUES (2, 1); \
                 ALTER TABLE `{name}` ADD late INT, RENAME TO `late {name}`; INSERT INTO `late {name}` VALUES (3, 2, 1)"
            ));
        }
        // Nothing of it is left to be asked about.
        server.execute("DROP DATABASE shop");
        for connector in [&late, &live] {
            succeeds(connector);
            for name in &left {
                let found = |table: &str| rows(connector, table);
                assert_eq!(found(name), [r#"{"as it was":4294967295,"id":1}"#]);
                assert_eq!(found(&format!("like {name}")).len(), 1);
                assert_eq!(
                    found(&format!("late {name}")),
                    [r#"{"as it was":2,"id":3,"late":1}"#]
                );
            }
            for number in 0..NAMES.len() {
                assert_eq!(rows(connector, &format!("new{number}")).len(), 1);
            }
        }
    }
}
