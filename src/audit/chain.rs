//! The chain of digests, computed again: from a database or from an evidence bundle. What is not as it was sealed is named: the
//! row, the run, the order.

use crate::digest::Running;
use crate::error::Result;
use crate::evidence::{Finding, Severity, Subject};
use crate::report::Outcome;
use crate::store::{FIRST, Mark, Store};
use crate::table::spoken_key;
use std::collections::{BTreeMap, BTreeSet};

/// Where a chain is read.
pub(super) trait Records {
    /// The runs in order: number, digest of the run before, own digest.
    fn runs(&mut self) -> Result<Vec<Sealed>>;
    /// The lines of a run.
    fn lines(&mut self, run: i64, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()>;
    /// The marks of its lines.
    fn marks(&mut self, run: i64) -> Result<Vec<Mark>>;
}

/// A run, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) id: i64,
    pub(super) job: String,
    pub(super) previous: Option<String>,
    pub(super) digest: Option<String>,
}

impl Records for Store {
    fn runs(&mut self) -> Result<Vec<Sealed>> {
        let runs = self.recorded_runs()?.into_iter();
        Ok(runs.map(|r| Sealed { id: r.id, job: r.job, previous: r.previous, digest: r.digest }).collect())
    }

    fn lines(&mut self, run: i64, each: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        Store::lines(self, run, each)
    }

    fn marks(&mut self, run: i64) -> Result<Vec<Mark>> {
        Store::marks(self, run)
    }
}

/// What became of the chain.
#[derive(Debug, Default)]
pub(super) struct Chained {
    pub(super) runs: Vec<Sealed>,
    pub(super) findings: Vec<Finding>,
    /// The rows of `tieout_change` that are not as they were.
    pub(super) changes: BTreeSet<i64>,
    /// What is to be known besides.
    pub(super) notes: Vec<String>,
    /// How many more findings there are than are listed.
    pub(super) unlisted: usize,
}

/// How many rows of a run are named.
const NAMED: usize = 1000;

/// Computes the chain again.
pub(super) fn check(records: &mut dyn Records) -> Result<Chained> {
    let mut chained = Chained { runs: records.runs()?, ..Chained::default() };
    let runs = chained.runs.clone();
    let (mut before, mut expected) = (0, Some(FIRST.to_owned()));
    for run in &runs {
        let gap = before + 1..run.id;
        let missing = !gap.is_empty();
        if missing {
            let which = match gap.end - gap.start {
                1 => format!("run {} is", gap.start),
                _ => format!("the runs {} to {} are", gap.start, gap.end - 1),
            };
            if went_back(records, run.id)? {
                chained.notes.push(format!("{which} gone by the rollback that is run {}: it restored a backup of before", run.id));
            } else {
                let hint = "somebody took it away: look for a backup that has it";
                chained.say("run-missing", format!("{which} missing: runs are numbered without gaps"), hint);
            }
        }
        let Some(digest) = &run.digest else {
            chained.say(
                "run-unsealed",
                format!("run {} bears no digest, so it was not recorded by tieout", run.id),
                "find out who put it there",
            );
            (before, expected) = (run.id, None);
            continue;
        };
        let said = run.previous.clone().unwrap_or_default();
        let in_order = expected.as_ref() == Some(&said);
        let computed = digest_of(records, run.id, &said)?;
        if !in_order && !missing && expected.is_some() {
            chained.order(run, &said, &runs, before);
        }
        if computed != *digest {
            chained.named(records, run.id, in_order)?;
        }
        (before, expected) = (run.id, Some(digest.clone()));
    }
    Ok(chained)
}

/// Whether a run says of itself that it restored a backup, which takes the runs since away with it.
fn went_back(records: &mut dyn Records, run: i64) -> Result<bool> {
    let mut went = false;
    records.lines(run, &mut |line| {
        if line.starts_with("[\"run\",") {
            let mut fields: Vec<Option<String>> = serde_json::from_str(line).unwrap_or_default();
            let report = fields.pop().flatten().and_then(|json| serde_json::from_str::<Outcome>(&json).ok());
            went = report.is_some_and(|r| r.run.command == "rollback" && r.findings.iter().any(|f| f.code == "by-backup"));
        }
        Ok(())
    })?;
    Ok(went)
}

/// The digest of a run's lines as they are now.
fn digest_of(records: &mut dyn Records, run: i64, previous: &str) -> Result<String> {
    let mut digest = Running::over(previous);
    records.lines(run, &mut |line| {
        digest.line(line);
        Ok(())
    })?;
    Ok(digest.finish())
}

impl Chained {
    fn say(&mut self, code: &str, message: String, hint: &str) {
        self.findings.push(Finding::new(Severity::Error, Subject::Check, code, message, hint));
    }

    /// A run that does not follow the one that stands before it.
    fn order(&mut self, run: &Sealed, said: &str, runs: &[Sealed], before: i64) {
        let here = if before == 0 { "it is the first".to_owned() } else { format!("run {before} stands before it") };
        let message = match runs.iter().find(|r| r.digest.as_deref() == Some(said)) {
            Some(other) => format!("run {} was sealed after run {}, but {here}: the order of the runs was changed", run.id, other.id),
            None if said == FIRST => format!("run {} was sealed as the first run, but {here}", run.id),
            None => format!("run {} was sealed after a run with the digest {said}, which is not here: {here}", run.id),
        };
        self.say("run-order", message, "runs were exchanged, taken away or put in; a backup of before shows which");
    }

    /// Names the lines of a run that are not as they were sealed.
    fn named(&mut self, records: &mut dyn Records, run: i64, in_order: bool) -> Result<()> {
        let from = self.findings.len();
        let sealed = records.marks(run)?;
        let mut then: BTreeMap<(String, String), String> = sealed.into_iter().map(|m| ((m.kind, m.id), m.digits)).collect();
        let (mut changed, mut added) = (Vec::new(), Vec::new());
        records.lines(run, &mut |line| {
            let mark = Mark::of(line);
            match then.remove(&(mark.kind.clone(), mark.id.clone())) {
                Some(digits) if digits == mark.digits => {}
                Some(_) => changed.push((mark, line.to_owned())),
                None => added.push((mark, line.to_owned())),
            }
            Ok(())
        })?;
        let gone = then.into_iter().map(|((kind, id), digits)| (Mark { kind, id, digits }, String::new())).collect();
        for (code, rows, what) in [
            ("record-changed", changed, "is not as it was when the run was sealed"),
            ("record-missing", gone, "is gone"),
            ("record-added", added, "was put in after the run was sealed"),
        ] {
            self.unlisted += rows.len().saturating_sub(NAMED);
            for (mark, line) in rows.iter().take(NAMED) {
                if mark.kind == "change" {
                    self.changes.extend(mark.id.parse::<i64>());
                }
                self.say(
                    code,
                    format!("run {run}: {} {what}", named(mark, line)),
                    "somebody changed tieout's own records: compare with a backup",
                );
            }
        }
        if self.findings.len() == from && in_order {
            self.say(
                "run-changed",
                format!("run {run}: its digest is not that of its records, whose marks were changed as well"),
                "compare with a backup",
            );
        } else if self.findings.len() == from {
            self.say(
                "run-changed",
                format!("run {run}: its digest, or that of the run before in it, was changed"),
                "compare with a backup",
            );
        }
        Ok(())
    }
}

/// A row of our own tables, in words.
fn named(mark: &Mark, line: &str) -> String {
    let fields: Vec<Option<String>> = serde_json::from_str(line).unwrap_or_default();
    let field = |at: usize| fields.get(at).cloned().flatten().unwrap_or_default();
    let (kind, id) = (mark.kind.as_str(), mark.id.as_str());
    let about = match kind {
        _ if fields.is_empty() => String::new(),
        "change" => format!(" ({} {}, {})", field(2), spoken_key(&field(3)), field(4)),
        "check" => format!(" ({} {})", field(2), field(3)),
        "file" => format!(" ({})", field(3)),
        "reject" => format!(" ({}:{})", field(2), field(3)),
        _ => String::new(),
    };
    match kind {
        "run" => "its row of tieout_run".to_owned(),
        "undone" => format!("the mark that it undid run {id}"),
        "written" => format!("the row of tieout_written about {id}"),
        _ => format!("the row {id} of tieout_{kind}{about}"),
    }
}
