//! Binlog bytes to events: headers, checksums, event bodies, GTID sets and table maps.
//!
//! Pure: takes bytes, returns borrowed views. Row images inside rows events are read by [`crate::row`].

pub mod column_map;
mod control;
mod coordinates;
mod error;
mod event;
mod format_description;
mod framer;
mod gtid;
mod gtid_event;
mod gtid_text;
mod query;
mod reader;
mod rows;
mod table_map;

pub use column_map::ColumnMap;
pub use control::Control;
pub use coordinates::Coordinates;
pub use error::{BinlogError, BinlogErrorAt};
pub use event::{EventKind, Header};
pub use format_description::FormatDescription;
pub use framer::{FIRST_POSITION, Frame, Framer, file_name};
pub use gtid::{Gtid, GtidSet, Intervals, Source};
pub use gtid_event::{GtidEvent, MariaDbGtidEvent, XaPrepare};
pub use query::Query;
pub use rows::RowsHeader;
pub use table_map::TableMap;
