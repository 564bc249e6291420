//! A broker that wants TLS, a password, or rights: who gets in, and what the others are told.

use std::fs;

use rowtap::sink::{Sink, SinkError};
use tempfile::NamedTempFile;

use super::kafka::{Block, kafka_sink, table};
use super::{checkpoint, run};
use crate::support::{Certificates, Kafka};

/// The whole way: connect, make topics, write, commit.
pub fn publish(kafka: &Kafka, connector: &str, options: &str) -> Result<(), SinkError> {
    publish_to(&kafka.bootstrap(), connector, options)
}

/// The same, at an address.
pub fn publish_to(bootstrap: &str, connector: &str, options: &str) -> Result<(), SinkError> {
    run(async {
        let mut sink = kafka_sink(bootstrap, connector, options);
        sink.resume_point().await?;
        let plan = sink.prepare(&table("orders", true)).await?;
        let mut block = Block::new(&plan.destination.topic);
        block.push(Some("1"), Some("row"));
        sink.write(&mut block.records).await?;
        sink.commit(&checkpoint(1)).await
    })
}

#[track_caller]
pub fn refusal(kafka: &Kafka, connector: &str, options: &str) -> String {
    let error = publish(kafka, connector, options).unwrap_err();
    assert!(!error.class().is_transient(), "{error}");
    assert_eq!(error.class().exit_code(), 69, "{error}");
    error.to_string()
}

/// The options of an account.
pub fn login(mechanism: &str, user: &str, password: &str) -> String {
    format!(
        ", \"sasl_password\": \"{password}\", \"properties\": {{\"security.protocol\": \"SASL_PLAINTEXT\", \
         \"sasl.mechanism\": \"{mechanism}\", \"sasl.username\": \"{user}\"}}"
    )
}

/// A broker's key and certificate, as it reads them.
pub fn keystore(certificates: &Certificates) -> NamedTempFile {
    let keystore = NamedTempFile::new().unwrap();
    let pem = [certificates.server_key(), certificates.server()]
        .map(|path| fs::read_to_string(path).unwrap())
        .concat();
    fs::write(keystore.path(), pem).unwrap();
    keystore
}

#[test]
fn a_password_and_rights_are_asked_for_and_their_lack_is_told() {
    let kafka = Kafka::start_with_accounts();
    let login = |user: &str, password: &str| login("PLAIN", user, password);
    publish(&kafka, "granted", &login("admin", "admin-secret")).unwrap();

    let text = refusal(&kafka, "denied", &login("admin", "wrong-secret"));
    assert!(
        text.contains("refuses the connection") && text.contains("sasl_*"),
        "{text}"
    );
    assert!(!text.contains("wrong-secret"), "{text}");

    let text = refusal(&kafka, "denied", &login("alice", "alice-secret"));
    assert!(text.starts_with("cannot create topic denied ("), "{text}");
    assert!(text.contains("CREATE on the topic"), "{text}");
}

#[test]
fn a_certificate_is_verified_and_a_plain_client_is_told_so() {
    let certificates = Certificates::new();
    let keystore = keystore(&certificates);
    let kafka = Kafka::start_with(&[
        "listener.security.protocol.map=PLAINTEXT:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name=PLAINTEXT",
        "ssl.keystore.type=PEM",
        &format!("ssl.keystore.location={}", keystore.path().display()),
        "ssl.truststore.type=PEM",
        &format!("ssl.truststore.location={}", certificates.ca().display()),
    ]);
    let tls = |ca: &Certificates| {
        format!(
            ", \"properties\": {{\"security.protocol\": \"SSL\", \"ssl.ca.location\": {:?}}}",
            ca.ca()
        )
    };
    publish(&kafka, "trusted", &tls(&certificates)).unwrap();

    let text = refusal(&kafka, "untrusted", &tls(&Certificates::new()));
    assert!(
        text.contains("certificate verify failed") && text.contains("ssl.*"),
        "{text}"
    );

    let error = publish(&kafka, "plain", "").unwrap_err().to_string();
    assert!(error.contains("check bootstrap_servers"), "{error}");
}

#[test]
fn a_broker_that_does_not_speak_tls_is_told_apart_from_one_that_is_down() {
    let options = ", \"properties\": {\"security.protocol\": \"SSL\"}";
    let error = publish(Kafka::shared(), "tls", options).unwrap_err();
    assert!(
        error.to_string().contains("PLAINTEXT broker listener?"),
        "{error}"
    );
}
