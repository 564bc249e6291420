//! The identity of groups in records: which server, where in its binlog, and the GTID; and what else is made of it.

use std::io::Write as _;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::EncodeError;
use super::destination::hash;
use crate::binlog::Coordinates;
use crate::change::{Batch, Origin};
use crate::row::{KnownDates, Timestamp, write_integer};

/// The parts of a group's identity, as text in the arena.
#[derive(Clone, Debug, Default)]
pub struct RecordIdentity {
    /// The source's UUID, or its server id where it has none.
    pub source: Range<u32>,
    /// File of the group's first event.
    pub file: Range<u32>,
    /// Position of the group's first event, in decimal.
    pub position: Range<u32>,
    /// The GTID; empty for none.
    pub gtid: Range<u32>,
    /// The hash of the GTID, or else of `file:position`, as of a key; 0 where no table goes by it.
    pub hash: u32,
    /// The id of its trace: 32 hexadecimal digits, the same for the same group; empty where the settings do not ask for it.
    pub trace: Range<u32>,
    /// When it was committed on the source, in microseconds since 1970.
    pub commit_us: i64,
    /// The same as RFC 3339 has it; empty where records are no CloudEvents.
    pub time: Range<u32>,
}

/// What the headers are called that tell the other half of a changed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherKeyNames {
    /// On the delete: the key that the row goes on under.
    pub new: &'static str,
    /// On the create: the key that the row had.
    pub old: &'static str,
    /// Whether the tombstone after the delete has the header too.
    pub(super) on_tombstones: bool,
}

impl OtherKeyNames {
    /// Those of records whose format has none of its own.
    pub(super) const OWN: Self = Self {
        new: "new_key",
        old: "old_key",
        on_tombstones: false,
    };
}

impl Default for OtherKeyNames {
    fn default() -> Self {
        Self::OWN
    }
}

/// What is wanted of a group beside its identity.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) traces: bool,
    pub(super) hashes: bool,
    pub(super) times: bool,
}

/// Writes the identity of every group of the batch; the source's is written once.
pub(super) fn write_identities(
    batch: &Batch,
    wanted: Wanted,
    arena: &mut Vec<u8>,
    groups: &mut Vec<RecordIdentity>,
) -> Result<(), EncodeError> {
    let Some(first) = batch.groups.first() else {
        return Ok(());
    };
    write_server(&batch.origin, arena);
    let source = range(0, arena, || first.begin.clone())?;
    let mut days = KnownDates::default();
    for group in &batch.groups {
        let at = || group.begin.clone();
        let start = arena.len();
        arena.extend_from_slice(group.begin.file.as_bytes());
        let file = range(start, arena, at)?;
        let start = arena.len();
        write_integer(group.begin.position, arena);
        let position = range(start, arena, at)?;
        let start = arena.len();
        if let Some(gtid) = &group.gtid {
            arena.extend_from_slice(gtid.to_string().as_bytes());
        }
        let gtid = range(start, arena, at)?;
        let start = arena.len();
        // What it is known by: its GTID, or else where it begins.
        let name_start = match &group.gtid {
            Some(_) => gtid.start as usize,
            None => start,
        };
        if group.gtid.is_none() && (wanted.hashes || wanted.traces) {
            arena.extend_from_slice(group.begin.to_string().as_bytes());
        }
        let name = arena.get(name_start..).unwrap_or_default();
        let hash = if wanted.hashes { hash(name) } else { 0 };
        let source_id = arena.get(..source.end as usize).unwrap_or_default();
        let trace = wanted.traces.then(|| trace(source_id, name));
        arena.truncate(start);
        if let Some(trace) = trace {
            write!(arena, "{trace:032x}").expect("an arena grows");
        }
        let trace = range(start, arena, at)?;
        let start = arena.len();
        if wanted.times {
            write_time(group.commit_us, &mut days, arena);
        }
        let time = range(start, arena, at)?;
        groups.push(RecordIdentity {
            source: source.clone(),
            file,
            position,
            gtid,
            hash,
            trace,
            commit_us: group.commit_us,
            time,
        });
    }
    Ok(())
}

/// Appends the source's UUID, or its server id where it has none.
pub(super) fn write_server(origin: &Origin, out: &mut Vec<u8>) {
    match &origin.server_uuid {
        Some(uuid) => {
            let mut text = uuid::Uuid::encode_buffer();
            let text = uuid.hyphenated().encode_lower(&mut text);
            out.extend_from_slice(text.as_bytes());
        }
        None => write_integer(origin.server_id, out),
    }
}

/// Appends the name of a source, in which only letters that need no escapes stand for themselves.
pub(super) fn write_source(name: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(b"/rowtap/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
            continue;
        }
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
        out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Appends a time in microseconds since 1970 as RFC 3339 has it.
pub(super) fn write_time(us: i64, days: &mut KnownDates, out: &mut Vec<u8>) {
    let timestamp = Timestamp {
        seconds: u32::try_from(us.div_euclid(1_000_000)).unwrap_or(u32::MAX),
        micros: u32::try_from(us.rem_euclid(1_000_000)).unwrap_or_default(),
        fsp: 6,
    };
    match timestamp.is_zero() {
        true => out.extend_from_slice(b"1970-01-01T00:00:00Z"),
        false => timestamp.write(days, out),
    }
}

/// The id of a group's trace, made of its identity, so that a repeated record has the same one.
fn trace(source: &[u8], name: &[u8]) -> u128 {
    let digest = Sha256::new()
        .chain_update(source)
        .chain_update(b" ")
        .chain_update(name)
        .finalize();
    let (id, _rest) = digest.split_first_chunk().expect("a digest has 32 bytes");
    u128::from_be_bytes(*id)
}

/// The bytes since `start`, as a block counts them.
pub(super) fn range(
    start: usize,
    arena: &[u8],
    at: impl FnOnce() -> Coordinates,
) -> Result<Range<u32>, EncodeError> {
    match (u32::try_from(start), u32::try_from(arena.len())) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(EncodeError::TooLarge { at: at() }),
    }
}
