//! The format `sql`: statements that redo the row changes, or undo them in reverse order.
//!
//! A transaction is `BEGIN;`, a statement a row, `COMMIT;`. Rows are found by their primary key, else by all columns
//! of the image, compared exactly. The statements rely on [`HEAD`].
//!
//! | direction | insert | update | delete | DDL |
//! |---|---|---|---|---|
//! | redo | INSERT | UPDATE | DELETE | itself; a comment if it names a renamed database |
//! | undo | DELETE | UPDATE back | INSERT | a comment: it cannot be undone |

mod literal;
mod session;
mod statement;
mod versions;

use std::ops::Range;
use std::sync::Arc;

use super::rows::{Cells, Event, group};
use super::{Encode, EncodeError, Statements};
use crate::change::statement::StatementKind;
use crate::change::{Batch, Ddl, Group, Item, Rows};
use crate::mysql::Flavour;
use crate::row::Table;
use literal::write_name;
use session::Session;
use statement::Writer;

pub use statement::Direction;

// Only literals can be joined while compiling.
macro_rules! time_zone {
    () => {
        "'+00:00'"
    };
}
macro_rules! sql_mode {
    () => {
        "'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"
    };
}

/// What the session must be that runs the statements: text in UTF-8, times in UTC, zero dates and zero numbers as they
/// are, and no checks of what was checked on the source, unless the checking changed rows that the binlog lacks.
pub const HEAD: &str = concat!(
    "SET NAMES utf8mb4;\nSET SESSION time_zone = ",
    time_zone!(),
    ", foreign_key_checks = 0, unique_checks = 0,\n    sql_mode = ",
    sql_mode!(),
    ";\n"
);
/// The time zone in [`HEAD`].
const TIME_ZONE: &str = time_zone!();
/// The sql_mode in [`HEAD`].
const SQL_MODE: &str = sql_mode!();

/// A table's plan.
#[derive(Debug)]
pub struct Plan {
    /// The table.
    pub table: Arc<Table>,
    /// Its quoted name.
    name: Box<[u8]>,
    /// Its columns' quoted names.
    columns: Vec<Box<[u8]>>,
}

impl Plan {
    /// Makes the plan of a table.
    pub fn new(table: Arc<Table>) -> Self {
        let quoted = |name: &str| {
            let mut quoted = Vec::new();
            write_name(name, &mut quoted);
            quoted.into_boxed_slice()
        };
        let name = [quoted(&table.name.database), quoted(&table.name.table)];
        Self {
            name: name.join(&b'.').into(),
            columns: table
                .columns
                .iter()
                .map(|column| quoted(&column.name))
                .collect(),
            table,
        }
    }
}

/// Writes batches as statements.
pub struct SqlEncoder {
    direction: Direction,
    writer: Writer,
    cells: Cells,
    /// The pieces of the block that keep their order when the rest is reversed.
    pieces: Vec<Range<usize>>,
    reversed: Vec<u8>,
    /// What the statements so far have made of the session.
    session: Session,
}

impl SqlEncoder {
    /// Makes an encoder.
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            writer: Writer::new(direction),
            cells: Cells::default(),
            pieces: Vec::new(),
            reversed: Vec::new(),
            session: Session::default(),
        }
    }

    fn write_rows(
        &mut self,
        batch: &Batch,
        rows: &Rows,
        plan: &Plan,
        block: &mut Statements,
    ) -> Result<(), EncodeError> {
        let event = Event::new(batch, rows, &plan.table)?;
        event.each(&mut self.cells, |_, change| {
            let start = block.bytes.len();
            self.writer.write(&event, plan, change, &mut block.bytes)?;
            self.pieces.push(start..block.bytes.len());
            Ok(())
        })?;
        block.count += u64::from(rows.row_count);
        Ok(())
    }

    /// Makes the session what the next statement needs; statements that take changes back need none but the script's.
    fn turn_to(&mut self, session: Session, block: &mut Statements) {
        if self.direction == Direction::Redo {
            let start = block.bytes.len();
            self.session.turn_to(session, &mut block.bytes);
            self.pieces.push(start..block.bytes.len());
        }
    }

    fn write_ddl(&mut self, ddl: &Ddl, flavour: Flavour, block: &mut Statements) {
        if self.direction == Direction::Redo && ddl.renamed.is_none() {
            self.turn_to(Session::of_ddl(ddl, flavour), block);
        }
        let start = block.bytes.len();
        match (self.direction, &ddl.renamed) {
            (Direction::Redo, Some(database)) => {
                let database = database.escape_debug();
                let why = format!("not executed, since it names the renamed database {database}");
                write_comment(&why, &ddl.statement, &mut block.bytes);
            }
            (Direction::Redo, None) => {
                // It may mean the default database without naming it.
                let alters = ddl.kind == StatementKind::AlterDatabase;
                if !ddl.database.is_empty() && (alters || !ddl.session.suppresses_use) {
                    block.bytes.extend_from_slice(b"USE ");
                    write_name(&ddl.database, &mut block.bytes);
                    block.bytes.extend_from_slice(b";\n");
                }
                // The body of a routine holds semicolons.
                block.bytes.extend_from_slice(b"DELIMITER /*!*/;\n");
                let statement = standing_alone(&ddl.statement);
                block.bytes.extend_from_slice(statement.as_bytes());
                block.bytes.extend_from_slice(b"\n/*!*/;\nDELIMITER ;\n");
            }
            (Direction::Undo, _) => write_comment("not undone", &ddl.statement, &mut block.bytes),
        }
        self.pieces.push(start..block.bytes.len());
        block.count += 1;
    }

    /// Writes where a group comes from, as a comment, and what begins or ends its transaction.
    fn mark(&mut self, text: &[u8], place: Option<&Group>, block: &mut Statements) {
        let start = block.bytes.len();
        if let Some(group) = place {
            let at = group.begin.to_string();
            let gtid = group.gtid.as_ref().map(|gtid| format!(" {gtid}"));
            let comment = format!("-- {}{}\n", at.escape_debug(), gtid.unwrap_or_default());
            block.bytes.extend_from_slice(comment.as_bytes());
        }
        block.bytes.extend_from_slice(text);
        self.pieces.push(start..block.bytes.len());
    }

    fn reverse(&mut self, block: &mut Statements) {
        self.reversed.clear();
        for piece in self.pieces.drain(..).rev() {
            let piece = block.bytes.get(piece).unwrap_or_default();
            self.reversed.extend_from_slice(piece);
        }
        std::mem::swap(&mut block.bytes, &mut self.reversed);
    }
}

/// Appends a statement that is not to be executed, and why.
fn write_comment(why: &str, statement: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("-- {why}:\n").as_bytes());
    for line in statement.split(['\n', '\r']) {
        out.extend_from_slice(b"-- ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// The statement as a transaction of its own. MySQL logs CREATE TABLE … SELECT as one that goes on with the rows, and behind
/// such a one takes no INSERT.
fn standing_alone(statement: &str) -> &str {
    const GOES_ON: &str = " START TRANSACTION";
    let creates = statement
        .get(..12)
        .is_some_and(|words| words.eq_ignore_ascii_case("CREATE TABLE"));
    let cut = statement.len().checked_sub(GOES_ON.len());
    match cut.and_then(|cut| statement.split_at_checked(cut)) {
        Some((alone, end)) if creates && end.eq_ignore_ascii_case(GOES_ON) => alone,
        Some(_) | None => statement,
    }
}

impl Encode for SqlEncoder {
    type Plan = Plan;
    type Block = Statements;

    fn encode(
        &mut self,
        batch: &Batch,
        plans: &[Arc<Plan>],
        block: &mut Statements,
    ) -> Result<(), EncodeError> {
        block.clear();
        self.pieces.clear();
        self.session = Session::default();
        let (opens, closes) = match self.direction {
            Direction::Redo => (&b"BEGIN;\n"[..], &b"COMMIT;\n"[..]),
            Direction::Undo => (&b"COMMIT;\n"[..], &b"BEGIN;\n"[..]),
        };
        // The group of the last item, and whether its transaction is open: a DDL statement commits by itself.
        let mut current: Option<(u32, bool)> = None;
        for item in &batch.items {
            let (index, first) = match item {
                Item::Rows(rows) => (rows.group, rows.first_row == 0),
                Item::Ddl(ddl) => (ddl.group, ddl.sequence == 0),
            };
            let is_new = current.is_none_or(|(known, _)| known != index);
            if let Some((_, true)) = current.filter(|_| is_new) {
                self.mark(closes, None, block);
            }
            let mut open = match current {
                Some((_, open)) if !is_new => open,
                Some(_) | None => !first,
            };
            block.continues |= current.is_none() && open;
            let place = is_new.then(|| group(batch, index)).transpose()?;
            match item {
                Item::Rows(rows) => {
                    let plan = plans.get(rows.table as usize);
                    let plan = plan.ok_or(EncodeError::Reference {
                        what: "table",
                        index: rows.table,
                    })?;
                    self.turn_to(Session::of_rows(rows), block);
                    if !open {
                        self.mark(opens, place, block);
                        open = true;
                    }
                    self.write_rows(batch, rows, plan, block)?;
                }
                Item::Ddl(ddl) => {
                    if open {
                        self.mark(closes, None, block);
                        open = false;
                    }
                    if self.direction == Direction::Redo {
                        self.mark(b"", place, block);
                    }
                    self.write_ddl(ddl, batch.origin.flavour, block);
                }
            }
            current = Some((index, open));
        }
        match current {
            Some((_, true)) if batch.end.is_none() => block.goes_on = true,
            Some((_, true)) => self.mark(closes, None, block),
            Some((_, false)) | None => {}
        }
        self.turn_to(Session::default(), block);
        if self.direction == Direction::Undo {
            self.reverse(block);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_made_of_a_query_stands_alone() {
        for (statement, expected) in [
            (
                "CREATE TABLE `t` (\n  `a` int\n) START TRANSACTION",
                "CREATE TABLE `t` (\n  `a` int\n)",
            ),
            (
                "create table t (a INT) start transaction",
                "create table t (a INT)",
            ),
            (
                "CREATE TABLE t (a INT) COMMENT=' START TRANSACTION'",
                "CREATE TABLE t (a INT) COMMENT=' START TRANSACTION'",
            ),
            ("CREATE TABLE é", "CREATE TABLE é"),
            ("é START TRANSACTION", "é START TRANSACTION"),
            ("", ""),
        ] {
            assert_eq!(standing_alone(statement), expected);
        }
    }
}
