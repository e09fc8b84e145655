//! Every integration test, as one program: each module says what a user may rely on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod broken;
mod cli;
mod contributing;
mod house;
mod init;
mod own_files;
mod parse;
mod phenomena;
mod quarantine;
mod readme;
mod rent;
mod revisions;
mod safety;
mod support;
mod traps;
