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
    assert!(!kafka.tombstones);
    assert_eq!(kafka.bootstrap_servers, "a:1,b:2");
    assert_eq!(kafka.properties["sasl.username"], "y");
}
