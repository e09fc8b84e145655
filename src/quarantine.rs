//! Quarantine: records that are refused are kept as they are and not loaded, as far as the job's budget goes. And the way
//! out of it: of a mended file, the lines that were in quarantine, once it is proved that no other line was changed.

use crate::assemble::{Archive, bill_rows, declared_rows, tables};
use crate::discover::SourceFile;
use crate::error::{Result, Stop};
use crate::evidence::{Check, Finding, Severity, Status, Subject, place};
use crate::job::{Budget, Job};
use crate::parse::{FileRead, each_block};
use crate::store::Quarantined;
use crate::table::{Canonical, Row, Table, spoken_key};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::thread;
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

/// The mended lines that other lines of the job's files contradict, those of the same file and of all others. `mended` has those
/// lines alone, `all` every line.
pub fn contradicted(mended: Archive<'_>, all: Archive<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (at, declared) in mended.job.tables.iter().enumerate() {
        let found = thread::scope(|scope| {
            let replayed = declared_rows(mended, scope, at).collect::<Result<Vec<Row>>>()?;
            against(&declared.table, replayed, mended, declared_rows(all, scope, at), all)
        });
        findings.extend(found?);
    }
    let found = thread::scope(|scope| {
        let replayed = bill_rows(mended, scope).collect::<Result<Vec<Row>>>()?;
        against(&tables::electricity_bill(mended.job), replayed, mended, bill_rows(all, scope), all)
    });
    findings.extend(found?);
    Ok(findings)
}

/// Compares the replayed rows of a table with all others that have their keys.
fn against(
    table: &Table,
    replayed: Vec<Row>,
    mended: Archive<'_>,
    others: impl Iterator<Item = Result<Row>>,
    all: Archive<'_>,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let by_key: HashMap<String, &Row> = replayed.iter().map(|row| (table.key_of(&row.values), row)).collect();
    if by_key.is_empty() {
        return Ok(findings);
    }
    for other in others {
        let other = other?;
        let key = table.key_of(&other.values);
        let (Some(row), Some(there)) = (by_key.get(&key), other.origin.file.map(|i| &all.files[i])) else { continue };
        let Some(here) = row.origin.file.map(|i| &mended.files[i]) else { continue };
        let same_file = (here.source, &here.path) == (there.source, &there.path);
        if same_file && here.only.iter().flatten().any(|lines| lines.contains(&other.origin.span.line)) {
            continue; // Mended lines are compared with each other when they are loaded.
        }
        let spoken = format!("the {} {}", table.noun, spoken_key(&key));
        let at = place(&there.path, Some((other.origin.span.line, other.origin.span.column)), None);
        let (message, hint) = if table.occurrence.is_some() && same_file {
            let message =
                format!("{spoken} stands in the file more than once (also {at}): which of them this line is shows only in all of them");
            (message, "import the whole job, without --replay")
        } else if table.content_of(&other.values) != table.content_of(&row.values) {
            (format!("{spoken} is stated twice and differently (the other is {at})"), "find out which is right, and remove the other")
        } else {
            continue;
        };
        let finding = Finding::new(Severity::Error, Subject::File, "contradiction", message, hint);
        findings.push(finding.at(&here.path, &row.origin.span));
    }
    Ok(findings)
}

/// Leaves of the files those that have lines in quarantine, with these lines. Refused where another line was changed too:
/// then it takes a whole import.
pub fn mended(job: &Job, files: &[SourceFile], run: i64, quarantined: Vec<Quarantined>) -> Result<Vec<SourceFile>> {
    if quarantined.is_empty() {
        let message = format!("run {run} of the job {} has nothing in quarantine", job.name);
        return Err(Stop::usage(message, "`tieout report RUN` shows what a run put there"));
    }
    let mut files: BTreeMap<(String, String), SourceFile> =
        files.iter().map(|f| ((job.sources[f.source].name.clone(), f.path.clone()), f.clone())).collect();
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
