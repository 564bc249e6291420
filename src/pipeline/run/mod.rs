//! One run of a connector and its stages: opened, received, assembled, encoded and delivered.

mod assembling;
mod beliefs;
mod copying;
mod deliver;
mod new_start;
mod one_run;
mod opening;
mod pace;
mod reading;
mod receive;
mod rest;
mod target;
mod to_tell;
mod undecided;

use tracing::info;

use super::error::PipelineError;
use crate::encode::Format;
use crate::metrics::one_line;
use crate::sink;
use crate::source::SourceError;
use one_run::RunEnd;
use opening::Beginning;

pub(super) use copying::of_one_name;
pub(super) use one_run::ConnectorRun;
pub(super) use target::compare as compare_target;

/// How often views are opened without a lock, until no change is in their way.
const WINDOWS_MAX: u32 = 20;

/// One run, and before it one that copies what is there, where that is wanted.
pub(super) async fn run_once(context: &ConnectorRun<'_>) -> Result<(), PipelineError> {
    let mut beginning = Beginning::Checkpoint;
    let mut tries = 0;
    loop {
        let ended = match run_into_sink(context, beginning).await {
            Err(error) if error.is_of_order() => {
                let Some(order) = context.orders.current() else {
                    return Err(error);
                };
                context.give_up(order, one_line(&error)).await?;
                if context.halt.is_cancelled() {
                    return Ok(());
                }
                tries = 0;
                beginning = Beginning::Checkpoint;
                continue;
            }
            ended => ended?,
        };
        beginning = match ended {
            RunEnd::Ended => return Ok(()),
            RunEnd::Copied if context.halt.is_cancelled() => return Ok(()),
            RunEnd::Copied => Beginning::Checkpoint,
            RunEnd::Aligned(aligned) => match aligned.views() {
                Ok(views) => {
                    tries = 0;
                    Beginning::Views(Box::new(views))
                }
                Err(trouble) if tries < WINDOWS_MAX => {
                    info!(%trouble, "views that were opened without a lock are opened again");
                    tries += 1;
                    Beginning::Checkpoint
                }
                Err(trouble) => {
                    let what = trouble.to_string();
                    let Some(order) = context.orders.current() else {
                        return Err(SourceError::NoWindow { what }.into());
                    };
                    context.give_up(order, what).await?;
                    tries = 0;
                    Beginning::Checkpoint
                }
            },
        }
    }
}

/// One run into the sink that the connector chose. Here, since which sinks there are is a matter of the build.
async fn run_into_sink(
    context: &ConnectorRun<'_>,
    beginning: Beginning,
) -> Result<RunEnd, PipelineError> {
    match &context.connector.sink {
        sink::SinkOptions::File(options) if options.format == Format::Avro => {
            let sink = sink::AvroFiles::new(options.clone(), &context.connector.name);
            context.run(sink, beginning).await
        }
        sink::SinkOptions::File(options) => {
            let sink = sink::File::new(options.clone(), &context.connector.name);
            context.run(sink, beginning).await
        }
        #[cfg(feature = "kafka")]
        sink::SinkOptions::Kafka(options) => {
            context
                .run(
                    sink::Kafka::new((**options).clone(), &context.connector.name)?,
                    beginning,
                )
                .await
        }
        sink::SinkOptions::Stdout(options) => {
            context
                .run(
                    sink::Stdout::new(options, &context.connector.name),
                    beginning,
                )
                .await
        }
        sink::SinkOptions::Blackhole(options) => {
            context
                .run(
                    sink::Blackhole::new(options, &context.connector.name),
                    beginning,
                )
                .await
        }
    }
}
