//! The binary that users get holds no planted faults.

use std::fs;

#[test]
fn the_binary_lacks_the_planted_faults() {
    let binary = fs::read(env!("CARGO_BIN_EXE_rowtap")).unwrap();
    let holds = |text: &[u8]| binary.windows(text.len()).any(|window| window == text);
    // It is the right file: what a connector's log says is in it.
    assert!(holds(b"replication started"));
    assert!(!holds(b"ROWTAP_PLANTED_FAULT"));
    assert!(!holds(b"ROWTAP_PLANTED_FAILURE"));
}
