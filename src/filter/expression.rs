//! The regular expressions of rules on tables and on columns, matched against the whole of `database.table` or of
//! `database.table.column`.
//!
//! The `regex` crate takes time linear in the name for every expression, and memory up to a limit that is told to it. Most
//! expressions are names with a backslash before their dots: these are compared as names and not compiled.

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Dot, Hir, HirKind};

use super::error::FilterError;
use super::fold::Fold;
use super::verdict::RuleKey;

/// Memory of one compiled expression, in bytes.
const COMPILED_BYTES_MAX: usize = 4 << 20;
/// How long an expression may be, in bytes.
const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// How much of an expression a message shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// What a rule on columns matches names with.
#[derive(Clone, Debug)]
pub(super) enum NamePattern {
    /// This name alone, in any case; [`folded`].
    Name(Box<str>),
    /// Every name that begins and ends so, the one after the other, in any case; [`folded`].
    Around(Box<str>, Box<str>),
    /// What matches.
    Expression(Regex),
}

/// Compiles an expression, so that it matches whole names only, and in any case where the server's rules on tables do.
///
/// # Errors
/// What `regex` says of it, in one line.
pub(super) fn compile(key: RuleKey, text: &str, fold: Fold) -> Result<Regex, FilterError> {
    read(key, text)?;
    anchored(key, text, fold)
}

/// The same for the names of tables in rules on rows, of which one that can match none would let all rows pass.
///
/// # Errors
/// The same, and an expression that matches no `database.table`.
pub(super) fn compile_tables(key: RuleKey, text: &str, fold: Fold) -> Result<Regex, FilterError> {
    needs_dots(key, text, &read(key, text)?, 1)?;
    anchored(key, text, fold)
}

/// Compiles an expression for the names of columns.
///
/// # Errors
/// What `regex` says of it, in one line, or that it matches no `database.table.column`.
pub(super) fn compile_columns(key: RuleKey, text: &str) -> Result<NamePattern, FilterError> {
    let read = read(key, text)?;
    needs_dots(key, text, &read, 2)?;
    // Only in brackets can it say that case counts.
    let is_plain = text.is_ascii() && !text.contains('(');
    match plain(&read).filter(|_| is_plain) {
        Some(pattern) => Ok(pattern),
        None => anchored(key, text, Fold::Lower).map(NamePattern::Expression),
    }
}

/// An expression that is a name, or what names begin and end with around `.*`.
fn plain(read: &Hir) -> Option<NamePattern> {
    let literal = |part: &Hir| match part.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            Some(Box::from(&*folded(text)))
        }
        _other => None,
    };
    let is_any = |part: &Hir| match part.kind() {
        HirKind::Repetition(repeated) => {
            let is_open = repeated.min == 0 && repeated.max.is_none();
            is_open && *repeated.sub == Hir::dot(Dot::AnyChar)
        }
        _other => false,
    };
    let HirKind::Concat(parts) = read.kind() else {
        return literal(read).map(NamePattern::Name);
    };
    match parts.as_slice() {
        [start, any] if is_any(any) => Some(NamePattern::Around(literal(start)?, "".into())),
        [any, end] if is_any(any) => Some(NamePattern::Around("".into(), literal(end)?)),
        [start, any, end] if is_any(any) => {
            Some(NamePattern::Around(literal(start)?, literal(end)?))
        }
        _other => None,
    }
}

impl NamePattern {
    /// Whether it matches a name, which is given as [`folded`] has it too.
    pub(super) fn matches(&self, name: &str, folded: &str) -> bool {
        match self {
            Self::Name(known) => folded == &**known,
            Self::Around(start, end) => {
                let rest = folded.strip_prefix(&**start);
                rest.is_some_and(|rest| rest.ends_with(&**end))
            }
            Self::Expression(expression) => expression.is_match(name),
        }
    }
}

/// A name as names that are compared without case have it, as far as its letters are those of ASCII: two letters beyond are
/// other forms of such ones.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    if name
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return name.into();
    }
    let letters = name.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    letters.collect::<String>().into()
}

/// What all names begin with that an expression matches, as far as that is easily told.
pub(super) fn literal_start(expression: &str) -> String {
    let mut literal = String::new();
    // One of several alternatives may begin otherwise.
    if expression.contains('|') {
        return literal;
    }
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next() {
                Some(escaped) if !escaped.is_alphanumeric() => escaped,
                Some(_) | None => break,
            },
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' => break,
            plain => plain,
        };
        // It may be there never, or several times.
        if matches!(letters.peek(), Some('*' | '?' | '{')) {
            break;
        }
        literal.push(letter);
    }
    literal
}

/// Whether an expression that was compiled may match, in any case, some name that begins so.
pub(super) fn may_begin(key: RuleKey, text: &str, start: &str) -> bool {
    let Ok(read) = read(key, text) else {
        return true;
    };
    let found = Extractor::new().extract(&read);
    let Some(literals) = found.literals().filter(|_| start.is_ascii()) else {
        return true;
    };
    literals.iter().any(|literal| {
        let mut both = literal.as_bytes().iter().zip(start.as_bytes());
        !literal.as_bytes().is_ascii() || both.all(|(one, other)| one.eq_ignore_ascii_case(other))
    })
}

/// Reads an expression by itself, so that no bracket of it reaches across the anchors.
fn read(key: RuleKey, text: &str) -> Result<Hir, FilterError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let length = text.len();
        let reason = format!(
            "has {length} bytes of at most {EXPRESSION_BYTES_MAX}, write several rules instead"
        );
        return Err(refused(key, text, reason));
    }
    let mut builder = ParserBuilder::new();
    let read = builder.dot_matches_new_line(true).build().parse(text);
    read.map_err(|error| refused(key, text, told(key, text, &error.to_string())))
}

fn anchored(key: RuleKey, text: &str, fold: Fold) -> Result<Regex, FilterError> {
    let mut builder = RegexBuilder::new(&format!(r"\A(?:{text})\z"));
    builder
        .case_insensitive(fold != Fold::Bytes)
        .dot_matches_new_line(true)
        .size_limit(COMPILED_BYTES_MAX);
    builder.build().map_err(|error| {
        let reason = match error {
            regex::Error::CompiledTooBig(limit) => format!(
                "needs more than {limit} bytes of memory, write it without large counts such as {{1000}}"
            ),
            other => told(key, text, &other.to_string()),
        };
        refused(key, text, reason)
    })
}

fn refused(key: RuleKey, text: &str, reason: String) -> FilterError {
    FilterError::Expression {
        key,
        rule: shortened(text),
        reason,
    }
}

/// Refuses an expression that matches no name, for every name has so many dots.
fn needs_dots(key: RuleKey, text: &str, read: &Hir, least: u32) -> Result<(), FilterError> {
    let found = dots(read);
    if found >= least {
        return Ok(());
    }
    let (what, form) = match least {
        1 => ("table", "database.table"),
        _two => ("column", "database.table.column"),
    };
    let has = match found {
        0 => "no dot".to_owned(),
        one => format!("{one} dot"),
    };
    let shown = match text.contains('|') {
        true => format!("({text})").into(),
        false => Cow::Borrowed(text),
    };
    let shown = shortened(&shown);
    let reason = format!(
        "matches no {what}: it is held against the whole of {form} and has room for {has} of it, write it as \".*\\.{shown}\""
    );
    Err(refused(key, text, reason))
}

/// How many dots a text that matches can have.
fn dots(read: &Hir) -> u32 {
    match read.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => {
            let dots = literal.0.iter().filter(|byte| **byte == b'.').count();
            u32::try_from(dots).unwrap_or(u32::MAX)
        }
        HirKind::Class(Class::Unicode(class)) => {
            let mut ranges = class.ranges().iter();
            u32::from(ranges.any(|range| range.start() <= '.' && '.' <= range.end()))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut ranges = class.ranges().iter();
            u32::from(ranges.any(|range| range.start() <= b'.' && b'.' <= range.end()))
        }
        HirKind::Repetition(repeated) => {
            dots(&repeated.sub).saturating_mul(repeated.max.unwrap_or(u32::MAX))
        }
        HirKind::Capture(capture) => dots(&capture.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .fold(0, |all: u32, part| all.saturating_add(dots(part))),
        HirKind::Alternation(parts) => parts.iter().map(dots).max().unwrap_or(0),
    }
}

/// What is wrong with an expression, and what to write instead.
fn told(key: RuleKey, text: &str, error: &str) -> String {
    let looks_around = ["(?=", "(?!", "(?<=", "(?<!"];
    if let Some(found) = looks_around.iter().find(|words| text.contains(**words)) {
        let exclude = match key.is_on_columns() {
            true => RuleKey::ColumnsExclude,
            false => RuleKey::TablesExclude,
        };
        return format!(
            "looks around with \"{found}\", which is not supported: write what is to be left out as {exclude}"
        );
    }
    let last = error.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error: ");
    format!("is no regular expression: {last}; write it as the regex crate of Rust reads it")
}

/// As much of an expression as a message shows.
pub(super) fn shortened(text: &str) -> Box<str> {
    let mut shown: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Result<NamePattern, FilterError> {
        compile_columns(RuleKey::ColumnsExclude, text)
    }

    #[test]
    fn names_are_compared_as_the_expressions_that_they_are() {
        let names = [
            "shop.kids.s",
            "SHOP.KIDS.S",
            "shop.\u{212a}ids.\u{17f}",
            "shopxkids.s",
            "shop.kids.ss",
            "shop.kids",
            "shop.k\u{131}ds.s",
            "shop.kids.s\n",
            "",
            "a-b.c d.e",
            "A-B.C D.E",
        ];
        for (text, is_name) in [
            (r"shop\.kids\.s", true),
            (r"SHOP[.]kids\.\x73", true),
            (r"a-b\.c d\.e", true),
            (r"shop\..*", true),
            (r".*\.S", true),
            (r"shop\..*\.S", true),
            (r"shop\.kids.*kids\.s", true),
            (r"shop\.(kids)\.s", false),
            (r"shop\.kids\.s+", false),
            (r"shop\..*\..*", false),
            (r"shop\..+", false),
            (r"shop\.[^\n]*", false),
        ] {
            let pattern = columns(text).unwrap();
            let is_expression = matches!(pattern, NamePattern::Expression(_));
            assert_eq!(!is_expression, is_name, "{text}");
            let expression = anchored(RuleKey::ColumnsExclude, text, Fold::Lower).unwrap();
            for name in names {
                let matches = pattern.matches(name, &folded(name));
                assert_eq!(matches, expression.is_match(name), "{text} {name:?}");
            }
        }
        let sensitive = columns(r"(?-i)shop\.kids\.s").unwrap();
        let NamePattern::Expression(sensitive) = sensitive else {
            panic!("{sensitive:?}");
        };
        assert!(!sensitive.is_match("shop.Kids.s"));
    }

    #[test]
    fn expressions_without_room_for_the_dots_of_a_name_are_told() {
        for (text, matches) in [
            ("email", false),
            (r"customers\.email", false),
            (r"a\.b\.c", true),
            (".*email", true),
            ("[a-z]+.[a-z]+", false),
            ("..", true),
            (r"(a\.|b)c\.", true),
            (r"(a|b)\.c|d", false),
            (r"[^.]+\.[^.]+", false),
            (r"[^.]+(\.[^.]+){2}", true),
            (r"\W{2}", true),
        ] {
            let found = columns(text);
            assert_eq!(found.is_ok(), matches, "{text}: {found:?}");
        }
        let told = columns("email").unwrap_err().to_string();
        assert!(told.contains(r#"write it as ".*\.email""#), "{told}");
        for (text, matches) in [("orders", false), ("orders.*", true), (r"\w+", false)] {
            let found = compile_tables(RuleKey::Rows, text, Fold::Bytes);
            assert_eq!(found.is_ok(), matches, "{text}");
        }
    }

    #[test]
    fn brackets_do_not_reach_across_the_ends_of_an_expression() {
        for text in ["a)|(b", "(", r"a\", "(?x) a # b", "[a"] {
            let key = RuleKey::TablesInclude;
            assert!(compile(key, text, Fold::Bytes).is_err(), "{text}");
        }
    }
}
