//! Definitions of tables: what is known of them, what statements make of them, and how table maps are read with them.

pub(super) mod agreement;
pub(super) mod aside;
pub(super) mod beliefs;
pub(super) mod charset;
pub(super) mod column_watch;
pub(super) mod computed;
pub(super) mod copied;
pub(super) mod draft;
pub(super) mod engines;
pub(super) mod following;
pub(super) mod gap;
pub(super) mod kept_table;
pub(super) mod labels;
pub(super) mod lack;
pub(super) mod layout;
pub(super) mod lineage;
pub(super) mod moved;
pub(super) mod published;
pub(super) mod revision;
pub(super) mod schemas;
pub(super) mod settling;
pub(super) mod table;
pub(super) mod table_map_error;
pub(super) mod table_maps;
pub(super) mod temporary;

pub use draft::blank;
pub use schemas::{
    Belief, Change, Connection, Facts, Reason, Schemas, TemporaryTables, apply_statement,
    transactional,
};
