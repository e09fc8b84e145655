//! Every integration test, as one program: each module says what a user may rely on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod broken;
mod checks;
mod cli;
mod contributing;
mod faults;
mod foreign;
mod hooks;
mod house;
mod init;
mod migrate;
mod migrations_page;
mod mutation;
mod outputs;
mod own_files;
mod parse;
mod phenomena;
mod quarantine;
mod readme;
mod reconcile;
mod recurring;
mod rent;
mod revisions;
mod safety;
mod since;
mod steps;
mod support;
mod traps;
