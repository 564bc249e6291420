//! Dumps of real binlogs: every event, byte for byte, whatever the size, the compression and the pace.

use std::time::Duration;

use rowtap::failure::Class;
use rowtap::mysql::{
    Compression, ConnectOptions, Connection, Dump, DumpFlags, Packets, TlsMode, command,
};

use super::{chain, options, tls_server, ways};
use crate::support::{Flavour, Server};

const EVENT_HEADER_BYTES: usize = 19;
const ROTATE: u8 = 4;
const FORMAT_DESCRIPTION: u8 = 15;
const HEARTBEAT: u8 = 27;
/// Heartbeats after each of which another one was there already, before that is no accident.
const IDLE_MAX: usize = 100;

async fn dump(options: &ConnectOptions, server_id: u32, file: &str, non_block: bool) -> Dump {
    let (mut connection, registration, payload) =
        prepared(options, server_id, file, non_block).await;
    connection.command(&registration).await.unwrap();
    connection.dump(&payload).await.unwrap()
}

/// A connection with what a replica sets, and the two commands that begin a dump.
async fn prepared(
    options: &ConnectOptions,
    server_id: u32,
    file: &str,
    non_block: bool,
) -> (Connection, Vec<u8>, Vec<u8>) {
    let mut connection = Connection::connect(options).await.unwrap();
    for sql in [
        "SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'",
        "SET @master_heartbeat_period = 50000000, @source_heartbeat_period = 50000000",
        "SET @mariadb_slave_capability = 4",
    ] {
        connection.query(sql).await.unwrap();
    }
    let registration = command::register_replica(server_id, "rowtap", 0);
    // Annotations are in MariaDB's file, so that they are wanted in its dump too.
    let flags = DumpFlags {
        non_block,
        annotate_rows: connection.server().version.contains("MariaDB"),
    };
    let payload = command::binlog_dump(server_id, file, 4, flags);
    (connection, registration, payload)
}

fn events(packets: &Packets) -> impl Iterator<Item = &[u8]> {
    packets.payloads.iter().map(|payload| {
        let payload = &packets.buffer[payload.start as usize..payload.end as usize];
        assert_eq!(payload[0], 0, "the status byte of an event");
        &payload[1..]
    })
}

/// Appends the events that stand in the file; those that the server makes for the dump stand nowhere.
fn append(stored: &mut Vec<u8>, packets: &Packets) {
    for event in events(packets) {
        let size = u32::from_le_bytes(*event[9..].first_chunk().unwrap());
        assert_eq!(size as usize, event.len());
        let kind = event[4];
        let is_artificial = u16::from_le_bytes(*event[17..].first_chunk().unwrap()) & 0x20 != 0;
        if kind != HEARTBEAT && !(kind == ROTATE && is_artificial) {
            stored.extend_from_slice(event);
        }
    }
}

/// Compares what was received with the file, but for the flags and checksum of the format description event, which
/// tell whether the file was closed.
fn assert_is_file(stored: &[u8], server: &Server, file: &str) {
    let expected = std::fs::read(server.binlog_path(file)).unwrap();
    let expected = &expected[4..];
    let first = u32::from_le_bytes(*expected[9..].first_chunk().unwrap()) as usize;
    assert_eq!(stored[4], FORMAT_DESCRIPTION);
    assert_eq!(
        stored[..EVENT_HEADER_BYTES - 2],
        expected[..EVENT_HEADER_BYTES - 2]
    );
    assert_eq!(stored.len(), expected.len());
    assert!(stored[first..] == expected[first..], "some byte differs");
}

/// What a rows event of `d.t` holds besides the value: found by inserting one.
fn event_bytes_around_a_value(server: &Server) -> usize {
    let (file, start) = server.coordinates();
    server.execute("INSERT INTO d.t VALUES (4000, REPEAT('x', 100000))");
    let bytes = std::fs::read(server.binlog_path(&file)).unwrap();
    let mut rest = &bytes[usize::try_from(start).unwrap()..];
    let mut largest = 0;
    while !rest.is_empty() {
        let size = u32::from_le_bytes(*rest[9..].first_chunk().unwrap()) as usize;
        largest = largest.max(size);
        rest = &rest[size..];
    }
    largest - 100_000
}

#[tokio::test]
async fn a_dump_is_the_file_byte_for_byte_under_every_compression_and_tls() {
    for flavour in Flavour::ALL {
        let certificates = crate::support::Certificates::new();
        let server =
            Server::start_with_certificates(flavour, &certificates, &["--max-allowed-packet=64M"]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (i INT PRIMARY KEY, v LONGBLOB)");
        let mut client = server.connect();
        for row in 0..2000 {
            let sql = format!("INSERT INTO d.t VALUES ({row}, REPEAT('small', {row} MOD 700))");
            mysql::prelude::Queryable::query_drop(&mut client, sql).unwrap();
        }
        // Around the size at which packets come in pieces, status byte included.
        let overhead = event_bytes_around_a_value(&server);
        let piece = 0xff_ffff - 1 - overhead;
        for (row, length) in (5000..).zip([piece - 1, piece, piece + 1, 34_000_000]) {
            let sql = format!("INSERT INTO d.t VALUES ({row}, REPEAT('x', {length}))");
            mysql::prelude::Queryable::query_drop(&mut client, sql).unwrap();
        }
        server.execute("INSERT INTO d.t VALUES (1000000, 'last')");
        let (file, _) = server.coordinates();
        for options in ways(flavour, &server) {
            let mut dump = dump(&options, 4711, &file, true).await;
            let mut stored = Vec::new();
            let (mut largest, mut whole_pieces) = (0, 0);
            while let Some(packets) = dump.receive().await.unwrap() {
                append(&mut stored, &packets);
                largest = largest.max(packets.buffer.len());
                let is_piece = |payload: &std::ops::Range<u32>| payload.len() == 0xff_ffff;
                whole_pieces += packets.payloads.iter().filter(|p| is_piece(p)).count();
            }
            assert!(largest > 34_000_000);
            assert_eq!(whole_pieces, 1);
            assert_is_file(&stored, &server, &file);
            // The end stays the end.
            assert!(dump.receive().await.unwrap().is_none());
        }
    }
}

#[tokio::test]
async fn a_dump_that_waits_loses_nothing_when_its_receiver_is_given_up_again_and_again() {
    for flavour in Flavour::ALL {
        let (_, server) = tls_server(flavour);
        let (file, _) = server.coordinates();
        let database = server.unique_database();
        server.execute(&format!("CREATE TABLE {database}.t (i INT, v TEXT)"));
        for mut options in ways(flavour, server) {
            options.tls.mode = TlsMode::Preferred;
            let mut dump = dump(&options, 4712, &file, false).await;
            let writer = std::thread::spawn({
                let mut client = server.connect();
                let database = database.clone();
                move || {
                    for row in 0..200 {
                        let sql = format!(
                            "INSERT INTO {database}.t VALUES ({row}, REPEAT('{row}', 900))"
                        );
                        mysql::prelude::Queryable::query_drop(&mut client, sql).unwrap();
                    }
                }
            });
            let mut stored = Vec::new();
            let mut has_drained = false;
            let mut given_up = 0_u64;
            let mut idle = 0;
            let mut patience = Duration::ZERO;
            // Until the writer is done and heartbeats alone have come for a while; on a busy machine several may come at once.
            while !(writer.is_finished() && (idle > 2 && has_drained || idle > IDLE_MAX)) {
                match tokio::time::timeout(patience, dump.receive()).await {
                    Err(_) => {
                        given_up += 1;
                        patience = Duration::from_micros(given_up * 100 % 5000);
                    }
                    Ok(received) => {
                        let packets = received.unwrap().unwrap();
                        let is_heartbeat = events(&packets).all(|event| event[4] == HEARTBEAT);
                        idle = if is_heartbeat { idle + 1 } else { 0 };
                        has_drained = packets.drained;
                        append(&mut stored, &packets);
                    }
                }
            }
            writer.join().unwrap();
            assert!(given_up > 10, "{given_up}");
            assert!(has_drained, "nothing was left behind the last packets");
            assert_is_file(&stored, server, &file);
        }
    }
}

#[tokio::test]
async fn what_the_server_has_against_a_dump_comes_with_the_first_packet() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let mut dump = dump(&options(server, "root", ""), 4713, "binlog.999999", true).await;
        let error = loop {
            match dump.receive().await {
                Ok(packets) => assert!(packets.is_some(), "the dump ended well"),
                Err(error) => break error,
            }
        };
        assert_eq!(
            error.server_error().unwrap().code,
            1236,
            "{}",
            chain(&error)
        );
        assert!(!error.class().is_transient());
        assert!(dump.receive().await.unwrap().is_none());

        server.execute("CREATE USER IF NOT EXISTS without_grant@'%'");
        let mut connection = Connection::connect(&options(server, "without_grant", ""))
            .await
            .unwrap();
        let registration = command::register_replica(4714, "rowtap", 0);
        let error = connection.command(&registration).await.unwrap_err();
        let code = error.server_error().unwrap().code;
        assert!([1045, 1227].contains(&code), "{}", chain(&error));
        let flags = DumpFlags::default();
        let payload = command::binlog_dump(4714, "", 4, flags);
        let mut dump = connection.dump(&payload).await.unwrap();
        let error = dump.receive().await.unwrap_err();
        assert_eq!(
            error.server_error().unwrap().code,
            1227,
            "{}",
            chain(&error)
        );
        assert_eq!(error.class(), Class::Refused);
    }
}

/// Sends both commands at once, and reads to the end.
async fn read_at_once(options: &ConnectOptions, server: &Server) {
    let (file, _) = server.coordinates();
    let (connection, registration, payload) = prepared(options, 4716, &file, true).await;
    let dump = connection.command_and_dump(&registration, &payload);
    let mut dump = dump.await.unwrap();
    let mut stored = Vec::new();
    while let Some(packets) = dump.receive().await.unwrap() {
        append(&mut stored, &packets);
    }
    assert_is_file(&stored, server, &file);
}

#[tokio::test]
async fn a_registration_and_a_dump_that_are_sent_at_once_are_both_answered() {
    for flavour in Flavour::ALL {
        let certificates = crate::support::Certificates::new();
        let server = Server::start_with_certificates(flavour, &certificates, &[]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (i INT); INSERT INTO d.t VALUES (1)");
        for options in ways(flavour, &server) {
            read_at_once(&options, &server).await;
        }
        server.execute("CREATE USER without_grant@'%'");
        let options = options(&server, "without_grant", "");
        let (connection, registration, payload) = prepared(&options, 4717, "", true).await;
        let dump = connection.command_and_dump(&registration, &payload);
        let mut dump = dump.await.unwrap();
        let error = dump.receive().await.unwrap_err();
        let code = error.server_error().unwrap().code;
        assert!([1045, 1227].contains(&code), "{}", chain(&error));
        assert!(dump.receive().await.unwrap().is_none());
    }
    // These are the servers where rowtap does so.
    for flavour in [Flavour::MySql57, Flavour::MySql80] {
        let server = Server::start(flavour, &[]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (i INT); INSERT INTO d.t VALUES (1)");
        for compression in [Compression::None, Compression::Zlib] {
            let options = ConnectOptions {
                compression,
                ..options(&server, "root", "")
            };
            read_at_once(&options, &server).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_dies_ends_the_dump_behind_what_it_sent() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (i INT); INSERT INTO d.t VALUES (1)");
        let (file, position) = server.coordinates();
        let mut dump = dump(&options(&server, "root", ""), 4715, &file, false).await;
        let mut stored = Vec::new();
        while (stored.len() as u64) + 4 < position {
            append(&mut stored, &dump.receive().await.unwrap().unwrap());
        }
        server.kill();
        let error = loop {
            match dump.receive().await {
                Ok(packets) => append(&mut stored, &packets.unwrap()),
                Err(error) => break error,
            }
        };
        assert!(error.class().is_transient(), "{}", chain(&error));
        assert_is_file(&stored, &server, &file);
    }
}

#[tokio::test]
async fn a_dump_by_gtids_sends_what_the_set_lacks() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE d; CREATE TABLE d.t (i INT); INSERT INTO d.t VALUES (1)");
    let (file, _) = server.coordinates();
    let mut connection = Connection::connect(&options(&server, "root", ""))
        .await
        .unwrap();
    let checksum = "SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'";
    connection.query(checksum).await.unwrap();
    // The encoding of a PREVIOUS_GTIDS event: no source at all.
    let flags = DumpFlags {
        non_block: true,
        annotate_rows: false,
    };
    let payload = command::binlog_dump_gtid(4716, &0_u64.to_le_bytes(), flags);
    let mut dump = connection.dump(&payload).await.unwrap();
    let mut stored = Vec::new();
    while let Some(packets) = dump.receive().await.unwrap() {
        append(&mut stored, &packets);
    }
    // A server starts a file for its own beginnings, which hold no transaction; the last file holds them all.
    let expected = std::fs::read(server.binlog_path(&file)).unwrap();
    let tail = &expected[expected.len() - 200..];
    assert!(stored.ends_with(tail));
}
