//! Binlogs that real servers wrote, read event by event: kinds, places and contents as `mysqlbinlog` tells them.
//!
//! `tests/binlogs/NAME.sql` made `NAME.binlog`, and `tests/golden/NAME.txt` is what the server's `mysqlbinlog -vv` prints
//! of it. `UPDATE_GOLDEN=1` records both anew.

mod archive;
mod dump;
mod gtids;
mod hostile;
mod listing;
mod peer;
mod tables;

use std::path::{Path, PathBuf};

use rowtap::binlog::{Coordinates, EventKind, Frame, Framer};
use rowtap::source::{
    BinlogExtent, BinlogSeries, Budget, EVENT_BYTES_MAX, EventSource, FileStream, InputPath,
};

use crate::support::{Flavour, Server};

/// A binlog of a server under certain options, and the statements that made it.
pub struct Recording {
    pub name: &'static str,
    pub flavour: Flavour,
}

pub const RECORDINGS: [Recording; 4] = [
    Recording {
        name: "mysql-9.7-gtid",
        flavour: Flavour::MySql97,
    },
    Recording {
        name: "mysql-9.7-anonymous",
        flavour: Flavour::MySql97,
    },
    Recording {
        name: "mariadb-10.11-gtid",
        flavour: Flavour::MariaDb1011,
    },
    Recording {
        name: "mariadb-10.11-plain",
        flavour: Flavour::MariaDb1011,
    },
];

/// The file's name on its server.
const FILE: &str = "binlog.000001";

impl Recording {
    pub fn sql(&self) -> String {
        std::fs::read_to_string(folder("binlogs").join(format!("{}.sql", self.name))).unwrap()
    }

    pub fn binlog_path(&self) -> PathBuf {
        folder("binlogs").join(format!("{}.binlog", self.name))
    }

    pub fn golden_path(&self) -> PathBuf {
        folder("golden").join(format!("{}.txt", self.name))
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.binlog_path()).unwrap()
    }

    /// Runs the statements on a new server of the recording's kind.
    pub fn run(&self) -> Server {
        let sql = self.sql();
        let options = sql
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("-- options:"));
        let options: Vec<&str> = options
            .expect("the first line names the options")
            .split_whitespace()
            .collect();
        let server = Server::start(self.flavour, &options);
        server.client(&["--default-character-set=utf8mb4"], &sql);
        server
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// An event of a binlog with its frame.
#[derive(Debug)]
pub struct Event {
    pub frame: Frame,
    pub bytes: Vec<u8>,
}

impl Event {
    pub fn kind(&self) -> EventKind {
        self.frame.header.kind
    }

    pub fn body(&self) -> &[u8] {
        &self.bytes[self.frame.body.clone()]
    }
}

/// A binlog file as a source, from a position on.
fn file_source(path: &Path, start: u64, budget: Budget) -> FileStream {
    let extent = BinlogExtent {
        start,
        ..BinlogExtent::default()
    };
    let places = vec![InputPath::File(path.to_owned())];
    let series = BinlogSeries::new(places, extent, EVENT_BYTES_MAX, false).unwrap();
    FileStream::new(series, budget)
}

/// Every event of a file, and the framer behind them.
pub async fn events(path: &Path) -> (Vec<Event>, Framer) {
    let mut source = file_source(path, 4, Budget::new(64 << 20));
    let mut framer = Framer::new(Coordinates::new(FILE, 4));
    let mut events = Vec::new();
    while let Some(chunk) = source.next().await.unwrap() {
        for range in chunk.events {
            let bytes = chunk.buffer[range.start as usize..range.end as usize].to_vec();
            let frame = framer.frame(&bytes).unwrap();
            events.push(Event { frame, bytes });
        }
    }
    (events, framer)
}
