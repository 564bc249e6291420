//! The keys of the Kafka sink, which most of the others' kinds occur in.

use super::*;

#[test]
fn a_sinks_keys_come_from_the_environment_with_their_types() {
    let all = given(
        "shop.toml",
        "[source]\nhost = 'db'\nuser = 'u'\n[sink]\nproperties = { 'sasl.username' = 'x' }",
    )
    .variable("ROWTAP__SINK__TYPE", "kafka")
    .variable("ROWTAP__SINK__PARTITIONS", "6")
    .variable("ROWTAP__SINK__TOMBSTONES", "false")
    .variable("ROWTAP__SINK__BOOTSTRAP_SERVERS", "a:1,b:2")
    .variable("ROWTAP__SINK__PROPERTIES__SASL_USERNAME", "y")
    .load()
    .unwrap();
    let SinkOptions::Kafka(kafka) = &all[0].sink else {
        panic!("{all:?}");
    };
    assert_eq!(kafka.partitions.get(), 6);
    assert_eq!(kafka.tombstones, Some(false));
    assert_eq!(kafka.bootstrap_servers, "a:1,b:2");
    assert_eq!(kafka.properties["sasl.username"], "y");
}

#[test]
fn values_that_no_kafka_takes_are_told_with_the_rest() {
    let text = "[source]
host = 'db'
user = 'u'
[sink]
type = 'kafka'
bootstrap_servers = ''
prefix = 'a b'
delivery_timeout = '0s'
tombstone = true
partitions = 0
[sink.properties]
acks = '1'
'sasl.password' = 'x'
";
    let error = given("shop.toml", text).load().unwrap_err();
    let expected = [
        "shop.toml:6:1: sink.bootstrap_servers: is empty, expected host:port",
        "shop.toml:7:1: sink.prefix: may hold letters",
        "shop.toml:8:1: sink.delivery_timeout: is zero",
        "shop.toml:9:1: sink: no such key 'tombstone', expected one of type, ",
        "shop.toml:10:1: sink.partitions: expected a number from 1",
        "shop.toml:12:1: sink.properties.acks: would break the promise",
        "shop.toml:13:1: sink.properties.sasl.password: is a secret, use sasl_password",
    ];
    assert_eq!(error.lines().count(), expected.len(), "{error}");
    for (told, expected) in error.lines().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}
