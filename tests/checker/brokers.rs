//! Into a cluster of three brokers, while rowtap is killed, a broker is killed, and the lines to the source and the brokers are
//! cut: exactly once, a consumer of what is committed sees each group once, whole and in order; at least once, what is repeated
//! begins with a group's first row.
//!
//! The long run has a hundred kills of rowtap, twenty of a broker and fifty cuts a matrix.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::is_full;
use crate::support::checker::{
    Connector, Findings, Moment, NOISE, Random, Run, Running, Workload, hold_against, topics,
};
use crate::support::{Flavour, Kafka, Line, Server, free_port, wait_until};

/// How long what was written may take to come out, brokers that elect leaders in between.
const DELIVERED_MAX: Duration = Duration::from_secs(240);
const ONCE_MAX: Duration = Duration::from_secs(600);
/// Row changes between two events.
const PART: u64 = 250;
/// What a row change takes in the binlog, at least.
const CHANGE_BYTES_MIN: u64 = 60;

/// Three brokers, and lines on which rowtap reaches them.
struct Cluster {
    kafka: Kafka,
    lines: Vec<Line>,
    runtime: Runtime,
}

impl Cluster {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let to = |port: &u16| runtime.block_on(Line::to(*port));
        let lines: Vec<Line> = ports.iter().map(to).collect();
        let kafka = Kafka::start_three(|number, port| {
            let (end, line) = (ports[number], lines[number].port());
            [
                format!(
                    "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{},LINE://127.0.0.1:{end}",
                    port + 1
                ),
                format!(
                    "advertised.listeners=PLAINTEXT://127.0.0.1:{port},LINE://127.0.0.1:{line}"
                ),
                "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LINE:PLAINTEXT".to_owned(),
                "inter.broker.listener.name=PLAINTEXT".to_owned(),
            ]
            .into()
        });
        Self {
            kafka,
            lines,
            runtime,
        }
    }

    /// The one that the tests of this process share, one after the other: each kills brokers.
    fn shared() -> MutexGuard<'static, Self> {
        static SHARED: OnceLock<Mutex<Cluster>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Mutex::new(Self::start()));
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a client is given that is to come on the lines.
    fn bootstrap(&self) -> String {
        let address = |line: &Line| format!("127.0.0.1:{}", line.port());
        let all: Vec<String> = self.lines.iter().map(address).collect();
        all.join(",")
    }
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Rowtap is killed.
    Kill,
    /// One of the brokers is killed, and comes back when rowtap has gone on without it.
    Broker,
    /// The line to the source is cut, slow or late.
    Source,
    /// Those to the brokers are.
    Brokers,
    /// All of them are.
    All,
}

impl Event {
    /// All events of a run, in an order that the seed fixes.
    fn all(random: &mut Random) -> VecDeque<Self> {
        let (kills, brokers, cuts) = match is_full() {
            true => (100, 20, [17, 17, 16]),
            false => (3, 1, [1, 1, 0]),
        };
        let [source, lines, both] = cuts;
        let counts = [
            (Self::Kill, kills),
            (Self::Broker, brokers),
            (Self::Source, source),
            (Self::Brokers, lines),
            (Self::All, both),
        ];
        let in_order = counts.map(|(event, count)| std::iter::repeat_n(event, count));
        let mut all: Vec<Self> = in_order.into_iter().flatten().collect();
        for left in (1..all.len()).rev() {
            all.swap(left, random.index(left + 1));
        }
        all.into()
    }
}

/// How rowtap delivers, and what happens to it.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    flavour: Flavour,
    seed: u64,
    prefix: &'a str,
    is_once: bool,
    /// Whether the state folder is removed after each kill.
    forgets: bool,
}

/// A source under load, and a connector from it into the cluster.
struct Stage<'a> {
    matrix: Matrix<'a>,
    cluster: &'a Cluster,
    source: Server,
    line: Line,
    clients: Running,
    connector: Connector,
    random: Random,
    findings: Findings,
}

impl Matrix<'_> {
    #[track_caller]
    fn runs_clean(self) {
        let cluster = &*Cluster::shared();
        let mut random = Random::new(self.seed, 3);
        let events = Event::all(&mut random);
        let source = Server::start(self.flavour, &[]);
        let line = cluster.runtime.block_on(Line::to(source.port()));
        let changes = PART * (events.len() as u64 + 1);
        let workload = Workload::with_xa(self.seed, changes);
        let connector = self.connector(cluster, &source, &line);
        workload.prepare(&source);
        let mut stage = Stage {
            clients: workload.start_paced(&source, 0),
            matrix: self,
            cluster,
            source,
            line,
            connector,
            random,
            findings: Findings::default(),
        };
        stage.stream(events);
        stage.check(&workload);
    }

    fn connector(&self, cluster: &Cluster, source: &Server, line: &Line) -> Connector {
        let (file, position) = source.coordinates();
        let (prefix, port, bootstrap) = (self.prefix, line.port(), cluster.bootstrap());
        let delivery = if self.is_once {
            "exactly_once"
        } else {
            "at_least_once"
        };
        Connector::new(|_| {
            format!(
                "checkpoint_interval = '100ms'\n\
                 [source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'root'\n\
                 start = {{ file = '{file}', position = {position} }}\n\
                 source_retry_count = 0\nsource_connect_retry = '200ms'\nreplica_net_timeout = '3s'\n\
                 [filter]\nreplicate-ignore-table = ['checker.{NOISE}']\n\
                 [sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\npartitions = 3\n\
                 delivery = '{delivery}'\n"
            )
        })
    }
}

impl Stage<'_> {
    fn stream(&mut self, events: VecDeque<Event>) {
        let mut run: Option<Run> = None;
        for event in events {
            let now = run.take().unwrap_or_else(|| self.connector.run(&[]));
            run = match event {
                Event::Kill => {
                    self.kill(now);
                    None
                }
                Event::Broker => Some(self.lose_a_broker(now)),
                Event::Source | Event::Brokers | Event::All => Some(self.cut(event, now)),
            };
        }
        if let Some(run) = run {
            let ended = run.stop();
            assert!(ended.status.success(), "{}", ended.log);
        }
    }

    fn allow_more(&self) {
        self.clients.allow(self.clients.changes() + PART);
    }

    fn kill(&mut self, run: Run) {
        self.allow_more();
        let moment = Moment::choose(&mut self.random, PART * CHANGE_BYTES_MIN);
        let ended = moment.kill(&self.connector, run);
        assert_eq!(ended.status.code(), None, "{}", ended.log);
        if self.matrix.forgets {
            self.connector.forget();
        }
    }

    fn lose_a_broker(&mut self, mut run: Run) -> Run {
        run.wait_until_ready();
        let before = self.clients.changes();
        self.allow_more();
        let goal = before + self.random.below(PART / 2);
        self.wait(&mut run, "the clients are at work", |stage, _| {
            stage.clients.changes() > goal
        });
        let number = self.random.index(3);
        self.cluster.kafka.kill_one(number);
        self.allow_more();
        self.wait(&mut run, "the clients wait", |stage, _| {
            stage.clients.are_waiting()
        });
        let written = self.source.coordinates();
        self.wait(&mut run, "two brokers take what was written", |stage, _| {
            stage.connector.saved() >= written
        });
        self.cluster.kafka.start_one_again(number);
        run
    }

    fn cut(&mut self, event: Event, mut run: Run) -> Run {
        run.wait_until_ready();
        let before = self.clients.changes();
        self.allow_more();
        self.wait(&mut run, "the clients are at work", |stage, _| {
            stage.clients.changes() > before
        });
        let mut cut = Vec::new();
        if event != Event::Brokers {
            cut.push(&self.line);
        }
        if event != Event::Source {
            cut.extend(&self.cluster.lines);
        }
        std::thread::scope(|scope| {
            for line in cut {
                let mut random = Random::new(self.random.number(), 0);
                scope.spawn(move || line.trouble(&mut random));
            }
        });
        run
    }

    #[track_caller]
    fn wait(&self, run: &mut Run, what: &str, is_so: impl Fn(&Self, &Run) -> bool) {
        wait_until(what, DELIVERED_MAX, || {
            assert!(!run.has_ended(), "{what}: {}", run.log());
            is_so(self, run)
        });
    }

    /// Delivers the rest, and holds all of it against the source.
    #[track_caller]
    fn check(mut self, workload: &Workload) {
        let tally = self.clients.finish();
        let ended = self.connector.run_once(ONCE_MAX);
        assert!(ended.status.success(), "{}", ended.log);
        let (kafka, prefix) = (&self.cluster.kafka, self.matrix.prefix);
        let output = match self.matrix.is_once {
            true => topics::read_once(kafka, prefix),
            false => topics::read(kafka, prefix),
        };
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        hold_against(&self.source, workload, output, &mut self.findings);
        println!("{prefix}: {tally:?}: {}", self.findings);
        self.findings.assert_clean();
    }
}

#[test]
fn mysql_comes_out_once_over_kills_of_rowtap_and_of_brokers_and_cuts() {
    let matrix = Matrix {
        flavour: Flavour::MySql97,
        seed: 721,
        prefix: "three-mysql",
        is_once: true,
        forgets: false,
    };
    matrix.runs_clean();
}

#[test]
fn mariadb_comes_out_once_whose_state_folder_is_lost_too() {
    let matrix = Matrix {
        flavour: Flavour::MariaDb1011,
        seed: 722,
        prefix: "three-mariadb",
        is_once: true,
        forgets: true,
    };
    matrix.runs_clean();
}

#[test]
fn what_is_repeated_begins_with_a_first_row_over_kills_of_rowtap_and_of_brokers_and_cuts() {
    let matrix = Matrix {
        flavour: Flavour::MySql97,
        seed: 723,
        prefix: "three-repeated",
        is_once: false,
        forgets: false,
    };
    matrix.runs_clean();
}
