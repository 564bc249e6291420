//! The clock of the machine is set ahead and back while a connector runs: it goes on, and ends when it is told to.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::kafka_topics::Stream;
use crate::support::{Flavour, Kafka, wait_until};

const DELIVERED_MAX: Duration = Duration::from_secs(60);

/// Builds what is preloaded into a process whose clock is to be set.
fn build(library: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/clock.c");
    let built = Command::new("cc")
        .args(["-O1", "-shared", "-fPIC", source, "-ldl", "-o"])
        .arg(library)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
}

#[test]
fn a_clock_that_is_set_ahead_and_back_costs_nothing() {
    for delivery in ["at_least_once", "exactly_once"] {
        let name = format!("clock_{}", &delivery[..2]);
        let keys = format!("delivery = '{delivery}'\n");
        let table = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT)";
        let stream = Stream::new(Flavour::MySql97, &name, &keys, table);
        let (library, clock) = (stream.folder.path("clock.so"), stream.folder.path("clock"));
        build(&library);
        let set = |seconds: i64| fs::write(&clock, seconds.to_string()).unwrap();
        set(0);
        let folder = stream
            .folder
            .variable("LD_PRELOAD", library.to_str().unwrap())
            .variable("CLOCK_FILE", clock.to_str().unwrap());
        let mut running = folder.start(&["run", "--http", "off", "shop.toml"]);
        running.until("it streams", |running| {
            running.stderr().contains("replication started")
        });
        let topic = format!("{}.{}.t", stream.prefix, stream.database);
        // Half an hour ahead, a day back, and right again.
        for (number, seconds) in (1_u32..).zip([0, 1_800, -86_400, 0]) {
            set(seconds);
            let insert = format!("INSERT INTO {}.t VALUES ()", stream.database);
            stream.server.execute(&insert);
            wait_until(&format!("row {number} is delivered"), DELIVERED_MAX, || {
                Kafka::shared().written(&topic) >= Some(i64::from(number))
                    && Kafka::shared().records(&topic).len() >= number as usize
            });
        }
        set(-86_400);
        running.signal("TERM");
        let ended = running.end();
        assert_eq!(ended.code, Some(0), "{delivery}: {}", ended.stderr);
        assert!(!ended.stderr.contains("run failed"), "{}", ended.stderr);
    }
}
