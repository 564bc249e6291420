//! What there is in a server's databases, and the rows of its tables.

use std::collections::BTreeSet;

use bytes::Bytes;
use tracing::info;

use super::key::{Lot, TableKey};
use crate::change::{Collations, CopiedRows, CopiedTable, KeyBound};
use crate::metrics::one_line;
use crate::mysql::{BinaryRow, ConnectionError, Flavour, Malformed, WireValue};
use crate::row::{
    Collation, ColumnType, ImageValues, TableName, Transfer, TransferError, quoted, text_literal,
};
use crate::source::error::SourceError;
use crate::source::server::session::Session;
use crate::source::server::statements::{OF_USERS, value};
use crate::source::server::{ServerOptions, TableViews, reader};

/// The server's errors where a table is not what it was when the view was opened: gone, changed, of other columns.
const CHANGED: [u16; 5] = [VIEW_TOO_OLD, 1146, 1054, 1356, 1049];
/// The server's error where a table has changed since the view was opened, which a later view does not meet.
const VIEW_TOO_OLD: u16 = 1412;

/// Reads tables one after the other.
#[derive(Debug)]
pub struct TableReader {
    session: Session,
    values: ImageValues,
    /// The table that is being read.
    current: Option<Current>,
}

/// A table, and the order in which it is read.
#[derive(Clone, Debug)]
pub struct SourceTable {
    /// The table.
    pub copied: CopiedTable,
    /// Its key; `None` where its rows come in no order, and all at once.
    pub key: Option<TableKey>,
    /// What a row has to meet, in the source's SQL.
    condition: Option<Box<str>>,
    /// What each row meets that rules on rows keep, where the source can say so.
    of_rules: Option<Box<str>>,
}

#[derive(Debug)]
struct Current {
    table: TableName,
    columns: Vec<Transfer>,
    key: Option<TableKey>,
    /// Bytes of the last rows and how many there were, as many as the next may have.
    bytes: usize,
    rows: usize,
    /// The row that was read last.
    last: Vec<u8>,
    /// What an order chooses its rows by.
    by_order: Option<ByOrder>,
}

/// What an order chooses the rows of a table by, and what tells whether the table can be read without.
#[derive(Debug)]
struct ByOrder {
    condition: Box<str>,
    without: [String; 2],
}

/// What there is in the databases of a server.
#[derive(Debug, Default)]
pub struct TableList {
    /// Tables, each with the server's estimate of its rows.
    pub tables: Vec<(TableName, u64)>,
    /// Those whose primary key's index has not the order of its values: it holds their beginnings, or some descending.
    pub unordered: BTreeSet<TableName>,
    /// Views and sequences, each with what it is.
    pub others: Vec<(TableName, String)>,
}

/// The primary keys in whose indexes some values are cut, or come the last one first.
const UNORDERED: &str = "SELECT DISTINCT TABLE_SCHEMA AS db, TABLE_NAME AS tab FROM information_schema.STATISTICS \
                         WHERE INDEX_NAME = 'PRIMARY' AND (SUB_PART IS NOT NULL OR COLLATION <> 'A') AND ";

impl SourceTable {
    /// A table that is read in the order of its key, where it has one.
    pub fn new(copied: CopiedTable, is_ordered: bool) -> Self {
        let key = TableKey::of(&copied).filter(|_| is_ordered);
        Self {
            copied,
            key,
            condition: None,
            of_rules: None,
        }
    }

    /// The same with the rows alone that meet a condition.
    pub fn choosing(self, condition: Option<Box<str>>) -> Self {
        Self { condition, ..self }
    }

    /// What follows the table's name for the rows of a lot, those that are counted to find where it ends, and those of them that
    /// may be published.
    fn rows_of(&self, lot: &Lot, are_counted: bool) -> String {
        let of_lot = self.key.as_ref().map(|key| key.condition(lot));
        let mut text = of_lot.unwrap_or_default();
        let of_rules = self.of_rules.as_ref().filter(|_| !are_counted);
        for condition in self.condition.iter().chain(of_rules) {
            let word = if text.is_empty() { " WHERE" } else { " AND" };
            // A comment at its end ends with the line.
            text.push_str(&format!("{word} ({condition}\n)"));
        }
        if let Some(key) = &self.key {
            text.push_str(&format!(" ORDER BY {}", key.order()));
        }
        text
    }

    /// What an order chooses its rows by, where one does.
    fn by_order(&self) -> Option<ByOrder> {
        let condition = self.condition.clone()?;
        let kinds = kinds(&self.copied);
        let columns = select(self, &kinds, 0..kinds.len());
        let a_row = format!("SELECT 1 FROM {} LIMIT 1", self.copied.source().quoted());
        Some(ByOrder {
            condition,
            without: [format!("{columns} LIMIT 0"), a_row],
        })
    }

    /// Whether the values of a column need not be read.
    fn is_unwanted(&self, place: usize) -> bool {
        let key = self.key.as_ref();
        let is_of_key = |key: &TableKey| key.places().any(|it| it == place);
        self.copied.is_unwanted(place) && !key.is_none_or(is_of_key)
    }

    /// Whether it can be a key of the table.
    pub fn fits(&self, bound: &KeyBound) -> bool {
        let key = self.key.as_ref();
        key.is_some_and(|key| key.places().count() == bound.0.len())
    }
}

impl TableReader {
    /// Reads what views show, a reader each.
    pub fn all(views: TableViews) -> Vec<Self> {
        let readers = views.sessions.into_iter().map(|session| Self {
            session,
            values: ImageValues::default(),
            current: None,
        });
        readers.collect()
    }

    /// Looks at what there is now.
    ///
    /// # Errors
    /// What breaks on the way.
    pub async fn looking(options: &ServerOptions) -> Result<Self, SourceError> {
        Ok(Self {
            session: reader(options).await?,
            values: ImageValues::default(),
            current: None,
        })
    }

    /// Makes sure that rows of a table can be chosen by a condition, which must be one by itself and in parentheses: no text may
    /// end these and go on.
    ///
    /// # Errors
    /// What the server says of it, or what breaks on the way.
    pub async fn try_condition(
        &mut self,
        table: &TableName,
        condition: &str,
    ) -> Result<(), SourceError> {
        let table = table.quoted();
        for condition in [format!("{condition}\n"), format!("({condition}\n)")] {
            let statement = format!("SELECT 1 FROM {table} WHERE {condition} LIMIT 0");
            self.session.ask(&statement).await?;
        }
        Ok(())
    }

    /// The same table with the source's choice of the rows that rules on rows keep, where it takes the condition.
    ///
    /// # Errors
    /// What breaks on the way.
    pub async fn choose(&mut self, table: SourceTable) -> Result<SourceTable, SourceError> {
        let Some(condition) = table.copied.condition() else {
            return Ok(table);
        };
        let name = table.copied.source();
        let statement = format!("EXPLAIN SELECT 1 FROM {} WHERE {condition}", name.quoted());
        match self.session.ask(&statement).await {
            Ok(_) => Ok(SourceTable {
                of_rules: Some(condition.into()),
                ..table
            }),
            Err(error) if error.server_code().is_some() => {
                info!(table = %name, condition, reason = %one_line(&error), "all rows are read, for the source does not take the condition");
                Ok(table)
            }
            Err(error) => Err(error),
        }
    }

    /// The collations of a table's columns, as far as they are known.
    ///
    /// # Errors
    /// What breaks on the way.
    pub async fn collations(&mut self, table: &TableName) -> Result<Collations, SourceError> {
        let statement = format!(
            "SELECT COLUMN_NAME AS name, COLLATION_NAME AS collation FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND COLLATION_NAME IS NOT NULL",
            text_literal(&table.database),
            text_literal(&table.table)
        );
        let mut found = Collations::new();
        self.session
            .ask_in_parts(&statement, |row| {
                let collation = Collation::by_name(row.expect("collation")?);
                if let Some(collation) = collation {
                    found.insert(row.expect("name")?.into(), collation.id());
                }
                Ok(())
            })
            .await?;
        Ok(found)
    }

    /// Lists what there is now, as far as `is_kept` wants it.
    ///
    /// # Errors
    /// What breaks on the way.
    pub async fn list(
        &mut self,
        is_kept: impl Fn(&TableName) -> bool + Send + Sync,
    ) -> Result<TableList, SourceError> {
        let mut list = TableList::default();
        let statement = format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, TABLE_TYPE AS type, TABLE_ROWS AS row_count FROM information_schema.TABLES WHERE {OF_USERS} \
             ORDER BY 1, 2"
        );
        self.session
            .ask_in_parts(&statement, |row| {
                let name = TableName::new(row.expect("db")?, row.expect("tab")?);
                if !is_kept(&name) {
                    return Ok(());
                }
                match row.text("type").unwrap_or_default() {
                    "BASE TABLE" | "SYSTEM VERSIONED" => {
                        let rows = row.text("row_count").and_then(|rows| rows.parse().ok());
                        list.tables.push((name, rows.unwrap_or_default()));
                    }
                    other => list.others.push((name, other.to_lowercase())),
                }
                Ok(())
            })
            .await?;
        let unordered = &mut list.unordered;
        let statement = format!("{UNORDERED}{OF_USERS}");
        self.session
            .ask_in_parts(&statement, |row| {
                unordered.insert(TableName::new(row.expect("db")?, row.expect("tab")?));
                Ok(())
            })
            .await?;
        Ok(list)
    }

    /// The statement that would make a table as the view has it.
    ///
    /// # Errors
    /// When the table is not what it was or may not be seen, or what breaks on the way.
    pub async fn create_statement(&mut self, table: &CopiedTable) -> Result<String, SourceError> {
        let name = table.source();
        // From its first use in a transaction on a table stays as it is, until that is undone: MariaDB goes on to keep DDL out then.
        let is_held = self.session.server().flavour == Flavour::MySql;
        if is_held {
            self.session.ask("SAVEPOINT unused").await?;
            let used = format!("SELECT 1 FROM {} LIMIT 1", name.quoted());
            let used = self.session.ask(&used).await;
            used.map_err(|error| disturbed(name, error))?;
        }
        let statement = self.shown(name).await?;
        let has_others = self.has_others(table).await?;
        if is_held {
            self.session.ask("ROLLBACK TO SAVEPOINT unused").await?;
        }
        match has_others {
            true => Err(SourceError::SnapshotDisturbed {
                table: name.clone(),
                what: "it has other columns".to_owned(),
            }),
            false => Ok(statement),
        }
    }

    /// Whether a table has columns now that it had not, or lacks some.
    async fn has_others(&mut self, table: &CopiedTable) -> Result<bool, SourceError> {
        let columns = &table.definition().columns;
        let names: Vec<String> = columns
            .iter()
            .map(|column| text_literal(&column.name))
            .collect();
        let (database, name) = (&table.source().database, &table.source().table);
        let counts = format!(
            "(SELECT CONCAT(SUM(COLUMN_NAME NOT IN ({})), ' ', COUNT(*)) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} \
             AND TABLE_NAME = {})",
            names.join(", "),
            text_literal(database),
            text_literal(name)
        );
        let counts = value(&mut self.session, &counts).await?;
        // The two that tell since when and until when a row holds may be hidden.
        let expected = [columns.len(), columns.len().saturating_sub(2)];
        let expected = expected.map(|count| Some(format!("0 {count}")));
        Ok(!expected.contains(&counts))
    }

    async fn shown(&mut self, table: &TableName) -> Result<String, SourceError> {
        let statement = format!("SHOW CREATE TABLE {}", table.quoted());
        let asked = self.session.ask(&statement).await;
        let answer = asked.map_err(|error| disturbed(table, error))?;
        let row = answer.first().ok_or_else(|| answer.lacks("Create Table"))?;
        let text = row.bytes("Create Table");
        let text = text.ok_or_else(|| answer.lacks("Create Table"))?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Begins to read a lot of a table. All of its rows are to be taken before anything else.
    ///
    /// # Errors
    /// When the table is not what it was, when rows cannot be chosen as an order has it, or what breaks on the way.
    pub async fn begin(&mut self, table: &SourceTable, lot: &Lot) -> Result<(), SourceError> {
        let kinds = kinds(&table.copied);
        let mut statement = select(table, &kinds, 0..kinds.len());
        statement.push_str(&table.rows_of(lot, false));
        let by_order = table.by_order();
        let columns = self.begun(table, &statement, kinds, by_order.as_ref());
        let columns = columns.await?;
        self.current = Some(Current {
            table: table.copied.source().clone(),
            columns,
            key: table.key.clone(),
            bytes: 0,
            rows: 0,
            last: Vec::new(),
            by_order,
        });
        Ok(())
    }

    /// The key of the row of a lot that has so many rows, from 1 on, up to it; `None` where the lot has no more than that, or the
    /// table is read in no order.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn bound(
        &mut self,
        table: &SourceTable,
        lot: &Lot,
        rows: u64,
    ) -> Result<Option<KeyBound>, SourceError> {
        let offset = rows.saturating_sub(1);
        let of_lot = format!("{} LIMIT 2 OFFSET {offset}", table.rows_of(lot, true));
        let by_order = table.by_order();
        let found = self.first_key(table, &of_lot, by_order.as_ref());
        let (bound, count) = found.await?;
        Ok(bound.filter(|_| count > 1))
    }

    /// The key of the table's last row, whether it is chosen or not; `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn last(&mut self, table: &SourceTable) -> Result<Option<KeyBound>, SourceError> {
        let order = table.key.as_ref().map(TableKey::order_from_last);
        let from_last = format!(" ORDER BY {} LIMIT 1", order.unwrap_or_default());
        Ok(self.first_key(table, &from_last, None).await?.0)
    }

    /// The first key of those that a statement gives, which goes on so after the table's name, and how many these are; `None` and 0
    /// of a table that is read in no order. An order's condition is given where the statement has it.
    async fn first_key(
        &mut self,
        table: &SourceTable,
        goes_on: &str,
        by_order: Option<&ByOrder>,
    ) -> Result<(Option<KeyBound>, u64), SourceError> {
        let Some(key) = &table.key else {
            return Ok((None, 0));
        };
        let all = kinds(&table.copied);
        let kinds = key.places().filter_map(|place| all.get(place).cloned());
        let kinds: Vec<ColumnType> = kinds.collect();
        let statement = format!("{}{goes_on}", select(table, &all, key.places()));
        let columns = self.begun(table, &statement, kinds, by_order).await?;
        let name = table.copied.source();
        let (mut bound, mut count) = (None, 0);
        while self.are_rows_there(name, by_order).await? {
            while let Some((row, _)) = self.session.take_row() {
                count += 1;
                if count == 1 {
                    let values = values_of(row, &columns);
                    let values = values.map_err(|source| malformed(name, source))?;
                    bound = key.bound(values.into_iter());
                }
            }
        }
        Ok((bound, count))
    }

    /// Begins a statement whose rows have values of these types.
    async fn begun(
        &mut self,
        table: &SourceTable,
        statement: &str,
        kinds: Vec<ColumnType>,
        by_order: Option<&ByOrder>,
    ) -> Result<Vec<Transfer>, SourceError> {
        let name = table.copied.source();
        let wire = match self.session.begin_rows(statement).await {
            Ok(wire) => wire,
            Err(error) => return Err(self.meaning(name, by_order, error).await),
        };
        if wire.len() != kinds.len() {
            return Err(SourceError::SnapshotDisturbed {
                table: name.clone(),
                what: "it has other columns".to_owned(),
            });
        }
        let columns = wire.into_iter().zip(kinds);
        Ok(columns
            .map(|(wire, kind)| Transfer::new(wire, kind))
            .collect())
    }

    /// Waits until rows of the statement have arrived; `false` after the last.
    async fn are_rows_there(
        &mut self,
        table: &TableName,
        by_order: Option<&ByOrder>,
    ) -> Result<bool, SourceError> {
        match self.session.await_rows().await {
            Ok(are_there) => Ok(are_there),
            Err(error) => Err(self.meaning(table, by_order, error).await),
        }
    }

    /// What an error means of a statement that reads a table: that the table is not what it was, or, where it can be read without
    /// the condition of an order, that the order cannot be carried out.
    async fn meaning(
        &mut self,
        table: &TableName,
        by_order: Option<&ByOrder>,
        error: SourceError,
    ) -> SourceError {
        let (Some(by_order), Some(code)) = (by_order, error.server_code()) else {
            return disturbed(table, error);
        };
        if error.class().is_transient() || code == VIEW_TOO_OLD {
            return disturbed(table, error);
        }
        if CHANGED.contains(&code) {
            for statement in &by_order.without {
                if let Err(without) = self.session.ask(statement).await {
                    return disturbed(table, without);
                }
            }
        }
        let (condition, error) = (&by_order.condition, one_line(&error));
        SourceError::SnapshotOrder {
            what: format!(
                "the rows of {table} cannot be chosen by --where \"{condition}\": {error}"
            ),
        }
    }

    /// The next rows of the table, so many bytes of them or a little more, and so many at most; `None` after the last.
    ///
    /// # Errors
    /// As [`Self::begin`], and a value that is none of its column's type.
    pub async fn next(
        &mut self,
        bytes_max: usize,
        rows_max: usize,
    ) -> Result<Option<CopiedRows>, SourceError> {
        let Some(mut current) = self.current.take() else {
            return Ok(None);
        };
        let mut bytes = Vec::with_capacity(current.bytes);
        bytes.resize(current.columns.len().div_ceil(8), u8::MAX);
        let mut ends = Vec::with_capacity(current.rows);
        let mut is_over = false;
        while bytes.len() < bytes_max && ends.len() < rows_max && !is_over {
            let are_there = self.are_rows_there(&current.table, current.by_order.as_ref());
            is_over = !are_there.await?;
            while let Some((row, is_last)) = self.session.take_row() {
                current.row(row, &mut self.values, &mut bytes)?;
                ends.push(current.end(bytes.len())?);
                let is_full = bytes.len() >= bytes_max || ends.len() >= rows_max;
                if is_full || is_last {
                    current.last.clear();
                    current.last.extend_from_slice(row);
                }
                if is_full {
                    break;
                }
            }
        }
        let key = match ends.is_empty() {
            true => None,
            false => current.bound()?,
        };
        current.bytes = current.bytes.max(bytes.len() + bytes.len() / 16);
        current.rows = current.rows.max(ends.len() + ends.len() / 16);
        if !is_over {
            self.current = Some(current);
        }
        Ok((!ends.is_empty()).then(|| CopiedRows {
            bytes: Bytes::from(bytes),
            ends,
            key,
        }))
    }
}

impl Current {
    /// Appends the image of a row.
    fn row(
        &self,
        payload: &[u8],
        values: &mut ImageValues,
        out: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let malformed = |source| malformed(&self.table, source);
        let mut row = BinaryRow::new(payload, self.columns.len()).map_err(malformed)?;
        let nulls = out.len();
        out.resize(nulls + self.columns.len().div_ceil(8), 0);
        for (index, column) in self.columns.iter().enumerate() {
            match values.transfer(column, &mut row, out) {
                Ok(true) => {}
                Ok(false) => {
                    if let Some(byte) = out.get_mut(nulls + index / 8) {
                        *byte |= 1 << (index % 8);
                    }
                }
                Err(error) => return Err(self.untransferred(index, error)),
            }
        }
        row.end().map_err(malformed)
    }

    #[cold]
    fn untransferred(&self, index: usize, error: TransferError) -> SourceError {
        match error {
            TransferError::Malformed(source) => malformed(&self.table, source),
            TransferError::Value(source) => SourceError::Copied {
                table: self.table.clone(),
                column: index + 1,
                source: Box::new(source),
            },
        }
    }

    /// Where rows end that have so many bytes.
    #[inline]
    fn end(&self, bytes: usize) -> Result<u32, SourceError> {
        u32::try_from(bytes).map_err(|_| SourceError::SnapshotDisturbed {
            table: self.table.clone(),
            what: "a row has more than 4 GiB".to_owned(),
        })
    }

    /// The key of the row that was read last.
    fn bound(&self) -> Result<Option<KeyBound>, SourceError> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let values = values_of(&self.last, &self.columns);
        let values = values.map_err(|source| malformed(&self.table, source))?;
        Ok(key.bound(key.places().filter_map(|place| values.get(place).copied())))
    }
}

fn values_of<'a>(payload: &'a [u8], columns: &[Transfer]) -> Result<Vec<WireValue<'a>>, Malformed> {
    let mut row = BinaryRow::new(payload, columns.len())?;
    let values = columns.iter().map(|column| row.next(column.wire()));
    values.collect()
}

fn malformed(table: &TableName, source: Malformed) -> SourceError {
    SourceError::Connection(ConnectionError::Malformed {
        address: table.to_string(),
        source,
    })
}

/// The types of a table's columns in an image.
fn kinds(table: &CopiedTable) -> Vec<ColumnType> {
    let published = table.table();
    let kinds = (0..published.columns.len()).map(|index| published.image_kind(index).cloned());
    kinds.flatten().collect()
}

/// The statement that reads these columns of a table, so that each value comes with all that an image has of it.
fn select(
    table: &SourceTable,
    kinds: &[ColumnType],
    places: impl Iterator<Item = usize>,
) -> String {
    let mut statement = String::from("SELECT ");
    let columns = &table.copied.definition().columns;
    let columns = places.filter_map(|place| Some((place, columns.get(place)?, kinds.get(place)?)));
    for (index, (place, column, kind)) in columns.enumerate() {
        if index > 0 {
            statement.push_str(", ");
        }
        let column = quoted(&column.name);
        if table.is_unwanted(place) {
            statement.push_str("NULL");
            continue;
        }
        statement.push_str(&match kind {
            ColumnType::Enum { .. }
            | ColumnType::Set { .. }
            | ColumnType::RawEnum { .. }
            | ColumnType::RawSet { .. } => format!("CAST({column} AS UNSIGNED)"),
            ColumnType::Inet4 => format!("CAST({column} AS BINARY(4))"),
            ColumnType::Inet6 | ColumnType::Uuid => format!("CAST({column} AS BINARY(16))"),
            _as_it_is => column,
        });
    }
    statement.push_str(" FROM ");
    statement.push_str(&table.copied.source().quoted());
    if table.key.is_some() {
        statement.push_str(" FORCE INDEX (PRIMARY)");
    }
    statement
}

/// Tells an error that says that a table is not what it was.
fn disturbed(table: &TableName, error: SourceError) -> SourceError {
    match error.server_code() {
        Some(code) if CHANGED.contains(&code) => SourceError::SnapshotDisturbed {
            table: table.clone(),
            what: one_line(&error),
        },
        Some(_) | None => error,
    }
}
