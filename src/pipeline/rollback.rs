//! Rolling a run back: which one, what is said beforehand, the one transaction, and its record, which is a run like any other.

use super::{Command, Progress, Request, hooks, record, record_failure};
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity, Subject};
use crate::job::Job;
use crate::report::{self, Form, Outcome, RunStatus, now};
use crate::store::{Lock, PastRun, Store, Target};
use crate::undo;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to roll back.
pub struct Rollback<'a> {
    /// The job, where its file was read: only then its hooks run, and only its runs are meant.
    pub job: Option<&'a Job>,
    /// The run; the latest that wrote something and was not undone, when none is named.
    pub run: Option<i64>,
    /// Whether it is only said what would be done.
    pub dry: bool,
    /// The database.
    pub target: Target,
    /// The report's folder, when the user named one.
    pub report: Option<PathBuf>,
    /// Set when the user asks to stop.
    pub interrupted: &'a AtomicBool,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
    /// Told beforehand, in a sentence, what will be done.
    pub say: &'a dyn Fn(&str),
}

/// Rolls a run back. A stop is wrong use: then nothing was begun, and nothing is recorded.
pub fn roll_back(request: &Rollback<'_>) -> Result<Outcome> {
    let (mut store, _lock) = open(&request.target)?;
    let past = choose(request, &mut store)?;
    refuse_migrations(&past)?;
    let mut outcome = Outcome::begin(past.job.clone(), Command::Rollback.word());
    outcome.run.database = request.target.to_string();
    if let Some(job) = request.job {
        outcome.run.job_sha256.clone_from(&job.sha256);
        outcome.run.currency.clone_from(&job.currency);
    }
    if request.dry {
        store.begin()?;
        let planned = plan(request, &mut store, &mut outcome, &past);
        store.rollback();
        planned?;
        outcome.judge();
        outcome.run.finished_at = now();
        return Ok(outcome);
    }
    let id = store.next_run_id()?;
    outcome.run.id = Some(id);
    let folder = report::claim_folder(request.report.as_deref(), &past.job, id)?;
    outcome.report = Some(report::report_file(&folder).display().to_string());
    let of_job = request.job.map(|job| for_hooks(request, job));
    let result = match &of_job {
        Some(of_job) if !hooks::before(of_job, &mut outcome) => {
            outcome.judge();
            go_on(request)
        }
        _ => in_one_transaction(request, &mut store, &mut outcome, &past),
    };
    // Whatever stopped an interrupted rollback, it was the interruption.
    if let Err(stop) = result.map_err(|stop| go_on(request).err().unwrap_or(stop)) {
        outcome.stop(&stop);
    }
    if outcome.run.status == RunStatus::Failed {
        outcome.tables.clear();
        record_failure(&mut outcome, &mut store);
    }
    if let Err(stop) = report::write(&folder, &outcome, Some(&mut store), &Form::default()) {
        outcome.report = None;
        outcome.findings.push(Finding { severity: Severity::Warning, ..stop.finding() });
    }
    if let Some(of_job) = &of_job {
        hooks::after(of_job, &mut outcome, Some(&folder), Some(&mut store));
    }
    request.progress.done();
    Ok(outcome)
}

/// Opens a database that is there and knows of runs.
fn open(target: &Target) -> Result<(Store, Lock)> {
    let nothing = || Stop::usage(format!("{target} knows nothing of any run"), "look whether it is the right database");
    if !Store::read(target)?.has_table("tieout_run")? {
        return Err(nothing());
    }
    let (mut store, lock) = Store::open(target, "rollback")?;
    store.upgrade_own_tables()?;
    Ok((store, lock))
}

fn go_on(request: &Rollback<'_>) -> Result<()> {
    if request.interrupted.load(Ordering::Relaxed) { Err(Stop::interrupted()) } else { Ok(()) }
}

fn for_hooks<'a>(request: &Rollback<'a>, job: &'a Job) -> Request<'a> {
    Request {
        job,
        command: Command::Rollback,
        target: request.target.clone(),
        root: PathBuf::new(),
        report: request.report.clone(),
        form: Form::default(),
        interrupted: request.interrupted,
        progress: request.progress,
    }
}

/// The run that is meant, if it can be undone at all.
fn choose(request: &Rollback<'_>, store: &mut Store) -> Result<PastRun> {
    let target = &request.target;
    let job = request.job.map(|job| job.name.as_str());
    let number = match request.run {
        Some(run) => run,
        None => match store.latest_to_undo(job)?.as_slice() {
            [(_, run)] => *run,
            [] => {
                return Err(Stop::usage(format!("{target} holds no run that could be rolled back"), "`tieout report` shows the last run"));
            }
            several => {
                let jobs: Vec<String> = several.iter().map(|(job, run)| format!("{job} (its last is run {run})")).collect();
                let message = format!("{target} holds runs of several jobs: {}", jobs.join(", "));
                return Err(Stop::usage(message, "say which run, `tieout rollback RUN`, or which job, --job JOB"));
            }
        },
    };
    let Some(past) = store.past_run(number)? else {
        return Err(Stop::usage(format!("{target} knows nothing of run {number}"), "look whether it is the right database"));
    };
    let refuse = |why: String, hint: &str| Err(Stop::usage(why, hint));
    if let Some(job) = job.filter(|job| *job != past.job) {
        return refuse(format!("run {number} is of the job {}, not of {job}", past.job), "name the job that it is of, or none");
    }
    if let Some(by) = past.undone_by {
        return refuse(format!("run {number} was rolled back by run {by}"), "run the job again to have its rows back");
    }
    match (past.command.as_str(), past.status.as_str()) {
        ("rollback", _) => refuse(format!("run {number} is itself a rollback"), "run the job again to have the rows back"),
        (_, "failed") => refuse(format!("run {number} failed and wrote nothing: there is nothing to undo"), ""),
        _ if !past.wrote => refuse(format!("run {number} changed nothing: there is nothing to undo"), ""),
        _ => Ok(past),
    }
}

/// What the change log cannot undo: schema steps that the run applied.
fn refuse_migrations(past: &PastRun) -> Result<()> {
    let unreadable = |e: serde_json::Error| Stop::database(format!("the report of run {} cannot be read: {e}", past.id), "");
    let outcome: Outcome = serde_json::from_str(&past.report).map_err(unreadable)?;
    let steps: Vec<&str> = outcome.migrations.iter().filter(|s| s.status == "applied").map(|s| s.name.as_str()).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let message = format!("run {} applied schema steps as well, which its change log cannot undo: {}", past.id, steps.join(", "));
    Err(Stop::database(message, "restore a backup of before the run"))
}

/// Plans, and says so.
fn plan(request: &Rollback<'_>, store: &mut Store, outcome: &mut Outcome, past: &PastRun) -> Result<undo::Plan> {
    request.progress.phase("looking whether anybody touched the rows since", 0);
    let mut plan = undo::plan(store, past.id, !request.dry)?;
    let will = if request.dry { "would be" } else { "is" };
    let words = format!("run {} {will} undone by its change log: {}", past.id, plan.words());
    (request.say)(&words);
    outcome.findings.push(Finding::new(Severity::Info, Subject::Check, "by-change-log", words, ""));
    outcome.findings.append(&mut plan.findings);
    outcome.unlisted.append(&mut plan.unlisted);
    Ok(plan)
}

fn in_one_transaction(request: &Rollback<'_>, store: &mut Store, outcome: &mut Outcome, past: &PastRun) -> Result<()> {
    store.begin()?;
    let result = undo_and_record(request, store, outcome, past);
    if result.is_err() || outcome.run.status == RunStatus::Failed {
        store.rollback();
    }
    result
}

fn undo_and_record(request: &Rollback<'_>, store: &mut Store, outcome: &mut Outcome, past: &PastRun) -> Result<()> {
    let plan = plan(request, store, outcome, past)?;
    outcome.judge();
    if outcome.run.status == RunStatus::Failed {
        return Ok(());
    }
    request.progress.phase("undoing", 0);
    let undone = undo::rows(store, plan, outcome.run.id.unwrap_or_default(), &|| go_on(request))?;
    outcome.tables = undone.tables;
    outcome.findings.extend(undone.findings);
    outcome.judge();
    go_on(request)?;
    if outcome.run.status == RunStatus::Failed {
        return Ok(());
    }
    // Taking an empty table away is a change, too.
    outcome.run.status = RunStatus::Committed;
    outcome.run.finished_at = now();
    record(outcome, store)?;
    store.commit()
}
