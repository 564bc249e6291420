//! The commands that tell the definitions and engines for want of which a stream has stopped, as a file to edit and run.

use std::fmt::Write as _;
use std::path::Path;

use tracing::warn;

use crate::change::{Lacking, Untold};
use crate::metrics::one_line;
use crate::pipeline::connector::Connector;
use crate::pipeline::error::PipelineError;
use crate::state::StateFolder;

/// Ends a statement in the file.
const END: &str = "END_OF_CREATE_TABLE";

/// Writes the file where a failure is for want of definitions, and has the failure name it.
pub(super) fn write(
    failure: PipelineError,
    connector: &Connector,
    folder: &StateFolder,
) -> PipelineError {
    let PipelineError::Assemble(mut error) = failure else {
        return failure;
    };
    let lacking = error.trouble.lacking();
    if !lacking.is_empty() {
        let here = std::env::current_dir().unwrap_or_default();
        match folder.keep_commands(&script(&lacking, connector, &here)) {
            Ok(path) => error.trouble.written_to(path),
            Err(failure) => warn!(
                error = one_line(&failure),
                "the commands that tell the missing definitions could not be written to a file"
            ),
        }
    }
    PipelineError::Assemble(error)
}

fn script(lacking: &[Lacking], connector: &Connector, here: &Path) -> String {
    let mut text = String::new();
    if let Some(Lacking { table, end, untold }) = lacking.first() {
        let (name, table) = (&connector.name, one(table));
        let what = match untold {
            Untold::Definition { .. } | Untold::Charset { .. } => "definition",
            Untold::Engine => "engine",
        };
        let _ = writeln!(
            text,
            "#!/bin/sh\n# {name} stopped at {end} for want of the {what} of {table}\nset -eu"
        );
    }
    text += "# The binlog does not tell how these tables were defined there. Replace each <blank> by what was so at that place,\n\
             # or a whole statement by what SHOW CREATE TABLE printed then. Run this file while the connector is stopped, then\n\
             # start the connector, which compares types and number of the columns with its binlog.\n";
    let _ = writeln!(text, "cd {}", quoted(&here.display().to_string()));
    for Lacking { table, end, untold } in lacking {
        if matches!(untold, Untold::Charset { .. }) {
            text += "\n# Needed only if a text of this table is not ASCII; remove it otherwise.";
        }
        let _ = write!(
            text,
            "\n\"${{ROWTAP:-rowtap}}\" definitions {} --table {} --at {} ",
            quoted(&connector.path.display().to_string()),
            quoted(&one(table)),
            quoted(&end.to_string()),
        );
        text += &match untold {
            Untold::Definition { draft } | Untold::Charset { draft } => {
                let draft = match draft.is_empty() {
                    true => "<name, and the rest of CREATE TABLE>\n",
                    false => draft,
                };
                format!("--define - <<'{END}'\n{draft}{END}\n")
            }
            Untold::Engine => "--engine '<engine, such as InnoDB>'\n".to_owned(),
        };
    }
    text
}

/// A table's name in one line.
fn one(table: &crate::row::TableName) -> String {
    table.to_string().replace(['\n', '\r'], "?")
}

/// A word of the shell.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
