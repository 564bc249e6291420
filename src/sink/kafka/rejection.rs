//! Kafka's error codes as errors of the sink: which go away, which stay, and what to do about them.
//!
//! Follows the table of error codes in the Kafka protocol guide; negative ones are librdkafka's own.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::delivery::{Failure, Heard, code_of};
use crate::sink::{Outlook, SinkError};

/// What a code means for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CodeMeaning {
    /// The cluster, or the way to it, is in transition; the code goes away.
    Passes,
    /// This client is not let in.
    Refused,
    /// This record is too large.
    TooLarge,
    /// It stays until a person does this, which may undo what was done to a connector that worked.
    Withdrawn(&'static str),
    /// It stays until a person does this.
    Stays(&'static str),
}

#[expect(clippy::too_many_lines, reason = "one flat match")]
fn meaning(code: Code) -> CodeMeaning {
    match code {
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::MessageTimedOut
        | Code::OperationTimedOut
        | Code::TimedOutQueue
        | Code::QueueFull
        | Code::Retry
        | Code::WaitCache
        | Code::BrokerDestroy
        | Code::DestroyBroker
        | Code::NodeUpdate
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::RequestTimedOut
        | Code::BrokerNotAvailable
        | Code::ReplicaNotAvailable
        | Code::NetworkException
        | Code::NotController
        | Code::StaleControllerEpoch
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::KafkaStorageError
        | Code::FencedLeaderEpoch
        | Code::UnknownLeaderEpoch
        | Code::StaleBrokerEpoch
        | Code::PreferredLeaderNotAvailable
        | Code::EligibleLeadersNotAvailable
        | Code::ReassignmentInProgress
        | Code::ThrottlingQuotaExceeded
        | Code::CoordinatorLoadInProgress
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::WaitingForCoordinator
        | Code::ConcurrentTransactions
        // A producer whose sequence is broken ends, and so does one whose transaction was lost or taken from it; the next
        // run's is a new one, and finds out why.
        | Code::Fatal
        | Code::State
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidTransactionalState
        | Code::TransactionCoordinatorFenced
        | Code::OperationNotAttempted
        | Code::OutOfOrderSequenceNumber
        | Code::DuplicateSequenceNumber
        | Code::UnknownProducerId
        | Code::InvalidProducerIdMapping
        | Code::InvalidProducerEpoch => CodeMeaning::Passes,
        Code::SSL
        | Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::UnacceptableCredential => CodeMeaning::Refused,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            CodeMeaning::TooLarge
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownTopicId => CodeMeaning::Withdrawn(
            "start again and it is created anew, if it was removed on purpose",
        ),
        Code::UnknownPartition => CodeMeaning::Withdrawn("start again, the topic has changed"),
        Code::TopicAuthorizationFailed => {
            CodeMeaning::Withdrawn("grant the connector's user WRITE, DESCRIBE and CREATE on the topic")
        }
        Code::ClusterAuthorizationFailed => CodeMeaning::Withdrawn(
            "grant the connector's user CREATE and IDEMPOTENT_WRITE on the cluster, or create the topic beforehand",
        ),
        Code::InvalidTimestamp => CodeMeaning::Withdrawn(
            "set this machine's clock, or message.timestamp.after.max.ms and message.timestamp.before.max.ms of the topic",
        ),
        Code::TransactionalIdAuthorizationFailed => {
            CodeMeaning::Withdrawn("grant the connector's user WRITE and DESCRIBE on the transactional id")
        }
        Code::InvalidTransactionTimeout => CodeMeaning::Stays(
            "set transaction_timeout to at most the brokers' transaction.max.timeout.ms",
        ),
        Code::UnsupportedFeature | Code::UnsupportedVersion | Code::UnsupportedForMessageFormat => {
            CodeMeaning::Stays("deliver at least once, or to brokers that have transactions")
        }
        Code::InvalidReplicationFactor => {
            CodeMeaning::Stays("set replication_factor to at most the number of brokers")
        }
        Code::InvalidPartitions => CodeMeaning::Stays("set partitions to what the cluster allows"),
        Code::InvalidConfig => CodeMeaning::Stays("correct topic_config"),
        Code::InvalidTopic => {
            CodeMeaning::Stays(
                "choose another prefix, the name is taken by one that differs in dots only, or Kafka keeps it for itself",
            )
        }
        Code::PolicyViolation => {
            CodeMeaning::Stays("set partitions, replication_factor and topic_config as the cluster's policy wants")
        }
        Code::InvalidRecord => CodeMeaning::Stays(
            "a compacted topic takes records with keys only, set its cleanup.policy to delete",
        ),
        Code::GaplessGuarantee => CodeMeaning::Stays("correct what the broker says of the record"),
        Code::UnsupportedCompressionType => CodeMeaning::Stays("set another compression"),
        _ => CodeMeaning::Stays("see what the brokers log"),
    }
}

/// Whether the code says that the cluster does not let this client in.
pub(super) fn is_refusal(code: Code) -> bool {
    meaning(code) == CodeMeaning::Refused
}

/// A record that was not taken; `fatal` is what stopped the producer, where it is stopped.
pub(super) fn of_record(
    failure: Failure,
    servers: &str,
    fatal: Option<(Code, String)>,
) -> SinkError {
    let (code, reason) = fatal.unwrap_or_else(|| (failure.code, failure.code.to_string()));
    let Failure {
        topic,
        key,
        bytes,
        key_bytes,
        code: _,
    } = failure;
    match meaning(code) {
        CodeMeaning::Passes => SinkError::KafkaTransient { topic, reason },
        CodeMeaning::Refused => SinkError::KafkaRefused {
            servers: servers.to_owned(),
            reason,
        },
        CodeMeaning::TooLarge => SinkError::KafkaTooLarge {
            topic,
            key,
            bytes,
            key_bytes,
            reason,
        },
        CodeMeaning::Withdrawn(_) | CodeMeaning::Stays(_) => {
            let (fix, outlook) = fix_of(code);
            SinkError::KafkaRejected {
                topic,
                reason,
                fix,
                outlook,
            }
        }
    }
}

/// Whether the code goes away by itself.
pub(super) fn is_passing(code: Code) -> bool {
    meaning(code) == CodeMeaning::Passes
}

/// A step of a transaction that failed: `begin`, `commit`.
pub(super) fn of_transaction(step: &'static str, id: &str, error: &KafkaError) -> SinkError {
    let code = code_of(error);
    let reason = match error {
        KafkaError::Transaction(error) => format!("{code}: {}", error.string()),
        other => other.to_string(),
    };
    let (fix, outlook) = fix_of(code);
    SinkError::TransactionFailed {
        step,
        id: id.to_owned(),
        reason,
        fix,
        outlook,
    }
}

/// A transaction that failed by itself, before its commit.
pub(super) fn of_failed_transaction(id: &str, reason: &str) -> SinkError {
    SinkError::TransactionFailed {
        step: "commit",
        id: id.to_owned(),
        reason: reason.to_owned(),
        fix: "check the brokers",
        outlook: Outlook::Passes,
    }
}

/// A cluster that has nobody who coordinates transactions.
pub(super) fn of_no_coordinators(id: &str) -> SinkError {
    SinkError::TransactionFailed {
        step: "begin",
        id: id.to_owned(),
        reason: "the brokers have no topic __transaction_state and make none".to_owned(),
        fix: "set transaction.state.log.replication.factor to at most the number of brokers, or deliver at least once",
        outlook: Outlook::Granted,
    }
}

/// The checkpoints in a topic that cannot be had.
pub(super) fn of_checkpoints(topic: &str, code: Code) -> SinkError {
    let (fix, outlook) = match code {
        Code::TopicAuthorizationFailed => (
            "grant the connector's user READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on it",
            Outlook::Granted,
        ),
        Code::OffsetOutOfRange | Code::AutoOffsetReset => ("start again", Outlook::Passes),
        code => fix_of(code),
    };
    SinkError::CheckpointsUnreadable {
        topic: topic.to_owned(),
        reason: code.to_string(),
        fix,
        outlook,
    }
}

/// A transaction in the topic of checkpoints, from this offset on, that has not ended. Others may end theirs yet.
pub(super) fn of_hanging(topic: &str, offset: i64) -> SinkError {
    SinkError::CheckpointsUnreadable {
        topic: topic.to_owned(),
        reason: format!("a transaction at offset {offset} does not end"),
        fix: "see kafka-transactions.sh find-hanging if that stays so",
        outlook: Outlook::Passes,
    }
}

/// What to do, and whether it may work another time.
fn fix_of(code: Code) -> (&'static str, Outlook) {
    match meaning(code) {
        CodeMeaning::Withdrawn(fix) => (fix, Outlook::Granted),
        CodeMeaning::Stays(fix) => (fix, Outlook::Stays),
        CodeMeaning::Passes => ("check the brokers", Outlook::Passes),
        CodeMeaning::Refused => (
            "check security.protocol, sasl_* and ssl.* of the sink",
            Outlook::Granted,
        ),
        CodeMeaning::TooLarge => ("see what the brokers log", Outlook::Stays),
    }
}

/// A topic that was not created.
pub(super) fn of_topic(topic: &str, code: Code) -> SinkError {
    let (fix, outlook) = fix_of(code);
    SinkError::TopicNotCreated {
        topic: topic.to_owned(),
        reason: code.to_string(),
        fix,
        outlook,
    }
}

/// Silence from the whole cluster, with what was heard last.
pub(super) fn of_silence(servers: &str, wait_max: Duration, heard: Option<Heard>) -> SinkError {
    let servers = servers.to_owned();
    match heard {
        Some(heard) if is_refusal(heard.code) => SinkError::KafkaRefused {
            servers,
            reason: heard.reason,
        },
        heard => SinkError::KafkaUnreachable {
            servers,
            wait_max,
            reason: heard.map_or_else(|| "nothing was heard".to_owned(), |it| explained(it.reason)),
        },
    }
}

/// A broker that speaks no TLS ends the connection in the handshake, which librdkafka explains or does not, as it notices.
fn explained(reason: String) -> String {
    const EXPLANATION: &str = "connecting to a PLAINTEXT broker listener?";
    let is_unexplained = reason.contains("closed by peer")
        && reason.contains("SSL_HANDSHAKE")
        && !reason.contains(EXPLANATION);
    match is_unexplained {
        true => format!("{reason}: {EXPLANATION}"),
        false => reason,
    }
}

/// A configuration that librdkafka does not take. Values are left out, since some are secret.
pub(super) fn of_configuration(error: KafkaError) -> SinkError {
    let (option, reason) = match error {
        KafkaError::ClientConfig(_, description, property, _) => {
            (format!("properties.\"{property}\""), description)
        }
        KafkaError::ClientCreation(description) => ("properties".to_owned(), description),
        other => ("properties".to_owned(), other.to_string()),
    };
    SinkError::Option {
        option,
        reason: format!("is not accepted by librdkafka ({reason}), correct it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(code: Code) -> SinkError {
        let failure = Failure {
            topic: "shop.a.b".to_owned(),
            code,
            key: "1".to_owned(),
            bytes: 10,
            key_bytes: 1,
        };
        of_record(failure, "kafka:9092", None)
    }

    #[test]
    fn a_broker_that_ends_the_handshake_may_speak_no_tls() {
        for (reason, is_explained) in [
            (
                "Disconnected: SSL connection closed by peer (after 0ms in state SSL_HANDSHAKE)",
                true,
            ),
            (
                "Disconnected: SSL connection closed by peer (after 7000ms in state UP)",
                false,
            ),
        ] {
            let heard = Heard {
                at: std::time::Instant::now(),
                code: Code::BrokerTransportFailure,
                reason: reason.to_owned(),
            };
            let text = of_silence("kafka:9092", Duration::ZERO, Some(heard)).to_string();
            assert!(text.contains(reason), "{text}");
            assert_eq!(
                text.contains("PLAINTEXT broker listener?"),
                is_explained,
                "{text}"
            );
        }
    }

    #[test]
    fn a_code_that_nobody_thought_of_is_permanent() {
        assert!(!record(Code::InvalidTimestamp).class().is_transient());
        assert!(!of_topic("t", Code::InvalidRequest).class().is_transient());
    }

    #[test]
    fn what_stopped_the_producer_counts_not_that_it_stopped() {
        let failure = |code| Failure {
            topic: "shop.a.b".to_owned(),
            code,
            key: "1".to_owned(),
            bytes: 10,
            key_bytes: 1,
        };
        for (code, is_transient) in [
            (Code::GaplessGuarantee, false),
            (Code::ClusterAuthorizationFailed, false),
            (Code::OutOfOrderSequenceNumber, true),
        ] {
            let fatal = Some((code, "told".to_owned()));
            let error = of_record(failure(Code::Fatal), "kafka:9092", fatal);
            assert_eq!(error.class().is_transient(), is_transient, "{error}");
            assert!(error.to_string().contains("told"), "{error}");
        }
    }

    #[test]
    fn a_cluster_in_transition_is_transient() {
        assert!(record(Code::NotEnoughReplicas).class().is_transient());
        assert!(of_topic("t", Code::NotController).class().is_transient());
    }

    #[test]
    fn a_transaction_that_hangs_is_named_and_may_end_yet() {
        let error = of_hanging("shop.rowtap.checkpoints", 12);
        assert!(error.class().is_transient());
        assert_eq!(
            error.to_string(),
            "the checkpoints in topic shop.rowtap.checkpoints cannot be read (a transaction at offset 12 does not end), see \
             kafka-transactions.sh find-hanging if that stays so"
        );
    }

    #[test]
    fn silence_after_a_refusal_is_a_refusal() {
        let heard = Heard {
            at: std::time::Instant::now(),
            code: Code::Authentication,
            reason: "SASL authentication failed".to_owned(),
        };
        let error = of_silence("kafka:9092", Duration::from_secs(1), Some(heard));
        assert_eq!(error.class().exit_code(), 69);
    }
}
