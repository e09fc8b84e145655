//! Takes a run back: its rows by the change log, then the schema steps that it applied, in one transaction.

use super::schema::KeysOff;
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity};
use crate::load::Counts;
use crate::migrate::{self, Moved, StepScript, bring_down};
use crate::store::{RecordedStep, Store};
use crate::undo;
use std::collections::BTreeMap;

/// What taking a run back came to.
#[derive(Default)]
pub(super) struct Back {
    /// Rows, by table.
    pub(super) tables: BTreeMap<String, Counts>,
    /// Schema steps.
    pub(super) moved: Moved,
    /// What is against it.
    pub(super) findings: Vec<Finding>,
}

impl Back {
    /// Whether something is against it, so that nothing of it may stay.
    pub(super) fn failed(&self) -> bool {
        self.moved.failed() || self.findings.iter().any(|f| f.severity == Severity::Error)
    }

    /// What is against it, in sentences.
    pub(super) fn why(&self) -> Vec<String> {
        let errors = self.findings.iter().chain(&self.moved.findings).filter(|f| f.severity == Severity::Error);
        let checks = self
            .moved
            .checks
            .iter()
            .filter(|c| c.fails())
            .map(|c| format!("{} {}: {}", c.name, c.group, c.explanation.as_deref().unwrap_or("")));
        errors.map(|f| f.message.clone()).chain(checks).collect()
    }
}

/// A recorded step and its way back.
type Recorded = (RecordedStep, Option<StepScript>);

/// The steps that a run applied, the last one first; refused where later ones stand on them, or one has no way back.
pub(super) fn steps_of(store: &mut Store, job: &str, run: i64) -> Result<Vec<Recorded>> {
    let mut recorded = migrate::ways_back(store, job)?;
    let own = |(row, _): &Recorded| row.run == Some(run) && row.kind == "applied";
    let Some(first) = recorded.iter().position(own) else { return Ok(Vec::new()) };
    if let Some((later, _)) = recorded[first..].iter().find(|r| !own(r)) {
        let message = format!("the step {} was applied later than those of run {run}", later.name);
        return Err(Stop::database(message, "take it back first: `tieout migrate down`, or roll its run back"));
    }
    let mut steps = recorded.split_off(first);
    steps.reverse();
    match steps.iter().find(|(_, down)| down.is_none()) {
        Some((row, _)) => Err(migrate::no_way_back(&row.name)),
        None => Ok(steps),
    }
}

/// Takes a run back in a transaction of its own, as the run `by`.
pub(super) fn take_back(store: &mut Store, job: &str, run: i64, by: i64, go_on: &dyn Fn() -> Result<()>) -> Result<Back> {
    let steps = steps_of(store, job, run)?;
    let keys = KeysOff::before(store, steps.iter().filter_map(|(_, down)| down.as_ref()))?;
    store.begin()?;
    let planned = undo::plan(store, run, true);
    let result = planned.and_then(|plan| within(store, plan, job, &steps, by, &keys, go_on)).and_then(|back| {
        if !back.failed() {
            store.commit()?;
        }
        Ok(back)
    });
    if !result.as_ref().is_ok_and(|back| !back.failed()) {
        store.rollback();
    }
    keys.after(store)?;
    result
}

/// The same in the caller's transaction.
pub(super) fn within(
    store: &mut Store,
    mut plan: undo::Plan,
    job: &str,
    steps: &[Recorded],
    by: i64,
    keys: &KeysOff,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<Back> {
    let mut back = Back { findings: std::mem::take(&mut plan.findings), ..Back::default() };
    if back.failed() {
        return Ok(back);
    }
    let undone = undo::rows(store, plan, by, go_on)?;
    back.tables = undone.tables;
    back.findings.extend(undone.findings);
    if !back.failed() {
        back.moved = bring_down(store, job, steps)?;
        back.findings.extend(keys.dangling(store)?);
    }
    Ok(back)
}
