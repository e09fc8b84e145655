//! `tieout trace`: from a row to its source, from a file or line to its rows.

use super::Global;
use super::output::Output;
use crate::audit::{Sources, TracedFile, TracedRow, trace_file, trace_row};
use crate::error::{Result, Stop};
use crate::evidence::place;
use crate::pipeline;
use crate::store::{Revision, Store};
use crate::table::spoken_key;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Trace a row to the file, line and run it came from, or a file or line to the rows it made
///
/// `tieout trace ElectricityBill "vattenfall, 2025-10-01"` for a row; `tieout trace bills.txt:12` for a line.
#[derive(Args)]
pub(super) struct TraceArgs {
    /// A table, with the row's key behind; or a file, with `:LINE` for a line of it
    #[arg(value_name = "TABLE|FILE[:LINE]")]
    what: String,
    /// The row's natural key, as reports show it, or part by part
    key: Vec<String>,
    /// The job [default: `.`, when no database is named]
    #[arg(long, value_name = "JOB")]
    job: Option<PathBuf>,
}

pub(super) fn trace(args: &TraceArgs, global: &Global, output: &Output) -> i32 {
    match attempt(args, global, output) {
        Ok(()) => 0,
        Err(stop) => output.stop("trace", "", &stop),
    }
}

fn attempt(args: &TraceArgs, global: &Global, output: &Output) -> Result<()> {
    let (job, target) = super::job_and_target(args.job.as_deref(), global)?;
    let mut store = Store::read(&target)?;
    if !store.has_chain()? {
        let hint = "the next run brings its records up; then they can be traced";
        return Err(Stop::usage(format!("{target} holds no runs, or those of an earlier version alone"), hint));
    }
    let root = global.root.clone().or_else(|| job.as_ref().map(|job| pipeline::root(job, None)));
    let sources = Sources { job: job.as_ref(), root };
    if args.key.is_empty() {
        let (path, line) = match args.what.rsplit_once(':') {
            Some((path, line)) if line.parse::<usize>().is_ok_and(|n| n > 0) => (path, line.parse().ok()),
            _ => (args.what.as_str(), None),
        };
        let traced = trace_file(&mut store, path, line, &sources)?;
        if global.json { output.document(&traced) } else { output.result(&of_file(&traced)) }
    } else {
        let traced = trace_row(&mut store, &args.what, &args.key, &sources)?;
        if global.json { output.document(&traced) } else { output.result(&of_row(&traced)) }
    }
    Ok(())
}

fn of_row(traced: &TracedRow) -> String {
    let mut text = format!("{}  {}\n", traced.table, traced.row);
    traced.revisions.iter().for_each(|r| text += &revision(r));
    text
}

fn of_file(traced: &TracedFile) -> String {
    let line = traced.line.map_or(String::new(), |line| format!(":{line}"));
    let mut text =
        format!("{}{line}  {} by run {}\n  SHA-256 {}\n", traced.file.path, traced.file.status, traced.file.run, traced.file.sha256);
    if let Some(quote) = &traced.quote {
        text += &format!("  > {quote}\n");
    }
    traced.why.iter().for_each(|why| text += &format!("  {why}\n"));
    for r in &traced.revisions {
        let at = r.line.map_or(String::new(), |line| format!("line {line}  "));
        let undone = r.undone_by.map_or(String::new(), |by| format!(", undone by run {by}"));
        let other = if r.sha256.as_ref() == Some(&traced.file.sha256) { "" } else { ", from another version of the file" };
        text += &format!("  {at}{} {}  {} by run {}{other}{undone}\n", r.table, spoken_key(&r.key), r.operation, r.run);
    }
    text
}

/// One change of a row, with its source.
pub(super) fn revision(r: &Revision) -> String {
    let who = r.who.as_deref().map_or(String::new(), |who| format!(" by {who}"));
    let undone = r.undone_by.map_or(String::new(), |by| format!(", undone by run {by}"));
    let mut text = format!("  {} by run {} of {} on {}{who}{undone}\n", r.operation, r.run, r.job, r.at);
    let read = |content: &Option<String>| -> BTreeMap<String, Option<String>> {
        content.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let (before, after) = (read(&r.before), read(&r.after));
    let said = |value: Option<&Option<String>>| value.cloned().flatten().unwrap_or_else(|| "empty".into());
    for column in before.keys().chain(after.keys().filter(|c| !before.contains_key(*c))) {
        let (was, is) = (before.get(column), after.get(column));
        text += &match (was, is) {
            (Some(_), None) => format!("      {column}  was {}\n", said(was)),
            (Some(_), Some(_)) if was != is => format!("      {column}  {} → {}\n", said(was), said(is)),
            _ => format!("      {column}  {}\n", said(is)),
        };
    }
    if let Some(path) = &r.path {
        text += &format!("      from {}\n", place(path, r.line.zip(r.column), r.pointer.as_deref()));
        text += &format!("      SHA-256 {}\n", r.sha256.as_deref().unwrap_or("unknown"));
    }
    if let Some(derived) = &r.derived {
        text += &format!("      derived from {derived}\n");
    }
    match (&r.quote, &r.unquoted) {
        (Some(quote), _) => text += &format!("      > {quote}\n"),
        (None, Some(why)) => text += &format!("      not quoted: {why}\n"),
        (None, None) => {}
    }
    text
}
