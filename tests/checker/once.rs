//! Exactly once into Kafka: a consumer of what is committed sees each group once, whole and in order, while rowtap is killed,
//! its state folder is lost, the broker goes away, and a second instance takes over.
//!
//! The long run kills rowtap a hundred times, twenty of them while the broker is away, and lets twenty instances take over.

use std::time::{Duration, Instant};

use super::{is_full, runs_clean};
use crate::support::checker::{
    Connector, Findings, Run, Running, Scenario, Sink, Workload, hold_against, topics,
};
use crate::support::{Flavour, Kafka, Server, wait_until};

const DELIVERED_MAX: Duration = Duration::from_secs(120);
const ONCE_MAX: Duration = Duration::from_secs(300);
/// How long a broker is away that rowtap must not wait for any longer.
const OUTAGE: Duration = Duration::from_secs(8);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// The code of an instance whose place another has taken.
const FENCED: i32 = 76;
/// Planted faults that show where rowtap is killed, and that say when that is.
const HELD: [&str; 2] = ["CheckpointOutsideTransaction", "CheckpointsReadUncommitted"];
/// Row changes between two events of a test.
const PART: u64 = 150;

/// A source under load, and instances of one connector from it into topics.
struct Stage<'a> {
    source: Server,
    workload: Workload,
    clients: Running,
    begin: (String, u64),
    kafka: &'a Kafka,
    prefix: String,
    fault: Option<&'a str>,
}

impl<'a> Stage<'a> {
    #[track_caller]
    fn new(kafka: &'a Kafka, prefix: &str, changes: u64, fault: Option<&'a str>) -> Self {
        let source = Server::start(Flavour::MySql97, &[]);
        let begin = source.coordinates();
        let workload = Workload {
            seed: 700,
            changes,
            big_rows: 300,
            ..Workload::default()
        };
        workload.prepare(&source);
        let clients = workload.start_paced(&source, 0);
        Self {
            source,
            workload,
            clients,
            begin,
            kafka,
            prefix: prefix.to_owned(),
            fault,
        }
    }

    /// An instance, with a state folder of its own.
    fn instance(&self, more: &str) -> Connector {
        let (file, position) = &self.begin;
        let (port, bootstrap) = (self.source.port(), self.kafka.bootstrap());
        let prefix = &self.prefix;
        let mut connector = Connector::new(|_| {
            format!(
                "checkpoint_interval = '100ms'\n\
                 [source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'root'\n\
                 start = {{ file = '{file}', position = {position} }}\nsource_retry_count = 0\nsource_connect_retry = '1s'\n\
                 [filter]\nreplicate-ignore-table = ['checker.{}']\n\
                 [sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'\npartitions = 3\n\
                 delivery = 'exactly_once'\n{more}\n",
                crate::support::checker::NOISE
            )
        });
        connector.plant(self.fault);
        connector
    }

    fn allow_more(&self) {
        self.clients.allow(self.clients.changes() + PART);
    }

    /// Lets the clients do some more, and waits until an instance has delivered all of it.
    #[track_caller]
    fn deliver_more(&self, connector: &Connector) {
        self.allow_more();
        wait_until("the clients wait", DELIVERED_MAX, || {
            self.clients.are_waiting()
        });
        let written = self.source.coordinates();
        wait_until("that is delivered", DELIVERED_MAX, || {
            connector.saved() >= written
        });
    }

    /// Lets the clients end, delivers the rest, and holds all of it against the source.
    #[track_caller]
    fn check(self, last: &Connector) -> Findings {
        self.clients.finish();
        let ended = last.run_once(ONCE_MAX);
        assert!(ended.status.success(), "{}", ended.log);
        let mut findings = Findings::default();
        let output = topics::read_once(self.kafka, &self.prefix);
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        hold_against(&self.source, &self.workload, output, &mut findings);
        println!("{}: {findings}", self.prefix);
        findings
    }
}

/// Lets two instances take over from each other again and again, the elder stopped meanwhile every other time. Each comes back
/// with a state folder in which nothing is of what the other one did.
#[track_caller]
fn take_over(kafka: &Kafka, prefix: &str, times: u64) -> Findings {
    let stage = Stage::new(kafka, prefix, (times + 2) * 3 * PART, None);
    let (mut elder, mut younger) = (stage.instance(""), stage.instance(""));
    let mut running = elder.run(&[]);
    running.wait_until_ready();
    for time in 0..times {
        stage.deliver_more(&elder);
        // In the middle of its traffic.
        stage.allow_more();
        let is_stopped = time % 2 == 1;
        if is_stopped {
            running.pause();
        }
        let mut next = younger.run(&[]);
        next.wait_until_ready();
        stage.deliver_more(&younger);
        if is_stopped {
            running.resume();
        }
        running = replaced(running, next);
        std::mem::swap(&mut elder, &mut younger);
    }
    stage.deliver_more(&elder);
    let ended = running.stop();
    assert!(ended.status.success(), "{}", ended.log);
    stage.check(&elder)
}

/// Waits until the elder of two has ended since the younger took over, and returns the younger.
#[track_caller]
fn replaced(elder: Run, mut younger: Run) -> Run {
    let ended = elder.wait(DELIVERED_MAX);
    assert_eq!(ended.status.code(), Some(FENCED), "{}", ended.log);
    assert!(!younger.has_ended(), "{}", younger.log());
    younger
}

/// An instance sleeps while another takes over, delivers all, and ends; then it wakes.
#[track_caller]
pub fn wake_replaced(kafka: &Kafka, prefix: &str, fault: Option<&str>) -> Findings {
    let stage = Stage::new(kafka, prefix, 4 * PART, fault);
    let (elder, mut younger) = (stage.instance(""), stage.instance(""));
    younger.plant(None);
    let mut sleeper = elder.run(&[]);
    sleeper.wait_until_ready();
    // In two transactions.
    stage.deliver_more(&elder);
    stage.deliver_more(&elder);
    sleeper.pause();
    let mut run = younger.run(&[]);
    run.wait_until_ready();
    stage.deliver_more(&younger);
    let ended = run.stop();
    assert!(ended.status.success(), "{}", ended.log);
    let all = younger.saved();
    sleeper.resume();
    // What goes on when it should not ends here.
    wait_until("it ends, or has delivered all again", DELIVERED_MAX, || {
        sleeper.has_ended() || elder.saved() >= all
    });
    if fault.is_none() {
        let ended = sleeper.wait(DELIVERED_MAX);
        assert_eq!(ended.status.code(), Some(FENCED), "{}", ended.log);
    }
    stage.check(&younger)
}

/// What a kill waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A consumer of what is committed finds new records.
    Committed,
    /// There is a new checkpoint, committed or not.
    Checkpoint,
}

impl Seen {
    fn count(self, stage: &Stage<'_>) -> Option<i64> {
        let prefix = &stage.prefix;
        match self {
            Self::Committed => stage.kafka.written(&format!("{prefix}.checker.")),
            Self::Checkpoint => stage.kafka.logged(&format!("{prefix}.rowtap.checkpoints")),
        }
    }

    fn is_seen(self, stage: &Stage<'_>, before: Option<i64>, run: &mut Run) -> bool {
        if run.has_ended() {
            return true;
        }
        match stage.fault.is_some_and(|fault| HELD.contains(&fault)) {
            true => run.log().contains("the planted fault waits to be killed"),
            false => self.count(stage) > before,
        }
    }
}

/// Rowtap is killed as soon as something of what it does can be seen.
#[track_caller]
pub fn kill_when(
    seen: Seen,
    kafka: &Kafka,
    prefix: &str,
    times: u64,
    fault: Option<&str>,
) -> Findings {
    let stage = Stage::new(kafka, prefix, (times + 2) * PART, fault);
    let mut connector = stage.instance("");
    for _ in 0..times {
        let mut run = connector.run(&[]);
        run.wait_until_ready();
        let before = seen.count(&stage);
        stage.allow_more();
        wait_until("it can be seen", DELIVERED_MAX, || {
            seen.is_seen(&stage, before, &mut run)
        });
        run.kill();
    }
    connector.plant(None);
    stage.check(&connector)
}

/// The broker is away for longer than rowtap waits for it, which is not killed.
#[track_caller]
fn outlive(kafka: &Kafka, prefix: &str, times: u64) -> Findings {
    let stage = Stage::new(kafka, prefix, (times + 1) * 2 * PART, None);
    let connector = stage.instance("delivery_timeout = '2s'");
    let mut run = connector.run(&[]);
    run.wait_until_ready();
    for _ in 0..times {
        stage.deliver_more(&connector);
        kafka.await_ends(prefix);
        kafka.kill();
        stage.allow_more();
        let until = Instant::now() + OUTAGE;
        while Instant::now() < until && !run.has_ended() {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        kafka.start_again();
    }
    stage.deliver_more(&connector);
    let ended = run.stop();
    assert!(ended.status.success(), "{}", ended.log);
    stage.check(&connector)
}

/// Rowtap is killed; each time its state folder is lost too, where that is wanted.
fn kills(flavour: Flavour, sink: Sink<'_>, seed: u64, forgets: bool, outages: bool) {
    let (changes, kills) = if is_full() { (40_000, 100) } else { (3_000, 4) };
    let scenario = Scenario {
        kills,
        forgets: if forgets { kills } else { 0 },
        outages: match (outages, is_full()) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 20,
        },
        ..Scenario::undisturbed(flavour, sink, Workload::with_xa(seed, changes))
    };
    runs_clean(&scenario);
}

#[test]
fn mysql_comes_out_once_over_kills_and_outages() {
    let kafka = Kafka::start();
    let prefix = "once-mysql";
    let sink = Sink::TopicsOnce {
        kafka: &kafka,
        prefix,
    };
    kills(Flavour::MySql97, sink, 701, false, true);
}

#[test]
fn mariadb_comes_out_once_whose_state_folder_is_lost_at_each_kill() {
    let (kafka, prefix) = (Kafka::shared(), "once-mariadb");
    let sink = Sink::TopicsOnce { kafka, prefix };
    kills(Flavour::MariaDb1011, sink, 702, true, false);
}

#[test]
fn nothing_is_lost_or_doubled_by_a_kill_around_a_commit() {
    let times = if is_full() { 30 } else { 2 };
    let kafka = Kafka::shared();
    kill_when(Seen::Committed, kafka, "once-committed", times, None).assert_clean();
    kill_when(Seen::Checkpoint, kafka, "once-written", times, None).assert_clean();
}

#[test]
fn nothing_is_doubled_when_another_instance_takes_over() {
    let times = if is_full() { 20 } else { 2 };
    take_over(Kafka::shared(), "once-two", times).assert_clean();
    if is_full() {
        wake_replaced(Kafka::shared(), "once-woken", None).assert_clean();
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_the_broker_is_away_for_too_long() {
    let times = if is_full() { 10 } else { 1 };
    outlive(&Kafka::start(), "once-outage", times).assert_clean();
}
