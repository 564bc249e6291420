//! What the rules on rows and on columns make of a table in binlog files, under each definition that it has in them.

use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::explanation::{ShownRule, column_outcome};
use super::words::words;
use crate::change::{Batch, ChosenTable, Foresight, RowCounter, RowCounts, Rows};
use crate::filter::{
    ColumnRuleError, ColumnVerdict, RowFilter, RowRuleError, RulePlaces, Rules, ShownRowRule,
    TestedTable,
};
use crate::metrics::one_line;
use crate::row::{Table, TableName};

/// The rules on the rows and columns of a table, and what they do to its rows.
#[derive(Debug)]
pub(super) struct TableJudgement {
    /// Its definition.
    table: Arc<Table>,
    /// As it is published; `None` if rows of it stop a connector.
    published: Option<Table>,
    filter: Option<RowFilter>,
    /// The rules on rows, each by itself.
    each: Vec<RowFilter>,
    /// What they did so far.
    pub(super) amounts: RowAmounts,
}

/// What rules did to rows, as `--json` prints it.
#[derive(Debug, Default, Serialize)]
pub(super) struct RowAmounts {
    /// Rows that are published.
    rows_published: u64,
    /// Rows that rules on rows leave out.
    rows_filtered: u64,
    /// Updates that change nothing that is published, and are left out.
    rows_unchanged: u64,
    /// The rules on its rows; each with what it leaves out, whatever the others do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<ConditionAmount>,
    /// The columns that are not published as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<ColumnAmount>,
    /// Whether the rules on its rows and columns could not be judged, for the files do not name its columns.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    not_judged: bool,
    #[serde(skip)]
    stop: Option<String>,
    /// Whether there are rules on its rows.
    #[serde(skip)]
    has_conditions: bool,
}

/// A rule on rows, and how many rows it leaves out.
#[derive(Clone, Debug, Serialize)]
struct ConditionAmount {
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    condition: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ops: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Box<str>>,
    rows_left_out: u64,
}

/// A column and what becomes of it.
#[derive(Debug, Serialize)]
struct ColumnAmount {
    column: Box<str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<ShownRule>,
}

/// A connector's rules, and where they are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedRules<'a> {
    pub(super) rules: &'a Rules,
    pub(super) places: &'a RulePlaces,
}

/// Why a connector would stop at a table.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error(transparent)]
    Rows(#[from] RowRuleError),
    #[error(transparent)]
    Columns(#[from] ColumnRuleError),
}

impl TableJudgement {
    /// Counts the rows of a rows event as the rules have it; a table that the rules leave out is not judged.
    pub(super) fn count(
        known: &mut Option<Self>,
        (rules, foresight): (PlacedRules<'_>, &mut Foresight),
        table: &Arc<Table>,
        of: (&Batch, &Rows),
        counter: &mut RowCounter,
    ) {
        let is_known = known
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(&known.table, table));
        if !is_known {
            let verdict = rules.rules.table(&table.name.database, &table.name.table);
            if !verdict.keep {
                return;
            }
            let amounts = known.take().map(|known| known.amounts);
            let amounts = amounts.unwrap_or_default();
            let mut judgement = Self::of(rules, table, verdict.published.clone(), of.0, amounts);
            let mut named = (**table).clone();
            named.name = verdict.published;
            if let Err(error) = foresight.rows(rules.rules, &table.name, &named) {
                let stop = &mut judgement.amounts.stop;
                stop.get_or_insert_with(|| error.to_string());
            }
            if !table.is_undefined {
                foresight.see(rules.rules, &table.name, &named);
            }
            *known = Some(judgement);
        }
        if let Some(judgement) = known
            && judgement.amounts.stop.is_none()
        {
            judgement.add(of, counter);
        }
    }

    fn of(
        rules: PlacedRules<'_>,
        table: &Arc<Table>,
        published: TableName,
        batch: &Batch,
        amounts: RowAmounts,
    ) -> Self {
        let mut judgement = Self {
            table: Arc::clone(table),
            published: None,
            filter: None,
            each: Vec::new(),
            amounts,
        };
        let mut named = (**table).clone();
        named.name = published;
        if let Err(stop) = judgement.judge(rules, named, batch) {
            judgement
                .amounts
                .stop
                .get_or_insert_with(|| one_line(&stop));
        }
        judgement
    }

    fn judge(
        &mut self,
        PlacedRules { rules, places }: PlacedRules<'_>,
        table: Table,
        batch: &Batch,
    ) -> Result<(), Stop> {
        if table.is_undefined {
            let of_rows = !rules.rows().shown(&table.name).is_empty();
            self.amounts.not_judged = of_rows || !rules.columns().is_empty();
            self.published = (!of_rows).then_some(table);
            return Ok(());
        }
        let name = table.name.clone();
        let facts = TestedTable::of(&table, batch.origin.flavour);
        self.filter = rules.rows().of(&name, &facts)?;
        let each = rules.rows().each_of(&name, &facts)?;
        for (rule, _) in &each {
            self.amounts.add_condition(rule);
        }
        self.amounts.has_conditions = self.filter.is_some();
        self.each = each.into_iter().map(|(_, filter)| filter).collect();
        let columns = rules.columns();
        if !columns.is_empty() {
            let names = || table.shown_columns().map(|column| &*column.name);
            columns.unknown(&name, &columns.matches(&name, names()))?;
            for column in names() {
                let verdict = columns.judge(&name, column);
                self.amounts.add_column(column, &verdict, places);
            }
        }
        self.published = Some(columns.treat(table)?);
        Ok(())
    }

    fn add(&mut self, (batch, rows): (&Batch, &Rows), counter: &mut RowCounter) {
        let Some(published) = &self.published else {
            return;
        };
        let Some(filter) = &self.filter else {
            self.amounts.rows_published += u64::from(rows.row_count);
            return;
        };
        let table = ChosenTable {
            table: published,
            source: &self.table.name,
        };
        let counts = match counter.count(table, filter, (batch, rows)) {
            Ok(counts) => counts,
            Err(trouble) => {
                self.amounts.stop = Some(one_line(&trouble));
                return;
            }
        };
        let RowCounts {
            all,
            filtered,
            unchanged,
        } = counts;
        self.amounts.rows_published += u64::from(all) - u64::from(filtered) - u64::from(unchanged);
        self.amounts.rows_filtered += u64::from(filtered);
        self.amounts.rows_unchanged += u64::from(unchanged);
        let conditions = self.each.iter().zip(&mut self.amounts.conditions);
        for (filter, condition) in conditions {
            if let Ok(counts) = counter.count(table, filter, (batch, rows)) {
                condition.rows_left_out += u64::from(counts.filtered);
            }
        }
    }
}

impl RowAmounts {
    /// Notes a rule on rows; under every definition they are the same ones in the same order.
    fn add_condition(&mut self, rule: &ShownRowRule<'_>) {
        let is_known = |known: &ConditionAmount| {
            known.place.as_deref() == rule.place && known.condition.as_deref() == rule.condition
        };
        if !self.conditions.iter().any(is_known) {
            self.conditions.push(ConditionAmount {
                condition: rule.condition.map(Into::into),
                ops: rule.ops,
                place: rule.place.map(Into::into),
                rows_left_out: 0,
            });
        }
    }

    fn add_column(&mut self, name: &str, verdict: &ColumnVerdict<'_>, places: &RulePlaces) {
        let (outcome, rule) = column_outcome(verdict);
        let is_known = self.columns.iter().any(|column| *column.column == *name);
        if outcome != "published" && !is_known {
            self.columns.push(ColumnAmount {
                column: name.into(),
                outcome,
                rule: rule.map(|rule| ShownRule::of(rule, places)),
            });
        }
    }

    /// Why a connector would stop at the table.
    pub(super) fn stop(&self) -> Option<&str> {
        self.stop.as_deref()
    }

    /// Prints a line for each thing that rules do.
    pub(super) fn print(&self, out: &mut impl io::Write) -> io::Result<()> {
        if let Some(stop) = &self.stop {
            return writeln!(out, "  stops: {stop}");
        }
        if self.not_judged {
            writeln!(
                out,
                "  the rules on rows and columns were not judged: the files do not name the columns, as with \
                 binlog_row_metadata=FULL"
            )?;
        }
        if self.has_conditions {
            write!(
                out,
                "  rows: {} published, {} left out",
                self.rows_published, self.rows_filtered
            )?;
            match self.rows_unchanged {
                0 => writeln!(out)?,
                unchanged => writeln!(out, ", {unchanged} unchanged")?,
            }
        }
        for condition in &self.conditions {
            let place = condition.place.as_deref().unwrap_or("rows");
            let what = words(condition.condition.as_deref(), condition.ops);
            writeln!(
                out,
                "  rows: {} left out by {place}: {what}",
                condition.rows_left_out
            )?;
        }
        for column in &self.columns {
            let by = column.rule.as_ref().map(ShownRule::written);
            let by = by.unwrap_or_else(|| "no columns-include".to_owned());
            writeln!(
                out,
                "  column {}: {} by {by}",
                column.column, column.outcome
            )?;
        }
        Ok(())
    }
}
