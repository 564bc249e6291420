//! Bytes that no server sent: nothing may make the product panic, hang, or take memory without bound.
//!
//! Recorded bytes are damaged and handed to the readers of `targets.rs`, with the same seed in every run. `fuzz/` gives
//! the same readers to a fuzzer, which looks further. Threatens whoever reads a binlog that somebody else wrote.

pub mod crafted;
mod damaged;
mod names;
mod refused;
mod seeds;
mod shapes;
mod stream;
mod streamed;
mod targets;

use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

pub use targets::read;

/// Where the recorded binlogs are, from the folder of the package.
const BINLOGS: &str = "tests/binlogs";

/// No input may take as long, on a machine that others keep busy.
const INPUT_MAX: Duration = Duration::from_secs(20);

/// A change of bytes: where, as a share of the length, how many go, and what stands there afterwards.
fn damage() -> impl Strategy<Value = (u16, usize, Vec<u8>)> {
    let bytes = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..4),
        2 => prop::sample::select(vec![
            vec![0],
            vec![0xff],
            vec![0xfb],
            vec![0xfc, 0xff, 0xff],
            vec![0xfd, 0xff, 0xff, 0xff],
            vec![0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10],
            vec![0xff; 9],
        ]),
        1 => prop::collection::vec(any::<u8>(), 4..200),
    ];
    (any::<u16>(), 0..5_usize, bytes)
}

fn damaged(seed: &[u8], damages: Vec<(u16, usize, Vec<u8>)>) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (share, gone, new) in damages {
        let at = bytes.len() * usize::from(share) / usize::from(u16::MAX);
        let end = (at + gone).min(bytes.len());
        bytes.splice(at..end, new);
    }
    bytes
}

#[test]
fn no_bytes_make_a_reader_panic_or_hang() {
    let cases = match std::env::var_os("ROWTAP_TEST_FULL") {
        Some(_) => 20_000,
        None => 1_000,
    };
    for (name, target) in targets::TARGETS {
        let seeds = seeds::of(name);
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in &seeds {
            target(seed);
        }
        let cases = match name {
            // Each is a whole file.
            "file" | "repaired_file" => cases / 4,
            _other => cases,
        };
        let config = Config {
            cases,
            failure_persistence: None,
            max_shrink_iters: 2_000,
            ..Config::default()
        };
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let strategy = prop_oneof![
            8 => (prop::sample::select(seeds), prop::collection::vec(damage(), 1..6))
                .prop_map(|(seed, damages)| damaged(&seed, damages)),
            1 => prop::collection::vec(any::<u8>(), 0..400),
        ];
        let result = TestRunner::new_with_rng(config, random).run(&strategy, |bytes| {
            let began = Instant::now();
            target(&bytes);
            prop_assert!(began.elapsed() < INPUT_MAX, "{:?}", began.elapsed());
            Ok(())
        });
        assert!(result.is_ok(), "{name}: {result:?}");
    }
}
