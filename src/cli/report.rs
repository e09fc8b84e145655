//! `tieout report [RUN]`: the outcome of an earlier run, from the database; as an evidence bundle, or a sample of its rows.

use super::Global;
use super::files::Renderings;
use super::output::Output;
use super::trace::revision;
use crate::audit::{self, Manifest, Sample, Sources};
use crate::error::{Result, Stop};
use crate::job::{self, Job};
use crate::pipeline;
use crate::report::{self, Outcome, text};
use crate::store::{Store, Target};
use crate::table::spoken_key;
use clap::Args;
use std::path::{Path, PathBuf};

/// Print the report of an earlier run, failed ones too; or write it into a folder again, in any rendering
#[derive(Args)]
pub(super) struct ReportArgs {
    /// The run's number; the latest when none is given
    run: Option<i64>,
    /// The job whose database to ask, when no database is named
    #[arg(long, value_name = "JOB", default_value = ".")]
    job: PathBuf,
    /// Pack the report, the sources and the chain of runs into this file: evidence that needs no database
    #[arg(long, value_name = "FILE.zip")]
    bundle: Option<PathBuf>,
    /// Draw so many of the run's rows at random, each with the text of its source
    #[arg(long, value_name = "N", conflicts_with = "bundle")]
    sample: Option<usize>,
    /// What the draw is made by: the same seed, the same rows
    #[arg(long, value_name = "S", requires = "sample", default_value = "1")]
    seed: String,
    #[command(flatten)]
    renderings: Renderings,
}

pub(super) fn report(args: ReportArgs, global: &Global, output: &Output) -> i32 {
    match attempt(&args, global, output) {
        Ok(()) => 0,
        Err(stop) => output.stop("report", "", &stop),
    }
}

fn attempt(args: &ReportArgs, global: &Global, output: &Output) -> Result<()> {
    let job = if global.database.is_some() { None } else { Some(job::read(&args.job)?) };
    let target = global.target(job.as_ref())?;
    let mut store = Store::read(&target)?;
    let outcome = find(args, &target, &mut store)?;
    let run = outcome.run.id.unwrap_or_default();
    if let Some(file) = &args.bundle {
        let root = root(&outcome, job.as_ref(), global);
        let manifest = audit::pack(&mut store, run, Some(&root), file)?;
        packed(&manifest, file, global, output);
    } else if let Some(n) = args.sample {
        let sources = Sources { job: job.as_ref(), root: Some(root(&outcome, job.as_ref(), global)) };
        let sample = audit::sample(&mut store, run, n, &args.seed, &sources)?;
        if global.json { output.document(&sample) } else { output.result(&sampled(&sample)) }
    } else if global.report.is_some() || !args.renderings.format.is_empty() {
        let path = write(args, global, &outcome, &mut store)?;
        if global.json {
            output.result(&report::json(&outcome));
        }
        output.aside(&format!("report: {path}\n"));
    } else if global.json {
        output.result(&report::json(&outcome));
    } else {
        output.result(&text(&outcome, output.style()));
    }
    Ok(())
}

fn write(args: &ReportArgs, global: &Global, outcome: &Outcome, store: &mut Store) -> Result<String> {
    let folder = report::claim_folder(global.report.as_deref(), &outcome.run.job, outcome.run.id.unwrap_or_default())?;
    // One state of the database, whoever works on it meanwhile.
    store.begin_snapshot()?;
    let written = report::write(&folder, outcome, Some(store), None, &args.renderings.form());
    store.rollback();
    written.map(|()| report::report_file(&folder).display().to_string())
}

/// Where the run's files are: the folder that is named, else the job's, else the one that the run names.
fn root(outcome: &Outcome, job: Option<&Job>, global: &Global) -> PathBuf {
    match (&global.root, job.filter(|job| job.name == outcome.run.job)) {
        (Some(root), _) => root.clone(),
        (None, Some(job)) => pipeline::root(job, None),
        (None, None) => PathBuf::from(&outcome.run.root),
    }
}

/// The outcome as it was recorded last, with what belongs to it and was known only afterwards.
fn find(args: &ReportArgs, target: &Target, store: &mut Store) -> Result<Outcome> {
    let Some((run, json)) = store.report_of(args.run)? else {
        let which = args.run.map_or("any run".to_owned(), |run| format!("run {run}"));
        return Err(Stop::usage(format!("{target} knows nothing of {which}"), "look whether it is the right database"));
    };
    let mut outcome: Outcome = serde_json::from_str(&json).map_err(|e| Stop::database(format!("the report cannot be read: {e}"), ""))?;
    if let Some(recorded) = store.recorded_runs()?.into_iter().find(|r| r.id == run) {
        (outcome.run.previous, outcome.run.digest) = (recorded.previous, recorded.digest);
    }
    outcome.signatures = store.signatures(Some(run))?;
    Ok(outcome)
}

fn packed(manifest: &Manifest, file: &Path, global: &Global, output: &Output) {
    if global.json {
        return output.document(manifest);
    }
    let left: Vec<_> = manifest.sources.iter().filter_map(|s| Some((&s.path, s.why.as_ref()?))).collect();
    let words = format!(
        "{}: run {}, the chain of {} runs, {} source files\n",
        file.display(),
        manifest.run,
        manifest.runs.len(),
        manifest.sources.len() - left.len()
    );
    output.unless_quiet(&words);
    left.iter().for_each(|(path, why)| output.aside(&format!("not packed: {path}: {why}\n")));
}

fn sampled(sample: &Sample) -> String {
    let mut text = format!("{} of the {} rows of run {}, drawn by the seed {}\n", sample.rows.len(), sample.of, sample.run, sample.seed);
    for row in &sample.rows {
        text += &format!("\n{}  {}\n{}", row.table, spoken_key(&row.key), revision(row));
    }
    text
}
