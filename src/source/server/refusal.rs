//! What it means when a source ends a dump with an error.
//!
//! Nearly all such errors have one number, `ER_SOURCE_FATAL_ERROR_READING_BINLOG`, so only their texts tell them
//! apart. The texts are those of `sql/rpl_binlog_sender.cc` (MySQL) and `sql/sql_repl.cc` (MariaDB), old and new wording.

use crate::source::error::SourceError;

const FATAL_ERROR_READING_BINLOG: u16 = 1236;
/// MariaDB's, where MySQL says the same with 1236.
const SLAVE_SAME_ID: u16 = 4052;

#[derive(Clone, Copy)]
enum RefusalKind {
    Displaced,
    Purged,
    Diverged,
    GtidRefused,
    Broken,
}

/// Phrases by which a message is known, in lower case; the first match decides.
const PHRASES: [(&str, RefusalKind); 22] = [
    ("same server_uuid/server_id", RefusalKind::Displaced),
    ("could not find first log file name", RefusalKind::Purged),
    ("purged required binary logs", RefusalKind::Purged),
    (
        "has purged binary logs containing gtids",
        RefusalKind::Purged,
    ),
    (
        "could not find gtid state requested by slave in any binlog files",
        RefusalKind::Purged,
    ),
    ("more gtids than the", RefusalKind::Diverged),
    ("is missing the gtid", RefusalKind::Diverged),
    ("which is not in the master's binlog", RefusalKind::Diverged),
    ("position > file size", RefusalKind::Diverged),
    ("from impossible position", RefusalKind::Diverged),
    ("auto_position", RefusalKind::GtidRefused),
    ("gtid_mode", RefusalKind::GtidRefused),
    ("max_allowed_packet", RefusalKind::Broken),
    ("bogus data in log event", RefusalKind::Broken),
    ("truncated in the middle of event", RefusalKind::Broken),
    ("crc check", RefusalKind::Broken),
    ("checksum", RefusalKind::Broken),
    ("position < 4", RefusalKind::Broken),
    ("event too small", RefusalKind::Broken),
    ("i/o error reading", RefusalKind::Broken),
    ("could not open log file", RefusalKind::Broken),
    ("unknown error reading log event", RefusalKind::Broken),
];

/// Turns the server's error into what it means; `None` for errors that are not about the dump.
pub(in crate::source) fn refusal(code: u16, message: &str) -> Option<SourceError> {
    if code != FATAL_ERROR_READING_BINLOG && code != SLAVE_SAME_ID {
        return None;
    }
    let lower = message.to_ascii_lowercase();
    let meaning = PHRASES
        .iter()
        .find(|(phrase, _)| lower.contains(phrase))
        .map(|(_, meaning)| *meaning);
    let message = message.to_owned();
    Some(match meaning {
        Some(RefusalKind::Displaced) => SourceError::Displaced { message },
        Some(RefusalKind::Purged) => SourceError::PurgedGroups { detail: message },
        Some(RefusalKind::Diverged) => SourceError::Diverged { message },
        Some(RefusalKind::GtidRefused) => SourceError::GtidRefused { message },
        Some(RefusalKind::Broken) => SourceError::Broken { message },
        None if code == SLAVE_SAME_ID => SourceError::Displaced { message },
        None => SourceError::Server { code, message },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    fn check(message: &str, expected: Class) {
        let error = refusal(FATAL_ERROR_READING_BINLOG, message).unwrap();
        assert_eq!(error.class(), expected, "{error:?}");
        assert!(!matches!(error, SourceError::Server { .. }), "{error:?}");
    }

    #[test]
    fn known_messages_have_a_meaning() {
        for (message, class) in [
            (
                "Could not find first log file name in binary log index file",
                Class::Refused,
            ),
            (
                "Client requested source to start replication from position > file size",
                Class::Data,
            ),
            (
                "Client requested master to start replication from impossible position; the first event 'binlog.000001' at \
                 100000000, the last event read from 'binlog.000001' at 4",
                Class::Data,
            ),
            (
                "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
                Class::Data,
            ),
            (
                "bogus data in log event; the first event 'binlog.000001' at 400",
                Class::Data,
            ),
            (
                "binlog truncated in the middle of event; consider out of disk space on source",
                Class::Data,
            ),
            (
                "Replica can not handle replication events with the checksum that source is configured to log",
                Class::Data,
            ),
            (
                "Replica has more GTIDs than the source has, using the source's SERVER_UUID.",
                Class::Data,
            ),
            (
                "A replica with the same server_uuid/server_id as this replica has connected to the source",
                Class::Refused,
            ),
            (
                "A slave with the same server_uuid/server_id as this slave has connected to the master",
                Class::Refused,
            ),
            (
                "Cannot replicate because the source purged required binary logs. Replicate the missing transactions",
                Class::Refused,
            ),
            (
                "Error: connecting slave requested to start from GTID 0-1-999, which is not in the master's binlog",
                Class::Data,
            ),
            (
                "Could not find GTID state requested by slave in any binlog files. Probably the slave state is too old",
                Class::Refused,
            ),
            (
                "Cannot replicate anonymous transaction when AUTO_POSITION = 1, at file ./binlog.000003, position 194",
                Class::Refused,
            ),
        ] {
            check(message, class);
        }
    }

    #[test]
    fn an_unknown_message_is_permanent_and_kept() {
        let error = refusal(FATAL_ERROR_READING_BINLOG, "something new").unwrap();
        assert_eq!(
            error.to_string(),
            "the source refused with error 1236: something new"
        );
        assert!(!error.class().is_transient());
    }

    #[test]
    fn other_errors_are_left_to_the_connection() {
        assert!(refusal(1053, "Server shutdown in progress").is_none());
    }

    #[test]
    fn mariadb_says_displaced_with_a_number_of_its_own() {
        let error = refusal(
            SLAVE_SAME_ID,
            "A slave with the same server_uuid/server_id is already connected",
        )
        .unwrap();
        assert!(matches!(error, SourceError::Displaced { .. }));
    }
}
