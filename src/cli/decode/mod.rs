//! `rowtap decode`: binlog files to changes on standard output, without a server.
//!
//! ```text
//! series (files, index, standard input) ─► assembler, one a file ─batches► encode (lanes) ─blocks, in order► standard output
//! ```
//!
//! Whole transactions only: what stands before the first mistake of a file goes out, then the mistake is told. A binlog
//! file needs no other, so each has an assembler of its own.

mod assemble;
mod error;
mod lanes;
mod options;
mod output;
mod settings;
mod summary;

pub use options::Options;

use error::DecodeError;
use settings::Settings;
use summary::Summary;

use super::{Exit, LogFormat};
use crate::encode::json;

/// Decodes to the end, or to the first mistake.
pub fn run(options: &Options, log: LogFormat) -> Exit {
    let ended = Settings::new(options).and_then(|settings| decode(options, settings));
    match ended {
        Ok(()) => Exit::Done,
        Err(error) if error.is_clean_end() => Exit::Done,
        Err(error) => {
            log.fail(None, &error);
            error.exit()
        }
    }
}

fn decode(options: &Options, settings: Settings) -> Result<(), DecodeError> {
    if options.verify || options.summary {
        let mut summary = Summary::default();
        let done = assemble::assemble(settings, &mut |batch| {
            summary.add(&batch);
            Ok(())
        });
        if options.summary {
            output::print(summary.text().as_bytes())?;
        }
        let files = done?;
        if options.verify {
            output::print(summary.verified(&files).as_bytes())?;
        }
        return Ok(());
    }
    lanes::run(
        json::LinesEncoder::new,
        |table| json::Plan::new(table, "".into()),
        |block| output::print(&block.bytes),
        |take| assemble::assemble(settings, take).map(drop),
    )
}
