//! The identity of a run, and how it ended.

use super::State;
use serde::{Deserialize, Serialize};

/// Who, what, when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Number; `None` when the database could not be asked.
    pub id: Option<i64>,
    /// The job's name.
    pub job: String,
    /// How it ended.
    pub status: RunStatus,
    /// Begin, UTC.
    pub started_at: String,
    /// End, UTC.
    pub finished_at: String,
    /// The database, without password.
    pub database: String,
    /// `run` or `import`.
    pub command: String,
    /// Where the sources were found.
    pub root: String,
    /// SHA-256 of the job file.
    pub job_sha256: String,
    /// The currency of every amount.
    pub currency: String,
    /// The program's version.
    pub version: String,
    /// Who ran it, `anna@db1`.
    #[serde(default)]
    pub who: String,
    /// The digest of the run before, and this one's, which covers it and all that was recorded of the run; `None` as long as it
    /// is not recorded. See docs/evidence.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// See above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What it left, where the next run may take its word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Something was written, and everything ties out.
    Committed,
    /// Everything ties out, and nothing was to be written.
    Unchanged,
    /// Nothing was written.
    Failed,
    /// It was only rehearsed, on a copy, and would go through.
    Planned,
}

impl RunStatus {
    /// As it is written in JSON.
    pub fn word(self) -> &'static str {
        match self {
            RunStatus::Committed => "committed",
            RunStatus::Unchanged => "unchanged",
            RunStatus::Failed => "failed",
            RunStatus::Planned => "planned",
        }
    }
}
