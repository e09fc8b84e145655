//! The recorded runs: which of them stand, what they found, which can be undone. A run that was undone, and whatever was found
//! while its rows stood, is no longer what was imported last.

use super::own::number;
use super::{Store, Texts};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// The actual sides of checks, by name and group.
pub type Balances = BTreeMap<(String, String), String>;

/// A recorded run, as far as it matters to undoing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// Number.
    pub id: i64,
    /// The job's name.
    pub job: String,
    /// `run`, `import`, `replay`, `reconcile` or `rollback`.
    pub command: String,
    /// `committed`, `unchanged`, `failed`.
    pub status: String,
    /// The run that undid it.
    pub undone_by: Option<i64>,
    /// Whether it changed anything outside our own tables.
    pub wrote: bool,
    /// Its whole outcome, as JSON.
    pub report: String,
}

/// That the run `r` had to do with files and is one to go by: it was not undone, and neither was, behind it, one that came
/// before it.
const STANDS: &str = "r.command IN ('run', 'import', 'replay', 'reconcile') AND r.undone_by IS NULL \
                      AND NOT EXISTS (SELECT 1 FROM tieout_run u WHERE u.job = r.job AND u.id < r.id AND u.undone_by > r.id)";

/// That the run `r` changed something outside our own tables.
const WROTE: &str = "(r.status = 'committed' OR EXISTS (SELECT 1 FROM tieout_written w WHERE w.run_id = r.id AND w.created IS NOT NULL))";

impl Store {
    /// Brings own tables of an earlier version up, in a transaction of its own, where there are any.
    pub fn upgrade_own_tables(&mut self) -> Result<()> {
        if !self.has_table("tieout_run")? {
            return Ok(());
        }
        self.begin()?;
        self.ensure_own_tables().and_then(|()| self.commit()).inspect_err(|_| self.rollback())
    }

    /// Path and SHA-256 of every file of the job's last run that went through and stands.
    pub fn files_of_last_run(&mut self, job: &str) -> Result<BTreeSet<(String, String)>> {
        if !self.has_table("tieout_run")? {
            return Ok(BTreeSet::new());
        }
        // A replay reads a few files of a job: the others are as the run before it left them.
        let from = format!(
            "FROM tieout_file f JOIN tieout_run r ON r.id = f.run_id WHERE r.job = $1 AND r.status <> 'failed' AND {STANDS} AND r.id >= \
             (SELECT max(r.id) FROM tieout_run r WHERE r.job = $1 AND r.status <> 'failed' AND r.command <> 'replay' AND {STANDS})"
        );
        let rows = self.select(&["f.path", "f.sha256"], &from, &[Some(job)])?;
        Ok(rows.into_iter().filter_map(|mut r| Some((r[0].take()?, r[1].take()?))).collect())
    }

    /// Number and report of a run, the latest when none is named.
    pub fn report_of(&mut self, run: Option<i64>) -> Result<Option<(i64, String)>> {
        if !self.has_table("tieout_run")? {
            return Ok(None);
        }
        let run = run.map(|r| r.to_string());
        let report = self.latest_report()?;
        let from = "FROM tieout_run r WHERE r.id = coalesce(CAST($1 AS BIGINT), (SELECT max(id) FROM tieout_run))";
        let rows = self.select(&["r.id", report], from, &[run.as_deref()])?;
        Ok(rows.into_iter().next().and_then(|mut r| Some((r[0].take()?.parse().ok()?, r[1].take()?))))
    }

    /// The last run of a job that went through before this one and stands, and the figures of its checks by name and group:
    /// what its actual side was.
    pub fn last_balances(&mut self, job: &str, run: i64) -> Result<(i64, Balances)> {
        let run = run.to_string();
        let from = format!("FROM tieout_run r WHERE r.job = $1 AND r.status <> 'failed' AND r.id < CAST($2 AS BIGINT) AND {STANDS}");
        let last = self.select(&["max(r.id)"], &from, &[Some(job), Some(&run)])?;
        let Some(last) = number(&last, 0) else { return Ok((0, BTreeMap::new())) };
        let from = "FROM tieout_check WHERE run_id = CAST($1 AS BIGINT)";
        let rows = self.select(&["name", "group_name", "actual"], from, &[Some(&last.to_string())])?;
        let checks = rows.into_iter().filter_map(|mut r| Some(((r[0].take()?, r[1].take()?), r[2].take()?)));
        Ok((last, checks.collect()))
    }

    /// Records a later report of a run that is recorded and sealed already; the first stays as it is.
    pub fn add_report(&mut self, run: i64, report: &str) -> Result<()> {
        let sql = "INSERT INTO tieout_report (run_id, report) VALUES (CAST($1 AS BIGINT), $2)";
        self.change(sql, &[Some(&run.to_string()), Some(report)]).map(drop)
    }

    /// The latest report of the run `r`, as an expression. Own tables of an earlier version have but one.
    fn latest_report(&mut self) -> Result<&'static str> {
        let later = "coalesce((SELECT p.report FROM tieout_report p WHERE p.run_id = r.id ORDER BY p.id DESC LIMIT 1), r.report)";
        Ok(if self.has_table("tieout_report")? { later } else { "r.report" })
    }

    /// Number and report of the job's latest run that stands, however it ended.
    pub fn last_report(&mut self, job: &str) -> Result<Option<(i64, String)>> {
        if !self.has_table("tieout_run")? {
            return Ok(None);
        }
        let report = self.latest_report()?;
        let from = format!("FROM tieout_run r WHERE r.id = (SELECT max(r.id) FROM tieout_run r WHERE r.job = $1 AND {STANDS})");
        let rows = self.select(&["r.id", report], &from, &[Some(job)])?;
        Ok(rows.into_iter().next().and_then(|mut r| Some((r[0].take()?.parse().ok()?, r[1].take()?))))
    }

    /// A recorded run.
    pub fn past_run(&mut self, run: i64) -> Result<Option<PastRun>> {
        let report = self.latest_report()?;
        let columns = ["r.id", "r.job", "r.command", "r.status", "r.undone_by", &format!("CASE WHEN {WROTE} THEN 1 END"), report];
        let rows = self.select(&columns, "FROM tieout_run r WHERE r.id = CAST($1 AS BIGINT)", &[Some(&run.to_string())])?;
        let read = |mut row: Texts| {
            let mut take = |i: usize| row[i].take();
            let id = take(0)?.parse().ok()?;
            let undone_by = take(4).and_then(|t| t.parse().ok());
            Some(PastRun { id, job: take(1)?, command: take(2)?, status: take(3)?, undone_by, wrote: take(5).is_some(), report: take(6)? })
        };
        Ok(rows.into_iter().next().and_then(read))
    }

    /// Of each job, or of the one that is named, the latest run that wrote something and was not undone.
    pub fn latest_to_undo(&mut self, job: Option<&str>) -> Result<Vec<(String, i64)>> {
        let from = format!(
            "FROM tieout_run r WHERE r.job = coalesce($1, r.job) AND r.status <> 'failed' AND r.command <> 'rollback' \
             AND r.undone_by IS NULL AND {WROTE} GROUP BY r.job ORDER BY r.job"
        );
        let rows = self.select(&["r.job", "max(r.id)"], &from, &[job])?;
        Ok(rows.into_iter().filter_map(|mut r| Some((r[0].take()?, r[1].take()?.parse().ok()?))).collect())
    }
}
