//! Every integration test, as one program: each module says what a user may rely on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod backup;
mod broken;
mod cache;
mod checks;
mod cli;
mod contributing;
mod faults;
mod hooks;
mod house;
mod init;
mod mutation;
mod outputs;
mod own_files;
mod parse;
mod phenomena;
mod preflight;
mod quarantine;
mod readme;
mod reconcile;
mod recurring;
mod rent;
mod report;
mod revisions;
mod safety;
mod since;
mod support;
mod systems;
mod tls;
mod traps;
mod turso;
