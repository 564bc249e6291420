//! SIGTERM at random moments, whatever rowtap waits for: it ends within its grace, and the output is what the source holds.
//!
//! The long run ends it a thousand times, the default run a dozen times.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::is_full;
use crate::definitions::stopped::default_metadata;
use crate::support::checker::stream::{self, Group};
use crate::support::checker::{
    Connector, Findings, NOISE, Random, Run, Running, Truth, Workload, check_output, files,
    hold_against, topics,
};
use crate::support::{Flavour, Kafka, Line, Server, SmallDisk, wait_until};

/// What a connector is given whose target may not answer.
const GRACE: Duration = Duration::from_secs(2);
/// What the others are given, who do not need it: they end with a commit.
const LONG_GRACE: Duration = Duration::from_secs(20);
/// What an end may take beyond its grace on a machine that others keep busy.
const MARGIN: Duration = Duration::from_secs(20);
const PHASE_MAX: Duration = Duration::from_secs(300);
const ONCE_MAX: Duration = Duration::from_secs(600);
const OUTPUT: &str = "disk/output";
const DISK_KIB: u64 = 64 << 10;
/// The clients' pace while rowtap is started and ended.
const PACE: Duration = Duration::from_millis(250);
const PACE_CHANGES: u64 = 6;
/// A moment that does not come is given up.
const MOMENT_MAX: Duration = Duration::from_secs(8);
/// A broker that has written nothing for so long has nothing left to write.
const SETTLED: Duration = Duration::from_millis(500);
const BROKER_IS_THERE: &str = "the broker is there";
/// The test below.
const NAME: &str = "checker::endings::it_loses_nothing_however_often_it_is_told_to_end";
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What a connector is to be ended in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Streaming over a line with all faults that a line can have.
    Streaming,
    /// Looking through the source's files for definitions of the past, over a slow line.
    Scanning,
    /// Its first start, over a slow line.
    Starting,
    /// Writing to a disk that gets full.
    FullDisk,
    /// Publishing to a broker that stops and goes away.
    Broker,
    /// Its first start, before which there are no topics on such a broker.
    Topics,
}

/// How many connectors there are of each kind, and how often each is ended.
struct Plan {
    subjects: &'static [(Kind, usize)],
    endings: usize,
    /// Row changes before the place at which scanning begins, in front of it, and in all.
    changes: [u64; 3],
    /// Whether the broker is killed too.
    kills: bool,
}

/// One end.
struct Ending {
    situation: &'static str,
    took: Duration,
    code: Option<i32>,
}

/// A broker with troubles.
struct Broker {
    kafka: Kafka,
    situation: Mutex<&'static str>,
}

/// A connector that is started and ended again and again.
struct Subject<'a> {
    kind: Kind,
    number: usize,
    connector: Connector,
    line: Line,
    disk: Option<SmallDisk>,
    broker: &'a Broker,
    prefix: String,
    /// Whether the broker may have yet to read what its last process sent.
    is_unsettled: bool,
    random: Random,
}

impl Plan {
    fn chosen() -> Self {
        match is_full() {
            true => Self {
                subjects: &[
                    (Kind::Streaming, 6),
                    (Kind::Scanning, 4),
                    (Kind::Starting, 3),
                    (Kind::FullDisk, 3),
                    (Kind::Broker, 3),
                    (Kind::Topics, 1),
                ],
                endings: 25,
                changes: [600, 4_000, 9_000],
                kills: true,
            },
            false => Self {
                subjects: &[
                    (Kind::Streaming, 2),
                    (Kind::Scanning, 1),
                    (Kind::Starting, 1),
                    (Kind::FullDisk, 1),
                    (Kind::Broker, 1),
                    (Kind::Topics, 1),
                ],
                endings: 2,
                changes: [200, 900, 1_200],
                kills: false,
            },
        }
    }
}

/// Runs a plan on a server with its default metadata.
#[track_caller]
fn check(flavour: Flavour, seed: u64) {
    let plan = Plan::chosen();
    let probe = tempfile::tempdir().expect("a temporary folder");
    if SmallDisk::mount(probe.path(), 64, NAME).is_none() {
        return;
    }
    let options = [default_metadata(flavour), &["--max-connections=500"]].concat();
    let (source, kafka) = std::thread::scope(|scope| {
        let kafka = scope.spawn(Kafka::start);
        let source = Server::start(flavour, &options);
        (source, kafka.join().expect("the broker starts"))
    });
    let workload = Workload {
        seed,
        changes: plan.changes[2],
        big_rows: 100,
        ..Workload::default()
    };
    let first = source.coordinates();
    workload.prepare(&source);
    let clients = workload.start_paced(&source, plan.changes[0]);
    wait_until("the clients wait", PHASE_MAX, || clients.are_waiting());
    let past = source.coordinates();
    clients.allow(plan.changes[1]);
    wait_until("the clients wait", PHASE_MAX, || clients.are_waiting());

    let broker = Broker {
        kafka,
        situation: Mutex::new(BROKER_IS_THERE),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let kinds = plan
        .subjects
        .iter()
        .flat_map(|(kind, count)| (0..*count).map(move |number| (*kind, number)));
    let mut subjects: Vec<Subject<'_>> = kinds
        .map(|(kind, number)| {
            let line = runtime.block_on(Line::to(source.port()));
            let begin = if kind == Kind::Scanning {
                &past
            } else {
                &first
            };
            Subject::new(kind, number, seed, line, &broker, begin)
        })
        .collect();

    let random = Random::new(seed, 99);
    let endings = end_all(&plan, &clients, &broker, random, &mut subjects);
    let tally = clients.finish();
    println!("{flavour:?}: {tally:?}\n{}", table(&endings));
    assert!(endings.len() >= plan.endings * subjects.len());
    compare(&source, &workload, &mut subjects);
}

/// Ends all connectors again and again while the clients work and the broker has its troubles.
#[track_caller]
fn end_all(
    plan: &Plan,
    clients: &Running,
    broker: &Broker,
    random: Random,
    subjects: &mut [Subject<'_>],
) -> Vec<Ending> {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pacing = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                clients.allow(clients.changes() + PACE_CHANGES);
                std::thread::sleep(PACE);
            }
        });
        let troubles = scope.spawn(|| broker.trouble(random, plan.kills, &is_over));
        let running: Vec<_> = subjects
            .iter_mut()
            .map(|subject| scope.spawn(|| subject.end_often(plan.endings)))
            .collect();
        let ended: Vec<_> = running.into_iter().map(|it| it.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        pacing.join().expect("the pace is kept");
        troubles.join().expect("the broker obeys");
        let endings = ended.into_iter();
        endings
            .flat_map(|it| it.expect("each end is one that may be"))
            .collect::<Vec<Ending>>()
    })
}

/// Lets each connector come to the source's end, and holds its output against the source: the first one's by all checks, the
/// others' against the first one's.
#[track_caller]
fn compare(source: &Server, workload: &Workload, subjects: &mut [Subject<'_>]) {
    let truth = Truth::read(source, workload);
    let mut whole: Option<Vec<Group>> = None;
    for subject in subjects {
        let who = subject.to_string();
        let ended = subject.connector.run_once(ONCE_MAX);
        assert!(ended.status.success(), "{who}: {}", ended.log);
        let output = match subject.kind {
            Kind::Broker | Kind::Topics => topics::read(&subject.broker.kafka, &subject.prefix),
            _files => files::read(&subject.output()),
        };
        let output = output.unwrap_or_else(|error| panic!("{who}: {error}"));
        let mut findings = Findings::default();
        let Some(whole) = &whole else {
            whole = Some(hold_against(source, workload, output, &mut findings));
            println!("{who}: {findings}");
            findings.assert_clean();
            continue;
        };
        let records = output.records.len();
        let groups = match subject.kind {
            Kind::Scanning => stream::groups(output, &mut findings),
            _from_the_start => check_output(output, &truth, &mut findings),
        };
        findings.assert_clean();
        if !matches!(subject.kind, Kind::Broker | Kind::Topics) {
            let items: usize = groups.iter().map(|group| group.items.len()).sum();
            assert_eq!(records, items, "{who} repeats nothing");
        }
        let begin = whole.len() - groups.len().min(whole.len());
        let wanted = if subject.kind == Kind::Scanning {
            begin
        } else {
            0
        };
        let expected = &whole[wanted..];
        assert_eq!(groups.len(), expected.len(), "{who}");
        for (group, expected) in groups.iter().zip(expected) {
            assert_eq!(group, expected, "{who}");
        }
        println!("{who}: {} groups, {records} records", groups.len());
    }
}

/// The ends by situation.
fn table(endings: &[Ending]) -> String {
    let mut by_situation: BTreeMap<&str, Vec<&Ending>> = BTreeMap::new();
    for ending in endings {
        by_situation
            .entry(ending.situation)
            .or_default()
            .push(ending);
        by_situation.entry("~ all").or_default().push(ending);
    }
    let rows = by_situation.into_iter().map(|(situation, mut all)| {
        all.sort_by_key(|ending| ending.took);
        let with = |code: Option<i32>| all.iter().filter(|it| it.code == code).count();
        let (median, max) = (all[all.len() / 2].took, all[all.len() - 1].took);
        format!(
            "{situation:<40} {:>5}  clean {:>5}  without a commit {:>4}  second signal {:>3}  before it listened {:>3}  median \
             {median:>8.1?}  max {max:>8.1?}\n",
            all.len(),
            with(Some(0)),
            with(Some(75)),
            with(Some(143)),
            with(None),
        )
    });
    rows.collect()
}

impl Kind {
    /// Whether its target always answers.
    fn has_answers(self) -> bool {
        match self {
            Self::Streaming | Self::Scanning | Self::Starting => true,
            Self::FullDisk | Self::Broker | Self::Topics => false,
        }
    }

    fn grace(self) -> Duration {
        if self.has_answers() {
            LONG_GRACE
        } else {
            GRACE
        }
    }
}

impl Broker {
    fn situation(&self) -> &'static str {
        *self.situation.lock().expect("no thread panics with it")
    }

    /// Stops the broker and starts it again until it is over.
    fn trouble(&self, mut random: Random, kills: bool, is_over: &AtomicBool) {
        let mut rest = |from: u64, to: u64| {
            let until = Instant::now() + Duration::from_millis(random.between(from, to));
            while Instant::now() < until && !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(BETWEEN_LOOKS);
            }
        };
        let enter = |situation| *self.situation.lock().expect("no thread panics") = situation;
        let mut is_next_a_kill = false;
        while !is_over.load(Ordering::Relaxed) {
            rest(500, 2_500);
            if is_next_a_kill {
                enter("the broker is gone");
                self.kafka.kill();
                rest(1_000, 5_000);
                self.kafka.start_again();
            } else {
                enter("the broker is stopped");
                self.kafka.pause();
                rest(1_000, 6_000);
                self.kafka.resume();
            }
            enter(BROKER_IS_THERE);
            is_next_a_kill = kills && !is_next_a_kill;
        }
    }
}

impl<'a> Subject<'a> {
    fn new(
        kind: Kind,
        number: usize,
        seed: u64,
        line: Line,
        broker: &'a Broker,
        begin: &(String, u64),
    ) -> Self {
        let prefix = format!("{kind:?}-{number}-first");
        let connector = Connector::new(|folder| {
            fs::create_dir(folder.join("disk")).expect("the temporary folder takes another");
            let sink = match kind {
                Kind::Broker | Kind::Topics => format!(
                    "type = 'kafka'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\npartitions = 2",
                    broker.kafka.bootstrap(),
                ),
                _files => format!(
                    "type = 'file'\nfolder = '{}'\nrotate_bytes = '1MB'",
                    folder.join(OUTPUT).display()
                ),
            };
            format!(
                "checkpoint_interval = '100ms'\nshutdown_grace = '{}ms'\n\
                 [source]\nhost = '127.0.0.1'\nport = {}\nuser = 'root'\n\
                 start = {{ file = '{}', position = {} }}\nsource_retry_count = 0\nsource_connect_retry = '1s'\n\
                 [filter]\nreplicate-ignore-table = ['{}.{NOISE}']\n\
                 [sink]\n{sink}\n",
                kind.grace().as_millis(),
                line.port(),
                begin.0,
                begin.1,
                Workload::default().database,
            )
        });
        let disk = (kind == Kind::FullDisk).then(|| {
            let disk = SmallDisk::mount(&connector.folder().join("disk"), DISK_KIB, NAME);
            disk.expect("one was mounted before")
        });
        let stream = u64::try_from(number).expect("a small number") + 10 * kind as u64;
        Self {
            kind,
            number,
            connector,
            line,
            disk,
            broker,
            prefix,
            is_unsettled: false,
            random: Random::new(seed, 100 + stream),
        }
    }

    fn output(&self) -> PathBuf {
        self.connector.folder().join(OUTPUT)
    }

    /// Makes its next start its first.
    fn forget(&mut self, index: usize) {
        self.connector.forget();
        let _ = fs::remove_dir_all(self.output());
        let file = self.connector.folder().join("checked.toml");
        let text = fs::read_to_string(&file).expect("its file is there");
        let next = format!("{:?}-{}-{index}", self.kind, self.number);
        let text = text.replace(&self.prefix, &next);
        fs::write(file, text).expect("its file can be written");
        self.prefix = next;
    }

    fn end_often(&mut self, count: usize) -> Vec<Ending> {
        (0..count).map(|index| self.end_once(index)).collect()
    }

    /// Starts it and ends it at a random moment.
    #[track_caller]
    fn end_once(&mut self, index: usize) -> Ending {
        let begins_anew = match self.kind {
            Kind::Starting | Kind::Topics => true,
            // The others go on with a scan that was ended.
            Kind::Scanning => self.number.is_multiple_of(2),
            Kind::Streaming | Kind::FullDisk | Kind::Broker => false,
        };
        if self.is_unsettled {
            self.settle();
        }
        if begins_anew {
            self.forget(index);
        }
        let is_early = match self.kind {
            Kind::Scanning | Kind::Starting | Kind::Topics => true,
            Kind::Streaming | Kind::FullDisk | Kind::Broker => self.random.chance(1, 2),
        };
        let mut situation = "a good line";
        if is_early {
            situation = self.interfere(index);
        }
        let mut run = self.connector.run(&[]);
        let waits_for = match self.kind {
            Kind::Scanning => Some("replication started"),
            Kind::Streaming | Kind::FullDisk | Kind::Broker if !is_early => {
                Some("replication started")
            }
            _any_moment => None,
        };
        self.rest(&mut run, waits_for);
        if !is_early {
            situation = self.interfere(index);
            self.rest(&mut run, None);
        }
        if self.kind == Kind::Broker {
            if !(index + self.number).is_multiple_of(3) {
                self.rest_until_trouble(&mut run);
            }
            situation = self.broker.situation();
        }
        if self.kind == Kind::Topics {
            situation = match self.broker.situation() {
                BROKER_IS_THERE => "topics are made",
                _in_trouble => "topics are made in the broker's troubles",
            };
        }
        if self.kind == Kind::Scanning && !run.log().contains("looking for DDL") {
            situation = "before or after a scan, a slow line";
        }
        self.end(run, situation)
    }

    #[track_caller]
    fn end(&mut self, mut run: Run, situation: &'static str) -> Ending {
        assert!(!run.has_ended(), "{self} ended by itself: {}", run.log());
        let is_second = self.random.chance(1, 25);
        run.terminate();
        let told = Instant::now();
        if is_second {
            std::thread::sleep(Duration::from_millis(self.random.below(40)));
            if !run.has_ended() {
                run.terminate();
            }
        }
        let ended = run.wait(self.kind.grace() + MARGIN);
        let took = told.elapsed();
        self.line.restore();
        if let Some(disk) = &self.disk {
            disk.free();
        }
        let log = &ended.log;
        let code = ended.status.code();
        let may_be = match code {
            Some(0) => !log.contains("rowtap: "),
            Some(75) => !self.kind.has_answers() && log.contains("committed, and "),
            Some(143) => is_second,
            // Before it listens to signals they end it as any program; it has done nothing by then.
            None => !log.contains("status pages"),
            Some(_other) => false,
        };
        assert!(
            may_be,
            "{self}, {situation}: {code:?} after {took:?}: {log}"
        );
        assert!(!log.contains("panicked"), "{self}, {situation}: {log}");
        let is_published = matches!(self.kind, Kind::Broker | Kind::Topics);
        self.is_unsettled = is_published && code != Some(0);
        Ending {
            situation,
            took,
            code,
        }
    }

    /// Waits until the broker has read all that a process sent which ended without a commit. Before that it may write some of
    /// it after the first records of the next process, which no producer without transactions can keep it from.
    #[track_caller]
    fn settle(&self) {
        let mut before = None;
        wait_until("the broker has read it all", PHASE_MAX, || {
            std::thread::sleep(SETTLED);
            let written = self.broker.kafka.written(&self.prefix);
            let is_settled = written.is_some() && written == before;
            before = written;
            is_settled && self.broker.situation() == BROKER_IS_THERE
        });
    }

    /// Waits for a random moment; where it is to wait for a line of the log, some time after that, though not for ever.
    fn rest(&mut self, run: &mut Run, log: Option<&str>) {
        let random = &mut self.random;
        let mut look = |wait_max: Duration, mut is_so: Box<dyn FnMut(&mut Run) -> bool + '_>| {
            let until = Instant::now() + wait_max;
            while Instant::now() < until && !run.has_ended() && !is_so(run) {
                std::thread::sleep(BETWEEN_LOOKS);
            }
        };
        if let Some(line) = log {
            look(MOMENT_MAX, Box::new(|run| run.log().contains(line)));
        }
        let moment = Duration::from_millis(random.below(1_500));
        look(moment, Box::new(|_run| false));
    }

    /// Waits for the broker to stop or go away, though not for ever, and for a random moment after that.
    fn rest_until_trouble(&mut self, run: &mut Run) {
        let until = Instant::now() + MOMENT_MAX;
        while Instant::now() < until
            && !run.has_ended()
            && self.broker.situation() == BROKER_IS_THERE
        {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        self.rest(run, None);
    }

    /// Makes trouble, and says which.
    fn interfere(&mut self, index: usize) -> &'static str {
        let random = &mut self.random;
        let bytes = |random: &mut Random, from: u64, to: u64| {
            usize::try_from(random.between(from, to)).expect("a slow line")
        };
        match self.kind {
            Kind::Streaming => match (index + self.number) % 5 {
                0 => {
                    self.line.set_bytes_a_second(0);
                    "a half-open line"
                }
                1 => {
                    self.line.refuse(random.chance(2, 3));
                    self.line.cut();
                    "a line that was cut"
                }
                2 => {
                    self.line.set_bytes_a_second(bytes(random, 1_000, 100_000));
                    "a slow line"
                }
                3 => {
                    self.line.delay(bytes(random, 20, 600));
                    "a line with delays"
                }
                _ => "a good line",
            },
            Kind::Scanning => {
                self.line.set_bytes_a_second(bytes(random, 10_000, 200_000));
                "in a scan, a slow line"
            }
            Kind::Starting => {
                self.line.set_bytes_a_second(bytes(random, 2_000, 60_000));
                "a first start, a slow line"
            }
            Kind::FullDisk => {
                if let Some(disk) = &self.disk {
                    disk.fill();
                }
                "a full disk"
            }
            Kind::Broker | Kind::Topics => BROKER_IS_THERE,
        }
    }
}

impl std::fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.kind, self.number)
    }
}

#[test]
fn it_loses_nothing_however_often_it_is_told_to_end() {
    // One family is enough of a sample.
    let flavours = match is_full() {
        true => &Flavour::ALL[..],
        false => &[Flavour::MySql97],
    };
    for (flavour, seed) in flavours.iter().zip(401..) {
        check(*flavour, seed);
    }
}
