//! The one transaction of a run: schema, rows, checks and the record of it, committed only when all of it holds.

use super::patience::patiently;
use super::{Request, inside, record, schema, still};
use crate::assemble::Archive;
use crate::error::Result;
use crate::migrate::{Step, not_kept};
use crate::parse;
use crate::report::{Outcome, RunStatus, now};
use crate::store::Store;

/// How the transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Committed.
    Committed,
    /// Given up, since something does not hold.
    Failed,
    /// Given up, since something would be written that must not be before there is a backup.
    Unguarded,
}

/// Runs the transaction. With `unguarded` it is given up as soon as it is known that rows or tables of the user's would be
/// written.
pub(super) fn transact(
    request: &Request<'_>,
    archive: Archive<'_>,
    store: &mut Store,
    outcome: &mut Outcome,
    steps: &[Step],
    unguarded: bool,
) -> Result<End> {
    let keys = schema::KeysOff::before(store, steps.iter().map(|s| &s.up))?;
    let result = patiently(request, outcome, store, |outcome, store| {
        store.begin()?;
        let result = inside::load_and_check(request, archive, store, outcome, steps).and_then(|()| {
            outcome.findings.extend(keys.dangling(store)?);
            settle(request, archive, store, outcome, steps, unguarded)
        });
        if !matches!(result, Ok(End::Committed)) {
            store.rollback();
            not_kept(&mut outcome.migrations);
        }
        result
    });
    keys.after(store)?;
    result
}

/// Commits with the record of the run, when all of it holds.
fn settle(
    request: &Request<'_>,
    archive: Archive<'_>,
    store: &mut Store,
    outcome: &mut Outcome,
    steps: &[Step],
    unguarded: bool,
) -> Result<End> {
    parse::quote(request.job, archive.files, archive.read, &mut outcome.findings);
    outcome.judge();
    request.check_interrupt()?;
    if outcome.run.status == RunStatus::Failed {
        return Ok(End::Failed);
    }
    if unguarded && outcome.run.status == RunStatus::Committed {
        return Ok(End::Unguarded);
    }
    outcome.run.state = still::state(request, store, outcome, archive.files, steps)?;
    outcome.run.finished_at = now();
    record(outcome, store)?;
    store.commit()?;
    Ok(End::Committed)
}
