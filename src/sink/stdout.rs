//! The standard output: JSON Lines for a person or a pipe, in stream order.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use serde::Deserialize;

use super::{Format, Sink, SinkError};
use crate::change::Checkpoint;
use crate::encode::{InvalidText, Lines, json};
use crate::row::Table;
use crate::state::off_the_runtime;

/// The `[sink]` section with `type = "stdout"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What the lines look like.
    #[serde(default)]
    pub format: Format,
}

/// The process's standard output. What was committed has left the process; whether its reader kept it is not known.
#[derive(Debug, Default)]
pub struct Stdout;

impl Stdout {
    /// Makes a sink.
    pub fn new(options: &Options) -> Self {
        let Options {
            format: Format::Json,
        } = options;
        Self
    }
}

impl Sink for Stdout {
    type Encoder = json::LinesEncoder;

    fn encoder(&self, invalid_text: InvalidText) -> json::LinesEncoder {
        json::LinesEncoder::new(invalid_text)
    }

    async fn resume_point(&mut self) -> Result<Option<Checkpoint>, SinkError> {
        Ok(None)
    }

    async fn prepare(&mut self, table: &Arc<Table>) -> Result<Arc<json::Plan>, SinkError> {
        Ok(Arc::new(json::Plan::new(Arc::clone(table), "".into())))
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
