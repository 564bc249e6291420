//! Orders to copy some tables beside the stream: checked against the source, then kept until a run takes them up.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::connector::{Connector, Mode};
use super::run::of_one_name;
use super::skipping;
use crate::change::{ChosenTables, SnapshotProgress};
use crate::failure::Class;
use crate::filter::{FilterError, FilterOptions, Rules};
use crate::finding::first_of;
use crate::metrics::one_line;
use crate::row::TableName;
use crate::source::{
    self, DefinitionReader, Reading, SourceError, SourceOptions, TableList, TableReader,
};
use crate::state::{
    Answer, Command, SkipStore, SnapshotCommand, SnapshotOrders, SnapshotRefusal, StateError,
    StateFolder, off_the_runtime,
};

/// Tables of one order.
const TABLES_MAX: usize = 1000;
/// Tables that a text names.
const NAMED_MAX: usize = 10;

/// Why an order is not taken.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("state folder")]
    State(#[from] StateError),
    #[error("source")]
    Source(#[from] SourceError),
    #[error("rules")]
    Rules(#[from] FilterError),
    #[error(transparent)]
    Skip(#[from] skipping::SkipError),
    #[error(transparent)]
    Refused(#[from] SnapshotRefusal),
    #[error("{0}")]
    Words(String),
}

impl OrderError {
    fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Source(error) => error.class(),
            Self::Rules(_) => Class::Configuration,
            Self::Skip(error) => error.class(),
            Self::Refused(_) | Self::Words(_) => Class::Arguments,
        }
    }
}

/// What an order is about, among what there is.
struct Found {
    tables: BTreeSet<TableName>,
    /// What was matched and has no rows of its own, or is left out by filters.
    skipped: Vec<String>,
    lacks_keys: bool,
}

/// Carries a command out for a connector none of whose runs is under way, and whose folder is held; to tell of snapshots, one may
/// be.
pub(super) async fn carry_out(
    command: Command,
    (connector, mode): (&Connector, &Mode),
    folder: &Arc<StateFolder>,
    (skips, orders): (&Arc<SkipStore>, &Arc<SnapshotOrders>),
) -> Answer {
    let Command::Snapshot(command) = command else {
        return skipping::carry_out(command, connector, folder, skips).await;
    };
    let done = match command {
        SnapshotCommand::Take { tables, condition } => {
            let ordering = Ordering {
                connector,
                mode,
                folder,
                orders,
            };
            ordering.take(&tables, condition).await
        }
        SnapshotCommand::Pause | SnapshotCommand::Resume => {
            pause(command == SnapshotCommand::Pause, orders).await
        }
        SnapshotCommand::Cancel(order) => cancel(order, orders).await,
        SnapshotCommand::Status => Ok(orders.told().join("\n")),
    };
    match done {
        Ok(text) => Answer::Done(text),
        Err(error) => Answer::Refused {
            class: error.class(),
            message: one_line(&error),
        },
    }
}

async fn pause(is_paused: bool, orders: &Arc<SnapshotOrders>) -> Result<String, OrderError> {
    let orders = Arc::clone(orders);
    off_the_runtime(move || orders.pause(is_paused)).await?;
    Ok(match is_paused {
        true => "snapshots are paused, the stream goes on".to_owned(),
        false => "snapshots go on".to_owned(),
    })
}

async fn cancel(order: u64, orders: &Arc<SnapshotOrders>) -> Result<String, OrderError> {
    let orders = Arc::clone(orders);
    off_the_runtime(move || orders.cancel(order)).await??;
    Ok(format!(
        "snapshot {order} is cancelled, what of it was published stays so"
    ))
}

/// Takes an order.
struct Ordering<'a> {
    connector: &'a Connector,
    mode: &'a Mode,
    folder: &'a Arc<StateFolder>,
    orders: &'a Arc<SnapshotOrders>,
}

impl Ordering<'_> {
    async fn take(
        &self,
        patterns: &[String],
        condition: Option<String>,
    ) -> Result<String, OrderError> {
        let SourceOptions::Server(options) = &self.connector.source else {
            let message = "the source is files, which have no tables to copy, take the snapshot of a connector whose source is a server";
            return Err(OrderError::Words(message.to_owned()));
        };
        if !matches!(self.mode, Mode::Forever | Mode::Once) {
            let message = "the connector runs to a place that --until names, take the snapshot once it runs without";
            return Err(OrderError::Words(message.to_owned()));
        }
        let checkpoint = skipping::checkpoint(self.connector, self.folder).await?;
        let Some(checkpoint) = checkpoint else {
            return Err(skipping::SkipError::NotBegun.into());
        };
        let is_first = matches!(&checkpoint.snapshot, SnapshotProgress::Copying { .. })
            && checkpoint.snapshot.chosen().is_none();
        let folder = Arc::clone(self.folder);
        let identity = off_the_runtime(move || folder.identity()).await?;
        let checked = source::choose(options, &identity, Some(&checkpoint), None).await?;
        let (flavour, folding) = (checked.facts.flavour, checked.facts.lower_case_table_names);
        let rules = Rules::compile(&self.connector.filter, flavour, folding)?;
        let options = checked.options().clone();
        let lineage = Arc::new(checkpoint.lineage());
        let reading = DefinitionReader::of(options.clone(), lineage)
            .read_all()
            .await?;
        let mut reader = TableReader::looking(&options).await?;
        let list = reader.list(|_| true).await?;
        let found = found(patterns, &list, &reading, &rules, |pattern| {
            let wanted = FilterOptions {
                replicate_wild_do_table: vec![pattern.to_owned()],
                ..FilterOptions::default()
            };
            Ok(Rules::compile(&wanted, flavour, folding)?)
        })?;
        if let Some(condition) = &condition {
            if found.lacks_keys {
                let message = "a table without a primary key is emptied at the target and copied whole, leave --where out, or name \
                               tables with keys";
                return Err(OrderError::Words(message.to_owned()));
            }
            for table in &found.tables {
                let tried = reader.try_condition(table, condition).await;
                tried.map_err(|error| {
                    let error = one_line(&error);
                    OrderError::Words(format!(
                        "the rows of {table} cannot be chosen by --where \"{condition}\" ({error}), write it as the source's WHERE has it"
                    ))
                })?;
            }
        }
        let chosen = ChosenTables {
            order: 0,
            tables: found.tables.clone(),
            condition: condition.map(Into::into),
            lacks_keys: found.lacks_keys,
        };
        let orders = Arc::clone(self.orders);
        let order = off_the_runtime(move || orders.order(chosen)).await??;
        Ok(said(order, &found, is_first, self.orders.is_paused()))
    }
}

fn said(order: u64, found: &Found, is_first: bool, is_paused: bool) -> String {
    let names: Vec<String> = found.tables.iter().map(ToString::to_string).collect();
    let names = first_of(&names, NAMED_MAX);
    let when = match (is_paused, is_first) {
        (true, _) => " once --resume goes on with snapshots",
        (false, true) => " after the first snapshot",
        (false, false) => "",
    };
    let mut text = format!("snapshot {order}: {names} will be copied beside the stream{when}");
    for skipped in &found.skipped {
        text.push_str(&format!("\nnot copied: {skipped}"));
    }
    text
}

/// Finds what patterns name: the name of a table is that table alone.
fn found(
    patterns: &[String],
    list: &TableList,
    reading: &Reading,
    rules: &Rules,
    compile: impl Fn(&str) -> Result<Rules, OrderError>,
) -> Result<Found, OrderError> {
    let mut found = Found {
        tables: BTreeSet::new(),
        skipped: Vec::new(),
        lacks_keys: false,
    };
    for pattern in patterns {
        if let Some(problem) = malformed(pattern) {
            return Err(OrderError::Words(problem));
        }
        let everything = list.tables.iter().map(|(name, _)| name);
        let everything = everything.chain(list.others.iter().map(|(name, _)| name));
        let is_name = everything.clone().any(|name| name.to_string() == *pattern);
        let wanted = compile(pattern)?;
        let is_wanted = |name: &TableName| match is_name {
            true => name.to_string() == *pattern,
            false => wanted.table(&name.database, &name.table).keep,
        };
        if !everything.clone().any(is_wanted) {
            return Err(OrderError::Words(unmatched(pattern)));
        }
        for (name, kind) in list.others.iter().filter(|(name, _)| is_wanted(name)) {
            found.skipped.push(format!("{name}, a {kind}"));
        }
        for (name, _) in list.tables.iter().filter(|(name, _)| is_wanted(name)) {
            match rules.table(&name.database, &name.table).keep {
                true => drop(found.tables.insert(name.clone())),
                false => found
                    .skipped
                    .push(format!("{name}, which the filters leave out")),
            }
        }
    }
    if found.tables.is_empty() {
        let what = first_of(&found.skipped, NAMED_MAX);
        let message = format!(
            "there is nothing to copy of {what}, name a table that the connector publishes"
        );
        return Err(OrderError::Words(message));
    }
    if found.tables.len() > TABLES_MAX {
        let message = format!(
            "{} tables are too many for one snapshot, name {TABLES_MAX} or fewer",
            found.tables.len()
        );
        return Err(OrderError::Words(message));
    }
    refuse_unfit(&mut found, list, reading, rules)?;
    Ok(found)
}

/// How what was given for a table is no name of one and no pattern, with the fix.
fn malformed(pattern: &str) -> Option<String> {
    const FORM: &str = "give it as DATABASE.TABLE, or as DATABASE.% for every table of a database";
    let problem = match pattern.split_once('.') {
        None => "names no database",
        Some(("", _)) => "has no database before the dot",
        Some((_, "")) => "has no table after the dot",
        Some(_both) => return None,
    };
    Some(format!("--table \"{pattern}\" {problem}, {FORM}"))
}

/// That a pattern matches nothing, with what may be meant.
fn unmatched(pattern: &str) -> String {
    let hint = if pattern.contains('`') {
        "write names without quotes"
    } else if pattern.contains(',') {
        "give --table once for each table"
    } else {
        "% stands for any text and _ for one character; temporary tables are seen by their own connections only"
    };
    format!("--table \"{pattern}\" matches no table that the account sees, {hint}")
}

/// Refuses tables whose rows a view does not hold still, or that are published under the name of another.
fn refuse_unfit(
    found: &mut Found,
    list: &TableList,
    reading: &Reading,
    rules: &Rules,
) -> Result<(), OrderError> {
    let mut others = Vec::new();
    for table in &found.tables {
        let definition = reading.tables.get(table);
        match definition.map(|it| (it.table.transactional, it.table.key.is_empty())) {
            Some((Some(true), is_bare)) => found.lacks_keys |= is_bare,
            Some((Some(false) | None, _)) | None => others.push(table.to_string()),
        }
    }
    if !others.is_empty() {
        let tables = first_of(&others, NAMED_MAX);
        return Err(SourceError::NotTransactional { tables }.into());
    }
    let names = list.tables.iter().map(|(name, _)| name);
    match of_one_name(names, rules, |table| found.tables.contains(table)) {
        Some(table) => Err(OrderError::Words(format!(
            "{table} is published under the name of another table, which a snapshot cannot tell from it, take one of a connector \
             that publishes them under names of their own"
        ))),
        None => Ok(()),
    }
}
