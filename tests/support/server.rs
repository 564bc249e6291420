//! Private MySQL and MariaDB servers, and what tests ask of them: statements, restarts, kills, binlog files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder, Value};
use rowtap::mysql::Flavour as Family;

use super::private::Private;
use super::{Certificates, cache, wait_until};

const PURGE_MAX: Duration = Duration::from_secs(300);
/// How long a connection that was closed may be there.
const GONE_MAX: Duration = Duration::from_secs(60);

/// The servers that the tests run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MySQL 9.7.
    MySql97,
    /// MySQL 8.0.15.
    MySql80,
    /// MySQL 5.7.22: no TLS that is still spoken, no `binlog_row_metadata`, no `caching_sha2_password`.
    MySql57,
    /// MariaDB 11.8.
    MariaDb118,
    /// MariaDB 10.11.
    MariaDb1011,
}

impl Flavour {
    /// The newest of each family as Debian carries them, for tests that hold for all.
    pub const ALL: [Self; 2] = [Self::MySql97, Self::MariaDb1011];

    /// Every server, for the tests in which versions matter.
    pub const EVERY: [Self; 5] = [
        Self::MySql97,
        Self::MySql80,
        Self::MySql57,
        Self::MariaDb118,
        Self::MariaDb1011,
    ];

    /// The folder's name in the cache.
    pub fn name(self) -> &'static str {
        match self {
            Self::MySql97 => "mysql-9.7",
            Self::MySql80 => "mysql-8.0",
            Self::MySql57 => "mysql-5.7",
            Self::MariaDb118 => "mariadb-11.8",
            Self::MariaDb1011 => "mariadb-10.11",
        }
    }

    /// What it belongs to.
    pub fn family(self) -> Family {
        match self {
            Self::MySql97 | Self::MySql80 | Self::MySql57 => Family::MySql,
            Self::MariaDb118 | Self::MariaDb1011 => Family::MariaDb,
        }
    }

    /// A client program that speaks to it: its own, or that of the nearest version that has one.
    pub fn client(self) -> PathBuf {
        match self {
            Self::MySql97 | Self::MySql80 => program("mysql-9.7", "mysql"),
            // MySQL 9.7's client has no mysql_native_password any more, MariaDB's has.
            Self::MySql57 | Self::MariaDb1011 => program("mariadb-10.11", "mariadb"),
            Self::MariaDb118 => program("mariadb-11.8", "mariadb"),
        }
    }

    /// A mysqlbinlog that reads its files.
    fn binlog_reader(self) -> PathBuf {
        match self {
            Self::MySql97 | Self::MySql80 | Self::MySql57 => program("mysql-9.7", "mysqlbinlog"),
            Self::MariaDb118 | Self::MariaDb1011 => program(self.name(), "mariadb-binlog"),
        }
    }
}

fn program(server: &str, name: &str) -> PathBuf {
    cache().join(server).join("bin").join(name)
}

/// A server with binary log, row format, full row metadata and GTIDs, which ends when this value does, or the process.
///
/// `root` has no password. Methods that speak to it open a connection of their own and panic when it refuses.
pub struct Server {
    flavour: Flavour,
    private: Private,
    databases: AtomicU32,
}

impl Server {
    /// Starts one on empty data and returns when it answers; an option like `--binlog-checksum=NONE` wins over the
    /// default.
    #[track_caller]
    pub fn start(flavour: Flavour, options: &[&str]) -> Self {
        let private = Private::start(flavour.name(), options, |folder, _, _| {
            Conn::new(options_for("root", "").socket(Some(socket_in(folder)))).is_ok()
        });
        Self {
            flavour,
            private,
            databases: AtomicU32::new(0),
        }
    }

    /// Starts one that shows these certificates; they have to live as long as it does.
    #[track_caller]
    pub fn start_with_certificates(
        flavour: Flavour,
        certificates: &Certificates,
        options: &[&str],
    ) -> Self {
        let tls = certificates.server_options();
        let options: Vec<&str> = tls
            .iter()
            .map(String::as_str)
            .chain(options.iter().copied())
            .collect();
        Self::start(flavour, &options)
    }

    /// The one server of this flavour that tests of this process share, each in databases of its own. Not for tests
    /// that restart it, change its globals or compare its whole stream.
    pub fn shared(flavour: Flavour) -> &'static Self {
        static SHARED: [OnceLock<Server>; 5] = [const { OnceLock::new() }; 5];
        let place = Flavour::EVERY.iter().position(|&one| one == flavour);
        SHARED[place.expect("every flavour is in EVERY")].get_or_init(|| Self::start(flavour, &[]))
    }

    /// What it is.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Its port on 127.0.0.1, the same over restarts.
    pub fn port(&self) -> u16 {
        self.private.port()
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.private.folder().join("server.sock")
    }

    /// Its data folder, binlog files included.
    pub fn datadir(&self) -> PathBuf {
        self.private.folder().join("data")
    }

    /// Its error log.
    pub fn log(&self) -> String {
        self.private.log()
    }

    /// How it ended and the end of its log, if it has ended without being told to: it died of something that it was asked.
    pub fn death(&self) -> Option<String> {
        self.private.death()
    }

    /// A binlog file by the name that the server gives it.
    pub fn binlog_path(&self, name: &str) -> PathBuf {
        self.datadir().join(name)
    }

    /// The authority of the certificate that MySQL made for itself; such a certificate names no host.
    pub fn own_ca(&self) -> PathBuf {
        self.datadir().join("ca.pem")
    }

    /// The public key that MySQL made for passwords over plain connections.
    pub fn public_key(&self) -> PathBuf {
        self.datadir().join("public_key.pem")
    }

    /// A connection of root's over TCP.
    #[track_caller]
    pub fn connect(&self) -> Conn {
        self.connect_as("root", "").expect("root may connect")
    }

    /// A connection of a user's over TCP.
    pub fn connect_as(&self, user: &str, password: &str) -> Result<Conn, mysql::Error> {
        Conn::new(
            options_for(user, password)
                .ip_or_hostname(Some("127.0.0.1"))
                .tcp_port(self.port()),
        )
    }

    /// Runs one statement, or several with `;` between them, and drops what they return. What they prepare is left to others to
    /// decide on.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        let mut connection = self.connect();
        let id = connection.connection_id();
        if let Err(error) = connection.query_drop(sql) {
            panic!("{:?} refused {sql:?}: {error}", self.flavour);
        }
        drop(connection);
        if sql.contains("XA PREPARE") {
            // Others know nothing of an XA transaction while the server has not ended its connection.
            self.wait_until_no_connection(&format!("id = {id}"), GONE_MAX);
        }
    }

    /// The names of the columns that a statement returns with at least one row.
    #[track_caller]
    pub fn column_names(&self, sql: &str) -> Vec<String> {
        let rows: Vec<mysql::Row> = self.connect().query(sql).expect("the server takes it");
        let first = rows.first().expect("it returns a row");
        let names = first.columns_ref().iter();
        names.map(|column| column.name_str().into_owned()).collect()
    }

    /// The rows of one statement as the server writes them in text; NULL is `None`.
    #[track_caller]
    pub fn query_text(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let rows: Vec<mysql::Row> = match self.connect().query(sql) {
            Ok(rows) => rows,
            Err(error) => panic!("{:?} refused {sql:?}: {error}", self.flavour),
        };
        rows.into_iter()
            .map(|row| row.unwrap().into_iter().map(text).collect())
            .collect()
    }

    /// The single value of a statement's single row.
    #[track_caller]
    pub fn query_one(&self, sql: &str) -> Option<String> {
        let rows = self.query_text(sql);
        assert!(
            rows.len() == 1 && rows[0].len() == 1,
            "{sql:?} returned {rows:?}, expected one value"
        );
        rows.into_iter().flatten().next().flatten()
    }

    /// Has the server remove its binlog files before this one, and waits until they are gone: MariaDB keeps them until a
    /// background thread is done with them.
    #[track_caller]
    pub fn purge_to(&self, file: &str) {
        wait_until("the older files are gone", PURGE_MAX, || {
            self.execute(&format!("PURGE BINARY LOGS TO '{file}'"));
            self.query_text("SHOW BINARY LOGS")[0][0].as_deref() == Some(file)
        });
    }

    /// File and position that the server writes to next.
    #[track_caller]
    pub fn coordinates(&self) -> (String, u64) {
        let rows = self.query_text(match self.flavour {
            Flavour::MySql97 => "SHOW BINARY LOG STATUS",
            Flavour::MySql80 | Flavour::MySql57 => "SHOW MASTER STATUS",
            Flavour::MariaDb118 | Flavour::MariaDb1011 => "SHOW BINLOG STATUS",
        });
        let mut row = rows
            .into_iter()
            .next()
            .expect("the binary log is on")
            .into_iter()
            .flatten();
        let file = row.next().expect("a file");
        let position = row.next().expect("a position");
        (file, position.parse().expect("a position is a number"))
    }

    /// Every GTID in the binary log, as the server writes the set.
    #[track_caller]
    pub fn gtid_set(&self) -> String {
        self.query_one(match self.flavour.family() {
            Family::MySql => "SELECT REPLACE(@@GLOBAL.gtid_executed, '\\n', '')",
            Family::MariaDb => "SELECT @@GLOBAL.gtid_binlog_pos",
        })
        .expect("a GTID set is not NULL")
    }

    /// Makes a database that no other test of this process has, and returns its name.
    #[track_caller]
    pub fn unique_database(&self) -> String {
        let name = format!(
            "test_{}",
            self.databases.fetch_add(1, Ordering::Relaxed) + 1
        );
        self.execute(&format!("CREATE DATABASE {name}"));
        name
    }

    /// Stops it cleanly and starts it again on the same port and data.
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// The same with these options in place of those that it had.
    #[track_caller]
    pub fn restart_with(&self, options: &[&str]) {
        self.private.restart_with(options);
    }

    /// Stops it cleanly.
    #[track_caller]
    pub fn stop(&self) {
        self.private.stop();
    }

    /// Ends it by SIGKILL.
    #[track_caller]
    pub fn kill(&self) {
        self.private.kill();
    }

    /// Starts it after `stop` or `kill`, on the same port and data.
    #[track_caller]
    pub fn start_again(&self) {
        self.private.start_again();
    }

    /// Starts it after `stop` or `kill` on empty data, on the same port.
    #[track_caller]
    pub fn start_anew(&self) {
        std::fs::remove_dir_all(self.datadir()).expect("the data is there");
        self.private.start_again();
    }

    /// Waits until nobody is connected as `user`.
    #[track_caller]
    pub fn wait_until_gone(&self, user: &str, wait_max: Duration) {
        self.wait_until_no_connection(&format!("user = '{user}'"), wait_max);
    }

    #[track_caller]
    fn wait_until_no_connection(&self, condition: &str, wait_max: Duration) {
        let count =
            format!("SELECT COUNT(*) FROM information_schema.processlist WHERE {condition}");
        wait_until("the connections are gone", wait_max, || {
            self.query_one(&count).as_deref() == Some("0")
        });
    }

    /// What a command-line client of the flavour prints for these statements, tab between columns, root's.
    #[track_caller]
    pub fn client(&self, arguments: &[&str], sql: &str) -> String {
        let socket = format!("--socket={}", self.socket().display());
        run(Command::new(self.flavour.client())
            .args(["--user=root", &socket, "--batch"])
            .args(arguments)
            .args(["-e", sql]))
    }

    /// What a mysqlbinlog of the flavour prints; name binlog files by `binlog_path`.
    #[track_caller]
    pub fn mysqlbinlog<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> String {
        run(Command::new(self.flavour.binlog_reader()).args(arguments))
    }
}

fn options_for(user: &str, password: &str) -> OptsBuilder {
    // Over TCP the client would otherwise change to the socket by itself.
    OptsBuilder::new()
        .user(Some(user))
        .pass(Some(password))
        .prefer_socket(false)
}

fn socket_in(folder: &Path) -> String {
    folder.join("server.sock").display().to_string()
}

#[track_caller]
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("text, select HEX() of bytes")),
        other => panic!("{other:?} is no value of the text protocol"),
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("the cache's programs start");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
