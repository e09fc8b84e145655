//! `tieout migrate`: the schema steps of a job, or of any folder of migrations, without any data.

use super::output::Output;
use super::{Global, run};
use crate::error::{Result, Stop};
use crate::evidence::Status;
use crate::job::{self, Job};
use crate::migrate::{self, Step, read_steps};
use crate::pipeline::{Command, Way};
use crate::store::{RecordedStep, Store};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;

/// Apply, take back, list or verify schema steps, of a job or of any folder of migrations
#[derive(Args)]
pub(super) struct MigrateArgs {
    #[command(subcommand)]
    way: MigrateWay,
}

#[derive(Subcommand)]
enum MigrateWay {
    /// Apply the pending steps, in one transaction where they can live in one
    Up {
        #[command(flatten)]
        place: Place,
        /// Go no further than this step
        #[arg(long, value_name = "STEP")]
        to: Option<String>,
        /// Run this step once more, which was begun outside a transaction and not recorded as done
        #[arg(long, value_name = "STEP")]
        again: Option<String>,
    },
    /// Take steps back, the last one or those behind a step
    Down {
        #[command(flatten)]
        place: Place,
        /// The step that stays the last one
        #[arg(long, value_name = "STEP")]
        to: Option<String>,
        /// How many steps
        #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "to")]
        steps: usize,
        /// All of them
        #[arg(long, conflicts_with_all = ["to", "steps"])]
        all: bool,
    },
    /// List the steps: which stand, since when, which are pending or were changed; writes nothing
    Status {
        #[command(flatten)]
        place: Place,
    },
    /// Ask what each step that stands says must hold (verify.sql); writes nothing
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// Record the steps that another tool applied to this database; their shapes must agree
    Baseline {
        #[command(flatten)]
        place: Place,
        /// The last step that stands, where the shapes alone cannot tell
        #[arg(long, value_name = "STEP")]
        at: Option<String>,
    },
}

#[derive(Args)]
struct Place {
    /// The job: a folder with a tieout.toml, or the file itself
    #[arg(required_unless_present = "dir", conflicts_with = "dir")]
    job: Option<PathBuf>,
    /// A folder of migrations instead of a job: NAME/up.sql, NAME/migration.sql or 0001_name.sql
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The name that the history of a folder goes by [default: the folder's]
    #[arg(long, value_name = "NAME", requires = "dir")]
    name: Option<String>,
}

impl Place {
    fn read(&self) -> Result<Job> {
        let Some(dir) = &self.dir else {
            return job::read(self.job.as_deref().unwrap_or_else(|| std::path::Path::new(".")));
        };
        if !dir.is_dir() {
            return Err(Stop::usage(format!("there is no folder {}", dir.display()), "name the folder that holds the migrations"));
        }
        let own = || {
            let path = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.clone());
            path.file_name().map_or("migrations".to_owned(), |n| n.to_string_lossy().into_owned())
        };
        Ok(Job::of_migrations(self.name.clone().unwrap_or_else(own), dir.clone()))
    }
}

pub(super) fn migrate(args: MigrateArgs, global: &Global, output: &Output) -> i32 {
    let (place, way) = match args.way {
        MigrateWay::Up { place, to, again } => (place, Way::Up { to, again }),
        MigrateWay::Down { place, to, steps, all } => (place, Way::Down { to, steps: if all { usize::MAX } else { steps } }),
        MigrateWay::Baseline { place, at } => (place, Way::Baseline { at }),
        MigrateWay::Status { place } => return ended(status(&place, global, output), "migrate status", output),
        MigrateWay::Verify { place } => return ended(verify(&place, global, output), "migrate verify", output),
    };
    match place.read() {
        Ok(job) => run::execute_job(&job, Command::Migrate(way), &run::Safety::default(), None, global, output),
        Err(stop) => output.stop(way.word(), "", &stop),
    }
}

fn ended(result: Result<i32>, command: &str, output: &Output) -> i32 {
    result.unwrap_or_else(|stop| output.stop(command, "", &stop))
}

/// The folder's steps and the database's.
fn look(place: &Place, global: &Global) -> Result<(Job, Store, Vec<Step>, Vec<RecordedStep>)> {
    let job = place.read()?;
    let mut store = Store::read(&global.target(Some(&job))?)?;
    let migrations = job.migrations.as_ref();
    let migrations = migrations.ok_or_else(|| Stop::usage("the job has no [migrations]", "name their folder: [migrations] dir = \"…\""))?;
    let steps = read_steps(migrations, store.backend())?;
    let recorded = store.recorded_steps(&job.name)?;
    Ok((job, store, steps, recorded))
}

/// A step in the list.
#[derive(Serialize)]
struct Listed {
    name: String,
    /// `applied`, `adopted`, `begun`, `pending`, `changed`, `missing`, `late`.
    status: &'static str,
    applied_at: Option<String>,
    run: Option<i64>,
    /// Whether there is a way back.
    reversible: bool,
    /// Whether it runs outside a transaction.
    outside_transaction: bool,
}

fn status(place: &Place, global: &Global, output: &Output) -> Result<i32> {
    let (_, _, steps, recorded) = look(place, global)?;
    let last = steps.iter().rposition(|s| recorded.iter().any(|r| r.name == s.name));
    let mut listed: Vec<Listed> = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let row = recorded.iter().find(|r| r.name == step.name);
            let status = match row {
                Some(row) if row.sha256 != step.sha256 => "changed",
                Some(row) => ["applied", "adopted", "begun"].into_iter().find(|k| *k == row.kind).unwrap_or("applied"),
                None if last.is_some_and(|last| at < last) => "late",
                None => "pending",
            };
            Listed {
                name: step.name.clone(),
                status,
                applied_at: row.map(|r| r.at.clone()),
                run: row.and_then(|r| r.run),
                reversible: step.down.is_some() || row.is_some_and(|r| r.down.is_some()),
                outside_transaction: step.up.is_outside(),
            }
        })
        .collect();
    let missing = recorded.iter().filter(|r| steps.iter().all(|s| s.name != r.name));
    listed.extend(missing.map(|r| Listed {
        name: r.name.clone(),
        status: "missing",
        applied_at: Some(r.at.clone()),
        run: r.run,
        reversible: r.down.is_some(),
        outside_transaction: false,
    }));
    let broken = listed.iter().any(|l| ["changed", "missing", "late", "begun"].contains(&l.status));
    if global.json {
        output.document(&serde_json::json!({ "steps": listed, "exit_code": if broken { 4 } else { 0 } }));
    } else {
        let wide = listed.iter().map(|l| l.name.chars().count()).max().unwrap_or(0);
        for l in &listed {
            let at = l.applied_at.as_deref().map_or(String::new(), |at| format!("  {}", at.get(..19).unwrap_or(at).replace('T', " ")));
            let run = l.run.map_or(String::new(), |run| format!("  run {run}"));
            let back = if l.reversible { "" } else { "  no way back" };
            let outside = if l.outside_transaction { "  outside a transaction" } else { "" };
            output.result(&format!("{}\n", format!("{:wide$}  {:8}{at}{run}{back}{outside}", l.name, l.status).trim_end()));
        }
        let pending = listed.iter().filter(|l| l.status == "pending").count();
        output.aside(&format!("\n{} steps, {pending} pending\n", listed.len()));
    }
    Ok(if broken { 4 } else { 0 })
}

fn verify(place: &Place, global: &Global, output: &Output) -> Result<i32> {
    let (job, mut store, steps, recorded) = look(place, global)?;
    if let Some(changed) = recorded.iter().find(|r| steps.iter().any(|s| s.name == r.name && s.sha256 != r.sha256)) {
        let message = format!("the step {} was changed after it was applied to this database", changed.name);
        return Err(Stop::database(message, "restore its SQL as it was, and put the change into a new step"));
    }
    let stand: Vec<Step> = steps.into_iter().filter(|s| recorded.iter().any(|r| r.name == s.name)).collect();
    store.begin_snapshot()?;
    let checks = migrate::verify(&mut store, &stand);
    store.rollback();
    let checks = checks?;
    let failed = checks.iter().filter(|c| c.fails()).count();
    let code = i32::from(failed > 0);
    if global.json {
        output.document(&serde_json::json!({ "job": job.name, "steps": stand.len(), "checks": checks, "exit_code": code }));
        return Ok(code);
    }
    for check in checks.iter().filter(|c| c.status != Status::Match) {
        output.error(&format!("{}: {}", check.group, check.explanation.as_deref().unwrap_or_default()), "");
    }
    let silent = stand.iter().filter(|s| s.verify.is_none()).count();
    output.unless_quiet(&format!("{} steps stand; {} queries asked, {failed} of them found something", stand.len(), checks.len()));
    output.unless_quiet(&if silent > 0 { format!("; {silent} steps have no verify.sql\n") } else { "\n".to_owned() });
    Ok(code)
}
