//! The rows of a server's tables, as views have them, in the form of row images.
//!
//! | file | what is there |
//! |---|---|
//! | `key.rs` | primary keys: their order, and the rows between two of them |
//! | `reader.rs` | what there is, and its rows |

mod key;
mod reader;

pub use key::{Lot, TableKey};
pub use reader::{SourceTable, TableList, TableReader};
