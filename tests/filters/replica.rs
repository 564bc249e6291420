//! A real replica that applies one range of its source's binary log again and again, under other rules each time.

use rowtap::filter::FilterOptions;
use rowtap::mysql::Flavour as Family;

use crate::support::Server;

const APPLY_SECONDS_MAX: u32 = 120;

/// A replica that stands still but for [`Replica::replay`].
pub struct Replica {
    server: Server,
}

impl Replica {
    /// Starts one of the source's version, with these options besides.
    pub fn of(source: &Server, options: &[&str]) -> Self {
        let flavour = source.flavour();
        let own: &[&str] = match flavour.family() {
            Family::MySql => &["--server-id=2", "--skip-replica-start"],
            // Replaying the same transactions is what a strict domain forbids.
            Family::MariaDb => &[
                "--server-id=2",
                "--skip-slave-start",
                "--log-slave-updates",
                "--gtid-strict-mode=OFF",
            ],
        };
        let server = Server::start(flavour, &[own, options].concat());
        let port = source.port();
        server.execute(&match flavour.family() {
            Family::MySql => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root', \
                 SOURCE_CONNECT_RETRY=1, GET_SOURCE_PUBLIC_KEY=1"
            ),
            Family::MariaDb => format!(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', \
                 MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=no"
            ),
        });
        Self { server }
    }

    /// The server itself.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Where its binary log begins: what it holds is what the last replay applied.
    pub fn beginning(&self) -> (String, u64) {
        ("binlog.000001".to_owned(), 4)
    }

    /// Empties its binary log and applies the source's from `begin` to `end` under these rules.
    pub fn replay(&self, options: &FilterOptions, begin: &(String, u64), end: &(String, u64)) {
        let (file, position) = begin;
        let mysql = self.server.flavour().family() == Family::MySql;
        let mut connection = self.server.connect();
        let mut run = |sql: &str| {
            let result = mysql::prelude::Queryable::query_drop(&mut connection, sql);
            result.unwrap_or_else(|error| panic!("{sql}: {error}"));
        };
        if mysql {
            run("RESET BINARY LOGS AND GTIDS");
            run(&format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='{file}', SOURCE_LOG_POS={position}"
            ));
            run(&change_replication_filter(options));
            run("START REPLICA");
        } else {
            run("RESET MASTER");
            run("SET GLOBAL gtid_slave_pos=''");
            run(&format!(
                "CHANGE MASTER TO MASTER_LOG_FILE='{file}', MASTER_LOG_POS={position}"
            ));
            for sql in set_replicate_variables(options) {
                run(&sql);
            }
            run("START SLAVE");
        }
        self.wait_for(end);
        run(if mysql { "STOP REPLICA" } else { "STOP SLAVE" });
    }

    fn wait_for(&self, (file, position): &(String, u64)) {
        let (wait, status) = match self.server.flavour().family() {
            Family::MySql => ("SOURCE_POS_WAIT", "SHOW REPLICA STATUS"),
            Family::MariaDb => ("MASTER_POS_WAIT", "SHOW SLAVE STATUS"),
        };
        let reached = self.server.query_one(&format!(
            "SELECT {wait}('{file}', {position}, {APPLY_SECONDS_MAX})"
        ));
        // NULL when the applier stopped, -1 when the time was up.
        let number = reached.as_deref().and_then(|text| text.parse::<i64>().ok());
        if number.is_none_or(|number| number < 0) {
            panic!(
                "the replica did not reach {file}:{position}: {:?}",
                self.server.query_text(status)
            );
        }
    }
}

fn change_replication_filter(options: &FilterOptions) -> String {
    let list = |name: &str, rules: &[String], write: fn(&str) -> String| {
        let rules: Vec<String> = rules.iter().map(|rule| write(rule)).collect();
        format!("REPLICATE_{name}=({})", rules.join(", "))
    };
    let filters = [
        list("DO_DB", &options.replicate_do_db, identifier),
        list("IGNORE_DB", &options.replicate_ignore_db, identifier),
        list("DO_TABLE", &options.replicate_do_table, table),
        list("IGNORE_TABLE", &options.replicate_ignore_table, table),
        list("WILD_DO_TABLE", &options.replicate_wild_do_table, string),
        list(
            "WILD_IGNORE_TABLE",
            &options.replicate_wild_ignore_table,
            string,
        ),
        list("REWRITE_DB", &options.replicate_rewrite_db, pair),
    ];
    format!("CHANGE REPLICATION FILTER {}", filters.join(", "))
}

fn set_replicate_variables(options: &FilterOptions) -> Vec<String> {
    let set = |name: &str, rules: &[String]| {
        format!("SET GLOBAL replicate_{name} = {}", string(&rules.join(",")))
    };
    vec![
        set("do_db", &options.replicate_do_db),
        set("ignore_db", &options.replicate_ignore_db),
        set("do_table", &options.replicate_do_table),
        set("ignore_table", &options.replicate_ignore_table),
        set("wild_do_table", &options.replicate_wild_do_table),
        set("wild_ignore_table", &options.replicate_wild_ignore_table),
        set("rewrite_db", &options.replicate_rewrite_db),
    ]
}

fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn table(rule: &str) -> String {
    let (database, table) = rule.split_once('.').unwrap();
    format!("{}.{}", identifier(database), identifier(table))
}

fn string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn pair(rule: &str) -> String {
    let (from, to) = rule.split_once("->").unwrap();
    format!("({}, {})", identifier(from), identifier(to))
}
