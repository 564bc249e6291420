//! How much a run is to test.

/// Whether the long run is wanted.
pub fn is_full() -> bool {
    std::env::var("ROWTAP_TEST_FULL").is_ok_and(|value| value == "1")
}
