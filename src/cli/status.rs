//! `rowtap status`: how far connectors are, from the process that runs them or else from their state folders.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use tracing::warn;

use super::environment::variables;
use super::{Exit, LogFormat};
use crate::config::{self, facts};
use crate::failure::Class;
use crate::http::{AtRest, DEFAULT_ADDRESS, StatusFields, StatusPage, ask};
use crate::metrics::{Skips, one_line};
use crate::pipeline::Connector;
use crate::sink::{self, SinkError};
use crate::state::{LastError, SkipStore, StateError, StateFolder};

/// What to show, and how.
#[derive(Debug, clap::Args)]
pub struct StatusArguments {
    /// Connector files; without any, the process that serves its status at --http is asked for all of its connectors.
    #[arg(value_name = "CONNECTOR.toml")]
    paths: Vec<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    /// Where the running process serves its status.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = DEFAULT_ADDRESS, conflicts_with = "paths")]
    http: SocketAddr,
    /// Prints it again and again, every second or every so many; with --json one line at a time.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = interval)]
    watch: Option<Duration>,
}

/// Prints the status, once or until the process is ended.
pub fn run(mut arguments: StatusArguments, log: LogFormat) -> Exit {
    arguments.take_interval();
    let arguments = &arguments;
    loop {
        match (show(arguments, log), arguments.watch) {
            (Ok(_), Some(interval)) => thread::sleep(interval),
            (Ok(exit) | Err(exit), _) => return exit,
        }
    }
}

impl StatusArguments {
    /// Takes a number after `--watch` for the interval, which may stand there with a space or an equals sign before it: no
    /// connector file is named so.
    fn take_interval(&mut self) {
        if self.watch.is_none() {
            return;
        }
        let read = |path: &PathBuf| path.to_str().and_then(|text| interval(text).ok());
        if let Some(at) = self.paths.iter().position(|path| read(path).is_some()) {
            self.watch = read(&self.paths.remove(at));
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.strip_suffix('s').unwrap_or(text).parse::<f64>();
    let interval = seconds
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    interval
        .filter(|interval| !interval.is_zero())
        .ok_or_else(|| "expected a number of seconds above 0".to_owned())
}

/// Prints the status once, and returns how the command is to end; an error where nothing better can come of another time.
fn show(arguments: &StatusArguments, log: LogFormat) -> Result<Exit, Exit> {
    let (page, exit) = if arguments.paths.is_empty() {
        match ask(arguments.http) {
            Ok(page) => (page, Exit::Done),
            Err(error) => {
                log.fail(None, &error);
                return Ok(error.class().into());
            }
        }
    } else {
        named(arguments, log)?
    };
    match print(&page, arguments) {
        Ok(()) => Ok(exit),
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Done),
        Err(error) => {
            log.fail(None, &error);
            Err(Class::CannotWrite.into())
        }
    }
}

/// The connectors of the files that are named, and how the command is to end: with the first failure of one whose status
/// cannot be read, after the status of the others.
fn named(arguments: &StatusArguments, log: LogFormat) -> Result<(StatusPage, Exit), Exit> {
    let connectors = config::load(&arguments.paths, &variables()).map_err(|error| {
        log.fail_each(&error);
        Exit::from(error.class())
    })?;
    let mut all = Vec::new();
    let mut exit = Exit::Done;
    for connector in &connectors {
        match fields(connector) {
            Ok(fields) => all.push(fields),
            Err(error) => {
                log.fail(Some(&connector.name), &error);
                if exit == Exit::Done {
                    exit = error.class().into();
                }
            }
        }
    }
    Ok((StatusPage::new(all), exit))
}

/// Why a connector's status cannot be read.
#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error("state folder")]
    State(#[from] StateError),
    #[error("sink")]
    Sink(#[from] SinkError),
}

impl StatusError {
    fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Sink(error) => error.class(),
        }
    }
}

fn fields(connector: &Connector) -> Result<StatusFields, StatusError> {
    let owner = StateFolder::owner(&connector.state_dir, &connector.name)?;
    if let Some(address) = owner.as_ref().and_then(|owner| owner.http) {
        match ask(address) {
            Ok(page) => {
                let mut theirs = page.connectors.into_iter();
                let wanted = |fields: &StatusFields| {
                    fields.value("Connector").and_then(|name| name.as_str())
                        == Some(&*connector.name)
                };
                if let Some(fields) = theirs.find(wanted) {
                    return Ok(fields);
                }
            }
            Err(error) => warn!(error = one_line(&error), "reading the state folder instead"),
        }
    }
    let stored = match sink::stored_checkpoint(&connector.sink, &connector.name) {
        Err(error) if error.class().is_transient() => {
            warn!(
                error = one_line(&error),
                "showing the copy of the checkpoint in the state folder, which may lag"
            );
            None
        }
        stored => stored?,
    };
    let checkpoint = match stored {
        Some(checkpoint) => Some(checkpoint),
        None => StateFolder::peek(&connector.state_dir, &connector.name)?,
    };
    let (state_dir, name) = (&connector.state_dir, &connector.name);
    let (ordered, passed_over) = SkipStore::peek(state_dir, name)?;
    let last = LastError::peek(state_dir, name).unwrap_or_else(|error| {
        warn!(
            error = one_line(&error),
            "why the connector ended is not shown"
        );
        None
    });
    let rest = AtRest {
        checkpoint: checkpoint.as_ref(),
        last: last.map(Into::into),
        skips: Skips {
            ordered,
            passed_over,
        },
        pid: owner.map(|owner| owner.pid),
    };
    Ok(StatusFields::at_rest(name, &facts(connector), &rest))
}

/// Empties a terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";

fn print(page: &StatusPage, arguments: &StatusArguments) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if arguments.json && arguments.watch.is_some() {
        serde_json::to_writer(&mut out, page)?;
        writeln!(out)?;
        return out.flush();
    }
    if arguments.watch.is_some() && out.is_terminal() {
        write!(out, "{CLEAR}")?;
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, page)?;
        writeln!(out)?;
    } else {
        for fields in &page.connectors {
            let name = fields.value("Connector").and_then(|name| name.as_str());
            writeln!(out, "{0} {1} {0}", "*".repeat(27), name.unwrap_or_default())?;
            write!(out, "{fields}")?;
        }
    }
    out.flush()
}
