//! `tieout run JOB`: schema steps and data, in one transaction.

use super::backup::scratch;
use super::files::Files;
use super::output::Output;
use super::{Global, JobArgs};
use crate::backup::FOLDER;
use crate::error::{Result, Stop};
use crate::job::Job;
use crate::pipeline::{self, Command, Guard, Plan, Request};
use crate::report::{Form, Outcome, text};
use clap::Args;
use std::path::PathBuf;

/// Apply pending schema steps and import the files, in one transaction that commits only if everything ties out
#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Apply this plan: only if files, SQL and database are still what they were when it was made
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Take no backup, whatever the job says
    #[arg(long)]
    no_backup: bool,
    /// Read and check everything again, though nothing has moved since the last run
    #[arg(long)]
    reread: bool,
    /// An empty PostgreSQL database to restore copies into, where none may be made
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

pub(super) fn run(args: RunArgs, global: &Global, output: &Output) -> i32 {
    let safety = Safety { plan: args.plan, no_backup: args.no_backup, reread: args.reread, scratch: args.scratch };
    execute(&args.job, Command::Run, &safety, global, output)
}

/// What the user says about safety.
#[derive(Default)]
pub(super) struct Safety {
    pub(super) plan: Option<PathBuf>,
    pub(super) no_backup: bool,
    pub(super) reread: bool,
    pub(super) scratch: Option<String>,
}

impl Safety {
    pub(super) fn guard(&self, job: &Job) -> Result<Guard> {
        Ok(Guard {
            copies: job.backup.dir.clone().unwrap_or_else(|| FOLDER.into()),
            no_backup: self.no_backup,
            reread: self.reread,
            plan: self.plan.as_deref().map(Plan::read).transpose()?,
            scratch: scratch(self.scratch.as_deref(), Some(job))?,
        })
    }
}

/// Runs a job; prints and gives the exit code.
pub(super) fn execute(args: &JobArgs, command: Command, safety: &Safety, global: &Global, output: &Output) -> i32 {
    match args.read() {
        Ok(job) => execute_job(&job, command, safety, Some(&args.files), global, output),
        Err(stop) => {
            let name = args.job.display().to_string();
            stopped(&name, &command, &stop, Some(&args.files), output)
        }
    }
}

/// Who watches from outside must not go on seeing the run before.
fn stopped(name: &str, command: &Command, stop: &Stop, files: Option<&Files>, output: &Output) -> i32 {
    if let Some(files) = files {
        let mut outcome = Outcome::begin(name.to_owned(), command.word());
        outcome.stop(stop);
        files.write(&mut outcome, output);
    }
    output.stop(command.word(), name, stop)
}

/// Runs a job that is read already.
pub(super) fn execute_job(job: &Job, command: Command, safety: &Safety, files: Option<&Files>, global: &Global, output: &Output) -> i32 {
    let form = files.map(Files::form).unwrap_or_default();
    let mut outcome = match attempt(job, command.clone(), safety, form, global, output) {
        Ok(outcome) => outcome,
        Err(stop) => return stopped(&job.name, &command, &stop, files, output),
    };
    if let Some(files) = files {
        files.write(&mut outcome, output);
    }
    if global.json {
        output.document(&outcome);
    } else if outcome.sources.is_empty() && outcome.migrations.is_empty() && outcome.exit_code != 0 {
        // Stopped before anything was read: there is nothing to report on, only a reason.
        outcome.findings.iter().for_each(|finding| output.error(&finding.message, &finding.hint));
    } else {
        in_words(&outcome, output);
    }
    report_named(&outcome, global, output);
    outcome.exit_code
}

/// Prints an outcome as text, in any case when it is not good.
pub(super) fn in_words(outcome: &Outcome, output: &Output) {
    let words = text(outcome, output.style());
    if outcome.exit_code == 0 { output.unless_quiet(&words) } else { output.result(&words) }
}

/// Says where the report is.
pub(super) fn report_named(outcome: &Outcome, global: &Global, output: &Output) {
    if let Some(report) = outcome.report.as_ref().filter(|_| !global.quiet) {
        output.aside(&format!("\nreport: {report}\n"));
    }
}

fn attempt(job: &Job, command: Command, safety: &Safety, form: Form, global: &Global, output: &Output) -> Result<Outcome> {
    let target = global.target(Some(job))?;
    let interrupted = super::interruption()?;
    let root = pipeline::root(job, global.root.as_deref());
    let progress = output.progress();
    let (report, guard) = (global.report.clone(), safety.guard(job)?);
    let request = Request { job, command, target, root, report, form, interrupted: &interrupted, progress: &progress, guard };
    Ok(pipeline::execute(&request))
}
