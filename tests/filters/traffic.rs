//! The row changes that the rules are tried on, over databases and tables with awkward names.
//!
//! Tables have no key and end empty, so that a replica can apply the whole as often as it is asked to, whatever part of
//! it passes its rules and whichever database that part is moved to. A value is used by one table only.

use mysql::prelude::Queryable;
use rowtap::filter::Rules;
use rowtap::mysql::Flavour as Family;

use crate::support::{Flavour, Server};

pub const DATABASES: [&str; 16] = [
    "shop", "Shop", "shop2", "sh_p", "shxp", "sh%p", "sh\\p", "a", "a.b", "été", "ete", "x,y",
    "copy", "foo", "foo1", "tmp_1",
];
pub const TABLES: [&str; 6] = ["t", "T", "orders", "tmp_1", "b.c", "c"];
/// Databases that come and go: rules may name them too.
pub const PASSING_DATABASES: [&str; 9] = [
    "nowhere", "shop9", "foo9", "a_b", "axb", "copy9", "tmp_2", "ét9", "x.y",
];
const CREATE_DATABASE: &str = "CREATE DATABASE IF NOT EXISTS ";
/// Values of a table begin at its number times this.
const VALUES_PER_TABLE: usize = 100;

/// A row change as the text of mysqlbinlog shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub verb: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The only column's value; before and after of an update.
    pub values: Vec<String>,
}

/// All tables: every table in every database, and one in `mysql`.
fn tables() -> Vec<(&'static str, &'static str)> {
    let everywhere = DATABASES
        .iter()
        .flat_map(|database| TABLES.iter().map(move |table| (*database, *table)));
    everywhere.chain([("mysql", "t")]).collect()
}

/// Makes the databases, the tables, and a trigger that writes into another database.
pub fn create_tables(server: &Server) {
    let mut connection = server.connect();
    for database in DATABASES {
        connection
            .query_drop(format!("CREATE DATABASE IF NOT EXISTS `{database}`"))
            .unwrap();
    }
    for (database, table) in tables() {
        let sql = format!("CREATE TABLE IF NOT EXISTS `{database}`.`{table}` (v INT NOT NULL)");
        connection.query_drop(sql).unwrap();
    }
    let trigger = "CREATE TRIGGER shop.audit AFTER INSERT ON shop.orders FOR EACH ROW \
                   INSERT INTO `foo`.`tmp_1` VALUES (NEW.v + 1000000)";
    connection.query_drop(trigger).unwrap();
}

/// Changes rows in every table, then in several at once.
pub fn run(server: &Server) {
    let mut connection = server.connect();
    let mut run = |sql: &str| {
        let result = connection.query_drop(sql);
        result.unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    for (index, (database, table)) in tables().into_iter().enumerate() {
        let first = index * VALUES_PER_TABLE;
        // The default database is another one each time and must not count.
        let default = DATABASES[(index * 7 + 3) % DATABASES.len()];
        run(&format!("USE `{default}`"));
        run("BEGIN");
        run(&format!(
            "INSERT INTO `{database}`.`{table}` VALUES ({first}), ({first} + 1), ({first} + 2)"
        ));
        run(&format!(
            "UPDATE `{database}`.`{table}` SET v = v + 10 WHERE v < {first} + 2"
        ));
        run(&format!(
            "DELETE FROM `{database}`.`{table}` WHERE v = {first} + 2"
        ));
        run("COMMIT");
    }
    across_databases(&mut run);
    definitions(&mut run, server.flavour());
    for (database, table) in tables() {
        run(&format!("DELETE FROM `{database}`.`{table}`"));
    }
}

/// Statements and transactions that change several tables at once: a replica judges each table's rows alone.
fn across_databases(run: &mut impl FnMut(&str)) {
    run("USE `copy`");
    run("BEGIN");
    for (index, database) in DATABASES.iter().enumerate() {
        run(&format!(
            "INSERT INTO `{database}`.t VALUES (100000 + {index})"
        ));
    }
    run(
        "UPDATE shop.t AS one, `a`.t AS other, `sh%p`.t AS third SET one.v = 200001, other.v = 200002, third.v = 200003 \
         WHERE one.v = 100000 AND other.v = 100007 AND third.v = 100005",
    );
    run(
        "DELETE one, other FROM foo.t AS one JOIN `a.b`.t AS other WHERE one.v = 100013 AND other.v = 100008",
    );
    run("COMMIT");
    run("USE `foo`");
    run("INSERT INTO shop.orders VALUES (300001), (300002)");
    run("REPLACE INTO `été`.orders VALUES (300003)");
    run("INSERT INTO `sh_p`.orders SELECT v + 50000 FROM shop.orders WHERE v > 300000");
}

/// DDL that a replica may apply or not without meeting an error, in and beside its default database.
fn definitions(run: &mut impl FnMut(&str), flavour: Flavour) {
    for (index, database) in DATABASES.iter().enumerate() {
        let other = DATABASES[(index + 5) % DATABASES.len()];
        run(&format!("USE `{other}`"));
        run(&format!(
            "CREATE TABLE IF NOT EXISTS `{database}`.made (v INT)"
        ));
        run(&format!(
            "ALTER TABLE `{database}`.t COMMENT = 'from {index}'"
        ));
        run(&format!("USE `{database}`"));
        run("ALTER TABLE orders COMMENT = 'from within'");
        run("DROP TABLE IF EXISTS made");
    }
    for database in PASSING_DATABASES {
        run(&format!("{CREATE_DATABASE}`{database}`"));
        run(&format!("DROP DATABASE IF EXISTS `{database}`"));
    }
    if flavour.family() == Family::MariaDb {
        run(
            "SET STATEMENT max_statement_time = 60 FOR ALTER TABLE shop.t COMMENT = 'with a setting'",
        );
    }
}

/// Asks that the traffic left no row behind.
pub fn assert_empty(server: &Server) {
    for (database, table) in tables() {
        let count = server.query_one(&format!("SELECT COUNT(*) FROM `{database}`.`{table}`"));
        assert_eq!(count.as_deref(), Some("0"), "rows in {database}.{table}");
    }
}

/// The databases of [`PASSING_DATABASES`] whose statements are in a server's binary log.
pub fn databases_passed(server: &Server, (file, position): &(String, u64)) -> Vec<&'static str> {
    let events = server.query_text(&format!("SHOW BINLOG EVENTS IN '{file}' FROM {position}"));
    let created: Vec<String> = events
        .into_iter()
        .filter_map(|event| event.into_iter().nth(5).flatten())
        .filter_map(|info| {
            Some(
                info.strip_prefix(CREATE_DATABASE)?
                    .split('`')
                    .nth(1)?
                    .to_owned(),
            )
        })
        .collect();
    let passed = PASSING_DATABASES.into_iter();
    passed
        .filter(|name| created.iter().any(|made| made == name))
        .collect()
}

/// The databases of [`PASSING_DATABASES`] whose statements these rules keep.
pub fn databases_kept(rules: &Rules) -> Vec<&'static str> {
    let databases = PASSING_DATABASES.into_iter();
    databases
        .filter(|database| rules.database(database).keep)
        .collect()
}

/// The row changes in a server's binary log from this position of this file on, decoded by the server's own program.
pub fn changes(server: &Server, (file, position): &(String, u64)) -> Vec<Change> {
    let path = server.binlog_path(file).display().to_string();
    let text = server.mysqlbinlog(&[
        "--verbose",
        "--base64-output=DECODE-ROWS",
        &format!("--start-position={position}"),
        &path,
    ]);
    let mut changes: Vec<Change> = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("### ")) {
        if let Some(value) = line.trim_start().strip_prefix("@1=") {
            changes.last_mut().unwrap().values.push(value.to_owned());
            continue;
        }
        let verbs = ["INSERT INTO ", "UPDATE ", "DELETE FROM "];
        let Some((verb, name)) = verbs
            .iter()
            .find_map(|verb| Some((verb, line.strip_prefix(verb)?)))
        else {
            assert!(matches!(line, "SET" | "WHERE"), "{line}");
            continue;
        };
        let name = name
            .strip_prefix('`')
            .and_then(|name| name.strip_suffix('`'))
            .unwrap();
        let (database, table) = name.split_once("`.`").unwrap();
        changes.push(Change {
            verb: verb.split(' ').next().unwrap().to_owned(),
            database: database.to_owned(),
            table: table.to_owned(),
            values: Vec::new(),
        });
    }
    changes
}
