//! Fuzzes the format `rent-export-json`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format("rent-export-json", "{}", data));
