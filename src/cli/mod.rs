//! The command line: one file a command, and the process's exit codes.
//!
//! Data goes to standard output, everything else to standard error.

mod decode;
mod definitions;
mod exit;
mod log;
mod run;
mod signals;
mod status;
mod until;

use std::net::SocketAddr;

use clap::{Parser, Subcommand};

use crate::http::Listen;

pub use exit::Exit;
pub use log::LogFormat;
pub use until::Until;

/// Streams MySQL and MariaDB changes to Kafka and files, by posing as a replica.
#[derive(Debug, Parser)]
#[command(name = "rowtap", version = version(), propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How log lines on standard error look; text on a terminal and json elsewhere if left out.
    #[arg(long, value_enum, global = true)]
    log_format: Option<LogFormat>,
    /// Which log lines are written: error, warn, info, debug, trace, or directives as in RUST_LOG, which it beats.
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Streams connectors until stopped.
    Run(run::RunArguments),
    /// Decodes binlog files to standard output, without a server.
    Decode(Box<decode::DecodeArguments>),
    /// Shows how far connectors are, under the field names of SHOW REPLICA STATUS.
    Status(status::StatusArguments),
    /// Shows how tables are defined at a place of the binlog, as the connector knows them.
    Definitions(definitions::DefinitionsArguments),
}

/// Runs the command that the process was started with.
pub fn main() -> Exit {
    let arguments = Arguments::parse();
    let log = match log::start(arguments.log_format, arguments.log_level.as_deref()) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("rowtap: {error}");
            return error.class().into();
        }
    };
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments, log),
        Command::Decode(arguments) => decode::run(&arguments, log),
        Command::Status(arguments) => status::run(&arguments, log),
        Command::Definitions(arguments) => definitions::run(&arguments, log),
    }
}

/// The version, with the commit where the build was told it.
fn version() -> &'static str {
    const COMMIT: &str = match option_env!("ROWTAP_COMMIT") {
        Some(commit) => commit,
        None => "",
    };
    const PLAIN: &str = env!("CARGO_PKG_VERSION");
    if COMMIT.is_empty() {
        return PLAIN;
    }
    static WITH_COMMIT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    WITH_COMMIT.get_or_init(|| format!("{PLAIN} ({COMMIT})"))
}

/// `--http`: an address, or `off`.
fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse::<SocketAddr>()
        .map(Listen::At)
        .map_err(|_| "expected ADDRESS:PORT such as 127.0.0.1:9633, or off".to_owned())
}

/// The environment's variables; those that are not text cannot be meant for rowtap.
fn variables() -> crate::config::Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
