//! `tieout history`: the runs of a database, or the end of their chain.

use super::Global;
use super::output::Output;
use crate::error::{Result, Stop};
use crate::store::{RecordedRun, Signature, Store};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// List the runs: who ran what, when, what it wrote, its digest
#[derive(Args)]
pub(super) struct HistoryArgs {
    /// The job whose database to ask [default: `.`, when no database is named]
    job: Option<PathBuf>,
    /// Only print the last run's number and digest, to be kept elsewhere: `tieout verify --head-file` compares it
    #[arg(long)]
    head: bool,
}

#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    run: RecordedRun,
    inserted: usize,
    updated: usize,
    deleted: usize,
    signatures: Vec<Signature>,
}

pub(super) fn history(args: &HistoryArgs, global: &Global, output: &Output) -> i32 {
    let entries = match entries(args, global) {
        Ok(entries) => entries,
        Err(stop) => return output.stop("history", "", &stop),
    };
    if args.head {
        let Some((run, digest)) = entries.last().and_then(|e| Some((e.run.id, e.run.digest.as_ref()?))) else {
            let hint = "the next run makes one";
            return output.stop("history", "", &Stop::usage("there is no chain of runs in this database yet", hint));
        };
        if global.json {
            output.document(&serde_json::json!({ "run": run, "digest": digest }));
        } else {
            output.result(&format!("{digest}  run {run}\n"));
        }
    } else if global.json {
        output.document(&serde_json::json!({ "runs": entries }));
    } else {
        entries.iter().for_each(|entry| output.result(&line(entry)));
    }
    0
}

fn entries(args: &HistoryArgs, global: &Global) -> Result<Vec<Entry>> {
    let (_, target) = super::job_and_target(args.job.as_deref(), global)?;
    let mut store = Store::read(&target)?;
    let runs = store.recorded_runs()?;
    if runs.is_empty() {
        return Err(Stop::usage(format!("{target} knows nothing of any run"), "look whether it is the right database"));
    }
    let written = store.rows_by_run()?;
    let mut signatures: BTreeMap<i64, Vec<Signature>> = BTreeMap::new();
    for signature in store.signatures(None)? {
        signatures.entry(signature.run).or_default().push(signature);
    }
    let entry = |run: RecordedRun| {
        let [inserted, updated, deleted] = written.get(&run.id).copied().unwrap_or_default();
        let signatures = signatures.remove(&run.id).unwrap_or_default();
        Entry { run, inserted, updated, deleted, signatures }
    };
    Ok(runs.into_iter().map(entry).collect())
}

fn line(entry: &Entry) -> String {
    let run = &entry.run;
    let who = run.who.as_deref().unwrap_or("nobody known");
    let mut text = format!("{:>4}  {}  {} {}  {}  by {who}\n", run.id, run.started_at, run.command, run.job, run.status);
    let undone = run.undone_by.map_or(String::new(), |by| format!(", undone by run {by}"));
    text += &format!("      {} inserted, {} updated, {} deleted{undone}\n", entry.inserted, entry.updated, entry.deleted);
    text += &format!("      {}\n", run.digest.as_deref().unwrap_or("no digest yet: recorded before the runs were a chain"));
    for s in &entry.signatures {
        text += &format!("      signed by {} as {} on {}\n", s.signer, s.role, s.signed_at);
    }
    text
}
