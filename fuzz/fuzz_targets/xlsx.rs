//! Fuzzes the format `xlsx`, as a file or as the parts of one, a NUL between them.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::xlsx(include_str!("../../fixtures/formats/xlsx/readings.xlsx.settings"), data));
