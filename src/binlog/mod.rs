//! Binlog bytes to events: headers, checksums, event bodies, GTID sets and table maps.
//!
//! Pure: takes bytes, returns borrowed views. Row images inside rows events are read by [`crate::row`].

mod coordinates;
pub mod gtid;

pub use coordinates::Coordinates;
pub use gtid::{Gtid, GtidSet};
