//! Which rules match nothing that a source has. Pure.

use super::rules::{Rules, rule};
use super::verdict::{Rule, RuleKey};
use crate::row::TableName;

/// What a source has; names as they are there.
#[derive(Debug, Default)]
pub struct SeenTables {
    /// Every table, with the names of its columns.
    pub tables: Vec<(TableName, Vec<Box<str>>)>,
    /// Every database. One without tables may get some.
    pub databases: Vec<String>,
}

/// A rule that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// The rule; of one on rows, an expression of its tables.
    pub rule: Rule,
    /// The table that it names, as published, and of which it matches no column.
    pub table: Option<TableName>,
    /// Where it is written, of a rule on rows.
    pub place: Option<Box<str>>,
}

impl Rules {
    /// The rules that match nothing that a source has; those on columns and on rows nothing that is published.
    pub fn unmatched(&self, seen: &SeenTables) -> Vec<Unmatched> {
        let of_tables = self
            .unmatched_tables(seen)
            .into_iter()
            .map(|rule| Unmatched {
                rule: rule.clone(),
                table: None,
                place: None,
            });
        let published: Vec<(TableName, Vec<Box<str>>)> = seen
            .tables
            .iter()
            .filter_map(|(table, columns)| {
                let verdict = self.table(&table.database, &table.table);
                verdict.keep.then(|| (verdict.published, columns.clone()))
            })
            .collect();
        let of_columns = self.columns().unmatched(&published).into_iter();
        let of_columns = of_columns.map(|(rule, table)| Unmatched {
            rule: rule.clone(),
            table,
            place: None,
        });
        let names: Vec<String> = published
            .iter()
            .map(|(table, _)| table.to_string())
            .collect();
        let of_rows = self.rows().unmatched(&names).into_iter();
        let of_rows = of_rows.map(|(text, place)| Unmatched {
            rule: rule(RuleKey::Rows, text),
            table: None,
            place: place.map(Box::from),
        });
        of_tables.chain(of_columns).chain(of_rows).collect()
    }

    /// The rules on tables and databases that match nothing.
    fn unmatched_tables(&self, seen: &SeenTables) -> Vec<&Rule> {
        let tables = || seen.tables.iter().map(|(table, _)| table);
        let databases = &seen.databases;
        let of_tables = tables().map(|table| &*table.database);
        let sources: Vec<&str> = of_tables
            .chain(databases.iter().map(String::as_str))
            .collect();
        let published: Vec<&str> = sources.iter().map(|name| self.renamed(name)).collect();
        let names: Vec<String> = tables()
            .map(|table| TableName::new(self.renamed(&table.database), &*table.table).to_string())
            .collect();
        let named = |name: &str| published.iter().any(|it| self.database_fold.same(it, name));
        let (databases, tables) = (&self.databases, &self.tables);
        let rewrites = self.rewrites.iter().filter(|rewrite| {
            let mut sources = sources.iter();
            !sources.any(|it| self.database_fold.same(it, &rewrite.from))
        });
        let databases = databases.do_rules.iter().chain(&databases.ignore_rules);
        let databases = databases.filter(|rule| !named(&rule.text));
        let exact = tables.do_rules.iter().chain(&tables.ignore_rules);
        let exact = exact.filter(|rule| {
            let mut names = names.iter();
            !names.any(|name| self.table_fold.same(name, &rule.text))
        });
        let wild = &self.wild_tables;
        let wild = wild.do_rules.iter().chain(&wild.ignore_rules);
        let wild = wild.filter(|(_, pattern)| !names.iter().any(|name| pattern.matches(name)));
        let patterns = self.patterns.do_rules.iter();
        let patterns = patterns.chain(&self.patterns.ignore_rules);
        let patterns = patterns.filter(|(_, regex)| !names.iter().any(|name| regex.is_match(name)));
        rewrites
            .map(|rewrite| &rewrite.rule)
            .chain(patterns.map(|(rule, _)| rule))
            .chain(databases)
            .chain(exact)
            .chain(wild.map(|(rule, _)| rule))
            .collect()
    }

    /// The databases that `replicate-do-db` names.
    pub fn do_databases(&self) -> impl Iterator<Item = &str> {
        self.databases.do_rules.iter().map(|rule| &*rule.text)
    }

    /// The tables that `replicate-do-table` names.
    pub fn do_tables(&self) -> impl Iterator<Item = &str> {
        self.tables.do_rules.iter().map(|rule| &*rule.text)
    }

    /// What `replicate-wild-do-table` says.
    pub fn wild_do_tables(&self) -> impl Iterator<Item = &str> {
        let rules = self.wild_tables.do_rules.iter();
        rules.map(|(rule, _)| &*rule.text)
    }

    /// Whether databases are published under other names.
    pub fn renames(&self) -> bool {
        !self.rewrites.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::FilterOptions;
    use crate::mysql::Flavour;

    #[test]
    fn a_rule_that_matches_nothing_there_is_told() {
        let options: FilterOptions = toml::from_str(
            r#"
            replicate-rewrite-db = ["shop->store", "gone->away"]
            replicate-do-db = ["store", "shop", "empty"]
            replicate-ignore-table = ["shop.orders"]
            replicate-wild-do-table = ["store.%", "stock.%"]
            tables-include = ['store\..*', 'shop\..*']
            columns-exclude = ['store\.orders\.Note', 'store\.orders\.gone', '.*\.none', 'shop\.orders\.note']
            columns-mask = [{ columns = 'STORE\.Orders\.[xy]', with = '' }, { columns = '.*', each = '*' }]
            [[rows]]
            tables = ['store\.orders', 'shop\.orders']
            ops = 'c'
            "#,
        )
        .unwrap();
        let rules = Rules::compile(&options, Flavour::MySql, 0).unwrap();
        let seen = SeenTables {
            tables: vec![(
                TableName::new("shop", "orders"),
                vec!["id".into(), "note".into()],
            )],
            databases: vec!["empty".to_owned()],
        };
        let unmatched = rules.unmatched(&seen);
        let told: Vec<String> = unmatched
            .iter()
            .map(|it| match &it.table {
                Some(table) => format!("{} names {table}", it.rule),
                None => it.rule.to_string(),
            })
            .collect();
        assert_eq!(
            told,
            [
                "replicate-rewrite-db=gone->away",
                r"tables-include=shop\..*",
                "replicate-do-db=shop",
                "replicate-ignore-table=shop.orders",
                "replicate-wild-do-table=stock.%",
                r"columns-exclude=store\.orders\.gone names store.orders",
                r"columns-exclude=.*\.none",
                r"columns-exclude=shop\.orders\.note",
                r"columns-mask=STORE\.Orders\.[xy] names store.orders",
                r"rows=shop\.orders",
            ]
        );
    }
}
