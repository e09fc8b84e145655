//! Fuzzes the format `json`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format(
    "json",
    include_str!("../../fixtures/formats/json/readings.json.settings"),
    data
));
