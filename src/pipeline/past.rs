//! The run before, for saying what is new since.

use crate::evidence::{Finding, Severity, Subject};
use crate::report::{Outcome, Past};
use crate::store::Store;

/// Looks the job's last run up. It is read before any transaction begins, and that it cannot be read is a warning: a run must
/// not fail for what an earlier one left behind.
pub(super) fn look_up(outcome: &mut Outcome, store: &mut Store) {
    let read = store.last_report(&outcome.run.job).map_err(|stop| (None, stop.message));
    let past = read.and_then(|last| last.map(|(id, report)| Past::read(id, &report).map_err(|why| (Some(id), why))).transpose());
    match past {
        Ok(past) => outcome.past = past,
        Err((run, why)) => {
            let which = run.map_or("the last run".to_owned(), |id| format!("the last run, {id},"));
            let message = format!("what {which} found cannot be read, so nothing is said of what is new since: {why}");
            let hint = "the next run compares with this one";
            outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "last-report-unreadable", message, hint));
        }
    }
}
