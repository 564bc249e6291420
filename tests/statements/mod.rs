//! The statement scanner against real servers: each statement is executed, read back from the server's own binary log, and
//! what the scanner says of it is held against what information_schema and CHECKSUM TABLE say has changed.

mod catalogue;
mod clauses;
mod followed;
#[cfg(feature = "kafka")]
mod healed;
mod long;
mod snapshot;

use mysql::Conn;
use mysql::prelude::Queryable;
use rowtap::change::statement::{
    self, Effect, ObjectClass, Statement, StatementContext, StatementKind,
};
use rowtap::mysql::Flavour as Family;

use crate::support::{Flavour, Server};
use snapshot::Snapshot;

/// `server  default database  statement`, parted by tabs; the server is `both`, `mysql`, `mariadb` or, for what only
/// prepares the next case, `-`.
const CASES: &str = include_str!("cases.tsv");

#[test]
fn mysql_changes_what_the_scanner_says() {
    run_all(Flavour::MySql97, Family::MySql);
}

#[test]
fn mariadb_changes_what_the_scanner_says() {
    run_all(Flavour::MariaDb1011, Family::MariaDb);
}

fn run_all(server: Flavour, flavour: Family) {
    // Statement format needs engines that can do without it; creating functions needs trust.
    let server = Server::start(
        server,
        &[
            "--log-bin-trust-function-creators=1",
            "--event-scheduler=OFF",
        ],
    );
    let version = server.query_one("SELECT VERSION()").unwrap();
    let mut connection = server.connect();
    let (mut statements, mut changed) = (0, 0);
    let mine = match flavour {
        Family::MySql => "mysql",
        Family::MariaDb => "mariadb",
    };
    for line in CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
    {
        let [whose, default, text] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line:?} has not three columns");
        };
        if whose == "-" {
            connection
                .query_drop(text)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
        } else if whose == "both" || whose == mine {
            let case = Case::execute(&server, &mut connection, default, text);
            changed += case.check(|sql_mode| StatementContext::new(flavour, &version, sql_mode));
            statements += 1;
        }
    }
    assert!(statements >= 60, "{statements} statements");
    assert!(
        changed >= statements / 2,
        "{changed} changes are too few to prove much"
    );
    println!(
        "{flavour:?}: {statements} statements, {changed} changed objects, all among those named"
    );
}

/// A statement that was executed.
struct Case<'a> {
    text: &'a str,
    sql_mode: u64,
    before: Snapshot,
    after: Snapshot,
    /// As the binary log has them: default database and text.
    logged: Vec<(String, String)>,
    has_row_events: bool,
}

impl<'a> Case<'a> {
    fn execute(server: &Server, connection: &mut Conn, default: &str, text: &'a str) -> Self {
        let (file, position) = server.coordinates();
        let before = Snapshot::take(server);
        connection.query_drop(format!("USE `{default}`")).unwrap();
        let result = connection.query_drop(text);
        result.unwrap_or_else(|error| panic!("{text}: {error}"));
        // The bits that query events have for these modes.
        let sql_mode = connection.query_first(
            "SELECT IF(FIND_IN_SET('ANSI_QUOTES', @@sql_mode), 4, 0) \
             + IF(FIND_IN_SET('NO_BACKSLASH_ESCAPES', @@sql_mode), 1048576, 0)",
        );
        let events = server.query_text(&format!("SHOW BINLOG EVENTS IN '{file}' FROM {position}"));
        Self {
            text,
            sql_mode: sql_mode.unwrap().unwrap(),
            before,
            after: Snapshot::take(server),
            logged: logged_statements(&events, default),
            has_row_events: events.iter().any(|event| {
                let kind = event[2].as_deref().unwrap();
                kind.contains("rows") && !kind.contains("Annotate")
            }),
        }
    }

    /// Returns how many objects changed.
    fn check(&self, context: impl Fn(u64) -> StatementContext) -> usize {
        assert!(
            !self.logged.is_empty(),
            "{} is not in the binary log",
            self.text
        );
        let statements: Vec<Statement> = self
            .logged
            .iter()
            .map(|(database, text)| statement::scan(text, database, context(self.sql_mode)))
            .collect();
        for (statement, (_, text)) in statements.iter().zip(&self.logged) {
            let unknown = matches!(statement.kind, StatementKind::Unknown { .. });
            assert!(!unknown, "{text} could not be followed");
        }
        let mut changed = self.check_definitions(&statements);
        changed += self.check_rows(&statements);
        self.check_other_objects(&statements) + changed
    }

    /// Every table whose definition changed is among the redefined, and every redefined one exists or existed, unless
    /// the statement says that it may not.
    fn check_definitions(&self, statements: &[Statement]) -> usize {
        let redefined: Vec<String> = statements
            .iter()
            .flat_map(Statement::redefined_tables)
            .map(ToString::to_string)
            .collect();
        let dropped: Vec<String> = statements
            .iter()
            .filter_map(|statement| Some(format!("{}.", statement.dropped_database()?)))
            .collect();
        let changed = self.before.definitions_changed(&self.after);
        for table in &changed {
            let in_dropped = dropped
                .iter()
                .any(|database| table.starts_with(database.as_str()));
            assert!(
                redefined.contains(table) || in_dropped,
                "{} changed {table}, named were {redefined:?}",
                self.text
            );
        }
        for table in &redefined {
            let known = self.before.has_table(table) || self.after.has_table(table);
            // A name that tables only pass through is named as new and as old.
            let known = known || redefined.iter().filter(|name| *name == table).count() > 1;
            assert!(
                known || self.text.contains("IF EXISTS"),
                "{} names no {table}",
                self.text
            );
        }
        changed.len()
    }

    /// Rows change only in the tables of statements that write rows or empty tables, where no row events tell of them.
    fn check_rows(&self, statements: &[Statement]) -> usize {
        if self.has_row_events {
            let writes = statements.iter().any(Statement::writes_rows);
            assert!(!writes, "{} writes rows beside its row events", self.text);
            return 0;
        }
        let changed = self.before.rows_changed(&self.after);
        let writes = |statement: &&Statement| {
            use StatementKind as Kind;
            let fills = matches!(
                statement.kind,
                // A sequence's row is its definition; an exchanged partition takes its rows along.
                Kind::TruncateTable | Kind::Sequence { .. } | Kind::AlterTable
            );
            fills || statement.writes_rows()
        };
        let written: Vec<String> = statements
            .iter()
            .filter(writes)
            .flat_map(Statement::tables)
            .map(ToString::to_string)
            .collect();
        for table in &changed {
            assert!(
                written.contains(table),
                "{} changed rows of {table}, written were {written:?}",
                self.text
            );
        }
        let rows_statement = statements
            .iter()
            .any(|statement| statement.effect() == Effect::Rows);
        assert!(
            !rows_statement || !changed.is_empty(),
            "{} wrote nothing",
            self.text
        );
        changed.len()
    }

    /// Views, triggers, routines, events and databases that came, went or changed are among the objects of their class.
    fn check_other_objects(&self, statements: &[Statement]) -> usize {
        let changed = self.before.others_changed(&self.after);
        let dropped = statements.iter().find_map(Statement::dropped_database);
        for (class, name) in &changed {
            let named = statements
                .iter()
                .flat_map(|statement| &statement.objects)
                .any(|object| {
                    let same = match class {
                        ObjectClass::Database => *object.name.database == **name,
                        ObjectClass::Table
                        | ObjectClass::View
                        | ObjectClass::Trigger
                        | ObjectClass::Routine
                        | ObjectClass::Event => object.name.to_string() == *name,
                    };
                    same && object.class == *class
                });
            // A table's triggers go with it, a database's objects too.
            let with_table = *class == ObjectClass::Trigger && self.text.contains("TABLE");
            let with_database =
                dropped.is_some_and(|database| name.starts_with(&format!("{database}.")));
            assert!(
                named || with_table || with_database,
                "{} changed {class:?} {name}",
                self.text
            );
        }
        changed.len()
    }
}

/// The query events among these, but for the bounds of transactions.
fn logged_statements(events: &[Vec<Option<String>>], default: &str) -> Vec<(String, String)> {
    let queries = events
        .iter()
        .filter(|event| event[2].as_deref() == Some("Query"));
    queries
        .map(|event| event[5].as_deref().unwrap())
        .map(|info| {
            match info
                .strip_prefix("use `")
                .and_then(|rest| rest.split_once("`; "))
            {
                Some((database, text)) => (database.replace("``", "`"), text.to_owned()),
                // The event has its default database, it is only not shown where the statement does not depend on USE.
                None => (default.to_owned(), info.to_owned()),
            }
        })
        .filter(|(_, text)| !matches!(text.as_str(), "BEGIN" | "COMMIT"))
        .collect()
}
