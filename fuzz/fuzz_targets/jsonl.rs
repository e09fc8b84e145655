//! Fuzzes the format `jsonl`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format(
    "jsonl",
    include_str!("../../fixtures/formats/jsonl/readings.jsonl.settings"),
    data
));
