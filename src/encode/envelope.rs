//! The formats by name: which module writes a batch, and what it has fixed for a table.
//!
//! A new format is one more arm of each `match` here.

use std::sync::Arc;

use super::cloudevents::{CloudEvents, Wrapped};
use super::destination::Destination;
use super::rows::RowsEvent;
use super::writer::EnvelopeWriter;
use super::{
    AvroSchemas, Block, CloudEventsMode, EncodeError, FormatSettings, InvalidText, OutboxSettings,
    avro, canal, debezium, flat, json, maxwell, outbox,
};
use crate::change::{Batch, Ddl, EdgeSide, Item, Rows};
use crate::row::Table;

/// What is fixed for a table before its first row: where its records go, and what its format writes for every row.
#[derive(Debug)]
pub struct Plan {
    /// The table.
    pub table: Arc<Table>,
    /// Where its records go, and under which key.
    pub destination: Destination,
    format: FormatPlan,
    /// What is fixed for it as an outbox, if it is one.
    pub(super) outbox: Option<outbox::Plan>,
}

/// What a format has fixed for a table.
#[derive(Debug)]
enum FormatPlan {
    Json(json::Plan),
    Debezium(debezium::Plan),
    Avro(avro::Plan),
    Maxwell(maxwell::Plan),
    Flat(flat::Plan),
    Canal(canal::Plan),
}

impl Plan {
    /// Makes the plan of a table whose changes are lines of `format`.
    pub fn of_lines(format: impl Into<FormatSettings>, table: Arc<Table>) -> Self {
        Self::of_records(format, table, Destination::none())
    }

    /// Makes the plan of a table whose changes are records of `format`.
    pub fn of_records(
        format: impl Into<FormatSettings>,
        table: Arc<Table>,
        destination: Destination,
    ) -> Self {
        let format = match format.into() {
            FormatSettings::Json => FormatPlan::Json(json::Plan::new(&table)),
            FormatSettings::Debezium(settings) => {
                FormatPlan::Debezium(debezium::Plan::new(&table, &destination.key, &settings))
            }
            FormatSettings::Avro(settings) => {
                FormatPlan::Avro(avro::Plan::new(&table, &destination, &settings))
            }
            FormatSettings::Maxwell(options) => {
                FormatPlan::Maxwell(maxwell::Plan::new(&table, &destination.key, &options))
            }
            FormatSettings::Flat(settings) => {
                FormatPlan::Flat(flat::Plan::new(&table, &destination.key, &settings))
            }
            FormatSettings::Canal => FormatPlan::Canal(canal::Plan::new(&table, &destination)),
            FormatSettings::CloudEvents(inner, _, _) => {
                return Self::of_records(*inner, table, destination);
            }
        };
        Self {
            table,
            destination,
            format,
            outbox: None,
        }
    }

    /// Makes the plan of an outbox.
    ///
    /// # Errors
    /// What the table lacks, and the fix.
    pub fn of_outbox(
        format: impl Into<FormatSettings>,
        table: Arc<Table>,
        settings: &Arc<OutboxSettings>,
    ) -> Result<Self, String> {
        let plan = outbox::Plan::new(&table, settings)?;
        Ok(Self {
            outbox: Some(plan),
            ..Self::of_records(format, table, Destination::none())
        })
    }

    /// The schemas that a sink has to make known before the table's first message; `None` for a format without any.
    ///
    /// # Errors
    /// Why the table has none, with the fix.
    pub fn avro_schemas(&self) -> Option<Result<&AvroSchemas, String>> {
        Some(self.avro()?.schemas())
    }

    /// Has messages begin with the numbers that a registry gave to the schemas of keys and values.
    pub fn identify(&mut self, key: u32, value: u32) {
        if let FormatPlan::Avro(plan) = &mut self.format {
            plan.identify(key, value);
        }
    }

    fn json(&self) -> Option<&json::Plan> {
        match &self.format {
            FormatPlan::Json(plan) => Some(plan),
            _other => None,
        }
    }

    fn debezium(&self) -> Option<&debezium::Plan> {
        match &self.format {
            FormatPlan::Debezium(plan) => Some(plan),
            _other => None,
        }
    }

    fn maxwell(&self) -> Option<&maxwell::Plan> {
        match &self.format {
            FormatPlan::Maxwell(plan) => Some(plan),
            _other => None,
        }
    }

    fn flat(&self) -> Option<&flat::Plan> {
        match &self.format {
            FormatPlan::Flat(plan) => Some(plan),
            _other => None,
        }
    }

    fn canal(&self) -> Option<&canal::Plan> {
        match &self.format {
            FormatPlan::Canal(plan) => Some(plan),
            _other => None,
        }
    }

    fn avro(&self) -> Option<&avro::Plan> {
        match &self.format {
            FormatPlan::Avro(plan) => Some(plan),
            _other => None,
        }
    }
}

/// The writer of a format, with the buffers that it keeps from batch to batch.
pub(super) struct Envelope {
    writer: FormatWriter,
    /// What is around its messages.
    events: Option<CloudEvents>,
}

/// The formats by their writers.
enum FormatWriter {
    Json(Box<json::JsonWriter>),
    Debezium(Box<debezium::DebeziumWriter>),
    Avro(Box<avro::AvroWriter>),
    Maxwell(Box<maxwell::MaxwellWriter>),
    Flat(Box<flat::FlatWriter>),
    Canal(Box<canal::CanalWriter>),
}

impl Envelope {
    /// Makes the writer of a format.
    pub(super) fn new(format: &FormatSettings, invalid_text: InvalidText) -> Self {
        let writer = match format {
            FormatSettings::Json => {
                FormatWriter::Json(Box::new(json::JsonWriter::new(invalid_text)))
            }
            FormatSettings::Debezium(settings) => FormatWriter::Debezium(Box::new(
                debezium::DebeziumWriter::new(settings, invalid_text),
            )),
            FormatSettings::Avro(settings) => {
                FormatWriter::Avro(Box::new(avro::AvroWriter::new(settings, invalid_text)))
            }
            FormatSettings::Maxwell(options) => {
                FormatWriter::Maxwell(Box::new(maxwell::MaxwellWriter::new(options, invalid_text)))
            }
            FormatSettings::Flat(settings) => {
                FormatWriter::Flat(Box::new(flat::FlatWriter::new(settings, invalid_text)))
            }
            FormatSettings::Canal => {
                FormatWriter::Canal(Box::new(canal::CanalWriter::new(invalid_text)))
            }
            FormatSettings::CloudEvents(inner, mode, source) => {
                let inner = Self::new(inner, invalid_text);
                let is_structured = *mode == CloudEventsMode::Structured;
                return Self {
                    events: is_structured.then(|| CloudEvents::new(source)),
                    ..inner
                };
            }
        };
        Self {
            writer,
            events: None,
        }
    }

    /// Writes a batch. The one place where the format is asked for; from here on its writer is a type.
    ///
    /// # Errors
    /// See [`Encode::encode`](super::Encode::encode).
    pub(super) fn encode<L: MessageLayout>(
        &mut self,
        layout: &mut L,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut L::Block,
    ) -> Result<(), EncodeError> {
        let Self { writer, events } = self;
        let input = (batch, plans);
        match writer {
            FormatWriter::Json(writer) => {
                write_events(&mut **writer, events, Plan::json, layout, input, block)
            }
            FormatWriter::Debezium(writer) => {
                write_events(&mut **writer, events, Plan::debezium, layout, input, block)
            }
            FormatWriter::Avro(writer) => {
                write_events(&mut **writer, events, Plan::avro, layout, input, block)
            }
            FormatWriter::Maxwell(writer) => {
                write_events(&mut **writer, events, Plan::maxwell, layout, input, block)
            }
            FormatWriter::Flat(writer) => {
                write_events(&mut **writer, events, Plan::flat, layout, input, block)
            }
            FormatWriter::Canal(writer) => {
                write_events(&mut **writer, events, Plan::canal, layout, input, block)
            }
        }
    }
}

/// Writes a batch with a format's writer, as the data of CloudEvents if that is asked for.
fn write_events<W: EnvelopeWriter, L: MessageLayout>(
    writer: &mut W,
    events: &mut Option<CloudEvents>,
    plan_of: impl Fn(&Plan) -> Option<&W::Plan>,
    layout: &mut L,
    (batch, plans): (&Batch, &[Arc<Plan>]),
    block: &mut L::Block,
) -> Result<(), EncodeError> {
    match events {
        None => write_batch(writer, plan_of, layout, batch, plans, block),
        Some(events) => {
            let mut wrapped = Wrapped {
                inner: writer,
                events,
            };
            write_batch(&mut wrapped, plan_of, layout, batch, plans, block)
        }
    }
}

/// How messages lie in a block: as records with keys, or as lines.
pub(super) trait MessageLayout {
    /// What it fills.
    type Block: Block;

    /// Empties the block and begins a batch.
    ///
    /// # Errors
    /// More bytes than a block counts.
    fn begin(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Self::Block,
    ) -> Result<(), EncodeError>;

    /// Writes the messages of a rows event, which the writer has entered; its table's plan comes with what the format has fixed.
    ///
    /// # Errors
    /// See [`Encode::encode`](super::Encode::encode).
    fn write_rows<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        event: &RowsEvent<'_>,
        plans: (&W::Plan, &Plan),
        block: &mut Self::Block,
    ) -> Result<(), EncodeError>;

    /// Writes the messages of a DDL statement.
    ///
    /// # Errors
    /// See [`Encode::encode`](super::Encode::encode).
    fn write_ddl<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        batch: &Batch,
        ddl: &Ddl,
        block: &mut Self::Block,
    ) -> Result<(), EncodeError>;

    /// Writes the message that a statement emptied a table; `false`, and nothing, where the format has none.
    ///
    /// # Errors
    /// See [`Encode::encode`](super::Encode::encode).
    fn write_emptied<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        statement: (&Batch, &Ddl),
        plans: (&W::Plan, &Plan),
        block: &mut Self::Block,
    ) -> Result<bool, EncodeError>;

    /// Writes the message of an edge of a table in a snapshot, if the format has one. The writer has entered it.
    ///
    /// # Errors
    /// See [`Encode::encode`](super::Encode::encode).
    fn write_edge<W: EnvelopeWriter>(
        &mut self,
        writer: &mut W,
        edge: (&RowsEvent<'_>, EdgeSide),
        plans: (&W::Plan, &Plan),
        block: &mut Self::Block,
    ) -> Result<(), EncodeError>;

    /// Ends a batch of which so many values are not valid text.
    fn end(&mut self, invalid_text_count: u64, block: &mut Self::Block);
}

/// Writes a batch with a format's writer, for which `plan_of` finds its part of a plan.
pub(super) fn write_batch<W: EnvelopeWriter, L: MessageLayout>(
    writer: &mut W,
    plan_of: impl Fn(&Plan) -> Option<&W::Plan>,
    layout: &mut L,
    batch: &Batch,
    plans: &[Arc<Plan>],
    block: &mut L::Block,
) -> Result<(), EncodeError> {
    layout.begin(batch, plans, block)?;
    writer.begin(batch);
    for item in &batch.items {
        match item {
            Item::Rows(rows) if writer.skips(rows.kind) => {}
            Item::Rows(rows) => {
                let plan = plan_at(plans, rows)?;
                let event = RowsEvent::new(batch, rows, &plan.table)?;
                let of_format = of_format(&plan_of, plan, rows)?;
                writer.enter(&event, of_format);
                layout.write_rows(writer, &event, (of_format, plan), block)?;
            }
            Item::Edge(edge) => {
                let (plan, rows) = (plan_at(plans, &edge.rows)?, &edge.rows);
                let event = RowsEvent::new(batch, rows, &plan.table)?;
                let of_format = of_format(&plan_of, plan, rows)?;
                writer.enter(&event, of_format);
                layout.write_edge(writer, (&event, edge.side), (of_format, plan), block)?;
            }
            Item::Ddl(ddl) => {
                let emptied = ddl.emptied.and_then(|index| plans.get(index as usize));
                let emptied = emptied.and_then(|plan| Some((plan_of(plan)?, &**plan)));
                let is_told = match emptied {
                    Some(plans) => layout.write_emptied(writer, (batch, ddl), plans, block)?,
                    None => false,
                };
                if !is_told {
                    layout.write_ddl(writer, batch, ddl, block)?;
                }
            }
        }
    }
    layout.end(writer.invalid_text_count(), block);
    Ok(())
}

/// The plan of the table of rows.
fn plan_at<'a>(plans: &'a [Arc<Plan>], rows: &Rows) -> Result<&'a Plan, EncodeError> {
    let plan = plans.get(rows.table as usize);
    plan.map(|plan| &**plan).ok_or(EncodeError::Reference {
        what: "table",
        index: rows.table,
    })
}

/// The format's part of a plan.
fn of_format<'a, P>(
    plan_of: impl Fn(&Plan) -> Option<&P>,
    plan: &'a Plan,
    rows: &Rows,
) -> Result<&'a P, EncodeError> {
    plan_of(plan).ok_or(EncodeError::Reference {
        what: "format of table",
        index: rows.table,
    })
}
