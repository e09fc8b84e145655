//! What stands around the transaction of a run: the backup and the rehearsal before it, another look behind it.

use super::plan::{Plan, digest_of};
use super::rehearse::{DOWNTIME, rehearse};
use super::transaction::{End, transact};
use super::{Request, checks, record_again, schema};
use crate::assemble::{Archive, calculations};
use crate::backup::{self, Backup, Occasion, Scratch, Verified, Wanted};
use crate::error::Result;
use crate::evidence::{Check, Finding, Severity, Subject};
use crate::job::BackupWhen;
use crate::migrate::{self, Step};
use crate::report::{BackupOutcome, Outcome, PageRows, RunStatus};
use crate::store::{Store, Target};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the user says about safety.
#[derive(Debug, Default)]
pub struct Guard {
    /// The folder of backups, and of copies while they are needed.
    pub copies: PathBuf,
    /// No backup is taken, whatever the job says.
    pub no_backup: bool,
    /// Everything is read and checked again, though nothing has moved since the last run.
    pub reread: bool,
    /// The plan that is applied.
    pub plan: Option<Plan>,
    /// An empty PostgreSQL database to restore copies into.
    pub scratch: Option<Target>,
}

/// Runs the transaction with everything around it.
pub(super) fn guarded(
    request: &Request<'_>,
    archive: Archive<'_>,
    store: &mut Store,
    outcome: &mut Outcome,
    steps: &[Step],
    whole: bool,
) -> Result<()> {
    let stop = || request.interrupted();
    let around = Around { request, archive, steps, stop: &stop };
    let mut unguarded = false;
    if whole {
        match around.before(store, outcome)? {
            Ready::No => return Ok(()),
            Ready::Yes => {}
            Ready::WithoutBackup => unguarded = true,
        }
    }
    let clean = unguarded.then(|| outcome.clone());
    let mut end = transact(request, archive, store, outcome, steps, unguarded)?;
    if let (End::Unguarded, Some(clean)) = (end, clean) {
        *outcome = clean;
        outcome.backup = Some(around.back_up(outcome)?);
        end = transact(request, archive, store, outcome, steps, false)?;
    }
    if end == End::Committed && whole && outcome.run.status == RunStatus::Committed {
        store.forget_pages()?;
        around.look_again(store, outcome);
        record_again(outcome, store);
    }
    Ok(())
}

/// A rehearsal for its own sake: what a run would do. Gives the plan where it went through.
pub(super) fn planned(request: &Request<'_>, archive: Archive<'_>, outcome: &mut Outcome, steps: &[Step]) -> Result<Option<Plan>> {
    let stop = || request.interrupted();
    let around = Around { request, archive, steps, stop: &stop };
    let dir = around.dir().to_owned();
    let made = !dir.exists();
    let rehearsed = around.rehearsed_on_copy(outcome);
    if made {
        let _ = std::fs::remove_dir(&dir); // Only if nobody put anything there meanwhile.
    }
    let digest = rehearsed?;
    Ok(digest.map(|digest| Plan::of(request, archive.files, steps, digest, outcome)))
}

/// Whether the transaction may begin.
enum Ready {
    Yes,
    /// But it must not write.
    WithoutBackup,
    No,
}

/// What the second look found.
struct Again {
    /// How many checks were asked.
    asked: usize,
    /// The first that says otherwise than before.
    different: Option<String>,
    /// The digest of what the user's tables hold, where it is needed.
    state_sha256: Option<String>,
}

struct Around<'a> {
    request: &'a Request<'a>,
    archive: Archive<'a>,
    steps: &'a [Step],
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl Around<'_> {
    fn before(&self, store: &mut Store, outcome: &mut Outcome) -> Result<Ready> {
        if let Some(plan) = &self.request.guard.plan {
            let outdated = plan.outdated(self.request, self.archive.files, self.steps, &digest_of(store)?);
            if !outdated.is_empty() {
                let message = format!("the plan does not hold any more: {}", outdated.join("; "));
                let hint = "make it anew: `tieout plan JOB`";
                outcome.findings.push(Finding::new(Severity::Error, Subject::Check, "plan-outdated", message, hint));
                outcome.judge();
                return Ok(Ready::No);
            }
            outcome.rehearsal.clone_from(&plan.outcome.rehearsal);
        }
        if !store.holds_rows()? {
            return Ok(Ready::Yes); // There is nothing that could be lost.
        }
        let pending = schema::pending(self.request, store, self.steps)?;
        let wants = match self.request.job.backup.when {
            _ if self.request.guard.no_backup => false,
            BackupWhen::Always => true,
            BackupWhen::Schema => pending,
            BackupWhen::Never => false,
        };
        let same = outcome.sources.iter().all(|s| ["unchanged", "superseded", "excluded"].contains(&s.status.as_str()));
        if !pending && same {
            return Ok(if wants { Ready::WithoutBackup } else { Ready::Yes });
        }
        let rehearse = pending && self.request.guard.plan.is_none();
        let scratch = match (wants, rehearse) {
            (false, false) => return Ok(Ready::Yes),
            (true, false) => {
                outcome.backup = Some(self.back_up(outcome)?);
                return Ok(Ready::Yes);
            }
            (true, true) => {
                self.request.progress.phase("taking a backup", 0);
                let (backup, scratch) = backup::take_and_keep(&self.wanted(outcome))?;
                outcome.backup = Some(said(outcome, &backup));
                scratch
            }
            (false, true) => self.copy()?,
        };
        Ok(if self.rehearsed(&scratch, outcome)? { Ready::Yes } else { Ready::No })
    }

    fn dir(&self) -> &'_ Path {
        &self.request.guard.copies
    }

    fn wanted(&self, outcome: &Outcome) -> Wanted<'_> {
        Wanted {
            target: &self.request.target,
            dir: self.dir(),
            job: Some(&self.request.job.name),
            occasion: Occasion::Run { number: outcome.run.id.unwrap_or_default(), keep: self.request.job.backup.keep },
            scratch: self.request.guard.scratch.as_ref(),
            stop: self.stop,
        }
    }

    fn copy(&self) -> Result<Scratch> {
        self.request.progress.phase("copying the database", 0);
        backup::copy_of(&self.request.target, self.dir(), self.request.guard.scratch.as_ref(), self.stop)
    }

    fn back_up(&self, outcome: &mut Outcome) -> Result<BackupOutcome> {
        self.request.progress.phase("taking a backup", 0);
        let backup = backup::take(&self.wanted(outcome))?;
        Ok(said(outcome, &backup))
    }

    /// Rehearses on the copy; whether it went through.
    fn rehearsed(&self, scratch: &Scratch, outcome: &mut Outcome) -> Result<bool> {
        let mut rehearsed = outcome.clone();
        let found = rehearse(self.request, self.archive, &scratch.target, self.dir(), &mut rehearsed, self.steps)?;
        let holds = rehearsed.run.status != RunStatus::Failed;
        if let (Some(rehearsal), true) = (&found, holds) {
            outcome.rehearsal = Some(rehearsal.clone());
            outcome.checks.extend(rehearsed.checks.into_iter().filter(|c| c.name == DOWNTIME));
            return Ok(true);
        }
        let message = "all of this was found on a copy of the database; nothing was done to it";
        *outcome = rehearsed;
        outcome.rehearsal = found;
        outcome.findings.push(Finding::new(Severity::Info, Subject::Check, "rehearsal", message, ""));
        Ok(false)
    }

    /// Copies the database, and rehearses there; gives the digest of what it held.
    fn rehearsed_on_copy(&self, outcome: &mut Outcome) -> Result<Option<String>> {
        let scratch = self.copy()?;
        let digest = digest_of(&mut Store::read(&self.request.target)?)?;
        outcome.rehearsal = rehearse(self.request, self.archive, &scratch.target, self.dir(), outcome, self.steps)?;
        Ok((outcome.run.status != RunStatus::Failed).then_some(digest))
    }

    /// Asks every declared check once more, when all is committed, over a connection of its own; over `store` the report's rows are
    /// read meanwhile.
    fn look_again(&self, store: &mut Store, outcome: &mut Outcome) {
        self.request.progress.phase("looking again", 0);
        let seen: &Outcome = outcome;
        let (again, rows) = std::thread::scope(|scope| {
            let again = scope.spawn(|| self.again(seen));
            // What cannot be read now is read, and said, when the report is written.
            let rows = PageRows::read(store, seen).ok();
            (again.join().unwrap_or_else(|why| std::panic::resume_unwind(why)), rows)
        });
        outcome.page_rows = rows;
        match again {
            Ok(Again { asked, different, state_sha256 }) => {
                (outcome.looked_again, outcome.state_sha256) = (Some(asked), state_sha256);
                let Some(different) = different else { return };
                let message = format!("after the commit, over a new connection, the database says otherwise: {different}");
                let hint = "somebody wrote at the same moment, or the disk is failing; `tieout reconcile` shows where it stands";
                outcome.findings.push(Finding::new(Severity::Error, Subject::Database, "differs-after-commit", message, hint));
                outcome.exit_code = Subject::Database.exit_code();
                outcome.recount();
            }
            Err(stop) => {
                let message = format!("what was committed could not be looked at again: {}", stop.message);
                outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "not-looked-again", message, stop.hint));
                outcome.recount();
            }
        }
    }

    fn again(&self, outcome: &Outcome) -> Result<Again> {
        let mut store = Store::read(&self.request.target)?;
        store.begin_snapshot()?;
        let (calculations, _) = calculations(self.archive);
        let asked = checks::declared(self.request.job, &mut store, &calculations, outcome.run.id.unwrap_or_default())
            .and_then(|checks| Ok((checks, migrate::verify(&mut store, self.steps)?)));
        store.rollback();
        let (declared, verified) = asked?;
        let figures = |c: &Check| (c.expected.clone(), c.actual.clone(), c.difference.clone());
        let before: BTreeMap<(&str, &str), _> = outcome.checks.iter().map(|c| ((c.name.as_str(), c.group.as_str()), figures(c))).collect();
        let again: Vec<&Check> = declared.iter().chain(&verified).collect();
        let other = again.iter().find(|c| before.get(&(c.name.as_str(), c.group.as_str())) != Some(&figures(c)));
        let different = other.map(|c| format!("{} {}: {}", c.name, c.group, c.actual.as_deref().unwrap_or("nothing")));
        // Where only the backup leads back, it must be known whether anybody wrote since.
        let by_backup = outcome.rehearsal.as_ref().is_some_and(|r| !r.way_back.lossless) && outcome.backup.is_some();
        let state_sha256 = if by_backup { Some(digest_of(&mut store)?) } else { None };
        Ok(Again { asked: again.len(), different, state_sha256 })
    }
}

/// The backup as the report says it; what could not be tidied up is a warning.
fn said(outcome: &mut Outcome, backup: &Verified<Backup>) -> BackupOutcome {
    for left in &backup.not_removed {
        let message = format!("an old backup cannot be removed: {left}");
        outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "old-backup", message, "remove it by hand"));
    }
    BackupOutcome {
        path: backup.path.display().to_string(),
        sha256: backup.record.sha256.clone(),
        size: backup.record.size,
        rows: backup.record.rows,
        verified: true,
    }
}
