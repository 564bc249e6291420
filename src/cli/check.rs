//! `rowtap check` and `rowtap validate`: everything that is wrong with connectors, at once, each with what to do about it.
//!
//! `validate` reads their files; `check` asks their sources and targets too. Neither writes anything.

use std::io::{self, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::environment::variables;
use super::{Exit, LogFormat};
use crate::config::{self, Mistake};
use crate::failure::Class;
use crate::finding::{Finding, Fix, Severity};
use crate::pipeline::{self, Connector, ConnectorFindings};

/// What to look at, and how to tell it.
#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// Connector files.
    #[arg(value_name = "CONNECTOR.toml", required = true)]
    paths: Vec<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// All that was found, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether every connector would start.
    ready: bool,
    /// The exit code of the process.
    exit_code: u8,
    /// Mistakes in the files.
    configuration: Vec<Finding>,
    /// The connectors whose files have none.
    connectors: Vec<ConnectorFindings>,
}

/// Looks at files, sources and targets.
pub fn check(arguments: &CheckArguments, log: LogFormat) -> Exit {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            log.fail(None, &error);
            return Class::Bug.into();
        }
    };
    let exit = report(arguments, log, |connector| {
        runtime.block_on(pipeline::check(connector))
    });
    // Clients of brokers that do not answer are not waited for.
    runtime.shutdown_background();
    exit
}

/// Looks at files.
pub fn validate(arguments: &CheckArguments, log: LogFormat) -> Exit {
    report(arguments, log, pipeline::validate)
}

fn report(
    arguments: &CheckArguments,
    log: LogFormat,
    look: impl Fn(&Connector) -> ConnectorFindings,
) -> Exit {
    let (connectors, mistakes) = config::load_each(&arguments.paths, &variables());
    let configuration: Vec<Finding> = mistakes.iter().map(Mistake::finding).collect();
    let connectors: Vec<ConnectorFindings> = connectors.iter().map(look).collect();
    let class = match configuration.is_empty() {
        true => connectors.iter().find_map(ConnectorFindings::class),
        false => Some(Class::Configuration),
    };
    let report = Report {
        ready: class.is_none(),
        exit_code: class.map_or(0, Class::exit_code),
        configuration,
        connectors,
    };
    let printed = match arguments.json {
        true => print_json(&report),
        false => print(&report),
    };
    match printed {
        // The reader has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            log.fail(None, &error);
            Class::CannotWrite.into()
        }
        Err(_) | Ok(()) => class.map_or(Exit::Done, Exit::from),
    }
}

fn print_json(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, report)?;
    writeln!(out)?;
    out.flush()
}

fn print(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if !report.configuration.is_empty() {
        writeln!(out, "configuration")?;
        for finding in &report.configuration {
            print_finding(finding, finding.place.as_deref(), &mut out)?;
        }
    }
    for connector in &report.connectors {
        for (group, findings) in connector.groups() {
            if findings.is_empty() {
                continue;
            }
            // The place of all is told once.
            let place = findings.first().and_then(|first| first.place.as_deref());
            let same = |finding: &Finding| finding.place.as_deref() == place;
            let place = place.filter(|_| findings.iter().all(same));
            let at = place.map_or_else(String::new, |place| format!(" {place}"));
            writeln!(out, "{}: {group}{at}", connector.connector)?;
            for finding in findings {
                let shown = finding.place.as_deref().filter(|_| place.is_none());
                print_finding(finding, shown, &mut out)?;
            }
        }
        let verdict = match connector.class() {
            None => "would start",
            Some(_) => "would not stream",
        };
        writeln!(out, "{}: {verdict}", connector.connector)?;
    }
    let of = |severity| {
        let each = report.connectors.iter();
        let each = each.flat_map(|connector| connector.groups());
        let all = each.flat_map(|(_, findings)| findings);
        let all = all.chain(&report.configuration);
        all.filter(|finding| finding.severity == severity).count()
    };
    let counted = |severity, what: &str| match of(severity) {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    writeln!(
        out,
        "{}, {}, {} not checked",
        counted(Severity::Fatal, "problem"),
        counted(Severity::Warning, "warning"),
        of(Severity::NotChecked)
    )?;
    out.flush()
}

/// A line, and below it what to do, a line each.
fn print_finding(
    finding: &Finding,
    place: Option<&str>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let label = match finding.severity {
        Severity::Ok => "ok",
        Severity::Note => "note",
        Severity::NotChecked => "not checked",
        Severity::Warning => "warning",
        Severity::Fatal => "problem",
    };
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    writeln!(out, "  {label:<12} {place}{}", finding.what)?;
    for fix in &finding.fix {
        let fix = match fix {
            Fix::Sql(statement) => format!("on the source: {statement};"),
            Fix::OptionFile(line) => format!("in the source's option file: {line}"),
            Fix::Connector(key) => format!("in the connector's file: {key}"),
            Fix::Command(command) => format!("run: {command}"),
            Fix::Advice(words) => words.clone(),
        };
        writeln!(out, "  {:<12}   {fix}", "")?;
    }
    Ok(())
}
