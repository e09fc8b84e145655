//! `tieout sign RUN`: a signature over a run's digest, by a key of OpenSSH.

use super::Global;
use super::output::Output;
use crate::audit;
use crate::error::{Result, Stop, io_words};
use crate::store::{Signature, Store};
use clap::{Args, ValueEnum};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

/// Stand for a run: sign its digest with an Ed25519 key of OpenSSH
#[derive(Args)]
pub(super) struct SignArgs {
    /// The run's number
    run: i64,
    /// The private key, as `ssh-keygen -t ed25519` writes it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// As what
    #[arg(long, value_enum)]
    role: Role,
    /// Who signs [default: the key's comment]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The job whose database to ask [default: `.`, when no database is named]
    #[arg(long, value_name = "JOB")]
    job: Option<PathBuf>,
}

/// What a signer answers for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Who made the run
    Preparer,
    /// Who looked it over
    Reviewer,
}

pub(super) fn sign(args: &SignArgs, global: &Global, output: &Output) -> i32 {
    match attempt(args, global) {
        Ok(signature) => {
            if global.json {
                output.document(&signature);
            } else {
                let key = audit::fingerprint(&signature);
                output.unless_quiet(&format!(
                    "run {} is signed by {} as {} with the key {key}\n",
                    signature.run, signature.signer, signature.role
                ));
            }
            0
        }
        Err(stop) => output.stop("sign", "", &stop),
    }
}

fn attempt(args: &SignArgs, global: &Global) -> Result<Signature> {
    let (_, target) = super::job_and_target(args.job.as_deref(), global)?;
    if Store::read(&target)?.recorded_runs()?.is_empty() {
        return Err(Stop::usage(format!("{target} knows nothing of any run"), "look whether it is the right database"));
    }
    let (mut store, _lock) = Store::open(&target, &format!("sign {}", args.run))?;
    store.upgrade_own_tables()?;
    let role = if args.role == Role::Preparer { "preparer" } else { "reviewer" };
    audit::sign(&mut store, args.run, &args.key, role, args.by.as_deref(), &passphrase)
}

/// The passphrase of an encrypted key: from the environment, else from the terminal, which does not show it.
fn passphrase() -> Result<String> {
    if let Ok(passphrase) = std::env::var("TIEOUT_KEY_PASSPHRASE") {
        return Ok(passphrase);
    }
    let hint = "set TIEOUT_KEY_PASSPHRASE where there is no terminal";
    let cannot = |why: String| Stop::usage(format!("the key is encrypted, and its passphrase cannot be asked for: {why}"), hint);
    let mut terminal = std::fs::File::options().read(true).write(true).open("/dev/tty").map_err(|e| cannot(io_words(&e)))?;
    let shown = tcgetattr(&terminal).map_err(|e| cannot(e.to_string()))?;
    let mut hidden = shown.clone();
    hidden.local_modes &= !LocalModes::ECHO;
    let _ = terminal.write_all(b"passphrase of the key: ");
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).map_err(|e| cannot(e.to_string()))?;
    let mut line = String::new();
    let read = BufReader::new(&terminal).read_line(&mut line);
    let _ = tcsetattr(&terminal, OptionalActions::Flush, &shown);
    let _ = terminal.write_all(b"\n");
    read.map_err(|e| cannot(io_words(&e)))?;
    Ok(line.trim_end_matches('\n').to_owned())
}
