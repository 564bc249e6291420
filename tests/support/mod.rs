//! What the suites stand on: real servers, started private and stopped always, and waiting with a deadline.
//!
//! Nothing here plays a server's part: a server that is not in the cache fails the test that asks for it.

mod certificates;
#[cfg(feature = "kafka")]
pub mod checker;
mod deadline;
mod definer;
mod full;
#[cfg(feature = "kafka")]
mod kafka;
mod line;
#[cfg(feature = "kafka")]
mod pair;
mod private;
mod random;
#[cfg(feature = "kafka")]
mod registry;
mod server;
mod small_disk;
#[cfg(feature = "kafka")]
mod token_endpoint;
#[cfg(feature = "kafka")]
mod web;

pub use certificates::Certificates;
pub use deadline::wait_until;
pub use definer::Definer;
pub use full::{is_full, number_or};
#[cfg(feature = "kafka")]
pub use kafka::Kafka;
pub use line::Line;
#[cfg(feature = "kafka")]
pub use pair::Pair;
pub use private::cache;
#[cfg(feature = "kafka")]
pub use private::free_port;
pub use random::Random;
#[cfg(feature = "kafka")]
pub use registry::Apicurio;
pub use server::{Flavour, Server};
pub use small_disk::SmallDisk;
#[cfg(feature = "kafka")]
pub use token_endpoint::{CLIENT as TOKEN_CLIENT, TokenEndpoint};
#[cfg(feature = "kafka")]
pub use web::{Web, WebCall, WebReply, tls};
