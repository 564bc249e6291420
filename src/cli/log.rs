//! Log lines and last words, both on standard error: text for a person at a terminal, JSON for a program.

use std::error::Error;
use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use super::bars::AboveBars;
use crate::change::Ledger;
use crate::config::ConfigError;
use crate::failure::Class;
use crate::metrics::one_line;

/// How lines on standard error look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
#[error("log level '{text}' is not one, write error, warn, info, debug or trace: {error}")]
pub struct LogError {
    text: String,
    error: ParseError,
}

impl LogError {
    /// What the failure means.
    pub fn class(&self) -> Class {
        Class::Arguments
    }
}

/// Starts logging; call once. A level given on the command line beats RUST_LOG.
///
/// # Errors
/// A level that cannot be understood.
pub fn start(format: Option<LogFormat>, level: Option<&str>) -> Result<LogFormat, LogError> {
    let is_terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if is_terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let from_environment = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let text = level
        .map(str::to_owned)
        .or(from_environment)
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::builder()
        .parse(&text)
        .map_err(|error| LogError { text, error })?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(match is_terminal {
            true => BoxMakeWriter::new(|| AboveBars),
            false => BoxMakeWriter::new(std::io::stderr),
        });
    match format {
        LogFormat::Text => {
            let color = is_terminal && std::env::var_os("NO_COLOR").is_none();
            subscriber.with_ansi(color).init();
        }
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(format)
}

impl LogFormat {
    /// Says what ended a connector, or the process if `connector` is `None`, whatever the log level.
    pub fn fail(self, connector: Option<&str>, error: &(dyn Error + 'static)) {
        let message = one_line(error);
        match (self, connector) {
            (Self::Text, None) => eprintln!("rowtap: {message}"),
            (Self::Text, Some(name)) => eprintln!("rowtap: {name}: {message}"),
            (Self::Json, _) => eprintln!(
                "{}",
                serde_json::json!({
                    "timestamp": now(), "level": "ERROR", "message": message, "connector": connector
                })
            ),
        }
    }

    /// Says what is wrong with connector files, a line a mistake.
    pub fn fail_each(self, error: &ConfigError) {
        for mistake in &error.mistakes {
            self.fail(None, mistake);
        }
    }

    /// Prints a connector's ledger.
    pub fn ledger(self, connector: &str, ledger: &Ledger) {
        match self {
            Self::Text => eprintln!("{connector}: {ledger}"),
            Self::Json => eprintln!(
                "{}",
                serde_json::json!({
                    "timestamp": now(), "level": "INFO", "message": "ledger", "connector": connector, "ledger": ledger
                })
            ),
        }
    }
}

/// The time of a line, in the form that the other lines have.
fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
