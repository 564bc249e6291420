//! What the assembler looks at in an event before its group's end is known: no more than groups need.

use super::tracker::Mark;
use crate::binlog::{
    Control, Coordinates, EventKind, FormatDescription, Frame, Gtid, GtidEvent, MariaDbGtidEvent,
    Query, XaPrepare, compressed, xid,
};
use crate::change::batch::items::Group;
use crate::change::trouble::Trouble;

/// An event as groups see it.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A MySQL GTID event. One opens a group: boxed, it does not make what is seen of all the other events large.
    Gtid(Box<GtidEvent>),
    /// A MariaDB GTID event.
    MariaDbGtid(Box<MariaDbGtidEvent>),
    /// A query event, by what it does to the transaction.
    Query(Option<Control<'a>>),
    /// An XA PREPARE event.
    XaPrepare {
        /// Whether it is a commit in one phase.
        one_phase: bool,
    },
    /// Any other event.
    Other(EventKind),
}

impl<'a> Seen<'a> {
    /// Looks at an event; `scratch` takes what must be unpacked for that.
    pub fn of(
        frame: &Frame,
        body: &'a [u8],
        format: &FormatDescription,
        scratch: &'a mut Vec<u8>,
    ) -> Result<Self, Trouble> {
        Ok(match frame.header.kind {
            EventKind::Gtid | EventKind::AnonymousGtid | EventKind::GtidTagged => {
                Self::Gtid(Box::new(GtidEvent::parse(frame.header.kind, body)?))
            }
            EventKind::MariaDbGtid => {
                Self::MariaDbGtid(Box::new(MariaDbGtidEvent::parse(&frame.header, body)?))
            }
            EventKind::Query => Self::Query(Query::parse(body, format)?.control()),
            EventKind::QueryCompressed => {
                *scratch = compressed::short_statement(Query::parse(body, format)?.statement)?;
                Self::Query(Control::of(scratch))
            }
            EventKind::XaPrepare => Self::XaPrepare {
                one_phase: XaPrepare::parse(body)?.one_phase,
            },
            EventKind::Xid => {
                xid(body)?;
                Self::Other(EventKind::Xid)
            }
            kind => Self::Other(kind),
        })
    }

    /// What the tracker must know of it.
    pub fn mark(&self) -> Mark<'a> {
        match self {
            Self::Gtid(_) => Mark::Gtid {
                standalone: false,
                begins: false,
            },
            Self::MariaDbGtid(event) => Mark::Gtid {
                standalone: event.standalone,
                begins: true,
            },
            Self::Query(control) => Mark::Query(*control),
            Self::XaPrepare { one_phase } => Mark::XaPrepare {
                one_phase: *one_phase,
            },
            Self::Other(kind) => Mark::Other(*kind),
        }
    }

    /// Whether this event says that every row of the group that it opens can be rolled back. MariaDB logs rows of tables
    /// that cannot in groups of their own, without the flag.
    pub(in crate::change) fn is_transactional(&self) -> bool {
        matches!(self, Self::MariaDbGtid(event) if event.transactional)
    }

    /// The GTID of the group that this event opens.
    pub(in crate::change) fn gtid(&self) -> Option<&Gtid> {
        match self {
            Self::Gtid(event) => event.gtid.as_ref(),
            Self::MariaDbGtid(event) => Some(&event.gtid),
            Self::Query(_) | Self::XaPrepare { .. } | Self::Other(_) => None,
        }
    }

    /// The group that this event opens.
    pub(in crate::change) fn group(&self, begin: Coordinates, frame: &Frame) -> Group {
        let seconds_us = i64::from(frame.header.timestamp) * 1_000_000;
        let group = Group {
            gtid: None,
            begin,
            server_id: frame.header.server_id,
            commit_us: seconds_us,
            original_commit_us: None,
            thread_id: None,
            xid: None,
            is_xa: false,
            snapshot: None,
        };
        let time = |us: Option<u64>| us.and_then(|us| i64::try_from(us).ok());
        match self {
            Self::Gtid(event) => Group {
                gtid: event.gtid.clone(),
                commit_us: time(event.immediate_commit_us).unwrap_or(seconds_us),
                original_commit_us: time(event.original_commit_us),
                ..group
            },
            Self::MariaDbGtid(event) => Group {
                gtid: Some(event.gtid.clone()),
                ..group
            },
            Self::Query(_) | Self::XaPrepare { .. } | Self::Other(_) => group,
        }
    }
}
