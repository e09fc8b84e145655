//! Files, figures and database compared once more, for `tieout verify`: everything that `reconcile` looks at, and nothing recorded.

use super::{Command, Guard, Progress, Request, inside, look_for_files, read_and_load};
use crate::error::Result;
use crate::job::Job;
use crate::report::{Form, Outcome};
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
    let (command, target, guard) = (Command::Reconcile, target.clone(), Guard::default());
    let request = Request { job, command, target, root, report: None, form: Form::default(), interrupted, progress, guard };
    let mut outcome = Outcome::begin(job.name.clone(), request.command.word());
    outcome.run.id = Some(store.next_run_id()?);
    let (files, findings) = look_for_files(&request)?;
    outcome.findings.extend(findings);
    read_and_load(&request, &mut outcome, store, &files, |request, archive, store, outcome, steps| {
        inside::load_and_check(request, archive, store, outcome, steps)
    })?;
    request.check_interrupt()?;
    outcome.judge();
    Ok(outcome)
}
