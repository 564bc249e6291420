//! Which groups are published, by their GTIDs.

use crate::binlog::{Gtid, GtidSet};

/// A choice of groups; takes all if it names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// If there are sets, only groups in one of them are taken.
    pub include: Vec<GtidSet>,
    /// Groups in one of these are left out, whatever else says.
    pub exclude: Vec<GtidSet>,
}

impl Choice {
    /// Whether a group is taken; one without a GTID is in no set.
    pub fn takes(&self, gtid: Option<&Gtid>) -> bool {
        let is_in =
            |sets: &[GtidSet]| gtid.is_some_and(|gtid| sets.iter().any(|set| set.contains(gtid)));
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::Flavour;

    #[test]
    fn what_is_excluded_is_left_out_even_where_it_is_included() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let set = |numbers: &str| {
            vec![GtidSet::parse(Flavour::MySql, &format!("{uuid}:{numbers}")).unwrap()]
        };
        let gtid = |number: u32| format!("{uuid}:{number}").parse::<Gtid>().unwrap();
        let choice = Choice {
            include: set("1-9"),
            exclude: set("5"),
        };
        let taken: Vec<u32> = (1..12).filter(|n| choice.takes(Some(&gtid(*n)))).collect();
        assert_eq!(taken, [1, 2, 3, 4, 6, 7, 8, 9]);
        assert!(!choice.takes(None));
        let all_but = Choice {
            exclude: set("5"),
            ..Choice::default()
        };
        assert!(all_but.takes(None) && all_but.takes(Some(&gtid(50))));
        assert!(!all_but.takes(Some(&gtid(5))));
    }
}
