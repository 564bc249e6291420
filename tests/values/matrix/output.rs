//! What `rowtap decode` prints of a binlog file, line by line.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::decode::in_order;

/// The parts of a line that tell of a change, as they stand there.
#[derive(Debug, Default)]
pub struct Line<'a> {
    pub table: &'a str,
    pub before: Option<&'a str>,
    pub after: Option<&'a str>,
    pub json_changes: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Takes a line apart; `None` for one that tells of something else than a row.
    pub fn parse(line: &'a str) -> Option<Self> {
        let mut parsed = Self::default();
        for (name, value) in in_order(line) {
            let image = (value != "null").then_some(value);
            match name {
                "before" => parsed.before = image,
                "after" => parsed.after = image,
                "json_changes" => parsed.json_changes = image,
                "source" => {
                    let mut members = in_order(value);
                    let table = members.find(|(name, _)| *name == "table");
                    parsed.table = table.expect("a table").1.trim_matches('"');
                }
                _other => {}
            }
        }
        (parsed.before.is_some() || parsed.after.is_some()).then_some(parsed)
    }
}

/// Decodes a file to its end, which has to be a good one, and hands over each line.
pub fn decode(file: &Path, definitions: Option<&Path>, mut line: impl FnMut(&str)) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowtap"));
    command.args(["--log-format", "text", "decode"]);
    if let Some(definitions) = definitions {
        command.arg("--definitions").arg(definitions);
    }
    let errors = tempfile::NamedTempFile::new().expect("a file");
    let mut child = command
        .arg(file)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors.reopen().expect("a file"))
        .spawn()
        .expect("rowtap starts");
    let stdout = child.stdout.take().expect("its output");
    for read in BufReader::with_capacity(1 << 20, stdout).lines() {
        line(&read.expect("text"));
    }
    let status = child.wait().expect("it ends");
    let errors = std::fs::read_to_string(errors.path()).expect("text");
    assert!(status.success(), "{}: {errors}", file.display());
    verify(file);
}

/// Makes sure that `--verify` finds nothing wrong with a file that a server wrote.
fn verify(file: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_rowtap"))
        .args(["--log-format", "text", "decode", "--verify"])
        .arg(file)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .expect("rowtap starts");
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && found.contains(", nothing wrong"),
        "{}: {found} {}",
        file.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}
