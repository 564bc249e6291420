//! GTID sets beside what the servers themselves make of them.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rowtap::binlog::{Coordinates, EventKind, Framer, GtidSet};
use rowtap::mysql::Flavour as Family;
use rowtap::source::{Budget, EventSource};

use super::file_source;
use crate::support::{Flavour, Server};

/// How many pairs of sets are compared.
const PAIRS: usize = 300;

/// A set as a person may write it: sources repeated, letters of either case, white space, tags, overlapping intervals.
fn written() -> impl Strategy<Value = String> {
    let source = prop::sample::select(vec![
        "3e11fa47-71ca-11e1-9e33-c80aa9429562",
        "3E11FA47-71CA-11E1-9E33-C80AA9429562",
        "00000000-0000-0000-0000-000000000001",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ]);
    let interval = (1_u64..40, 0_u64..9).prop_map(|(first, more)| match more {
        0 => format!(":{first}"),
        more => format!(" : {first} - {}", first + more),
    });
    let intervals = prop::collection::vec(interval, 1..5).prop_map(|list| list.concat());
    let tag = prop::sample::select(vec!["", "", "", ":a", ":Import_1", ": _x "]);
    let part = (tag, intervals).prop_map(|(tag, intervals)| format!("{tag}{intervals}"));
    let parts = prop::collection::vec(part, 1..3).prop_map(|list| list.concat());
    prop::collection::vec((source, parts), 0..5).prop_map(|list| {
        let list: Vec<String> = list
            .into_iter()
            .map(|(source, parts)| format!("{source}{parts}"))
            .collect();
        list.join(" ,\n")
    })
}

fn ours(text: &str) -> GtidSet {
    GtidSet::parse(Family::MySql, text).unwrap()
}

#[test]
fn sets_of_mysql_are_canonical_and_compare_and_subtract_as_the_server_does_it() {
    let server = Server::shared(Flavour::MySql97);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut subsets = 0;
    for _ in 0..PAIRS {
        let a = written().new_tree(&mut runner).unwrap().current();
        let b = written().new_tree(&mut runner).unwrap().current();
        let answer = server.query_text(&format!(
            "SELECT GTID_SUBTRACT('{a}', ''), GTID_SUBTRACT('{a}', '{b}'), GTID_SUBTRACT('{a},{b}', ''), \
             GTID_SUBSET('{a}', '{b}'), GTID_SUBSET(GTID_SUBTRACT('{a}', '{b}'), '{a}')"
        ));
        let told: Vec<String> = answer[0]
            .iter()
            .map(|text| text.as_deref().unwrap().replace('\n', ""))
            .collect();
        let (left, right) = (ours(&a), ours(&b));
        assert_eq!(left.to_string(), told[0], "{a:?}");
        let mut difference = left.clone();
        difference.subtract(&right);
        assert_eq!(difference.to_string(), told[1], "{a:?} less {b:?}");
        let mut union = left.clone();
        union.union(&right);
        assert_eq!(union.to_string(), told[2], "{a:?} and {b:?}");
        assert_eq!(left.is_subset(&right), told[3] == "1", "{a:?} in {b:?}");
        assert_eq!(difference.is_subset(&left), told[4] == "1");
        assert_eq!(GtidSet::decode(&left.encode()).unwrap(), left, "{a:?}");
        subsets += usize::from(told[3] == "1");
    }
    println!("{PAIRS} pairs of sets, {subsets} of them subsets");
    assert!(subsets > 5, "{subsets}");
}

#[test]
fn what_the_server_refuses_as_a_set_is_refused() {
    let server = Server::shared(Flavour::MySql97);
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    for text in [
        "x".to_owned(),
        uuid[1..].to_owned(),
        format!("{uuid}:0"),
        format!("{uuid}:9223372036854775807"),
        format!("{uuid}:99999999999999999999"),
        format!("{uuid}:1-"),
        format!("{uuid}:-1"),
        format!("{uuid}:+1"),
        format!("{uuid}:1;2"),
        format!("{uuid}:ä:1"),
        format!("{uuid}:{}:1", "t".repeat(33)),
    ] {
        let query = format!("SELECT GTID_SUBTRACT('{text}', '')");
        let refused = mysql::prelude::Queryable::query_first::<Option<String>, _>(
            &mut server.connect(),
            query,
        );
        assert!(refused.is_err(), "the server takes {text:?}: {refused:?}");
        assert!(GtidSet::parse(Family::MySql, &text).is_err(), "{text:?}");
    }
}

/// The set in the header of a server's newest file.
async fn before_file(server: &Server, family: Family) -> GtidSet {
    let (name, _) = server.coordinates();
    let path = server.binlog_path(&name);
    let mut source = file_source(&path, 4, Budget::new(1 << 20));
    let mut framer = Framer::new(Coordinates::new(name, 4));
    while let Some(chunk) = source.next().await.unwrap() {
        for range in chunk.events {
            let event = &chunk.buffer[range.start as usize..range.end as usize];
            let frame = framer.frame(event).unwrap();
            let body = &event[frame.body.clone()];
            match (frame.header.kind, family) {
                (EventKind::PreviousGtids, Family::MySql) => return GtidSet::decode(body).unwrap(),
                (EventKind::MariaDbGtidList, Family::MariaDb) => {
                    return GtidSet::decode_list(body).unwrap();
                }
                _other => {}
            }
        }
    }
    panic!("no GTIDs in the file's header");
}

#[tokio::test]
async fn the_gtids_in_a_files_header_are_those_of_the_server() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (a INT)");
    for (gtid_next, value) in [
        ("AUTOMATIC", 1),
        ("AUTOMATIC:import", 2),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:7", 3),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:9", 4),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:other:1", 5),
    ] {
        server.execute(&format!(
            "SET gtid_next = '{gtid_next}'; INSERT INTO shop.t VALUES ({value}); SET gtid_next = 'AUTOMATIC'"
        ));
        server.execute("FLUSH BINARY LOGS");
        let set = before_file(&server, Family::MySql).await;
        assert_eq!(set.to_string(), server.gtid_set());
    }

    let server = Server::start(Flavour::MariaDb1011, &[]);
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (a INT)");
    for (domain, server_id) in [(0, 1), (5, 1), (5, 9), (0, 9), (7, 3), (5, 1)] {
        server.execute(&format!(
            "SET gtid_domain_id = {domain}, server_id = {server_id}; INSERT INTO shop.t VALUES (1)"
        ));
        server.execute("FLUSH BINARY LOGS");
        let set = before_file(&server, Family::MariaDb).await;
        let told = GtidSet::parse(Family::MariaDb, &server.gtid_set()).unwrap();
        assert_eq!(set, told);
    }
}
