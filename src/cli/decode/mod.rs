//! `rowtap decode`: binlog files to changes on standard output, without a server.
//!
//! ```text
//! series (files, index, standard input) ─► assembler, one a file ─batches► encode (lanes) ─blocks, in order► standard output
//! ```
//!
//! Whole transactions only: what stands before the first mistake of a file goes out, then the mistake is told. A binlog
//! file needs no other, so each has an assembler of its own; relay logs that follow each other share one.

mod arguments;
mod assemble;
mod caution;
mod definitions;
mod error;
mod lanes;
mod output;
mod relay;
mod script;
mod settings;
mod summary;

use std::thread;

use tracing::{error, warn};

pub use arguments::DecodeArguments;

use arguments::DecodeFormat;
use assemble::Batches;
use error::DecodeError;
use settings::DecodeSettings;
use summary::Summary;

use super::{Exit, LogFormat, signals};
use crate::encode::{Format, LinesEncoder, Plan};

/// Decodes to the end, or to the first mistake.
pub fn run(arguments: &DecodeArguments, log: LogFormat) -> Exit {
    let ended = DecodeSettings::new(arguments).and_then(|settings| {
        for doubt in settings.filter.doubts() {
            warn!("{doubt}");
        }
        if arguments.follow {
            stop_on_signals(&settings)?;
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
fn stop_on_signals(settings: &DecodeSettings) -> Result<(), DecodeError> {
    let stop = settings.stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DecodeError::System)?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Err(error) = runtime.block_on(signals::watch(stop)) {
                error!(%error, "signals are not handled");
            }
        })
        .map_err(DecodeError::System)?;
    Ok(())
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
            output::print(summary.verified(batches.files()).as_bytes())?;
        }
        return Ok(());
    }
    match arguments.format {
        _either if arguments.flashback => script::undo(&mut batches),
        Some(DecodeFormat::Sql) => script::redo(&mut batches),
        Some(DecodeFormat::Json) | None => lanes::run(
            || LinesEncoder::new(Format::Json, arguments.invalid_text),
            |table| Plan::of_lines(Format::Json, table),
            |block| output::print(&block.bytes),
            &mut batches,
        ),
    }
}
