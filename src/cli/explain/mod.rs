//! `rowtap explain`: which rule keeps or leaves out a table or a statement, stage by stage, with the place of the rule.

mod explanation;
mod files;
mod table_rules;
mod words;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::decode::DecodeError;
use super::definitions::table_name;
use super::each::{Refused, each_connector};
use super::{Exit, LogFormat};
use crate::change::definition::{Belief, Schemas};
use crate::change::statement::StatementContext;
use crate::change::{Foresight, TableDefinition, WatchedTables};
use crate::failure::Class;
use crate::filter::{FilterError, Rules};
use crate::mysql::Flavour;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::state::{Journal, StateError, StateFolder};
use explanation::{
    Explanation, Wording, explanation, judged_column, judged_statement, placed, print, with_rows,
};
use files::Account;

/// What to explain.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("question").args(["table", "statement", "binlogs"]).required(true).multiple(true)))]
pub struct ExplainArguments {
    /// The connector's file.
    #[arg(value_name = "CONNECTOR.toml")]
    path: PathBuf,
    /// Explains what becomes of the tables and statements in these binlog files, and counts them.
    #[arg(value_name = "BINLOG", conflicts_with_all = ["table", "statement"])]
    binlogs: Vec<PathBuf>,
    /// Explains what becomes of the rows of this table.
    #[arg(
        long,
        value_name = "DATABASE.TABLE",
        value_parser = table_name
    )]
    table: Vec<TableName>,
    /// Explains what becomes of this column of each table.
    #[arg(long, value_name = "COLUMN", requires = "table")]
    column: Vec<String>,
    /// Explains what becomes of this statement.
    #[arg(long, value_name = "SQL")]
    statement: Option<String>,
    /// The default database of the statement; none if left out.
    #[arg(long, value_name = "DATABASE", requires = "statement")]
    database: Option<String>,
    /// The family of the source: what the connector's state says if left out, else mysql. Binlog files tell theirs.
    #[arg(long, value_parser = flavour, value_name = "mysql|mariadb")]
    flavour: Option<Flavour>,
    /// The source's setting: what the connector's state says if left out, else 0.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    lower_case_table_names: Option<u8>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("state folder")]
    State(#[from] StateError),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error(transparent)]
    Files(Box<DecodeError>),
    #[error("standard output")]
    Output(#[from] io::Error),
}

impl Refused for Refusal {
    fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Filter(error) => error.class(),
            Self::Files(error) => error.class(),
            // Whoever reads has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Class::CleanEnd,
            Self::Output(_) => Class::CannotWrite,
        }
    }
}

/// Prints the explanations.
pub fn run(arguments: &ExplainArguments, log: LogFormat) -> Exit {
    each_connector(&arguments.path, log, |connector| {
        explain(connector, arguments)
    })
}

fn explain(connector: &Connector, arguments: &ExplainArguments) -> Result<(), Refusal> {
    let Known {
        flavour,
        folding,
        schemas: known,
        watched,
    } = server(connector, arguments)?;
    if !arguments.binlogs.is_empty() {
        return account(connector, arguments, folding);
    }
    let rules = Rules::compile(&connector.filter, flavour, folding)?;
    let places = &connector.rule_places;
    let tables = arguments.table.iter().flat_map(|table| {
        let verdict = rules.table(&table.database, &table.table);
        let of_table = placed(
            explanation(table.to_string(), &verdict, places),
            &verdict,
            (connector, &rules),
        );
        let of_table = with_rows(of_table, &verdict, &rules);
        if arguments.column.is_empty() {
            return vec![of_table];
        }
        let definition = match known.as_ref().and_then(|known| known.get(table)) {
            Some(Belief::Known(definition)) => Some(definition),
            Some(Belief::Stale(_)) | None => None,
        };
        let columns = arguments.column.iter();
        columns
            .map(|column| {
                let place = definition.map(|definition| place_of(definition, column));
                let found = definition.zip(place.flatten());
                let is_key = found.map(|(definition, place)| definition.key.contains(&place));
                let of_key = (column.as_str(), is_key);
                let mut shown = judged_column(&of_table, &verdict, of_key, &rules, places);
                if verdict.keep && place.is_none() {
                    shown.doubt("the columns of the table are not known here: it may have none of that name");
                }
                if verdict.keep && place == Some(None) {
                    shown.lack("the table, as the connector's state knows it, has no such column");
                }
                shown
            })
            .collect()
    });
    let statement = arguments.statement.iter().map(|text| {
        let database = arguments.database.as_deref().unwrap_or_default();
        let context = StatementContext::newest(flavour);
        let schemas = known.clone().unwrap_or_else(|| Schemas::new(folding));
        let mut foresight = Foresight::new(schemas, &watched);
        let asked = (text.as_str(), database);
        let rules = (&rules, places);
        judged_statement(asked, context, rules, &mut foresight, Wording::Client)
    });
    let explanations: Vec<Explanation> = tables.chain(statement).collect();
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &explanations).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        for explanation in &explanations {
            print(explanation, &mut out)?;
        }
    }
    Ok(out.flush()?)
}

fn place_of(definition: &TableDefinition, column: &str) -> Option<usize> {
    let name = column.to_lowercase();
    let columns = definition.columns.iter();
    let mut names = columns.map(|column| column.name.to_lowercase());
    names.position(|known| known == name)
}

/// What is known of a source.
struct Known {
    flavour: Flavour,
    /// Its `lower_case_table_names`.
    folding: u8,
    /// The tables that the connector's state knows.
    schemas: Option<Schemas>,
    watched: Arc<WatchedTables>,
}

/// The source's family and `lower_case_table_names`, as told, else as the connector's state has them, else the defaults; and
/// what the state knows of tables.
fn server(connector: &Connector, arguments: &ExplainArguments) -> Result<Known, Refusal> {
    let (state_dir, name) = (&connector.state_dir, &connector.name);
    let checkpoint = StateFolder::peek(state_dir, name)?;
    let found = checkpoint.as_ref().map(|found| found.gtid_set.flavour());
    let schemas = Journal::peek(state_dir, name, None)?.map(|past| past.schemas);
    let known_folding = schemas.as_ref().map(Schemas::lower_case_table_names);
    let folding = arguments.lower_case_table_names.or(known_folding);
    Ok(Known {
        flavour: arguments.flavour.or(found).unwrap_or(Flavour::MySql),
        folding: folding.unwrap_or(0),
        schemas,
        watched: checkpoint.map(|found| found.watched).unwrap_or_default(),
    })
}

/// Explains what becomes of the binlog files.
fn account(
    connector: &Connector,
    arguments: &ExplainArguments,
    lower_case_table_names: u8,
) -> Result<(), Refusal> {
    let account = Account::of(&arguments.binlogs, connector, lower_case_table_names)
        .map_err(|error| Refusal::Files(Box::new(error)))?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &account).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        account.print(&mut out)?;
    }
    Ok(out.flush()?)
}

fn flavour(text: &str) -> Result<Flavour, String> {
    match text {
        "mysql" => Ok(Flavour::MySql),
        "mariadb" => Ok(Flavour::MariaDb),
        other => Err(format!("expected mysql or mariadb, found {other}")),
    }
}
