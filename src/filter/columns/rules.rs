//! The rules on columns compiled, and what they make of a table.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::error::ColumnRuleError;
use super::options::{HashOptions, MaskOptions, OnMissing};
use crate::filter::error::FilterError;
use crate::filter::expression;
use crate::filter::fold::Fold;
use crate::filter::options::FilterOptions;
use crate::filter::verdict::{Rule, RuleKey};
use crate::row::{ColumnTreatment, Digester, Replacement, Table, TableName, Treatment};

/// The compiled rules on columns.
#[derive(Clone, Debug, Default)]
pub struct ColumnRules {
    exclude: Vec<ColumnRule>,
    include: Vec<ColumnRule>,
    /// Those of `columns-mask`, then `columns-hash`, then `columns-truncate`.
    replace: Vec<(ColumnRule, Replacement)>,
    on_missing: OnMissing,
}

#[derive(Clone, Debug)]
struct ColumnRule {
    rule: Rule,
    pattern: regex::Regex,
}

/// What the rules say of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnVerdict<'a> {
    /// It is published as it is.
    Kept {
        /// The `columns-include` that matches it, if there are any.
        by: Option<&'a Rule>,
    },
    /// It is left out.
    LeftOut {
        /// The `columns-exclude` that matches it; `None` where no `columns-include` does.
        by: Option<&'a Rule>,
    },
    /// Its values are replaced.
    Replaced {
        /// The rule.
        by: &'a Rule,
        /// What takes their place.
        replacement: &'a Replacement,
    },
}

/// The rules that match a column of a table, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleMatches(BTreeSet<usize>);

impl ColumnRules {
    /// Compiles the rules.
    ///
    /// # Errors
    /// The first mistake.
    pub(in crate::filter) fn compile(options: &FilterOptions) -> Result<Self, FilterError> {
        let (rules, mistakes) = Self::read(options);
        match mistakes.into_iter().next() {
            None => Ok(rules),
            Some(mistake) => Err(mistake),
        }
    }

    /// Everything that is wrong with rules.
    pub(in crate::filter) fn mistakes(options: &FilterOptions) -> Vec<FilterError> {
        Self::read(options).1
    }

    fn read(options: &FilterOptions) -> (Self, Vec<FilterError>) {
        let mut reading = Reading::default();
        let mut plain = |key, texts: &[String]| -> Vec<ColumnRule> {
            let rules = texts.iter().filter_map(|text| reading.rule(key, text));
            rules.collect()
        };
        let exclude = plain(RuleKey::ColumnsExclude, &options.columns_exclude);
        let include = plain(RuleKey::ColumnsInclude, &options.columns_include);
        let mut replace = Vec::new();
        for mask in &options.columns_mask {
            let key = RuleKey::ColumnsMask;
            replace.extend(reading.replacing(key, &mask.columns, masked(mask)));
        }
        for hash in &options.columns_hash {
            let key = RuleKey::ColumnsHash;
            replace.extend(reading.replacing(key, &hash.columns, hashed(hash)));
        }
        for truncate in &options.columns_truncate {
            let length = truncate
                .length
                .and_then(|length| usize::try_from(length).ok());
            let start = length.map(Replacement::Start);
            let start = start.ok_or("has no length, give the number of characters that are left");
            let key = RuleKey::ColumnsTruncate;
            replace.extend(reading.replacing(key, &truncate.columns, start));
        }
        let rules = Self {
            exclude,
            include,
            replace,
            on_missing: options.columns_missing,
        };
        (rules, reading.mistakes)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exclude.is_empty() && self.include.is_empty() && self.replace.is_empty()
    }

    /// What is done about a rule that has lost its column.
    pub fn on_missing(&self) -> OnMissing {
        self.on_missing
    }

    /// What becomes of a column of a table by its published name.
    pub fn judge(&self, table: &TableName, column: &str) -> ColumnVerdict<'_> {
        let name = full_name(table, column);
        let matches = |rule: &&ColumnRule| rule.pattern.is_match(&name);
        if let Some(found) = self.exclude.iter().find(matches) {
            let by = Some(&found.rule);
            return ColumnVerdict::LeftOut { by };
        }
        let included = self.include.iter().find(matches);
        if !self.include.is_empty() && included.is_none() {
            return ColumnVerdict::LeftOut { by: None };
        }
        let mut replace = self.replace.iter();
        match replace.find(|(rule, _)| matches(&rule)) {
            Some((found, replacement)) => ColumnVerdict::Replaced {
                by: &found.rule,
                replacement,
            },
            None => ColumnVerdict::Kept {
                by: included.map(|found| &found.rule),
            },
        }
    }

    /// The same; a column of the key stays one.
    ///
    /// # Errors
    /// A rule that would make a column of the key none.
    pub fn judge_fitting(
        &self,
        table: &TableName,
        column: &str,
        is_key: bool,
    ) -> Result<ColumnVerdict<'_>, ColumnRuleError> {
        let verdict = self.judge(table, column);
        if is_key {
            verdict.fits_key(table, column)?;
        }
        Ok(verdict)
    }

    /// The rules that match some of a table's columns, whether or not they decide.
    pub fn matches<'a>(
        &self,
        table: &TableName,
        columns: impl IntoIterator<Item = &'a str>,
    ) -> RuleMatches {
        let mut found = RuleMatches::default();
        for column in columns {
            let name = full_name(table, column);
            for (number, rule) in self.all().enumerate() {
                if rule.pattern.is_match(&name) {
                    found.0.insert(number);
                }
            }
        }
        found
    }

    /// The rules that matched before, and do so no more.
    pub fn lost(&self, before: Option<&RuleMatches>, now: &RuleMatches) -> Vec<&Rule> {
        let Some(before) = before else {
            return Vec::new();
        };
        let lost = self
            .all()
            .enumerate()
            .filter(|(number, _)| before.0.contains(number) && !now.0.contains(number));
        lost.map(|(_, rule)| &rule.rule).collect()
    }

    /// The rules that name a table literally, and match none of its columns.
    pub fn naming(&self, table: &TableName, matches: &RuleMatches) -> Vec<&Rule> {
        let name = full_name(table, "").to_lowercase();
        let naming = self.all().enumerate().filter(|(number, rule)| {
            !matches.0.contains(number)
                && literal_start(&rule.rule.text)
                    .to_lowercase()
                    .starts_with(&name)
        });
        naming.map(|(_, rule)| &rule.rule).collect()
    }

    fn all(&self) -> impl Iterator<Item = &ColumnRule> {
        let replace = self.replace.iter().map(|(rule, _)| rule);
        self.exclude.iter().chain(&self.include).chain(replace)
    }

    /// Has a table's rows treated as the rules say.
    ///
    /// # Errors
    /// A rule that does not fit the table.
    pub fn treat(&self, table: Table) -> Result<Table, ColumnRuleError> {
        if self.is_empty() {
            return Ok(table);
        }
        let mut treatments = Vec::with_capacity(table.columns.len());
        for (index, column) in table.columns.iter().enumerate() {
            let name = &table.name;
            if table.hidden.contains(&index) {
                treatments.push(ColumnTreatment::Kept);
                continue;
            }
            if table.is_undefined && column.name.starts_with('@') {
                if let Some(rule) = self.may_match(name) {
                    let (table, rule) = (name.clone(), rule.clone());
                    return Err(ColumnRuleError::Unnamed { table, rule });
                }
                treatments.push(ColumnTreatment::Kept);
                continue;
            }
            let is_key = table.key.contains(&index);
            let verdict = self.judge_fitting(name, &column.name, is_key)?;
            treatments.push(match verdict {
                ColumnVerdict::Kept { .. } => ColumnTreatment::Kept,
                ColumnVerdict::LeftOut { .. } => ColumnTreatment::LeftOut,
                ColumnVerdict::Replaced { by, replacement } => {
                    let kind = column.kind.clone();
                    if replacement.published_kind(&kind).is_none() {
                        return Err(ColumnRuleError::unfit(name, &column.name, by));
                    }
                    let by = replacement.clone();
                    ColumnTreatment::Replaced { kind, by }
                }
            });
        }
        if treatments
            .iter()
            .all(|treatment| *treatment == ColumnTreatment::Kept)
        {
            return Ok(table);
        }
        let mut left = treatments.iter().enumerate();
        let is_left = |(index, treatment): (usize, &ColumnTreatment)| {
            *treatment != ColumnTreatment::LeftOut && !table.hidden.contains(&index)
        };
        if !left.any(is_left) {
            let table = table.name;
            return Err(ColumnRuleError::NothingLeft { table });
        }
        Ok(table.treated(Treatment::new(treatments)))
    }

    /// A rule that a column of a table may match, whatever it is called.
    fn may_match(&self, table: &TableName) -> Option<&Rule> {
        let name = full_name(table, "");
        let found = self.all().find(|rule| rule.may_match_within(&name));
        // Beside any columns-include, what none matches is left out.
        Some(&found.or(self.include.first())?.rule)
    }
}

impl<'a> ColumnVerdict<'a> {
    /// The rule that keeps values from going out as they are.
    pub fn protecting(&self) -> Option<&'a Rule> {
        match self {
            Self::Kept { .. } | Self::LeftOut { by: None } => None,
            Self::LeftOut { by: Some(rule) } | Self::Replaced { by: rule, .. } => Some(rule),
        }
    }

    /// Makes sure that a column of the key stays one.
    fn fits_key(&self, table: &TableName, column: &str) -> Result<(), ColumnRuleError> {
        let (rule, does) = match self {
            Self::Kept { .. }
            | Self::Replaced {
                replacement: Replacement::Digest(_),
                ..
            } => return Ok(()),
            Self::LeftOut { by: None } => {
                return Err(ColumnRuleError::KeyNotIncluded {
                    table: table.clone(),
                    column: column.into(),
                });
            }
            Self::LeftOut { by: Some(rule) } => (*rule, "leaves out"),
            Self::Replaced {
                by,
                replacement: Replacement::Start(_),
            } => (*by, "truncates"),
            Self::Replaced {
                by,
                replacement: Replacement::Fixed(_) | Replacement::Each(_),
            } => (*by, "masks"),
        };
        Err(ColumnRuleError::Key {
            table: table.clone(),
            column: column.into(),
            rule: rule.clone(),
            does,
        })
    }
}

impl ColumnRule {
    /// Whether some name that begins so may match. What begins the rule literally says if not.
    fn may_match_within(&self, start: &str) -> bool {
        let literal = literal_start(&self.rule.text);
        if !start.is_ascii() || !literal.is_ascii() {
            return true;
        }
        let (literal, start) = (literal.as_bytes(), start.as_bytes());
        let both = literal.len().min(start.len());
        match (literal.get(..both), start.get(..both)) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _none => true,
        }
    }
}

fn full_name(table: &TableName, column: &str) -> String {
    format!("{}.{}.{column}", table.database, table.table)
}

/// What all names begin with that an expression matches, as far as that is easily told.
fn literal_start(expression: &str) -> String {
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

/// Rules as they are read, with what is wrong with them.
#[derive(Default)]
struct Reading {
    mistakes: Vec<FilterError>,
    /// The keys that the expressions were under.
    seen: HashMap<String, RuleKey>,
}

impl Reading {
    fn rule(&mut self, key: RuleKey, text: &str) -> Option<ColumnRule> {
        let rule = Rule {
            key,
            text: text.into(),
        };
        if text.is_empty() {
            self.mistakes.push(FilterError::EmptyName {
                key,
                rule: text.into(),
                part: "expression",
            });
            return None;
        }
        match expression::compile(key, text, Fold::Lower) {
            Ok(pattern) => Some(ColumnRule { rule, pattern }),
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    fn replacing(
        &mut self,
        key: RuleKey,
        text: &str,
        replacement: Result<Replacement, &'static str>,
    ) -> Option<(ColumnRule, Replacement)> {
        let rule = self.rule(key, text);
        let refuse = |reason: String| FilterError::Expression {
            key,
            rule: expression::shortened(text),
            reason,
        };
        if let Some(other) = self.seen.insert(text.to_owned(), key) {
            let reason = format!("is the expression of a rule of {other} too, keep one of them");
            self.mistakes.push(refuse(reason));
        }
        match replacement {
            Ok(replacement) => Some((rule?, replacement)),
            Err(reason) => {
                self.mistakes.push(refuse(reason.to_owned()));
                None
            }
        }
    }
}

fn masked(mask: &MaskOptions) -> Result<Replacement, &'static str> {
    match (&mask.with, &mask.each) {
        (Some(text), None) => Ok(Replacement::Fixed(Arc::from(text.as_str()))),
        (None, Some(letter)) => {
            let mut letters = letter.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Ok(Replacement::Each(letter)),
                _none_or_several => {
                    Err("has an each that is not one character, write one such as \"*\"")
                }
            }
        }
        (None, None) => Err("says not what with, give with = \"****\" or each = \"*\""),
        (Some(_), Some(_)) => Err("has both with and each, keep one of them"),
    }
}

fn hashed(hash: &HashOptions) -> Result<Replacement, &'static str> {
    let digester = match (&hash.salt, &hash.hmac_key) {
        (Some(salt), None) if !salt.bytes().is_empty() => Digester::salted(salt.bytes()),
        (None, Some(key)) if !key.bytes().is_empty() => Digester::keyed(key.bytes()),
        (Some(_), None) => return Err("has an empty salt, fill in its file or variable"),
        (None, Some(_)) => return Err("has an empty hmac_key, fill in its file or variable"),
        (None, None) => return Err("has no salt, give salt_file or hmac_key_file"),
        (Some(_), Some(_)) => return Err("has both salt and hmac_key, keep one of them"),
    };
    Ok(Replacement::Digest(digester))
}
