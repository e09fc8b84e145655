//! The run before, for saying what is new since.

use crate::evidence::{Finding, Severity, Subject};
use crate::report::{Outcome, Past};
use crate::store::Store;

/// Looks the job's last run up; gives what it found. It is read before any transaction begins, and that it cannot be read is a
/// warning: a run must not fail for what an earlier one left behind.
pub(super) fn look_up(outcome: &mut Outcome, store: &mut Store) -> Option<Outcome> {
    let read = store.last_report(&outcome.run.job).map_err(|stop| (None, stop.message));
    let parsed = |(id, report): (i64, String)| match serde_json::from_str::<Outcome>(&report) {
        Ok(last) => Ok((id, last)),
        Err(why) => Err((Some(id), why.to_string())),
    };
    match read.and_then(|last| last.map(parsed).transpose()) {
        Ok(last) => {
            outcome.past = last.as_ref().map(|(id, last)| Past::of(*id, last));
            last.map(|(_, last)| last)
        }
        Err((run, why)) => {
            let which = run.map_or("the last run".to_owned(), |id| format!("the last run, {id},"));
            let message = format!("what {which} found cannot be read, so nothing is said of what is new since: {why}");
            let hint = "the next run compares with this one";
            outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "last-report-unreadable", message, hint));
            None
        }
    }
}
