//! Nowhere: lines are encoded and dropped, to measure everything before a target.

use std::sync::Arc;

use serde::Deserialize;

use super::{Format, Sink, SinkError};
use crate::change::Checkpoint;
use crate::encode::{InvalidText, Lines, json};
use crate::row::Table;

/// The `[sink]` section with `type = "blackhole"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// What the dropped lines look like.
    #[serde(default)]
    pub format: Format,
}

/// A sink that keeps nothing.
#[derive(Debug, Default)]
pub struct Blackhole;

impl Blackhole {
    /// Makes a sink.
    pub fn new(options: &Options) -> Self {
        let Options {
            format: Format::Json,
        } = options;
        Self
    }
}

impl Sink for Blackhole {
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

    async fn write(&mut self, _block: &mut Lines) -> Result<bool, SinkError> {
        Ok(false)
    }

    async fn commit(&mut self, _upto: &Checkpoint) -> Result<(), SinkError> {
        Ok(())
    }
}
