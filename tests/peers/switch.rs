//! A consumer of Debezium's topics, Debezium's own sink to a table, goes on without a restart while rowtap takes Debezium's place and
//! gives it back: the table equals the source.

use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mysql::prelude::Queryable as _;

use super::connect::{DEBEZIUM_MAX, server};
use super::is_full;
use super::running::Running;
use crate::commands::process::{Folder, account};
use crate::support::{Kafka, Random, Server, wait_until};

const TOPIC: &str = "shop.peers.orders";
const TABLE: &str = "CREATE TABLE orders (id BIGINT, region VARCHAR(10) CHARACTER SET utf8mb4, name VARCHAR(40) CHARACTER SET utf8mb4, \
                     amount DECIMAL(20,4), day DATE, at DATETIME(6), moment TIMESTAMP(3) NULL, small TINYINT UNSIGNED, ratio DOUBLE, \
                     raw VARBINARY(20), note TEXT CHARACTER SET utf8mb4, PRIMARY KEY (id, region))";
const SELECT: &str = "SELECT CONCAT_WS('|', id, region, IFNULL(name, 'NULL'), IFNULL(amount, 'NULL'), IFNULL(day, 'NULL'), \
                      IFNULL(at, 'NULL'), IFNULL(moment, 'NULL'), IFNULL(small, 'NULL'), IFNULL(ratio, 'NULL'), \
                      IFNULL(HEX(raw), 'NULL'), IFNULL(note, 'NULL'), IFNULL(later, 'NULL')) FROM orders ORDER BY id, region";
/// Statements of each of the three times: Debezium's, rowtap's, and Debezium's again.
const STATEMENTS: usize = 1500;

/// Whether statements go on while one takes the other's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    GoesOn,
    Waits,
}

/// A statement that changes rows, now and then the key of some.
fn statement(random: &mut Random, number: usize) -> String {
    let id = random.below(300);
    let region = ["north", "south", "größe"][usize::try_from(random.below(3)).unwrap()];
    let (cents, micros) = (random.below(1_000_000), random.below(1_000_000));
    match random.below(8) {
        0 => format!("DELETE FROM orders WHERE id = {id}"),
        1 => format!("UPDATE orders SET id = id + 1000 WHERE id = {id} AND region = '{region}'"),
        2 => format!(
            "UPDATE orders SET name = NULL, amount = -amount, raw = 0x00FF{:04X} WHERE id BETWEEN {id} AND {id} + 5",
            number & 0xffff
        ),
        3 => format!(
            "UPDATE orders SET note = REPEAT('note {number} ', 20), small = {}, ratio = ratio / 3 WHERE id = {id}",
            number % 256
        ),
        _ => format!(
            "REPLACE INTO orders (id, region, name, amount, day, at, moment, small, ratio, raw, note) VALUES ({id}, '{region}', \
             'name \"{number}\" ä', {cents}.{:04}, '2024-02-29', '1969-12-31 23:59:59.{micros:06}', '2024-02-29 12:34:56.789', \
             {}, 0.1, x'00FF', NULL)",
            number % 10_000,
            number % 256
        ),
    }
}

/// Writes until it is told to end, and says how much it has written; it waits where it is told to.
fn write(server: &Server, written: &AtomicUsize, [is_over, waits]: [&AtomicBool; 2]) {
    let mut conn = server.connect();
    conn.query_drop("USE peers").unwrap();
    conn.query_drop("SET NAMES utf8mb4, time_zone = '+00:00'")
        .unwrap();
    let mut random = Random::new(7, 0);
    while !is_over.load(Ordering::Relaxed) {
        if waits.load(Ordering::Relaxed) {
            let may_go_on = || !waits.load(Ordering::Relaxed) || is_over.load(Ordering::Relaxed);
            wait_until("the writer may go on", 2 * DEBEZIUM_MAX, may_go_on);
            continue;
        }
        let number = written.load(Ordering::Relaxed);
        let statement = statement(&mut random, number);
        let transaction = random.below(5) == 0;
        if transaction {
            conn.query_drop("BEGIN").unwrap();
        }
        // A row may get the key of another one.
        match conn.query_drop(&statement) {
            Ok(()) => {}
            Err(mysql::Error::MySqlError(error)) if error.code == 1062 => {}
            Err(error) => panic!("{error}: {statement}"),
        }
        if transaction {
            conn.query_drop("COMMIT").unwrap();
        }
        written.store(number + 1, Ordering::Relaxed);
    }
}

/// Kafka Connect with one connector, whose places are in a folder that outlives it.
fn connect(program: &str, kafka: &Kafka, folder: &Folder, connector: &str) -> Running {
    let name = connector.lines().next().unwrap().replace("name=", "");
    let path = |suffix: &str| folder.path(&format!("{name}.{suffix}"));
    fs::create_dir_all(path("plugins")).unwrap();
    let mut worker = format!(
        "bootstrap.servers={}\noffset.storage.file.filename={}\noffset.flush.interval.ms=500\nplugin.path={}\n\
         listeners=http://127.0.0.1:0\nconsumer.metadata.max.age.ms=1000\n\
         header.converter=org.apache.kafka.connect.storage.StringConverter\n",
        kafka.bootstrap(),
        path("offsets").display(),
        path("plugins").display(),
    );
    for part in ["key", "value"] {
        writeln!(
            worker,
            "{part}.converter=org.apache.kafka.connect.json.JsonConverter"
        )
        .unwrap();
    }
    let files = ["worker", "connector"].map(path);
    fs::write(&files[0], worker).unwrap();
    fs::write(&files[1], connector).unwrap();
    let mut arguments = vec!["org.apache.kafka.connect.cli.ConnectStandalone".to_owned()];
    arguments.extend(files.iter().map(|file| file.display().to_string()));
    Running::start(&format!("{program}/bin/connect"), &arguments, &[])
}

fn debezium(server: &Server, kafka: &Kafka, folder: &Folder) -> Running {
    let connector = format!(
        "name=shop\nconnector.class=io.debezium.connector.mysql.MySqlConnector\ndatabase.hostname=127.0.0.1\n\
         database.port={}\ndatabase.user=dbz\ndatabase.password=dbz\ndatabase.server.id=7701\ntopic.prefix=shop\n\
         snapshot.mode=no_data\ndatabase.include.list=peers\npoll.interval.ms=50\n\
         schema.history.internal=io.debezium.storage.file.history.FileSchemaHistory\n\
         schema.history.internal.file.filename={}\n",
        server.port(),
        folder.path("shop.history").display(),
    );
    let mut running = connect("debezium-3.6", kafka, folder, &connector);
    wait_until("Debezium streams", DEBEZIUM_MAX, || {
        running.log().contains("Keepalive thread is running")
    });
    running
}

fn sink(target: &Server, kafka: &Kafka, folder: &Folder) -> Running {
    let connector = format!(
        "name=table\nconnector.class=io.debezium.connector.jdbc.JdbcSinkConnector\ntasks.max=1\ntopics={TOPIC}\n\
         connection.url=jdbc:mysql://127.0.0.1:{}/target?allowPublicKeyRetrieval=true&sslMode=DISABLED\n\
         connection.username=dbz\nconnection.password=dbz\ninsert.mode=upsert\ndelete.enabled=true\n\
         primary.key.mode=record_key\nschema.evolution=basic\ncollection.name.format=orders\n",
        target.port(),
    );
    connect("debezium-sink-3.5", kafka, folder, &connector)
}

/// The GTIDs that Debezium has delivered, as it has kept them in the file of the worker.
fn delivered(folder: &Folder) -> String {
    let bytes = fs::read(folder.path("shop.offsets")).expect("Debezium's place");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (_, set) = text
        .rsplit_once("\"gtids\":\"")
        .unwrap_or_else(|| panic!("{text}"));
    set.split('"').next().unwrap().to_owned()
}

/// rowtap in Debezium's place, from these on.
fn rowtap(server: &Server, kafka: &Kafka, delivered: &str) -> Folder {
    Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nhost = '127.0.0.1'\nport = {}\nuser = 'rowtap'\npassword = '{}'\n\
         start = {{ gtid_set = '{delivered}' }}\n[filter]\nreplicate-do-db = ['peers']\n[sink]\ntype = 'kafka'\n\
         format = 'debezium'\nbootstrap_servers = '{}'\nprefix = 'shop'\n",
        server.port(),
        crate::commands::process::PASSWORD,
        kafka.bootstrap(),
    ))
}

fn rows(server: &Server, database: &str) -> Vec<String> {
    let sql = SELECT.replace("FROM orders", &format!("FROM {database}.orders"));
    let mut conn = server.connect();
    conn.query_drop("SET NAMES utf8mb4, time_zone = '+00:00'")
        .unwrap();
    conn.query(sql).unwrap()
}

/// Whether the consumer has made the column that the source got last.
fn has_last_column(target: &Server) -> bool {
    let count = "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'target' AND column_name = 'later'";
    target.query_one(count).as_deref() != Some("0")
}

fn switched(load: Load) {
    let (server, target, kafka) = (server(), server(), Kafka::start());
    account(&server, "rowtap");
    kafka.create_topic(TOPIC, 3);
    kafka.create_topic("shop", 1);
    target.execute(&format!("CREATE DATABASE target; USE target; {TABLE}"));
    let folder = Folder::new("");
    let mut source = debezium(&server, &kafka, &folder);
    server.execute(&format!("CREATE DATABASE peers; USE peers; {TABLE}"));
    let mut consumer = sink(&target, &kafka, &folder);
    let written = AtomicUsize::new(0);
    let [is_over, waits] = [const { AtomicBool::new(false) }; 2];
    let mut by_rowtap = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| write(&server, &written, [&is_over, &waits]));
        // It ends the writer too where something here fails.
        let _ended = Ended(&is_over);
        let more = |what: &str| {
            let upto = written.load(Ordering::Relaxed) + STATEMENTS;
            wait_until(what, DEBEZIUM_MAX, || {
                written.load(Ordering::Relaxed) >= upto
            });
            if load == Load::Waits {
                waits.store(true, Ordering::Relaxed);
            }
        };
        more("Debezium's rows are written");
        drop(source.log());
        source.terminate(DEBEZIUM_MAX);
        let before = kafka.written(TOPIC).expect("an answer");
        let delivered = delivered(&folder);
        let rowtap = rowtap(&server, &kafka, &delivered);
        let mut running = rowtap.start(&["run", "--http", "off", "shop.toml"]);
        running.until("it streams", |running| {
            running.stderr().contains("replication started")
        });
        waits.store(false, Ordering::Relaxed);
        server.execute("ALTER TABLE peers.orders ADD COLUMN later INT DEFAULT NULL");
        server.execute("UPDATE peers.orders SET later = id WHERE id < 100");
        more("rowtap's rows are written");
        running.signal("TERM");
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        by_rowtap = kafka.written(TOPIC).expect("an answer") - before;
        // It has the place that it had, and brings again what rowtap brought.
        source = debezium(&server, &kafka, &folder);
        waits.store(false, Ordering::Relaxed);
        more("Debezium's rows are written again");
    });
    let expected = rows(&server, "peers");
    assert!(expected.len() > 50, "{}", expected.len());
    wait_until("the table equals the source", DEBEZIUM_MAX, || {
        let log = consumer.log();
        assert!(!log.contains("unrecoverable exception"), "{log}");
        drop(source.log());
        has_last_column(&target) && rows(&target, "target") == expected
    });
    let statements = written.load(Ordering::Relaxed);
    let all = kafka.written(TOPIC).expect("an answer");
    println!(
        "{load:?}: {} rows equal after {statements} statements, {by_rowtap} of {all} messages by rowtap",
        expected.len()
    );
    assert!(by_rowtap > 500, "{by_rowtap}");
}

struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_table_that_debezium_fed_goes_on_from_rowtap_and_back() {
    if !is_full() {
        return;
    }
    for load in [Load::GoesOn, Load::Waits] {
        switched(load);
    }
}
