//! Where groups begin and end, from event kinds and the few statements that control transactions.
//!
//! Knows nothing of rows or filters. Follows the rules of a replica's applier: a group ends at XID, COMMIT, ROLLBACK or
//! XA PREPARE; a statement outside BEGIN is a group of its own; DDL inside BEGIN ends nothing.

use crate::binlog::{Control, EventKind};
use crate::change::trouble::GroupError;

/// What the tracker must know of an event.
#[derive(Clone, Copy, Debug)]
pub enum Mark<'a> {
    /// A GTID event, or the anonymous one of a source without GTIDs; `standalone` is MariaDB's flag for a group of one
    /// statement, `begins` tells that the event stands for BEGIN, as MariaDB's does where it is not standalone.
    Gtid {
        /// The next query event is the whole group.
        standalone: bool,
        /// No BEGIN follows.
        begins: bool,
    },
    /// A query event, by what it does to the transaction; `None` for any other statement.
    Query(Option<Control<'a>>),
    /// An XA PREPARE event.
    XaPrepare {
        /// `XA COMMIT … ONE PHASE`: a commit like any other.
        one_phase: bool,
    },
    /// Any other event.
    Other(EventKind),
}

impl Mark<'_> {
    /// The mark of an event whose body is too large to be at hand, or cannot be read: what controls a transaction is short.
    pub fn of_large(kind: EventKind) -> Self {
        match kind {
            EventKind::Query | EventKind::QueryCompressed => Self::Query(None),
            EventKind::XaPrepare => Self::XaPrepare { one_phase: false },
            kind => Self::Other(kind),
        }
    }
}

/// How a group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its changes stand.
    Committed,
    /// Its changes to transactional tables are undone.
    RolledBack,
    /// As that, for the server died while writing it.
    Abandoned,
    /// Its changes wait for XA COMMIT or XA ROLLBACK.
    Prepared,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Between groups: file headers, rotations, heartbeats.
    Outside,
    /// Opens a group.
    Opens,
    /// Inside the group that is open.
    Inside,
    /// The last event of its group.
    Ends(Outcome),
    /// The only event of its group.
    Alone,
    /// Between groups, and the group before it was never finished: the server died while writing it.
    Abandons,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrackerState {
    Outside,
    /// After a GTID event: BEGIN or the group's only statement follows.
    Announced,
    /// After BEGIN or what stands for it.
    Open,
}

/// Follows one stream; begins between groups.
#[derive(Clone, Debug)]
pub struct GroupTracker {
    state: TrackerState,
    announced: bool,
}

impl Default for GroupTracker {
    fn default() -> Self {
        Self {
            state: TrackerState::Outside,
            announced: false,
        }
    }
}

impl GroupTracker {
    /// Says whether the source opens every group with a GTID event, anonymous ones included, as MySQL since 5.7 and
    /// MariaDB since 10.0 do. Then a BEGIN without one shows that the stream began after it.
    pub fn expect_gtids(&mut self, announced: bool) {
        self.announced = announced;
    }

    /// Whether no group is open, so that a stream may stop or start here.
    pub fn is_between_groups(&self) -> bool {
        self.state == TrackerState::Outside
    }

    /// Takes the next event of the stream, artificial ones left out.
    ///
    /// # Errors
    /// When the event cannot stand here; the stream did not begin between groups, or is not a binlog.
    pub fn place(&mut self, mark: Mark<'_>) -> Result<Place, GroupError> {
        match mark {
            Mark::Gtid { standalone, begins } => self.gtid(standalone, begins),
            Mark::Query(control) => self.query(control),
            Mark::XaPrepare { one_phase } => {
                self.inside("XA_PREPARE")?;
                self.state = TrackerState::Outside;
                Ok(Place::Ends(if one_phase {
                    Outcome::Committed
                } else {
                    Outcome::Prepared
                }))
            }
            Mark::Other(kind) => self.other(kind),
        }
    }

    fn gtid(&mut self, standalone: bool, begins: bool) -> Result<Place, GroupError> {
        if self.state != TrackerState::Outside {
            return Err(GroupError::NotEnded {
                found: "GTID".to_owned(),
            });
        }
        self.state = if begins && !standalone {
            TrackerState::Open
        } else {
            TrackerState::Announced
        };
        Ok(Place::Opens)
    }

    fn query(&mut self, control: Option<Control<'_>>) -> Result<Place, GroupError> {
        let before = self.state;
        if before == TrackerState::Outside && self.announced {
            return Err(GroupError::NotOpened {
                found: "QUERY".to_owned(),
            });
        }
        let first = if before == TrackerState::Outside {
            Place::Opens
        } else {
            Place::Inside
        };
        match control {
            Some(Control::Begin | Control::XaStart) if before == TrackerState::Open => {
                // MariaDB's GTID event stands for BEGIN, yet XA START follows it.
                Ok(Place::Inside)
            }
            Some(Control::Begin | Control::XaStart) => {
                self.state = TrackerState::Open;
                Ok(first)
            }
            Some(Control::Commit) if before == TrackerState::Open => {
                Ok(self.end(Outcome::Committed))
            }
            Some(Control::Rollback) if before == TrackerState::Open => {
                Ok(self.end(Outcome::RolledBack))
            }
            Some(_) | None if before == TrackerState::Open => Ok(Place::Inside),
            Some(_) | None => {
                self.state = TrackerState::Outside;
                Ok(if before == TrackerState::Outside {
                    Place::Alone
                } else {
                    Place::Ends(Outcome::Committed)
                })
            }
        }
    }

    fn other(&mut self, kind: EventKind) -> Result<Place, GroupError> {
        match kind {
            EventKind::Xid => {
                self.inside("XID")?;
                Ok(self.end(Outcome::Committed))
            }
            EventKind::TransactionPayload => {
                // Holds its own BEGIN and XID.
                let alone = self.state == TrackerState::Outside;
                self.state = TrackerState::Outside;
                Ok(if alone {
                    Place::Alone
                } else {
                    Place::Ends(Outcome::Committed)
                })
            }
            EventKind::FormatDescription
            | EventKind::Rotate
            | EventKind::Stop
            | EventKind::PreviousGtids
            | EventKind::MariaDbGtidList
            | EventKind::BinlogCheckpoint
            | EventKind::StartEncryption => {
                let abandoned = std::mem::replace(&mut self.state, TrackerState::Outside)
                    != TrackerState::Outside;
                Ok(if abandoned {
                    Place::Abandons
                } else {
                    Place::Outside
                })
            }
            EventKind::Heartbeat | EventKind::HeartbeatV2 | EventKind::Incident => {
                Ok(Place::Outside)
            }
            kind if self.state == TrackerState::Outside && may_stand_alone(kind) => {
                Ok(Place::Outside)
            }
            kind => {
                self.inside(kind)?;
                Ok(Place::Inside)
            }
        }
    }

    fn inside(&self, found: impl ToString) -> Result<(), GroupError> {
        if self.state == TrackerState::Outside {
            return Err(GroupError::NotOpened {
                found: found.to_string(),
            });
        }
        Ok(())
    }

    fn end(&mut self, outcome: Outcome) -> Place {
        self.state = TrackerState::Outside;
        Place::Ends(outcome)
    }
}

/// Events that a server may write between groups although they belong to none.
fn may_stand_alone(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Ignorable
            | EventKind::TransactionContext
            | EventKind::ViewChange
            | EventKind::Intvar
            | EventKind::Rand
            | EventKind::UserVar
            | EventKind::Unknown(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GTID: Mark<'static> = Mark::Gtid {
        standalone: false,
        begins: false,
    };
    const MARIADB_GTID: Mark<'static> = Mark::Gtid {
        standalone: false,
        begins: true,
    };
    const STANDALONE: Mark<'static> = Mark::Gtid {
        standalone: true,
        begins: true,
    };

    fn check(marks: &[Mark<'_>], expected: &[Place]) {
        let mut tracker = GroupTracker::default();
        let places: Vec<Place> = marks
            .iter()
            .map(|mark| tracker.place(*mark).unwrap())
            .collect();
        assert_eq!(places, expected);
        assert!(tracker.is_between_groups());
    }

    #[test]
    fn a_transaction_ends_at_its_xid() {
        check(
            &[
                GTID,
                Mark::Query(Some(Control::Begin)),
                Mark::Other(EventKind::TableMap),
                Mark::Other(EventKind::Xid),
            ],
            &[
                Place::Opens,
                Place::Inside,
                Place::Inside,
                Place::Ends(Outcome::Committed),
            ],
        );
    }

    #[test]
    fn a_mariadb_gtid_stands_for_begin() {
        check(
            &[
                MARIADB_GTID,
                Mark::Other(EventKind::TableMap),
                Mark::Query(Some(Control::Commit)),
            ],
            &[Place::Opens, Place::Inside, Place::Ends(Outcome::Committed)],
        );
    }

    #[test]
    fn a_statement_outside_begin_is_a_group_of_its_own() {
        check(
            &[GTID, Mark::Query(None)],
            &[Place::Opens, Place::Ends(Outcome::Committed)],
        );
        check(
            &[STANDALONE, Mark::Query(None)],
            &[Place::Opens, Place::Ends(Outcome::Committed)],
        );
        check(&[Mark::Query(None)], &[Place::Alone]);
    }

    #[test]
    fn ddl_inside_begin_ends_nothing() {
        check(
            &[
                GTID,
                Mark::Query(Some(Control::Begin)),
                Mark::Query(None),
                Mark::Other(EventKind::Xid),
            ],
            &[
                Place::Opens,
                Place::Inside,
                Place::Inside,
                Place::Ends(Outcome::Committed),
            ],
        );
    }

    #[test]
    fn a_rollback_ends_a_group_and_undoes_it() {
        check(
            &[
                GTID,
                Mark::Query(Some(Control::Begin)),
                Mark::Query(Some(Control::Rollback)),
            ],
            &[
                Place::Opens,
                Place::Inside,
                Place::Ends(Outcome::RolledBack),
            ],
        );
    }

    #[test]
    fn a_file_that_ends_inside_a_group_abandons_it() {
        check(
            &[
                GTID,
                Mark::Query(Some(Control::Begin)),
                Mark::Other(EventKind::FormatDescription),
            ],
            &[Place::Opens, Place::Inside, Place::Abandons],
        );
    }

    #[test]
    fn a_begin_without_its_gtid_is_refused_where_gtids_are_expected() {
        let mut tracker = GroupTracker::default();
        tracker.expect_gtids(true);
        let refused = tracker.place(Mark::Query(Some(Control::Begin)));
        assert!(
            matches!(refused, Err(GroupError::NotOpened { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_stream_that_begins_inside_a_group_is_refused() {
        for kind in [EventKind::TableMap, EventKind::Xid, EventKind::WriteRows] {
            let refused = GroupTracker::default().place(Mark::Other(kind));
            assert!(
                matches!(refused, Err(GroupError::NotOpened { .. })),
                "{kind:?}: {refused:?}"
            );
        }
    }
}
