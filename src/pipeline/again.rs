//! Files, figures and database compared once more, for `tieout verify`: everything that `reconcile` looks at, and nothing recorded.

use super::{Command, Progress, Request, inside, look_for_files, sources};
use crate::assemble::Archive;
use crate::error::Result;
use crate::job::Job;
use crate::parse;
use crate::quarantine;
use crate::report::Outcome;
use crate::store::{Store, Target};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// Compares within the caller's transaction, which is to be rolled back.
pub fn compare_again(
    job: &Job,
    root: PathBuf,
    target: &Target,
    store: &mut Store,
    interrupted: &AtomicBool,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let request = Request { job, command: Command::Reconcile, target: target.clone(), root, report: None, interrupted, progress };
    let mut outcome = Outcome::begin(job.name.clone(), request.command.word());
    outcome.run.id = Some(store.next_run_id()?);
    let (files, findings) = look_for_files(&request)?;
    outcome.findings.extend(findings);
    let before = store.files_of_last_run(&job.name)?;
    let mut read = parse::parse(job, &files, &request)?;
    let (checks, rests) = quarantine::settle(job, &files, &mut read)?;
    outcome.checks.extend(checks);
    outcome.findings.extend(parse::findings(&files, &read));
    let archive = Archive { job, files: &files, read: &read };
    outcome.sources = sources::outcomes(archive, &before);
    sources::mark_quarantined(&mut outcome, archive, rests);
    if parse::blocked(&outcome.findings) {
        inside::without_database(archive, store, &mut outcome)?;
    } else {
        inside::load_and_check(&request, archive, store, &mut outcome, &[])?;
    }
    request.check_interrupt()?;
    outcome.judge();
    Ok(outcome)
}
