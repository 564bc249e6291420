//! Files to batches: an engine a file, or one for relay logs that follow each other.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::caution::Caution;
use super::definitions::ToldDefinitions;
use super::error::DecodeError;
use super::reader::{FileCounts, FilesReader, NextFile};
use super::settings::{DecodeSettings, FileSettings};
use crate::binlog::{Coordinates, FIRST_POSITION, FormatDescription, GtidSet, Header};
use crate::change::{
    self, Assembler, Batch, Checkpoint, LeftOut, Origin, Undecided, Until, ledger_of_undecided,
};
use crate::filter::Rules;
use crate::mysql::Flavour;
use crate::pipeline::{BATCH_BYTES_MAX, Engine, IDLE_BYTES_MAX};
use crate::state::PreparedStore;

/// Bytes of an open group at which it is spilled.
const HOLD_BYTES_MAX: usize = 16 << 20;
/// The name of the source in what comes out, where `run` has a connector's.
pub(super) const NAME: &str = "decode";

/// The batches of all files, in order.
pub(in crate::cli) struct Batches {
    reader: FilesReader,
    told: ToldDefinitions,
    settings: FileSettings,
    caution: Caution,
    /// Of the file whose events are read.
    engine: Option<Engine<DecodeError>>,
    prepared: Arc<PreparedStore>,
    /// XA transactions that were prepared in the files read so far, and are not decided.
    undecided: Undecided,
    is_over: bool,
}

impl Batches {
    /// Prepares to read; nothing is opened before the first batch is asked for.
    pub(in crate::cli) fn new(settings: DecodeSettings) -> Self {
        Self {
            reader: FilesReader::new(settings.series, settings.stop),
            caution: Caution::new(settings.file.statements),
            told: settings.told,
            settings: settings.file,
            engine: None,
            prepared: Arc::new(PreparedStore::passing(std::env::temp_dir())),
            undecided: Undecided::new(),
            is_over: false,
        }
    }

    /// The files that were read so far.
    pub(super) fn file_counts(&self) -> &FileCounts {
        self.reader.counts()
    }

    /// What to tell whoever executes the statements.
    pub(super) fn caution(&self) -> &Caution {
        &self.caution
    }

    /// What to cancel when nobody wants the next batch, so that a file that is followed is left.
    pub(super) fn abandoned(&self) -> CancellationToken {
        self.reader.abandoned().clone()
    }

    /// The next batch; `None` after the last.
    ///
    /// # Errors
    /// The first mistake, once what comes before it has left; nothing comes after it.
    pub(in crate::cli) fn next(&mut self) -> Result<Option<Batch>, DecodeError> {
        let next = self.advance().map_err(|mistake| self.at_start(mistake));
        match &next {
            Ok(Some(batch)) => {
                self.caution.look(batch);
                self.reader.warn_of_relay_logs(batch);
            }
            Ok(None) => {}
            Err(_mistake) => self.is_over = true,
        }
        next
    }

    /// Tells of bytes at the place to begin at, which are no event, as what they are.
    fn at_start(&self, mistake: DecodeError) -> DecodeError {
        let is_first = self.file_counts().read == 1 && self.settings.start > FIRST_POSITION;
        match mistake.unreadable_at() {
            Some(at) if is_first && at.position == self.settings.start => {
                DecodeError::Start { at: at.clone() }
            }
            Some(_) | None => mistake,
        }
    }

    fn advance(&mut self) -> Result<Option<Batch>, DecodeError> {
        while !self.is_over {
            let Some(engine) = &mut self.engine else {
                match self.reader.next_file()? {
                    Some(file) => self.engine = Some(self.open(file)?),
                    None => {
                        self.is_over = true;
                        return Ok(self.leave_undecided());
                    }
                }
                continue;
            };
            let next = engine.next(&mut self.reader, &mut self.told)?;
            if let Some(at) = engine.take_unfinished()
                && !self.reader.abandoned().is_cancelled()
            {
                self.reader.count_unfinished();
                warn!(%at, "the last transaction of the file does not end there and is left out");
            }
            if next.is_some() {
                return Ok(next);
            }
            self.undecided = engine.take_undecided();
            self.engine = None;
        }
        Ok(None)
    }

    /// Counts the XA transactions that no file decides on.
    fn leave_undecided(&mut self) -> Option<Batch> {
        let undecided = std::mem::take(&mut self.undecided);
        let (id, first) = undecided.first_key_value()?;
        let (count, at) = (undecided.len(), &first.begin);
        warn!(
            count, %id, %at,
            "XA transactions are prepared and neither committed nor rolled back in the files, they are left out"
        );
        let origin = Origin {
            connector: NAME.into(),
            flavour: Flavour::MySql,
            server_uuid: None,
            server_id: 0,
        };
        let ledger = ledger_of_undecided(&undecided);
        Some(Batch::without_items(Arc::new(origin), ledger))
    }

    /// Makes the engine of a file, whose first event says who wrote it.
    fn open(&mut self, file: NextFile) -> Result<Engine<DecodeError>, DecodeError> {
        let event = &*file.first_event;
        let header = Header::parse(event);
        let format = FormatDescription::parse(event.get(Header::LEN..).unwrap_or_default());
        // Whatever is wrong with the event, the assembler says so, and where.
        let flavour = match &format {
            Ok(format) => format.flavour(),
            Err(_) => Flavour::MySql,
        };
        if let (Ok(_), Some(what)) = (&format, self.settings.choice.never_in(flavour)) {
            return Err(DecodeError::Usage(format!(
                "{} is a binlog of {}, which has no {what}: no choice of these can be meant for it",
                file.name,
                flavour.name()
            )));
        }
        let after_first = FIRST_POSITION + event.len() as u64;
        let start = file
            .position
            .filter(|position| *position != after_first)
            .unwrap_or(FIRST_POSITION);
        let server_id = header.map_or(0, |header| header.server_id);
        let checkpoint = Checkpoint::new(
            Coordinates::new(file.name, start),
            GtidSet::empty(flavour),
            None,
            server_id,
            0,
        );
        let definitions = self.told.at(&checkpoint.point(), flavour)?;
        let settings = self.assembler_settings(flavour, server_id)?;
        let mut assembler = Assembler::new(settings, checkpoint, definitions)
            .choosing(self.settings.choice.clone())
            .holding(std::mem::take(&mut self.undecided));
        if self.settings.statements.is_some() && self.told.is_given() {
            assembler = assembler.asking_for_generated();
        }
        if self.settings.checks_all {
            assembler = assembler.checking_all();
        }
        if file.is_relay_log {
            assembler = assembler.reading_relay_logs();
        }
        let prepared = Arc::clone(&self.prepared);
        Ok(Engine::new(assembler, std::env::temp_dir(), prepared).carrying())
    }

    fn assembler_settings(
        &self,
        flavour: Flavour,
        server_id: u32,
    ) -> Result<change::AssemblerSettings, DecodeError> {
        Ok(change::AssemblerSettings {
            origin: Arc::new(Origin {
                connector: NAME.into(),
                flavour,
                server_uuid: None,
                server_id,
            }),
            server_id: 0,
            rules: Rules::compile(&self.settings.filter, flavour, 0)?,
            left_out: LeftOut::Nothing,
            on_statement: self.settings.on_statement,
            xa_missing: self.settings.xa_missing,
            until: Until::Never,
            delays: false,
            batch_bytes_max: BATCH_BYTES_MAX,
            keeps_queries: self.settings.keeps_queries,
            keeps_emptied: self.settings.keeps_emptied,
            hold_bytes_max: HOLD_BYTES_MAX,
            event_bytes_max: self.settings.event_bytes_max,
            idle_bytes_max: IDLE_BYTES_MAX,
        })
    }
}
