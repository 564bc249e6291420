//! A writer of binlog events for the tests: just enough of each kind to make groups.

use crate::binlog::EventKind;

/// Writes one file's events back to back.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    pub(super) events: Vec<std::ops::Range<u32>>,
    pub(super) position: u32,
    pub(super) server_id: u32,
    /// Whether events have checksums.
    pub(super) checked: bool,
}

impl Writer {
    /// Begins a file with its format description.
    pub(super) fn new() -> Self {
        Self::begin(false)
    }

    /// Begins a file whose events have checksums.
    pub(super) fn checked() -> Self {
        Self::begin(true)
    }

    /// The same events once more.
    pub(super) fn again(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            events: self.events.clone(),
            ..*self
        }
    }

    fn begin(checked: bool) -> Self {
        let mut writer = Self {
            bytes: Vec::new(),
            events: Vec::new(),
            position: 4,
            server_id: 1,
            checked,
        };
        let mut body = 4u16.to_le_bytes().to_vec();
        let mut version = b"9.7.4".to_vec();
        version.resize(50, 0);
        body.extend(version);
        body.extend([0; 4]);
        body.push(19);
        let mut post_header_lengths = [0; 42];
        post_header_lengths[usize::from(EventKind::Query.number()) - 1] = 13;
        body.extend(post_header_lengths);
        body.push(u8::from(checked));
        if !checked {
            body.extend([0; 4]);
        }
        writer.event(EventKind::FormatDescription, &body);
        writer
    }

    pub(super) fn event(&mut self, kind: EventKind, body: &[u8]) {
        let checksum = if self.checked { 4 } else { 0 };
        let size = u32::try_from(19 + body.len() + checksum).unwrap();
        self.position += size;
        let begin = u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend(1_700_000_000u32.to_le_bytes());
        self.bytes.push(kind.number());
        self.bytes.extend(self.server_id.to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(self.position.to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes.extend(body);
        if self.checked {
            let event = self.bytes.get(begin as usize..).unwrap();
            let checksum = crc32fast::hash(event).to_le_bytes();
            self.bytes.extend(checksum);
        }
        self.events.push(begin..begin + size);
    }

    /// Ends the file within a group, whose server did not live to end it.
    pub(super) fn abandon(&mut self) {
        self.event(EventKind::Stop, &[]);
    }

    pub(super) fn gtid(&mut self, number: u64) {
        let mut body = vec![0];
        body.extend([7; 16]);
        body.extend(number.to_le_bytes());
        body.extend([2; 17]);
        self.event(EventKind::Gtid, &body);
    }

    /// A MariaDB GTID event, which stands for BEGIN too; 4 among its flags says that all can be rolled back.
    pub(super) fn mariadb_gtid(&mut self, number: u64, flags: u8) {
        let mut body = number.to_le_bytes().to_vec();
        body.extend([0; 4]);
        body.push(flags);
        body.extend([0; 6]);
        self.event(EventKind::MariaDbGtid, &body);
    }

    pub(super) fn query(&mut self, statement: &str) {
        let mut body = vec![0; 13];
        body[8] = 1;
        body.extend(b"d\0");
        body.extend(statement.as_bytes());
        self.event(EventKind::Query, &body);
    }

    /// A table of one INT column `id`, its key.
    pub(super) fn table_map(&mut self, id: u8, database: &str, table: &str, named: bool) {
        let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0];
        for name in [database, table] {
            body.push(u8::try_from(name.len()).unwrap());
            body.extend(name.as_bytes());
            body.push(0);
        }
        body.extend([1, 3, 0, 0]);
        body.extend([1, 1, 0]);
        if named {
            body.extend([4, 3, 2, b'i', b'd', 8, 1, 0]);
        }
        self.event(EventKind::TableMap, &body);
    }

    pub(super) fn insert(&mut self, id: u8, values: &[i32]) {
        let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1];
        for value in values {
            body.push(0);
            body.extend(value.to_le_bytes());
        }
        self.event(EventKind::WriteRows, &body);
    }

    pub(super) fn xid(&mut self) {
        self.event(EventKind::Xid, &9u64.to_le_bytes());
    }

    /// A whole transaction that inserts `values` into `d.t`.
    pub(super) fn transaction(&mut self, number: u64, values: &[i32]) {
        self.gtid(number);
        self.query("BEGIN");
        self.table_map(1, "d", "t", true);
        self.insert(1, values);
        self.xid();
    }
}
