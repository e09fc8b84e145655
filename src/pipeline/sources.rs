//! What became of each source file, and of each of its lines or values.

use super::{Command, Request};
use crate::assemble::{Archive, Calculation, Standing};
use crate::evidence::{Severity, Subject};
use crate::job::Job;
use crate::parse::FileRead;
use crate::report::{Outcome, SourceOutcome};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tieout_parsers::Unit;

/// The folder that relative patterns start from: the one named, else the job file's.
pub fn root(job: &Job, named: Option<&Path>) -> PathBuf {
    match named {
        Some(path) => path.to_owned(),
        None if job.folder.as_os_str().is_empty() => PathBuf::from("."),
        None => job.folder.clone(),
    }
}

/// How the run was called, as far as it matters to what it found.
pub(super) fn parameters(request: &Request<'_>) -> BTreeMap<String, String> {
    let replay = if let Command::Replay(run) = request.command { Some(run.to_string()) } else { None };
    let root = Some(request.root.display().to_string());
    [("root", root), ("replay", replay)].into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// The files as they were read; which are superseded comes with [`mark`]. `before` are path and hash of the files of the
/// job's last run that went through.
pub(super) fn outcomes(archive: Archive<'_>, before: &BTreeSet<(String, String)>) -> Vec<SourceOutcome> {
    let files = archive.files.iter().zip(archive.read);
    files
        .map(|(file, read)| {
            let source = &archive.job.sources[file.source];
            let known = before.contains(&(file.path.clone(), file.sha256.clone()));
            let status = match read {
                None => "excluded",
                Some(r) if r.parsed.is_rejected() => "rejected",
                Some(_) if known => "unchanged",
                Some(_) => "loaded",
            };
            let nothing = FileRead::default();
            let FileRead { parsed, rows, .. } = read.as_ref().unwrap_or(&nothing);
            let tally = &parsed.tally;
            SourceOutcome {
                source: source.name.clone(),
                path: file.path.clone(),
                sha256: file.sha256.clone(),
                status: status.to_owned(),
                reason: file.excluded.clone(),
                records: *rows,
                size: file.size,
                format: source.format.name().to_owned(),
                encoding: parsed.encoding.to_owned(),
                unit: if tally.unit == Unit::Values { "values" } else { "lines" }.to_owned(),
                read: tally.read,
                loaded: tally.used,
                superseded: 0,
                duplicate: 0,
                ignored: tally.ignored.iter().map(|(rule, n)| ((*rule).to_owned(), *n)).collect::<BTreeMap<_, _>>(),
                rejected: tally.rejected,
                rest_sha256: None,
            }
        })
        .collect()
}

/// Notes which files have records in quarantine; the digests are those of their other lines.
pub(super) fn mark_quarantined(outcome: &mut Outcome, archive: Archive<'_>, rests: BTreeMap<usize, String>) {
    for (file, rest) in rests {
        let refused = archive.read[file].as_ref().map_or(0, |r| r.parsed.refused);
        let source = &mut outcome.sources[file];
        source.rest_sha256 = Some(rest);
        source.reason = Some(format!("{refused} of its records {} in quarantine", if refused == 1 { "is" } else { "are" }));
    }
}

/// Notes which calculations are superseded or duplicates of others.
pub(super) fn mark(outcome: &mut Outcome, calculations: &[Calculation<'_>]) {
    for calculation in calculations {
        let source = &mut outcome.sources[calculation.file];
        let used = std::mem::take(&mut source.loaded);
        match calculation.standing {
            Standing::Current => source.loaded = used,
            Standing::Superseded => {
                source.superseded = used;
                source.status = "superseded".to_owned();
                source.reason = Some(format!("a higher version of {} counts", calculation.rent.label));
            }
            Standing::Duplicate => {
                source.duplicate = used;
                source.status = "superseded".to_owned();
                source.reason = Some("the same version stands in another file".to_owned());
            }
        }
    }
}

/// Moves repeated lines from loaded to duplicate, as staging found them.
pub(super) fn mark_duplicates(outcome: &mut Outcome) {
    for finding in outcome.findings.iter().filter(|f| f.code == "duplicate") {
        let source = outcome.sources.iter_mut().find(|s| Some(&s.path) == finding.path.as_ref() && s.loaded > 0);
        if let Some(source) = source {
            source.loaded -= 1;
            source.duplicate += 1;
        }
    }
}

/// Nothing was written: what would have been loaded was not. The counts of reading stay as evidence.
pub(super) fn nothing_written(outcome: &mut Outcome) {
    crate::report::rolled_back(&mut outcome.account);
    for counts in outcome.tables.values_mut() {
        (counts.inserted, counts.updated, counts.deleted) = (0, 0, 0);
    }
    // What was found wrong after the parsing is wrong with the file all the same.
    for finding in outcome.findings.iter().filter(|f| f.severity == Severity::Error && f.subject == Subject::File) {
        let Some(source) = outcome.sources.iter_mut().find(|s| Some(&s.path) == finding.path.as_ref()) else { continue };
        let refused = if source.unit == "lines" { source.loaded.min(1) } else { source.loaded };
        source.loaded -= refused;
        source.rejected += refused;
        source.status = "rejected".to_owned();
    }
    for finding in outcome.findings.iter_mut().filter(|f| f.code == "revision") {
        finding.message = finding.message.replacen("is revised", "would be revised", 1);
    }
    for source in outcome.sources.iter_mut().filter(|s| s.status == "loaded" && s.reason.is_none()) {
        source.reason = Some("read, but the run failed: nothing of it was written".to_owned());
    }
}
