//! An expression under a table's definition.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::error::TypingError;
use super::moment;
use super::operand::{self, Operand};
use super::parser::{ColumnTest, Comparison, Expression, Literal, Test};
use super::range::IntegerRange;
use super::truth::Truth;
use crate::mysql::Flavour;
use crate::row::{
    Cell, Charset, CollatedText, Collation, Column, ColumnType, LikePattern, LiteralError,
    RowError, Table,
};

/// What a condition is read for.
#[derive(Clone, Copy, Debug)]
pub struct TestedTable<'a> {
    /// The table's columns.
    pub columns: &'a [Column],
    /// The places of those that no statement shows.
    pub hidden: &'a [usize],
    /// The collation of each, by number, as far as it is known.
    pub collations: &'a [Option<u32>],
    /// The family whose numbers these are.
    pub flavour: Flavour,
    /// Whether a column that the table lacks is NULL in its rows, or a mistake.
    pub lacks_are_null: bool,
}

impl<'a> TestedTable<'a> {
    /// What a table's rows are judged by, before rules treat its columns.
    pub fn of(table: &'a Table, flavour: Flavour) -> Self {
        Self {
            columns: &table.columns,
            hidden: &table.hidden,
            collations: &table.collations,
            flavour,
            lacks_are_null: !table.is_undefined,
        }
    }
}

/// A condition on the rows of one table.
#[derive(Debug)]
pub struct Condition {
    /// Those of its tests that all have to hold and compare an integer: they decide soonest.
    ranges: Box<[RangeTest]>,
    /// What else has to hold.
    root: Node,
    /// Columns that the table lacks.
    lacking: Vec<Box<str>>,
}

#[derive(Debug)]
enum Node {
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
    /// The same for every row.
    Always(Truth),
    Test(TypedTest),
}

/// What a column is compared with.
#[derive(Debug)]
struct TypedTest {
    column: usize,
    kind: ColumnType,
    nullable: bool,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Compare(Comparison, Operand),
    /// One of them; whether NULL is among them.
    In(Box<[Operand]>, bool),
    IsNull,
    Like(LikePattern),
}

/// A row image to judge.
#[derive(Clone, Copy, Debug)]
pub struct Judging<'a> {
    /// The bytes that cells count into.
    pub body: &'a [u8],
    /// A cell for each column of the table.
    pub cells: &'a [Cell],
    /// Those of the image before an update, which has what the one after it lacks; else none.
    pub base: &'a [Cell],
}

/// A value that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgingError {
    /// The column's place in the table.
    pub column: usize,
    /// Why.
    pub error: RowError,
}

impl Judging<'_> {
    fn cell(&self, column: usize) -> Cell {
        match self.cells.get(column).copied().unwrap_or(Cell::Absent) {
            Cell::Absent => self.base.get(column).copied().unwrap_or(Cell::Absent),
            cell => cell,
        }
    }
}

impl Expression {
    /// Reads the literals as the columns' types have them.
    ///
    /// # Errors
    /// What does not fit the table.
    pub fn compile(&self, facts: &TestedTable<'_>) -> Result<Condition, TypingError> {
        let mut lacking = Vec::new();
        let root = self.typed(facts, &mut lacking)?;
        let parts = match root {
            Node::All(parts) => parts.into_vec(),
            Node::Any(_) | Node::Not(_) | Node::Always(_) | Node::Test(_) => vec![root],
        };
        let (mut ranges, mut others) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Node::Test(test) => match test.range() {
                    Some(range) => ranges.push(RangeTest { test, range }),
                    None => others.push(Node::Test(test)),
                },
                Node::All(_) | Node::Any(_) | Node::Not(_) | Node::Always(_) => others.push(part),
            }
        }
        Ok(Condition {
            ranges: ranges.into(),
            root: Node::All(others.into()),
            lacking,
        })
    }

    /// Everything in it that does not fit a table.
    pub fn misfits(&self, facts: &TestedTable<'_>) -> Vec<TypingError> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(|part| part.misfits(facts)).collect()
            }
            Self::Not(inner) => inner.misfits(facts),
            Self::Test(test) => {
                let typed = test.typed(facts, &mut Vec::new());
                typed.err().into_iter().collect()
            }
        }
    }

    fn typed(
        &self,
        facts: &TestedTable<'_>,
        lacking: &mut Vec<Box<str>>,
    ) -> Result<Node, TypingError> {
        let mut each = |parts: &[Self]| {
            let parts = parts.iter().map(|part| part.typed(facts, lacking));
            parts.collect::<Result<Box<[_]>, _>>()
        };
        Ok(match self {
            Self::All(parts) => Node::All(each(parts)?),
            Self::Any(parts) => Node::Any(each(parts)?),
            Self::Not(inner) => Node::Not(Box::new(inner.typed(facts, lacking)?)),
            Self::Test(test) => test.typed(facts, lacking)?,
        })
    }
}

impl Condition {
    /// Columns that it names and the table lacks.
    pub fn lacking(&self) -> &[Box<str>] {
        &self.lacking
    }

    /// Judges a row image.
    ///
    /// # Errors
    /// A value of which it cannot be said how it compares.
    #[inline]
    pub fn judge(&self, row: &Judging<'_>, scratch: &mut String) -> Result<Truth, JudgingError> {
        let mut all = Truth::TRUE;
        for range in &self.ranges {
            match range.holds(row) {
                Some(true) => continue,
                Some(false) => return Ok(Truth::FALSE),
                None => all = all & range.test.judge(row, scratch)?,
            }
            if all == Truth::FALSE {
                return Ok(all);
            }
        }
        match &self.root {
            Node::All(others) if others.is_empty() => Ok(all),
            root => Ok(all & root.judge(row, scratch)?),
        }
    }

    /// The place of the first column that it asks for and a row image lacks.
    pub fn absent(&self, row: &Judging<'_>) -> Option<usize> {
        let mut ranges = self.ranges.iter();
        let absent = ranges.find_map(|range| range.test.absent(row));
        absent.or_else(|| self.root.absent(row))
    }

    /// Adds the places of the columns that it asks for.
    pub fn columns(&self, places: &mut BTreeSet<usize>) {
        places.extend(self.ranges.iter().map(|range| range.test.column));
        self.root.columns(places);
    }
}

impl Node {
    fn judge(&self, row: &Judging<'_>, scratch: &mut String) -> Result<Truth, JudgingError> {
        match self {
            Self::All(parts) => {
                let mut all = Truth::TRUE;
                for part in parts {
                    all = all & part.judge(row, scratch)?;
                    if all == Truth::FALSE {
                        break;
                    }
                }
                Ok(all)
            }
            Self::Any(parts) => {
                let mut any = Truth::FALSE;
                for part in parts {
                    any = any | part.judge(row, scratch)?;
                    if any == Truth::TRUE {
                        break;
                    }
                }
                Ok(any)
            }
            Self::Not(inner) => Ok(!inner.judge(row, scratch)?),
            Self::Always(truth) => Ok(*truth),
            Self::Test(test) => test.judge(row, scratch),
        }
    }

    fn columns(&self, places: &mut BTreeSet<usize>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.columns(places));
            }
            Self::Not(inner) => inner.columns(places),
            Self::Always(_) => {}
            Self::Test(test) => {
                if !test.is_told() {
                    places.insert(test.column);
                }
            }
        }
    }

    fn absent(&self, row: &Judging<'_>) -> Option<usize> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(|part| part.absent(row)),
            Self::Not(inner) => inner.absent(row),
            Self::Always(_) => None,
            Self::Test(test) => test.absent(row),
        }
    }
}

/// A test that compares an integer.
#[derive(Debug)]
struct RangeTest {
    test: TypedTest,
    range: IntegerRange,
}

impl RangeTest {
    /// Whether a row's value is in the range; `None` where there is no value.
    #[inline]
    fn holds(&self, row: &Judging<'_>) -> Option<bool> {
        let Some(Cell::Value { start, end }) = row.cells.get(self.test.column) else {
            return None;
        };
        self.range.holds(row.body.get(*start..*end)?)
    }
}

impl TypedTest {
    /// The integers for which it holds, if it compares an integer.
    fn range(&self) -> Option<IntegerRange> {
        match (&self.way, &self.kind) {
            (
                Way::Compare(comparison, Operand::Integer(literal, against)),
                ColumnType::Integer { width, unsigned },
            ) => IntegerRange::new(*comparison, (*literal, *against), (*width, *unsigned)),
            _another => None,
        }
    }

    /// Its column, if it asks for that and a row image lacks it.
    fn absent(&self, row: &Judging<'_>) -> Option<usize> {
        let is_absent = row.cell(self.column) == Cell::Absent && !self.is_told();
        is_absent.then_some(self.column)
    }

    /// Whether it is the same for every row.
    fn is_told(&self) -> bool {
        matches!(self.way, Way::IsNull) && !self.nullable
    }

    fn judge(&self, row: &Judging<'_>, scratch: &mut String) -> Result<Truth, JudgingError> {
        let (start, end) = match row.cell(self.column) {
            Cell::Value { start, end } => (start, end),
            Cell::Null => {
                return Ok(match self.way {
                    Way::IsNull => Truth::TRUE,
                    Way::Compare(..) | Way::In(..) | Way::Like(_) => Truth::NULL,
                });
            }
            // Changes of a document are not NULL, and nothing else is asked of one.
            Cell::Changes { .. } => return Ok(Truth::FALSE),
            Cell::Absent => {
                return Ok(match (&self.way, self.nullable) {
                    (Way::IsNull, false) => Truth::FALSE,
                    (Way::IsNull, true) | (_, false) => Truth::OPEN_NOT_NULL,
                    (_, true) => Truth::OPEN,
                });
            }
        };
        if matches!(self.way, Way::IsNull) {
            return Ok(Truth::FALSE);
        }
        let bytes = row.body.get(start..end).unwrap_or_default();
        self.compare(bytes, scratch).map_err(|error| JudgingError {
            column: self.column,
            error,
        })
    }

    fn compare(&self, bytes: &[u8], scratch: &mut String) -> Result<Truth, RowError> {
        match &self.way {
            Way::Compare(comparison, operand) => {
                let ordering = operand.order(&self.kind, bytes, scratch)?;
                Ok(Truth::of(match comparison {
                    Comparison::Equal => ordering.is_eq(),
                    Comparison::Less => ordering.is_lt(),
                    Comparison::LessOrEqual => ordering.is_le(),
                    Comparison::Greater => ordering.is_gt(),
                    Comparison::GreaterOrEqual => ordering.is_ge(),
                }))
            }
            Way::In(operands, has_null) => {
                for operand in operands {
                    if operand.order(&self.kind, bytes, scratch)? == Ordering::Equal {
                        return Ok(Truth::TRUE);
                    }
                }
                Ok(if *has_null { Truth::NULL } else { Truth::FALSE })
            }
            Way::Like(pattern) => pattern.matches(bytes, scratch).map(Truth::of),
            Way::IsNull => Ok(Truth::FALSE),
        }
    }
}

/// A column of a condition, and what is known of it.
struct TestedColumn<'a> {
    name: &'a str,
    kind: &'a ColumnType,
    /// The collation that the condition names.
    told: Option<&'a str>,
    /// That of the column.
    collation: Option<u32>,
    flavour: Flavour,
}

impl ColumnTest {
    fn typed(
        &self,
        facts: &TestedTable<'_>,
        lacking: &mut Vec<Box<str>>,
    ) -> Result<Node, TypingError> {
        let name = self.column.to_lowercase();
        let found = facts.columns.iter().enumerate().find(|(place, column)| {
            column.name.to_lowercase() == name && !facts.hidden.contains(place)
        });
        let Some((place, column)) = found else {
            let name: Box<str> = self.column.as_str().into();
            if !facts.lacks_are_null {
                return Err(TypingError::NoColumn { column: name });
            }
            if !lacking.contains(&name) {
                lacking.push(name);
            }
            return Ok(Node::Always(match self.test {
                Test::IsNull => Truth::TRUE,
                Test::Compare(..) | Test::In(_) | Test::Like(_) => Truth::NULL,
            }));
        };
        let tested = TestedColumn {
            name: &column.name,
            kind: &column.kind,
            told: self.collation.as_deref(),
            collation: facts.collations.get(place).copied().flatten(),
            flavour: facts.flavour,
        };
        tested.check_collation()?;
        let way = match &self.test {
            Test::IsNull => Way::IsNull,
            Test::Compare(comparison, literal) => {
                if *comparison != Comparison::Equal {
                    tested.check_ordered()?;
                }
                Way::Compare(*comparison, tested.operand(literal)?)
            }
            Test::In(list) => {
                let operands = list.iter().flatten();
                let operands = operands.map(|literal| tested.operand(literal));
                let has_null = list.iter().any(Option::is_none);
                Way::In(operands.collect::<Result<_, _>>()?, has_null)
            }
            Test::Like(pattern) => Way::Like(tested.pattern(pattern)?),
        };
        Ok(Node::Test(TypedTest {
            column: place,
            kind: column.kind.clone(),
            nullable: column.nullable,
            way,
        }))
    }
}

impl TestedColumn<'_> {
    fn operand(&self, literal: &Literal) -> Result<Operand, TypingError> {
        use ColumnType as Kind;
        match (self.kind, literal) {
            (
                Kind::Integer { .. } | Kind::Bit { .. } | Kind::Decimal { .. } | Kind::Year,
                Literal::Number(number),
            ) if number.is_approximate() => {
                Err(self.wrong("found a number with an exponent, write it with digits and a point"))
            }
            (Kind::Integer { .. } | Kind::Bit { .. }, Literal::Number(number)) => {
                let (integer, against) = number.as_integer();
                Ok(Operand::Integer(integer, against))
            }
            (Kind::Year, Literal::Number(number)) => match number.as_integer() {
                (year @ (0 | 1000..=9999), Ordering::Equal) => {
                    Ok(Operand::Integer(year, Ordering::Equal))
                }
                _other => Err(self.wrong("write a year with four digits, such as 2026 or 0000")),
            },
            (Kind::Decimal { precision, scale }, Literal::Number(number)) => {
                Ok(operand::decimal(number, *precision, *scale))
            }
            (Kind::Float | Kind::Double, Literal::Number(number)) => {
                Ok(Operand::Double(number.as_double()))
            }
            (
                Kind::Date | Kind::DateTime { .. } | Kind::OldDateTime { .. },
                Literal::Text(text),
            ) => {
                let moment = moment::date_time(text).map(Operand::Moment);
                moment.ok_or_else(|| {
                    self.wrong("write 'YYYY-MM-DD', or 'YYYY-MM-DD HH:MM:SS' with up to six digits of fraction")
                })
            }
            (Kind::Timestamp { .. } | Kind::OldTimestamp { .. }, Literal::Text(text)) => {
                let moment = moment::moment(text).map(Operand::Moment);
                moment.ok_or_else(|| {
                    self.wrong(
                        "write 'YYYY-MM-DD HH:MM:SS' in UTC, or with an offset such as +02:00",
                    )
                })
            }
            (Kind::Time { .. } | Kind::OldTime { .. }, Literal::Text(text)) => {
                let time = moment::time(text).map(Operand::Time);
                time.ok_or_else(|| self.wrong("write 'HH:MM:SS' with up to six digits of fraction"))
            }
            (Kind::Binary { .. }, Literal::Text(text)) => {
                Ok(Operand::Bytes(text.as_bytes().into()))
            }
            (Kind::Binary { .. }, Literal::Bytes(bytes)) => {
                Ok(Operand::Bytes(bytes.as_slice().into()))
            }
            (Kind::Text { charset, .. }, Literal::Text(text)) => {
                let collation = self.collation()?;
                let text = CollatedText::new(text, *charset, collation);
                text.map(Operand::Text)
                    .map_err(|error| self.not_comparable(error, collation))
            }
            (Kind::Enum { labels, .. }, Literal::Text(text)) => self.label(labels, text),
            (Kind::Set { labels, .. }, Literal::Text(text)) => self.labels(labels, text),
            (Kind::Inet4 | Kind::Inet6 | Kind::Uuid, Literal::Text(text)) => self.address(text),
            (_kind, literal) => Err(self.mismatch(literal)),
        }
    }

    fn mismatch(&self, literal: &Literal) -> TypingError {
        let found = match literal {
            Literal::Number(_) => "a number",
            Literal::Text(_) => "text in quotes",
            Literal::Bytes(_) => "x'…'",
        };
        let expected = expected(self.kind);
        self.wrong(&format!("found {found}, {expected}"))
    }

    fn label(&self, labels: &[Box<str>], text: &str) -> Result<Operand, TypingError> {
        let labelled = labels.iter().zip(1u64..);
        let mut numbers: Vec<u64> = labelled
            .filter(|(label, _)| ***label == *text)
            .map(|(_, number)| number)
            .collect();
        if text.is_empty() {
            // The error value.
            numbers.push(0);
        }
        match numbers.is_empty() {
            true => Err(self.no_label(labels)),
            false => Ok(Operand::Numbers(numbers.into())),
        }
    }

    fn labels(&self, labels: &[Box<str>], text: &str) -> Result<Operand, TypingError> {
        if labels.iter().any(|label| label.is_empty()) {
            return Err(self.wrong("one of its labels is empty, so that texts do not name its values; only is null can be asked"));
        }
        let (mut bits, mut least) = (0u64, 0);
        for name in text.split(',').filter(|_| !text.is_empty()) {
            let rest = labels.get(least..).unwrap_or_default();
            let Some(place) = rest.iter().position(|label| **label == *name) else {
                return Err(self.no_label(labels));
            };
            bits |= 1u64
                .checked_shl(u32::try_from(least + place).unwrap_or(u32::MAX))
                .unwrap_or(0);
            least += place + 1;
        }
        Ok(Operand::Bits(bits))
    }

    fn no_label(&self, labels: &[Box<str>]) -> TypingError {
        const SHOWN_MAX: usize = 20;
        let shown: Vec<String> = labels
            .iter()
            .take(SHOWN_MAX)
            .map(|label| format!("'{}'", label.replace('\'', "''")))
            .collect();
        let more = if labels.len() > SHOWN_MAX {
            ", …"
        } else {
            ""
        };
        let order = match self.kind {
            ColumnType::Set { .. } => ", several in this order with commas between them",
            _enum => "",
        };
        self.wrong(&format!(
            "found a text that is no label of it, write one of them as it is defined{order}: {}{more}",
            shown.join(", ")
        ))
    }

    fn address(&self, text: &str) -> Result<Operand, TypingError> {
        let bytes: Option<Vec<u8>> = match self.kind {
            ColumnType::Inet4 => {
                let address = text.parse::<core::net::Ipv4Addr>();
                address.ok().map(|address| address.octets().to_vec())
            }
            ColumnType::Inet6 => {
                let address = text.parse::<core::net::Ipv6Addr>();
                address.ok().map(|address| address.octets().to_vec())
            }
            _uuid => {
                let uuid = text.parse::<uuid::Uuid>();
                uuid.ok().map(|uuid| uuid.as_bytes().to_vec())
            }
        };
        let bytes = bytes.ok_or_else(|| {
            self.wrong("found a text that is none, write it as the server shows it")
        })?;
        Ok(Operand::Address(bytes.into()))
    }

    fn pattern(&self, pattern: &str) -> Result<LikePattern, TypingError> {
        match self.kind {
            ColumnType::Text { charset, .. } => {
                let collation = self.collation()?;
                let text = LikePattern::new(pattern, *charset, collation);
                text.map_err(|error| self.not_comparable(error, collation))
            }
            ColumnType::Binary { padded: None, .. } => {
                Ok(LikePattern::of_bytes(pattern.as_bytes()))
            }
            _other => Err(self.wrong("like takes text, or bytes of any length")),
        }
    }

    /// Refuses `<` and its like where values have no order that rowtap knows.
    fn check_ordered(&self) -> Result<(), TypingError> {
        match self.kind {
            ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::Inet4
            | ColumnType::Inet6
            | ColumnType::Uuid => Err(self.wrong("only =, !=, in and is null can be asked")),
            _ordered => Ok(()),
        }
    }

    /// Refuses `collate` where there is no text.
    fn check_collation(&self) -> Result<(), TypingError> {
        match (self.told, self.kind) {
            (None, _) | (Some(_), ColumnType::Text { .. }) => Ok(()),
            (Some(_), _other) => Err(self.wrong("collate goes with text only, leave it out")),
        }
    }

    /// The collation to compare by.
    fn collation(&self) -> Result<&'static Collation, TypingError> {
        let collation = match (self.told, self.collation) {
            (Some(name), _) => {
                let found = Collation::by_name(name);
                found.ok_or_else(|| self.collated(format!("no collation is named {name}")))?
            }
            (None, Some(id)) => Collation::by_id(id, self.flavour).ok_or_else(|| {
                self.collated(format!(
                    "its collation {id} is none that rowtap orders text by, {OTHER_COLLATION}"
                ))
            })?,
            (None, None) => {
                return Err(self.collated(format!(
                    "its table map does not tell the collation, write it in the condition, such as `{}` collate {} = '…', or set \
                     binlog_row_metadata=FULL on the source",
                    self.name,
                    self.example()
                )));
            }
        };
        let charset = Charset::from_name(collation.charset());
        let is_right =
            matches!(self.kind, ColumnType::Text { charset: own, .. } if charset == Some(*own));
        if !is_right {
            return Err(self.collated(format!(
                "{} is of the character set {}, write one of the column's set",
                collation.name(),
                collation.charset()
            )));
        }
        match collation.is_known() {
            true => Ok(collation),
            false => Err(self.collated(format!(
                "rowtap does not order text by {} for certain, {OTHER_COLLATION}",
                collation.name()
            ))),
        }
    }

    /// A collation of the column's set for a message.
    fn example(&self) -> String {
        match self.kind {
            ColumnType::Text { charset, .. } => format!("{}_bin", charset.name()),
            _other => "utf8mb4_bin".to_owned(),
        }
    }

    fn not_comparable(&self, error: LiteralError, collation: &Collation) -> TypingError {
        let name = collation.name();
        self.collated(match error {
            LiteralError::NotInCharset(letter) => {
                let letter = letter.escape_debug();
                format!("the column's character set does not have {letter}, or has it more than once, leave it out")
            }
            LiteralError::UnknownWeight(letter) => {
                let letter = letter.escape_debug();
                format!("it is not known how {name} weighs {letter} there, {OTHER_COLLATION}")
            }
            LiteralError::UnknownCollation => {
                format!("rowtap does not order text by {name} for certain, {OTHER_COLLATION}")
            }
        })
    }

    fn collated(&self, what: String) -> TypingError {
        TypingError::Collation {
            column: self.name.into(),
            what,
        }
    }

    fn wrong(&self, what: &str) -> TypingError {
        TypingError::WrongType {
            column: self.name.into(),
            kind: in_words(self.kind).into(),
            what: what.to_owned(),
        }
    }
}

/// What to write where a collation does not do.
const OTHER_COLLATION: &str = "write another one of the column's character set after it, such as its _bin: collate utf8mb4_bin";

/// What a literal for a column has to be.
fn expected(kind: &ColumnType) -> &'static str {
    use ColumnType as Kind;
    match kind {
        Kind::Integer { .. }
        | Kind::Bit { .. }
        | Kind::Float
        | Kind::Double
        | Kind::Decimal { .. } => "write a number without quotes",
        Kind::Year => "write a year with four digits and without quotes",
        Kind::Date | Kind::DateTime { .. } | Kind::OldDateTime { .. } => {
            "write 'YYYY-MM-DD HH:MM:SS'"
        }
        Kind::Timestamp { .. } | Kind::OldTimestamp { .. } => "write 'YYYY-MM-DD HH:MM:SS' in UTC",
        Kind::Time { .. } | Kind::OldTime { .. } => "write 'HH:MM:SS'",
        Kind::Text { .. } => "write text in single quotes",
        Kind::Binary { .. } => "write x'…', or text in single quotes",
        Kind::Enum { .. } | Kind::Set { .. } => "write a label in single quotes",
        Kind::Inet4 | Kind::Inet6 | Kind::Uuid => "write it in single quotes",
        Kind::EitherSign { .. }
        | Kind::Undecided { .. }
        | Kind::Packed { .. }
        | Kind::RawEnum { .. }
        | Kind::RawSet { .. }
        | Kind::Json { .. }
        | Kind::Geometry { .. }
        | Kind::Vector { .. } => "its values are compared with nothing, only is null can be asked",
    }
}

/// A type for a person.
fn in_words(kind: &ColumnType) -> String {
    use ColumnType as Kind;
    match kind {
        Kind::Integer { unsigned: true, .. } => "an unsigned integer".to_owned(),
        Kind::Integer {
            unsigned: false, ..
        } => "an integer".to_owned(),
        Kind::EitherSign { .. } => "an integer of unknown sign".to_owned(),
        Kind::Float => "FLOAT".to_owned(),
        Kind::Double => "DOUBLE".to_owned(),
        Kind::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        Kind::Bit { bits } => format!("BIT({bits})"),
        Kind::Year => "YEAR".to_owned(),
        Kind::Date => "DATE".to_owned(),
        Kind::Time { .. } | Kind::OldTime { .. } => "TIME".to_owned(),
        Kind::DateTime { .. } | Kind::OldDateTime { .. } => "DATETIME".to_owned(),
        Kind::Timestamp { .. } | Kind::OldTimestamp { .. } => "TIMESTAMP".to_owned(),
        Kind::Text { .. } => "text".to_owned(),
        Kind::Binary { .. } => "bytes".to_owned(),
        Kind::Undecided { .. } => "text or bytes".to_owned(),
        Kind::Packed { .. } => "COMPRESSED".to_owned(),
        Kind::Inet4 => "INET4".to_owned(),
        Kind::Inet6 => "INET6".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::Enum { .. } => "ENUM".to_owned(),
        Kind::RawEnum { .. } => "ENUM with labels that are no text".to_owned(),
        Kind::Set { .. } => "SET".to_owned(),
        Kind::RawSet { .. } => "SET with labels that are no text".to_owned(),
        Kind::Json { .. } => "JSON".to_owned(),
        Kind::Geometry { .. } => "GEOMETRY".to_owned(),
        Kind::Vector { .. } => "VECTOR".to_owned(),
    }
}
