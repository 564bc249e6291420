//! Batches: what the assembler hands to an encoder, and the ledger of the events they were made from.

pub(super) mod builder;
pub(super) mod ddl;
pub(super) mod items;
pub(super) mod ledger;
pub(super) mod rows;
