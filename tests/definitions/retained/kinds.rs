//! Every kind of statement on definitions that the servers know, made for the tables that there are.

use super::columns::Columns;
use super::script::{LOGS, SEQUENCES};
use super::style::{Style, split};
use crate::definitions::catalogue::{Catalogue, Table};
use crate::support::Flavour;
use crate::support::checker::Random;

/// Tables kept, about.
const TABLES: std::ops::Range<usize> = 4..10;

/// The databases that statements are made for; all but the first come and go.
pub const DATABASES: [&str; 3] = ["shop", "depot", "Läger"];

/// Character sets of databases, tables and columns.
pub const CHARSETS: [&str; 14] = [
    "utf8mb4", "latin1", "utf8", "latin2", "cp1251", "koi8r", "ascii", "ucs2", "utf16", "utf32",
    "sjis", "gbk", "greek", "binary",
];

/// Something to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// A statement on definitions.
    Define(String),
    /// A statement that fills the table that it makes.
    Fill { table: String, statement: String },
    /// Statements in a transaction, which may change rows of these tables.
    Write {
        tables: Vec<String>,
        statements: Vec<String>,
    },
    /// Statements that leave nothing, in a session that logs statements.
    Apart(Vec<String>),
    /// Statements that change what new sessions and databases get.
    Global(Vec<String>),
}

/// What a kind of statement is made from.
pub struct Maker<'a> {
    pub random: &'a mut Random,
    pub flavour: Flavour,
    pub style: &'a Style,
    pub tables: &'a Catalogue,
    /// A table that there is, by `database.table`.
    pub name: String,
    pub table: &'a Table,
    /// Numbers names, so that one that was dropped comes back only where that is meant.
    pub next: &'a mut u64,
    /// Names of tables that are gone.
    pub gone: &'a [String],
}

type Make = fn(&mut Maker<'_>) -> Vec<Action>;

/// Each kind with its name and how often it is made.
pub const KINDS: &[(&str, u64, Make)] = &[
    ("create", 5, |it| it.room(|it| vec![it.create(None)])),
    ("create if not exists", 2, create_if_not_exists),
    ("create anew", 3, create_anew),
    ("create or replace", 2, create_or_replace),
    ("create like", 2, create_like),
    ("create like a temporary table", 1, create_like_temporary),
    ("create select", 3, create_select),
    ("create select that fails", 1, create_select_that_fails),
    ("drop", 2, drop_tables),
    ("rename", 2, rename),
    ("rename chain", 2, rename_chain),
    ("rename that fails", 1, rename_that_fails),
    ("truncate", 1, truncate),
    ("temporary", 2, temporary),
    ("view", 1, view),
    ("database", 3, database),
    ("alter database", 3, alter_database),
    ("server charset", 1, server_charset),
    ("convert", 4, convert),
    ("default charset", 2, default_charset),
    ("alter", 16, alter),
    ("alter that fails", 1, alter_that_fails),
    ("qualified columns", 2, qualified_columns),
    ("index", 2, index),
    ("partitions", 2, partitions),
    ("exchange partition", 1, exchange_partition),
    ("sequence", 1, sequence),
    ("trigger", 1, trigger),
    ("procedure", 1, procedure),
    ("prepared", 1, prepared),
    ("statements apart", 2, statements_apart),
    ("definition in a transaction", 1, in_a_transaction),
];

impl Maker<'_> {
    /// Made only while there is room for more tables.
    fn room(&mut self, make: impl FnOnce(&mut Self) -> Vec<Action>) -> Vec<Action> {
        if self.tables.len() < TABLES.end {
            make(self)
        } else {
            Vec::new()
        }
    }

    fn is_mariadb(&self) -> bool {
        matches!(self.flavour, Flavour::MariaDb1011 | Flavour::MariaDb118)
    }

    /// A name that no table has had, by `database.table`.
    pub fn new_name(&mut self) -> String {
        *self.next += 1;
        let database = match self.random.below(8) {
            0 | 1 => DATABASES[1],
            2 => DATABASES[2],
            _most => DATABASES[0],
        };
        match self.random.below(8) {
            0 => format!("{database}.Tä {}", self.next),
            1 => format!("{database}.T{}", self.next),
            _plain => format!("{database}.t{}", self.next),
        }
    }

    /// A name as a statement has it.
    pub fn written(&mut self, name: &str) -> String {
        self.style.table(name, self.random)
    }

    /// The table as a statement has it.
    fn this(&mut self) -> String {
        let name = self.name.clone();
        self.written(&name)
    }

    fn charset(&mut self) -> &'static str {
        let charset: &&str = self.random.pick(&CHARSETS);
        charset
    }

    fn columns(&mut self) -> Columns<'_> {
        Columns {
            random: self.random,
            flavour: self.flavour,
            style: self.style,
            next: self.next,
        }
    }

    /// `CREATE TABLE`, of a new name unless one is given.
    pub fn create(&mut self, name: Option<&str>) -> Action {
        let name = name.map_or_else(|| self.new_name(), str::to_owned);
        Action::Define(self.create_text("CREATE TABLE", &name))
    }

    fn create_text(&mut self, words: &str, name: &str) -> String {
        let written = self.written(name);
        let body = self.columns().table();
        format!("{words} {written} {body}")
    }

    /// The charset clause of a database or table.
    fn charset_clause(&mut self) -> String {
        let charset = self.charset();
        match self.random.below(4) {
            0 => format!("CHARSET = {charset}"),
            1 => format!("DEFAULT CHARACTER SET {charset}"),
            2 => match self.random.below(3) {
                0 => "COLLATE utf8mb4_bin".to_owned(),
                1 => "COLLATE = latin1_german1_ci".to_owned(),
                _two => "DEFAULT COLLATE ucs2_general_ci".to_owned(),
            },
            _plain => format!("CHARACTER SET {charset}"),
        }
    }
}

fn define(statement: impl Into<String>) -> Action {
    Action::Define(statement.into())
}

// ---- making tables -------------------------------------------------------------------------------------------------

fn create_if_not_exists(it: &mut Maker<'_>) -> Vec<Action> {
    let name = if it.random.chance(1, 2) {
        it.name.clone()
    } else {
        it.new_name()
    };
    vec![define(it.create_text("CREATE TABLE IF NOT EXISTS", &name))]
}

/// A table of the name of one that is dropped, or was.
fn create_anew(it: &mut Maker<'_>) -> Vec<Action> {
    if !it.gone.is_empty() && it.random.chance(1, 2) {
        let name = it.random.pick(it.gone).clone();
        return it.room(|it| vec![it.create(Some(&name))]);
    }
    let (name, this) = (it.name.clone(), it.this());
    vec![define(format!("DROP TABLE {this}")), it.create(Some(&name))]
}

fn create_or_replace(it: &mut Maker<'_>) -> Vec<Action> {
    if !it.is_mariadb() {
        return Vec::new();
    }
    let name = it.name.clone();
    vec![define(it.create_text("CREATE OR REPLACE TABLE", &name))]
}

fn create_like(it: &mut Maker<'_>) -> Vec<Action> {
    it.room(|it| {
        let (this, new) = (it.this(), it.new_name());
        let new = it.written(&new);
        vec![define(match it.random.below(3) {
            0 => format!("CREATE TABLE IF NOT EXISTS {new} LIKE {this}"),
            1 => format!("CREATE TABLE {new} (LIKE {this})"),
            _plain => format!("CREATE TABLE {new} LIKE {this}"),
        })]
    })
}

/// Its columns have no character set: the binlog leaves that of the table out.
fn create_like_temporary(it: &mut Maker<'_>) -> Vec<Action> {
    // See `create_select`.
    if it.style.latin1 {
        return Vec::new();
    }
    it.room(|it| {
        let (hidden, new) = (it.this(), it.new_name());
        let (new, charset) = (it.written(&new), it.charset());
        vec![
            define(format!(
                "CREATE TEMPORARY TABLE {hidden} (id INT, n BIGINT UNSIGNED, d DATETIME(3), b VARBINARY(9), PRIMARY KEY (id))"
            )),
            define(format!("CREATE TABLE {new} LIKE {hidden}")),
            // What servers log of it does not tell the default of columns that are added.
            define(format!(
                "ALTER TABLE {new} DEFAULT CHARACTER SET {charset}"
            )),
            define(format!("DROP TEMPORARY TABLE {hidden}")),
        ]
    })
}

fn create_select(it: &mut Maker<'_>) -> Vec<Action> {
    // The server would write the statement in another set than it says; see `definitions::rewritten`.
    if it.style.latin1 {
        return Vec::new();
    }
    it.room(|it| {
        // Nor does it write labels as they are whose bytes are no text.
        let is_shown = |column_type: &str| {
            let is_labelled = column_type.starts_with("enum(") || column_type.starts_with("set(");
            !is_labelled || !column_type.contains('?') && !column_type.contains("''")
        };
        let columns = it.table.columns.iter();
        let columns = columns.filter(|column| is_shown(&column.column_type));
        let names: Vec<String> = columns.map(|column| format!("`{}`", column.name)).collect();
        let mut list: Vec<String> = names
            .into_iter()
            .filter(|_| it.random.chance(2, 3))
            .collect();
        let texts: Vec<String> = it
            .table
            .columns
            .iter()
            .filter(|column| column.charset.is_some())
            .map(|column| column.name.clone())
            .collect();
        if !texts.is_empty() && it.random.chance(1, 2) {
            list.push(format!(
                "CONCAT(`{}`, 'x') AS joined",
                it.random.pick(&texts)
            ));
        }
        if list.is_empty() || it.random.chance(1, 3) {
            list.push("'word' AS one, 1.5 AS two, NOW(3) AS three".to_owned());
        }
        let (table, this) = (it.new_name(), it.this());
        let new = it.written(&table);
        let own = match it.random.below(4) {
            0 => " (extra VARCHAR(9), number INT UNSIGNED)".to_owned(),
            1 => format!(" {}", it.charset_clause()),
            _plain => String::new(),
        };
        let replace = match it.random.below(4) {
            0 if it.is_mariadb() => "OR REPLACE TABLE",
            1 => "TABLE IF NOT EXISTS",
            _plain => "TABLE",
        };
        let statement = format!(
            "CREATE {replace} {new}{own} AS SELECT {} FROM {this}",
            list.join(", ")
        );
        vec![Action::Fill { table, statement }]
    })
}

fn create_select_that_fails(it: &mut Maker<'_>) -> Vec<Action> {
    let table = it.new_name();
    let new = it.written(&table);
    let statement =
        format!("CREATE TABLE {new} (id INT PRIMARY KEY) SELECT 1 AS id UNION ALL SELECT 1");
    vec![Action::Fill { table, statement }]
}

// ---- dropping and renaming -----------------------------------------------------------------------------------------

fn drop_tables(it: &mut Maker<'_>) -> Vec<Action> {
    let this = it.this();
    let names: Vec<&String> = it.tables.keys().collect();
    let other = (*it.random.pick(&names)).clone();
    let other = it.written(&other);
    vec![define(match it.random.below(5) {
        // The table goes, and the statement fails.
        0 => format!("DROP TABLE {this}, shop.missing"),
        1 => format!("DROP TABLE IF EXISTS shop.missing, {this}"),
        2 if this != other => format!("DROP TABLE {this}, {other}"),
        3 => format!("DROP TABLE {this} CASCADE"),
        _plain => format!("DROP TABLE {this}"),
    })]
}

fn rename(it: &mut Maker<'_>) -> Vec<Action> {
    let (this, new) = (it.this(), it.new_name());
    let new = it.written(&new);
    vec![define(match it.random.below(4) {
        0 => format!("ALTER TABLE {this} RENAME TO {new}"),
        1 => format!("ALTER TABLE {this} RENAME AS {new}"),
        2 if it.is_mariadb() => {
            format!("RENAME TABLE IF EXISTS shop.missing TO shop.other, {this} TO {new}")
        }
        _plain => format!("RENAME TABLE {this} TO {new}"),
    })]
}

fn rename_chain(it: &mut Maker<'_>) -> Vec<Action> {
    let names: Vec<&String> = it.tables.keys().collect();
    let other = (*it.random.pick(&names)).clone();
    if other == it.name {
        return Vec::new();
    }
    let (this, other, new) = (it.this(), it.written(&other), it.new_name());
    let new = it.written(&new);
    if it.random.chance(1, 3) {
        return vec![define(format!(
            "RENAME TABLE {this} TO {new}, {other} TO {this}, {new} TO {other}, {other} TO {new}"
        ))];
    }
    vec![define(format!(
        "RENAME TABLE {this} TO shop.aside, {other} TO {this}, shop.aside TO {other}"
    ))]
}

fn rename_that_fails(it: &mut Maker<'_>) -> Vec<Action> {
    let (this, new) = (it.this(), it.new_name());
    let new = it.written(&new);
    vec![define(format!(
        "RENAME TABLE {this} TO {new}, shop.missing TO shop.other"
    ))]
}

fn truncate(it: &mut Maker<'_>) -> Vec<Action> {
    vec![define(format!("TRUNCATE TABLE {}", it.this()))]
}

// ---- what is not a base table --------------------------------------------------------------------------------------

/// A temporary table that hides a base table for a while, and has another shape while it does.
fn temporary(it: &mut Maker<'_>) -> Vec<Action> {
    let this = it.this();
    vec![
        define(format!("CREATE TEMPORARY TABLE {this} (hidden INT)")),
        define(format!(
            "ALTER TABLE {this} ADD COLUMN more TEXT CHARACTER SET greek"
        )),
        Action::Write {
            tables: vec![it.name.clone()],
            statements: vec![format!("INSERT INTO {this} VALUES (1, 'a')")],
        },
        define(match it.random.below(2) {
            0 => format!("DROP TABLE {this}"),
            _one => format!("DROP TEMPORARY TABLE IF EXISTS {this}"),
        }),
    ]
}

fn view(it: &mut Maker<'_>) -> Vec<Action> {
    *it.next += 1;
    let (view, this) = (format!("shop.v{}", it.next), it.this());
    vec![
        define(format!(
            "CREATE OR REPLACE VIEW {view} AS SELECT 1 AS one FROM {this}"
        )),
        define(format!("ALTER VIEW {view} AS SELECT 2 AS two")),
        define(format!("RENAME TABLE {view} TO {view}n")),
        define(format!("DROP VIEW {view}n")),
    ]
}

fn sequence(it: &mut Maker<'_>) -> Vec<Action> {
    if !it.is_mariadb() {
        return Vec::new();
    }
    *it.next += 1;
    let name = format!("{SEQUENCES}{}", it.next);
    let next = |name: &str| Action::Write {
        tables: vec![name.to_owned()],
        statements: vec![format!("SELECT NEXT VALUE FOR {name}")],
    };
    vec![
        define(format!(
            "CREATE SEQUENCE {name} START WITH 10 INCREMENT BY 5 CACHE 1"
        )),
        next(&name),
        define(format!("ALTER SEQUENCE {name} INCREMENT BY 7")),
        next(&name),
        define(format!("RENAME TABLE {name} TO {name}n")),
        next(&format!("{name}n")),
        define(format!("DROP SEQUENCE {name}n")),
    ]
}

fn trigger(it: &mut Maker<'_>) -> Vec<Action> {
    *it.next += 1;
    let number = *it.next;
    let log = format!("{LOGS}{number}");
    let this = format!("shop.t{number}");
    let word = it.style.string("é\\", it.random);
    vec![
        define(format!(
            "CREATE TABLE {log} (n INT, word VARCHAR(20)) CHARACTER SET latin1"
        )),
        define(format!(
            "CREATE TABLE {this} (id INT PRIMARY KEY, word CHAR(9))"
        )),
        define(format!(
            "CREATE TRIGGER shop.g{number} AFTER INSERT ON {this} FOR EACH ROW INSERT INTO {log} VALUES (NEW.id, {word})"
        )),
        Action::Write {
            tables: vec![log.clone(), this.clone()],
            statements: vec![format!(
                "INSERT INTO {this} VALUES (1, 'a'), (2, _utf8mb4 x'c3a9')"
            )],
        },
        define(format!("ALTER TABLE {log} ADD COLUMN late INT FIRST")),
        define(format!("DROP TRIGGER shop.g{number}")),
    ]
}

/// Procedures that define a table.
fn procedure(it: &mut Maker<'_>) -> Vec<Action> {
    *it.next += 1;
    let number = *it.next;
    let charset = it.charset();
    vec![
        define(format!(
            "CREATE PROCEDURE shop.p{number}() BEGIN DECLARE one INT DEFAULT 1; CREATE TABLE t{number} (id INT PRIMARY KEY, word \
             VARCHAR(9) DEFAULT 'a') CHARACTER SET {charset}; END"
        )),
        define(format!("CALL shop.p{number}()")),
        define(format!(
            "CREATE PROCEDURE shop.q{number}() ALTER TABLE t{number} ADD COLUMN e ENUM('x','y') FIRST"
        )),
        define(format!("CALL shop.q{number}()")),
        define(format!("DROP PROCEDURE shop.p{number}")),
        define(format!("DROP PROCEDURE shop.q{number}")),
    ]
}

fn prepared(it: &mut Maker<'_>) -> Vec<Action> {
    if it.style.ansi {
        return Vec::new();
    }
    let this = it.this();
    let (name, column) = (it.columns().name(), it.columns().plain());
    vec![
        define(format!(
            "PREPARE made FROM \"ALTER TABLE {this} ADD COLUMN {name} {column}\""
        )),
        define("EXECUTE made"),
        define("DEALLOCATE PREPARE made"),
    ]
}

/// Temporary tables in transactions that end in any way, in a session that logs statements.
fn statements_apart(it: &mut Maker<'_>) -> Vec<Action> {
    *it.next += 1;
    let name = format!("shop.apart{}", it.next);
    let end = *it.random.pick(&["COMMIT", "ROLLBACK", "ROLLBACK"]);
    vec![Action::Apart(vec![
        format!("CREATE TEMPORARY TABLE {name} (id INT, word VARCHAR(9))"),
        "BEGIN".to_owned(),
        format!("INSERT INTO {name} VALUES (1, 'a')"),
        format!("UPDATE {name} SET word = 'b'"),
        end.to_owned(),
        "BEGIN".to_owned(),
        format!("CREATE TEMPORARY TABLE {name}b (id INT)"),
        format!("INSERT INTO {name}b VALUES (1)"),
        "ROLLBACK".to_owned(),
        format!("DROP TEMPORARY TABLE {name}"),
        format!("DROP TEMPORARY TABLE {name}b"),
    ])]
}

// ---- databases -----------------------------------------------------------------------------------------------------

fn database(it: &mut Maker<'_>) -> Vec<Action> {
    let name = DATABASES[1 + it.random.index(2)];
    let clause = if it.random.chance(1, 3) {
        String::new()
    } else {
        it.charset_clause()
    };
    let mut actions = match it.random.below(5) {
        0 if it.is_mariadb() => vec![define(format!(
            "CREATE OR REPLACE DATABASE `{name}` {clause}"
        ))],
        1 => vec![define(format!(
            "CREATE DATABASE IF NOT EXISTS `{name}` {clause}"
        ))],
        2 => vec![define(format!("CREATE SCHEMA `{name}` {clause}"))],
        _most => vec![
            define(format!("DROP DATABASE IF EXISTS `{name}`")),
            define(format!("CREATE DATABASE `{name}` {clause}")),
        ],
    };
    *it.next += 1;
    actions.push(it.create(Some(&format!("{name}.t{}", it.next))));
    actions
}

fn alter_database(it: &mut Maker<'_>) -> Vec<Action> {
    let clause = it.charset_clause();
    let (name, statement) =
        if let (Some(database), true) = (&it.style.database, it.random.chance(1, 3)) {
            (database.clone(), format!("ALTER DATABASE {clause}"))
        } else {
            let name = *it.random.pick(&DATABASES);
            (name.to_owned(), format!("ALTER DATABASE `{name}` {clause}"))
        };
    *it.next += 1;
    vec![
        define(statement),
        it.create(Some(&format!("{name}.t{}", it.next))),
    ]
}

fn server_charset(it: &mut Maker<'_>) -> Vec<Action> {
    let charset = it.random.pick(&CHARSETS[..4]);
    vec![Action::Global(vec![
        format!("SET GLOBAL character_set_server = {charset}"),
        "FLUSH BINARY LOGS".to_owned(),
    ])]
}

// ---- altering ------------------------------------------------------------------------------------------------------

fn convert(it: &mut Maker<'_>) -> Vec<Action> {
    let (this, charset) = (it.this(), it.charset());
    vec![define(match it.random.below(5) {
        // MySQL's binlog does not tell the default of a session without a database.
        0 if it.is_mariadb() || it.style.database.is_some() => {
            format!("ALTER TABLE {this} CONVERT TO CHARACTER SET DEFAULT")
        }
        1 => format!("ALTER TABLE {this} CONVERT TO CHARSET utf8mb4 COLLATE utf8mb4_bin"),
        // MySQL 8.0.15 dies of some.
        2 if it.flavour != Flavour::MySql80 => {
            let (name, column) = (it.columns().name(), it.columns().definition());
            format!(
                "ALTER TABLE {this} ADD COLUMN {name} {column}, CONVERT TO CHARACTER SET {charset}"
            )
        }
        _plain => format!("ALTER TABLE {this} CONVERT TO CHARACTER SET {charset}"),
    })]
}

fn default_charset(it: &mut Maker<'_>) -> Vec<Action> {
    let (this, clause) = (it.this(), it.charset_clause());
    let (name, column) = (it.columns().name(), it.columns().definition());
    vec![
        define(format!("ALTER TABLE {this} {clause}")),
        define(format!("ALTER TABLE {this} ADD COLUMN {name} {column}")),
    ]
}

fn alter(it: &mut Maker<'_>) -> Vec<Action> {
    let (this, table) = (it.this(), it.table);
    let specs = it.columns().specs(table);
    let ignore = if it.is_mariadb() && it.random.chance(1, 10) {
        "IGNORE "
    } else {
        ""
    };
    let mut tail = match it.random.below(8) {
        0 => ", ALGORITHM = COPY".to_owned(),
        1 => ", ALGORITHM = DEFAULT, LOCK = DEFAULT".to_owned(),
        2 => ", FORCE".to_owned(),
        _none => String::new(),
    };
    if it.random.chance(1, 12) {
        let new = it.new_name();
        tail += &format!(", RENAME TO {}", it.written(&new));
    }
    vec![define(format!("ALTER {ignore}TABLE {this} {specs}{tail}"))]
}

fn alter_that_fails(it: &mut Maker<'_>) -> Vec<Action> {
    let this = it.this();
    vec![define(format!(
        "ALTER TABLE {this} ADD COLUMN late INT, DROP COLUMN missing"
    ))]
}

/// Columns with the names of their tables and databases before them, which MySQL 5.7 and MariaDB take.
fn qualified_columns(it: &mut Maker<'_>) -> Vec<Action> {
    if matches!(it.flavour, Flavour::MySql80 | Flavour::MySql97) {
        return Vec::new();
    }
    let (database, table) = split(&it.name);
    let (database, table) = (format!("`{database}`"), format!("`{table}`"));
    let new = it.columns().name();
    let others = it.table.others();
    let column = others
        .iter()
        .find(|column| !column.is_made())
        .map(|column| format!("`{}`", column.name));
    vec![define(match (it.random.below(4), column) {
        (0, Some(column)) => {
            format!("ALTER TABLE {database}.{table} MODIFY COLUMN {table}.{column} VARCHAR(77)")
        }
        (1, Some(column)) => format!("ALTER TABLE {database}.{table} DROP {table}.{column}"),
        (2, Some(column)) => format!(
            "ALTER TABLE {database}.{table} CHANGE {table}.{column} {database}.{table}.{new} TEXT"
        ),
        (_, _) => format!(
            "ALTER TABLE {database}.{table} ADD COLUMN {database}.{table}.{new} VARCHAR(100)"
        ),
    })]
}

fn index(it: &mut Maker<'_>) -> Vec<Action> {
    let this = it.this();
    let others = it.table.others();
    let numbers: Vec<&str> = others
        .iter()
        .filter(|column| column.column_type.contains("int"))
        .map(|column| column.name.as_str())
        .collect();
    if numbers.is_empty() {
        return vec![define(format!("ALTER TABLE {this} ENGINE = InnoDB"))];
    }
    let column = (*it.random.pick(&numbers)).to_owned();
    vec![
        define(match it.random.below(3) {
            0 => format!("ALTER TABLE {this} ADD KEY few (`{column}` DESC)"),
            1 => format!("CREATE UNIQUE INDEX few ON {this} (`{column}`)"),
            _plain => format!("CREATE INDEX few ON {this} (`{column}`) COMMENT 'it''s few'"),
        }),
        define(match it.random.below(2) {
            0 => format!("ALTER TABLE {this} DROP INDEX few"),
            _one => format!("DROP INDEX few ON {this}"),
        }),
    ]
}

/// Primary keys dropped and added with a transaction open, which the statement commits.
fn in_a_transaction(it: &mut Maker<'_>) -> Vec<Action> {
    let this = it.this();
    vec![
        Action::Write {
            tables: vec![it.name.clone()],
            statements: vec![format!("DELETE FROM {this} LIMIT 1"), "COMMIT".to_owned()],
        },
        define(format!("ALTER TABLE {this} DROP PRIMARY KEY")),
        define(format!("ALTER TABLE {this} ADD PRIMARY KEY (id)")),
    ]
}

// ---- partitions ----------------------------------------------------------------------------------------------------

fn partitions(it: &mut Maker<'_>) -> Vec<Action> {
    *it.next += 1;
    let name = format!("shop.t{}", it.next);
    let insert = |values: &str| Action::Write {
        tables: vec![name.clone()],
        statements: vec![format!("INSERT INTO {name} (id, word) VALUES {values}")],
    };
    vec![
        define(format!(
            "CREATE TABLE {name} (id INT NOT NULL, word VARCHAR(9), PRIMARY KEY (id)) PARTITION BY RANGE (id) \
             (PARTITION p0 VALUES LESS THAN (10) COMMENT 'a)', PARTITION p1 VALUES LESS THAN (20))"
        )),
        insert("(1, 'a'), (11, 'b')"),
        define(format!(
            "ALTER TABLE {name} ADD PARTITION (PARTITION p2 VALUES LESS THAN MAXVALUE)"
        )),
        define(format!(
            "ALTER TABLE {name} REORGANIZE PARTITION p2 INTO (PARTITION p2 VALUES LESS THAN (30), PARTITION p3 VALUES LESS \
             THAN (40))"
        )),
        define(format!("ALTER TABLE {name} TRUNCATE PARTITION p0")),
        define(format!("ALTER TABLE {name} DROP PARTITION p1")),
        define(format!(
            "ALTER TABLE {name} ADD COLUMN e ENUM('a','b') AFTER id, PARTITION BY KEY (id) PARTITIONS 2"
        )),
        insert("(35, 'd')"),
        define(format!("ALTER TABLE {name} COALESCE PARTITION 1")),
        define(format!("ALTER TABLE {name} REMOVE PARTITIONING")),
    ]
}

fn exchange_partition(it: &mut Maker<'_>) -> Vec<Action> {
    *it.next += 1;
    let (name, other) = (format!("shop.t{}", it.next), format!("shop.x{}", it.next));
    let charset = it.charset();
    let insert = |name: &str, id: u64| Action::Write {
        tables: vec![name.to_owned()],
        statements: vec![format!(
            "INSERT INTO {name} (id, word) VALUES ({id}, _utf8mb4 x'c3a9')"
        )],
    };
    vec![
        define(format!(
            "CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, word VARCHAR(9)) CHARACTER SET {charset} PARTITION BY HASH \
             (id) PARTITIONS 1"
        )),
        define(format!(
            "CREATE TABLE {other} (id INT NOT NULL PRIMARY KEY, word VARCHAR(9)) CHARACTER SET {charset}"
        )),
        insert(&name, 1),
        insert(&other, 2),
        define(format!(
            "ALTER TABLE {name} EXCHANGE PARTITION p0 WITH TABLE {other}"
        )),
        insert(&name, 3),
        insert(&other, 4),
        define(format!("DROP TABLE {other}")),
    ]
}
