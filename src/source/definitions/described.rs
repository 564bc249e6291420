//! What information_schema tells of a column that no reading of rows needs: default, comment, AUTO_INCREMENT.
//!
//! | server | COLUMN_DEFAULT has |
//! |---|---|
//! | MySQL | a text without quotes; `b'101'` of BIT, `0x41` of bytes (8.0 on), `CURRENT_TIMESTAMP(3)`, an expression where EXTRA says so |
//! | MariaDB | what a statement has |

use crate::change::statement::{StatementContext, printed_default};
use crate::change::{ColumnDefinition, ColumnDescription};
use crate::mysql::Flavour;
use crate::row::DefaultValue;
use crate::source::server::session::AnswerRow;

/// From this version on MySQL shows bytes by their digits.
const MYSQL_WITH_DIGITS: u32 = 80_000;

/// What a row of information_schema.COLUMNS tells.
pub(super) fn described(
    row: AnswerRow<'_>,
    column: &ColumnDefinition,
    context: StatementContext,
) -> ColumnDescription {
    let extra = row.text("extra").unwrap_or_default().to_ascii_lowercase();
    let default = row.text("default_value");
    let comment = row.text("comment").filter(|text| !text.is_empty());
    ColumnDescription {
        default: match context.flavour {
            Flavour::MariaDb => default.and_then(|text| printed_default(text, context)),
            Flavour::MySql => {
                let is_computed = extra.contains("default_generated");
                default.map(|text| shown_by_mysql(text, column, is_computed, context.version))
            }
        },
        comment: comment.map(Into::into),
        auto_increment: extra.contains("auto_increment"),
    }
}

fn shown_by_mysql(
    text: &str,
    column: &ColumnDefinition,
    is_computed: bool,
    version: u32,
) -> DefaultValue {
    let of_time = matches!(column.data_type(), "datetime" | "timestamp");
    if of_time && text.starts_with("CURRENT_TIMESTAMP") {
        return DefaultValue::Now;
    }
    if is_computed {
        return DefaultValue::Computed;
    }
    match column.data_type() {
        "bit" => {
            let digits = text.strip_prefix("b'");
            let digits = digits.and_then(|text| text.strip_suffix('\''));
            digits.map_or_else(
                || DefaultValue::Number(text.into()),
                |digits| DefaultValue::Bits(digits.into()),
            )
        }
        "binary" | "varbinary" if version >= MYSQL_WITH_DIGITS => {
            let digits = text.strip_prefix("0x");
            digits.map_or_else(
                || DefaultValue::Text(text.into()),
                |digits| DefaultValue::Hex(digits.into()),
            )
        }
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float"
        | "double" | "year" => DefaultValue::Number(text.into()),
        _other => DefaultValue::Text(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mysql_shows_is_told_as_it_is_meant() {
        let check = |column_type: &str, text: &str, is_computed, expected| {
            let column = ColumnDefinition {
                column_type: column_type.into(),
                ..ColumnDefinition::default()
            };
            let found = shown_by_mysql(text, &column, is_computed, 90_700);
            assert_eq!(found, expected, "{column_type} {text}");
        };
        check("int", "5", false, DefaultValue::Number("5".into()));
        check("varchar(9)", "5", false, DefaultValue::Text("5".into()));
        check("bit(3)", "b'101'", false, DefaultValue::Bits("101".into()));
        check(
            "binary(2)",
            "0x4142",
            false,
            DefaultValue::Hex("4142".into()),
        );
        check(
            "datetime(3)",
            "CURRENT_TIMESTAMP(3)",
            true,
            DefaultValue::Now,
        );
        check("timestamp", "CURRENT_TIMESTAMP", false, DefaultValue::Now);
        check(
            "varchar(9)",
            "CURRENT_TIMESTAMP",
            false,
            DefaultValue::Text("CURRENT_TIMESTAMP".into()),
        );
        check("varchar(36)", "uuid()", true, DefaultValue::Computed);
    }
}
