//! Rules that other rules keep from ever deciding, or that undo each other. They stay in force, as on a server. Pure.
//!
//! Names are compared as they are written: what only a server's `lower_case_table_names` tells is not told here.

use std::borrow::Cow;

use super::doubts::{Doubt, odd};
use super::fold::Fold;
use super::rules::SYSTEM_DATABASES;
use super::wildcard::{Pattern, literal_database};
use super::{FilterOptions, RuleKey};

impl FilterOptions {
    /// The rules that hardly mean what they say, and those that others hide or undo.
    pub fn doubts(&self) -> Vec<Doubt> {
        odd(self).into_iter().chain(conflicts(self)).collect()
    }
}

/// The rules that never decide anything, and those that rename or publish what they hardly mean.
fn conflicts(options: &FilterOptions) -> Vec<Doubt> {
    let found = Found {
        options,
        doubts: Vec::new(),
    };
    found.look()
}

struct Found<'a> {
    options: &'a FilterOptions,
    doubts: Vec<Doubt>,
}

impl Found<'_> {
    fn look(mut self) -> Vec<Doubt> {
        self.repeated();
        self.databases();
        self.renamed();
        self.tables();
        self.wildcards();
        self.patterns();
        self.of_the_server();
        self.doubts
    }

    fn add(&mut self, key: RuleKey, rule: &str, why: impl Into<Cow<'static, str>>) {
        let doubt = Doubt {
            key,
            rule: rule.into(),
            why: why.into(),
        };
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }

    fn repeated(&mut self) {
        let options = self.options;
        let lists = options.table_lists().into_iter();
        let lists = lists.chain(options.database_lists());
        for (key, rules) in lists.chain(options.pattern_lists()) {
            for (index, rule) in rules.iter().enumerate() {
                if rules.iter().take(index).any(|earlier| earlier == rule) {
                    self.add(key, rule, "is written twice, remove one");
                }
            }
        }
    }

    fn databases(&mut self) {
        let options = self.options;
        if options.replicate_do_db.is_empty() {
            return;
        }
        for rule in &options.replicate_ignore_db {
            let why = "is never asked: beside replicate-do-db only those databases are published, remove it";
            self.add(RuleKey::IgnoreDb, rule, why);
        }
    }

    /// Rules on names that nothing has any more when they are asked.
    fn renamed(&mut self) {
        let options = self.options;
        let rewrites: Vec<(&str, &str, &str)> = options
            .replicate_rewrite_db
            .iter()
            .filter_map(|rule| {
                let (from, to) = rule.split_once("->")?;
                Some((rule.as_str(), from.trim(), to.trim()))
            })
            .collect();
        for (index, (rule, from, to)) in rewrites.iter().enumerate() {
            let mut earlier = rewrites.iter().take(index);
            if earlier.any(|(_, other, _)| other == from) {
                let why = "is never asked: an earlier rule renames the same database, remove one of the two";
                self.add(RuleKey::RewriteDb, rule, why);
                continue;
            }
            if !passes(options, to) {
                let why = format!(
                    "publishes nothing: the rules on databases see the new name and leave {to} out, add it to replicate-do-db or \
                     take it out of replicate-ignore-db"
                );
                self.add(RuleKey::RewriteDb, rule, why);
            }
        }
        // What another rule makes of a name that this one takes away.
        let renamed = |database: &str| {
            let to = rewrites.iter().find(|(_, from, _)| *from == database)?.2;
            let is_made = rewrites.iter().any(|(_, _, to)| *to == database);
            (!is_made).then(|| to.to_owned())
        };
        for (key, rules) in options.database_lists() {
            for rule in rules {
                if let Some(to) = renamed(rule) {
                    self.add(key, rule, never_sees(&to));
                }
            }
        }
        for (key, rules) in options.table_lists() {
            for rule in rules {
                let database = database_of(key, rule);
                if let Some(to) = database.and_then(|database| renamed(&database)) {
                    self.add(key, rule, never_sees(&to));
                }
            }
        }
    }

    /// Rules on tables whose database is left out before they are asked, and tables that are in two lists.
    fn tables(&mut self) {
        let options = self.options;
        for (key, rules) in options.table_lists() {
            for rule in rules {
                let Some(database) = database_of(key, rule) else {
                    continue;
                };
                if !passes(options, &database) {
                    let why = format!(
                        "is never asked: the rules on databases leave {database} out before, add it to replicate-do-db or take it \
                         out of replicate-ignore-db"
                    );
                    self.add(key, rule, why);
                }
            }
        }
        for rule in &options.replicate_ignore_table {
            if options.replicate_do_table.contains(rule) {
                let why = "is never asked: replicate-do-table names the same table and is asked before, remove one of the two";
                self.add(RuleKey::IgnoreTable, rule, why);
            }
        }
    }

    /// Wildcard rules that an earlier one covers; those that publish are asked before those that reject.
    fn wildcards(&mut self) {
        let options = self.options;
        let of = |key, rules: &[String]| -> Vec<(RuleKey, String, Pattern)> {
            let rules = rules.iter();
            rules
                .map(|rule| (key, rule.clone(), Pattern::new(rule, Fold::Bytes)))
                .collect()
        };
        let all = [
            of(RuleKey::WildDoTable, &options.replicate_wild_do_table),
            of(
                RuleKey::WildIgnoreTable,
                &options.replicate_wild_ignore_table,
            ),
        ]
        .concat();
        for (index, (key, rule, pattern)) in all.iter().enumerate() {
            let mut earlier = all.iter().take(index);
            let covering = earlier.find(|(other, text, covering)| {
                // The same rule twice was told.
                covering.covers(pattern) && !(other == key && text == rule)
            });
            if let Some((other, text, _)) = covering {
                let why = format!("is never asked: {other} = \"{text}\" matches all of it before");
                self.add(*key, rule, why);
            }
        }
    }

    fn patterns(&mut self) {
        let options = self.options;
        for rule in &options.tables_include {
            if options.tables_exclude.contains(rule) {
                let why = "publishes nothing: tables-exclude has the same expression and wins, remove one of the two";
                self.add(RuleKey::TablesInclude, rule, why);
            }
        }
    }

    fn of_the_server(&mut self) {
        let options = self.options;
        let is_system = |database: &str| SYSTEM_DATABASES.contains(&database);
        let why = "names a database of the server itself, in which accounts and their secrets are, remove it unless they are to be \
                   published";
        for rule in &options.replicate_do_db {
            if is_system(rule) {
                self.add(RuleKey::DoDb, rule, why);
            }
        }
        let [do_tables, _, wild_do_tables, _] = options.table_lists();
        for (key, rules) in [do_tables, wild_do_tables] {
            for rule in rules {
                if database_of(key, rule).is_some_and(|database| is_system(&database)) {
                    self.add(key, rule, why);
                }
            }
        }
    }
}

/// Whether the rules on databases let one pass.
fn passes(options: &FilterOptions, database: &str) -> bool {
    let has = |rules: &[String]| rules.iter().any(|rule| rule == database);
    match options.replicate_do_db.is_empty() {
        true => !has(&options.replicate_ignore_db),
        false => has(&options.replicate_do_db),
    }
}

/// The database that a rule on tables names literally.
fn database_of(key: RuleKey, rule: &str) -> Option<String> {
    match key {
        RuleKey::WildDoTable | RuleKey::WildIgnoreTable => literal_database(rule),
        _exact => rule
            .split_once('.')
            .map(|(database, _)| database.to_owned()),
    }
}

fn never_sees(to: &str) -> String {
    format!("matches nothing: replicate-rewrite-db renames that database before, write {to}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let options: FilterOptions = toml::from_str(text).unwrap();
        conflicts(&options).iter().map(Doubt::to_string).collect()
    }

    #[test]
    fn rules_that_never_decide_are_told_with_what_hides_them() {
        for (text, starts) in [
            (
                "replicate-do-db = ['a']\nreplicate-ignore-db = ['b']",
                &[r#"replicate-ignore-db = "b" is never asked"#][..],
            ),
            (
                "replicate-do-db = ['a', 'a']",
                &[r#"replicate-do-db = "a" is written twice"#],
            ),
            (
                "replicate-do-db = ['a']\nreplicate-do-table = ['a.t', 'b.t']\nreplicate-wild-ignore-table = ['b.%', 'a.%', '%.t']",
                &[
                    r#"replicate-do-table = "b.t" is never asked: the rules on databases leave b out"#,
                    r#"replicate-wild-ignore-table = "b.%" is never asked"#,
                ],
            ),
            (
                "replicate-ignore-db = ['b']\nreplicate-do-table = ['b.t']",
                &[r#"replicate-do-table = "b.t" is never asked"#],
            ),
            (
                "replicate-do-table = ['a.t']\nreplicate-ignore-table = ['a.t', 'a.u']",
                &[
                    r#"replicate-ignore-table = "a.t" is never asked: replicate-do-table names the same"#,
                ],
            ),
            (
                "replicate-wild-do-table = ['a.%', 'a.t_']\nreplicate-wild-ignore-table = ['a.tmp%', 'b.%', 'b.\\_x', 'c.%']",
                &[
                    r#"replicate-wild-do-table = "a.t_" is never asked: replicate-wild-do-table = "a.%""#,
                    r#"replicate-wild-ignore-table = "a.tmp%" is never asked: replicate-wild-do-table = "a.%""#,
                    r#"replicate-wild-ignore-table = "b.\_x" is never asked: replicate-wild-ignore-table = "b.%""#,
                ],
            ),
            (
                "replicate-rewrite-db = ['a->b', 'a->c', 'd->e']\nreplicate-do-db = ['a', 'b']\nreplicate-ignore-table = ['d.t']",
                &[
                    r#"replicate-rewrite-db = "a->c" is never asked: an earlier rule renames"#,
                    r#"replicate-rewrite-db = "d->e" publishes nothing: the rules on databases see the new name and leave e out"#,
                    r#"replicate-do-db = "a" matches nothing: replicate-rewrite-db renames that database before, write b"#,
                    r#"replicate-ignore-table = "d.t" matches nothing"#,
                    r#"replicate-ignore-table = "d.t" is never asked"#,
                ],
            ),
            (
                "replicate-rewrite-db = ['a->b', 'b->a']\nreplicate-do-db = ['a', 'b']",
                &[],
            ),
            (
                "tables-include = ['a', 'b']\ntables-exclude = ['b', 'c']",
                &[r#"tables-include = "b" publishes nothing"#],
            ),
            (
                "replicate-wild-do-table = ['mysql.%', 'shop.%']",
                &[r#"replicate-wild-do-table = "mysql.%" names a database of the server itself"#],
            ),
        ] {
            let told = told(text);
            assert_eq!(told.len(), starts.len(), "{text}: {told:#?}");
            for (told, start) in told.iter().zip(starts) {
                assert!(told.starts_with(start), "{text}: {told}");
            }
        }
    }

    #[test]
    fn a_pattern_covers_another_only_where_it_matches_all_of_it() {
        for (one, other, covers) in [
            ("a.%", "a.b%", true),
            ("a.%", "a._", true),
            ("%", "%", true),
            ("a._", "a.%", false),
            ("a.b%", "a.%", false),
            ("a._", "a.b", true),
            ("a.b", "a._", false),
            ("%.t", "a.t", true),
            ("%.t", "a.%", false),
            ("a%c", "abc", true),
            ("a%c", "a%b%c", true),
            ("a.%", "b.%", false),
        ] {
            let pattern = |text| Pattern::new(text, Fold::Bytes);
            assert_eq!(
                pattern(one).covers(&pattern(other)),
                covers,
                "{one} {other}"
            );
        }
    }
}
