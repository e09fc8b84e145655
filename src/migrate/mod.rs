//! Schema steps: read from a folder in any layout, held against the database's history, applied, adopted where another tool
//! did the work already, taken back. The transaction, the backup and the rehearsal around them are the caller's.

mod adopt;
mod apply;
mod guard;
mod history;
mod layout;
mod steps;

pub use steps::{Step, StepScript, read_steps};

use crate::error::{Result, Stop};
use crate::evidence::{Check, Finding, Severity};
use crate::store::{RecordStep, RecordedStep, Store};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A step of the job, and what this run did about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The step's name.
    pub name: String,
    /// SHA-256 of its SQL.
    pub sha256: String,
    /// `applied` by this run, `adopted` as found, `recorded` by an earlier run, `undone` by this run; `failed`, `pending`, and
    /// `rolled back` with the one that failed.
    pub status: String,
    /// What was left out, made again or decided, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The rows that its statements touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Touched>,
}

/// The rows that one statement of a step touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// The statement's line in its file.
    pub line: usize,
    /// `insert`, `update` or `delete`.
    pub operation: String,
    /// The table.
    pub table: String,
    /// How many rows.
    pub rows: usize,
}

/// What bringing the schema up or down came to.
#[derive(Debug, Default)]
pub struct Moved {
    /// Each step, in order.
    pub steps: Vec<StepOutcome>,
    /// What the steps claim: `before`, `expect`, `keeps`, `verify`.
    pub checks: Vec<Check>,
    /// What stands otherwise than a step would make it.
    pub findings: Vec<Finding>,
}

impl Moved {
    /// Whether something failed, so that nothing of it may stay.
    pub fn failed(&self) -> bool {
        self.checks.iter().any(Check::fails) || self.findings.iter().any(|f| f.severity == Severity::Error)
    }

    fn take(&mut self, applied: apply::Applied) -> (Vec<String>, Vec<Touched>) {
        self.checks.extend(applied.checks);
        self.findings.extend(applied.findings);
        (applied.notes, applied.changes)
    }
}

/// Where a job's steps stand in a database.
#[derive(Debug)]
pub struct Standing {
    /// How many are recorded, from the first on.
    pub recorded: usize,
    /// How many stand, recorded or found as another tool left them.
    pub stand: usize,
}

impl Standing {
    /// What a run does with the step at a place.
    pub fn status(&self, at: usize) -> &'static str {
        match at {
            _ if at < self.recorded => "recorded",
            _ if at < self.stand => "adopted",
            _ => "applied",
        }
    }
}

/// Where the steps stand. Without a history of ours the shapes are compared; that needs an open transaction.
pub fn standing(store: &mut Store, job: &str, steps: &[Step]) -> Result<Standing> {
    let (history, recorded) = history::recorded(store, job, steps)?;
    // With a history of ours the pending steps are run; without one, another tool may have done their work.
    let stand = if history.is_empty() { adopt::stands(store, steps)? } else { recorded };
    Ok(Standing { recorded, stand })
}

/// Of the steps in `range`, records what is found standing and applies what is pending, each held to its directives. It
/// ends early when one of them does not hold: the caller then gives the transaction up.
pub fn bring_up(store: &mut Store, job: &str, steps: &[Step], range: Range<usize>, standing: &Standing, run: i64) -> Result<Moved> {
    let mut moved = Moved::default();
    for i in range {
        let step = &steps[i];
        let status = standing.status(i);
        let mut outcome = StepOutcome::new(step, status);
        if moved.failed() {
            outcome.status = "pending".into();
        } else if status == "applied" {
            if let Some(before) = &step.before {
                moved.checks.extend(apply::ask(store, "before", &step.name, before)?);
            }
            if !moved.failed() {
                let applied = apply::run(store, &step.name, &step.up)?;
                (outcome.notes, outcome.changes) = moved.take(applied);
            }
            if moved.failed() {
                outcome.status = "failed".into();
            }
        }
        if !moved.failed() && i >= standing.recorded {
            record(store, job, step, i, status, run)?;
        }
        moved.steps.push(outcome);
    }
    Ok(moved)
}

/// Asks what must hold before a step.
pub fn ask_before(store: &mut Store, step: &str, script: &StepScript) -> Result<Vec<Check>> {
    apply::ask(store, "before", step, script)
}

/// Where the steps stand in a database that another tool brought there, `at` being the last that does, where it is known.
/// The shapes must agree. A step that was begun outside a transaction counts as done then. Needs an open transaction.
pub fn as_found(store: &mut Store, job: &str, steps: &[Step], at: Option<usize>) -> Result<Standing> {
    for row in store.recorded_steps(job)?.iter().filter(|row| row.kind == "begun") {
        store.forget_step(job, &row.name)?;
    }
    let (_, recorded) = history::recorded(store, job, steps)?;
    let claimed = match at {
        Some(at) => Some(at + 1),
        None => adopt::claimed(store, steps)?,
    };
    let stand = match claimed {
        Some(count) => adopt::must_stand(store, steps, count)?,
        None => adopt::stands(store, steps)?,
    };
    Ok(Standing { recorded, stand: stand.max(recorded) })
}

/// Records a step as `applied`, `adopted` or `begun`.
pub fn record(store: &mut Store, job: &str, step: &Step, position: usize, kind: &str, run: i64) -> Result<()> {
    let down = step.down.as_ref().map(|d| d.text.as_str());
    store.record_step(&RecordStep { job, name: &step.name, sha256: &step.sha256, kind, run: Some(run), position, down })
}

/// Asks `verify.sql` of every step of `steps`, which all stand.
pub fn verify(store: &mut Store, steps: &[Step]) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for step in steps {
        if let Some(script) = &step.verify {
            checks.extend(apply::ask(store, "verify", &step.name, script)?);
        }
    }
    Ok(checks)
}

/// The recorded steps of a job in the order they were applied, each with its way back as it was recorded.
pub fn ways_back(store: &mut Store, job: &str) -> Result<Vec<(RecordedStep, Option<StepScript>)>> {
    let postgres = store.is_postgres();
    let recorded = store.recorded_steps(job)?;
    recorded
        .into_iter()
        .map(|row| {
            if row.kind == "begun" {
                return Err(history::begun(&row.name));
            }
            let down = row.down.as_ref().map(|text| steps::recorded_down(&row.name, text, postgres)).transpose()?;
            Ok((row, down))
        })
        .collect()
}

/// Takes steps back, in the order given; each of them has a way back.
pub fn bring_down(store: &mut Store, job: &str, steps: &[(RecordedStep, Option<StepScript>)]) -> Result<Moved> {
    let mut moved = Moved::default();
    for (row, down) in steps {
        let down = down.as_ref().ok_or_else(|| no_way_back(&row.name))?;
        let applied = apply::run(store, &row.name, down)?;
        let (notes, changes) = moved.take(applied);
        let status = if moved.failed() { "failed" } else { "undone" };
        moved.steps.push(StepOutcome { name: row.name.clone(), sha256: row.sha256.clone(), status: status.into(), notes, changes });
        if moved.failed() {
            break;
        }
        store.forget_step(job, &row.name)?;
    }
    Ok(moved)
}

/// Of steps whose transaction was given up: what it did with them was not kept.
pub fn not_kept(steps: &mut [StepOutcome]) {
    for step in steps.iter_mut() {
        match step.status.as_str() {
            "applied" | "adopted" | "undone" => step.status = "rolled back".into(),
            _ => {}
        }
    }
}

/// Forgets that a step was begun outside a transaction, so that it is run once more.
pub fn forget_begun(store: &mut Store, job: &str, name: &str) -> Result<()> {
    match store.recorded_steps(job)?.iter().find(|row| row.name == name) {
        Some(row) if row.kind == "begun" => store.forget_step(job, name),
        Some(_) => Err(Stop::usage(
            format!("the step {name} was not only begun, it is done"),
            "leave `--again` out; `tieout migrate down` takes a step back",
        )),
        None => Err(Stop::usage(format!("the step {name} was not begun"), "leave `--again` out")),
    }
}

/// Why a step cannot be taken back.
pub fn no_way_back(step: &str) -> Stop {
    Stop::database(
        format!("the step {step} has no way back: it was applied without a down.sql"),
        "restore the backup that was taken before it, or write a step that undoes it",
    )
}

impl StepOutcome {
    /// Of a step with which nothing else was done.
    pub fn new(step: &Step, status: &str) -> StepOutcome {
        StepOutcome { name: step.name.clone(), sha256: step.sha256.clone(), status: status.into(), notes: Vec::new(), changes: Vec::new() }
    }
}
