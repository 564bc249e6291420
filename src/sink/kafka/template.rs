//! Templates for the names of topics, such as `{prefix}.{database}.{table}`.

use regex::{Captures, Regex};

use crate::row::TableName;

/// The topics in which brokers keep what is their own.
const INTERNAL: [&str; 4] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__cluster_metadata",
];

/// Kafka's own limit of a name.
pub(super) const TOPIC_CHARS_MAX: usize = 249;

/// What every template may name; a route's may name what its expression captures, too.
const PREFIX: &str = "prefix";
const DATABASE: &str = "database";
const TABLE: &str = "table";

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Prefix,
    Database,
    Table,
    /// What a group of the route's expression captured: by its number or its name.
    Capture(Box<str>),
}

impl TopicTemplate {
    /// Reads a template; `expression` is that of its route.
    ///
    /// # Errors
    /// What is wrong with it, and the fix.
    pub(super) fn read(text: &str, expression: Option<&Regex>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(['{', '}']) {
            let (before, opened) = rest.split_at(start);
            parts.extend(literal(before)?);
            let Some((name, after)) = opened.strip_prefix('{').and_then(|it| it.split_once('}'))
            else {
                return Err(
                    "has a brace without its other half, write a variable as {table}".to_owned(),
                );
            };
            parts.push(match name {
                PREFIX => Part::Prefix,
                DATABASE => Part::Database,
                TABLE => Part::Table,
                group if has_group(expression, group) => Part::Capture(group.into()),
                unknown => return Err(no_such_variable(unknown, expression)),
            });
            rest = after;
        }
        parts.extend(literal(rest)?);
        if parts.is_empty() {
            return Err("is empty, expected a name such as {prefix}.{database}.{table}".to_owned());
        }
        Ok(Self { parts })
    }

    /// The topic of a table, which may be no name that Kafka takes.
    pub(super) fn render(
        &self,
        prefix: &str,
        table: &TableName,
        captures: Option<&Captures<'_>>,
    ) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.to_string(),
            Part::Prefix => prefix.to_owned(),
            Part::Database => sanitised(&table.database),
            Part::Table => sanitised(&table.table),
            Part::Capture(group) => sanitised(captured(captures, group)),
        };
        self.parts.iter().map(part).collect()
    }

    /// The topic, if it is the same for every table.
    pub(super) fn of_all(&self, prefix: &str) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.to_string()),
            Part::Prefix => Some(prefix.to_owned()),
            Part::Database | Part::Table | Part::Capture(_) => None,
        };
        self.parts.iter().map(part).collect()
    }
}

/// The text of a group; none where the group took no part in the match.
fn captured<'a>(captures: Option<&Captures<'a>>, group: &str) -> &'a str {
    let found = captures.and_then(|captures| match group.parse::<usize>() {
        Ok(number) => captures.get(number),
        Err(_name) => captures.name(group),
    });
    found.map_or("", |found| found.as_str())
}

fn has_group(expression: Option<&Regex>, group: &str) -> bool {
    expression.is_some_and(|expression| match group.parse::<usize>() {
        Ok(number) => number < expression.captures_len(),
        Err(_name) => expression.capture_names().flatten().any(|it| it == group),
    })
}

fn no_such_variable(name: &str, expression: Option<&Regex>) -> String {
    let known = "{prefix}, {database} or {table}";
    match expression {
        Some(_) => format!(
            "names {{{name}}}, expected {known}, or a group of the route's expression such as {{1}} or {{name}}"
        ),
        None => format!("names {{{name}}}, expected {known}"),
    }
}

fn literal(text: &str) -> Result<Option<Part>, String> {
    if let Some(illegal) = text.chars().find(|c| !is_legal(*c)) {
        return Err(format!(
            "holds {illegal:?}, expected letters, digits, dots, underscores, hyphens and variables such as {{table}}"
        ));
    }
    if text.len() > TOPIC_CHARS_MAX {
        return Err(format!(
            "has more than {TOPIC_CHARS_MAX} characters, which is Kafka's limit, write a shorter one"
        ));
    }
    Ok((!text.is_empty()).then(|| Part::Text(text.into())))
}

/// Whether Kafka takes it for a topic's name.
pub(super) fn is_topic(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= TOPIC_CHARS_MAX && name.chars().all(is_legal)
}

/// Whether Kafka keeps it for itself.
pub(super) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// What is wrong with the name of a topic, and the fix.
pub(super) fn name_problem(name: &str) -> Option<&'static str> {
    if !is_topic(name) {
        return Some("may hold letters, digits, dots, underscores and hyphens, at most 249");
    }
    is_internal(name).then_some("is a topic that Kafka keeps for itself, name another")
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// A name with an underscore for each character that Kafka does not take.
pub(super) fn sanitised(text: &str) -> String {
    text.chars()
        .map(|c| if is_legal(c) { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str, expression: &str, table: (&str, &str)) -> Result<String, String> {
        let expression = Regex::new(expression).unwrap();
        let table = TableName::new(table.0, table.1);
        let template = TopicTemplate::read(template, Some(&expression))?;
        let text = table.to_string();
        let captures = expression.captures(&text);
        Ok(template.render("p", &table, captures.as_ref()))
    }

    #[test]
    fn a_template_takes_the_parts_of_a_name_and_what_a_route_captured() {
        let shard = r"shop_(?<shard>\d+)\.(.*?)(_old)?";
        for (template, expected) in [
            ("{prefix}.{database}.{table}", "p.shop_7.or_ders"),
            ("all-{shard}.{2}", "all-7.or_ders"),
            ("a{3}b", "ab"),
            ("{0}", "shop_7.or_ders"),
            ("just.this_one", "just.this_one"),
        ] {
            let shard = format!(r"\A(?:{shard})\z");
            let found = rendered(template, &shard, ("shop_7", "or$ders"));
            assert_eq!(found.as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_with_its_fix() {
        for (template, told) in [
            ("", "is empty"),
            ("{table", "a brace without its other half"),
            ("table}", "a brace without its other half"),
            ("{tabel}", "names {tabel}, expected {prefix}"),
            ("{3}", "names {3}"),
            ("a b.{table}", "holds ' '"),
            ("ä", "holds 'ä'"),
            (&"x".repeat(250), "more than 249"),
        ] {
            let error = rendered(template, "(a)(b)", ("d", "t")).unwrap_err();
            assert!(error.contains(told), "{template}: {error}");
        }
        let alone = TopicTemplate::read("{1}", None).unwrap_err();
        assert!(alone.ends_with("{database} or {table}"), "{alone}");
    }
}
