//! `tieout completions SHELL`: what a shell needs to complete tieout's commands.

use super::Cli;
use super::output::Output;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print completions for a shell
#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs, output: &Output) -> i32 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tieout", &mut script);
    output.result(&String::from_utf8_lossy(&script));
    0
}
