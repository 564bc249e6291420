//! What the rules on rows and on columns make of a table in binlog files, under each definition that it has in them.

use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::explanation::{ShownRule, column_outcome};
use super::words::words;
use crate::change::{Batch, ChosenTable, RowCounter, RowCounts, Rows};
use crate::filter::{
    ColumnRuleError, RowFilter, RowRuleError, RulePlaces, Rules, ShownRowRule, TestedTable,
};
use crate::metrics::one_line;
use crate::row::{Table, TableName};

/// The rules on the rows and columns of a table, and what they did to its rows so far.
#[derive(Debug)]
pub(super) struct TableJudgement {
    /// Its definition.
    table: Arc<Table>,
    /// As it is published; `None` if rows of it stop a connector.
    published: Option<Table>,
    filter: Option<RowFilter>,
    /// The rules on rows, each by itself.
    each: Vec<RowFilter>,
    counted: Counted,
}

/// What rules did to rows.
#[derive(Debug, Default)]
struct Counted {
    published: u64,
    filtered: u64,
    unchanged: u64,
    /// What each rule on rows leaves out, whatever the others do.
    conditions: Vec<ConditionAmount>,
    columns: Vec<ColumnShown>,
    stop: Option<String>,
    /// Whether there are rules on rows.
    has_conditions: bool,
    /// Whether there are rules that want columns with names, which the files do not tell.
    is_unnamed: bool,
}

/// The same as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct RowAmounts {
    /// Rows that are published.
    rows_published: u64,
    /// Rows that rules on rows leave out.
    rows_filtered: u64,
    /// Updates that change nothing that is published, and are left out.
    rows_unchanged: u64,
    /// The rules on its rows.
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

#[derive(Clone, Debug)]
struct ColumnShown {
    name: Box<str>,
    outcome: &'static str,
    rule: Option<crate::filter::Rule>,
}

/// A column and what becomes of it.
#[derive(Debug, Serialize)]
struct ColumnAmount {
    column: Box<str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<ShownRule>,
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
        rules: &Rules,
        table: &Arc<Table>,
        of: (&Batch, &Rows),
        counter: &mut RowCounter,
    ) {
        let is_known = known
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(&known.table, table));
        if !is_known {
            let verdict = rules.table(&table.name.database, &table.name.table);
            if !verdict.keep {
                return;
            }
            let counted = known.take().map(|known| known.counted);
            let counted = counted.unwrap_or_default();
            *known = Some(Self::of(rules, table, verdict.published, of.0, counted));
        }
        if let Some(judgement) = known
            && judgement.counted.stop.is_none()
        {
            judgement.add(of, counter);
        }
    }

    fn of(
        rules: &Rules,
        table: &Arc<Table>,
        published: TableName,
        batch: &Batch,
        counted: Counted,
    ) -> Self {
        let mut judgement = Self {
            table: Arc::clone(table),
            published: None,
            filter: None,
            each: Vec::new(),
            counted,
        };
        let mut named = (**table).clone();
        named.name = published;
        if let Err(stop) = judgement.judge(rules, named, batch) {
            judgement
                .counted
                .stop
                .get_or_insert_with(|| one_line(&stop));
        }
        judgement
    }

    fn judge(&mut self, rules: &Rules, table: Table, batch: &Batch) -> Result<(), Stop> {
        if table.is_undefined {
            let of_rows = !rules.rows().shown(&table.name).is_empty();
            self.counted.is_unnamed = of_rows || !rules.columns().is_empty();
            self.published = (!of_rows).then_some(table);
            return Ok(());
        }
        let name = table.name.clone();
        let facts = TestedTable::of(&table, batch.origin.flavour);
        self.filter = rules.rows().of(&name, &facts)?;
        let each = rules.rows().each_of(&name, &facts)?;
        for (rule, _) in &each {
            self.counted.add_condition(rule);
        }
        self.counted.has_conditions = self.filter.is_some();
        self.each = each.into_iter().map(|(_, filter)| filter).collect();
        let columns = rules.columns();
        if !columns.is_empty() {
            let names = || table.shown_columns().map(|column| &*column.name);
            columns.unknown(&name, &columns.matches(&name, names()))?;
            for column in names() {
                let (outcome, rule) = column_outcome(&columns.judge(&name, column));
                self.counted.add_column(column, outcome, rule);
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
            self.counted.published += u64::from(rows.row_count);
            return;
        };
        let table = ChosenTable {
            table: published,
            source: &self.table.name,
        };
        let counts = match counter.count(table, filter, (batch, rows)) {
            Ok(counts) => counts,
            Err(trouble) => {
                self.counted.stop = Some(one_line(&trouble));
                return;
            }
        };
        let RowCounts {
            all,
            filtered,
            unchanged,
        } = counts;
        self.counted.published += u64::from(all) - u64::from(filtered) - u64::from(unchanged);
        self.counted.filtered += u64::from(filtered);
        self.counted.unchanged += u64::from(unchanged);
        let conditions = self.each.iter().zip(&mut self.counted.conditions);
        for (filter, condition) in conditions {
            if let Ok(counts) = counter.count(table, filter, (batch, rows)) {
                condition.rows_left_out += u64::from(counts.filtered);
            }
        }
    }

    /// What the rules did to all rows.
    pub(super) fn amounts(self, places: &RulePlaces) -> RowAmounts {
        let counted = self.counted;
        let columns = counted.columns.into_iter().map(|column| ColumnAmount {
            column: column.name,
            outcome: column.outcome,
            rule: column.rule.map(|rule| ShownRule::of(&rule, places)),
        });
        RowAmounts {
            rows_published: counted.published,
            rows_filtered: counted.filtered,
            rows_unchanged: counted.unchanged,
            conditions: counted.conditions,
            columns: columns.collect(),
            not_judged: counted.is_unnamed,
            stop: counted.stop,
            has_conditions: counted.has_conditions,
        }
    }
}

impl Counted {
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

    fn add_column(
        &mut self,
        name: &str,
        outcome: &'static str,
        rule: Option<&crate::filter::Rule>,
    ) {
        let is_known = self.columns.iter().any(|column| *column.name == *name);
        if outcome != "published" && !is_known {
            self.columns.push(ColumnShown {
                name: name.into(),
                outcome,
                rule: rule.cloned(),
            });
        }
    }
}

impl RowAmounts {
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
