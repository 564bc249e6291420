//! The table maps of the stream, and the definitions that rows are read with.
//!
//! A table map is judged and resolved once; the same bytes seen again are recognised without parsing, which keeps the
//! filters and the resolution off the path of small transactions.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::agreement::agree;
use super::beliefs::Definitions;
use super::column_watch::ColumnWatch;
use super::computed::tell_computed;
use super::draft::{draft, draft_of};
use super::kept_table::{Defined, KeptTable};
use super::lack::Lack;
use super::layout::{Layout, hashes, hides_its_type};
use super::schemas::Belief;
use super::settling::{Settlement, UnsettledColumns, settle};
use super::table::{ColumnDefinition, TableDefinition};
pub(in crate::change) use super::table_map_error::{Missing, TableMapError};
use crate::binlog::column_map::kind;
use crate::binlog::{ColumnMap, Coordinates, FormatDescription, TableMap};
use crate::change::statement::Statement;
use crate::filter::{OnUnknown, RowFilter, Rules, TestedTable};
use crate::mysql::Flavour;
use crate::row::{CharsetName, Column, ColumnFacts, ColumnType, Labels, Special, Table, TableName};

/// Table maps kept at most; beyond it the cache starts anew.
const MAPS_MAX: usize = 65_536;

/// What rows of a table map become.
#[derive(Clone, Debug)]
pub(in crate::change) enum Target {
    /// They are published.
    Kept(Arc<KeptTable>),
    /// A filter rejected the table.
    Rejected,
    /// A filter rejected the table, whose rows are checked all the same.
    Checked(Arc<KeptTable>),
    /// They are left out, for the table's definition is not known. Its name on the source.
    Undefined(TableName),
}

impl Target {
    /// Whether it was made without the table's definition, and that is known by now.
    fn is_defined_now(&self, definitions: &mut Definitions, end: &Coordinates) -> bool {
        let source = match self {
            Self::Kept(kept) if kept.table.is_undefined => &kept.source,
            Self::Undefined(source) => source,
            Self::Kept(_) | Self::Rejected | Self::Checked(_) => return false,
        };
        let serving = definitions.serving(source, end);
        serving.is_some_and(|known| known.unsettled().is_none())
    }
}

/// A table, and the columns that rules on rows name and it lacks.
pub(in crate::change) type LackingColumns = (TableName, Vec<Box<str>>);

#[derive(Debug)]
struct Mapped {
    body: Bytes,
    generation: u64,
    target: Target,
}

/// The table maps seen.
#[derive(Debug)]
pub(in crate::change) struct TableMaps {
    /// By their ids, of which a stream has few: these are found sooner by order than by hash.
    maps: BTreeMap<u64, Mapped>,
    generation: u64,
    pub(super) flavour: Flavour,
    rules: Rules,
    /// Tables that are read without a definition.
    numbered: HashSet<TableName>,
    /// Tables whose definition was asked for in vain since the last statement on them, and what becomes of their rows. Names
    /// are in lower case.
    undefined: HashMap<TableName, OnUnknown>,
    asks: Asks,
    column_watch: ColumnWatch,
    /// Whether rows are checked that are not published.
    checks_all: bool,
    /// What is to be told of tables that were taken.
    lacking: Vec<LackingColumns>,
}

/// When the definition of a table is asked for that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Where rows cannot be read without it.
    Needed,
    /// Always: even a table map with names does not tell which columns are generated.
    Everything,
    /// Never.
    Nothing,
    /// Not again: what is not known stays open.
    InVain,
}

impl Asks {
    fn goes_without(self) -> bool {
        matches!(self, Self::Nothing | Self::InVain)
    }
}

impl TableMaps {
    pub(in crate::change) fn new(flavour: Flavour, rules: Rules) -> Self {
        Self {
            maps: BTreeMap::new(),
            generation: 1,
            flavour,
            rules,
            numbered: HashSet::new(),
            undefined: HashMap::new(),
            asks: Asks::Needed,
            column_watch: ColumnWatch::default(),
            checks_all: false,
            lacking: Vec::new(),
        }
    }

    /// Resolves the tables that a filter rejects, too, for a reader that checks their rows.
    pub(in crate::change) fn check_all(&mut self) {
        self.checks_all = true;
    }

    /// Asks for the definitions of all tables from now on.
    pub(in crate::change) fn ask_for_generated(&mut self) {
        self.asks = Asks::Everything;
    }

    /// Reads a table by its table maps alone from now on.
    pub(in crate::change) fn number_columns(&mut self, table: TableName) {
        self.numbered.insert(table);
    }

    /// Goes on without a table's definition, until a statement on the table follows or it becomes known.
    pub(in crate::change) fn go_without(&mut self, table: &TableName, policy: OnUnknown) {
        self.undefined.insert(folded(table), policy);
    }

    /// Asks again for the definitions of tables that a statement may have changed.
    pub(in crate::change) fn ask_again(&mut self, statement: &Statement) {
        if self.undefined.is_empty() {
            return;
        }
        for table in statement.redefined_tables() {
            self.undefined.remove(&folded(table));
        }
        if let Some(database) = statement.dropped_database() {
            let database = database.to_lowercase();
            self.undefined
                .retain(|table, _| *table.database != *database);
        }
    }

    pub(in crate::change) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The watch over the rules on columns, and all rules.
    pub(in crate::change) fn column_watch(&mut self) -> (&mut ColumnWatch, &Rules) {
        (&mut self.column_watch, &self.rules)
    }

    /// Forgets every table map: a new file began, or a DDL may have changed what they mean.
    pub(in crate::change) fn clear(&mut self) {
        self.maps.clear();
    }

    /// Ends the statement: rows events that follow need table maps of their own.
    pub(in crate::change) fn end_statement(&mut self) {
        self.generation += 1;
    }

    /// Ends the statement, if a rows event says so.
    pub(in crate::change) fn end_statement_if(&mut self, ends: bool) {
        if ends {
            self.end_statement();
        }
    }

    /// Takes a table map; `Err(Missing::Definition)` asks for a definition of the table and leaves no trace.
    pub(in crate::change) fn map(
        &mut self,
        body: &[u8],
        format: &FormatDescription,
        definitions: &mut Definitions,
        end: &Coordinates,
    ) -> Result<(), Missing> {
        let wrong = |error| Missing::Error(TableMapError::from(error));
        let table_id = TableMap::id_of(body).map_err(wrong)?;
        if let Some(known) = self.maps.get_mut(&table_id)
            && known.body == body
            && !known.target.is_defined_now(definitions, end)
        {
            known.generation = self.generation;
            return Ok(());
        }
        let map = TableMap::parse(body, format, self.flavour).map_err(wrong)?;
        let source = TableName::new(text(map.database)?, text(map.table)?);
        let verdict = self.rules.table(&source.database, &source.table);
        let target = if verdict.keep {
            self.keep(&map, verdict.published, source, definitions, end)?
        } else if self.checks_all {
            let published = verdict.published;
            let table = define(&map, published, &source, definitions, end, Asks::Nothing)?;
            Target::Checked(Arc::new(KeptTable::new(table, source, None, self.flavour)))
        } else {
            Target::Rejected
        };
        if self.maps.len() >= MAPS_MAX {
            self.maps.clear();
        }
        let mapped = Mapped {
            body: Bytes::copy_from_slice(body),
            generation: self.generation,
            target,
        };
        self.maps.insert(map.table_id, mapped);
        Ok(())
    }

    fn keep(
        &mut self,
        map: &TableMap<'_>,
        published: TableName,
        source: TableName,
        definitions: &mut Definitions,
        end: &Coordinates,
    ) -> Result<Target, Missing> {
        let policy = match self.undefined.is_empty() {
            true => None,
            false => self.undefined.get(&folded(&source)).copied(),
        };
        let names = (&source, &published);
        let is_to_vet = self
            .column_watch
            .is_to_vet(self.rules.columns(), names, end);
        let asks = match policy {
            Some(OnUnknown::Names) => Asks::InVain,
            Some(OnUnknown::Stop | OnUnknown::Skip) | None => {
                match (self.numbered.contains(&source), self.asks) {
                    (true, _) => Asks::Nothing,
                    (false, Asks::Needed) if is_to_vet => Asks::Everything,
                    (false, asks) => asks,
                }
            }
        };
        let defined = match define(map, published, &source, definitions, end, asks) {
            Err(Missing::Definition(_, _)) if policy == Some(OnUnknown::Skip) => {
                return Ok(Target::Undefined(source));
            }
            defined => defined?,
        };
        if policy == Some(OnUnknown::Skip) && !defined.unsettled.is_empty() {
            return Ok(Target::Undefined(source));
        }
        if policy.is_some() && !defined.table.is_undefined {
            self.undefined.remove(&folded(&source));
        }
        let kept = self.keep_defined(defined, source, is_to_vet)?;
        Ok(Target::Kept(kept))
    }

    /// The same of a table whose definition is settled; `is_to_vet` says that it must be known what its columns are computed
    /// from.
    pub(super) fn keep_defined(
        &mut self,
        defined: Defined,
        source: TableName,
        is_to_vet: bool,
    ) -> Result<Arc<KeptTable>, Missing> {
        // By the values in the image, before rules on columns treat them.
        let row_filter = self.row_filter(&defined.table)?;
        self.keep_filtered(defined, source, row_filter, is_to_vet)
    }

    /// The same of a table with this filter on its rows.
    pub(super) fn keep_filtered(
        &mut self,
        defined: Defined,
        source: TableName,
        row_filter: Option<RowFilter>,
        is_to_vet: bool,
    ) -> Result<Arc<KeptTable>, Missing> {
        let lacking = row_filter.iter().flat_map(RowFilter::lacking);
        let lacking: Vec<Box<str>> = lacking.map(Into::into).collect();
        if !lacking.is_empty() {
            self.lacking.push((source.clone(), lacking));
        }
        let columns = self.rules.columns();
        let refused = |error| Missing::Error(TableMapError::ColumnRules(error));
        let watch = &mut self.column_watch;
        watch
            .judge_moved(columns, &source, &defined.table)
            .map_err(refused)?;
        watch
            .vet(
                columns,
                &defined.table,
                (defined.computed.as_deref(), is_to_vet),
            )
            .map_err(refused)?;
        let table = watch
            .treat(columns, &source, defined.table)
            .map_err(refused)?;
        let defined = Defined { table, ..defined };
        Ok(Arc::new(KeptTable::new(
            defined,
            source,
            row_filter,
            self.flavour,
        )))
    }

    /// Hands out the columns that rules on rows name and tables lack.
    pub(in crate::change) fn take_lacking(&mut self) -> Vec<LackingColumns> {
        std::mem::take(&mut self.lacking)
    }

    /// Which rows of a table are published.
    fn row_filter(&self, table: &Table) -> Result<Option<RowFilter>, Missing> {
        let rules = self.rules.rows();
        if rules.is_empty() {
            return Ok(None);
        }
        let found = rules.of(&table.name, &TestedTable::of(table, self.flavour));
        found.map_err(|error| Missing::Error(TableMapError::RowRules(Box::new(error))))
    }

    /// A CREATE TABLE with what is known of a table where the body of a table map is read, or a value after it.
    pub(in crate::change) fn draft(
        &self,
        missing: &Missing,
        body: &[u8],
        format: &FormatDescription,
        definitions: &Definitions,
    ) -> Box<str> {
        if let Missing::Value(table, _) = missing {
            return match definitions.believed().get(table) {
                Some(Belief::Known(known)) => draft_of(table, known).into(),
                Some(Belief::Stale(_)) | None => Box::default(),
            };
        }
        let Ok(map) = TableMap::parse(body, format, self.flavour) else {
            return Box::default();
        };
        let (Ok(database), Ok(table), Ok(columns)) =
            (text(map.database), text(map.table), map.columns())
        else {
            return Box::default();
        };
        draft(&TableName::new(database, table), &columns).into()
    }

    /// The target of a table map that was taken.
    pub(in crate::change) fn target_of(
        &self,
        body: &[u8],
        format: &FormatDescription,
    ) -> Option<&Target> {
        let map = TableMap::parse(body, format, self.flavour).ok()?;
        self.target(map.table_id)
    }

    /// Takes the table map that was taken under a number again, for more may be known of its table by now.
    pub(in crate::change) fn renew(
        &mut self,
        table_id: u64,
        format: &FormatDescription,
        definitions: &mut Definitions,
        end: &Coordinates,
    ) -> Result<(), Missing> {
        let Some(mapped) = self.maps.remove(&table_id) else {
            return Ok(());
        };
        let renewed = self.map(&mapped.body, format, definitions, end);
        if renewed.is_err() {
            self.maps.insert(table_id, mapped);
        }
        renewed
    }

    /// The target of a rows event, if its table map was seen in the same statement.
    pub(in crate::change) fn target(&self, table_id: u64) -> Option<&Target> {
        let mapped = self.maps.get(&table_id)?;
        (mapped.generation == self.generation).then_some(&mapped.target)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Missing> {
    std::str::from_utf8(bytes)
        .map_err(|_| Missing::Error(TableMapError::Name(bytes.escape_ascii().to_string())))
}

fn define(
    map: &TableMap<'_>,
    published: TableName,
    source: &TableName,
    definitions: &mut Definitions,
    end: &Coordinates,
    asks: Asks,
) -> Result<Defined, Missing> {
    let columns = map
        .columns()
        .map_err(|error| Missing::Error(TableMapError::from(error)))?;
    let Chosen {
        definition,
        named,
        is_contradicted,
        is_undefined,
    } = choose(&columns, map.flavour(), source, definitions, end, asks)?;
    let disagree = |disagreement| Missing::Disagreement(source.clone(), disagreement);
    let laid_out = definition
        .as_deref()
        .map(|definition| agree(&columns, definition).map(|layout| (definition, layout)))
        .transpose()
        .map_err(disagree)?;
    let settlement = match &laid_out {
        Some((definition, layout)) => {
            settle(&columns, layout, definition, map.flavour()).map_err(disagree)?
        }
        None => None,
    };
    let laid_out = laid_out.map(|(definition, layout)| {
        let settled = settlement.as_ref().map(|settlement| &settlement.definition);
        (settled.unwrap_or(definition), layout)
    });
    let mut read = read_columns(&columns, laid_out.as_ref(), asks, source)?;
    let has_doubtful = number_doubtful(&mut read, &columns, settlement.as_ref(), asks, source)?;
    let key = match &laid_out {
        Some((definition, layout)) if !named => layout.key(definition),
        Some(_) | None => map
            .key()
            .map_err(|error| Missing::Error(TableMapError::from(error)))?
            .unwrap_or_default(),
    };
    let mut hidden = hashes(&columns).collect();
    let mut computed = None;
    if !is_contradicted
        && let Some(known) = definitions.serving(source, end)
        && let Some(layout) = Layout::new(&columns, known)
    {
        computed = Some(tell_computed(&mut read, &layout, known));
        hidden = layout.hidden();
    }
    let mut table = Table::new(published, read, key).hiding(hidden);
    table.is_undefined = is_undefined || has_doubtful;
    table.collations = columns.iter().map(|column| column.collation).collect();
    let Some(settlement) = settlement else {
        return Ok(Defined {
            table,
            unsettled: UnsettledColumns::default(),
            computed,
        });
    };
    if settlement.is_settled {
        definitions.settle(source, settlement.definition, end);
    }
    Ok(Defined {
        table,
        unsettled: match asks.goes_without() {
            true => UnsettledColumns::default(),
            false => settlement.unsettled,
        },
        computed,
    })
}

/// Has the columns in doubt be read by their table map alone, in a table that goes without what is not known of them; whether
/// there are some.
fn number_doubtful(
    read: &mut [Column],
    columns: &[ColumnMap],
    settlement: Option<&Settlement>,
    asks: Asks,
    source: &TableName,
) -> Result<bool, Missing> {
    let Some(settlement) = settlement.filter(|_| asks.goes_without()) else {
        return Ok(false);
    };
    for place in settlement.unsettled.places() {
        if let (Some(column), Some(map)) = (read.get_mut(place), columns.get(place)) {
            *column = match asks {
                Asks::InVain => undecided_column(place, map, source)?,
                Asks::Nothing | Asks::Needed | Asks::Everything => {
                    numbered_column(place, map, source)?
                }
            };
        }
    }
    Ok(!settlement.unsettled.is_empty())
}

/// The definition that a table map is read with.
struct Chosen {
    /// `None` where it tells all, or nobody knows more.
    definition: Option<Arc<TableDefinition>>,
    /// Whether the table map has the columns' names.
    named: bool,
    /// Whether it has shown that the belief was wrong.
    is_contradicted: bool,
    /// Whether it does not tell all, and nobody knows more.
    is_undefined: bool,
}

fn choose(
    columns: &[ColumnMap],
    flavour: Flavour,
    source: &TableName,
    definitions: &mut Definitions,
    end: &Coordinates,
    asks: Asks,
) -> Result<Chosen, Missing> {
    let named = columns.iter().all(|column| column.name.is_some());
    let mut is_contradicted = false;
    if named {
        // The table map tells all; a belief that it contradicts must not live on.
        if let Some(believed) = definitions.serving(source, end)
            && let Err(disagreement) = agree(columns, believed)
        {
            is_contradicted = true;
            definitions.distrust(source, &disagreement.to_string(), end);
        }
    }
    let is_whole = named && !columns.iter().any(|column| hides_its_type(column, flavour));
    if asks == Asks::Everything
        && is_whole
        && !is_contradicted
        && definitions.serving(source, end).is_none()
    {
        return Err(Missing::Definition(source.clone(), Lack::Generated));
    }
    let definition = if is_whole {
        None
    } else {
        definitions.serving(source, end).cloned()
    };
    // Nobody could tell more of a table that goes without: it must do for all but the columns in doubt.
    let does = |known: &TableDefinition| {
        let laid_out = agree(columns, known);
        laid_out.is_ok_and(|layout| settle(columns, &layout, known, flavour).is_ok())
    };
    let definition = definition
        .filter(|known| !asks.goes_without() || known.unsettled().is_none() || does(known));
    let is_undefined = !is_whole && definition.is_none();
    if is_undefined && !asks.goes_without() {
        return Err(Missing::Definition(
            source.clone(),
            match named {
                true => Lack::Types,
                false => Lack::Metadata,
            },
        ));
    }
    Ok(Chosen {
        definition,
        named,
        is_contradicted,
        is_undefined,
    })
}

/// The columns of a table map, completed by a definition as far as it is laid out along them.
pub(super) fn read_columns(
    columns: &[ColumnMap],
    laid_out: Option<&(&TableDefinition, Layout)>,
    asks: Asks,
    source: &TableName,
) -> Result<Vec<Column>, Missing> {
    let mut read = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let believed = laid_out.map(|(definition, layout)| layout.column(index, definition));
        read.push(match believed {
            Some(None) => numbered_column(index, column, source)?,
            None if asks == Asks::Nothing => numbered_column(index, column, source)?,
            None if asks == Asks::InVain => undecided_column(index, column, source)?,
            believed => column_of(index, column, believed.flatten(), source)?,
        });
    }
    Ok(read)
}

fn column_of(
    index: usize,
    map: &ColumnMap,
    believed: Option<&ColumnDefinition>,
    table: &TableName,
) -> Result<Column, Missing> {
    let name = match (map.name.as_deref(), believed) {
        (Some(name), _) => Box::from(name),
        (None, Some(believed)) => believed.name.clone(),
        (None, None) => return Err(Missing::Definition(table.clone(), Lack::Metadata)),
    };
    let believed_charset = || {
        believed.map(|believed| CharsetName::Name(believed.charset.as_deref().unwrap_or("binary")))
    };
    let labels = believed.map(ColumnDefinition::labels);
    let raw = believed.map(raw_labels).unwrap_or_default();
    let believed_labels = || {
        let texts = labels.as_deref()?;
        Some(match raw.iter().any(Option::is_some) {
            true => Labels::Mixed(texts, &raw),
            false => Labels::Text(texts),
        })
    };
    let facts = ColumnFacts {
        index,
        name: Some(&name),
        kind: map.kind,
        metadata: map.metadata,
        unsigned: map.unsigned.or(believed.map(ColumnDefinition::unsigned)),
        charset: map
            .collation
            .map(CharsetName::Collation)
            .or_else(believed_charset),
        labels: map
            .labels
            .as_deref()
            .map(Labels::Encoded)
            .or_else(believed_labels),
        fraction: map
            .fraction
            .or(believed.and_then(ColumnDefinition::fraction)),
        is_point: map.is_point() || believed.is_some_and(|known| known.data_type() == "point"),
        special: believed.and_then(|believed| Special::from_data_type(believed.data_type())),
    };
    let nullable = map.nullable;
    match ColumnType::resolve(&facts) {
        Ok(kind) => Ok(Column {
            name,
            kind,
            nullable,
            computed: None,
            declared: believed.and_then(ColumnDefinition::declared),
            default: believed.and_then(ColumnDefinition::default_value).cloned(),
            comment: believed.and_then(ColumnDefinition::comment).map(Into::into),
        }),
        Err(error) if error.needs_definition() && believed.is_none() => {
            Err(Missing::Definition(table.clone(), Lack::Metadata))
        }
        Err(error) => Err(Missing::Error(TableMapError::Column {
            table: table.clone(),
            column: name,
            error,
        })),
    }
}

/// The bytes of those labels of a column that are known by them.
fn raw_labels(column: &ColumnDefinition) -> Vec<Option<Box<[u8]>>> {
    let listed = column.listed_labels().into_iter();
    listed.map(|label| label.bytes).collect()
}

/// A column of which only its table map is known, as of a stream that goes on without a definition: what the table map does
/// not tell stays open.
fn undecided_column(index: usize, map: &ColumnMap, table: &TableName) -> Result<Column, Missing> {
    let read = match numbered_column(index, map, table) {
        Err(Missing::Error(TableMapError::Column { error, .. })) if error.needs_definition() => {
            return Err(Missing::Definition(table.clone(), Lack::Types));
        }
        read => read?,
    };
    let is_text_known = map.collation.is_some();
    let kind = match read.kind {
        ColumnType::Integer { width, .. } if map.unsigned.is_none() && is_number(map) => {
            ColumnType::EitherSign { width }
        }
        ColumnType::Text { prefix, .. } if !is_text_known => ColumnType::Undecided { prefix },
        ColumnType::Packed { prefix, .. } if !is_text_known => ColumnType::Packed {
            prefix,
            charset: None,
        },
        kind => kind,
    };
    Ok(Column { kind, ..read })
}

fn is_number(map: &ColumnMap) -> bool {
    !matches!(map.kind, kind::ENUM | kind::SET)
}

fn folded(table: &TableName) -> TableName {
    TableName::new(table.database.to_lowercase(), table.table.to_lowercase())
}

/// A column of which only its table map is known, as of a hidden one. What that does not tell is read as [`crate::change::Assembler::number_columns`]
/// promises.
fn numbered_column(index: usize, map: &ColumnMap, table: &TableName) -> Result<Column, Missing> {
    let name: Box<str> = match map.name.as_deref() {
        Some(name) => name.into(),
        None => format!("@{}", index + 1).into(),
    };
    let is_label = matches!(map.kind, kind::ENUM | kind::SET) && map.labels.is_none();
    let facts = ColumnFacts {
        index,
        name: Some(&name),
        kind: map.kind,
        metadata: map.metadata,
        unsigned: Some(map.unsigned.unwrap_or(false)),
        charset: Some(
            map.collation
                .map_or(CharsetName::Name("utf8mb4"), CharsetName::Collation),
        ),
        labels: map
            .labels
            .as_deref()
            .map(Labels::Encoded)
            .or(is_label.then_some(Labels::Text(&[]))),
        fraction: map.fraction,
        is_point: map.is_point(),
        special: None,
    };
    let read = ColumnType::resolve(&facts).map_err(|error| {
        Missing::Error(TableMapError::Column {
            table: table.clone(),
            column: name.clone(),
            error,
        })
    })?;
    let kind = match read {
        ColumnType::Enum { width, .. } | ColumnType::Set { width, .. } if is_label => {
            ColumnType::Integer {
                width,
                unsigned: true,
            }
        }
        kind => kind,
    };
    Ok(Column {
        name,
        kind,
        nullable: map.nullable,
        computed: None,
        declared: None,
        default: None,
        comment: None,
    })
}
