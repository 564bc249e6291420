//! How much a run is to test.

/// Whether the long run is wanted.
pub fn is_full() -> bool {
    std::env::var("ROWTAP_TEST_FULL").is_ok_and(|value| value == "1")
}

/// The number that a variable asks for, or this one.
pub fn number_or(name: &str, or: u64) -> u64 {
    std::env::var(name).map_or(or, |text| text.parse().expect("a number"))
}
