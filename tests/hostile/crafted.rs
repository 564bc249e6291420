//! Binlog files written by the tests themselves, for what no server writes: sound but for the events a case puts in.

use rowtap::mysql::Flavour;

use super::shapes::{frame, header};

/// The table that sound table maps describe.
pub const TABLE_ID: [u8; 6] = [9, 0, 0, 0, 0, 0];
pub const QUERY: u8 = 2;
pub const TABLE_MAP: u8 = 19;
pub const WRITE_ROWS: u8 = 30;

/// Types that have a sign.
const NUMERIC: [u8; 9] = [1, 2, 3, 4, 5, 8, 9, 13, 246];

/// A file in the making.
pub struct Crafted {
    bytes: Vec<u8>,
    end: (u8, Vec<u8>),
}

impl Crafted {
    /// One that holds a format description.
    pub fn new(flavour: Flavour) -> Self {
        let frame = frame(flavour);
        let mut bytes = b"\xfebin".to_vec();
        bytes.extend(frame.description);
        Self {
            bytes,
            end: frame.end,
        }
    }

    /// One in which a group is open.
    pub fn in_group(flavour: Flavour) -> Self {
        let mut crafted = Self::new(flavour);
        for (kind, body) in frame(flavour).begin {
            crafted.event(kind, &body);
        }
        crafted
    }

    /// Where the next event begins.
    pub fn position(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Writes an event.
    pub fn event(&mut self, kind: u8, body: &[u8]) {
        self.flagged(kind, 0, body);
    }

    /// Writes an event with flags in its header.
    pub fn flagged(&mut self, kind: u8, flags: u16, body: &[u8]) {
        let position = u32::try_from(self.bytes.len()).expect("a file of the tests' own is small");
        let mut event = header(kind, body.len() + 4, position);
        event.truncate(17);
        event.extend(flags.to_le_bytes());
        event.extend(body);
        event.extend(crc32fast::hash(&event).to_le_bytes());
        self.bytes.extend(event);
    }

    /// Writes a header that states another size than its event has.
    pub fn sized(&mut self, kind: u8, size: u32) {
        let mut event = header(kind, 30, 4);
        event[9..13].copy_from_slice(&size.to_le_bytes());
        event.resize(49, 0);
        self.bytes.extend(event);
    }

    /// Ends the open group.
    pub fn commit(&mut self) {
        let (kind, body) = self.end.clone();
        self.event(kind, &body);
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A number as the binlog packs it.
pub fn packed(number: u64) -> Vec<u8> {
    let bytes = number.to_le_bytes();
    match number {
        0..=250 => vec![bytes[0]],
        251..=0xffff => [&[0xfc], &bytes[..2]].concat(),
        0x1_0000..=0xff_ffff => [&[0xfd], &bytes[..3]].concat(),
        _more => [&[0xfe], &bytes[..]].concat(),
    }
}

/// A table map without optional metadata.
pub fn plain_map(database: &[u8], table: &[u8], types: &[u8], metadata: &[u8]) -> Vec<u8> {
    let mut body = TABLE_ID.to_vec();
    body.extend([1, 0]);
    for name in [database, table] {
        body.push(u8::try_from(name.len()).expect("a short name"));
        body.extend(name);
        body.push(0);
    }
    body.extend(packed(types.len() as u64));
    body.extend(types);
    body.extend(packed(metadata.len() as u64));
    body.extend(metadata);
    body.extend(vec![0xff; types.len().div_ceil(8)]);
    body
}

/// A field of the optional metadata.
pub fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind], &packed(value.len() as u64)[..], value].concat()
}

/// A table map with names and character sets.
pub fn full_map(database: &[u8], table: &[u8], columns: &[(u8, &[u8], &[u8])]) -> Vec<u8> {
    let types: Vec<u8> = columns.iter().map(|(kind, ..)| *kind).collect();
    let metadata: Vec<u8> = columns.iter().flat_map(|(_, it, _)| it.to_vec()).collect();
    let mut body = plain_map(database, table, &types, &metadata);
    let numbers = types.iter().filter(|kind| NUMERIC.contains(kind)).count();
    if numbers > 0 {
        body.extend(field(1, &vec![0; numbers.div_ceil(8)]));
    }
    body.extend(field(2, &[45]));
    let names: Vec<u8> = columns
        .iter()
        .flat_map(|(_, _, name)| [&packed(name.len() as u64)[..], name].concat())
        .collect();
    body.extend(field(4, &names));
    body
}

/// A rows event of one image that inserts into that table.
pub fn insert(columns: u64, image: &[u8]) -> Vec<u8> {
    let mut body = TABLE_ID.to_vec();
    body.extend([1, 0, 2, 0]);
    body.extend(packed(columns));
    let bitmap = usize::try_from(columns.div_ceil(8)).unwrap_or(8).min(512);
    body.extend(vec![0xff; bitmap]);
    body.extend(image);
    body
}

/// A frame of zstd that unpacks to `bytes` zeros, in blocks of four bytes each.
pub fn zeros(bytes: u64) -> Vec<u8> {
    const BLOCK: u64 = 128 << 10;
    // No checksum, no content size, a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    let blocks = bytes.div_ceil(BLOCK);
    for block in 0..blocks {
        let last = u64::from(block + 1 == blocks);
        let size = if last == 1 {
            bytes - BLOCK * (blocks - 1)
        } else {
            BLOCK
        };
        frame.extend(&((size << 3) | (1 << 1) | last).to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// The body of a payload event.
pub fn payload(compression: u64, unpacked: u64, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, number) in [(2, compression), (3, unpacked), (1, bytes.len() as u64)] {
        body.extend(field(kind, &packed(number)));
    }
    body.push(0);
    body.extend(bytes);
    body
}

/// An event as it stands inside a payload: without a checksum.
pub fn inner(kind: u8, body: &[u8]) -> Vec<u8> {
    [&header(kind, body.len(), 4)[..], body].concat()
}
