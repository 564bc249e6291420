//! Gives the fuzzer's bytes to `targets::gtid_set`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rowtap_fuzz::targets::gtid_set(data));
