//! The tables of a source that a connector publishes, looked at for what a binlog does not make up for: no key, changes that
//! foreign keys make unseen, rows that no target takes.

use std::collections::{BTreeMap, HashMap};

use super::columns::{self, Misfit, RowSettings, ShownColumn, ShownTable, misfits};
use super::session::Session;
use crate::filter::{ColumnRules, ColumnVerdict, Rules, SeenTables};
use crate::finding::{Finding, listed};
use crate::row::{TableName, quoted};
use crate::source::error::SourceError;

/// Databases whose tables have no rows of anybody's.
const OF_THE_SERVER: &str = "('information_schema', 'performance_schema', 'sys')";
/// As much as a column of this kind can hold, whatever its type says.
const BYTES_WITHOUT_LIMIT: u64 = 4_294_967_295;
/// For a number, a time and their like.
const BYTES_OF_NUMBER: u64 = 32;

/// A table as the source describes it.
#[derive(Clone, Debug)]
pub struct SurveyedTable {
    /// Its name on the source.
    pub name: TableName,
    /// Its name in the output.
    pub published: TableName,
    /// Whether it has a primary key.
    pub has_key: bool,
    /// Its columns.
    pub columns: Vec<Box<str>>,
    /// Those that rules leave out.
    pub left_out: Vec<Box<str>>,
    /// Those whose values rules replace so that different ones can become the same.
    pub merged: Vec<Box<str>>,
    /// The most bytes that a row of it can have.
    pub row_bytes_max: u64,
    /// What it takes on the source's disk, as the source guesses.
    pub(super) bytes: u64,
    /// How it gets a key.
    key_fix: String,
}

/// What there is at a source.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// Every table and database that the account sees; the columns of the tables that the rules publish.
    pub(super) seen: SeenTables,
    /// Those of the tables that the rules publish.
    pub(super) kept: Vec<SurveyedTable>,
    /// What of the rules on columns and rows does not fit one of these, by its published name.
    pub(super) misfits: Vec<(TableName, Misfit)>,
}

impl Schema {
    /// Asks the source. A row has at most `row_bytes_max` bytes.
    ///
    /// # Errors
    /// What breaks on the way.
    pub(super) async fn read(
        session: &mut Session,
        rules: &Rules,
        row_bytes_max: u64,
        settings: RowSettings<'_>,
    ) -> Result<Self, SourceError> {
        let mut schema = Self::default();
        // MySQL keeps what it finds out for an answer, unless it is told not to. A server that does not know how to, does not.
        let keeps_nothing = "SET SESSION information_schema_stats_expiry = 0";
        let _unknown = session.ask(keeps_nothing).await;
        let databases = "SELECT SCHEMA_NAME AS db FROM information_schema.SCHEMATA";
        for row in session.ask(databases).await?.rows() {
            let database = row.expect("db")?.to_owned();
            schema.seen.databases.push(database);
        }
        let keys = unique_keys(session).await?;
        let sizes = sizes(session).await?;
        let statement = format!(
            "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, COALESCE(DATA_LENGTH, 0) AS bytes FROM information_schema.TABLES \
             WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN {OF_THE_SERVER} ORDER BY 1, 2"
        );
        let mut shown = schema
            .shown_columns(session, rules, &keys, settings)
            .await?;
        let (tables, kept) = (&mut schema.seen.tables, &mut schema.kept);
        session
            .ask_in_parts(&statement, |row| {
                let name = TableName::new(row.expect("db")?, row.expect("tab")?);
                let verdict = rules.table(&name.database, &name.table);
                let columns = shown.remove(&name).unwrap_or_default();
                tables.push((name.clone(), columns.clone()));
                if verdict.keep {
                    let keys = keys.get(&name).map(Vec::as_slice).unwrap_or_default();
                    let size = sizes.get(&name).cloned().unwrap_or_default();
                    let mut table = SurveyedTable {
                        has_key: keys.iter().any(|key| key.is_primary),
                        left_out: Vec::new(),
                        merged: Vec::new(),
                        row_bytes_max: size.row_bytes_max.min(row_bytes_max),
                        bytes: row.parse("bytes")?,
                        columns,
                        key_fix: key_fix(&name, keys, size.counter.as_deref()),
                        published: verdict.published,
                        name,
                    };
                    table.judge(rules.columns());
                    kept.push(table);
                }
                Ok(())
            })
            .await?;
        Ok(schema)
    }

    /// The names of the columns of every published table, and what of the rules on columns and rows does not fit them.
    async fn shown_columns(
        &mut self,
        session: &mut Session,
        rules: &Rules,
        keys: &HashMap<TableName, Vec<UniqueKey>>,
        settings: RowSettings<'_>,
    ) -> Result<HashMap<TableName, Vec<Box<str>>>, SourceError> {
        let mut shown = HashMap::new();
        let has_rules = !(rules.columns().is_empty() && rules.rows().is_empty());
        let condition = format!("TABLE_SCHEMA NOT IN {OF_THE_SERVER}");
        let take = |name: TableName, columns: Vec<ShownColumn>| {
            let verdict = rules.table(&name.database, &name.table);
            if !verdict.keep {
                return;
            }
            if has_rules {
                let keys = keys.get(&name).map(Vec::as_slice).unwrap_or_default();
                let primary = keys.iter().find(|key| key.is_primary);
                let telling = keys.iter().filter(|key| key.is_primary || key.is_whole);
                let telling: Vec<String> = telling.flat_map(|key| key.columns.clone()).collect();
                let table = ShownTable {
                    published: &verdict.published,
                    columns: &columns,
                    key: primary.map_or(&[], |key| &key.columns),
                    telling: &telling,
                };
                let misfits = misfits(table, rules, settings).into_iter();
                let misfits = misfits.map(|misfit| (verdict.published.clone(), misfit));
                self.misfits.extend(misfits);
            }
            let names = columns.into_iter().map(|column| column.definition.name);
            shown.insert(name, names.collect());
        };
        columns::shown_columns(session, &condition, take).await?;
        Ok(shown)
    }

    /// The tables that have no primary key.
    pub(super) fn keyless(&self) -> Finding {
        const CHECK: &str = "primary_key";
        let keyless: Vec<&SurveyedTable> =
            self.kept.iter().filter(|table| !table.has_key).collect();
        if keyless.is_empty() {
            return Finding::ok(CHECK, "every published table has a primary key");
        }
        let names: Vec<String> = keyless.iter().map(|table| table.name.to_string()).collect();
        let what = format!(
            "without a primary key, so that no key tells which row changed and all of a table's records go to one partition: {}",
            listed(&names)
        );
        let finding = Finding::warning(CHECK, what);
        keyless
            .iter()
            .fold(finding, |finding, table| finding.sql(table.key_fix.clone()))
    }

    /// Bytes of the tables that are published.
    pub(super) fn bytes(&self) -> u64 {
        self.kept.iter().map(|table| table.bytes).sum()
    }
}

impl SurveyedTable {
    /// Notes which of its columns the rules leave out or merge the values of.
    fn judge(&mut self, rules: &ColumnRules) {
        for name in &self.columns {
            match rules.judge(&self.published, name) {
                ColumnVerdict::LeftOut { .. } => self.left_out.push(name.clone()),
                ColumnVerdict::Replaced { replacement, .. } if !replacement.is_one_to_one() => {
                    self.merged.push(name.clone());
                }
                ColumnVerdict::Kept { .. } | ColumnVerdict::Replaced { .. } => {}
            }
        }
    }
}

/// A unique key none of whose columns can be NULL, unless it is the primary one.
#[derive(Clone, Debug)]
struct UniqueKey {
    name: String,
    is_primary: bool,
    columns: Vec<String>,
    is_whole: bool,
}

/// How large the rows of a table can become, by the types of its columns.
#[derive(Clone, Debug, Default)]
struct Size {
    row_bytes_max: u64,
    /// The AUTO_INCREMENT column.
    counter: Option<String>,
}

async fn unique_keys(
    session: &mut Session,
) -> Result<HashMap<TableName, Vec<UniqueKey>>, SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, INDEX_NAME AS name, COLUMN_NAME AS col, SUB_PART AS part, NULLABLE AS \
         nullable FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA NOT IN {OF_THE_SERVER} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    );
    let mut keys: HashMap<TableName, Vec<UniqueKey>> = HashMap::new();
    session
        .ask_in_parts(&statement, |row| {
            let table = TableName::new(row.expect("db")?, row.expect("tab")?);
            let name = row.expect("name")?;
            let keys = keys.entry(table).or_default();
            if keys.last().is_none_or(|last| last.name != name) {
                keys.push(UniqueKey {
                    name: name.to_owned(),
                    is_primary: name == "PRIMARY",
                    columns: Vec::new(),
                    is_whole: true,
                });
            }
            if let Some(key) = keys.last_mut() {
                let column = row.text("col");
                key.is_whole &= column.is_some()
                    && row.text("part").is_none()
                    && row.text("nullable") != Some("YES");
                key.columns.extend(column.map(str::to_owned));
            }
            Ok(())
        })
        .await?;
    Ok(keys)
}

async fn sizes(session: &mut Session) -> Result<HashMap<TableName, Size>, SourceError> {
    let statement = format!(
        "SELECT TABLE_SCHEMA AS db, TABLE_NAME AS tab, SUM(CASE WHEN DATA_TYPE IN ('json', 'geometry', 'point', 'linestring', \
         'polygon', 'multipoint', 'multilinestring', 'multipolygon', 'geometrycollection', 'geomcollection') THEN \
         {BYTES_WITHOUT_LIMIT} ELSE COALESCE(CHARACTER_OCTET_LENGTH, {BYTES_OF_NUMBER}) END) AS bytes, MAX(CASE WHEN EXTRA LIKE \
         '%auto_increment%' THEN COLUMN_NAME END) AS counter FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN \
         {OF_THE_SERVER} GROUP BY TABLE_SCHEMA, TABLE_NAME"
    );
    let mut sizes = HashMap::new();
    session
        .ask_in_parts(&statement, |row| {
            let table = TableName::new(row.expect("db")?, row.expect("tab")?);
            let size = Size {
                row_bytes_max: row.parse("bytes")?,
                counter: row.text("counter").map(str::to_owned),
            };
            sizes.insert(table, size);
            Ok(())
        })
        .await?;
    Ok(sizes)
}

fn key_fix(table: &TableName, keys: &[UniqueKey], counter: Option<&str>) -> String {
    let unique = keys.iter().find(|key| key.is_whole && !key.is_primary);
    let columns = match (unique, counter) {
        (Some(key), _) => key.columns.iter().map(|column| quoted(column)).collect(),
        (None, Some(counter)) => vec![quoted(counter)],
        (None, None) => Vec::new(),
    };
    let table = table.quoted();
    match columns.is_empty() {
        true => format!(
            "ALTER TABLE {table} ADD COLUMN my_row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY"
        ),
        false => format!(
            "ALTER TABLE {table} ADD PRIMARY KEY ({})",
            columns.join(", ")
        ),
    }
}

/// A foreign key that changes rows of its table when those of another change.
#[derive(Debug, Default)]
struct Cascade {
    /// What it does on delete and on update, where that was told.
    on: Option<[String; 2]>,
    columns: Vec<String>,
    referenced: Option<TableName>,
    referenced_columns: Vec<String>,
}

impl Cascade {
    fn changes_rows(&self) -> bool {
        let on = self.on.iter().flatten();
        let mut on = on.filter(|does| !matches!(does.as_str(), "RESTRICT" | "NO ACTION"));
        on.next().is_some()
    }

    fn rules(&self) -> String {
        let on = self.on.as_ref();
        on.map_or_else(String::new, |[delete, update]| {
            format!("ON DELETE {delete} ON UPDATE {update}")
        })
    }
}

/// What a foreign key does on delete and on update, as SHOW CREATE TABLE prints its line.
fn defined(text: &str, name: &str) -> [String; 2] {
    let begin = format!("CONSTRAINT {} FOREIGN KEY ", quoted(name));
    let line = text.lines().find(|line| line.trim().starts_with(&begin));
    let end = line.and_then(|line| line.rsplit_once(')'));
    let end = end.map(|(_, end)| end.trim_end_matches(','));
    let of = |event: &str| {
        let (_, does) = end?.split_once(event)?;
        let does = does.split_once(" ON ").map_or(does, |(does, _)| does);
        Some(does.trim().to_owned())
    };
    [" ON DELETE ", " ON UPDATE "].map(|event| of(event).unwrap_or_else(|| "RESTRICT".to_owned()))
}

/// The foreign keys that change rows of published tables; `are_logged` where the binlog shows those changes.
///
/// # Errors
/// What breaks on the way.
pub(super) async fn cascades(
    session: &mut Session,
    rules: &Rules,
    are_logged: bool,
) -> Result<Finding, SourceError> {
    const CHECK: &str = "foreign_keys";
    if are_logged {
        return Ok(Finding::ok(
            CHECK,
            "the binlog shows what foreign keys change",
        ));
    }
    let found = row_changing_keys(session, rules).await?;
    if found.is_empty() {
        let what = "no foreign key changes rows of a published table";
        return Ok(Finding::ok(CHECK, what));
    }
    let names: Vec<String> = found
        .iter()
        .map(|((table, name), cascade)| format!("{name} of {table} ({})", cascade.rules()))
        .collect();
    let what = format!(
        "the binlog of this server does not show what foreign keys change, so that these changes are not published: {}",
        listed(&names)
    );
    let finding = Finding::warning(CHECK, what);
    let finding = found
        .iter()
        .fold(finding, |finding, ((table, name), cascade)| {
            let (table, name) = (table.quoted(), quoted(name));
            let other = cascade.referenced.as_ref().map(TableName::quoted);
            finding
                .sql(format!("ALTER TABLE {table} DROP FOREIGN KEY {name}"))
                .sql(format!(
                    "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({}) REFERENCES {} ({})",
                    cascade.columns.join(", "),
                    other.unwrap_or_default(),
                    cascade.referenced_columns.join(", ")
                ))
        });
    Ok(finding.advice(
        "let the application make those changes itself; MySQL 9.6 and later log them (innodb_native_foreign_keys = OFF)",
    ))
}

/// The foreign keys that change rows of published tables, by table and name.
async fn row_changing_keys(
    session: &mut Session,
    rules: &Rules,
) -> Result<BTreeMap<(TableName, String), Cascade>, SourceError> {
    let statement = "SELECT k.CONSTRAINT_SCHEMA AS db, k.TABLE_NAME AS tab, k.CONSTRAINT_NAME AS name, r.UPDATE_RULE AS on_update, \
                     r.DELETE_RULE AS on_delete, k.COLUMN_NAME AS col, k.REFERENCED_TABLE_SCHEMA AS other_db, \
                     k.REFERENCED_TABLE_NAME AS other_tab, k.REFERENCED_COLUMN_NAME AS other_col FROM \
                     information_schema.KEY_COLUMN_USAGE k LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON \
                     r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME AND r.CONSTRAINT_NAME = \
                     k.CONSTRAINT_NAME WHERE k.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY k.CONSTRAINT_SCHEMA, k.TABLE_NAME, \
                     k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
    let mut found: BTreeMap<(TableName, String), Cascade> = BTreeMap::new();
    for row in session.ask(statement).await?.rows() {
        let table = TableName::new(row.expect("db")?, row.expect("tab")?);
        if !rules.table(&table.database, &table.table).keep {
            continue;
        }
        let name = row.expect("name")?.to_owned();
        let cascade = found.entry((table, name)).or_default();
        let on = row.text("on_delete").zip(row.text("on_update"));
        cascade.on = on.map(|(delete, update)| [delete.to_owned(), update.to_owned()]);
        cascade.columns.push(quoted(row.expect("col")?));
        let other = TableName::new(row.expect("other_db")?, row.expect("other_tab")?);
        cascade.referenced = Some(other);
        let column = quoted(row.expect("other_col")?);
        cascade.referenced_columns.push(column);
    }
    for ((table, name), cascade) in &mut found {
        if cascade.on.is_none() {
            // MariaDB tells what a foreign key does only to those who may change the table; its definition says it to all.
            let shown = format!("SHOW CREATE TABLE {}", table.quoted());
            let answer = session.ask(&shown).await?;
            let text = answer.first().and_then(|row| row.text("Create Table"));
            cascade.on = Some(defined(text.unwrap_or_default(), name));
        }
    }
    found.retain(|_, cascade| cascade.changes_rows());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_foreign_key_does_is_read_from_its_definition() {
        let text = "CREATE TABLE `c` (\n  `p` int,\n  CONSTRAINT `a``b` FOREIGN KEY (`p`) REFERENCES `t` (`i)d`) ON DELETE SET NULL ON \
                    UPDATE CASCADE,\n  CONSTRAINT `x` FOREIGN KEY (`p`) REFERENCES `t` (`id`) ON UPDATE SET NULL,\n  CONSTRAINT `y` \
                    FOREIGN KEY (`p`) REFERENCES `t` (`id`)\n) ENGINE=InnoDB";
        for (name, on) in [
            ("a`b", ["SET NULL", "CASCADE"]),
            ("x", ["RESTRICT", "SET NULL"]),
            ("y", ["RESTRICT", "RESTRICT"]),
        ] {
            assert_eq!(defined(text, name), on, "{name}");
        }
    }

    #[test]
    fn a_key_is_made_of_what_a_table_has() {
        let table = TableName::new("shop", "a`b");
        let key = |columns: &[&str], is_whole| UniqueKey {
            name: "u".to_owned(),
            is_primary: false,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            is_whole,
        };
        for (keys, counter, expected) in [
            (
                vec![key(&["a", "b"], true)],
                Some("n"),
                "ADD PRIMARY KEY (`a`, `b`)",
            ),
            (vec![key(&["a"], false)], Some("n"), "ADD PRIMARY KEY (`n`)"),
            (vec![], None, "ADD COLUMN my_row_id BIGINT"),
        ] {
            let fix = key_fix(&table, &keys, counter);
            assert!(fix.starts_with("ALTER TABLE `shop`.`a``b` ADD"), "{fix}");
            assert!(fix.contains(expected), "{fix}");
        }
    }
}
