//! Avro object container files: a series a table and one of statements. A file has one schema: a table's next file begins where its
//! schema changes.
//!
//! Each block of a file ends in the file's mark, and a commit comes between blocks: what the manifest records of a file is a
//! whole file.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest as _, Sha256};

use super::folder::DataFolder;
use super::series::{AVRO, SeriesKind};
use crate::encode::{
    AvroCodec, AvroSchema, ContainerPart, Containers, SYNC_BYTES, container_block, container_header,
};
use crate::row::TableName;
use crate::sink::SinkError;

/// How the names of these files end.
pub const SUFFIX: &str = AVRO;

/// Records of one schema on their way into a series.
struct Share<'a> {
    kind: SeriesKind,
    schema: &'a AvroSchema,
    holds: String,
    parts: Vec<&'a ContainerPart>,
}

/// Appends a block's records, in their order in each series; `true` when a file is full, so that a commit would close it.
///
/// # Errors
/// What the file system refuses, a folder that was never committed to, or a table that has no schema.
pub fn write(
    folder: &mut DataFolder,
    block: &Containers,
    codec: AvroCodec,
) -> Result<bool, SinkError> {
    for share in shares(block)? {
        let Share {
            kind,
            schema,
            holds,
            parts,
        } = share;
        let count = parts.iter().map(|part| part.count).sum();
        if count == 0 {
            continue;
        }
        let schema_text = &*schema.text;
        let name = folder.open_for(&kind, schema_text, |name| {
            container_header(schema, codec, &holds, &mark(name, schema_text))
        })?;
        let parts = parts.iter().map(|part| block.bytes.get(part.range.clone()));
        let parts = parts.map(Option::unwrap_or_default);
        let packed = packed(codec, parts.clone()).map_err(|source| SinkError::Io {
            action: "compress a block of",
            path: PathBuf::from(&name),
            source,
        })?;
        if let Some(packed) = packed {
            folder.append(&kind, &container_block(count, packed.len()))?;
            folder.append(&kind, &packed)?;
        } else {
            let byte_count = parts.clone().map(<[u8]>::len).sum();
            folder.append(&kind, &container_block(count, byte_count))?;
            for part in parts {
                folder.append(&kind, part)?;
            }
        }
        folder.append(&kind, &mark(&name, schema_text))?;
        folder.count_rows(&kind, count);
    }
    Ok(folder.is_full())
}

/// The parts together, compressed; `None` where they are to stay as they are.
fn packed<'a>(
    codec: AvroCodec,
    parts: impl Iterator<Item = &'a [u8]>,
) -> io::Result<Option<Vec<u8>>> {
    match codec {
        AvroCodec::Null => Ok(None),
        AvroCodec::Deflate => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            for part in parts {
                encoder.write_all(part)?;
            }
            encoder.finish().map(Some)
        }
        AvroCodec::Zstandard => {
            let mut encoder = zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
            for part in parts {
                encoder.write_all(part)?;
            }
            encoder.finish().map(Some)
        }
    }
}

/// The parts of a block by series and schema: those of one series in their order.
fn shares(block: &Containers) -> Result<Vec<Share<'_>>, SinkError> {
    let mut shares: Vec<Share<'_>> = Vec::new();
    for part in &block.parts {
        let (kind, schema, holds) = match part.table {
            None => {
                let schemas = block.statements.as_deref().ok_or(SinkError::NotOpen)?;
                (SeriesKind::Ddl, &schemas.value, "statements".to_owned())
            }
            Some(index) => {
                let plan = block.plans.get(index as usize).ok_or(SinkError::NotOpen)?;
                let schemas = plan.avro_schemas().ok_or(SinkError::NotOpen)?;
                let table = &plan.table.name;
                let schemas = schemas.map_err(|reason| SinkError::TableUnfit {
                    table: table.clone(),
                    reason,
                })?;
                (kind_of(table), &schemas.value, table.to_string())
            }
        };
        let last = shares.iter_mut().rev().find(|share| share.kind == kind);
        match last {
            Some(last) if last.schema == schema => last.parts.push(part),
            Some(_) | None => shares.push(Share {
                kind,
                schema,
                holds,
                parts: vec![part],
            }),
        }
    }
    Ok(shares)
}

/// The series of a table. Its name has letters that every file system takes, and no two tables have the same.
fn kind_of(table: &TableName) -> SeriesKind {
    let mut name = String::new();
    for (index, part) in [&table.database, &table.table].into_iter().enumerate() {
        if index > 0 {
            name.push('.');
        }
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => name.push(char::from(byte)),
                other => name.push_str(&format!("%{other:02X}")),
            }
        }
    }
    SeriesKind::Table(Arc::from(name))
}

/// What stands after each block of a file: its own, so that a reader that is lost finds the next block.
fn mark(name: &str, schema: &str) -> [u8; SYNC_BYTES] {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([0])
        .chain_update(schema)
        .finalize();
    let (mark, _rest) = digest.split_first_chunk().expect("a digest has 32 bytes");
    *mark
}
