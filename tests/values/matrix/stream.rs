//! The same changes as a connector's: what `rowtap run` writes of a server's stream is what `rowtap decode` prints of its
//! files.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};

use super::output::Line;
use crate::commands::process::Folder;
use crate::support::Server;

pub const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

/// A connector's folder for a server, and what is to come out of it.
pub struct Stream {
    folder: Folder,
    /// A digest a line of a row's change.
    expected: Vec<u64>,
}

fn digest(line: &Line<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (line.table, line.before, line.after, line.json_changes).hash(&mut hasher);
    hasher.finish()
}

impl Stream {
    /// Begins where the server's binlog ends now.
    pub fn begin(server: &Server) -> Self {
        let folder = Folder::streaming_any(server, "u");
        folder.succeeds(&ONCE);
        Self {
            folder,
            expected: Vec::new(),
        }
    }

    /// Takes note of a change that was decoded.
    pub fn expect(&mut self, line: &Line<'_>) {
        self.expected.push(digest(line));
    }

    /// Streams to the end of the binlog and compares every change; gives their number.
    pub fn check(self) -> usize {
        self.folder.succeeds(&ONCE);
        let folder = fs::read_dir(self.folder.path("changes")).expect("the sink's folder");
        let mut files: Vec<_> = folder.map(|entry| entry.expect("a file").path()).collect();
        files.retain(|path| path.to_string_lossy().contains("/changes-"));
        files.sort();
        let mut expected = self.expected.iter();
        for file in files {
            let text = fs::read_to_string(&file).expect("text");
            for line in text.lines() {
                let Some(parsed) = Line::parse(line) else {
                    continue;
                };
                let short: String = line.chars().take(400).collect();
                assert_eq!(expected.next(), Some(&digest(&parsed)), "{short}");
            }
        }
        assert_eq!(expected.len(), 0, "changes that the stream lacks");
        self.expected.len()
    }
}
