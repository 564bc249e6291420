//! What a person at a terminal sees of a copy.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{ONCE, begin_filled};
use crate::support::Flavour;

#[test]
fn a_terminal_shows_a_bar_for_each_table_and_log_lines_above_it() {
    let (_server, folder) = begin_filled(Flavour::MariaDb118);
    let folder = folder.replacing("[sink]", "[snapshot]\nrows_per_second_max = 4000\n[sink]");
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let running = folder.start_with(&ONCE, None, Some(Stdio::from(terminal)));
    let reading = thread::spawn(move || {
        let mut shown = Vec::new();
        // It ends with an error, once nobody has the terminal open.
        let _ended = File::from(screen).read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    assert_eq!(running.end().code, Some(0));
    let shown = reading.join().unwrap();
    for words in [
        "a.bare [",
        "a.t [",
        " rows/s, ",
        "left, ",
        "2 of 4 tables done",
        "copying what is there",
        "copied what is there",
    ] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
}
