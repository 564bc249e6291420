//! Gives the fuzzer's bytes to `targets::table_map`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowtap_fuzz::targets::table_map(data));
