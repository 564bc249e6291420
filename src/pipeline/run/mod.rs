//! One run of a connector and its stages: opened, received, assembled, encoded and delivered.

mod assembling;
mod beliefs;
mod copying;
mod deliver;
mod new_start;
mod one_run;
mod opening;
mod reading;
mod receive;
mod target;
mod to_tell;
mod undecided;

use super::error::PipelineError;
use crate::encode::Format;
use crate::sink;
use one_run::RunEnd;

pub(super) use one_run::ConnectorRun;
pub(super) use target::compare as compare_target;

/// One run, and before it one that copies what is there, where that is wanted.
pub(super) async fn run_once(context: &ConnectorRun<'_>) -> Result<(), PipelineError> {
    while run_into_sink(context).await? == RunEnd::Copied {
        if context.halt.is_cancelled() {
            break;
        }
    }
    Ok(())
}

/// One run into the sink that the connector chose. Here, since which sinks there are is a matter of the build.
async fn run_into_sink(context: &ConnectorRun<'_>) -> Result<RunEnd, PipelineError> {
    match &context.connector.sink {
        sink::SinkOptions::File(options) if options.format == Format::Avro => {
            let sink = sink::AvroFiles::new(options.clone(), &context.connector.name);
            context.run(sink).await
        }
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
