//! A line to the source that is cut, slow, late or dead without a word: nothing is lost, and what is repeated begins with a
//! group's first row.
//!
//! The long run has fifty such faults a server, the default run eight.

use std::time::Duration;

use crate::definitions::stopped::default_metadata;
use crate::support::checker::{Connector, Findings, NOISE, Random, Workload, hold_against, topics};
use crate::support::{Flavour, Kafka, Line, Server, wait_until};

const ONCE_MAX: Duration = Duration::from_secs(600);
const PHASE_MAX: Duration = Duration::from_secs(300);

#[track_caller]
fn check(flavour: Flavour, seed: u64, prefix: &str) {
    let (faults, part) = match super::is_full() {
        true => (50, 600),
        false => (8, 150),
    };
    let kafka = Kafka::shared();
    let source = Server::start(flavour, default_metadata(flavour));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let line = runtime.block_on(Line::to(source.port()));
    let workload = Workload {
        seed,
        changes: part * faults,
        big_rows: 200,
        ..Workload::default()
    };
    let (file, position) = source.coordinates();
    let connector = Connector::new(|_folder| {
        format!(
            "checkpoint_interval = '100ms'\n\
             [source]\nhost = '127.0.0.1'\nport = {}\nuser = 'root'\nstart = {{ file = '{file}', position = {position} }}\n\
             source_retry_count = 0\nsource_connect_retry = '200ms'\nreplica_net_timeout = '1500ms'\n\
             [filter]\nreplicate-ignore-table = ['{}.{NOISE}']\n\
             [sink]\ntype = 'kafka'\nbootstrap_servers = '{}'\nprefix = '{prefix}'\npartitions = 3\n",
            line.port(),
            workload.database,
            kafka.bootstrap(),
        )
    });
    workload.prepare(&source);
    let clients = workload.start_paced(&source, 0);
    let mut random = Random::new(seed, 7);
    let mut run = connector.run(&[]);
    run.wait_until_ready();
    for _ in 0..faults {
        let before = clients.changes();
        clients.allow(before + part);
        wait_until("the clients are at work", PHASE_MAX, || {
            clients.changes() > before
        });
        line.trouble(&mut random);
        assert!(!run.has_ended(), "{}", run.log());
    }
    let tally = clients.finish();
    let ended = run.stop();
    assert!(ended.status.success(), "{}", ended.log);
    let begun_anew = ended
        .log
        .matches("starting again from the checkpoint")
        .count();
    let ended = connector.run_once(ONCE_MAX);
    assert!(ended.status.success(), "{}", ended.log);
    let output = topics::read(kafka, prefix).unwrap();
    let mut findings = Findings::default();
    hold_against(&source, &workload, output, &mut findings);
    println!("{flavour:?}: {faults} faults, {begun_anew} runs begun anew, {tally:?}: {findings}");
    findings.assert_clean();
    assert!(begun_anew > 0);
}

#[test]
fn mysql_over_a_bad_line_loses_nothing() {
    check(Flavour::MySql97, 311, "cut-mysql");
}

#[test]
fn mariadb_over_a_bad_line_loses_nothing() {
    check(Flavour::MariaDb1011, 312, "cut-mariadb");
}
