//! What the rules make of the tables and statements in binlog files, with how much of each there is.
//!
//! The files are read with rules that keep everything, and each table and statement in them is then judged by the connector's
//! rules, as its stream would judge it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use super::explanation::{Explanation, Wording, explanation, judged_statement};
use super::table_rules::{PlacedRules, RowAmounts, TableJudgement};
use crate::change::definition::Schemas;
use crate::change::statement::StatementContext;
use crate::change::{Batch, Ddl, Foresight, Item, Ledger, RowCounter, Rows};
use crate::cli::decode::{Batches, DecodeError, DecodeSettings};
use crate::filter::{FilterOptions, RulePlaces, Rules, SYSTEM_DATABASES, ShadowTables};
use crate::mysql::Flavour;
use crate::pipeline::Connector;
use crate::row::TableName;

/// Characters of a statement that are shown.
const STATEMENT_CHARACTERS_MAX: usize = 200;

/// What files hold, judged.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    /// What becomes of each table's rows, by name.
    tables: Vec<Counted>,
    /// What becomes of each statement, in the order of their first execution.
    statements: Vec<Counted>,
    /// Events in groups that the connector leaves out by their server or domain.
    left_out: u64,
    /// Changes that were logged as statements, whose rows are not in the files; a connector stops at one in a published table.
    logged_as_statements: u64,
}

/// A table or a statement with its counts.
#[derive(Debug, Serialize)]
struct Counted {
    #[serde(flatten)]
    explanation: Explanation,
    /// The table's name in its parts, either of which may hold a dot.
    #[serde(flatten)]
    table: Option<TableName>,
    #[serde(flatten)]
    amount: Amount,
    /// What the rules on rows and on columns make of a published table.
    #[serde(flatten)]
    rules: Option<RowAmounts>,
}

/// How much there is of a table or a statement.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Amount {
    /// Rows events, or executions of the statement.
    events: u64,
    /// Row changes.
    rows: u64,
    /// Bytes of row images, or of the statement.
    bytes: u64,
}

impl Account {
    /// Reads the files to their end.
    ///
    /// # Errors
    /// The first mistake in a file.
    pub(super) fn of(
        files: &[PathBuf],
        connector: &Connector,
        lower_case_table_names: u8,
    ) -> Result<Self, DecodeError> {
        let (choice, bytes_max) = (connector.source.choice(), connector.event_memory_max);
        let settings = DecodeSettings::of_all(files, choice, everything(), bytes_max)?;
        let mut batches = Batches::new(settings);
        let mut found = Found {
            ledger: Ledger::default(),
            families: Vec::new(),
            counter: RowCounter::default(),
            connector,
            folding: lower_case_table_names,
        };
        while let Some(batch) = batches.next()? {
            found.add(&batch)?;
        }
        Ok(found.judged())
    }
}

/// Rules that keep everything: a system database passes only where a rule names it.
fn everything() -> FilterOptions {
    let databases = SYSTEM_DATABASES.iter().map(|name| format!("{name}.%"));
    FilterOptions {
        replicate_wild_do_table: std::iter::once("%.%".to_owned()).chain(databases).collect(),
        same_server_id: true,
        shadow_tables: ShadowTables::Keep,
        ..FilterOptions::default()
    }
}

/// What was found in the files.
struct Found<'a> {
    ledger: Ledger,
    /// Per family of the servers that wrote the files.
    families: Vec<(Flavour, FamilyFound)>,
    counter: RowCounter,
    connector: &'a Connector,
    folding: u8,
}

struct FamilyFound {
    /// The connector's rules, which depend on the server that wrote a file.
    rules: Rules,
    /// What a stream knows of tables there.
    foresight: Foresight,
    tables: BTreeMap<TableName, TableFound>,
    statements: Vec<StatementFound>,
    /// Where each statement is in the list.
    numbers: BTreeMap<(Box<str>, Box<str>, u64), usize>,
}

#[derive(Default)]
struct TableFound {
    amount: Amount,
    /// The event that was counted last; a large one comes in several items.
    last: Option<(Box<str>, u64)>,
    /// Under the definition that its rows had last.
    judgement: Option<TableJudgement>,
}

struct StatementFound {
    /// Of its executions, that at which a stream stops, else the first.
    explanation: Explanation,
    amount: Amount,
}

impl Found<'_> {
    fn add(&mut self, batch: &Batch) -> Result<(), DecodeError> {
        self.ledger += batch.ledger;
        let flavour = batch.origin.flavour;
        if !self.families.iter().any(|(known, _)| *known == flavour) {
            let rules = Rules::compile(&self.connector.filter, flavour, self.folding)?;
            let family = FamilyFound::under(rules, self.folding);
            self.families.push((flavour, family));
        }
        let mut families = self.families.iter_mut();
        let Some((_, family)) = families.find(|(known, _)| *known == flavour) else {
            return Ok(());
        };
        let places = &self.connector.rule_places;
        for item in &batch.items {
            match item {
                Item::Rows(rows) => family.add_rows(batch, rows, places, &mut self.counter),
                Item::Ddl(ddl) => family.add_statement(ddl, flavour, places),
                // They change nothing.
                Item::Edge(_) => {}
            }
        }
        Ok(())
    }

    fn judged(self) -> Account {
        let places = &self.connector.rule_places;
        let mut account = Account {
            tables: Vec::new(),
            statements: Vec::new(),
            left_out: self.ledger.left_out,
            logged_as_statements: self.ledger.statements,
        };
        for (_, found) in self.families {
            let rules = found.rules;
            for (table, found) in found.tables {
                let verdict = rules.table(&table.database, &table.table);
                let mut explanation = explanation(table.to_string(), &verdict, places);
                let amounts = found.judgement.map(|judgement| judgement.amounts);
                if let Some(why) = amounts.as_ref().and_then(RowAmounts::stop) {
                    explanation.stop(why);
                }
                account.tables.push(Counted {
                    explanation,
                    table: Some(table),
                    amount: found.amount,
                    rules: amounts,
                });
            }
            for found in found.statements {
                account.statements.push(Counted {
                    explanation: found.explanation,
                    table: None,
                    amount: found.amount,
                    rules: None,
                });
            }
        }
        account
    }
}

impl FamilyFound {
    fn under(rules: Rules, folding: u8) -> Self {
        Self {
            rules,
            foresight: Foresight::new(Schemas::new(folding), &Default::default()),
            tables: BTreeMap::new(),
            statements: Vec::new(),
            numbers: BTreeMap::new(),
        }
    }

    fn add_rows(
        &mut self,
        batch: &Batch,
        rows: &Rows,
        places: &RulePlaces,
        counter: &mut RowCounter,
    ) {
        let Some(table) = batch.tables.get(rows.table as usize) else {
            return;
        };
        let found = match self.tables.get_mut(&table.name) {
            Some(found) => found,
            None => self.tables.entry(table.name.clone()).or_default(),
        };
        let group = batch.groups.get(rows.group as usize);
        let file: &str = group.map_or("", |group| &group.begin.file);
        let is_same = found
            .last
            .as_ref()
            .is_some_and(|(known, position)| **known == *file && *position == rows.event.position);
        if !is_same {
            found.amount.events += 1;
            found.last = Some((file.into(), rows.event.position));
        }
        found.amount.rows += u64::from(rows.row_count);
        found.amount.bytes += rows.images.body.len() as u64;
        let rules = PlacedRules {
            rules: &self.rules,
            places,
        };
        let foresight = &mut self.foresight;
        let of = (batch, rows);
        TableJudgement::count(&mut found.judgement, (rules, foresight), table, of, counter);
    }

    fn add_statement(&mut self, ddl: &Ddl, flavour: Flavour, places: &RulePlaces) {
        let sql_mode = ddl.session.sql_mode.unwrap_or_default();
        let key = (ddl.statement.clone(), ddl.database.clone(), sql_mode);
        let context = StatementContext {
            sql_mode,
            ..StatementContext::newest(flavour)
        };
        let asked = (&*ddl.statement, &*ddl.database);
        let (rules, foresight) = ((&self.rules, places), &mut self.foresight);
        let mut explanation = judged_statement(asked, context, rules, foresight, Wording::Binlog);
        explanation.question = shortened(&ddl.statement);
        let next = self.statements.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.statements.push(StatementFound {
                explanation: explanation.clone(),
                amount: Amount::default(),
            });
        }
        if let Some(found) = self.statements.get_mut(number) {
            if explanation.outcome == "stops" && found.explanation.outcome != "stops" {
                found.explanation = explanation;
            }
            found.amount.events += 1;
            found.amount.bytes += ddl.statement.len() as u64;
        }
    }
}

impl Account {
    /// Prints a line for each table and statement, its fields separated by tabs, and below a table what its rules on rows and
    /// columns do.
    pub(super) fn print(&self, out: &mut impl io::Write) -> io::Result<()> {
        writeln!(
            out,
            "table or statement\toutcome\tevents\trows\tbytes\tdecided by"
        )?;
        for Counted {
            explanation,
            amount,
            rules,
            ..
        } in self.tables.iter().chain(&self.statements)
        {
            let Amount {
                events,
                rows,
                bytes,
            } = amount;
            writeln!(
                out,
                "{}\t{}\t{events}\t{rows}\t{bytes}\t{}",
                on_one_line(&explanation.question),
                explanation.outcome,
                explanation.decided_by(),
            )?;
            if let Some(rules) = rules {
                rules.print(out)?;
            }
        }
        if self.left_out > 0 {
            writeln!(
                out,
                "{} events are in groups that the connector leaves out by their server or domain",
                self.left_out
            )?;
        }
        if self.logged_as_statements > 0 {
            writeln!(
                out,
                "{} changes were logged as statements and have no rows: a connector stops at one in a published table, unless \
                 on_statement = \"warn\"",
                self.logged_as_statements
            )?;
        }
        Ok(())
    }
}

/// A text in which no control character ends a field or a line.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_control() {
            true => line.extend(letter.escape_default()),
            false => line.push(letter),
        }
    }
    line
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(STATEMENT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
