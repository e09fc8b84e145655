//! Backups that were restored once before they count, the scratch copy they were restored into, and the way back.
//!
//! [`take`] and [`copy_of`] take no lock: whoever calls them holds it, or wants none. Nothing is printed here, and SQL is in
//! `store`.

mod folder;
mod programs;
mod record;
mod restore;
mod scratch;
mod take;

pub use record::{Occasion, Record, of as record_of};
pub use restore::{Restored, Restoring, restore};
pub use scratch::Scratch;
pub use take::{Wanted, copy_of, take, take_and_keep};

use crate::error::Stop;
use crate::store::{Fingerprint, Target};
use serde::Serialize;
use std::ops::Deref;
use std::path::PathBuf;

/// Where backups go that are told no folder.
pub const FOLDER: &str = "tieout-backups";

/// So many differences are told.
const TOLD: usize = 5;

/// A backup file and what stands in the record beside it.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// The file.
    pub path: PathBuf,
    /// What it holds, and of whom.
    #[serde(flatten)]
    pub record: Record,
    /// Older backups that made room for it, by the job's `keep`.
    pub removed: Vec<PathBuf>,
    /// Older ones that should have been removed and could not be: file and reason.
    pub not_removed: Vec<String>,
}

/// Something that was tried out. Only this module makes one, after it did.
#[derive(Debug, Clone, Serialize)]
pub struct Verified<T>(T);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What of a fingerprint a copy must have: on PostgreSQL not the very spelling of expressions, which changes as a server reads
/// its own dump.
fn comparable(target: &Target, fingerprint: Fingerprint) -> Fingerprint {
    if matches!(target, Target::Postgres(_)) { fingerprint.respelled() } else { fingerprint }
}

/// Differences in one sentence.
fn told(differences: &[String]) -> String {
    let more = differences.len().saturating_sub(TOLD);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", differences[..differences.len().min(TOLD)].join("; "))
}

/// Stops when the user has asked for it.
fn go_on(stop: &dyn Fn() -> bool) -> Result<(), Stop> {
    if stop() { Err(Stop::interrupted()) } else { Ok(()) }
}
