//! The columns of published tables as the source shows them, held against the rules on columns and on rows: what would stop a
//! stream at its first row of a table is known before it.

use super::session::{AnswerRow, Session};
use super::start::Checked;
use crate::binlog::column_map::kind;
use crate::change::{ColumnDefinition, ComputedFrom};
use crate::filter::{ColumnRuleError, ColumnVerdict, RowRuleError, Rules, TestedTable};
use crate::mysql::Flavour;
use crate::row::{
    CharsetName, Collation, Column, ColumnFacts, ColumnType, Labels, RowError, Special, Table,
    TableName, text_literal,
};
use crate::source::error::SourceError;

/// As much as a column of text or bytes can hold whose length is of no matter.
const ANY_LENGTH: u16 = 1_000;
/// Tables that one statement asks for at most.
const TABLES_ASKED_MAX: usize = 200;

/// A column as information_schema shows it.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownColumn {
    pub(super) definition: ColumnDefinition,
    collation: Option<String>,
    /// The names in what its values, or its default, are computed from.
    computed_from: ComputedFrom,
}

/// What a table's rows hold, as the source's settings have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowSettings<'a> {
    pub(super) flavour: Flavour,
    /// `binlog_row_image`, in upper case.
    pub(super) image: &'a str,
    /// Whether table maps tell the collations of text.
    pub(super) tells_collations: bool,
}

/// A published table with the columns that are in every row image.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownTable<'a> {
    pub(super) published: &'a TableName,
    pub(super) columns: &'a [ShownColumn],
    /// The columns of the primary key.
    pub(super) key: &'a [String],
    /// Those of keys by which rows are told apart.
    pub(super) telling: &'a [String],
}

/// Asks for the columns of the tables that a condition names, and hands them on table by table.
///
/// # Errors
/// What breaks on the way.
pub(super) async fn shown_columns(
    session: &mut Session,
    condition: &str,
    mut take: impl FnMut(TableName, Vec<ShownColumn>) + Send,
) -> Result<(), SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, COLUMN_NAME AS name, COLUMN_TYPE AS column_type, CHARACTER_SET_NAME AS \
         charset, COLLATION_NAME AS collation, IS_NULLABLE AS nullable, GENERATION_EXPRESSION AS expression, COLUMN_DEFAULT AS \
         default_value FROM information_schema.COLUMNS WHERE {condition} ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
    );
    let mut open: Option<(TableName, Vec<ShownColumn>)> = None;
    session
        .ask_in_parts(&statement, |row| {
            let (database, table) = (row.expect("db")?, row.expect("tab")?);
            let shown = ShownColumn {
                definition: ColumnDefinition {
                    name: row.expect("name")?.into(),
                    column_type: row.expect("column_type")?.into(),
                    charset: row.text("charset").map(Into::into),
                    nullable: row.expect("nullable")?.eq_ignore_ascii_case("YES"),
                    ..ColumnDefinition::default()
                },
                collation: row.text("collation").map(str::to_owned),
                computed_from: computed_from(row),
            };
            match &mut open {
                Some((name, columns)) if *name.database == *database && *name.table == *table => {
                    columns.push(shown);
                }
                _other => {
                    let next = (TableName::new(database, table), vec![shown]);
                    if let Some((name, columns)) = open.replace(next) {
                        take(name, columns);
                    }
                }
            }
            Ok(())
        })
        .await?;
    if let Some((name, columns)) = open {
        take(name, columns);
    }
    Ok(())
}

/// Makes sure that no published column is computed from one whose values a rule hides.
///
/// # Errors
/// Such a column, and what breaks on the way.
pub async fn refuse_computed(checked: &mut Checked, rules: &Rules) -> Result<(), SourceError> {
    if !rules.columns().forbid_computed() {
        return Ok(());
    }
    let mut computing = Vec::new();
    let condition = "(GENERATION_EXPRESSION <> '' OR COLUMN_DEFAULT LIKE '%`%')";
    let take = |table: TableName, columns: Vec<ShownColumn>| {
        let verdict = rules.table(&table.database, &table.table);
        let may_show = || computed(rules, &verdict.published, &columns, |_name| true).next();
        if verdict.keep && may_show().is_some() {
            computing.push(table);
        }
    };
    shown_columns(&mut checked.session, condition, take).await?;
    // Not all names in what they are computed from are columns.
    let mut found = None;
    for tables in computing.chunks(TABLES_ASKED_MAX) {
        let tables = tables.iter().map(|TableName { database, table }| {
            let (database, table) = (text_literal(database), text_literal(table));
            format!("(TABLE_SCHEMA = {database} AND TABLE_NAME = {table})")
        });
        let condition = tables.collect::<Vec<_>>().join(" OR ");
        let take = |table: TableName, columns: Vec<ShownColumn>| {
            let verdict = rules.table(&table.database, &table.table);
            if verdict.keep && found.is_none() {
                let is_column = is_among(&columns);
                found = computed(rules, &verdict.published, &columns, is_column).next();
            }
        };
        shown_columns(&mut checked.session, &condition, take).await?;
    }
    match found {
        Some(error) => Err(SourceError::Columns(Box::new(error))),
        None => Ok(()),
    }
}

/// Whether columns of this name are among all those of a table.
fn is_among(columns: &[ShownColumn]) -> impl Fn(&str) -> bool + Copy {
    |name| {
        let name = name.to_lowercase();
        let mut names = columns.iter().map(|column| &column.definition.name);
        names.any(|known| known.to_lowercase() == name)
    }
}

/// The columns that are published as they are, and computed from one whose values a rule hides.
pub(super) fn computed<'a>(
    rules: &'a Rules,
    published: &'a TableName,
    columns: &'a [ShownColumn],
    may_be_column: impl Fn(&str) -> bool + Copy + 'a,
) -> impl Iterator<Item = ColumnRuleError> + 'a {
    let columns = columns.iter().filter(move |column| {
        let is_kept = || {
            let verdict = rules.columns().judge(published, &column.definition.name);
            matches!(verdict, ColumnVerdict::Kept { .. })
        };
        !column.computed_from.is_empty() && is_kept()
    });
    columns.filter_map(move |column| {
        let (name, from) = (&column.definition.name, &column.computed_from.0);
        let shows = rules
            .columns()
            .refuse_showing(published, name, from, may_be_column);
        shows.err()
    })
}

/// The names in what a column's values, or its default, are computed from, by a row of information_schema.
pub(in crate::source) fn computed_from(row: AnswerRow<'_>) -> ComputedFrom {
    let expressions = ["expression", "default_value"];
    let expressions = expressions.iter().filter_map(|column| row.text(column));
    ComputedFrom(expressions.flat_map(names_in).collect())
}

/// The names in an expression as servers print it. What stands in backticks inside a text counts too.
fn names_in(expression: &str) -> Vec<Box<str>> {
    let mut names = Vec::new();
    let starts = expression.match_indices('`').map(|(start, _)| start + 1);
    // A text with a backtick would turn what is inside names and what is outside around, so that each may begin one.
    for start in starts {
        let rest = expression.get(start..).unwrap_or_default();
        let mut name = String::new();
        let mut letters = rest.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '`' if letters.peek() == Some(&'`') => {
                    letters.next();
                    name.push('`');
                }
                '`' => break,
                letter => name.push(letter),
            }
        }
        names.push(name.into());
    }
    names
}

/// What of the rules on columns and on rows does not fit a table, or cannot be judged with the rows that the source logs.
#[derive(Debug)]
pub(super) enum Misfit {
    /// A rule on columns.
    Column(ColumnRuleError),
    /// A rule on rows.
    Row(RowRuleError),
    /// A condition asks for a column that rows lack.
    Image {
        /// What it asks for.
        column: Box<str>,
    },
    /// It cannot be told.
    Unknown(RowError),
}

/// Holds the rules against a table as a stream would.
pub(super) fn misfits(
    table: ShownTable<'_>,
    rules: &Rules,
    settings: RowSettings<'_>,
) -> Vec<Misfit> {
    let is_column = is_among(table.columns);
    let mut found: Vec<Misfit> = computed(rules, table.published, table.columns, is_column)
        .map(Misfit::Column)
        .collect();
    let columns: Result<Vec<Column>, RowError> =
        table.columns.iter().enumerate().map(column).collect();
    let columns = match columns {
        Ok(columns) => columns,
        Err(error) => {
            found.push(Misfit::Unknown(error));
            return found;
        }
    };
    let collations: Vec<Option<u32>> = table
        .columns
        .iter()
        .map(|column| {
            let name = column
                .collation
                .as_deref()
                .filter(|_| settings.tells_collations);
            name.and_then(Collation::by_name).map(Collation::id)
        })
        .collect();
    let facts = TestedTable {
        columns: &columns,
        hidden: &[],
        collations: &collations,
        flavour: settings.flavour,
        lacks_are_null: true,
    };
    let of_rows = rules.rows().misfits(table.published, &facts);
    found.extend(of_rows.into_iter().map(Misfit::Row));
    if let Ok(Some(filter)) = rules.rows().of(table.published, &facts) {
        let asked = filter.columns().into_iter();
        let asked = asked.filter_map(|place| columns.get(place));
        let lacking = asked.filter(|column| {
            let mut telling = table.telling.iter();
            let is_in_key = telling.any(|key| **key == *column.name);
            !is_in_key && !table.telling.is_empty() && may_lack(column, settings.image)
        });
        found.extend(lacking.map(|column| Misfit::Image {
            column: column.name.clone(),
        }));
    }
    let places = table.key.iter().filter_map(|key| {
        let mut columns = columns.iter();
        columns.position(|column| *column.name == **key)
    });
    let key = places.collect();
    let of_columns = Table::new(table.published.clone(), columns, key);
    let of_columns = rules.columns().misfits(&of_columns);
    found.extend(of_columns.into_iter().map(Misfit::Column));
    found
}

/// Whether the image before an update, or of a delete, may lack a column that is in no key.
fn may_lack(column: &Column, image: &str) -> bool {
    match image {
        "MINIMAL" => true,
        "NOBLOB" => matches!(
            column.kind,
            ColumnType::Json { .. }
                | ColumnType::Geometry { .. }
                | ColumnType::Vector { .. }
                | ColumnType::Text { prefix: 3.., .. }
                | ColumnType::Binary { prefix: 3.., .. }
        ),
        _whole => false,
    }
}

/// A column as a condition takes it, by its definition. Lengths do not matter to conditions, and are not those of the table.
fn column((index, shown): (usize, &ShownColumn)) -> Result<Column, RowError> {
    let definition = &shown.definition;
    let data_type = definition.data_type();
    let (kind, metadata) = number(definition);
    let labels = definition.labels();
    let facts = ColumnFacts {
        index,
        name: Some(&definition.name),
        kind,
        metadata,
        unsigned: Some(definition.unsigned()),
        charset: Some(CharsetName::Name(
            definition.charset.as_deref().unwrap_or("binary"),
        )),
        labels: Some(Labels::Text(&labels)),
        fraction: definition.fraction(),
        is_point: data_type == "point",
        special: Special::from_data_type(data_type),
    };
    Ok(Column {
        name: definition.name.clone(),
        kind: ColumnType::resolve(&facts)?,
        nullable: definition.nullable,
        computed: None,
        declared: definition.declared(),
        default: None,
        comment: None,
    })
}

/// The number of a column's type, and its metadata, as table maps have them; 0 for one that is not known.
fn number(definition: &ColumnDefinition) -> (u8, u16) {
    // MariaDB logs a VECTOR as bytes; by its definition it is one there too.
    let Some(kind) = definition.kind(Flavour::MySql) else {
        return (0, 0);
    };
    let is_packed = definition.column_type.contains(" COMPRESSED");
    let fraction = u16::from(definition.fraction().unwrap_or(0));
    let mut numbers = definition.numbers();
    match kind {
        kind::FLOAT | kind::JSON | kind::VECTOR | kind::GEOMETRY => (kind, 4),
        kind::DOUBLE | kind::SET => (kind, 8),
        kind::NEWDECIMAL => {
            let precision = numbers.next().unwrap_or(10);
            (kind, precision << 8 | numbers.next().unwrap_or(0))
        }
        kind::BIT => (kind, numbers.next().unwrap_or(1)),
        kind::TIME2 | kind::DATETIME2 | kind::TIMESTAMP2 => (kind, fraction),
        kind::STRING => match definition.data_type() {
            "inet4" => (kind, 4),
            "inet6" | "uuid" => (kind, 16),
            "binary" => (kind, numbers.next().unwrap_or(1)),
            _text => (kind, ANY_LENGTH),
        },
        kind::VARCHAR if is_packed => (kind::VARCHAR_COMPRESSED, ANY_LENGTH),
        kind::VARCHAR => (kind, ANY_LENGTH),
        kind::BLOB if is_packed => (kind::BLOB_COMPRESSED, 4),
        kind::BLOB => (kind, 4),
        kind::ENUM => (kind, 2),
        whole => (whole, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_expressions_are_those_in_backticks() {
        for (expression, name, is_in) in [
            ("lower(`mail`)", "mail", true),
            ("concat('`',`mail`)", "mail", true),
            ("(`a``b` + 1)", "a`b", true),
            ("`emails`", "mail", false),
            ("mail", "mail", false),
        ] {
            let names = names_in(expression);
            let found = names.iter().any(|found| **found == *name);
            assert_eq!(found, is_in, "{expression}: {names:?}");
        }
    }

    #[test]
    fn every_type_that_servers_show_is_one_of_table_maps() {
        for (column_type, words) in [
            ("int(10) unsigned", "Integer { width: 4, unsigned: true }"),
            ("decimal(12,3)", "Decimal { precision: 12, scale: 3 }"),
            ("bit(9)", "Bit { bits: 9 }"),
            ("timestamp(3)", "Timestamp { fsp: 3 }"),
            ("char(4)", "Text {"),
            ("varchar(20) /*M!100301 COMPRESSED*/", "Packed {"),
            ("binary(5)", "padded: Some(5)"),
            ("enum('a','b')", "Enum {"),
            ("inet6", "Inet6"),
            ("point", "Geometry {"),
            ("year(4)", "Year"),
        ] {
            let is_bytes = column_type.starts_with("binary");
            let shown = ShownColumn {
                definition: ColumnDefinition {
                    name: "c".into(),
                    column_type: column_type.into(),
                    charset: (!is_bytes).then(|| "utf8mb4".into()),
                    ..ColumnDefinition::default()
                },
                ..ShownColumn::default()
            };
            let found = format!("{:?}", column((0, &shown)).unwrap().kind);
            assert!(found.contains(words), "{column_type}: {found}");
        }
    }
}
