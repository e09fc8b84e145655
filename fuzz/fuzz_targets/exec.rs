//! Fuzzes what the format `exec` makes of a file and a program's words about it, a NUL between them.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| tieout_fuzz::program(data));
