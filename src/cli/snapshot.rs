//! `rowtap snapshot`: some tables copied again, or for the first time, beside the stream of a connector that runs.

use std::io::{self, Write as _};
use std::path::PathBuf;

use super::each::each_connector;
use super::order::{OrderRefusal, told};
use super::{Exit, LogFormat};
use crate::failure::Class;
use crate::pipeline::Connector;
use crate::state::{Command, SnapshotCommand, SnapshotOrders, StateFolder, send};

/// Of which connector, and what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The connector has to run: the order reaches it at the end of a group. It copies while it streams, in parts, each at a place of its own \
in the stream, without a lock where there is a way; nothing is written to the source. Rows are published as a snapshot's, op r. A \
table with a primary key is not emptied at the target: rows take the place of those that have their keys. One without is emptied \
there and copied whole. The filters and rules of the connector apply.")]
pub struct SnapshotArguments {
    /// The connector's file.
    #[arg(value_name = "CONNECTOR.toml")]
    path: PathBuf,
    /// Copies this table: DATABASE.TABLE, or a pattern as replicate-wild-do-table has it. May be given several times.
    #[arg(long, value_name = "PATTERN", required_unless_present_any = ["pause", "resume", "cancel", "status"])]
    table: Vec<String>,
    /// Copies only rows that meet this condition, written as the source's WHERE has it.
    #[arg(long = "where", value_name = "SQL", requires = "table")]
    condition: Option<String>,
    /// Not taken: rows come whole. Columns are left out by columns-include and columns-exclude in the connector's file.
    #[arg(long, value_name = "COLUMNS", requires = "table", hide = true)]
    columns: Option<String>,
    #[command(flatten)]
    what: What,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false, conflicts_with_all = ["table", "condition", "columns"])]
struct What {
    /// Copies nothing more until --resume; the stream goes on.
    #[arg(long)]
    pause: bool,
    /// Goes on with what --pause has paused.
    #[arg(long)]
    resume: bool,
    /// Takes an order back, by its number; what of it was published stays so.
    #[arg(long, value_name = "ORDER")]
    cancel: Option<u64>,
    /// Tells which snapshots wait, which is being taken and how far it has come.
    #[arg(long)]
    status: bool,
}

const NOT_RUNNING: &str =
    "the connector does not run, start it with rowtap run and repeat the command";
const NO_COLUMNS: &str = "--columns is not taken, since a row without some of its values would take the place of the whole row at \
                          the target; leave columns out by columns-include or columns-exclude in the connector's file";

/// Tells the connector.
pub fn run(arguments: &SnapshotArguments, log: LogFormat) -> Exit {
    each_connector(&arguments.path, log, |connector| tell(connector, arguments))
}

fn tell(connector: &Connector, arguments: &SnapshotArguments) -> Result<(), OrderRefusal> {
    if arguments.columns.is_some() {
        return Err(refused(Class::Arguments, NO_COLUMNS));
    }
    let (state_dir, name) = (&connector.state_dir, &connector.name);
    let text = match (StateFolder::owner(state_dir, name)?, arguments.what.cancel) {
        (Some(owner), _) => {
            let command = Command::Snapshot(command(arguments));
            told(send(state_dir, name, owner.pid, command)?)?
        }
        (None, Some(order)) => stopped(connector, order)?,
        (None, None) if arguments.what.status => SnapshotOrders::peek(state_dir, name)?.join("\n"),
        (None, None) => return Err(refused(Class::Refused, NOT_RUNNING)),
    };
    writeln!(io::stdout().lock(), "{text}").map_err(OrderRefusal::Output)
}

fn refused(class: Class, message: impl ToString) -> OrderRefusal {
    OrderRefusal::Answered {
        class,
        message: message.to_string(),
    }
}

fn command(arguments: &SnapshotArguments) -> SnapshotCommand {
    let What {
        pause,
        resume,
        cancel,
        status: _,
    } = arguments.what;
    match (pause, resume, cancel) {
        (true, _, _) => SnapshotCommand::Pause,
        (_, true, _) => SnapshotCommand::Resume,
        (_, _, Some(order)) => SnapshotCommand::Cancel(order),
        (false, false, None) if arguments.what.status => SnapshotCommand::Status,
        (false, false, None) => SnapshotCommand::Take {
            tables: arguments.table.clone(),
            condition: arguments.condition.clone(),
        },
    }
}

/// Takes an order back under the folder's lock.
fn stopped(connector: &Connector, order: u64) -> Result<String, OrderRefusal> {
    let folder = StateFolder::open(&connector.state_dir, &connector.name)?;
    let cancelled = SnapshotOrders::open(&folder)?.cancel(order)?;
    cancelled.map_err(|refusal| refused(Class::Arguments, refusal))?;
    Ok(format!(
        "snapshot {order} is cancelled, what of it was published stays so"
    ))
}
