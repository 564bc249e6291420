//! A stream of events through assembler and encoders, whatever the events hold.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fs;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rowtap::binlog::{Coordinates, FIRST_POSITION, GtidSet, XaId};
use rowtap::change::{
    Assembler, AssemblerSettings, Batch, Checkpoint, Definitions, LeftOut, OnStatement, Origin,
    Step, Until, XaMissing,
};
use rowtap::encode::{
    Destination, Encode, Format, InvalidText, Lines, LinesEncoder, Plan, Records, RecordsEncoder,
    RecordsSettings,
};
use rowtap::filter::{FilterOptions, Rules};
use rowtap::mysql::Flavour;
use rowtap::source::{BinlogExtent, BinlogSeries, InputPath, SeriesPart};

/// An event of more is refused.
const EVENT_BYTES_MAX: u32 = 8 << 20;
const HEADER_BYTES: usize = 19;

/// Why a stream ended; what it says was formatted, which must not fail either.
#[derive(Debug)]
pub struct Refused(
    /// The error and its causes.
    pub String,
);

impl Refused {
    fn new(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        assert!(!text.is_empty());
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self(text)
    }
}

/// An assembler with encoders behind it.
pub struct Stream {
    assembler: Assembler,
    spilled: VecDeque<(u64, Bytes)>,
    prepared: HashMap<XaId, VecDeque<(u64, Bytes)>>,
    preparing: VecDeque<(u64, Bytes)>,
    lines: LinesEncoder,
    records: RecordsEncoder,
    blocks: (Lines, Records),
}

impl Stream {
    /// One that begins before the first event of a file.
    /// With `checks`, every body is looked at, as `--verify` does.
    pub fn new(flavour: Flavour, checks: bool) -> Self {
        let settings = AssemblerSettings {
            origin: Arc::new(Origin {
                connector: "hostile".into(),
                flavour,
                server_uuid: None,
                server_id: 1,
            }),
            server_id: 2,
            rules: Rules::compile(&FilterOptions::default(), flavour, 0).expect("no rules"),
            left_out: LeftOut::Nothing,
            on_statement: OnStatement::Warn,
            xa_missing: XaMissing::Warn,
            until: Until::Never,
            delays: false,
            batch_bytes_max: 1 << 12,
            keeps_queries: true,
            keeps_emptied: false,
            hold_bytes_max: 1 << 14,
            event_bytes_max: 1 << 8,
            idle_bytes_max: 1 << 14,
        };
        let checkpoint = Checkpoint::new(
            Coordinates::new("binlog.000001", FIRST_POSITION),
            GtidSet::empty(flavour),
            None,
            1,
            0,
        );
        let assembler = Assembler::new(settings, checkpoint, Definitions::default());
        Self {
            assembler: match checks {
                true => assembler.checking_all(),
                false => assembler,
            },
            spilled: VecDeque::new(),
            prepared: HashMap::new(),
            preparing: VecDeque::new(),
            lines: LinesEncoder::new(Format::Json, InvalidText::Fail),
            records: RecordsEncoder::new(
                Format::Json,
                RecordsSettings::default(),
                InvalidText::Fail,
            ),
            blocks: (Lines::default(), Records::default()),
        }
    }

    /// Takes one event.
    pub fn take(&mut self, event: &[u8]) -> Result<(), Refused> {
        let end = u32::try_from(event.len()).expect("an event of the tests' own is small");
        self.feed(event.to_vec().into(), std::iter::once(0..end).collect())
    }

    /// Takes events and does with the steps what a pipeline would.
    pub fn feed(&mut self, buffer: Bytes, events: Vec<Range<u32>>) -> Result<(), Refused> {
        self.assembler.feed(buffer, events, 0, false);
        loop {
            match self
                .assembler
                .poll()
                .map_err(|error| Refused::new(&error))?
            {
                Step::NeedEvent | Step::Reached => return Ok(()),
                Step::Due { .. } => self.assembler.go_on(),
                Step::Batch(batch) => self.encode(&batch)?,
                Step::NeedDefinition { table, .. } => self.assembler.number_columns(table),
                Step::NeedEngine { table, .. } => self.assembler.define_engine(table, Some(true)),
                Step::Spill(spilled) => {
                    if spilled.first {
                        self.spilled.clear();
                    }
                    self.spilled.extend(spilled.events);
                }
                Step::Prepare(kept) => {
                    self.preparing.clear();
                    if kept.after_spilled {
                        self.preparing.clone_from(&self.spilled);
                    }
                    self.preparing.extend(kept.events);
                }
                Step::Prepared { id, .. } => {
                    self.prepared
                        .insert(id, std::mem::take(&mut self.preparing));
                }
                Step::NeedPrepared { id } => {
                    self.spilled
                        .clone_from(self.prepared.get(&id).expect("it was kept"));
                }
                Step::Decided { id, .. } => {
                    self.prepared.remove(&id).expect("it was kept");
                }
                Step::NeedSpilled => {
                    let (position, event) = self.spilled.pop_front().expect("it was handed out");
                    let end = u32::try_from(event.len()).expect("events are limited");
                    self.assembler
                        .feed_spilled(&event, &[(position, 0..end)])
                        .map_err(|error| Refused::new(&error))?;
                }
            }
        }
    }

    fn encode(&mut self, batch: &Batch) -> Result<(), Refused> {
        let plans: Vec<Arc<Plan>> = batch
            .tables
            .iter()
            .map(|table| {
                Arc::new(Plan::of_records(
                    Format::Json,
                    Arc::clone(table),
                    Destination::by_key("topic".into(), &table.key),
                ))
            })
            .collect();
        self.lines
            .encode(batch, &plans, &mut self.blocks.0)
            .map_err(|error| Refused::new(&error))?;
        assert!(
            std::str::from_utf8(&self.blocks.0.bytes).is_ok(),
            "lines are UTF-8"
        );
        self.records
            .encode(batch, &plans, &mut self.blocks.1)
            .map_err(|error| Refused::new(&error))
    }
}

/// Reads bytes as the file of a connector or of the command line is read.
///
/// # Errors
/// Why it could not be read to its end.
pub fn as_file(data: &[u8]) -> Result<(), Refused> {
    thread_local! {
        static FILE: RefCell<tempfile::NamedTempFile> =
            RefCell::new(tempfile::NamedTempFile::new().expect("a temporary file"));
    }
    FILE.with_borrow(|file| {
        fs::write(file.path(), data).expect("a temporary file takes bytes");
        let extent = BinlogExtent {
            start: FIRST_POSITION,
            ..BinlogExtent::default()
        };
        let place = InputPath::File(file.path().to_owned());
        let series = BinlogSeries::new(vec![place], extent, EVENT_BYTES_MAX, false);
        series
            .map_err(|error| Refused::new(&error))
            .and_then(|series| through(series, flavour(data), data.len() % 2 == 1))
    })
}

fn through(mut series: BinlogSeries, flavour: Flavour, checks: bool) -> Result<(), Refused> {
    let mut stream = Stream::new(flavour, checks);
    while let Some(part) = series.read().map_err(|error| Refused::new(&error))? {
        match part {
            SeriesPart::Begin { description, .. } => {
                stream.feed(description.buffer, description.events)?;
            }
            SeriesPart::Events { chunk, .. } => stream.feed(chunk.buffer, chunk.events)?,
            SeriesPart::Empty { .. } => {}
            SeriesPart::Idle => return Ok(()),
        }
    }
    if let Some(batch) = stream.assembler.flush() {
        stream.encode(&batch)?;
    }
    Ok(())
}

fn flavour(data: &[u8]) -> Flavour {
    let head = data.get(..data.len().min(120)).unwrap_or_default();
    match head.windows(7).any(|window| window == b"MariaDB") {
        true => Flavour::MariaDb,
        false => Flavour::MySql,
    }
}

/// The same bytes, with the end position and the checksum of each event made right as far as the events' sizes lead.
pub fn repaired(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    if let Some(magic) = bytes.get_mut(..4) {
        magic.copy_from_slice(b"\xfebin");
    }
    let mut at = 4;
    while let Some(size) = bytes.get(at + 9..at + 13) {
        let size = u32::from_le_bytes(size.try_into().expect("four bytes")) as usize;
        let left = bytes.len() - at;
        let size = match size {
            whole if (HEADER_BYTES + 4..=left).contains(&whole) => whole,
            _wrong if left < HEADER_BYTES + 4 => return bytes,
            _wrong => left,
        };
        let event = &mut bytes[at..at + size];
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        event[9..13].copy_from_slice(&count(size));
        event[13..17].copy_from_slice(&count(at + size));
        let (covered, checksum) = event.split_at_mut(size - 4);
        checksum.copy_from_slice(&crc32fast::hash(covered).to_le_bytes());
        at += size;
    }
    bytes
}
