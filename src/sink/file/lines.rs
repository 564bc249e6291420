//! JSON Lines in data files: which lines of a block go to which series.
//!
//! All that the folder, its series and its manifest do not know of the format.

use super::folder::DataFolder;
use super::series::SeriesKind;
use crate::encode::Lines;
use crate::sink::SinkError;

/// How the names of these files end.
pub const SUFFIX: &str = ".jsonl";

/// Appends a block's lines, in their order in each series; `true` when a file is full, so that a commit would close it.
///
/// # Errors
/// What the file system refuses, or a folder that was never committed to.
pub fn write(folder: &mut DataFolder, lines: &Lines) -> Result<bool, SinkError> {
    let mut from = 0;
    for ddl in &lines.ddl {
        append(folder, &SeriesKind::Changes, lines, from..ddl.start)?;
        append(folder, &SeriesKind::Ddl, lines, ddl.clone())?;
        from = ddl.end;
    }
    append(folder, &SeriesKind::Changes, lines, from..lines.bytes.len())?;
    folder.count_rows(&SeriesKind::Changes, lines.row_count);
    folder.count_rows(&SeriesKind::Ddl, lines.ddl.len() as u64);
    Ok(folder.is_full())
}

fn append(
    folder: &mut DataFolder,
    kind: &SeriesKind,
    lines: &Lines,
    range: std::ops::Range<usize>,
) -> Result<(), SinkError> {
    let bytes = lines
        .bytes
        .get(range)
        .expect("an encoder marks lines inside its block");
    folder.append(kind, bytes)
}
