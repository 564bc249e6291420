//! The ways in which gh-ost and pt-online-schema-change alter a table, statement by statement as those tools send them.
//!
//! Threatens whoever runs such a tool: the same rows twice under two names, or rows of the altered table under the columns
//! that it had before.

use rowtap::mysql::Flavour as Family;
use serde_json::{Value, json};

use super::events::{ONCE, prepare};
use super::process::Folder;
use crate::support::{Flavour, Server};

const TABLE: &str =
    "CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20));
     INSERT INTO a.t (name) VALUES ('one'), ('two'), ('three')";

/// A copy with a column in front takes the table's place; a client applies what happens to the table meanwhile.
const GHOST: &str = "USE a;
     CREATE /* gh-ost */ TABLE `a`.`_t_ghc` (id BIGINT AUTO_INCREMENT, last_update TIMESTAMP NOT NULL DEFAULT
       CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, hint VARCHAR(64) CHARSET ascii NOT NULL, value VARCHAR(4096) CHARSET
       ascii NOT NULL, PRIMARY KEY (id), UNIQUE KEY hint_uidx (hint)) AUTO_INCREMENT=256 COMMENT='gh-ost';
     INSERT /* gh-ost */ INTO `a`.`_t_ghc` (id, hint, value) VALUES (2, 'state', 'GhostTableMigrated');
     CREATE /* gh-ost */ TABLE `a`.`_t_gho` LIKE `a`.`t`;
     ALTER /* gh-ost */ TABLE `a`.`_t_gho` ADD COLUMN extra INT DEFAULT 7 FIRST;
     INSERT INTO t (name) VALUES ('four');
     INSERT /* gh-ost `a`.`t` */ IGNORE INTO `a`.`_t_gho` (`id`, `name`) SELECT `id`, `name` FROM `a`.`t` WHERE id <= 3;
     REPLACE /* gh-ost `a`.`_t_gho` */ INTO `a`.`_t_gho` (`id`, `name`) VALUES (4, 'four');
     UPDATE t SET name = 'FOUR' WHERE id = 4;
     UPDATE /* gh-ost `a`.`_t_gho` */ `a`.`_t_gho` SET name = 'FOUR' WHERE id = 4;
     CREATE /* gh-ost */ TABLE `a`.`_t_del` (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB
       COMMENT='ghost-cut-over-sentry';
     DROP /* gh-ost */ TABLE IF EXISTS `a`.`_t_del`;
     RENAME /* gh-ost */ TABLE `a`.`t` TO `a`.`_t_del`, `a`.`_t_gho` TO `a`.`t`;
     INSERT INTO t (name, extra) VALUES ('five', 5);
     DROP /* gh-ost */ TABLE IF EXISTS `a`.`_t_ghc`;
     DROP /* gh-ost */ TABLE IF EXISTS `a`.`_t_del`";

/// A copy whose column has another name takes the table's place; triggers carry over what happens to it meanwhile.
const PERCONA: &str = "USE a;
     CREATE TABLE `a`.`_t_new` LIKE `a`.`t`;
     ALTER TABLE `a`.`_t_new` CHANGE name title VARCHAR(30), ADD COLUMN more INT UNSIGNED DEFAULT 4000000000 AFTER id;
     CREATE TRIGGER `pt_osc_a_t_del` AFTER DELETE ON `a`.`t` FOR EACH ROW
       DELETE IGNORE FROM `a`.`_t_new` WHERE `a`.`_t_new`.`id` <=> OLD.`id`;
     CREATE TRIGGER `pt_osc_a_t_ins` AFTER INSERT ON `a`.`t` FOR EACH ROW
       REPLACE INTO `a`.`_t_new` (`id`, `title`, `extra`) VALUES (NEW.`id`, NEW.`name`, NEW.`extra`);
     INSERT INTO t (name) VALUES ('six');
     INSERT LOW_PRIORITY IGNORE INTO `a`.`_t_new` (`id`, `title`, `extra`) SELECT `id`, `name`, `extra` FROM `a`.`t`
       /*pt-online-schema-change 4242 copy table*/;
     DELETE FROM t WHERE id = 1;
     RENAME TABLE `a`.`t` TO `a`.`_t_old`, `a`.`_t_new` TO `a`.`t`;
     INSERT INTO t (title) VALUES ('seven');
     DROP TABLE IF EXISTS `a`.`_t_old`;
     DROP TRIGGER IF EXISTS `a`.`pt_osc_a_t_del`; DROP TRIGGER IF EXISTS `a`.`pt_osc_a_t_ins`";

/// A stream that begins behind the table's rows, from a server with its family's default metadata.
fn altered(flavour: Flavour) -> (Server, Folder) {
    let (server, folder) = prepare(flavour, &[]);
    server.execute(match flavour.family() {
        Family::MariaDb => "SET GLOBAL binlog_row_metadata = NO_LOG",
        Family::MySql => "SET GLOBAL binlog_row_metadata = MINIMAL",
    });
    server.execute(TABLE);
    server.execute(GHOST);
    server.execute(PERCONA);
    (server, folder)
}

/// Operation, then the image after, or before a row that was deleted.
fn rows(folder: &Folder) -> Vec<(Value, Value)> {
    let changes = folder.changes();
    let rows = changes.iter().filter(|change| change["op"] != Value::Null);
    rows.map(|change| {
        assert_eq!(change["source"]["table"], "t", "{change}");
        let image = match change["after"].is_null() {
            true => &change["before"],
            false => &change["after"],
        };
        (change["op"].clone(), image.clone())
    })
    .collect()
}

#[test]
fn an_altered_table_is_published_once_and_with_its_new_columns_from_the_cut_over_on() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let (server, folder) = altered(flavour);
        folder.succeeds(&ONCE);
        let insert = |image: Value| (json!("c"), image);
        let expected = [
            insert(json!({"id": 1, "name": "one"})),
            insert(json!({"id": 2, "name": "two"})),
            insert(json!({"id": 3, "name": "three"})),
            insert(json!({"id": 4, "name": "four"})),
            (json!("u"), json!({"id": 4, "name": "FOUR"})),
            insert(json!({"extra": 5, "id": 5, "name": "five"})),
            insert(json!({"extra": 7, "id": 6, "name": "six"})),
            (json!("d"), json!({"extra": 7, "id": 1, "name": "one"})),
            insert(json!({"extra": 7, "id": 7, "more": 4_000_000_000_u64, "title": "seven"})),
        ];
        assert_eq!(rows(&folder), expected, "{flavour:?}");
        assert_eq!(
            server.query_one("SELECT GROUP_CONCAT(id, title ORDER BY id) FROM a.t"),
            Some("2two,3three,4FOUR,5five,6six,7seven".to_owned())
        );
        let ddl = folder.ddl();
        let is_cut_over = |ddl: &&Value| ddl["ddl"].as_str().unwrap().starts_with("RENAME");
        assert_eq!(ddl.iter().filter(is_cut_over).count(), 2, "{flavour:?}");
        let on_shadow = |ddl: &&Value| {
            let tables = ddl["tables"].as_array().unwrap();
            let shadow = |name: &Value| name["table"].as_str().unwrap().starts_with("_t_");
            !tables.is_empty() && tables.iter().all(shadow)
        };
        assert_eq!(ddl.iter().find(on_shadow), None, "{flavour:?}");
    }
}

#[test]
fn shadow_tables_are_tables_as_others_where_they_are_kept() {
    let (_server, folder) = altered(Flavour::MariaDb1011);
    let text = std::fs::read_to_string(folder.path("shop.toml")).unwrap();
    folder.write(&format!("{text}[filter]\nshadow-tables = 'keep'\n"));
    folder.succeeds(&ONCE);
    let changes = folder.changes();
    let of = |table: &str| {
        let named = changes
            .iter()
            .filter(|change| change["source"]["table"] == table && change["op"] != Value::Null);
        named.count()
    };
    assert_eq!(of("t"), 9);
    // One insert of a client's and three copied; six copied in all, one by a trigger, one deleted by the other.
    assert!(
        of("_t_ghc") >= 1 && of("_t_gho") >= 5 && of("_t_new") >= 7,
        "{changes:#?}"
    );
}
