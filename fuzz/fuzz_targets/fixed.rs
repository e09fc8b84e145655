//! Fuzzes the format `fixed`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::format(
    "fixed",
    include_str!("../../fixtures/formats/fixed/ledger.txt.settings"),
    data
));
