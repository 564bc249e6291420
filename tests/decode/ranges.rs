//! Which part of a file is taken, beside `mysqlbinlog` with the same options on the same file.

use super::{WHOLE, boundaries, decoded, fails, listed_rows, listing, recording, summary_rows};

#[track_caller]
fn compare(flavour: crate::support::Flavour, options: &[&str], path: &str) -> usize {
    let arguments = [options, &[path]].concat();
    let listing = listing(flavour, &arguments);
    let mut expected = listed_rows(&listing);
    let text = decoded(&[&["--summary"], options, &[path]].concat());
    let mut found = summary_rows(&text);
    if listing.contains("Don't know how to handle column type=255") {
        // MySQL's own lists one row of each event with a geometry, and no more.
        expected.retain(|key, _| !key.ends_with(" shop.visits"));
        found.retain(|key, _| !key.ends_with(" shop.visits"));
    }
    assert_eq!(found, expected, "{options:?} of {path}");
    expected.len()
}

#[test]
fn positions_take_what_mysqlbinlog_takes() {
    for (name, flavour) in WHOLE {
        let path = recording(name).display().to_string();
        let boundaries = boundaries(&listing(flavour, &[&path]));
        assert!(boundaries.len() > 8, "{name}: {boundaries:?}");
        for position in &boundaries {
            compare(flavour, &[&format!("--start-position={position}")], &path);
            compare(flavour, &[&format!("--stop-position={position}")], &path);
        }
        let (start, stop) = (boundaries[2], boundaries[boundaries.len() - 3]);
        let range = [
            format!("--start-position={start}"),
            format!("--stop-position={stop}"),
        ];
        compare(flavour, &[&range[0], &range[1]], &path);
    }
}

#[test]
fn a_transaction_that_the_stop_cuts_is_left_out_and_a_start_inside_one_is_refused() {
    let (name, flavour) = WHOLE[0];
    let path = recording(name).display().to_string();
    let boundaries = boundaries(&listing(flavour, &[&path]));
    let before = decoded(&[&format!("--stop-position={}", boundaries[8]), &path]);
    let cut = decoded(&[&format!("--stop-position={}", boundaries[8] + 100), &path]);
    assert_eq!(before.lines().count(), cut.lines().count());
    let inside = format!("--start-position={}", boundaries[2] + 1);
    fails(&[&inside, &path], 65, &["the place is inside an event"]);
    fails(
        &["--start-position=99999999", &path],
        65,
        &["behind the end of the file"],
    );
    fails(&["--start-position=3", &path], 2, &[]);
}

#[test]
fn gtid_sets_and_databases_take_what_mysqlbinlog_takes() {
    let (name, flavour) = WHOLE[0];
    let path = recording(name).display().to_string();
    let first = decoded(&[&path]);
    let (_, rest) = first.split_once("\"gtid\":\"").unwrap();
    let uuid = rest.split(':').next().unwrap();
    for numbers in ["1-9", "7", "9-100", "1:5:8-10"] {
        compare(
            flavour,
            &[&format!("--include-gtids={uuid}:{numbers}")],
            &path,
        );
        compare(
            flavour,
            &[&format!("--exclude-gtids={uuid}:{numbers}")],
            &path,
        );
    }
    assert!(compare(flavour, &["--database=shop"], &path) > 3);
    assert_eq!(compare(flavour, &["--database=other"], &path), 0);
    assert!(decoded(&["--replicate-do-table=shop.orders", &path]).contains("\"table\":\"orders\""));
    let renamed = decoded(&["--rewrite-db=shop->store", "--database=store", &path]);
    assert!(renamed.contains("\"db\":\"store\"") && !renamed.contains("\"db\":\"shop\""));
}

#[test]
fn mariadb_sets_are_everything_up_to_their_numbers() {
    let (name, _) = WHOLE[1];
    let path = recording(name).display().to_string();
    let all = decoded(&[&path]).lines().count();
    let some = decoded(&["--include-gtids=0-1-9", &path]).lines().count();
    let others = decoded(&["--exclude-gtids=0-1-9", &path]).lines().count();
    assert!(some > 0 && others > 0, "{some} and {others}");
    assert_eq!(some + others, all);
}
