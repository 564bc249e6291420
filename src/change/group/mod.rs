//! Groups: where they begin and end, what is held of the one that is open, and how a closed one is read.

pub(super) mod arriving;
pub(super) mod choice;
pub(super) mod closed;
pub(super) mod fragments;
pub(super) mod large;
pub(super) mod open;
pub(super) mod payload;
pub(super) mod placer;
pub(super) mod prepared;
pub(super) mod seen;
pub(super) mod tracker;
