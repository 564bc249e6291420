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
use crate::row::TableName;

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
    tables: Vec<regex::Regex>,
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

/// The rules on the rows of one table under one definition.
#[derive(Debug)]
pub struct RowFilter {
    conditions: Box<[Condition]>,
    ops: Ops,
    /// What becomes of updates on one side of the condition.
    pub moves: RowMoves,
    /// Whether updates are left out that change nothing that is published.
    pub skip_unchanged: bool,
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
        let rules = options.rows.iter().map(|rule| compile(rule, fold));
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            moves: options.row_filter_moves,
            skip_unchanged: options.skip_unchanged,
            lacks_are_null: options.columns_missing == OnMissing::Warn,
        })
    }

    /// Everything that is wrong with the rules, each with the number of its entry, from 0, and the key in that.
    pub fn mistakes(options: &FilterOptions) -> Vec<(usize, &'static str, FilterError)> {
        let mut mistakes = Vec::new();
        for (number, rule) in options.rows.iter().enumerate() {
            let Err(error) = compile(rule, Fold::Bytes) else {
                continue;
            };
            // What is wrong with the tables is found first.
            let without = RowRuleOptions {
                condition: None,
                ops: Some(vec![RowOp::C]),
                ..rule.clone()
            };
            let key = match (compile(&without, Fold::Bytes), &rule.condition) {
                (Ok(_), Some(_)) => "where",
                (Ok(_), None) => "ops",
                (Err(_), _) => "tables",
            };
            mistakes.push((number, key, error));
        }
        mistakes
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && !self.skip_unchanged
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
        let name = table.to_string();
        let matches = |rule: &&RowRule| rule.tables.iter().any(|tables| tables.is_match(&name));
        let mut filter = RowFilter {
            conditions: Box::default(),
            ops: Ops::ALL,
            moves: self.moves,
            skip_unchanged: self.skip_unchanged,
        };
        let facts = TestedTable {
            lacks_are_null: facts.lacks_are_null && self.lacks_are_null,
            ..*facts
        };
        let mut conditions = Vec::new();
        let mut has_rules = self.skip_unchanged;
        for rule in self.rules.iter().filter(matches) {
            has_rules = true;
            filter.ops = filter.ops.and(rule.ops);
            let Some((text, expression)) = &rule.condition else {
                continue;
            };
            let condition = expression.compile(&facts);
            conditions.push(condition.map_err(|error| RowRuleError {
                table: table.clone(),
                condition: expression::shortened(text),
                place: rule.place.clone(),
                error,
            })?);
        }
        filter.conditions = conditions.into();
        Ok(has_rules.then_some(filter))
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

    fn and(self, other: Self) -> Self {
        Self {
            create: self.create && other.create,
            update: self.update && other.update,
            delete: self.delete && other.delete,
        }
    }
}

fn compile(options: &RowRuleOptions, fold: Fold) -> Result<RowRule, FilterError> {
    let key = RuleKey::Rows;
    let refuse = |text: &str, reason: String| FilterError::Expression {
        key,
        rule: expression::shortened(text),
        reason,
    };
    if options.tables.is_empty() {
        return Err(refuse(
            "tables = []",
            "matches no table, write tables = \".*\" for all".to_owned(),
        ));
    }
    let mut tables = Vec::new();
    for text in &options.tables {
        if text.is_empty() {
            return Err(FilterError::EmptyName {
                key,
                rule: "".into(),
                part: "expression",
            });
        }
        tables.push(expression::compile(key, text, fold)?);
    }
    let condition = match &options.condition {
        None => None,
        Some(text) => match Expression::parse(text) {
            Ok(expression) => Some((text.as_str().into(), expression)),
            Err(error) => return Err(refuse(text, format!("is no condition, {error}"))),
        },
    };
    let ops = match options.ops.as_deref() {
        None => Ops::ALL,
        Some([]) => {
            return Err(refuse("ops = []", "publishes nothing, write ops = [\"c\", \"u\", \"d\"] for all, or tables-exclude to leave tables out".to_owned()));
        }
        Some(ops) => Ops::of(ops),
    };
    if condition.is_none() && options.ops.is_none() {
        let text = options.tables.join(", ");
        return Err(refuse(
            &text,
            "has neither where nor ops, write one of them".to_owned(),
        ));
    }
    Ok(RowRule {
        tables,
        condition,
        ops,
        place: options.place.as_deref().map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;
    use crate::row::{Cell, Column, ColumnType};

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
        let below = "[[rows]]\ntables = ['x', '.*orders']\nwhere = 'id < 9'\nops = ['c', 'u']\n";
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
            "[[rows]]\ntables = 'orders'\nwhere = 'id > 3'\n",
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
            "[[rows]]\ntables = '('\nwhere = 'id > 3'\n[[rows]]\ntables = 'a'\nwhere = 'id >'\n\
             [[rows]]\ntables = 'a'\nops = []\n[[rows]]\ntables = 'a'\nwhere = 'a = 1'\n[[rows]]\ntables = []\nops = ['c']\n",
        );
        let mistakes = RowRules::mistakes(&options);
        let places: Vec<_> = mistakes
            .iter()
            .map(|(entry, key, _)| (*entry, *key))
            .collect();
        assert_eq!(
            places,
            [(0, "tables"), (1, "where"), (2, "ops"), (4, "tables")]
        );
        for (mistake, part) in mistakes.iter().zip([
            "(",
            "at character 5",
            "publishes nothing",
            "matches no table",
        ]) {
            let text = mistake.2.to_string();
            assert!(text.contains(part), "{text}");
        }
    }
}
