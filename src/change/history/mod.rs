//! What is kept of the events of a binlog, so that no question about definitions has to read it again.
//!
//! Rows are not kept. What is kept of a stretch tells for each place in it what the whole stretch would tell, and where it
//! could not be read it says so.

mod effects;
mod sieve;
mod stretch;

pub use effects::DefinitionEffects;
pub use sieve::{Sieve, SievedEvent};
pub use stretch::{EventMark, KeptEvent, KeptWhat, Sighting, Stretch};
