//! The standard output, which holds data only: batches are encoded and printed in order.

use std::io::{self, Write as _};
use std::sync::Arc;

use tracing::warn;

use super::batches::Batches;
use super::error::DecodeError;
use crate::encode::{Block as _, Encode};
use crate::pipeline::{Encoded, Lanes, Pool};
use crate::row::Table;

/// Bytes of encoded blocks that wait to be printed.
const WAITING_BYTES_MAX: u64 = 8 << 20;

/// Writes bytes; a reader that went away is told apart from an output that fails.
pub(super) fn print(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut output = io::stdout().lock();
    let written = output.write_all(bytes).and_then(|()| output.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => DecodeError::OutputClosed,
        _other => DecodeError::Output(error),
    })
}

/// Encodes the batches on as many threads as there are processors, and hands the blocks over in order.
///
/// # Errors
/// The first failure in the order of the stream.
pub(super) fn encode<E: Encode>(
    batches: &mut Batches,
    encoder: impl Fn() -> E,
    mut plan: impl FnMut(Arc<Table>) -> E::Plan + Send,
    mut take: impl FnMut(&E::Block) -> Result<(), DecodeError> + Send,
) -> Result<(), DecodeError> {
    let pool = Pool::new();
    let encoders = (0..pool.size()).map(|_| encoder()).collect();
    let lanes = Lanes {
        pool,
        waiting_bytes_max: WAITING_BYTES_MAX,
        failed: batches.abandoned(),
    };
    let mut invalid = 0;
    let ledger = lanes.run(
        encoders,
        || batches.next(),
        |table| Ok(Arc::new(plan(Arc::clone(table)))),
        |Encoded { block, .. }| {
            invalid += block.invalid_text_count();
            take(&block)?;
            Ok(block)
        },
    )?;
    if invalid > 0 {
        warn!(
            values = invalid,
            "values are not valid text in their character set, and are replaced in part or printed as base64"
        );
    }
    match ledger.imbalance() {
        0 => Ok(()),
        by => Err(DecodeError::Imbalance {
            by,
            ledger: Box::new(ledger),
        }),
    }
}
