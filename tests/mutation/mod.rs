//! Random single faults in an archive without any, and what the program says to each: after a clean import, and before a
//! first one, with and without control totals. The program is the real one, run as a user would.

pub(crate) mod attempt;
mod house;
mod kinds;
mod observe;
pub(crate) mod page;
mod random;
mod render;
mod trace;
mod words;
