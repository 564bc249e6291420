//! The tables that the clients work on.

use std::fmt::Write;

use rowtap::mysql::Flavour as Family;

use super::Workload;
use super::session::{End, Failure, Session};
use crate::support::Flavour;

/// A row a committed transaction, always its last.
pub const JOURNAL: &str = "journal";
/// Balances whose sum stays.
pub const ACCOUNT: &str = "account";
/// The table that ROLLBACK does not undo.
pub const AUDIT: &str = "audit_trail";
/// The table that the connector is to reject: nobody counts its rows.
pub const NOISE: &str = "noise";

/// How many accounts there are.
pub const ACCOUNTS: u64 = 64;
/// What each begins with, in hundredths.
const FIRST_BALANCE: i128 = 100_000;

/// The accounts' sum in hundredths.
pub fn total() -> i128 {
    FIRST_BALANCE * i128::from(ACCOUNTS)
}

/// The statements that make database and tables.
pub fn definitions(workload: &Workload, flavour: Flavour) -> Vec<String> {
    let document = match flavour.family() {
        Family::MySql => "JSON",
        Family::MariaDb => "LONGTEXT",
    };
    let mut statements = vec![
        format!("CREATE DATABASE {} CHARACTER SET utf8mb4", workload.database),
        format!("USE {}", workload.database),
        format!(
            "CREATE TABLE {JOURNAL} (client INT NOT NULL, seq INT NOT NULL, \
             kind ENUM('setup','mixed','big','ddl') NOT NULL, changes INT NOT NULL, note VARCHAR(60), \
             PRIMARY KEY (client, seq))"
        ),
        format!(
            "CREATE TABLE {ACCOUNT} (id INT NOT NULL PRIMARY KEY, owner VARCHAR(20) NOT NULL, \
             balance DECIMAL(20,2) NOT NULL)"
        ),
        "CREATE TABLE item (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, label VARCHAR(80) NOT NULL, body TEXT, \
         amount INT UNSIGNED NOT NULL DEFAULT 0, tiny TINYINT, ratio DOUBLE, share FLOAT, \
         colours SET('red','green','blue','dark grey'), made DATETIME(3))"
            .to_owned(),
        "CREATE TABLE pair (name VARCHAR(40) NOT NULL, number INT NOT NULL, payload BLOB, tail VARBINARY(24), \
         fixed BINARY(8) NOT NULL, PRIMARY KEY (name, number))"
            .to_owned(),
        format!(
            "CREATE TABLE doc (id INT UNSIGNED NOT NULL PRIMARY KEY, body {document}, day DATE, span TIME(2), \
             made YEAR, flags BIT(12), seen TIMESTAMP(6) NULL)"
        ),
        format!("CREATE TABLE {NOISE} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, text VARCHAR(40))"),
    ];
    if workload.keyless {
        statements.push(
            "CREATE TABLE keyless (lane INT NOT NULL, word VARCHAR(30), number BIGINT, ratio DOUBLE, \
             tail VARBINARY(12), KEY (lane))"
                .to_owned(),
        );
    }
    if workload.mixed_engines {
        statements.push(format!(
            "CREATE TABLE {AUDIT} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, client INT, said VARCHAR(30)) ENGINE=MyISAM"
        ));
        statements
            .push("CREATE TABLE risky (client INT, said VARCHAR(30), KEY (client))".to_owned());
        statements.push(format!(
            "CREATE TRIGGER risky_is_audited AFTER INSERT ON risky FOR EACH ROW \
             INSERT INTO {AUDIT} (client, said) VALUES (NEW.client, NEW.said)"
        ));
    }
    statements
}

/// Fills the accounts.
pub fn fill(session: &mut Session) -> Result<End, Failure> {
    let mut sql = format!("INSERT INTO {ACCOUNT} (id, owner, balance) VALUES ");
    for id in 1..=ACCOUNTS {
        let comma = if id > 1 { ", " } else { "" };
        write!(
            sql,
            "{comma}({id}, 'owner {id}', {}.00)",
            FIRST_BALANCE / 100
        )
        .expect("a string takes everything");
    }
    session.execute(&sql).map(End::Commit)
}
