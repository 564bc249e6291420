//! Statements that a replica judges by their default database and by all tables they change, each with a number in its text
//! that stays there when servers write it again in their own words.

use mysql::prelude::Queryable;
use rowtap::filter::Rules;
use rowtap::mysql::Flavour as Family;

use super::traffic::{DATABASES, TABLES};
use crate::support::Server;

/// Stands before the number of a statement, in a name or in a comment, with [`MARK_END`] after it.
const MARK: &str = "mark";
const MARK_END: char = 'm';
/// `ER_NONUNIQ_TABLE`
const NAMED_TWICE: u16 = 1066;
/// Tables that statements rename, in these databases.
const RENAMED_IN: [&str; 4] = ["shop", "foo", "copy", "a"];

/// Runs the statements. None depends on another having been executed, so that a replica can leave out any.
pub fn run(server: &Server) {
    let mut connection = server.connect();
    for (number, (default, sql)) in statements(server.flavour().family())
        .into_iter()
        .enumerate()
    {
        let sql = marked(&sql, number);
        for sql in [format!("USE `{default}`"), sql] {
            let result = connection.query_drop(&sql);
            result.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}

fn marked(sql: &str, number: usize) -> String {
    sql.replace("{}", &format!("{MARK}{number}{MARK_END}"))
}

/// Brings a server back to where [`run`] can be replayed on it.
pub fn reset(server: &Server) {
    let mut sql = vec!["SET sql_log_bin = 0".to_owned()];
    for (index, database) in RENAMED_IN.iter().enumerate() {
        let target = RENAMED_IN[(index + 1) % RENAMED_IN.len()];
        sql.push(format!(
            "DROP TABLE IF EXISTS `{database}`.moves, `{target}`.moved_{index}"
        ));
        sql.push(format!("CREATE TABLE `{database}`.moves (v INT)"));
    }
    let made = server.query_text(&format!(
        "SELECT table_schema, table_name, 'TABLE' FROM information_schema.tables \
         WHERE table_name LIKE '{MARK}%' AND table_type = 'BASE TABLE' UNION \
         SELECT table_schema, table_name, 'VIEW' FROM information_schema.views WHERE table_name LIKE '{MARK}%' UNION \
         SELECT trigger_schema, trigger_name, 'TRIGGER' FROM information_schema.triggers \
         WHERE trigger_name LIKE '{MARK}%' UNION \
         SELECT routine_schema, routine_name, 'PROCEDURE' FROM information_schema.routines \
         WHERE routine_name LIKE '{MARK}%'"
    ));
    for row in made {
        let [Some(database), Some(name), Some(class)] = &row[..] else {
            panic!("{row:?}");
        };
        sql.push(format!("DROP {class} `{database}`.`{name}`"));
    }
    let mut connection = server.connect();
    for sql in sql {
        let result = connection.query_drop(&sql);
        result.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// The numbers of the statements in a server's binary log, in its order.
pub fn logged(server: &Server, (file, position): &(String, u64)) -> Vec<usize> {
    let events = server.query_text(&format!("SHOW BINLOG EVENTS IN '{file}' FROM {position}"));
    let queries = events
        .into_iter()
        .filter(|event| event[2].as_deref() == Some("Query"));
    let texts = queries.filter_map(|event| event.into_iter().nth(5).flatten());
    texts.filter_map(|text| number(&text)).collect()
}

/// Whether a server refuses a statement because it names a table twice: once by the name of the default database that rules give
/// it, once without one.
pub fn names_a_table_twice(server: &Server, rules: &Rules, number: usize) -> bool {
    let (default, sql) = &statements(server.flavour().family())[number];
    let mut connection = server.connect();
    let renamed = rules.renamed(default);
    let session = format!("SET sql_log_bin = 0; USE `{renamed}`");
    for sql in session.split("; ") {
        connection.query_drop(sql).unwrap();
    }
    match connection.query_drop(marked(sql, number)) {
        Err(mysql::Error::MySqlError(error)) => error.code == NAMED_TWICE,
        Err(error) => panic!("{sql}: {error}"),
        Ok(()) => false,
    }
}

/// A statement with its default database, for messages.
pub fn text(family: Family, number: usize) -> String {
    let (default, sql) = &statements(family)[number];
    format!("USE {default}; {sql}")
}

/// The number in a statement's text.
pub fn number(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once(MARK)?;
    rest.split_once(MARK_END)?.0.parse().ok()
}

/// Every form of a statement on a table of a database, with its default database.
fn forms(
    database: &'static str,
    other: &'static str,
    third: &'static str,
    table: &str,
) -> [(&'static str, String); 17] {
    [
        (
            other,
            format!("ALTER TABLE `{database}`.`{table}` COMMENT = '{{}}'"),
        ),
        (database, format!("ALTER TABLE `{table}` COMMENT = '{{}}'")),
        (other, format!("CREATE TABLE `{database}`.{{}} (v INT)")),
        (database, "CREATE TABLE {} (v INT)".to_owned()),
        (
            other,
            format!("CREATE TABLE `{database}`.{{}} LIKE `{third}`.t"),
        ),
        (other, "DROP TABLE IF EXISTS {}".to_owned()),
        (
            other,
            format!("DROP TABLE IF EXISTS `{database}`.{{}}, `{third}`.{{}}, {{}}"),
        ),
        (
            third,
            format!("DROP TABLE IF EXISTS `{other}`.{{}}, `{database}`.tmp_1_{{}}"),
        ),
        (database, format!("TRUNCATE TABLE `{table}` /* {{}} */")),
        (
            other,
            format!("TRUNCATE TABLE `{database}`.`{table}` /* {{}} */"),
        ),
        (
            other,
            format!(
                "RENAME TABLE `{database}`.`{table}` TO `{database}`.zz, `{database}`.zz TO `{database}`.`{table}` \
                     /* {{}} */"
            ),
        ),
        (
            database,
            format!("RENAME TABLE `{table}` TO zz, zz TO `{table}` /* {{}} */"),
        ),
        (
            other,
            format!("CREATE VIEW `{database}`.{{}} AS SELECT v FROM `{third}`.t"),
        ),
        (database, "CREATE VIEW {} AS SELECT 1 AS v".to_owned()),
        (other, format!("DROP VIEW IF EXISTS `{database}`.{{}}")),
        (
            other,
            format!(
                "CREATE TRIGGER `{database}`.{{}} BEFORE DELETE ON `{database}`.`{table}` FOR EACH ROW SET @a = 1"
            ),
        ),
        (
            other,
            format!("CREATE PROCEDURE `{database}`.{{}} () SELECT 1"),
        ),
    ]
}

/// The default database and the text of each, `{}` where its mark goes.
fn statements(family: Family) -> Vec<(&'static str, String)> {
    let mut statements = Vec::new();
    for (index, database) in DATABASES.into_iter().enumerate() {
        let other = DATABASES[(index + 5) % DATABASES.len()];
        let third = DATABASES[(index + 11) % DATABASES.len()];
        let forms = forms(database, other, third, TABLES[index % TABLES.len()]);
        // Each form in every third database, in another third than the form before it.
        let forms = forms.into_iter().enumerate();
        let chosen = forms.filter(|(form, _)| (form + index) % 3 == 0);
        statements.extend(chosen.map(|(_, statement)| statement));
        if family == Family::MariaDb {
            statements.push((
                other,
                format!("CREATE OR REPLACE TABLE `{database}`.{{}} (v INT)"),
            ));
        }
    }
    for (index, database) in RENAMED_IN.into_iter().enumerate() {
        let target = RENAMED_IN[(index + 1) % RENAMED_IN.len()];
        let default = RENAMED_IN[(index + 2) % RENAMED_IN.len()];
        statements.push((
            default,
            format!("ALTER TABLE `{database}`.moves RENAME TO `{target}`.moved_{index} /* {{}} */"),
        ));
    }
    for (index, database) in super::traffic::PASSING_DATABASES.into_iter().enumerate() {
        let default = DATABASES[index % DATABASES.len()];
        for verb in ["CREATE DATABASE IF NOT EXISTS", "DROP DATABASE IF EXISTS"] {
            statements.push((default, format!("{verb} `{database}` /* {{}} */")));
        }
        statements.push((
            default,
            format!("ALTER DATABASE `{default}` CHARACTER SET utf8mb4 /* {{}} */"),
        ));
    }
    statements
}
