//! MariaDB's sequences: each is a table of one row, whose columns the server names.
//!
//! Follows the grammar of `CREATE SEQUENCE` in `sql_yacc.yy`, and `sequence_structure()` of `sql_sequence.cc`.

use super::lexer::Token;
use super::meaning::{ColumnClause, ColumnDescription, CreateTable, Elements, Kind, NamedCharset};
use super::scanner::{Lost, Scanner};

impl Scanner<'_> {
    /// Reads what follows a new sequence's name: the table that it is.
    pub(super) fn sequence(&mut self) -> Result<CreateTable, Lost> {
        let values = match self.sequence_type()? {
            // The server gives the widest one a digit more than other columns have.
            Some(Kind::Plain(kind)) => Kind::Plain(kind.replace("bigint(20)", "bigint(21)").into()),
            Some(kind) => kind,
            None => Kind::Plain("bigint(21)".into()),
        };
        let plain = |name: &str, printed: &str| column(name, Kind::Plain(printed.into()));
        let columns = vec![
            column("next_not_cached_value", values.clone()),
            column("minimum_value", values.clone()),
            column("maximum_value", values.clone()),
            column("start_value", values),
            plain("increment", "bigint(21)"),
            plain("cache_size", "bigint(21) unsigned"),
            plain("cycle_option", "tinyint(1) unsigned"),
            plain("cycle_count", "bigint(21)"),
        ];
        Ok(CreateTable {
            if_not_exists: self.is_conditional(),
            elements: Elements {
                columns,
                ..Elements::default()
            },
            ..CreateTable::default()
        })
    }

    /// Reads to the end; the type that the sequence's values are given, if one is.
    pub(super) fn sequence_type(&mut self) -> Result<Option<Kind>, Lost> {
        let mut found = None;
        while let Some(token) = self.next()? {
            match token {
                Token::Word(word) if word.eq_ignore_ascii_case("AS") => {
                    found = Some(self.column_type()?.kind);
                }
                Token::Symbol(';') => self.end()?,
                Token::Word(_) | Token::Quoted(_) | Token::Text(_) | Token::Symbol(_) => {}
            }
        }
        Ok(found)
    }
}

fn column(name: &str, kind: Kind) -> ColumnClause {
    ColumnClause {
        name: name.into(),
        kind,
        charset: NamedCharset::Unnamed,
        nullable: Some(false),
        generated: None,
        computed_from: Vec::new(),
        described: Some(ColumnDescription::default()),
        invisible: false,
        primary: false,
        compressed: false,
        versioned: false,
    }
}

#[cfg(test)]
mod tests {
    use crate::change::statement::meaning::Meaning;
    use crate::change::statement::scanned::StatementContext;
    use crate::change::statement::scanner::scan;
    use crate::mysql::Flavour;

    #[test]
    fn a_sequence_is_a_table_whose_values_have_the_type_that_is_named() {
        let check = |text: &str, expected: &str| {
            let context = StatementContext::newest(Flavour::MariaDb);
            let meaning = scan(text, "d", context).meaning;
            let Meaning::CreateTable(table) = &meaning else {
                panic!("{text}: {meaning:?}");
            };
            let columns = &table.elements.columns;
            assert_eq!(columns.len(), 8, "{text}");
            let shown = format!("{:?}", columns[0].kind);
            assert!(shown.contains(expected), "{text}: {shown}");
        };
        check("CREATE SEQUENCE s", "\"bigint(21)\"");
        check(
            "CREATE OR REPLACE SEQUENCE s START WITH 5 CACHE 2 COMMENT='AS INT';",
            "\"bigint(21)\"",
        );
        check(
            "CREATE SEQUENCE s AS SMALLINT UNSIGNED MINVALUE 1",
            "\"smallint(5) unsigned\"",
        );
        check(
            "CREATE SEQUENCE s AS BIGINT UNSIGNED",
            "\"bigint(21) unsigned\"",
        );
        check(
            "CREATE SEQUENCE s MAXVALUE 100 AS TINYINT",
            "\"tinyint(4)\"",
        );
    }
}
