//! Row images and values: what the bytes of a row mean under a table's definition.
//!
//! Pure, and without allocation per row or cell: values borrow from the image.

mod charset;
mod check;
mod collation;
mod column_type;
mod decimal;
mod digester;
mod digits;
mod double;
mod error;
mod escape;
mod image;
mod image_value;
mod images;
mod json_diff;
mod json_opaque;
mod json_path;
mod jsonb;
#[cfg(test)]
mod jsonb_document;
mod jsonb_writer;
mod multi_byte;
mod network;
mod numbers;
mod old_temporal;
mod packed;
mod plain_text;
mod raw_labels;
mod resolve;
mod shown;
mod table;
mod temporal;
mod timestamp;
mod treated;
mod treatment;
mod value;

pub use charset::{BINARY, Charset, name_of_collation};
pub use check::ValueCheck;
pub use collation::{CollatedText, Collation, LikePattern, LiteralError};
pub use column_type::ColumnType;
pub use decimal::Decimal;
pub use digester::Digester;
pub use digits::{hex_digit, write_integer};
pub use error::{Inside, RowError};
pub use escape::{write_escaped, write_plain_start, write_string, write_utf8};
pub use image::{Cell, ImageWalk, Shape};
pub use image_value::ImageValues;
pub use images::Images;
pub use json_diff::{Changes, Patched};
pub use json_opaque::Opaque;
pub use jsonb::Json;
pub use multi_byte::Written;
pub use network::{write_inet4, write_inet6, write_uuid};
pub use packed::{Packed, Unpacking};
pub use plain_text::PlainText;
pub use raw_labels::{RawLabels, RawSet};
pub use resolve::{CharsetName, ColumnFacts, Labels, Special};
pub use shown::{reserve_for, write_base64, write_float, write_geometry, write_vector};
pub use table::{Column, Computed, Span, Table, TableName, quoted};
pub use temporal::{Date, DateTime, KnownDates, Time};
pub use timestamp::Timestamp;
pub use treated::{TreatedImages, TreatmentError};
pub use treatment::{ColumnTreatment, Replacement, Treatment};
pub use value::{Binary, Set, Text, Value, integer, read, signed_integer, unsigned_integer};
