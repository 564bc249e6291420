//! What a statement that writes rows reads besides, and whether it may write more than it names.
//!
//! A stored function may write any table, and a view may call one. So a statement is told of only where each call is one of a
//! function that every server has, and whoever asks has to know that what is read are tables.

use super::lexer::{Lexer, Token, Unterminated};
use super::scanned::StatementContext;
use crate::row::TableName;

/// Words after which a list of tables begins or goes on.
const BEFORE_TABLE: [&str; 3] = ["FROM", "JOIN", "STRAIGHT_JOIN"];
/// Words that end a list of tables.
const AFTER_TABLES: [&str; 14] = [
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WINDOW",
    "FOR",
    "INTO",
    "SET",
    "LOCK",
    "RETURNING",
];
/// Words that a query begins with.
const QUERIES: [&str; 2] = ["SELECT", "VALUES"];
/// Words with which more may be read or written than is looked for here: common table expressions, `TABLE t`, sequences.
const BEYOND: [&str; 6] = ["WITH", "TABLE", "NEXT", "NEXTVAL", "SETVAL", "PROCEDURE"];
/// What may stand before a bracket. A function of one of these names that is not qualified is the server's own.
const BEFORE_BRACKET: [&str; 116] = [
    "ABS",
    "ADDDATE",
    "ALL",
    "AND",
    "ANY",
    "AS",
    "ASCII",
    "AVG",
    "BETWEEN",
    "BIGINT",
    "BINARY",
    "BIT",
    "BY",
    "CASE",
    "CAST",
    "CEIL",
    "CEILING",
    "CHAR",
    "CHAR_LENGTH",
    "COALESCE",
    "CONCAT",
    "CONCAT_WS",
    "CONVERT",
    "COUNT",
    "CRC32",
    "CURDATE",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURTIME",
    "DATE",
    "DATEDIFF",
    "DATETIME",
    "DATE_ADD",
    "DATE_FORMAT",
    "DATE_SUB",
    "DAY",
    "DECIMAL",
    "DEFAULT",
    "DISTINCT",
    "DIV",
    "ELSE",
    "ELT",
    "EXISTS",
    "EXTRACT",
    "FIELD",
    "FIND_IN_SET",
    "FLOOR",
    "FORMAT",
    "FROM",
    "FROM_UNIXTIME",
    "GREATEST",
    "GROUP_CONCAT",
    "HAVING",
    "HEX",
    "HOUR",
    "IF",
    "IFNULL",
    "IN",
    "INDEX",
    "INSTR",
    "INTERVAL",
    "JOIN",
    "JSON_EXTRACT",
    "JSON_OBJECT",
    "JSON_UNQUOTE",
    "KEY",
    "LAST_INSERT_ID",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LIKE",
    "LIMIT",
    "LOWER",
    "LPAD",
    "LTRIM",
    "MAX",
    "MD5",
    "MIN",
    "MINUTE",
    "MOD",
    "MONTH",
    "NOT",
    "NOW",
    "NULLIF",
    "ON",
    "OR",
    "PARTITION",
    "POW",
    "RAND",
    "REPEAT",
    "REPLACE",
    "REVERSE",
    "RIGHT",
    "ROUND",
    "RPAD",
    "RTRIM",
    "SELECT",
    "SHA1",
    "SUBSTR",
    "SUBSTRING",
    "SUM",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TRIM",
    "TRUNCATE",
    "UNHEX",
    "UNION",
    "UNIX_TIMESTAMP",
    "UPPER",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "YEAR",
];

/// The tables, or views, that an INSERT, REPLACE, UPDATE or DELETE reads by queries, joins and lists of tables. Those that it
/// writes may be among them. `None` where it may do more than to read them and to write those that it names.
pub fn tables_read(
    statement: &str,
    default_database: &str,
    context: StatementContext,
) -> Option<Vec<TableName>> {
    let mut reader = Reader {
        lexer: Lexer::new(statement, context),
        default_database,
        read: Vec::new(),
        lists: vec![false],
    };
    match reader.statement() {
        Ok(true) => Some(reader.read),
        Ok(false) | Err(_) => None,
    }
}

struct Reader<'a> {
    lexer: Lexer<'a>,
    default_database: &'a str,
    read: Vec<TableName>,
    /// Whether a list of tables is open in each bracket around.
    lists: Vec<bool>,
}

impl<'a> Reader<'a> {
    /// Reads to the end; whether all of it was of the kinds that are known.
    fn statement(&mut self) -> Result<bool, Unterminated> {
        let Some(Token::Word(verb)) = self.lexer.next()? else {
            return Ok(false);
        };
        match verb.to_ascii_uppercase().as_str() {
            "INSERT" | "REPLACE" => {
                if !self.target()? {
                    return Ok(false);
                }
            }
            "UPDATE" => self.open_list(true),
            "DELETE" => {}
            _other => return Ok(false),
        }
        let mut table_expected = self.is_in_list();
        let mut before: Option<Token<'a>> = None;
        while let Some(token) = self.lexer.next()? {
            let is_known = match &token {
                Token::Word(_) | Token::Quoted(_) if table_expected => {
                    match self.listed(&token)? {
                        Some(is_whole) => {
                            table_expected = !is_whole;
                            true
                        }
                        None => false,
                    }
                }
                Token::Word(word) => {
                    table_expected = self.word(word);
                    !is_one_of(word, &BEYOND)
                }
                Token::Symbol('(') => {
                    self.lists.push(table_expected);
                    is_no_call(before.as_ref())
                }
                Token::Symbol(')') => {
                    table_expected = false;
                    self.lists.pop();
                    !self.lists.is_empty()
                }
                Token::Symbol(',') => {
                    table_expected = self.is_in_list();
                    true
                }
                Token::Symbol('.') => !self.is_call_after_dot()?,
                Token::Quoted(_) | Token::Text(_) | Token::Symbol(_) => true,
            };
            if !is_known {
                return Ok(false);
            }
            before = Some(token);
        }
        Ok(!table_expected && self.lists.len() == 1)
    }

    fn open_list(&mut self, is_open: bool) {
        if let Some(last) = self.lists.last_mut() {
            *last = is_open;
        }
    }

    fn is_in_list(&self) -> bool {
        self.lists.last() == Some(&true)
    }

    /// The table of an INSERT, with its partitions and columns.
    fn target(&mut self) -> Result<bool, Unterminated> {
        let mut passed = true;
        while passed {
            passed = false;
            for word in ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"] {
                passed |= self.lexer.eat_word(word)?;
            }
        }
        let Some(Token::Word(_) | Token::Quoted(_)) = self.lexer.next()? else {
            return Ok(false);
        };
        if self.lexer.eat_symbol('.')? {
            self.lexer.next()?;
        }
        if self.lexer.eat_word("PARTITION")? && !self.skip_names()? {
            return Ok(false);
        }
        self.skip_names()
    }

    /// Passes over names in brackets, if a bracket follows.
    fn skip_names(&mut self) -> Result<bool, Unterminated> {
        let mut ahead = self.lexer;
        if !ahead.eat_symbol('(')? {
            return Ok(true);
        }
        loop {
            match ahead.next()? {
                // A query in brackets.
                Some(Token::Word(word)) if is_one_of(word, &QUERIES) => return Ok(true),
                Some(Token::Word(_) | Token::Quoted(_) | Token::Symbol(',' | '.')) => {}
                Some(Token::Symbol(')')) => {
                    self.lexer = ahead;
                    return Ok(true);
                }
                Some(Token::Text(_) | Token::Symbol(_)) | None => return Ok(false),
            }
        }
    }

    /// Takes a name where one of a table is expected; whether it was one, and `None` where it is not known what it is.
    fn listed(&mut self, token: &Token<'a>) -> Result<Option<bool>, Unterminated> {
        let first = match token {
            Token::Word(word) if is_one_of(word, &QUERIES) => {
                self.open_list(false);
                return Ok(Some(true));
            }
            Token::Word(word) if is_one_of(word, &["LOW_PRIORITY", "IGNORE", "LATERAL"]) => {
                return Ok(Some(false));
            }
            Token::Word(word) if is_one_of(word, &BEYOND) => return Ok(None),
            Token::Word(word) => *word,
            Token::Quoted(name) => name,
            Token::Text(_) | Token::Symbol(_) => return Ok(None),
        };
        let name = match self.lexer.eat_symbol('.')? {
            false => TableName::new(self.default_database, first),
            true => match self.lexer.next()? {
                Some(Token::Word(table)) => TableName::new(first, table),
                Some(Token::Quoted(table)) => TableName::new(first, table),
                Some(Token::Text(_) | Token::Symbol(_)) | None => return Ok(None),
            },
        };
        self.read.push(name);
        Ok(Some(true))
    }

    /// Takes a word that is no name of a table; whether such a name follows.
    fn word(&mut self, word: &str) -> bool {
        let begins = is_one_of(word, &BEFORE_TABLE);
        if begins || is_one_of(word, &AFTER_TABLES) {
            self.open_list(begins);
        }
        begins
    }

    /// Whether a name after a dot is one of a function: it is a stored one.
    fn is_call_after_dot(&self) -> Result<bool, Unterminated> {
        let mut ahead = self.lexer;
        let name = ahead.next()?;
        let is_name = matches!(name, Some(Token::Word(_) | Token::Quoted(_)));
        Ok(is_name && ahead.eat_symbol('(')?)
    }
}

/// Whether a bracket after a token begins no call of a function that may be a stored one.
fn is_no_call(before: Option<&Token<'_>>) -> bool {
    match before {
        Some(Token::Word(word)) => {
            is_one_of(word, &BEFORE_BRACKET) || word.starts_with(|c: char| c.is_ascii_digit())
        }
        Some(Token::Quoted(_)) => false,
        Some(Token::Text(_) | Token::Symbol(_)) | None => true,
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|it| it.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;

    fn check(statement: &str, expected: Option<&[&str]>) {
        let context = StatementContext::new(Flavour::MariaDb, "10.11.2-MariaDB", 0);
        let found = tables_read(statement, "d", context);
        let found: Option<Vec<String>> =
            found.map(|read| read.iter().map(ToString::to_string).collect());
        let found: Option<Vec<&str>> = found
            .as_ref()
            .map(|read| read.iter().map(|name| &**name).collect());
        assert_eq!(found.as_deref(), expected, "{statement}");
    }

    #[test]
    fn what_is_read_is_told() {
        check("INSERT INTO t VALUES (1, 'a(b'), (2, NOW())", Some(&[]));
        check("INSERT INTO `e`.`t` (`a`, b) VALUES (1, 2)", Some(&[]));
        check("REPLACE t SET a = 1 + ABS(-2)", Some(&[]));
        check("DELETE FROM t WHERE a IN (1, 2)", Some(&["d.t"]));
        check("UPDATE t SET a = (b + 1) * 2", Some(&["d.t"]));
        check(
            "UPDATE IGNORE `t`, e.u AS v SET t.a = v.b WHERE t.c = v.c",
            Some(&["d.t", "e.u"]),
        );
        check(
            "INSERT INTO t (a) SELECT x.a, COUNT(*) FROM u x JOIN e.v USING (a), w WHERE a IN (SELECT b FROM y) GROUP BY 1, 2",
            Some(&["d.u", "e.v", "d.w", "d.y"]),
        );
        check(
            "INSERT INTO t (SELECT a FROM (SELECT b FROM u) v, w)",
            Some(&["d.u", "d.w"]),
        );
        check(
            "INSERT t SELECT * FROM (u, (v JOIN w ON u.a = w.a))",
            Some(&["d.u", "d.v", "d.w"]),
        );
        check(
            "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)",
            Some(&[]),
        );
        check(
            "INSERT INTO t SELECT 1 FROM u ORDER BY a, b LIMIT 1, 2",
            Some(&["d.u"]),
        );
    }

    #[test]
    fn what_may_write_more_is_not_told() {
        for statement in [
            "INSERT INTO t VALUES (f())",
            "INSERT INTO t VALUES (e.now())",
            "INSERT INTO t VALUES (`now`())",
            "INSERT INTO t SELECT a FROM u WHERE f (a)",
            "INSERT INTO t VALUES (NEXT VALUE FOR s)",
            "INSERT INTO t VALUES (s.nextval)",
            "INSERT INTO t VALUES (NEXTVAL(s))",
            "INSERT INTO t WITH c AS (SELECT 1) SELECT * FROM c",
            "INSERT INTO t TABLE u",
            "INSERT INTO t SELECT * FROM u PROCEDURE ANALYSE()",
            "INSERT INTO t SELECT * FROM JSON_TABLE('[]', '$' COLUMNS (a INT PATH '$')) j",
            "LOAD DATA INFILE 'f' INTO TABLE t",
            "INSERT INTO t VALUES (1",
            "INSERT INTO t VALUES ('a",
            "CREATE TABLE t (a INT)",
            "",
        ] {
            check(statement, None);
        }
    }
}
