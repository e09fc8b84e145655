//! The files of each job's last run that stands: whether they are still there, and byte for byte the same.

use super::{Part, Question, sources_root};
use crate::digest::sha256_of;
use crate::discover::located_again;
use crate::error::{Result, io_words};
use crate::evidence::{Finding, Severity, Subject};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};

/// Hashes the files again.
pub(super) fn check(store: &mut Store, question: &Question<'_>, findings: &mut Vec<Finding>) -> Result<Part> {
    let mut part = Part::of("files");
    let mut any = false;
    let jobs: BTreeSet<String> = store.recorded_runs()?.into_iter().map(|r| r.job).collect();
    for job in jobs {
        let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, sha256) in store.files_of_last_run(&job)? {
            known.entry(path).or_default().push(sha256);
        }
        if known.is_empty() {
            continue;
        }
        let Some(root) = sources_root(store, question, &job)? else {
            part.notes.push(format!("not looked at: the files of the job {job}, whose folder is not known (--root DIR)"));
            continue;
        };
        any = true;
        for (path, hashes) in known {
            if path == "-" {
                part.notes.push(format!("standard input, which a run of {job} read, cannot be read again"));
                continue;
            }
            part.count += 1;
            let found = located_again(&root, &path).map(|location| location.open(|bytes| sha256_of(bytes)).and_then(|digest| digest));
            let (code, message) = match found {
                Some(Ok((sha256, _))) if hashes.contains(&sha256) => continue,
                Some(Ok((sha256, _))) => (
                    "file-changed",
                    format!("the file is not the one that was imported: its SHA-256 is {sha256}, and was {}", hashes.join(" or ")),
                ),
                Some(Err(error)) => ("file-missing", format!("the file cannot be read: {}", io_words(&error))),
                None => ("file-missing", format!("the file, whose SHA-256 was {}, is not in {}", hashes.join(" or "), root.display())),
            };
            part.failed += 1;
            let hint = "find the file as it was imported, or import what it says now";
            findings.push(Finding::new(Severity::Error, Subject::Check, code, message, hint).about(&path));
        }
    }
    if any {
        return Ok(part.ran());
    }
    if part.notes.is_empty() {
        part.notes.push("no run that stands has read a file".to_owned());
    }
    Ok(part)
}
