//! The same again: a run whose files, job and tables are what the job's last run left need not read them a second time. What
//! that run found still holds, and is taken over; that nothing has moved is proved anew, by digests. `--reread` does
//! everything again.

use super::{Command, Request, checks, record, record_files};
use crate::digest::sha256;
use crate::discover::SourceFile;
use crate::error::Result;
use crate::evidence::{Finding, Severity, Subject};
use crate::migrate::Step;
use crate::report::{Outcome, PageRows, RunStatus, State, now};
use crate::store::{Content, Store};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What is said of a run that took the last one's word.
const CODE: &str = "nothing-moved";

/// What the run leaves, for the next one to compare with; `None` where that would not be enough to take its word: where rows were
/// corrected, something is in quarantine, or other things have a say (programs, queries, changes since a balance).
pub(super) fn state(
    request: &Request<'_>,
    store: &mut Store,
    outcome: &Outcome,
    files: &[SourceFile],
    steps: &[Step],
) -> Result<Option<State>> {
    let moved = |f: &Finding| !matches!(f.subject, Subject::File | Subject::Check) || ["revision", "rehearsal"].contains(&&*f.code);
    let corrected = outcome.tables.values().any(|t| t.updated + t.deleted + t.rejected > 0);
    let refused = outcome.sources.iter().any(|s| s.rejected > 0 || s.rest_sha256.is_some());
    if corrected || refused || outcome.findings.iter().any(moved) || !matches!(request.command, Command::Run | Command::Import) {
        return Ok(None);
    }
    let Some(tables) = tables(request, store, outcome)? else { return Ok(None) };
    let shapes = shapes(store, &tables)?;
    Ok(inputs(request, files, steps).map(|inputs| State { inputs, shapes, tables }))
}

/// Whether nothing has moved since the job's last run, `last`. Then the run is done, and recorded.
pub(super) fn stands(
    request: &Request<'_>,
    outcome: &mut Outcome,
    store: &mut Store,
    files: &[SourceFile],
    steps: &[Step],
    last: Option<Outcome>,
) -> Result<bool> {
    let Some(mut last) = last.filter(|_| !request.guard.reread && request.guard.plan.is_none()) else { return Ok(false) };
    let Some(state) = last.run.state.take() else { return Ok(false) };
    if last.exit_code != 0 || inputs(request, files, steps).as_ref() != Some(&state.inputs) {
        return Ok(false);
    }
    // A step may have been taken back by another command.
    let recorded = store.recorded_steps(&request.job.name)?;
    let stands = |step: &Step| recorded.iter().any(|r| r.kind != "begun" && (&r.name, &r.sha256) == (&step.name, &step.sha256));
    if !steps.iter().all(stands) {
        return Ok(false);
    }
    store.begin()?;
    let kept = (last.checks.len(), last.counted());
    let (same, rows) = std::thread::scope(|scope| {
        // Most often it is. Where the rows cannot be read beside it, that is done, and said, when the report is written.
        let rows = scope.spawn(|| Store::read(&request.target).and_then(|mut store| PageRows::read(&mut store, outcome)).ok());
        let same = same(store, &state, last.run.id.unwrap_or_default(), kept);
        (same, rows.join().ok().flatten())
    });
    let result = same.and_then(|same| {
        if same {
            take_over(outcome, last, state);
            outcome.page_rows = rows;
            record_files(outcome, store)?;
            request.check_interrupt()?;
            outcome.run.finished_at = now();
            record(outcome, store)?;
            store.commit()?;
        }
        Ok(same)
    });
    if !matches!(result, Ok(true)) {
        store.rollback();
    }
    result
}

fn same(store: &mut Store, state: &State, run: i64, checks: (usize, usize)) -> Result<bool> {
    if store.recorded_checks(run)? != checks {
        return Ok(false);
    }
    for (table, content) in &state.tables {
        if !store.has_table(table)? || store.content_of(table)? != *content {
            return Ok(false);
        }
    }
    Ok(shapes(store, &state.tables)? == state.shapes)
}

fn shapes(store: &mut Store, tables: &BTreeMap<String, Content>) -> Result<String> {
    let shapes = tables.keys().map(|table| store.table_shape(table)).collect::<Result<Vec<_>>>()?;
    Ok(sha256(json!(shapes).to_string()))
}

/// Everything that a run's findings depend on outside the database; `None` where that cannot be known.
fn inputs(request: &Request<'_>, files: &[SourceFile], steps: &[Step]) -> Option<String> {
    let job = request.job;
    if job.sources.iter().any(|s| s.format.name() == "exec") || files.iter().any(|f| f.only.is_some()) {
        return None;
    }
    let files: Vec<_> = files.iter().map(|f| json!([job.sources[f.source].name, f.path, f.sha256, f.excluded])).collect();
    let steps: Vec<_> = steps.iter().map(|s| json!([s.name, s.sha256])).collect();
    // Waivers end on a day.
    let today = (!job.waivers.is_empty()).then(|| jiff::Timestamp::now().to_zoned(job.timezone.clone()).date().to_string());
    Some(sha256(json!([env!("CARGO_PKG_VERSION"), job.sha256, request.command.word(), files, steps, today]).to_string()))
}

/// What the tables hold that the run loaded or looked at; `None` where that is not known, or not all.
fn tables(request: &Request<'_>, store: &mut Store, outcome: &Outcome) -> Result<Option<BTreeMap<String, Content>>> {
    let rules = checks::rules(request.job)?;
    if rules.iter().any(|rule| rule.query(store.is_postgres()).is_some() || rule.changes_of().is_some()) {
        return Ok(None);
    }
    let needed = rules.iter().flat_map(|rule| rule.needs()).map(|need| need.table);
    let names: BTreeSet<String> = outcome.tables.keys().cloned().chain(needed).collect();
    let mut found = BTreeMap::new();
    for table in names {
        if !store.has_table(&table)? {
            return Ok(None);
        }
        let content = store.content_of(&table)?;
        found.insert(table, content);
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// Makes the outcome that of `last`, as a run that wrote nothing.
fn take_over(outcome: &mut Outcome, mut last: Outcome, state: State) {
    for kind in last.kinds.drain(..) {
        let listed = last.findings.iter().filter(|f| (f.severity, &f.code) == (kind.severity, &kind.code)).count();
        if kind.count > listed {
            outcome.unlisted.insert((kind.severity, kind.code), kind.count - listed);
        }
    }
    last.sources.iter_mut().filter(|s| s.status == "loaded").for_each(|s| s.status = "unchanged".into());
    last.migrations.iter_mut().for_each(|s| s.status = "recorded".into());
    for counts in last.tables.values_mut() {
        counts.unchanged += std::mem::take(&mut counts.inserted);
    }
    let account = &mut outcome.account;
    let (by, parameters) = (std::mem::take(&mut account.by), std::mem::take(&mut account.parameters));
    *account = last.account;
    (account.by, account.parameters, account.changes) = (by, parameters, crate::report::Changes::default());
    // It is drawn of what the run wrote.
    (account.sample.of, account.sample.rows) = (0, Vec::new());
    for total in &mut account.controls {
        total.opening.clone_from(&total.closing);
        let zero = total.closing.as_ref().map(|_| "0".to_owned());
        (total.added, total.corrected, total.removed) = (zero.clone(), zero.clone(), zero);
    }
    last.findings.retain(|f| f.code != CODE);
    outcome.findings.extend(last.findings);
    let rows: u64 = state.tables.values().map(|t| t.rows).sum();
    let run = last.run.id.unwrap_or_default();
    let message = format!(
        "files, job and tables are what run {run} left: {} files by SHA-256, and {rows} rows by a digest of every one. What it found is taken over",
        last.sources.len()
    );
    let hint = "`--reread` reads and checks everything again";
    outcome.findings.push(Finding::new(Severity::Info, Subject::Check, CODE, message, hint));
    (outcome.sources, outcome.migrations, outcome.tables) = (last.sources, last.migrations, last.tables);
    last.alike.recorded = Some(run);
    (outcome.alike, outcome.tolerated) = (last.alike, last.tolerated);
    (outcome.checks, outcome.passed_on, outcome.assumptions) = (last.checks, last.passed_on, last.assumptions);
    outcome.run.state = Some(state);
    outcome.judge();
    debug_assert_eq!(outcome.run.status, RunStatus::Unchanged);
}
