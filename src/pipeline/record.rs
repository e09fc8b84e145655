//! What is recorded of a run in our own tables: with it when it commits, behind it when it fails.

use crate::error::Result;
use crate::evidence::{Finding, Severity, Subject};
use crate::report::{Outcome, now};
use crate::store::{FileRecord, RunRecord, Store};

/// Records run, checks and findings, and seals the run. The files are recorded where rows refer to them, before the load.
pub(super) fn record(outcome: &mut Outcome, store: &mut Store) -> Result<()> {
    let run = &outcome.run;
    let id = run.id.unwrap_or_default();
    store.record_evidence(id, &outcome.checks, &outcome.findings)?;
    store.record_alike(id, &outcome.alike)?;
    let report = serde_json::to_string(outcome).unwrap_or_default();
    store.record_run(&RunRecord {
        id,
        job: &run.job,
        job_sha256: &run.job_sha256,
        command: &run.command,
        status: run.status.word(),
        exit_code: outcome.exit_code,
        started_at: &run.started_at,
        finished_at: &run.finished_at,
        database: &run.database,
        who: &run.who,
        report: &report,
    })?;
    // It is large, and the seal is made of what the database has.
    drop(report);
    let link = store.seal(id)?;
    (outcome.run.previous, outcome.run.digest) = (Some(link.previous), Some(link.digest));
    Ok(())
}

/// A failed run is recorded in a short transaction of its own, after the rollback; that it could not be is a warning.
pub(super) fn record_failure(outcome: &mut Outcome, store: &mut Store) {
    outcome.run.finished_at = now();
    outcome.compare();
    let result = store.begin().and_then(|()| {
        store.ensure_own_tables()?;
        record_files(outcome, store)?;
        record(outcome, store)?;
        store.commit()
    });
    if let Err(stop) = result {
        store.rollback();
        let message = format!("the failed run could not be recorded: {}", stop.message);
        outcome.findings.push(Finding::new(
            Severity::Warning,
            Subject::Database,
            "not-recorded",
            message,
            "this report is the only record of it",
        ));
    }
}

/// Records the report of a run once more, when something was added after it was recorded.
pub(super) fn record_again(outcome: &mut Outcome, store: &mut Store) {
    let report = serde_json::to_string(outcome).unwrap_or_default();
    let result = store.begin().and_then(|()| {
        store.add_report(outcome.run.id.unwrap_or_default(), &report)?;
        store.commit()
    });
    if let Err(stop) = result {
        store.rollback();
        let message = format!("what was done after the run could not be recorded: {}", stop.message);
        let hint = "this report is the only record of it";
        outcome.findings.push(Finding::new(Severity::Warning, Subject::Database, "not-recorded", message, hint));
    }
}

/// Records the files of the run; gives their ids.
pub(super) fn record_files(outcome: &Outcome, store: &mut Store) -> Result<Vec<i64>> {
    let records: Vec<FileRecord<'_>> = outcome
        .sources
        .iter()
        .map(|s| FileRecord {
            source: &s.source,
            path: &s.path,
            sha256: &s.sha256,
            size: s.size,
            encoding: &s.encoding,
            status: &s.status,
            rest_sha256: s.rest_sha256.as_deref(),
        })
        .collect();
    store.record_files(outcome.run.id.unwrap_or_default(), &records)
}
