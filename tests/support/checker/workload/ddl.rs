//! Changes of definitions in the middle of the traffic, by a connection of its own.

use super::Tally;
use super::session::{End, Session};
use crate::support::Flavour;

/// One of the things to do.
enum Step {
    /// A statement that commits by itself.
    Define(String),
    /// Rows of a side table, in a transaction that is in the journal.
    Insert(String),
}

/// The client that changes definitions.
pub struct Definer {
    session: Session,
}

impl Definer {
    /// A client that has the next number after the others.
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    /// Goes through its rounds, evenly spread over the row changes of all.
    pub fn run(mut self) -> Tally {
        let workload = self.session.workload().clone();
        let rounds: Vec<Vec<Step>> = (1..=workload.ddl_rounds)
            .map(|round| steps(round, workload.keyless, self.session.flavour()))
            .collect();
        let count: u64 = rounds
            .iter()
            .map(|steps| u64::try_from(steps.len()).expect("a count"))
            .sum();
        for (index, step) in (1..).zip(rounds.into_iter().flatten()) {
            let due = workload.changes * index / (count + 1);
            while self.session.changes() < due && self.session.may_go_on() {
                std::thread::yield_now();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            match step {
                Step::Define(sql) => self.session.fatal(|session| session.define(&sql)),
                Step::Insert(table) => self.insert(&table),
            }
        }
        self.session.tally
    }

    fn insert(&mut self, table: &str) {
        let sql =
            format!("INSERT INTO {table} (word, number) VALUES ('one', 1), ('two', 2), (NULL, 3)");
        self.session
            .transaction("ddl", |session| session.execute(&sql).map(End::Commit));
    }
}

fn steps(round: u64, keyless: bool, flavour: Flavour) -> Vec<Step> {
    let (side, renamed, copied) = (
        format!("side_{round}"),
        format!("side_{round}_renamed"),
        format!("side_{round}_copied"),
    );
    let define = |sql: &str| Step::Define(sql.to_owned());
    let mut steps = vec![
        Step::Define(format!(
            "ALTER TABLE item ADD COLUMN extra_{round} INT NOT NULL DEFAULT 7 AFTER id"
        )),
        Step::Define(format!(
            "CREATE TABLE {side} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, word VARCHAR(9), number SMALLINT)"
        )),
        Step::Insert(side.clone()),
        Step::Define(format!(
            "ALTER TABLE account ADD COLUMN remark_{round} VARCHAR(9) CHARACTER SET latin1 DEFAULT 'ä'"
        )),
        define("CREATE INDEX pair_number ON pair (number)"),
        Step::Define(format!("RENAME TABLE {side} TO {renamed}")),
        Step::Insert(renamed.clone()),
        define(if round % 2 == 1 {
            "ALTER TABLE item MODIFY COLUMN amount BIGINT UNSIGNED NOT NULL DEFAULT 0"
        } else {
            "ALTER TABLE item MODIFY COLUMN label VARCHAR(120) NOT NULL"
        }),
        Step::Define(format!("TRUNCATE TABLE {renamed}")),
        Step::Insert(renamed.clone()),
        Step::Define(match flavour {
            // These cannot log a statement and its rows as one transaction with a GTID.
            Flavour::MySql57 | Flavour::MySql80 => format!("CREATE TABLE {copied} LIKE {renamed}"),
            Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => format!(
                "CREATE TABLE {copied} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) SELECT word, number + 1 AS number \
                 FROM {renamed}"
            ),
        }),
        // The clients find a table of that name at every moment.
        Step::Define(format!("CREATE TABLE doc_next_{round} LIKE doc")),
        Step::Define(format!(
            "RENAME TABLE doc TO doc_before_{round}, doc_next_{round} TO doc"
        )),
        Step::Define(format!("ALTER TABLE item DROP COLUMN extra_{round}")),
        define("DROP INDEX pair_number ON pair"),
        Step::Define(format!(
            "CREATE TABLE short_lived_{round} (word VARCHAR(9), number INT)"
        )),
        Step::Insert(format!("short_lived_{round}")),
        Step::Define(format!("DROP TABLE short_lived_{round}")),
        Step::Insert(copied),
    ];
    if keyless {
        steps.push(Step::Define(format!(
            "ALTER TABLE keyless ADD COLUMN mark_{round} CHAR(3) NOT NULL DEFAULT 'é' FIRST"
        )));
    }
    steps
}
