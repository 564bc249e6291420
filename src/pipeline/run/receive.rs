//! The receive stage: chunks from the source until it ends, fails or is stopped.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::opening::SourceStream;
use crate::change::Checkpoint;
use crate::metrics;
use crate::pipeline::error::PipelineError;
use crate::source::{Chunk, EventSource as _};

/// The stage that owns the stream.
pub(super) struct Receive {
    pub(super) stream: SourceStream,
    pub(super) chunks: mpsc::Sender<Chunk>,
    pub(super) stop: CancellationToken,
    /// Cancelled once the source has failed.
    pub(super) failed: CancellationToken,
    pub(super) metrics: Arc<metrics::ConnectorMetrics>,
    /// How far what was received is durable at the target, the only value that comes back to this stage.
    pub(super) durable: watch::Receiver<Checkpoint>,
}

impl Receive {
    /// Runs until the source ends or fails, the stage is stopped, or nobody takes its chunks.
    ///
    /// # Errors
    /// Whatever ends the stream of the source.
    pub(super) async fn run(mut self) -> Result<(), PipelineError> {
        let ended = self.drive().await;
        if ended.is_err() {
            self.failed.cancel();
        }
        let durable = self.durable.borrow().coordinates.clone();
        info!(clean = ended.is_ok(), %durable, "receiver stopped");
        ended
    }

    async fn drive(&mut self) -> Result<(), PipelineError> {
        loop {
            let chunk = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                chunk = self.stream.next() => chunk?,
            };
            let Some(chunk) = chunk else { return Ok(()) };
            self.metrics.received(chunk.buffer.len() as u64);
            let is_taken = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                sent = self.chunks.send(chunk) => sent.is_ok(),
            };
            if !is_taken {
                // The decoder has reached its goal, or says itself why it ended.
                return Ok(());
            }
        }
    }
}
