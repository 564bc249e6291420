//! `rowtap definitions`: how tables are defined at a place in the source's binlog, according to the connector's journal; and
//! the way to tell it a definition, or an engine, that it cannot find out.

mod checkpoint;
mod columns;
mod refusal;
mod telling;
pub(super) mod told;

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::each::each_connector;
use super::{Exit, LogFormat};
use crate::binlog::Coordinates;
use crate::change::TableDefinition;
use crate::change::definition::{Change, Schemas};
use crate::filter::Rules;
use crate::mysql::Flavour;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::state::Journal;
use checkpoint::checkpoint;
use columns::print_columns;
use refusal::Refusal;
use telling::{tell, tell_engine};

/// What to show, or to tell.
#[derive(Debug, clap::Args)]
pub struct DefinitionsArguments {
    /// The connector's file.
    #[arg(value_name = "CONNECTOR.toml")]
    path: PathBuf,
    /// Shows the definitions as they were there; without it, as they are at the end of the journal.
    #[arg(long, value_name = "FILE:POSITION", value_parser = coordinates)]
    at: Option<Coordinates>,
    /// Shows this table only.
    #[arg(long, value_name = "DATABASE.TABLE", value_parser = table_name)]
    table: Option<TableName>,
    /// Prints JSON.
    #[arg(long, conflicts_with = "define")]
    json: bool,
    /// Tells rowtap the definition that the table has in the group that ends at --at, where it stopped for lack of one, or
    /// without --at that it has where the connector goes on: the statement as SHOW CREATE TABLE printed it then. `-` reads it
    /// from standard input. The connector must be stopped.
    #[arg(long, value_name = "CREATE TABLE …", requires = "table")]
    define: Option<String>,
    /// Tells rowtap the engine that the table had in the group that ends at --at, where it stopped for want of that, or without
    /// --at where the connector goes on. The connector must be stopped.
    #[arg(long, value_name = "ENGINE", requires = "table", conflicts_with_all = ["define", "json"])]
    engine: Option<String>,
}

/// Prints the definitions, or takes one.
pub fn run(arguments: &DefinitionsArguments, log: LogFormat) -> Exit {
    each_connector(&arguments.path, log, |connector| {
        let at = arguments.at.as_ref();
        match (&arguments.table, &arguments.define, &arguments.engine) {
            (Some(table), Some(statement), _) => tell(connector, statement, table, at),
            (Some(table), None, Some(engine)) => tell_engine(connector, engine, table, at),
            (_, _, _) => show(connector, arguments),
        }
    })
}

/// A page of definitions, as `--json` prints it.
#[derive(Serialize)]
struct DefinitionsPage<'a> {
    connector: &'a str,
    /// After the statement or reading that came last.
    since: &'a Coordinates,
    databases: Vec<ShownDatabase<'a>>,
    tables: Vec<ShownTable<'a>>,
    /// How many tables there are that the filters leave out.
    #[serde(skip)]
    filtered: usize,
}

#[derive(Serialize)]
struct ShownDatabase<'a> {
    database: &'a str,
    charset: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownTable<'a> {
    #[serde(flatten)]
    name: &'a TableName,
    #[serde(flatten)]
    known: ShownDefinition<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ShownDefinition<'a> {
    Definition(&'a TableDefinition),
    /// Why it is not known.
    Stale(&'a str),
}

fn show(connector: &Connector, arguments: &DefinitionsArguments) -> Result<(), Refusal> {
    let (state_dir, name) = (&connector.state_dir, &connector.name);
    let Some(past) = Journal::peek(state_dir, name, arguments.at.as_ref())? else {
        return Err(match (Journal::oldest(state_dir, name)?, &arguments.at) {
            (Some(oldest), Some(at)) => Refusal::TooOld {
                connector: name.clone(),
                at: at.clone(),
                oldest,
            },
            (_, _) => Refusal::no_journal(connector),
        });
    };
    let changes = past.schemas.changes();
    let rules = rules(connector, &past.schemas)?;
    let filtered = Cell::new(0);
    let wanted = |table: &TableName| match &arguments.table {
        Some(wanted) => wanted == table,
        None => {
            let is_kept = rules.table(&table.database, &table.table).keep;
            filtered.set(filtered.get() + usize::from(!is_kept));
            is_kept
        }
    };
    let databases = changes.iter().filter_map(|change| match change {
        Change::Database {
            database, charset, ..
        } if arguments.table.is_none() => Some(ShownDatabase {
            database,
            charset: charset.as_deref(),
        }),
        _other => None,
    });
    let tables = changes.iter().filter_map(|change| match change {
        Change::Defined { table, definition } if wanted(table) => Some(ShownTable {
            name: table,
            known: ShownDefinition::Definition(definition),
        }),
        Change::Stale { table, reason } if wanted(table) => Some(ShownTable {
            name: table,
            known: ShownDefinition::Stale(reason.as_str()),
        }),
        _other => None,
    });
    let (databases, tables) = (databases.collect(), tables.collect());
    let page = DefinitionsPage {
        connector: name,
        since: &past.since.coordinates,
        databases,
        tables,
        filtered: filtered.get(),
    };
    if let (Some(table), true) = (&arguments.table, page.tables.is_empty()) {
        return Err(Refusal::NoTable {
            table: table.clone(),
        });
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &page).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&page, &mut out, io::stdout().is_terminal())?;
    }
    out.flush()?;
    Ok(())
}

fn print(page: &DefinitionsPage<'_>, out: &mut impl io::Write, bold: bool) -> io::Result<()> {
    let (on, off) = if bold {
        ("\x1b[1m", "\x1b[0m")
    } else {
        ("", "")
    };
    writeln!(out, "{} since {}", page.connector, page.since)?;
    for table in &page.tables {
        let name = table.name;
        match &table.known {
            ShownDefinition::Stale(reason) => {
                writeln!(out, "\n{on}{name}{off}  not known: {reason}")?
            }
            ShownDefinition::Definition(definition) => {
                let known = [&definition.engine, &definition.charset];
                let known: Vec<&str> = known.into_iter().flatten().map(|word| &**word).collect();
                let line = format!("{on}{name}{off}  {}", known.join(", "));
                writeln!(out, "\n{}", line.trim_end())?;
                print_columns(definition, out)?;
            }
        }
    }
    match page.filtered {
        0 => Ok(()),
        1 => writeln!(out, "\n1 table that the filters leave out is not shown."),
        count => writeln!(
            out,
            "\n{count} tables that the filters leave out are not shown."
        ),
    }
}

/// The connector's filters, for the server that its journal is about.
fn rules(connector: &Connector, known: &Schemas) -> Result<Rules, Refusal> {
    let flavour = checkpoint(connector)?.map_or(Flavour::MySql, |it| it.gtid_set.flavour());
    let folding = known.lower_case_table_names();
    Ok(Rules::compile(&connector.filter, flavour, folding)?)
}

fn coordinates(text: &str) -> Result<Coordinates, String> {
    Coordinates::parse(text)
        .ok_or_else(|| "expected FILE:POSITION such as binlog.000004:1337".to_owned())
}

/// Reads `database.table`.
pub(super) fn table_name(text: &str) -> Result<TableName, String> {
    if text.contains('`') {
        let plain = text.replace('`', "");
        return Err(format!(
            "expected DATABASE.TABLE without backticks, such as {plain}"
        ));
    }
    match text.split_once('.') {
        Some((database, table)) if !database.is_empty() && !table.is_empty() => {
            Ok(TableName::new(database, table))
        }
        _ => Err("expected DATABASE.TABLE".to_owned()),
    }
}
