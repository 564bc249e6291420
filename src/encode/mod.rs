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
}

/// What an encoder fills and a sink takes over.
pub trait Block: Default + Send + 'static {
    /// How many records it holds, tombstones and statements included.
    fn record_count(&self) -> u64;

    /// How many bytes they have.
    fn byte_count(&self) -> u64;

    /// How many values in it are not valid text in their column's character set, and were encoded all the same.
    fn invalid_text_count(&self) -> u64;
}
