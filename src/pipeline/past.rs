//! The run before, for saying what is new since.

use crate::evidence::{Finding, Severity, Status, Subject};
use crate::report::{Outcome, Past};
use crate::store::Store;

/// Looks up the checks that the last run counted and did not list: only where something has moved do they matter.
pub(super) fn look_up_counted(outcome: &mut Outcome, store: &mut Store) {
    let Some(past) = &mut outcome.past else { return };
    let Some((run, listed)) = past.counted() else { return };
    let read = store.checks_behind(run, listed, |check| {
        if check.status != Status::Match {
            past.count(&check);
        }
        Ok(())
    });
    if let Err(stop) = read {
        outcome.past = None;
        outcome.findings.push(unreadable(Some(run), &stop.message));
    }
}

fn unreadable(run: Option<i64>, why: &str) -> Finding {
    let which = run.map_or("the last run".to_owned(), |id| format!("the last run, {id},"));
    let message = format!("what {which} found cannot be read, so nothing is said of what is new since: {why}");
    let hint = "the next run compares with this one";
    Finding::new(Severity::Warning, Subject::Database, "last-report-unreadable", message, hint)
}

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
            outcome.findings.push(unreadable(run, &why));
            None
        }
    }
}
