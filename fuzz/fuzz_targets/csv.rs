//! Fuzzes the format `csv` with declared columns.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format("csv", include_str!("../../fixtures/formats/csv/bank.csv.settings"), data));
