//! Rolling a run back: which one, what is said beforehand, the one transaction, and its record, which is a run like any other.

use super::plan::digest_of;
use super::schema::KeysOff;
use super::{Command, Guard, Progress, Request, by_backup, hooks, migrate_back, record, record_failure};
use crate::backup::record_of;
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity, Subject};
use crate::job::Job;
use crate::report::{self, Form, Outcome, RunStatus, now};
use crate::store::{Fingerprint, Lock, PastRun, Scope, Store, Target};
use crate::undo;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What to roll back.
pub struct Rollback<'a> {
    /// The job, where its file was read: only then its hooks run, and only its runs are meant.
    pub job: Option<&'a Job>,
    /// The run; the latest that wrote something and was not undone, when none is named.
    pub run: Option<i64>,
    /// Whether it is only said what would be done.
    pub dry: bool,
    /// Whether the backup may be restored though what was written since is lost then.
    pub by_backup: bool,
    /// An empty PostgreSQL database to try the backup in.
    pub scratch: Option<Target>,
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
    let (mut store, lock) = open(&request.target)?;
    let past = choose(request, &mut store)?;
    let way = way(request, &mut store, &past)?;
    if let Way::Backup(file) = way {
        return by_backup::roll_back(request, store, lock, &past, &file);
    }
    let _lock = lock;
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
    if let Err(stop) = report::write(&folder, &outcome, Some(&mut store), None, &Form::default()) {
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
        guard: Guard::default(),
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

/// How a run is taken back.
enum Way {
    /// By the change log, and the way back of its schema steps.
    Undo,
    /// By the backup that was taken before it.
    Backup(String),
}

/// Which way leads back: the change log and rehearsed steps, where they lose nothing; else the backup, as long as nobody wrote
/// since, or because the user wants it.
fn way(request: &Rollback<'_>, store: &mut Store, past: &PastRun) -> Result<Way> {
    let unreadable = |e: serde_json::Error| Stop::database(format!("the report of run {} cannot be read: {e}", past.id), "");
    let report: Outcome = serde_json::from_str(&past.report).map_err(unreadable)?;
    let applied = report.migrations.iter().any(|s| s.status == "applied");
    let losses = report.rehearsal.as_ref().filter(|r| !r.way_back.lossless).map(|r| r.way_back.losses.join("; "));
    let back = match (applied, losses) {
        (false, _) => Ok(()),
        (true, Some(losses)) => Err(Stop::database(format!("its schema steps have no way back that loses nothing: {losses}"), "")),
        (true, None) => migrate_back::steps_of(store, &past.job, past.id).map(drop),
    };
    let Some(backup) = report.backup.map(|b| b.path) else {
        return match (back, request.by_backup) {
            (Ok(()), false) => Ok(Way::Undo),
            (_, true) => Err(Stop::usage(format!("no backup was taken before run {}", past.id), "roll it back without --by-backup")),
            (Err(stop), false) => Err(Stop { message: format!("run {} cannot be rolled back: {}", past.id, stop.message), ..stop }),
        };
    };
    match back {
        Ok(()) if !request.by_backup => Ok(Way::Undo),
        Err(stop) if !request.by_backup => {
            let same = match &report.state_sha256 {
                Some(then) => *then == digest_of(store)?,
                None => false,
            };
            if same {
                return Ok(Way::Backup(backup));
            }
            let lost = lost(store, &backup)?;
            let message = format!("{}; and somebody wrote since, which restoring the backup {backup} would lose: {lost}", stop.message);
            Err(Stop::new(Subject::Check, message, "say --by-backup if that may be lost; what is there now is backed up first"))
        }
        _ => Ok(Way::Backup(backup)),
    }
}

/// What the tables hold now, against a backup, in a sentence.
fn lost(store: &mut Store, backup: &str) -> Result<String> {
    let now = store.fingerprint(Scope::Users)?;
    let held = record_of(Path::new(backup))?.map(|record| record.tables).unwrap_or_default();
    let held = held.into_iter().filter(|(table, _)| !table.starts_with("tieout_")).collect();
    let differences = Fingerprint { tables: held, ..Fingerprint::default() }.differing_contents(&now);
    Ok(if differences.is_empty() { "changes of the schema".into() } else { differences.join("; ") })
}

/// Plans, and says so.
fn plan(request: &Rollback<'_>, store: &mut Store, outcome: &mut Outcome, past: &PastRun) -> Result<undo::Plan> {
    request.progress.phase("looking whether anybody touched the rows since", 0);
    let mut plan = undo::plan(store, past.id, !request.dry)?;
    let will = if request.dry { "would be" } else { "is" };
    let steps = migrate_back::steps_of(store, &past.job, past.id)?;
    let steps: Vec<&str> = steps.iter().map(|(row, _)| row.name.as_str()).collect();
    let steps = if steps.is_empty() { String::new() } else { format!("; then its schema steps are taken back: {}", steps.join(", ")) };
    let words = format!("run {} {will} undone by its change log: {}{steps}", past.id, plan.words());
    (request.say)(&words);
    outcome.findings.push(Finding::new(Severity::Info, Subject::Check, "by-change-log", words, ""));
    outcome.findings.append(&mut plan.findings);
    outcome.unlisted.append(&mut plan.unlisted);
    Ok(plan)
}

fn in_one_transaction(request: &Rollback<'_>, store: &mut Store, outcome: &mut Outcome, past: &PastRun) -> Result<()> {
    let steps = migrate_back::steps_of(store, &past.job, past.id)?;
    let keys = KeysOff::before(store, steps.iter().filter_map(|(_, down)| down.as_ref()))?;
    store.begin()?;
    let result = undo_and_record(request, store, outcome, past, &keys);
    if result.is_err() || outcome.run.status == RunStatus::Failed {
        store.rollback();
    }
    keys.after(store)?;
    result
}

fn undo_and_record(request: &Rollback<'_>, store: &mut Store, outcome: &mut Outcome, past: &PastRun, keys: &KeysOff) -> Result<()> {
    let plan = plan(request, store, outcome, past)?;
    outcome.judge();
    if outcome.run.status == RunStatus::Failed {
        return Ok(());
    }
    request.progress.phase("undoing", 0);
    let steps = migrate_back::steps_of(store, &past.job, past.id)?;
    let back = migrate_back::within(store, plan, &past.job, &steps, outcome.run.id.unwrap_or_default(), keys, &|| go_on(request))?;
    outcome.tables = back.tables;
    outcome.findings.extend(back.findings);
    outcome.findings.extend(back.moved.findings);
    outcome.checks.extend(back.moved.checks);
    outcome.migrations = back.moved.steps;
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
