//! The text of a condition to an expression.
//!
//! `or` binds less than `and`, that less than `not`, that less than a comparison, as in SQL.

use super::error::ConditionError;
use super::lexer::{Token, Word, words};
use super::number::Number;
use crate::row::Collation;

/// How long a condition may be, in bytes.
const CONDITION_BYTES_MAX: usize = 64 << 10;
/// Brackets and `not`s inside each other.
const NESTING_MAX: usize = 100;
/// Mistakes of a condition at most that are told.
const MISTAKES_MAX: usize = 20;

/// A condition that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// What a column is compared with.
    Test(ColumnTest),
}

/// A column and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnTest {
    pub(super) column: String,
    /// The collation to compare text by.
    pub(super) collation: Option<String>,
    pub(super) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Compare(Comparison, Literal),
    /// One of them; `None` is NULL.
    In(Vec<Option<Literal>>),
    IsNull,
    Like(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Number(Number),
    Text(String),
    Bytes(Vec<u8>),
}

impl Expression {
    /// The collations that it names and that nobody knows.
    pub fn unknown_collations(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(Self::unknown_collations).collect()
            }
            Self::Not(part) => part.unknown_collations(),
            Self::Test(test) => {
                let named = test.collation.as_deref();
                let unknown = named.filter(|name| Collation::by_name(name).is_none());
                unknown.into_iter().collect()
            }
        }
    }

    /// Reads a condition.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as it can be told apart: it is read on after the next `and` or `or`.
    pub fn parse(text: &str) -> Result<Self, Vec<ConditionError>> {
        let end = text.chars().count() + 1;
        whole(text, end).map_err(|first| mistakes(text, end, first))
    }
}

fn whole(text: &str, end: usize) -> Result<Expression, ConditionError> {
    if text.len() > CONDITION_BYTES_MAX {
        return Err(ConditionError {
            at: 1,
            what: format!(
                "the condition has {} bytes of at most {CONDITION_BYTES_MAX}, write several entries instead",
                text.len()
            ),
        });
    }
    read(&words(text)?, end)
}

/// The first mistake, and those after it.
fn mistakes(text: &str, end: usize, first: ConditionError) -> Vec<ConditionError> {
    let tokens = words(text).unwrap_or_default();
    let mut mistakes = Vec::new();
    let mut found = Some(first);
    while let Some(mistake) = found.take() {
        let rest = after(&tokens, mistake.at);
        mistakes.push(mistake);
        if !rest.is_empty() && mistakes.len() < MISTAKES_MAX {
            found = read(&rest, end).err();
        }
    }
    mistakes
}

fn read(tokens: &[Token], end: usize) -> Result<Expression, ConditionError> {
    let mut parser = Parser {
        tokens,
        end,
        depth: 0,
    };
    let expression = parser.any()?;
    match parser.tokens.first() {
        None => Ok(expression),
        Some(_more) => Err(parser.unexpected("and, or, or the end")),
    }
}

/// What is to be read on after a mistake: what follows the next `and` or `or`, without the ends of brackets that began before it.
fn after(tokens: &[Token], mistake: usize) -> Vec<Token> {
    let is_one_of = |token: &Token, words: &[&str]| match &token.word {
        Word::Name(name) => is_one_of(name, words),
        Word::Quoted(_) | Word::Text(_) | Word::Bytes(_) | Word::Number(_) | Word::Sign(_) => false,
    };
    let (before, rest) = tokens.split_at(tokens.partition_point(|token| token.at < mistake));
    let is_in_between = before
        .last()
        .is_some_and(|token| is_one_of(token, &["between"]));
    let ends = rest.iter().enumerate();
    let mut ends = ends.filter(|(_, token)| is_one_of(token, &["and", "or"]));
    let next = ends.nth(usize::from(is_in_between));
    let rest = next
        .and_then(|(end, _)| rest.get(end + 1..))
        .unwrap_or_default();
    let mut depth = 0usize;
    let is_kept = |token: &&Token| match token.word {
        Word::Sign("(") => {
            depth += 1;
            true
        }
        Word::Sign(")") => {
            let is_open = depth > 0;
            depth = depth.saturating_sub(1);
            is_open
        }
        Word::Name(_)
        | Word::Quoted(_)
        | Word::Text(_)
        | Word::Bytes(_)
        | Word::Number(_)
        | Word::Sign(_) => true,
    };
    rest.iter().filter(is_kept).cloned().collect()
}

struct Parser<'a> {
    tokens: &'a [Token],
    end: usize,
    depth: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.not()?];
        while self.takes_word("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn not(&mut self) -> Result<Expression, ConditionError> {
        if !self.takes_word("not") {
            return self.primary();
        }
        self.deeper()?;
        let inner = self.not()?;
        self.depth -= 1;
        Ok(not(inner))
    }

    fn primary(&mut self) -> Result<Expression, ConditionError> {
        if !self.takes_sign("(") {
            return self.test();
        }
        self.deeper()?;
        let inner = self.any()?;
        self.depth -= 1;
        self.expect_sign(")")?;
        Ok(inner)
    }

    fn deeper(&mut self) -> Result<(), ConditionError> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.error(format!(
                "more than {NESTING_MAX} brackets and nots inside each other"
            )));
        }
        Ok(())
    }

    fn test(&mut self) -> Result<Expression, ConditionError> {
        if self.begins_literal() {
            // The literal first: turned around.
            let literal = self.literal()?;
            let Some((comparison, negated)) = self.comparison()? else {
                return Err(self.unexpected("a comparison"));
            };
            let (column, collation) = self.column()?;
            let test = Test::Compare(turned(comparison), literal);
            return Ok(tested(column, collation, test, negated));
        }
        let (column, collation) = self.column()?;
        if let Some((comparison, negated)) = self.comparison()? {
            let literal = self.literal()?;
            return Ok(tested(
                column,
                collation,
                Test::Compare(comparison, literal),
                negated,
            ));
        }
        if self.takes_word("is") {
            let negated = self.takes_word("not");
            if !self.takes_word("null") {
                return Err(self.unexpected("null"));
            }
            return Ok(tested(column, collation, Test::IsNull, negated));
        }
        let negated = self.takes_word("not");
        if self.takes_word("in") {
            let list = self.list()?;
            return Ok(tested(column, collation, Test::In(list), negated));
        }
        if self.takes_word("like") {
            let pattern = self.pattern()?;
            return Ok(tested(column, collation, Test::Like(pattern), negated));
        }
        if self.takes_word("between") {
            let least = self.literal()?;
            if !self.takes_word("and") {
                return Err(self.unexpected("and"));
            }
            let most = self.literal()?;
            let from = Test::Compare(Comparison::GreaterOrEqual, least);
            let to = Test::Compare(Comparison::LessOrEqual, most);
            let both = Expression::All(vec![
                tested(column.clone(), collation.clone(), from, false),
                tested(column, collation, to, false),
            ]);
            return Ok(if negated { not(both) } else { both });
        }
        Err(self.unexpected(
            "a comparison after the column: =, !=, <, <=, >, >=, in, like, between or is null",
        ))
    }

    fn column(&mut self) -> Result<(String, Option<String>), ConditionError> {
        let column = match self.tokens.first().map(|token| &token.word) {
            Some(Word::Quoted(name)) => name.clone(),
            Some(Word::Name(name)) if !is_keyword(name) => name.clone(),
            _other => return Err(self.unexpected("a column")),
        };
        self.pass();
        if !self.takes_word("collate") {
            return Ok((column, None));
        }
        match self.tokens.first().map(|token| &token.word) {
            Some(Word::Name(name)) => {
                let name = name.clone();
                self.pass();
                Ok((column, Some(name)))
            }
            _other => Err(self.unexpected("the name of a collation")),
        }
    }

    /// A comparison, and whether it is negated.
    fn comparison(&mut self) -> Result<Option<(Comparison, bool)>, ConditionError> {
        let Some(Word::Sign(sign)) = self.tokens.first().map(|token| &token.word) else {
            return Ok(None);
        };
        let found = match *sign {
            "=" => (Comparison::Equal, false),
            "!=" | "<>" => (Comparison::Equal, true),
            "<" => (Comparison::Less, false),
            "<=" => (Comparison::LessOrEqual, false),
            ">" => (Comparison::Greater, false),
            ">=" => (Comparison::GreaterOrEqual, false),
            _other => return Err(self.unexpected("a comparison such as = or <")),
        };
        self.pass();
        Ok(Some(found))
    }

    fn list(&mut self) -> Result<Vec<Option<Literal>>, ConditionError> {
        self.expect_sign("(")?;
        let mut list = Vec::new();
        loop {
            list.push(match self.takes_word("null") {
                true => None,
                false => Some(self.literal()?),
            });
            if !self.takes_sign(",") {
                break;
            }
        }
        self.expect_sign(")")?;
        Ok(list)
    }

    fn pattern(&mut self) -> Result<String, ConditionError> {
        let Some(Word::Text(pattern)) = self.tokens.first().map(|token| &token.word) else {
            return Err(self.unexpected("a pattern in single quotes"));
        };
        let trailing = pattern
            .chars()
            .rev()
            .take_while(|letter| *letter == '\\')
            .count();
        if trailing % 2 == 1 {
            return Err(
                self.error("the pattern ends in a backslash, write \\\\ for one".to_owned())
            );
        }
        let pattern = pattern.clone();
        self.pass();
        if self.is_word("escape") {
            return Err(self.unexpected("and, or, or the end: the escape of like is a backslash"));
        }
        Ok(pattern)
    }

    fn begins_literal(&self) -> bool {
        match self.tokens.first().map(|token| &token.word) {
            Some(Word::Text(_) | Word::Bytes(_) | Word::Number(_) | Word::Sign("-" | "+")) => true,
            Some(Word::Name(name)) => is_one_of(name, &["true", "false"]),
            Some(Word::Quoted(_) | Word::Sign(_)) | None => false,
        }
    }

    fn literal(&mut self) -> Result<Literal, ConditionError> {
        let is_negative = self.takes_sign("-");
        let is_signed = is_negative || self.takes_sign("+");
        let literal = match self.tokens.first().map(|token| &token.word) {
            Some(Word::Number(digits)) => match Number::parse(digits, is_negative) {
                Some(number) => Literal::Number(number),
                None => {
                    return Err(self.error(format!(
                        "{digits} is no number, write digits with a point or an exponent at most"
                    )));
                }
            },
            Some(Word::Text(text)) if !is_signed => Literal::Text(text.clone()),
            Some(Word::Bytes(bytes)) if !is_signed => Literal::Bytes(bytes.clone()),
            Some(Word::Name(name)) if !is_signed && is_one_of(name, &["true"]) => {
                Literal::Number(Number::of(1))
            }
            Some(Word::Name(name)) if !is_signed && is_one_of(name, &["false"]) => {
                Literal::Number(Number::of(0))
            }
            Some(Word::Name(name)) if is_one_of(name, &["null"]) => {
                return Err(self.error("no value compares with null, write is null".to_owned()));
            }
            Some(Word::Name(_) | Word::Quoted(_)) => {
                return Err(self.unexpected(
                    "a literal: columns are compared with numbers and with 'text' only",
                ));
            }
            _other => return Err(self.unexpected("a literal")),
        };
        self.pass();
        Ok(literal)
    }

    // ---- words -----------------------------------------------------------------------------------------------------

    fn pass(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn is_word(&self, keyword: &str) -> bool {
        match self.tokens.first().map(|token| &token.word) {
            Some(Word::Name(name)) => name.eq_ignore_ascii_case(keyword),
            _other => false,
        }
    }

    fn takes_word(&mut self, keyword: &str) -> bool {
        let takes = self.is_word(keyword);
        if takes {
            self.pass();
        }
        takes
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let takes = matches!(self.tokens.first().map(|token| &token.word), Some(Word::Sign(found)) if *found == sign);
        if takes {
            self.pass();
        }
        takes
    }

    fn expect_sign(&mut self, sign: &str) -> Result<(), ConditionError> {
        match self.takes_sign(sign) {
            true => Ok(()),
            false => Err(self.unexpected(sign)),
        }
    }

    fn error(&self, what: String) -> ConditionError {
        let at = self.tokens.first().map_or(self.end, |token| token.at);
        ConditionError { at, what }
    }

    fn unexpected(&self, expected: &str) -> ConditionError {
        let found = match self.tokens.first().map(|token| &token.word) {
            None => "the end".to_owned(),
            Some(Word::Name(name)) => name.clone(),
            Some(Word::Quoted(name)) => format!("`{name}`"),
            Some(Word::Number(digits)) => digits.clone(),
            Some(Word::Text(_)) => "text in quotes".to_owned(),
            Some(Word::Bytes(_)) => "x'…'".to_owned(),
            Some(Word::Sign(sign)) => (*sign).to_owned(),
        };
        self.error(format!("found {found}, expected {expected}"))
    }
}

fn tested(column: String, collation: Option<String>, test: Test, negated: bool) -> Expression {
    let test = Expression::Test(ColumnTest {
        column,
        collation,
        test,
    });
    if negated { not(test) } else { test }
}

fn not(expression: Expression) -> Expression {
    Expression::Not(Box::new(expression))
}

fn one_or(
    mut parts: Vec<Expression>,
    many: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _more => many(parts),
    }
}

fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
    }
}

/// Words that are names of columns in backticks only.
fn is_keyword(name: &str) -> bool {
    let keywords = [
        "and", "or", "not", "in", "is", "null", "like", "between", "true", "false", "collate",
        "escape",
    ];
    is_one_of(name, &keywords)
}

fn is_one_of(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.eq_ignore_ascii_case(word))
}
