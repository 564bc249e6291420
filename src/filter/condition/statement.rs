//! A condition as the source's own SQL has it, so that rows that it leaves out need not be read.
//!
//! What cannot be said so is left out of it: the statement gives all rows that the condition may keep, and these are judged as
//! all others are.

use super::parser::{ColumnTest, Comparison, Expression, Literal, Test};
use crate::row::{ColumnType, bytes_literal, quoted, text_literal};

impl Expression {
    /// What each row meets that the condition keeps; `None` where nothing can be said of it. The session of the statement has
    /// no `sql_mode` and the time zone `+00:00`. Columns are given with the types that their values have in a row image.
    pub fn statement(&self, columns: &[(&str, &ColumnType)]) -> Option<String> {
        match self {
            Self::All(parts) => {
                let parts = parts.iter().filter_map(|part| part.statement(columns));
                let parts: Vec<String> = parts.collect();
                (!parts.is_empty()).then(|| joined(&parts, " AND "))
            }
            Self::Any(_) | Self::Not(_) | Self::Test(_) => self.exact(columns),
        }
    }

    /// The same of the very rows that it keeps, and with NULL where it is NULL.
    fn exact(&self, columns: &[(&str, &ColumnType)]) -> Option<String> {
        let each = |parts: &[Self]| -> Option<Vec<String>> {
            parts.iter().map(|part| part.exact(columns)).collect()
        };
        Some(match self {
            Self::All(parts) => joined(&each(parts)?, " AND "),
            Self::Any(parts) => joined(&each(parts)?, " OR "),
            Self::Not(inner) => format!("(NOT {})", inner.exact(columns)?),
            Self::Test(test) => test.statement(columns)?,
        })
    }
}

impl ColumnTest {
    fn statement(&self, columns: &[(&str, &ColumnType)]) -> Option<String> {
        if self.collation.is_some() {
            return None;
        }
        let name = self.column.to_lowercase();
        let mut columns = columns.iter();
        let (name, kind) = columns.find(|(it, _)| it.to_lowercase() == name)?;
        let literal = |literal: &Literal| in_sql(literal, kind);
        let name = quoted(name);
        Some(match &self.test {
            Test::IsNull => format!("({name} IS NULL)"),
            Test::Compare(comparison, against) => {
                let sign = sign(*comparison);
                format!("({name} {sign} {})", literal(against)?)
            }
            Test::In(list) => {
                let one = |it: &Option<Literal>| match it {
                    Some(it) => literal(it),
                    None => Some("NULL".to_owned()),
                };
                let list: Option<Vec<String>> = list.iter().map(one).collect();
                format!("({name} IN ({}))", list?.join(", "))
            }
            Test::Like(pattern) => {
                format!("({name} LIKE {} ESCAPE '\\\\')", text_literal(pattern))
            }
        })
    }
}

fn joined(parts: &[String], word: &str) -> String {
    format!("({})", parts.join(word))
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// A literal that a column of this type is compared with; `None` of one that not every server reads so.
fn in_sql(literal: &Literal, kind: &ColumnType) -> Option<String> {
    let is_of_utc = !matches!(
        kind,
        ColumnType::Timestamp { .. } | ColumnType::OldTimestamp { .. }
    );
    match literal {
        Literal::Number(number) => number.in_sql(),
        Literal::Bytes(bytes) => Some(bytes_literal(bytes)),
        Literal::Text(text) => {
            let is_plain = |letter: char| letter.is_ascii_digit() || "-: T.".contains(letter);
            let is_plain = text.chars().all(is_plain) && text.matches('-').count() == 2;
            (is_of_utc || is_plain).then(|| text_literal(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(condition: &str) -> Option<String> {
        let integer = ColumnType::Integer {
            width: 4,
            unsigned: false,
        };
        let text = ColumnType::Text {
            prefix: 1,
            charset: crate::row::Charset::Utf8,
        };
        let at = ColumnType::Timestamp { fsp: 0 };
        let columns = [("Id", &integer), ("na`me", &text), ("at", &at)];
        let condition = Expression::parse(condition).expect(condition);
        condition.statement(&columns)
    }

    #[test]
    fn conditions_are_said_in_the_sources_own_words() {
        for (condition, expected) in [
            ("id > -5.50", "(`Id` > -5.5)"),
            (
                "not (id = 1 or id is null)",
                "(NOT ((`Id` = 1) OR (`Id` IS NULL)))",
            ),
            (
                "id in (1, null) and id <= 0",
                "((`Id` IN (1, NULL)) AND (`Id` <= 0))",
            ),
            (r"`na``me` = 'a''\'", "(`na``me` = _utf8mb4 X'61275C')"),
            (
                r"`na``me` like '\_%'",
                r"(`na``me` LIKE _utf8mb4 X'5C5F25' ESCAPE '\\')",
            ),
            (
                "at >= '2026-01-02'",
                "(`at` >= _utf8mb4 X'323032362D30312D3032')",
            ),
        ] {
            assert_eq!(
                statement(condition).as_deref(),
                Some(expected),
                "{condition}"
            );
        }
    }

    #[test]
    fn what_cannot_be_said_leaves_rows_in() {
        let not_said = "at > '2026-01-02 03:04:05+02:00'";
        assert_eq!(statement(not_said), None);
        assert_eq!(statement("`na``me` collate utf8mb4_bin = 'a'"), None);
        assert_eq!(statement("gone = 1"), None);
        assert_eq!(
            statement(&format!("id = {}", "9".repeat(66))),
            None,
            "beyond the digits of a DECIMAL"
        );
        let both = format!("id = 1 and {not_said}");
        assert_eq!(statement(&both).as_deref(), Some("((`Id` = 1))"));
        for whole in [format!("id = 1 or {not_said}"), format!("not ({both})")] {
            assert_eq!(statement(&whole), None, "{whole}");
        }
    }
}
