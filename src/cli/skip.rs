//! `rowtap skip`: groups that a person orders to pass over, of a connector that runs or of one that has stopped at one.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::each::each_connector;
use super::order::{OrderRefusal, told};
use super::{Exit, LogFormat};
use crate::pipeline::{self, Connector};
use crate::state::{Answer, Command, SkipStore, StateError, StateFolder, off_the_runtime, send};

/// Whose groups, and which.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nothing of such a group is delivered, whatever is in it; it is put on the record in the state folder, in skipped.jsonl. A \
connector that runs is told at the end of a group; one that does not carries the order out when it is started.\n\n\
DDL in it still counts: what its statements do to tables is followed, and where that cannot be read, the definitions of all \
tables are read from the source again. Passing over an XA PREPARE, or an XA COMMIT, drops the transaction's changes for good.")]
pub struct SkipArguments {
    /// The connector's file.
    #[arg(value_name = "CONNECTOR.toml")]
    path: PathBuf,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Passes over the groups with these GTIDs when they come: uuid:7, uuid:7-9, or 0-1-270.
    #[arg(long, value_name = "GTIDS")]
    gtid: Option<String>,
    /// Passes over the next N groups: from the one that the connector has stopped at, or else from its checkpoint on.
    #[arg(long, value_name = "N")]
    groups: Option<u64>,
    /// Passes over the group that begins there.
    #[arg(long, value_name = "FILE:POSITION")]
    at: Option<String>,
    /// Lists the orders that are not carried out yet.
    #[arg(long)]
    list: bool,
    /// Takes an order back, by its number.
    #[arg(long, value_name = "ORDER")]
    cancel: Option<u64>,
}

/// Gives the order.
pub fn run(arguments: &SkipArguments, log: LogFormat) -> Exit {
    each_connector(&arguments.path, log, |connector| {
        tell(connector, &arguments.what)
    })
}

fn tell(connector: &Connector, what: &What) -> Result<(), OrderRefusal> {
    let owner = StateFolder::owner(&connector.state_dir, &connector.name)?;
    let command = command(what);
    let (answer, is_running) = match owner {
        Some(owner) => {
            let (state_dir, name) = (&connector.state_dir, &connector.name);
            (send(state_dir, name, owner.pid, command)?, true)
        }
        None => (stopped(connector, command.clone())?, false),
    };
    let text = told(answer)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").map_err(OrderRefusal::Output)?;
    let orders = what.gtid.is_some() || what.groups.is_some() || what.at.is_some();
    if orders && !is_running {
        writeln!(
            out,
            "The order is kept; start the connector to have it carried out."
        )
        .map_err(OrderRefusal::Output)?;
    }
    Ok(())
}

fn command(what: &What) -> Command {
    if let Some(gtids) = &what.gtid {
        return Command::SkipGtids(gtids.clone());
    }
    if let Some(groups) = what.groups {
        return Command::SkipGroups(groups);
    }
    if let Some(at) = &what.at {
        return Command::SkipAt(at.clone());
    }
    what.cancel.map_or(Command::ListSkips, Command::CancelSkip)
}

/// Carries the command out under the folder's lock.
fn stopped(connector: &Connector, command: Command) -> Result<Answer, OrderRefusal> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(OrderRefusal::Runtime)?;
    runtime.block_on(async {
        let (state_dir, name) = (connector.state_dir.clone(), connector.name.clone());
        let (folder, skips) = off_the_runtime(move || {
            let folder = StateFolder::open(&state_dir, &name)?;
            let skips = SkipStore::open(&folder)?;
            Ok::<_, StateError>((Arc::new(folder), Arc::new(skips)))
        })
        .await?;
        Ok(pipeline::carry_out(command, connector, &folder, &skips).await)
    })
}
