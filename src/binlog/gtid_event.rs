//! MySQL's GTID events: a group begins.
//!
//! Follows `Gtid_event` in `libs/mysql/binlog/event/control_events.h`. Types 33 and 34:
//!
//! | field | bytes | meaning |
//! |---|---|---|
//! | flags | 1 | 1: the group may hold statements |
//! | uuid | 16 | zero without a GTID |
//! | number | 8 | |
//! | logical clock | 1, 8, 8 | 2, last committed, sequence number; from 5.7 |
//! | immediate commit | 7 | µs since 1970 on this server; top bit: the next field follows; from 8.0.1 |
//! | original commit | 7 | µs since 1970 on the first server |
//! | length | length-encoded | of the group's events, this one included; from 8.0.2 |
//! | server versions, commit ticket | | not read |
//!
//! Type 42 is a message of MySQL's serialization library: version 2, the message's length (all of it), the number of the
//! last field that must be understood, then fields of a number and a value.

use uuid::Uuid;

use super::cursor::Cursor;
use super::gtid::{NUMBER_MAX, Tag};
use super::{BinlogError, EventKind, Gtid, gtid_wire};

/// The beginning of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GtidEvent {
    /// The GTID; `None` for an anonymous group.
    pub gtid: Option<Gtid>,
    /// Whether the group may hold changes logged as statements.
    pub may_have_statements: bool,
    /// The logical clock: the sequence number of the last group that this one depends on; 0 where not known.
    pub last_committed: u64,
    /// The logical clock: this group's number in its file; 0 where not known.
    pub sequence_number: u64,
    /// When the server that wrote this binlog committed the group, in microseconds since 1970; from 8.0.1.
    pub immediate_commit_us: Option<u64>,
    /// When the first server committed the group, in microseconds since 1970; from 8.0.1.
    pub original_commit_us: Option<u64>,
    /// Length of the group's events in the file, this one included; from 8.0.2.
    pub transaction_length: Option<u64>,
}

impl GtidEvent {
    /// Reads the body of an event of type 33, 34 or 42.
    ///
    /// # Errors
    /// Another type, missing bytes, a number that no GTID has, or a field that must be understood and is not.
    pub fn parse(kind: EventKind, body: &[u8]) -> Result<Self, BinlogError> {
        match kind {
            EventKind::Gtid => Self::untagged(&mut Cursor::new(body), true),
            EventKind::AnonymousGtid => Self::untagged(&mut Cursor::new(body), false),
            EventKind::GtidTagged => Self::tagged(&mut Cursor::new(body)),
            other => Err(BinlogError::Value {
                what: "the type of a GTID event",
                expected: "33, 34 or 42",
                found: u64::from(other.number()),
            }),
        }
    }

    /// As [`GtidEvent::parse`], and makes sure that nothing stands after the last field that a server writes.
    ///
    /// # Errors
    /// As there, or bytes after the last field.
    pub(super) fn check(kind: EventKind, body: &[u8]) -> Result<(), BinlogError> {
        let mut cursor = Cursor::new(body);
        match kind {
            EventKind::GtidTagged => {
                Self::tagged(&mut cursor)?;
            }
            named_or_not => {
                let event = Self::untagged(&mut cursor, named_or_not == EventKind::Gtid)?;
                if event.transaction_length.is_some() && !cursor.is_empty() {
                    server_versions(&mut cursor)?;
                    if !cursor.is_empty() {
                        cursor.u64("the commit group ticket")?;
                    }
                }
            }
        }
        cursor.nothing_left("the GTID event's fields")
    }

    fn untagged(cursor: &mut Cursor<'_>, named: bool) -> Result<Self, BinlogError> {
        const LOGICAL_CLOCK: u8 = 2;
        const MORE_FOLLOWS: u64 = 1 << 55;
        let mut event = Self {
            may_have_statements: cursor.u8("the GTID event's flags")? & 1 != 0,
            ..Self::default()
        };
        let uuid = Uuid::from_bytes(cursor.array("the GTID's uuid")?);
        let number = cursor.u64("the GTID's number")?;
        if named {
            event.gtid = Some(gtid(uuid, Tag::default(), number)?);
        }
        if cursor.is_empty() || cursor.u8("the logical clock's type")? != LOGICAL_CLOCK {
            return Ok(event);
        }
        event.last_committed = cursor.u64("the last committed group")?;
        event.sequence_number = cursor.u64("the group's sequence number")?;
        if cursor.is_empty() {
            return Ok(event);
        }
        let commit = cursor.u56("the immediate commit timestamp")?;
        event.immediate_commit_us = Some(commit & !MORE_FOLLOWS);
        event.original_commit_us = Some(match commit & MORE_FOLLOWS {
            0 => commit,
            _follows => cursor.u56("the original commit timestamp")?,
        });
        if !cursor.is_empty() {
            event.transaction_length = Some(cursor.length_encoded("the transaction length")?);
        }
        Ok(event)
    }

    fn tagged(whole: &mut Cursor<'_>) -> Result<Self, BinlogError> {
        let version = whole.u8("the message's version")?;
        if version != 2 {
            return Err(BinlogError::Value {
                what: "the message's version",
                expected: "2",
                found: u64::from(version),
            });
        }
        let length = whole.variable("the message's length")?;
        let last_required = whole.variable("the last field that must be understood")?;
        let read = whole.offset() as u64;
        let Some(fields) = length.checked_sub(read) else {
            return Err(BinlogError::Value {
                what: "the message's length",
                expected: "at least that of its own head",
                found: length,
            });
        };
        let mut cursor = Cursor::new(whole.bytes_of(fields, "the message")?);
        let mut fields = TaggedFields::default();
        while !cursor.is_empty() {
            let number = cursor.variable("a field's number")?;
            if !fields.read(number, &mut cursor)? {
                if number <= last_required {
                    return Err(BinlogError::Value {
                        what: "a field's number that must be understood",
                        expected: "0 to 11",
                        found: number,
                    });
                }
                // Fields come in ascending order, so all that are known were read.
                break;
            }
        }
        fields.event()
    }
}

/// Reads the version of this server, and that of the first one where it is another: the top bit tells.
fn server_versions(cursor: &mut Cursor<'_>) -> Result<(), BinlogError> {
    const MORE_FOLLOWS: u32 = 1 << 31;
    let immediate = cursor.u32("the immediate server version")?;
    if immediate & MORE_FOLLOWS != 0 {
        cursor.u32("the original server version")?;
    }
    Ok(())
}

/// The fields of a tagged GTID event, by number.
#[derive(Default)]
struct TaggedFields {
    event: GtidEvent,
    uuid: Option<Uuid>,
    number: u64,
    tag: Tag,
}

impl TaggedFields {
    /// Reads one field's value; `false` if its number is unknown.
    fn read(&mut self, number: u64, cursor: &mut Cursor<'_>) -> Result<bool, BinlogError> {
        match number {
            0 => {
                let flags = cursor.variable("the GTID event's flags")?;
                self.event.may_have_statements = flags & 1 != 0;
            }
            1 => self.uuid = Some(uuid(cursor)?),
            2 => self.number = signed(cursor, "the GTID's number")?,
            3 => self.tag = gtid_wire::tag(cursor)?,
            4 => self.event.last_committed = signed(cursor, "the last committed group")?,
            5 => self.event.sequence_number = signed(cursor, "the group's sequence number")?,
            6 => {
                let found = cursor.variable("the immediate commit timestamp")?;
                self.event.immediate_commit_us = Some(found);
            }
            7 => {
                let found = cursor.variable("the original commit timestamp")?;
                self.event.original_commit_us = Some(found);
            }
            8 => {
                let found = cursor.variable("the transaction length")?;
                self.event.transaction_length = Some(found);
            }
            9 => drop(cursor.variable("the immediate server version")?),
            10 => drop(cursor.variable("the original server version")?),
            11 => drop(cursor.variable("the commit group ticket")?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn event(self) -> Result<GtidEvent, BinlogError> {
        let Some(uuid) = self.uuid else {
            return Err(BinlogError::Truncated {
                what: "the GTID's uuid",
                needed: 16,
                left: 0,
            });
        };
        Ok(GtidEvent {
            gtid: Some(gtid(uuid, self.tag, self.number)?),
            original_commit_us: self
                .event
                .original_commit_us
                .or(self.event.immediate_commit_us),
            ..self.event
        })
    }
}

fn gtid(uuid: Uuid, tag: Tag, number: u64) -> Result<Gtid, BinlogError> {
    if (1..=NUMBER_MAX).contains(&number) {
        Ok(Gtid::MySql { uuid, tag, number })
    } else {
        Err(BinlogError::Value {
            what: "the GTID's number",
            expected: "1 to 9223372036854775806",
            found: number,
        })
    }
}

/// Reads a uuid, each of whose bytes is a variable-length integer of its own.
fn uuid(cursor: &mut Cursor<'_>) -> Result<Uuid, BinlogError> {
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        let found = cursor.variable("a byte of the GTID's uuid")?;
        *byte = u8::try_from(found).map_err(|_| BinlogError::Value {
            what: "a byte of the GTID's uuid",
            expected: "at most 255",
            found,
        })?;
    }
    Ok(Uuid::from_bytes(bytes))
}

/// Reads a signed integer, whose sign is the lowest bit; negative ones are refused.
fn signed(cursor: &mut Cursor<'_>, what: &'static str) -> Result<u64, BinlogError> {
    let found = cursor.variable(what)?;
    if found & 1 == 0 {
        Ok(found >> 1)
    } else {
        Err(BinlogError::Value {
            what,
            expected: "not negative",
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

    /// The body of 5.6, with every layout that came later as a longer one.
    fn body() -> Vec<u8> {
        let mut body = vec![1];
        body.extend(UUID.as_bytes());
        body.extend(7_u64.to_le_bytes());
        body.push(2);
        body.extend(3_u64.to_le_bytes());
        body.extend(4_u64.to_le_bytes());
        let microseconds = 1_700_000_000_000_000_u64;
        body.extend(&(microseconds | 1 << 55).to_le_bytes()[..7]);
        body.extend(&(microseconds - 5).to_le_bytes()[..7]);
        body.extend([252, 0, 1]);
        body.extend([0; 12]);
        body
    }

    #[test]
    fn every_layout_since_5_6_is_read() {
        let body = body();
        let event = |length| GtidEvent::parse(EventKind::Gtid, &body[..length]);
        let oldest = event(25).unwrap();
        let gtid = Gtid::MySql {
            uuid: UUID,
            tag: Tag::default(),
            number: 7,
        };
        assert_eq!(oldest.gtid, Some(gtid));
        assert!(oldest.may_have_statements);
        assert_eq!(oldest.immediate_commit_us, None);
        let clock = event(42).unwrap();
        assert_eq!((clock.last_committed, clock.sequence_number), (3, 4));
        let newest = event(body.len()).unwrap();
        assert_eq!(newest.immediate_commit_us, Some(1_700_000_000_000_000));
        assert_eq!(newest.original_commit_us, Some(1_699_999_999_999_995));
        assert_eq!(newest.transaction_length, Some(256));
        for length in (0..25).chain(26..42).chain(43..56) {
            assert!(event(length).is_err(), "{length}");
        }
        let anonymous = GtidEvent::parse(EventKind::AnonymousGtid, &body).unwrap();
        assert_eq!(anonymous.gtid, None);
    }

    #[test]
    fn a_number_that_no_gtid_has_is_refused() {
        for number in [0, NUMBER_MAX + 1] {
            let mut body = body();
            body[17..25].copy_from_slice(&number.to_le_bytes());
            assert!(GtidEvent::parse(EventKind::Gtid, &body).is_err());
        }
    }

    /// A tagged event's message with `more` after its fields.
    fn tagged(last_required: u8, more: &[u8]) -> Vec<u8> {
        let mut fields = vec![0, 2, 2];
        for byte in UUID.as_bytes() {
            fields.push(byte << 1);
        }
        fields.extend([4, 14 << 1, 6, 3 << 1]);
        fields.extend(b"tag");
        fields.extend(more);
        let length = u8::try_from(3 + fields.len()).unwrap();
        [&[2, length << 1, last_required << 1][..], &fields].concat()
    }

    #[test]
    fn a_tagged_event_is_read_field_by_field_and_every_prefix_is_an_error() {
        let body = tagged(11, &[12, 10 << 1, 16, 0b01, 0b10]);
        let event = GtidEvent::parse(EventKind::GtidTagged, &body).unwrap();
        assert_eq!(event.gtid.unwrap().to_string(), format!("{UUID}:tag:7"));
        assert!(event.may_have_statements);
        assert_eq!(event.immediate_commit_us, Some(10));
        assert_eq!(event.original_commit_us, Some(10));
        assert_eq!(event.transaction_length, Some(128));
        for length in 0..body.len() {
            assert!(GtidEvent::parse(EventKind::GtidTagged, &body[..length]).is_err());
        }
    }

    #[test]
    fn a_field_of_later_servers_is_passed_over_unless_it_must_be_understood() {
        let later = [12 << 1, 1, 2, 3];
        let parse =
            |last_required| GtidEvent::parse(EventKind::GtidTagged, &tagged(last_required, &later));
        assert!(parse(11).is_ok());
        assert!(parse(12).is_err());
    }

    #[test]
    fn a_message_that_contradicts_itself_is_refused() {
        let check = |body: &[u8]| assert!(GtidEvent::parse(EventKind::GtidTagged, body).is_err());
        check(&[3, 6, 0]);
        check(&[2, 2, 0]);
        check(&[2, 200, 0, 0, 2]);
        check(&[2, 6, 0]);
        check(&tagged(11, &[4, 1]));
        check(&tagged(11, &[6, 2 << 1, b'1', b'a']));
        check(&tagged(
            11,
            &[6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ));
    }
}
