//! Fuzzes the format `electricity-bills-text`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format("electricity-bills-text", "{}", data));
