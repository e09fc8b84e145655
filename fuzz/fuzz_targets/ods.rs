//! Fuzzes the format `ods`, as a file or as the content of one.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::ods(include_str!("../../fixtures/formats/ods/readings.ods.settings"), data));
