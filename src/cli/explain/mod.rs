//! `rowtap explain`: which rule keeps or leaves out a table or a statement, stage by stage, with the place of the rule.

mod files;

use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::decode::DecodeError;
use super::definitions::table_name;
use super::each::{Refused, each_connector};
use super::{Exit, LogFormat};
use crate::change::statement::{
    Effect, Statement, StatementContext, StatementSource, scan, verdict,
};
use crate::failure::Class;
use crate::filter::{FilterError, Rule, RulePlaces, Rules, Verdict, VerdictReason};
use crate::mysql::Flavour;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::state::{Journal, StateError, StateFolder};
use files::{Account, Judge};

/// What to explain.
#[derive(Debug, clap::Args)]
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
        value_parser = table_name,
        required_unless_present_any = ["statement", "binlogs"]
    )]
    table: Vec<TableName>,
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
    Files(#[from] DecodeError),
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

/// One question and its answer, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Explanation {
    /// The table, or the statement.
    question: String,
    /// What becomes of it: `published`, `filtered`, `skipped` or `stops`.
    outcome: &'static str,
    /// Its name in the output, where the rules speak of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_as: Option<String>,
    /// The rule that renamed its database.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_by: Option<ShownRule>,
    /// The stages that were asked, in order; the last one decided.
    stages: Vec<ShownStage>,
    /// What there is to say besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct ShownStage {
    stage: String,
    pass: bool,
    /// Why, where no rule matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The rule that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<ShownRule>,
}

#[derive(Debug, Serialize)]
struct ShownRule {
    key: &'static str,
    rule: Box<str>,
    /// File, line and column, or the variable; none for a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

fn explain(connector: &Connector, arguments: &ExplainArguments) -> Result<(), Refusal> {
    let (flavour, folding) = server(connector, arguments)?;
    if !arguments.binlogs.is_empty() {
        return account(connector, arguments, folding);
    }
    let rules = Rules::compile(&connector.filter, flavour, folding)?;
    let places = &connector.rule_places;
    let tables = arguments.table.iter().map(|table| {
        let verdict = rules.table(&table.database, &table.table);
        explanation(table.to_string(), &verdict, places)
    });
    let statement = arguments.statement.iter().map(|text| {
        let database = arguments.database.as_deref().unwrap_or_default();
        let context = StatementContext::newest(flavour);
        judged_statement((text, database), context, &rules, places)
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

/// The source's family and `lower_case_table_names`: as told, else as the connector's state has them, else the defaults.
fn server(connector: &Connector, arguments: &ExplainArguments) -> Result<(Flavour, u8), Refusal> {
    let (state_dir, name) = (&connector.state_dir, &connector.name);
    let flavour = match arguments.flavour {
        Some(flavour) => flavour,
        None => StateFolder::peek(state_dir, name)?
            .map_or(Flavour::MySql, |checkpoint| checkpoint.gtid_set.flavour()),
    };
    let folding = match arguments.lower_case_table_names {
        Some(folding) => folding,
        None => Journal::peek(state_dir, name, None)?
            .map_or(0, |past| past.schemas.lower_case_table_names()),
    };
    Ok((flavour, folding))
}

/// Explains what becomes of the binlog files.
fn account(
    connector: &Connector,
    arguments: &ExplainArguments,
    lower_case_table_names: u8,
) -> Result<(), Refusal> {
    let judge = Judge {
        filter: &connector.filter,
        places: &connector.rule_places,
        lower_case_table_names,
    };
    let account = Account::of(&arguments.binlogs, connector.source.choice(), &judge)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &account).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        account.print(&mut out)?;
    }
    Ok(out.flush()?)
}

/// Explains what becomes of a statement with this default database.
fn judged_statement(
    (text, database): (&str, &str),
    context: StatementContext,
    rules: &Rules,
    places: &RulePlaces,
) -> Explanation {
    let statement = scan(text, database, context);
    let source = StatementSource {
        text: text.into(),
        database,
        context,
        doubt: None,
        gaps: None,
    };
    let verdict = verdict(&statement, &source, rules);
    let (outcome, note) = outcome(&statement, &verdict);
    let mut shown = explanation(text.to_owned(), &verdict, places);
    shown.outcome = outcome;
    if matches!(outcome, "skipped") {
        shown.stages.clear();
    }
    shown.published_as = None;
    shown.note = note.map(str::to_owned);
    shown
}

/// What becomes of a statement, and why where that is not the rules' doing.
fn outcome(statement: &Statement, verdict: &Verdict) -> (&'static str, Option<&'static str>) {
    match statement.effect() {
        Effect::Transaction => ("skipped", Some("it bounds a transaction")),
        Effect::Nothing => ("skipped", Some("it changes nothing that is published")),
        Effect::Unknown => (
            "stops",
            Some("it could not be followed; a connector stops at it, whatever the rules say"),
        ),
        Effect::Definition | Effect::Rows if !verdict.keep => ("filtered", None),
        Effect::Definition | Effect::Rows if statement.writes_rows() => (
            "stops",
            Some(
                "logged as a statement it stops a connector, unless on_statement = \"warn\"; logged as rows, its rows are \
                 judged by their tables",
            ),
        ),
        Effect::Definition | Effect::Rows => ("published", None),
    }
}

fn explanation(question: String, verdict: &Verdict, places: &RulePlaces) -> Explanation {
    let shown = |rule: &Rule| ShownRule {
        key: rule.key.as_str(),
        rule: rule.text.clone(),
        place: places.of(rule).map(str::to_owned),
    };
    let stages = verdict.stages.iter().map(|decision| {
        let (reason, rule) = match &decision.reason {
            VerdictReason::Matched(rule) => (None, Some(shown(rule))),
            reason => (Some(reason.to_string()), None),
        };
        ShownStage {
            stage: decision.stage.to_string(),
            pass: decision.pass,
            reason,
            rule,
        }
    });
    Explanation {
        question,
        outcome: match verdict.keep {
            true => "published",
            false => "filtered",
        },
        published_as: verdict.keep.then(|| verdict.published.to_string()),
        renamed_by: verdict.rewrite.as_ref().map(shown),
        stages: stages.collect(),
        note: None,
    }
}

fn print(explanation: &Explanation, out: &mut impl io::Write) -> io::Result<()> {
    writeln!(out, "{}: {}", explanation.question, explanation.outcome)?;
    if let (Some(rule), Some(name)) = (&explanation.renamed_by, &explanation.published_as) {
        writeln!(out, "  renamed to {name} by {}", rule.written())?;
    } else if let Some(rule) = &explanation.renamed_by {
        writeln!(out, "  renamed by {}", rule.written())?;
    }
    for stage in &explanation.stages {
        let pass = if stage.pass { "pass" } else { "reject" };
        writeln!(out, "  {}: {pass}, {}", stage.stage, stage.why())?;
    }
    match &explanation.note {
        Some(note) => writeln!(out, "  {note}"),
        None => Ok(()),
    }
}

impl Explanation {
    /// The last stage and its rule, or what there is to say where no stage was asked.
    fn decided_by(&self) -> String {
        match (self.stages.last(), &self.note) {
            (Some(stage), _) => format!("{}: {}", stage.stage, stage.why()),
            (None, note) => note.clone().unwrap_or_default(),
        }
    }
}

impl ShownStage {
    fn why(&self) -> String {
        match (&self.rule, &self.reason) {
            (Some(rule), _) => rule.written(),
            (None, reason) => reason.clone().unwrap_or_default(),
        }
    }
}

impl ShownRule {
    fn written(&self) -> String {
        let place = self.place.as_ref();
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        format!("{} = \"{}\"{place}", self.key, self.rule)
    }
}

fn flavour(text: &str) -> Result<Flavour, String> {
    match text {
        "mysql" => Ok(Flavour::MySql),
        "mariadb" => Ok(Flavour::MariaDb),
        other => Err(format!("expected mysql or mariadb, found {other}")),
    }
}
