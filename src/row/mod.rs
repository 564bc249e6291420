//! Row images and values: what the bytes of a row mean under a table's definition.
//!
//! Pure, and without allocation per row or cell: values borrow from the image.

mod charset;
mod column_type;
mod table;

pub use charset::Charset;
pub use column_type::ColumnType;
pub use table::{Column, Table, TableName};
