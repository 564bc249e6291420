//! Gives the fuzzer's bytes to `targets::repaired_file`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowtap_fuzz::targets::repaired_file(data));
