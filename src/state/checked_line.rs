//! Lines of JSON that end with the checksum of what stands before it, as the journal and a file sink's manifest hold them.
//!
//! `{…,"crc32":N}`, where N is the CRC-32 (IEEE) of the line's bytes before `,"crc32":`.

use serde::Serialize;

/// What stands before a line's checksum.
pub const CRC_FIELD: &[u8] = b",\"crc32\":";
/// The most digits of a checksum and the closing brace.
const CRC_TAIL_MAX: usize = 11;

/// Appends a value, which must serialise as an object with a member at least, as a line; returns its checksum.
pub fn write(value: &impl Serialize, out: &mut Vec<u8>) -> u32 {
    let start = out.len();
    serde_json::to_writer(&mut *out, value).expect("what is kept in lines has string keys only");
    let closing = out.pop();
    debug_assert_eq!(closing, Some(b'}'));
    let crc32 = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(CRC_FIELD);
    out.extend_from_slice(itoa::Buffer::new().format(crc32).as_bytes());
    out.extend_from_slice(b"}\n");
    crc32
}

/// Makes sure that a line, its line feed left out, is to the last byte what was written; returns its checksum.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub fn verify(line: &[u8]) -> Result<u32, String> {
    let search_from = line.len().saturating_sub(CRC_FIELD.len() + CRC_TAIL_MAX);
    let tail = line.get(search_from..).unwrap_or_default();
    let found = tail
        .windows(CRC_FIELD.len())
        .rposition(|window| window == CRC_FIELD)
        .ok_or("it has no checksum")?;
    let (body, rest) = line
        .split_at_checked(search_from + found)
        .ok_or("it has no checksum")?;
    let crc32: u32 = rest
        .strip_prefix(CRC_FIELD)
        .and_then(|rest| rest.strip_suffix(b"}"))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or("its checksum is no number")?;
    match crc32fast::hash(body) {
        found if found == crc32 => Ok(crc32),
        found => Err(format!("its checksum is {found}, expected {crc32}")),
    }
}
