//! The hostile inputs of `tests/hostile`, for a fuzzer: the same readers, the same seeds.

#[path = "../../tests/hostile/seeds.rs"]
pub mod seeds;
#[path = "../../tests/hostile/shapes.rs"]
pub mod shapes;
#[path = "../../tests/hostile/stream.rs"]
pub mod stream;
#[path = "../../tests/hostile/targets.rs"]
pub mod targets;

/// Where the recorded binlogs are, from this package's folder.
const BINLOGS: &str = "../tests/binlogs";
