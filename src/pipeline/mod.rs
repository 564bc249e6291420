//! One connector from source to sink, and its one retry loop.
//!
//! ```text
//! receive (task) ─chunks► decode (thread) ─batches► deliver (task) ─► encode (pool) ─blocks, in order► sink
//! ```
//!
//! A failure ends the whole run; `supervise` starts it again from the checkpoint. Starting and recovering are the same
//! path, and nothing below this module waits and tries again by itself.

mod beliefs;
mod connector;
mod decode;
mod deliver;
mod error;
mod opening;
mod run;
mod spilling;
mod supervise;

pub use connector::{Connector, Mode};
pub use error::PipelineError;
pub use spilling::{Returned, Spilling};
pub use supervise::{Ended, run};

use crate::sink;
use run::Context;

/// One run into the sink that the connector chose. Here, since which sinks there are is a matter of the build.
async fn run_once(context: &Context<'_>) -> Result<(), PipelineError> {
    let ended = match &context.connector.sink {
        sink::SinkOptions::File(options) => context.run(sink::File::new(options.clone())).await,
        #[cfg(feature = "kafka")]
        sink::SinkOptions::Kafka(options) => {
            context
                .run(sink::Kafka::new(options.clone(), &context.connector.name)?)
                .await
        }
        sink::SinkOptions::Stdout(options) => context.run(sink::Stdout::new(options)).await,
        sink::SinkOptions::Blackhole(options) => context.run(sink::Blackhole::new(options)).await,
    };
    match ended {
        Err(error) if error.class().is_clean_end() => Ok(()),
        ended => ended,
    }
}
