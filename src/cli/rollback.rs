//! `tieout rollback [RUN]`: undoes what a run wrote.

use super::Global;
use super::output::Output;
use super::run::{in_words, report_named};
use crate::error::Result;
use crate::job;
use crate::pipeline::{self, Rollback};
use crate::report::Outcome;
use clap::Args;
use std::path::{Path, PathBuf};

/// Undo what a run wrote, unless somebody touched it since
#[derive(Args)]
pub(super) struct RollbackArgs {
    /// The run's number; the latest that wrote something and was not undone, when none is given
    run: Option<i64>,
    /// The job: only its runs are meant, and its hooks run [default: `.`, when no database is named]
    #[arg(long, value_name = "JOB")]
    job: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Restore the backup that was taken before the run, though what was written since is lost then
    #[arg(long)]
    by_backup: bool,
    /// An empty PostgreSQL database to try the backup in, where none may be made
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

pub(super) fn rollback(args: &RollbackArgs, global: &Global, output: &Output) -> i32 {
    let outcome = match attempt(args, global, output) {
        Ok(outcome) => outcome,
        Err(stop) => return output.stop("rollback", "", &stop),
    };
    if global.json {
        output.document(&outcome);
    } else if args.dry_run && outcome.exit_code == 0 {
        output.unless_quiet("nothing is against it, and nothing was done\n");
    } else {
        in_words(&outcome, output);
    }
    report_named(&outcome, global, output);
    outcome.exit_code
}

fn attempt(args: &RollbackArgs, global: &Global, output: &Output) -> Result<Outcome> {
    let named = args.job.as_deref().or_else(|| global.database.is_none().then_some(Path::new(".")));
    let job = named.map(job::read).transpose()?;
    let target = global.target(job.as_ref())?;
    let interrupted = super::interruption()?;
    let progress = output.progress();
    let say = |words: &str| {
        if !global.quiet {
            output.aside(&format!("{words}\n"));
        }
    };
    pipeline::roll_back(&Rollback {
        job: job.as_ref(),
        run: args.run,
        dry: args.dry_run,
        by_backup: args.by_backup,
        scratch: super::backup::scratch(args.scratch.as_deref(), job.as_ref())?,
        target,
        report: global.report.clone(),
        interrupted: &interrupted,
        progress: &progress,
        say: &say,
    })
}
