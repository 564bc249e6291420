//! The databases that the text of a statement names.

use super::lexer::{Lexer, Token};
use super::scanned::{ObjectClass, StatementContext};
use super::scanner::scan;

/// The databases that a statement names, in its bodies and expressions too: all names before a dot, and those of databases
/// that it defines. An alias or a table before its column counts as well, since no body is followed that far.
pub fn databases_named(text: &str, context: StatementContext) -> Vec<Box<str>> {
    // Without a default database none is filled in where the text leaves it out.
    let objects = scan(text, "", context).objects.into_iter();
    let mut named: Vec<_> = objects
        .filter(|object| object.class == ObjectClass::Database && !object.name.database.is_empty())
        .map(|object| object.name.database)
        .collect();
    let mut lexer = Lexer::new(text, context);
    let (mut before, mut last) = (None, None);
    while let Ok(Some(token)) = lexer.next() {
        if token == Token::Symbol('.') && before != Some(Token::Symbol('.')) {
            match last.take() {
                Some(Token::Word(name)) => named.push(name.into()),
                Some(Token::Quoted(name)) => named.push(name.into()),
                Some(Token::Text(_) | Token::Symbol(_)) | None => {}
            }
        }
        before = last.replace(token);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;

    #[test]
    fn names_before_a_dot_and_databases_are_found() {
        let check = |text: &str, expected: &[&str]| {
            let context = StatementContext::newest(Flavour::MySql);
            let found = databases_named(text, context);
            assert_eq!(
                found.iter().map(|name| &**name).collect::<Vec<_>>(),
                expected,
                "{text}"
            );
        };
        check("CREATE TABLE t (id INT DEFAULT 1)", &[]);
        check("TRUNCATE t -- a.b", &[]);
        check("ALTER TABLE t COMMENT 'a.b'", &[]);
        check("CREATE DATABASE a", &["a"]);
        check("drop schema if exists `a.b`", &["a.b"]);
        check("ALTER DATABASE CHARACTER SET utf8mb4", &[]);
        check("ALTER DATABASE a CHARACTER SET utf8mb4", &["a"]);
        check("DROP VIEW a.v, v", &["a"]);
        check("RENAME TABLE a . c TO `b`.`d`, t TO u", &["a", "b"]);
        check("CREATE VIEW v AS SELECT x.y.z FROM x.y", &["x", "x"]);
        check(
            "CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW INSERT INTO a.log VALUES (NEW.id)",
            &["a", "NEW"],
        );
        check(
            "CREATE TABLE t (id INT, FOREIGN KEY (id) REFERENCES a.t (id))",
            &["a"],
        );
        check("GRANT SELECT ON a.* TO u", &["a"]);
        check("/*!50001 DROP VIEW `a`.v */", &["a"]);
        check("DROP TABLE a.`t", &["a"]);
    }
}
