//! A question and its answer: what the rules make of a table or a statement, stage by stage.

use std::io;

use serde::Serialize;

use super::words::words;
use crate::change::statement::{
    Effect, Statement, StatementContext, StatementKind, StatementSource, scan, verdict,
};
use crate::change::{Foreseen, Foresight};
use crate::filter::{ColumnVerdict, Rule, RuleKey, RulePlaces, Rules, Verdict, VerdictReason};
use crate::metrics::one_line;
use crate::pipeline::Connector;
use crate::row::TableName;
use crate::sink::{self, Placement};

/// The stage of the rules on rows.
const ROW_STAGE: &str = "row stage";

/// One question and its answer, as `--json` prints it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Explanation {
    /// The table, or the statement.
    pub(super) question: String,
    /// What becomes of it: `published`, `filtered`, `skipped`, `stops` or `may stop`; of a column also `masked`, `hashed`, `truncated`, or
    /// `unknown` where the table has none of that name.
    pub(super) outcome: &'static str,
    /// Its name in the output, where the rules speak of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    published_as: Option<String>,
    /// The rule that renamed its database.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_by: Option<ShownRule>,
    /// The stages that were asked, in order; the last one decided.
    stages: Vec<ShownStage>,
    /// Where the records of a table go, where that is a topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<Placement>,
    /// What there is to say besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
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

#[derive(Clone, Debug, Serialize)]
pub(super) struct ShownRule {
    key: &'static str,
    rule: Box<str>,
    /// File, line and column, or the variable; none for a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
}

/// Explains what becomes of a statement with this default database.
pub(super) fn judged_statement(
    (text, database): (&str, &str),
    context: StatementContext,
    (rules, places): (&Rules, &RulePlaces),
    foresight: &mut Foresight,
    wording: Wording,
) -> Explanation {
    let statement = scan(text, database, context);
    let own = statement.objects.first();
    let own = own.filter(|_| wording == Wording::Client && statement.defines_database());
    let own = own.map(|object| object.name.database.clone());
    // A server logs it with the database that it is about.
    let database = own.as_deref().unwrap_or(database);
    let source = StatementSource {
        text: text.into(),
        database,
        context,
        doubt: None,
        gaps: None,
    };
    let verdict = verdict(&statement, &source, rules);
    let (outcome, note) = outcome(&statement, &verdict, wording);
    let mut shown = explanation(text.to_owned(), &verdict, places);
    shown.outcome = outcome;
    if matches!(outcome, "skipped") {
        shown.stages.clear();
    }
    shown.published_as = None;
    shown.note = note.map(str::to_owned);
    let left_without = without_columns(&statement, rules).filter(|_| outcome == "published");
    match foresight.statement(rules, (statement, source), outcome == "published") {
        Foreseen::GoesOn => {
            if let Some(table) = left_without {
                shown.doubt(&format!(
                    "the rules on columns leave nothing of {table}, so that a connector stops at its first row: add a \
                     columns-include for it, or leave the table out by tables-exclude"
                ));
            }
        }
        Foreseen::Stops(error) => shown.stop(&error.to_string()),
        Foreseen::MayStop(table) => {
            shown.outcome = "may stop";
            shown.note = Some(format!(
                "it depends on the columns of {table}, which are not known here: a connector that knows them stops where the \
                 statement takes a column out of the rules that hide it, or a rule its column"
            ));
        }
    }
    shown
}

/// The table that a statement makes, where the rules on columns leave nothing of it.
fn without_columns(statement: &Statement, rules: &Rules) -> Option<TableName> {
    let makes = matches!(statement.kind, StatementKind::CreateTable { .. });
    let made = statement.objects.first().filter(|_| makes)?;
    let verdict = rules.table(&made.name.database, &made.name.table);
    let is_left_without = verdict.keep && rules.columns().leave_nothing_of(&verdict.published);
    is_left_without.then_some(verdict.published)
}

/// In which words a statement is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wording {
    /// Those of a client.
    Client,
    /// Those of a binlog.
    Binlog,
}

/// Adds the rules on the rows of a table that is published.
pub(super) fn with_rows(
    mut of_table: Explanation,
    verdict: &Verdict,
    rules: &Rules,
) -> Explanation {
    if !verdict.keep {
        return of_table;
    }
    for rule in rules.rows().shown(&verdict.published) {
        of_table.stages.push(ShownStage {
            stage: ROW_STAGE.to_owned(),
            pass: true,
            reason: None,
            rule: Some(ShownRule {
                key: RuleKey::Rows.as_str(),
                rule: words(rule.condition, rule.ops).into(),
                place: rule.place.map(str::to_owned),
            }),
        });
    }
    let of_rows = of_table.stages.iter().any(|stage| stage.stage == ROW_STAGE);
    let of_rows = of_rows.then_some("of its rows, those that all rules on rows keep");
    let unchanged = rules
        .rows()
        .skip_unchanged()
        .then_some("updates that change nothing that is published are left out");
    if of_table.note.is_none() {
        let notes: Vec<&str> = of_rows.into_iter().chain(unchanged).collect();
        of_table.note = (!notes.is_empty()).then(|| notes.join("; "));
    }
    of_table
}

/// What becomes of a column in a word, and the rule that decided.
pub(super) fn column_outcome<'a>(verdict: &ColumnVerdict<'a>) -> (&'static str, Option<&'a Rule>) {
    match *verdict {
        ColumnVerdict::Kept { by } => ("published", by),
        ColumnVerdict::LeftOut { by } => ("filtered", by),
        ColumnVerdict::Replaced { by, .. } => match by.key {
            RuleKey::ColumnsHash => ("hashed", Some(by)),
            RuleKey::ColumnsTruncate => ("truncated", Some(by)),
            _mask => ("masked", Some(by)),
        },
    }
}

/// Explains what becomes of a column of a table, of which the explanation and the verdict are given. `is_key` is whether it is
/// a part of the primary key, as far as that is known.
pub(super) fn judged_column(
    of_table: &Explanation,
    verdict: &Verdict,
    (column, is_key): (&str, Option<bool>),
    rules: &Rules,
    places: &RulePlaces,
) -> Explanation {
    let mut shown = of_table.clone();
    shown.question = format!("{}.{column}", shown.question);
    if !verdict.keep || shown.outcome == "stops" {
        return shown;
    }
    let judged = rules.columns().judge(&verdict.published, column);
    let (outcome, by) = column_outcome(&judged);
    let reason = match (outcome, rules.columns().is_empty()) {
        (_, true) => "no rules",
        ("filtered", false) => "no match in columns-include",
        (_, false) => "no match",
    };
    shown.outcome = outcome;
    shown.stages.retain(|stage| stage.stage != ROW_STAGE);
    shown.note = None;
    let as_key = rules
        .columns()
        .judge_fitting(&verdict.published, column, true);
    if let Err(error) = as_key {
        match is_key {
            Some(true) => shown.stop(&error.to_string()),
            Some(false) => {}
            None => {
                shown.note = Some(
                    "of a column of the primary key the connector would stop: it may be hashed, and nothing else".to_owned(),
                );
            }
        }
    }
    shown.stages.push(ShownStage {
        stage: "column stage".to_owned(),
        pass: outcome != "filtered",
        reason: by.is_none().then(|| reason.to_owned()),
        rule: by.map(|rule| ShownRule::of(rule, places)),
    });
    shown
}

/// What becomes of a statement, and why where that is not the rules' doing.
fn outcome(
    statement: &Statement,
    verdict: &Verdict,
    wording: Wording,
) -> (&'static str, Option<&'static str>) {
    let fills = matches!(
        statement.kind,
        StatementKind::CreateTable { select: true, .. }
    );
    match statement.effect() {
        Effect::Transaction => ("skipped", Some("it bounds a transaction")),
        Effect::Nothing => ("skipped", Some("it changes nothing that is published")),
        Effect::Unknown => (
            "stops",
            Some("it could not be followed; a connector stops at it, whatever the rules say"),
        ),
        Effect::Definition | Effect::Rows if !verdict.keep => ("filtered", None),
        Effect::Definition if fills && wording == Wording::Client => (
            "published",
            Some(
                "logged with rows (binlog_format = ROW), the columns of the query stand in its place, and the rows after it are \
                 judged by their table; logged as a statement it stops a connector, unless on_statement = \"warn\"",
            ),
        ),
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

pub(super) fn explanation(question: String, verdict: &Verdict, places: &RulePlaces) -> Explanation {
    let shown = |rule: &Rule| ShownRule::of(rule, places);
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
        target: None,
        note: None,
    }
}

/// The explanation of a table with where its records go.
pub(super) fn placed(
    mut shown: Explanation,
    verdict: &Verdict,
    (connector, rules): (&Connector, &Rules),
) -> Explanation {
    if !verdict.keep {
        return shown;
    }
    match sink::placement(&connector.sink, &connector.name, &verdict.published) {
        Ok(target) => {
            let columns = target.iter().flat_map(|target| &target.columns);
            let mut hidden = columns.filter_map(|(option, column)| {
                let judged = rules.columns().judge(&verdict.published, column);
                judged.refuse_as_key(&verdict.published, column, option)
            });
            if let Some(why) = hidden.next() {
                shown.stop(&why);
            }
            drop(hidden);
            shown.target = target;
        }
        Err(error) => shown.stop(&one_line(&error)),
    }
    shown
}

pub(super) fn print(explanation: &Explanation, out: &mut impl io::Write) -> io::Result<()> {
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
    if let Some(target) = &explanation.target {
        let route = target.route.as_ref();
        let route = route.map_or_else(String::new, |route| format!(" (route \"{route}\")"));
        writeln!(out, "  topic: {}{route}", target.topic)?;
        writeln!(out, "  key: {}", target.key)?;
        writeln!(out, "  partition by: {}", target.partition_by)?;
    }
    match &explanation.note {
        Some(note) => writeln!(out, "  {note}"),
        None => Ok(()),
    }
}

impl Explanation {
    /// Has the answer be that there is no such thing, and why.
    pub(super) fn lack(&mut self, why: &str) {
        self.outcome = "unknown";
        self.stages.clear();
        self.target = None;
        self.published_as = None;
        self.note = Some(why.to_owned());
    }

    /// Adds what is not known.
    pub(super) fn doubt(&mut self, what: &str) {
        self.note = Some(match self.note.take() {
            Some(note) => format!("{note}; {what}"),
            None => what.to_owned(),
        });
    }

    /// Has the answer be that a connector stops there, and why.
    pub(super) fn stop(&mut self, why: &str) {
        self.outcome = "stops";
        self.note = Some(why.to_owned());
    }

    /// The last stage and its rule, or what there is to say where no stage was asked.
    pub(super) fn decided_by(&self) -> String {
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
    pub(super) fn of(rule: &Rule, places: &RulePlaces) -> Self {
        Self {
            key: rule.key.as_str(),
            rule: rule.text.clone(),
            place: places.of(rule).map(str::to_owned),
        }
    }

    pub(super) fn written(&self) -> String {
        let place = self.place.as_ref();
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        format!("{} = \"{}\"{place}", self.key, self.rule)
    }
}
