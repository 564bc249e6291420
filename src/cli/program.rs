//! The program: its commands, and what all of them share.

use clap::{Parser, Subcommand};

use super::environment::version;
use super::{
    Exit, LogFormat, check, decode, definitions, explain, log, run, signals, skip, snapshot, status,
};

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
    /// Looks at connectors, their sources and targets before they run: every problem at once, each with its fix.
    Check(check::CheckArguments),
    /// Looks at connector files alone: every mistake at once, each with its line and fix.
    Validate(check::CheckArguments),
    /// Decodes binlog files to standard output, without a server.
    Decode(Box<decode::DecodeArguments>),
    /// Shows how far connectors are, under the field names of SHOW REPLICA STATUS.
    Status(status::StatusArguments),
    /// Says which rule keeps or leaves out a table or a statement.
    Explain(explain::ExplainArguments),
    /// Shows how tables are defined at a place of the binlog, as the connector knows them.
    Definitions(definitions::DefinitionsArguments),
    /// Passes groups over, such as one that a connector has stopped at.
    Skip(skip::SkipArguments),
    /// Copies tables while the connector streams.
    Snapshot(snapshot::SnapshotArguments),
}

/// Runs the command that the process was started with.
pub fn main() -> Exit {
    let heard = signals::hear_early();
    let arguments = Arguments::parse();
    let log = match log::start(arguments.log_format, arguments.log_level.as_deref()) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("rowtap: {error}");
            return error.class().into();
        }
    };
    let heard = match &arguments.command {
        Command::Run(_) => heard,
        _ends_at_once => signals::end_at_once(heard),
    };
    match arguments.command {
        Command::Run(arguments) => run::run(&arguments, heard, log),
        Command::Check(arguments) => check::check(&arguments, log),
        Command::Validate(arguments) => check::validate(&arguments, log),
        Command::Decode(arguments) => decode::run(&arguments, log),
        Command::Status(arguments) => status::run(arguments, log),
        Command::Explain(arguments) => explain::run(&arguments, log),
        Command::Definitions(arguments) => definitions::run(&arguments, log),
        Command::Skip(arguments) => skip::run(&arguments, log),
        Command::Snapshot(arguments) => snapshot::run(&arguments, log),
    }
}
