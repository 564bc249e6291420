//! Files to batches: an assembler a file, and answers to what it asks for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::definitions::Known;
use super::error::DecodeError;
use super::lanes::Take;
use super::settings::Settings;
use crate::binlog::{Coordinates, FIRST_POSITION, FormatDescription, GtidSet, Header};
use crate::change::{
    self, AssembleError, Assembler, Batch, Checkpoint, Choice, Origin, Step, Until,
};
use crate::filter::{self, Rules};
use crate::pipeline::Spilling;
use crate::row::TableName;
use crate::source::{Chunk, Part};
use crate::state::Spill;

/// Bytes of a batch at which it leaves.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Bytes of an open group at which it is spilled.
const HOLD_BYTES_MAX: usize = 16 << 20;
/// Bytes of events without rows at which an empty batch leaves.
const IDLE_BYTES_MAX: u64 = 64 << 20;
/// How long the end of a file that is followed is left alone.
const FOLLOW_WAIT: Duration = Duration::from_millis(100);
/// The name of the source in what comes out, where a connector's stands else.
const NAME: &str = "decode";

/// The files that were read.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) count: u64,
    pub(super) without_checksums: u64,
}

/// Reads all files and hands out their batches.
///
/// # Errors
/// The first mistake; what stands before it was handed out.
pub(super) fn assemble(settings: Settings, take: Take<'_>) -> Result<Files, DecodeError> {
    let Settings {
        mut series,
        choice,
        filter,
        known,
        on_statement,
        event_bytes_max,
        stop,
    } = settings;
    let mut decoder = Decoder {
        choice,
        filter,
        known,
        on_statement,
        event_bytes_max,
        spilling: Spilling::new(|| Spill::create_in(&std::env::temp_dir())),
        warned: BTreeSet::new(),
        files: Files::default(),
        file: None,
    };
    while !stop.is_cancelled() {
        let part = match series.read() {
            Ok(part) => part,
            Err(error) => {
                decoder.end(take)?;
                return Err(error.into());
            }
        };
        match part {
            None => break,
            Some(Part::Begin {
                name, description, ..
            }) => {
                decoder.end(take)?;
                decoder.begin(name, description)?;
            }
            Some(Part::Events { position, chunk }) => decoder.events(position, chunk, take)?,
            Some(Part::Idle) => {
                decoder.flush(take)?;
                std::thread::sleep(FOLLOW_WAIT);
            }
        }
    }
    decoder.end(take)?;
    Ok(decoder.files)
}

struct Decoder {
    choice: Choice,
    filter: filter::Options,
    known: Known,
    on_statement: change::OnStatement,
    event_bytes_max: u64,
    spilling: Spilling,
    /// Tables of which it was said what is not known.
    warned: BTreeSet<(TableName, Assumed)>,
    files: Files,
    file: Option<File>,
}

/// What is taken for granted of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Assumed {
    /// Its columns have numbers for names.
    Numbered,
    /// A rollback undid its rows.
    Transactional,
}

/// The file that is being read.
enum File {
    /// Where it begins is not yet known.
    Begun { name: Arc<str>, description: Chunk },
    /// Its events are being read.
    Open(Box<Assembler>),
}

impl Decoder {
    fn begin(&mut self, name: Arc<str>, description: Chunk) -> Result<(), DecodeError> {
        self.files.count += 1;
        self.file = Some(File::Begun { name, description });
        Ok(())
    }

    fn events(&mut self, position: u64, chunk: Chunk, take: Take<'_>) -> Result<(), DecodeError> {
        let assembler = match self.file.take() {
            Some(File::Begun { name, description }) => {
                self.open(name, description, Some(position), take)?
            }
            Some(File::Open(assembler)) => assembler,
            None => return Ok(()),
        };
        let assembler = self.drive(assembler, chunk, take)?;
        self.file = Some(File::Open(assembler));
        Ok(())
    }

    /// Makes the file's assembler and gives it the first event, which tells who wrote the file.
    fn open(
        &mut self,
        name: Arc<str>,
        description: Chunk,
        position: Option<u64>,
        take: Take<'_>,
    ) -> Result<Box<Assembler>, DecodeError> {
        let event = &*description.buffer;
        let header = Header::parse(event);
        let format = FormatDescription::parse(event.get(Header::LEN..).unwrap_or_default());
        // Whatever is wrong with the event, the assembler says so with its place.
        let (flavour, has_checksums) = match &format {
            Ok(format) => (format.flavour(), format.has_checksums()),
            Err(_) => (crate::mysql::Flavour::MySql, false),
        };
        self.files.without_checksums += u64::from(!has_checksums);
        let behind = FIRST_POSITION + event.len() as u64;
        let start = position
            .filter(|position| *position != behind)
            .unwrap_or(FIRST_POSITION);
        let server_id = header.map_or(0, |header| header.server_id);
        let settings = change::Settings {
            origin: Arc::new(Origin {
                connector: NAME.into(),
                flavour,
                server_uuid: None,
                server_id,
            }),
            server_id: 0,
            rules: Rules::compile(&self.filter, flavour, 0)?,
            skips_groups: false,
            on_statement: self.on_statement,
            until: Until::Never,
            batch_bytes_max: BATCH_BYTES_MAX,
            hold_bytes_max: HOLD_BYTES_MAX,
            event_bytes_max: self.event_bytes_max,
            idle_bytes_max: IDLE_BYTES_MAX,
        };
        let checkpoint = Checkpoint {
            coordinates: Coordinates::new(name, start),
            gtid_set: GtidSet::empty(flavour),
            server_uuid: None,
            server_id,
            format_description_timestamp: 0,
        };
        let definitions = self.known.at(&checkpoint.coordinates)?;
        let assembler = Assembler::new(settings, checkpoint, definitions);
        let assembler = Box::new(assembler.choosing(self.choice.clone()));
        self.drive(assembler, description, take)
    }

    /// Feeds a chunk and hands out what it completes.
    fn drive(
        &mut self,
        mut assembler: Box<Assembler>,
        chunk: Chunk,
        take: Take<'_>,
    ) -> Result<Box<Assembler>, DecodeError> {
        assembler.feed_part(
            chunk.buffer,
            chunk.events,
            chunk.part,
            chunk.received_us,
            chunk.drained,
        );
        loop {
            let step = match assembler.poll() {
                Ok(step) => step,
                Err(error) => return Err(salvage(*assembler, error, take)),
            };
            match step {
                Step::NeedEvent => return Ok(assembler),
                Step::NeedDefinition { table, at, .. } => {
                    match self.known.definition(&table, &at)? {
                        Some(definition) => assembler.define(table, Some(definition)),
                        None => {
                            self.warn(&table, Assumed::Numbered);
                            assembler.number_columns(table);
                        }
                    }
                }
                Step::NeedEngine { table, .. } => {
                    let transactional = self.known.engine(&table)?.unwrap_or_else(|| {
                        self.warn(&table, Assumed::Transactional);
                        true
                    });
                    assembler.define_engine(table, Some(transactional));
                }
                Step::Batch(batch) => hand_out(*batch, take)?,
                Step::Spill(spilled) => self.spilling.keep(&spilled)?,
                Step::NeedSpilled => {
                    let (buffer, events) = self.spilling.give_back()?;
                    if let Err(error) = assembler.feed_spilled(&buffer, &events) {
                        return Err(salvage(*assembler, error, take));
                    }
                }
                Step::Reached => return Ok(assembler),
            }
        }
    }

    /// Says once a table what is not known of it.
    fn warn(&mut self, table: &TableName, assumed: Assumed) {
        if !self.warned.insert((table.clone(), assumed)) {
            return;
        }
        match assumed {
            Assumed::Numbered => warn!(
                %table,
                "the binlog does not tell all of the table: unnamed columns are called @1, @2, …, integers without a \
                 sign in the binlog are signed, ENUM and SET are numbers, MariaDB's INET4, INET6 and UUID are bytes; give \
                 --definitions, or set binlog_row_metadata=FULL on the source"
            ),
            Assumed::Transactional => warn!(
                %table,
                "a transaction that changed the table was rolled back: its engine is taken as transactional and the changes \
                 are left out; give --definitions if it is not"
            ),
        }
    }

    fn flush(&mut self, take: Take<'_>) -> Result<(), DecodeError> {
        match &mut self.file {
            Some(File::Open(assembler)) => match assembler.flush() {
                Some(batch) => hand_out(batch, take),
                None => Ok(()),
            },
            Some(File::Begun { .. }) | None => Ok(()),
        }
    }

    /// Ends the file that is being read.
    fn end(&mut self, take: Take<'_>) -> Result<(), DecodeError> {
        let assembler = match self.file.take() {
            Some(File::Begun { name, description }) => self.open(name, description, None, take)?,
            Some(File::Open(assembler)) => assembler,
            None => return Ok(()),
        };
        if !assembler.is_between_groups() {
            let at = &assembler.checkpoint().coordinates;
            warn!(%at, "the last transaction of the file has no end there and is left out");
        }
        hand_out(assembler.finish(), take)
    }
}

/// Hands out a batch, and tells of what it leaves out.
fn hand_out(batch: Batch, take: Take<'_>) -> Result<(), DecodeError> {
    let statements = batch.ledger.statements;
    if statements > 0 {
        let before = batch.end.as_ref().map(|end| end.coordinates.to_string());
        warn!(
            statements,
            before,
            "changes were logged as statements and passed over, their rows are not in the binlog"
        );
    }
    take(batch)
}

/// Hands out the whole groups before a mistake.
fn salvage(assembler: Assembler, error: AssembleError, take: Take<'_>) -> DecodeError {
    match assembler
        .salvage()
        .map_or(Ok(()), |batch| hand_out(batch, take))
    {
        Ok(()) => error.into(),
        Err(output) => output,
    }
}
