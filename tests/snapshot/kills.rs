//! Copies of the checker's load that are killed again and again, the first and then ordered ones, while clients change rows and
//! tables are altered, renamed and emptied.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rowtap::change::SnapshotProgress;
use rowtap::state::relay_log_info;

use super::settled::Settling;
use crate::support::checker::stream::{Group, Item};
use crate::support::checker::{
    Connector, Findings, NOISE, Random, Run, Running, Sink, Workload, files, rebuild, stream,
    topics,
};
use crate::support::{Flavour, Kafka, Server, is_full, number_or, wait_until};

const ONCE_MAX: Duration = Duration::from_secs(600);
/// Row changes before the first copy.
const FIRST_CHANGES: u64 = 4_000;
/// Row changes that clients are allowed at a time, and how long it lasts.
const STEP: (u64, Duration) = (8, Duration::from_millis(10));
/// What a moment to kill at may take to come.
const MOMENT_MAX: Duration = Duration::from_secs(8);
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// What is killed.
struct Case<'a> {
    flavour: Flavour,
    locking: &'a str,
    sink: Sink<'a>,
    kills: u64,
    seed: u64,
}

impl Case<'_> {
    fn connector(&self, source: &Server) -> Connector {
        let port = source.port();
        // These speak no TLS that is still spoken.
        let tls = match self.flavour {
            Flavour::MySql80 | Flavour::MySql57 => "tls = { mode = 'disabled' }\n",
            Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => "",
        };
        Connector::new(|folder| {
            let of_kafka = |kafka: &Kafka, prefix: &str, delivery: &str| {
                let bootstrap = kafka.bootstrap();
                format!(
                    "type = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\npartitions = 3\ndelivery = '{delivery}'"
                )
            };
            let sink = match self.sink {
                Sink::Files => {
                    format!(
                        "type = 'file'\nfolder = '{}'",
                        folder.join("output").display()
                    )
                }
                Sink::Topics { kafka, prefix } => of_kafka(kafka, prefix, "at_least_once"),
                Sink::TopicsOnce { kafka, prefix } => of_kafka(kafka, prefix, "exactly_once"),
            };
            let locking = self.locking;
            format!(
                "checkpoint_interval = '100ms'\n\
                 [source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'u'\npassword = 'p'\nstart = 'snapshot'\n\
                 source_retry_count = 0\nsource_connect_retry = '200ms'\n{tls}\
                 [snapshot]\nthreads = 3\nlocking = '{locking}'\nrows_per_second_max = 2500\n\
                 [filter]\nreplicate-ignore-table = ['checker.{NOISE}']\n[sink]\n{sink}\n"
            )
        })
    }

    fn check(&self) {
        let begun = Instant::now();
        let source = Server::start(self.flavour, &[]);
        granted(&source);
        let workload = Workload {
            seed: self.seed,
            clients: 8,
            changes: FIRST_CHANGES + self.kills * 1_500,
            ddl_rounds: self.kills.div_ceil(5),
            big_rows: 300,
            ..Workload::default()
        };
        workload.prepare(&source);
        let clients = workload.start_paced(&source, FIRST_CHANGES);
        wait_until("there is something to copy", ONCE_MAX, || {
            clients.are_waiting()
        });
        let connector = self.connector(&source);
        let is_over = AtomicBool::new(false);
        let orders = thread::scope(|scope| {
            scope.spawn(|| paced(&clients, &is_over));
            // A test that fails lets the clients go.
            let _over = Over(&is_over);
            self.killed(&connector)
        });
        let tally = clients.finish();
        let last = connector.run_once(ONCE_MAX);
        assert!(last.status.success(), "{}", last.log);
        let settling = self.compared(&source, &connector);
        println!(
            "{:?}, locking {}, {}: {} kills, {orders} orders, {} transactions and {} DDL statements, {:?}, {:.0?}: {}",
            self.flavour,
            self.locking,
            self.sink_name(),
            self.kills,
            tally.committed,
            tally.statements,
            settling.copied,
            begun.elapsed(),
            settling.findings,
        );
        settling.findings.assert_clean();
    }

    fn sink_name(&self) -> &'static str {
        match self.sink {
            Sink::Files => "files",
            Sink::Topics { .. } => "Kafka",
            Sink::TopicsOnce { .. } => "Kafka, exactly once",
        }
    }

    /// Kills one run after the other; orders another copy of everything where none is under way. Returns how many were ordered.
    fn killed(&self, connector: &Connector) -> u64 {
        let mut random = Random::new(self.seed, u64::MAX);
        let mut orders = 0;
        for _ in 0..self.kills {
            let is_copying = is_copying(connector);
            let mut run = connector.run(&[]);
            if !is_copying {
                run.wait_until_ready();
                let ordered = connector.command(&["snapshot", "--table", "checker.%"]);
                assert!(ordered.status.success(), "{}", ordered.log);
                orders += 1;
            }
            await_moment(&mut random, connector, &mut run);
            let ended = run.kill();
            let code = ended.status.code();
            assert_eq!(code, None, "it ended by itself: {}", ended.log);
        }
        orders
    }

    /// Holds what came out against the source.
    fn compared(&self, source: &Server, connector: &Connector) -> Settling {
        let output = match self.sink {
            Sink::Files => files::read(&connector.folder().join("output")),
            Sink::Topics { kafka, prefix } => topics::read(kafka, prefix),
            Sink::TopicsOnce { kafka, prefix } => topics::read_once(kafka, prefix),
        };
        let mut findings = Findings::default();
        let groups = stream::groups(output.unwrap(), &mut findings);
        let small = of_small_tables(&groups);
        let mut settling = Settling::of(self.flavour, findings);
        let groups = settling.settle(groups);
        let rebuilt = rebuild::empty_server(self.flavour);
        rebuilt.execute("CREATE DATABASE checker CHARACTER SET utf8mb4");
        let findings = &mut settling.findings;
        rebuild::apply(&groups, &rebuilt, findings);
        // A copy that begins anew knows nothing of tables that went away meanwhile, and leaves them empty.
        for table in settling.empty() {
            let is_there = format!("SHOW TABLES FROM checker LIKE '{table}'");
            if source.query_text(&is_there).is_empty() {
                println!("{table} is gone and was left empty");
                rebuilt.execute(&format!("DROP TABLE IF EXISTS checker.{table}"));
            }
        }
        rebuild::compare(
            source,
            &rebuilt,
            "checker",
            &[NOISE],
            &mut settling.findings,
        );
        let complaints = settling.findings.to_string();
        for (table, lines) in small {
            if complaints.contains(&format!("`{table}` has")) {
                println!("what came out of {table}:\n{}", lines.join("\n"));
            }
        }
        settling
    }
}

/// What came out of tables that are made on the way, a line each.
fn of_small_tables(groups: &[Group]) -> BTreeMap<String, Vec<String>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for group in groups {
        for (sequence, item) in &group.items {
            let tables = match item {
                Item::Row { table, .. } => std::slice::from_ref(table),
                Item::Ddl { tables, .. } => tables,
            };
            let small = tables.iter().filter(|it| it.table.starts_with("side_"));
            for table in small {
                let line = format!("{}#{sequence}: {item:?}", group.name);
                lines.entry(table.table.to_string()).or_default().push(line);
            }
        }
    }
    lines
}

/// Tells the end of what it was made for.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets the clients go on at an even pace.
fn paced(clients: &Running, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        clients.allow(clients.changes() + STEP.0);
        thread::sleep(STEP.1);
    }
}

/// An account that may not keep DDL out.
fn granted(source: &Server) {
    source.execute(
        "CREATE USER u@'%' IDENTIFIED BY 'p';
         GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT, LOCK TABLES, RELOAD, PROCESS ON *.* TO u@'%'",
    );
    if source.flavour() == Flavour::MySql80 {
        source.execute("ALTER USER u@'%' IDENTIFIED WITH mysql_native_password BY 'p'");
    }
}

/// Whether a copy is under way, or the first one is yet to begin.
fn is_copying(connector: &Connector) -> bool {
    let checkpoint = relay_log_info::decode(&connector.checkpoint());
    checkpoint.map_or(true, |checkpoint| {
        matches!(checkpoint.snapshot, SnapshotProgress::Copying { .. })
    })
}

/// Waits for some time, or until the checkpoint was replaced some times since the copy began.
fn await_moment(random: &mut Random, connector: &Connector, run: &mut Run) {
    let deadline = Instant::now() + MOMENT_MAX;
    let (count, then) = match random.below(4) {
        0 => (0, Duration::from_millis(random.below(2_000))),
        _most => (
            random.between(1, 8),
            Duration::from_micros(random.below(120_000)),
        ),
    };
    let mut before = connector.checkpoint();
    let mut replaced = 0;
    while replaced < count && Instant::now() < deadline && !run.has_ended() {
        let now = connector.checkpoint();
        let counts = now != before && run.log().contains("copying what is there");
        replaced += u64::from(counts);
        before = now;
        thread::sleep(BETWEEN_LOOKS);
    }
    thread::sleep(then);
}

const LOCKINGS: [&str; 2] = ["auto", "none"];

/// All cases of a server, or the one for which `ROWTAP_TEST_CASE` asks, such as `auto, Kafka`. `ROWTAP_TEST_SEED` asks for other loads.
fn check_all(flavour: Flavour) {
    let only = std::env::var("ROWTAP_TEST_CASE").ok();
    let seed = number_or("ROWTAP_TEST_SEED", 7_000);
    for (number, locking) in (1..).zip(LOCKINGS) {
        let check = |sink| {
            let case = Case {
                flavour,
                locking,
                sink,
                kills: 20,
                seed: seed + number,
            };
            let name = format!("{locking}, {}", case.sink_name());
            if only.as_ref().is_none_or(|only| *only == name) {
                case.check();
            }
        };
        check(Sink::Files);
        let (kafka, name) = (Kafka::shared(), flavour.name());
        let prefix = &*format!("kills-{name}-{locking}");
        check(Sink::Topics { kafka, prefix });
        let prefix = &*format!("kills-{name}-{locking}-once");
        check(Sink::TopicsOnce { kafka, prefix });
    }
}

#[test]
fn what_copies_of_mysql_come_to_is_what_the_source_holds() {
    if is_full() {
        check_all(Flavour::MySql97);
        return;
    }
    let case = Case {
        flavour: Flavour::MySql97,
        locking: "none",
        sink: Sink::Files,
        kills: 3,
        seed: 7_100,
    };
    case.check();
}

#[test]
fn what_copies_of_mariadb_come_to_is_what_the_source_holds() {
    if is_full() {
        check_all(Flavour::MariaDb118);
        return;
    }
    let (kafka, prefix) = (Kafka::shared(), "kills-sampled");
    let case = Case {
        flavour: Flavour::MariaDb118,
        locking: "auto",
        sink: Sink::TopicsOnce { kafka, prefix },
        kills: 3,
        seed: 7_101,
    };
    case.check();
}

#[test]
fn what_copies_of_mysql_5_7_come_to_is_what_the_source_holds() {
    if is_full() {
        check_all(Flavour::MySql57);
    }
}

#[test]
fn what_copies_of_mysql_8_0_come_to_is_what_the_source_holds() {
    if is_full() {
        check_all(Flavour::MySql80);
    }
}

#[test]
fn what_copies_of_mariadb_10_11_come_to_is_what_the_source_holds() {
    if is_full() {
        check_all(Flavour::MariaDb1011);
    }
}
