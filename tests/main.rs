//! Every integration test, as one program: each module says what a user may rely on.

mod formats;
mod support;
