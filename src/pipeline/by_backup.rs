//! Rolling a run back by the backup that was taken before it: everything since goes with it, the record of the run too.

use super::rollback::Rollback;
use super::{Command, record};
use crate::backup::{Restoring, restore};
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity, Subject};
use crate::report::{self, Form, Outcome, RunStatus, now};
use crate::store::{Lock, PastRun, Store};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Restores the backup, and records that in the database as it is then.
pub(super) fn roll_back(request: &Rollback<'_>, mut store: Store, lock: Lock, past: &PastRun, file: &str) -> Result<Outcome> {
    let mut outcome = Outcome::begin(past.job.clone(), Command::Rollback.word());
    outcome.run.database = request.target.to_string();
    let will = if request.dry { "would be" } else { "is" };
    let words = format!("run {} {will} undone by restoring the backup {file}; what is there now is backed up first", past.id);
    (request.say)(&words);
    outcome.findings.push(Finding::new(Severity::Info, Subject::Check, "by-backup", words, ""));
    if request.dry {
        outcome.judge();
        return Ok(outcome);
    }
    let id = store.next_run_id()?;
    outcome.run.id = Some(id);
    let folder = report::claim_folder(request.report.as_deref(), &past.job, id)?;
    outcome.report = Some(report::report_file(&folder).display().to_string());
    // PostgreSQL's lock belongs to the session; SQLite's file must not be open while it is replaced.
    let session = store.is_postgres().then_some(store);
    request.progress.phase("restoring the backup", 0);
    let stop = || request.interrupted.load(Ordering::Relaxed);
    let (file, target, scratch) = (Path::new(file), &request.target, request.scratch.as_ref());
    let result = restore(&Restoring { file, target, over: true, of_another: false, scratch, stop: &stop });
    match result.and_then(|restored| recorded(request, &mut outcome, restored.before.map(|b| b.path.display().to_string()))) {
        Ok(()) => {}
        Err(stop) => outcome.stop(&stop),
    }
    outcome.run.finished_at = now();
    if let Err(stop) = report::write(&folder, &outcome, Store::read(&request.target).ok().as_mut(), None, &Form::default()) {
        outcome.report = None;
        outcome.findings.push(Finding { severity: Severity::Warning, ..stop.finding() });
    }
    drop((session, lock));
    request.progress.done();
    Ok(outcome)
}

fn recorded(request: &Rollback<'_>, outcome: &mut Outcome, before: Option<String>) -> Result<()> {
    if let Some(path) = before {
        let message = format!("what was there before the rollback is kept in {path}");
        outcome.findings.push(Finding::new(Severity::Info, Subject::Database, "kept", message, "remove it when nobody needs it"));
    }
    outcome.judge();
    outcome.run.status = RunStatus::Committed;
    outcome.run.finished_at = now();
    let mut store = Store::read(&request.target)?;
    store.begin()?;
    let done = store.ensure_own_tables().and_then(|()| record(outcome, &mut store)).and_then(|()| store.commit());
    done.map_err(|stop| {
        store.rollback();
        Stop { message: format!("the backup was restored, but that could not be recorded: {}", stop.message), ..stop }
    })
}
