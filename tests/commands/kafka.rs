//! What rowtap says when Kafka is away, and what goes there from binlog files.

use rdkafka::Message as _;
use rdkafka::message::OwnedMessage;
use serde_json::Value;

use super::files::{beside, stripped, traffic};
use super::process::{Folder, account};
use crate::support::{Flavour, Kafka, Server};

const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

#[test]
fn a_kafka_that_nobody_answers_for_is_given_up() {
    let server = Server::shared(Flavour::MySql97);
    account(server, "no_kafka");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = Folder::streaming(server, "no_kafka").replacing(
        "type = 'file'\nfolder = '{dir}/changes'",
        &format!("type = 'kafka'\nbootstrap_servers = '127.0.0.1:{port}'"),
    );
    folder.fails(75, &["gave up after 3 failures", "bootstrap_servers"]);
}

#[test]
fn files_go_to_kafka_as_their_server_does() {
    let server = Server::start(Flavour::MySql97, &[]);
    traffic(&server);
    let kafka = Kafka::shared();
    let sink = |folder: Folder, prefix: &str| {
        let bootstrap = kafka.bootstrap();
        let to = format!("type = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'");
        folder.replacing("type = 'file'\nfolder = '{dir}/changes'", &to)
    };
    let live = Folder::streaming(&server, "u").replacing("'latest'", "'earliest'");
    sink(live, "files_live").succeeds(&ONCE);
    let found = sink(beside(&server, "'earliest'"), "files_read");
    found.succeeds(&ONCE);
    found.succeeds(&ONCE);
    let records = |prefix: &str, table: &str| -> Vec<_> {
        let records = kafka.records(&format!("{prefix}.a.{table}"));
        let value = |bytes: &[u8]| {
            let mut value: Value = serde_json::from_slice(bytes).unwrap();
            stripped(&mut value);
            value
        };
        let record = |record: &OwnedMessage| {
            let key: Option<Value> = record.key().map(|key| serde_json::from_slice(key).unwrap());
            (key, record.payload().map(value))
        };
        records.iter().map(record).collect()
    };
    for table in ["t", "u"] {
        let expected = records("files_live", table);
        assert!(expected.len() > 1, "{table}: {expected:?}");
        assert_eq!(records("files_read", table), expected, "{table}");
    }
}
