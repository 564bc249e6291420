//! A bug that is planted is seen by the checks that let the others pass.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use super::load::{Load, difference, held, rebuilt};
use super::{ONCE, begin, begin_filled, may_copy, readers};
use crate::support::Flavour;

#[test]
fn a_lock_that_is_let_go_too_early_is_seen() {
    let (server, folder) = begin_filled(Flavour::MySql97);
    let folder = folder.variable("ROWTAP_PLANTED_FAULT", "UnlockedBeforePlace");
    let load = Load::start(&server, 4);
    folder.succeeds(&ONCE);
    load.stop();
    folder.succeeds(&ONCE);
    let rebuilt = rebuilt(&folder);
    let is_seen = match &rebuilt {
        Ok(rebuilt) => difference(&held(&server), rebuilt).is_some(),
        Err(_row) => true,
    };
    assert!(is_seen);
}

#[test]
fn a_bound_that_loses_rows_of_equal_weight_is_seen() {
    let (server, folder) = begin(Flavour::MySql97);
    may_copy(&server, "u");
    readers::fill(&server);
    let folder = folder
        .replacing("[sink]", readers::SEVERAL)
        .variable("ROWTAP_PLANTED_FAULT", "BoundLosesEqual");
    folder.succeeds(&ONCE);
    let counts = readers::counts(&folder);
    assert_eq!(counts["t00"], counts["bare"]);
    // Its first column knows no case.
    assert!(counts["t07"].len() < counts["bare"].len());
}
