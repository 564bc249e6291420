//! One whole check: a source with its workload, rowtap between it and a target, crashes on the way, and every check at
//! the end.

use std::path::Path;
use std::time::{Duration, Instant};

use rowtap::mysql::Flavour as Family;

use super::crash::Moment;
use super::findings::{Check, Findings};
use super::output::Output;
use super::random::Random;
use super::rowtap::{Connector, Ended, Run};
use super::stream::Group;
use super::verify::{Ledger, Truth, check_balance, check_output, check_totals, events_written};
use super::workload::{NOISE, Running, Tally, Workload};
use super::{files, rebuild, topics};
use crate::support::{Flavour, Kafka, Server, wait_until};

/// How long the last run may take to reach the source's end.
const ONCE_MAX: Duration = Duration::from_secs(600);

/// The folder of files beside the connector's state.
const OUTPUT: &str = "output";

/// What a row change takes in the binlog, at least and with its share of the other events.
const CHANGE_BYTES_MIN: u64 = 60;
/// Row changes during an outage of the broker.
const OUTAGE_CHANGES: u64 = 300;
const OUTAGE_MAX: Duration = Duration::from_secs(60);
/// How long a checkpoint that must not be saved is given.
const TO_SAVE: Duration = Duration::from_secs(3);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// What is run.
pub struct Scenario<'a> {
    /// The source.
    pub flavour: Flavour,
    /// Where changes go.
    pub sink: Sink<'a>,
    /// What happens on the source.
    pub workload: Workload,
    /// How often rowtap is killed meanwhile.
    pub kills: u64,
    /// How often the source is restarted meanwhile.
    pub restarts: u64,
    /// How often the state folder is removed after a kill.
    pub forgets: u64,
    /// How many of the kills come while the broker is away and records are on their way to it.
    pub outages: u64,
    /// A planted fault, for a binary that was built with them.
    pub fault: Option<&'a str>,
}

impl<'a> Scenario<'a> {
    /// One in which nothing goes wrong.
    pub fn undisturbed(flavour: Flavour, sink: Sink<'a>, workload: Workload) -> Self {
        Self {
            flavour,
            sink,
            workload,
            kills: 0,
            restarts: 0,
            forgets: 0,
            outages: 0,
            fault: None,
        }
    }
}

/// Where changes go.
#[derive(Clone, Copy)]
pub enum Sink<'a> {
    /// A folder of JSON Lines files.
    Files,
    /// Topics that begin with a prefix of their own.
    Topics {
        /// The broker.
        kafka: &'a Kafka,
        /// What the topics begin with.
        prefix: &'a str,
    },
    /// The same, exactly once.
    TopicsOnce {
        /// The broker.
        kafka: &'a Kafka,
        /// What the topics begin with.
        prefix: &'a str,
    },
}

impl Sink<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Topics { .. } => "Kafka",
            Self::TopicsOnce { .. } => "Kafka, exactly once",
        }
    }
}

/// A scenario at work.
struct Stage<'a> {
    scenario: &'a Scenario<'a>,
    source: Server,
    connector: Connector,
    findings: Findings,
    /// Of the runs that ended as they were asked to.
    ledgers: Vec<Ledger>,
}

impl Scenario<'_> {
    /// Runs it and returns what the checks found. The source's stream is read from before the workload's first statement.
    #[track_caller]
    pub fn run(&self) -> Findings {
        let begun = Instant::now();
        let source = Server::start(self.flavour, self.source_options());
        let (file, position) = source.coordinates();
        let mut connector =
            Connector::new(|folder| self.connector(&source, folder, &file, position));
        connector.plant(self.fault);
        let mut stage = Stage {
            scenario: self,
            source,
            connector,
            findings: Findings::default(),
            ledgers: Vec::new(),
        };
        self.workload.prepare(&stage.source);
        let tally = if self.kills == 0 {
            stage.stream()
        } else {
            stage.stream_with_crashes()
        };
        let last = stage.connector.run_once(ONCE_MAX);
        stage.note(&last);
        println!("{tally:?} streamed in {:.1?}", begun.elapsed());
        stage.check(&file, position);
        println!(
            "{:?} to {}: {}",
            self.flavour,
            self.sink.name(),
            stage.findings
        );
        stage.findings
    }

    fn source_options(&self) -> &'static [&'static str] {
        match self.flavour.family() {
            // Tables that ROLLBACK does not undo cannot be written beside others under GTIDs.
            Family::MySql if self.workload.mixed_engines => {
                &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]
            }
            Family::MySql | Family::MariaDb => &[],
        }
    }

    fn connector(&self, source: &Server, folder: &Path, file: &str, position: u64) -> String {
        let port = source.port();
        let database = &self.workload.database;
        // This build knows no key exchange that is still spoken.
        let tls = if self.flavour == Flavour::MySql80 {
            "tls = { mode = 'disabled' }\n"
        } else {
            ""
        };
        let sink = match self.sink {
            // Small files, so that there are many.
            Sink::Files => {
                format!(
                    "type = 'file'\nfolder = '{}'\nrotate_bytes = '2MB'",
                    folder.join(OUTPUT).display()
                )
            }
            Sink::Topics { kafka, prefix } => format!(
                "type = 'kafka'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\npartitions = 3",
                kafka.bootstrap()
            ),
            Sink::TopicsOnce { kafka, prefix } => format!(
                "type = 'kafka'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\npartitions = 3\ndelivery = 'exactly_once'",
                kafka.bootstrap()
            ),
        };
        format!(
            "checkpoint_interval = '100ms'\n\
             [source]\nhost = '127.0.0.1'\nport = {port}\nuser = 'root'\n\
             start = {{ file = '{file}', position = {position} }}\nsource_retry_count = 0\nsource_connect_retry = '1s'\n{tls}\
             [filter]\nreplicate-ignore-table = ['{database}.{NOISE}']\n\
             [sink]\n{sink}\n"
        )
    }
}

impl Stage<'_> {
    /// Streams while the clients work, then stops as asked.
    fn stream(&mut self) -> Tally {
        let mut run = self.connector.run(&[]);
        run.wait_until_ready();
        let tally = self.scenario.workload.start(&self.source).finish();
        let ended = run.stop();
        self.note(&ended);
        tally
    }

    /// Streams while the clients work, rowtap is killed and the source restarted. The clients wait for the kills, so that
    /// these are spread over the whole stream.
    fn stream_with_crashes(&mut self) -> Tally {
        let Scenario {
            kills,
            restarts,
            forgets,
            ref workload,
            ..
        } = *self.scenario;
        let mut random = Random::new(workload.seed, u64::MAX);
        let part = workload.changes / kills;
        let clients = workload.start_paced(&self.source, 0);
        for kill in 1..=kills {
            clients.allow(clients.changes() + part);
            let run = self.connector.run(&[]);
            if kill <= self.scenario.outages {
                self.kill_in_outage(&clients, run);
                continue;
            }
            let moment = Moment::choose(&mut random, part * CHANGE_BYTES_MIN);
            let is_one_of =
                |count: u64| count > 0 && kill % (kills / (count + 1)).max(1) == 0 && kill < kills;
            if is_one_of(restarts) {
                self.restart(&clients, kill);
            }
            let ended = moment.kill(&self.connector, run);
            if ended.status.code().is_some() {
                let text = format!(
                    "it ended by itself before {moment:?}: {}\n{}",
                    ended.status, ended.log
                );
                self.findings.complain(Check::Run, text);
                break;
            }
            if is_one_of(forgets) {
                self.connector.forget();
                println!("the state folder was removed after kill {kill}");
            }
        }
        clients.finish()
    }

    /// Kills rowtap while nothing that it sends arrives, after it had the time to save a checkpoint that it must not save:
    /// one behind the changes that the broker was there for.
    fn kill_in_outage(&self, clients: &Running, mut run: Run) {
        let (Sink::Topics { kafka, prefix } | Sink::TopicsOnce { kafka, prefix }) =
            self.scenario.sink
        else {
            panic!("files are never away");
        };
        run.wait_until_ready();
        // Every topic is there, and all that is on its way arrives: what comes later waits for nothing but the broker.
        wait_until("the clients wait", OUTAGE_MAX, || clients.are_waiting());
        let settled = self.source.coordinates();
        wait_until("rowtap has delivered that", OUTAGE_MAX, || {
            self.connector.saved() >= settled
        });
        kafka.await_ends(prefix);
        kafka.kill();
        let lost = self.source.coordinates();
        clients.allow(clients.changes() + OUTAGE_CHANGES);
        // How much it reads before it waits for the broker depends on how it comes.
        wait_until("rowtap has read more", OUTAGE_MAX, || run.read() > lost);
        let deadline = Instant::now() + TO_SAVE;
        while self.connector.saved() <= lost && Instant::now() < deadline {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        run.kill();
        kafka.start_again();
    }

    /// Restarts the source in the middle of the traffic.
    fn restart(&self, clients: &Running, kill: u64) {
        let before = clients.changes();
        self.source.restart();
        println!("the source was restarted at {before} row changes, before kill {kill}");
    }

    /// Notes how a run ended that was to end well.
    fn note(&mut self, ended: &Ended) {
        if !ended.status.success() {
            let text = format!("{}\n{}", ended.status, ended.log);
            self.findings.complain(Check::Run, text);
        }
        match Ledger::find(&ended.log) {
            Some(ledger) => {
                check_balance(&ledger, &mut self.findings);
                self.ledgers.push(ledger);
            }
            None => self
                .findings
                .complain(Check::Ledger, "the run printed none"),
        }
    }

    /// Holds the output against the source.
    fn check(&mut self, file: &str, position: u64) {
        let workload = &self.scenario.workload;
        let findings = &mut self.findings;
        let output: Result<Output, String> = match self.scenario.sink {
            Sink::Files => files::read(&self.connector.folder().join(OUTPUT)),
            Sink::Topics { kafka, prefix } => topics::read(kafka, prefix),
            Sink::TopicsOnce { kafka, prefix } => topics::read_once(kafka, prefix),
        };
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                findings.complain(Check::Format, error);
                return;
            }
        };
        hold_against(&self.source, workload, output, findings);
        if self.scenario.kills == 0 {
            let received = events_written(&self.source, file, position);
            let rows = u64::try_from(findings.row_changes).expect("a count fits into 64 bits");
            check_totals(&self.ledgers, received, rows, findings);
        }
    }
}

/// Holds an output from before the workload's first statement against the source, once the clients have ended. Returns its
/// groups.
#[track_caller]
pub fn hold_against(
    source: &Server,
    workload: &Workload,
    output: Output,
    findings: &mut Findings,
) -> Vec<Group> {
    let begun = Instant::now();
    let truth = Truth::read(source, workload);
    let groups = check_output(output, &truth, findings);
    let checked = begun.elapsed();
    let rebuilt = rebuild::empty_server(source.flavour());
    let started = begun.elapsed();
    rebuild::apply(&groups, &rebuilt, findings);
    let applied = begun.elapsed();
    rebuild::compare(source, &rebuilt, &workload.database, &[NOISE], findings);
    println!(
        "the output was checked in {checked:.1?}, rebuilt in {:.1?}, compared in {:.1?}",
        applied - started,
        begun.elapsed() - applied
    );
    groups
}
