//! A run from end to end: discover → parse → assemble → load → reconcile → verify → report, with the schema steps, in one
//! transaction that commits only if everything ties out.

mod again;
mod around;
mod by_backup;
mod cache;
mod checks;
mod hooks;
mod inside;
mod migrate;
mod migrate_back;
mod past;
mod patience;
mod plan;
mod record;
mod rehearse;
mod rollback;
mod schema;
mod sources;
mod still;
mod transaction;

pub use again::compare_again;
pub use rollback::{Rollback, roll_back};

use crate::assemble::Archive;
use crate::discover::{SourceFile, discover};
use crate::error::{Result, Stop};
use crate::evidence::{Finding, Severity, Subject};
use crate::job::Job;
use crate::migrate::{Step, read_steps};
use crate::parse;
use crate::preflight::{self, Intent};
use crate::quarantine;
use crate::report::{self, Form, Outcome, RunStatus, now};
use crate::store::{Lock, Store, Target};
pub use around::Guard;
pub use migrate::Way;
pub use plan::{Plan, make_plan};
use record::{record, record_again, record_failure, record_files};
pub use sources::root;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// What to run.
pub struct Request<'a> {
    /// The job.
    pub job: &'a Job,
    /// Which command.
    pub command: Command,
    /// The database.
    pub target: Target,
    /// Where the source files are.
    pub root: PathBuf,
    /// The report's folder, when the user named one.
    pub report: Option<PathBuf>,
    /// What is written of it.
    pub form: Form,
    /// Set when the user asks to stop.
    pub interrupted: &'a AtomicBool,
    /// Told how far the run is.
    pub progress: &'a dyn Progress,
    /// What the user says about safety.
    pub guard: Guard,
}

/// Which command a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Schema steps and data.
    Run,
    /// Data alone.
    Import,
    /// Of the data, the lines that a run put into quarantine.
    Replay(i64),
    /// Nothing is written to user tables: files, figures and database are only compared.
    Reconcile,
    /// What a run would do, on a copy of the database.
    Plan,
    /// The schema steps alone.
    Migrate(Way),
    /// What an earlier run wrote is undone.
    Rollback,
}

impl Command {
    /// As it is written.
    pub fn word(&self) -> &'static str {
        match self {
            Command::Run => "run",
            Command::Import => "import",
            Command::Replay(_) => "replay",
            Command::Reconcile => "reconcile",
            Command::Plan => "plan",
            Command::Migrate(way) => way.word(),
            Command::Rollback => "rollback",
        }
    }
}

/// Told how far a run is.
pub trait Progress: Sync {
    /// A new phase with so many parts; 0 when unknown.
    fn phase(&self, name: &str, parts: usize);
    /// A new phase that goes through so many bytes.
    fn bytes(&self, name: &str, bytes: u64);
    /// So many parts, or bytes, are done.
    fn done_of(&self, parts: u64);
    /// The run is over.
    fn done(&self);
}

impl parse::Watch for Request<'_> {
    fn file(&self, bytes: u64) {
        self.progress.done_of(bytes);
    }

    fn go_on(&self) -> Result<()> {
        self.check_interrupt()
    }
}

impl Request<'_> {
    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// A text without the passwords that the run knows.
    fn redact(&self, text: &str) -> String {
        let text = self.target.redact(text);
        self.job.caches.iter().fold(text, |text, cache| crate::cache::redact(cache, &text))
    }

    fn check_interrupt(&self) -> Result<()> {
        if self.interrupted() { Err(Stop::interrupted()) } else { Ok(()) }
    }
}

/// Runs. Whatever happens is in the outcome.
pub fn execute(request: &Request<'_>) -> Outcome {
    let mut outcome = begun(request, request.command.word());
    outcome.account.parameters = sources::parameters(request);
    if let Err(stop) = attempt(request, &mut outcome) {
        outcome.stop(&stop);
        outcome.run.finished_at = now();
        // Whoever holds the lock tells its own hooks what it does.
        if stop.subject != Subject::Lock {
            hooks::after(request, &mut outcome, None, None);
        }
    }
    request.progress.done();
    outcome
}

fn begun(request: &Request<'_>, command: &str) -> Outcome {
    let mut outcome = Outcome::begin(request.job.name.clone(), command);
    outcome.run.database = request.target.to_string();
    outcome.run.root = request.root.display().to_string();
    outcome.run.job_sha256.clone_from(&request.job.sha256);
    outcome.run.currency.clone_from(&request.job.currency);
    outcome
}

fn attempt(request: &Request<'_>, outcome: &mut Outcome) -> Result<()> {
    let job = request.job;
    // A hook before the run may fetch the files; without one, a wrong folder is said before a database is made.
    let early = if hooks::any_before(request) { None } else { Some(look_for_files(request)?) };
    let (mut store, _lock): (Store, Lock) = Store::open(&request.target, &format!("{} {}", request.command.word(), job.name))?;
    // Before anything else: where the run's own tables cannot be read, that is only one of the things to say.
    let ready = ready(request, outcome, &mut store);
    if ready {
        store.upgrade_own_tables()?;
    }
    let id = store.next_run_id()?;
    outcome.run.id = Some(id);
    let last = past::look_up(outcome, &mut store).filter(|last| last.run.state.is_some());
    let folder = report::claim_folder(request.report.as_deref(), &job.name, id)?;
    outcome.report = Some(report::report_file(&folder).display().to_string());
    let result = if ready && hooks::before(request, outcome) {
        match &request.command {
            Command::Migrate(way) => migrate::move_schema(request, outcome, &mut store, way),
            command => {
                let found = early.map_or_else(|| look_for_files(request), Ok);
                found.and_then(|(files, findings)| {
                    let steps = steps(request, &store)?;
                    if still::stands(request, outcome, &mut store, &files, &steps, last)? {
                        return Ok(());
                    }
                    past::look_up_counted(outcome, &mut store);
                    outcome.findings.extend(findings);
                    match command {
                        Command::Replay(run) => replay(request, outcome, &mut store, &files, *run),
                        _ => read_and_load(request, outcome, &mut store, &files, run),
                    }
                })
            }
        }
    } else {
        outcome.judge();
        request.check_interrupt()
    };
    // Whatever stopped an interrupted run, it was the interruption.
    let result = result.map_err(|stop| request.check_interrupt().err().unwrap_or(stop));
    if let Err(stop) = &result {
        outcome.stop(stop);
    }
    if outcome.run.status == RunStatus::Failed {
        // What a commit that failed had sealed is gone.
        (outcome.run.previous, outcome.run.digest) = (None, None);
        sources::nothing_written(outcome);
        record_failure(outcome, &mut store);
    }
    let rows = outcome.page_rows.take();
    if let Err(stop) = report::write(&folder, outcome, Some(&mut store), rows, &request.form) {
        outcome.report = None;
        outcome.findings.push(Finding { severity: Severity::Warning, ..stop.finding() });
    }
    hooks::after(request, outcome, Some(&folder), Some(&mut store));
    Ok(())
}

/// Asks what stands around the run. Whether it may begin.
fn ready(request: &Request<'_>, outcome: &mut Outcome, store: &mut Store) -> bool {
    request.progress.phase("preflight", 0);
    let job = request.job;
    let steps = match (&job.migrations, &request.command) {
        (_, Command::Migrate(_)) => Some(true),
        (Some(dir), Command::Run | Command::Plan) => read_steps(dir, store.backend())
            .and_then(|steps| Ok((steps, store.recorded_steps(&job.name)?)))
            .map(|(steps, recorded)| steps.iter().any(|s| recorded.iter().all(|r| r.name != s.name)))
            .ok(),
        _ => Some(false),
    };
    let intent = Intent { target: &request.target, job, writes: request.command != Command::Reconcile, steps };
    let asked = preflight::ask(store, &intent);
    outcome.preflight = asked.items;
    let ready = asked.findings.iter().all(|f| f.severity != Severity::Error);
    outcome.findings.extend(asked.findings);
    ready
}

/// The schema steps that the run is to see to.
fn steps(request: &Request<'_>, store: &Store) -> Result<Vec<Step>> {
    match (&request.job.migrations, &request.command) {
        (Some(dir), Command::Run | Command::Plan) => read_steps(dir, store.backend()),
        _ => Ok(Vec::new()),
    }
}

fn look_for_files(request: &Request<'_>) -> Result<(Vec<SourceFile>, Vec<Finding>)> {
    if let Command::Migrate(_) = request.command {
        return Ok((Vec::new(), Vec::new()));
    }
    request.progress.phase("looking for files", 0);
    discover(request.job, &request.root)
}

/// Loads the lines that a run put into quarantine, where no other line of the files says something else of their rows.
fn replay(request: &Request<'_>, outcome: &mut Outcome, store: &mut Store, files: &[SourceFile], of: i64) -> Result<()> {
    let lines = store.quarantined(&request.job.name, of)?;
    let mended = quarantine::mended(request.job, files, of, lines)?;
    read_and_load(request, outcome, store, &mended, |request, archive, store, outcome, steps| {
        let read = parse::parse(request.job, files, request)?;
        outcome.findings.extend(quarantine::contradicted(archive, Archive { files, read: &read, ..archive })?);
        run(request, archive, store, outcome, steps)
    })
}

/// The transaction, when all files are read and sound.
fn run(request: &Request<'_>, archive: Archive<'_>, store: &mut Store, outcome: &mut Outcome, steps: &[Step]) -> Result<()> {
    match request.command {
        Command::Reconcile => compare(request, archive, store, outcome),
        _ => around::guarded(request, archive, store, outcome, steps, request.command == Command::Run),
    }
}

/// Reads the files; when they are sound, what is to be done with them is `go_on`'s.
fn read_and_load(
    request: &Request<'_>,
    outcome: &mut Outcome,
    store: &mut Store,
    files: &[SourceFile],
    go_on: impl FnOnce(&Request<'_>, Archive<'_>, &mut Store, &mut Outcome, &[Step]) -> Result<()>,
) -> Result<()> {
    let job = request.job;
    let before = store.files_of_last_run(&job.name)?;
    request.progress.bytes("reading files", files.iter().map(|f| f.size).sum());
    let mut read = parse::parse(job, files, request)?;
    let (checks, rests) = quarantine::settle(job, files, &mut read)?;
    outcome.checks.extend(checks);
    outcome.findings.extend(parse::findings(files, &read));
    for parsed in read.iter().flatten().map(|r| &r.parsed) {
        for ((severity, code), more) in &parsed.more {
            *outcome.unlisted.entry((*severity, (*code).to_owned())).or_default() += more;
        }
    }
    let archive = Archive { job, files, read: &read };
    outcome.sources = sources::outcomes(archive, &before);
    sources::mark_quarantined(outcome, archive, rests);
    let steps = steps(request, store)?;
    if parse::blocked(&outcome.findings) {
        inside::without_database(archive, store, outcome)?;
        parse::quote(job, files, &read, &mut outcome.findings);
        outcome.judge();
        return Ok(());
    }
    go_on(request, archive, store, outcome, &steps)
}

/// Compares files and database in one snapshot, which is given up before anything is recorded: whoever works on the database
/// meanwhile is not kept waiting.
fn compare(request: &Request<'_>, archive: Archive<'_>, store: &mut Store, outcome: &mut Outcome) -> Result<()> {
    store.begin()?;
    store.ensure_own_tables().and_then(|()| store.commit()).inspect_err(|_| store.rollback())?;
    store.begin_snapshot()?;
    let result = inside::load_and_check(request, archive, store, outcome, &[]);
    store.rollback();
    result?;
    parse::quote(request.job, archive.files, archive.read, &mut outcome.findings);
    outcome.judge();
    request.check_interrupt()?;
    if outcome.run.status == RunStatus::Failed {
        return Ok(()); // It is recorded like every failed run.
    }
    outcome.run.finished_at = now();
    store.begin()?;
    let recorded = record_files(outcome, store).and_then(|_| record(outcome, store)).and_then(|()| store.commit());
    recorded.inspect_err(|_| store.rollback())
}
