//! The command line: one subcommand a file, and the only place that prints.

mod backup;
mod completions;
mod files;
mod formats;
mod history;
mod import;
mod init;
mod migrate;
mod output;
mod parse;
mod plan;
mod reconcile;
mod records;
mod report;
mod resolve;
mod restore;
mod rollback;
mod run;
mod sign;
mod trace;
mod verify;

use crate::assemble::tables;
use crate::error::{Result, Stop};
use crate::job::{self, Job};
use crate::reconcile::{KINDS, rules};
use crate::report::Outcome;
use crate::store::Target;
use clap::{Args, Parser, Subcommand, ValueEnum};
use output::Output;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Moves legacy files into a database and proves that nothing was lost, changed or invented on the way.
#[derive(Parser)]
#[command(name = "tieout", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

const EXIT_CODES: &str = "Exit codes:
  0    done, and it ties out
  1    a check failed, nothing was committed
  2    wrong use, or something wrong in the job file
  3    something wrong in the source files, nothing was written
  4    the database or a migration
  5    another run holds the lock
  130  interrupted, rolled back";

#[derive(Subcommand)]
enum Command {
    Init(init::InitArgs),
    Run(run::RunArgs),
    Plan(plan::PlanArgs),
    Import(import::ImportArgs),
    Reconcile(reconcile::ReconcileArgs),
    Resolve(resolve::ResolveArgs),
    Migrate(migrate::MigrateArgs),
    Rollback(rollback::RollbackArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Parse(parse::ParseArgs),
    Formats(formats::FormatsArgs),
    Report(report::ReportArgs),
    History(history::HistoryArgs),
    Trace(trace::TraceArgs),
    Verify(verify::VerifyArgs),
    Sign(sign::SignArgs),
    Completions(completions::CompletionsArgs),
}

/// Options that work everywhere.
#[derive(Args)]
struct Global {
    /// The database: `sqlite:PATH` or `postgres://…` (before the job file's)
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// Find the source files in this folder instead of beside the job file
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print one JSON document on standard output, and nothing else there
    #[arg(long, global = true)]
    json: bool,
    /// Write the report into this folder [default: tieout-reports/JOB-RUN]
    #[arg(long, global = true, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Print nothing when all is well
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print everything: each check with its operands, each file with its hash
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    /// Show no progress bar, even on a terminal
    #[arg(long, global = true)]
    no_progress: bool,
}

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Where the job is, and which files are written about its outcome.
#[derive(Args)]
struct JobArgs {
    /// The job: a folder with a tieout.toml, or the file itself
    job: PathBuf,
    #[command(flatten)]
    files: files::Files,
}

/// Reads the arguments, does what they say, and gives the process's exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Scripts that ask for JSON get it even when they ask wrongly; help and version are no errors.
            if error.use_stderr() && std::env::args().any(|a| a == "--json") {
                let mut outcome = Outcome::begin(String::new(), "");
                outcome.stop(&Stop::usage(error.to_string().trim(), "see `tieout --help`"));
                Output::plain().document(&outcome);
            }
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(&cli.global);
    let code = match cli.command {
        Command::Init(args) => init::init(&args, &cli.global, &output),
        Command::Run(args) => run::run(args, &cli.global, &output),
        Command::Plan(args) => plan::plan(args, &cli.global, &output),
        Command::Import(args) => import::import(args, &cli.global, &output),
        Command::Reconcile(args) => reconcile::reconcile(&args, &cli.global, &output),
        Command::Resolve(args) => resolve::resolve(&args, &cli.global, &output),
        Command::Migrate(args) => migrate::migrate(args, &cli.global, &output),
        Command::Rollback(args) => rollback::rollback(&args, &cli.global, &output),
        Command::Backup(args) => backup::backup(&args, &cli.global, &output),
        Command::Restore(args) => restore::restore(&args, &cli.global, &output),
        Command::Parse(args) => parse::parse(args, &cli.global, &output),
        Command::Formats(args) => formats::formats(&args, &cli.global, &output),
        Command::Report(args) => report::report(args, &cli.global, &output),
        Command::History(args) => history::history(&args, &cli.global, &output),
        Command::Trace(args) => trace::trace(&args, &cli.global, &output),
        Command::Verify(args) => verify::verify(&args, &cli.global, &output),
        Command::Sign(args) => sign::sign(&args, &cli.global, &output),
        Command::Completions(args) => completions::completions(&args, &output),
    };
    ExitCode::from(u8::try_from(output.ended(code)).unwrap_or(1))
}

impl Global {
    /// The database: what the flag or the environment says (relative to the current folder), else the job file
    /// (relative to the job file).
    fn target(&self, job: Option<&Job>) -> Result<Target> {
        if let Some(url) = &self.database {
            return Target::parse(url, Path::new(""));
        }
        let declared = job.and_then(|job| Some((job.database.as_ref()?, &job.folder)));
        let (url, folder) = declared.ok_or_else(|| {
            Stop::usage("no database is named", "give --database URL, set DATABASE_URL, or write `database` into the job file")
        })?;
        Target::parse(url, folder)
    }
}

/// The job that is named, or the one in this folder when no database is named; and the database.
fn job_and_target(named: Option<&Path>, global: &Global) -> Result<(Option<Job>, Target)> {
    let named = named.or_else(|| global.database.is_none().then_some(Path::new(".")));
    let job = named.map(job::read).transpose()?;
    let target = global.target(job.as_ref())?;
    Ok((job, target))
}

/// Set when the user asks to stop. The second signal ends the process at once; the database then rolls back by itself.
fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&interrupted)))
            .map_err(|e| Stop::usage(format!("cannot listen for signals: {e}"), ""))?;
    }
    Ok(interrupted)
}

impl JobArgs {
    fn read(&self) -> Result<Job> {
        let job = job::read(&self.job)?;
        // What is wrong with a check is said before anything is read.
        rules(KINDS, &job.checks, &tables::housed(&job))?;
        Ok(job)
    }
}
