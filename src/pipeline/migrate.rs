//! The schema steps alone, up and down: one transaction for as many steps as can live in one. What a step does and claims
//! is `crate::migrate`'s.

use super::patience::patiently;
use super::schema::KeysOff;
use super::{Request, record};
use crate::error::{Result, Stop};
use crate::evidence::{Check, Finding, Severity, Subject};
use crate::migrate::{self, Moved, Standing, Step, StepOutcome, StepScript, bring_down, bring_up, read_steps, standing};
use crate::report::{Outcome, RunStatus, now};
use crate::store::{RecordedStep, Store};
use std::ops::Range;

/// Which way the schema is moved, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Pending steps are applied, the last of them `to`; `again` is one that was begun and may be run once more.
    Up {
        /// The last step.
        to: Option<String>,
        /// A step that was begun.
        again: Option<String>,
    },
    /// Steps are taken back: those behind `to`, else so many.
    Down {
        /// The step that stays the last one.
        to: Option<String>,
        /// How many.
        steps: usize,
    },
    /// Steps that another tool applied are recorded, the last of them `at`, else as far as the shapes agree.
    Baseline {
        /// The last step that stands.
        at: Option<String>,
    },
}

impl Way {
    /// As it is written.
    pub fn word(&self) -> &'static str {
        match self {
            Way::Up { .. } => "migrate up",
            Way::Down { .. } => "migrate down",
            Way::Baseline { .. } => "migrate baseline",
        }
    }
}

/// Moves the schema. When the outcome is a failure, what was committed before is said.
pub(super) fn move_schema(request: &Request<'_>, outcome: &mut Outcome, store: &mut Store, way: &Way) -> Result<()> {
    let migrations = request.job.migrations.as_ref();
    let migrations = migrations.ok_or_else(|| Stop::usage("the job has no [migrations]", "name their folder: [migrations] dir = \"…\""))?;
    let steps = read_steps(migrations, store.backend())?;
    request.progress.phase("schema", steps.len());
    let mut schema = Schema { request, outcome, store, steps: &steps };
    match way {
        Way::Up { to, again } => schema.up(to.as_deref(), again.as_deref()),
        Way::Down { to, steps } => schema.down(to.as_deref(), *steps),
        Way::Baseline { at } => schema.baseline(at.as_deref()),
    }
}

/// A recorded step with its way back.
type Back = (RecordedStep, Option<StepScript>);

struct Schema<'a> {
    request: &'a Request<'a>,
    outcome: &'a mut Outcome,
    store: &'a mut Store,
    steps: &'a [Step],
}

impl Schema<'_> {
    fn place(&self, name: &str) -> Result<usize> {
        self.steps.iter().position(|s| s.name == name).ok_or_else(|| {
            let near = tieout_parsers::nearest(name, self.steps.iter().map(|s| s.name.as_str()));
            let hint = near.map_or("`tieout migrate status` lists the steps".to_owned(), |near| format!("did you mean `{near}`?"));
            Stop::usage(format!("there is no step {name}"), hint)
        })
    }

    /// A whole transaction's work, again where somebody else's lock was in the way.
    fn patiently<T>(&mut self, mut work: impl FnMut(&mut Schema<'_>) -> Result<T>) -> Result<T> {
        let (request, steps) = (self.request, self.steps);
        patiently(request, self.outcome, self.store, |outcome, store| work(&mut Schema { request, outcome, store, steps }))
    }

    /// Something within a transaction of its own.
    fn within<T>(&mut self, mut work: impl FnMut(&mut Schema<'_>) -> Result<T>) -> Result<T> {
        self.patiently(|s| {
            s.store.begin()?;
            let done = work(s).and_then(|done| s.store.commit().map(|()| done));
            done.inspect_err(|_| s.store.rollback())
        })
    }

    fn up(&mut self, to: Option<&str>, again: Option<&str>) -> Result<()> {
        let end = to.map_or(Ok(self.steps.len()), |name| self.place(name).map(|at| at + 1))?;
        let standing = self.within(|s| {
            s.store.ensure_own_tables()?;
            if let Some(name) = again {
                s.place(name)?;
                migrate::forget_begun(s.store, &s.request.job.name, name)?;
            }
            standing(s.store, &s.request.job.name, s.steps)
        })?;
        let mut at = 0;
        while at < end {
            let range = self.segment(at, end, &standing);
            at = range.end;
            let committed = if at - range.start == 1 && self.runs_outside(range.start, &standing) {
                self.outside(range.start, &standing)
            } else {
                self.inside(range, &standing, at == end)
            };
            if !matches!(committed, Ok(true)) {
                self.say_what_stands();
                let listed = self.outcome.migrations.len();
                self.outcome.migrations.extend(self.steps[listed..end].iter().map(|s| StepOutcome::new(s, "pending")));
                return committed.map(drop);
            }
        }
        if end == 0 || self.runs_outside(end - 1, &standing) {
            self.outcome.judge();
            self.finish()?;
        }
        Ok(())
    }

    fn runs_outside(&self, at: usize, standing: &Standing) -> bool {
        at >= standing.stand && self.steps[at].up.is_outside()
    }

    /// The steps from `at` on that can share a transaction: foreign keys are on or off for all, and the values that one
    /// adds to an enumeration can be used by the next only when they are committed.
    fn segment(&self, at: usize, end: usize, standing: &Standing) -> Range<usize> {
        if self.runs_outside(at, standing) {
            return at..at + 1;
        }
        let pending = |i: usize| i >= standing.stand;
        let mut next = at + 1;
        while next < end && !self.runs_outside(next, standing) {
            let (last, this) = (&self.steps[next - 1].up, &self.steps[next].up);
            let apart = last.wants_foreign_keys_off() != this.wants_foreign_keys_off() || last.adds_enum_values();
            if pending(next - 1) && apart {
                break;
            }
            next += 1;
        }
        at..next
    }

    /// Steps in one transaction; whether it was committed.
    fn inside(&mut self, range: Range<usize>, standing: &Standing, last: bool) -> Result<bool> {
        self.request.check_interrupt()?;
        let pending = &self.steps[standing.stand.clamp(range.start, range.end)..range.end];
        let keys = KeysOff::before(self.store, pending.iter().map(|s| &s.up))?;
        let id = self.outcome.run.id.unwrap_or_default();
        // All that stand are asked at the end; those of an earlier transaction were asked there.
        let asked = if last { 0 } else { range.start };
        let result = self.patiently(|s| {
            s.store.begin()?;
            let result = bring_up(s.store, &s.request.job.name, s.steps, range.clone(), standing, id).and_then(|mut moved| {
                if !moved.failed() {
                    moved.findings.extend(keys.dangling(s.store)?);
                    s.outcome.checks.retain(|check| !last || check.name != "verify");
                    moved.checks.extend(migrate::verify(s.store, &s.steps[asked..range.end])?);
                }
                s.settle(moved, last)
            });
            if !matches!(result, Ok(true)) {
                s.store.rollback();
            }
            result
        });
        keys.after(self.store)?;
        result
    }

    /// Takes in what became of steps, and commits when all holds; with the record of the run when these are the last.
    fn settle(&mut self, moved: Moved, last: bool) -> Result<bool> {
        let (failed, first) = (moved.failed(), self.outcome.migrations.len());
        self.take(moved);
        self.request.check_interrupt()?;
        if last || failed {
            self.outcome.judge();
        }
        if failed || (last && self.outcome.run.status == RunStatus::Failed) {
            migrate::not_kept(&mut self.outcome.migrations[first..]);
            return Ok(false);
        }
        if last {
            self.outcome.run.finished_at = now();
            record(self.outcome, self.store)?;
        }
        self.store.commit()?;
        Ok(true)
    }

    fn take(&mut self, moved: Moved) {
        self.request.progress.done_of(moved.steps.len() as u64);
        self.outcome.migrations.extend(moved.steps);
        self.outcome.checks.extend(moved.checks);
        self.outcome.findings.extend(moved.findings);
    }

    /// A step that runs outside a transaction; that it was begun is recorded before, since nobody could tell afterwards.
    fn outside(&mut self, at: usize, standing: &Standing) -> Result<bool> {
        self.request.check_interrupt()?;
        let id = self.outcome.run.id.unwrap_or_default();
        let step = &self.steps[at];
        if let Some(before) = &step.before {
            let checks = self.within(|s| migrate::ask_before(s.store, &step.name, before))?;
            let failed = checks.iter().any(Check::fails);
            self.outcome.checks.extend(checks);
            if failed {
                self.outcome.migrations.push(StepOutcome::new(step, "failed"));
                self.outcome.judge();
                return Ok(false);
            }
        }
        self.within(|s| migrate::record(s.store, &s.request.job.name, step, at, "begun", id))?;
        let moved = bring_up(self.store, &self.request.job.name, self.steps, at..at + 1, standing, id).inspect_err(|_| {
            // What it began or set must not be in the way of recording that it failed.
            self.store.rollback();
            let _ = self.store.end_script(true);
        })?;
        let mut failed = moved.failed();
        self.take(moved);
        if !failed {
            let checks = self.within(|s| migrate::verify(s.store, &s.steps[at..=at]))?;
            failed = checks.iter().any(Check::fails);
            self.outcome.checks.extend(checks);
        }
        if failed {
            self.outcome.judge();
        }
        Ok(!failed)
    }

    /// Says what was committed before a failure.
    fn say_what_stands(&mut self) {
        let done = |status: &str| self.outcome.migrations.iter().filter(|s| s.status == status).count();
        let (applied, undone) = (done("applied"), done("undone"));
        if applied + undone > 0 {
            let message = match undone {
                0 => format!("{applied} steps before were committed and stand"),
                _ => format!("{undone} steps before were taken back, and that was committed"),
            };
            let hint = "they could not share a transaction with the one that failed; run again when it is mended";
            self.outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "steps-stand", message, hint));
        }
    }

    /// Records a run whose steps are all committed.
    fn finish(&mut self) -> Result<()> {
        if self.outcome.run.status == RunStatus::Failed {
            return Ok(());
        }
        self.outcome.run.finished_at = now();
        self.within(|s| record(s.outcome, s.store))
    }

    fn down(&mut self, to: Option<&str>, count: usize) -> Result<()> {
        self.within(|s| s.store.ensure_own_tables())?;
        let mut recorded = migrate::ways_back(self.store, &self.request.job.name)?;
        let stay = match to {
            Some(name) => recorded.iter().position(|(row, _)| row.name == name).map(|at| at + 1).ok_or_else(|| {
                Stop::usage(format!("the step {name} does not stand in this database"), "`tieout migrate status` lists those that do")
            })?,
            None => recorded.len().saturating_sub(count),
        };
        let mut steps = recorded.split_off(stay);
        steps.reverse();
        for (row, down) in &mut steps {
            if down.is_none() {
                *down = self.steps.iter().find(|s| s.name == row.name).and_then(|s| s.down.clone());
            }
            if down.is_none() {
                return Err(migrate::no_way_back(&row.name));
            }
        }
        let outside = |(_, down): &Back| down.as_ref().is_some_and(StepScript::is_outside);
        let mut groups = steps.chunk_by(|a, b| !outside(a) && !outside(b)).peekable();
        let mut recorded = false;
        while let Some(group) = groups.next() {
            recorded = groups.peek().is_none() && !outside(&group[0]);
            let committed = if outside(&group[0]) { self.back_outside(group) } else { self.back(group, recorded) };
            if !matches!(committed, Ok(true)) {
                self.say_what_stands();
                return committed.map(drop);
            }
        }
        if !recorded {
            self.outcome.judge();
            self.finish()?;
        }
        Ok(())
    }

    /// Takes steps back in one transaction; whether it was committed.
    fn back(&mut self, steps: &[Back], last: bool) -> Result<bool> {
        let keys = KeysOff::before(self.store, steps.iter().filter_map(|(_, down)| down.as_ref()))?;
        let result = self.patiently(|s| {
            s.store.begin()?;
            let result = bring_down(s.store, &s.request.job.name, steps).and_then(|mut moved| {
                moved.findings.extend(keys.dangling(s.store)?);
                s.settle(moved, last)
            });
            if !matches!(result, Ok(true)) {
                s.store.rollback();
            }
            result
        });
        keys.after(self.store)?;
        result
    }

    fn back_outside(&mut self, steps: &[Back]) -> Result<bool> {
        let moved = bring_down(self.store, &self.request.job.name, steps)?;
        let failed = moved.failed();
        self.take(moved);
        self.outcome.judge();
        Ok(!failed)
    }

    fn baseline(&mut self, at: Option<&str>) -> Result<()> {
        let at = at.map(|name| self.place(name)).transpose()?;
        self.patiently(|s| {
            s.store.begin()?;
            let result = s.store.ensure_own_tables().and_then(|()| {
                let standing = migrate::as_found(s.store, &s.request.job.name, s.steps, at)?;
                let id = s.outcome.run.id.unwrap_or_default();
                let moved = bring_up(s.store, &s.request.job.name, s.steps, 0..standing.stand, &standing, id)?;
                let pending = s.steps[standing.stand..].iter().map(|s| StepOutcome::new(s, "pending"));
                s.settle(Moved { steps: moved.steps.into_iter().chain(pending).collect(), ..moved }, true)
            });
            if !matches!(result, Ok(true)) {
                s.store.rollback();
            }
            result.map(drop)
        })
    }
}
