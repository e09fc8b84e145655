//! Whether what was recorded still holds: the chain of runs, the rows they wrote, the files they read, the figures, the signatures.
//! Of a database, or of an evidence bundle without any. Nothing is written.

mod bundle;
mod chain;
mod files;
mod quotes;
mod rows;
mod sample;
mod sign;
mod trace;
mod unbundle;

pub use bundle::{Manifest, ManifestRun, ManifestSource, pack};
pub use sample::{Sample, sample};
pub use sign::{NAMESPACE, fingerprint, sign, statement};
pub use trace::{Sources, TracedFile, TracedRow, trace_file, trace_row};
pub use unbundle::verify_bundle;

use crate::error::Result;
use crate::evidence::{Check, Finding, Severity, Subject};
use crate::job::Job;
use crate::pipeline::{Progress, compare_again, root};
use crate::report::Outcome;
use crate::store::{Store, Target};
use chain::{Chained, Sealed};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What is to be verified.
pub struct Question<'a> {
    /// The job, where it is known: its files are read again, and its checks computed.
    pub job: Option<&'a Job>,
    /// The database.
    pub target: &'a Target,
    /// Where the source files are, when the user named a folder.
    pub root: Option<&'a Path>,
    /// A digest that was kept elsewhere: the run's number, where it was kept with it, and the digest.
    pub kept: Option<Head>,
    /// Set when the user asks to stop.
    pub interrupted: &'a AtomicBool,
    /// Told how far it is.
    pub progress: &'a dyn Progress,
}

/// The end of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The number of the last run.
    pub run: i64,
    /// Its digest.
    pub digest: String,
}

/// A part of what was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// `chain`, `head`, `rows`, `files`, `checks`, `signatures`.
    pub name: &'static str,
    /// `holds`, `fails`, or `not_run`, which is never a pass.
    pub status: &'static str,
    /// How many runs, rows, files, checks or signatures were looked at.
    pub count: usize,
    /// How many of them do not hold.
    pub failed: usize,
    /// What else is to be known; of a part that was not run, why.
    pub notes: Vec<String>,
}

/// What verifying gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The database or the bundle.
    pub of: String,
    /// Whether nothing speaks against it.
    pub holds: bool,
    /// The end of the chain.
    pub head: Option<Head>,
    /// What was looked at.
    pub parts: Vec<Part>,
    /// What does not hold.
    pub findings: Vec<Finding>,
    /// The exit code.
    pub exit_code: i32,
}

impl Part {
    fn of(name: &'static str) -> Part {
        Part { name, status: "not_run", count: 0, failed: 0, notes: Vec::new() }
    }

    fn not_run(name: &'static str, why: impl Into<String>) -> Part {
        Part { notes: vec![why.into()], ..Part::of(name) }
    }

    fn ran(self) -> Part {
        Part { status: if self.failed > 0 { "fails" } else { "holds" }, ..self }
    }
}

impl Verified {
    fn judged(of: String, head: Option<Head>, parts: Vec<Part>, findings: Vec<Finding>) -> Verified {
        let worst = findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.subject).max();
        let failed = parts.iter().any(|p| p.status == "fails");
        let exit_code = worst.map_or(i32::from(failed), Subject::exit_code);
        Verified { of, holds: exit_code == 0, head, parts, findings, exit_code }
    }
}

/// Verifies a database.
pub fn verify(store: &mut Store, question: &Question<'_>) -> Result<Verified> {
    store.begin_snapshot()?;
    let verified = within(store, question);
    store.rollback();
    verified
}

fn within(store: &mut Store, question: &Question<'_>) -> Result<Verified> {
    let of = question.target.to_string();
    let (mut parts, mut findings) = (Vec::new(), Vec::new());
    if !store.has_chain()? {
        let why = "these runs were recorded by a version of tieout that made no chain; the next run seals them as they stand then";
        return Ok(Verified::judged(of, None, vec![Part::not_run("chain", why)], findings));
    }
    question.progress.phase("the chain of runs", 0);
    let chained = chain::check(store)?;
    let head = head(&chained.runs);
    let mut part = chain_part(&chained);
    let (unmarked, notes) = (unlike(store)?, loose(store)?);
    part.failed += unmarked.len();
    part.notes.extend(notes);
    parts.push(part.ran());
    parts.push(kept_part(question.kept.as_ref(), &chained.runs, &mut findings));
    findings.extend(chained.findings);
    findings.extend(unmarked);
    parts.push(sign::check(&store.signatures(None)?, &chained.runs, &mut findings));
    question.progress.phase("rows", 0);
    let (part, named) = match rows::read_back(store, &chained.changes, &mut findings) {
        Ok(read) => read,
        Err(stop) => {
            findings.push(stop.finding());
            (Part { failed: 1, ..Part::of("rows") }, Default::default())
        }
    };
    parts.push(part.ran());
    question.progress.phase("files", 0);
    parts.push(files::check(store, question, &mut findings)?);
    parts.push(figures(store, question, &named, &mut findings)?);
    Ok(Verified::judged(of, head, parts, findings))
}

fn head(runs: &[Sealed]) -> Option<Head> {
    runs.last().and_then(|run| Some(Head { run: run.id, digest: run.digest.clone()? }))
}

fn chain_part(chained: &Chained) -> Part {
    let failed = chained.findings.len() + chained.unlisted;
    let mut part = Part { count: chained.runs.len(), failed, notes: chained.notes.clone(), ..Part::of("chain") };
    if chained.unlisted > 0 {
        part.notes.push(format!("{} more rows of our own tables are not as they were sealed", chained.unlisted));
    }
    part
}

/// What the chain's end does not cover yet, and what was sealed only afterwards.
fn loose(store: &mut Store) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let late: Vec<String> = store.recorded_runs()?.iter().filter(|r| r.who.is_none()).map(|r| r.id.to_string()).collect();
    if !late.is_empty() {
        notes.push(format!("recorded before there was a chain, and sealed as they stood when it was begun: runs {}", late.join(", ")));
    }
    for (table, rows) in store.not_sealed()? {
        notes.push(format!("{rows} rows of {table} came since the last run, which the next run will seal"));
    }
    Ok(notes)
}

/// Marks and summaries that do not agree with what the chain covers.
fn unlike(store: &mut Store) -> Result<Vec<Finding>> {
    let hint = "somebody changed tieout's own records: compare with a backup";
    let found = store.inconsistent()?.into_iter();
    Ok(found.map(|message| Finding::new(Severity::Error, Subject::Check, "record-changed", message, hint)).collect())
}

/// The end of the chain that was kept elsewhere: only that can tell that runs were cut off, or all written anew.
fn kept_part(kept: Option<&Head>, runs: &[Sealed], findings: &mut Vec<Finding>) -> Part {
    let Some(kept) = kept else {
        return Part::not_run("head", "no head was kept elsewhere (--head-file): that the last runs were cut off cannot be seen without");
    };
    let mut part = Part { count: 1, ..Part::of("head") };
    let found = runs.iter().find(|r| r.id == kept.run);
    let message = match found {
        Some(run) if run.digest.as_ref() == Some(&kept.digest) => None,
        Some(run) => Some(format!(
            "run {} has the digest {}, and the one that was kept is {}: the chain was written anew",
            run.id,
            run.digest.as_deref().unwrap_or("none"),
            kept.digest
        )),
        None => Some(format!(
            "run {} is not here, whose digest was kept: the chain was cut off behind run {}",
            kept.run,
            runs.last().map_or(0, |r| r.id)
        )),
    };
    if let Some(message) = message {
        part.failed = 1;
        findings.push(Finding::new(Severity::Error, Subject::Check, "head-differs", message, "find the database as it was then: a backup"));
    } else if let Some(more) = runs.last().map(|r| r.id - kept.run).filter(|more| *more > 0) {
        part.notes.push(format!("{more} runs came since"));
    }
    part.ran()
}

/// Files, figures and database compared once more, as `reconcile` does it.
fn figures(store: &mut Store, question: &Question<'_>, named: &rows::Named, findings: &mut Vec<Finding>) -> Result<Part> {
    let Some(job) = question.job else {
        return Ok(Part::not_run("checks", "the checks stand in the job file, and no job was named"));
    };
    if job.sources.is_empty() {
        return Ok(Part::not_run("checks", "the job has no sources"));
    }
    let from = root(job, question.root);
    let outcome = match compare_again(job, from, question.target, store, question.interrupted, question.progress) {
        Ok(outcome) => outcome,
        Err(stop) if stop.subject == Subject::Interrupt => return Err(stop),
        Err(stop) => {
            findings.push(stop.finding());
            return Ok(Part { failed: 1, notes: vec!["the comparison stopped".to_owned()], ..Part::of("checks") }.ran());
        }
    };
    let mut part = Part { count: outcome.comparisons(), ..Part::of("checks") };
    for check in outcome.checks.iter().filter(|c| c.fails()) {
        let found = if named.is_empty() || check.name != "read-back" { Some(failed(check)) } else { None };
        part.failed += 1;
        findings.extend(found);
    }
    let known = |f: &Finding| f.dispute.as_ref().is_some_and(|d| named.contains(&(d.table.clone(), d.key.clone())));
    findings.extend(outcome.findings.into_iter().filter(|f| f.severity == Severity::Error && !known(f)));
    Ok(part.ran())
}

fn failed(check: &Check) -> Finding {
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".into());
    let message = format!(
        "the check {} ({}) does not hold: {} against {}{}",
        check.name,
        check.group,
        said(&check.actual),
        said(&check.expected),
        check.explanation.as_ref().map_or(String::new(), |why| format!("; {why}"))
    );
    Finding::new(Severity::Error, Subject::Check, "check-failed", message, "see what was changed since the run that passed it")
}

/// Where the source files of a job are: the folder that is named, the job's, or the one that its last run names.
fn sources_root(store: &mut Store, question: &Question<'_>, job: &str) -> Result<Option<PathBuf>> {
    if let Some(root) = question.root {
        return Ok(Some(root.to_owned()));
    }
    if let Some(of) = question.job {
        return Ok((of.name == job).then(|| root(of, None)));
    }
    recorded_root(store, job)
}

/// The folder that the last run of a job names, if it is there.
pub(crate) fn recorded_root(store: &mut Store, job: &str) -> Result<Option<PathBuf>> {
    let report = store.last_report(job)?.and_then(|(_, report)| serde_json::from_str::<Outcome>(&report).ok());
    Ok(report.map(|outcome| PathBuf::from(outcome.run.root)).filter(|root| root.is_dir()))
}
