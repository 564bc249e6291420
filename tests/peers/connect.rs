//! Kafka Connect with Debezium's connectors and a converter to Avro, as `scripts/servers debezium-3.6 debezium-mariadb-3.5
//! avro-converter-2.6` brings them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mysql::prelude::Queryable as _;

use crate::support::{Flavour, Kafka, Server, cache, wait_until};

/// How long Connect may take to start, and Debezium to read a workload.
pub const DEBEZIUM_MAX: Duration = Duration::from_secs(600);
/// The binlog of a workload: what the server names it shows in messages.
pub const BINLOG: &str = "binlog.000003";

/// A connector: its name, which is its prefix too, and lines of its properties.
pub struct Connector {
    pub name: String,
    pub settings: Vec<String>,
}

/// A server that Debezium may read.
pub fn server() -> Server {
    server_of(Flavour::MySql97)
}

/// The same of any version.
pub fn server_of(flavour: Flavour) -> Server {
    let (options, identified): (&[&str], _) = match flavour {
        Flavour::MySql97 => (&["--binlog-rows-query-log-events=ON"], "BY 'dbz'"),
        // Another password needs TLS that is still spoken.
        Flavour::MySql80 | Flavour::MySql57 => (&[], "WITH mysql_native_password BY 'dbz'"),
        Flavour::MariaDb118 | Flavour::MariaDb1011 => (&[], "BY 'dbz'"),
    };
    let server = Server::start(flavour, options);
    server.execute(&format!(
        "CREATE USER dbz@'%' IDENTIFIED {identified}; GRANT ALL ON *.* TO dbz@'%'"
    ));
    server
}

/// Has a server carry out the statements of a file, each on a line of its own, and log them in a binlog of their own.
pub fn carry_out(server: &Server, workload: &Path) {
    let text = fs::read_to_string(workload).expect("the workload");
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    carry_out_lines(server, &lines.map(str::to_owned).collect::<Vec<_>>());
}

/// The same of these statements.
pub fn carry_out_lines(server: &Server, statements: &[String]) {
    while server.coordinates().0 != BINLOG {
        server.execute("FLUSH BINARY LOGS");
    }
    let mut conn = server.connect();
    for statement in statements {
        conn.query_drop(statement).expect(statement);
    }
    server.execute("FLUSH BINARY LOGS");
}

/// Kafka Connect with connectors of Debezium; ended with this value.
pub struct Connect {
    child: Child,
    folder: tempfile::TempDir,
}

impl Connect {
    /// Starts connectors, and waits until all of them stream.
    pub fn start(server: &Server, kafka: &Kafka, connectors: &[Connector]) -> Self {
        let (peer, kind, class, more) = match server.flavour() {
            Flavour::MySql97 => ("debezium-3.6", "mysql", "MySqlConnector", ""),
            Flavour::MySql80 | Flavour::MySql57 => (
                "debezium-3.6",
                "mysql",
                "MySqlConnector",
                "database.ssl.mode=disabled\n",
            ),
            Flavour::MariaDb118 | Flavour::MariaDb1011 => (
                "debezium-mariadb-3.5",
                "mariadb",
                "MariaDbConnector",
                "database.ssl.mode=disable\n",
            ),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let worker = format!(
            "bootstrap.servers={}\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n\
             value.converter=org.apache.kafka.connect.json.JsonConverter\n\
             offset.storage.file.filename={}\noffset.flush.interval.ms=1000\nplugin.path={}\n\
             listeners=http://127.0.0.1:0\n",
            kafka.bootstrap(),
            path("offsets").display(),
            cache().join("avro-converter-2.6").display(),
        );
        fs::write(path("worker.properties"), worker).unwrap();
        let mut files = vec![path("worker.properties")];
        for (number, Connector { name, settings }) in connectors.iter().enumerate() {
            let mut text = format!(
                "name={name}\nconnector.class=io.debezium.connector.{kind}.{class}\n{more}\
                 database.hostname=127.0.0.1\ndatabase.port={}\ndatabase.user=dbz\ndatabase.password=dbz\n\
                 database.server.id=77{number}\ntopic.prefix={name}\nsnapshot.mode=no_data\n\
                 database.include.list=peers\npoll.interval.ms=50\n\
                 topic.creation.default.replication.factor=1\ntopic.creation.default.partitions=1\n\
                 schema.history.internal=io.debezium.storage.file.history.FileSchemaHistory\n\
                 schema.history.internal.file.filename={}\n",
                server.port(),
                path(&format!("{name}.history")).display(),
            );
            for line in settings {
                writeln!(text, "{line}").unwrap();
            }
            let file = path(&format!("{name}.properties"));
            fs::write(&file, text).unwrap();
            files.push(file);
        }
        let log = fs::File::create(path("log")).unwrap();
        let child = Command::new(cache().join(peer).join("bin/connect"))
            // Room for many connectors at once.
            .env("_JAVA_OPTIONS", "-Xmx1800m")
            .arg("org.apache.kafka.connect.cli.ConnectStandalone")
            .args(&files)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("scripts/servers debezium-3.6 debezium-mariadb-3.5 brings it");
        let connect = Self { child, folder };
        wait_until("Debezium streams", DEBEZIUM_MAX, || {
            let log = connect.log();
            assert!(!log.contains("Stopping after connector error"), "{log}");
            log.matches("Keepalive thread is running").count() == connectors.len()
        });
        connect
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
