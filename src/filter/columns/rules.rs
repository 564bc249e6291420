//! The rules on columns compiled, and what they make of a table.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::error::{ColumnRuleError, HiddenBy};
use super::options::{HashOptions, MaskOptions, OnComputed, OnMissing};
use crate::filter::error::FilterError;
use crate::filter::expression::{self, NamePattern, folded};
use crate::filter::options::FilterOptions;
use crate::filter::places::RulePlaces;
use crate::filter::verdict::{Rule, RuleKey};
use crate::row::{ColumnTreatment, Digester, Replacement, Table, TableName, Treatment};

/// The compiled rules on columns.
#[derive(Clone, Debug, Default)]
pub struct ColumnRules {
    /// Those of `columns-exclude`, `columns-include`, `columns-mask`, `columns-hash`, `columns-truncate`.
    rules: Vec<ColumnRule>,
    exclude: Range<usize>,
    include: Range<usize>,
    replace: Range<usize>,
    /// What replaces values, of `replace` alone.
    replacements: Vec<Replacement>,
    /// The numbers of the rules that match one name only, ascending, by that name.
    by_name: HashMap<Box<str>, Vec<usize>>,
    /// Those of the others, ascending.
    expressions: Vec<usize>,
    on_missing: OnMissing,
    on_computed: OnComputed,
}

#[derive(Clone, Debug)]
struct ColumnRule {
    rule: Rule,
    pattern: NamePattern,
    /// What begins all names that it matches, in lower case, as far as that is easily told.
    start: Box<str>,
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
        let mut reading = Reading::new(&options.places);
        let mut rules = Vec::new();
        for text in &options.columns_exclude {
            rules.extend(reading.rule(RuleKey::ColumnsExclude, text));
        }
        let exclude = 0..rules.len();
        for text in &options.columns_include {
            rules.extend(reading.rule(RuleKey::ColumnsInclude, text));
        }
        let include = exclude.end..rules.len();
        let replacing = reading.replacing(options);
        let (replacing, replacements): (Vec<_>, Vec<_>) = replacing.into_iter().unzip();
        rules.extend(replacing);
        let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        let mut expressions = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            match &rule.pattern {
                NamePattern::Name(name) => by_name.entry(name.clone()).or_default().push(number),
                NamePattern::Around(..) | NamePattern::Expression(_) => expressions.push(number),
            }
        }
        let rules = Self {
            replace: include.end..rules.len(),
            rules,
            exclude,
            include,
            replacements,
            by_name,
            expressions,
            on_missing: options.columns_missing,
            on_computed: options.columns_computed,
        };
        (rules, reading.mistakes)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether no column that is published may be computed from one whose values are hidden, and some may be.
    pub fn forbid_computed(&self) -> bool {
        !self.is_empty() && self.on_computed == OnComputed::Stop
    }

    /// Whether they may hide values of a table, whatever its columns are called.
    pub fn may_hide_values_of(&self, table: &TableName) -> bool {
        let name = full_name(table, "");
        let mut rules = self.rules.iter().enumerate();
        rules.any(|(number, rule)| !self.include.contains(&number) && rule.may_match_within(&name))
            || !self.include.is_empty() && !self.include_all_of(&name)
    }

    /// Whether a `columns-include` matches all columns of a table, as far as that is easily told.
    fn include_all_of(&self, name: &str) -> bool {
        let folded = folded(name);
        let mut include = self.rules.get(self.include.clone()).into_iter().flatten();
        include.any(|rule| match &rule.pattern {
            NamePattern::Around(start, end) => end.is_empty() && folded.starts_with(&**start),
            NamePattern::Name(_) | NamePattern::Expression(_) => false,
        })
    }

    /// Whether it is certain that they leave no column of a table, whatever its columns are called.
    pub fn leave_nothing_of(&self, table: &TableName) -> bool {
        let name = full_name(table, "");
        let mut include = self.rules.get(self.include.clone()).into_iter().flatten();
        let may_show = |ColumnRule { rule, .. }: &ColumnRule| {
            expression::may_begin(rule.key, &rule.text, &name)
        };
        !self.include.is_empty() && !include.any(may_show)
    }

    /// The error of a table of whose columns none is left.
    pub fn nothing_left<'a>(
        &self,
        table: &TableName,
        mut columns: impl Iterator<Item = &'a str>,
    ) -> ColumnRuleError {
        let excluding = columns.try_fold(None, |found, column| match self.judge(table, column) {
            ColumnVerdict::LeftOut { by: None } => None,
            verdict => Some(found.or(verdict.hidden_by())),
        });
        let table = table.clone();
        match excluding.flatten() {
            Some(HiddenBy::Rule(rule)) => ColumnRuleError::AllLeftOut { table, rule },
            Some(HiddenBy::NotIncluded) | None => ColumnRuleError::NothingLeft { table },
        }
    }

    /// The `columns-include` that matches a column.
    pub fn including(&self, table: &TableName, column: &str) -> Option<&Rule> {
        let name = full_name(table, column);
        let number = self.matching(&name, &self.include).next()?;
        Some(&self.rules.get(number)?.rule)
    }

    /// Makes sure that a column whose values were hidden is hidden as much under another name.
    ///
    /// # Errors
    /// One that is not.
    pub fn refuse_renaming(
        &self,
        (table, column): (&TableName, &str),
        (new_table, new_column): (&TableName, &str),
    ) -> Result<(), ColumnRuleError> {
        let verdict = self.judge(table, column);
        if !verdict.hides_more_than(&self.judge(new_table, new_column)) {
            return Ok(());
        }
        let before = format!("{table}.{column}").into();
        let after = format!("{new_table}.{new_column}").into();
        match (verdict.hidden_by(), self.including(new_table, new_column)) {
            (Some(HiddenBy::Rule(rule)), _) => Err(ColumnRuleError::Renamed {
                before,
                after,
                rule,
            }),
            (Some(HiddenBy::NotIncluded), Some(rule)) => Err(ColumnRuleError::Included {
                before,
                after,
                rule: rule.clone(),
            }),
            // Nothing hides more than nothing, and nothing shows beside a columns-include but what one matches.
            (Some(HiddenBy::NotIncluded) | None, _) => Ok(()),
        }
    }

    /// The columns of a table that rules name, each by itself, in lower case.
    pub fn named_columns(&self, table: &TableName) -> Vec<Box<str>> {
        let name = full_name(table, "");
        let start = folded(&name);
        let names = self.by_name.keys();
        let columns = names.filter_map(|name| name.strip_prefix(&*start));
        columns.map(Box::from).collect()
    }

    /// The first rule that matches a column of a table and no other column, whatever others match it.
    pub fn naming_column(&self, table: &TableName, column: &str) -> Option<&Rule> {
        let numbers = self.by_name.get(&*folded(&full_name(table, column)))?;
        Some(&self.rules.get(*numbers.first()?)?.rule)
    }

    /// The columns that rules name, each by itself, with their tables; in lower case.
    pub fn all_named_columns(&self) -> impl Iterator<Item = (TableName, &str)> {
        self.by_name.keys().filter_map(|name| {
            let (table, column) = name.rsplit_once('.')?;
            let (database, table) = table.split_once('.')?;
            Some((TableName::new(database, table), column))
        })
    }

    /// What is done about a rule that has lost its column.
    pub fn on_missing(&self) -> OnMissing {
        self.on_missing
    }

    /// What becomes of a column of a table by its published name.
    pub fn judge(&self, table: &TableName, column: &str) -> ColumnVerdict<'_> {
        let name = full_name(table, column);
        let first = |rules: &Range<usize>| {
            let number = self.matching(&name, rules).next()?;
            Some((number, &self.rules.get(number)?.rule))
        };
        if let Some((_, rule)) = first(&self.exclude) {
            let by = Some(rule);
            return ColumnVerdict::LeftOut { by };
        }
        let included = first(&self.include).map(|(_, rule)| rule);
        if !self.include.is_empty() && included.is_none() {
            return ColumnVerdict::LeftOut { by: None };
        }
        let replaced = first(&self.replace).and_then(|(number, rule)| {
            let replacement = self.replacements.get(number - self.replace.start)?;
            Some((rule, replacement))
        });
        match replaced {
            Some((by, replacement)) => ColumnVerdict::Replaced { by, replacement },
            None => ColumnVerdict::Kept { by: included },
        }
    }

    /// The numbers among these of the rules that match a name, ascending.
    fn matching(&self, name: &str, among: &Range<usize>) -> impl Iterator<Item = usize> {
        let inside = |numbers: &[usize]| {
            let from = numbers.partition_point(|number| *number < among.start);
            let to = numbers.partition_point(|number| *number < among.end);
            from..to
        };
        let folded = folded(name);
        let of_name = self.by_name.get(&*folded).map_or(&[][..], Vec::as_slice);
        let of_name = of_name.get(inside(of_name)).unwrap_or_default();
        let expressions = self.expressions.get(inside(&self.expressions));
        let is_ascii = name.is_ascii();
        let matches = move |number: &&usize| {
            self.rules.get(**number).is_some_and(|rule| {
                // Most rules are on other tables.
                let may = !is_ascii || !rule.start.is_ascii() || folded.starts_with(&*rule.start);
                may && rule.pattern.matches(name, &folded)
            })
        };
        let mut expressions = expressions
            .unwrap_or_default()
            .iter()
            .filter(matches)
            .peekable();
        let mut of_name = of_name.iter().peekable();
        std::iter::from_fn(move || match (of_name.peek(), expressions.peek()) {
            (Some(one), Some(other)) if one < other => of_name.next().copied(),
            (Some(_), None) => of_name.next().copied(),
            (_, _) => expressions.next().copied(),
        })
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
            found.0.extend(self.matching(&name, &(0..self.rules.len())));
        }
        found
    }

    /// The rules that matched before, and do so no more.
    pub fn lost(&self, before: Option<&RuleMatches>, now: &RuleMatches) -> Vec<&Rule> {
        let lost = before
            .into_iter()
            .flat_map(|before| before.0.difference(&now.0));
        let lost = lost.filter_map(|number| self.rules.get(*number));
        lost.map(|rule| &rule.rule).collect()
    }

    /// The rules that name a table literally, and match none of its columns.
    ///
    /// # Errors
    /// The first of them, where such a rule stops the stream.
    pub fn unknown(
        &self,
        table: &TableName,
        matches: &RuleMatches,
    ) -> Result<Vec<&Rule>, ColumnRuleError> {
        let unknown = self.naming(table, matches);
        match (self.on_missing, unknown.first()) {
            (OnMissing::Stop, Some(rule)) => {
                let (table, rule) = (table.clone(), (*rule).clone());
                Err(ColumnRuleError::Unknown { table, rule })
            }
            (OnMissing::Stop | OnMissing::Warn, _) => Ok(unknown),
        }
    }

    /// The same, whatever they do to the stream.
    pub(super) fn naming(&self, table: &TableName, matches: &RuleMatches) -> Vec<&Rule> {
        let name = full_name(table, "").to_lowercase();
        let rules = self.rules.iter().enumerate();
        let naming = rules
            .filter(|(number, rule)| rule.start.starts_with(&name) && !matches.0.contains(number));
        naming.map(|(_, rule)| &rule.rule).collect()
    }

    /// Makes sure that a column shows nothing of those that it is computed from and whose values rules hide. Among the names
    /// in what it is computed from may be others than columns, which `may_be_column` tells where no rule matches them.
    ///
    /// # Errors
    /// The first that it would show, unless it is to be published all the same.
    pub fn refuse_showing(
        &self,
        table: &TableName,
        column: &str,
        computed_from: &[impl AsRef<str>],
        may_be_column: impl Fn(&str) -> bool,
    ) -> Result<(), ColumnRuleError> {
        if !self.forbid_computed() || computed_from.is_empty() {
            return Ok(());
        }
        let computed = self.judge(table, column);
        for from in computed_from.iter().map(AsRef::as_ref) {
            let verdict = self.judge(table, from);
            if !verdict.hides_more_than_computed(&computed) {
                continue;
            }
            if let Some(by) = verdict.hidden_by()
                && (by != HiddenBy::NotIncluded || may_be_column(from))
            {
                return Err(ColumnRuleError::Computed {
                    table: table.clone(),
                    column: column.into(),
                    from: from.into(),
                    by,
                    included: self.including(table, column).cloned().map(Box::new),
                });
            }
        }
        Ok(())
    }

    /// The rules that match nothing of what was looked at, with whether they name one of these tables literally.
    pub(in crate::filter) fn unmatched<'a>(
        &'a self,
        tables: &[(TableName, Vec<Box<str>>)],
    ) -> Vec<(&'a Rule, Option<TableName>)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut matched = RuleMatches::default();
        for (table, columns) in tables {
            let columns = columns.iter().map(|column| &**column);
            matched.0.extend(self.matches(table, columns).0);
        }
        let names: HashMap<String, &TableName> = tables
            .iter()
            .map(|(table, _)| (full_name(table, "").to_lowercase(), table))
            .collect();
        let rules = self.rules.iter().enumerate();
        let rules = rules.filter(|(number, _)| !matched.0.contains(number));
        let rules = rules.map(|(_, rule)| {
            let ends = rule.start.match_indices('.').map(|(dot, _)| dot + 1);
            let mut starts = ends.filter_map(|end| rule.start.get(..end));
            let table = starts.find_map(|start| names.get(start).map(|table| (*table).clone()));
            (&rule.rule, table)
        });
        rules.collect()
    }

    /// Has a table's rows treated as the rules say.
    ///
    /// # Errors
    /// A rule that does not fit the table.
    pub fn treat(&self, table: Table) -> Result<Table, ColumnRuleError> {
        if self.is_empty() {
            return Ok(table);
        }
        let places = 0..table.columns.len();
        let treatments = places.map(|place| self.treatment(&table, place));
        let treatments: Vec<ColumnTreatment> = treatments.collect::<Result<_, _>>()?;
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
            let columns = table.shown_columns().map(|column| &*column.name);
            return Err(self.nothing_left(&table.name, columns));
        }
        Ok(table.treated(Treatment::new(treatments)))
    }

    /// Everything in the rules that does not fit a table.
    pub fn misfits(&self, table: &Table) -> Vec<ColumnRuleError> {
        let places = 0..table.columns.len();
        let each = places.filter_map(|place| self.treatment(table, place).err());
        let each: Vec<ColumnRuleError> = each.collect();
        match each.is_empty() {
            true => self.treat(table.clone()).err().into_iter().collect(),
            false => each,
        }
    }

    /// What becomes of a column of a table by its place.
    fn treatment(&self, table: &Table, place: usize) -> Result<ColumnTreatment, ColumnRuleError> {
        let name = &table.name;
        let column = match table.columns.get(place) {
            Some(column) if !table.hidden.contains(&place) => column,
            Some(_) | None => return Ok(ColumnTreatment::Kept),
        };
        if table.is_undefined && column.name.starts_with('@') {
            return match self.may_match(name) {
                None => Ok(ColumnTreatment::Kept),
                Some(rule) => {
                    let (table, rule) = (name.clone(), rule.clone());
                    Err(ColumnRuleError::Unnamed { table, rule })
                }
            };
        }
        let is_key = table.key.contains(&place);
        Ok(match self.judge_fitting(name, &column.name, is_key)? {
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
        })
    }

    /// A rule that a column of a table may match, whatever it is called.
    pub fn may_match(&self, table: &TableName) -> Option<&Rule> {
        let name = full_name(table, "");
        let found = self.rules.iter().find(|rule| rule.may_match_within(&name));
        // Beside any columns-include, what none matches is left out.
        let included = self.rules.get(self.include.clone())?.first();
        Some(&found.or(included)?.rule)
    }
}

/// How much of a value is hidden, from nothing to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hiding {
    None,
    /// What follows so many characters.
    End(Reverse<usize>),
    /// What it is, but not how long.
    Letters,
    /// What it is, but not that there is one.
    Value,
    All,
}

impl ColumnVerdict<'_> {
    /// What keeps values from going out as they are.
    pub fn hidden_by(&self) -> Option<HiddenBy> {
        match *self {
            Self::Kept { .. } => None,
            Self::LeftOut { by: None } => Some(HiddenBy::NotIncluded),
            Self::LeftOut { by: Some(rule) } | Self::Replaced { by: rule, .. } => {
                Some(HiddenBy::Rule(rule.clone()))
            }
        }
    }

    /// Whether a value that this hides shows more under another verdict. What is left out is hidden most, then what is masked
    /// as a whole or hashed, then what is masked letter by letter, then what is truncated, the longer the less.
    pub fn hides_more_than(&self, other: &ColumnVerdict<'_>) -> bool {
        self.hiding() > other.hiding()
    }

    /// The same of values that are computed from those: they show nothing where they are masked or hashed, and may begin with
    /// what others end with.
    pub fn hides_more_than_computed(&self, computed: &ColumnVerdict<'_>) -> bool {
        match (self.hiding(), computed.hiding()) {
            (_, Hiding::All | Hiding::Value | Hiding::Letters) | (Hiding::None, _) => false,
            (_, Hiding::End(_) | Hiding::None) => true,
        }
    }

    fn hiding(&self) -> Hiding {
        match self {
            Self::Kept { .. } => Hiding::None,
            Self::LeftOut { .. } => Hiding::All,
            Self::Replaced { replacement, .. } => match replacement {
                Replacement::Start(length) => Hiding::End(Reverse(*length)),
                Replacement::Each(_) => Hiding::Letters,
                Replacement::Fixed(_) | Replacement::Digest(_) => Hiding::Value,
            },
        }
    }

    /// Why a column cannot be a part of the keys of records or choose their partition, as an option has it; `None` where it can.
    pub fn refuse_as_key(&self, table: &TableName, column: &str, option: &str) -> Option<String> {
        let (by, does) = match self {
            Self::Kept { .. } => return None,
            Self::Replaced { replacement, .. } if replacement.is_one_to_one() => return None,
            Self::Replaced { by, .. } => (Some(by), "replaces, so that two keys could become one"),
            Self::LeftOut { by } => (by.as_ref(), "leaves out"),
        };
        let by = by.map_or_else(|| RuleKey::ColumnsInclude.to_string(), ToString::to_string);
        Some(format!(
            "{option} names {column} of {table}, which {by} {does}: name another column, or use columns-hash for this one"
        ))
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
        if !start.is_ascii() || !self.start.is_ascii() {
            return true;
        }
        let (literal, start) = (self.start.as_bytes(), start.as_bytes());
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

/// Rules as they are read, with what is wrong with them.
struct Reading<'a> {
    places: &'a RulePlaces,
    mistakes: Vec<FilterError>,
    /// The keys that the expressions were under.
    seen: HashMap<String, RuleKey>,
}

impl<'a> Reading<'a> {
    fn new(places: &'a RulePlaces) -> Self {
        Self {
            places,
            mistakes: Vec::new(),
            seen: HashMap::new(),
        }
    }

    fn rule(&mut self, key: RuleKey, text: &str) -> Option<ColumnRule> {
        let rule = Rule {
            key,
            text: text.into(),
            place: self.places.of_text(key, text).map(Into::into),
        };
        if text.is_empty() {
            self.mistakes.push(FilterError::EmptyName {
                key,
                rule: text.into(),
                part: "expression",
            });
            return None;
        }
        match expression::compile_columns(key, text) {
            Ok(pattern) => Some(ColumnRule {
                rule,
                pattern,
                start: expression::literal_start(text).to_lowercase().into(),
            }),
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    /// The rules that replace values, each with what takes their place.
    fn replacing(&mut self, options: &FilterOptions) -> Vec<(ColumnRule, Replacement)> {
        let mut all = Vec::new();
        for mask in &options.columns_mask {
            all.extend(self.replaced(RuleKey::ColumnsMask, &mask.columns, masked(mask)));
        }
        for hash in &options.columns_hash {
            all.extend(self.replaced(RuleKey::ColumnsHash, &hash.columns, hashed(hash)));
        }
        for truncate in &options.columns_truncate {
            let length = truncate
                .length
                .and_then(|length| usize::try_from(length).ok());
            let start = length.map(Replacement::Start);
            let start = start.ok_or(Unfit::Lacks(
                "has no length, give the number of characters that are left",
            ));
            all.extend(self.replaced(RuleKey::ColumnsTruncate, &truncate.columns, start));
        }
        all
    }

    fn replaced(
        &mut self,
        key: RuleKey,
        text: &str,
        replacement: Result<Replacement, Unfit>,
    ) -> Option<(ColumnRule, Replacement)> {
        let rule = self.rule(key, text);
        let shown = expression::shortened(text);
        if let Some(other) = self.seen.insert(text.to_owned(), key) {
            let reason = format!("is the expression of a rule of {other} too, keep one of them");
            let rule = shown.clone();
            self.mistakes
                .push(FilterError::Expression { key, rule, reason });
        }
        let reason = match replacement {
            Ok(replacement) => return Some((rule?, replacement)),
            Err(Unfit::Lacks(reason)) => FilterError::Lacks {
                key,
                rule: shown,
                reason,
            },
            Err(Unfit::Is(part, reason)) => FilterError::Part {
                key,
                rule: shown,
                part,
                reason,
            },
        };
        self.mistakes.push(reason);
        None
    }
}

/// Why a rule does not say what takes the place of values.
enum Unfit {
    /// Not all of it is there, or too much.
    Lacks(&'static str),
    /// The value of a key is none.
    Is(&'static str, &'static str),
}

fn masked(mask: &MaskOptions) -> Result<Replacement, Unfit> {
    match (&mask.with, &mask.each) {
        (Some(text), None) => Ok(Replacement::Fixed(Arc::from(text.as_str()))),
        (None, Some(letter)) => {
            let mut letters = letter.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => Ok(Replacement::Each(letter)),
                _none_or_several => Err(Unfit::Is(
                    "each",
                    "has an each that is not one character, write one such as \"*\"",
                )),
            }
        }
        (None, None) => Err(Unfit::Lacks(
            "says not what with, give with = \"****\" or each = \"*\"",
        )),
        (Some(_), Some(_)) => Err(Unfit::Lacks("has both with and each, keep one of them")),
    }
}

fn hashed(hash: &HashOptions) -> Result<Replacement, Unfit> {
    let digester = match (&hash.salt, &hash.hmac_key) {
        (Some(salt), None) if !salt.bytes().is_empty() => Digester::salted(salt.bytes()),
        (None, Some(key)) if !key.bytes().is_empty() => Digester::keyed(key.bytes()),
        (Some(_), None) => {
            let reason = "has an empty salt, fill in its file or variable";
            return Err(Unfit::Is("salt", reason));
        }
        (None, Some(_)) => {
            let reason = "has an empty hmac_key, fill in its file or variable";
            return Err(Unfit::Is("hmac_key", reason));
        }
        (None, None) => {
            return Err(Unfit::Lacks("has no salt, give salt_file or hmac_key_file"));
        }
        (Some(_), Some(_)) => {
            return Err(Unfit::Lacks("has both salt and hmac_key, keep one of them"));
        }
    };
    Ok(Replacement::Digest(digester))
}
