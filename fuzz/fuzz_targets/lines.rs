//! Fuzzes the format `lines`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format(
    "lines",
    include_str!("../../fixtures/formats/lines/bills.txt.settings"),
    data
));
