//! Table maps and rows made of choices, each sound in most places and wrong in some, in a group as a server logs it.

use std::sync::OnceLock;

use rowtap::binlog::{Coordinates, FIRST_POSITION, FormatDescription, Framer, Header};
use rowtap::mysql::Flavour;

const RECORDED: [(Flavour, &[u8]); 2] = [
    (
        Flavour::MySql,
        include_bytes!("../binlogs/mysql-9.7-gtid.binlog"),
    ),
    (
        Flavour::MariaDb,
        include_bytes!("../binlogs/mariadb-10.11-gtid.binlog"),
    ),
];

const QUERY: u8 = 2;
const XID: u8 = 16;
const TABLE_MAP: u8 = 19;
const GTIDS: [u8; 4] = [33, 34, 42, 162];
const TABLE_ID: [u8; 6] = [9, 0, 0, 0, 0, 0];

/// Types with the metadata that goes with them, and how long a value is: so many bytes, or behind so many bytes of length.
const COLUMNS: [(u8, &[u8], Length); 39] = [
    (1, &[], Length::Fixed(1)),
    (2, &[], Length::Fixed(2)),
    (3, &[], Length::Fixed(4)),
    (4, &[4], Length::Fixed(4)),
    (5, &[8], Length::Fixed(8)),
    (7, &[], Length::Fixed(4)),
    (8, &[], Length::Fixed(8)),
    (9, &[], Length::Fixed(3)),
    (10, &[], Length::Fixed(3)),
    (11, &[], Length::Fixed(3)),
    (12, &[], Length::Fixed(8)),
    (13, &[], Length::Fixed(1)),
    (15, &[200, 0], Length::Prefixed(1)),
    (15, &[44, 1], Length::Prefixed(2)),
    (16, &[5, 1], Length::Fixed(2)),
    (16, &[0, 8], Length::Fixed(8)),
    (17, &[0], Length::Fixed(4)),
    (17, &[6], Length::Fixed(7)),
    (18, &[3], Length::Fixed(7)),
    (18, &[6], Length::Fixed(8)),
    (19, &[2], Length::Fixed(4)),
    (19, &[5], Length::Fixed(6)),
    (140, &[2], Length::Prefixed(2)),
    (140, &[4], Length::Prefixed(4)),
    (141, &[200, 0], Length::Prefixed(1)),
    (242, &[4], Length::Prefixed(4)),
    (245, &[4], Length::Prefixed(4)),
    (245, &[2], Length::Prefixed(2)),
    (246, &[20, 6], Length::Fixed(10)),
    (246, &[65, 30], Length::Fixed(30)),
    (246, &[5, 5], Length::Fixed(3)),
    (252, &[1], Length::Prefixed(1)),
    (252, &[2], Length::Prefixed(2)),
    (252, &[4], Length::Prefixed(4)),
    (254, &[254, 40], Length::Prefixed(1)),
    (254, &[0xee, 0xfc], Length::Prefixed(2)),
    (254, &[247, 1], Length::Fixed(1)),
    (254, &[248, 8], Length::Fixed(8)),
    (255, &[4], Length::Prefixed(4)),
];

#[derive(Clone, Copy)]
enum Length {
    Fixed(usize),
    Prefixed(usize),
}

/// Bytes that decide; zeros when they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// True once in `count`; not when nothing is left.
    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// A few bytes.
    fn some(&mut self) -> Vec<u8> {
        let count = match self.below(8) {
            7 => self.below(256),
            few => few * 3,
        };
        self.bytes(count)
    }
}

/// The header of an event with a checksum, which begins at `position`.
pub fn header(kind: u8, body_bytes: usize, position: u32) -> Vec<u8> {
    let size = u32::try_from(19 + body_bytes).expect("an event of the tests' own is small");
    let mut header = 1_700_000_000_u32.to_le_bytes().to_vec();
    header.push(kind);
    header.extend(1_u32.to_le_bytes());
    header.extend(size.to_le_bytes());
    header.extend((position + size).to_le_bytes());
    header.extend([0, 0]);
    header
}

/// A recorded file's events: kind, header and body.
fn recorded(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, FormatDescription) {
    let mut framer = Framer::new(Coordinates::new("binlog.000001", FIRST_POSITION));
    let (mut events, mut at) = (Vec::new(), 4);
    while at < bytes.len() {
        let size = Header::parse(&bytes[at..])
            .expect("a recorded event")
            .event_size as usize;
        let event = &bytes[at..at + size];
        let body = framer.frame(event).expect("a recorded event").body;
        events.push((event[4], event[body].to_vec()));
        at += size;
    }
    (events, framer.format().clone())
}

/// What stands around rows: the file's first event, the begin of a group, its end.
#[derive(Clone)]
pub struct Frame {
    format: FormatDescription,
    /// The whole event.
    pub description: Vec<u8>,
    /// Kinds and bodies.
    pub begin: Vec<(u8, Vec<u8>)>,
    /// Kind and body.
    pub end: (u8, Vec<u8>),
}

fn frames() -> &'static [Frame; 2] {
    static FRAMES: OnceLock<[Frame; 2]> = OnceLock::new();
    FRAMES.get_or_init(|| {
        RECORDED.map(|(_, bytes)| {
            let (events, format) = recorded(bytes);
            let size = Header::parse(&bytes[4..]).expect("a header").event_size as usize;
            let map = events.iter().position(|(kind, _)| *kind == TABLE_MAP);
            let map = map.expect("a recording has rows");
            let begin = events[..map]
                .iter()
                .rposition(|(kind, _)| GTIDS.contains(kind));
            let begin = begin.expect("a recording has GTIDs");
            let group = events[begin..map].iter();
            let end = events[map..].iter().find(|(kind, _)| *kind == XID);
            Frame {
                format,
                description: bytes[4..4 + size].to_vec(),
                begin: group
                    .filter(|(kind, _)| *kind == QUERY || GTIDS.contains(kind))
                    .cloned()
                    .collect(),
                end: end.expect("a recorded group ends").clone(),
            }
        })
    })
}

/// The format descriptions of both families.
pub fn formats() -> [FormatDescription; 2] {
    [0, 1].map(|family: usize| frames()[family].format.clone())
}

/// What stands around rows in this family's files.
pub fn frame(flavour: Flavour) -> Frame {
    let of = RECORDED.iter().position(|(family, _)| *family == flavour);
    frames()[of.expect("both families are recorded")].clone()
}

/// A stream of whole events: a file's begin and one group, whose table map and rows the choices make.
pub fn rows(data: &[u8]) -> (Flavour, Vec<Vec<u8>>) {
    let mut choices = Choices(data);
    let family = choices.below(2);
    let frame = &frames()[family];
    let columns: Vec<_> = (0..1 + choices.below(10))
        .map(|_| COLUMNS[choices.below(COLUMNS.len())])
        .collect();
    let mut bodies = frame.begin.clone();
    bodies.push((TABLE_MAP, table_map(&mut choices, &columns)));
    for _ in 0..=choices.below(3) {
        bodies.push(rows_event(&mut choices, &columns));
    }
    bodies.push(frame.end.clone());
    for (kind, body) in &mut bodies {
        if *kind >= TABLE_MAP && choices.once_in(4) && !body.is_empty() {
            let at = choices.below(body.len());
            body[at] = choices.byte();
        }
    }
    let mut events = vec![frame.description.clone()];
    let mut position = 4 + frame.description.len();
    for (kind, body) in bodies {
        let begin = u32::try_from(position).expect("a stream of the tests' own is small");
        let mut event = header(kind, body.len() + 4, begin);
        event.extend(body);
        event.extend(crc32fast::hash(&event).to_le_bytes());
        position += event.len();
        events.push(event);
    }
    (RECORDED[family].0, events)
}

fn packed(number: usize) -> Vec<u8> {
    match u16::try_from(number).expect("lengths of the tests' own are small") {
        small @ 0..=250 => vec![small.to_le_bytes()[0]],
        more => [&[0xfc], &more.to_le_bytes()[..]].concat(),
    }
}

fn table_map(choices: &mut Choices<'_>, columns: &[(u8, &[u8], Length)]) -> Vec<u8> {
    let mut body = TABLE_ID.to_vec();
    body.extend([1, 0]);
    body.extend(b"\x04shop\0\x01t\0");
    body.extend(packed(columns.len()));
    body.extend(columns.iter().map(|(kind, _, _)| *kind));
    let mut metadata: Vec<u8> = columns.iter().flat_map(|(_, it, _)| it.to_vec()).collect();
    if choices.once_in(8) && !metadata.is_empty() {
        let at = choices.below(metadata.len());
        metadata[at] = choices.byte();
    }
    body.extend(packed(metadata.len()));
    body.extend(metadata);
    body.extend(choices.bytes(columns.len().div_ceil(8)));
    let mut field = |kind: u8, value: &[u8]| {
        body.push(kind);
        body.extend(packed(value.len()));
        body.extend(value);
    };
    if !choices.once_in(8) {
        field(1, &choices.bytes(columns.len().div_ceil(8)));
    }
    if !choices.once_in(8) {
        let collation = [8, 33, 45, 63, 83, 255, 28, 1][choices.below(8)];
        field(2, &packed(collation));
        field(10, &packed(collation));
    }
    if !choices.once_in(4) {
        let mut names = Vec::new();
        for index in 0..columns.len() {
            let name = match choices.once_in(8) {
                true => choices.some(),
                false => format!("c{index}").into_bytes(),
            };
            names.extend(packed(name.len()));
            names.extend(name);
        }
        field(4, &names);
    }
    for labels in [5, 6] {
        if !choices.once_in(8) {
            let mut value = Vec::new();
            for _ in columns.iter().filter(|(kind, metadata, _)| {
                *kind == 254 && metadata[0] == if labels == 6 { 247 } else { 248 }
            }) {
                let count = choices.below(9);
                value.extend(packed(count));
                for _ in 0..count {
                    value.extend([1, choices.byte()]);
                }
            }
            field(labels, &value);
        }
    }
    if choices.below(2) == 0 {
        field(8, &[0]);
    }
    if choices.once_in(8) {
        field(choices.byte(), &choices.some());
    }
    body
}

fn rows_event(choices: &mut Choices<'_>, columns: &[(u8, &[u8], Length)]) -> (u8, Vec<u8>) {
    let kind = [23, 24, 25, 30, 31, 32, 39][choices.below(7)];
    let mut body = TABLE_ID.to_vec();
    body.extend([1, 0]);
    if kind >= 30 {
        let extra = if choices.once_in(4) {
            choices.some()
        } else {
            Vec::new()
        };
        let length = u16::try_from(extra.len() + 2).expect("a few bytes");
        body.extend(length.to_le_bytes());
        body.extend(extra);
    }
    body.extend(packed(columns.len()));
    let bitmap = columns.len().div_ceil(8);
    let images = if matches!(kind, 24 | 31 | 39) { 2 } else { 1 };
    let mut present = Vec::new();
    for _ in 0..images {
        present.push(match choices.once_in(4) {
            true => choices.bytes(bitmap),
            false => vec![0xff; bitmap],
        });
    }
    body.extend(present.concat());
    for _ in 0..=choices.below(3) {
        for (image, present) in present.iter().enumerate() {
            if kind == 39 && image == 1 {
                let partial = choices.below(2);
                body.extend(packed(partial));
                if partial == 1 {
                    let documents = columns.iter().filter(|(kind, ..)| *kind == 245).count();
                    body.extend(choices.bytes(documents.div_ceil(8)));
                }
            }
            image_of(choices, columns, present, &mut body);
        }
    }
    if choices.once_in(8) {
        body.extend(choices.some());
    }
    (kind, body)
}

fn image_of(
    choices: &mut Choices<'_>,
    columns: &[(u8, &[u8], Length)],
    present: &[u8],
    body: &mut Vec<u8>,
) {
    let columns: Vec<_> = (0..columns.len())
        .filter(|index| present[index / 8] & (1 << (index % 8)) != 0)
        .map(|index| columns[index])
        .collect();
    let nulls = match choices.below(2) {
        0 => vec![0; columns.len().div_ceil(8)],
        _some => choices.bytes(columns.len().div_ceil(8)),
    };
    body.extend(&nulls);
    for (index, (_, _, length)) in columns.iter().enumerate() {
        if nulls[index / 8] & (1 << (index % 8)) != 0 {
            continue;
        }
        match length {
            Length::Fixed(count) => body.extend(choices.bytes(*count)),
            Length::Prefixed(count) => {
                let value = choices.some();
                let length = u32::try_from(value.len())
                    .expect("a few bytes")
                    .to_le_bytes();
                body.extend(&length[..*count]);
                body.extend(value);
            }
        }
    }
}
