//! Rules that are right by the letter and hardly mean what they say. They stay in force, as on a server.

use std::borrow::Cow;
use std::fmt;

use super::{FilterOptions, Rule, RuleKey};

/// A rule to look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Where it is written.
    pub key: RuleKey,
    /// The rule.
    pub rule: Box<str>,
    /// What it means, and what to write for what is likely meant.
    pub why: Cow<'static, str>,
}

impl Doubt {
    /// The rule.
    pub fn rule(&self) -> Rule {
        Rule {
            key: self.key,
            text: self.rule.clone(),
            place: None,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = \"{}\" {}", self.key, self.rule, self.why)
    }
}

/// The rules that hardly mean what they say, each looked at by itself.
pub(super) fn odd(options: &FilterOptions) -> Vec<Doubt> {
    let rewrites = (RuleKey::RewriteDb, &*options.replicate_rewrite_db);
    let lists = options.database_lists().into_iter();
    let rules = lists
        .chain(options.table_lists())
        .chain([rewrites])
        .chain(options.pattern_lists())
        .flat_map(|(key, rules)| rules.iter().map(move |rule| (key, rule)));
    let odd = rules.filter_map(|(key, rule)| {
        why(key, rule).map(|why| Doubt {
            key,
            rule: rule.as_str().into(),
            why: why.into(),
        })
    });
    odd.collect()
}

pub(super) fn why(key: RuleKey, rule: &str) -> Option<&'static str> {
    if matches!(key, RuleKey::TablesInclude | RuleKey::TablesExclude) {
        return why_expression(rule);
    }
    let of_databases = matches!(key, RuleKey::DoDb | RuleKey::IgnoreDb);
    let is_exact = of_databases || matches!(key, RuleKey::DoTable | RuleKey::IgnoreTable);
    if rule.contains('`') {
        Some("names what has backticks in its name, write names without quotes")
    } else if rule.contains(',') {
        Some("is one name with a comma in it, write an array of rules for several")
    } else if is_exact && rule.contains('%') {
        Some("has no wildcard but a percent sign, use a replicate-wild-* rule for a pattern")
    } else if of_databases && rule.contains('.') {
        Some("names a database with a dot in it, use a rule on tables for a table")
    } else if rule.trim() != rule {
        Some("begins or ends with a space, which no name does, write it without")
    } else {
        None
    }
}

fn why_expression(rule: &str) -> Option<&'static str> {
    // A comma may stand in a count, as in `{2,3}`.
    let outside_counts = rule.split('{').enumerate();
    let mut outside_counts = outside_counts.map(|(index, part)| match index {
        0 => part,
        _ => part.split_once('}').map_or(part, |(_, rest)| rest),
    });
    if outside_counts.any(|part| part.contains(',')) {
        Some("is one expression with a comma in it, write an array of rules for several")
    } else if !rule.contains('.') {
        Some(
            "has no dot and is matched against \"database.table\", write it so that it matches both",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_hardly_mean_what_they_say_are_told() {
        let options: FilterOptions = toml::from_str(
            r#"
            replicate-do-db = ["shop", "a,b", "shop.orders", "shop%", "my_shop"]
            replicate-do-table = ["`a`.`t`", "shop.%", "shop.order_items"]
            replicate-wild-do-table = ["shop.%", "shop.t ", "a.x,b.x"]
            replicate-rewrite-db = ["a->b", "a,c->b"]
            tables-include = ["shop\\..*", "shop\\.a,shop\\.b", "a\\.t_\\d{1,2}", "orders"]
            "#,
        )
        .unwrap();
        let told: Vec<String> = odd(&options).iter().map(Doubt::to_string).collect();
        let starts = [
            r#"replicate-do-db = "a,b" is one name with a comma"#,
            r#"replicate-do-db = "shop.orders" names a database with a dot"#,
            r#"replicate-do-db = "shop%" has no wildcard"#,
            r#"replicate-do-table = "`a`.`t`" names what has backticks"#,
            r#"replicate-do-table = "shop.%" has no wildcard"#,
            r#"replicate-wild-do-table = "shop.t " begins or ends with a space"#,
            r#"replicate-wild-do-table = "a.x,b.x" is one name with a comma"#,
            r#"replicate-rewrite-db = "a,c->b" is one name with a comma"#,
            r#"tables-include = "shop\.a,shop\.b" is one expression with a comma"#,
            r#"tables-include = "orders" has no dot"#,
        ];
        assert_eq!(told.len(), starts.len(), "{told:?}");
        for (told, start) in told.iter().zip(starts) {
            assert!(told.starts_with(start), "{told}");
        }
    }
}
