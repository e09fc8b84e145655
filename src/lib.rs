//! `tieout` moves legacy files into a database and proves that nothing was lost, changed or invented on the way.
//!
//! The way of the data, and what each module must not know, is in ARCHITECTURE.md.

pub mod assemble;
pub mod audit;
pub mod backup;
pub mod cache;
pub mod cli;
pub mod digest;
pub mod discover;
pub mod error;
pub mod evidence;
pub mod exec;
pub mod guess;
pub mod job;
pub mod load;
pub mod migrate;
pub mod parse;
pub mod pipeline;
pub mod preflight;
pub mod quarantine;
pub mod reconcile;
pub mod report;
pub mod script;
pub mod store;
pub mod table;
pub mod undo;
pub mod unpack;
