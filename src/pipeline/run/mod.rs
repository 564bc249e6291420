//! One run of a connector and its stages: opened, received, assembled, encoded and delivered.

mod assembling;
mod beliefs;
mod deliver;
mod new_start;
mod one_run;
mod opening;
mod receive;
mod target;
mod to_tell;
mod undecided;

use super::error::PipelineError;
use crate::sink;

pub(super) use one_run::ConnectorRun;
pub(super) use target::compare as compare_target;

/// One run into the sink that the connector chose. Here, since which sinks there are is a matter of the build.
pub(super) async fn run_once(context: &ConnectorRun<'_>) -> Result<(), PipelineError> {
    match &context.connector.sink {
        sink::SinkOptions::File(options) => {
            let sink = sink::File::new(options.clone(), &context.connector.name);
            context.run(sink).await
        }
        #[cfg(feature = "kafka")]
        sink::SinkOptions::Kafka(options) => {
            context
                .run(sink::Kafka::new(
                    (**options).clone(),
                    &context.connector.name,
                )?)
                .await
        }
        sink::SinkOptions::Stdout(options) => {
            context
                .run(sink::Stdout::new(options, &context.connector.name))
                .await
        }
        sink::SinkOptions::Blackhole(options) => {
            context
                .run(sink::Blackhole::new(options, &context.connector.name))
                .await
        }
    }
}
