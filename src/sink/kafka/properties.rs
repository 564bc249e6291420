//! The properties that a Kafka sink hands to librdkafka.

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;

/// Why a property may not be set: another option says it, or a promise rests on it.
pub(super) fn refusal(property: &str) -> Option<&'static str> {
    Some(match property {
        "bootstrap.servers" | "metadata.broker.list" => "is set by bootstrap_servers, use that",
        "compression.type" | "compression.codec" => "is set by compression, use that",
        "linger.ms" | "queue.buffering.max.ms" => "is set by linger, use that",
        "queue.buffering.max.kbytes" | "queue.buffering.max.messages" => {
            "is set by queue_bytes, use that"
        }
        "message.timeout.ms" | "delivery.timeout.ms" => "is set by delivery_timeout, use that",
        "sasl.password" => "is a secret, use sasl_password or sasl_password_file",
        "ssl.key.password" | "ssl.keystore.password" => {
            "is a secret, use ssl_key_password or ssl_key_password_file"
        }
        "sasl.oauthbearer.client.secret" | "sasl.oauthbearer.client.credentials.client.secret" => {
            "is a secret, use sasl_client_secret or sasl_client_secret_file"
        }
        "sasl.oauthbearer.grant.type" => {
            "is always client_credentials, with sasl_client_secret, remove it"
        }
        assertion if assertion.starts_with("sasl.oauthbearer.assertion.") => {
            "is no part of client credentials, use sasl_client_secret and remove it"
        }
        "acks"
        | "request.required.acks"
        | "enable.idempotence"
        | "enable.gapless.guarantee"
        | "max.in.flight"
        | "max.in.flight.requests.per.connection"
        | "retries"
        | "message.send.max.retries"
        | "delivery.report.only.error"
        | "queuing.strategy" => {
            "would break the promise that no change is lost or reordered, remove it"
        }
        "partitioner" | "sticky.partitioning.linger.ms" => {
            "would send keys to other partitions than other Kafka clients do, remove it"
        }
        "transactional.id" => {
            "is set by the connector's name and delivery = 'exactly_once', remove it"
        }
        "transaction.timeout.ms" => "is set by transaction_timeout, use that",
        "isolation.level" | "group.id" | "auto.offset.reset" => {
            "is a consumer's, and would change how checkpoints are read, remove it"
        }
        "allow.auto.create.topics" => {
            "has no effect, topics are created with partitions, remove it"
        }
        _ => return None,
    })
}

/// Why librdkafka does not take a property, and the fix; `None` if it does, or if `refusal` says why not.
pub(super) fn not_accepted(property: &str, value: &str) -> Option<String> {
    if refusal(property).is_some() {
        return None;
    }
    let mut config = ClientConfig::new();
    config.set(property, value);
    match config.create_native_config() {
        Err(KafkaError::ClientConfig(_, description, ..)) => Some(format!(
            "is not accepted by librdkafka ({description}), correct it"
        )),
        // What is wrong beside the property is told when a client is made.
        Err(_) | Ok(_) => None,
    }
}
