//! `rowtap run`: connectors from start to end, their status pages, and their last words.

use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::bars;
use super::environment::{listen, variables, version};
use super::signals::{self, HeardSignals};
use super::until::gtid_set;
use super::{Exit, LogFormat, UntilArgument};
use crate::binlog::GtidSet;
use crate::config::{self, facts};
use crate::failure::Class;
use crate::http::{self, HttpError, Listen};
use crate::metrics::{ConnectorState, Registry};
use crate::pipeline::{self, Connector, Ended, Mode, PipelineError};

/// What to run, and how far.
#[derive(Debug, clap::Args)]
pub struct RunArguments {
    /// Connector files; a connector's name is its file's.
    #[arg(value_name = "CONNECTOR.toml", required = true)]
    paths: Vec<PathBuf>,
    /// Ends when everything that the source holds now is delivered.
    #[arg(long, conflicts_with = "until")]
    once: bool,
    /// Ends there: FILE:POSITION, a GTID set, or a time.
    #[arg(long, value_name = "WHERE")]
    until: Option<UntilArgument>,
    /// Ends before the first transaction of this GTID set, as a replica does with SQL_BEFORE_GTIDS.
    #[arg(
        long,
        value_name = "GTID_SET",
        value_parser = gtid_set,
        conflicts_with_all = ["once", "until"]
    )]
    until_before: Option<GtidSet>,
    /// Where to serve health, metrics and status, or off [default: 127.0.0.1:9633, if it is free]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen)]
    http: Option<Listen>,
}

/// Runs until every connector has ended, or a signal that was heard since the process began ends them.
pub fn run(
    arguments: &RunArguments,
    heard: io::Result<Option<HeardSignals>>,
    log: LogFormat,
) -> Exit {
    let connectors = match config::load(&arguments.paths, &variables()) {
        Ok(connectors) => connectors,
        Err(error) => {
            log.fail_each(&error);
            return error.class().into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("rowtap")
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            log.fail(None, &error);
            return Class::Bug.into();
        }
    };
    let mode = mode(arguments);
    let listen = arguments.http.unwrap_or_default();
    let ended = runtime.block_on(stream(connectors, mode, listen, heard, log));
    // What still runs has nothing to lose that a crash would not leave whole, and is not waited for: a thread may be stuck.
    std::mem::forget(runtime);
    match ended {
        Ok(ended) => report(&ended, log),
        Err(error) => {
            log.fail(None, &error);
            error.class().into()
        }
    }
}

fn mode(arguments: &RunArguments) -> Mode {
    if let Some(set) = &arguments.until_before {
        return Mode::BeforeGtids(set.clone());
    }
    match &arguments.until {
        None if arguments.once => Mode::Once,
        None => Mode::Forever,
        Some(UntilArgument::Coordinates(coordinates)) => {
            Mode::UntilCoordinates(coordinates.clone())
        }
        Some(UntilArgument::Gtids(set)) => Mode::UntilGtids(set.clone()),
        Some(UntilArgument::Time(seconds)) => Mode::UntilTime(*seconds),
    }
}

async fn stream(
    connectors: Vec<Connector>,
    mode: Mode,
    listen: Listen,
    heard: io::Result<Option<HeardSignals>>,
    log: LogFormat,
) -> Result<Vec<Ended>, HttpError> {
    info!(
        version = version(),
        pid = process::id(),
        connectors = connectors.len(),
        "rowtap"
    );
    let registry = Arc::new(Registry::new());
    for connector in &connectors {
        for doubt in connector.filter.doubts() {
            warn!(connector = connector.name, "{doubt}");
        }
        for doubt in connector.definitions_unknown.doubts() {
            warn!(connector = connector.name, "{doubt}");
        }
        registry
            .connector(&connector.name)
            .describe(facts(connector));
    }
    let stop = CancellationToken::new();
    let graces: Vec<Duration> = connectors.iter().map(|it| it.shutdown_grace).collect();
    let grace = graces.iter().max().copied().unwrap_or_default();
    let last_words = {
        let registry = Arc::clone(&registry);
        move || report_stuck(&registry, &graces, log)
    };
    let watched = heard
        .and_then(|heard| heard.map_or_else(HeardSignals::new, Ok))
        .and_then(|heard| signals::watch(heard, stop.clone(), grace, last_words));
    if let Err(error) = watched {
        error!(%error, "signals are not handled");
    }
    let mut beside = JoinSet::new();
    if let Some(server) = http::bind(listen).await? {
        registry.serve_at(server.address());
        beside.spawn(server.serve(Arc::clone(&registry)));
    }
    beside.spawn(bars::draw(Arc::clone(&registry)));
    Ok(pipeline::run(connectors, mode, registry, stop).await)
}

/// Says of every connector that did not even give up in time how far it is.
fn report_stuck(registry: &Registry, graces: &[Duration], log: LogFormat) {
    for (connector, grace) in registry.connectors().iter().zip(graces) {
        match connector.state() {
            ConnectorState::Stopped | ConnectorState::Failed => {}
            ConnectorState::Starting | ConnectorState::Streaming | ConnectorState::Retrying => {
                let error = PipelineError::grace_over(*grace, connector);
                log.fail(Some(connector.name()), &error);
            }
        }
    }
}

/// Prints every connector's ledger and error; the first error's code is the process's.
fn report(ended: &[Ended], log: LogFormat) -> Exit {
    for connector in ended {
        log.ledger(&connector.connector, &connector.ledger);
    }
    let mut exit = Exit::Done;
    for connector in ended {
        if let Err(error) = &connector.result {
            log.fail(Some(&connector.connector), error);
            if exit == Exit::Done {
                exit = error.class().into();
            }
        }
    }
    exit
}
