//! The outcome of a run: the one model that the JSON, the text and later reports are written from.

mod account;
mod cache;
mod clock;
mod conclude;
mod controls;
mod csv;
mod form;
mod formulas;
mod gather;
mod hooks;
mod html;
mod junit;
mod layout;
mod markdown;
mod metrics;
mod preflight;
mod rehearsal;
mod rows;
mod run;
mod safety;
mod sample;
mod sheets;
mod since;
mod state;
mod swedish;
mod text;
mod words;
mod write;
mod xlsx;

pub use account::{Account, Change, Changes, ControlTotal, Formula, Mapping, Monthly, RejectedRecord, Rejects, Superseded};
pub use clock::seconds;
pub use csv::inert;
pub use form::{Form, Format, Lang};
pub use gather::{gather, rolled_back};
pub use hooks::{HookOutcome, HookOutput, HookStatus};
pub use html::PageRows;
pub use junit::junit;
pub use metrics::metrics;
pub use rehearsal::{BackupOutcome, Rehearsal, Sample, TableChange, WayBack};
pub use run::{RunInfo, RunStatus};
pub use sample::{Sampled, SampledRow, draw};
pub use since::{Difference, Kind, Past, SinceLast};
pub use state::State;
pub use text::{Style, finding_text, text};
pub use write::{claim_folder, json, put_in_place, report_file, write};

use crate::cache::CacheOutcome;
use crate::error::Stop;
use crate::evidence::{Alike, Check, Finding, PassedOn, Severity, Status, Subject};
use crate::load::Counts;
use crate::migrate::StepOutcome;
use crate::preflight::Item;
use crate::store::Signature;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a run found and did. Its JSON is what scripts rely on: keys may come, none goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Identity.
    pub run: RunInfo,
    /// What was asked of the database before anything was written.
    #[serde(default)]
    pub preflight: Vec<Item>,
    /// Every source file.
    pub sources: Vec<SourceOutcome>,
    /// Schema steps.
    pub migrations: Vec<StepOutcome>,
    /// What was loaded, by table.
    pub tables: BTreeMap<String, Counts>,
    /// Every check, in every group.
    pub checks: Vec<Check>,
    /// How many more checks match, by name, each like a thousand that are listed: they are recorded in `tieout_alike`.
    #[serde(default, skip_serializing_if = "Alike::is_empty")]
    pub alike: Alike,
    /// How many more are within their tolerance, by name, each like a thousand that are listed, and each with figures that another
    /// check proves: they are recorded in `tieout_alike`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tolerated: BTreeMap<String, usize>,
    /// What differences that are let stand come to.
    #[serde(default)]
    pub passed_on: PassedOn,
    /// Everything found; of a kind that repeats, the first thousand.
    pub findings: Vec<Finding>,
    /// How many findings there are of each kind, the gravest first.
    #[serde(default)]
    pub kinds: Vec<FindingKind>,
    /// How many more there are of a kind than are listed.
    #[serde(skip)]
    pub unlisted: BTreeMap<(Severity, String), usize>,
    /// What is new, gone and still there since the job's last run; `None` where there was none.
    #[serde(default)]
    pub since_last: Option<SinceLast>,
    /// What that run found.
    #[serde(skip)]
    pub past: Option<Past>,
    /// The rows that the page shows, where they were read ahead.
    #[serde(skip)]
    pub page_rows: Option<PageRows>,
    /// The programs of the job that were run before and after.
    #[serde(default)]
    pub hooks: Vec<HookOutcome>,
    /// The caches of the job that were cleared.
    #[serde(default)]
    pub caches: Vec<CacheOutcome>,
    /// What was assumed, in words.
    pub assumptions: Vec<String>,
    /// What an auditor asks beyond that: totals, rules, superseded versions, refused records, changes, quoted lines.
    #[serde(default)]
    pub account: Account,
    /// Who stands for the run, by a signature over its digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<Signature>,
    /// The backup that was taken before, restored once and found the same.
    pub backup: Option<BackupOutcome>,
    /// What a rehearsal on a copy of the database showed.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
    /// How many checks were asked again after the commit, over a new connection.
    #[serde(default)]
    pub looked_again: Option<usize>,
    /// The digest of what the user's tables hold afterwards, where only the backup leads back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_sha256: Option<String>,
    /// The report for people; `None` when none could be written.
    pub report: Option<String>,
    /// The exit code of the process.
    pub exit_code: i32,
}

/// This moment in UTC, to the millisecond.
pub fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// How often something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingKind {
    /// The kind, `impossible-date`.
    pub code: String,
    /// How grave.
    pub severity: Severity,
    /// How many there are.
    pub count: usize,
}

/// How many findings of a kind are listed.
const LISTED: usize = 1000;

/// A source file, and what became of each of its lines or values: read = loaded + superseded + duplicate + ignored +
/// rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceOutcome {
    /// The source's name.
    pub source: String,
    /// Path below the root.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// `loaded`, `unchanged`, `superseded`, `excluded`, `rejected`.
    pub status: String,
    /// Why, where that is not plain.
    pub reason: Option<String>,
    /// Rows it states.
    pub records: usize,
    /// Bytes.
    pub size: u64,
    /// The format's name.
    pub format: String,
    /// The encoding it was read as.
    pub encoding: String,
    /// What is counted below: `lines` or `values`.
    pub unit: String,
    /// How many there are.
    pub read: usize,
    /// How many became rows.
    pub loaded: usize,
    /// How many stand in a version that does not count.
    pub superseded: usize,
    /// How many repeat others.
    pub duplicate: usize,
    /// How many each rule ignored.
    pub ignored: BTreeMap<String, usize>,
    /// How many were refused.
    pub rejected: usize,
    /// Of a file with records in quarantine: SHA-256 of its other lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_sha256: Option<String>,
}

impl SourceOutcome {
    /// Whether every line or value is accounted for.
    pub fn balances(&self) -> bool {
        self.read == self.loaded + self.superseded + self.duplicate + self.rejected + self.ignored.values().sum::<usize>()
    }
}

impl Outcome {
    /// The outcome of a run that has just begun: nothing is known, so it is a failure.
    pub fn begin(job: String, command: &str) -> Outcome {
        let run = RunInfo {
            id: None,
            job,
            status: RunStatus::Failed,
            started_at: now(),
            finished_at: now(),
            database: String::new(),
            command: command.to_owned(),
            root: String::new(),
            job_sha256: String::new(),
            currency: String::new(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            who: crate::store::who(),
            previous: None,
            digest: None,
            state: None,
        };
        Outcome {
            run,
            preflight: Vec::new(),
            sources: Vec::new(),
            migrations: Vec::new(),
            tables: BTreeMap::new(),
            checks: Vec::new(),
            alike: Alike::default(),
            tolerated: BTreeMap::new(),
            passed_on: PassedOn::default(),
            findings: Vec::new(),
            kinds: Vec::new(),
            unlisted: BTreeMap::new(),
            since_last: None,
            past: None,
            page_rows: None,
            hooks: Vec::new(),
            caches: Vec::new(),
            assumptions: Vec::new(),
            signatures: Vec::new(),
            account: Account { by: crate::store::who(), ..Account::default() },
            backup: None,
            rehearsal: None,
            looked_again: None,
            state_sha256: None,
            report: None,
            exit_code: 0,
        }
    }

    /// Decides from what was found how the run ends, and with which exit code.
    pub fn judge(&mut self) {
        self.count_findings();
        for check in self.checks.iter_mut().filter(|c| c.may_be_waived() || c.status == Status::Waived) {
            check.hash = Some(check.hash());
        }
        let errors = self.findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.subject);
        let worst = errors.chain(self.checks.iter().filter(|c| c.fails()).map(|_| Subject::Check)).max();
        self.exit_code = worst.map_or(0, Subject::exit_code);
        self.run.status = match (
            worst,
            self.tables.values().any(Counts::wrote) || self.migrations.iter().any(|s| ["applied", "undone"].contains(&s.status.as_str())),
        ) {
            (Some(_), _) => RunStatus::Failed,
            (None, true) => RunStatus::Committed,
            (None, false) => RunStatus::Unchanged,
        };
        self.compare();
    }

    /// Ends the run with a stop.
    pub fn stop(&mut self, stop: &Stop) {
        self.findings.push(stop.finding());
        self.count_findings();
        self.run.status = RunStatus::Failed;
        self.exit_code = stop.subject.exit_code();
        self.compare();
    }

    /// Says anew what differs from the run before.
    pub fn compare(&mut self) {
        self.since_last = self.past.as_ref().map(|past| past.compare(self));
    }

    /// Takes findings in that came when it was already decided how the run ends.
    pub fn recount(&mut self) {
        self.count_findings();
        self.compare();
    }

    /// Whether something is different that was not in the run before.
    pub fn has_news(&self) -> bool {
        self.since_last.as_ref().map_or_else(|| since::any(self), |since| !since.new.is_empty())
    }

    /// Counts the findings by kind, and keeps the first of each.
    fn count_findings(&mut self) {
        let mut listed: BTreeMap<(Severity, String), usize> = BTreeMap::new();
        self.findings.retain(|f| {
            let kind = (f.severity, f.code.clone());
            let n = listed.entry(kind.clone()).or_default();
            if *n >= LISTED {
                *self.unlisted.entry(kind).or_default() += 1;
                return false;
            }
            *n += 1;
            true
        });
        for (kind, more) in &self.unlisted {
            *listed.entry(kind.clone()).or_default() += more;
        }
        let kinds = listed.into_iter().map(|((severity, code), count)| FindingKind { code, severity, count });
        self.kinds = kinds.collect();
        self.kinds.sort_by(|a, b| (b.severity, &a.code).cmp(&(a.severity, &b.code)));
    }

    /// How many comparisons were made.
    pub fn comparisons(&self) -> usize {
        self.checks.len() + self.counted()
    }

    /// How many checks of a name are counted, and not listed, by status.
    pub fn counted_of(&self, name: &str) -> impl Iterator<Item = (Status, usize)> {
        let counted = [(Status::Match, self.alike.counts.get(name)), (Status::WithinTolerance, self.tolerated.get(name))];
        counted.into_iter().filter_map(|(status, n)| Some((status, *n?)))
    }

    /// How many of them are counted, and not listed.
    pub fn counted(&self) -> usize {
        self.alike.count() + self.tolerated.values().sum::<usize>()
    }

    /// Whether the run ties out, but with differences or warnings that somebody should look at.
    pub fn has_exceptions(&self) -> bool {
        let passed_on = |c: &Check| !matches!(c.status, Status::Match | Status::Derived);
        self.checks.iter().any(passed_on) || self.findings.iter().any(|f| f.severity == Severity::Warning)
    }
}
