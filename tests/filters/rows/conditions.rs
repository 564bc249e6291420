//! Generated conditions, as a rule on rows has them and as a server does.

use crate::support::Random;

use super::table::{Kind, TestedColumn, TestedColumns};

/// A condition in both forms. They differ in the escape of LIKE alone, which the session of the query lacks.
pub struct Rendered {
    pub text: String,
    pub sql: String,
}

/// Makes conditions that a seed repeats.
pub struct Generator<'a> {
    columns: &'a TestedColumns,
    random: Random,
}

const PATTERNS: [&str; 22] = [
    "%", "_", "__", "a%", "%b", "%B%", "_b%", "A_", "%á%", "E", "é%", "a\\%c", "a\\_c", "a_c", "",
    " %", "%s", "ß", "ss", "%1%", "Z%_", "%я",
];

impl<'a> Generator<'a> {
    pub fn new(columns: &'a TestedColumns, seed: u64) -> Self {
        Self {
            columns,
            random: Random::new(seed, 11),
        }
    }

    pub fn condition(&mut self) -> Rendered {
        self.expression(3)
    }

    fn expression(&mut self, depth: u32) -> Rendered {
        if depth == 0 || self.random.chance(2, 5) {
            return self.test();
        }
        match self.random.below(5) {
            0 | 1 => self.joined("and", depth),
            2 | 3 => self.joined("or", depth),
            _not => {
                let inner = self.expression(depth - 1);
                inner.map(|text| format!("not ({text})"))
            }
        }
    }

    fn joined(&mut self, word: &str, depth: u32) -> Rendered {
        let (one, other) = (self.expression(depth - 1), self.expression(depth - 1));
        // Without brackets on some, so that words bind as they do.
        match self.random.chance(1, 2) {
            true => both(&one, &other, |one, other| {
                format!("({one}) {word} ({other})")
            }),
            false => both(&one, &other, |one, other| format!("{one} {word} {other}")),
        }
    }

    fn test(&mut self) -> Rendered {
        let columns = self.columns;
        let column = self.random.pick(&columns.0);
        let name = match self.random.below(4) {
            0 => format!("`{}`", column.name),
            1 => column.name.to_uppercase(),
            _plain => column.name.clone(),
        };
        if column.kind == Kind::Null || self.random.chance(1, 10) {
            let not = if self.random.chance(1, 2) { " not" } else { "" };
            return same(format!("{name} is{not} null"));
        }
        if column.kind == Kind::Text && self.random.chance(1, 3) {
            return self.like(&name);
        }
        match self.random.below(8) {
            0 | 1 => self.list(&name, column),
            2 if column.kind != Kind::Equal => {
                let not = if self.random.chance(1, 3) { " not" } else { "" };
                let (least, most) = (self.literal(column), self.literal(column));
                same(format!("{name}{not} between {least} and {most}"))
            }
            3 if column.kind != Kind::Equal => {
                let literal = self.literal(column);
                let sign = self.random.pick(&["<", ">", "<=", ">=", "="]);
                same(format!("{literal} {sign} {name}"))
            }
            _comparison => {
                let signs: &[&str] = match column.kind {
                    Kind::Equal => &["=", "!=", "<>"],
                    Kind::Ordered | Kind::Number | Kind::Text | Kind::Null => {
                        &["=", "!=", "<", "<=", ">", ">="]
                    }
                };
                let sign = *self.random.pick(signs);
                let literal = self.literal(column);
                same(format!("{name} {sign} {literal}"))
            }
        }
    }

    fn like(&mut self, name: &str) -> Rendered {
        let mut pattern = *self.random.pick(&PATTERNS);
        let is_wide = self.columns.0.iter().any(|column| {
            column.name.eq_ignore_ascii_case(name.trim_matches('`'))
                && column.sql_type.contains("latin1")
        });
        if is_wide && pattern.contains('я') {
            pattern = "%a";
        }
        let not = if self.random.chance(1, 3) { " not" } else { "" };
        Rendered {
            text: format!("{name}{not} like '{pattern}'"),
            sql: format!("{name}{not} like '{pattern}' escape '\\'"),
        }
    }

    fn list(&mut self, name: &str, column: &TestedColumn) -> Rendered {
        let count = self.random.between(1, 4);
        let mut literals: Vec<String> = (0..count).map(|_| self.literal(column)).collect();
        if self.random.chance(1, 6) && !self.columns.loses_by_null(column) {
            literals.push("null".to_owned());
        }
        let not = if self.random.chance(1, 3) { " not" } else { "" };
        same(format!("{name}{not} in ({})", literals.join(", ")))
    }

    fn literal(&mut self, column: &TestedColumn) -> String {
        let value = self.random.pick(&column.values).clone();
        if column.kind != Kind::Number || self.random.chance(2, 3) {
            return value;
        }
        // Near its values, and beyond what it can hold.
        let is_exact = !value.contains('e')
            && !column.sql_type.contains("float")
            && !column.sql_type.contains("double");
        match self.random.below(4) {
            0 if is_exact && !value.contains('.') => format!("{value}.5"),
            1 => "99999999999999999999".to_owned(),
            2 => "-0.001".to_owned(),
            _other => match column.sql_type.as_str() {
                "double" | "float" => "1e0".to_owned(),
                _exact => "1.10".to_owned(),
            },
        }
    }
}

impl Rendered {
    fn map(self, render: impl Fn(&str) -> String) -> Self {
        Self {
            text: render(&self.text),
            sql: render(&self.sql),
        }
    }
}

fn same(text: String) -> Rendered {
    Rendered {
        sql: text.clone(),
        text,
    }
}

fn both(one: &Rendered, other: &Rendered, render: impl Fn(&str, &str) -> String) -> Rendered {
    Rendered {
        text: render(&one.text, &other.text),
        sql: render(&one.sql, &other.sql),
    }
}
