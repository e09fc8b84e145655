//! Fuzzes the format `csv` with the tables it knows.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format("csv", "{}", data));
