//! Every integration test, as one program: each module says what a user may rely on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod broken;
mod cli;
mod contributing;
mod faults;
mod house;
mod init;
mod mutation;
mod own_files;
mod parse;
mod quarantine;
mod readme;
mod rent;
mod revisions;
mod safety;
mod support;
mod traps;
