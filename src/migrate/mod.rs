//! Schema steps of a job: applied in the run's own transaction, or adopted where another tool already did the work.

mod adopt;
mod guard;
mod steps;

pub use steps::{Step, read_steps};

use crate::error::{Result, Stop};
use crate::store::Store;
use serde::{Deserialize, Serialize};

/// A step of the job, and what this run did about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step's folder.
    pub name: String,
    /// SHA-256 of its SQL.
    pub sha256: String,
    /// `applied` by this run, `adopted` as found, or `recorded` by an earlier run.
    pub status: String,
}

/// Brings the schema to where the steps lead, inside the caller's transaction: a step that already stands is adopted,
/// the others are applied. Gives what was done with each.
pub fn bring_up(store: &mut Store, job: &str, steps: &[Step], run: i64) -> Result<Vec<StepOutcome>> {
    let recorded = store.recorded_steps(job)?;
    for (name, hash) in &recorded {
        match steps.iter().find(|s| s.name == *name) {
            None => {
                let message = format!("the step {name} stands in this database, but is no longer among the migrations");
                return Err(Stop::database(message, "put its folder back; steps that were applied are history"));
            }
            Some(step) if step.sha256 != *hash => {
                let message = format!("the step {name} was changed after it was applied to this database");
                return Err(Stop::database(message, "restore its SQL as it was, and put the change into a new step"));
            }
            Some(_) => {}
        }
    }
    let done = steps.iter().take_while(|s| recorded.contains_key(&s.name)).count();
    if let Some(late) = steps[done..].iter().find(|s| recorded.contains_key(&s.name)) {
        let message = format!("the step {} comes before {}, which was applied already", steps[done].name, late.name);
        return Err(Stop::database(message, "give the new step a number behind the applied ones"));
    }
    // With a history of ours the pending steps are run; without one, another tool may have done their work.
    let stands = if recorded.is_empty() { adopt::stands(store, steps)? } else { done };
    let mut outcome = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let status = if i < done {
            "recorded"
        } else if i < stands {
            "adopted"
        } else {
            store.execute(&step.sql).map_err(|stop| Stop::database(format!("step {}: {}", step.name, stop.message), stop.hint))?;
            "applied"
        };
        if i >= done {
            store.record_step(job, &step.name, &step.sha256, status, Some(run))?;
        }
        outcome.push(StepOutcome { name: step.name.clone(), sha256: step.sha256.clone(), status: status.to_owned() });
    }
    Ok(outcome)
}
