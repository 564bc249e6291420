//! The rules compiled.

use super::columns::ColumnRules;
use super::error::FilterError;
use super::expression;
use super::fold::Fold;
use super::options::{Case, DdlFilter, FilterOptions, ShadowTables};
use super::row_rules::RowRules;
use super::unknown::{UnknownOptions, UnknownRules};
use super::verdict::{Rule, RuleKey};
use super::wildcard::{self, Pattern};
use crate::mysql::Flavour;

/// The databases that belong to the server.
pub const SYSTEM_DATABASES: [&str; 4] =
    ["mysql", "sys", "performance_schema", "information_schema"];

/// The compiled rules of a connector.
#[derive(Clone, Debug)]
pub struct Rules {
    pub(super) flavour: Flavour,
    pub(super) database_fold: Fold,
    pub(super) table_fold: Fold,
    pub(super) rewrites: Vec<Rewrite>,
    pub(super) patterns: DoAndIgnore<(Rule, regex::Regex)>,
    pub(super) databases: DoAndIgnore<Rule>,
    pub(super) tables: DoAndIgnore<Rule>,
    pub(super) wild_tables: DoAndIgnore<(Rule, Pattern)>,
    /// The databases that do rules name literally.
    pub(super) named: Vec<Box<str>>,
    pub(super) drops_shadow_tables: bool,
    pub(super) ddl_filter: DdlFilter,
    columns: ColumnRules,
    same_server_id: bool,
    rows: RowRules,
}

/// Rules of one kind: those that publish and those that reject.
#[derive(Clone, Debug)]
pub(super) struct DoAndIgnore<R> {
    pub(super) do_rules: Vec<R>,
    pub(super) ignore_rules: Vec<R>,
}

#[derive(Clone, Debug)]
pub(super) struct Rewrite {
    pub(super) rule: Rule,
    pub(super) from: Box<str>,
    pub(super) to: Box<str>,
}

impl Rules {
    /// Compiles the rules for a source of this flavour and `lower_case_table_names`.
    ///
    /// # Errors
    /// The first rule that a server would refuse too, or that can match nothing, with its fix.
    pub fn compile(
        options: &FilterOptions,
        flavour: Flavour,
        lower_case_table_names: u8,
    ) -> Result<Self, FilterError> {
        let (database_fold, table_fold) = folds(options.case, flavour, lower_case_table_names);
        let mut rules = Self {
            flavour,
            database_fold,
            table_fold,
            rewrites: compile_rewrites(&options.replicate_rewrite_db)?,
            patterns: DoAndIgnore {
                do_rules: compile_expressions(
                    RuleKey::TablesInclude,
                    &options.tables_include,
                    table_fold,
                )?,
                ignore_rules: compile_expressions(
                    RuleKey::TablesExclude,
                    &options.tables_exclude,
                    table_fold,
                )?,
            },
            databases: DoAndIgnore {
                do_rules: compile_databases(RuleKey::DoDb, &options.replicate_do_db)?,
                ignore_rules: compile_databases(RuleKey::IgnoreDb, &options.replicate_ignore_db)?,
            },
            tables: DoAndIgnore {
                do_rules: compile_tables(RuleKey::DoTable, &options.replicate_do_table)?,
                ignore_rules: compile_tables(
                    RuleKey::IgnoreTable,
                    &options.replicate_ignore_table,
                )?,
            },
            wild_tables: DoAndIgnore {
                do_rules: with_patterns(
                    compile_tables(RuleKey::WildDoTable, &options.replicate_wild_do_table)?,
                    table_fold,
                ),
                ignore_rules: with_patterns(
                    compile_tables(
                        RuleKey::WildIgnoreTable,
                        &options.replicate_wild_ignore_table,
                    )?,
                    table_fold,
                ),
            },
            named: Vec::new(),
            ddl_filter: options.ddl_filter,
            columns: ColumnRules::compile(options)?,
            same_server_id: options.same_server_id,
            rows: RowRules::compile(options, table_fold)?,
            drops_shadow_tables: options.shadow_tables == ShadowTables::Drop,
        };
        rules.named = rules.literally_named();
        Ok(rules)
    }

    /// Everything that is wrong with rules, where [`Rules::compile`] stops at the first; [`RowRules::mistakes`] has what is wrong
    /// with those on rows.
    pub fn mistakes(options: &FilterOptions) -> Vec<FilterError> {
        let mut mistakes = Vec::new();
        for (key, rules) in options.pattern_lists() {
            for rule in rules.chunks(1) {
                mistakes.extend(compile_expressions(key, rule, Fold::Bytes).err());
            }
        }
        for rule in options.replicate_rewrite_db.chunks(1) {
            mistakes.extend(compile_rewrites(rule).err());
        }
        for (key, rules) in options.database_lists() {
            for rule in rules.chunks(1) {
                mistakes.extend(compile_databases(key, rule).err());
            }
        }
        for (key, rules) in options.table_lists() {
            for rule in rules.chunks(1) {
                mistakes.extend(compile_tables(key, rule).err());
            }
        }
        mistakes.extend(ColumnRules::mistakes(options));
        mistakes
    }

    /// The rules on columns.
    pub fn columns(&self) -> &ColumnRules {
        &self.columns
    }

    /// Compiles what becomes of tables whose definition is not known; names are compared as in the rules on tables.
    pub fn on_unknown(&self, options: &UnknownOptions) -> UnknownRules {
        options.compile(self.table_fold)
    }

    /// The rules on rows.
    pub fn rows(&self) -> &RowRules {
        &self.rows
    }

    /// Whether events with the connector's own `server_id` are published.
    pub fn same_server_id(&self) -> bool {
        self.same_server_id
    }

    fn literally_named(&self) -> Vec<Box<str>> {
        let databases = self.databases.do_rules.iter().map(|rule| rule.text.clone());
        let tables = self
            .tables
            .do_rules
            .iter()
            .filter_map(|rule| Some(rule.text.split_once('.')?.0.into()));
        let wild_tables = self
            .wild_tables
            .do_rules
            .iter()
            .filter_map(|(rule, _)| Some(wildcard::literal_database(&rule.text)?.into()));
        let patterns = self
            .patterns
            .do_rules
            .iter()
            .filter_map(|(rule, _)| Some(rule.text.split_once("\\.")?.0.into()));
        databases
            .chain(tables)
            .chain(wild_tables)
            .chain(patterns)
            .collect()
    }
}

/// How databases and how tables are compared.
fn folds(case: Case, flavour: Flavour, lower_case_table_names: u8) -> (Fold, Fold) {
    match (case, flavour, lower_case_table_names) {
        (Case::Sensitive, _, _) | (Case::Server, Flavour::MySql, 0) => (Fold::Bytes, Fold::Bytes),
        (Case::Insensitive, _, _) | (Case::Server, Flavour::MySql, _) => (Fold::Lower, Fold::Lower),
        (Case::Server, Flavour::MariaDb, _) => (Fold::Bytes, Fold::General),
    }
}

fn compile_databases(key: RuleKey, texts: &[String]) -> Result<Vec<Rule>, FilterError> {
    texts
        .iter()
        .map(|text| {
            not_empty(key, text, text, "name")?;
            Ok(rule(key, text))
        })
        .collect()
}

fn compile_tables(key: RuleKey, texts: &[String]) -> Result<Vec<Rule>, FilterError> {
    texts
        .iter()
        .map(|text| {
            let Some((database, table)) = text.split_once('.') else {
                return Err(FilterError::NoDot {
                    key,
                    rule: text.as_str().into(),
                });
            };
            not_empty(key, text, database, "database")?;
            not_empty(key, text, table, "table")?;
            Ok(rule(key, text))
        })
        .collect()
}

fn compile_rewrites(texts: &[String]) -> Result<Vec<Rewrite>, FilterError> {
    let key = RuleKey::RewriteDb;
    texts
        .iter()
        .map(|text| {
            let Some((from, to)) = text.split_once("->") else {
                return Err(FilterError::NoArrow {
                    rule: text.as_str().into(),
                });
            };
            let (from, to) = (from.trim(), to.trim());
            not_empty(key, text, from, "left side")?;
            not_empty(key, text, to, "right side")?;
            Ok(Rewrite {
                rule: rule(key, text),
                from: from.into(),
                to: to.into(),
            })
        })
        .collect()
}

fn compile_expressions(
    key: RuleKey,
    texts: &[String],
    fold: Fold,
) -> Result<Vec<(Rule, regex::Regex)>, FilterError> {
    texts
        .iter()
        .map(|text| {
            not_empty(key, text, text, "expression")?;
            Ok((rule(key, text), expression::compile(key, text, fold)?))
        })
        .collect()
}

fn with_patterns(rules: Vec<Rule>, fold: Fold) -> Vec<(Rule, Pattern)> {
    rules
        .into_iter()
        .map(|rule| {
            let pattern = Pattern::new(&rule.text, fold);
            (rule, pattern)
        })
        .collect()
}

/// A rule as written.
pub(super) fn rule(key: RuleKey, text: &str) -> Rule {
    Rule {
        key,
        text: text.into(),
        place: None,
    }
}

fn not_empty(key: RuleKey, rule: &str, value: &str, part: &'static str) -> Result<(), FilterError> {
    if value.is_empty() {
        return Err(FilterError::EmptyName {
            key,
            rule: rule.into(),
            part,
        });
    }
    Ok(())
}
