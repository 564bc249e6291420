//! The standard output: JSON Lines for a person or a pipe, in stream order.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use serde::Deserialize;

use super::{Sink, SinkError};
use crate::change::Checkpoint;
use crate::encode::{
    CloudEventsMode, DebeziumOptions, FlatOptions, Format, FormatSections, FormatSettings,
    InvalidText, Lines, LinesEncoder, MaxwellOptions, Plan,
};
use crate::row::Table;
use crate::state::off_the_runtime;

/// The `[sink]` section with `type = "stdout"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StdoutOptions {
    /// What the lines look like.
    #[serde(default)]
    pub format: Format,
    /// How the format `debezium` is written.
    pub debezium: Option<DebeziumOptions>,
    /// How the format `maxwell` is written.
    pub maxwell: Option<MaxwellOptions>,
    /// How the format `flat` is written.
    pub flat: Option<FlatOptions>,
    /// Whether messages are the data of CloudEvents, and how.
    pub cloudevents: Option<CloudEventsMode>,
}

impl StdoutOptions {
    /// What it says of the format.
    pub(super) fn sections(&self) -> FormatSections<'_> {
        FormatSections {
            format: self.format,
            debezium: self.debezium.as_ref(),
            avro: None,
            maxwell: self.maxwell.as_ref(),
            flat: self.flat.as_ref(),
            cloudevents: self.cloudevents,
            has_keys: false,
        }
    }
}

/// The process's standard output. What is committed has left the process; whether the reader kept it is not known.
#[derive(Debug)]
pub struct Stdout {
    format: FormatSettings,
}

impl Stdout {
    /// Makes the sink of a connector.
    pub fn new(options: &StdoutOptions, connector: &str) -> Self {
        Self {
            format: FormatSettings::new(options.sections(), connector),
        }
    }
}

impl Sink for Stdout {
    type Encoder = LinesEncoder;

    fn encoder(&self, invalid_text: InvalidText) -> LinesEncoder {
        LinesEncoder::new(self.format.clone(), invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        Ok(None)
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<Plan>, SinkError> {
        Ok(Arc::new(Plan::of_lines(
            self.format.clone(),
            Arc::clone(table),
        )))
    }

    async fn write(&mut self, block: &mut Lines) -> Result<bool, SinkError> {
        let lines = mem::take(block);
        // A reader that is slow, or asleep, holds up this thread only.
        *block = off_the_runtime(move || match print(&lines.bytes) {
            Ok(()) => Ok(lines),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(SinkError::OutputClosed),
            Err(error) => Err(SinkError::Output(error)),
        })
        .await?;
        Ok(false)
    }

    async fn commit(&mut self, _upto: &Checkpoint) -> Result<(), SinkError> {
        Ok(())
    }
}

fn print(lines: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(lines)?;
    output.flush()
}
