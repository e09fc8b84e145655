//! `[backup]` of a job: where backups go, when one is taken before a run, and how many stay.

use super::read::Place;
use crate::error::Result;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What a job says about backups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupSettings {
    /// The folder they go to.
    pub dir: Option<PathBuf>,
    /// How many of those that runs took stay; all of them where nothing is said.
    pub keep: Option<usize>,
    /// When a run takes one.
    pub when: BackupWhen,
    /// The URL of an empty PostgreSQL database to try them in.
    pub scratch: Option<String>,
}

/// When a run takes a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BackupWhen {
    /// Before every run that may write.
    #[default]
    Always,
    /// Before a run with schema steps that are still to be applied.
    Schema,
    /// Never.
    Never,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBackup {
    dir: Option<Spanned<String>>,
    keep: Option<Spanned<i64>>,
    when: Option<Spanned<String>>,
    scratch: Option<Spanned<String>>,
}

impl Place<'_> {
    pub(super) fn backup(&self, raw: Option<RawBackup>, folder: &Path) -> Result<BackupSettings> {
        let Some(raw) = raw else { return Ok(BackupSettings::default()) };
        let dir = match raw.dir {
            Some(dir) if dir.get_ref().trim().is_empty() => {
                return Err(self.stop(dir.span(), "`dir` names no folder", "write dir = \"backups\", relative to the job file"));
            }
            dir => dir.map(|dir| folder.join(dir.into_inner())),
        };
        let keep = match raw.keep {
            None => None,
            Some(keep) => Some(usize::try_from(*keep.get_ref()).ok().filter(|keep| *keep > 0).ok_or_else(|| {
                let hint = "write keep = 10, or leave it out to keep all of them; `when = \"never\"` takes none";
                self.stop(keep.span(), format!("{} backups cannot be kept", keep.get_ref()), hint)
            })?),
        };
        let when = self.word(raw.when, &[("always", BackupWhen::Always), ("schema", BackupWhen::Schema), ("never", BackupWhen::Never)])?;
        if let Some(url) = raw.scratch.as_ref().filter(|url| !["postgres://", "postgresql://"].iter().any(|p| url.get_ref().starts_with(p)))
        {
            // The line is not quoted: it may hold a password.
            let hint = "write scratch = \"postgres://user@host/database\"; SQLite needs none";
            return Err(self.secret(url.span(), "`scratch` is no PostgreSQL URL", hint));
        }
        Ok(BackupSettings { dir, keep, when, scratch: raw.scratch.map(Spanned::into_inner) })
    }
}
