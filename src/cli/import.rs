//! `tieout import JOB`: the data alone; the schema must be there.

use super::output::Output;
use super::{Global, JobArgs, run};
use crate::pipeline::Command;
use clap::Args;

/// Import the files without applying any schema step
#[derive(Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Of the files, take the lines alone that this run put into quarantine, once they are mended
    #[arg(long, value_name = "RUN")]
    replay: Option<i64>,
    /// Read and check everything again, though nothing has moved since the last run
    #[arg(long)]
    reread: bool,
}

pub(super) fn import(args: ImportArgs, global: &Global, output: &Output) -> i32 {
    let safety = run::Safety { reread: args.reread, ..run::Safety::default() };
    run::execute(&args.job, args.replay.map_or(Command::Import, Command::Replay), &safety, global, output)
}
