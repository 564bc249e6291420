//! Statements that are very long or nested deeply take no more of the stack than others. That the time is in proportion to
//! their length is held beside the scanner, by the bytes that it reads.

use std::sync::Arc;

use rowtap::change::TableDefinition;
use rowtap::change::definition::{Connection, Facts, Schemas, apply_statement};
use rowtap::change::statement::{self, StatementContext};
use rowtap::mysql::Flavour::{self, MariaDb, MySql};
use rowtap::row::TableName;

fn apply(text: &str, flavour: Flavour) {
    let context = match flavour {
        MySql => StatementContext::new(MySql, "9.7.4", 0),
        MariaDb => StatementContext::new(MariaDb, "10.11.19-MariaDB-log", 0),
    };
    let mut schemas = Schemas::new(0);
    let table = Arc::new(TableDefinition::default());
    schemas.put(&TableName::new("d", "t"), table);
    schemas.put_database("d", Some("utf8mb4"));
    schemas.assume_complete();
    let facts = Facts {
        context,
        connection: Connection {
            server_id: 1,
            thread_id: 1,
        },
        default_database: None,
        connection_charset: None,
        server_charset: Some("utf8mb4"),
        default_engine: Some("InnoDB"),
        explicit_defaults_for_timestamp: None,
        utf8_is_utf8mb4: false,
        in_engine_transaction: false,
    };
    apply_statement(&mut schemas, &statement::scan(text, "d", context), &facts);
}

/// Bytes of each statement, and of the few that are longest.
fn sizes() -> (usize, usize) {
    match super::followed::full() {
        true => (2 << 20, 64 << 20),
        false => (256 << 10, 1 << 20),
    }
}

#[test]
fn long_and_deep_statements_are_read() {
    let (bytes, longest) = sizes();
    let times = |text: &str| text.repeat(bytes / text.len());
    let deep = format!("{}1{}", "(".repeat(bytes / 2), ")".repeat(bytes / 2));
    let texts = [
        format!("CREATE TABLE t (a INT DEFAULT {deep})"),
        format!("CREATE TABLE t (a INT CHECK {deep}, b INT)"),
        format!("CREATE TABLE t (a INT DEFAULT {}", times("(")),
        format!("CREATE TABLE t (a INT COMMENT '{}')", times("''\\'")),
        format!("CREATE TABLE t (a INT COMMENT '{}", times("x")),
        format!("CREATE TABLE t (a ENUM({}'z'))", times("'ab',")),
        format!("CREATE TABLE `{}` (a INT)", times("``")),
        format!("ALTER TABLE t {} ADD a INT", times("/* x */")),
        format!("ALTER TABLE t /* {} */ ADD a INT", times("x")),
        format!("ALTER TABLE t /*!999999 {} */ ADD a INT", times("/**/")),
        format!("ALTER TABLE t /*!999999 {}", times("/**/")),
        format!("ALTER TABLE t /*!99999 {}", times("/*")),
        times("/*!50503 "),
        times("/*"),
        times("("),
        times("`"),
        times("'"),
        times("\\"),
        times("-- \n"),
        times("SET STATEMENT a = 1 FOR "),
        times("WITH a AS ("),
        format!("WITH {}", times("a AS (SELECT 1), ")),
        format!("DROP TABLE {}t", times("t, ")),
        format!("RENAME TABLE {}t TO v", times("t TO w, w TO t, ")),
        format!("ALTER TABLE t {}", times("ORDER BY a, ")),
        format!("ALTER TABLE t {}ENGINE=InnoDB", times("COMMENT 'x' ")),
    ];
    for text in &texts {
        for flavour in [MySql, MariaDb] {
            apply(text, flavour);
        }
    }
    let long = "x".repeat(longest);
    apply(
        &format!("ALTER TABLE t /* {long} */ ADD a INT COMMENT '{long}'"),
        MySql,
    );
    apply(
        &format!("ALTER TABLE t /* {long} */ ADD a INT COMMENT '{long}"),
        MariaDb,
    );
}
