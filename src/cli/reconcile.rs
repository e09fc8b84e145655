//! `tieout reconcile JOB`: files, figures and database compared; nothing is written but the record of it.

use super::output::Output;
use super::{Global, JobArgs, run};
use crate::pipeline::Command;
use clap::Args;

/// Compare files, figures and database; write nothing but the record of it
#[derive(Args)]
pub(super) struct ReconcileArgs {
    #[command(flatten)]
    job: JobArgs,
}

pub(super) fn reconcile(args: &ReconcileArgs, global: &Global, output: &Output) -> i32 {
    run::execute(&args.job, Command::Reconcile, &run::Safety::default(), global, output)
}
