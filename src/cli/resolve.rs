//! `tieout resolve RUN`: the conflicts of a run, listed, and settled on purpose.

use super::Global;
use super::output::Output;
use crate::error::{Result, Stop};
use crate::evidence::Dispute;
use crate::job;
use crate::report::Outcome;
use crate::store::{Accepted, Disputed, Resolution, Store};
use crate::table::spoken_key;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// List the conflicts of a run, or settle them: the next run then goes through
#[derive(Args)]
pub(super) struct ResolveArgs {
    /// The run's number
    run: i64,
    /// The job whose database to ask, when no database is named
    #[arg(long, value_name = "JOB", default_value = ".")]
    job: PathBuf,
    /// Which side holds, for the conflicts that are chosen below; all of them when none is
    #[arg(long, value_enum, requires = "reason")]
    accept: Option<Side>,
    /// Only conflicts of this table
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Only conflicts of the row with this key, as the list shows it: `vattenfall, 2025-10-01`
    #[arg(long, value_name = "KEY")]
    row: Option<String>,
    /// Only conflicts in this column
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    /// Why: it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who says so [default: the user's name]
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
}

/// A side of a conflict.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// What the file says is written
    File,
    /// What the database holds stays
    Database,
}

pub(super) fn resolve(args: &ResolveArgs, global: &Global, output: &Output) -> i32 {
    match attempt(args, global, output) {
        Ok(()) => 0,
        Err(stop) => output.stop("resolve", "", &stop),
    }
}

fn attempt(args: &ResolveArgs, global: &Global, output: &Output) -> Result<()> {
    let job = if global.database.is_some() { None } else { Some(job::read(&args.job)?) };
    let target = global.target(job.as_ref())?;
    let (mut store, _lock);
    if args.accept.is_some() {
        (store, _lock) = Store::open(&target, &format!("resolve {}", args.run))?;
    } else {
        store = Store::read(&target)?;
    }
    let Some((_, json)) = store.report_of(Some(args.run))? else {
        return Err(Stop::usage(format!("{target} knows nothing of run {}", args.run), "look whether it is the right database"));
    };
    let outcome: Outcome = serde_json::from_str(&json).map_err(|e| Stop::database(format!("the report cannot be read: {e}"), ""))?;
    let wanted = |d: &&Dispute| {
        let fits = |given: &Option<String>, text: &str| given.as_deref().is_none_or(|g| g == text);
        fits(&args.table, &d.table) && fits(&args.column, &d.column) && fits(&args.row, &spoken_key(&d.key))
    };
    let disputes: Vec<&Dispute> = outcome.findings.iter().filter_map(|f| f.dispute.as_ref()).filter(wanted).collect();
    if disputes.is_empty() {
        let message = format!("run {} has no conflict that fits", args.run);
        return Err(Stop::usage(message, "`tieout resolve RUN` without choice lists all of them"));
    }
    let since: Vec<Option<i64>> = disputes.iter().map(|d| store.written_since(args.run, &d.table, &d.key)).collect::<Result<_>>()?;
    let Some(side) = args.accept else {
        list(&disputes, &since, args.run, global, output);
        return Ok(());
    };
    let open: Vec<&Dispute> = disputes.iter().zip(&since).filter(|(_, since)| since.is_none()).map(|(d, _)| *d).collect();
    if let (true, Some(later)) = (open.is_empty(), since.iter().flatten().max()) {
        let message = format!("what run {} could not settle is settled: run {later} wrote it", args.run);
        return Err(Stop::usage(message, "run again; if there is a conflict again, settle that of the new run"));
    }
    let text = |given: &Option<String>| given.clone().filter(|t| !t.trim().is_empty());
    let reason = text(&args.reason).ok_or_else(|| Stop::usage("there is no reason", "say --reason TEXT: an auditor will ask"))?;
    let by = text(&args.by).ok_or_else(|| Stop::usage("nobody is named", "say --by NAME"))?;
    let accepted = if side == Side::File { Accepted::File } else { Accepted::Database };
    let values: Vec<(&str, Disputed)> = open.iter().map(|d| (d.table.as_str(), disputed(d))).collect();
    let settled: Vec<Resolution<'_>> = values.iter().map(|(table, value)| Resolution { table, value, accepted }).collect();
    store.begin()?;
    let recorded = store.ensure_own_tables().and_then(|()| {
        store.record_resolutions(args.run, &outcome.run.job, &settled, &reason, &by)?;
        store.commit()
    });
    recorded.inspect_err(|_| store.rollback())?;
    if global.json {
        let settled = serde_json::json!({ "run": args.run, "accepted": accepted.word(), "reason": reason, "by": by, "conflicts": open });
        output.document(&settled);
        return Ok(());
    }
    let many = if settled.len() == 1 { "1 conflict is".to_owned() } else { format!("{} conflicts are", settled.len()) };
    let until = match accepted {
        Accepted::File => "the next run writes what the file says over what the database holds now",
        Accepted::Database => "the database holds, as long as both sides stay as they are",
    };
    output.unless_quiet(&format!("{many} settled: {until}\n"));
    Ok(())
}

fn disputed(d: &Dispute) -> Disputed {
    Disputed { key: d.key.clone(), column: d.column.clone(), file: d.file.clone(), database: d.database.clone() }
}

fn list(disputes: &[&Dispute], since: &[Option<i64>], run: i64, global: &Global, output: &Output) {
    if global.json {
        output.document(&serde_json::json!({ "run": run, "conflicts": disputes, "settled_by_run": since }));
        return;
    }
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "empty".into());
    for (d, since) in disputes.iter().zip(since) {
        let by = d
            .imported_by
            .as_ref()
            .map_or("no import of ours wrote it".to_owned(), |run| format!("run {run} imported {}", said(&d.imported)));
        let (row, column) = (spoken_key(&d.key), if d.column == "*" { "the whole row".to_owned() } else { d.column.clone() });
        let whole = |side: &Option<String>, there: &str, not: &str| match side {
            _ if d.column != "*" => said(side),
            Some(_) => there.to_owned(),
            None => not.to_owned(),
        };
        let (file, database) = (whole(&d.file, "stated", "not stated"), whole(&d.database, "changed", "gone"));
        let settled = since.map_or(String::new(), |later| format!(" · settled: run {later} wrote it"));
        output.result(&format!("{}  {row}  {column}\n  file {file} · database {database} · {by}{settled}\n", d.table));
    }
    output.aside("\nsettle them with --accept file or --accept database, for --table, --row, --column or all, with --reason\n");
}
