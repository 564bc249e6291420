//! Random definitions: statements that make, change, rename and drop tables with rows in them, and statements that write
//! those rows in between. A seed repeats them.
//!
//! It keeps a model of what it has made, so that most statements are ones that a server executes; what a server refuses is
//! left out of the model. Not an oracle: what the tables really are, the server says.

use super::Random;

/// Column types with a value that fits, and one that differs.
const TYPES: [(&str, &str, &str); 20] = [
    ("INT", "-1", "2147483647"),
    ("INT UNSIGNED", "1", "4294967295"),
    ("TINYINT UNSIGNED", "0", "255"),
    ("BIGINT", "-9", "5"),
    ("BIGINT UNSIGNED", "9", "18446744073709551615"),
    ("VARCHAR(20)", "'plain'", "'ünï'"),
    ("VARCHAR(20) CHARACTER SET latin1", "'plain'", "'ünï'"),
    ("VARCHAR(30) CHARACTER SET utf8mb4", "'plain'", "'日本 😀'"),
    ("CHAR(5)", "'abc'", "'é'"),
    ("TEXT", "'text'", "REPEAT('ä', 300)"),
    ("ENUM('a','b','ü')", "'a'", "'ü'"),
    ("ENUM('b','a','c','d')", "'a'", "'d'"),
    ("SET('x','y','z')", "'x'", "'y,z'"),
    ("DECIMAL(10,2)", "1.5", "-99999.99"),
    (
        "DATETIME(3)",
        "'2020-01-02 03:04:05.678'",
        "'1999-12-31 23:59:59'",
    ),
    ("DATE", "'2020-01-02'", "'1999-12-31'"),
    ("VARBINARY(10)", "x'00ff'", "'b'"),
    ("DOUBLE", "1.25", "-1e100"),
    ("BIT(5)", "b'10101'", "1"),
    ("YEAR", "2020", "1999"),
];

const CHARSETS: [&str; 4] = ["utf8mb4", "latin1", "utf8mb3", "latin2"];

const TABLES_MIN: usize = 3;
const TABLES_MAX: usize = 8;
const COLUMNS_MAX: usize = 12;

#[derive(Clone, Debug)]
struct Table {
    name: String,
    /// Behind `id`; each with the index of its type, `None` for one that the server computes.
    columns: Vec<(String, Option<usize>)>,
}

/// Makes statements for one session, whose default database is the one they are for.
#[derive(Debug)]
pub struct Definer {
    random: Random,
    database: String,
    tables: Vec<Table>,
    /// What the tables are if the statement that was handed out last is executed.
    planned: Vec<Table>,
    /// Statements that belong behind the one that was handed out last.
    queue: Vec<(String, Vec<Table>)>,
    names: u64,
}

impl Definer {
    /// A definer for an empty database.
    pub fn new(seed: u64, database: &str) -> Self {
        Self {
            random: Random::new(seed, 5),
            database: database.to_owned(),
            tables: Vec::new(),
            planned: Vec::new(),
            queue: Vec::new(),
            names: 0,
        }
    }

    /// The next statement that defines something. Say by [`Self::executed`] what became of it.
    pub fn define(&mut self) -> String {
        if self.queue.is_empty() {
            self.plan();
        }
        let (sql, planned) = self.queue.remove(0);
        self.planned = planned;
        sql
    }

    /// Whether the server executed the statement that was handed out last.
    pub fn executed(&mut self, executed: bool) {
        if executed {
            self.tables.clone_from(&self.planned);
        } else {
            self.queue.clear();
        }
    }

    /// A statement that writes rows, if there is a table.
    pub fn write(&mut self) -> Option<String> {
        if self.tables.is_empty() {
            return None;
        }
        let table = self.random.pick(&self.tables).clone();
        let mut values = Vec::new();
        for (name, kind) in &table.columns {
            let Some(kind) = kind else { continue };
            let (_, one, other) = TYPES[*kind];
            let value = *self.random.pick(&[one, other, "NULL"]);
            values.push((name, value));
        }
        let name = &table.name;
        Some(match (self.random.below(6), values.is_empty()) {
            (0, _) => format!("DELETE FROM `{name}` ORDER BY id LIMIT 1"),
            (1, false) => {
                let (column, value) = self.random.pick(&values);
                format!("UPDATE `{name}` SET `{column}` = {value} ORDER BY id DESC LIMIT 2")
            }
            (_, _) => {
                let columns: Vec<String> = values.iter().map(|(c, _)| format!("`{c}`")).collect();
                let values: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
                format!(
                    "INSERT INTO `{name}` ({}) VALUES ({})",
                    columns.join(", "),
                    values.join(", ")
                )
            }
        })
    }

    // ---- what to do next -------------------------------------------------------------------------------------------

    fn plan(&mut self) {
        if self.tables.len() < TABLES_MIN {
            return self.create();
        }
        let at = self.random.index(self.tables.len());
        match self.random.below(24) {
            0 if self.tables.len() < TABLES_MAX => self.create(),
            1 if self.tables.len() < TABLES_MAX => self.copy(at),
            2 => self.drop_and_create(at),
            3 => self.rename(at),
            4 => self.swap(at),
            5 => self.cut_over(at),
            6 => self.shadow(at),
            7 => self.truncate(at),
            8 => self.convert(at),
            9 => self.database_charset(),
            10 => self.swap_columns(at),
            11 => self.same(format!(
                "ALTER TABLE `{}` ADD INDEX (id)",
                self.tables[at].name
            )),
            _ => self.alter(at),
        }
    }

    fn queue(&mut self, sql: String, tables: Vec<Table>) {
        self.queue.push((sql, tables));
    }

    fn same(&mut self, sql: String) {
        let tables = self.tables.clone();
        self.queue(sql, tables);
    }

    fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        // Names that need quotes, and names that come back.
        match self.random.below(8) {
            0 => format!("{prefix} `{}", self.names).replace('`', "``"),
            1 => format!("{prefix}é{}", self.names),
            _ => format!("{prefix}{}", self.names),
        }
    }

    fn new_table(&mut self, name: String) -> (String, Table) {
        let mut columns = Vec::new();
        let mut text = format!("CREATE TABLE `{name}` (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY");
        for _ in 0..self.random.between(1, 5) {
            let column = self.name("c");
            let kind = self.random.index(TYPES.len());
            text += &format!(", `{column}` {}", TYPES[kind].0);
            columns.push((column, Some(kind)));
        }
        text.push(')');
        if self.random.chance(1, 3) {
            text += &format!(" DEFAULT CHARACTER SET {}", self.random.pick(&CHARSETS));
        }
        (text, Table { name, columns })
    }

    fn create(&mut self) {
        let name = self.name("t");
        let (sql, table) = self.new_table(name);
        let mut tables = self.tables.clone();
        tables.push(table);
        self.queue(sql, tables);
    }

    fn copy(&mut self, at: usize) {
        let mut table = self.tables[at].clone();
        let old = table.name.clone();
        table.name = self.name("copy");
        let new = &table.name;
        let sql = match self.random.chance(1, 2) {
            true => format!("CREATE TABLE `{new}` LIKE `{old}`"),
            false => {
                // Computed columns would be copied as plain ones.
                table.columns.retain(|(_, kind)| kind.is_some());
                let columns: Vec<String> = table
                    .columns
                    .iter()
                    .map(|(column, _)| format!(", `{column}`"))
                    .collect();
                format!(
                    "CREATE TABLE `{new}` (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) SELECT id{} FROM `{old}`",
                    columns.concat()
                )
            }
        };
        let mut tables = self.tables.clone();
        tables.push(table);
        self.queue(sql, tables);
    }

    fn drop_and_create(&mut self, at: usize) {
        let name = self.tables[at].name.clone();
        let mut tables = self.tables.clone();
        tables.remove(at);
        self.queue(format!("DROP TABLE `{name}`"), tables.clone());
        if self.random.chance(2, 3) {
            let (sql, table) = self.new_table(name);
            tables.push(table);
            self.queue(sql, tables);
        }
    }

    fn rename(&mut self, at: usize) {
        let new = self.name("r");
        let mut tables = self.tables.clone();
        let old = std::mem::replace(&mut tables[at].name, new.clone());
        let sql = match self.random.chance(1, 2) {
            true => format!("RENAME TABLE `{old}` TO `{new}`"),
            false => format!("ALTER TABLE `{old}` RENAME TO `{new}`"),
        };
        self.queue(sql, tables);
    }

    fn swap(&mut self, at: usize) {
        let other = (at + 1) % self.tables.len();
        let mut tables = self.tables.clone();
        let (one, two) = (tables[at].name.clone(), tables[other].name.clone());
        let sql =
            format!("RENAME TABLE `{one}` TO swapping, `{two}` TO `{one}`, swapping TO `{two}`");
        (tables[at].name, tables[other].name) = (two, one);
        self.queue(sql, tables);
    }

    /// As gh-ost and pt-online-schema-change do: a copy with another shape takes the table's place.
    fn cut_over(&mut self, at: usize) {
        let name = self.tables[at].name.clone();
        if name.contains('`') {
            return self.alter(at);
        }
        let column = self.name("g");
        let kind = self.random.index(TYPES.len());
        let (new, old) = match self.random.chance(1, 2) {
            true => (format!("_{name}_gho"), format!("_{name}_del")),
            false => (format!("_{name}_new"), format!("_{name}_old")),
        };
        let mut tables = self.tables.clone();
        self.same(format!("CREATE TABLE `{new}` LIKE `{name}`"));
        self.same(format!(
            "ALTER TABLE `{new}` ADD COLUMN `{column}` {} FIRST",
            TYPES[kind].0
        ));
        tables[at].columns.push((column, Some(kind)));
        self.queue(
            format!("RENAME TABLE `{name}` TO `{old}`, `{new}` TO `{name}`"),
            tables.clone(),
        );
        self.queue(format!("DROP TABLE IF EXISTS `{old}`"), tables);
    }

    /// A temporary table hides a base table for a while.
    fn shadow(&mut self, at: usize) {
        let name = self.tables[at].name.clone();
        self.same(format!(
            "CREATE TEMPORARY TABLE `{name}` (hidden INT, behind INT)"
        ));
        self.same(format!("ALTER TABLE `{name}` ADD more INT"));
        self.same(format!("DROP TEMPORARY TABLE `{name}`"));
    }

    fn truncate(&mut self, at: usize) {
        self.same(format!("TRUNCATE TABLE `{}`", self.tables[at].name));
    }

    fn convert(&mut self, at: usize) {
        let charset = *self.random.pick(&CHARSETS);
        let how = *self
            .random
            .pick(&["CONVERT TO CHARACTER SET", "DEFAULT CHARACTER SET"]);
        self.same(format!(
            "ALTER TABLE `{}` {how} {charset}",
            self.tables[at].name
        ));
    }

    fn database_charset(&mut self) {
        let charset = *self.random.pick(&CHARSETS);
        self.same(format!(
            "ALTER DATABASE `{}` CHARACTER SET {charset}",
            self.database
        ));
    }

    /// Two columns of one type exchange their names, which no row event shows.
    fn swap_columns(&mut self, at: usize) {
        let mut tables = self.tables.clone();
        let table = &mut tables[at];
        let kind = self.random.index(TYPES.len());
        let (one, two) = (self.name("s"), self.name("s"));
        let (name, kind_text) = (table.name.clone(), TYPES[kind].0);
        table.columns.push((one.clone(), Some(kind)));
        table.columns.push((two.clone(), Some(kind)));
        let after = tables.clone();
        self.queue(
            format!("ALTER TABLE `{name}` ADD `{one}` {kind_text}, ADD `{two}` {kind_text}"),
            after.clone(),
        );
        self.queue(
            format!(
                "ALTER TABLE `{name}` CHANGE `{one}` `{two}` {kind_text}, CHANGE `{two}` `{one}` {kind_text}"
            ),
            after,
        );
    }

    // ---- ALTER TABLE -----------------------------------------------------------------------------------------------

    fn alter(&mut self, at: usize) {
        let mut table = self.tables[at].clone();
        let mut specs = Vec::new();
        let mut touched: Vec<String> = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            if let Some(spec) = self.spec(&mut table, &mut touched) {
                specs.push(spec);
            }
        }
        if specs.is_empty() {
            return self.truncate(at);
        }
        let sql = format!("ALTER TABLE `{}` {}", table.name, specs.join(", "));
        let mut tables = self.tables.clone();
        tables[at] = table;
        self.queue(sql, tables);
    }

    /// A specification on a column that none before it was about.
    fn spec(&mut self, table: &mut Table, touched: &mut Vec<String>) -> Option<String> {
        let kind = self.random.index(TYPES.len());
        let type_text = TYPES[kind].0;
        let adds = table.columns.len() < COLUMNS_MAX && self.random.chance(1, 2);
        if adds || table.columns.is_empty() {
            let column = self.name("a");
            touched.push(column.clone());
            let spec = match self.random.below(5) {
                0 => format!("ADD `{column}` INT AS (id + 1) STORED"),
                1 => format!("ADD COLUMN `{column}` {type_text} FIRST"),
                2 => format!("ADD COLUMN `{column}` {type_text} AFTER id"),
                3 => format!("ADD `{column}` {type_text} COMMENT 'it''s, (new)'"),
                _ => format!("ADD COLUMN (`{column}` {type_text})"),
            };
            let computed = spec.contains("STORED");
            table.columns.push((column, (!computed).then_some(kind)));
            return Some(spec);
        }
        let place = self.random.index(table.columns.len());
        let (column, former) = table.columns[place].clone();
        if touched.contains(&column) {
            return None;
        }
        touched.push(column.clone());
        let former = match former {
            Some(former) if !self.random.chance(1, 3) => former,
            Some(_) | None => {
                table.columns.remove(place);
                return Some(format!("DROP COLUMN `{column}`"));
            }
        };
        let former_text = TYPES[former].0;
        let new = self.name("n");
        Some(match self.random.below(5) {
            0 => {
                table.columns[place].1 = Some(kind);
                format!("MODIFY `{column}` {type_text}")
            }
            1 => format!("MODIFY COLUMN `{column}` {former_text} FIRST"),
            2 => {
                touched.push(new.clone());
                table.columns[place].0.clone_from(&new);
                format!("RENAME COLUMN `{column}` TO `{new}`")
            }
            3 => {
                touched.push(new.clone());
                table.columns[place].0.clone_from(&new);
                format!("CHANGE COLUMN `{column}` `{new}` {former_text} AFTER id")
            }
            _ => {
                touched.push(new.clone());
                table.columns[place].0.clone_from(&new);
                format!("CHANGE `{column}` `{new}` {former_text}")
            }
        })
    }
}
