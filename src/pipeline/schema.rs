//! The schema steps of a run, in its one transaction.

use super::Request;
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity, Subject};
use crate::migrate::{Step, StepScript, bring_up, standing};
use crate::report::Outcome;
use crate::store::Store;
use std::collections::BTreeSet;

/// Brings the schema up, in the caller's transaction; whether everything that the steps claim holds.
pub(super) fn brought_up(request: &Request<'_>, store: &mut Store, outcome: &mut Outcome, steps: &[Step]) -> Result<bool> {
    if steps.is_empty() {
        return Ok(true);
    }
    request.progress.phase("schema", 0);
    let job = &request.job.name;
    let standing = standing(store, job, steps)?;
    if let Some(step) = steps[standing.stand..].iter().find(|s| s.up.is_outside()) {
        let message = format!("the step {} is pending, and runs outside a transaction: a run is one", step.name);
        return Err(Stop::database(message, "apply it with `tieout migrate up JOB` first, then run again"));
    }
    let moved = bring_up(store, job, steps, 0..steps.len(), &standing, outcome.run.id.unwrap_or_default())?;
    let holds = !moved.failed();
    outcome.migrations = moved.steps;
    outcome.checks.extend(moved.checks);
    outcome.findings.extend(moved.findings);
    Ok(holds)
}

/// Whether a step is pending.
pub(super) fn pending(request: &Request<'_>, store: &mut Store, steps: &[Step]) -> Result<bool> {
    store.begin()?;
    let standing = standing(store, &request.job.name, steps);
    store.rollback();
    Ok(standing?.stand < steps.len())
}

/// Foreign keys that are off while tables are made anew; what refers to nothing is compared before and behind.
pub(super) struct KeysOff(Option<BTreeSet<String>>);

impl KeysOff {
    /// Turns them off where one of the scripts wants it, before the transaction begins.
    pub(super) fn before<'s>(store: &mut Store, scripts: impl IntoIterator<Item = &'s StepScript>) -> Result<KeysOff> {
        if store.is_postgres() || !scripts.into_iter().any(StepScript::wants_foreign_keys_off) {
            return Ok(KeysOff(None));
        }
        let dangling = store.dangling()?;
        store.foreign_keys(false)?;
        Ok(KeysOff(Some(dangling)))
    }

    /// What refers to nothing now and did not before; asked within the transaction.
    pub(super) fn dangling(&self, store: &mut Store) -> Result<Vec<Finding>> {
        let Some(before) = &self.0 else { return Ok(Vec::new()) };
        let found = store.dangling()?;
        let hint = "while a table is made anew, foreign keys are off: keep its rows, or take those that refer to them away in the step";
        let finding = |row: &String| Finding::new(Severity::Error, Subject::Check, "dangling-row", row.clone(), hint);
        Ok(found.difference(before).map(finding).collect())
    }

    /// Turns them on again, when the transaction has ended.
    pub(super) fn after(self, store: &mut Store) -> Result<()> {
        if self.0.is_some() { store.foreign_keys(true) } else { Ok(()) }
    }
}
