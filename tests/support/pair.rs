//! Two servers of which one replicates from the other, by GTIDs, and their changes of place.

use std::time::Duration;

use rowtap::mysql::Flavour as Family;

use super::{Flavour, Server, wait_until};

/// How long a replica may take to have what its source has.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(120);

/// A source and its replica. Which of the two is which changes with [`Pair::promote`].
pub struct Pair {
    servers: [Server; 2],
    /// The number of the source.
    source: usize,
}

impl Pair {
    /// Starts both; an option wins over the default. The replica follows from before the source's first group.
    #[track_caller]
    pub fn start(flavour: Flavour, options: &[&str]) -> Self {
        let (first, second) = std::thread::scope(|scope| {
            let start = |id: &'static str| {
                let updates = match flavour.family() {
                    Family::MySql if flavour != Flavour::MySql57 => "--log-replica-updates=ON",
                    Family::MySql | Family::MariaDb => "--log-slave-updates=ON",
                };
                // The default of MySQL 8.0.15 has the old name only.
                let updates = match flavour {
                    Flavour::MySql80 => "--log-slave-updates=ON",
                    _newer => updates,
                };
                let options = [&[id, updates], options].concat();
                Server::start(flavour, &options)
            };
            let second = scope.spawn(move || start("--server-id=2"));
            (start("--server-id=1"), second.join().expect("it starts"))
        });
        let pair = Self {
            servers: [first, second],
            source: 0,
        };
        pair.follow(pair.replica(), pair.source());
        pair
    }

    /// The server that clients write to.
    pub fn source(&self) -> &Server {
        &self.servers[self.source]
    }

    /// The other one.
    pub fn replica(&self) -> &Server {
        &self.servers[1 - self.source]
    }

    /// Has a server replicate from another one.
    #[track_caller]
    pub fn follow(&self, replica: &Server, source: &Server) {
        let port = source.port();
        replica.execute(&match replica.flavour() {
            Flavour::MySql97 => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'root', \
                 SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1; START REPLICA"
            ),
            Flavour::MySql80 | Flavour::MySql57 => format!(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'root', \
                 MASTER_AUTO_POSITION = 1, MASTER_CONNECT_RETRY = 1; START SLAVE"
            ),
            Flavour::MariaDb1011 | Flavour::MariaDb118 => format!(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'root', \
                 MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1; START SLAVE"
            ),
        });
    }

    /// Runs a statement about replication, in the words of MySQL 8.0.22 and later.
    #[track_caller]
    pub fn on_replica(&self, statement: &str) {
        let replica = self.replica();
        let statement = match replica.flavour() {
            Flavour::MySql97 => statement.to_owned(),
            _others => statement.replace("REPLICA", "SLAVE"),
        };
        replica.execute(&statement);
    }

    /// Waits until the replica has what the source has now.
    #[track_caller]
    pub fn wait_until_caught_up(&self) {
        self.wait_for(&self.source().gtid_set());
    }

    /// Waits until the replica has a set.
    #[track_caller]
    pub fn wait_for(&self, wanted: &str) {
        wait_until("the replica has caught up", CAUGHT_UP_MAX, || {
            let has = match self.replica().flavour().family() {
                Family::MySql => {
                    let subset = format!("SELECT GTID_SUBSET('{wanted}', @@GLOBAL.gtid_executed)");
                    self.replica().query_one(&subset).as_deref() == Some("1")
                }
                Family::MariaDb => {
                    let wait = format!("SELECT MASTER_GTID_WAIT('{wanted}', 1)");
                    self.replica().query_one(&wait).as_deref() == Some("0")
                }
            };
            let broken = self.broken();
            assert!(broken.is_none(), "replication has failed: {broken:?}");
            has
        });
    }

    /// Makes the replica a source of its own, and the place of the two change. It keeps what it has got.
    #[track_caller]
    pub fn promote(&mut self) {
        self.on_replica("STOP REPLICA; RESET REPLICA ALL; SET GLOBAL read_only = OFF");
        self.source = 1 - self.source;
    }

    /// Why the replica's replication has failed.
    fn broken(&self) -> Option<String> {
        let replica = self.replica();
        let (statement, errors) = match replica.flavour() {
            Flavour::MySql97 => ("SHOW REPLICA STATUS", ["Last_SQL_Error", "Last_IO_Error"]),
            _others => ("SHOW SLAVE STATUS", ["Last_SQL_Error", "Last_IO_Error"]),
        };
        let mut connection = replica.connect();
        let row: Option<mysql::Row> =
            mysql::prelude::Queryable::query_first(&mut connection, statement)
                .expect("the replica tells its state");
        let row = row?;
        // A source that is away is no failure.
        let text: Option<String> = row.get(errors[0]).flatten();
        let log = replica.log();
        let last: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        text.filter(|error| !error.is_empty())
            .map(|error| format!("{error}\n{}", last.join("\n")))
    }
}
