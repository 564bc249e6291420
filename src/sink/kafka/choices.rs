//! What some options of a Kafka sink let a connector choose between.

use serde::Deserialize;

/// How often a record arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaDelivery {
    /// Once, or after a crash again.
    #[default]
    AtLeastOnce,
    /// Once, for consumers with `isolation.level=read_committed`.
    ExactlyOnce,
}

/// Which headers records have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaHeaders {
    /// The identity of the change, and what else there is to say of the record.
    #[default]
    Identity,
    /// The halves of a changed key alone, as a peer has them.
    Format,
    /// None.
    None,
}

/// A header that records have by choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaHeader {
    /// What was done to the row: `c`, `u` or `d`.
    Op,
    /// The group's GTID, which is a part of the identity too.
    Gtid,
    /// The W3C trace context: one trace a group, made of its identity.
    Traceparent,
}

/// What becomes of a group that takes longer than Kafka lets a transaction stay open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LargeGroups {
    /// The connector stops, and nothing of it is seen.
    #[default]
    Stop,
    /// It is committed in parts, each once: a consumer may see some before the others are there.
    Split,
}
