//! A bug that is planted is seen by the checks that let the others pass.
//!
//! Only in a build with the feature `planted-faults`; see `src/fault.rs`.

use super::handover::{begin_slow, kill_in};
use super::load::{Contents, Load, difference, held, rebuilt, rebuilt_by_key};
use super::ordered::begin_at_end;
use super::stale::beside_changes;
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
    let mut columns = readers::KEYS.iter().map(|(columns, ..)| columns);
    let without_case = columns.position(|it| it.contains("utf8mb4_general_ci"));
    let without_case = format!("t{:02}", without_case.expect("a table"));
    assert!(counts[&without_case].len() < counts["bare"].len());
}

#[test]
fn the_rest_of_a_copy_that_enters_the_stream_elsewhere_is_seen() {
    let (server, folder) = begin_slow(Flavour::MySql97);
    let load = Load::start(&server, 4);
    kill_in(&folder, 1, "pair");
    let folder = folder.variable("ROWTAP_PLANTED_FAULT", "ResumedElsewhere");
    folder.succeeds(&ONCE);
    load.stop();
    folder.succeeds(&ONCE);
    let (rebuilt, _) = rebuilt_by_key(&folder);
    assert!(difference(&held(&server), &rebuilt).is_some());
}

/// What a copy without a lock, beside clients, lets the tables with keys come to under a planted fault, and what they hold.
fn beside_a_wide_window(fault: &str) -> (Contents, Contents) {
    let (server, folder) = begin_slow(Flavour::MySql97);
    // What has no key would be in the way of every window.
    let folder = folder
        .replacing("threads = 3", "threads = 3\nlocking = 'none'")
        .replacing(
            "[sink]",
            "[filter]\nreplicate-ignore-table = 'a.bare'\n[sink]",
        )
        .variable("ROWTAP_PLANTED_FAULT", fault);
    let load = Load::start(&server, 4);
    let ended = folder.succeeds(&ONCE);
    let words = "rows that were changed while views were opened come by the stream";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    load.stop();
    folder.succeeds(&ONCE);
    let (mut rebuilt, _) = rebuilt_by_key(&folder);
    let mut held = held(&server);
    rebuilt.remove("bare");
    held.remove("bare");
    (held, rebuilt)
}

#[test]
fn rows_that_were_changed_while_views_were_opened_are_seen() {
    let (held, rebuilt) = beside_a_wide_window("LotNotChecked");
    assert!(difference(&held, &rebuilt).is_some());
}

#[test]
fn a_row_of_an_ordered_snapshot_that_is_older_than_the_stream_is_seen() {
    for (fault, is_stale) in [("LotNotChecked", true), ("WideWindow", false)] {
        let (server, folder) = begin_at_end(Flavour::MySql97);
        let folder = folder.variable("ROWTAP_PLANTED_FAULT", fault);
        let (stale, _) = beside_changes(&server, &folder, (2, false));
        assert_eq!(stale > 0, is_stale, "{fault}: {stale}");
    }
}

#[test]
fn rows_that_were_changed_while_views_were_opened_slowly_come_by_the_stream() {
    let (held, rebuilt) = beside_a_wide_window("WideWindow");
    assert_eq!(difference(&held, &rebuilt), None);
}
