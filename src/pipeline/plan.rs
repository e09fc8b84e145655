//! Plans: what a rehearsal on a copy showed, and the hashes under which it holds. A run that applies one is held to them.

use super::around::{Guard, planned};
use super::sources::nothing_written;
use super::{Command, Request};
use crate::discover::SourceFile;
use crate::error::{Result, Stop, io_words};
use crate::migrate::Step;
use crate::report::{Outcome, RunStatus, now, put_in_place};
use crate::store::{Fingerprint, Scope, Store, Target};
use serde::{Deserialize, Serialize};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A plan, as it stands in its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The version of tieout that made it.
    pub tieout: String,
    /// When, UTC.
    pub made_at: String,
    /// The job's name.
    pub job: String,
    /// SHA-256 of the job file.
    pub job_sha256: String,
    /// The digest of what the database held in the user's tables.
    pub database_sha256: String,
    /// The source files: path and SHA-256.
    pub files: Vec<(String, String)>,
    /// The schema steps: name and SHA-256.
    pub steps: Vec<(String, String)>,
    /// What the rehearsal came to.
    pub outcome: Outcome,
}

impl Plan {
    /// Of a rehearsal.
    pub(super) fn of(request: &Request<'_>, files: &[SourceFile], steps: &[Step], database_sha256: String, outcome: &Outcome) -> Plan {
        Plan {
            tieout: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: now(),
            job: request.job.name.clone(),
            job_sha256: request.job.sha256.clone(),
            database_sha256,
            files: hashes(files),
            steps: steps.iter().map(|s| (s.name.clone(), s.sha256.clone())).collect(),
            outcome: outcome.clone(),
        }
    }

    /// Reads a plan file.
    pub fn read(path: &Path) -> Result<Plan> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Stop::usage(format!("cannot read the plan {shown}: {}", io_words(&e)), "`tieout plan JOB` writes one"))?;
        serde_json::from_str(&text).map_err(|e| Stop::usage(format!("{shown} is no plan: {e}"), "`tieout plan JOB` writes one"))
    }

    /// Writes the plan, readable by its owner alone: it shows rows of the database.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let cannot =
            |e: std::io::Error| Stop::usage(format!("cannot write the plan {}: {}", path.display(), io_words(&e)), "say --out FILE");
        put_in_place(path, &text).and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o600))).map_err(cannot)
    }

    /// What is not any more as it was when the plan was made, each in a sentence.
    pub(super) fn outdated(&self, request: &Request<'_>, files: &[SourceFile], steps: &[Step], database_sha256: &str) -> Vec<String> {
        let mut said = Vec::new();
        if self.job != request.job.name {
            said.push(format!("it is a plan of the job {}", self.job));
        } else if self.job_sha256 != request.job.sha256 {
            said.push("the job file was changed".to_owned());
        }
        let steps: Vec<(String, String)> = steps.iter().map(|s| (s.name.clone(), s.sha256.clone())).collect();
        said.extend(changed("the file", &self.files, &hashes(files)));
        said.extend(changed("the step", &self.steps, &steps));
        if self.database_sha256 != database_sha256 {
            said.push("the database holds something else".to_owned());
        }
        said
    }
}

fn hashes(files: &[SourceFile]) -> Vec<(String, String)> {
    files.iter().map(|f| (f.path.clone(), f.sha256.clone())).collect()
}

fn changed(what: &str, before: &[(String, String)], now: &[(String, String)]) -> Vec<String> {
    let missing = |of: &[(String, String)], name: &str| of.iter().all(|(n, _)| n != name);
    let gone = before.iter().filter(|(name, _)| missing(now, name)).map(|(name, _)| format!("{what} {name} is gone"));
    let new = now.iter().filter(|(name, _)| missing(before, name)).map(|(name, _)| format!("{what} {name} is new"));
    let other = now
        .iter()
        .filter(|(name, hash)| before.iter().any(|(n, h)| n == name && h != hash))
        .map(|(name, _)| format!("{what} {name} was changed"));
    gone.chain(new).chain(other).collect()
}

/// What a run would do, found on a copy of the database; and the plan, where it would go through. Nothing is written but that.
pub fn make_plan(request: &Request<'_>) -> (Outcome, Option<Plan>) {
    let mut outcome = super::begun(request, Command::Plan.word());
    let plan = match of_run(request, &mut outcome) {
        Ok(plan) => plan,
        Err(stop) => {
            outcome.stop(&request.check_interrupt().err().unwrap_or(stop));
            None
        }
    };
    match &plan {
        Some(_) => outcome.run.status = RunStatus::Planned,
        None => nothing_written(&mut outcome),
    }
    // What the copy was sealed with is gone with it.
    (outcome.run.id, outcome.run.previous, outcome.run.digest) = (None, None, None);
    outcome.run.finished_at = now();
    request.progress.done();
    (outcome, plan)
}

/// Plans a run: everything but the database itself is the real thing.
fn of_run(request: &Request<'_>, outcome: &mut Outcome) -> Result<Option<Plan>> {
    let (files, findings) = super::look_for_files(request)?;
    outcome.findings.extend(findings);
    if let Target::Sqlite(path) = &request.target
        && !path.exists()
    {
        // A database that is not there yet is an empty one.
        let cannot = |e: std::io::Error| Stop::database(format!("a copy cannot be made: {}", io_words(&e)), "make room on the disk");
        let dir = tempfile::tempdir().map_err(cannot)?;
        let target = Target::Sqlite(dir.path().join("empty.db"));
        let (mut store, _lock) = Store::open(&target, "plan")?;
        let guard = Guard { copies: dir.path().to_owned(), ..Guard::default() };
        let (job, command, root, report) = (request.job, request.command.clone(), request.root.clone(), None);
        let (interrupted, progress) = (request.interrupted, request.progress);
        let request = Request { job, command, target, root, report, form: request.form.clone(), interrupted, progress, guard };
        return on_copy(&request, outcome, &mut store, &files);
    }
    let mut store = Store::read(&request.target)?;
    if !super::ready(request, outcome, &mut store) {
        outcome.judge();
        return Ok(None);
    }
    on_copy(request, outcome, &mut store, &files)
}

fn on_copy(request: &Request<'_>, outcome: &mut Outcome, store: &mut Store, files: &[SourceFile]) -> Result<Option<Plan>> {
    outcome.run.id = Some(store.next_run_id()?);
    let mut plan = None;
    super::read_and_load(request, outcome, store, files, |request, archive, _, outcome, steps| {
        plan = planned(request, archive, outcome, steps)?;
        Ok(())
    })?;
    Ok(plan)
}

/// The digest of what the user's tables hold, the same before and after a dump.
pub(super) fn digest_of(store: &mut Store) -> Result<String> {
    let fingerprint = store.fingerprint(Scope::Users)?;
    Ok(Fingerprint { positions: std::collections::BTreeMap::new(), ..fingerprint.respelled() }.digest())
}
