//! `--format sql` and `--flashback`: blocks of statements to one script.
//!
//! A transaction may span several blocks, and only the last of them, which may be empty, says that it is whole. Statements
//! that undo changes are printed in reverse order, so they wait in a temporary file until everything was read. After a
//! mistake none of them is printed: half of them would leave the tables in a state that they never had.

use super::batches::Batches;
use super::error::DecodeError;
use super::output::{self, print};
use crate::encode::sql::{Direction, HEAD, Plan, SqlEncoder, Statements};
use crate::state::Spill;

/// Prints the statements that make the changes again, in order.
pub(super) fn redo(batches: &mut Batches) -> Result<(), DecodeError> {
    // When nothing can be read, nothing is printed.
    let mut has_head = false;
    let mut is_open = false;
    let done = encode(Direction::Redo, batches, |block| {
        if !std::mem::replace(&mut has_head, true) {
            print(HEAD.as_bytes())?;
        }
        if is_open && !block.continues {
            print(b"COMMIT;\n")?;
            is_open = false;
        }
        print(&block.bytes)?;
        if !block.bytes.is_empty() {
            is_open = block.goes_on;
        }
        Ok(())
    });
    if is_open {
        let end: &[u8] = if done.is_ok() {
            b"COMMIT;\n"
        } else {
            b"ROLLBACK;\n"
        };
        print(end)?;
    }
    done
}

/// A block in the temporary file.
struct KeptBlock {
    offset: u64,
    length: usize,
    continues: bool,
    goes_on: bool,
}

/// Prints the statements that undo the changes, the last change first.
pub(super) fn undo(batches: &mut Batches) -> Result<(), DecodeError> {
    let mut spool = Spill::nameless(&std::env::temp_dir());
    let mut kept = Vec::new();
    encode(Direction::Undo, batches, |block| {
        if !block.bytes.is_empty() {
            kept.push(KeptBlock {
                offset: spool.append(&block.bytes)?,
                length: block.bytes.len(),
                continues: block.continues,
                goes_on: block.goes_on,
            });
        }
        Ok(())
    })?;
    print(HEAD.as_bytes())?;
    let mut is_open = false;
    let mut bytes = Vec::new();
    for block in kept.iter().rev() {
        if block.goes_on && !is_open {
            print(b"BEGIN;\n")?;
        }
        bytes.resize(block.length, 0);
        spool.read_exact_at(block.offset, &mut bytes)?;
        print(&bytes)?;
        is_open = block.continues;
    }
    batches.caution().end();
    Ok(())
}

fn encode(
    direction: Direction,
    batches: &mut Batches,
    take_block: impl FnMut(&Statements) -> Result<(), DecodeError> + Send,
) -> Result<(), DecodeError> {
    output::encode(
        batches,
        || SqlEncoder::new(direction),
        Plan::new,
        take_block,
    )
}
