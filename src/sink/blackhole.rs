//! Nowhere: lines are encoded and dropped, to measure everything before a target.

use std::sync::Arc;

use serde::Deserialize;

use super::{Sink, SinkError};
use crate::change::Checkpoint;
use crate::encode::{
    AvroOptions, CloudEventsMode, DebeziumOptions, FlatOptions, Format, FormatSections,
    FormatSettings, InvalidText, Lines, LinesEncoder, MaxwellOptions, Plan,
};
use crate::row::Table;

/// The `[sink]` section with `type = "blackhole"`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlackholeOptions {
    /// What the dropped lines look like.
    #[serde(default)]
    pub format: Format,
    /// How the format `debezium` is written.
    pub debezium: Option<DebeziumOptions>,
    /// How the format `avro` is written.
    pub avro: Option<AvroOptions>,
    /// How the format `maxwell` is written.
    pub maxwell: Option<MaxwellOptions>,
    /// How the format `flat` is written.
    pub flat: Option<FlatOptions>,
    /// Whether messages are the data of CloudEvents, and how.
    pub cloudevents: Option<CloudEventsMode>,
}

impl BlackholeOptions {
    /// What it says of the format.
    pub(super) fn sections(&self) -> FormatSections<'_> {
        FormatSections {
            format: self.format,
            debezium: self.debezium.as_ref(),
            avro: self.avro.as_ref(),
            maxwell: self.maxwell.as_ref(),
            flat: self.flat.as_ref(),
            cloudevents: self.cloudevents,
            has_keys: false,
        }
    }
}

/// A sink that keeps nothing.
#[derive(Debug)]
pub struct Blackhole {
    format: FormatSettings,
}

impl Blackhole {
    /// Makes the sink of a connector.
    pub fn new(options: &BlackholeOptions, connector: &str) -> Self {
        Self {
            format: FormatSettings::new(options.sections(), connector),
        }
    }
}

impl Sink for Blackhole {
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

    async fn write(&mut self, _block: &mut Lines) -> Result<bool, SinkError> {
        Ok(false)
    }

    async fn commit(&mut self, _upto: &Checkpoint) -> Result<(), SinkError> {
        Ok(())
    }
}
