//! `tieout run JOB`: schema steps and data, in one transaction.

use super::files::Files;
use super::output::Output;
use super::{Global, JobArgs};
use crate::error::{Result, Stop};
use crate::job::Job;
use crate::pipeline::{self, Command, Request};
use crate::report::{Form, Outcome, text};
use clap::Args;

/// Apply pending schema steps and import the files, in one transaction that commits only if everything ties out
#[derive(Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    job: JobArgs,
}

pub(super) fn run(args: RunArgs, global: &Global, output: &Output) -> i32 {
    execute(&args.job, Command::Run, global, output)
}

/// Runs a job; prints and gives the exit code.
pub(super) fn execute(args: &JobArgs, command: Command, global: &Global, output: &Output) -> i32 {
    match args.read() {
        Ok(job) => execute_job(&job, command, Some(&args.files), global, output),
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
pub(super) fn execute_job(job: &Job, command: Command, files: Option<&Files>, global: &Global, output: &Output) -> i32 {
    let form = files.map(Files::form).unwrap_or_default();
    let mut outcome = match attempt(job, command.clone(), form, global, output) {
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
    } else if outcome.exit_code != 0 {
        output.result(&text(&outcome, output.style()));
    } else {
        output.unless_quiet(&text(&outcome, output.style()));
    }
    if let Some(report) = outcome.report.as_ref().filter(|_| !global.quiet) {
        output.aside(&format!("\nreport: {report}\n"));
    }
    outcome.exit_code
}

fn attempt(job: &Job, command: Command, form: Form, global: &Global, output: &Output) -> Result<Outcome> {
    let target = global.target(Some(job))?;
    let interrupted = super::interruption()?;
    let root = pipeline::root(job, global.root.as_deref());
    let progress = output.progress();
    let request =
        Request { job, command, target, root, report: global.report.clone(), form, interrupted: &interrupted, progress: &progress };
    Ok(pipeline::execute(&request))
}
