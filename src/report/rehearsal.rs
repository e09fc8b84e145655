//! What was done for safety's sake: the backup, and the rehearsal on a copy of the database with what would change, how long
//! it takes, and whether there is a way back.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A rehearsal that went through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rehearsal {
    /// How long schema, rows and checks took on the copy, in milliseconds.
    pub milliseconds: u64,
    /// What is defined otherwise afterwards, each in a sentence.
    pub schema: Vec<String>,
    /// The tables of which rows are other ones afterwards.
    pub tables: BTreeMap<String, TableChange>,
    /// How the run can be taken back.
    pub way_back: WayBack,
    /// How a second run, after the way back, differs from the first; empty when it came to the same.
    pub again: Vec<String>,
}

/// How a run can be taken back, as the rehearsal found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WayBack {
    /// Whether rows and schema were as before, to the byte.
    pub lossless: bool,
    /// What was not, or why it could not be tried.
    pub losses: Vec<String>,
}

/// What becomes of the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableChange {
    /// Its name before, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Rows before.
    pub before: u64,
    /// Rows afterwards.
    pub after: u64,
    /// Rows that are new.
    pub inserted: u64,
    /// Rows of which a column is another.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Of how many rows each column is another one, or in a new column is filled.
    pub columns: BTreeMap<String, u64>,
    /// The first rows of each kind.
    pub samples: Vec<Sample>,
}

impl TableChange {
    /// Whether anything is different.
    pub fn any(&self) -> bool {
        self.was.is_some() || self.inserted + self.updated + self.deleted > 0 || !self.columns.is_empty()
    }
}

/// A row before and afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// `inserted`, `updated` or `deleted`.
    pub what: String,
    /// The texts of its key.
    pub key: String,
    /// Of an updated row: column, before, afterwards.
    pub columns: Vec<(String, Option<String>, Option<String>)>,
}

/// A backup, as a report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOutcome {
    /// The file.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
    /// The rows of all tables in it.
    pub rows: u64,
    /// Whether it was restored once and held the same; no other is called a backup.
    pub verified: bool,
}
