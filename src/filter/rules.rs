//! The rules compiled, and the evaluation.

use super::fold::Fold;
use super::options::{Case, DdlFilter, FilterOptions, ShadowTables};
use super::shadow::is_shadow_table;
use super::unknown::{UnknownOptions, UnknownRules};
use super::verdict::{Decision, Rule, RuleKey, Stage, Verdict, VerdictReason};
use super::wildcard::{self, Pattern};
use crate::failure::Class;
use crate::mysql::Flavour;
use crate::row::TableName;

const SYSTEM_DATABASES: [&str; 4] = ["mysql", "sys", "performance_schema", "information_schema"];

/// The compiled rules of a connector.
#[derive(Clone, Debug)]
pub struct Rules {
    flavour: Flavour,
    database_fold: Fold,
    table_fold: Fold,
    rewrites: Vec<Rewrite>,
    databases: DoAndIgnore<Rule>,
    tables: DoAndIgnore<Rule>,
    wild_tables: DoAndIgnore<(Rule, Pattern)>,
    /// The databases that do rules name literally.
    named: Vec<Box<str>>,
    same_server_id: bool,
    drops_shadow_tables: bool,
}

/// Rules of one kind: those that publish and those that reject.
#[derive(Clone, Debug)]
struct DoAndIgnore<R> {
    do_rules: Vec<R>,
    ignore_rules: Vec<R>,
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// A rule on tables without a dot.
    #[error("{key} = \"{rule}\" has no dot, write it as \"database.table\"{}", wild_hint(*.key, .rule))]
    NoDot {
        /// Where it is written.
        key: RuleKey,
        /// The rule.
        rule: Box<str>,
    },
    /// A name that is empty, or a side of the dot or the arrow that is.
    #[error("{key} = \"{rule}\" has an empty {part}, {}", empty_hint(*.key))]
    EmptyName {
        /// Where it is written.
        key: RuleKey,
        /// The rule.
        rule: Box<str>,
        /// What is empty.
        part: &'static str,
    },
    /// A rewrite rule without an arrow.
    #[error("{key} = \"{rule}\" has no arrow, write it as \"from->to\"", key = RuleKey::RewriteDb)]
    NoArrow {
        /// The rule.
        rule: Box<str>,
    },
    /// A way of judging statements that this version does not have.
    #[error("ddl-filter = \"as_mysqld\" is not available yet, use \"by_object\"")]
    AsMysqldNotAvailable,
}

impl FilterError {
    /// What the mistake means; a command that takes rules from its arguments says otherwise.
    pub fn class(&self) -> Class {
        Class::Configuration
    }

    /// The key of the section under which the mistake is.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoDot { key, .. } | Self::EmptyName { key, .. } => key.as_str(),
            Self::NoArrow { .. } => RuleKey::RewriteDb.as_str(),
            Self::AsMysqldNotAvailable => "ddl-filter",
        }
    }

    /// The rule that is wrong, where the mistake is in one.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::NoDot { rule, .. } | Self::EmptyName { rule, .. } | Self::NoArrow { rule } => {
                Some(rule)
            }
            Self::AsMysqldNotAvailable => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Rewrite {
    rule: Rule,
    from: Box<str>,
    to: Box<str>,
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
        if options.ddl_filter == DdlFilter::AsMysqld {
            return Err(FilterError::AsMysqldNotAvailable);
        }
        let (database_fold, table_fold) = folds(options.case, flavour, lower_case_table_names);
        let mut rules = Self {
            flavour,
            database_fold,
            table_fold,
            rewrites: compile_rewrites(&options.replicate_rewrite_db)?,
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
            same_server_id: options.same_server_id,
            drops_shadow_tables: options.shadow_tables == ShadowTables::Drop,
        };
        rules.named = rules.literally_named();
        Ok(rules)
    }

    /// Everything that is wrong with rules, where [`Rules::compile`] stops at the first.
    pub fn mistakes(options: &FilterOptions) -> Vec<FilterError> {
        let mut mistakes = Vec::new();
        if options.ddl_filter == DdlFilter::AsMysqld {
            mistakes.push(FilterError::AsMysqldNotAvailable);
        }
        for rule in options.replicate_rewrite_db.chunks(1) {
            mistakes.extend(compile_rewrites(rule).err());
        }
        for (key, rules) in [
            (RuleKey::DoDb, &options.replicate_do_db),
            (RuleKey::IgnoreDb, &options.replicate_ignore_db),
        ] {
            for rule in rules.chunks(1) {
                mistakes.extend(compile_databases(key, rule).err());
            }
        }
        for (key, rules) in [
            (RuleKey::DoTable, &options.replicate_do_table),
            (RuleKey::IgnoreTable, &options.replicate_ignore_table),
            (RuleKey::WildDoTable, &options.replicate_wild_do_table),
            (
                RuleKey::WildIgnoreTable,
                &options.replicate_wild_ignore_table,
            ),
        ] {
            for rule in rules.chunks(1) {
                mistakes.extend(compile_tables(key, rule).err());
            }
        }
        mistakes
    }

    /// Compiles what becomes of tables whose definition is not known; names are compared as in the rules on tables.
    pub fn on_unknown(&self, options: &UnknownOptions) -> UnknownRules {
        options.compile(self.table_fold)
    }

    /// Whether events with the connector's own `server_id` are published.
    pub fn same_server_id(&self) -> bool {
        self.same_server_id
    }

    /// Judges the rows of a table by the name in its table map. Allocates; called once per new table map.
    pub fn table(&self, database: &str, table: &str) -> Verdict {
        let mut judgement = self.open(database, table);
        judgement.shadow_tables();
        if judgement.database_rules() {
            judgement.table_rules();
        }
        judgement.verdict
    }

    /// Judges a statement by the tables it names: the verdict of the first that is kept, else of the first. `None` if
    /// there are none.
    pub fn tables<'a>(&self, names: impl IntoIterator<Item = &'a TableName>) -> Option<Verdict> {
        let mut rejected = None;
        for name in names {
            let verdict = self.table(&name.database, &name.table);
            if verdict.keep {
                return Some(verdict);
            }
            rejected.get_or_insert(verdict);
        }
        rejected
    }

    /// Judges a statement on a whole database, or on something in it that is not a table.
    ///
    /// The wildcard rules are consulted with `database.` as the name: by MariaDB always, by MySQL only without database
    /// rules.
    pub fn database(&self, database: &str) -> Verdict {
        let mut judgement = self.open(database, "");
        if judgement.database_rules() {
            let no_database_rules =
                self.databases.do_rules.is_empty() && self.databases.ignore_rules.is_empty();
            if no_database_rules || self.flavour == Flavour::MariaDb {
                judgement.wildcard_rules_on_database();
            }
        }
        judgement.verdict
    }

    /// Whether a database that a statement names is published under another name. A server that takes names in any case may
    /// have this one in another case than the statement.
    pub fn is_renamed(&self, database: &str) -> bool {
        let folded = database.to_lowercase();
        self.rewrites
            .iter()
            .any(|rewrite| rewrite.from != rewrite.to && rewrite.from.to_lowercase() == folded)
    }

    /// Judges a statement that does not say what it acts on: kept, for nothing says that a rule rejects it.
    pub fn unnamed(&self) -> Verdict {
        Verdict {
            keep: true,
            published: TableName::new("", ""),
            rewrite: None,
            stages: vec![Decision {
                stage: Stage::Table,
                pass: true,
                reason: VerdictReason::NothingNamed,
            }],
        }
    }

    /// Renames the database and asks the system stage.
    fn open(&self, database: &str, table: &str) -> Judgement<'_> {
        let rewrite = self
            .rewrites
            .iter()
            .find(|rewrite| self.database_fold.same(&rewrite.from, database));
        let published = rewrite.map_or(database, |rewrite| &rewrite.to);
        let mut judgement = Judgement {
            rules: self,
            verdict: Verdict {
                keep: true,
                published: TableName::new(published, table),
                rewrite: rewrite.map(|rewrite| rewrite.rule.clone()),
                stages: Vec::with_capacity(2),
            },
        };
        if SYSTEM_DATABASES
            .iter()
            .any(|system| self.database_fold.same(system, database))
        {
            let named = self.named.iter().any(|named| {
                self.database_fold.same(named, database)
                    || self.database_fold.same(named, published)
            });
            if !named {
                judgement.decide(Stage::System, false, VerdictReason::SystemDatabase);
            }
        }
        judgement
    }

    fn literally_named(&self) -> Vec<Box<str>> {
        let databases = self.databases.do_rules.iter().map(|rule| rule.text.clone());
        let tables = self
            .tables
            .do_rules
            .iter()
            .filter_map(|rule| Some(rule.text.split_once('.')?.0.into()));
        let patterns = self
            .wild_tables
            .do_rules
            .iter()
            .filter_map(|(rule, _)| Some(wildcard::literal_database(&rule.text)?.into()));
        databases.chain(tables).chain(patterns).collect()
    }
}

/// A verdict in the making.
struct Judgement<'a> {
    rules: &'a Rules,
    verdict: Verdict,
}

impl Judgement<'_> {
    fn shadow_tables(&mut self) {
        let rules = self.rules;
        let published = &self.verdict.published;
        if !self.verdict.keep || !rules.drops_shadow_tables || !is_shadow_table(&published.table) {
            return;
        }
        let name = published.to_string();
        let named = |rule: &Rule| rules.table_fold.same(&rule.text, &name);
        if !rules.tables.do_rules.iter().any(named) {
            let rule = rule(RuleKey::ShadowTables, "drop");
            self.decide(Stage::Shadow, false, VerdictReason::Matched(rule));
        }
    }

    /// The database stage. Returns whether the stages after it are to be asked.
    fn database_rules(&mut self) -> bool {
        if !self.verdict.keep {
            return false;
        }
        let rules = self.rules;
        let database = &self.verdict.published.database;
        let matched = |list: &[Rule]| {
            list.iter()
                .find(|rule| rules.database_fold.same(&rule.text, database))
                .cloned()
        };
        let no_rules =
            rules.databases.do_rules.is_empty() && rules.databases.ignore_rules.is_empty();
        // A statement without a default database passes whatever the rules are.
        let (pass, reason) = if no_rules || database.is_empty() {
            (true, VerdictReason::NoRules)
        } else if rules.databases.do_rules.is_empty() {
            match matched(&rules.databases.ignore_rules) {
                Some(rule) => (false, VerdictReason::Matched(rule)),
                None => (true, VerdictReason::NotNamed(vec![RuleKey::IgnoreDb])),
            }
        } else {
            match matched(&rules.databases.do_rules) {
                Some(rule) => (true, VerdictReason::Matched(rule)),
                None => (false, VerdictReason::NotNamed(vec![RuleKey::DoDb])),
            }
        };
        self.decide(Stage::Database, pass, reason)
    }

    fn table_rules(&mut self) {
        let rules = self.rules;
        let name = self.verdict.published.to_string();
        let exact = |list: &[Rule]| {
            list.iter()
                .find(|rule| rules.table_fold.same(&rule.text, &name))
                .cloned()
        };
        let (pass, reason) = if let Some(rule) = exact(&rules.tables.do_rules) {
            (true, VerdictReason::Matched(rule))
        } else if let Some(rule) = exact(&rules.tables.ignore_rules) {
            (false, VerdictReason::Matched(rule))
        } else if let Some(rule) = wild(&rules.wild_tables.do_rules, &name) {
            (true, VerdictReason::Matched(rule))
        } else if let Some(rule) = wild(&rules.wild_tables.ignore_rules, &name) {
            (false, VerdictReason::Matched(rule))
        } else {
            let without_do =
                rules.tables.do_rules.is_empty() && rules.wild_tables.do_rules.is_empty();
            (without_do, self.no_table_matched())
        };
        self.decide(Stage::Table, pass, reason);
    }

    fn wildcard_rules_on_database(&mut self) {
        let rules = self.rules;
        let name = format!("{}.", self.verdict.published.database);
        let (pass, reason) = if let Some(rule) = wild(&rules.wild_tables.do_rules, &name) {
            (true, VerdictReason::Matched(rule))
        } else if let Some(rule) = wild(&rules.wild_tables.ignore_rules, &name) {
            (false, VerdictReason::Matched(rule))
        } else if !rules.wild_tables.do_rules.is_empty() {
            (false, VerdictReason::NotNamed(vec![RuleKey::WildDoTable]))
        } else if !rules.wild_tables.ignore_rules.is_empty() {
            (
                true,
                VerdictReason::NotNamed(vec![RuleKey::WildIgnoreTable]),
            )
        } else {
            (true, VerdictReason::NoRules)
        };
        self.decide(Stage::Table, pass, reason);
    }

    /// Without a match the do rules decide if there are any, so only they are named then.
    fn no_table_matched(&self) -> VerdictReason {
        let rules = self.rules;
        let present = |keys: [(RuleKey, bool); 2]| -> Vec<RuleKey> {
            let with_rules = keys.into_iter().filter(|(_, empty)| !empty);
            with_rules.map(|(key, _)| key).collect()
        };
        let do_keys = present([
            (RuleKey::DoTable, rules.tables.do_rules.is_empty()),
            (RuleKey::WildDoTable, rules.wild_tables.do_rules.is_empty()),
        ]);
        let ignore_keys = present([
            (RuleKey::IgnoreTable, rules.tables.ignore_rules.is_empty()),
            (
                RuleKey::WildIgnoreTable,
                rules.wild_tables.ignore_rules.is_empty(),
            ),
        ]);
        match (do_keys.is_empty(), ignore_keys.is_empty()) {
            (false, _) => VerdictReason::NotNamed(do_keys),
            (true, false) => VerdictReason::NotNamed(ignore_keys),
            (true, true) => VerdictReason::NoRules,
        }
    }

    fn decide(&mut self, stage: Stage, pass: bool, reason: VerdictReason) -> bool {
        self.verdict.keep = pass;
        self.verdict.stages.push(Decision {
            stage,
            pass,
            reason,
        });
        pass
    }
}

fn wild(list: &[(Rule, Pattern)], name: &str) -> Option<Rule> {
    list.iter()
        .find(|(_, pattern)| pattern.matches(name))
        .map(|(rule, _)| rule.clone())
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

fn with_patterns(rules: Vec<Rule>, fold: Fold) -> Vec<(Rule, Pattern)> {
    rules
        .into_iter()
        .map(|rule| {
            let pattern = Pattern::new(&rule.text, fold);
            (rule, pattern)
        })
        .collect()
}

fn rule(key: RuleKey, text: &str) -> Rule {
    Rule {
        key,
        text: text.into(),
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

fn wild_hint(key: RuleKey, rule: &str) -> String {
    match key {
        RuleKey::WildDoTable | RuleKey::WildIgnoreTable => {
            format!(", or \"{rule}.%\" for a whole database")
        }
        RuleKey::DoTable => {
            format!(", or use replicate-wild-do-table = \"{rule}.%\" for a whole database")
        }
        RuleKey::IgnoreTable => {
            format!(", or use replicate-wild-ignore-table = \"{rule}.%\" for a whole database")
        }
        RuleKey::DoDb | RuleKey::IgnoreDb | RuleKey::RewriteDb | RuleKey::ShadowTables => {
            String::new()
        }
    }
}

fn empty_hint(key: RuleKey) -> &'static str {
    match key {
        RuleKey::DoDb | RuleKey::IgnoreDb => "write a database's name or leave the rule out",
        RuleKey::DoTable | RuleKey::IgnoreTable => "write it as \"database.table\"",
        RuleKey::WildDoTable | RuleKey::WildIgnoreTable => "write % for any name",
        RuleKey::RewriteDb => "write it as \"from->to\"",
        RuleKey::ShadowTables => "write \"drop\" or \"keep\"",
    }
}
