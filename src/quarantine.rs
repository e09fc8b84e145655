//! Quarantine: records that are refused are kept as they are and not loaded, as far as the job's budget goes. And the way
//! out of it: of a mended file, the lines that were in quarantine, once it is proved that no other line was changed.

use crate::discover::SourceFile;
use crate::error::{Result, Stop};
use crate::evidence::{Check, Severity, Status, Subject};
use crate::job::{Budget, Job};
use crate::parse::{FileRead, each_block};
use crate::store::Quarantined;
use crate::table::Canonical;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;
use tieout_parsers::{Decimal, Severity as Grave};

/// Puts what the budgets allow into quarantine; gives a check for each, and for each file in it the digest of its other lines.
pub fn settle(job: &Job, files: &[SourceFile], read: &mut [Option<FileRead>]) -> Result<(Vec<Check>, BTreeMap<usize, String>)> {
    let (mut checks, mut rests) = (Vec::new(), BTreeMap::new());
    for (index, source) in job.sources.iter().enumerate() {
        let Some(budget) = &source.budget else { continue };
        let mut members: Vec<(usize, &mut FileRead)> =
            read.iter_mut().enumerate().filter(|(i, _)| files[*i].source == index).filter_map(|(i, r)| Some((i, r.as_mut()?))).collect();
        let broken = members.iter().find(|(_, r)| r.parsed.broken).map(|(i, _)| files[*i].path.as_str());
        let found = weigh(&job.currency, &source.name, budget, members.iter().map(|(_, r)| &**r), broken);
        if found.iter().all(|c| c.status.passes()) {
            for (i, member) in members.iter_mut().filter(|(_, r)| r.parsed.is_rejected()) {
                for diagnostic in &mut member.parsed.diagnostics {
                    diagnostic.severity = diagnostic.severity.min(Grave::Warning);
                }
                let lines: Vec<Range<usize>> = member.parsed.rejects.iter().map(|r| r.span.line..r.span.line + r.lines).collect();
                rests.insert(*i, rest_of(job, &files[*i], &lines)?);
            }
        }
        checks.extend(found);
    }
    Ok((checks, rests))
}

/// What is refused against what may be.
fn weigh<'r>(
    currency: &str,
    source: &str,
    budget: &Budget,
    files: impl Iterator<Item = &'r FileRead> + Clone,
    broken: Option<&str>,
) -> Vec<Check> {
    let refused: usize = files.clone().map(|r| r.parsed.refused).sum();
    let rejects = files.flat_map(|r| &r.parsed.rejects);
    let worth: Option<Decimal> = rejects.clone().filter_map(|r| r.worth).try_fold(Decimal::ZERO, |sum, worth| sum.checked_add(worth.abs()));
    let unvalued = rejects.filter(|r| r.worth.is_none()).count();
    let status = |within: bool, nothing: bool| match (broken, within, nothing) {
        (Some(_), ..) => Status::NotRun,
        (None, false, _) => Status::Difference,
        (None, true, true) => Status::Match,
        (None, true, false) => Status::WithinTolerance,
    };
    let check = |group: String, actual: Decimal, budget: &Budget, tolerance: Decimal, status: Status, explanation: String| Check {
        expected: Some("0".to_owned()),
        actual: Some(actual.canonical()),
        difference: Some(actual.canonical()),
        status,
        tolerance: Some(tolerance.canonical()),
        because: Some(budget.because.clone()),
        explanation: Some(match broken {
            Some(path) => format!("not run: {path} is wrong as a whole, which no quarantine takes"),
            None => explanation,
        }),
        ..Check::new("quarantine", group, Severity::Error)
    };
    let value = match worth {
        Some(worth) if budget.of.is_some() => format!("worth {} {currency} without sign", worth.canonical()),
        _ => "of unknown worth".to_owned(),
    };
    let unknown = if unvalued > 0 && budget.of.is_some() { format!(", and {unvalued} of them of unknown worth") } else { String::new() };
    let words = format!("{refused} of at most {} records are refused and not loaded, {value}{unknown}", budget.rows);
    let records = Decimal::from(refused);
    let mut checks =
        vec![check(source.to_owned(), records, budget, Decimal::from(budget.rows), status(refused <= budget.rows, refused == 0), words)];
    if let Some(amount) = budget.amount {
        let sum = worth.unwrap_or(Decimal::MAX);
        let within = sum <= amount && unvalued <= budget.unvalued;
        let words =
            format!("{value} of at most {} {currency}; {unvalued} of at most {} of unknown worth", amount.canonical(), budget.unvalued);
        checks.push(check(format!("{source}: amount"), sum, budget, amount, status(within, refused == 0), words));
    }
    checks
}

/// The SHA-256 of a file's lines but some.
fn rest_of(job: &Job, file: &SourceFile, but: &[Range<usize>]) -> Result<String> {
    let mut hash = Sha256::new();
    each_block(job, file, &mut |text| {
        for (_, line) in text.lines().filter(|(number, _)| !but.iter().any(|lines| lines.contains(number))) {
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
    })?;
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// Leaves of the files those that have lines in quarantine, with these lines. Refused where another line was changed too:
/// then it takes a whole import.
pub fn mended(job: &Job, files: Vec<SourceFile>, run: i64, quarantined: Vec<Quarantined>) -> Result<Vec<SourceFile>> {
    if quarantined.is_empty() {
        let message = format!("run {run} of the job {} has nothing in quarantine", job.name);
        return Err(Stop::usage(message, "`tieout report RUN` shows what a run put there"));
    }
    let mut files: BTreeMap<(String, String), SourceFile> =
        files.into_iter().map(|f| ((job.sources[f.source].name.clone(), f.path.clone()), f)).collect();
    let mut wanted = Vec::new();
    for of in quarantined {
        let Some(mut file) = files.remove(&(of.source.clone(), of.path.clone())) else {
            let message = format!("{} of the source {} has lines in quarantine and is not there any more", of.path, of.source);
            return Err(Stop::new(Subject::File, message, "put it back, or import the whole job"));
        };
        if rest_of(job, &file, &of.lines)? != of.rest {
            let message = format!("{}: more was changed since run {run} than the lines in quarantine ({})", file.path, spoken(&of.lines));
            let hint = "lines may be mended where they stand, not moved, added or removed; or import the whole job, without --replay";
            return Err(Stop::new(Subject::File, message, hint));
        }
        file.only = Some(of.lines);
        wanted.push(file);
    }
    wanted.sort_by(|a, b| (a.source, &a.path).cmp(&(b.source, &b.path)));
    Ok(wanted)
}

fn spoken(lines: &[Range<usize>]) -> String {
    let words = lines.iter().map(|l| if l.len() == 1 { l.start.to_string() } else { format!("{}–{}", l.start, l.end - 1) });
    let words: Vec<String> = words.collect();
    format!("line{} {}", if words.len() == 1 && lines[0].len() == 1 { "" } else { "s" }, words.join(", "))
}
