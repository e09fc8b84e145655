//! `tieout verify`: whether what was recorded still holds.

use super::Global;
use super::output::Output;
use crate::audit::{self, Head, Question, Verified};
use crate::error::{Result, Stop, io_words};
use crate::report::finding_text;
use crate::store::Store;
use clap::Args;
use std::path::{Path, PathBuf};

/// Check again that nothing was changed since: the chain of runs, the rows, the files, the figures, the signatures
#[derive(Args)]
pub(super) struct VerifyArgs {
    /// The job: its files are read again, and its checks computed [default: `.`, when no database is named]
    job: Option<PathBuf>,
    /// Verify an evidence bundle, without any database
    #[arg(long, value_name = "FILE", conflicts_with = "job")]
    bundle: Option<PathBuf>,
    /// Compare with the end of the chain that was kept in this file: what `tieout history --head` printed
    #[arg(long, value_name = "FILE")]
    head_file: Option<PathBuf>,
}

pub(super) fn verify(args: &VerifyArgs, global: &Global, output: &Output) -> i32 {
    match attempt(args, global, output) {
        Ok(verified) => {
            if global.json {
                output.document(&verified);
            } else if verified.exit_code != 0 || !global.quiet {
                output.result(&text(&verified, output));
            }
            verified.exit_code
        }
        Err(stop) => output.stop("verify", "", &stop),
    }
}

fn attempt(args: &VerifyArgs, global: &Global, output: &Output) -> Result<Verified> {
    let kept = args.head_file.as_deref().map(kept).transpose()?;
    if let Some(bundle) = &args.bundle {
        return audit::verify_bundle(bundle, kept.as_ref());
    }
    let (job, target) = super::job_and_target(args.job.as_deref(), global)?;
    let interrupted = super::interruption()?;
    let progress = output.progress();
    let question =
        Question { job: job.as_ref(), target: &target, root: global.root.as_deref(), kept, interrupted: &interrupted, progress: &progress };
    let mut store = Store::read(&target)?;
    if store.recorded_runs()?.is_empty() {
        return Err(Stop::usage(format!("{target} knows nothing of any run"), "look whether it is the right database"));
    }
    let verified = audit::verify(&mut store, &question);
    crate::pipeline::Progress::done(&progress);
    verified
}

/// What `tieout history --head` printed: `DIGEST  run N`.
fn kept(path: &Path) -> Result<Head> {
    let shown = path.display();
    let hint = "`tieout history --head > FILE` writes it";
    let text = std::fs::read_to_string(path).map_err(|e| Stop::usage(format!("cannot read {shown}: {}", io_words(&e)), hint))?;
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [digest, "run", run] if digest.len() == 64 && run.parse::<i64>().is_ok() => {
            Ok(Head { run: run.parse().unwrap_or_default(), digest: (*digest).to_owned() })
        }
        _ => Err(Stop::usage(format!("{shown} is no head of a chain"), hint)),
    }
}

fn text(verified: &Verified, output: &Output) -> String {
    let missing = verified.parts.iter().any(|p| p.status == "not_run");
    let mut text = match (verified.holds, missing) {
        (false, _) => format!("DOES NOT HOLD: {}\n", verified.of),
        (true, true) => format!("HOLDS, as far as it was looked at: {}\n", verified.of),
        (true, false) => format!("HOLDS: {}\n", verified.of),
    };
    for part in &verified.parts {
        let words = match part.status {
            "not_run" => "not run".to_owned(),
            _ if part.failed > 0 => format!("{} looked at, {} wrong", part.count, part.failed),
            _ => format!("{} looked at, none wrong", part.count),
        };
        text += &format!("  {:<11}{words}\n", part.name);
        part.notes.iter().for_each(|note| text += &format!("             {note}\n"));
    }
    if let Some(head) = &verified.head {
        text += &format!("  {:<11}{}  run {}\n", "the end", head.digest, head.run);
    }
    if !verified.findings.is_empty() {
        text += "\n";
    }
    verified.findings.iter().for_each(|finding| text += &finding_text(finding, output.style()));
    text
}
