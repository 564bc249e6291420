//! Binlog bytes to events: headers, checksums, event bodies, GTID sets and table maps.
//!
//! Pure: takes bytes, returns borrowed views. Row images inside rows events are read by [`crate::row`]. No reader panics,
//! or allocates by a length that the bytes claim and do not hold.
//!
//! A [`Framer`] checks the bytes of one event and gives its [`Frame`]; by the frame's kind one of these reads the body:
//!
//! | event | reader |
//! |---|---|
//! | format description, rotate, heartbeat | the framer itself |
//! | query | [`Query`], and [`Control`] for statements around transactions |
//! | GTID, anonymous GTID, tagged GTID | [`GtidEvent`] |
//! | GTID of MariaDB | [`MariaDbGtidEvent`] |
//! | previous GTIDs, GTID list | [`GtidSet::decode`], [`GtidSet::decode_list`] |
//! | table map | [`TableMap`] |
//! | rows | [`RowsHeader`] |
//! | LOAD DATA's statement | [`load_data_body`], then [`Query`] |
//! | transaction payload | [`Payload`], and [`PayloadReader`] for the events in it |
//! | MariaDB's compressed query and rows | [`compressed`], to what they are when unpacked |
//! | XID, XA prepare, incident, rows query, annotate rows | [`xid`], [`XaPrepare`], [`Incident`], [`statement`] |
//! | user variable | [`UserVariable`] |
//!
//! [`check_body`] makes sure that the body of any of them is whole.

mod body;
mod checksum;
pub mod column_map;
pub mod compressed;
mod control;
mod coordinates;
mod cursor;
mod error;
mod event;
mod file_name;
mod format_description;
mod fragment;
mod framer;
mod gtid;
mod gtid_event;
mod gtid_text;
mod gtid_wire;
mod intervals;
mod mariadb_gtid;
mod optional_metadata;
mod payload;
mod query;
mod rotation;
mod rows;
mod table_map;
mod transaction;
mod unpack;
mod user_variable;
#[cfg(test)]
mod writer;
mod xa;

pub use body::check_body;
pub use checksum::Checksum;
pub use column_map::ColumnMap;
pub use control::Control;
pub use coordinates::Coordinates;
pub use error::BinlogError;
pub use event::{EventKind, Header};
pub use file_name::FileName;
pub use format_description::FormatDescription;
pub use fragment::Fragment;
pub use framer::{FIRST_POSITION, Frame, Framer};
pub use gtid::{Gtid, GtidSet, GtidSource, Tag};
pub use gtid_event::GtidEvent;
pub use intervals::Intervals;
pub use mariadb_gtid::{AlterPhase, MariaDbGtidEvent};
pub use payload::{Inner, Payload, PayloadReader};
pub use query::{Query, load_data_body};
pub use rotation::Heartbeat;
pub use rows::RowsHeader;
pub use table_map::TableMap;
pub use transaction::{Incident, statement, xid};
pub use user_variable::{UserValue, UserVariable};
pub use xa::{XaId, XaPrepare};
