//! The one retry loop: each connector on its own, a failed run started again from its checkpoint. Commands that reach a
//! connector end its run at the end of a group, are carried out, and the next run begins.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span, warn};

use super::connector::{Connector, Mode};
use super::error::PipelineError;
use super::pool::Pool;
use super::run::{self, ConnectorRun};
use super::snapshots::carry_out;
use crate::change::{Checkpoint, Ledger};
use crate::metrics::{self, Skips};
use crate::state::{
    Answer, Asked, Command, ControlServer, SkipStore, SnapshotOrders, StateError, StateFolder,
    off_the_runtime,
};

/// The first wait after a retry at once has failed too; it doubles up to `source_connect_retry`.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait after copies that were disturbed one after the other, and how long a run lasts after which that begins anew.
const DISTURBED_WAIT: Duration = Duration::from_secs(5);
const UNDISTURBED: Duration = Duration::from_secs(60);

/// The part of a connector's grace that is kept for the end of the process.
const LAST_WORDS_PART: u32 = 10;

/// How a connector ended.
#[derive(Debug)]
pub struct Ended {
    /// Its name.
    pub connector: String,
    /// What it did over all its runs.
    pub ledger: Ledger,
    /// Why it ended; `Ok` when it was stopped or reached its goal.
    pub result: Result<(), PipelineError>,
}

/// Runs connectors side by side until each has ended; one that fails for good leaves the others running. After `stop` each
/// has its grace.
pub async fn run(
    connectors: Vec<Connector>,
    mode: Mode,
    registry: Arc<metrics::Registry>,
    stop: CancellationToken,
) -> Vec<Ended> {
    let pool = Pool::new();
    let mut tasks = JoinSet::new();
    let http = registry.http();
    let alone = connectors.len() == 1;
    for connector in connectors {
        let (mode, pool, stop) = (mode.clone(), pool.clone(), stop.clone());
        let metrics = registry.connector(&connector.name);
        let span = info_span!("run", connector = %connector.name);
        let task = async move {
            let supervised = supervise(&connector, &mode, &metrics, &pool, &stop, http);
            let grace = connector.shutdown_grace;
            let result = match within_grace(supervised, grace, &metrics, &stop).await {
                Ok(()) => balanced(&metrics.ledger()),
                // It ended early, perhaps inside a group, whose events are counted together.
                Err(early) if early.class().is_clean_end() => Ok(()),
                Err(failure) => Err(failure),
            };
            match &result {
                Ok(()) => metrics.stopped(),
                Err(error) => {
                    metrics.failed(error.last_error().into());
                    // Alone, its end is the process's, which tells the reason last.
                    if !alone {
                        error!(error = %metrics::one_line(error), "connector failed, the others go on");
                    }
                }
            }
            Ended {
                connector: connector.name,
                ledger: metrics.ledger(),
                result,
            }
        };
        tasks.spawn(task.instrument(span));
    }
    tasks.join_all().await
}

/// Waits for a connector's end; after `stop` only as long as leaves some of the grace for the end of the process. What is
/// given up is dropped, and what blocks a thread is left behind.
async fn within_grace(
    supervised: impl Future<Output = Result<(), PipelineError>>,
    grace: Duration,
    metrics: &metrics::ConnectorMetrics,
    stop: &CancellationToken,
) -> Result<(), PipelineError> {
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(grace - grace / LAST_WORDS_PART).await;
    };
    tokio::select! {
        biased;
        ended = supervised => ended,
        () = over => Err(PipelineError::grace_over(grace, metrics)),
    }
}

/// The last check of a run that ended well: every event is accounted for.
fn balanced(ledger: &Ledger) -> Result<(), PipelineError> {
    match ledger.imbalance() {
        0 => Ok(()),
        by => Err(PipelineError::Imbalance {
            by,
            ledger: Box::new(*ledger),
        }),
    }
}

async fn supervise(
    connector: &Connector,
    mode: &Mode,
    metrics: &Arc<metrics::ConnectorMetrics>,
    pool: &Pool,
    stop: &CancellationToken,
    http: Option<SocketAddr>,
) -> Result<(), PipelineError> {
    let (state_dir, name) = (connector.state_dir.clone(), connector.name.clone());
    let open = move || {
        let mut folder = StateFolder::open(&state_dir, &name)?;
        folder.announce(http)?;
        let skips = SkipStore::open(&folder)?;
        let orders = SnapshotOrders::open(&folder)?;
        Ok::<_, StateError>((Arc::new(folder), Arc::new(skips), Arc::new(orders)))
    };
    let (folder, skips, orders) = off_the_runtime(open).await?;
    let shown = Arc::clone(&skips);
    metrics.skipping(move || Skips {
        ordered: shown.orders(),
        passed_over: shown.passed_over(),
    });
    let context = ConnectorRun {
        connector,
        mode,
        folder: &folder,
        metrics,
        pool,
        stop,
        last: Mutex::default(),
        halt: stop.child_token(),
        skips: &skips,
        orders: &orders,
    };
    let (commands, asked) = mpsc::channel(1);
    let mut control = JoinSet::new();
    match ControlServer::bind(&folder) {
        Ok(server) => {
            control.spawn(server.serve(commands).in_current_span());
        }
        Err(error) => warn!(
            error = metrics::one_line(&error),
            "no control socket, commands reach the connector only while it is stopped"
        ),
    }
    let ended = Supervised { context, asked }.run().await;
    // Before the folder is another's, whose socket has the same name.
    control.shutdown().await;
    if let Err(error) = &ended
        && !error.class().is_clean_end()
    {
        let last = error.last_error();
        off_the_runtime(move || last.keep(&folder)).await;
    }
    ended
}

/// A connector and the commands that reach it.
struct Supervised<'a> {
    context: ConnectorRun<'a>,
    asked: mpsc::Receiver<Asked>,
}

impl Supervised<'_> {
    /// Runs it again and again, until it ends or has failed too often.
    async fn run(mut self) -> Result<(), PipelineError> {
        let (metrics, stop) = (self.context.metrics, self.context.stop);
        let mut failures = 0;
        let mut progress: Option<Checkpoint> = None;
        // A target that took changes from this process knows it: what it refuses then was taken away.
        let mut has_delivered = false;
        let mut disturbances = Disturbances::default();
        loop {
            self.context.halt = stop.child_token();
            let begun = Instant::now();
            let (ended, halted_by) = self.run_once().await;
            has_delivered |= metrics.has_delivered();
            let is_told = self.carry_out_all(halted_by).await;
            let failed = match ended {
                Ok(()) if is_told && !stop.is_cancelled() => continue,
                Ok(()) => return Ok(()),
                Err(failed) if failed.class().is_transient() => failed,
                Err(failed) if failed.is_withdrawal() && has_delivered => failed,
                // What stopped it may be what is passed over from now on.
                Err(_) if is_told && !stop.is_cancelled() => continue,
                Err(failed) => return Err(failed),
            };
            if stop.is_cancelled() {
                return match failed {
                    // What had arrived by then is delivered and committed.
                    PipelineError::Source(_) => Ok(()),
                    failed => Err(PipelineError::Uncommitted {
                        committed: metrics.committed_to(),
                        failure: Box::new(failed),
                    }),
                };
            }
            let read = Arc::clone(self.context.folder);
            let reached = off_the_runtime(move || read.checkpoint()).await?;
            // Views that cannot be had do not come nearer as the stream goes on to the next ones.
            if reached != progress && !failed.is_no_window() {
                failures = 0;
                progress = reached;
            }
            failures += 1;
            let (failures_max, longest_wait) = self.context.connector.source.retries();
            if failures_max != 0 && failures >= failures_max {
                return Err(PipelineError::GaveUp {
                    failures,
                    last: Box::new(failed),
                });
            }
            let wait = wait_before(failures, longest_wait);
            let wait = wait.max(disturbances.wait_after(failed.is_disturbed(), begun.elapsed()));
            warn!(error = %metrics::one_line(&failed), failures, wait = ?wait, "run failed, starting again from the checkpoint");
            metrics.retrying(failed.last_error().into());
            if !self.wait(wait).await {
                return Ok(());
            }
            metrics.reconnecting();
        }
    }

    /// One run, and the commands that ended it, which are yet to be carried out.
    async fn run_once(&mut self) -> (Result<(), PipelineError>, Vec<Asked>) {
        let Self { context, asked } = self;
        let mut halted_by = Vec::new();
        let mut run = pin!(run::run_once(context));
        loop {
            let Asked { command, answer } = tokio::select! {
                biased;
                ended = &mut run => return (ended, halted_by),
                Some(told) = asked.recv() => told,
            };
            if command.wants_boundary() {
                context.halt.cancel();
                halted_by.push(Asked { command, answer });
                continue;
            }
            // Whoever asked may have gone.
            let _ = answer.send(carried_out(context, command).await);
        }
    }

    /// Carries out what is still waited for; returns whether there was anything.
    async fn carry_out_all(&self, asked: Vec<Asked>) -> bool {
        let is_told = !asked.is_empty();
        for Asked { command, answer } in asked {
            if answer.is_closed() {
                continue;
            }
            info!(?command, "carrying out a command between groups");
            let _ = answer.send(carried_out(&self.context, command).await);
        }
        is_told
    }

    /// Waits before the next run, and carries out what is asked for meanwhile; false if the connector is to stop.
    async fn wait(&mut self, wait: Duration) -> bool {
        let over = Instant::now() + wait;
        loop {
            tokio::select! {
                () = self.context.stop.cancelled() => return false,
                () = tokio::time::sleep_until(over) => return true,
                Some(asked) = self.asked.recv() => {
                    self.carry_out_all(vec![asked]).await;
                }
            }
        }
    }
}

async fn carried_out(context: &ConnectorRun<'_>, command: Command) -> Answer {
    let whose = (context.connector, context.mode);
    carry_out(
        command,
        whose,
        context.folder,
        (context.skips, context.orders),
    )
    .await
}

/// Copies that were disturbed one after the other. Each brings the checkpoint on, and so is the first failure there.
#[derive(Debug, Default)]
struct Disturbances {
    in_a_row: u32,
}

impl Disturbances {
    /// How long to wait after a run that failed.
    fn wait_after(&mut self, is_disturbed: bool, lasted: Duration) -> Duration {
        if !is_disturbed || lasted >= UNDISTURBED {
            self.in_a_row = 0;
        }
        if !is_disturbed {
            return Duration::ZERO;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        wait_before(self.in_a_row.saturating_add(1), DISTURBED_WAIT)
    }
}

/// Nothing before the first retry, then 100 ms, doubling up to `longest`.
fn wait_before(failures: u32, longest: Duration) -> Duration {
    match failures.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_WAIT
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_retry_comes_at_once_and_later_ones_wait_twice_as_long() {
        let waits: Vec<u128> = (1..8)
            .map(|n| wait_before(n, Duration::from_secs(1)).as_millis())
            .collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(
            wait_before(u32::MAX, Duration::from_secs(60)),
            Duration::from_secs(60)
        );
    }

    #[test]
    fn copies_that_are_disturbed_one_after_the_other_wait_longer_each_time() {
        let mut disturbances = Disturbances::default();
        let at_once = Duration::from_millis(50);
        let mut wait = |is_disturbed, lasted| disturbances.wait_after(is_disturbed, lasted);
        let waits: Vec<u128> = (0..8).map(|_| wait(true, at_once).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(wait(true, UNDISTURBED).as_millis(), 100);
        assert_eq!(wait(true, at_once).as_millis(), 200);
        assert_eq!(wait(false, at_once), Duration::ZERO);
        assert_eq!(wait(true, at_once).as_millis(), 100);
    }
}
