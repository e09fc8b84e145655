//! Fuzzes the format `rent-history-json`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format("rent-history-json", "{}", data));
