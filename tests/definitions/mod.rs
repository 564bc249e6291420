//! Definitions that change at random, on servers that put no names into their binlog: every name and value that comes out
//! is held against the source, and so is what each statement is said to have made of its tables.

mod broken;
mod catalogue;
mod changes;
mod engines;
mod folded;
mod hidden;
mod left_behind;
mod random;
mod raw_labels;
mod reasons;
mod retained;
mod rewritten;
mod scanned;
mod statements;
pub mod stopped;
mod to_tell;
mod told;
mod traffic;
mod unknown;
mod unsettled;

use crate::support::is_full;
