//! Which rules match nothing that a source has. Pure.

use super::rules::Rules;
use super::verdict::Rule;
use crate::row::TableName;

impl Rules {
    /// The rules that match none of the tables and databases of a source; names as they are there. A database without tables
    /// may get some.
    pub fn unmatched<'a>(&'a self, tables: &[TableName], databases: &[String]) -> Vec<&'a Rule> {
        let of_tables = tables.iter().map(|table| &*table.database);
        let sources: Vec<&str> = of_tables
            .chain(databases.iter().map(String::as_str))
            .collect();
        let published: Vec<&str> = sources.iter().map(|name| self.renamed(name)).collect();
        let names: Vec<String> = tables
            .iter()
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
            replicate-ignore-table = ["store.orders", "shop.orders"]
            replicate-wild-do-table = ["store.%", "stock.%"]
            tables-include = ['store\..*', 'shop\..*']
            "#,
        )
        .unwrap();
        let rules = Rules::compile(&options, Flavour::MySql, 0).unwrap();
        let tables = [TableName::new("shop", "orders")];
        let unmatched = rules.unmatched(&tables, &["empty".to_owned()]);
        let told: Vec<String> = unmatched.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "replicate-rewrite-db=gone->away",
                r"tables-include=shop\..*",
                "replicate-do-db=shop",
                "replicate-ignore-table=shop.orders",
                "replicate-wild-do-table=stock.%",
            ]
        );
    }
}
