//! The columns of a definition as a person reads them.

use std::io;

use crate::change::TableDefinition;

/// Prints a line for each column.
pub(super) fn print_columns(
    definition: &TableDefinition,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let columns = &definition.columns;
    let width = |text: fn(&crate::change::ColumnDefinition) -> &str| {
        let widths = columns.iter().map(|column| text(column).chars().count());
        widths.max().unwrap_or(0)
    };
    let names = width(|column| &column.name);
    let types = width(|column| &column.column_type).min(60);
    for (index, column) in columns.iter().enumerate() {
        let mut remarks = Vec::new();
        if let Some(place) = definition.key.iter().position(|key| *key == index) {
            remarks.push(format!("key {}", place + 1));
        }
        if !column.nullable {
            remarks.push("not null".to_owned());
        }
        remarks.extend(column.charset.as_deref().map(str::to_owned));
        if column.generated.is_some() {
            remarks.push("generated".to_owned());
        }
        if column.invisible {
            remarks.push("invisible".to_owned());
        }
        let (name, kind) = (&column.name, &column.column_type);
        let remarks = remarks.join(", ");
        let line = format!("  {name:names$}  {kind:types$}  {remarks}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
