//! How tables are defined, as the source and its retained files tell it.

mod answering;
mod answers;
mod catalogue;
mod ddl_changes;
mod described;
mod history;
mod kept_binlogs;
mod reader;
mod retained;
mod scan;

pub use answers::Answers;
pub use catalogue::Reading;
pub use reader::{DefinitionReader, files_of, writer_of};
pub use retained::{Followed, Retained, WantedBefore};
