//! The rules on rows: which changes of a table are published, by a condition on the row and by what was done to it.
//!
//! | change | condition before | after | with `convert` | with `keep` |
//! |---|---|---|---|---|
//! | insert | | TRUE | insert | insert |
//! | delete | TRUE | | delete | delete |
//! | update | TRUE | TRUE | update | update |
//! | update | else | TRUE | insert | update |
//! | update | TRUE | else | delete | update |
//!
//! Everything else is left out. All entries that match a table have to hold. `ops` counts what is published, so an update that
//! became an insert is a `c`.

use std::collections::BTreeSet;

use super::columns::OnMissing;
use super::condition::{
    Condition, Expression, Judging, JudgingError, TestedTable, Truth, TypingError,
};
use super::error::FilterError;
use super::expression;
use super::fold::Fold;
use super::options::FilterOptions;
use super::row_options::{RowMoves, RowOp, RowRuleOptions};
use super::verdict::RuleKey;
use crate::failure::Class;
use crate::row::{ColumnType, TableName};

/// The rules on rows of all tables.
#[derive(Clone, Debug)]
pub struct RowRules {
    rules: Vec<RowRule>,
    moves: RowMoves,
    skip_unchanged: bool,
    lacks_are_null: bool,
}

#[derive(Clone, Debug)]
struct RowRule {
    /// Expressions as written, and compiled.
    tables: Vec<(Box<str>, regex::Regex)>,
    condition: Option<(Box<str>, Expression)>,
    ops: Ops,
    place: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Ops {
    create: bool,
    update: bool,
    delete: bool,
}

/// A rule as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownRowRule<'a> {
    /// The condition.
    pub condition: Option<&'a str>,
    /// What may have been done to a row, by the letters of [`RowOp`]; `None` for anything.
    pub ops: Option<&'static str>,
    /// Where it is written.
    pub place: Option<&'a str>,
}

/// The rules on the rows of one table under one definition.
#[derive(Debug)]
pub struct RowFilter {
    conditions: Box<[Condition]>,
    ops: Ops,
    /// What becomes of updates on one side of the condition.
    pub moves: RowMoves,
    /// Whether updates are left out that change nothing that is published.
    pub skip_unchanged: bool,
    /// How many of a row's first columns the conditions look at.
    pub columns_judged: usize,
}

/// A rule on rows that does not fit its table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition on rows of {table}{}, {condition}, {error}", at(.place.as_deref()))]
pub struct RowRuleError {
    /// The table, by its published name.
    pub table: TableName,
    /// The condition as written, or how it begins.
    pub condition: Box<str>,
    /// Where it is written.
    pub place: Option<Box<str>>,
    /// What does not fit.
    pub error: TypingError,
}

fn at(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!(" at {place}"))
}

impl RowRuleError {
    /// What the mistake means: the rule is to be written anew.
    pub fn class(&self) -> Class {
        Class::Configuration
    }
}

impl RowRules {
    /// Compiles the rules.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub(super) fn compile(options: &FilterOptions, fold: Fold) -> Result<Self, FilterError> {
        let mut rules = Vec::with_capacity(options.rows.len());
        for options in &options.rows {
            let (rule, mistakes) = read(options, fold);
            if let Some(mistake) = mistakes.into_iter().next() {
                return Err(mistake.error);
            }
            rules.extend(rule);
        }
        Ok(Self {
            rules,
            moves: options.row_filter_moves,
            skip_unchanged: options.skip_unchanged,
            lacks_are_null: options.columns_missing == OnMissing::Warn,
        })
    }

    /// Everything that is wrong with the rules, each with the number of its entry, from 0.
    pub fn mistakes(options: &FilterOptions) -> Vec<(usize, RowRuleMistake)> {
        let entries = options.rows.iter().enumerate();
        let mistakes = entries.flat_map(|(number, rule)| {
            let mistakes = read(rule, Fold::Bytes).1.into_iter();
            mistakes.map(move |mistake| (number, mistake))
        });
        mistakes.collect()
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && !self.skip_unchanged
    }

    /// The expressions of tables that match none of these, each with the place of its entry.
    pub(super) fn unmatched(&self, tables: &[String]) -> Vec<(&str, Option<&str>)> {
        let rules = self.rules.iter().flat_map(|rule| {
            let expressions = rule.tables.iter();
            expressions.map(|(text, pattern)| (&**text, pattern, rule.place.as_deref()))
        });
        let unmatched =
            rules.filter(|(_, pattern, _)| !tables.iter().any(|table| pattern.is_match(table)));
        unmatched.map(|(text, _, place)| (text, place)).collect()
    }

    /// The rules on the rows of a table, by its published name; `None` where all of them are published.
    ///
    /// # Errors
    /// A rule that does not fit the table's definition.
    pub fn of(
        &self,
        table: &TableName,
        facts: &TestedTable<'_>,
    ) -> Result<Option<RowFilter>, RowRuleError> {
        let mut filter = RowFilter {
            conditions: Box::default(),
            ops: Ops::ALL,
            moves: self.moves,
            skip_unchanged: self.skip_unchanged,
            columns_judged: 0,
        };
        let mut conditions = Vec::new();
        let mut has_rules = self.skip_unchanged;
        for rule in self.of_table(table) {
            has_rules = true;
            filter.ops = filter.ops.and(rule.ops);
            conditions.extend(self.condition(rule, table, facts)?);
        }
        filter.conditions = conditions.into();
        filter.columns_judged = filter.columns().last().map_or(0, |last| last + 1);
        Ok(has_rules.then_some(filter))
    }

    /// Each rule on the rows of a table by itself, in the order of their entries.
    ///
    /// # Errors
    /// As [`RowRules::of`].
    pub fn each_of(
        &self,
        table: &TableName,
        facts: &TestedTable<'_>,
    ) -> Result<Vec<(ShownRowRule<'_>, RowFilter)>, RowRuleError> {
        let each = self.of_table(table).map(|rule| {
            let conditions = self.condition(rule, table, facts)?;
            let filter = RowFilter {
                conditions: conditions.into_iter().collect(),
                ops: rule.ops,
                moves: self.moves,
                skip_unchanged: false,
                columns_judged: facts.columns.len(),
            };
            Ok((rule.shown(), filter))
        });
        each.collect()
    }

    /// The rules on the rows of a table as they are written.
    pub fn shown(&self, table: &TableName) -> Vec<ShownRowRule<'_>> {
        self.of_table(table).map(RowRule::shown).collect()
    }

    /// Whether the rows of a table are judged by a condition.
    pub fn has_conditions(&self, table: &TableName) -> bool {
        self.of_table(table).any(|rule| rule.condition.is_some())
    }

    /// What each row of a table meets that the conditions keep, in the source's SQL, see [`Expression::statement`]; `None` where
    /// nothing can be said of it.
    pub fn statement(&self, table: &TableName, columns: &[(&str, &ColumnType)]) -> Option<String> {
        let conditions = self.of_table(table).filter_map(|rule| {
            let (_, condition) = rule.condition.as_ref()?;
            condition.statement(columns)
        });
        let conditions: Vec<String> = conditions.collect();
        (!conditions.is_empty()).then(|| conditions.join(" AND "))
    }

    /// Whether updates are left out that change nothing that is published.
    pub fn skip_unchanged(&self) -> bool {
        self.skip_unchanged
    }

    /// Everything in the rules that does not fit a table.
    pub fn misfits(&self, table: &TableName, facts: &TestedTable<'_>) -> Vec<RowRuleError> {
        let rules = self.of_table(table).filter_map(|rule| {
            let (text, expression) = rule.condition.as_ref()?;
            Some((rule, text, expression.misfits(&self.facts(facts))))
        });
        let errors = rules.flat_map(|(rule, text, misfits)| {
            let errors = misfits.into_iter();
            errors.map(move |error| rule.error(table, text, error))
        });
        errors.collect()
    }

    /// Whether columns may be lacking, as the options say.
    fn facts<'a>(&self, facts: &TestedTable<'a>) -> TestedTable<'a> {
        TestedTable {
            lacks_are_null: facts.lacks_are_null && self.lacks_are_null,
            ..*facts
        }
    }

    fn of_table(&self, table: &TableName) -> impl Iterator<Item = &RowRule> {
        let name = table.to_string();
        self.rules.iter().filter(move |rule| rule.matches(&name))
    }

    /// The condition of a rule under a table's definition, if it has one.
    fn condition(
        &self,
        rule: &RowRule,
        table: &TableName,
        facts: &TestedTable<'_>,
    ) -> Result<Option<Condition>, RowRuleError> {
        let Some((text, expression)) = &rule.condition else {
            return Ok(None);
        };
        let condition = expression.compile(&self.facts(facts));
        let condition = condition.map(Some);
        condition.map_err(|error| rule.error(table, text, error))
    }
}

impl RowRule {
    fn matches(&self, table: &str) -> bool {
        self.tables.iter().any(|(_, tables)| tables.is_match(table))
    }

    fn error(&self, table: &TableName, condition: &str, error: TypingError) -> RowRuleError {
        RowRuleError {
            table: table.clone(),
            condition: expression::shortened(condition),
            place: self.place.clone(),
            error,
        }
    }

    fn shown(&self) -> ShownRowRule<'_> {
        ShownRowRule {
            condition: self.condition.as_ref().map(|(text, _)| &**text),
            ops: self.ops.listed(),
            place: self.place.as_deref(),
        }
    }
}

impl RowFilter {
    /// Judges a row image by all conditions.
    ///
    /// # Errors
    /// A value of which it cannot be said how it compares.
    #[inline]
    pub fn judge(&self, row: &Judging<'_>, scratch: &mut String) -> Result<Truth, JudgingError> {
        let mut all = Truth::TRUE;
        for condition in &self.conditions {
            all = all & condition.judge(row, scratch)?;
            if all == Truth::FALSE {
                break;
            }
        }
        Ok(all)
    }

    /// Whether such changes are published.
    #[inline]
    pub fn takes(&self, op: RowOp) -> bool {
        match op {
            RowOp::C => self.ops.create,
            RowOp::U => self.ops.update,
            RowOp::D => self.ops.delete,
        }
    }

    /// The place of the first column that the conditions ask for and a row image lacks.
    pub fn absent(&self, row: &Judging<'_>) -> Option<usize> {
        let mut conditions = self.conditions.iter();
        conditions.find_map(|condition| condition.absent(row))
    }

    /// The places of the columns that the conditions ask for, ascending.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut places = BTreeSet::new();
        let conditions = self.conditions.iter();
        conditions.for_each(|condition| condition.columns(&mut places));
        places
    }

    /// Columns that the conditions name and the table lacks.
    pub fn lacking(&self) -> impl Iterator<Item = &str> {
        let conditions = self.conditions.iter();
        conditions.flat_map(|condition| condition.lacking().iter().map(|name| &**name))
    }
}

impl Ops {
    const ALL: Self = Self {
        create: true,
        update: true,
        delete: true,
    };

    fn of(ops: &[RowOp]) -> Self {
        Self {
            create: ops.contains(&RowOp::C),
            update: ops.contains(&RowOp::U),
            delete: ops.contains(&RowOp::D),
        }
    }

    /// The letters of what they take; `None` where that is everything.
    fn listed(self) -> Option<&'static str> {
        Some(match (self.create, self.update, self.delete) {
            (true, true, true) => return None,
            (true, true, false) => "c, u",
            (true, false, true) => "c, d",
            (true, false, false) => "c",
            (false, true, true) => "u, d",
            (false, true, false) => "u",
            (false, false, true) => "d",
            (false, false, false) => "",
        })
    }

    fn and(self, other: Self) -> Self {
        Self {
            create: self.create && other.create,
            update: self.update && other.update,
            delete: self.delete && other.delete,
        }
    }
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRuleMistake {
    /// Its key; `None` where the entry lacks one.
    pub key: Option<&'static str>,
    /// Which of the expressions of its tables, from 0.
    pub number: Option<usize>,
    /// What is wrong with it.
    pub error: FilterError,
}

/// Reads an entry: what it says, unless it is wrong, and everything that is wrong with it.
fn read(options: &RowRuleOptions, fold: Fold) -> (Option<RowRule>, Vec<RowRuleMistake>) {
    let mut mistakes = Vec::new();
    let mut add = |key, number, error| {
        mistakes.push(RowRuleMistake { key, number, error });
    };
    let refused = |text: &str, reason: String| FilterError::Expression {
        key: RuleKey::Rows,
        rule: expression::shortened(text),
        reason,
    };
    if options.tables.is_empty() {
        let reason = "matches no table, write tables = \".*\" for all".to_owned();
        add(Some("tables"), None, refused("tables = []", reason));
    }
    let mut tables = Vec::new();
    for (number, text) in options.tables.iter().enumerate() {
        let compiled = match text.is_empty() {
            true => Err(FilterError::EmptyName {
                key: RuleKey::Rows,
                rule: "".into(),
                part: "expression",
            }),
            false => expression::compile_tables(RuleKey::Rows, text, fold),
        };
        match compiled {
            Ok(pattern) => tables.push((text.as_str().into(), pattern)),
            Err(error) => add(Some("tables"), Some(number), error),
        }
    }
    let condition = options.condition.as_ref().and_then(|text| {
        let rule = expression::shortened(text);
        let mut refuse = |reason| {
            let rule = rule.clone();
            add(
                Some("where"),
                None,
                FilterError::Condition { rule, reason },
            );
        };
        let read = Expression::parse(text);
        match &read {
            Ok(expression) => expression.unknown_collations().into_iter().for_each(|name| {
                refuse(format!(
                    "no collation is named {name}: correct it, or write one of which the order is known, such as utf8mb4_bin"
                ));
            }),
            Err(mistakes) => mistakes.iter().for_each(|mistake| refuse(mistake.to_string())),
        }
        read.ok()
            .map(|expression| (text.as_str().into(), expression))
    });
    if options.ops.as_ref().is_some_and(Vec::is_empty) {
        let reason = "publishes nothing, write ops = [\"c\", \"u\", \"d\"] for all, or tables-exclude to leave tables out";
        add(Some("ops"), None, refused("ops = []", reason.to_owned()));
    }
    if options.condition.is_none() && options.ops.is_none() {
        let text = options.tables.join(", ");
        let reason = "has neither where nor ops, write one of them".to_owned();
        add(None, None, refused(&text, reason));
    }
    let rule = mistakes.is_empty().then(|| RowRule {
        tables,
        condition,
        ops: options.ops.as_deref().map_or(Ops::ALL, Ops::of),
        place: options.place.as_deref().map(Into::into),
    });
    (rule, mistakes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;
    use crate::row::{Cell, Column};

    fn options(text: &str) -> FilterOptions {
        toml::from_str(text).expect("a section")
    }

    /// The rules on `shop.orders (id TINYINT)`, and what they say of a row with this id.
    fn check(text: &str, id: u8, keeps: Option<bool>, ops: [bool; 3]) {
        let rules = RowRules::compile(&options(text), Fold::Bytes).expect("rules");
        let columns = [Column {
            name: "id".into(),
            kind: ColumnType::Integer {
                width: 1,
                unsigned: false,
            },
            nullable: false,
            computed: None,
            declared: None,
            default: None,
            comment: None,
        }];
        let table = TestedTable {
            columns: &columns,
            hidden: &[],
            collations: &[None],
            flavour: Flavour::MySql,
            lacks_are_null: true,
        };
        let filter = rules
            .of(&TableName::new("shop", "orders"), &table)
            .expect("rules that fit");
        let row = Judging {
            body: &[id],
            cells: &[Cell::Value { start: 0, end: 1 }],
            base: &[],
        };
        let judged = filter.as_ref().map(|filter| {
            let truth = filter.judge(&row, &mut String::new());
            truth.expect("a judgement").keeps() == Some(true)
        });
        assert_eq!(judged, keeps, "{text}");
        let takes = [RowOp::C, RowOp::U, RowOp::D].map(|op| {
            let mut filter = filter.iter();
            filter.all(|filter| filter.takes(op))
        });
        assert_eq!(takes, ops, "{text}");
    }

    #[test]
    fn all_entries_that_match_a_table_hold_together() {
        const ALL: [bool; 3] = [true; 3];
        let above = "[[rows]]\ntables = 'shop\\.o.*'\nwhere = 'id > 3'\n";
        let below =
            "[[rows]]\ntables = ['x\\.y', '.*orders']\nwhere = 'id < 9'\nops = ['c', 'u']\n";
        check("", 1, None, ALL);
        check("skip-unchanged = true", 1, Some(true), ALL);
        check(above, 4, Some(true), ALL);
        check(above, 3, Some(false), ALL);
        check(
            &format!("{above}{below}"),
            10,
            Some(false),
            [true, true, false],
        );
        check(
            &format!("{above}{below}"),
            5,
            Some(true),
            [true, true, false],
        );
        // Of another table.
        check(
            "[[rows]]\ntables = 'orders.*'\nwhere = 'id > 3'\n",
            1,
            None,
            ALL,
        );
        check(
            "[[rows]]\ntables = '.*'\nops = ['d']\n",
            1,
            Some(true),
            [false, false, true],
        );
    }

    #[test]
    fn each_mistake_is_told_with_its_entry_and_key() {
        let options = options(
            "[[rows]]\ntables = '('\nwhere = 'id 3'\n[[rows]]\ntables = '.*'\nwhere = 'id >'\n\
             [[rows]]\ntables = '.*'\nops = []\n[[rows]]\ntables = '.*'\nwhere = 'a = 1'\n[[rows]]\ntables = []\nops = 'c'\n\
             [[rows]]\ntables = 'orders'\n",
        );
        let mistakes = RowRules::mistakes(&options);
        let places: Vec<_> = mistakes
            .iter()
            .map(|(entry, mistake)| (*entry, mistake.key))
            .collect();
        let (tables, condition, ops) = (Some("tables"), Some("where"), Some("ops"));
        assert_eq!(
            places,
            [
                (0, tables),
                (0, condition),
                (1, condition),
                (2, ops),
                (4, tables),
                (5, tables),
                (5, None),
            ]
        );
        for (mistake, part) in mistakes.iter().zip([
            "(",
            "at character 4",
            "at character 5",
            "publishes nothing",
            "matches no table",
            "room for no dot",
            "neither where nor ops",
        ]) {
            let text = mistake.1.error.to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
