//! `tieout restore FILE [JOB]`: a backup back into an empty database, or over the one that is there.

use super::Global;
use super::backup::{job_of, scratch};
use super::output::Output;
use crate::backup::{Restored, Restoring};
use crate::error::Result;
use crate::pipeline::Progress;
use crate::store::{Store, Target};
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Restore a backup: into an empty database, or over the present one, which is backed up first
#[derive(Args)]
pub(super) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// The job whose database it goes to [default: the one here, unless --database names one]
    job: Option<PathBuf>,
    /// Replace what is there; a backup of that is taken first, into the folder of FILE
    #[arg(long)]
    over: bool,
    /// Take the backup of another database, or one without its record
    #[arg(long)]
    of_another: bool,
    /// PostgreSQL: an empty database to try it in, where the role may not make one; it is emptied again
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

pub(super) fn restore(args: &RestoreArgs, global: &Global, output: &Output) -> i32 {
    match attempt(args, global, output) {
        Ok((target, restored)) => {
            if global.json {
                output.document(&serde_json::json!({
                    "database": target.to_string(),
                    "file": args.file,
                    "before": restored.before,
                    "record": restored.record,
                    "tables": restored.tables,
                    "rows": restored.rows,
                }));
            } else {
                output.unless_quiet(&text(args, &target, &restored));
            }
            0
        }
        Err(stop) => output.stop("restore", "", &stop),
    }
}

fn attempt(args: &RestoreArgs, global: &Global, output: &Output) -> Result<(Target, Restored)> {
    let job = job_of(args.job.as_deref(), global)?;
    let target = global.target(job.as_ref())?;
    let scratch = scratch(args.scratch.as_deref(), job.as_ref())?;
    let interrupted = super::interruption()?;
    let _lock = Store::lock(&target, "restore")?;
    let progress = output.progress();
    progress.phase("trying, restoring, comparing", 0);
    let restored = crate::backup::restore(&Restoring {
        file: &args.file,
        target: &target,
        over: args.over,
        of_another: args.of_another,
        scratch: scratch.as_ref(),
        stop: &|| interrupted.load(Ordering::Relaxed),
    });
    progress.done();
    restored.map(|restored| (target, restored))
}

fn text(args: &RestoreArgs, target: &Target, restored: &Restored) -> String {
    let (file, rows, tables) = (args.file.display(), restored.rows, restored.tables);
    let before = restored.before.as_ref().map_or(String::new(), |b| format!("  what was there before: {}\n", b.path.display()));
    format!("{target} holds what {file} holds: {rows} rows in {tables} tables, compared\n{before}")
}
