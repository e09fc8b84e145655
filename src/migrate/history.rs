//! What the database's own history says of a job's steps, held against the folder: changed, missing and late ones are refused.

use super::Step;
use crate::error::{Result, Stop};
use crate::store::{RecordedStep, Store};

/// The recorded steps of a job by name, and how many of the folder's steps stand recorded, from the first on.
pub(super) fn recorded(store: &mut Store, job: &str, steps: &[Step]) -> Result<(Vec<RecordedStep>, usize)> {
    let recorded = store.recorded_steps(job)?;
    for row in &recorded {
        let name = &row.name;
        match steps.iter().find(|s| s.name == *name) {
            None => {
                let message = format!("the step {name} stands in this database, but is no longer among the migrations");
                return Err(Stop::database(message, "put it back; steps that were applied are history"));
            }
            Some(step) if step.sha256 != row.sha256 => {
                let message = format!("the step {name} was changed after it was applied to this database");
                return Err(Stop::database(message, "restore its SQL as it was, and put the change into a new step"));
            }
            Some(_) if row.kind == "begun" => {
                return Err(begun(name));
            }
            Some(_) => {}
        }
    }
    let stands = |step: &Step| recorded.iter().any(|r| r.name == step.name);
    let done = steps.iter().take_while(|s| stands(s)).count();
    if let Some(late) = steps[done..].iter().find(|s| stands(s)) {
        let message = format!("the step {} comes before {}, which was applied already", steps[done].name, late.name);
        return Err(Stop::database(message, "give the new step a number behind the applied ones"));
    }
    Ok((recorded, done))
}

/// Why nothing goes on behind a step that runs outside a transaction and did not come to its end.
pub(super) fn begun(step: &str) -> Stop {
    Stop::database(
        format!("the step {step} was begun outside a transaction, and nobody knows how far it came"),
        "look at what it did: `tieout migrate up --again STEP` runs it once more, `tieout migrate baseline` takes it as done",
    )
}
