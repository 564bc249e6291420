//! rowtap.
fn main() {}
