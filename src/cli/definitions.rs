//! `rowtap definitions`: how tables are defined at a place in the source's binlog, according to the connector's journal; and
//! the way to tell it a definition that it cannot find out.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::environment::variables;
use super::{Exit, LogFormat};
use crate::binlog::Coordinates;
use crate::change::definition::{Belief, Change, Facts, Schemas, apply_statement, blank};
use crate::change::statement::{self, StatementContext};
use crate::change::{Checkpoint, Point, Revision, TableDefinition};
use crate::config;
use crate::failure::Class;
use crate::filter::{FilterError, Rules};
use crate::mysql::Flavour;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::sink::{self, SinkError};
use crate::state::{Journal, StateError, StateFolder};

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
}

/// Why definitions cannot be shown or told.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("state folder")]
    State(#[from] StateError),
    #[error("sink")]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(
        "the connector {connector} has no journal of definitions in {}, run it first",
        folder.display()
    )]
    NoJournal { connector: String, folder: PathBuf },
    #[error(
        "the journal of definitions of {connector} does not reach back to {at}, take a place after {oldest}"
    )]
    TooOld {
        connector: String,
        at: Coordinates,
        oldest: Coordinates,
    },
    #[error(
        "the connector is already past {at}, at {checkpoint}, so nothing would read the definition; give --at as the message \
         that stopped it has it, or leave it out if the table is defined so where the connector goes on"
    )]
    Passed {
        at: Coordinates,
        checkpoint: Coordinates,
    },
    #[error("nothing is known of {table} there, give a table that the source had at that place")]
    NoTable { table: TableName },
    #[error(
        "the statement does not define {table}: {reason}, give the whole CREATE TABLE as SHOW CREATE TABLE prints it"
    )]
    NotDefined { table: TableName, reason: String },
    #[error("standard input cannot be read, give the statement on it or after --define")]
    Input(#[source] io::Error),
    #[error("standard output")]
    Output(#[from] io::Error),
}

impl Refusal {
    fn no_journal(connector: &Connector) -> Self {
        Self::NoJournal {
            connector: connector.name.clone(),
            folder: connector.state_dir.join(&connector.name),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Sink(error) => error.class(),
            Self::Filter(error) => error.class(),
            Self::NoJournal { .. } | Self::TooOld { .. } | Self::NoTable { .. } => Class::Data,
            Self::NotDefined { .. } | Self::Passed { .. } | Self::Input(_) => Class::Arguments,
            // Whoever reads has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Class::CleanEnd,
            Self::Output(_) => Class::CannotWrite,
        }
    }
}

/// Prints the definitions, or takes one.
pub fn run(arguments: &DefinitionsArguments, log: LogFormat) -> Exit {
    let connectors = match config::load(std::slice::from_ref(&arguments.path), &variables()) {
        Ok(connectors) => connectors,
        Err(error) => {
            log.fail_each(&error);
            return error.class().into();
        }
    };
    for connector in &connectors {
        let done = match (&arguments.define, &arguments.table) {
            (Some(statement), Some(table)) => {
                tell(connector, statement, table, arguments.at.as_ref())
            }
            (_, _) => show(connector, arguments),
        };
        if let Err(refusal) = done {
            if !refusal.class().is_clean_end() {
                log.fail(Some(&connector.name), &refusal);
            }
            return refusal.class().into();
        }
    }
    Exit::Done
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

fn print_columns(definition: &TableDefinition, out: &mut impl io::Write) -> io::Result<()> {
    let columns = &definition.columns;
    let width = |text: fn(&crate::change::ColumnDefinition) -> &str| {
        let widths = columns.iter().map(|column| text(column).chars().count());
        widths.max().unwrap_or(0)
    };
    let names = width(|column| &column.name);
    let types = width(|column| &column.column_type).min(60);
    for (index, column) in columns.iter().enumerate() {
        let mut remarks = Vec::new();
        if let Some(place) = definition.key.iter().position(|key| *key == index) {
            remarks.push(format!("key {}", place + 1));
        }
        if !column.nullable {
            remarks.push("not null".to_owned());
        }
        remarks.extend(column.charset.as_deref().map(str::to_owned));
        if column.generated.is_some() {
            remarks.push("generated".to_owned());
        }
        if column.invisible {
            remarks.push("invisible".to_owned());
        }
        let (name, kind) = (&column.name, &column.column_type);
        let remarks = remarks.join(", ");
        let line = format!("  {name:names$}  {kind:types$}  {remarks}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Where the connector goes on; `None` if it never ran.
fn checkpoint(connector: &Connector) -> Result<Option<Checkpoint>, Refusal> {
    let stored = sink::stored_checkpoint(&connector.sink, &connector.name)?;
    Ok(match stored {
        Some(checkpoint) => Some(checkpoint),
        None => StateFolder::peek(&connector.state_dir, &connector.name)?,
    })
}

/// Takes a definition for the group that ends at a place, or for where the connector goes on.
fn tell(
    connector: &Connector,
    statement: &str,
    table: &TableName,
    at: Option<&Coordinates>,
) -> Result<(), Refusal> {
    let folder = StateFolder::open(&connector.state_dir, &connector.name)?;
    let Some(checkpoint) = checkpoint(connector)? else {
        return Err(Refusal::no_journal(connector));
    };
    let place = match at {
        Some(at) if *at <= checkpoint.coordinates => {
            return Err(Refusal::Passed {
                at: at.clone(),
                checkpoint: checkpoint.coordinates,
            });
        }
        Some(at) => format!("in the group that ends at {at}"),
        None => format!("where the connector goes on, at {}", checkpoint.coordinates),
    };
    let goes_on_there = at.is_none();
    let at = at.unwrap_or(&checkpoint.coordinates);
    let read;
    let statement = match statement {
        "-" => {
            read = io::read_to_string(io::stdin()).map_err(Refusal::Input)?;
            &read
        }
        statement => statement,
    };
    let lineage = std::sync::Arc::new(checkpoint.lineage());
    let context = StatementContext::newest(checkpoint.gtid_set.flavour());
    let definition = defined(statement, table, context)?;
    let told = std::sync::Arc::clone(&definition);
    let past = Journal::peek(&connector.state_dir, &connector.name, Some(at))?;
    let revision = Revision {
        at: Point::new(&lineage, at.clone()),
        gtid: None,
        statement: None,
        changes: vec![Change::Defined {
            table: table.clone(),
            definition,
        }],
    };
    Journal::tell(&folder, &revision)?;
    if goes_on_there && let Some(mut resumed) = Journal::open(&folder, &checkpoint)? {
        // What is believed of the table there may be wrong, and would be used first.
        resumed.journal.append(std::slice::from_ref(&revision))?;
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{table} is defined so {place}:")?;
    print_columns(&told, &mut out)?;
    if let Some(Belief::Known(known)) = past.as_ref().and_then(|past| past.schemas.get(table))
        && *known != told
    {
        let said = match goes_on_there {
            true => "It replaces what the journal has of the table there:",
            false => {
                "The journal has this of the table there, which is used first, unless the binlog contradicts it:"
            }
        };
        writeln!(out, "{said}")?;
        print_columns(known, &mut out)?;
    }
    writeln!(
        out,
        "The connector compares their number and types with the binlog there when it is started again, and stops where \
         they differ."
    )?;
    Ok(())
}

/// What a CREATE TABLE makes of a table.
fn defined(
    statement: &str,
    table: &TableName,
    context: StatementContext,
) -> Result<std::sync::Arc<TableDefinition>, Refusal> {
    let not_defined = |reason: &str| Refusal::NotDefined {
        table: table.clone(),
        reason: reason.to_owned(),
    };
    if let Some(blank) = blank(statement) {
        let left = format!("it still has {blank} in it, which is to be filled in");
        return Err(not_defined(&left));
    }
    let scanned = statement::scan(statement, &table.database, context);
    if !matches!(scanned.kind, statement::StatementKind::CreateTable { .. }) {
        return Err(not_defined("it is no CREATE TABLE"));
    }
    let mut schemas = Schemas::new(0);
    apply_statement(
        &mut schemas,
        &scanned,
        &Facts {
            context,
            thread_id: 0,
            default_database: None,
            connection_charset: None,
            server_charset: None,
            default_engine: None,
            explicit_defaults_for_timestamp: Some(true),
            utf8_is_utf8mb4: false,
            in_engine_transaction: false,
        },
    );
    match schemas.get(table) {
        Some(Belief::Known(definition)) => match definition.unsettled() {
            Some(column) => Err(not_defined(&format!(
                "the default character set, which column {} has, is not known",
                column.name
            ))),
            None => match repeated(definition) {
                Some(name) => Err(not_defined(&format!("it has two columns {name}"))),
                None => Ok(std::sync::Arc::clone(definition)),
            },
        },
        Some(Belief::Stale(reason)) => Err(not_defined(reason.as_str())),
        None => Err(not_defined("it names another table")),
    }
}

/// A name that two columns have, in whichever case.
fn repeated(definition: &TableDefinition) -> Option<&str> {
    let mut names = std::collections::HashSet::new();
    let names = definition
        .columns
        .iter()
        .map(|column| &*column.name)
        .filter(move |name| !names.insert(name.to_lowercase()));
    { names }.next()
}

fn coordinates(text: &str) -> Result<Coordinates, String> {
    text.rsplit_once(':')
        .filter(|(file, _)| file.contains('.') && !file.contains('/'))
        .and_then(|(file, position)| Some(Coordinates::new(file, position.parse().ok()?)))
        .ok_or_else(|| "expected FILE:POSITION such as binlog.000004:1337".to_owned())
}

fn table_name(text: &str) -> Result<TableName, String> {
    match text.split_once('.') {
        Some((database, table)) if !database.is_empty() && !table.is_empty() => {
            Ok(TableName::new(database, table))
        }
        _ => Err("expected DATABASE.TABLE".to_owned()),
    }
}
