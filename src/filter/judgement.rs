//! The evaluation: a name, or what a statement names, taken through the stages in their order.

use super::options::DdlFilter;
use super::rules::{DoAndIgnore, Rewrite, Rules, SYSTEM_DATABASES, rule};
use super::shadow::is_shadow_table;
use super::verdict::{Decision, Rule, RuleKey, Stage, Verdict, VerdictReason};
use super::wildcard::Pattern;
use crate::mysql::Flavour;
use crate::row::TableName;

/// What a replica looks at in a statement, names as it reads them: the default database renamed by `replicate-rewrite-db`
/// and filled in, names with a database of their own as they are written.
#[derive(Clone, Copy, Debug)]
pub struct ReplicatedStatement<'a> {
    /// The default database, renamed; empty for none.
    pub default_database: &'a str,
    /// The database that the statement makes, changes or drops.
    pub database: Option<&'a str>,
    /// The tables and views that it changes, in the order of the text.
    pub tables: &'a [&'a TableName],
}

impl Rules {
    /// Judges the rows of a table by the name in its table map. Allocates; called once per new table map.
    pub fn table(&self, database: &str, table: &str) -> Verdict {
        let mut judgement = self.open(database, table);
        judgement.shadow_tables();
        judgement.patterns();
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
    /// Patterns, and the wildcard rules, are consulted with `database.` as the name; the wildcard rules by MariaDB always,
    /// by MySQL only without database rules.
    pub fn database(&self, database: &str) -> Verdict {
        let mut judgement = self.open(database, "");
        judgement.patterns();
        if judgement.database_rules() && self.asks_wildcards_on_databases() {
            judgement.wildcard_rules_on_database();
        }
        judgement.verdict
    }

    /// Judges a statement as a replica does: by its default database, then by all the tables it changes together.
    ///
    /// A replica has neither the system stage nor patterns. Here they come first, and a statement passes them if one of the
    /// objects that it names does.
    pub fn statement(&self, statement: &ReplicatedStatement<'_>) -> Verdict {
        let mut judgement = self.own_stages(statement);
        judgement.rename(TableName::new(statement.default_database, ""));
        if !judgement.database_rules() {
            return judgement.verdict;
        }
        if let Some(database) = statement.database {
            // Its default database is the one that it is about, renamed. MariaDB asks about its name as written too.
            if self.flavour == Flavour::MariaDb {
                judgement.rename(TableName::new(database, ""));
                judgement.database_rules();
            }
            if self.asks_wildcards_on_databases() {
                judgement.wildcard_rules_on_database();
            }
        } else if !statement.tables.is_empty() && self.has_table_rules() {
            judgement.table_rules_on(statement.tables);
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

    /// The name under which `replicate-rewrite-db` publishes a database.
    pub fn renamed<'a>(&'a self, database: &'a str) -> &'a str {
        self.rewrite_of(database)
            .map_or(database, |rewrite| &rewrite.to)
    }

    fn rewrite_of(&self, database: &str) -> Option<&Rewrite> {
        let mut rewrites = self.rewrites.iter();
        rewrites.find(|rewrite| self.database_fold.same(&rewrite.from, database))
    }

    /// Whether statements are judged as a replica does.
    pub fn judges_as_replica(&self) -> bool {
        self.ddl_filter == DdlFilter::AsMysqld
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
        let rewrite = self.rewrite_of(database);
        let published = rewrite.map_or(database, |rewrite| &rewrite.to);
        let mut judgement = self.begin(TableName::new(published, table));
        judgement.verdict.rewrite = rewrite.map(|rewrite| rewrite.rule.clone());
        judgement.system_database(database);
        judgement
    }

    fn begin(&self, published: TableName) -> Judgement<'_> {
        Judgement {
            rules: self,
            verdict: Verdict {
                keep: true,
                published,
                rewrite: None,
                stages: Vec::with_capacity(2),
            },
        }
    }

    /// The stages that a replica lacks: the judgement of the first object that passes them, else of the first.
    fn own_stages(&self, statement: &ReplicatedStatement<'_>) -> Judgement<'_> {
        let database = statement
            .database
            .map(|database| TableName::new(database, ""));
        let mut rejected = None;
        for name in statement.tables.iter().copied().chain(&database) {
            let mut judgement = self.begin(name.clone());
            judgement.system_database(&name.database);
            judgement.patterns();
            if judgement.verdict.keep {
                return judgement;
            }
            rejected.get_or_insert(judgement);
        }
        rejected.unwrap_or_else(|| self.begin(TableName::new("", "")))
    }

    /// MariaDB asks them always, MySQL only where there are no rules on databases.
    fn asks_wildcards_on_databases(&self) -> bool {
        self.databases.is_empty() || self.flavour == Flavour::MariaDb
    }

    fn has_table_rules(&self) -> bool {
        !self.tables.is_empty() || !self.wild_tables.is_empty()
    }
}

/// A verdict in the making.
struct Judgement<'a> {
    rules: &'a Rules,
    verdict: Verdict,
}

impl Judgement<'_> {
    /// Goes on with another name.
    fn rename(&mut self, name: TableName) {
        self.verdict.published = name;
    }

    /// The system stage, by the name on the source and the published one.
    fn system_database(&mut self, database: &str) {
        let rules = self.rules;
        let same = |one: &str, other: &str| rules.database_fold.same(one, other);
        if !SYSTEM_DATABASES.iter().any(|system| same(system, database)) {
            return;
        }
        let published = &self.verdict.published.database;
        let mut named = rules.named.iter();
        if !named.any(|named| same(named, database) || same(named, published)) {
            self.decide(Stage::System, false, VerdictReason::SystemDatabase);
        }
    }

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

    /// The pattern stage: `tables-exclude` rejects, and beside `tables-include` all others are rejected.
    fn patterns(&mut self) {
        let patterns = &self.rules.patterns;
        if !self.verdict.keep || patterns.is_empty() {
            return;
        }
        let name = self.verdict.published.to_string();
        let matching = |list: &[(Rule, regex::Regex)]| {
            let mut list = list.iter();
            let found = list.find(|(_, pattern)| pattern.is_match(&name))?;
            Some(VerdictReason::Matched(found.0.clone()))
        };
        let (pass, reason) = if let Some(rule) = matching(&patterns.ignore_rules) {
            (false, rule)
        } else if let Some(rule) = matching(&patterns.do_rules) {
            (true, rule)
        } else if patterns.do_rules.is_empty() {
            (true, VerdictReason::NotNamed(vec![RuleKey::TablesExclude]))
        } else {
            (false, VerdictReason::NotNamed(vec![RuleKey::TablesInclude]))
        };
        self.decide(Stage::Pattern, pass, reason);
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
        // A statement without a default database passes whatever the rules are.
        let (pass, reason) = if rules.databases.is_empty() || database.is_empty() {
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
        let name = self.verdict.published.clone();
        self.table_rules_on(&[&name]);
    }

    /// The table stage: of several tables the first that any rule matches decides for all.
    fn table_rules_on(&mut self, tables: &[&TableName]) {
        let rules = self.rules;
        for table in tables {
            let name = table.to_string();
            let exact = |list: &[Rule]| {
                list.iter()
                    .find(|rule| rules.table_fold.same(&rule.text, &name))
                    .cloned()
            };
            let (pass, rule) = if let Some(rule) = exact(&rules.tables.do_rules) {
                (true, rule)
            } else if let Some(rule) = exact(&rules.tables.ignore_rules) {
                (false, rule)
            } else if let Some(rule) = wild(&rules.wild_tables.do_rules, &name) {
                (true, rule)
            } else if let Some(rule) = wild(&rules.wild_tables.ignore_rules, &name) {
                (false, rule)
            } else {
                continue;
            };
            self.rename((*table).clone());
            self.decide(Stage::Table, pass, VerdictReason::Matched(rule));
            return;
        }
        let without_do = rules.tables.do_rules.is_empty() && rules.wild_tables.do_rules.is_empty();
        self.decide(Stage::Table, without_do, self.no_table_matched());
    }

    fn wildcard_rules_on_database(&mut self) {
        if !self.verdict.keep {
            return;
        }
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

impl<R> DoAndIgnore<R> {
    fn is_empty(&self) -> bool {
        self.do_rules.is_empty() && self.ignore_rules.is_empty()
    }
}

fn wild(list: &[(Rule, Pattern)], name: &str) -> Option<Rule> {
    list.iter()
        .find(|(_, pattern)| pattern.matches(name))
        .map(|(rule, _)| rule.clone())
}
