//! Gives the fuzzer's bytes to `targets::payload`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowtap_fuzz::targets::payload(data));
