//! Kinds and places of events, beside `mysqlbinlog`'s listing of the same file.

use std::path::Path;

use rowtap::binlog::EventKind;

use super::{Event, FILE, RECORDINGS, Recording, events, file_source};
use crate::support::Flavour;

/// What `mysqlbinlog` lists of an event.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    end: u64,
    kind: String,
}

/// The places and the events of a listing. Events within a compressed transaction are left out: they have no place.
fn listed(text: &str) -> (Vec<u64>, Vec<Listed>) {
    let (mut starts, mut events) = (Vec::new(), Vec::new());
    let mut is_inside = false;
    for line in text.lines() {
        match line {
            "# Start of compressed events!" | "# Start of compressed events." => is_inside = true,
            "# End of compressed events!" | "# End of compressed events." => is_inside = false,
            _inside if is_inside => {}
            line => {
                if let Some(start) = line.strip_prefix("# at ") {
                    starts.push(start.parse().unwrap());
                }
                events.extend(event(line));
            }
        }
    }
    (starts, events)
}

/// Reads `#261121  3:17:12 server id 1  end_log_pos 127 CRC32 0x45489234`, a tab, `Start: binlog v 4, …`.
fn event(line: &str) -> Option<Listed> {
    let (_, rest) = line.strip_prefix('#')?.split_once(" end_log_pos ")?;
    let (end, rest) = rest.split_once(' ')?;
    let (_, text) = rest.split_once('\t')?;
    let kind: String = text
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .collect();
    let kind = match kind.as_str() {
        "XA" | "XID" => "XA PREPARE".to_owned(),
        "Gtid" => "Gtid list".to_owned(),
        _other if text.starts_with("Xid = ") => "Xid".to_owned(),
        _other if text.starts_with("XID = ") => "XA PREPARE".to_owned(),
        _other if text.starts_with("Binlog checkpoint") => "Binlog checkpoint".to_owned(),
        _other => kind,
    };
    Some(Listed {
        end: end.parse().ok()?,
        kind,
    })
}

/// The word that `mysqlbinlog` has for a kind; MySQL's own calls tagged GTIDs GTIDs.
fn word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Query => "Query",
        EventKind::Stop => "Stop",
        EventKind::Rotate => "Rotate",
        EventKind::Intvar => "Intvar",
        EventKind::Rand => "Rand",
        EventKind::UserVar => "User_var",
        EventKind::FormatDescription => "Start",
        EventKind::Xid => "Xid",
        EventKind::TableMap => "Table_map",
        EventKind::WriteRows | EventKind::WriteRowsV1 => "Write_rows",
        EventKind::UpdateRows | EventKind::UpdateRowsV1 => "Update_rows",
        EventKind::DeleteRows | EventKind::DeleteRowsV1 => "Delete_rows",
        EventKind::PartialUpdateRows => "Update_rows_partial",
        EventKind::RowsQuery => "Rows_query",
        EventKind::Gtid | EventKind::GtidTagged | EventKind::MariaDbGtid => "GTID",
        EventKind::AnonymousGtid => "Anonymous_GTID",
        EventKind::PreviousGtids => "Previous-GTIDs",
        EventKind::XaPrepare => "XA PREPARE",
        EventKind::TransactionPayload => "Transaction_Payload",
        EventKind::AnnotateRows => "Annotate_rows",
        EventKind::BinlogCheckpoint => "Binlog checkpoint",
        EventKind::MariaDbGtidList => "Gtid list",
        EventKind::QueryCompressed => "Query_compressed",
        EventKind::WriteRowsCompressedV1 => "Write_compressed_rows",
        EventKind::UpdateRowsCompressedV1 => "Update_compressed_rows",
        EventKind::DeleteRowsCompressedV1 => "Delete_compressed_rows",
        other => panic!("{other} is in no recording"),
    }
}

#[track_caller]
fn compare(name: &str, events: &[Event], text: &str) {
    let (mut starts, mut expected) = listed(text);
    // The listing keeps table maps back until their rows events come, and context until its statement.
    starts.sort_unstable();
    expected.sort_unstable();
    let found: Vec<u64> = events.iter().map(|event| event.frame.start).collect();
    assert_eq!(found, starts, "{name}: where events begin");
    let found: Vec<Listed> = events
        .iter()
        .map(|event| Listed {
            end: event.frame.end,
            kind: word(event.kind()).to_owned(),
        })
        .collect();
    assert_eq!(
        found, expected,
        "{name}: what events are and where they end"
    );
    assert!(events.iter().all(|event| !event.frame.artificial), "{name}");
    println!("{name}: {} events", events.len());
}

fn mysqlbinlog(recording: &Recording, server: &crate::support::Server, path: &Path) -> String {
    let arguments = ["-vv", "--base64-output=decode-rows", path.to_str().unwrap()];
    let text = server.mysqlbinlog(&arguments);
    assert!(text.contains("# at 4\n"), "{}: {text}", recording.name);
    text
}

#[tokio::test]
async fn recorded_binlogs_are_listed_as_mysqlbinlog_lists_them() {
    for recording in &RECORDINGS {
        let (events, framer) = events(&recording.binlog_path()).await;
        let text = std::fs::read_to_string(recording.golden_path()).unwrap();
        compare(recording.name, &events, &text);
        assert_eq!(&*framer.next().file, "binlog.000002", "{}", recording.name);
        assert_eq!(framer.next().position, 4);
    }
}

/// Recordings of another suite, which have no listing of their own kept beside them.
const SHOPS: [(&str, Flavour); 2] = [
    ("shop-mysql-9.7", Flavour::MySql97),
    ("shop-mariadb-10.11", Flavour::MariaDb1011),
];

#[tokio::test]
async fn every_other_recording_is_listed_as_its_own_tool_lists_it() {
    let recorded = std::fs::read_dir(super::folder("binlogs")).unwrap();
    let recorded = recorded.map(|entry| entry.unwrap().path());
    let mut others: Vec<std::path::PathBuf> = recorded
        .filter(|path| path.extension().is_some_and(|ending| ending == "binlog"))
        .filter(|path| RECORDINGS.iter().all(|known| known.binlog_path() != *path))
        .collect();
    others.sort();
    let shops = SHOPS.map(|(name, _)| super::folder("binlogs").join(format!("{name}.binlog")));
    let mut expected = shops.to_vec();
    expected.sort();
    assert_eq!(others, expected, "a recording that nothing lists");
    for (path, (name, flavour)) in shops.iter().zip(SHOPS) {
        let server = crate::support::Server::shared(flavour);
        let arguments = ["-vv", "--base64-output=decode-rows", path.to_str().unwrap()];
        let text = server.mysqlbinlog(&arguments);
        assert!(text.contains("# at 4\n"), "{name}: {text}");
        let (events, _) = events(path).await;
        assert!(events.len() > 30, "{name}");
        compare(name, &events, &text);
    }
}

/// The same statements on a server of today: with `UPDATE_GOLDEN=1` this makes the recordings.
#[tokio::test]
async fn binlogs_of_the_moment_are_listed_as_mysqlbinlog_lists_them() {
    for recording in &RECORDINGS {
        let server = recording.run();
        let path = server.binlog_path(FILE);
        let text = mysqlbinlog(recording, &server, &path);
        let (events, _) = events(&path).await;
        compare(recording.name, &events, &text);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::copy(&path, recording.binlog_path()).unwrap();
            std::fs::write(recording.golden_path(), &text).unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_may_be_read_from_any_of_its_events() {
    use rowtap::binlog::{Coordinates, Framer};
    use rowtap::source::{Budget, EventSource};

    for recording in &RECORDINGS {
        let path = recording.binlog_path();
        let (whole, _) = events(&path).await;
        for (index, first) in whole.iter().enumerate().skip(1) {
            let start = first.frame.start;
            let budget = Budget::new(1 << 20);
            let mut source = file_source(&path, start, budget);
            let mut framer = Framer::new(Coordinates::new(FILE, start));
            let mut found = Vec::new();
            while let Some(chunk) = source.next().await.unwrap() {
                for range in chunk.events {
                    let event = &chunk.buffer[range.start as usize..range.end as usize];
                    found.push(framer.frame(event).unwrap());
                }
            }
            assert!(found.remove(0).artificial, "{}:{start}", recording.name);
            let expected: Vec<_> = whole[index..].iter().map(|event| &event.frame).collect();
            assert_eq!(
                found.iter().collect::<Vec<_>>(),
                expected,
                "{}:{start}",
                recording.name
            );
        }
    }
}
