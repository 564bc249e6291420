//! Batches to the bytes of an output format.
//!
//! Pure and run on the encoding pool: no clock (times come with the batch), no I/O.

mod block;
mod error;
mod invalid_text;
pub mod json;
mod rows;
pub mod sql;

pub use block::{Identity, Lines, OtherKey, Record, Records, Statements};
pub use error::{EncodeError, Place};
pub use invalid_text::InvalidText;

use std::sync::Arc;

use crate::change::Batch;

/// Turns batches into blocks. A format is an enum inside an encoder, chosen per batch, not per row.
pub trait Encode: Send + 'static {
    /// What is fixed per table: topic, key columns, column names as JSON.
    type Plan: Send + Sync + 'static;
    /// The encoded records; reused, so an encoder clears it first.
    type Block: Block;

    /// Encodes a whole batch; `plans` runs parallel to `batch.tables`.
    ///
    /// # Errors
    /// A row image that contradicts its table, or a value that the format cannot hold; nothing of the block may then be
    /// written.
    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Self::Plan>],
        block: &mut Self::Block,
    ) -> Result<(), EncodeError>;

    /// Sets what becomes of bytes that are no text from now on. A format that holds any bytes has no use for it.
    fn treat_invalid_text(&mut self, _policy: InvalidText) {}

    /// How many values that were no text were encoded all the same since the last call.
    fn take_invalid_count(&mut self) -> u64 {
        0
    }
}

/// What an encoder fills and a sink takes over.
pub trait Block: Default + Send + 'static {
    /// How many records it holds, tombstones and statements included.
    fn record_count(&self) -> u64;

    /// How many bytes they have.
    fn byte_count(&self) -> u64;
}
