//! The encoder: transactions, DDL statements and their order.

use std::ops::Range;
use std::sync::Arc;

use super::super::rows::{Cells, RowsEvent, group};
use super::super::{Block, Encode, EncodeError, empty};
use super::literal::write_name;
use super::plan::Plan;
use super::session::ScriptSession;
use super::statement::{Direction, StatementWriter};
use crate::change::statement::StatementKind;
use crate::change::{Batch, Ddl, Group, Item, Rows};
use crate::mysql::Flavour;

/// SQL statements, each of which ends in a line feed.
#[derive(Debug, Default)]
pub struct Statements {
    /// All statements.
    pub bytes: Vec<u8>,
    /// How many changes they make.
    pub count: u64,
    /// Whether the first of them belongs to a transaction that began in an earlier block.
    pub continues: bool,
    /// Whether the transaction of the last one may go on in the next block.
    pub goes_on: bool,
}

impl Statements {
    /// Empties the block for its next use.
    pub fn clear(&mut self) {
        empty(&mut self.bytes);
        self.count = 0;
        self.continues = false;
        self.goes_on = false;
    }
}

impl Block for Statements {
    fn record_count(&self) -> u64 {
        self.count
    }

    fn byte_count(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn invalid_text_count(&self) -> u64 {
        // A statement holds any bytes.
        0
    }
}

/// Writes batches as statements.
pub struct SqlEncoder {
    direction: Direction,
    writer: StatementWriter,
    cells: Cells,
    /// The pieces of the block, which are put into reverse order to undo changes.
    pieces: Vec<Range<usize>>,
    reversed: Vec<u8>,
    /// The session as the statements so far have left it.
    session: ScriptSession,
}

impl SqlEncoder {
    /// Makes an encoder.
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            writer: StatementWriter::new(direction),
            cells: Cells::default(),
            pieces: Vec::new(),
            reversed: Vec::new(),
            session: ScriptSession::default(),
        }
    }

    fn write_rows(
        &mut self,
        batch: &Batch,
        rows: &Rows,
        plan: &Plan,
        block: &mut Statements,
    ) -> Result<(), EncodeError> {
        let event = RowsEvent::new(batch, rows, &plan.table)?;
        event.each(&mut self.cells, |_, change| {
            let start = block.bytes.len();
            self.writer.write(&event, plan, change, &mut block.bytes)?;
            self.pieces.push(start..block.bytes.len());
            Ok(())
        })?;
        block.count += u64::from(rows.row_count);
        Ok(())
    }

    /// Prepares the session for the next statement. Statements that undo changes need nothing but the script's head.
    fn turn_to(&mut self, session: ScriptSession, block: &mut Statements) {
        if self.direction == Direction::Redo {
            let start = block.bytes.len();
            self.session.turn_to(session, &mut block.bytes);
            self.pieces.push(start..block.bytes.len());
        }
    }

    fn write_ddl(&mut self, ddl: &Ddl, flavour: Flavour, block: &mut Statements) {
        if self.direction == Direction::Redo && ddl.renamed.is_none() {
            self.turn_to(ScriptSession::of_ddl(ddl, flavour), block);
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

    /// Writes what begins or ends a transaction, and before it where the group comes from, as a comment.
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

/// Appends a statement that must not be executed, and why, as a comment.
fn write_comment(why: &str, statement: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("-- {why}:\n").as_bytes());
    for line in statement.split(['\n', '\r']) {
        out.extend_from_slice(b"-- ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

/// The statement as a transaction of its own. MySQL logs CREATE TABLE … SELECT as a statement whose transaction goes on
/// with the rows, and accepts no INSERT after such a statement.
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
        self.session = ScriptSession::default();
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
                // It changes nothing.
                Item::Edge(_) => continue,
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
                    self.turn_to(ScriptSession::of_rows(rows), block);
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
                Item::Edge(_) => {}
            }
            current = Some((index, open));
        }
        match current {
            Some((_, true)) if batch.end.is_none() => block.goes_on = true,
            Some((_, true)) => self.mark(closes, None, block),
            Some((_, false)) | None => {}
        }
        self.turn_to(ScriptSession::default(), block);
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
