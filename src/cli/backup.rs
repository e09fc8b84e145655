//! `tieout backup [JOB]`: a backup of the database, tried out before it is said to be one.

use super::Global;
use super::output::Output;
use crate::backup::{Backup, FOLDER, Occasion, Verified, Wanted, take};
use crate::error::Result;
use crate::job::{self, Job};
use crate::pipeline::Progress;
use crate::store::Target;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Back the database up: the copy counts only after it was restored on the side and held the same
#[derive(Args)]
pub(super) struct BackupArgs {
    /// The job whose database it is [default: the one here, unless --database names one]
    job: Option<PathBuf>,
    /// The folder it goes to [default: `dir` under [backup] of the job, else tieout-backups]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// PostgreSQL: an empty database to restore into, where the role may not make one; it is emptied again
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

pub(super) fn backup(args: &BackupArgs, global: &Global, output: &Output) -> i32 {
    match attempt(args, global, output) {
        Ok(backup) => {
            if global.json {
                output.document(&backup);
            } else {
                output.unless_quiet(&text(&backup));
            }
            for left in &backup.not_removed {
                output.error(&format!("an old backup cannot be removed: {left}"), "remove it by hand");
            }
            0
        }
        Err(stop) => output.stop("backup", "", &stop),
    }
}

fn attempt(args: &BackupArgs, global: &Global, output: &Output) -> Result<Verified<Backup>> {
    let job = job_of(args.job.as_deref(), global)?;
    let target = global.target(job.as_ref())?;
    let scratch = scratch(args.scratch.as_deref(), job.as_ref())?;
    let dir = args.dir.clone().or_else(|| job.as_ref().and_then(|j| j.backup.dir.clone())).unwrap_or_else(|| FOLDER.into());
    let interrupted = super::interruption()?;
    let progress = output.progress();
    progress.phase("copying, restoring, comparing", 0);
    let wanted = Wanted {
        target: &target,
        dir: &dir,
        job: job.as_ref().map(|j| j.name.as_str()),
        occasion: Occasion::Hand,
        scratch: scratch.as_ref(),
        stop: &|| interrupted.load(Ordering::Relaxed),
    };
    let taken = take(&wanted);
    progress.done();
    taken
}

/// The job that is meant: the one named, or the one here where no database is named either.
pub(super) fn job_of(named: Option<&Path>, global: &Global) -> Result<Option<Job>> {
    match named {
        Some(path) => job::read(path).map(Some),
        None if global.database.is_some() => Ok(None),
        None => job::read(Path::new(".")).map(Some),
    }
}

/// The empty database that is named, on the command line or in the job.
pub(super) fn scratch(named: Option<&str>, job: Option<&Job>) -> Result<Option<Target>> {
    let url = named.or_else(|| job.and_then(|job| job.backup.scratch.as_deref()));
    url.map(|url| Target::parse(url, Path::new(""))).transpose()
}

fn text(backup: &Backup) -> String {
    let record = &backup.record;
    format!(
        "{}\n  of {}, restored on the side and found the same\n  {} rows in {} tables · {} bytes\n  sha256 {}\n",
        backup.path.display(),
        record.database,
        record.rows,
        record.tables.len(),
        record.size,
        record.sha256
    )
}
