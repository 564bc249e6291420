//! `CREATE TABLE`: columns, key, engine and versioning, with what the text leaves to its surroundings filled in.

use super::facts::Facts;
use super::labels as label_texts;
use super::reason::Reason;
use super::unsettled;
use crate::change::definition::aside::Aside;
use crate::change::definition::charset::{self, KnownCharset};
use crate::change::definition::labels;
use crate::change::definition::table::{
    ColumnDefinition, ComputedFrom, Generated, TableDefinition,
};
use crate::change::statement::STRICT_MODES;
use crate::change::statement::meaning::{
    ColumnClause, CreateTable, Generation, Key, Kind, Label, NamedCharset, Period, Size,
    TableOptions,
};
use crate::mysql::Flavour;

/// Without it, an engine that the server lacks is replaced by its default one.
const NO_ENGINE_SUBSTITUTION: u64 = 0x4000_0000;
/// From these versions on TIMESTAMP allows NULL by default.
const EXPLICIT_DEFAULTS_MYSQL: u32 = 80_002;
const EXPLICIT_DEFAULTS_MARIADB: u32 = 101_000;

/// The most columns that a table of either family has.
pub(super) const COLUMNS_MAX: usize = 4096;

/// What MariaDB prints after the type of a compressed column.
pub(super) const COMPRESSED: &str = " /*M!100301 COMPRESSED*/";

const CHAR_MAX: u32 = 255;
const VARCHAR_BYTES_MAX: u64 = 65_535;

/// What MariaDB calls the columns of a versioned table that names none.
const ROW_START: &str = "row_start";
const ROW_END: &str = "row_end";

/// The definition that a `CREATE TABLE` makes, in a database with this default character set.
pub(super) fn table(
    create: &CreateTable,
    database: &str,
    facts: &Facts<'_>,
) -> Result<TableDefinition, Reason> {
    let charset = table_charset(&create.options.charset, database, facts)?;
    let mut definition = TableDefinition {
        charset: Some(charset.name.into()),
        engine: engine(&create.options, None, facts),
        comment: Aside(
            create
                .options
                .comment
                .clone()
                .filter(|comment| !comment.is_empty()),
        ),
        ..TableDefinition::default()
    };
    definition.transactional = definition.engine.as_deref().and_then(transactional);
    let elements = &create.elements;
    if elements.columns.len() > COLUMNS_MAX {
        return Err("it has more columns than a table can have".into());
    }
    for column in &elements.columns {
        definition
            .columns
            .push(self::column(column, charset, facts)?);
    }
    for period in &elements.periods {
        set_period(&mut definition, period)?;
    }
    let inline = elements.columns.iter().find(|column| column.primary);
    match (&elements.key, inline) {
        (Some(key), _) => set_key(&mut definition, key, &elements.periods)?,
        (None, Some(column)) => set_key(&mut definition, &Key::of(column), &[])?,
        (None, None) => {}
    }
    let versioned = create.options.versioned || elements.columns.iter().any(|c| c.versioned);
    if versioned && row_end(&definition).is_none() {
        add_row_columns(&mut definition);
    }
    end_key_with_row_end(&mut definition);
    Ok(definition)
}

/// A table's default character set.
pub(super) fn table_charset(
    named: &NamedCharset,
    surrounding: &str,
    facts: &Facts<'_>,
) -> Result<KnownCharset, Reason> {
    let name = match named {
        NamedCharset::Named(name) => name,
        NamedCharset::Unnamed | NamedCharset::Default => surrounding,
    };
    known_charset(name, facts)
}

fn known_charset(name: &str, facts: &Facts<'_>) -> Result<KnownCharset, Reason> {
    charset::by_name(name, facts.utf8_is_utf8mb4)
        .ok_or_else(|| format!("the character set {name} is not known").into())
}

// ---- columns -------------------------------------------------------------------------------------------------------

/// The definition of a column in a table with this default character set.
pub(super) fn column(
    column: &ColumnClause,
    default: KnownCharset,
    facts: &Facts<'_>,
) -> Result<ColumnDefinition, Reason> {
    let charset = || match &column.charset {
        NamedCharset::Named(name) => known_charset(name, facts),
        NamedCharset::Unnamed | NamedCharset::Default => Ok(default),
    };
    let (mut column_type, charset) = match &column.kind {
        Kind::Plain(printed) | Kind::Timestamp { printed } => (printed.to_string(), None),
        Kind::JsonText => ("longtext".to_owned(), Some("utf8mb4")),
        Kind::Enum { labels } => labelled("enum", labels, charset()?, facts)?,
        Kind::Set { labels } => labelled("set", labels, charset()?, facts)?,
        Kind::TextOf { length } if unsettled::has_open_size(*length, charset()?) => {
            return Err(format!(
                "the size of column {} depends on a character set that is not known",
                column.name
            )
            .into());
        }
        Kind::Char { .. } | Kind::VarChar { .. } | Kind::Text { .. } | Kind::TextOf { .. } => {
            text(&column.kind, charset()?, facts)
                .ok_or_else(|| format!("column {} is longer than it may be", column.name))?
        }
    };
    if column.compressed {
        column_type += COMPRESSED;
    }
    let computed = matches!(
        column.generated,
        Some(Generation::Stored | Generation::Virtual)
    );
    // MariaDB takes back what it made NOT NULL by itself where the column turns out to be computed.
    let timestamp = matches!(column.kind, Kind::Timestamp { .. })
        && !(computed && facts.context.flavour == Flavour::MariaDb);
    let nullable_by_default = !timestamp || explicit_defaults(facts);
    let generated = column.generated.map(|generation| match generation {
        Generation::Stored => Generated::Stored,
        Generation::Virtual => Generated::Virtual,
        Generation::RowStart => Generated::RowStart,
        Generation::RowEnd => Generated::RowEnd,
    });
    let of_row = matches!(generated, Some(Generated::RowStart | Generated::RowEnd));
    Ok(ColumnDefinition {
        name: column.name.clone(),
        column_type: column_type.into(),
        charset: charset.map(Into::into),
        nullable: column.nullable.unwrap_or(nullable_by_default) && !column.primary && !of_row,
        generated,
        invisible: column.invisible,
        computed_from: ComputedFrom(column.computed_from.clone()),
        described: Aside(column.described.clone()),
    })
}

fn explicit_defaults(facts: &Facts<'_>) -> bool {
    let since = match facts.context.flavour {
        Flavour::MySql => EXPLICIT_DEFAULTS_MYSQL,
        Flavour::MariaDb => EXPLICIT_DEFAULTS_MARIADB,
    };
    facts
        .explicit_defaults_for_timestamp
        .unwrap_or(facts.context.version >= since)
}

fn labelled(
    name: &str,
    labels: &[Label],
    charset: KnownCharset,
    facts: &Facts<'_>,
) -> Result<(String, Option<&'static str>), Reason> {
    if charset.is_unsettled() {
        let labels = label_texts::of_any_set(labels, charset, facts)?;
        let printed = unsettled::labelled(name, labels.iter().map(AsRef::as_ref), charset);
        return Ok((printed, Some(charset.name)));
    }
    let labels = label_texts::defined(labels, charset, facts)?;
    let printed = labels::printed_with_doubts(name, &labels);
    Ok((printed, label_texts::charset_shown(charset, facts)))
}

/// A type with a character set as information_schema prints it; in the set `binary` it is a type of bytes.
pub(super) fn text(
    kind: &Kind,
    charset: KnownCharset,
    facts: &Facts<'_>,
) -> Option<(String, Option<&'static str>)> {
    let strict = facts.context.sql_mode & STRICT_MODES != 0;
    let binary = charset.name == "binary";
    let bytes = |length: u64| length.saturating_mul(u64::from(charset.bytes_max));
    let sized = |size: Size| match binary {
        true => format!("{}blob", size.prefix()),
        false => format!("{}text", size.prefix()),
    };
    let printed = match kind {
        Kind::Char { length } if *length <= CHAR_MAX => match binary {
            true => format!("binary({length})"),
            false => format!("char({length})"),
        },
        // A table map tells where it became another type.
        Kind::VarChar { length }
            if charset.is_unsettled() && u64::from(*length) <= VARCHAR_BYTES_MAX =>
        {
            format!("varchar({length})")
        }
        Kind::VarChar { length } if bytes(u64::from(*length)) <= VARCHAR_BYTES_MAX => {
            match binary {
                true => format!("varbinary({length})"),
                false => format!("varchar({length})"),
            }
        }
        Kind::VarChar { length }
            if !strict && !unsettled::has_open_size(u64::from(*length), charset) =>
        {
            sized(Size::of(bytes(u64::from(*length))))
        }
        Kind::Text { size } => sized(*size),
        Kind::TextOf { length } => sized(Size::of(bytes(*length))),
        Kind::Char { .. }
        | Kind::VarChar { .. }
        | Kind::Plain(_)
        | Kind::Timestamp { .. }
        | Kind::Enum { .. }
        | Kind::Set { .. }
        | Kind::JsonText => return None,
    };
    Some((printed, (!binary).then_some(charset.name)))
}

/// Whether two names of columns are the same: case does not count.
pub(in crate::change::definition) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || !(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase()
}

/// The place of a column among a table's.
pub(super) fn place_of(definition: &TableDefinition, name: &str) -> Result<usize, Reason> {
    let mut columns = definition.columns.iter();
    columns
        .position(|column| same(&column.name, name))
        .ok_or_else(|| format!("column {name} is not known").into())
}

// ---- keys and periods ----------------------------------------------------------------------------------------------

/// Makes these columns the primary key; they allow no NULL.
pub(super) fn set_key(
    definition: &mut TableDefinition,
    key: &Key,
    periods: &[Period],
) -> Result<(), Reason> {
    let mut names: Vec<&str> = key.columns.iter().map(AsRef::as_ref).collect();
    if let Some(name) = &key.period {
        let period = periods.iter().find(|period| same(&period.name, name));
        let period = period.ok_or_else(|| format!("period {name} is not known"))?;
        names.extend([&*period.end, &*period.start]);
    }
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        places.push(place_of(definition, name)?);
    }
    for place in &places {
        if let Some(column) = definition.columns.get_mut(*place) {
            column.nullable = false;
        }
    }
    definition.key = places;
    Ok(())
}

/// The columns of a period allow no NULL.
pub(super) fn set_period(definition: &mut TableDefinition, period: &Period) -> Result<(), Reason> {
    for name in [&period.start, &period.end] {
        let place = place_of(definition, name)?;
        if let Some(column) = definition.columns.get_mut(place) {
            column.nullable = false;
        }
    }
    Ok(())
}

/// The place of the column that says when rows of a versioned table ceased to hold.
pub(super) fn row_end(definition: &TableDefinition) -> Option<usize> {
    let mut columns = definition.columns.iter();
    columns.position(|column| column.generated == Some(Generated::RowEnd))
}

/// Adds the columns of a versioned table that names none. They are in row images, and information_schema hides them.
pub(super) fn add_row_columns(definition: &mut TableDefinition) {
    for (name, generated) in [
        (ROW_START, Generated::RowStart),
        (ROW_END, Generated::RowEnd),
    ] {
        definition.columns.push(ColumnDefinition {
            name: name.into(),
            column_type: "timestamp(6)".into(),
            generated: Some(generated),
            invisible: true,
            ..ColumnDefinition::default()
        });
    }
}

/// The primary key of a versioned table ends with it: older versions of a row have the same key otherwise.
pub(super) fn end_key_with_row_end(definition: &mut TableDefinition) {
    let Some(end) = row_end(definition) else {
        return;
    };
    if !definition.key.is_empty() && !definition.key.contains(&end) {
        definition.key.push(end);
    }
}

impl Key {
    fn of(column: &ColumnClause) -> Self {
        Self {
            columns: vec![column.name.clone()],
            period: None,
        }
    }
}

// ---- engines -------------------------------------------------------------------------------------------------------

/// The engine that a table gets, or keeps; `None` if it cannot be told.
pub(super) fn engine(
    options: &TableOptions,
    former: Option<&str>,
    facts: &Facts<'_>,
) -> Option<Box<str>> {
    let Some(named) = options.engine.as_deref() else {
        if options.engine_in_partitions {
            return None;
        }
        return former.or(facts.default_engine).map(Into::into);
    };
    let named = engine_name(named);
    let substituted = facts.context.sql_mode & NO_ENGINE_SUBSTITUTION == 0;
    let is_default = facts
        .default_engine
        .is_some_and(|default| default.eq_ignore_ascii_case(named));
    (!substituted || is_default).then(|| named.into())
}

/// An engine's name as servers spell it.
fn engine_name(name: &str) -> &str {
    const SPELLED: [(&str, &str); 14] = [
        ("innodb", "InnoDB"),
        ("innobase", "InnoDB"),
        ("myisam", "MyISAM"),
        ("memory", "MEMORY"),
        ("heap", "MEMORY"),
        ("csv", "CSV"),
        ("archive", "ARCHIVE"),
        ("blackhole", "BLACKHOLE"),
        ("mrg_myisam", "MRG_MYISAM"),
        ("merge", "MRG_MYISAM"),
        ("aria", "Aria"),
        ("rocksdb", "ROCKSDB"),
        ("ndb", "ndbcluster"),
        ("ndbcluster", "ndbcluster"),
    ];
    let known = SPELLED
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(name));
    known.map_or(name, |(_, spelled)| spelled)
}

/// Whether an engine takes part in transactions, of the engines that are the same everywhere; `None` of any other.
pub fn transactional(engine: &str) -> Option<bool> {
    match engine_name(engine).to_ascii_lowercase().as_str() {
        "innodb" | "ndbcluster" | "rocksdb" => Some(true),
        "myisam" | "memory" | "csv" | "archive" | "blackhole" | "mrg_myisam" | "aria"
        | "sequence" => Some(false),
        _ => None,
    }
}
