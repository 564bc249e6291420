//! `rowtap decode`: binlog files to changes on standard output, without a server.
//!
//! ```text
//! reader (files, index, standard input) ─chunks► lanes (engine, one a file ─batches► encode) ─blocks, in order► standard output
//! ```
//!
//! Engine and lanes are those of the pipeline. Only whole transactions are printed: what comes before the first mistake in a
//! file goes out, then the mistake is reported. A binlog file needs no other, so each has an assembler of its own; relay logs
//! that follow each other share one.

mod arguments;
mod batches;
mod caution;
mod definitions;
mod error;
mod output;
mod reader;
mod relay_logs;
mod script;
mod settings;
mod summary;
mod told_file;

use std::time::Duration;

use tracing::warn;

pub use arguments::DecodeArguments;

pub(super) use batches::Batches;
pub(super) use error::DecodeError;
pub(super) use settings::DecodeSettings;

use arguments::DecodeFormat;
use batches::NAME;
use summary::Summary;

use super::signals::{self, HeardSignals};
use super::{Exit, LogFormat};
use crate::encode::{FormatSettings, LinesEncoder, Plan};

/// How long the end may take after a signal.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Decodes to the end, or to the first mistake.
pub fn run(arguments: &DecodeArguments, log: LogFormat) -> Exit {
    let ended = DecodeSettings::new(arguments).and_then(|settings| {
        for doubt in settings.file.filter.doubts() {
            warn!("{doubt}");
        }
        if arguments.follow {
            stop_on_signals(&settings, log)?;
        }
        decode(arguments, settings)
    });
    match ended {
        Ok(()) => Exit::Done,
        Err(error) if error.class().is_clean_end() => Exit::Done,
        Err(error) => {
            log.fail(None, &error);
            error.class().into()
        }
    }
}

/// A reader of finished files ends at a signal like any other program; one that follows ends well.
fn stop_on_signals(settings: &DecodeSettings, log: LogFormat) -> Result<(), DecodeError> {
    let last_words = move || log.fail(None, &DecodeError::NotStopped(SHUTDOWN_GRACE));
    let watched = HeardSignals::new()
        .and_then(|heard| signals::watch(heard, settings.stop.clone(), SHUTDOWN_GRACE, last_words));
    watched.map_err(DecodeError::System)
}

fn decode(arguments: &DecodeArguments, settings: DecodeSettings) -> Result<(), DecodeError> {
    let mut batches = Batches::new(settings);
    if arguments.verify || arguments.summary {
        let mut summary = Summary::default();
        let done = summary.add_all(&mut batches);
        if arguments.summary {
            output::print(summary.text().as_bytes())?;
        }
        done?;
        if arguments.verify {
            output::print(summary.verified(batches.file_counts()).as_bytes())?;
        }
        return Ok(());
    }
    match arguments.format {
        _either if arguments.flashback => script::undo(&mut batches),
        Some(DecodeFormat::Sql) => script::redo(&mut batches),
        Some(DecodeFormat::Changes(_)) | None => changes(arguments, &mut batches),
    }
}

fn changes(arguments: &DecodeArguments, batches: &mut Batches) -> Result<(), DecodeError> {
    let format = FormatSettings::new(arguments.sections(), NAME);
    output::encode(
        batches,
        || LinesEncoder::new(format.clone(), arguments.invalid_text),
        |table| Plan::of_lines(format.clone(), table),
        |block| output::print(&block.bytes),
    )
}
