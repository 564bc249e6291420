//! Live dumps through the framer: the events of a dump are those of the files, byte by byte and place by place.

use std::collections::BTreeMap;
use std::time::Duration;

use rowtap::binlog::{Coordinates, EventKind, Frame, Framer, GtidEvent, GtidSet, MariaDbGtidEvent};
use rowtap::mysql::{
    Compression, ConnectOptions, Connection, DumpFlags, Flavour as Family, TlsMode, TlsOptions,
    command,
};
use rowtap::source::{Budget, EventSource};

use super::{RECORDINGS, file_source};
use crate::support::{Flavour, Server};

/// An event, where it is, and its bytes but for the format description's, in which a dump clears a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Placed {
    at: Coordinates,
    frame: Frame,
    bytes: Vec<u8>,
}

/// The GTID that opens a group.
fn opened(event: &Placed) -> Option<rowtap::binlog::Gtid> {
    let body = &event.bytes[event.frame.body.clone()];
    match event.frame.header.kind {
        EventKind::Gtid | EventKind::GtidTagged => {
            GtidEvent::parse(event.frame.header.kind, body)
                .unwrap()
                .gtid
        }
        EventKind::MariaDbGtid => Some(
            MariaDbGtidEvent::parse(&event.frame.header, body)
                .unwrap()
                .gtid,
        ),
        _other => None,
    }
}

/// Every event of every binlog file of a server, read from the files.
async fn in_files(server: &Server) -> Vec<Placed> {
    let mut events = Vec::new();
    for row in server.query_text("SHOW BINARY LOGS") {
        let name = row[0].clone().unwrap();
        let budget = Budget::new(64 << 20);
        let mut source = file_source(&server.binlog_path(&name), 4, budget);
        let mut framer = Framer::new(Coordinates::new(name, 4));
        while let Some(chunk) = source.next().await.unwrap() {
            for range in chunk.events {
                let bytes = &chunk.buffer[range.start as usize..range.end as usize];
                events.push(take(&mut framer, bytes).unwrap());
            }
        }
    }
    events
}

fn take(framer: &mut Framer, event: &[u8]) -> Option<Placed> {
    let file = framer.next().file.clone();
    let frame = framer.frame(event).unwrap();
    let mut bytes = event.to_vec();
    let mut placed = frame.clone();
    if frame.header.kind == EventKind::FormatDescription {
        // The flag that the file is in use is cleared in a dump, and the time of the server's start may be.
        placed.header.flags = 0;
        let end = bytes.len();
        bytes[17..19].fill(0);
        bytes[19 + 52..19 + 56].fill(0);
        bytes[end - 4..].fill(0);
    }
    (!frame.artificial).then(|| Placed {
        at: Coordinates::new(file, frame.start),
        frame: placed,
        bytes,
    })
}

enum Begin<'a> {
    At(&'a Coordinates),
    Behind(&'a GtidSet),
}

/// Every event of a dump up to the binlog's end.
async fn in_dump(server: &Server, begin: Begin<'_>) -> Vec<Placed> {
    let options = ConnectOptions {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        user: "root".to_owned(),
        password: "".into(),
        tls: TlsOptions {
            mode: TlsMode::Disabled,
            ..TlsOptions::default()
        },
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(60),
        compression: Compression::None,
        get_source_public_key: false,
        source_public_key_path: None,
        socket: None,
        password_command: None,
        enable_cleartext_plugin: false,
    };
    let mut connection = Connection::connect(&options).await.unwrap();
    let is_mariadb = server.flavour().family() == Family::MariaDb;
    let flags = DumpFlags {
        non_block: true,
        annotate_rows: is_mariadb,
    };
    let checksum = "SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'";
    connection.query(checksum).await.unwrap();
    if is_mariadb {
        let capability = "SET @mariadb_slave_capability = 4";
        connection.query(capability).await.unwrap();
    }
    let (packet, mut framer) = match begin {
        Begin::At(at) => {
            let position = u32::try_from(at.position).unwrap();
            let packet = command::binlog_dump(0, &at.file, position, flags);
            (packet, Framer::new(at.clone()))
        }
        Begin::Behind(set) if is_mariadb => {
            let state = format!("SET @slave_connect_state = '{set}'");
            connection.query(&state).await.unwrap();
            (command::binlog_dump(0, "", 4, flags), Framer::skipping())
        }
        Begin::Behind(set) => {
            let packet = command::binlog_dump_gtid(0, &set.encode(), flags);
            (packet, Framer::skipping())
        }
    };
    let mut dump = connection.dump(&packet).await.unwrap();
    let mut events = Vec::new();
    while let Some(packets) = dump.receive().await.unwrap() {
        for payload in packets.payloads {
            let event = &packets.buffer[payload.start as usize + 1..payload.end as usize];
            events.extend(take(&mut framer, event));
        }
    }
    events
}

/// A server with several files: closed by a rotation, by a restart and by a kill.
fn server_with_history(recording: usize) -> Server {
    let server = RECORDINGS[recording].run();
    server.restart();
    server.execute("CREATE TABLE shop.later (a INT); INSERT INTO shop.later VALUES (1)");
    server.kill();
    server.start_again();
    server.execute("INSERT INTO shop.later VALUES (2)");
    server
}

#[tokio::test]
async fn a_dump_from_any_group_has_the_events_and_places_of_the_files() {
    for recording in [0, 2] {
        let server = server_with_history(recording);
        let files = in_files(&server).await;
        let starts: Vec<usize> = (0..files.len())
            .filter(|index| opened(&files[*index]).is_some() || files[*index].at.position == 4)
            .collect();
        for start in &starts {
            let dump = in_dump(&server, Begin::At(&files[*start].at)).await;
            assert_eq!(dump.len(), files.len() - start, "{}", files[*start].at);
            assert_eq!(dump, files[*start..], "{}", files[*start].at);
        }
        println!(
            "{:?}: {} dumps of up to {} events",
            server.flavour(),
            starts.len(),
            files.len()
        );
    }
}

#[tokio::test]
async fn a_dump_behind_a_gtid_set_has_the_other_groups_at_their_places() {
    for recording in [0, 2] {
        let server = server_with_history(recording);
        let files = in_files(&server).await;
        let by_place: BTreeMap<Coordinates, &Placed> = files
            .iter()
            .map(|event| (event.at.clone(), event))
            .collect();
        let gtids: Vec<_> = files.iter().filter_map(opened).collect();
        let family = server.flavour().family();
        let mut seen = GtidSet::empty(family);
        let mut dumps = 0;
        for (index, gtid) in gtids.iter().enumerate() {
            match family {
                // Every third group is left in, so that there are gaps.
                Family::MySql if index % 3 == 1 => continue,
                Family::MySql | Family::MariaDb => seen.add(gtid),
            }
            let dump = in_dump(&server, Begin::Behind(&seen)).await;
            for event in &dump {
                assert_eq!(
                    Some(&event),
                    by_place.get(&event.at),
                    "{seen}: {}",
                    event.at
                );
            }
            let found: Vec<_> = dump.iter().filter_map(opened).collect();
            let expected: Vec<_> = gtids
                .iter()
                .filter(|gtid| !seen.contains(gtid))
                .cloned()
                .collect();
            assert_eq!(found, expected, "behind {seen}");
            dumps += 1;
        }
        println!("{:?}: {dumps} dumps by GTID set", server.flavour());
    }
}

#[tokio::test]
async fn checksums_that_are_switched_are_followed_from_file_to_file() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (a INT)");
        for algorithm in ["NONE", "CRC32", "NONE"] {
            server.execute(&format!("SET GLOBAL binlog_checksum = {algorithm}"));
            server.execute("INSERT INTO shop.t VALUES (1)");
        }
        let files = in_files(&server).await;
        let dump = in_dump(&server, Begin::At(&files[0].at)).await;
        assert_eq!(dump, files, "{flavour:?}");
        let names: std::collections::BTreeSet<_> =
            files.iter().map(|event| &event.at.file).collect();
        assert!(names.len() >= 4, "{names:?}");
    }
}

#[tokio::test]
async fn an_encrypted_binlog_is_dumped_in_clear_text_and_refused_as_a_file() {
    let keys = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(keys.path(), format!("1;{}\n", "5a".repeat(32))).unwrap();
    let server = Server::start(
        Flavour::MariaDb1011,
        &[
            "--plugin-load-add=file_key_management",
            &format!("--file-key-management-filename={}", keys.path().display()),
            "--encrypt-binlog=ON",
        ],
    );
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (a INT)");
    server.execute("INSERT INTO shop.t VALUES (1), (2)");
    let (file, end) = server.coordinates();
    let dump = in_dump(&server, Begin::At(&Coordinates::new(file.clone(), 4))).await;
    assert_eq!(dump.last().unwrap().frame.end, end);
    assert!(
        dump.iter()
            .any(|event| event.frame.header.kind == EventKind::TableMap)
    );

    let mut source = file_source(&server.binlog_path(&file), 4, Budget::new(1 << 20));
    let chunk = source.next().await.unwrap().unwrap();
    assert_eq!(
        chunk.events.len(),
        1,
        "the format description is not encrypted"
    );
    let error = source.next().await.unwrap_err();
    assert!(error.to_string().contains("is encrypted"), "{error}");
}
