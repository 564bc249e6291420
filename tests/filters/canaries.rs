//! Random DDL over tables with canaries in the columns that random rules hide: whatever a connector does then, publish, stop, be
//! started again or be told to pass over a group, no canary comes out. A column that was hidden once stays hidden, by whatever
//! name it goes, as do copies that online tools swap in, and what is computed from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Random;
use super::columns::{ONCE, Stream};
use crate::support::Flavour;

const CANARY: &str = "SECRET";
const SEEDS: usize = 3;
const SEEDS_FULL: usize = 120;
const STEPS: usize = 9;
const TABLES: [&str; 3] = ["people", "folk", "crew"];
/// Names that no rule publishes.
const UNPUBLISHED: [&str; 2] = ["_aside", "_other"];
const COLUMNS: [&str; 4] = ["a", "b", "c", "d"];

/// What the rules make of a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Open,
    NotIncluded,
    Excluded,
    Masked,
    Hashed,
    Truncated,
}

#[derive(Clone)]
struct Column {
    name: String,
    /// It was hidden once, or holds what was.
    is_secret: bool,
    is_computed: bool,
}

type Tables = BTreeMap<String, Vec<Column>>;

/// Statements, and the tables after them.
type Done = (Vec<String>, Tables);

/// What a statement is to be about.
struct Pick {
    table: String,
    columns: Vec<Column>,
    /// One of its columns, and its name.
    index: usize,
    old: String,
    /// Another name, and whether none of its columns has it.
    new: String,
    is_new: bool,
}

struct Trial {
    random: Random,
    fates: BTreeMap<(&'static str, &'static str), Fate>,
    has_include: bool,
    tables: Tables,
    row: usize,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let has_include = random.below(2) == 0;
        let mut fates = BTreeMap::new();
        for table in TABLES {
            for column in COLUMNS {
                let fate = match random.below(10) {
                    0 => Fate::Excluded,
                    1 => Fate::Masked,
                    2 => Fate::Hashed,
                    3 => Fate::Truncated,
                    4..=6 if has_include => Fate::NotIncluded,
                    _open => Fate::Open,
                };
                fates.insert((table, column), fate);
            }
        }
        let mut trial = Self {
            random,
            fates,
            has_include,
            tables: Tables::new(),
            row: 0,
        };
        for table in &TABLES[..2] {
            let columns = COLUMNS[..3].iter().map(|name| trial.column(table, name));
            let columns = columns.collect();
            trial.tables.insert((*table).to_owned(), columns);
        }
        trial
    }

    fn fate(&self, table: &str, column: &str) -> Fate {
        let fates = self.fates.iter();
        let mut of_column = fates.filter(|((of, name), _)| *of == table && *name == column);
        let of_others = match self.has_include && TABLES.contains(&table) {
            true => Fate::NotIncluded,
            false => Fate::Open,
        };
        of_column.next().map_or(of_others, |(_, fate)| *fate)
    }

    fn column(&self, table: &str, name: &str) -> Column {
        Column {
            name: name.to_owned(),
            is_secret: self.fate(table, name) != Fate::Open,
            is_computed: false,
        }
    }

    /// The rules as a connector file has them.
    fn rules(&mut self) -> String {
        let names = |fate: Fate| {
            let of_fate = self.fates.iter().filter(move |(_, found)| **found == fate);
            let names = of_fate.map(|((table, column), _)| format!(r"shop\.{table}\.{column}"));
            names.collect::<Vec<_>>().join("|")
        };
        let mut rules = "tables-exclude = 'shop\\._.*'\n".to_owned();
        let by = [
            (Fate::Masked, "columns-mask", "with = '-'"),
            (Fate::Hashed, "columns-hash", "salt = 's'"),
            (Fate::Truncated, "columns-truncate", "length = 2"),
        ];
        for (fate, key, how) in by {
            let names = names(fate);
            if !names.is_empty() {
                writeln!(rules, "{key} = [{{ columns = '({names})', {how} }}]").unwrap();
            }
        }
        let excluded = names(Fate::Excluded);
        if !excluded.is_empty() {
            writeln!(rules, "columns-exclude = '({excluded})'").unwrap();
        }
        if self.has_include {
            let left = |fate: &Fate| *fate != Fate::NotIncluded;
            let included = self.fates.iter().filter(|(_, fate)| left(fate));
            let included =
                included.map(|((table, column), _)| format!(r"|shop\.{table}\.{column}"));
            let included: String = included.collect();
            writeln!(rules, r"columns-include = 'shop\..*\.id{included}'").unwrap();
        }
        if self.random.below(2) == 0 {
            rules += "columns-missing = 'warn'\n";
        }
        rules
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.below(of.len())].clone()
    }

    /// A table and its columns, one that is published rather than not.
    fn some_table(&mut self) -> (String, Vec<Column>) {
        let names: Vec<String> = self.tables.keys().cloned().collect();
        let name = self.pick(&names);
        let columns = self.tables[&name].clone();
        (name, columns)
    }

    fn free_name(&mut self, of: &[&str]) -> Option<String> {
        let free = of.iter().filter(|name| !self.tables.contains_key(**name));
        let free: Vec<&str> = free.copied().collect();
        (!free.is_empty()).then(|| self.pick(&free).to_owned())
    }

    /// A random statement, or several that belong together, and the tables after it.
    fn statement(&mut self) -> Option<Done> {
        let (table, columns) = self.some_table();
        let index = self.random.below(columns.len());
        let new = self.pick(&COLUMNS).to_owned();
        let pick = Pick {
            old: columns[index].name.clone(),
            is_new: columns.iter().all(|column| column.name != new),
            table,
            columns,
            index,
            new,
        };
        match self.random.below(11) {
            0 | 1 => self.rename_column(&pick),
            2 | 3 => self.rename_table(&pick),
            4 => self.swap_tables(&pick),
            5 => self.copy_table(&pick),
            6 => self.add_or_drop(&pick),
            7 => self.add_computed(&pick),
            8 | 9 => self.swap_in(&pick),
            _ten => self.make_anew(&pick),
        }
    }

    fn rename_column(&mut self, pick: &Pick) -> Option<Done> {
        let Pick {
            table,
            old,
            new,
            index,
            ..
        } = pick;
        let mut tables = self.tables.clone();
        let after = tables.get_mut(table)?;
        if pick.is_new {
            after[*index].name.clone_from(new);
            let statement = match self.random.below(2) {
                0 => format!("ALTER TABLE shop.{table} RENAME COLUMN {old} TO {new}"),
                _one => format!("ALTER TABLE shop.{table} CHANGE {old} {new} VARCHAR(90)"),
            };
            return Some((vec![statement], tables));
        }
        let other = after.iter().position(|column| column.name == *new)?;
        if other == *index || after[*index].is_computed || after[other].is_computed {
            return None;
        }
        after[*index].name.clone_from(new);
        after[other].name.clone_from(old);
        let statement = format!(
            "ALTER TABLE shop.{table} RENAME COLUMN {old} TO {new}, RENAME COLUMN {new} TO {old}"
        );
        Some((vec![statement], tables))
    }

    fn rename_table(&mut self, Pick { table, .. }: &Pick) -> Option<Done> {
        let to = self.free_name(&[&TABLES[..], &UNPUBLISHED].concat())?;
        let mut tables = self.tables.clone();
        let moved = tables.remove(table)?;
        tables.insert(to.clone(), moved);
        let statement = match self.random.below(2) {
            0 => format!("RENAME TABLE shop.{table} TO shop.{to}"),
            _one => format!("ALTER TABLE shop.{table} RENAME TO shop.{to}"),
        };
        Some((vec![statement], tables))
    }

    fn swap_tables(&mut self, Pick { table, .. }: &Pick) -> Option<Done> {
        let (other, _) = self.some_table();
        if other == *table {
            return None;
        }
        let mut tables = self.tables.clone();
        let (one, another) = (tables.remove(table)?, tables.remove(&other)?);
        tables.insert(table.clone(), another);
        tables.insert(other.clone(), one);
        let statement = format!(
            "RENAME TABLE shop.{table} TO shop._swap, shop.{other} TO shop.{table}, shop._swap TO shop.{other}"
        );
        Some((vec![statement], tables))
    }

    fn copy_table(&mut self, Pick { table, columns, .. }: &Pick) -> Option<Done> {
        let to = self.free_name(&TABLES)?;
        // What is computed comes along, from columns that may be open there: nothing of the kind is written.
        if columns.iter().any(|column| column.is_computed) {
            return None;
        }
        let copied = columns.iter().map(|column| self.column(&to, &column.name));
        let copied = copied.collect();
        let mut tables = self.tables.clone();
        tables.insert(to.clone(), copied);
        let statement = format!("CREATE TABLE shop.{to} LIKE shop.{table}");
        Some((vec![statement], tables))
    }

    fn add_or_drop(&mut self, pick: &Pick) -> Option<Done> {
        let Pick {
            table, old, new, ..
        } = pick;
        let mut tables = self.tables.clone();
        let after = tables.get_mut(table)?;
        let statement = match pick.is_new {
            true => {
                after.push(self.column(table, new));
                format!("ALTER TABLE shop.{table} ADD COLUMN {new} VARCHAR(90)")
            }
            false if after.len() > 1 => {
                after.remove(pick.index);
                format!("ALTER TABLE shop.{table} DROP COLUMN {old}")
            }
            false => return None,
        };
        Some((vec![statement], tables))
    }

    fn add_computed(&mut self, pick: &Pick) -> Option<Done> {
        let Pick {
            table, old, new, ..
        } = pick;
        let from = &pick.columns[pick.index];
        if !pick.is_new || from.is_computed {
            return None;
        }
        let mut tables = self.tables.clone();
        tables.get_mut(table)?.push(Column {
            name: new.clone(),
            is_secret: from.is_secret || self.fate(table, new) != Fate::Open,
            is_computed: true,
        });
        let how = match self.random.below(3) {
            0 => format!("AS (CONCAT('x', {old})) STORED"),
            1 => format!("AS (CONCAT({old}, 'x')) VIRTUAL"),
            _two => format!("DEFAULT (CONCAT({old}, 'x'))"),
        };
        let statement = format!("ALTER TABLE shop.{table} ADD COLUMN {new} VARCHAR(90) {how}");
        Some((vec![statement], tables))
    }

    /// What gh-ost does.
    fn swap_in(&mut self, pick: &Pick) -> Option<Done> {
        let Pick {
            table, old, new, ..
        } = pick;
        if !TABLES.contains(&&**table) {
            return None;
        }
        let written = pick.columns.iter().filter(|column| !column.is_computed);
        let kept: Vec<String> = written.map(|column| column.name.clone()).collect();
        let mut into = kept.clone();
        let mut tables = self.tables.clone();
        let mut change = "ENGINE = InnoDB".to_owned();
        if pick.is_new && !pick.columns[pick.index].is_computed {
            change = format!("CHANGE {old} {new} VARCHAR(90)");
            tables.get_mut(table)?[pick.index].name.clone_from(new);
            let renamed = into.iter_mut().filter(|name| *name == old);
            renamed.for_each(|name| name.clone_from(new));
        }
        let (kept, into) = (kept.join(", "), into.join(", "));
        let statements = vec![
            format!("CREATE TABLE shop._{table}_gho LIKE shop.{table}"),
            format!("ALTER TABLE shop._{table}_gho {change}"),
            format!(
                "INSERT INTO shop._{table}_gho (id, {into}) SELECT id, {kept} FROM shop.{table}"
            ),
            format!(
                "RENAME TABLE shop.{table} TO shop._{table}_del, shop._{table}_gho TO shop.{table}"
            ),
            format!("DROP TABLE shop._{table}_del"),
        ];
        Some((statements, tables))
    }

    fn make_anew(&mut self, Pick { table, .. }: &Pick) -> Option<Done> {
        let made = COLUMNS[..3].iter().map(|name| self.column(table, name));
        let made = made.collect();
        let mut tables = self.tables.clone();
        tables.insert(table.clone(), made);
        Some((
            vec![format!("DROP TABLE shop.{table}"), create(table)],
            tables,
        ))
    }

    /// Has a column that is hidden where its table is be so for good.
    fn settle(&mut self, mut tables: Tables) {
        for (table, columns) in &mut tables {
            if TABLES.contains(&&**table) {
                for column in columns {
                    column.is_secret |= self.fate(table, &column.name) != Fate::Open;
                }
            }
        }
        self.tables = tables;
    }

    /// A row for every table, changed after that.
    fn rows(&mut self) -> Vec<String> {
        self.row += 1;
        let row = self.row;
        let tables = self.tables.iter();
        let of_table = |(table, columns): (&String, &Vec<Column>)| {
            let written = columns.iter().filter(|column| !column.is_computed);
            let (mut names, mut values) = ("id".to_owned(), row.to_string());
            for column in written {
                let value = if column.is_secret { CANARY } else { "public" };
                write!(names, ", {}", column.name).unwrap();
                write!(values, ", 'zz{value}{row}'").unwrap();
            }
            [
                format!("INSERT INTO shop.{table} ({names}) VALUES ({values})"),
                format!("UPDATE shop.{table} SET id = id + 1000 WHERE id = {row}"),
            ]
        };
        tables.flat_map(of_table).collect()
    }
}

fn create(table: &str) -> String {
    format!(
        "CREATE TABLE shop.{table} (id INT PRIMARY KEY, a VARCHAR(90), b VARCHAR(90), c VARCHAR(90)) CHARACTER SET utf8mb4"
    )
}

/// What came of trials.
#[derive(Debug, Default)]
struct Ends {
    stopped: usize,
    skipped: usize,
    went_on: usize,
    published: usize,
    statements: usize,
}

impl Ends {
    /// Runs the connector, which may stop, and looks at all that came out.
    fn look(&mut self, trial: &mut Trial, stream: &Stream, told: &str) {
        let ended = stream.folder.run(&ONCE);
        assert!(
            !ended.stderr.contains("panicked"),
            "{told}\n{}",
            ended.stderr
        );
        let mut out = ended.stderr.clone();
        for change in stream.folder.changes() {
            writeln!(out, "{change}").unwrap();
        }
        let canary = out.lines().find(|line| line.contains(CANARY));
        assert_eq!(canary, None, "{told}");
        match ended.code {
            Some(0) => self.went_on += 1,
            Some(78) => {
                self.stopped += 1;
                if trial.random.below(2) == 0 {
                    self.skipped += 1;
                    let skip = ["skip", "shop.toml", "--groups", "1"];
                    stream.folder.run(&skip);
                }
            }
            other => panic!("{other:?}: {}\n{told}", ended.stderr),
        }
    }
}

fn try_seed(mut stream: Stream, seed: u64, ends: &mut Ends) -> Stream {
    let mut trial = Trial::new(seed);
    let metadata = trial.pick(&["FULL", "MINIMAL"]);
    stream.run(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
    let rules = trial.rules();
    stream = stream.empty(&rules);
    let mut told = format!("seed {seed}, {metadata}, {rules}\n");
    for table in trial.tables.keys() {
        stream.run(&create(table));
    }
    for step in 0..STEPS {
        let found = trial.statement();
        if let Some((statements, tables)) = found.filter(|_| step > 0) {
            let mut is_done = true;
            for statement in &statements {
                is_done = is_done && stream.tries(statement);
                writeln!(
                    told,
                    "{statement}{}",
                    if is_done { "" } else { " -- refused" }
                )
                .unwrap();
            }
            ends.statements += usize::from(is_done);
            match is_done {
                true => trial.settle(tables),
                // A half of several is not worth following.
                false if statements.len() > 1 => break,
                false => {}
            }
        }
        for row in trial.rows() {
            stream.run(&row);
        }
        if trial.random.below(2) == 0 {
            told.push_str("-- run\n");
            ends.look(&mut trial, &stream, &told);
        }
    }
    for _ in 0..3 {
        ends.look(&mut trial, &stream, &told);
    }
    ends.published += stream.folder.changes().len();
    stream
}

#[test]
fn no_canary_comes_out_whatever_ddl_does() {
    let seeds = match std::env::var_os("ROWTAP_TEST_FULL").is_some() {
        true => SEEDS_FULL,
        false => SEEDS,
    };
    for (number, flavour) in [Flavour::MySql97, Flavour::MariaDb118]
        .into_iter()
        .enumerate()
    {
        let mut stream = Stream::start(flavour, "");
        let mut ends = Ends::default();
        for seed in 0..seeds {
            let seed = (number * 1_000_000 + seed) as u64;
            stream = try_seed(stream, seed, &mut ends);
        }
        println!("{flavour:?}, {seeds} seeds: {ends:?}");
        assert!(ends.went_on > 0 && ends.published > 0, "{ends:?}");
        assert!(ends.stopped > 0 && ends.statements > seeds, "{ends:?}");
    }
}
