//! Servers that take each other's place again and again under load: each change comes out once, in order, and the output is
//! what the last of them holds.
//!
//! The long run has ten failovers a server, the default run two.

use std::time::Duration;

use mysql::prelude::Queryable;
use rowtap::mysql::Flavour as Family;

use crate::definitions::stopped::default_metadata;
use crate::support::checker::{
    Connector, Findings, NOISE, Run, Running, Workload, files, hold_against,
};
use crate::support::{Flavour, Line, Pair, Server, wait_until};

const ONCE_MAX: Duration = Duration::from_secs(600);
const PHASE_MAX: Duration = Duration::from_secs(300);

/// How a source is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// SIGKILL, while clients write: what its replica has not received by then is gone.
    Crash,
    /// It becomes read-only, its replica catches up, and the clients change over.
    Planned,
}

/// A pair, each reached through a line of its own, and the clients of the source.
struct Stage {
    pair: Pair,
    /// By the server's port.
    lines: Vec<(u16, Line)>,
    clients: Running,
    /// The servers that were the source, as records name them.
    sources: Vec<String>,
}

/// What records call a server.
fn name(server: &Server) -> String {
    let variable = match server.flavour().family() {
        Family::MySql => "@@server_uuid",
        Family::MariaDb => "@@server_id",
    };
    server.query_one(&format!("SELECT {variable}")).unwrap()
}

impl Stage {
    fn line(&self, server: &Server) -> &Line {
        let mut lines = self.lines.iter();
        let line = lines.find(|(port, _)| *port == server.port());
        &line.expect("each server has one").1
    }

    /// Changes the definition of a table that the clients write to, in the middle of their traffic.
    #[track_caller]
    fn define(&self, number: usize) {
        let Workload { database, .. } = Workload::default();
        self.pair.source().execute(&format!(
            "ALTER TABLE {database}.item ADD COLUMN extra_{number} ENUM('no', 'yes {number}') NOT NULL DEFAULT 'yes {number}' FIRST"
        ));
    }

    /// Lets the source be lost and its replica take its place, then starts a new replica in the place of the former source.
    #[track_caller]
    fn fail_over(&mut self, loss: Loss, changes: u64, number: usize) {
        let before = self.clients.changes();
        self.clients.allow(before + changes);
        self.define(2 * number);
        let mut frozen = None;
        match loss {
            Loss::Crash => {
                wait_until("the clients are half way", PHASE_MAX, || {
                    self.clients.changes() >= before + changes / 2
                });
                // What is delivered by now the replica has to have; what comes later rowtap never sees.
                let line = self.line(self.pair.source());
                line.refuse(true);
                line.cut();
                self.pair.wait_until_caught_up();
                self.pair.source().kill();
            }
            Loss::Planned => {
                wait_until("the clients are half way", PHASE_MAX, || {
                    self.clients.changes() >= before + changes / 2
                });
                // Root may write on a MariaDB that is read-only.
                let freeze = match self.pair.source().flavour().family() {
                    Family::MySql => "SET GLOBAL super_read_only = ON",
                    Family::MariaDb => "FLUSH TABLES WITH READ LOCK",
                };
                let mut connection = self.pair.source().connect();
                connection.query_drop(freeze).unwrap();
                frozen = Some(connection);
                self.pair.wait_until_caught_up();
            }
        }
        self.pair.promote();
        self.clients.move_to(self.pair.source());
        self.sources.push(name(self.pair.source()));
        let former = self.pair.replica();
        if loss == Loss::Planned {
            // A lock that is given up lets the clients write once more.
            match former.flavour().family() {
                Family::MySql => former.stop(),
                Family::MariaDb => former.kill(),
            }
        }
        drop(frozen);
        former.start_anew();
        // It would take what its predecessor wrote for its own.
        former.execute(&format!("SET GLOBAL server_id = {}", 100 + number));
        self.pair.follow(former, self.pair.source());
        self.line(former).restore();
        self.define(2 * number + 1);
        wait_until("the clients have done their part", PHASE_MAX, || {
            self.clients.are_waiting()
        });
    }
}

fn connector(stage: &[&Line], first: &(String, u64), workload: &Workload) -> Connector {
    let hosts: Vec<String> = stage
        .iter()
        .map(|line| format!("'127.0.0.1:{}'", line.port()))
        .collect();
    Connector::new(|folder| {
        format!(
            "checkpoint_interval = '100ms'\n\
             [source]\nhosts = [{}]\nuser = 'root'\nstart = {{ file = '{}', position = {} }}\n\
             source_retry_count = 0\nsource_connect_retry = '200ms'\n\
             [filter]\nreplicate-ignore-table = ['{}.{NOISE}']\n\
             [sink]\ntype = 'file'\nfolder = '{}'\nrotate_bytes = '1MB'\n",
            hosts.join(", "),
            first.0,
            first.1,
            workload.database,
            folder.join("output").display()
        )
    })
}

/// Waits until rowtap reads from as many servers one after the other.
#[track_caller]
fn wait_for_changes_of_place(run: &mut Run, count: usize) {
    wait_until("rowtap has changed over", PHASE_MAX, || {
        assert!(!run.has_ended(), "{}", run.log());
        run.log().matches("takes the source's place").count() >= count
    });
}

#[track_caller]
fn check(flavour: Flavour, seed: u64) {
    let (failovers, changes) = match super::is_full() {
        true => (10, 2_000),
        false => (2, 500),
    };
    let pair = Pair::start(flavour, default_metadata(flavour));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let lines = [pair.source(), pair.replica()]
        .map(|server| (server.port(), runtime.block_on(Line::to(server.port()))));
    let workload = Workload {
        seed,
        changes: 0,
        big_rows: 100,
        // A client of its own would go on from statements that a crash has undone.
        ddl_rounds: 0,
        ..Workload::default()
    };
    let first = pair.source().coordinates();
    let connector = connector(&[&lines[0].1, &lines[1].1], &first, &workload);
    workload.prepare(pair.source());
    let clients = workload.start_paced(pair.source(), 0);
    let mut stage = Stage {
        sources: vec![name(pair.source())],
        pair,
        lines: lines.into(),
        clients,
    };
    let mut run = connector.run(&[]);
    run.wait_until_ready();
    for number in 0..failovers {
        let loss = match number % 2 {
            0 => Loss::Crash,
            _odd => Loss::Planned,
        };
        stage.fail_over(loss, changes, number);
        wait_for_changes_of_place(&mut run, number + 1);
    }
    let tally = stage.clients.finish();
    let ended = run.stop();
    assert!(ended.status.success(), "{}", ended.log);
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    let mut output = files::read(&connector.folder().join("output")).unwrap();
    output.in_order_of(&stage.sources);
    let mut findings = Findings::default();
    hold_against(stage.pair.source(), &workload, output, &mut findings);
    println!("{flavour:?}: {failovers} failovers, {tally:?}: {findings}");
    findings.assert_clean();
    assert_eq!(findings.repeated, 0);
}

#[test]
fn mysql_servers_take_each_others_place_and_nothing_is_lost_or_repeated() {
    check(Flavour::MySql97, 301);
}

#[test]
fn mariadb_servers_take_each_others_place_and_nothing_is_lost_or_repeated() {
    check(Flavour::MariaDb1011, 302);
}
