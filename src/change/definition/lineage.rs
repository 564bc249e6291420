//! Whose coordinates a fact about tables holds.
//!
//! Coordinates order the files of one server, and only until it begins its binlogs anew. What is known of tables outlives
//! both, so facts hold a [`Point`], which is before or after another of the same lineage and no other. What is not known
//! to be before and not known to be after proves nothing and rules nothing out.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::binlog::Coordinates;

/// The binlogs that one server has written while it was the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The server's `server_uuid`; MariaDB has none.
    pub server_uuid: Option<Uuid>,
    /// The server's `server_id`.
    pub server_id: u32,
    /// How often another server had taken the source's place by then: the epoch of the checkpoint.
    pub incarnation: u64,
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.server_uuid {
            Some(uuid) => write!(f, "server {uuid}")?,
            None => write!(f, "server_id {}", self.server_id)?,
        }
        match self.incarnation {
            0 => Ok(()),
            times => write!(f, ", after {times} changes of server"),
        }
    }
}

/// Coordinates in a lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Whose coordinates they are.
    pub lineage: Arc<Lineage>,
    /// The coordinates.
    pub coordinates: Coordinates,
}

impl Point {
    /// Makes a point of coordinates in a lineage.
    pub fn new(lineage: &Arc<Lineage>, coordinates: Coordinates) -> Self {
        Self {
            lineage: Arc::clone(lineage),
            coordinates,
        }
    }

    /// Whether its coordinates are of these binlogs.
    pub fn is_of_lineage(&self, lineage: &Arc<Lineage>) -> bool {
        Arc::ptr_eq(&self.lineage, lineage) || self.lineage == *lineage
    }

    /// Whether it lies before the other; `None` in another lineage.
    pub fn is_before(&self, other: &Self) -> Option<bool> {
        self.is_of_lineage(&other.lineage)
            .then(|| self.coordinates < other.coordinates)
    }

    /// Whether it lies after the other; `None` in another lineage.
    pub fn is_after(&self, other: &Self) -> Option<bool> {
        other.is_before(self)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.coordinates.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(lineage: &Lineage, position: u64) -> Point {
        Point::new(
            &Arc::new(lineage.clone()),
            Coordinates::new("b.000001", position),
        )
    }

    #[test]
    fn points_of_one_lineage_are_in_order() {
        let lineage = Lineage {
            server_uuid: Some(Uuid::from_u128(7)),
            server_id: 1,
            incarnation: 2,
        };
        let [four, nine] = [4, 9].map(|position| point(&lineage, position));
        assert_eq!(four.is_before(&nine), Some(true));
        assert_eq!(nine.is_before(&four), Some(false));
        assert_eq!(nine.is_after(&four), Some(true));
        assert_eq!(four.is_before(&four), Some(false));
        assert_eq!(four.is_after(&four), Some(false));
    }

    #[test]
    fn points_of_two_lineages_are_in_no_order() {
        let lineage = Lineage {
            server_uuid: Some(Uuid::from_u128(7)),
            server_id: 1,
            incarnation: 0,
        };
        let others = [
            Lineage {
                server_uuid: Some(Uuid::from_u128(8)),
                ..lineage
            },
            Lineage {
                server_uuid: None,
                ..lineage
            },
            Lineage {
                server_id: 2,
                ..lineage
            },
            Lineage {
                incarnation: 1,
                ..lineage
            },
        ];
        for other in others {
            for position in [4, 9, 20] {
                let (here, there) = (point(&lineage, 9), point(&other, position));
                assert_eq!(here.is_before(&there), None, "{other}:{position}");
                assert_eq!(here.is_after(&there), None, "{other}:{position}");
                assert_ne!(here, there);
            }
        }
    }
}
