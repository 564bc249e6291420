//! How tables are defined, as the source and its retained files tell it.

mod answers;
mod catalogue;
mod defined_by;
mod history;
mod reader;
mod replay;

pub use answers::Answers;
pub use defined_by::writer_of;
pub use reader::{DefinitionReader, Reading};
pub use replay::Replayed;
