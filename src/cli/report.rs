//! `tieout report [RUN]`: the outcome of an earlier run, from the database.

use super::Global;
use super::output::Output;
use crate::error::{Result, Stop};
use crate::job;
use crate::report::{Outcome, text};
use crate::store::Store;
use clap::Args;
use std::path::PathBuf;

/// Print the report of an earlier run, failed ones too, as text or JSON
#[derive(Args)]
pub(super) struct ReportArgs {
    /// The run's number; the latest when none is given
    run: Option<i64>,
    /// The job whose database to ask, when no database is named
    #[arg(long, value_name = "JOB", default_value = ".")]
    job: PathBuf,
}

pub(super) fn report(args: ReportArgs, global: &Global, output: &Output) -> i32 {
    match find(&args, global) {
        Ok((json, _)) if global.json => {
            output.result(&(json + "\n"));
            0
        }
        Ok((_, outcome)) => {
            output.result(&text(&outcome, output.style()));
            0
        }
        Err(stop) => output.stop("report", "", &stop),
    }
}

fn find(args: &ReportArgs, global: &Global) -> Result<(String, Outcome)> {
    let job = if global.database.is_some() { None } else { Some(job::read(&args.job)?) };
    let target = global.target(job.as_ref())?;
    let mut store = Store::read(&target)?;
    let Some((_, json)) = store.report_of(args.run)? else {
        let which = args.run.map_or("any run".to_owned(), |run| format!("run {run}"));
        return Err(Stop::usage(format!("{target} knows nothing of {which}"), "look whether it is the right database"));
    };
    let outcome: Outcome = serde_json::from_str(&json).map_err(|e| Stop::database(format!("the report cannot be read: {e}"), ""))?;
    let json = serde_json::to_string_pretty(&outcome).unwrap_or_default();
    Ok((json, outcome))
}
