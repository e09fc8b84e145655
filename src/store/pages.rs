//! How much of a file SQLite keeps in memory. PostgreSQL's server sees to that itself.

use super::Store;
use crate::error::Result;

/// While rows are written, in KiB: with its usual 2 MB, SQLite writes and reads pages of an index over and over while a million come.
pub(super) const WRITING: usize = 64 * 1024;
/// Otherwise. Indexes are sorted in as much again.
pub(super) const READING: usize = 16 * 1024;

impl Store {
    /// Sets how much is kept, in KiB.
    pub(super) fn keep_pages(&mut self, kib: usize) -> Result<()> {
        if self.is_postgres() { Ok(()) } else { self.execute(&format!("PRAGMA cache_size = -{kib}")) }
    }

    /// Gives back the memory of what was read and written.
    pub fn forget_pages(&mut self) -> Result<()> {
        self.files = None;
        if self.is_postgres() { Ok(()) } else { self.execute("PRAGMA shrink_memory") }
    }
}
