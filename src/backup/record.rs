//! The record beside a backup (`NAME.json`): whose it is, what it holds, how long and how old it is; and which old ones go.

use super::folder;
use crate::error::{Result, Stop, io_words};
use crate::store::Content;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a backup is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Before the run of that number. Of those no more than `keep` stay.
    Run {
        /// The run's number.
        number: i64,
        /// How many stay; all of them where nothing is said.
        keep: Option<usize>,
    },
    /// Somebody asked for it. It stays.
    Hand,
    /// Something is about to be restored over what is there. It stays.
    Restore,
}

impl Occasion {
    /// The last part of the file's name.
    pub(super) fn word(self) -> String {
        match self {
            Occasion::Run { number, .. } => number.to_string(),
            Occasion::Hand => "hand".into(),
            Occasion::Restore => "before-restore".into(),
        }
    }
}

/// What is known of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of tieout that took it.
    pub tieout: String,
    /// The job, or the database's name where there was none.
    pub job: String,
    /// The number of the run that came next, `hand`, or `before-restore`.
    pub occasion: String,
    /// Whose it is, without user and password.
    pub database: String,
    /// When, RFC 3339.
    pub taken_at: String,
    /// `sqlite` or `postgres`, and the major version.
    pub server: String,
    /// The file's length in bytes.
    pub size: u64,
    /// The file's digest.
    pub sha256: String,
    /// Rows in all tables.
    pub rows: u64,
    /// Each table's rows and their digest.
    pub tables: BTreeMap<String, Content>,
    /// PostgreSQL's extensions.
    pub extensions: Vec<String>,
    /// The digest of everything that it holds.
    pub fingerprint: String,
}

/// The path of the record of a backup.
pub(super) fn beside(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

/// The record of a backup; `None` where it has none.
pub fn of(backup: &Path) -> Result<Option<Record>> {
    let path = beside(backup);
    let text = match std::fs::read_to_string(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|e| folder::cannot("read", &path, &e))?,
    };
    let hint = "it was written with the backup; without it nobody knows whether that is whole";
    serde_json::from_str(&text).map(Some).map_err(|e| Stop::database(format!("{} is no record of a backup: {e}", path.display()), hint))
}

/// Writes the record to where it lies unfinished.
pub(super) fn write(record: &Record, path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(record).unwrap_or_default() + "\n";
    let written = folder::private(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|e| folder::cannot("write", path, &e))
}

/// Removes the oldest backups that runs of this job on this database took, so that `keep` stay. Gives those removed, and those
/// that could not be.
pub(super) fn make_room(dir: &Path, like: &Record, keep: usize) -> (Vec<PathBuf>, Vec<String>) {
    let mut old: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(Some(record)) = of(&path) else { continue };
        let by_a_run = record.occasion.bytes().all(|b| b.is_ascii_digit());
        if by_a_run && record.job == like.job && record.database == like.database {
            old.push((record.taken_at, path));
        }
    }
    old.sort();
    old.truncate(old.len().saturating_sub(keep));
    let (mut removed, mut not) = (Vec::new(), Vec::new());
    for (_, path) in old {
        // The backup first: a record alone is nothing, a backup alone belongs to nobody.
        match std::fs::remove_file(&path).and_then(|()| std::fs::remove_file(beside(&path))) {
            Ok(()) => removed.push(path),
            Err(error) => not.push(format!("{}: {}", path.display(), io_words(&error))),
        }
    }
    (removed, not)
}
