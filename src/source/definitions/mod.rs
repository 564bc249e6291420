//! How tables are defined, as the source and its retained files tell it.

mod answering;
mod answers;
mod catalogue;
mod history;
mod reader;
mod retained;

pub use answers::Answers;
pub use catalogue::Reading;
pub use reader::{DefinitionReader, writer_of};
pub use retained::Retained;
