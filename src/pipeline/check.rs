//! A connector looked at before it runs: the same questions as at a start, and more, all answered at once. Nothing is written:
//! no folder, no file, no topic, nothing at the source.

use serde::Serialize;

use super::connector::Connector;
use super::run::compare_target;
use crate::change::Checkpoint;
use crate::failure::Class;
use crate::filter::{Doubt, Rules};
use crate::finding::Finding;
use crate::metrics::one_line;
use crate::mysql::Flavour;
use crate::sink::{self, TargetTable};
use crate::source::{self, SourceOptions, Survey, Wanted};
use crate::state::{StateFolder, inspect, off_the_runtime};

/// What was found about one connector.
#[derive(Debug, Default, Serialize)]
pub struct ConnectorFindings {
    /// Its name.
    pub connector: String,
    /// In its file.
    pub configuration: Vec<Finding>,
    /// At its source.
    pub source: Vec<Finding>,
    /// At its target.
    pub target: Vec<Finding>,
    /// In its state folder.
    pub folders: Vec<Finding>,
}

impl ConnectorFindings {
    /// The groups by name, in the order in which they are told.
    pub fn groups(&self) -> [(&'static str, &[Finding]); 4] {
        [
            ("configuration", &self.configuration),
            ("source", &self.source),
            ("target", &self.target),
            ("folders", &self.folders),
        ]
    }

    /// What the first problem means that keeps the connector from streaming; `None` if there is none.
    pub fn class(&self) -> Option<Class> {
        let groups = self.groups().into_iter();
        let mut all = groups.flat_map(|(_, findings)| findings);
        all.find(|finding| finding.is_fatal())
            .map(|finding| finding.class.unwrap_or(Class::Bug))
    }
}

/// What there is to say of a connector's file, beside mistakes.
pub fn validate(connector: &Connector) -> ConnectorFindings {
    let of_rules = connector.filter.doubts().into_iter().map(|doubt| {
        let place = connector.rule_places.of(&doubt.rule());
        told(&doubt, place.map(str::to_owned))
    });
    let of_unknown = connector.definitions_unknown.doubts().into_iter();
    let of_unknown = of_unknown.map(|doubt| Finding::warning("rules", doubt.to_string()));
    let mut configuration: Vec<Finding> = of_rules.chain(of_unknown).collect();
    configuration.extend(hidden_keys(connector));
    let place = connector.path.display().to_string();
    configuration.push(Finding::ok("configuration", "the file has no mistakes").at(place));
    ConnectorFindings {
        connector: connector.name.clone(),
        configuration,
        ..ConnectorFindings::default()
    }
}

/// Columns of keys and partitions that rules hide which name them.
fn hidden_keys(connector: &Connector) -> Vec<Finding> {
    // How names compare on a server makes no difference to rules on columns.
    let Ok(rules) = Rules::compile(&connector.filter, Flavour::MySql, 0) else {
        return Vec::new();
    };
    let columns = rules.columns();
    let hidden = columns.all_named_columns().filter_map(|(table, column)| {
        let target = sink::placement(&connector.sink, &connector.name, &table).ok()??;
        let mut named = target.columns.iter();
        let (option, _) = named.find(|(_, named)| named.eq_ignore_ascii_case(column))?;
        let verdict = columns.judge(&table, column);
        let what = verdict.refuse_as_key(&table, column, option)?;
        Some(Finding::fatal("rules", Class::Configuration, what))
    });
    let mut hidden: Vec<Finding> = hidden.collect();
    hidden.sort_by(|one, other| one.what.cmp(&other.what));
    hidden
}

fn told(doubt: &Doubt, place: Option<String>) -> Finding {
    let finding = Finding::warning("rules", doubt.to_string());
    match place {
        Some(place) => finding.at(place),
        None => finding,
    }
}

/// Looks at everything that a connector needs.
pub async fn check(connector: &Connector) -> ConnectorFindings {
    let mut all = validate(connector);
    let (state_dir, name) = (connector.state_dir.clone(), connector.name.clone());
    let inspection = off_the_runtime(move || inspect(&state_dir, &name)).await;
    all.folders = inspection.findings;
    let from = from(connector, inspection.checkpoint, &mut all.folders).await;
    let Survey { findings, tables } = match &connector.source {
        SourceOptions::Server(server) => {
            let wanted = Wanted {
                from: from.as_ref(),
                filter: &connector.filter,
                places: &connector.rule_places,
            };
            source::survey(server, &inspection.identity, wanted).await
        }
        SourceOptions::Files(files) => source::survey_files(files, from).await,
    };
    all.source = findings;
    let tables = tables.map(|tables| {
        let tables = tables.into_iter().map(|table| TargetTable {
            name: table.published,
            has_key: table.has_key,
            columns: table.columns,
            left_out: table.left_out,
            merged: table.merged,
            row_bytes_max: table.row_bytes_max,
        });
        tables.collect()
    });
    all.target = sink::check(&connector.sink, &connector.name, tables).await;
    all
}

/// Where the connector goes on: a sink's own checkpoint beats that of the state folder.
async fn from(
    connector: &Connector,
    local: Option<Checkpoint>,
    findings: &mut Vec<Finding>,
) -> Option<Checkpoint> {
    let connector = connector.clone();
    let found = off_the_runtime(move || {
        let stored = sink::stored_checkpoint(&connector.sink, &connector.name);
        if connector.sink.folder().is_none() {
            return match stored {
                Ok(stored) => (stored.or(local), None),
                Err(error) => {
                    let told = Finding::fatal("target", error.class(), one_line(&error));
                    (local, Some(told))
                }
            };
        }
        // What is wrong with the manifest is told with the target, and with the state folder what is with that.
        let (state_dir, name) = (&connector.state_dir, &connector.name);
        let former = StateFolder::peek_target(state_dir, name);
        let (Ok(stored), Ok(former)) = (stored, former) else {
            return (local, None);
        };
        let state = state_dir.join(name);
        let compared = compare_target(&connector, stored.clone(), local.clone(), former, &state);
        let told = compared.err().map(|error| {
            let at = connector.sink.target();
            Finding::fatal("target", error.class(), one_line(&error)).at(at)
        });
        (stored.or(local), told)
    });
    let (from, told) = found.await;
    findings.extend(told);
    from
}
