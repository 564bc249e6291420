//! Files to batches: an assembler a file, or a row of relay logs, and answers to what it asks for.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::caution::Caution;
use super::error::DecodeError;
use super::relay::Relays;
use super::settings::DecodeSettings;
use crate::binlog::{Coordinates, FIRST_POSITION, FormatDescription, GtidSet, Header};
use crate::change::{self, Assembler, Batch, Checkpoint, Lack, Origin, Step, Until};
use crate::filter::Rules;
use crate::pipeline::Spilling;
use crate::row::TableName;
use crate::source::{Chunk, FileError, SeriesPart};
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
    /// Those whose last transaction has no end in them.
    pub(super) unfinished: u64,
}

/// The batches of all files, in order.
pub(super) struct Batches {
    settings: DecodeSettings,
    caution: Caution,
    spilling: Spilling,
    /// Tables of which it was said what is not known.
    warned: BTreeSet<(TableName, Assumed)>,
    files: Files,
    relays: Relays,
    /// Of the file whose events are read.
    assembler: Option<Box<Assembler>>,
    /// A file of which only the first event was read, so that it is not known where the reading begins.
    begun: Option<(Arc<str>, Chunk)>,
    /// What the assembler is to be given before more is read.
    chunks: VecDeque<Chunk>,
    /// What was read behind a file that holds no more than its first event.
    behind: Option<Result<Option<SeriesPart>, FileError>>,
    /// The first mistake, told when what stands before it was handed out.
    mistake: Option<DecodeError>,
    is_over: bool,
}

/// What is taken for granted of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Assumed {
    /// What its table maps do not tell.
    Lacking(Lack),
    /// A rollback undid its rows.
    Transactional,
}

impl Batches {
    /// Prepares to read; nothing is opened before the first batch is asked for.
    pub(super) fn new(settings: DecodeSettings) -> Self {
        Self {
            caution: Caution::new(settings.statements),
            settings,
            spilling: Spilling::new(|| Spill::create(&std::env::temp_dir())),
            warned: BTreeSet::new(),
            files: Files::default(),
            relays: Relays::default(),
            assembler: None,
            begun: None,
            chunks: VecDeque::new(),
            behind: None,
            mistake: None,
            is_over: false,
        }
    }

    /// The files that were read so far.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// What is to be told to those who execute the statements.
    pub(super) fn caution(&self) -> &Caution {
        &self.caution
    }

    /// The next batch; `None` behind the last.
    ///
    /// # Errors
    /// The first mistake, when what stands before it was handed out; nothing comes behind it.
    pub(super) fn next(&mut self) -> Result<Option<Batch>, DecodeError> {
        let next = self.advance();
        if let Ok(Some(batch)) = &next {
            warn_of(batch);
            self.caution.look(batch);
            self.relays.warn_of(batch);
        }
        next
    }

    fn advance(&mut self) -> Result<Option<Batch>, DecodeError> {
        loop {
            if let Some(mistake) = self.mistake.take() {
                self.is_over = true;
                return Err(mistake);
            }
            let batch = match &mut self.assembler {
                Some(assembler) => match assembler.poll() {
                    Ok(step) => self.answer(step)?,
                    Err(mistake) => self.salvage(mistake.into()),
                },
                None if self.is_over => return Ok(None),
                None => self.read()?,
            };
            if batch.is_some() {
                return Ok(batch);
            }
        }
    }

    /// Gives the assembler what it asks for, or takes what it has made.
    fn answer(&mut self, step: Step) -> Result<Option<Batch>, DecodeError> {
        match step {
            Step::NeedEvent | Step::Reached => return self.feed(),
            Step::Batch(batch) => return Ok(Some(*batch)),
            Step::NeedDefinition {
                table, at, lack, ..
            } => {
                let definition = self.settings.known.definition(&table, &at)?;
                if definition.is_none() {
                    if lack == Lack::Metadata && self.settings.statements.is_some() {
                        let hint = self.settings.known.hint();
                        return Ok(self.salvage(DecodeError::Unnamed { table, at, hint }));
                    }
                    self.warn(&table, Assumed::Lacking(lack));
                }
                if let Some(assembler) = &mut self.assembler {
                    match definition {
                        Some(definition) => assembler.define(table, Some(definition)),
                        None => assembler.number_columns(table),
                    }
                }
            }
            Step::NeedEngine { table, .. } => {
                let transactional = self.settings.known.engine(&table)?.unwrap_or_else(|| {
                    self.warn(&table, Assumed::Transactional);
                    true
                });
                if let Some(assembler) = &mut self.assembler {
                    assembler.define_engine(table, Some(transactional));
                }
            }
            Step::Spill(spilled) => self.spilling.keep(&spilled)?,
            Step::NeedSpilled => {
                let (buffer, events) = self.spilling.give_back()?;
                if let Some(assembler) = &mut self.assembler
                    && let Err(mistake) = assembler.feed_spilled(&buffer, &events)
                {
                    return Ok(self.salvage(mistake.into()));
                }
            }
        }
        Ok(None)
    }

    /// Gives the assembler what comes next.
    fn feed(&mut self) -> Result<Option<Batch>, DecodeError> {
        let (Some(assembler), Some(chunk)) = (&mut self.assembler, self.chunks.pop_front()) else {
            return self.read();
        };
        assembler.feed_part(
            chunk.buffer,
            chunk.events,
            chunk.part,
            chunk.received_us,
            chunk.drained,
        );
        Ok(None)
    }

    /// Reads on, which may end a file and its last batch.
    fn read(&mut self) -> Result<Option<Batch>, DecodeError> {
        let part = match self.behind.take() {
            Some(part) => part,
            None if self.settings.stop.is_cancelled() => Ok(None),
            None => self.settings.series.read(),
        };
        match part {
            Ok(Some(SeriesPart::Events { position, chunk })) => {
                if let Some((name, description)) = self.begun.take() {
                    self.open(name, description, Some(position))?;
                }
                self.chunks.push_back(chunk);
                Ok(None)
            }
            Ok(Some(SeriesPart::Idle)) => Ok(self.rest()),
            part if let Some((name, description)) = self.begun.take() => {
                self.behind = Some(part);
                self.open(name, description, None)?;
                Ok(None)
            }
            Ok(Some(SeriesPart::Begin {
                place,
                name,
                description,
            })) => {
                self.files.count += 1;
                if self.relays.take(&place, &description.buffer) && self.assembler.is_some() {
                    self.files.without_checksums += u64::from(!has_checksums(&description));
                    self.chunks.push_back(description);
                    return Ok(None);
                }
                self.begun = Some((name, description));
                Ok(self.end())
            }
            Ok(None) => {
                self.is_over = true;
                Ok(self.end())
            }
            Err(error) => {
                self.mistake = Some(error.into());
                Ok(self.end())
            }
        }
    }

    /// Hands out what there is at the end of a file that may grow, and when that was done waits a little.
    fn rest(&mut self) -> Option<Batch> {
        let batch = self
            .assembler
            .as_mut()
            .and_then(|assembler| assembler.flush());
        if batch.is_none() {
            std::thread::sleep(FOLLOW_WAIT);
        }
        batch
    }

    /// Ends the file that is being read, if there is one.
    fn end(&mut self) -> Option<Batch> {
        let assembler = self.assembler.take()?;
        if !assembler.is_between_groups() {
            self.files.unfinished += 1;
            let at = &assembler.checkpoint().coordinates;
            warn!(%at, "the last transaction of the file has no end there and is left out");
        }
        Some(assembler.finish())
    }

    /// Hands out the whole groups before a mistake, which is told when the next batch is asked for.
    fn salvage(&mut self, mistake: DecodeError) -> Option<Batch> {
        self.mistake = Some(mistake);
        self.assembler
            .take()
            .and_then(|assembler| assembler.salvage())
    }

    /// Makes the file's assembler; the first event, which tells who wrote the file, is the first that it is given.
    fn open(
        &mut self,
        name: Arc<str>,
        description: Chunk,
        position: Option<u64>,
    ) -> Result<(), DecodeError> {
        let event = &*description.buffer;
        let header = Header::parse(event);
        let format = FormatDescription::parse(event.get(Header::LEN..).unwrap_or_default());
        // Whatever is wrong with the event, the assembler says so with its place.
        let flavour = match &format {
            Ok(format) => format.flavour(),
            Err(_) => crate::mysql::Flavour::MySql,
        };
        if let (Ok(_), Some(what)) = (&format, self.settings.choice.never_in(flavour)) {
            return Err(DecodeError::Usage(format!(
                "{name} is a binlog of {}, which has no {what}: no choice of these can be meant for it",
                flavour.name()
            )));
        }
        self.files.without_checksums += u64::from(!has_checksums(&description));
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
            rules: Rules::compile(&self.settings.filter, flavour, 0)?,
            skips_groups: false,
            on_statement: self.settings.on_statement,
            until: Until::Never,
            batch_bytes_max: BATCH_BYTES_MAX,
            hold_bytes_max: HOLD_BYTES_MAX,
            event_bytes_max: self.settings.event_bytes_max,
            idle_bytes_max: IDLE_BYTES_MAX,
        };
        let checkpoint = Checkpoint {
            coordinates: Coordinates::new(name, start),
            gtid_set: GtidSet::empty(flavour),
            server_uuid: None,
            server_id,
            format_description_timestamp: 0,
        };
        let definitions = self.settings.known.at(&checkpoint.coordinates)?;
        let assembler = Assembler::new(settings, checkpoint, definitions);
        let mut assembler = assembler.choosing(self.settings.choice.clone());
        if self.settings.statements.is_some() && self.settings.known.is_given() {
            assembler = assembler.asking_for_generated();
        }
        if self.relays.are_read() {
            assembler = assembler.reading_relay_logs();
        }
        self.assembler = Some(Box::new(assembler));
        self.chunks.push_back(description);
        Ok(())
    }

    /// Says once a table what is not known of it.
    fn warn(&mut self, table: &TableName, assumed: Assumed) {
        if !self.warned.insert((table.clone(), assumed)) {
            return;
        }
        match assumed {
            Assumed::Lacking(Lack::Metadata) => warn!(
                %table,
                "the binlog does not tell all of the table: unnamed columns are called @1, @2, …, integers without a \
                 sign in the binlog are signed, strings without a character set in the binlog, those of bytes too, are read as \
                 utf8mb4, ENUM and SET are numbers, MariaDB's INET4, INET6 and UUID are bytes; {}, or set \
                 binlog_row_metadata=FULL on the source",
                self.settings.known.hint()
            ),
            Assumed::Lacking(Lack::Types) => warn!(
                %table,
                "no binlog tells all types of the table: INET4, INET6 and UUID look like BINARY there and are printed as \
                 bytes, old forms of times lack their fraction; {}",
                self.settings.known.hint()
            ),
            Assumed::Lacking(Lack::Generated) => warn!(
                %table,
                "which columns of the table are generated is not known, and statements that give these values fail; {}",
                self.settings.known.hint()
            ),
            Assumed::Transactional => warn!(
                %table,
                "a transaction that changed the table was rolled back: its engine is taken as transactional and the changes \
                 are left out; give --definitions if it is not"
            ),
        }
    }
}

/// Whether the events behind a file's first one have checksums.
fn has_checksums(description: &Chunk) -> bool {
    let content = description.buffer.get(Header::LEN..).unwrap_or_default();
    FormatDescription::parse(content).is_ok_and(|format| format.has_checksums())
}

/// Tells of what a batch leaves out.
fn warn_of(batch: &Batch) {
    let statements = batch.ledger.statements;
    if statements > 0 {
        let before = batch.end.as_ref().map(|end| end.coordinates.to_string());
        warn!(
            statements,
            before,
            "changes were logged as statements and passed over, their rows are not in the binlog"
        );
    }
}
