//! A server whose binlog is damaged: it sends what is there, and `rowtap run` ends as `rowtap decode` does.

use std::fs;

use rowtap::mysql::Flavour as Family;

use super::crafted::{Crafted, TABLE_MAP, WRITE_ROWS, full_map, insert};
use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Server};

/// Files by what is wrong with them, each with what is said of it.
fn files() -> Vec<(Vec<u8>, String)> {
    let map = full_map(b"shop", b"t", &[(3, &[], b"id")]);
    let unsound: [(&[u8], u8, Vec<u8>, &str); 4] = [
        (
            &map,
            WRITE_ROWS,
            insert(1, &[0, 1]),
            "WRITE_ROWS event: rows of shop.t",
        ),
        (
            &map,
            WRITE_ROWS,
            insert(3, &[0; 13]),
            "WRITE_ROWS event: rows of shop.t",
        ),
        (
            &[],
            WRITE_ROWS,
            insert(1, &[0; 5]),
            "WRITE_ROWS event: table map 9 not seen",
        ),
        (
            &map,
            TABLE_MAP,
            map[..20].to_vec(),
            "TABLE_MAP event: the bitmap of nullable columns needs 1 bytes",
        ),
    ];
    let file = |(map, kind, body, says): (&[u8], u8, Vec<u8>, &str)| {
        let mut file = Crafted::in_group(Family::MySql);
        if !map.is_empty() {
            file.event(TABLE_MAP, map);
        }
        let at = file.position();
        file.event(kind, &body);
        file.commit();
        (file.finish(), format!("binlog.000001:{at}, {says}"))
    };
    unsound.map(file).into()
}

#[test]
fn a_connector_stops_at_an_unsound_event_with_its_place_and_what_was_expected() {
    let server = Server::start(Flavour::MySql97, &[]);
    account(&server, "u");
    let (first, _) = server.coordinates();
    server.execute("FLUSH BINARY LOGS");
    for (bytes, says) in files() {
        fs::write(server.binlog_path(&first), bytes).unwrap();
        let start = format!("start = {{ file = '{first}', position = 4 }}");
        let folder = Folder::streaming(&server, "u").replacing("start = 'latest'", &start);
        folder.fails(65, &[&says.replace("binlog.000001", &first)]);
        // Nothing of the group has left.
        assert!(folder.changes().is_empty());
    }
}
