//! `tieout report [RUN]`: the outcome of an earlier run, from the database.

use super::Global;
use super::files::Renderings;
use super::output::Output;
use crate::error::{Result, Stop};
use crate::job;
use crate::report::{self, Outcome, text};
use crate::store::Store;
use clap::Args;
use std::path::PathBuf;

/// Print the report of an earlier run, failed ones too; or write it into a folder again, in any rendering
#[derive(Args)]
pub(super) struct ReportArgs {
    /// The run's number; the latest when none is given
    run: Option<i64>,
    /// The job whose database to ask, when no database is named
    #[arg(long, value_name = "JOB", default_value = ".")]
    job: PathBuf,
    #[command(flatten)]
    renderings: Renderings,
}

pub(super) fn report(args: ReportArgs, global: &Global, output: &Output) -> i32 {
    let (mut store, outcome) = match find(&args, global) {
        Ok(found) => found,
        Err(stop) => return output.stop("report", "", &stop),
    };
    if global.report.is_some() || !args.renderings.format.is_empty() {
        return match write(&args, global, &outcome, &mut store) {
            Ok(path) => {
                if global.json {
                    output.result(&report::json(&outcome));
                }
                output.aside(&format!("report: {path}\n"));
                0
            }
            Err(stop) => output.stop("report", &outcome.run.job, &stop),
        };
    }
    if global.json {
        output.result(&report::json(&outcome));
    } else {
        output.result(&text(&outcome, output.style()));
    }
    0
}

fn write(args: &ReportArgs, global: &Global, outcome: &Outcome, store: &mut Store) -> Result<String> {
    let folder = report::claim_folder(global.report.as_deref(), &outcome.run.job, outcome.run.id.unwrap_or_default())?;
    // One state of the database, whoever works on it meanwhile.
    store.begin_snapshot()?;
    let written = report::write(&folder, outcome, Some(store), &args.renderings.form());
    store.rollback();
    written.map(|()| report::report_file(&folder).display().to_string())
}

fn find(args: &ReportArgs, global: &Global) -> Result<(Store, Outcome)> {
    let job = if global.database.is_some() { None } else { Some(job::read(&args.job)?) };
    let target = global.target(job.as_ref())?;
    let mut store = Store::read(&target)?;
    let Some((_, json)) = store.report_of(args.run)? else {
        let which = args.run.map_or("any run".to_owned(), |run| format!("run {run}"));
        return Err(Stop::usage(format!("{target} knows nothing of {which}"), "look whether it is the right database"));
    };
    let outcome: Outcome = serde_json::from_str(&json).map_err(|e| Stop::database(format!("the report cannot be read: {e}"), ""))?;
    Ok((store, outcome))
}
