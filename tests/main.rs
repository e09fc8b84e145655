//! Every integration test, as one program: each module says what a user may rely on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod backup;
mod broken;
mod cache;
mod checks;
mod cli;
mod conservation;
mod contributing;
mod evidence;
mod faults;
mod foreign;
mod hooks;
mod house;
mod houses;
mod houses_said;
mod init;
mod migrate;
mod migrations_page;
mod mutation;
mod outputs;
mod own_files;
mod packed;
mod parse;
mod phenomena;
mod plan;
mod preflight;
mod quarantine;
mod readme;
mod reconcile;
mod recurring;
mod rent;
mod report;
mod revisions;
mod rollback;
mod rollback_again;
mod rollback_refused;
mod safety;
mod since;
mod steps;
mod still;
mod support;
mod systems;
mod tls;
mod traps;
mod turso;
