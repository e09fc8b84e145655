//! `tieout plan JOB`: what a run would do, found on a copy of the database.

use super::output::Output;
use super::run::Safety;
use super::{Global, JobArgs};
use crate::error::Result;
use crate::pipeline::{self, Command, Plan, Request};
use crate::report::{Outcome, text};
use clap::Args;
use std::path::{Path, PathBuf};

/// Rehearse a run on a copy of the database and show what would change; write nothing but the plan
#[derive(Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    job: JobArgs,
    /// The file that the plan goes to [default: JOB.plan.json]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// An empty PostgreSQL database to restore the copy into, where none may be made
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

pub(super) fn plan(args: PlanArgs, global: &Global, output: &Output) -> i32 {
    let (out, safety) = (args.out, Safety { scratch: args.scratch, ..Safety::default() });
    let (mut outcome, plan) = match attempt(&args.job, &safety, global, output) {
        Ok(made) => made,
        Err(stop) => return output.stop("plan", &args.job.job.display().to_string(), &stop),
    };
    let out = out.unwrap_or_else(|| PathBuf::from(format!("{}.plan.json", outcome.run.job)));
    if let Some(Err(stop)) = plan.map(|plan| plan.write(&out)) {
        outcome.stop(&stop);
    }
    args.job.files.write(&mut outcome, output);
    if global.json {
        output.document(&outcome);
    } else {
        output.result(&text(&outcome, output.style()));
    }
    if outcome.exit_code == 0 {
        apply(&out, &args.job.job, output);
    }
    outcome.exit_code
}

fn apply(out: &Path, job: &Path, output: &Output) {
    output.aside(&format!("\nplan: {}\napply it with: tieout run {} --plan {}\n", out.display(), job.display(), out.display()));
}

fn attempt(args: &JobArgs, safety: &Safety, global: &Global, output: &Output) -> Result<(Outcome, Option<Plan>)> {
    let job = args.read()?;
    let target = global.target(Some(&job))?;
    let interrupted = super::interruption()?;
    let root = pipeline::root(&job, global.root.as_deref());
    let progress = output.progress();
    let (report, guard) = (None, safety.guard(&job)?);
    let request = Request {
        job: &job,
        command: Command::Plan,
        target,
        root,
        report,
        form: args.files.form(),
        interrupted: &interrupted,
        progress: &progress,
        guard,
    };
    Ok(pipeline::make_plan(&request))
}
