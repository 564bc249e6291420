//! A source that is itself a replica.

use super::super::process::{Folder, account};
use super::{checked, fatal};
use crate::support::{Flavour, Pair};

#[test]
fn a_replica_that_does_not_log_what_it_replicates_is_mended_as_told() {
    for flavour in Flavour::ALL {
        let pair = Pair::start(flavour, &["--log-slave-updates=OFF"]);
        account(pair.source(), "tap");
        pair.wait_until_caught_up();
        if flavour == Flavour::MariaDb1011 {
            pair.replica()
                .execute("GRANT REPLICA MONITOR ON *.* TO tap@'%'");
        }
        let folder = Folder::streaming(pair.replica(), "tap");
        let problems = [fatal(
            "log_replica_updates",
            "the source is a replica that does not log what it replicates",
        )];
        let report = checked(&folder, &["shop.toml"]);
        assert_eq!(report.code, Some(69));
        let lines = report.option_lines(&problems);
        let option = format!("--{}", lines[0].replace(" = ", "="));
        pair.replica().restart_with(&["--server-id=2", &option]);
        let report = checked(&folder, &["shop.toml"]);
        report.is_ready();
        report.lacks(&problems[0]);
    }
}
