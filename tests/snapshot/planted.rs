//! A bug that is planted is seen by the checks that let the others pass.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use super::load::{Load, difference, held, rebuilt};
use super::{ONCE, begin_filled};
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
