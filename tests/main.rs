//! Every integration test, as one program: each module says what a user may rely on.

mod formats;
mod rent;
mod safety;
mod support;
mod traps;
