//! How long `rowtap decode` takes as users run it, and the memory that it takes.
//!
//! `scripts/bench` and `scripts/bench-memory` record the binlogs on real servers and name them here; what is not named is
//! left out. The time is what passes, so it is worth what the machine is idle.
//!
//! | benchmark | binlog | of |
//! |---|---|---|
//! | `one core`, `two cores` | `ROWTAP_BENCH_BINLOG` | 200 MB of rows and more |
//! | `large row` | `ROWTAP_BENCH_LARGE_ROW` | an insert of one row of 64 MiB |
//! | `large transaction` | `ROWTAP_BENCH_LARGE_TRANSACTION` | a compressed transaction of 1 GiB uncompressed |

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use criterion::{Criterion, Throughput};

/// A name, the variable that names its binlog, the processors that it may use.
const BENCHMARKS: [(&str, &str, &str); 4] = [
    ("one core", "ROWTAP_BENCH_BINLOG", "0"),
    ("two cores", "ROWTAP_BENCH_BINLOG", "0,1"),
    ("large row", "ROWTAP_BENCH_LARGE_ROW", "0,1"),
    ("large transaction", "ROWTAP_BENCH_LARGE_TRANSACTION", "0,1"),
];

#[expect(clippy::print_stdout, reason = "a person reads the figures")]
fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("command");
    group.sample_size(10);
    let mut measured = 0;
    for (name, variable, processors) in BENCHMARKS {
        let Some(binlog) = env::var_os(variable).map(PathBuf::from) else {
            continue;
        };
        measured += 1;
        let size = fs::metadata(&binlog).map_or(0, |metadata| metadata.len());
        group.throughput(Throughput::Bytes(size));
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode(&binlog, processors));
        });
        let kib = resident_kib_max(&binlog, processors);
        println!("{name}: {size} bytes, {kib} KiB resident at most");
    }
    group.finish();
    if measured == 0 {
        eprintln!("no variable names a binlog file, run scripts/bench or scripts/bench-memory");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn command(binlog: &Path, processors: &str) -> Command {
    let mut command = Command::new("taskset");
    command
        .args(["-c", processors, env!("CARGO_BIN_EXE_rowtap"), "decode"])
        .arg(binlog)
        .stdout(Stdio::null());
    command
}

fn decode(binlog: &Path, processors: &str) {
    let status = command(binlog, processors)
        .status()
        .expect("taskset of util-linux");
    assert!(status.success(), "{binlog:?}: {status}");
}

/// The kernel keeps the peak while the process lives, so it is read until that has ended.
fn resident_kib_max(binlog: &Path, processors: &str) -> u64 {
    let mut child = command(binlog, processors)
        .spawn()
        .expect("taskset of util-linux");
    let status = format!("/proc/{}/status", child.id());
    let mut kib = 0;
    while child.try_wait().expect("a child of this process").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        kib = number.unwrap_or(kib);
        thread::sleep(Duration::from_millis(2));
    }
    kib
}
